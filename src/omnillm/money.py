"""Money is integer nano-USD (1 USD = 1,000,000,000). No float ever enters or leaves.

Prices are integer nano-USD per 1,000,000 units, so 0.4 USD per million tokens is 400,000,000.
"""

from functools import lru_cache

NANO_PER_USD = 1_000_000_000
MAX_NANOUSD = 2**63 - 1
"""What an int64 column holds: about 9.2 billion USD."""


def parse_usd(text: str) -> int:
    """Decimal USD as written ("5", "0.000123", "1_000.50" is refused) -> nano-USD; finer than a nano-dollar is a ValueError."""
    digits = text.strip()
    sign = -1 if digits.startswith("-") else 1
    whole, dot, fraction = digits.removeprefix("-").partition(".")
    if not _is_decimal(whole) or (dot and not _is_decimal(fraction)):
        raise ValueError(f"not a decimal amount of USD: {text!r}")
    kept, lost = fraction[:9], fraction[9:]
    if lost.strip("0"):
        raise ValueError(f"finer than a nano-dollar: {text!r}")
    amount = sign * (int(whole) * NANO_PER_USD + int(kept.ljust(9, "0")))
    if abs(amount) > MAX_NANOUSD:
        raise ValueError(f"more than 9.2 billion USD: {text!r}")
    return amount


def _is_decimal(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 30


@lru_cache(maxsize=1024)  # what a call has cost is told twice at least: to who called, and to the log
def format_usd(nanousd: int) -> str:
    """nano-USD -> the shortest exact decimal USD: 1_230_000 -> "0.00123"."""
    if nanousd < 0:
        return f"-{format_usd(-nanousd)}"
    whole, fraction = divmod(nanousd, NANO_PER_USD)
    return f"{whole}.{fraction:09d}".rstrip("0") if fraction else str(whole)
