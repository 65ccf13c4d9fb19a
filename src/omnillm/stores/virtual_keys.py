"""The virtual keys that a ledger keeps, and the pepper of their digests."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
from msgspec.structs import replace

from omnillm.records import Posting, VirtualKey
from omnillm.stores import pepper
from omnillm.stores.connection import Connection

PostDurably = Callable[[Posting], Awaitable[None]]
Read = Callable[[Callable[[Connection], list[VirtualKey]]], Awaitable[list[VirtualKey]]]


class VirtualKeys(Protocol):
    """`Store.virtual_keys`: rows that change, by whoever shares the ledger. A name is never given twice."""

    async def put(self, key: VirtualKey) -> VirtualKey | None:
        """Write a key, on disk when this returns it with its new revision. None: the name was taken, or the key changed, meanwhile."""
        ...

    async def get(self, name: str) -> VirtualKey | None: ...

    async def since(self, revision: int, *, limit: int) -> list[VirtualKey]:
        """The keys that were written after that revision, in its order. Asked again and again, so it costs nothing when there are none."""
        ...

    async def pepper(self) -> bytes:
        """32 random bytes, made once, for as long as the ledger lives."""
        ...


class MemoryVirtualKeys:
    """Virtual keys in a dict."""

    def __init__(self) -> None:
        self._keys: dict[str, VirtualKey] = {}
        self._revision = 0
        self._pepper = secrets.token_bytes(pepper.BYTES)

    async def put(self, key: VirtualKey) -> VirtualKey | None:
        before = self._keys.get(key.name)
        if (before.revision if before is not None else 0) == key.revision:
            self._revision += 1
            self._keys[key.name] = replace(key, revision=self._revision)
        return _written(key, self._keys.get(key.name))

    async def get(self, name: str) -> VirtualKey | None:
        return self._keys.get(name)

    async def since(self, revision: int, *, limit: int) -> list[VirtualKey]:
        if revision >= self._revision:
            return []
        found = (key for key in self._keys.values() if key.revision > revision)
        return sorted(found, key=lambda key: key.revision)[:limit]

    async def pepper(self) -> bytes:
        return self._pepper


class SqlVirtualKeys:
    """Virtual keys in a database, written by the ledger's writer. Its lock keeps others out: what is new is known without a query."""

    def __init__(self, keep_pepper: Callable[[], bytes], post_durably: PostDurably, read: Read) -> None:
        self._keep_pepper = keep_pepper
        self._post_durably = post_durably
        self._read = read
        self._latest: int | None = None
        """The newest revision; None: it has not been read yet."""
        self._writes = 0
        self._writing: set[asyncio.Task[None]] = set()

    async def put(self, key: VirtualKey) -> VirtualKey | None:
        """If the caller is cancelled, the key is written all the same, and the next `since` finds it."""
        writing = asyncio.create_task(self._write(key))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        await asyncio.shield(writing)
        return _written(key, await self.get(key.name))

    async def _write(self, key: VirtualKey) -> None:
        try:
            await self._post_durably(Posting(virtual_keys=(key,)))
        finally:
            self._writes += 1
            self._latest = None

    async def get(self, name: str) -> VirtualKey | None:
        return next(iter(await self._read(lambda db: _rows(db, "name = ?", name))), None)

    async def since(self, revision: int, *, limit: int) -> list[VirtualKey]:
        latest = self._latest
        if latest is not None and revision >= latest:
            return []
        writes = self._writes
        found = await self._read(lambda db: _rows(db, "revision > ? ORDER BY revision LIMIT ?", revision, limit))
        if len(found) < limit and writes == self._writes:
            self._latest = found[-1].revision if found else revision
        return found

    async def pepper(self) -> bytes:
        return await asyncio.to_thread(self._keep_pepper)


NEXT: Final = "(SELECT coalesce(max(revision), 0) + 1 FROM virtual_keys)"
INSERT: Final = f"INSERT INTO virtual_keys (record, name, revision) VALUES (?, ?, {NEXT}) ON CONFLICT (name) DO NOTHING"
UPDATE: Final = f"UPDATE virtual_keys SET record = ?, revision = {NEXT} WHERE name = ? AND revision = ?"


def write(connection: Connection, key: VirtualKey) -> None:
    """Within the transaction of its posting."""
    record = msgspec.json.encode(replace(key, revision=0)).decode()
    if key.revision:
        connection.execute(UPDATE, (record, key.name, key.revision))
    else:
        connection.execute(INSERT, (record, key.name))


def _rows(connection: Connection, condition: str, *values: Any) -> list[VirtualKey]:
    found = connection.execute(f"SELECT record, revision FROM virtual_keys WHERE {condition}", values).fetchall()
    return [replace(msgspec.json.decode(record, type=VirtualKey), revision=revision) for record, revision in found]


def _written(key: VirtualKey, found: VirtualKey | None) -> VirtualKey | None:
    is_ours = found is not None and found.revision > key.revision and replace(found, revision=key.revision) == key
    return found if is_ours else None
