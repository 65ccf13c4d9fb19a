"""Request bodies as they arrive, of a known size or chunked. Each is fed until it returns the bytes behind its end; None: more is to come.

`content` is one growing buffer, not a list of pieces: a peer that sends two bytes at a time must not cost fifty for each.
"""

import re
from typing import Protocol, Self

from omnillm.errors import BadRequest, TooLarge

LINE_BYTES = 256
TRAILER_BYTES = 8 * 1024
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,12})(?:;[\t -~\x80-\xff]*)?")
TRAILER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")


class Content(Protocol):
    """What is gathered in memory, a spool, or what the application gave to take the body."""

    def __iadd__(self, piece: bytes, /) -> Self: ...
    def __len__(self) -> int: ...


class SizedBody:
    __slots__ = ("_content", "_missing")

    def __init__(self, length: int, content: Content) -> None:
        self._content = content
        self._missing = length

    def feed(self, piece: bytes) -> bytes | None:
        missing = self._missing
        if len(piece) < missing:
            self._content += piece
            self._missing = missing - len(piece)
            return None
        self._content += piece[:missing]
        return piece[missing:]


class ChunkedBody:
    """Lines end with CR LF and nothing else, sizes are hexadecimal digits and nothing else; extensions are bounded, trailers dropped."""

    __slots__ = ("_content", "_is_behind_chunk", "_is_in_trailers", "_kept", "_limit", "_missing", "_trailer_bytes")

    def __init__(self, limit: int, content: Content) -> None:
        self._content = content
        self._limit = limit
        self._missing = 0
        self._kept = b""
        self._is_behind_chunk = False
        self._is_in_trailers = False
        self._trailer_bytes = 0

    def feed(self, piece: bytes) -> bytes | None:
        data, at = self._kept + piece, 0
        while True:
            if self._missing:
                taken = data[at : at + self._missing]
                self._content += taken
                self._missing -= len(taken)
                at += len(taken)
            end = data.find(b"\r\n", at)
            if end < 0:
                self._keep(data[at:])
                return None
            if self._take_line(data[at:end]):
                return data[end + 2 :]
            at = end + 2

    def _keep(self, partial: bytes) -> None:
        limit = TRAILER_BYTES if self._is_in_trailers else LINE_BYTES
        if b"\n" in partial or len(partial) > limit or (self._is_behind_chunk and partial not in {b"", b"\r"}):
            raise _malformed()
        self._kept = partial

    def _take_line(self, line: bytes) -> bool:
        """Whether it was the last line of the body."""
        if self._is_behind_chunk:
            if line:
                raise _malformed()
            self._is_behind_chunk = False
            return False
        if self._is_in_trailers:
            return self._take_trailer(line)
        size = SIZE_LINE.fullmatch(line)
        if size is None or len(line) > LINE_BYTES:
            raise _malformed()
        self._missing = int(size[1], 16)
        if len(self._content) + self._missing > self._limit:
            raise TooLarge(f"The body is larger than {self._limit} bytes.")
        self._is_behind_chunk = self._missing > 0
        self._is_in_trailers = self._missing == 0
        return False

    def _take_trailer(self, line: bytes) -> bool:
        if not line:
            return True
        self._trailer_bytes += len(line)
        if self._trailer_bytes > TRAILER_BYTES or TRAILER_LINE.fullmatch(line) is None:
            raise _malformed()
        return False


def _malformed() -> BadRequest:
    return BadRequest("The chunked body is malformed.")
