"""The one source of time, and the date of a day. `SystemClock` stands in `assemble/system.py`, `ManualClock` in `testing`."""

from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Monotonic seconds, those in which the machine slept too: for durations, windows, deadlines. Its zero means nothing."""
        ...

    def wall(self) -> float:
        """Unix seconds: for what people and other machines read. It may step."""
        ...


def civil_day(days: int) -> str:
    """Days since 1970-01-01 -> ISO date, in integers (proleptic Gregorian calendar, years counted from March)."""
    days += 719_468
    era, of_era = divmod(days, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    day_of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04d}-{month:02d}-{day:02d}"
