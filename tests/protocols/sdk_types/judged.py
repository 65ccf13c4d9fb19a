"""What became of a member: it is in what was written, or in the report."""

import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from omnillm.protocols.envelope import MARK
from omnillm.protocols.loss import LossReason

_MARKS = re.compile(r"\bz[A-Za-z_]+\b|7321|0\.625|2047|enNvdW5k|enBkZg==|enBuZw==|emJ5dGVz|emRhdGE=")
_IN_BASE64 = {"emRhdGE=": "zdata"}
"""A document's text is bytes elsewhere."""


def marks_of(value: Any) -> set[str]:
    """The values in it that are not chosen from a few, and so can be looked for; an envelope of ours is opened."""
    said = "\n".join([_unsealed(str(leaf)) for leaf in leaves(value)])
    return {_IN_BASE64.get(mark, mark) for mark in _MARKS.findall(said)}


def _unsealed(text: str) -> str:
    while len(text) > len(MARK) and text.startswith((MARK.decode(), binascii.b2a_base64(MARK, newline=False).decode()[:40])):
        text = binascii.a2b_base64(text).decode("utf-8", "replace")
    return text


def leaves(value: Any) -> list[Any]:
    """Everything that is said; an object without members says nothing."""
    if type(value) in {dict, list}:
        return [leaf for each in (value.values() if type(value) is dict else value) for leaf in leaves(each)]
    return [value]


class Said(NamedTuple):
    """What a translation wrote of one body."""

    body: Any
    output: Any
    reasons: frozenset[LossReason]


class Fates:
    """What became of the members of one protocol on the way to another, in the order of their paths: owners before what they own."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        """carried, told, dropped, refused or silent, by path."""
        self._said: dict[str, Said] = {}

    def refuse(self, path: str) -> None:
        self.of[path] = "refused"

    def add(self, path: str, said: Said) -> None:
        self._said[path] = said
        if path:
            owner = parent(path)
            while owner not in self._said:
                owner = parent(owner)
            self.of[path] = _fate(path, said, self._said[owner])

    def silent(self) -> Iterator[str]:
        """Paths of what vanished, without what was dropped with the value that had it."""
        for path, fate in self.of.items():
            if fate == "silent" and not self._is_inside_dropped(path):
                yield path

    def _is_inside_dropped(self, path: str) -> bool:
        while path := parent(path):
            if self.of.get(path) in {"dropped", "refused"}:
                return True
        return False


def parent(path: str) -> str:
    """Of the value that has the member."""
    return path[: max(path.rfind("."), path.rfind("|"), path.rfind("="), 0)]


def _fate(path: str, said: Said, before: Said) -> str:
    """`before`: of the same without the member."""
    is_arm = path[len(parent(path)) :].startswith("|")
    known = marks_of(before.body)
    marks = marks_of(said.body) - (known - marks_of(before.output) if is_arm else known)
    is_changed = said.output != before.output
    if new := said.reasons - before.reasons:
        return "dropped" if any(reason.kind == "dropped" for reason in new) or not is_changed else "told"
    if not marks <= marks_of(said.output):
        return "silent"
    return "carried" if is_changed or (is_arm and marks) or leaves(said.body) == leaves(before.body) else "silent"


class Decided(NamedTuple):
    """Something that neither arrives nor is told, and need not."""

    what: str
    path: str
    """A regular expression; it matches the end of the path."""
    why: str
    targets: str = "CRAGIB"
    """Their first letters: Chat, Responses, Anthropic, Gemini, Interactions, Bedrock's Converse."""


LETTERS: Mapping[str, str] = {
    "openai_chat": "C",
    "openai_responses": "R",
    "anthropic_messages": "A",
    "gemini_generate_content": "G",
    "gemini_interactions": "I",
    "bedrock_converse": "B",
}


def undecided(paths: Iterator[str], target: str, decided: tuple[Decided, ...]) -> tuple[list[str], list[str]]:
    """Return the paths that nobody has decided on, and the decisions on nothing."""
    own = [each for each in decided if LETTERS[target] in each.targets]
    used: set[str] = set()
    left = []
    for path in paths:
        found = next((each for each in own if re.search(f"(?:{each.path})$", path)), None)
        if found is None:
            left.append(path)
        else:
            used.add(found.what)
    return left, [each.what for each in own if each.what not in used]
