"""Event-stream messages as the frames that watches, decoders and translators read: an event's name, and its JSON."""

import msgspec

from omnillm.framing.eventstream import EventStreamReader, Message
from omnillm.framing.sse import Frame

EXCEPTION = b"exception:"
"""Begins the name of a frame that ends its stream as a failure."""


class EventFrames:
    """Bytes of an event stream in, frames out."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages = EventStreamReader()

    def feed(self, piece: bytes) -> list[Frame]:
        """The frames that this piece completes. Raises UpstreamLost where one is damaged."""
        return [frame_of(message, raw) for raw, message in self._messages.cut(piece)]

    def finish(self) -> bool:
        return self._messages.finish()


def frame_of(message: Message, raw: bytes = b"") -> Frame:
    """`raw`: the message's bytes, for a client that reads event streams itself."""
    kind = message.text(":message-type")
    if kind == "exception":
        return Frame(raw, message.payload, EXCEPTION + message.text(":exception-type").encode())
    if kind == "error":  # a failure of the framing service itself: no payload, but headers
        told = msgspec.json.encode({"message": message.text(":error-message")})
        return Frame(raw, told, EXCEPTION + message.text(":error-code").encode())
    return Frame(raw, message.payload, message.text(":event-type").encode())
