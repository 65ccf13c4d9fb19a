"""A controller, and beside it an exact record of all that it granted: after every verb the two must agree.

The record keeps logs where the controller keeps buckets, and sums anew what the controller counts. Rules (`test_machine.py`) and dice
(`test_simulation.py`) drive the same verbs.
"""

from collections import Counter, defaultdict, deque
from math import inf

import msgspec
from msgspec.structs import replace

from omnillm.admission.asks import Ask, BudgetConfigured, CallerConfigured, ControllerConfigured, Lease, Refusal, Ticket, Wait
from omnillm.admission.controller import AdmissionController
from omnillm.keys.circuit import CLOSED, HALF_OPEN
from omnillm.keys.grant import NEVER_LEFT
from omnillm.keys.outlook import Outlook, outlook
from omnillm.keys.terms import BreakerConfigured, KeyConfigured, ModelLimits, Need, PoolConfigured
from omnillm.outcome import FAILOVERS, Outcome, Verdict
from omnillm.pattern import matches

MODELS = ("m1", "m2", "x")
CALLERS = ("", "rich", "poor", "flood")
BUDGETS = ("all", "team", "soft", "roll")
ROLL_BUCKETS = 4
"""Of the rolling budget: those that count, with the current one."""
MINUTE, DAY = 60.0, 86_400.0


def key(label, **terms):
    return KeyConfigured(label=label, secret_id=terms.pop("secret_id", label), **terms)


P_KEYS = (
    key("a", group="g", rpm=12, tpm=2500),
    key("b", group="g", rpm=12, tpm=2500, weight=3),
    key("c", max_concurrency=3, limits=(ModelLimits(pattern="m*", rpm=6, tpm=900, rpd=60),)),
    key("d", models=("m1", "y*"), rpm=9),
)
Q_KEYS = (key("e", rpm=5), key("f", max_concurrency=4, weight=2, tpm=1500))
KEYS = {
    "whole": (P_KEYS, Q_KEYS),
    "without a": (P_KEYS[1:], Q_KEYS),
    "without q": (P_KEYS, ()),
    "new secrets": (tuple(msgspec.structs.replace(each, secret_id=f"{each.label}2") for each in P_KEYS), Q_KEYS),
    "other limits": (
        (key("a", group="g", rpm=7), key("b", group="g", tpm=4000), key("c", limits=(ModelLimits(pattern="m1", tpm=500),)), P_KEYS[3]),
        (key("e"), key("f", max_concurrency=2, rpm=20)),
    ),
}
SELECTIONS = ("power_of_two", "random_first_fit", "weighted", "priority")


def configuration(keys="whole", *, selection="power_of_two", budget=40_000):
    p_keys, q_keys = KEYS[keys]
    pools = [
        PoolConfigured(provider=provider, keys=keys, selection=selection, breaker=BreakerConfigured(failures=3), max_cooldown_s=600.0)
        for provider, keys in (("p", p_keys), ("q", q_keys))
        if keys
    ]
    return ControllerConfigured(
        pools=tuple(pools),
        callers=(
            CallerConfigured(name="rich"),
            CallerConfigured(name="poor", rpm=8, tpm=2000, max_concurrency=8),
            CallerConfigured(name="flood", rpm=60, max_concurrency=40),
        ),
        budgets=(
            BudgetConfigured(name="all", limit_nanousd=budget),
            BudgetConfigured(name="team", limit_nanousd=9_000),
            BudgetConfigured(name="soft", limit_nanousd=5_000, is_hard=False),
            BudgetConfigured(name="roll", limit_nanousd=12_000, window="rolling 4h"),
        ),
        queue_depth=16,
    )


class Entry:
    """One grant in a log; `at` None: not sent yet."""

    __slots__ = ("at", "number", "tokens")

    def __init__(self, number, tokens, at=None):
        self.number = number
        self.tokens = tokens
        self.at = at


