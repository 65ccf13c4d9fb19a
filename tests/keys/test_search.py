"""A search in vain is remembered, and never hides a key."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.keys.desk import Desk, key

from omnillm.keys.outlook import outlook
from omnillm.outcome import Verdict


def full(count=3, **terms):
    """A pool whose keys are all taken, by one call each, and a search that found that out."""
    desk = Desk(*[key(f"k{number}", **({"max_concurrency": 1} | terms)) for number in range(count)])
    grants = []
    while (grant := desk.lease(tokens=100)) is not None:
        grants.append(grant)
    desk.outlook(tokens=100)
    return desk, grants


def test_the_key_that_was_given_back_is_found():
    """By a call of the same size, a larger and a smaller one."""
    for tokens in (100, 500, 10):
        desk, grants = full()
        desk.end(grants[1])
        assert desk.lease(tokens=tokens).key is grants[1].key
        assert desk.lease(tokens=tokens) is None


def test_every_key_that_was_given_back_is_found():
    """However many at once."""
    desk, grants = full(20)
    for grant in grants[5:15]:
        desk.end(grant)
    assert {desk.lease(tokens=100).key.label for _ in range(10)} == {grant.key.label for grant in grants[5:15]}
    assert desk.lease(tokens=100) is None


def test_room_for_a_small_call_stays_for_one_after_a_larger_looked():
    """What one cannot use another can."""
    desk = Desk(key("a", tpm=1000), key("b", tpm=1000))
    grants = [desk.lease(tokens=1000) for _ in range(2)]
    assert desk.lease(tokens=50) is None
    desk.outlook(tokens=50)
    desk.end(grants[0], tokens=900)
    assert desk.lease(tokens=500) is None
    desk.outlook(tokens=500)
    assert desk.lease(tokens=60) is not None
    assert desk.lease(tokens=60) is None


def test_who_asks_only_how_it_stands_is_told_of_what_was_given_back():
    """It stands behind a larger call of its caller, which the room is too small for."""
    desk = Desk(key("a", tpm=1000))
    grant = desk.lease(tokens=1000)
    desk.outlook(tokens=50)
    desk.end(grant, tokens=900)
    assert desk.lease(tokens=500) is None
    desk.outlook(tokens=500)
    assert desk.outlook(tokens=60, is_bound_enough=True).wakes_at == desk.now


@pytest.mark.parametrize(("searched", "used", "asked"), [(600, 300, 600), (600, 300, 650), (100, 300, 600)])
def test_a_group_that_will_have_room_sooner_than_was_known_wakes_the_call_then(searched, used, asked):
    """Something was given back there: not enough for now, but time will bring the rest before it does anywhere else."""
    desk = Desk(key("a", tpm=1000), key("b", tpm=1000))
    desk.lease(tokens=500, pinned="a")
    desk.now = 1030.0
    late = desk.lease(tokens=500, pinned="a")
    desk.now = 1040.0
    desk.lease(tokens=1000, pinned="b")
    assert desk.lease(tokens=searched) is None
    assert desk.outlook(tokens=searched).wakes_at == (1091.0 if searched == 600 else 1061.0)
    desk.end(late, tokens=used)
    assert desk.lease(tokens=asked) is None
    assert desk.outlook(tokens=asked, is_bound_enough=True).wakes_at == 1061.0
    desk.now = 1061.0
    assert desk.lease(tokens=asked).key.label == "a"


def test_a_group_with_room_for_the_smallest_call_only_has_its_own_moment_for_a_larger_one():
    """It is not forgotten because something smaller would fit."""
    desk = Desk(key("a", tpm=1000), key("b", rpm=1))
    desk.lease(tokens=400, pinned="a")
    desk.now = 1030.0
    late = desk.lease(tokens=600, pinned="a")
    desk.now = 1040.0
    desk.lease(tokens=1, pinned="b")
    assert desk.lease(tokens=450) is None
    assert desk.outlook(tokens=450).wakes_at == 1091.0
    desk.end(late, tokens=150)
    assert desk.lease(tokens=700) is None
    assert desk.outlook(tokens=700, is_bound_enough=True).wakes_at == 1061.0
    assert desk.lease(tokens=450).key.label == "a"


def test_keys_of_the_same_group_are_found_too():
    """One key's release makes room for all of its account."""
    desk = Desk(key("a", group="g", rpm=2), key("b", group="g", rpm=2))
    grants = [desk.lease(pinned="a"), desk.lease(pinned="a")]
    assert desk.lease() is None
    desk.outlook()
    desk.end(grants[0], Verdict.NOT_SENT)
    assert desk.lease(passed={"a"}).key.label == "b"


