"""A controller with a clock and ids, for tests that ask and answer by hand."""

from random import Random

from omnillm.admission.asks import Ask, BudgetConfigured, CallerConfigured, ControllerConfigured, Lease, Ticket
from omnillm.admission.controller import AdmissionController
from omnillm.keys.terms import KeyConfigured, Need, PoolConfigured
from omnillm.outcome import Outcome, Verdict


def key(label, **terms):
    return KeyConfigured(label=label, secret_id=f"secret of {label}", **terms)


def pool(*keys, provider="p", **terms):
    return PoolConfigured(provider=provider, keys=keys or (key("a"),), **terms)


def caller(name="c", **terms):
    return CallerConfigured(name=name, **terms)


def budget(name="b", limit=1000, **terms):
    return BudgetConfigured(name=name, limit_nanousd=limit, **terms)


class Desk:
    """`now` is moved by hand; dice are seeded. Whatever a verb serves is gathered in `served`, by case."""

    def __init__(self, *pools, callers=(), budgets=(), seed=1, now=1000.0, queue_depth=1000):
        self.now = now
        self.configured = ControllerConfigured(pools=pools or (pool(),), callers=callers, budgets=budgets, queue_depth=queue_depth)
        self.served = {}
        self.order = []
        self.controller = AdmissionController(self.configured, dice=Random(seed), now=now, deliver=self.take)
        self._last_id = 0

    def configure(self, *pools, callers=(), budgets=(), queue_depth=1000):
        self.configured = ControllerConfigured(pools=pools, callers=callers, budgets=budgets, queue_depth=queue_depth)
        self.controller.configure(self.configured, self.now)

    def take(self, answer):
        assert answer.case_id not in self.served, "served twice"
        self.served[answer.case_id] = answer
        self.order.append(answer.case_id)

    def case(self):
        self._last_id += 1
        return f"case-{self._last_id}"

    def ask(self, amount=0, *, caller="", case="", budgets=(), queue=0.0, tokens=0):
        """`queue`: seconds that the call would wait."""
        return Ask(
            case_id=case or self.case(),
            caller=caller,
            tokens=tokens,
            budgets=budgets,
            amount_nanousd=amount,
            queue_until=self.now + queue,
        )

    def admit(self, amount=0, **terms):
        return self.controller.admit(self.ask(amount, **terms), self.now)

    def ticket(self, amount=0, **terms):
        """The case of a call that must be admitted."""
        answer = self.admit(amount, **terms)
        assert isinstance(answer, Ticket), answer
        return answer.case_id

    def need(self, case="", *, targets=("p/m",), tokens=1, queue=0.0, **terms):
        pairs = tuple((provider, model) for provider, _, model in (target.partition("/") for target in targets))
        return Need(case_id=case or self.case(), targets=pairs, tokens=tokens, queue_until=self.now + queue, **terms)

    def ask_lease(self, case="", **terms):
        return self.controller.lease(self.need(case, **terms), self.now)

    def lease(self, case="", **terms):
        """A lease that must be granted, and is sent."""
        answer = self.ask_lease(case, **terms)
        assert isinstance(answer, Lease), answer
        self.controller.sent(answer.lease_id, self.now)
        return answer

    def is_probe(self, lease):
        """Whether it tries something out: a key, a class of models, a provider."""
        return bool(self.controller._leasing.grants[lease.lease_id].probes)

    def release(self, lease, verdict=Verdict.SUCCESS, *, used=None, **outcome):
        if used is not None:
            outcome["tokens"] = used
        self.controller.release(lease.lease_id, Outcome(verdict=verdict, **outcome), self.now)

    def settle(self, case, cost=0, tokens=None):
        self.controller.settle(case, cost, self.now, tokens)

    def cancel(self, case):
        self.controller.cancel(case, self.now)

    def tick(self, seconds=0.0):
        self.now += seconds
        self.controller.tick(self.now)

    def renew(self, name="b", period="2026-11", settled=0, resets_at_wall=0.0):
        self.controller.renew(name, period, settled, resets_at_wall)

    def money(self, name="b"):
        """(settled, reserved) of the budget's current period."""
        snapshot = next(each for each in self.controller.budgets() if each.name == name)
        return snapshot.settled_nanousd, snapshot.reserved_nanousd

    def key(self, label="a", provider="p"):
        return next(each for each in self.controller.keys(self.now) if (each.provider, each.label) == (provider, label))
