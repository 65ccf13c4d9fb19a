"""What providers say about waiting and about limits, in headers and bodies, as seconds, counts and codes.

Everything here reads text that a stranger wrote. A value that is negative, not a number, infinite or garbage is None, never an error.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from omnillm.outcome import Verdict

_LONGEST_NUMBER = 24
_LONGEST_MESSAGE = 2_000
_NO_HOST = re.compile(r"No (endpoints (?!found for )|allowed providers )")
"""How OpenRouter begins when none of a model's hosts takes what the call asks for (tools, pictures), or those that it allows."""
_MONTHS = {name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_UNITS = ((b"d", 86400), (b"h", 3600), (b"m", 60), (b"s", 1))
_SMALL_UNITS = {b"ms": 1e-3, b"us": 1e-6, b"ns": 1e-9}
"""Units that stand alone, never after a larger one."""

_VERDICTS = {
    401: Verdict.KEY_DEAD,
    402: Verdict.QUOTA_EXHAUSTED,
    403: Verdict.DENIED,
    404: Verdict.NOT_FOUND,
    # Retryable by every SDK: about the moment or about what stands between us and the provider, not about the request.
    407: Verdict.SERVER_FAULT,
    408: Verdict.SERVER_FAULT,
    409: Verdict.SERVER_FAULT,
    424: Verdict.SERVER_FAULT,
    425: Verdict.SERVER_FAULT,
    429: Verdict.RATE_LIMITED,
    498: Verdict.OVERLOADED,  # Groq: the capacity of its flex tier is used up
    499: Verdict.SERVER_FAULT,
    529: Verdict.OVERLOADED,
}


def verdict_of_status(status: int) -> Verdict:
    """What a status means when the body says nothing better. An error that came under 1xx to 3xx is the provider's defect."""
    verdict = _VERDICTS.get(status)
    if verdict is not None:
        return verdict
    return Verdict.CALLER_FAULT if 400 <= status < 500 else Verdict.SERVER_FAULT


def retry_hint_s(headers: Mapping[bytes, bytes], wall: float) -> float | None:
    """Seconds to wait: `retry-after-ms`, else `retry-after` as seconds or as an HTTP date, which counts from the reply's own `date`."""
    millis = _number(headers.get(b"retry-after-ms"))
    if millis is not None:
        return millis / 1000
    after = headers.get(b"retry-after")
    if after is None:
        return None
    seconds = _number(after)
    if seconds is not None:
        return seconds
    until = http_date_s(after)
    if until is None:
        return None
    sent = http_date_s(headers.get(b"date", b""))
    wait = until - (wall if sent is None else sent)
    return wait if wait >= 0 else None


def int_or_none(text: bytes | None) -> int | None:
    """A count in a header: b"30,000" -> 30000, b"0" -> 0. Negative or garbage -> None."""
    if not text:
        return None
    if text.isdigit() and len(text) <= _LONGEST_NUMBER:
        return int(text)
    number = _number(text.replace(b",", b""))
    return None if number is None else int(number)


@lru_cache(maxsize=64)  # an account's are always the same
def limit_or_none(text: bytes | None) -> int | None:
    """A limit in a header. Azure sends -1 and 0 where it knows none: both -> None."""
    return int_or_none(text) or None


def duration_s(text: str | bytes | None) -> float | None:
    """A span in seconds: "12ms", "1s", "6m0s", "1m30.5s", "34.4s", and plain numbers as seconds."""
    return None if not text or len(text) > 64 else _span_s(text)


@lru_cache(maxsize=512)  # a provider says much the same of its limits in the head of each reply
def _span_s(text: str | bytes) -> float | None:
    rest = text if isinstance(text, bytes) else text.encode("latin-1", "replace")
    scale = _SMALL_UNITS.get(rest[-2:])
    if scale is not None:
        amount = _number(rest[:-2])
        return None if amount is None else amount * scale
    plain = _number(rest)
    if plain is not None:
        return plain
    total = 0.0
    for unit, seconds in _UNITS:
        number, found, after = rest.partition(unit)
        if found:
            amount = _number(number)
            if amount is None:
                return None
            total += amount * seconds
            rest = after
    return None if rest else total


def rfc3339_s(text: str | bytes | None) -> float | None:
    """A moment in Unix seconds: "2026-11-25T01:49:00Z", "2026-11-25t03:49:00.5+02:00"."""
    if not text or not 20 <= len(text) <= 40:
        return None
    stamp = text if isinstance(text, bytes) else text.encode("latin-1", "replace")
    if stamp[4:5] + stamp[7:8] != b"--" or stamp[10:11] not in b"Tt ":
        return None
    day = _day(stamp[0:4], stamp[5:7], stamp[8:10])
    zone_at = 19
    while zone_at < len(stamp) and stamp[zone_at] in b".0123456789":
        zone_at += 1
    clock = _clock_s(stamp[11:zone_at])
    ahead = _zone_s(stamp[zone_at:])
    if day is None or clock is None or ahead is None:
        return None
    return day * 86400 + clock - ahead


def _zone_s(zone: bytes) -> float | None:
    """Seconds that a zone is ahead of UTC: b"Z", b"+02:00"."""
    if zone in {b"Z", b"z"}:
        return 0.0
    if len(zone) != 6 or zone[:1] not in b"+-" or zone[3:4] != b":":
        return None
    hours, minutes = _digits(zone[1:3], 23), _digits(zone[4:6], 59)
    if hours is None or minutes is None:
        return None
    return (hours * 3600.0 + minutes * 60.0) * (-1 if zone[:1] == b"-" else 1)


def http_date_s(text: bytes) -> float | None:
    """An HTTP date in Unix seconds, in any of the three forms of RFC 9110 5.6.7."""
    words = text.replace(b",", b" ").replace(b"-", b" ").split() if len(text) <= 64 else []
    if len(words) == 6:  # Sun 06 Nov 1994 08:49:37 GMT, and the same with 94
        _, date, month_name, year, clock, _ = words
    elif len(words) == 5:  # Sun Nov 6 08:49:37 1994
        _, month_name, date, clock, year = words
    else:
        return None
    month = _MONTHS.get(month_name.lower())
    if len(year) == 2:
        year = (b"19" if year >= b"70" else b"20") + year
    day = None if month is None else _day(year, b"%d" % month, date)
    seconds = _clock_s(clock)
    return None if day is None or seconds is None else day * 86400 + seconds


def _day(year: bytes, month: bytes, date: bytes) -> int | None:
    """Days from 1970-01-01 to a date of the proleptic Gregorian calendar, counted in years that begin in March."""
    y, m, d = _digits(year, 9999), _digits(month, 12), _digits(date, 31)
    if y is None or not m or not d:
        return None
    y -= m <= 2
    day_of_year = (153 * ((m + 9) % 12) + 2) // 5 + d - 1
    return y * 365 + y // 4 - y // 100 + y // 400 + day_of_year - 719468


def _clock_s(text: bytes) -> float | None:
    """b"08:49:37.5" in seconds since midnight; a leap second is let through."""
    hours, minutes, seconds = _digits(text[0:2], 23), _digits(text[3:5], 59), _number(text[6:])
    if hours is None or minutes is None or seconds is None or text[2:3] + text[5:6] != b"::" or seconds >= 61:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _digits(text: bytes, most: int) -> int | None:
    value = int(text) if text.isdigit() and len(text) <= 4 else None
    return value if value is not None and value <= most else None


def _number(text: bytes | None) -> float | None:
    """A decimal without sign or exponent. `float` alone would let through "nan", "inf", "1_0" and "1e999"."""
    if text is None or len(text) > _LONGEST_NUMBER:
        return None
    if text.isdigit():
        return float(text)
    trimmed = text.strip()
    return float(trimmed) if trimmed.replace(b".", b"", 1).isdigit() else None


def message_of(value: Any) -> str:
    """A message as it came, cut to 2,000 characters; "" where it is no text."""
    return value[:_LONGEST_MESSAGE] if isinstance(value, str) else ""


def is_without_host(verdict: Verdict, message: str) -> bool:
    """Whether only this call found nobody who serves the model: others may ask for less."""
    return verdict is Verdict.NOT_FOUND and _NO_HOST.match(message) is not None


def plain_word(value: Any) -> str:
    """A code as it came if it is a plain word, else "": free text is no code."""
    return value if isinstance(value, str) and len(value) <= 64 and value.isascii() and value.isidentifier() else ""
