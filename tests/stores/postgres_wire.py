"""The wire between a store and PostgreSQL, which a test can cut, hold, or lose at a COMMIT."""

import asyncio
from contextlib import suppress
from enum import Enum
from pathlib import Path

SOCKET = ".s.PGSQL.5432"
COMMIT = b"COMMIT\0"
AS_STANDBY = (b"S\0\0\0\x17in_hot_standby\0off\0", b"S\0\0\0\x16in_hot_standby\0on\0")
"""What a standby says of itself as a session begins."""


class Loss(Enum):
    """What is lost with the connection at the next COMMIT."""

    QUESTION = "question"
    ANSWER = "answer"


class Wire:
    """Between two directories of sockets; use it as a context manager. Connections are cut when it ends."""

    def __init__(self, here: Path, there: Path):
        self.here = here
        self._there = there
        self._server = None
        self._ends = []
        self._tasks = set()
        self.lose = None
        self.rewrites = (b"", b"")
        """What the server says that the store hears otherwise."""
        self.is_held = False
        self._half_open = []
        self.joined = 0
        """Connections that came in."""

    async def __aenter__(self):
        await self.mend()
        return self

    async def __aexit__(self, *_):
        await self.cut()

    async def mend(self):
        self._server = await asyncio.start_unix_server(self._join, self.here / SOCKET)

    async def cut(self):
        """Nothing comes through, nobody comes in."""
        if self._server is not None:
            self._server.close()
            self._server = None
            (self.here / SOCKET).unlink(missing_ok=True)
        self._half_open.clear()
        for ends in self._ends:
            _close(ends)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def abandon(self):
        """The store's ends close; the server's stay open, and hear nothing more, until the wire is cut."""
        self._half_open += self._ends
        for ours, _ in self._ends:
            ours.close()

    async def _join(self, reader, writer):
        self.joined += 1
        server_reader, server_writer = await asyncio.open_unix_connection(self._there / SOCKET)
        ends = (writer, server_writer)
        self._ends.append(ends)
        task = asyncio.gather(self._pass(reader, server_writer, ends), self._pass(server_reader, writer, ends))
        self._tasks.add(task)
        with suppress(OSError):
            await task
        self._tasks.discard(task)

    async def _pass(self, reader, writer, ends):
        """Until one end closes; then the other one is closed too, unless it is left half open."""
        try:
            while piece := await reader.read(65536):
                if self.is_held:
                    continue
                is_from_server = writer is ends[0]
                if COMMIT in piece and self.lose is (Loss.ANSWER if is_from_server else Loss.QUESTION):
                    self.lose = None
                    return
                writer.write(piece.replace(*self.rewrites) if is_from_server and self.rewrites[0] else piece)
        finally:
            if ends not in self._half_open:
                _close(ends)


def _close(ends):
    for end in ends:
        end.close()
