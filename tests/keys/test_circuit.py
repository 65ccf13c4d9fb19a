"""Closed, open until a moment, half-open with one probe."""

from random import Random

import pytest

from omnillm.keys.circuit import CLOSED, HALF_OPEN, OPEN, TRANSITIONS, Backoff, Circuit, Event, State

PROBE, OTHER = object(), object()


def opened(until=10.0):
    circuit = Circuit()
    circuit.fail(until)
    return circuit


def half_opened(probe=None):
    circuit = opened()
    assert circuit.admits(10.0)
    if probe is not None:
        assert circuit.take(probe, 10.0)
    return circuit


def test_the_table_covers_every_state_but_for_cooling_what_is_not_open():
    """Only an open circuit cools."""
    missing = {(state, event) for state in State for event in Event} - TRANSITIONS.keys()
    assert missing == {(CLOSED, Event.COOLED), (HALF_OPEN, Event.COOLED)}


def test_closed_admits_any_number():
    """Nothing is known against it."""
    assert all(Circuit().admits(0.0) for _ in range(3))


def test_open_admits_nobody_before_its_moment_and_one_from_then_on():
    """The first is its probe; the second waits for what that one finds."""
    circuit = opened()
    assert not circuit.admits(9.999)
    assert circuit.admits(10.0)
    assert circuit.take(PROBE, 10.0)
    assert not circuit.admits(11.0)
    assert not circuit.take(OTHER, 11.0)


def test_the_probe_closes_it():
    """And nothing of the rest remains."""
    circuit = half_opened(PROBE)
    circuit.passed(PROBE)
    assert circuit.state is CLOSED
    assert circuit.rest_s(0.0) == 0.0


def test_another_success_closes_nothing():
    """An attempt from before says nothing about now."""
    circuit = half_opened(PROBE)
    circuit.passed(OTHER)
    assert circuit.state is HALF_OPEN
    circuit = opened()
    circuit.passed(OTHER)
    assert circuit.state is OPEN


def test_a_failure_opens_it_again_and_forgets_the_probe():
    """Whatever the old probe finds later does not count."""
    circuit = half_opened(PROBE)
    circuit.fail(30.0)
    assert circuit.state is OPEN
    circuit.passed(PROBE)
    assert circuit.state is OPEN
    assert circuit.strikes == 2


def test_a_probe_without_an_answer_leaves_the_place_to_the_next():
    """A client that hung up says nothing about the key."""
    circuit = half_opened(PROBE)
    circuit.free(OTHER)
    assert not circuit.admits(11.0)
    circuit.free(PROBE)
    assert circuit.admits(11.0)


def test_a_silent_probe_keeps_others_away_for_ten_seconds():
    """Then the next one tries as well, and whichever of them goes well closes it."""
    for first in (PROBE, OTHER):
        circuit = half_opened(PROBE)
        assert not circuit.admits(19.999)
        assert circuit.take(OTHER, 20.0)
        assert not circuit.admits(29.999)
        circuit.passed(first)
        assert circuit.state is CLOSED
        assert circuit.probes == ()


def test_an_older_probe_that_ends_without_an_answer_leaves_the_place_to_the_newer():
    """And the newer's end leaves it to the next."""
    circuit = half_opened(PROBE)
    assert circuit.take(OTHER, 20.0)
    circuit.free(PROBE)
    assert not circuit.admits(21.0)
    circuit.free(OTHER)
    assert circuit.admits(21.0)


def test_the_newest_probe_that_ends_without_an_answer_keeps_nobody_away_any_more():
    """The older one is silent, and has kept others away for its time."""
    circuit = half_opened(PROBE)
    assert circuit.take(OTHER, 20.0)
    circuit.free(OTHER)
    assert circuit.take(object(), 21.0)
    assert not circuit.admits(30.999)


def test_any_of_its_probes_that_fails_opens_it():
    """And what the others find later does not count."""
    circuit = half_opened(PROBE)
    assert circuit.take(OTHER, 20.0)
    circuit.fail(30.0)
    assert circuit.admits(30.0)
    circuit.passed(PROBE)
    circuit.passed(OTHER)
    assert circuit.state is HALF_OPEN


def test_what_is_not_half_open_takes_no_probe():
    """Closed it needs none, open it lets none through."""
    assert not Circuit().take(PROBE, 10.0)
    assert not opened().take(PROBE, 9.0)


def test_a_shorter_rest_never_shortens():
    """The longer of two holds."""
    circuit = opened(60.0)
    circuit.fail(5.0)
    assert circuit.rest_s(0.0) == 60.0
    circuit.fail(80.0)
    assert circuit.rest_s(0.0) == 80.0


def test_a_burst_of_failures_is_one_strike():
    """The delay of the second failure is that of the first."""
    backoff = Backoff(first_s=60.0, most_s=3600.0)
    circuit = Circuit()
    for _ in range(5):
        circuit.fail(circuit.delay(backoff, Random(1)))
    assert circuit.strikes == 1
    assert circuit.rest_s(0.0) == 60.0
    assert circuit.admits(60.0)
    assert circuit.delay(backoff, Random(1)) == 120.0


def test_revived_it_is_as_new():
    """Strikes, rest and probe are gone."""
    circuit = half_opened(PROBE)
    circuit.fail(99.0)
    circuit.revive()
    assert (circuit.state, circuit.strikes, circuit.rest_s(0.0), circuit.probes) == (CLOSED, 0, 0.0, ())
    circuit.fail(20.0)
    assert circuit.rest_s(10.0) == 10.0


@pytest.mark.parametrize("strikes", [0, 1, 3, 6, 10_000])
def test_backoff_doubles_up_to_its_most_less_its_jitter(strikes):
    """And a number of strikes beyond any float is no trouble."""
    backoff = Backoff(first_s=1.0, most_s=60.0, jitter=0.25)
    whole = min(60.0, 2.0 ** min(strikes, 10))
    delays = [backoff.delay(strikes, Random(seed)) for seed in range(200)]
    assert all(0.75 * whole < delay <= whole for delay in delays)
    assert max(delays) - min(delays) > 0.2 * whole
