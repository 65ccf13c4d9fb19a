"""A wire that breaks where it is told to: between the gateway and its provider, or between a client and the gateway."""

import asyncio
import socket
import struct
from types import TracebackType
from typing import Self

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: the close is a reset."""


class Cutter:
    """`async with Cutter(port) as wire:` passes what comes to `wire.port` on to `port`, each reply only when it has come whole.

    The first reply ends after `after` of its bytes (None: none does), in good order or with a reset; so whoever made it has made all of it.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.after: int | None = None
        self.is_reset = False
        self.whole = b""
        """The newest reply."""
        self._port = port
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        try:
            while raw := await _message(reader):
                self.whole = await self._asked(raw)
                if self.after is not None:
                    after, self.after = self.after, None
                    writer.write(self.whole[:after])
                    await writer.drain()
                    break
                writer.write(self.whole)
                if is_close_delimited(self.whole):
                    break
        except ConnectionError:
            pass
        finally:
            if self.is_reset:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.close()

    async def _asked(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(raw)
            return await _message(reader)
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message, framing and all; b"": the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            size = await reader.readuntil(b"\r\n")
            body += size + await reader.readexactly(int(size, 16) + 2)
        return head + body
    if b"content-length: " in fields:
        return head + await reader.readexactly(int(fields.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    return head + (await reader.read() if head.startswith(b"HTTP/") else b"")


def is_close_delimited(reply: bytes) -> bool:
    head = reply.partition(b"\r\n\r\n")[0].lower()
    return b"content-length: " not in head and b"transfer-encoding: " not in head
