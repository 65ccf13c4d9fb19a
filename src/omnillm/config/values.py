"""Readers of scalars: text -> value. A ValueError's message ends a sentence that begins with the place; it never repeats the text.

Numbers are read from the text as written, so that no amount of money ever passes through a float.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

from omnillm.money import NANO_PER_USD, parse_usd
from omnillm.secret import Secret
from omnillm.spelling import guess

SECONDS_PER: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES_PER: Final = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
LONGEST_TEXT: Final = 256
LONGEST_S: Final = 3650 * SECONDS_PER["d"]
LARGEST_SIZE: Final = 2**50
QUOTES: Final = ("'", '"', "`")
_ELSEWHERE = re.compile(r"\$[A-Z_][A-Z0-9_]*|%[A-Z_][A-Z0-9_]*%|\$\([A-Z0-9_]+\)|os\.environ/\w+", re.ASCII)
"""How shells and other programs' configurations write a variable."""
_REGULAR = re.compile(r"(?:^|[-/:_])\.[*+]|[\\^$|()]", re.ASCII)
"""What stands in regular expressions, and in no model's name. `gpt-4.*` and `anthropic.*` are patterns."""
_SECRET = re.compile(
    r"(?:sk|xai|pplx|nvapi)-[A-Za-z0-9_-]*[A-Za-z0-9]{20}|(?:gsk|hf)_[A-Za-z0-9]{20}|AIza[A-Za-z0-9_-]{20}|AKIA[A-Z0-9]{16}", re.ASCII
)
"""What secrets of providers, and ours, look like. A name has words, and not twenty letters and digits in a row."""
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([A-Za-z]+)", re.ASCII)
CALENDAR_PERIODS: Final = ("day", "week", "month", "total")
ROLLING: Final = "rolling "
SHORTEST_WINDOW_S: Final = 3600
LONGEST_WINDOW_S: Final = 366 * 86_400
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", re.ASCII)


def text(written: str) -> str:
    if not written:
        raise ValueError("must not be empty")
    if not written.isprintable():
        raise ValueError("must hold no line break or control character")
    return written


def secret(written: str) -> Secret:
    if not written:
        raise ValueError("must not be empty")
    if not written.isascii() or not written.isprintable() or " " in written:
        raise ValueError("must be printable ASCII without spaces or line breaks, or no header could carry it")
    if len(written) > 1 and written[0] in QUOTES and written[-1] == written[0]:
        raise ValueError("stands in quotes that would be sent with it: give it without")
    if _ELSEWHERE.fullmatch(written):
        raise ValueError("is the name of a variable, not its value: a variable is written ${NAME}")
    return Secret(written)


def opaque(written: str) -> Secret:
    """Read what may carry a credential but is not one: URLs, header values."""
    return Secret(text(written))


def boolean(written: str) -> bool:
    if written not in {"true", "false"}:
        raise ValueError("must be true or false")
    return written == "true"


def name(written: str) -> str:
    """Names of providers, keys, budgets: they stand in headers, metrics and paths."""
    if not _NAME.fullmatch(written):
        raise ValueError("must be 1 to 64 letters, digits and . _ @ + -, beginning with a letter or digit")
    if is_like_a_secret(written):
        raise ValueError("looks like a secret, and names are shown in logs, headers and metrics: the secret is written under key")
    return written


def is_like_a_secret(text: str) -> bool:
    return _SECRET.match(text) is not None


def tag(written: str) -> str:
    if "," in text(written):
        raise ValueError("must hold no comma, which ends a tag")
    return written


def model_name(written: str) -> str:
    """Names and patterns of models."""
    if not written or len(written) > LONGEST_TEXT or not written.isascii() or not written.isprintable() or " " in written:
        raise ValueError(f"must be 1 to {LONGEST_TEXT} printable ASCII characters without spaces")
    if _REGULAR.search(written):
        raise ValueError("looks like a regular expression: here * alone stands for any characters, and a dot is a dot")
    return written


def seconds(written: str) -> float:
    if written == "0":
        return 0.0
    quantity = _QUANTITY.fullmatch(written)
    if quantity is None or quantity[2] not in SECONDS_PER:
        raise ValueError("must be a duration such as 250ms, 5s, 2m, 1h or 90d")
    duration = float(quantity[1]) * SECONDS_PER[quantity[2]]
    if duration > LONGEST_S:
        raise ValueError("must be at most 3650d")
    return duration


def positive_seconds(written: str) -> float:
    duration = seconds(written)
    if duration <= 0:
        raise ValueError("must be more than 0")
    return duration


def size(written: str) -> int:
    """Bytes, at least 1."""
    quantity = _QUANTITY.fullmatch(written)
    if quantity is None or quantity[2] not in BYTES_PER or "." in quantity[1]:
        raise ValueError("must be a size such as 64KiB, 64MiB or 1GiB")
    number = _at_least_one(int(quantity[1]) * BYTES_PER[quantity[2]])
    if number > LARGEST_SIZE:
        raise ValueError("must be at most 1048576GiB")
    return number


def whole(written: str) -> int:
    """Read a whole number from 0 on."""
    if not (written.isascii() and written.isdigit()) or len(written) > 15:
        raise ValueError("must be a whole number")
    return int(written)


def positive(written: str) -> int:
    return _at_least_one(whole(written))


