"""Follows one ConverseStream: told by the names of its frames; only what carries usage or an error is decoded."""

from typing import Any, ClassVar

import msgspec

from omnillm.framing.sse import Frame
from omnillm.protocols.bedrock_converse.failure import failure_of
from omnillm.protocols.bedrock_converse.frames import EXCEPTION
from omnillm.protocols.bedrock_converse.usage import tier_of, usage_of_counts
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import MALFORMED_EVENT, Failure, Sight
from omnillm.usage import Usage

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_NOTHING, _CONTENT, _END, _FAILED = Sight.NOTHING, Sight.CONTENT, Sight.END, Sight.FAILED


class ConverseWatch:
    """The stream ends with `metadata`, after `messageStop`: without it nobody knows what it cost."""

    __slots__ = ("_has_stopped", "_is_complete", "failure", "tier", "usage")
    opening: ClassVar = None
    next_sequence: ClassVar = 0
    skims: ClassVar = None
    response_id: ClassVar = ""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self.tier: Any = None
        self._has_stopped = False
        self._is_complete = False

    def see(self, frame: Frame) -> int:
        name = frame.event
        if name == b"contentBlockDelta":
            return _CONTENT
        if name == b"contentBlockStart":
            return _CONTENT if b'"toolUse"' in frame.data else _NOTHING
        if name == b"messageStop":
            self._has_stopped = True
            return _NOTHING
        return self._see_rarely(frame)

    def _see_rarely(self, frame: Frame) -> int:
        if frame.event.startswith(EXCEPTION):
            self.failure = failure_in(frame)
            return _FAILED
        if frame.event != b"metadata":
            return _NOTHING
        try:
            told = _decode(frame.data or b"{}")
        except UNREADABLE:
            self.failure = MALFORMED_EVENT
            return _FAILED
        self.usage = usage_of_counts(told.get("usage")) or self.usage
        self.tier = tier_of(told.get("serviceTier"))
        self._is_complete = self._has_stopped
        return _END if self._has_stopped else _NOTHING

    def at_end_of_stream(self) -> bool:
        return self._is_complete


def failure_in(frame: Frame) -> Failure:
    """What the exception in a frame says."""
    code = frame.event.removeprefix(EXCEPTION).decode("utf-8", "replace")
    try:
        return failure_of(code, _decode(frame.data or b"{}"))
    except UNREADABLE:
        return failure_of(code, {})
