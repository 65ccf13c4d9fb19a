"""Finds prices: first among the configured ones, then in the built-in list."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from omnillm.pricing.cost import Price
from omnillm.pricing.listing import Listing
from omnillm.pricing.names import spellings
from omnillm.pricing.terms import PLAIN, Terms


class Found(NamedTuple):
    """An entry of the built-in list."""

    name: str
    figures: str
    """Which: "2026-11-29", or "2026-11-29@2027-01-01" of those that were announced for that day."""
    rule: str
    """exact, alias, or spelling: another way to write it."""
    listing: Listing


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
    announced: dict[str, dict[str, dict[str, msgspec.Raw]]] = {}
    """ISO day -> section -> model of `models` -> the entry that takes its place when that day begins (UTC)."""

    def find(self, section: str, model: str, day: str) -> Found | None:
        """The entry that holds on a day. msgspec.ValidationError: the entry is not a price."""
        models, aliases = self.models.get(section, {}), self.aliases.get(section, {})
        for written in (model, *spellings(section, model)):
            name = written if written in models else aliases.get(written, "")
            if name in models:
                since = self._since(section, name, day)
                raw = self.announced[since][section][name] if since else models[name]
                rule = ("exact" if name == written else "alias") if written == model else "spelling"
                return Found(name, f"{self.version}@{since}" if since else self.version, rule, _listing(raw))
        return None

    def _since(self, section: str, name: str, day: str) -> str:
        """The last of the days that have begun on which this model's price changed; "": none has."""
        begun = (begins for begins, sections in self.announced.items() if begins <= day and name in sections.get(section, {}))
        return max(begun, default="")


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Where a price was found."""

    listing: Listing
    version: str
    """Of the figures: "2026-11-28:openai/gpt-5", or "configured-1f3870be274f:openai/gpt-5" with a digest of them (`Found.figures`)."""
    rule: str
    """configured, exact, alias or spelling."""


_listing = msgspec.json.Decoder(Listing).decode
_price_list = lru_cache(maxsize=1)(msgspec.json.Decoder(PriceList).decode)
"""Configurations that follow each other have the same built-in list."""


class Catalog:
    """An unlisted model has no price: a guess could exceed a budget."""

    def __init__(self, overrides: Mapping[str, Listing], load: Callable[[], bytes], day: str = "") -> None:
        """`overrides` by "provider/model"; `load` brings the bytes of `catalog.json` when they are first needed; `day`: as in `on`."""
        self._overrides = overrides
        self._load = load
        self._price_list: PriceList | None = None
        self._day = day

    def on(self, day: str) -> "Catalog":
        """The catalog of an ISO day in UTC, by which what was announced is in force: this one, if it is its own."""
        return self if day == self._day else Catalog(self._overrides, self._load, day)

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
        listed = self.price_list.find(section, model, self._day)
        if configured is None:
            if listed is None:
                return None
            return Match(listing=listed.listing, version=f"{listed.figures}:{section}/{listed.name}", rule=listed.rule)
        own = configured
        if listed is not None:
            theirs = listed.listing
            own = msgspec.structs.replace(
                own,
                max_output=own.max_output or theirs.max_output,
                context=own.context or theirs.context,
                thinks=theirs.thinks if own.thinks is None else own.thinks,
                uncapped=theirs.uncapped,
                unbounded=theirs.unbounded,
            )
        return Match(listing=own, version=f"configured-{digest(configured)}:{provider}/{model}", rule="configured")

    def figures(self, version: str, section: str, model: str) -> Listing | None:
        """The entry that a ledger's row names, if these are still the figures that it was charged by (`reference.Reference`)."""
        configured = self._overrides.get(f"{section}/{model}")
        if configured is not None and version == f"configured-{digest(configured)}":
            return configured
        listed = self.price_list.find(section, model, version.partition("@")[2])
        return None if listed is None or listed.figures != version else listed.listing


def digest(listing: Listing) -> str:
    """12 hex digits that are equal for equal figures."""
    return blake2b(msgspec.json.encode(listing, order="deterministic"), digest_size=6).hexdigest()
