"""Which of the keys with room is next."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.in_turn import in_turn
from tests.keys.desk import Desk, key

from omnillm.keys.selection import SELECTIONS
from omnillm.outcome import Verdict


def shares(desk, calls=2000, **wish):
    """Share of the calls that each key got; each call ends at once."""
    counts = Counter(desk.call().key.label if not wish else _one(desk, **wish) for _ in range(calls))
    return {label: round(count / calls, 3) for label, count in counts.items()}


def _one(desk, **wish):
    grant = desk.lease(**wish)
    desk.end(grant)
    return grant.key.label


@in_turn("selection", SELECTIONS)
def test_a_key_without_room_is_never_chosen_while_another_has_some(selection):
    """Full of calls, out of tokens, cooling, denied, dead, or not for this model: the one that is left takes all."""
    full = [key("busy", max_concurrency=1), key("small", tpm=10), key("other", models=("n*",)), key("cooling"), key("denied"), key("dead")]
    desk = Desk(*full, key("well"), selection=selection)
    desk.lease(pinned="busy")
    desk.lease(pinned="small", tokens=10)
    desk.call(Verdict.RATE_LIMITED, on="cooling", retry_after_s=99.0)
    for _ in range(5):
        desk.call(Verdict.DENIED, on="denied")
    desk.call(Verdict.KEY_DEAD, on="dead")
    assert {desk.lease().key.label for _ in range(200)} == {"well"}


@in_turn("selection", SELECTIONS)
def test_keys_that_the_call_has_tried_are_passed_over(selection):
    """And when all were tried there is none."""
    desk = Desk(key("a"), key("b"), key("c"), selection=selection)
    assert {desk.lease(passed={"a", "c"}).key.label for _ in range(50)} == {"b"}
    assert desk.lease(passed={"a", "b", "c"}) is None


@in_turn("selection", SELECTIONS)
@in_turn("count", [1, 2, 3, 30])
def test_every_slot_of_every_key_is_found(selection, count):
    """However few have room left."""
    desk = Desk(*[key(f"k{number}", rpm=3) for number in range(count)], selection=selection)
    found = 0
    while desk.lease() is not None:
        found += 1
    assert found == 3 * count


@pytest.mark.parametrize("selection", ["power_of_two", "random_first_fit", "weighted"])
def test_equal_keys_get_equal_shares(selection):
    """Within what chance allows."""
    desk = Desk(*[key(f"k{number}") for number in range(4)], selection=selection)
    assert all(abs(share - 0.25) < 0.04 for share in shares(desk).values())


def test_power_of_two_prefers_the_less_loaded():
    """The share of the tightest limit decides: a key with ten times the limit gets about ten times the calls."""
    desk = Desk(key("small", rpm=100), key("large", rpm=1000))
    counts = Counter(desk.lease().key.label for _ in range(550))
    assert 25 <= counts["small"] <= 75


def test_power_of_two_counts_calls_at_a_time_as_a_limit_like_others():
    """A key that may have ten times as many has about ten times as many."""
    desk = Desk(key("small", max_concurrency=4), key("large", max_concurrency=40))
    counts = Counter(desk.lease().key.label for _ in range(22))
    assert 1 <= counts["small"] <= 3


def test_power_of_two_spreads_calls_in_flight():
    """Without limits the number in flight decides."""
    desk = Desk(*[key(f"k{number}") for number in range(8)])
    counts = Counter(desk.lease().key.label for _ in range(800))
    assert max(counts.values()) - min(counts.values()) <= 8


def test_power_of_two_prefers_the_quicker_of_equals():
    """By a moving average of the time to the first byte."""
    desk = Desk(key("slow"), key("quick"))
    for _ in range(10):
        desk.call(on="slow", first_byte_s=2.0)
        desk.call(on="quick", first_byte_s=0.2)
    assert desk.pool.keys["slow"].latency_s == pytest.approx(2.0)
    assert {desk.call().key.label for _ in range(50)} == {"quick"}


KEYS = st.lists(
    st.tuples(st.sampled_from([0, 8, 100]), st.sampled_from([0, 3, 50]), st.sampled_from([0.0, 0.1, 2.0])), min_size=2, max_size=5
)


@settings(max_examples=150, deadline=None)
@given(KEYS, st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.4, 7.0, 70.0])), max_size=40), st.integers(0, 1000))
def test_power_of_two_finds_the_same_key_with_one_look_as_with_two(terms, steps, seed):
    """The shortcut is not taken for a call that passes keys over: with the same dice both ways lead to the same keys."""
    keys = [key(f"k{at}", rpm=rpm, max_concurrency=most) for at, (rpm, most, _) in enumerate(terms)]
    desks = [Desk(*keys, seed=seed), Desk(*keys, seed=seed)]
    for desk in desks:
        for at, (_, _, latency_s) in enumerate(terms):
            desk.pool.keys[f"k{at}"].latency_s = latency_s
    held = []
    for is_kept, pause_s in steps:
        short, long = desks[0].lease(), desks[1].lease(passed={"nobody"})
        assert (short and short.key.label) == (long and long.key.label)
        if short is not None:
            held.append((short, long))
        if held and not is_kept:
            for desk, grant in zip(desks, held.pop(0), strict=True):
                desk.end(grant)
        for desk in desks:
            desk.now += pause_s


def test_priority_takes_the_first_with_room():
    """In the configured order, and the first again as soon as it has room."""
    desk = Desk(key("first", max_concurrency=1), key("second", max_concurrency=1), key("third"), selection="priority")
    grants = [desk.lease() for _ in range(4)]
    assert [grant.key.label for grant in grants] == ["first", "second", "third", "third"]
    desk.end(grants[0])
    assert desk.lease().key.label == "first"


def test_priority_keeps_its_order_when_a_key_comes_back():
    """A key that rested stands where it stood."""
    desk = Desk(key("first"), key("second"), selection="priority")
    desk.call(Verdict.KEY_DEAD, on="first")
    assert desk.call().key.label == "second"
    desk.wait_for("first")
    assert [desk.call().key.label for _ in range(2)] == ["first", "first"]


@pytest.mark.parametrize("weights", [(1, 1, 2), (1, 3, 6), (1, 0, 98)])
def test_weighted_shares_are_in_proportion(weights):
    """A weight of 0 counts as 1."""
    desk = Desk(*[key(str(at), weight=weight) for at, weight in enumerate(weights)], selection="weighted")
    whole = sum(max(1, weight) for weight in weights)
    for label, share in shares(desk, 4000).items():
        assert abs(share - max(1, weights[int(label)]) / whole) < 0.03


def test_weighted_shares_hold_among_those_that_are_left():
    """The heaviest is away: the others keep their proportion."""
    desk = Desk(key("a", weight=1), key("b", weight=3), key("c", weight=1000), selection="weighted")
    desk.call(Verdict.KEY_DEAD, on="c")
    assert abs(shares(desk, 2000)["b"] - 0.75) < 0.04


def test_tokens_that_come_back_make_room():
    """The reservation was large, the usage small."""
    desk = Desk(key("a", tpm=100))
    grant = desk.lease(tokens=100)
    assert desk.lease() is None
    assert desk.outlook().is_limited
    desk.end(grant, tokens=10)
    assert desk.lease(tokens=90) is not None
    assert desk.lease() is None


def test_affinity_keeps_to_one_key():
    """Provider prompt caches are bound to the key that made them."""
    desk = Desk(*[key(f"k{number}") for number in range(8)])
    for affinity in range(1, 50):
        assert len({_one(desk, affinity=affinity) for _ in range(5)}) == 1


def test_affinities_spread_over_the_keys_by_weight():
    """Each key is the favourite of its share."""
    desk = Desk(*[key(f"k{number}") for number in range(4)], key("heavy", weight=4))
    counts = Counter(_one(desk, affinity=affinity) for affinity in range(1, 4001))
    assert all(abs(counts[f"k{number}"] / 4000 - 1 / 8) < 0.03 for number in range(4))
    assert abs(counts["heavy"] / 4000 - 1 / 2) < 0.03


def test_few_affinities_move_when_a_key_comes_and_only_to_it():
    """Rendezvous hashing: a ninth key takes about a ninth."""
    keys = [key(f"k{number}") for number in range(8)]
    desk = Desk(*keys)
    before = {affinity: _one(desk, affinity=affinity) for affinity in range(1, 1001)}
    desk.configure(*keys, key("new"))
    after = {affinity: _one(desk, affinity=affinity) for affinity in before}
    moved = [affinity for affinity in before if before[affinity] != after[affinity]]
    assert 60 <= len(moved) <= 170
    assert {after[affinity] for affinity in moved} == {"new"}


def test_affinity_is_a_preference():
    """When the favourite is full, tried or away, another takes the call."""
    desk = Desk(key("a", max_concurrency=1), key("b", max_concurrency=1))
    favourite = desk.lease(affinity=7)
    other = desk.lease(affinity=7)
    assert {favourite.key.label, other.key.label} == {"a", "b"}
    desk.end(favourite)
    desk.end(other)
    assert desk.lease(affinity=7, passed={favourite.key.label}).key.label == other.key.label


def test_affinity_is_among_the_keys_that_serve_the_model():
    """The favourite for one model need not serve another."""
    desk = Desk(key("a", models=("m",)), key("b"), key("c"))
    assert {_one(desk, model="n", affinity=affinity) for affinity in range(1, 100)} == {"b", "c"}


def test_a_pinned_call_has_its_key_or_none():
    """Files and batches live on the key that made them."""
    desk = Desk(key("a", max_concurrency=1), key("b"))
    assert desk.lease(pinned="a").key.label == "a"
    assert desk.lease(pinned="a") is None
    assert desk.lease(pinned="nobody") is None
