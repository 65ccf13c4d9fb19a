"""A key's successes: most are only counted, and whoever has to know of them does when it matters."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.keys.desk import Desk, key

from omnillm.keys.circuit import CLOSED, OPEN
from omnillm.keys.group import MODELS_MOST
from omnillm.keys.key import MODELS_MOST as TROUBLES_MOST
from omnillm.keys.terms import BreakerConfigured
from omnillm.outcome import Verdict

GAPS = [0.0, 0.0, 0.2, 0.7, 1.0, 4.0, 10.0, 31.0]
VERDICTS = [*[Verdict.SUCCESS] * 6, *[Verdict.SERVER_FAULT] * 2, Verdict.NOT_SENT, Verdict.NOT_SENT, Verdict.KEY_DEAD]
STEPS = st.sampled_from([*product(GAPS, VERDICTS, (False, True))])
"""(seconds that pass, how a call ends, whether the call is kept open): drawn at once, which costs half."""


def state(desk):
    """All that successes bear on."""
    outage = desk.pool.outage
    circuits = [outage.circuit, *(circuit for each in desk.pool.keys.values() for circuit in (each.dead, each.breaker.circuit))]
    return (
        [(circuit.state, circuit.until, circuit.strikes) for circuit in circuits],
        [(each.is_ready, each.is_failing, each.seen_in, each.breaker.consecutive) for each in desk.pool.keys.values()],
        [getattr(outage, name) for name in outage.__slots__ if name != "circuit"],
    )


def counts(desk):
    """(calls, failures) that each breaker counts now."""
    told = []
    for each in desk.pool.keys.values():
        window = each.breaker.window
        told.append((window.requests_left(desk.now), window.requests, window.tokens))
    return told


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=20, max_size=60), st.integers(0, 1000))
def test_successes_that_are_only_counted_come_to_the_same_as_successes_that_are_told(steps, seed):
    """One pool counts; the other is made to tell its breakers and the outage each time. They lease, trip and rest alike."""
    terms = BreakerConfigured(failures=3, window_min=4)
    desks = [Desk(key("a"), key("b"), key("c", max_concurrency=2), seed=seed, breaker=terms) for _ in range(2)]
    held = []
    for gap, verdict, is_kept in steps:
        for desk in desks:
            desk.now += gap
        grants = [desk.lease() for desk in desks]
        assert len({grant and grant.key.label for grant in grants}) == 1
        if grants[0] is not None:
            held.append(grants)
        if held and not is_kept:
            for desk, grant in zip(desks, held.pop(0), strict=True):
                if desk is desks[1]:
                    grant.key.breaker.sure_until = 0.0
                desk.end(grant, verdict)
        assert state(desks[0]) == state(desks[1])
    assert counts(desks[0]) == counts(desks[1])


def test_a_key_that_was_out_of_reach_and_answers_again_counts_as_well_at_once():
    """Also within the second in which its successes are only counted: then another out of reach is one of three, and not two."""
    desk = Desk(key("a"), key("b"), key("c"))
    for label in "abc":
        desk.call(on=label)
    desk.call(Verdict.NOT_SENT, on="a")
    desk.call(on="a")
    desk.call(Verdict.NOT_SENT, on="b")
    assert desk.pool.outage.circuit.state is CLOSED
    desk.call(Verdict.NOT_SENT, on="a")
    assert desk.pool.outage.circuit.state is OPEN


def test_a_success_that_would_only_be_counted_ends_an_outage():
    """Somebody got through, and that is news."""
    desk = Desk(key("a"), key("b"), key("c"))
    desk.call(on="c")
    early = desk.lease(pinned="c")
    for label in "ab":
        desk.call(Verdict.SERVER_FAULT, on=label)
    assert desk.pool.outage.circuit.state is OPEN
    desk.end(early)
    assert desk.pool.outage.circuit.state is CLOSED


def test_a_success_is_told_once_a_second():
    """The others of that second are only counted."""
    desk = Desk(key("a"))
    breaker = desk.pool.keys["a"].breaker
    for _ in range(5):
        desk.call()
    assert breaker.sure_until == desk.now + 1.0
    desk.now += 1.0
    desk.call()
    assert breaker.sure_until == desk.now + 1.0
    assert breaker.window.requests == 6


def test_a_key_knows_the_classes_of_its_group_when_some_were_forgotten():
    """Callers may make up names; whatever was remembered of them, the next call finds its class, and the limits that bind it."""
    desk = Desk(key("a", rpm=MODELS_MOST + 3))
    held = desk.pool.keys["a"]
    for number in range(MODELS_MOST + 2):
        desk.call(model=f"made-up-{number}")
    assert held.class_by_model is held.group.class_by_model
    assert len(held.class_by_model) < MODELS_MOST
    desk.call(model="made-up-0")
    assert desk.lease("made-up-0") is None
    desk.configure(key("a", rpm=MODELS_MOST + 4))
    assert desk.lease("made-up-0") is not None
    assert desk.lease("made-up-0") is None


def test_denials_of_made_up_models_are_forgotten_the_oldest_first():
    """A caller may name whatever it likes; what was denied last is still known."""
    desk = Desk(key("a"), breaker=BreakerConfigured(failures=1))
    for number in range(TROUBLES_MOST + 1):
        desk.call(Verdict.NOT_FOUND, model=f"m{number}")
    assert len(desk.pool.keys["a"].troubles) == TROUBLES_MOST
    assert [desk.is_leasable("a", f"m{number}") for number in (0, 1, TROUBLES_MOST)] == [True, False, False]


def test_made_up_models_leave_no_trace_in_a_key():
    """Neither those that its patterns take, nor those that its provider denies: the newest are known, and no more than so many."""
    desk = Desk(key("a", models=("m-*",)), breaker=BreakerConfigured(failures=1))
    held = desk.pool.keys["a"]
    for number in range(MODELS_MOST + 2):
        desk.call(Verdict.NOT_FOUND, model=f"m-{number}")
        assert held.serves(f"m-{number}")
        assert not held.serves(f"n-{number}")
    assert len(held.troubles) == MODELS_MOST
    assert len(held._serves) <= MODELS_MOST
    assert desk.lease(f"m-{MODELS_MOST + 1}") is None
    assert desk.lease("m-0") is not None
