"""A peer that sends as fast as it can is not read twice before everybody else has had a turn.

libuv reads one socket up to 32 times before it looks at another, as long as each time fills its buffer: eight megabytes of tiny chunks,
frames or events were one turn of several seconds.
"""

import asyncio
from collections.abc import Callable
from typing import Final

FULL_READ: Final = 256_000
"""Bytes that uvloop reads at once (asyncio a little more). Where fewer have come it looks at other sockets by itself."""
TURN_BYTES: Final = 32_768
"""Of a WebSocket, that are taken in one turn of the loop: of frames that hold nothing, six bytes each, that is a twentieth of a second."""


def give_way(transport: asyncio.Transport, may_go_on: Callable[[], bool]) -> None:
    """Read on in the next turn of the loop, if that `may` be then."""
    if not transport.is_closing():
        transport.pause_reading()
        asyncio.get_running_loop().call_soon(_go_on, transport, may_go_on)


def _go_on(transport: asyncio.Transport, may_go_on: Callable[[], bool]) -> None:
    if may_go_on() and not transport.is_closing():
        transport.resume_reading()


class Turns:
    """What has come in one large read and is taken a piece in each turn of the loop."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting = b""

    def __len__(self) -> int:
        """Bytes that wait."""
        return len(self._waiting)

    def add(self, data: bytes, receive: Callable[[bytes], None], done: Callable[[], None]) -> None:
        """`receive` is called with each piece, with the first at once unless something waits already; `done` behind the last."""
        is_first = not self._waiting
        self._waiting += data
        if is_first:
            self._take(receive, done)

    def drain(self) -> bytes:
        """All that waits: it has no turn any more."""
        waiting, self._waiting = self._waiting, b""
        return waiting

    def _take(self, receive: Callable[[bytes], None], done: Callable[[], None]) -> None:
        if not self._waiting:
            return  # it was drained
        piece, self._waiting = self._waiting[:TURN_BYTES], self._waiting[TURN_BYTES:]
        receive(piece)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._take, receive, done)
        else:
            done()
