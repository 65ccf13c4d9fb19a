"""Reads replies from bytes, one after another. No I/O.

llhttp refuses bare line feeds, folded fields, bad chunks, and a length beside (or twice) a transfer coding. The rest is refused here:
transfer codings other than plain `chunked`, a transfer coding under HTTP/1.0, other versions, 101, odd statuses, and sizes without a limit.
llhttp has no call for the end of the input, so the connection ends replies that last until the connection closes.
"""

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from omnillm.errors import UpstreamLost
from omnillm.transport.handshake import SWITCHING
from omnillm.transport.limits import TransportLimits

INTERIM = frozenset({100, 102, 103})
WITHOUT_BODY = frozenset({204, 304})
VERSIONS = ("1.1", "1.0")


class ReplyReader:
    """The parser of one connection. It lives as long: llhttp starts anew after each complete message."""

    # fmt: off
    __slots__ = (
        "_bodiless", "_fields", "_is_interim", "_is_upgrade", "_limits", "_parser", "_received", "_repeats", "has_head", "has_surplus",
        "headers", "is_close_delimited", "is_complete", "is_keep_alive", "on_body", "pieces", "status", "surplus",
    )
    # fmt: on

    def __init__(self, limits: TransportLimits) -> None:
        self.pieces: list[bytes] = []
        """The pieces of the body that nobody has taken yet."""
        # The parser calls list.append itself: no Python frame a piece.
        self.on_body = self.pieces.append
        self._limits = limits
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.is_close_delimited = False
        self.is_keep_alive = False
        self.has_surplus = False
        self.has_head = False
        self.is_complete = True
        self._is_interim = self._is_upgrade = False
        self.surplus = b""
        """What came behind the head that switched protocols."""
        self._parser = HttpResponseParser(self)

    def begin(self, *, is_bodiless: bool, is_upgrade: bool = False) -> None:
        """Expect one reply; `is_bodiless` when it ends at its head whatever the head says (HEAD, CONNECT).

        `is_upgrade`: 101 was asked for, and is then the connection's last reply.
        """
        self._is_upgrade = is_upgrade
        self._bodiless = is_bodiless
        self.pieces.clear()
        self._fields: dict[bytes, bytes] = {}
        self._received = self._repeats = 0
        self.has_head = self.is_complete = False

    @property
    def is_without_body(self) -> bool:
        return self._bodiless or self.status in WITHOUT_BODY

    @property
    def is_switched(self) -> bool:
        """Whether what comes now is of another protocol."""
        return self.status == SWITCHING

    @property
    def has_begun(self) -> bool:
        """Whether a byte of the reply, or of an interim one, has come."""
        return self.has_head or self._received > 0

    def feed(self, piece: bytes) -> None:
        """Parse; raises UpstreamLost on what is not HTTP/1.1, or too large. What follows a complete reply only sets `has_surplus`."""
        pieces = self.pieces
        count = len(pieces)
        self._received += len(piece)
        try:
            self._parser.feed_data(piece)
        except (HttpParserUpgrade, HttpParserError) as stop:
            self._take_stop(stop, piece)
        if len(pieces) > count:
            self._received = 0
            if self._bodiless:
                pieces.clear()
                self.note_surplus()
        else:
            self._check_received()

    def feed_body(self, piece: bytes) -> bytes:
        """As `feed`, when the head has come and no body waits to be taken: returns what this piece holds of the body."""
        try:
            self._parser.feed_data(piece)
        except (HttpParserUpgrade, HttpParserError) as stop:
            self._take_stop(stop, piece)
        pieces = self.pieces
        if pieces:
            self._received = 0
            return pieces.pop() if len(pieces) == 1 else self.take()
        self._received += len(piece)
        self._check_received()
        return b""

    def take(self) -> bytes:
        """All of the body that waits, joined."""
        pieces = self.pieces
        if len(pieces) == 1:
            return pieces.pop()
        body = b"".join(pieces)
        pieces.clear()
        return body

    def _take_stop(self, stop: Exception, piece: bytes) -> None:
        if isinstance(stop, HttpParserUpgrade):  # to what was asked for: any other 101 was refused at its head
            self.surplus = piece[stop.args[0] :]
            return
        if not self.is_complete:
            blame = stop.__context__
            raise blame if isinstance(blame, UpstreamLost) else UpstreamLost(f"The provider's reply is garbled: {stop}.") from stop
        self.note_surplus()

    def note_surplus(self) -> None:
        """More came than the reply: no other reply is read on this connection."""
        self.has_surplus = True
        self.is_keep_alive = False

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise UpstreamLost("The provider sent more than one reply.")

    # A call of Python a field, and still the cheapest: cutting up the head behind the parser takes as long, dict.__setitem__ here longer.
    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        fields = self._fields
        if name in fields:
            self._repeats += 1
            if self._repeats > self._limits.max_headers:
                raise _too_large()
            fields[name] += b", " + value
        else:
            fields[name] = value

    def on_headers_complete(self) -> None:
        parser, headers, limits = self._parser, self._fields, self._limits
        # What was received holds body bytes too, so it only says when to measure.
        if len(headers) + self._repeats > limits.max_headers or self._received > limits.max_header_bytes:
            self._measure(headers)
        # From here on the parser's fields are trailers, and those are dropped.
        self._fields = {}
        status, version = parser.get_status_code(), parser.get_http_version()
        if status < 200:
            self._skip_interim(status, headers)
            return
        if status > 599 or version not in VERSIONS:
            raise UpstreamLost("The provider's reply is garbled: no such status or HTTP version.")
        coding = headers.get(b"transfer-encoding")
        # What two readers could read differently is refused.
        if coding is not None and (coding.strip().lower() != b"chunked" or version == "1.0"):
            raise UpstreamLost("The provider's reply is garbled: a transfer coding other than chunked.")
        self.status = status
        self.headers = headers
        self.is_close_delimited = coding is None and b"content-length" not in headers and not self.is_without_body
        self.is_keep_alive = parser.should_keep_alive()
        self.has_head = True
        if self._bodiless:  # the parser waits for a body that does not come
            self.is_keep_alive = False
            self.is_complete = True

    def on_message_complete(self) -> None:
        if self._is_interim:
            self._is_interim = False
        else:
            self.is_complete = True

    def _skip_interim(self, status: int, headers: dict[bytes, bytes]) -> None:
        if status == SWITCHING and self._is_upgrade:
            self.status, self.headers = status, headers
            self.has_head = self.is_complete = True
            return
        if status not in INTERIM:
            raise UpstreamLost(f"The provider answered with the interim status {status}, which nobody asked for.")
        self._is_interim = True

    def _check_received(self) -> None:
        # Nothing of the body came: a head, or chunk extensions and trailers. llhttp and httptools would gather them without end.
        if self._received > self._limits.max_header_bytes and not self.is_complete:
            raise _too_large()

    def _measure(self, headers: dict[bytes, bytes]) -> None:
        limits = self._limits
        size = sum(len(name) + len(value) + 4 for name, value in headers.items())
        if len(headers) + self._repeats > limits.max_headers or size > limits.max_header_bytes:
            raise _too_large()


def _too_large() -> UpstreamLost:
    return UpstreamLost("The head of the provider's reply is too large.", code="upstream_too_large")
