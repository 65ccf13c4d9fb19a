"""One client connection of the fake provider: HTTP/1.1 in by httptools, bytes out as they are told."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools
import msgspec

from omnillm.testing.exchange import Exchange
from omnillm.testing.live.session import LiveSession

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Arrived(msgspec.Struct):
    """One complete request."""

    connection: int
    method: str
    target: str
    headers: dict[bytes, bytes]
    body: bytes
    keeps_alive: bool
    websocket_key: bytes = b""
    """Of a WebSocket's handshake."""


class Connection(asyncio.Protocol):
    """Answers its requests one after the other. End-of-file from the client is a hang-up."""

    # fmt: off
    __slots__ = (
        "_answer", "_body", "_drained", "_exchange", "_headers", "_live", "_on_lost", "_on_made", "_parser", "_target", "_transport",
        "_upgrades", "_waiting", "number",
    )
    # fmt: on

    def __init__(
        self,
        number: int,
        answer: Callable[[Arrived, "Connection"], Exchange | LiveSession],
        *,
        on_made: Callable[["Connection"], None],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        """One whose client leaves within the handshake of TLS is neither made nor lost."""
        self.number = number
        self._answer = answer
        self._on_made = on_made
        self._on_lost = on_lost
        self._parser = httptools.HttpRequestParser(self)
        self._drained = asyncio.Event()
        self._drained.set()
        self._waiting: deque[Arrived] = deque()
        self._exchange: Exchange | LiveSession | None = None
        self._live: LiveSession | None = None
        self._start()

    def _start(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by shape only
        self._transport.set_write_buffer_limits(high=1, low=0)  # asyncio's TLS pauses at the mark, the others above it
        self._on_made(self)

    def data_received(self, data: bytes) -> None:
        if self._live is not None:
            self._live.feed(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as end:
            if self._live is not None:
                self._live.feed(data[end.args[0] :])
            elif not self._websocket_key():
                self._refuse()
        except httptools.HttpParserError:
            self._refuse()

    def eof_received(self) -> None:
        self._abandon()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._drained.set()
        self._abandon()
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    # httptools

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        known = self._headers.get(name)
        self._headers[name] = value if known is None else known + b", " + value

    def on_headers_complete(self) -> None:
        self._upgrades = self._parser.should_upgrade()
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, piece: bytes) -> None:
        self._body.append(piece)

    def on_message_complete(self) -> None:
        websocket_key = self._websocket_key() if self._upgrades else b""
        if self._upgrades and not websocket_key:
            return
        self._waiting.append(
            Arrived(
                self.number,
                self._parser.get_method().decode(),
                self._target.decode("latin-1"),
                self._headers,
                b"".join(self._body),
                self._parser.should_keep_alive() and not self._upgrades,
                websocket_key,
            )
        )
        if not self._upgrades:
            self._start()
        if self._exchange is None:
            self.free()

    # what an exchange does

    def write(self, raw: bytes) -> None:
        self._transport.write(raw)

    async def drain(self) -> None:
        """Returns once the kernel has taken everything."""
        await self._drained.wait()

    def free(self) -> None:
        """Answers the next request, if one has arrived."""
        self._exchange = None
        if self._waiting and not self._transport.is_closing():
            arrived = self._waiting.popleft()
            self._exchange = answering = self._answer(arrived, self)
            if isinstance(answering, LiveSession):
                self._live = answering
            elif answering.is_ended:
                self.free()

    def close(self) -> None:
        self._exchange = None
        self._transport.close()

    def reset(self) -> None:
        """A TCP reset instead of an orderly end."""
        self._exchange = None
        peer = self._transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def abort(self) -> None:
        """The provider shuts down."""
        self._transport.abort()

    def _websocket_key(self) -> bytes:
        return self._headers.get(b"sec-websocket-key", b"") if self._headers.get(b"upgrade", b"").lower() == b"websocket" else b""

    def _refuse(self) -> None:
        self._transport.write(BAD_REQUEST)
        self._transport.close()

    def _abandon(self) -> None:
        self._waiting.clear()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()
