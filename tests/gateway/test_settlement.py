"""The ids and the days of calls."""

from random import Random
from typing import Any

import pytest

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


def test_ids_ascend_whatever_the_clock_does(settlement: Settlement) -> None:
    """Also within a millisecond, and when it steps back: pages of the ledger, and what is later of two claims, go by them."""
    walls = [1000.0] * 50 + [999.0] * 50 + [1000.001] * 50 + [2000.0]
    ids = [settlement.make_id(wall) for wall in walls]
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {32}
    assert (id_wall_ms(ids[0]), id_wall_ms(ids[-1])) == (1_000_000, 2_000_000)


def test_each_moment_has_its_day(settlement: Settlement) -> None:
    """In UTC, in any order; also on the first of all, where a machine without a battery begins."""
    days = {0.0: "1970-01-01", 86_399.9: "1970-01-01", 86_400.0: "1970-01-02", 1_795_608_000.0: "2026-11-25"}
    for wall, day in (*days.items(), *reversed(days.items())):
        assert settlement.day_of(wall) == day
