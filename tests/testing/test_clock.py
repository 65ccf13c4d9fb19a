"""The clock that obeys."""

import pytest

from omnillm.testing import ManualClock


def test_clock_stands_still_until_it_is_moved():
    """Both readings advance together, and stay in between."""
    clock = ManualClock(now=10.0, wall=20.0)
    assert (clock.now(), clock.now(), clock.wall()) == (10.0, 10.0, 20.0)
    clock.advance(1.5)
    assert (clock.now(), clock.wall()) == (11.5, 21.5)


def test_wall_steps_alone():
    """A correction of the wall clock does not touch durations."""
    clock = ManualClock(now=10.0, wall=20.0)
    clock.step_wall(-3600)
    assert (clock.now(), clock.wall()) == (10.0, -3580.0)


def test_time_does_not_run_backwards():
    """A negative advance is refused."""
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1)
