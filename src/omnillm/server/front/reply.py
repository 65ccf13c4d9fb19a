"""`Reply`: what the application answers with. It is written on the outflow of its connection."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from omnillm.server.front.outflow import Outflow
from omnillm.server.front.requests import Request
from omnillm.transport.websocket import WebSocket

if TYPE_CHECKING:
    from omnillm.server.front.connection import Connection

BODILESS = frozenset({204, 304})
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
ONE_WRITE = 64 * 1024
"""A body above this is written behind its head instead of being copied into one piece with it."""


class Reply(msgspec.Struct, eq=False):
    """The answer to one request: either `send`, or `start`, any number of `write`, and `end`.

    `content-length`, `transfer-encoding`, `connection` and `date` are written here; the fields given must not hold them. What
    is written after the client has hung up is dropped; the task that writes it is cancelled.
    """

    _request: Request
    _outflow: Outflow
    _connection: "Connection"
    is_started: bool = False
    is_ended: bool = False
    _head: bytes = b""
    """Waits for the first piece, to leave with it."""
    _is_chunked: bool = False
    _is_silent: bool = False

    def __repr__(self) -> str:
        """Without what was answered."""
        return f"Reply({self._request!r})"

    @property
    def is_out(self) -> bool:
        """Whether a byte has left, so that no other reply can take the place of this one."""
        return self.is_started and not self._head

    def send(self, status: int, fields: bytes, body: bytes) -> None:
        """The whole reply. A HEAD request gets the head only, with the size that the body would have had."""
        if self.is_started:
            raise RuntimeError("a reply was sent twice")
        self.is_started = self.is_ended = True
        outflow, request = self._outflow, self._request
        if status in BODILESS or request.method == "HEAD":
            size = b"" if status in BODILESS or not body else b"content-length: %d\r\n" % len(body)
            outflow.write(b"%b%b%b%b\r\n" % (STATUS_LINES[status], outflow.own_fields(request), fields, size))
            return
        head = b"%b%b%bcontent-length: %d\r\n\r\n" % (STATUS_LINES[status], outflow.own_fields(request), fields, len(body))
        if len(body) <= ONE_WRITE:
            outflow.write(head + body)
        else:
            outflow.write(head)
            outflow.write_large(body)

    def start(self, status: int, fields: bytes, size: int = -1) -> None:
        """Begin a reply in pieces, of `size` bytes altogether (-1: nobody knows); its head leaves with the first piece."""
        if self.is_started:
            raise RuntimeError("a reply was started twice")
        self.is_started = True
        request = self._request
        is_sized = size >= 0 and status not in BODILESS
        self._is_silent = status in BODILESS or request.method == "HEAD"
        self._is_chunked = request.http_minor == 1 and not (self._is_silent or is_sized)
        own = self._outflow.own_fields(request, closes=not (self._is_chunked or self._is_silent or is_sized))
        framing = b"content-length: %d\r\n\r\n" % size if is_sized else CHUNKED if self._is_chunked else b"\r\n"
        self._head = b"".join((STATUS_LINES[status], own, fields, framing))

    def write(self, piece: bytes) -> None:
        if not self.is_started or self.is_ended:
            raise RuntimeError("a piece was written outside of its reply")
        if not piece or self._is_silent:
            return
        self._outflow.write(self._with_head(piece))
        self._head = b""

    def _with_head(self, piece: bytes) -> bytes:
        return b"%b%x\r\n%b\r\n" % (self._head, len(piece), piece) if self._is_chunked else self._head + piece

    def outlet(self) -> Callable[[bytes], bool] | None:
        """As `write`, for chunks behind the first; False, and nothing written, where `drain` would wait. None: HTTP/1.0 has no chunks."""
        return self._outflow.pour_chunk if self._is_chunked else None

    async def drain(self) -> None:
        """Wait while more than the high-water mark is unsent. A client that takes nothing for too long is cut off."""
        if self._outflow.is_paused:
            await self._outflow.room()

    def end(self, piece: bytes = b"") -> None:
        """With its last piece, where that is known for the last: one write for both."""
        if not self.is_started or self.is_ended:
            raise RuntimeError("a reply was ended twice, or before its start")
        self.is_ended = True
        last = self._with_head(piece) if piece and not self._is_silent else self._head
        self._head = b""
        if self._is_chunked:
            last += b"0\r\n\r\n"
        if last:
            self._outflow.write(last)

    def switch(self, fields: bytes) -> WebSocket:
        """Answer a handshake with 101: the connection is a WebSocket from here on. It is closed with the task that serves it."""
        if self.is_started:
            raise RuntimeError("a protocol was switched behind a reply")
        self.is_started = self.is_ended = True
        chosen = self._request.subprotocol
        protocol = b"sec-websocket-protocol: %b\r\n" % chosen if chosen else b""
        return self._connection.switch(b"".join((SWITCHED, self._request.accept, b"\r\n", protocol, fields)))

    def abort(self) -> None:
        """Cut the connection: the only honest end of a stream that cannot be finished."""
        self.is_started = self.is_ended = True
        self._head = b""
        self._connection.cut()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


STATUS_LINES = {status: f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode() for status in range(200, 600)}
