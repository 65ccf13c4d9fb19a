"""What a fake provider keeps for one key: files, uploads, batches, stored responses, caches. No other key finds it."""

import itertools
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from omnillm.testing.replies.speaker import Json
from omnillm.testing.request import Request

JSON: Final = "application/json"


class Kept(msgspec.Struct, kw_only=True):
    """One object: as it is told, and what it holds."""

    told: Json
    content: bytes = b""


class Answer(msgspec.Struct, kw_only=True):
    body: bytes
    status: int = 200
    content_type: str = JSON
    fields: dict[str, str] = {}

    @classmethod
    def json(cls, body: Json, **fields: str) -> "Answer":
        return cls(body=msgspec.json.encode(body), fields=fields)


class Shelf:
    """Objects by kind and id, in the order in which they were made; ids are one count for all keys."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._kept: dict[str, dict[str, Kept]] = {}

    def serial(self) -> str:
        return f"{next(self._numbers):08d}"

    def keep(self, kind: str, name: str, told: Json, content: bytes = b"") -> Json:
        self._kept.setdefault(kind, {})[name] = Kept(told=told, content=content)
        return told

    def find(self, kind: str, name: str) -> Kept | None:
        return self._kept.get(kind, {}).get(name)

    def drop(self, kind: str, name: str) -> bool:
        return self._kept.get(kind, {}).pop(name, None) is not None

    def newest(self, kind: str, after: str, limit: int) -> tuple[list[Json], bool]:
        """(a page of what is kept, the newest first, and behind `after`; whether there is more)."""
        names = list(reversed(self._kept.get(kind, {})))
        start = names.index(after) + 1 if after in names else 0
        page = names[start : start + limit]
        return [self._kept[kind][name].told for name in page], start + limit < len(names)


Handler = Callable[[Shelf, Request], Answer | None]
"""None: nothing of this provider's. Raises Malformed."""


class Shelves:
    """One for each key."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._shelves: dict[str, Shelf] = {}

    def of(self, key: str) -> Shelf:
        return self._shelves.setdefault(key, Shelf(self._numbers))
