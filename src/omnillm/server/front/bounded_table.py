"""A table of bounded size. It forgets the entries that nobody has asked for lately."""

from typing import Generic, TypeVar

from msgspec import Struct


class Entry(Struct, frozen=True, gc=False):
    """One in `BoundedTable`."""

    size: int
    """Bytes that it counts for."""


EntryT = TypeVar("EntryT", bound=Entry)


class BoundedTable(Generic[EntryT]):
    """Two halves. New entries fill the young one; when it is full it becomes the old one, and what was in that is forgotten.

    An entry that is asked for moves to the young half, so that only what nobody asks for goes.
    """

    __slots__ = ("_most", "_most_bytes", "_old", "_young", "_young_bytes")

    def __init__(self, most: int, most_bytes: int) -> None:
        """A half is full at so many entries, or with so many bytes of them."""
        self._most = most
        self._most_bytes = most_bytes
        self.clear()

    def clear(self) -> None:
        self._young: dict[bytes, EntryT] = {}
        self._old: dict[bytes, EntryT] = {}
        self._young_bytes = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> EntryT | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: bytes, entry: EntryT) -> None:
        replaced = self._young.pop(key, None)
        if replaced is not None:
            self._young_bytes -= replaced.size
        if len(self._young) >= self._most or self._young_bytes + entry.size > self._most_bytes:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        self._young[key] = entry
        self._young_bytes += entry.size