class Log:
    """The grants that count against one scope's limits: those since it has had one. Of a minute, requests and tokens count for each other."""

    def __init__(self):
        self.entries = []
        self.limits = {}
        self.since = {}

    def follow(self, limits, number):
        for names in (("rpm", "tpm"), ("rpd",)):
            if not any(self.limits.get(name) for name in names):
                self.since |= dict.fromkeys(names, number)
        self.limits = limits

    def total(self, name, now):
        span = DAY if name == "rpd" else MINUTE
        counted = [
            entry.tokens if name == "tpm" else 1
            for entry in self.entries
            if entry.number >= self.since[name] and (entry.at is None or entry.at > now - span)
        ]
        return sum(counted)

    def check(self, now):
        """Right after a grant: every limit holds."""
        for name, limit in self.limits.items():
            if limit:
                assert self.total(name, now) <= limit, f"{name} of {limit} is over"
        self.entries = [entry for entry in self.entries if entry.at is None or entry.at > now - DAY]


class Held:
    """A ticket that is open: what it reserved where, and where its cost will count."""

    def __init__(self, ask, ticket, entry):
        self.ask = ask
        self.periods = ticket.periods
        self.reserved = ask.amount_nanousd
        self.entry = entry


class Out:
    """A lease that is out."""

    def __init__(self, lease, need, entry, grant):
        self.lease = lease
        self.need = need
        self.entry = entry
        self.grant = grant


