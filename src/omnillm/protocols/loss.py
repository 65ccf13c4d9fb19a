"""What a translation could not carry, said by machine-readable reasons."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")
_UNPRINTABLE = re.compile(r"[^!-+\--~]")
"""Also blanks and commas, which separate the reasons."""
LossKind = Literal["dropped", "approximated", "defaulted", "moved"]


class LossReason(msgspec.Struct, frozen=True, kw_only=True, order=True):
    path: str
    """Of the member that was lost, in the words of the side that has it: "messages[2].content[0].cache_control"."""
    kind: LossKind
    detail: str
    """What became of it, in a few words that name no content: "Gemini has no logit_bias"."""


MOST = 256
"""Reasons that one conversion keeps: a body of a thousand odd members is told as lossy, not copied into the ledger."""
LONGEST_PATH = 200
"""Of a path in characters: names in it are the client's own."""


class Losses:
    """Collects the reasons of one conversion, each once."""

    __slots__ = ("_reasons",)

    def __init__(self) -> None:
        self._reasons: dict[LossReason, None] = {}

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def drop(self, path: str, detail: str) -> None:
        """Note that it is gone."""
        self._note("dropped", path, detail)

    def approximate(self, path: str, detail: str) -> None:
        """Note that something near it was said in its place."""
        self._note("approximated", path, detail)

    def default(self, path: str, detail: str) -> None:
        """Note that the target needs a value which the source did not give."""
        self._note("defaulted", path, detail)

    def move(self, path: str, detail: str) -> None:
        """Note that it is said, but at another place."""
        self._note("moved", path, detail)

    def _note(self, kind: LossKind, path: str, detail: str) -> None:
        if len(self._reasons) < MOST:
            self._reasons[LossReason(path=path[:LONGEST_PATH], kind=kind, detail=detail)] = None

    @property
    def reasons(self) -> tuple[LossReason, ...]:
        """Sorted, without repeats."""
        return tuple(sorted(self._reasons)) if self._reasons else ()


class ConversionReport(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A converted value, and what it cost."""

    value: T
    bridged: bool
    """Whether the two sides speak different protocols."""
    loss_reasons: tuple[LossReason, ...] = ()
    names: Mapping[str, str] = {}
    """Of a request, the functions that had to be renamed: the name that is sent -> the client's own."""

    @property
    def lossy(self) -> bool:
        return bool(self.loss_reasons)


@lru_cache(maxsize=64)  # an application's calls lose the same; the names are a client's, so that the cache stays small
def short_form(reasons: tuple[LossReason, ...], limit: int = 512) -> str:
    """Write the reasons as one header value: "dropped:seed, approximated:reasoning", cut between two of them at `limit` characters.

    What a provider says of its own bookkeeping (vendor extensions) comes last. Names in a path are the client's own: what is no plain
    ASCII becomes "?".
    """
    told = sorted(reasons, key=lambda reason: (".vendor_extensions." in f".{reason.path}", reason))
    words = dict.fromkeys([_UNPRINTABLE.sub("?", f"{reason.kind}:{reason.path}") for reason in told])
    text = ", ".join(words)
    if len(text) <= limit:
        return text
    text = ""
    for number, word in enumerate(words):
        longer = f"{text}, {word}" if text else word
        if len(longer) > limit:
            return f"{text}, +{len(words) - number}" if text else f"{len(words)} losses"
        text = longer
    return text
