"""Money as users of the library write it: decimal USD, never a float."""

from collections.abc import Callable
from decimal import Decimal
from types import NoneType
from typing import Any, Final

import msgspec

from omnillm.config import values
from omnillm.config.prices import PriceSettings
from omnillm.errors import ConfigError
from omnillm.library.pool import read
from omnillm.money import NANO_PER_USD

Usd = Decimal | str | int


class PriceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A model's price in USD per million tokens, as Decimal, str or int. What is not given costs like what it is a kind of."""

    input: Usd
    output: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None
    cache_write_1h: Usd | None = None
    reasoning: Usd | None = None
    input_audio: Usd | None = None
    cache_read_audio: Usd | None = None
    output_audio: Usd | None = None
    input_image: Usd | None = None
    cache_read_image: Usd | None = None
    output_image: Usd | None = None
    input_video: Usd | None = None
    output_video: Usd | None = None
    max_output: int | None = None
    """Tokens; without it a call that has no output cap of its own gets one when a budget must be kept."""
    thinks: bool | None = None
    """False: the model never reasons unseen, which an abandoned stream is charged for. None: as the built-in list says of it."""


_AS_NAMED: Final = (
    *("cache_read", "reasoning", "input_audio", "cache_read_audio", "output_audio"),
    *("input_image", "cache_read_image", "output_image", "input_video", "output_video"),
)


def price_settings(model: str, price: PriceConfig) -> PriceSettings:
    if not isinstance(price, PriceConfig):
        raise ConfigError("must be a PriceConfig", path=f"prices.{model}")
    if type(price.thinks) not in {bool, NoneType}:
        raise ConfigError("must be True, False or None", path=f"prices.{model}.thinks")

    def rate(name: str) -> int | None:
        given = getattr(price, name)
        return None if given is None else read_usd(given, f"prices.{model}.{name}", values.rate)

    as_named: dict[str, Any] = {name: rate(name) for name in _AS_NAMED}
    return PriceSettings(
        input=read_usd(price.input, f"prices.{model}.input", values.rate),
        output=read_usd(price.output, f"prices.{model}.output", values.rate),
        cache_write_short=rate("cache_write"),
        cache_write_long=rate("cache_write_1h"),
        **as_named,
        max_output=None if price.max_output is None else read(values.tokens, price.max_output, f"prices.{model}.max_output"),
        thinks=price.thinks,
    )


def read_usd(amount: Usd, path: str, reader: Callable[[str], int] = values.usd) -> int:
    """Decimal USD -> nano-USD; ConfigError at `path` for anything else, and for what `reader` finds absurd."""
    if isinstance(amount, float):
        raise ConfigError("must be Decimal, str or int: a float is not an amount of money", path=path)
    return read(reader, format(amount, "f") if isinstance(amount, Decimal) else amount, path)


def usd(nanousd: int) -> Decimal:
    """Nano-USD as exact decimal USD."""
    return Decimal(nanousd) / NANO_PER_USD
