"""What a lease holds, and what of it stays charged."""

import pytest
from tests.in_turn import in_turn
from tests.keys.desk import Desk, key

from omnillm.keys.terms import ModelLimits
from omnillm.outcome import Verdict

LIMITED = key("a", rpm=10, tpm=1000)


def used(desk):
    """(requests, tokens) charged in the group's windows."""
    group = desk.pool.keys["a"].group
    return 10 - group.window.requests_left(desk.now), 1000 - group.window.tokens_left(desk.now)


@in_turn("verdict", Verdict)
def test_what_stays_charged_when_nothing_was_reported(verdict):
    """Only an attempt that was never sent gives slot and tokens back; all others keep the reservation."""
    desk = Desk(LIMITED)
    desk.end(desk.lease(tokens=300), verdict)
    assert used(desk) == ((0, 0) if verdict is Verdict.NOT_SENT else (1, 300))


@in_turn("verdict", Verdict)
@in_turn("reported", [100, 300, 450])
def test_reported_usage_replaces_the_reservation(verdict, reported):
    """Smaller or larger, of whatever verdict; one that was never sent used nothing."""
    desk = Desk(LIMITED)
    desk.end(desk.lease(tokens=300), verdict, tokens=reported)
    assert used(desk) == ((0, 0) if verdict is Verdict.NOT_SENT else (1, reported))


@in_turn("verdict", Verdict)
def test_a_grant_that_was_never_sent_gives_all_back_unless_its_verdict_tells_that_it_left(verdict):
    """A client that hung up before sending, a call that could not be translated: no byte left."""
    desk = Desk(LIMITED)
    desk.end(desk.lease(tokens=300, is_sent=False), verdict)
    is_free = verdict in {Verdict.NOT_SENT, Verdict.ABORTED, Verdict.CALLER_FAULT}
    assert used(desk) == ((0, 0) if is_free else (1, 300))


def test_slot_and_tokens_count_from_the_moment_of_sending():
    """Not from the moment of the lease: they leave the window a minute after they were sent."""
    desk = Desk(LIMITED)
    grant = desk.lease(tokens=300, is_sent=False)
    desk.now += 500.0
    assert used(desk) == (1, 300)
    grant.send(desk.now)
    desk.end(grant)
    desk.now += 60.0
    assert used(desk) == (1, 300)
    desk.now += 1.0
    assert used(desk) == (0, 0)


@pytest.mark.parametrize("pause", [0.0, 30.0, 100.0])
def test_a_grant_sent_again_counts_once_and_from_the_second_time(pause):
    """A stale connection: the same lease, a second sending."""
    desk = Desk(LIMITED)
    grant = desk.lease(tokens=300)
    desk.now += pause
    grant.send(desk.now)
    assert used(desk) == (1, 300)
    desk.now += 60.0
    assert used(desk) == (1, 300)
    desk.now += 1.0
    assert used(desk) == (0, 0)
    desk.end(grant)
    assert used(desk) == (0, 0)


def test_a_correction_goes_to_the_moment_of_sending():
    """So it slides out with what it corrects."""
    desk = Desk(LIMITED)
    grant = desk.lease(tokens=300)
    desk.now += 40.0
    desk.end(grant, tokens=500)
    assert used(desk) == (1, 500)
    desk.now += 21.0
    assert used(desk) == (0, 0)


def test_what_is_in_flight_is_told_apart_from_what_is_charged():
    """For people who watch the pool."""
    desk = Desk(LIMITED)
    grant = desk.lease(tokens=300)
    held = desk.pool.keys["a"]
    assert (held.in_use, held.tokens_in_flight) == (1, 300)
    desk.end(grant)
    assert (held.in_use, held.tokens_in_flight) == (0, 0)


def test_all_windows_that_bind_are_charged_together():
    """The account's and the model class's, requests a day too."""
    desk = Desk(key("a", rpm=10, tpm=1000, limits=(ModelLimits(pattern="m*", rpm=5, tpm=900, rpd=3),)))
    desk.end(desk.lease("m1", tokens=300))
    model_class = desk.pool.keys["a"].group.class_of("m2", desk.now)
    minute, day = model_class.minute, model_class.day
    assert (minute.requests_left(desk.now), minute.tokens_left(desk.now), day.requests_left(desk.now)) == (4, 600, 2)
    assert used(desk) == (1, 300)
