"""What a fake provider keeps for one key: files, uploads, batches, stored responses, caches. No other key finds it."""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

Json = dict[str, Any]
JSON: Final = "application/json"
PART: Final = re.compile(
    rb'content-disposition: form-data; name="(\w+)"(?:; filename="([^"]*)")?[^\r\n]*(?:\r\n[^\r\n]+)*\r\n\r\n(.*)',
    re.DOTALL | re.IGNORECASE,
)


class Request(msgspec.Struct, kw_only=True):
    method: str
    path: str
    query: dict[str, str]
    target: str
    headers: dict[bytes, bytes]
    body: bytes
    created: int
    """Unix seconds."""

    @classmethod
    def of(cls, method: str, target: str, headers: dict[bytes, bytes], body: bytes, *, created: int) -> "Request":
        path, _, query = target.partition("?")
        return cls(method=method, path=path, query=dict(parse_qsl(query)), target=target, headers=headers, body=body, created=created)

    def every(self, name: str) -> list[str]:
        """The values of a parameter that may stand several times."""
        return [value for each, value in parse_qsl(self.target.partition("?")[2]) if each == name]

    @property
    def json(self) -> Json:
        decoded = msgspec.json.decode(self.body)
        return decoded if isinstance(decoded, dict) else {}

    @property
    def origin(self) -> str:
        return f"http://{self.headers.get(b'host', b'').decode('latin-1')}"

    def form(self) -> dict[str, tuple[str, bytes]]:
        """Name -> (file name, content) of a multipart body."""
        _, _, boundary = self.headers.get(b"content-type", b"").partition(b"boundary=")
        found = {}
        for piece in self.body.split(b"--" + boundary.strip(b'"'))[1:-1]:
            part = PART.search(piece)
            if part is not None:
                found[part[1].decode()] = ((part[2] or b"").decode(), part[3].removesuffix(b"\r\n"))
        return found


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
"""None: nothing of this provider's."""


class Shelves:
    """One for each key."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._shelves: dict[str, Shelf] = {}

    def of(self, key: str) -> Shelf:
        return self._shelves.setdefault(key, Shelf(self._numbers))
