"""Any order of verbs that hypothesis can think of, each followed by every check."""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.admission.world import BUDGETS, CALLERS, KEYS, MODELS, SELECTIONS, World
from tests.soak import some

from omnillm.outcome import RETRIES, Headroom, Outcome, Verdict

AMOUNTS = st.sampled_from([0, 1, 999, 4500, 9000, 9001, 20_000, 40_000, 40_001])
TOKENS = st.sampled_from([0, 1, 99, 450, 900, 901, 2500, 3000, 3001])
PATIENCE = st.sampled_from([0.0, 1.0, 61.0, 500.0])
WHICH = st.integers(0, 99)
SOME_BUDGETS = st.lists(st.sampled_from(BUDGETS), unique=True).map(tuple)
TERMS = st.fixed_dictionaries(
    {},
    optional={
        "limit": st.sampled_from([0, 1000, 9000, 50_000]),
        "is_hard": st.booleans(),
        "rpm": st.sampled_from([1, 3]),
        "tpm": st.sampled_from([450, 2500]),
        "max_concurrency": st.sampled_from([1, 2]),
    },
)
HEADROOM = st.builds(
    Headroom,
    requests_left=st.none() | st.integers(0, 3),
    requests_reset_s=st.none() | st.floats(0.0, 90.0),
    tokens_left=st.none() | st.integers(0, 2000),
)
OUTCOMES = st.builds(
    Outcome,
    verdict=st.sampled_from(Verdict),
    tokens=st.none() | TOKENS,
    retry_after_s=st.sampled_from([None, 0.0, 1.0, 50.0, 1e9]),
    first_byte_s=st.sampled_from([None, 0.1, 3.0]),
    headroom=st.none() | HEADROOM,
)


