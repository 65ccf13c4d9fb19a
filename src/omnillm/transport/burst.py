"""Writes in bursts: of the writes of one turn of the event loop, to any sockets, the first is sent at once and the others together."""

import asyncio
from collections import deque

MOST = 64
"""The most pieces that wait: more save nothing, and their receivers could have begun."""
LARGE_BYTES = 65_536
"""A piece above this does not wait: its socket must say soon whether it takes more."""


class Burst:
    """What is written within one turn of the event loop, to whichever sockets.

    The first piece is sent at once: a call that is alone waits for nothing. Those behind it are sent together, before any task goes on in
    the next turn. A socket's pieces keep their order as long as whoever uses its transport directly calls `flush` before.
    """

    __slots__ = ("_is_open", "_loop", "_waiting")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[asyncio.Transport, bytes]] = deque()
        self._is_open = False

    def write(self, transport: asyncio.Transport, piece: bytes) -> None:
        """Dropped if the transport is closing."""
        if not self._is_open:
            self._is_open = True
            loop = self._loop
            if loop is None:  # kept, because each question for it asks the kernel which process this is
                loop = self._loop = asyncio.get_running_loop()
            loop.call_soon(self._end)
            if not transport.is_closing():
                transport.write(piece)
            return
        waiting = self._waiting
        waiting.append((transport, piece))
        if len(waiting) >= MOST or len(piece) > LARGE_BYTES:
            self.flush()

    def flush(self) -> None:
        waiting = self._waiting
        while waiting:
            transport, piece = waiting.popleft()
            if not transport.is_closing():
                transport.write(piece)

    def _end(self) -> None:
        if not self._waiting:
            self._is_open = False
            return
        try:
            self.flush()
        finally:
            self._is_open = bool(self._waiting)
            if self._is_open:  # behind a socket that failed: nobody else's piece is lost
                asyncio.get_running_loop().call_soon(self._end)
