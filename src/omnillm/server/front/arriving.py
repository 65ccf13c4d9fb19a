"""A request whose body has not come whole yet: where its pieces go, and how many bytes of them are in memory."""

from io import BytesIO
from typing import Self

from omnillm.server.front.body import ChunkedBody, Content, SizedBody
from omnillm.server.front.head import CHUNKED
from omnillm.server.front.requests import Request, Sink
from omnillm.transport.spool import MEMORY_BYTES, Spool


class Memory(BytesIO):
    """A body that is gathered in memory, and handed over without a copy."""

    def __iadd__(self, piece: bytes) -> Self:
        self.write(piece)
        return self

    def __len__(self) -> int:
        return self.tell()


class Arriving:
    """The body goes into the sink that the application gave, into a spool where it may be large, else into memory."""

    __slots__ = ("_body", "_content", "_mark", "request")

    def __init__(self, request: Request, most: int) -> None:
        """`most`: bytes of a body whose size was not announced."""
        self.request = request
        self._content: Content = request.sink if request.sink is not None else Spool() if request.is_spooled else Memory()
        self._body = SizedBody(request.length, self._content) if request.length != CHUNKED else ChunkedBody(most, self._content)
        self._mark = 0

    def feed(self, piece: bytes) -> bytes | None:
        """None: more is to come. Bytes: the body is whole, and these came behind it."""
        return self._body.feed(piece)

    @property
    def held(self) -> int:
        """Bytes in memory."""
        content = self._content
        if isinstance(content, Spool):
            return content.held
        return len(content) if self.request.sink is None else self.request.sink.held

    @property
    def spooled(self) -> int:
        """Bytes on disk."""
        content = self._content
        return 0 if isinstance(content, Memory) else len(content) - self.held

    def has_advanced(self) -> bool:
        """Whether a large body is a mebibyte further than at the last time: it has its deadline for each of them."""
        if isinstance(self._content, Memory) or len(self._content) - self._mark < MEMORY_BYTES:
            return False
        self._mark = len(self._content)
        return True

    def finish(self) -> bytes:
        """The whole body; b"" where the request's sink or spool has it."""
        content, request = self._content, self.request
        if request.sink is not None:
            request.sink.finish()
            return b""
        if not isinstance(content, Spool):
            assert isinstance(content, Memory)
            return content.getvalue()
        if not content.is_on_disk:
            return content.read_at(0, len(content))
        request.spool = content
        return b""


def poured(sink: Sink, body: bytes) -> bytes:
    """As `finish`, of a body that came with its head."""
    sink += body
    sink.finish()
    return b""
