"""Server-sent events, read as they arrive (WHATWG HTML, 9.2) and kept as they came.

However the bytes are cut into pieces, the frames are the same. Two paths: a whole `data:` event, with or without a name before it,
is cut out of the piece with two or three searches; everything else (carriage returns, comments, several data lines, an event cut
in two) goes line by line.
"""

from typing import Protocol

import msgspec

from omnillm.errors import UpstreamLost

MAX_EVENT_BYTES = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NEWLINE = ord("\n")
_RETURN = ord("\r")


class Frame(msgspec.Struct, gc=False):
    """One complete event of a stream: its bytes as they came (with the blank line), its data lines joined by a newline, its name.

    A comment, or a blank line that ends nothing, is a frame without data, so that what is forwarded stays what came.
    """

    raw: bytes
    data: bytes
    event: bytes = b""


class FrameReader(Protocol):
    """What reads a provider's stream, whatever its framing."""

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the frames that this piece completes. Raises UpstreamLost where the framing is broken."""
        ...

    def finish(self) -> bool:
        """Tell, at the end of the stream, whether nothing incomplete was left."""
        ...


class SseReader:
    """Bytes in, complete frames out."""

    __slots__ = ("_data", "_event", "_is_start", "_raw", "_size", "_tail", "is_open")

    def __init__(self) -> None:
        self._tail = bytearray()
        """A line not yet complete; also a line whose carriage return may be half of a terminator."""
        self._raw: list[bytes] = []
        """The complete lines of the open event, with their terminators."""
        self._size = 0
        self._data: list[bytes] = []
        self._event = b""
        self._is_start = True
        self.is_open = False
        """An event has begun and is not complete."""

    def feed(self, piece: bytes) -> list[Frame]:
        """The frames that this piece completes. Raises UpstreamLost when an event is larger than 16 MiB."""
        find = piece.find
        if self.is_open or len(piece) > MAX_EVENT_BYTES or _RETURN in piece:
            frames: list[Frame] = []
            self._feed_lines(piece, frames)
            return frames
        if find(b"\n") == len(piece) - 2 and piece.startswith(b"data: ") and piece.endswith(b"\n"):
            self._is_start = False
            return [Frame(piece, piece[6:-2])]  # one event and nothing else, as most providers write it
        data_at = find(b"\n") + 1
        if (
            find(b"\n", data_at) == len(piece) - 2
            and piece.startswith(b"data: ", data_at)
            and piece.startswith(b"event: ")
            and piece.endswith(b"\n")
        ):
            self._is_start = False
            return [Frame(piece, piece[data_at + 6 : -2], piece[7 : data_at - 1])]  # the same, named
        return self._cut_out(piece)

    def _cut_out(self, piece: bytes) -> list[Frame]:
        """The whole events of a piece, at whose start no event is open."""
        frames: list[Frame] = []
        start, size, find, starts = 0, len(piece), piece.find, piece.startswith
        while start < size:
            data_at, event = start, b""
            if not starts(b"data: ", start):
                name_end = find(b"\n", start)
                data_at = name_end + 1
                if name_end < 0 or not (starts(b"event: ", start) and starts(b"data: ", data_at)):
                    break
                event = piece[start + 7 : name_end]
            after = find(b"\n", data_at) + 1
            if not 0 < after < size or piece[after] != _NEWLINE:
                break
            frames.append(Frame(piece[start : after + 1], piece[data_at + 6 : after - 1], event))
            start = after + 1
        if start:
            self._is_start = False
        if start < len(piece):
            self._feed_lines(piece[start:] if start else piece, frames)
        return frames

    def finish(self) -> bool:
        """Tell, at the end of the stream, whether nothing incomplete was left: an unfinished event is never delivered."""
        return not (self._data or self._event or self._tail.strip(b"\r\n"))

    def _feed_lines(self, piece: bytes, frames: list[Frame]) -> None:
        tail = self._tail
        was_return_last = tail.endswith(b"\r")
        tail += piece
        self.is_open = True
        if not was_return_last and piece.find(b"\n") < 0 and piece.find(b"\r") < 0:
            self._check_size(len(tail))
            return
        lines = bytes(tail).splitlines(keepends=True)
        tail.clear()
        # A last line without terminator waits; so does one that ends in a carriage return, whose newline may be in the next piece.
        if lines and not lines[-1].endswith(b"\n"):
            tail += lines.pop()
        for line in lines:
            self._take_line(line, frames)
        if tail == b"\r" and self._ends_in_bare_return():
            tail.clear()
            self._take_line(b"\r", frames)
        self._check_size(len(tail))
        self.is_open = bool(tail or self._raw)

    def _take_line(self, line: bytes, frames: list[Frame]) -> None:
        if line == b"\r\n" and self._ends_in_bare_return():
            # After a bare return the next one ends the event at once, so this newline is a blank line of its own.
            self._take_line(b"\r", frames)
            line = b"\n"
        self._raw.append(line)
        self._size += len(line)
        self._check_size(0)
        content = line.rstrip(b"\r\n")
        if self._is_start:
            self._is_start = False
            content = content.removeprefix(_BYTE_ORDER_MARK)
        if content:
            self._take_field(content)
            return
        frames.append(Frame(b"".join(self._raw), b"\n".join(self._data), self._event))
        self._raw.clear()
        self._data.clear()
        self._event = b""
        self._size = 0

    def _take_field(self, content: bytes) -> None:
        name, _, value = content.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._event = value.removeprefix(b" ")
        # A comment (no name), `id` and `retry` stay in the raw bytes; whoever forwards a stream needs nothing of them.

    def _ends_in_bare_return(self) -> bool:
        return bool(self._raw) and self._raw[-1].endswith(b"\r")

    def _check_size(self, tail_bytes: int) -> None:
        if self._size + tail_bytes > MAX_EVENT_BYTES:
            raise UpstreamLost("The provider sent a stream event of more than 16 MiB.", code="upstream_too_large")
