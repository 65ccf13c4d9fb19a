"""Finds prices: the configuration's own before those of the built-in list."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b

import msgspec

from omnillm.pricing.cost import Price
from omnillm.pricing.listing import Listing
from omnillm.pricing.terms import PLAIN, Terms


class PriceList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file `catalog.json`. A model's entry is decoded only when it is asked for: there are thousands."""

    version: str
    date: str
    """ISO day of the figures."""
    source: str
    models: dict[str, dict[str, msgspec.Raw]]
    """Section -> model -> `Listing`. A section is a kind of provider, or the vendor of an OpenAI-compatible host."""
    aliases: dict[str, dict[str, str]]
    """Section -> another name or a dated snapshot -> the model in `models`. Each is listed: a prefix proves nothing."""

    def find(self, section: str, model: str) -> tuple[str, Listing] | None:
        """(name of the entry, entry). msgspec.ValidationError: the entry is not a price."""
        models = self.models.get(section, {})
        name = model if model in models else self.aliases.get(section, {}).get(model, "")
        raw = models.get(name)
        return None if raw is None else (name, _listing(raw))


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Where a price was found."""

    listing: Listing
    version: str
    """Of the figures: "2026-11-28:openai/gpt-5", or "configured-1f3870be274f:openai/gpt-5" with a digest of them."""
    rule: str
    """configured, exact or alias."""


_listing = msgspec.json.Decoder(Listing).decode
_price_list = lru_cache(maxsize=1)(msgspec.json.Decoder(PriceList).decode)
"""Configurations that follow each other have the same built-in list."""


class Catalog:
    """An unlisted model has no price: a guess could exceed a budget."""

    def __init__(self, overrides: Mapping[str, Listing], load: Callable[[], bytes]) -> None:
        """`overrides` by "provider/model"; `load` brings the bytes of `catalog.json` when they are first needed."""
        self._overrides = overrides
        self._load = load
        self._price_list: PriceList | None = None

    @property
    def price_list(self) -> PriceList:
        """msgspec.DecodeError: it is not one."""
        if self._price_list is None:
            self._price_list = _price_list(self._load())
        return self._price_list

    def find(self, provider: str, section: str, model: str, terms: Terms = PLAIN) -> Price | None:
        """None: the model is not known, or not under these terms."""
        match = self.match(provider, section, model)
        return None if match is None else match.listing.price(terms, match.version)

    def match(self, provider: str, section: str, model: str) -> Match | None:
        """The configured price of `provider`'s model, else the listed one of its section.

        What a configured one does not say beside its rates is as listed.
        """
        configured = self._overrides.get(f"{provider}/{model}")
        is_whole = configured is not None and configured.max_output and configured.context
        listed = None if is_whole else self.price_list.find(section, model)
        if configured is None:
            if listed is None:
                return None
            name, listing = listed
            version = f"{self.price_list.version}:{section}/{name}"
            return Match(listing=listing, version=version, rule="exact" if name == model else "alias")
        own = configured
        if listed is not None:
            theirs = listed[1]
            own = msgspec.structs.replace(
                own,
                max_output=own.max_output or theirs.max_output,
                context=own.context or theirs.context,
                thinks=theirs.thinks if own.thinks is None else own.thinks,
            )
        return Match(listing=own, version=f"configured-{digest(configured)}:{provider}/{model}", rule="configured")

    def figures(self, version: str, section: str, model: str) -> Listing | None:
        """The entry that a ledger's row names, if these are still the figures that it was charged by (`reference.Reference`)."""
        configured = self._overrides.get(f"{section}/{model}")
        if configured is not None and version == f"configured-{digest(configured)}":
            return configured
        listed = self.price_list.find(section, model) if version == self.price_list.version else None
        return None if listed is None else listed[1]


def digest(listing: Listing) -> str:
    """12 hex digits that are equal for equal figures."""
    return blake2b(msgspec.json.encode(listing, order="deterministic"), digest_size=6).hexdigest()
