"""Names of functions that a protocol does not allow, replaced for the provider and put back for the client."""

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

_DIGITS = 16
_LONGEST_ENDING = 8
_STRANGE = re.compile(r"[^a-zA-Z0-9_-]")


class NameRule(NamedTuple):
    """What a protocol allows: letters, digits, "_" and "-", if it says no more."""

    longest: int
    strange: re.Pattern[str] = _STRANGE
    """A character that it does not allow."""
    first: re.Pattern[str] = re.compile("")
    """How a name must begin; "_" is put before one that does not."""


NAMES_OF_GEMINI = NameRule(128, strange=re.compile(r"[^a-zA-Z0-9_.:-]"), first=re.compile("[a-zA-Z_]"))


def rename(names: Iterable[str], rule: NameRule) -> dict[str, str]:
    """Map each name that the rule does not allow to one that it does; no two to the same."""
    longest, strange, first = rule
    renamed: dict[str, str] = {}
    names = list(dict.fromkeys(names))
    taken = set(names)
    # The last number that was tried, by the beginning that none takes the place of: so none is tried twice.
    numbers: dict[str, int] = {}
    for name in names:
        if 0 < len(name) <= longest and first.match(name) and not strange.search(name):
            continue
        plain = strange.sub("_", name)
        if not plain or not first.match(plain):
            plain = f"_{plain}"
        base = plain = plain[:longest]
        beginning = base[: longest - _LONGEST_ENDING]
        while plain in taken:
            numbers[beginning] = number = numbers.get(beginning, 1) + 1
            ending = f"_{number}"
            plain = base[: longest - len(ending)] + ending
        taken.add(plain)
        renamed[name] = plain
    return renamed


def plain_id(call_id: str) -> str:
    """A tool call's id in the letters that Anthropic allows; the same id always gives the same, another one another."""
    plain = _STRANGE.sub("_", call_id)
    if plain and plain == call_id:
        return plain
    return f"{plain}_{hashlib.sha256(call_id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def exact_id(call_id: str, length: int) -> str:
    """A tool call's id of so many letters and digits, at most 64; the same id always gives the same."""
    if len(call_id) == length and call_id.isascii() and call_id.isalnum():
        return call_id
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def short_id(call_id: str, longest: int) -> str:
    """A tool call's id cut to `longest` characters, its end replaced by a hash of the whole; the same id always gives the same.

    OpenAI takes 40 characters in Chat Completions and 64 in Responses: both can use this.
    """
    if len(call_id) <= longest:
        return call_id
    digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{call_id[: longest - _DIGITS - 1]}_{digest}"
