"""AWS event-stream messages (application/vnd.amazon.eventstream), read as they arrive and written.

A message is a prelude (its whole length and that of its headers, four bytes each, and their CRC-32), the headers, the payload, and the
CRC-32 of all before it; everything big-endian. However the bytes are cut into pieces, the messages are the same. The prelude is
checked as soon as it is there, so that a damaged length is found at once and not waited for.
Format: https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

import enum
import struct
import zlib
from collections.abc import Mapping

import msgspec

from omnillm.errors import UpstreamLost
from omnillm.framing.sse import MAX_EVENT_BYTES

CONTENT_TYPE = b"application/vnd.amazon.eventstream"
LARGEST_HEADERS = 128 * 1024
_PRELUDE = struct.Struct("!III")
_CRC = struct.Struct("!I")
_SHORT = struct.Struct("!H")
_SMALLEST = _PRELUDE.size + _CRC.size


class Kind(enum.IntEnum):
    """Of a header's value, as on the wire."""

    TRUE = 0
    FALSE = 1
    BYTE = 2
    SHORT = 3
    INTEGER = 4
    LONG = 5
    BYTES = 6
    TEXT = 7
    TIMESTAMP = 8  # milliseconds since 1970
    UUID = 9


_NUMBERS = {
    Kind.BYTE: struct.Struct("!b"),
    Kind.SHORT: struct.Struct("!h"),
    Kind.INTEGER: struct.Struct("!i"),
    Kind.LONG: struct.Struct("!q"),
    Kind.TIMESTAMP: struct.Struct("!q"),
}
_UUID_BYTES = 16


class Value(msgspec.Struct, frozen=True):
    """A header's value: bool, int, bytes or str by its kind."""

    kind: Kind
    value: bool | int | bytes | str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    payload: bytes = b""
    headers: Mapping[str, Value] = {}

    def text(self, name: str) -> str:
        """Return a header that is text; "" where it is none."""
        found = self.headers.get(name)
        return found.value if found is not None and isinstance(found.value, str) else ""


class EventStreamReader:
    """Bytes in, complete messages out."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = bytearray()

    def feed(self, piece: bytes) -> list[Message]:
        """Return the messages that this piece completes. Raises UpstreamLost when one is damaged, or larger than 16 MiB."""
        return [message for _, message in self.cut(piece)]

    def cut(self, piece: bytes) -> list[tuple[bytes, Message]]:
        """As `feed`, each with its bytes as they came."""
        tail = self._tail
        tail += piece
        messages: list[tuple[bytes, Message]] = []
        start = 0
        while len(tail) - start >= _PRELUDE.size:
            size, header_size = _sizes(tail, start)
            if len(tail) - start < size:
                break
            raw = bytes(tail[start : start + size])
            messages.append((raw, _message(raw, header_size)))
            start += size
        del tail[:start]
        return messages

    def finish(self) -> bool:
        """Tell, at the end of the stream, whether nothing incomplete was left."""
        return not self._tail


def _sizes(tail: bytearray, start: int) -> tuple[int, int]:
    """(bytes of the message, bytes of its headers)."""
    size, header_size, crc = _PRELUDE.unpack_from(tail, start)
    if zlib.crc32(tail[start : start + 8]) != crc:
        raise _damaged("its prelude's checksum is wrong")
    if size > MAX_EVENT_BYTES:
        raise UpstreamLost("The provider sent a stream event of more than 16 MiB.", code="upstream_too_large")
    if header_size > LARGEST_HEADERS or size < _SMALLEST + header_size:
        raise _damaged("its lengths do not fit each other")
    return size, header_size


def _message(raw: bytes, header_size: int) -> Message:
    end = len(raw) - _CRC.size
    if zlib.crc32(raw[:end]) != _CRC.unpack_from(raw, end)[0]:
        raise _damaged("its checksum is wrong")
    payload_at = _PRELUDE.size + header_size
    return Message(payload=raw[payload_at:end], headers=_headers(raw[_PRELUDE.size : payload_at]))


def _headers(raw: bytes) -> dict[str, Value]:
    headers: dict[str, Value] = {}
    at = 0
    try:
        while at < len(raw):
            name_end = at + 1 + raw[at]
            name, kind = raw[at + 1 : name_end].decode(), Kind(raw[name_end])
            value, at = _value(raw, name_end + 1, kind)
            if not name or name in headers:
                raise _damaged("a header has no name, or one that stands twice")
            headers[name] = Value(kind, value)
    except (IndexError, ValueError, struct.error) as error:
        raise _damaged("a header is malformed") from error
    if at > len(raw):
        raise _damaged("a header is longer than its place")
    return headers


def _value(raw: bytes, at: int, kind: Kind) -> tuple[bool | int | bytes | str, int]:
    """(the value, where the next header begins)."""
    if kind in {Kind.TRUE, Kind.FALSE}:
        return kind is Kind.TRUE, at
    number = _NUMBERS.get(kind)
    if number is not None:
        (value,) = number.unpack_from(raw, at)
        return int(value), at + number.size
    if kind is Kind.UUID:
        return raw[at : at + _UUID_BYTES], at + _UUID_BYTES
    begin = at + _SHORT.size
    end = begin + _SHORT.unpack_from(raw, at)[0]
    piece = raw[begin:end]
    return (piece.decode() if kind is Kind.TEXT else piece), end


def write_message(message: Message) -> bytes:
    """Return a message's bytes. ValueError, struct.error or TypeError: a value does not fit its kind, or is too large for the format."""
    headers = b"".join([_written(name, value) for name, value in message.headers.items()])
    size = _SMALLEST + len(headers) + len(message.payload)
    if len(headers) > LARGEST_HEADERS or size > MAX_EVENT_BYTES:
        raise ValueError("an event-stream message of this size is read by nobody")
    lengths = struct.pack("!II", size, len(headers))
    written = lengths + _CRC.pack(zlib.crc32(lengths)) + headers + message.payload
    return written + _CRC.pack(zlib.crc32(written))


def _written(name: str, header: Value) -> bytes:
    label = name.encode()
    kind, value = header.kind, header.value
    begin = struct.pack("!B", len(label)) + label + bytes((kind,))
    number = _NUMBERS.get(kind)
    if number is not None:
        return begin + number.pack(value)
    if isinstance(value, bool | int):
        return begin
    raw = value.encode() if isinstance(value, str) else value
    return begin + raw if kind is Kind.UUID else begin + _SHORT.pack(len(raw)) + raw


def _damaged(what: str) -> UpstreamLost:
    return UpstreamLost(f"The provider sent a damaged stream event: {what}.", code="garbled_reply")


def event(kind: str, payload: bytes) -> bytes:
    """Write an event whose payload is JSON, as AWS services do."""
    return write_message(Message(payload=payload, headers=_typed("event", ":event-type", kind)))


def exception(kind: str, payload: bytes) -> bytes:
    """Write the error that ends a stream."""
    return write_message(Message(payload=payload, headers=_typed("exception", ":exception-type", kind)))


def _typed(message_type: str, name: str, kind: str) -> dict[str, Value]:
    return {
        name: Value(Kind.TEXT, kind),
        ":content-type": Value(Kind.TEXT, "application/json"),
        ":message-type": Value(Kind.TEXT, message_type),
    }
