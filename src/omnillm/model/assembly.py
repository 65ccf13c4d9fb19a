"""Puts the events of a stream together to the reply that a plain call would have got."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    Finished,
    LlmStreamEvent,
    OpaqueAdded,
    PartStarted,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from omnillm.model.media import InlineSource
from omnillm.model.message import Audio, Message, MessagePart, MessageRole, Reasoning, Refusal, Text, ToolCall
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.usage import Usage


class _Open:
    """A part while it grows: pieces are joined once, at the end."""

    __slots__ = ("citations", "opaque", "part", "pieces", "sound", "summary")

    def __init__(self, part: MessagePart) -> None:
        self.part = part
        self.pieces: list[str] = []
        self.summary: dict[int, list[str]] = {}
        self.citations: list[CitationAdded] = []
        self.opaque: OpaqueAdded | None = None
        self.sound: list[bytes] = []

    def closed(self) -> MessagePart:
        part, more = self.part, "".join(self.pieces)
        if type(part) is Text:
            citations = part.citations + tuple(added.citation for added in self.citations)
            signature = self.opaque.opaque if self.opaque is not None else part.signature
            return replace(part, text=part.text + more, citations=citations, signature=signature)
        if type(part) is Reasoning:
            summary = part.summary + tuple("".join(self.summary[number]) for number in sorted(self.summary))
            opaque = self.opaque.opaque if self.opaque is not None else part.opaque
            return replace(part, text=part.text + more, summary=summary, opaque=opaque)
        if type(part) is ToolCall:
            signature = self.opaque.opaque if self.opaque is not None else part.signature
            return replace(part, arguments=part.arguments + more, signature=signature)
        if type(part) is Refusal:
            return replace(part, text=part.text + more)
        return self._closed_audio(part, more) if type(part) is Audio else part

    def _closed_audio(self, part: Audio, more: str) -> Audio:
        source = part.source
        if self.sound:
            before = source if isinstance(source, InlineSource) else InlineSource(data=b"")
            source = replace(before, data=before.data + b"".join(self.sound))
        return replace(part, source=source, transcript=part.transcript + more)


class ResponseAssembler:
    """`feed` every event; `response()` is what they say so far."""

    def __init__(self) -> None:
        self._started = ResponseStarted()
        self._parts: dict[int, dict[int, _Open]] = {}
        self._finished: dict[int, Finished] = {}
        self._logprobs: dict[int, list[Any]] = {}
        """The tokens of each candidate's text, in Chat's shape."""
        self._usage: Usage | None = None
        self._raw_usage: object = None

    def feed(self, event: LlmStreamEvent) -> None:
        kind = type(event)
        if isinstance(event, PartStarted):
            self._parts.setdefault(event.candidate, {})[event.index] = _Open(event.part)
        elif isinstance(event, TextDelta | RefusalDelta):
            self._parts[event.candidate][event.index].pieces.append(event.text)
            if isinstance(event, TextDelta) and isinstance(event.logprobs, dict):
                self._logprobs.setdefault(event.candidate, []).extend(event.logprobs.get("content") or ())
        elif isinstance(event, ToolCallDelta):
            self._parts[event.candidate][event.index].pieces.append(event.arguments)
        elif isinstance(event, ReasoningDelta):
            part = self._parts[event.candidate][event.index]
            (part.pieces if event.summary_index is None else part.summary.setdefault(event.summary_index, [])).append(event.text)
        elif kind in _RARE:
            self._feed_rare(event)

    def _feed_rare(self, event: LlmStreamEvent) -> None:
        if isinstance(event, ResponseStarted):
            self._started = event
            self._usage = event.usage
        elif isinstance(event, UsageReported):
            self._usage, self._raw_usage = event.usage, event.raw
        elif isinstance(event, Finished):
            self._finished[event.candidate] = event
        elif isinstance(event, OpaqueAdded):
            self._parts[event.candidate][event.index].opaque = event
        elif isinstance(event, CitationAdded):
            self._parts[event.candidate][event.index].citations.append(event)
        elif isinstance(event, AudioDelta):
            part = self._parts[event.candidate][event.index]
            part.sound.append(event.data)
            part.pieces.append(event.transcript)

    def response(self) -> LlmResponse:
        started = self._started
        numbers = sorted({*self._parts, *self._finished})
        return LlmResponse(
            id=started.id,
            model=started.model,
            created=started.created,
            service_tier=started.service_tier,
            protocol=started.protocol,
            candidates=tuple(self._candidate(number) for number in numbers),
            usage=self._usage,
            raw_usage=self._raw_usage,
        )

    def _candidate(self, number: int) -> Candidate:
        parts = self._parts.get(number, {})
        finished = self._finished.get(number) or Finished(reason=FinishReason.OTHER)
        return Candidate(
            message=Message(role=MessageRole.ASSISTANT, parts=tuple(parts[index].closed() for index in sorted(parts))),
            finish_reason=finished.reason,
            native_finish_reason=finished.native_reason,
            stop_sequence=finished.stop_sequence,
            logprobs={"content": self._logprobs[number], "refusal": None} if number in self._logprobs else None,
            vendor_extensions=finished.vendor_extensions,
        )


_RARE = frozenset({ResponseStarted, UsageReported, Finished, OpaqueAdded, CitationAdded, AudioDelta})
