"""A controller under any sequence of verbs, beside an exact account of what it granted, kept by other means.

Windows are compared with logs of single grants, budgets with sums over tickets, the queue with a search over all keys.
"""

from random import Random

from omnillm.admission.asks import (
    Ask,
    BreakerConfigured,
    BudgetConfigured,
    CallerConfigured,
    Candidate,
    ControllerConfigured,
    KeyConfigured,
    Lease,
    ModelLimits,
    Need,
    PoolConfigured,
    Refusal,
    Ticket,
    Wait,
)
from omnillm.admission.controller import AdmissionController
from omnillm.keys.circuit import CLOSED, HALF_OPEN
from omnillm.keys.model_class import FULL
from omnillm.keys.pattern import matches
from omnillm.outcome import Headroom, Outcome, Verdict
from omnillm.usage import Usage

CALLERS = ("", "ada", "bob", "eve")
MODELS = ("m-1", "m-2", "n")
BUDGETS = ((), ("all",), ("all", "team"), ("soft",), ("all", "soft"))
PROVIDERS = ("p", "q")
REQUEST_CODES = {
    "requests_limit": 429,
    "tokens_limit": 429,
    "concurrency_limit": 429,
    "call_too_large": 400,
    "budget_exceeded": 402,
    "budget_held": 402,
}
LEASE_CODES = {
    "all_keys_limited": 429,
    "all_keys_broken": 503,
    "no_key_serves_model": 503,
    "all_keys_tried": 503,
    "retry_budget": 503,
    "call_too_large": 400,
}


def configured(version=0):
    """One of eight configurations of the same providers, callers and budgets: keys come and go, secrets and limits change."""
    keys = [
        KeyConfigured(label="a", secret_id=f"a{version & 1}", rpm=4, tpm=400),
        KeyConfigured(label="b", secret_id="b", group="g", rpm=6, tpm=500 + 100 * (version & 1)),
        KeyConfigured(label="c", secret_id="c", group="g", max_concurrency=2 + (version & 1)),
        KeyConfigured(label="d", secret_id="d", models=("m-*",), limits=(ModelLimits(pattern="m-*", rpm=3, tpm=300, rpd=40),), weight=3),
    ]
    others = [KeyConfigured(label="a", secret_id="qa", max_concurrency=3), KeyConfigured(label="b", secret_id="qb", rpm=5)]
    return ControllerConfigured(
        pools=(
            PoolConfigured(provider="p", keys=tuple(keys if not version & 2 else keys[1:3]), breaker=BreakerConfigured(failures=3)),
            PoolConfigured(provider="q", keys=tuple(others), selection=("weighted", "priority")[version & 1]),
        )[: 1 if version & 4 else 2],
        callers=(
            CallerConfigured(name="ada", rpm=8, tpm=900, max_concurrency=6),
            CallerConfigured(name="bob", max_concurrency=3 + (version & 1)),
        ),
        budgets=(
            BudgetConfigured(name="all", limit_nanousd=1000 - 300 * (version & 1)),
            BudgetConfigured(name="team", limit_nanousd=300),
            BudgetConfigured(name="soft", limit_nanousd=10, is_hard=False),
        ),
        queue_depth=20,
    )


class Held:
    """What one lease was granted, by our own account."""

    def __init__(self, lease, grant):
        self.lease = lease
        self.grant = grant
        self.logs = []  # (log, entry)
        self.sent_at = None


class Opened:
    """What one ticket was granted."""

    def __init__(self, ask, ticket, now):
        self.ask = ask
        self.periods = ticket.periods
        self.reserved = ask.amount_nanousd
        self.at = now
        self.entries = []


class Log:
    """Every single charge against one limit: [moment or None while pending, amount]."""

    def __init__(self, kind, span_s=60.0):
        self.entries = []
        self.kind = kind
        self.span_s = span_s

    def add(self, at, amount):
        entry = [at, amount]
        self.entries.append(entry)
        return entry

    def remove(self, entry):
        self.entries = [one for one in self.entries if one is not entry]

    def sum(self, now):
        self.entries = [entry for entry in self.entries if entry[0] is None or now - entry[0] < self.span_s]
        return sum(amount for at, amount in self.entries if at is None or now - at < self.span_s)


