"""Patterns of model names. `*` matches any text; every other character matches itself."""

from collections.abc import Iterable
from functools import lru_cache


class Pattern:
    """One compiled pattern; matching takes time linear in the name."""

    __slots__ = ("_head", "_middle", "_tail", "literal_length", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.literal_length = len(text) - text.count("*")
        self._head, *rest = text.split("*")
        self._middle = rest[:-1]
        self._tail = rest[-1] if rest else None

    def matches(self, name: str) -> bool:
        if self._tail is None:
            return name == self._head
        if len(name) < self.literal_length or not name.startswith(self._head) or not name.endswith(self._tail):
            return False
        at, end = len(self._head), len(name) - len(self._tail)
        for part in self._middle:
            found = name.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True


_compiled = lru_cache(maxsize=4096)(Pattern)


def matches(pattern: str, name: str) -> bool:
    return _compiled(pattern).matches(name)


def is_pattern(text: str) -> bool:
    return "*" in text


def is_allowed(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether `name` is among names and patterns; no pattern at all allows everything."""
    listed = tuple(patterns)
    return not listed or name in listed or any(is_pattern(each) and matches(each, name) for each in listed)
