"""A stream, written for a client: canonical events to chunks.

Every chunk has the same id, time and model. Parts need no framing here: text, refusals and reasoning are told apart by their member,
calls by their index, so parts may interleave as they like. An opaque value of reasoning comes with the whole text of its part, as a block
that clients keep and bring back.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from omnillm.model.events import Completed, Failed, Finished, LlmStreamEvent, NativeEvent, ResponseStarted, UsageReported
from omnillm.model.response import FinishReason
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.emit.candidate import CandidateWriter
from omnillm.protocols.openai_chat.emit.reply import written_tier
from omnillm.protocols.openai_chat.failure import write_stream_fault
from omnillm.protocols.openai_chat.place import NAME, Place
from omnillm.protocols.openai_chat.usage import write_usage
from omnillm.protocols.protocol import Fault
from omnillm.usage import Usage

_encode = msgspec.json.Encoder().encode
_DONE = b"data: [DONE]\n\n"
_PREFIX = "chatcmpl-"
_OWN_EXTENSIONS = ("system_fingerprint",)
"""Members of the stream that only this protocol has, so that they must have come from it."""


class ChatEncoder:
    __slots__ = ("_candidates", "_context", "_head", "_is_over", "_losses", "_place", "_raw_usage", "_usage")
    next_sequence: ClassVar = 0
    response_id: ClassVar = ""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._place = Place(losses, is_reply=True, names=context.names)
        self._candidates: dict[int, CandidateWriter] = {}
        self._usage: Usage | None = None
        self._raw_usage: Any = None
        self._is_over = False
        self._head = self._written_head(ResponseStarted())

    def feed(self, event: LlmStreamEvent) -> bytes:
        if self._is_over:
            return b""
        write = self._WRITERS.get(type(event))
        if write is not None:
            return write(self, event)
        number: int = event.candidate  # type: ignore[union-attr]  # by its kind
        candidate = self._candidates.get(number)
        if candidate is None:
            candidate, first = self._begun(number, event)
            return first + candidate.write(event)
        return candidate.write(event)

    def _written_head(self, started: ResponseStarted) -> bytes:
        context = self._context
        members: dict[str, Any] = {
            "id": started.id if started.id and started.protocol == NAME else f"{_PREFIX}{context.id}",
            "object": "chat.completion.chunk",
            "created": context.created if started.created is None else started.created,
            "model": started.model or context.model,
        }
        if started.service_tier and (tier := written_tier(started.service_tier, self._losses)):
            members["service_tier"] = tier
        return b"data: " + _encode(members)[:-1] + b',"choices":'

    def _begun(self, number: int, event: Any) -> tuple[CandidateWriter, bytes]:
        candidate = self._candidates[number] = CandidateWriter(number, self._head, self._place)
        return candidate, candidate.begin(event)

    def _start(self, event: ResponseStarted) -> bytes:
        self._head = self._written_head(event)
        self._usage = event.usage
        return b""

    def _count(self, event: UsageReported) -> bytes:
        self._usage, self._raw_usage = event.usage, event.raw
        return b""

    def _ignore(self, event: NativeEvent) -> bytes:
        self._losses.drop("events", f"an event that only {event.protocol} knows")
        return b""

    def _finish(self, event: Finished) -> bytes:
        candidate, first = self._candidates.get(event.candidate), b""
        if candidate is None:
            candidate, first = self._begun(event.candidate, event)
        return b"" if candidate.is_finished else first + candidate.finish(event)

    def _complete(self, event: Completed) -> bytes:
        out = b""
        if not self._candidates:
            self._losses.default("candidates", "Chat needs an answer: an empty one")
            out = self._finish(Finished(reason=FinishReason.CONTENT_FILTER))
        for candidate in self._candidates.values():
            if not candidate.is_finished:
                out += candidate.finish(Finished(reason=FinishReason.STOP))
        self._is_over = True
        for name in event.vendor_extensions:
            if name not in _OWN_EXTENSIONS or not self._context.wants_usage or self._usage is None:
                self._losses.drop(f"vendor_extensions.{name}", "a chunk of Chat has no such member")
        return out + self._last_chunk(event) + _DONE

    def _last_chunk(self, event: Completed) -> bytes:
        """Write the usage, where the client asked for it."""
        if self._usage is None or not self._context.wants_usage:
            return b""
        more: dict[str, Any] = {"usage": write_usage(self._usage, self._raw_usage, self._losses)}
        more |= {name: event.vendor_extensions[name] for name in _OWN_EXTENSIONS if type(event.vendor_extensions.get(name)) is str}
        return self._head + b"[]," + _encode(more)[1:] + b"\n\n"

    def _fail(self, event: Failed) -> bytes:
        self._is_over = True
        fault = Fault(status=event.status, code=event.code, message=event.message, request_id=self._context.id)
        return write_stream_fault(fault, 0)

    _WRITERS: ClassVar[dict[type, Callable[["ChatEncoder", Any], bytes]]] = {
        ResponseStarted: _start,
        UsageReported: _count,
        NativeEvent: _ignore,
        Finished: _finish,
        Completed: _complete,
        Failed: _fail,
    }
