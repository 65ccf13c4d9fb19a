"""Which fields of a value are set. They are looked at together, in C, because most requests set few of the fields that there are."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

Said = Sequence[tuple[str, Any]]
"""Names with what they say, in the order in which they were asked for."""


def said(*names: str) -> Callable[[Any], Said]:
    """Return what finds those of these fields (two or more) that are not None."""
    read, nothing = attrgetter(*names), (None,) * len(names)

    def find(value: Any) -> Said:
        found = read(value)
        return () if found == nothing else [(name, one) for name, one in zip(names, found, strict=True) if one is not None]

    return find


def counted(*names: str) -> Callable[[Any], Said]:
    """Return what finds those of these counts (two or more) that are not 0."""
    read = attrgetter(*names)

    def find(value: Any) -> Said:
        found = read(value)
        return [(name, one) for name, one in zip(names, found, strict=True) if one] if any(found) else ()

    return find
