"""The invariants of the controller under any short sequence of verbs; hypothesis finds the shortest that breaks one."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.admission.steps import AMOUNTS, GAPS_S, QUEUE_S, TARGETS, TOKENS
from tests.admission.world import BUDGETS, CALLERS, HEADROOMS, PROVIDERS, World

from omnillm.outcome import Verdict

WHICH = st.integers(0, 30)
TRIED = st.lists(st.tuples(st.sampled_from(PROVIDERS), st.sampled_from("abcd")), max_size=3, unique=True).map(tuple)


class Controller(RuleBasedStateMachine):
    """Every rule is a verb of the controller, or time."""

    def __init__(self):
        super().__init__()
        self.world = World()

    def one(self, held, which):
        known = self.world.known(held)
        return known[which % len(known)] if known else None

    @rule(
        caller=st.sampled_from(CALLERS),
        budgets=st.sampled_from(BUDGETS),
        amount=st.sampled_from(AMOUNTS),
        tokens=st.sampled_from(TOKENS),
        queue_s=st.sampled_from(QUEUE_S),
    )
    def admit(self, caller, budgets, amount, tokens, queue_s):
        self.world.admit(caller, budgets, amount, tokens, queue_s)

    @rule(
        which=WHICH,
        where=st.sampled_from(TARGETS),
        tokens=st.sampled_from(TOKENS),
        queue_s=st.sampled_from(QUEUE_S),
        tried=TRIED,
        wish=st.sampled_from(({}, {}, {"affinity": 5}, {"pinned": "a"}, {"retry_of": "p"})),
    )
    def lease(self, which, where, tokens, queue_s, tried, wish):
        case_id = self.one({case_id: None for case_id in self.world.tickets if case_id not in self.world.waiting}, which) or f"bare-{which}"
        if case_id not in self.world.waiting:
            self.world.lease(case_id, where, tokens=tokens, queue_s=queue_s, tried=tried, **wish)

    @precondition(lambda self: self.world.known(self.world.leases))
    @rule(which=WHICH)
    def sent(self, which):
        self.world.sent(self.one(self.world.leases, which))

    @precondition(lambda self: self.world.known(self.world.leases))
    @rule(
        which=WHICH,
        verdict=st.sampled_from(Verdict),
        used=st.sampled_from((None, 0, 10, 120, 900)),
        retry_after_s=st.sampled_from((None, 0.0, 2.0, 1e6)),
        headroom=st.sampled_from(HEADROOMS),
    )
    def release(self, which, verdict, used, retry_after_s, headroom):
        self.world.release(self.one(self.world.leases, which), verdict, used=used, retry_after_s=retry_after_s, headroom=headroom)

    @precondition(lambda self: self.world.known(self.world.tickets))
    @rule(which=WHICH, amount=st.sampled_from(AMOUNTS))
    def extend(self, which, amount):
        self.world.extend(self.one(self.world.tickets, which), amount)

    @precondition(lambda self: self.world.known(self.world.tickets))
    @rule(which=WHICH, cost=st.sampled_from((0, 1, 40, 400)), tokens=st.sampled_from((None, 0, 50, 400)))
    def settle(self, which, cost, tokens):
        self.world.settle(self.one(self.world.tickets, which), cost, tokens)

    @rule(which=WHICH)
    def cancel(self, which):
        known = [*self.world.tickets, *self.world.waiting, *self.world.bare, "nobody"]
        self.world.cancel(known[which % len(known)])

    @rule()
    def tick(self):
        self.world.tick()

    @rule(gap=st.sampled_from(GAPS_S))
    def advance(self, gap):
        self.world.now += gap

    @rule(budget=st.sampled_from(("all", "team", "soft")), is_next=st.booleans())
    def renew(self, budget, is_next):
        self.world.renew(budget, is_next=is_next)

    @rule(version=st.integers(0, 7))
    def configure(self, version):
        self.world.configure(version)

    @rule(provider=st.sampled_from(PROVIDERS), label=st.sampled_from("abcdx"))
    def revive(self, provider, label):
        self.world.revive(provider, label)

    @invariant()
    def holds(self):
        self.world.check()

    def teardown(self):
        for case_id in [*self.world.tickets, *self.world.waiting, *self.world.bare]:
            self.world.cancel(case_id)
        self.world.check()
        assert not self.world.controller._cases


TestController = Controller.TestCase
TestController.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
