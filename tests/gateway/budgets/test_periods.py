"""The calendar of budgets, against the standard library's own idea of local midnights."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.clock import civil_day
from omnillm.gateway.budgets.periods import TOTAL, bucket_at, bucket_of, period_at

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "America/Havana",
)
EARLIEST, LATEST = 0, int(datetime(2100, 12, 31, tzinfo=UTC).timestamp())
walls = st.integers(EARLIEST, LATEST)


def wall(text: str, zone: str = "UTC", *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def test_a_day_in_civil_numbers_is_the_calendars() -> None:
    """60,000 days from 1970 on, and the ends of months and centuries among them."""
    first = date(1970, 1, 1)
    for number in range(60_000):
        assert civil_day(number) == (first + timedelta(days=number)).isoformat()


@in_turn(
    ("kind", "zone", "at", "name", "ends"),
    [
        ("day", "UTC", "2026-11-25T23:59:59", "2026-11-25", "2026-11-26T00:00"),
        ("day", "UTC", "2026-11-26T00:00:00", "2026-11-26", "2026-11-27T00:00"),
        ("month", "UTC", "2024-02-29T12:00", "2024-02", "2024-03-01T00:00"),
        ("month", "UTC", "2026-01-31T23:59:59", "2026-01", "2026-02-01T00:00"),
        ("month", "UTC", "2026-12-31T23:59:59", "2026-12", "2027-01-01T00:00"),
        ("week", "UTC", "2026-11-25T12:00", "2026-W48", "2026-11-30T00:00"),
        ("week", "UTC", "2027-01-01T12:00", "2026-W53", "2027-01-04T00:00"),
        ("week", "UTC", "2024-12-30T00:00", "2025-W01", "2025-01-06T00:00"),
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-29", "2026-03-30T00:00"),
        ("day", "Europe/Berlin", "2026-10-25T02:30", "2026-10-25", "2026-10-26T00:00"),
        ("week", "Europe/Berlin", "2026-10-25T23:30", "2026-W43", "2026-10-26T00:00"),
        ("month", "America/New_York", "2026-11-01T01:30", "2026-11", "2026-12-01T00:00"),
    ],
)
def test_a_moment_is_in_its_period(kind: str, zone: str, at: str, name: str, ends: str) -> None:
    """Local midnights bound it; an ISO week may belong to the other year."""
    period = period_at(kind, zone, wall(at, zone))
    assert (period.id, period.ends_wall) == (name, wall(ends, zone))


@pytest.mark.parametrize(("at", "hours"), [("2026-03-29T00:00", 23), ("2026-10-25T00:00", 25), ("2026-06-01T00:00", 24)])
def test_a_day_may_have_another_length(at: str, hours: int) -> None:
    """When clocks change, the day is an hour shorter or longer."""
    begins = wall(at, "Europe/Berlin")
    assert period_at("day", "Europe/Berlin", begins).ends_wall - begins == hours * 3600


def test_both_hours_of_a_repeated_one_are_in_one_day() -> None:
    """The second 02:30 of a night is no new day."""
    first, second = (period_at("day", "Europe/Berlin", wall("2026-10-25T02:30", "Europe/Berlin", fold=fold)) for fold in (0, 1))
    assert first == second


@in_turn(
    ("window_s", "at", "name", "ends"),
    [
        (3600, "2026-11-25T12:00:59", "2026-11-25T12:00Z/PT1M", "2026-11-25T12:01:00"),
        (5 * 3600, "2026-11-25T12:04", "2026-11-25T12:00Z/PT5M", "2026-11-25T12:05"),
        (24 * 3600, "2026-11-25T12:59", "2026-11-25T12:45Z/PT15M", "2026-11-25T13:00"),
        (7 * 86_400, "2026-11-25T12:59", "2026-11-25T12:00Z/PT60M", "2026-11-25T13:00"),
        (30 * 86_400, "2026-11-25T12:59", "2026-11-25T12:00Z/PT360M", "2026-11-25T18:00"),
        (366 * 86_400, "2024-02-29T23:59", "2024-02-29T00:00Z/PT1440M", "2024-03-01T00:00"),
    ],
)
def test_a_moment_is_in_a_bucket_of_a_rolling_budget(window_s: int, at: str, name: str, ends: str) -> None:
    """At most a 48th of the window long; its id tells when it ends and how long it is."""
    bucket = bucket_at(window_s, wall(at))
    assert (bucket.id, bucket.ends_wall) == (name, wall(ends))
    found = bucket_of(name)
    assert found is not None
    assert found[0] == bucket
    assert bucket_at(window_s, bucket.ends_wall - found[1]) == bucket
    assert bucket_at(window_s, bucket.ends_wall) != bucket
    assert found[1] * 48 <= max(window_s, 48 * 60)


@in_turn("period", ["total", "2026-11-25", "2026-W48", "2026-11", "", "2026-11-25T12:00Z/PT0M", "2026-11-25T12:00/PT5M"])
def test_the_ids_of_the_calendars_periods_are_no_buckets(period: str) -> None:
    """Nor is anything else."""
    assert bucket_of(period) is None


def test_the_total_never_ends() -> None:
    """Whatever the moment."""
    assert period_at("total", "UTC", 0.0) is period_at("total", "Europe/Berlin", 4e9) is TOTAL


@given(walls, st.sampled_from(ZONES), st.sampled_from(("day", "week", "month")))
def test_periods_cover_time_without_gap_or_overlap(at: int, zone: str, kind: str) -> None:
    """The last second is in the same period, the next in another, and no period of a kind is longer than its longest."""
    period = period_at(kind, zone, at)
    assert at < period.ends_wall <= at + {"day": 25, "week": 7 * 24 + 1, "month": 31 * 24 + 1}[kind] * 3600
    assert period_at(kind, zone, period.ends_wall - 1).id == period.id
    following = period_at(kind, zone, period.ends_wall)
    assert following.id > period.id or (kind == "week" and following.id[:4] > period.id[:4])


@pytest.mark.parametrize("zone", ZONES)
def test_every_month_end_until_2100(zone: str) -> None:
    """Month after month: each follows the one before it, none is skipped, none comes twice."""
    at, names = wall("1970-01-01T00:00", zone), []
    while len(names) < 131 * 12:
        period = period_at("month", zone, at)
        names.append(period.id)
        at = period.ends_wall
    assert names == [f"{year}-{month:02d}" for year in range(1970, 2101) for month in range(1, 13)]
