"""A canonical stream, written as the events of the Messages API.

Its blocks are strictly sequential: while one is open, the events of all other parts wait. A block opens with the first thing that it says,
so that a signature which must stand before it still can, and a text that says nothing has no block. The end waits for `Completed`,
because usage may come after the reason of the end.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from omnillm.model.events import (
    Completed,
    Failed,
    Finished,
    LlmStreamEvent,
    NativeEvent,
    PartEnded,
    PartStarted,
    ResponseStarted,
    TextDelta,
    UsageReported,
)
from omnillm.model.message import Native, Reasoning, Text, VendorExtensions
from omnillm.model.response import FinishReason
from omnillm.protocols.anthropic_messages.emit.open_parts import BLOCKS, OpenBlock
from omnillm.protocols.anthropic_messages.emit.reply import MALFORMED, begun, named, stop_details
from omnillm.protocols.anthropic_messages.failure import write_stream_fault
from omnillm.protocols.anthropic_messages.finish import write_finish
from omnillm.protocols.anthropic_messages.place import NAME, Place
from omnillm.protocols.anthropic_messages.usage import counts_object, is_own, own_object, usage_object
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.differences.part_order import PART_EVENTS, PartOrder
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Fault
from omnillm.usage import Usage

_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_encode = msgspec.json.Encoder().encode


class MessageEncoder:
    next_sequence: ClassVar = 0

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._place = Place(losses, is_reply=True, names=context.names)
        self._blocks = 0
        """Blocks written up to now: the index of the next one."""
        self._current: OpenBlock | None = None
        self._order = PartOrder()
        self._usage: Usage | None = None
        self._raw: Any = None
        self._finished: Finished | None = None
        self._kinds: set[type] = set()
        """Of the parts up to now."""
        self._has_answer = False
        """Whether there was a block of another sort than thinking."""
        self.response_id = ""

    def feed(self, event: LlmStreamEvent) -> bytes:
        current = self._current
        if type(event) is TextDelta and current is not None and event.index == current.index and not event.candidate:
            return current.say(event)
        if type(event) not in PART_EVENTS:
            return self._OTHERS[type(event)](self, event)
        if event.candidate:  # type: ignore[union-attr]  # by its kind
            return self._leave_out(event)
        return b"".join(map(self._feed_part, self._order.feed(event)))

    def _feed_part(self, event: Any) -> bytes:
        current = self._current
        if current is None:
            return self._open(event)
        written = current.feed(event)
        if type(event) is PartEnded:
            self._close(current)
        return written

    def _open(self, event: PartStarted) -> bytes:
        kind = type(event.part)
        self._place.part = event.index
        self._kinds.add(kind)
        self._current = BLOCKS.get(kind, BLOCKS[Native])(named(event.part, self._place), self._blocks, self._place)
        return self._current.begin()

    def _close(self, block: OpenBlock) -> None:
        self._has_answer |= block.next_number > self._blocks and type(block.part) is not Reasoning
        self._blocks = block.next_number
        self._current = None

    def _start(self, event: ResponseStarted) -> bytes:
        self._place.is_own = event.protocol == NAME
        self._place.protocol = event.protocol
        self._usage = event.usage
        usage = usage_object(event.usage or Usage(), None, self._losses, event.service_tier)
        if event.usage is None:
            del usage["cache_creation"]  # the last event cannot correct it
        message = begun(event.id if self._place.is_own else "", event.model, usage, self._context)
        self.response_id = message["id"]
        return b'event: message_start\ndata: {"type":"message_start","message":' + _encode(message) + b"}\n\n"

    def _count(self, event: UsageReported) -> bytes:
        self._usage, self._raw = event.usage, event.raw
        return b""

    def _leave_out(self, event: Any) -> bytes:
        """Leave out another candidate than the first; that it began is said once."""
        if type(event) is PartStarted and event.index == 0:
            self._losses.drop(f"candidates[{event.candidate}]", "the Messages API gives one answer")
        return b""

    def _finish(self, event: Finished) -> bytes:
        if not event.candidate:
            self._finished = event
        return b""

    def _complete(self, event: Completed) -> bytes:
        finished = self._finished
        if finished is None:
            self._losses.approximate("candidates", "no answer is said as an empty one, refused")
            finished = Finished(reason=FinishReason.REFUSAL)
        told = b""
        if finished.reason is FinishReason.MALFORMED_TOOL_CALL and not self._has_answer and not self._place.is_own:
            self._losses.approximate("candidates[0].message", "what happened is said as text")
            told = BLOCKS[Text](Text(text=MALFORMED), self._blocks, self._place).written()
        stop_reason = write_finish(finished.reason, finished.native_reason, self._kinds, self._place)
        delta: dict[str, Any] = {"stop_reason": stop_reason, "stop_sequence": finished.stop_sequence}
        if (details := stop_details(finished.vendor_extensions, stop_reason)) is not None:
            delta["stop_details"] = details
        said: dict[str, Any] = {"type": "message_delta", "delta": delta, "usage": self._counts()}
        self._extend(said, finished.vendor_extensions)
        self._losses.drop_extensions(event.vendor_extensions, "", self._place.unknown)
        return told + b"event: message_delta\ndata: " + _encode(said) + b"\n\n" + _STOP

    def _extend(self, said: dict[str, Any], extensions: VendorExtensions) -> None:
        """Write what the end of a candidate brought, to the last event or inside its delta."""
        for name, value in extensions.items():
            if name == "container" and self._place.is_own:
                said["delta"][name] = value
            elif name in _OWN_MEMBERS and self._place.is_own:
                said[name] = value
            elif name != "stop_details" or not self._place.is_own:
                self._losses.drop(f"candidates[0].vendor_extensions.{name}", self._place.unknown)

    def _counts(self) -> dict[str, Any]:
        if self._place.is_own and is_own(self._raw):
            return own_object({name: count for name, count in self._raw.items() if name in _OWN_COUNTS})
        if self._usage is None:
            self._losses.default("usage", "unknown: counted as nothing")
        return counts_object(self._usage or Usage(), self._losses)

    def _fail(self, event: Failed) -> bytes:
        fault = Fault(status=event.status, code=event.code, message=event.message, request_id=self._context.id)
        return write_stream_fault(fault, 0)

    def _native_event(self, event: NativeEvent) -> bytes:
        self._losses.drop(f"events.{event.protocol}", "progress of another protocol's tool")
        return b""

    _OTHERS: ClassVar[dict[type, Callable[["MessageEncoder", Any], bytes]]] = {
        ResponseStarted: _start,
        UsageReported: _count,
        Finished: _finish,
        Completed: _complete,
        Failed: _fail,
        NativeEvent: _native_event,
    }


_OWN_MEMBERS = frozenset({"context_management", "input_transformations"})
_OWN_COUNTS = frozenset(
    {
        *("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
        *("output_tokens_details", "server_tool_use", "iterations", "fallback_credit"),
    }
)
"""What the usage of a stream's last event holds; the rest stands in its first."""