def limit(written: str) -> int:
    number = whole(written)
    if number == 0:
        raise ValueError("is 0, which would admit nothing; leave it out for no local limit")
    return number


def port(written: str) -> int:
    """Port 0 lets the system choose."""
    number = whole(written)
    if number > 65535:
        raise ValueError("must be a port, 0 to 65535")
    return number


def usd(written: str) -> int:
    """Decimal USD -> nano-USD, not negative. A float's notation (5e-7) is refused with the rest."""
    try:
        amount = parse_usd(written)
    except ValueError as error:
        raise ValueError("must be decimal USD with at most nine places, such as 0.4") from error
    if amount < 0:
        raise ValueError("must not be negative")
    return amount


def rate(written: str) -> int:
    """USD per million tokens -> nano-USD. One USD a token is a slip of the pen."""
    amount = usd(written)
    if amount > 1_000_000 * NANO_PER_USD:
        raise ValueError("must be at most 1000000 USD per million tokens")
    return amount


def usd_each(written: str) -> int:
    """USD for one unit -> nano-USD per million units."""
    amount = usd(written)
    if amount > 1_000 * NANO_PER_USD:
        raise ValueError("must be at most 1000 USD for one")
    return amount * 1_000_000


def tokens(written: str) -> int:
    """As many as a context may hold: at least 1, at most 1,000,000,000."""
    number = positive(written)
    if number > 1_000_000_000:
        raise ValueError("must be at most 1000000000 tokens")
    return number


def permille(written: str) -> int:
    """Read a share of 1, e.g. 0.8, as thousandths."""
    whole_part, _, fraction = written.partition(".")
    if whole_part not in {"0", "1"} or len(fraction) > 3 or not (fraction or "0").isdigit() or not fraction.isascii():
        raise ValueError("must be a share of the limit with at most three places, such as 0.8")
    share = int(whole_part) * 1000 + int((fraction or "0").ljust(3, "0"))
    if not 0 < share <= 1000:
        raise ValueError("must be more than 0 and at most 1")
    return share


def share(written: str) -> int:
    """Read a share of all as thousandths, from 0 to 1."""
    try:
        return 0 if written == "0" else permille(written)
    except ValueError as error:
        raise ValueError("must be a share from 0 to 1 with at most three places, such as 0.1") from error


def wall(written: str) -> float:
    """Read a date (midnight UTC) or an ISO 8601 time as Unix seconds."""
    try:
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a date such as 2027-01-01, or an ISO 8601 time") from error


def period(written: str) -> str:
    """A budget's period, its window spelled in one way: "rolling 1d" is "rolling 24h"."""
    if written.startswith(ROLLING):
        return f"{ROLLING}{_window(written.removeprefix(ROLLING).strip())}"
    if written not in CALENDAR_PERIODS:
        valid = f"must be one of {', '.join(CALENDAR_PERIODS)}, or rolling with a length, such as rolling 24h"
        raise ValueError(valid + guess(written, CALENDAR_PERIODS))
    return written


def _window(written: str) -> str:
    window_s = seconds(written)
    minutes, rest_s = divmod(window_s, 60)
    if rest_s or not SHORTEST_WINDOW_S <= window_s <= LONGEST_WINDOW_S:
        raise ValueError("must roll over whole minutes, from 1h to 366d, such as rolling 24h or rolling 7d")
    hours, odd_minutes = divmod(int(minutes), 60)
    if odd_minutes:
        return f"{int(minutes)}m"
    return f"{hours // 24}d" if hours > 24 and hours % 24 == 0 else f"{hours}h"


def window_s(period: str) -> int:
    """The seconds of a rolling period, as `period` returns it; 0: it does not roll."""
    return int(seconds(period.removeprefix(ROLLING))) if period.startswith(ROLLING) else 0


def has_midnight(period: str) -> bool:
    """Whether a period as `period` returns it begins at a midnight, so that a time zone says which."""
    return period in CALENDAR_PERIODS and period != "total"


def time_zone(written: str) -> str:
    try:
        ZoneInfo(written)
    except (ValueError, KeyError, OSError) as error:
        close = guess(written, sorted(available_timezones()))
        raise ValueError(f"must be a time zone such as UTC or Europe/Berlin{close}") from error
    return written


def _at_least_one(number: int) -> int:
    if number < 1:
        raise ValueError("must be at least 1")
    return number


READERS: Final[dict[object, Callable[[str], object]]] = {str: text, bool: boolean, Secret: secret}

Name = Annotated[str, name]
Opaque = Annotated[Secret, opaque]
ModelName = Annotated[str, model_name]
Tag = Annotated[str, tag]
Seconds = Annotated[float, seconds]
PositiveSeconds = Annotated[float, positive_seconds]
Size = Annotated[int, size]
Whole = Annotated[int, whole]
Positive = Annotated[int, positive]
Limit = Annotated[int, limit]
Port = Annotated[int, port]
NanoUsd = Annotated[int, usd]
NanoUsdEach = Annotated[int, usd_each]
Rate = Annotated[int, rate]
Tokens = Annotated[int, tokens]
Permille = Annotated[int, permille]
Share = Annotated[int, share]
Wall = Annotated[float, wall]
TimeZone = Annotated[str, time_zone]
BudgetPeriod = Annotated[str, period]


class Short(Struct, frozen=True):
    """Marks a section for which a bare scalar may stand: it is read as that one field."""

    field: str