class Verbs(RuleBasedStateMachine):
    """What is open is named by a number: the same one may be asked for twice, settled twice, or long gone."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed):
        self.world = World(Random(seed))
        self.leases = []
        self.made = 0

    def key(self, which):
        """The name of an enrolled one."""
        names = list(self.world.enrolled)
        return names[which % len(names)]

    def case(self, which):
        """Open, waiting, or none that the world has numbered: a case never asks for another thing while it waits."""
        cases = [*self.world.open, *self.world.waiting, "one", "other"]
        return cases[which % len(cases)]

    def lease_id(self, which):
        known = [*self.world.out, *self.leases[-2:], 1]
        return known[which % len(known)]

    @rule(
        caller=st.sampled_from(CALLERS),
        amount=AMOUNTS,
        tokens=TOKENS,
        budgets=SOME_BUDGETS,
        patience=PATIENCE,
    )
    def admit(self, caller, amount, tokens, budgets, patience):
        self.world.admit(caller, amount=amount, tokens=tokens, budgets=budgets, patience=patience)

    @rule(
        which=WHICH,
        is_bare=st.booleans(),
        aims=st.lists(st.tuples(st.sampled_from(["p", "q", "gone"]), st.sampled_from(MODELS)), max_size=3, unique=True).map(tuple),
        tokens=TOKENS,
        patience=PATIENCE,
        pinned=st.sampled_from(["", "", "", "a", "c", "z"]),
        affinity=st.sampled_from([0, 1, 2]),
    )
    def lease(self, which, is_bare, aims, tokens, patience, pinned, affinity):
        case = "" if is_bare or self.case(which) in self.world.waiting else self.case(which)
        self.world.lease(case, targets=aims, tokens=tokens, patience=patience, pinned=pinned, affinity=affinity)

    @precondition(lambda self: self.world.out)
    @rule(which=WHICH, outcome=OUTCOMES, patience=PATIENCE)
    def fail_over(self, which, outcome, patience):
        """An attempt ends, and its call asks for another key."""
        out = list(self.world.out.values())[which % len(self.world.out)]
        lease = out.lease
        self.world.sent(lease.lease_id)
        self.world.release(lease.lease_id, outcome)
        if lease.case_id not in self.world.waiting:
            self.world.lease(
                lease.case_id,
                targets=out.need.targets,
                tokens=out.need.tokens,
                patience=patience,
                tried=(*out.need.tried, (lease.provider, lease.key)),
                retry_of=lease.provider if outcome.verdict in RETRIES else "",
            )

    @rule(which=WHICH)
    def sent(self, which):
        self.world.sent(self.lease_id(which))

    @rule(which=WHICH)
    def prove(self, which):
        self.world.prove(self.lease_id(which))

    @rule(which=WHICH, outcome=OUTCOMES)
    def release(self, which, outcome):
        lease_id = self.lease_id(which)
        self.leases.append(lease_id)
        self.world.release(lease_id, outcome)

    @precondition(lambda self: self.world.out)
    @rule(outcome=OUTCOMES)
    def release_all(self, outcome):
        """A burst: all that is out ends alike."""
        for lease_id in list(self.world.out):
            self.world.release(lease_id, outcome)

    @rule(which=WHICH, share=st.integers(0, 4), tokens=st.none() | TOKENS)
    def settle(self, which, share, tokens):
        """For a part of what is reserved: an honest price never costs more."""
        case = self.case(which)
        reserved = self.world.open[case].reserved if case in self.world.open else 7
        self.world.settle(case, reserved * share // 4, tokens)

    @rule(which=WHICH, amount=AMOUNTS)
    def extend(self, which, amount):
        self.world.extend(self.case(which), amount)

    @rule(which=WHICH)
    def cancel(self, which):
        self.world.cancel(self.case(which))

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.999, 1.0, 30.0, 60.0, 61.0, 600.0, 4000.0, 90_000.0]))
    def pass_time(self, seconds):
        self.world.pass_time(seconds)

    @rule(name=st.sampled_from(BUDGETS))
    def renew(self, name):
        self.world.renew(name)

    @rule(terms=TERMS)
    def enrol(self, terms):
        """A virtual key is made."""
        self.made += 1
        self.world.enrol(f"key-{self.made}", **terms)

    @precondition(lambda self: self.world.enrolled)
    @rule(which=WHICH, terms=TERMS)
    def change(self, which, terms):
        """One is changed, under its open calls: its own budget stays as long as it."""
        name = self.key(which)
        if self.world.budgets_of(name):
            terms = {"limit": 700} | terms
        self.world.enrol(name, **terms)

    @precondition(lambda self: self.world.enrolled)
    @rule(which=WHICH)
    def retire(self, which):
        """One is revoked, under its open calls."""
        self.world.retire(self.key(which))

    @precondition(lambda self: self.world.enrolled)
    @rule(which=WHICH, amount=AMOUNTS, tokens=TOKENS, budgets=SOME_BUDGETS, patience=PATIENCE)
    def admit_enrolled(self, which, amount, tokens, budgets, patience):
        """A call of one, which draws on its own budget too."""
        name = self.key(which)
        budgets += self.world.budgets_of(name)
        self.world.admit(name, amount=amount, tokens=tokens, budgets=budgets, patience=patience)

    @rule(keys=st.sampled_from(sorted(KEYS)), selection=st.sampled_from(SELECTIONS), budget=st.sampled_from([40_000, 5_000]))
    def configure(self, keys, selection, budget):
        self.world.configure(keys, selection=selection, budget=budget)

    @rule(provider=st.sampled_from("pq"), label=st.sampled_from("abcdefz"))
    def revive(self, provider, label):
        self.world.revive(provider, label)

    @rule()
    def look(self):
        self.world.look()

    @invariant()
    def all_holds(self):
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self):
        if hasattr(self, "world"):
            for case in sorted({*self.world.waiting, *self.world._alive()}):
                self.world.cancel(case)
            self.world.check()
            assert not self.world.out


TestVerbs = Verbs.TestCase
TestVerbs.settings = settings(max_examples=some(100), stateful_step_count=40, deadline=None)
