"""A large body, slice by slice: on its way out, or read here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from omnillm.errors import BadRequest
from omnillm.transport.spool import Body, Unsent

SLICE_BYTES: Final = 262_144


class Sending:
    """The body that one connection sends: what its socket does not take at once follows later, even when the reply has begun."""

    __slots__ = ("_is_paused", "_transport", "rest")
    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._is_paused = False
        self.rest: Unsent | None = None
        """None: the body is out, or was dropped."""

    def begin(self, transport: asyncio.Transport, head: bytes, body: Body) -> None:
        """The head with what is in memory and no more than a slice, or else with the first slice, in one system call."""
        if isinstance(body, bytes) and len(body) <= SLICE_BYTES:
            transport.writelines((head, body))
            return
        self._transport = transport
        self.rest = Unsent(body)
        self._send_slice(head)
        self._go_on()

    def pause(self) -> None:
        """The socket has enough."""
        self._is_paused = True

    def resume(self) -> None:
        """It takes more."""
        self._is_paused = False
        self._go_on()

    def drop(self) -> None:
        """Nothing more of it leaves."""
        self.rest = None

    def _go_on(self) -> None:
        while self.rest is not None and not self._is_paused and not self._transport.is_closing():
            self._send_slice()

    def _send_slice(self, head: bytes = b"") -> None:
        rest = self.rest
        assert rest is not None
        piece = rest.take(SLICE_BYTES)
        if not piece and not rest.is_empty:  # a file that became shorter: what was begun cannot be ended
            self._transport.abort()
            return
        if rest.is_empty:
            self.rest = None
        if head and piece:
            self._transport.writelines((head, piece))
        else:
            self._transport.write(head or piece)


async def slices_of(body: Body) -> AsyncIterator[bytes]:
    """A body that is read here, not sent. Others have their turn of the loop after each slice. BadRequest: its file became shorter."""
    rest = Unsent(body)
    while not rest.is_empty:
        piece = rest.take(SLICE_BYTES)
        if not piece:
            raise BadRequest("The file became shorter while it was read.", code="unreadable_file")
        yield bytes(piece)
        await asyncio.sleep(0)
