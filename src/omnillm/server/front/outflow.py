"""What one client connection sends. Small pieces leave together with those of other connections; a client that takes nothing is noticed."""

import asyncio
import socket
import struct
from typing import Final

from omnillm.server.front.crowd import Crowd
from omnillm.server.front.requests import Request

HIGH_WATER = 256 * 1024
SLICE_BYTES = 256 * 1024
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Outflow:
    """`is_paused`: more than the high-water mark is unsent, and nothing is to be written on top."""

    # fmt: off
    __slots__ = (
        "_burst", "_crowd", "_is_ending", "_is_unframed", "_lingers", "_rest", "_room", "_transport", "_unsent", "closes", "is_paused",
    )
    # fmt: on

    def __init__(self, crowd: Crowd, transport: asyncio.Transport) -> None:
        self._crowd = crowd
        self._burst = crowd.burst
        self._transport = transport
        self._room: asyncio.Future[None] | None = None
        self._unsent = 0
        self._is_ending = self._lingers = self._is_unframed = False
        self._rest = memoryview(b"")
        self.closes = False
        """The connection ends behind the next reply, or the one that is being written."""
        self.is_paused = False
        transport.set_write_buffer_limits(high=HIGH_WATER)

    def own_fields(self, request: Request, *, closes: bool = False) -> bytes:
        """The fields `date` and `connection` of a reply. Whether the connection is closed behind it is decided here.

        `closes`: its end is that of the connection, because nothing else tells it.
        """
        crowd, self._is_unframed = self._crowd, closes
        if closes or request.is_last or self.closes or crowd.ends_connections:
            self.closes = True
            return crowd.date_field + b"connection: close\r\n"
        return crowd.date_field if request.http_minor else crowd.date_field + b"connection: keep-alive\r\n"

    def write(self, piece: bytes) -> None:
        self._burst.write(self._transport, piece)

    def write_large(self, piece: bytes) -> None:
        """As `write`, a slice at a time: TLS would encrypt all of it at once, and not say how much of that was taken."""
        self._burst.flush()
        self._rest = memoryview(piece)
        self._go_on()

    def pour_chunk(self, piece: bytes) -> bool:
        """Write a chunk of an open stream; False, and nothing written, while too much is unsent."""
        if self.is_paused:
            return False
        self._burst.write(self._transport, b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    async def room(self) -> None:
        """Wait until it is no longer paused."""
        self.watch()
        if self._room is None or self._room.done():
            self._room = asyncio.get_running_loop().create_future()
        await self._room

    def pause(self) -> None:
        self.is_paused = True
        self._unsent = self._count_unsent()

    def resume(self) -> bool:
        """The socket takes more. False: the rest of a large piece has filled it again at once."""
        self.is_paused = False
        self._go_on()
        if self.is_paused:
            return False
        if self._is_ending:  # not from within the transport's own writing: asyncio's would end twice
            asyncio.get_running_loop().call_soon(self._end_now)
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return True

    def _go_on(self) -> None:
        while self._rest and not self.is_paused and not self._transport.is_closing():
            piece, self._rest = self._rest[:SLICE_BYTES], self._rest[SLICE_BYTES:]
            self._transport.write(piece)

    def _count_unsent(self) -> int:
        return len(self._rest) + self._transport.get_write_buffer_size()

    def watch(self) -> None:
        """Hand all that was written to the socket, and note how much it has not sent: `has_advanced` compares with that."""
        self._burst.flush()
        self._unsent = self._count_unsent()

    def cut(self) -> None:
        """Nothing more goes out. Where only the end of the connection tells that of a reply, a reset tells that it was not whole."""
        self._burst.flush()
        if self._is_unframed and not self._transport.is_closing():  # else its socket may be gone
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def end(self, *, lingers: bool) -> None:
        """Nothing more is written. The transport closes once it has nothing to send: TLS gives what it still has only half a minute.

        `lingers`: only its side of the connection ends.
        """
        self.watch()
        self._is_ending, self._lingers = True, lingers
        if self._unsent:
            self._transport.set_write_buffer_limits(high=1, low=0)  # of 0, asyncio's TLS would be above when it is empty
        else:
            self._end_now()

    def _end_now(self) -> None:
        transport = self._transport
        if not self._lingers:
            transport.close()
        elif transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()

    def has_advanced(self) -> bool:
        """Whether the client has taken something since it was looked at last."""
        before, self._unsent = self._unsent, self._count_unsent()
        return self._unsent < before
