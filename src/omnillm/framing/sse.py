"""Server-sent events, read as they arrive (WHATWG HTML, 9.2) and kept as they came.

However the bytes are cut into pieces, the frames are the same. Two paths: a whole `data:` event, with or without a name before it,
is cut out of the piece with two or three searches; everything else (carriage returns but for a lone event's, comments, several data
lines, an event cut in two) goes line by line.
"""

from typing import Protocol

import msgspec

from omnillm.errors import UpstreamLost

MAX_EVENT_BYTES = 16 * 1024 * 1024
MOST_LINES = 65_536
"""Of one event. Each takes up to a hundred bytes beside its own."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NEWLINE = ord("\n")
_RETURN = ord("\r")
_END, _LONG_END = b"\n\n", b"\r\n\r\n"
_DATA, _BEYOND_DATA = b"data: ", b"data:!"
_EVENT, _BEYOND_EVENT = b"event: ", b"event:!"
"""What begins with the first of a pair lies, in the order of bytes, from it up to the second: two comparisons cost less than one slice."""


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


def _plain_frame(raw: bytes, lines: bytes) -> Frame | None:
    """The event whose bytes are `raw`, and without its last line ends `lines`: if that is a line of data, or one with a name before it."""
    if _NEWLINE not in lines:
        return Frame(raw, lines[6:]) if _DATA <= lines < _BEYOND_DATA else None
    name, _, data = lines.partition(b"\n")
    if _DATA <= data < _BEYOND_DATA and _EVENT <= name < _BEYOND_EVENT and _NEWLINE not in data:
        return Frame(raw, data[6:], name[7:])
    return None


def are_named_objects(lines: bytes) -> bool:
    """Of what begins with a name: whether each event is a name and an object, and nothing more. The last one's end is not in it."""
    events = lines.count(b"\ndata: {")
    return lines.count(b"\n") == 3 * events - 2 and lines.count(b"\n\nevent: ") == events - 1


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
        """The frames that this piece completes. Raises UpstreamLost when an event is larger than 16 MiB, or has too many lines."""
        if self.is_open or len(piece) > MAX_EVENT_BYTES:
            frames: list[Frame] = []
            self._feed_lines(piece, frames)
            return frames
        lines, _, rest = piece.rpartition(_LONG_END if _RETURN in piece else _END)
        frame = None if rest or _RETURN in lines else _plain_frame(piece, lines)
        if frame is None:
            return self._cut_out(piece)
        self._is_start = False
        return [frame]  # one event and nothing else, as most providers write it

    def _cut_out(self, piece: bytes) -> list[Frame]:
        """The whole events of a piece, at whose start no event is open."""
        frames: list[Frame] = []
        start = 0
        if _RETURN not in piece:
            for lines in piece.split(_END)[:-1]:
                end = start + len(lines) + len(_END)
                frame = _plain_frame(piece[start:end], lines)
                if frame is None:
                    break
                frames.append(frame)
                start = end
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
        if self._size + tail_bytes > MAX_EVENT_BYTES or len(self._raw) > MOST_LINES:
            raise UpstreamLost(f"The provider sent a stream event of more than 16 MiB, or {MOST_LINES} lines.", code="upstream_too_large")
