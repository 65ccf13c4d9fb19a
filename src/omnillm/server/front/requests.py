"""What the front and its application hand to each other: a request, its reply, and the application's methods."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Protocol, Self

import msgspec

from omnillm.errors import OmniError
from omnillm.trace_context import TraceFields
from omnillm.transport.spool import Spool
from omnillm.transport.websocket import WebSocket

BODILESS = frozenset({204, 304})
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
ONE_WRITE = 64 * 1024
"""A body above this is written behind its head instead of being copied into one piece with it."""


class Request(msgspec.Struct, eq=False, kw_only=True, gc=False):
    """One request. `headers` has lower-cased names, repeated ones joined with a comma; `path` is percent-decoded once and not normalised.

    `length` is the announced size of the body in bytes (-1: chunked), and stands in no field; `is_last`: the client wants the connection
    closed. Where the head was known (`known_heads.py`), `target`, `query`, `headers` and `peer` are empty: they could bear a credential.
    """

    method: str
    target: bytes = b""
    path: str
    query: str = ""
    headers: dict[bytes, bytes] = {}
    http_minor: int
    peer: str = ""
    body: bytes = b""
    spool: Spool | None = None
    """The body, where it is too large to hold."""
    is_spooled: bool = False
    """Said by the application at the end of the headers: the body may be large."""
    context: object = None
    """What the application found out at the end of the headers."""
    trace: TraceFields | None = None
    """What the client says of the trace that it is part of: with every request something else."""
    is_keepable: bool = False
    """Said by the application's `open`: its context holds for every request with this head, whatever its length, and has no credential."""
    sink: "Sink | None" = None
    """Takes the body as it arrives, in the place of `body`; the application gives it at `open`."""
    length: int = 0
    is_last: bool = False
    expects_continue: bool = False
    """The client sends its body when it is told to."""
    takes_websocket: bool = False
    """Said by the application's `open`: this path is for WebSocket."""
    accept: bytes = b""
    """What a WebSocket handshake is answered with; b"": none was begun."""
    subprotocol: bytes = b""
    """Of the offered ones, the one that is answered."""

    def __repr__(self) -> str:
        """Without query, headers and body: they hold credentials and prompts."""
        return f"Request({self.method} {self.path!r})"


class Sink(Protocol):
    """What a body is added to, a piece at a time. An OmniError from it refuses the request."""

    def __iadd__(self, piece: bytes, /) -> Self: ...
    def __len__(self) -> int: ...
    def finish(self) -> None:
        """It is whole."""
        ...

    @property
    def held(self) -> int:
        """Bytes in memory; the others lie on disk."""
        ...


class Rendered(msgspec.Struct, frozen=True):
    """An error as a reply. `fields` are whole lines: `name: value`, each with its CR LF."""

    status: int
    fields: bytes
    body: bytes


class Wire(Protocol):
    """What a reply is written on: a connection's `Outflow`."""

    is_paused: bool

    def own_fields(self, request: Request, *, closes: bool = False) -> bytes: ...
    def write(self, piece: bytes) -> None: ...
    def write_large(self, piece: bytes) -> None: ...
    def pour_chunk(self, piece: bytes) -> bool: ...
    async def room(self) -> None: ...


class Line(Protocol):
    """What else a reply can do to its connection."""

    def cut(self) -> None: ...
    def switch(self, head: bytes) -> WebSocket: ...


class Reply(msgspec.Struct, eq=False):
    """The answer to one request: either `send`, or `start`, any number of `write`, and `end`.

    `content-length`, `transfer-encoding`, `connection` and `date` are written here; the fields given must not hold them. What
    is written after the client has hung up is dropped; the task that writes it is cancelled.
    """

    _request: Request
    _wire: Wire
    _line: Line
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
        wire, request = self._wire, self._request
        if status in BODILESS or request.method == "HEAD":
            size = b"" if status in BODILESS or not body else b"content-length: %d\r\n" % len(body)
            wire.write(b"%b%b%b%b\r\n" % (STATUS_LINES[status], wire.own_fields(request), fields, size))
            return
        head = b"%b%b%bcontent-length: %d\r\n\r\n" % (STATUS_LINES[status], wire.own_fields(request), fields, len(body))
        if len(body) <= ONE_WRITE:
            wire.write(head + body)
        else:
            wire.write(head)
            wire.write_large(body)

    def start(self, status: int, fields: bytes, size: int = -1) -> None:
        """Begin a reply in pieces, of `size` bytes altogether (-1: nobody knows); its head leaves with the first piece."""
        if self.is_started:
            raise RuntimeError("a reply was started twice")
        self.is_started = True
        request = self._request
        is_sized = size >= 0 and status not in BODILESS
        self._is_silent = status in BODILESS or request.method == "HEAD"
        self._is_chunked = request.http_minor == 1 and not (self._is_silent or is_sized)
        own = self._wire.own_fields(request, closes=not (self._is_chunked or self._is_silent or is_sized))
        framing = b"content-length: %d\r\n\r\n" % size if is_sized else CHUNKED if self._is_chunked else b"\r\n"
        self._head = b"".join((STATUS_LINES[status], own, fields, framing))

    def write(self, piece: bytes) -> None:
        if not self.is_started or self.is_ended:
            raise RuntimeError("a piece was written outside of its reply")
        if not piece or self._is_silent:
            return
        self._wire.write(self._with_head(piece))
        self._head = b""

    def _with_head(self, piece: bytes) -> bytes:
        return b"%b%x\r\n%b\r\n" % (self._head, len(piece), piece) if self._is_chunked else self._head + piece

    def outlet(self) -> Callable[[bytes], bool] | None:
        """As `write`, for chunks behind the first; False, and nothing written, where `drain` would wait. None: HTTP/1.0 has no chunks."""
        return self._wire.pour_chunk if self._is_chunked else None

    async def drain(self) -> None:
        """Wait while more than the high-water mark is unsent. A client that takes nothing for too long is cut off."""
        if self._wire.is_paused:
            await self._wire.room()

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
            self._wire.write(last)

    def switch(self, fields: bytes) -> WebSocket:
        """Answer a handshake with 101: the connection is a WebSocket from here on. It is closed with the task that serves it."""
        if self.is_started:
            raise RuntimeError("a protocol was switched behind a reply")
        self.is_started = self.is_ended = True
        chosen = self._request.subprotocol
        protocol = b"sec-websocket-protocol: %b\r\n" % chosen if chosen else b""
        return self._line.switch(b"".join((SWITCHED, self._request.accept, b"\r\n", protocol, fields)))

    def abort(self) -> None:
        """Cut the connection: the only honest end of a stream that cannot be finished."""
        self.is_started = self.is_ended = True
        self._head = b""
        self._line.cut()


class Application(Protocol):
    def open(self, request: Request) -> object:
        """Called at the end of the headers, before a byte of the body is taken: the context of the request, or an OmniError."""

    def is_current(self, context: object) -> bool:
        """Whether `open` would answer this context, which it called keepable, to its head now. Asked of every known head that comes."""

    def respond(self, request: Request, reply: Reply) -> Coroutine[Any, Any, None]:
        """Answer: one task a request, cancelled at once when the client hangs up. An OmniError before the first byte becomes `problem`."""

    def problem(self, request: Request | None, error: OmniError) -> Rendered:
        """An error in the protocol that the path speaks. `request` is None when not even a head was readable."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


STATUS_LINES = {status: f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode() for status in range(200, 600)}
