"""Reads `vendor_prices.json`: what vendors say on their own pages, where the two sources of the price list are wrong, late or silent.

Each statement names its page and the day on which it stood there; `record` says who wrote that down, where the page itself was not at
hand. Amounts are USD per million tokens, fees USD per thousand calls. A
statement with a rate of the prompt is all that its models cost: whatever the sources say of their rates is dropped. Another one sets what
it names and leaves the rest. Models may be patterns (`qwen*`): a rule for those that are known already.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, NamedTuple

STATEMENTS: Final = Path(__file__).with_name("vendor_prices.json")
TIERS: Final = frozenset({"batch", "fast", "flex", "priority", "ultrafast"})
_NEEDED: Final = frozenset({"section", "models", "source", "seen"})
_MORE: Final = frozenset(
    {"record", "from", "aliases", "rates", "least", "tools", "uplifts", "limits", "thinks", "uncapped", "unbounded", "factor"}
)


class Statement(NamedTuple):
    section: str
    models: tuple[str, ...]
    """The first of names without a pattern is the one that `aliases` are other names of."""
    source: str
    seen: str
    """ISO day."""
    record: str = ""
    """Whose copy of the page was read; "": the page."""
    begins: str = ""
    """ISO day from which it holds; "": it does."""
    aliases: tuple[str, ...] = ()
    rates: Mapping[tuple[str, int, str], Decimal] = {}
    """(service tier or "", above so many prompt tokens or 0, rate) -> USD per million."""
    least: Mapping[str, tuple[str, Decimal]] = {}
    """Rate -> (another, times): it costs at least so many times the other, in each tier and above each length."""
    tools: Mapping[str, Decimal] = {}
    uplifts: Mapping[str, Decimal] = {}
    limits: Mapping[str, int] = {}
    thinks: bool | None = None
    is_uncapped: bool = False
    """A request cannot say how often the model may call the vendor's tools."""
    is_unbounded: bool = False
    """Nor how much is read and written for it: several work on one answer."""
    factor: Decimal = Decimal(1)
    """Everything that these models cost is so many times what it was."""

    def names(self, known: Mapping[str, Any]) -> Iterator[str]:
        """The models that it is about: those named, and of `known` those that a pattern matches."""
        for each in self.models:
            if "*" in each:
                yield from sorted(name for name in known if fnmatchcase(name, each))
            else:
                yield each

    @property
    def is_whole(self) -> bool:
        return ("", 0, "input") in self.rates


def read_statements(text: str) -> list[Statement]:
    """ValueError: one is not of this form."""
    return [_statement(each) for each in json.loads(text, parse_float=Decimal, parse_int=Decimal)]


def _statement(told: dict[str, Any]) -> Statement:
    if told.keys() - _NEEDED - _MORE or not told.keys() >= _NEEDED:
        raise ValueError(f"not a statement: {told}")
    return Statement(
        section=told["section"],
        models=tuple(told["models"]),
        source=told["source"],
        seen=told["seen"],
        record=told.get("record", ""),
        begins=told.get("from", ""),
        aliases=tuple(told.get("aliases", ())),
        rates={_place(words): Decimal(amount) for words, amount in told.get("rates", {}).items()},
        least={rate: (of, Decimal(times)) for rate, (of, times) in told.get("least", {}).items()},
        tools=told.get("tools", {}),
        uplifts=told.get("uplifts", {}),
        limits={name: int(tokens) for name, tokens in told.get("limits", {}).items()},
        thinks=told.get("thinks"),
        is_uncapped=told.get("uncapped", False),
        is_unbounded=told.get("unbounded", False),
        factor=Decimal(told.get("factor", 1)),
    )


def _place(words: str) -> tuple[str, int, str]:
    """From "batch cache_read above 272000"."""
    rest, _, above = words.partition(" above ")
    tier, _, rate = rest.rpartition(" ")
    if tier and tier not in TIERS:
        raise ValueError(f"no such service tier: {words!r}")
    return tier, int(above or 0), rate
