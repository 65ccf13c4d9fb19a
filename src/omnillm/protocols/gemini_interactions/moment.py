"""Moments as Google writes them: "2026-11-25T01:49:00Z"."""

from omnillm.protocols.hints import rfc3339_s

_DAY = 86400
_LAST = 253_402_300_799
"""The end of the year 9999."""


def read_moment(text: str) -> int | None:
    """Return Unix seconds; None for what is no moment."""
    seconds = rfc3339_s(text) if text.isascii() else None
    return None if seconds is None else int(seconds)


def write_moment(seconds: int) -> str:
    """Write Unix seconds, from 1970 on: the date is counted in years that begin in March, as `rfc3339_s` counts it."""
    days, rest = divmod(min(max(seconds, 0), _LAST), _DAY)
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04}-{month:02}-{day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"
