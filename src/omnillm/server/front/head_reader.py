"""The requests of one connection as they begin: bytes become a head, and the application opens it as a request."""

import asyncio
from typing import Final

from omnillm.errors import BadRequest
from omnillm.server.front.crowd import Crowd
from omnillm.server.front.handshake import answer_upgrade, note_credential
from omnillm.server.front.head import frame, oversized, read_head
from omnillm.server.front.known_heads import KnownHead
from omnillm.server.front.requests import Request

CR: Final = ord("\r")
LF: Final = ord("\n")
TLS: Final = b"\x16\x03"
"""How a client begins that expects it: it is told at once, and not when the time for a head is over."""


class HeadReader:
    """`input` came and belongs to no request yet: the beginning of a head, or what a client sends ahead."""

    __slots__ = ("_crowd", "_digest", "_known", "_peer", "input", "request")

    def __init__(self, crowd: Crowd, peer: str) -> None:
        self._crowd = crowd
        self._peer = peer
        self._known: KnownHead | None = None
        """The newest head, if it is worth knowing; one that other connections brought before, once it came here twice in a row."""
        self._digest = b""
        """Of the newest head that the front knows and this connection does not yet."""
        self.input = b""
        self.request: Request | None = None
        """The newest, until it is answered: of what an error is told."""

    def feed(self, data: bytes) -> Request | None:
        """The next request, once its head is whole; `input` is then what came behind it. Raises what refuses the request."""
        begun = len(self.input)
        if begun:
            data = self.input + data
        known = self._known
        if known is not None:
            request = known.match(data)
            if request is not None and self._crowd.application.is_current(request.context):
                self.input = data[known.end :]
                self.request = request
                return request
        return self._find(data, begun)

    def forget(self) -> None:
        """Forget what the newest head led to."""
        self._known = None

    def _find(self, data: bytes, begun: int) -> Request | None:
        """As `feed`, where it is not the newest head again. The first `begun` bytes were here before, and are no whole head."""
        start = begun - 3 if begun > 3 else 0
        if data[0] == CR and data.startswith(b"\r\n"):  # one empty line before a request is old clients' habit
            data, start = data[2:], 0
        end = data.find(b"\r\n\r\n", start) + 4
        if end < 4:
            self.input = data
            self._check_beginning(data, start)
            return None
        self.input = data[end:]
        self.request = request = self._open(data[:end])
        return request

    def _check_beginning(self, data: bytes, start: int) -> None:
        """Refuse what can be no head, before it is whole. The lines before `start` were checked when they came."""
        most = self._crowd.limits.header_bytes
        if data.startswith(TLS):
            raise BadRequest("This port speaks plain HTTP, and was greeted in TLS: ask at http://, or configure server.tls.")
        if data.find(b"\n", start) >= 0:
            fresh = data[start - 1 :] if start else data
            if fresh.count(b"\n") != fresh.count(b"\r\n") + (start > 0 and fresh[0] == LF):  # that one's CR was seen before
                raise BadRequest("A line ends without CR.")
        if len(data) > most:
            raise oversized(data, most)

    def _open(self, head: bytes) -> Request:
        """The request of a head that is not this connection's newest: perhaps the front knows it, else it is read."""
        crowd = self._crowd
        sighting = crowd.heads.find(head)
        if sighting is None:
            return self._read(head)
        request = sighting.request
        if request is None or not crowd.application.is_current(request.context):
            request = self._read(head)
            if request.is_keepable:
                self._known = crowd.heads.keep(sighting, request)
        elif sighting.digest == self._digest and sighting.trace is None:
            self._known = KnownHead(sighting, request)
        else:  # where every call has another caller or trace, what is made of this one would be looked at in vain
            self._known = None
            self._digest = sighting.digest
        return request

    def _read(self, head: bytes) -> Request:
        crowd = self._crowd
        if len(head) > crowd.limits.header_bytes:
            raise oversized(head, crowd.limits.header_bytes)
        self.request = request = read_head(head, peer=self._peer, most_fields=crowd.limits.fields)
        frame(request)
        offers_upgrade = b"upgrade" in request.headers
        if offers_upgrade:
            note_credential(request)
        request.context = crowd.application.open(request)
        if offers_upgrade:
            answer_upgrade(request)
            request.is_keepable = False
        return request


def peer_of(transport: asyncio.BaseTransport) -> str:
    """`host:port`; nothing of a client that has gone already, or of a Unix socket."""
    peername = transport.get_extra_info("peername")
    if not isinstance(peername, tuple):
        return ""
    host, port = peername[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