class World:
    def __init__(self, seed=0, now=1000.0):
        self.now = now
        self.configured = configured()
        self.controller = AdmissionController(self.configured, dice=Random(seed), now=now)
        self.cases = 0
        self.tickets = {}
        self.bare = set()
        self.leases = {}
        self.waiting = {}
        self.unheard = {}
        self.logs = {}
        self.balances = {("all", ""): 0, ("team", ""): 0, ("soft", ""): 0}
        self.current = {"all": "", "team": "", "soft": ""}
        self.renewals = 0
        self.verb = ""

    # -- verbs

    def admit(self, caller="", budgets=(), amount=0, tokens=0, queue_s=0.0):
        self.verb = "admit"
        self.cases += 1
        ask = Ask(
            case_id=f"case-{self.cases}",
            caller=caller,
            budgets=budgets,
            amount_nanousd=amount,
            tokens=tokens,
            queue_until=self.now + queue_s,
        )
        answer = self.controller.admit(ask, self.now)
        self.overhear()
        self.receive(ask, answer)

    def lease(self, case_id, targets, **wish):
        self.verb = "lease"
        tokens = wish.pop("tokens", 1)
        queue_until = self.now + wish.pop("queue_s", 0.0)
        candidates = tuple(Candidate(provider=provider, model=model, tokens=tokens) for provider, model in targets)
        need = Need(case_id=case_id, candidates=candidates, queue_until=queue_until, **wish)
        answer = self.controller.lease(need, self.now)
        self.overhear()
        self.receive(need, answer)

    def receive(self, question, answer):
        if isinstance(answer, Wait):
            assert question.queue_until > self.now
            assert answer.until == question.queue_until
            self.waiting[question.case_id] = question
        elif isinstance(answer, Ticket):
            self.opened(question, answer)
        elif isinstance(answer, Lease):
            self.granted(question, answer)
        else:
            self.refused(question, answer)

    def deliver(self, served):
        for one in served:
            if self.unheard.get(one.case_id) is one.answer:
                del self.unheard[one.case_id]
            else:
                self.serve(one)

    def overhear(self):
        """What `admit` and `lease` grant to others is held from that moment, though its waiters hear of it with the next verb."""
        for one in self.controller._served:
            if one.case_id not in self.unheard:
                self.serve(one)
                self.unheard[one.case_id] = one.answer

    def serve(self, one):
        question = self.waiting.pop(one.case_id)
        assert not isinstance(one.answer, Wait)
        self.receive(question, one.answer)

    def opened(self, ask, ticket):
        case_id = ask.case_id
        assert case_id not in self.tickets
        opened = self.tickets[case_id] = Opened(ask, ticket, self.now)
        assert tuple(name for name, _ in ticket.periods) == ask.budgets
        for name, period in ticket.periods:
            assert period == self.current[name]
            self.assert_afforded(name, period)
        limits = self.caller_limits(ask.caller)
        if limits is not None:
            assert (
                not limits.max_concurrency or sum(one.ask.caller == ask.caller for one in self.tickets.values()) <= limits.max_concurrency
            )
            for kind, amount, limit in (("requests", 1, limits.rpm), ("tokens", ask.tokens, limits.tpm)):
                if limit:
                    log = self.log("caller", ask.caller, kind)
                    opened.entries.append((kind, log, log.add(self.now, amount)))
                    assert log.sum(self.now) <= limit

    def granted(self, need, lease):
        """Every lease is within every limit and on a key that is well."""
        case_id = lease.case_id
        assert case_id == need.case_id
        assert (lease.provider, lease.model) in {(one.provider, one.model) for one in need.candidates}
        assert not need.pinned or lease.key == need.pinned
        if (lease.provider, lease.key) in need.tried:
            assert need.retry_of == lease.provider
        grant = self.controller._leasing.grants[lease.lease_id]
        held = self.leases[lease.lease_id] = Held(lease, grant)
        if case_id not in self.tickets:
            self.bare.add(case_id)
        key = grant.key
        terms = next(one for one in self.pool_terms(lease.provider).keys if one.label == lease.key)
        assert terms.secret_id == key.secret_id
        assert not terms.models or any(matches(pattern, lease.model) for pattern in terms.models)
        assert not terms.max_concurrency or sum(one.grant.key is key for one in self.leases.values()) <= terms.max_concurrency
        for circuit in key.circuits(lease.model, grant.model_class):
            assert circuit.state is CLOSED or (circuit.state is HALF_OPEN and circuit.probe is grant)
        assert lease.is_probe == bool(grant.probes)
        for log, amount, limit in self.limits_of(lease, terms):
            held.logs.append((log, log.add(None, amount), amount))
            assert log.sum(self.now) <= limit

    def refused(self, question, refusal):
        assert isinstance(refusal, Refusal)
        assert refusal.case_id == question.case_id
        if refusal.code == "queue_full":
            return
        codes = REQUEST_CODES if isinstance(question, Ask) else LEASE_CODES
        assert codes[refusal.code] == refusal.status
        if refusal.retry_after_s is not None:
            assert 0 < refusal.retry_after_s < float("inf")
        if refusal.code in {"all_keys_limited", "all_keys_broken"}:
            assert refusal.retry_after_s is not None

    def sent(self, lease_id):
        held = self.leases[lease_id]
        self.controller.sent(lease_id, self.now)
        held.sent_at = self.now
        for _, entry, _ in held.logs:
            entry[0] = self.now

    def release(self, lease_id, verdict, *, used=None, **outcome):
        self.verb = "release"
        held = self.leases.pop(lease_id)
        usage = Usage(input=used) if used is not None else Usage()
        reply = Outcome(verdict=verdict, usage=usage, is_usage_known=used is not None, **outcome)
        served = self.controller.release(lease_id, reply, self.now)
        self.book(held, verdict, used)
        self.forget_bare(held.lease.case_id)
        self.deliver(served)
        assert self.controller.release(lease_id, reply, self.now) == []

    def book(self, held, verdict, used):
        """What stays charged: nothing of what was never sent, else the slot and what was used, as far as that is known."""
        if held.sent_at is None and verdict in {Verdict.NOT_SENT, Verdict.ABORTED, Verdict.CALLER_FAULT}:
            for log, entry, _ in held.logs:
                log.remove(entry)
            return
        sent_at = self.now if held.sent_at is None else held.sent_at
        is_live = int(self.now) - int(sent_at) <= 60
        for log, entry, amount in held.logs:
            entry[0] = sent_at
            if verdict is Verdict.NOT_SENT:
                if log.kind == "day" or is_live:
                    entry[1] = 0
            elif log.kind == "tokens" and used is not None:
                if is_live:
                    entry[1] = used
                elif used > amount:
                    log.add(self.now, used - amount)

    def extend(self, case_id, amount):
        opened = self.tickets[case_id]
        if self.controller.extend(case_id, amount, self.now):
            opened.reserved += amount
            for name, period in opened.periods:
                self.assert_afforded(name, period)

    def settle(self, case_id, cost, tokens=None):
        self.verb = "settle"
        opened = self.tickets.pop(case_id)
        served = self.controller.settle(case_id, cost, self.now, tokens)
        self.close(opened, cost, tokens)
        if any(held.lease.case_id == case_id for held in self.leases.values()):
            self.bare.add(case_id)
        self.deliver(served)
        assert self.controller.settle(case_id, cost + 1, self.now) == []

    def close(self, opened, cost, tokens):
        for pair in opened.periods:
            self.balances[pair] += cost
        for kind, log, entry in opened.entries:
            if kind == "tokens" and tokens is not None:
                if int(self.now) - int(opened.at) <= 60:
                    entry[1] = tokens
                elif tokens > opened.ask.tokens:
                    log.add(self.now, tokens - opened.ask.tokens)

    def cancel(self, case_id):
        self.verb = "cancel"
        self.waiting.pop(case_id, None)
        self.unheard.pop(case_id, None)
        for lease_id in [lease_id for lease_id, held in self.leases.items() if held.lease.case_id == case_id]:
            self.book(self.leases.pop(lease_id), Verdict.ABORTED, None)
        opened = self.tickets.pop(case_id, None)
        if opened is not None:
            self.close(opened, 0, None)
        self.bare.discard(case_id)
        self.deliver(self.controller.cancel(case_id, self.now))
        assert self.controller.cancel(case_id, self.now) == []

    def tick(self):
        self.verb = "tick"
        self.deliver(self.controller.tick(self.now))
        assert not [question for question in self.waiting.values() if question.queue_until <= self.now]

    def renew(self, budget, *, is_next):
        """The balance of the running period once more, or the next one."""
        if is_next:
            self.renewals += 1
            self.current[budget] = f"period-{self.renewals}"
        settled = self.balances.setdefault((budget, self.current[budget]), 0)
        self.controller.renew(budget, self.current[budget], settled, 0.0)

    def configure(self, version):
        self.verb = "configure"
        self.configured = configured(version)
        served = self.controller.configure(self.configured, self.now)
        groups = {("group", pool.provider, one.group or f"own {one.label}") for pool in self.configured.pools for one in pool.keys}
        self.logs = {name: log for name, log in self.logs.items() if name[0] != "group" or name[:3] in groups}
        self.deliver(served)

    def revive(self, provider, label):
        terms = self.pool_terms(provider)
        is_known = terms is not None and any(one.label == label for one in terms.keys)
        assert self.controller.revive(provider, label, self.now) is is_known

    def known(self, held):
        """Ids of tickets or leases whose holder knows that it holds them."""
        return [one for one in held if (self.leases[one].lease.case_id if held is self.leases else one) not in self.unheard]

    # -- the account

    def forget_bare(self, case_id):
        if not any(held.lease.case_id == case_id for held in self.leases.values()):
            self.bare.discard(case_id)

    def log(self, *name, span_s=60.0):
        if name not in self.logs:
            self.logs[name] = Log(name[-1], span_s)
        return self.logs[name]

    def caller_limits(self, name):
        return next((one for one in self.configured.callers if one.name == name), None)

    def pool_terms(self, provider):
        return next((pool for pool in self.configured.pools if pool.provider == provider), None)

    def limits_of(self, lease, terms):
        """(log, amount, limit) of everything that binds a lease, from the configuration alone."""
        members = [one for one in self.pool_terms(lease.provider).keys if one.group == terms.group] if terms.group else [terms]
        name = ("group", lease.provider, terms.group or f"own {terms.label}")
        patterns = [limits for one in members for limits in one.limits if matches(limits.pattern, lease.model)]
        bounds = [(name, one.rpm, one.tpm, 0) for one in members] + [((*name, one.pattern), one.rpm, one.tpm, one.rpd) for one in patterns]
        for scope in dict.fromkeys(bound[0] for bound in bounds):
            own = [bound for bound in bounds if bound[0] == scope]
            for at, kind, amount, span_s in ((1, "requests", 1, 60.0), (2, "tokens", lease.tokens, 60.0), (3, "day", 1, 86_400.0)):
                limit = min((bound[at] for bound in own if bound[at]), default=0)
                if limit:
                    yield self.log(*scope, kind, span_s=span_s), amount, limit

    def reserved(self, pair):
        return sum(opened.reserved for opened in self.tickets.values() if pair in opened.periods)

    def assert_afforded(self, name, period):
        terms = next(one for one in self.configured.budgets if one.name == name)
        if terms.is_hard:
            assert self.balances[name, period] + self.reserved((name, period)) <= terms.limit_nanousd

    # -- invariants

    def check(self):
        self.check_served()
        self.check_cases()
        self.check_budgets()
        self.check_callers()
        for pool in self.controller._leasing.pools.values():
            self.check_pool(pool)
        assert {held.lease.lease_id for held in self.leases.values()} == self.controller._leasing.grants.keys()

    def check_cases(self):
        assert self.controller._cases.keys() == self.tickets.keys() | self.bare
        for case_id, case in self.controller._cases.items():
            assert {grant.lease_id for grant in case.grants} == {
                lease_id for lease_id, held in self.leases.items() if held.lease.case_id == case_id
            }
        assert self.controller._asks.waiters.keys() | self.controller._needs.waiters.keys() == self.waiting.keys()
        assert {one.case_id for one in self.controller._served} == self.unheard.keys()

    def check_budgets(self):
        for budget in self.controller._tickets.budgets.values():
            pair = budget.current.pair
            assert pair == (budget.name, self.current[budget.name])
            assert budget.current.settled == self.balances[pair]
            assert budget.current.reserved == self.reserved(pair)

    def check_callers(self):
        for name, caller in self.controller._tickets._callers.items():
            assert caller.slots.in_use == sum(opened.ask.caller == name for opened in self.tickets.values())
            for window in (caller.requests, caller.tokens):
                assert window is None or window.pending == 0

    def check_pool(self, pool):
        grants = self.controller._leasing.grants.values()
        for key in (*pool.keys.values(), *pool.removed):
            own = [grant for grant in grants if grant.key is key]
            assert key.slots.in_use == len(own)
            assert key.tokens_in_flight == sum(grant.tokens for grant in own)
            for circuit in (
                key.dead,
                key.breaker.circuit,
                *key.denials.values(),
                *(one.circuit for one in key.group.classes()),
                pool.outage.circuit,
            ):
                assert circuit.probe is None or circuit.probe in grants
                assert circuit.probe is None or circuit.state is HALF_OPEN
        assert all(key.is_removed and key.slots.in_use for key in pool.removed)
        assert list(pool._ready) == [key for key in pool.keys.values() if key.is_closed]
        resting = {entry[2].label for entry in pool._resting}
        for key in pool.keys.values():
            is_probed = key.dead.probe is not None or key.breaker.circuit.probe is not None
            assert key.is_closed is (key in pool._ready)
            assert key.is_closed or key.label in resting or key.label in pool._awaiting or is_probed
        for window in {
            id(window): window for key in pool.keys.values() for one in key.group.classes() for window, _ in one.windows
        }.values():
            assert window.pending >= 0
            assert min(window._buckets) >= 0

    def check_served(self):
        """After a verb that serves, nobody waits who could be served: no head of a lane has a key, looked at one by one, or money."""
        verb, self.verb = self.verb, ""
        if verb in {"admit", "settle", "cancel", "tick", "configure"}:
            self.check_asks()
        if verb in {"lease", "release", "cancel", "tick", "configure"}:
            self.check_needs()

    def check_asks(self):
        for line in self.controller._asks._lines.values():
            for lane in line.lanes.values():
                ask = lane[0].question
                periods = [self.controller._tickets.budgets[name].current for name in ask.budgets]
                assert not all(period.has_room(ask.amount_nanousd) for period in periods)

    def check_needs(self):
        for line in self.controller._needs._lines.values():
            for lane in line.lanes.values():
                assert not [key for candidate in lane[0].question.candidates for key in self.willing(lane[0].question, candidate)]

    def willing(self, need, candidate):
        """Labels of the keys that could take the call now."""
        pool = self.controller._leasing.pools.get(candidate.provider)
        return [
            key.label
            for key in (pool.keys.values() if pool is not None else ())
            if (not need.pinned or need.pinned == key.label)
            and (candidate.provider, key.label) not in need.tried
            and key.can_probe(self.now)
            and key.load(candidate.model, candidate.tokens, self.now) < FULL
        ]


HEADROOMS = (
    None,
    None,
    None,
    Headroom(requests_left=1, requests_reset_s=5.0),
    Headroom(tokens_left=50, tokens_reset_s=20.0),
    Headroom(requests_left=0),
)
