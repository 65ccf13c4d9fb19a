"""Wires that break at a given byte: a provider's reply on its way to the gateway, and what a client says and hears."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Literal, Self, cast

How = Literal["close", "reset", "half"]
RESETS: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing is a reset."""
QUIET_S: Final = 0.02
"""Whoever has begun to speak and is silent for so long has perhaps said all."""


def part(transport: asyncio.Transport, *, is_reset: bool) -> None:
    """End a connection, in good order or with a reset."""
    if is_reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
        transport.abort()
    else:
        transport.close()


class End(asyncio.Protocol):
    """Of a connection through a wire: what comes here leaves at `other`."""

    transport: asyncio.Transport
    other: "End"

    def __init__(self, carry: Callable[["End", bytes], None], on_made: Callable[["End"], None] | None = None) -> None:
        self._carry = carry
        self._on_made = on_made
        self.is_cut = False
        """Whoever is here is not told when the other end is lost."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        self._carry(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.other.is_cut:
            self.other.transport.close()


class Wire:
    """`async with Wire(port) as wire:` what comes to `wire.port` goes on to `port`, and the answers back, until `cut` takes hold.

    Whoever answered does not notice: the rest of its words is dropped, until `mend`.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.passed = 0
        """Bytes of answers that came since the last `cut`, whether or not they went through."""
        self._left: int | None = None
        self._is_reset = False
        self._to = port
        self._server: asyncio.Server | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._ends: list[End] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        self.mend()

    def cut(self, after: int | None, *, is_reset: bool = False) -> None:
        """So many bytes of the next answer go through, and then nothing of its connection; None: all of every answer."""
        self.passed, self._left, self._is_reset = 0, after, is_reset

    def mend(self) -> None:
        """Who answered into a wire that was cut sees its end now."""
        for end in self._ends:
            end.transport.close()
        self._ends.clear()

    def _accept(self) -> End:
        return End(lambda end, data: end.other.transport.write(data), self._go_on)

    def _go_on(self, asking: End) -> None:
        """Nothing is read before it can be passed on."""
        asking.transport.pause_reading()
        asking.other = answering = End(self._answer)
        answering.other = asking
        opening = asyncio.get_running_loop().create_task(self._open(asking, answering))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _open(self, asking: End, answering: End) -> None:
        await asyncio.get_running_loop().create_connection(lambda: answering, "127.0.0.1", self._to)
        asking.transport.resume_reading()

    def _answer(self, end: End, data: bytes) -> None:
        self.passed += len(data)
        if end.is_cut:
            return
        if self._left is None:
            end.other.transport.write(data)
            return
        end.other.transport.write(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._left, end.is_cut = None, True
            self._ends.append(end)
            part(end.other.transport, is_reset=self._is_reset)


async def leave(port: int, said: bytes, how: How, *, after: int | None = None) -> bytes:
    """Say that, hear so many bytes of what is answered (None: none; while there are any), and hang up. Returns what was heard.

    Half: only our own side ends, and what comes then is heard too.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    heard = b""
    with suppress(ConnectionError):
        with suppress(TimeoutError):
            while after is not None and len(heard) < after:
                async with asyncio.timeout(QUIET_S if heard else 5.0):
                    piece = await reader.read(after - len(heard))
                if not piece:
                    break
                heard += piece
        if how == "half":
            writer.write_eof()
            heard += await reader.read()
    part(writer.transport, is_reset=how == "reset")
    with suppress(ConnectionError):
        await writer.wait_closed()
    return heard
