"""Makes what calls cost from the settings: the configured prices, and the built-in list, which is read when it is first needed."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from omnillm.clock import civil_day
from omnillm.config.prices import PriceSettings, RateSettings, TierSettings
from omnillm.config.settings import Settings
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.gateway.quotes.quoter import Quoter
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.hosts import section_of
from omnillm.pricing.listing import Listing, Rates, Tier
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.places import place_of


def make_prices(settings: Settings, endpoints: Mapping[str, Endpoint], wall: float) -> PriceBook:
    """`wall`: the time, in Unix seconds; `PriceBook.on` is that of another day."""
    sections = {name: section_of(endpoint.kind, urlsplit(endpoint.origin_url).hostname or "") for name, endpoint in endpoints.items()}
    return PriceBook(make_catalog(settings, wall), sections, {name: place_of(endpoint) for name, endpoint in endpoints.items()})


def make_quoter(settings: Settings, endpoints: Mapping[str, Endpoint], wall: float) -> Quoter:
    calls = settings.calls
    apart = frozenset(name.encode() for endpoint in endpoints.values() for name in endpoint.apart_fields)
    return Quoter(
        make_prices(settings, endpoints, wall),
        default_output_tokens=calls.default_output_tokens,
        default_tool_calls=calls.default_tool_calls,
        unknown=settings.pricing.unknown,
        apart_fields=apart,
    )


def day_at(wall: float) -> str:
    """The day that prices go by."""
    return civil_day(int(wall // 86_400))


def make_catalog(settings: Settings, wall: float = 0.0) -> Catalog:
    """Without a time it is good for the figures that rows name, not for what a call costs."""
    overrides = {name: listing_of(price) for name, price in settings.pricing.overrides.items()}
    return Catalog(overrides, read_catalog, day_at(wall))


@cache
def read_catalog() -> bytes:
    return files("omnillm.pricing").joinpath("catalog.json").read_bytes()


def listing_of(price: PriceSettings) -> Listing:
    given = {
        name: value
        for name in ("tools", "images", "tool_call", "request", "max_output", "context", "thinks")
        if (value := getattr(price, name)) is not None
    }
    tiers = {name: Tier(**_rates(tier), steps=_steps(tier, _rates(tier))) for name, tier in price.tiers.items()}
    return Listing(**_rates(price), steps=_steps(price, {}), tiers=tiers, **given)


def _rates(given: RateSettings) -> dict[str, Any]:
    rates = {name: value for name in RateSettings.__struct_fields__ if (value := getattr(given, name)) is not None}
    second = rates.pop("audio_second", None)
    return rates if second is None else rates | {"audio_ms": -(-second // 1000)}


def _steps(given: TierSettings, below: dict[str, Any]) -> dict[str, Rates]:
    """`below`: what holds where a step says nothing else. Without it that is the model's own rate, also in a tier that has another."""
    return {str(step.tokens): Rates(**(below | _rates(step))) for step in given.steps}
