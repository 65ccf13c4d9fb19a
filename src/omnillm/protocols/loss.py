"""What a translation could not carry, as reasons that a program can read."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any, Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")
_UNPRINTABLE = re.compile(r"[^!-+\--~]")
"""Also blanks and commas, which separate the reasons."""
LossKind = Literal["dropped", "approximated", "defaulted", "moved"]
Note = tuple[LossKind, str, str]
"""Kind, path and detail of a reason."""


class LossReason(msgspec.Struct, frozen=True, kw_only=True, order=True, cache_hash=True):
    """One thing that a translation could not carry."""

    path: str
    """Of the member that was lost, in the words of the side that has it: "messages[2].content[0].cache_control"."""
    kind: LossKind
    detail: str
    """What became of it, in a few words that name no content: "Gemini has no logit_bias"."""


MOST = 256
"""The most reasons that one conversion keeps, so that a body of a thousand odd members is not copied into the ledger."""
LONGEST_PATH = 200
"""The longest path, in characters: its names are the client's own."""


class Losses(dict[Note, None]):
    """Collects the reasons of one conversion, each once; false while there is none."""

    __slots__ = ()

    def drop(self, path: str, detail: str) -> None:
        """Note that it is gone."""
        if len(self) < MOST:
            self["dropped", path[:LONGEST_PATH], detail] = None

    def approximate(self, path: str, detail: str) -> None:
        """Note that something near it was said in its place."""
        if len(self) < MOST:
            self["approximated", path[:LONGEST_PATH], detail] = None

    def default(self, path: str, detail: str) -> None:
        """Note that the target needs a value which the source did not give."""
        if len(self) < MOST:
            self["defaulted", path[:LONGEST_PATH], detail] = None

    def move(self, path: str, detail: str) -> None:
        """Note that it is said, but at another place."""
        if len(self) < MOST:
            self["moved", path[:LONGEST_PATH], detail] = None

    def drop_said(self, value: Any, names: Iterable[str], owner: str, detail: str) -> None:
        """Note that those of these fields that say something are gone. `owner`: the path of the value, with its dot."""
        for name in names:
            if getattr(value, name):
                self.drop(f"{owner}{name}", detail)

    def drop_extensions(self, extensions: Iterable[str], owner: str, detail: str) -> None:
        """Note that all vendor extensions are gone of what has this path, with its dot; "": of the whole."""
        for name in extensions:
            self.drop(f"{owner}vendor_extensions.{name}", detail)

    @property
    def reasons(self) -> tuple[LossReason, ...]:
        """Sorted, without repeats."""
        return _reasons(tuple(self))


@lru_cache(maxsize=64)  # an application's calls lose the same; the names are a client's, so that the caches here stay small
def _reasons(noted: tuple[Note, ...]) -> tuple[LossReason, ...]:
    return tuple(sorted(LossReason(path=path, kind=kind, detail=detail) for kind, path, detail in noted))


class ConversionReport(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A converted value, and what it cost."""

    value: T
    wire_format: str
    """The protocol, or format of an endpoint family, that the value was read from, or is written in."""
    canonical_endpoint: str = "generate"
    """What is asked for in whatever format: a generation, or what a family does ("embeddings")."""
    bridged: bool
    """Whether the two sides speak different protocols."""
    loss_reasons: tuple[LossReason, ...] = ()
    names: Mapping[str, str] = {}
    """Of a request, the functions that had to be renamed: the name that is sent -> the client's own."""

    @property
    def lossy(self) -> bool:
        """Whether there are reasons."""
        return bool(self.loss_reasons)


def joined(one: tuple[LossReason, ...], other: tuple[LossReason, ...]) -> tuple[LossReason, ...]:
    """Return the reasons of two conversions as those of one: sorted, without repeats."""
    return tuple(sorted({*one, *other})) if one and other else one or other


@lru_cache(maxsize=64)
def long_form(reasons: tuple[LossReason, ...]) -> str:
    """Write the reasons as JSON, for the ledger; none of them: ""."""
    return msgspec.json.encode(reasons).decode() if reasons else ""


@lru_cache(maxsize=64)
def kinds_in(told: str) -> tuple[LossKind, ...]:
    """Read the kinds of the reasons back from their long form, one a reason."""
    return tuple(reason.kind for reason in _decode(told)) if told else ()


_decode = msgspec.json.Decoder(tuple[LossReason, ...]).decode


@lru_cache(maxsize=64)
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
    fitting = [said for said in accumulate(words, "{}, {}".format) if len(said) <= limit]
    return f"{fitting[-1]}, +{len(words) - len(fitting)}" if fitting else f"{len(words)} losses"
