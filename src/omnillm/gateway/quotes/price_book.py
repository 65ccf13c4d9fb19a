"""The price of each target. Each is looked up once."""

from collections.abc import Mapping

from msgspec.structs import replace

from omnillm.pricing.catalog import Catalog
from omnillm.pricing.cost import Price
from omnillm.pricing.terms import PLAIN, Terms

MOST_KEPT = 10_000
"""Prices that are kept. Model names can come from strangers; those that come later are looked up each time.

A name has 256 characters at most. Terms have no such limit, so of those that no list prices nothing is kept."""


class PriceBook:
    """The price of each target under each terms, looked up once."""

    def __init__(self, catalog: Catalog, sections: Mapping[str, str], places: Mapping[str, str] | None = None) -> None:
        """`sections`: provider -> the part of the price list that holds its models; `places`: provider -> where its models always run."""
        self.catalog = catalog
        self.sections = sections
        self._places = places or {}
        self._found: dict[tuple[str, str] | tuple[tuple[str, str], Terms], Price | None] = {}

    def find(self, target: tuple[str, str], terms: Terms = PLAIN) -> Price | None:
        """`target`: provider and its own name of the model."""
        key = target if terms is PLAIN else (target, terms)
        try:
            return self._found[key]
        except KeyError:
            price = self._find(*target, terms)
            if len(self._found) < MOST_KEPT and (price is not None or terms == PLAIN):
                self._found[key] = price
            return price

    def on(self, day: str) -> "PriceBook":
        """The book of an ISO day in UTC: this one, if it is its own."""
        catalog = self.catalog.on(day)
        return self if catalog is self.catalog else PriceBook(catalog, self.sections, self._places)

    def _find(self, provider: str, model: str, terms: Terms) -> Price | None:
        """Where the provider's place has no price of its own, the model costs the same there. A provider that is gone has no price."""
        section, place = self.sections.get(provider), self._places.get(provider, "")
        if section is None:  # a reload has taken it away from under a call
            return None
        placed = self.catalog.find(provider, section, model, replace(terms, place=place)) if not terms.place else None
        return placed or self.catalog.find(provider, section, model, terms)


NO_PRICES = PriceBook(Catalog({}, bytes), {})
"""Of nobody's models."""
