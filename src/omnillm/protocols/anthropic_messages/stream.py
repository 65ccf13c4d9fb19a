"""Follows one stream of the Messages API. Every event is decoded: at a fifth of a microsecond that is cheaper than two searches."""

from collections.abc import Hashable
from typing import Any, ClassVar

import msgspec

from omnillm.framing.sse import Frame
from omnillm.protocols.anthropic_messages.failure import failure_of
from omnillm.protocols.anthropic_messages.usage import count, tier_of, usage_of_counts
from omnillm.protocols.anthropic_messages.wire import ContainerEvent, ContentBlock, ShownEvent, StreamEvent
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import MALFORMED_EVENT, Failure, Sight
from omnillm.usage import Usage

_decode = msgspec.json.Decoder(StreamEvent).decode
_shown = msgspec.json.Decoder(ShownEvent).decode
_container = msgspec.json.Decoder(ContainerEvent).decode
# Bound once: `see` is called for every event.
_NOTHING, _CONTENT, _END, _FAILED = Sight.NOTHING, Sight.CONTENT, Sight.END, Sight.FAILED
_NEWLINE = ord("\n")
_RETURN = ord("\r")
_BEGINNING, _BEYOND = b"event: content_block_delta\ndata: ", b"event: content_block_delta\ndata:!"
"""Between them lies, in the order of bytes, whatever begins with the first."""


class MessageWatch:
    """Cumulative usage: what `message_start` named stands until a `message_delta` names it again.

    The output that `message_start` names is a placeholder, unless its message has stopped already (the end of a tool's program): without a
    `message_delta` that names it, the usage of a stream is not known.
    """

    __slots__ = ("_counts", "_has_content", "_is_complete", "_is_told", "container_id", "failure", "message_id", "opening", "usage")
    next_sequence: ClassVar = 0
    response_id: ClassVar = ""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.opening: Usage | None = None
        self.failure: Failure | None = None
        self.message_id = self.container_id = ""
        self._counts: dict[str, Any] = {}
        self._has_content = False
        self._is_complete = False
        self._is_told = False

    def see(self, frame: Frame) -> int:
        if not frame.data or self._is_complete:
            return _NOTHING
        try:
            event = _decode(frame.data)
        except UNREADABLE:
            self.failure = MALFORMED_EVENT
            return _FAILED
        if event.type == "content_block_delta":
            self._has_content = True
            return _CONTENT
        if event.type == "message_delta" and b'"container"' in frame.data:
            self.container_id = _container_in(frame.data)
        return self._see_frame_of_the_message(event)

    def skims(self, piece: bytes) -> bool:
        """One delta, of two lines, behind a delta: the event is decoded as `see` does it, and only the frame is never made."""
        if not (self._has_content and _BEGINNING <= piece < _BEYOND and piece[-2:] == b"\n\n"):
            return False
        data = piece[len(_BEGINNING) : -2]
        if _NEWLINE in data or _RETURN in data:
            return False
        try:
            return _decode(data).type == "content_block_delta"
        except UNREADABLE:
            return False

    def _see_frame_of_the_message(self, event: StreamEvent) -> int:
        if event.error is not None or event.type == "error":
            self.failure = failure_of(200, event.error)
            return _FAILED
        if event.type == "content_block_start":
            return _CONTENT if _has_content(event.content_block) else _NOTHING
        if event.type == "message_start" and event.message is not None:
            self._report(event.message.usage)
            self.opening = self.usage
            self.message_id = event.message.id if type(event.message.id) is str else ""
            self._is_told = event.message.stop_reason is not None
        elif event.type == "message_delta":
            self._report(event.usage)
            self._is_told = self._is_told or (isinstance(event.usage, dict) and event.usage.get("output_tokens") is not None)
        elif event.type == "message_stop":
            self._is_complete = True
            if not self._is_told:
                self.usage = None
            return _END
        return _NOTHING

    @property
    def tier(self) -> Any:
        counts = self._counts
        return tier_of(counts.get("speed"), counts.get("service_tier"), counts.get("inference_geo"))

    def at_end_of_stream(self) -> bool:
        return self._is_complete

    def _report(self, usage: Any) -> None:
        if isinstance(usage, dict):
            count(usage, self._counts)
            self.usage = usage_of_counts(self._counts)


def shown_call(data: bytes) -> Hashable:
    """See `Protocol.shown_call`: `server_tool_use`, `mcp_tool_use` and what may come to be like them."""
    if b"_use" not in data:
        return None
    try:
        event = _shown(data)
    except UNREADABLE:
        return None
    kind = "" if event.content_block is None else event.content_block.type
    is_shown = kind.endswith("_use") and kind != "tool_use"
    return (object() if event.index is None else event.index) if is_shown else None


def _container_in(data: bytes) -> str:
    """Where the provider has run code; "": nowhere."""
    try:
        delta = _container(data).delta
    except UNREADABLE:
        return ""
    return "" if delta is None or delta.container is None else delta.container.id


def _has_content(block: ContentBlock | None) -> bool:
    """A text or thinking block opens empty and says nothing yet; a block of any other kind is content by itself."""
    return block is not None and (block.type not in {"text", "thinking"} or bool(block.text) or bool(block.thinking))