class World:
    """`now` only moves forward, by `pass_time`."""

    def __init__(self, dice, now=1000.0):
        self.now = now
        self.configured = configuration()
        self.told = []
        """Whom the verb of this moment has served."""
        self.controller = AdmissionController(self.configured, dice=dice, now=now, deliver=self.told.append)
        self.leasing = self.controller._leasing
        self.tickets = self.controller._tickets
        self.open = {}
        self.out = {}
        self.waiting = {}
        self.left = defaultdict(set)
        """By open case: the (provider, label) that it left for good."""
        self.settled = defaultdict(int)
        self.logs = defaultdict(Log)
        self.periods = dict.fromkeys(BUDGETS, "1")
        self.rolling = deque(["1"])
        """The buckets of "roll" that count."""
        self.enrolled = {}
        """Virtual keys that were made while the program runs: name -> (its terms, those of its budget or None)."""
        self.terms = {each.name: each for each in self.configured.callers}
        """Of every caller that the controller knows."""
        self.number = 0
        self.answers = 0
        self.waiting_for = {}
        self.kinds = defaultdict(int)
        self._follow()
        for name in BUDGETS:
            self.controller.renew(name, "1", 0, 0.0)

    # -- verbs

    def admit(self, caller="", *, amount=0, tokens=0, budgets=(), patience=0.0):
        self.number += 1
        ask = Ask(
            case_id=f"{self.number}",
            caller=caller,
            tokens=tokens,
            budgets=budgets,
            amount_nanousd=amount,
            queue_until=self.now + patience,
        )
        self._answered(ask, self.controller.admit(ask, self.now))
        self._take_told()

    def lease(self, case="", *, targets=(("p", "m1"),), tokens=1, patience=0.0, **terms):
        if not case:
            self.number += 1
            case = f"{self.number}"
        need = Need(case_id=case, targets=targets, tokens=tokens, queue_until=self.now + patience, **terms)
        could_be_served = self._servable() if self.waiting else set()
        answer = self.controller.lease(need, self.now)
        self._answered(need, answer)
        if isinstance(answer, Refusal) and answer.code in {"all_keys_limited", "all_keys_broken"} and not self.told:
            self._check_refusal(answer, self._view(need), self._view(replace(need, tried=())))
        self._take_told()
        if case in self.leasing.earmarks._made:
            self.kinds["earmark"] += 1
        assert not (could_be_served and could_be_served & self._servable()), "passed by, though there was a key"

    def sent(self, lease_id):
        self.controller.sent(lease_id, self.now)
        if lease_id in self.out:
            self.out[lease_id].entry.at = self.now

    def prove(self, lease_id):
        self.controller.prove(lease_id, self.now)
        self._take_told()
        assert not self._servable()

    def release(self, lease_id, outcome):
        out = self.out.pop(lease_id, None)
        self.controller.release(lease_id, outcome, self.now)
        if out is not None:
            self._close(out, outcome)
            if outcome.verdict in FAILOVERS:
                self.left[out.lease.case_id].add((out.lease.provider, out.lease.key))
            self._forget(out.lease.case_id)
        self._take_told()
        assert not self._servable()

    def settle(self, case, cost, tokens=None):
        """Not of a case that waits for a key: whoever settles has stopped asking."""
        if case in self.waiting:
            return
        held = self.open.pop(case, None)
        self.controller.settle(case, cost, self.now, tokens)
        if held is not None:
            self._settle(held, cost, tokens)
            self._forget(case)
        self._take_told()
        assert not self._payable()

    def extend(self, case, amount):
        is_extended = self.controller.extend(case, amount, self.now) is None
        held = self.open.get(case)
        if held is None:
            assert not is_extended
            return
        assert is_extended == all(period.has_room(amount) for period in self._periods_before(held, amount if is_extended else 0))
        if is_extended:
            held.reserved += amount
            held.periods = tuple((name, self.periods[name] if name == "roll" else period) for name, period in held.periods)

    def cancel(self, case):
        self.controller.cancel(case, self.now)
        self.waiting.pop(case, None)
        for lease_id in [lease_id for lease_id, out in self.out.items() if out.lease.case_id == case]:
            self._close(self.out.pop(lease_id), Outcome(verdict=Verdict.ABORTED))
        held = self.open.pop(case, None)
        if held is not None:
            self._settle(held, 0, None)
        self._forget(case)
        self._take_told()
        assert not self._servable() | self._payable()
        assert case not in self.controller._holdings

    def pass_time(self, seconds):
        self.now += seconds
        self.controller.tick(self.now)
        self._take_told()
        assert not self._servable() | self._payable()
        assert all(until > self.now for until in self.waiting.values()), "somebody waits beyond its time"

    def renew(self, name):
        self.periods[name] = str(int(self.periods[name]) + 1)
        self.controller.renew(name, self.periods[name], 0, 0.0)
        if name == "roll":
            self.rolling.append(self.periods[name])
            if len(self.rolling) > ROLL_BUCKETS:
                self.controller.expire(name, self.rolling.popleft())

    def enrol(self, name, *, limit=None, is_hard=True, **limits):
        """A virtual key that is made, or changed: with a budget of its own when `limit` is given, which stays for good."""
        own = f"key:{name}"
        budget = None if limit is None else BudgetConfigured(name=own, limit_nanousd=limit, is_hard=is_hard)
        self.enrolled[name] = self.terms[name], _ = CallerConfigured(name=name, **limits), budget
        self.controller.enrol(*self.enrolled[name])
        if budget is not None and own not in self.periods:
            self.periods[own] = "1"
            self.controller.renew(own, "1", 0, 0.0)
        self._follow()

    def retire(self, name):
        """It is revoked: it asks no more, and its open calls go on."""
        self.enrolled.pop(name)
        self.controller.retire(name, f"key:{name}")
        assert f"key:{name}" not in {each.name for each in self.controller.budgets()}

    def budgets_of(self, name):
        _, budget = self.enrolled.get(name, (None, None))
        return () if budget is None else (budget.name,)

    def configure(self, keys, *, selection="power_of_two", budget=40_000):
        configured = configuration(keys, selection=selection, budget=budget)
        callers, budgets = zip(*self.enrolled.values(), strict=True) if self.enrolled else ((), ())
        self.configured = msgspec.structs.replace(
            configured,
            callers=(*configured.callers, *callers),
            budgets=(*configured.budgets, *(each for each in budgets if each is not None)),
        )
        self.terms = {each.name: each for each in self.configured.callers}
        self._follow()
        self.controller.configure(self.configured, self.now)
        self._take_told()
        assert not self._servable() | self._payable()

    def revive(self, provider, label):
        """Whoever waits is served by the next tick: until that the record would miss them."""
        self.controller.revive(provider, label, self.now)
        self.pass_time(0.0)

    def look(self):
        """Snapshots change nothing that anybody relies on."""
        for snapshot in self.controller.keys(self.now):
            mine = [out for out in self.out.values() if (out.lease.provider, out.lease.key) == (snapshot.provider, snapshot.label)]
            assert snapshot.in_flight <= len(mine)
            assert min(snapshot.cool_down_s, snapshot.failure_cool_down_s, snapshot.rpm_used, snapshot.tpm_used) >= 0
            assert (snapshot.state == "ready") <= (snapshot.failure_cool_down_s == snapshot.cool_down_s == 0)

    # -- the record

    def _answered(self, question, answer):
        self.kinds[type(answer).__name__ if not isinstance(answer, Refusal) else answer.code] += 1
        self.answers = hash_of(self.answers, answer)
        assert answer.case_id == question.case_id
        if isinstance(answer, Wait):
            assert answer.until == question.queue_until > self.now
            self.waiting[answer.case_id] = answer.until
            self.waiting_for[answer.case_id] = question
        elif isinstance(answer, Ticket):
            self._admitted(question, answer)
        elif isinstance(answer, Lease):
            self._leased(question, answer)
        else:
            assert answer.retry_after_s is None or answer.retry_after_s > 0.0

    def _check_refusal(self, refusal, view, for_others):
        """Nobody is refused while there is a key. Its reason is that of a look at every key that is left; the wait, at all of them."""
        assert view.wakes_at > self.now
        assert refusal.code == ("all_keys_limited" if view.is_limited else "all_keys_broken")
        moment = for_others.wakes_at if for_others.wakes_at < inf else for_others.possible_at
        expected = moment - self.now if moment > self.now else 1.0
        assert refusal.retry_after_s == expected

    def _take_told(self):
        for answer in self.told:
            self.kinds["served"] += 1
            del self.waiting[answer.case_id]  # a KeyError: answered, and nobody asked
            self._answered(self.waiting_for.pop(answer.case_id), answer)
        self.told.clear()

    def _admitted(self, ask, ticket):
        entry = Entry(self.number, ask.tokens, self.now)
        self.open[ask.case_id] = held = Held(ask, ticket, entry)
        assert [name for name, _ in ticket.periods] == list(ask.budgets)
        assert [period for _, period in ticket.periods] == [self.periods[name] for name in ask.budgets]
        for period in self._periods_before(held, 0):
            assert not period.budget.is_hard or period.span.settled + period.span.reserved <= period.budget.limit
        log = self.logs[ask.caller]
        log.entries.append(entry)
        log.check(self.now)
        limit = self.terms[ask.caller].max_concurrency if ask.caller in self.terms else 0
        assert not limit or sum(held.ask.caller == ask.caller for held in self.open.values()) <= limit

    def _leased(self, need, lease):
        grant = self.leasing.grants[lease.lease_id]
        terms = next(
            each for pool in self.configured.pools if pool.provider == lease.provider for each in pool.keys if each.label == lease.key
        )
        assert (lease.provider, lease.model) in need.targets
        assert not terms.models or any(matches(pattern, lease.model) for pattern in terms.models)
        assert need.pinned in {"", lease.key}
        used = (lease.provider, lease.key)
        assert used not in need.tried or (need.retry_of == lease.provider and used not in self.left[lease.case_id])
        for circuit in grant.key.circuits(lease.model, grant.model_class):
            assert circuit.state is CLOSED or (
                circuit.state is HALF_OPEN and grant in circuit.probes[-circuit.width :] and circuit in grant.probes
            )
        entry = Entry(self.number, need.tokens)
        self.out[lease.lease_id] = Out(lease, need, entry, grant)
        assert not terms.max_concurrency or grant.key.in_use <= terms.max_concurrency
        for scope in self._scopes(lease, terms):
            self.logs[scope].entries.append(entry)
            self.logs[scope].check(self.now)

    def _close(self, out, outcome):
        """What the verdict does to the log."""
        entry = out.entry
        if outcome.verdict is Verdict.NOT_SENT or (entry.at is None and outcome.verdict in NEVER_LEFT):
            entry.at = -inf
            return
        if entry.at is None:
            entry.at = self.now
        if outcome.tokens is not None:
            entry.tokens = outcome.tokens

    def _settle(self, held, cost, tokens):
        for pair in held.periods:
            self.settled[pair] += cost
        if tokens is not None:
            held.entry.tokens = tokens

    def _forget(self, case):
        """A case without a ticket and a lease is no more, even if it waits for another lease."""
        if case not in self._alive():
            self.left.pop(case, None)

    def _scopes(self, lease, terms):
        group = (lease.provider, terms.group or f"own {terms.label}")
        patterns = [limits.pattern for each in self._members(group) for limits in each.limits]
        pattern = next((each for each in patterns if matches(each, lease.model)), None)
        return (group, (*group, pattern)) if pattern else (group,)

    def _members(self, group):
        provider, name = group
        pools = [pool for pool in self.configured.pools if pool.provider == provider]
        return [each for pool in pools for each in pool.keys if (each.group or f"own {each.label}") == name]

    def _follow(self):
        """The limits of the new configuration, scope by scope: of a group the smallest of its keys'."""
        scopes = defaultdict(lambda: defaultdict(list))
        for pool in self.configured.pools:
            for each in pool.keys:
                group = (pool.provider, each.group or f"own {each.label}")
                scopes[group]["rpm"].append(each.rpm)
                scopes[group]["tpm"].append(each.tpm)
                for limits in each.limits:
                    for name in ("rpm", "tpm", "rpd"):
                        scopes[*group, limits.pattern][name].append(getattr(limits, name))
        for each in self.terms.values():
            scopes[each.name] = {"rpm": [each.rpm], "tpm": [each.tpm]}
        self.number += 1
        for scope in {**self.logs, **scopes}:
            limits = {name: min((each for each in values if each), default=0) for name, values in scopes.get(scope, {}).items()}
            self.logs[scope].follow(limits, self.number)

    def _alive(self):
        return {*self.open, *(out.lease.case_id for out in self.out.values())}

    def _periods_before(self, held, extra):
        """The controller's own periods of a ticket, as they were before `extra` was reserved."""
        periods = self.controller._holdings[held.ask.case_id].periods
        for period in periods:
            period.span.reserved -= extra
        yield from periods
        for period in periods:
            period.span.reserved += extra

    # -- what must hold

    def _heads(self):
        return [lane[0].question for line in self.controller._needs._lines.values() for lane in line.lanes.values()]

    def _servable(self):
        """The cases that stand first and for which there is a key at this very moment."""
        return {need.case_id for need in self._heads() if self._has_key(need)}

    def _has_key(self, need):
        return any(key.fits(model, need.tokens, passed, self.now) for model, keys, passed in self._choices(need) for key in keys)

    def _view(self, need):
        """Every key looked at, nothing remembered."""
        view = Outlook()
        for model, keys, passed in self._choices(need):
            view.merge(outlook(keys, model, need.tokens, passed, self.now))
        return view

    def _choices(self, need):
        """(model, its keys, labels to pass over) of each target that the call may be sent to."""
        case = self.controller._holdings.get(need.case_id)
        left = case.failed_over if case is not None else ()
        for name, model in need.targets:
            pool = self.leasing.pools.get(name)
            if pool is not None and (not need.retry_of or pool.outage.has_retry(self.now)):
                tried = [one for one in need.tried if one in left] if name == need.retry_of else need.tried
                keys = [each for each in pool.keys.values() if need.pinned in {"", each.label}]
                yield model, keys, {label for provider, label in tried if provider == name}

    def _payable(self):
        """The cases that stand first and for which there is money."""
        asks = [lane[0].question for line in self.controller._asks._lines.values() for lane in line.lanes.values()]
        budgets = self.tickets.budgets
        return {ask.case_id for ask in asks if all(budgets[name].current.has_room(ask.amount_nanousd) for name in ask.budgets)}

    def check(self):
        """All that must hold between any two verbs."""
        self._check_money()
        self._check_cases()
        self._check_keys()

    def _check_money(self):
        reserved = defaultdict(int)
        for held in self.open.values():
            for name, period in held.periods:
                reserved[name, "" if name == "roll" else period] += held.reserved
        self.settled["roll", ""] = sum(self.settled["roll", bucket] for bucket in self.rolling)
        for name, budget in self.tickets.budgets.items():
            assert budget.current.pair == (name, self.periods[name])
            pair = (name, "" if name == "roll" else self.periods[name])
            assert (budget.current.span.settled, budget.current.span.reserved) == (self.settled[pair], reserved[pair])
        shared = {}
        for held in self.open.values():
            periods = self.controller._holdings[held.ask.case_id].periods
            assert tuple([period.pair for period in periods]) == held.periods
            for period in periods:
                shared[id(period)] = period
        for period in shared.values():
            assert period.settled == self.settled[period.pair]
            assert period.span.reserved == reserved[period.pair[0], "" if period.pair[0] == "roll" else period.pair[1]]

    def _check_cases(self):
        assert self.leasing.grants.keys() == self.out.keys()
        assert self.controller._holdings.keys() == self._alive()
        assert {*self.controller._asks.waiters, *self.controller._needs.waiters} == self.waiting.keys()
        assert self.leasing.earmarks._made.keys() <= self.controller._needs.waiters.keys(), "room is kept for nobody"
        in_use = Counter([held.ask.caller for held in self.open.values()])
        for name, caller in self.tickets._allowances.items():
            assert caller.in_use == in_use[name]

    def _check_keys(self):
        in_use, tokens, grants = defaultdict(int), defaultdict(int), set()
        for out in self.out.values():
            in_use[id(out.grant.key)] += 1
            tokens[id(out.grant.key)] += out.need.tokens
            grants.add(out.grant)
        for pool in self.leasing.pools.values():
            for each in (*pool.keys.values(), *pool.removed):
                assert (each.in_use, each.tokens_in_flight) == (in_use[id(each)], tokens[id(each)])
                circuits = [
                    each.dead,
                    each.breaker.circuit,
                    *(one.circuit for one in each.troubles.values()),
                    *(one.circuit for one in each.group.classes()),
                ]
                for circuit in (*circuits, pool.outage.circuit):
                    assert grants.issuperset(circuit.probes), "half-open for ever"
            kept = [earmark.group for earmark in self.leasing.earmarks._made.values() if earmark._pool is pool]
            assert len(kept) == len({each.group for each in pool.keys.values() if each.group.is_earmarked} | set(kept)), (
                "room is kept twice"
            )
            rests = {rested.label for _, _, rested in pool._roster.resting}
            for each in pool.keys.values():
                assert each.is_ready == each.is_closed == (each in pool._roster.ready)
                assert not (each.is_ready and each.label in pool._roster.awaiting)
                assert each.is_ready or each.label in pool._roster.awaiting or each.label in rests, "a key is lost"
            assert all(each.in_use for each in pool.removed)


def hash_of(before, answer):
    """A number that stands for every answer so far."""
    value = before
    for byte in msgspec.msgpack.encode(answer):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value