def test_room_in_a_group_that_the_key_has_left_is_found():
    """A changed configuration took the key to another group; what it gives back is the old one's."""
    desk = Desk(key("a", group="g", tpm=1000), key("b", group="g", tpm=1000))
    grant = desk.lease(tokens=1000, pinned="a")
    desk.configure(key("a", max_concurrency=1), key("b", group="g", tpm=1000))
    assert desk.lease(tokens=100) is None
    desk.outlook(tokens=100)
    desk.end(grant, tokens=800)
    assert {desk.lease(tokens=100).key.label for _ in range(2)} == {"a", "b"}


def test_a_key_that_the_call_has_tried_stays_for_others():
    """Passing it over is not finding it full."""
    desk, grants = full(2)
    desk.end(grants[0])
    assert desk.lease(tokens=100, passed={grants[0].key.label}) is None
    assert desk.lease(tokens=100).key is grants[0].key


def test_pinned_calls_and_favourites_are_looked_at_themselves():
    """Whatever was remembered."""
    desk, grants = full(2)
    desk.end(grants[0])
    assert desk.lease(tokens=100, pinned=grants[1].key.label) is None
    assert desk.lease(tokens=100, pinned=grants[0].key.label) is not None


@pytest.mark.parametrize("tokens", [1000, 1001, 10**9])
def test_many_keys_tell_a_bound_and_whether_the_call_is_too_large(tokens):
    """For more keys than are looked at anew for every refused call."""
    desk, _ = full(20, tpm=1000)
    view = desk.outlook(tokens=tokens)
    assert view.is_too_large == (tokens > 1000)
    assert view.is_limited == (tokens <= 1000)
    assert view.wakes_at == inf


def test_a_model_that_nobody_serves_is_not_too_large_a_second_time():
    """There is no limit that it could be larger than."""
    desk = Desk(*[key(f"k{number}", models=("n",), tpm=10) for number in range(20)])
    for tokens in (5, 5, 50):
        assert desk.lease(tokens=tokens) is None
        view = desk.outlook(tokens=tokens)
        assert not any((view.is_limited, view.is_broken, view.is_tried, view.is_too_large))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["lease", "lease", "lease", "end", "end", "wait"]),
        st.integers(0, 99),
        st.sampled_from([1, 100, 300, 1000, 1001]),
        st.sampled_from([*[Verdict.SUCCESS] * 4, Verdict.NOT_SENT, Verdict.RATE_LIMITED, Verdict.SERVER_FAULT, Verdict.ABORTED]),
    ),
    max_size=60,
)


@settings(max_examples=75, deadline=None)
@given(STEPS, st.sampled_from(["power_of_two", "weighted", "priority", "random_first_fit"]))
def test_a_call_finds_nothing_only_if_a_look_at_every_key_finds_nothing(steps, selection):
    """Nothing that is remembered ever hides a key; and where nothing is found, there is a moment in the future or none."""
    keys = [key(f"k{number}", tpm=1000, rpm=4) for number in range(6)]
    desk = Desk(*keys, key("g1", group="g", tpm=1000), key("g2", group="g", tpm=1000, max_concurrency=2), selection=selection)
    out = []
    for verb, which, tokens, verdict in steps:
        if verb == "wait":
            desk.now += which / 10
        elif verb == "end" and out:
            desk.end(out.pop(which % len(out)), verdict, tokens=None if which % 2 else which)
        elif verb == "lease":
            grant = desk.lease(tokens=tokens, is_sent=which % 3 > 0)
            if grant is not None:
                out.append(grant)
                continue
            everywhere = outlook(desk.pool.keys.values(), "m", tokens, (), desk.now)
            assert everywhere.wakes_at > desk.now
            remembered = desk.outlook(tokens=tokens, is_bound_enough=True)
            assert desk.now < remembered.wakes_at <= everywhere.wakes_at
            assert remembered.possible_at <= everywhere.possible_at
            assert remembered.is_too_large == everywhere.is_too_large
