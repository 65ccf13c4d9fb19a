"""The built-in price list, and the configuration's own prices before it."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from omnillm.pricing.cost import Price

Models = dict[str, dict[str, dict[str, int | dict[str, int]]]]


class PriceList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file `catalog.json`."""

    version: str
    date: str
    """ISO day on which the figures were taken from `source`."""
    source: str
    models: Models
    """kind of provider -> model -> rates, limits, and `long` with the rates above `long_prompt` prompt tokens."""
    aliases: dict[str, dict[str, str]]
    """kind -> another name or a dated snapshot -> the model in `models`. Each is listed: a prefix proves nothing."""


class Catalog:
    """Finds prices. An unlisted model has none: a guess could exceed a budget."""

    def __init__(self, overrides: Mapping[str, Price], listed: Mapping[tuple[str, str], Price]) -> None:
        """`overrides` by "provider/model", `listed` by (kind, model)."""
        self._overrides = overrides
        self._listed = listed

    @classmethod
    def parse(cls, content: bytes, overrides: Mapping[str, Price]) -> "Catalog":
        """From the bytes of `catalog.json`. Raises msgspec.DecodeError or ValueError when it is not one."""
        price_list = msgspec.json.decode(content, type=PriceList)
        listed = {
            (kind, model): _price(fields, price_list.version)
            for kind, models in price_list.models.items()
            for model, fields in models.items()
        }
        for kind, aliases in price_list.aliases.items():
            for alias, model in aliases.items():
                if (kind, alias) in listed or (kind, model) not in listed:
                    raise ValueError(f"the alias {alias!r} of {kind} is a model itself, or {model!r} is not listed")
            listed |= {(kind, alias): listed[kind, model] for alias, model in aliases.items()}
        return cls(overrides, listed)

    def find(self, provider: str, kind: str, model: str) -> Price | None:
        """The configured price of `provider`'s model, else the listed one of its kind; a limit that the first lacks is the second's."""
        listed = self._listed.get((kind, model))
        configured = self._overrides.get(f"{provider}/{model}")
        if configured is None or listed is None:
            return configured or listed
        return replace(
            configured,
            max_output=configured.max_output or listed.max_output,
            context=configured.context or listed.context,
        )


def _price(fields: Mapping[str, int | dict[str, int]], version: str) -> Price:
    rates = {name: value for name, value in fields.items() if isinstance(value, int)}
    price = replace(Price.of(**rates), version=version)
    above = fields.get("long")
    return replace(price, long=Price.of(**(rates | above))) if isinstance(above, dict) else price
