"""The calendar of budgets: which period a moment is in, and when the next begins. Local midnights, so a day may have 23 or 25 hours."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec


class Period(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """Names the day ("2026-11-25"), ISO week ("2026-W48") or month ("2026-11"), or "total"."""
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
