"""The calendar of budgets: which period a moment belongs to, and when the next one begins.

Periods begin at local midnights, so a day may have 23 or 25 hours. The periods of a rolling budget are buckets of whole minutes since 1970,
each at most a 48th of the budget's window long.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

BUCKETS_LEAST: Final = 48
WIDTHS_MIN: Final = (1440, 360, 60, 15, 5, 1)
_BUCKET = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)Z/PT([1-9]\d{0,3})M", re.ASCII)


class Period(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """Names the day ("2026-11-25"), ISO week ("2026-W48"), month ("2026-11") or bucket ("2026-11-25T12:00Z/PT15M"), or "total"."""
    ends_wall: float
    """Unix seconds at which the next begins; 0: never."""


TOTAL = Period(id="total", ends_wall=0.0)


def period_at(kind: str, zone: str, wall: float) -> Period:
    """`kind`: day, week, month or total; `zone`: an IANA time zone."""
    if kind == "total":
        return TOTAL
    tz = ZoneInfo(zone)
    moment = datetime.fromtimestamp(wall, tz)
    midnight = datetime(moment.year, moment.month, moment.day, tzinfo=tz)
    if kind == "day":
        return _period(midnight.strftime("%Y-%m-%d"), midnight, midnight + timedelta(days=1))
    if kind == "week":
        year, week, weekday = moment.isocalendar()
        monday = midnight - timedelta(days=weekday - 1)
        return _period(f"{year}-W{week:02d}", monday, monday + timedelta(days=7))
    first = midnight.replace(day=1)
    return _period(first.strftime("%Y-%m"), first, (first + timedelta(days=32)).replace(day=1))


def _period(name: str, start: datetime, end: datetime) -> Period:
    """Wall-clock arithmetic within one zone, so `end` is a local midnight whatever the clocks did between."""
    assert start.tzinfo is end.tzinfo
    return Period(id=name, ends_wall=end.timestamp())


def bucket_at(window_s: int, wall: float) -> Period:
    """The bucket of a rolling budget; its id, an ISO 8601 interval, tells all about it."""
    minutes = next((width for width in WIDTHS_MIN if width * 60 * BUCKETS_LEAST <= window_s), WIDTHS_MIN[-1])
    begins = int(wall // (minutes * 60)) * minutes * 60
    return Period(id=f"{datetime.fromtimestamp(begins, UTC):%Y-%m-%dT%H:%M}Z/PT{minutes}M", ends_wall=float(begins + minutes * 60))


def bucket_of(period: str) -> tuple[Period, float] | None:
    """A bucket and its width in seconds, from its id; None: `period` is the id of something else."""
    named = _BUCKET.fullmatch(period)
    if named is None:
        return None
    width_s = int(named[2]) * 60.0
    begins = datetime.fromisoformat(named[1]).replace(tzinfo=UTC).timestamp()
    return Period(id=period, ends_wall=begins + width_s), width_s
