"""The ids and the days of calls."""

from random import Random
from typing import Any

import pytest

from omnillm.gateway.budgets.budget_calendar import WRONG_S
from omnillm.gateway.settlement import Settlement
from omnillm.records import id_wall_ms
from omnillm.testing import ManualClock

NOTHING: Any = None
"""What takes no part in it."""


@pytest.fixture
def settlement() -> Settlement:
    return Settlement(
        admission=NOTHING,
        journal=NOTHING,
        quoter=NOTHING,
        bridges=NOTHING,
        bindings=NOTHING,
        clock=ManualClock(),
        dice=Random(7),
        ended=NOTHING,
        tag_sets=NOTHING,
        beside=NOTHING,
        queue_s=1.0,
    )


def test_ids_ascend_though_the_clock_steps_back(settlement: Settlement) -> None:
    """By up to an hour, and within a millisecond: pages of the ledger, and what is later of two claims, go by them."""
    walls = [9000.0] * 50 + [8999.0] * 50 + [9000.001] * 50 + [9001.0 - WRONG_S] * 50 + [19_000.0]
    ids = [settlement.make_id(wall) for wall in walls]
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {32}
    assert (id_wall_ms(ids[0]), id_wall_ms(ids[-1])) == (9_000_000, 19_000_000)


def test_ids_follow_a_clock_that_was_years_ahead_back(settlement: Settlement) -> None:
    """By its id a call is found in its days, and deleted when it is old: not years later, until the next start."""
    ids = [settlement.make_id(wall) for wall in (2e9, 1e9, 1e9, 1e9 + 1)]
    assert [id_wall_ms(each) for each in ids] == [2 * 10**12, 10**12, 10**12, 10**12 + 1000]
    assert ids[1:] == sorted(set(ids[1:]))


def test_each_moment_has_its_day(settlement: Settlement) -> None:
    """In UTC, in any order; also on the first of all, where a machine without a battery begins."""
    days = {0.0: "1970-01-01", 86_399.9: "1970-01-01", 86_400.0: "1970-01-02", 1_795_608_000.0: "2026-11-25"}
    for wall, day in (*days.items(), *reversed(days.items())):
        assert settlement.day_of(wall) == day
