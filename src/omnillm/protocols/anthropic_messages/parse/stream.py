"""A stream of the Messages API, read to canonical events."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from omnillm.framing.sse import Frame
from omnillm.model.events import (
    CitationAdded,
    Completed,
    Failed,
    Finished,
    LlmStreamEvent,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from omnillm.model.message import Issuer, MessagePart, Native, ToolCall
from omnillm.model.response import FinishReason
from omnillm.protocols.anthropic_messages.failure import STATUSES, failure_of
from omnillm.protocols.anthropic_messages.finish import read_finish
from omnillm.protocols.anthropic_messages.parse.parts import parse_block, parse_citation
from omnillm.protocols.anthropic_messages.parse.reply import MEMBERS, known_in_replies, service_tier_of
from omnillm.protocols.anthropic_messages.place import NAME
from omnillm.protocols.anthropic_messages.usage import count, usage_of_counts
from omnillm.protocols.differences.arguments import object_of, raw_object
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, array, each_with, inside, integer, mapping, optional_mapping, optional_text, rest, text

_decode = msgspec.json.Decoder().decode
_DELTA_EVENT = frozenset({"type", "delta", "usage"})
_DELTA = frozenset({"stop_reason", "stop_sequence"})
_DELTA_TYPE = frozenset({"type"})
_ADDED_WORDS = {"text_delta": "text", "thinking_delta": "thinking"}
"""Deltas of texts: in a block that this protocol alone knows they grow the member of that name."""


class _Block:
    """A content block that is open: where its part stands, or what a `Native` has of it up to now."""

    __slots__ = ("index", "input", "lacks_arguments", "native")

    def __init__(self, index: int, native: dict[str, Any] | None = None, *, lacks_arguments: bool = False) -> None:
        self.index = index
        self.native = native
        self.lacks_arguments = lacks_arguments
        self.input: list[str] = []
        """Pieces of a server tool's input."""


class MessageDecoder:
    def __init__(self, issuer: Issuer, losses: Losses) -> None:
        self._losses = losses
        self._known = known_in_replies(issuer)
        self._open: dict[int, _Block] = {}
        self._next_index = 0
        self._counts: dict[str, Any] = {}
        self._extensions: dict[str, Any] = {}
        """Members of the message without a canonical home."""
        self._message_id: str | None = None
        self._finished: Finished | None = None
        self._is_done = False

    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        if not frame.data or self._is_done:
            return ()
        event = _decode(frame.data)
        if type(event) is not dict:
            raise Unfit("", "an object")
        kind = event.get("type")
        if kind == "content_block_delta":
            return self._delta(event)
        read = self._EVENTS.get(kind) if type(kind) is str else None
        if read is not None:
            return read(self, event)
        if "error" in event and kind is None:  # some hosts send an error without its type
            return self._error(event)
        if kind != "ping":
            self._losses.drop("events", "an event that the gateway does not know")
        return ()

    def finish(self) -> Sequence[LlmStreamEvent]:
        if not self._is_done:
            raise Unfit("stream", "complete")
        return ()

    def _delta(self, event: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        block = self._block_of(event)
        delta = event.get("delta")
        if type(delta) is not dict:
            raise Unfit("delta", "an object")
        kind = delta.get("type")
        if kind == "text_delta" and block.native is None:
            words = delta.get("text")
            if type(words) is not str:
                raise Unfit("delta.text", "a string")
            return (TextDelta(index=block.index, text=words),)
        if type(kind) is not str:
            raise Unfit("delta.type", "a string")
        if block.native is not None:
            _grow(block, kind, delta)
            return ()
        if (read := self._DELTAS.get(kind)) is not None:
            return read(self, block, delta)
        self._losses.drop("events", "a delta that the gateway does not know")
        return ()

    def _input_delta(self, block: _Block, delta: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        piece = text(delta.get("partial_json"), "delta.partial_json")
        if not piece:
            return ()
        block.lacks_arguments = False
        return (ToolCallDelta(index=block.index, arguments=piece),)

    def _signature_delta(self, block: _Block, delta: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        value = text(delta.get("signature"), "delta.signature")
        return (OpaqueAdded(index=block.index, opaque=self._known.read(value)),) if value else ()

    def _citations_delta(self, block: _Block, delta: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        return (CitationAdded(index=block.index, citation=parse_citation(mapping(delta.get("citation"), "delta.citation"))),)

    def _block_of(self, event: dict[str, Any]) -> _Block:
        index = event.get("index")
        block = self._open.get(index) if type(index) is int else None
        if block is None:
            raise Unfit("index", "that of an open block")
        return block

    def _block_start(self, event: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        self._require_start()
        wire_index = integer(event.get("index"), "index", 0)
        if wire_index in self._open:
            raise Unfit("index", "that of a new block")
        value = mapping(event.get("content_block"), "content_block")
        try:
            part = parse_block(_opening(value), self._known)
        except Unfit as error:
            raise inside(error, "content_block") from error
        if type(part) is Native:
            self._open[wire_index] = _Block(-1, dict(value))
            return ()
        is_bare = type(part) is ToolCall and part.arguments == "{}"
        started = self._started(replace(part, arguments="") if is_bare else part)  # the input comes in deltas
        self._open[wire_index] = _Block(started.index, lacks_arguments=is_bare)
        return (started,)

    def _started(self, part: MessagePart) -> PartStarted:
        started = PartStarted(index=self._next_index, part=part)
        self._next_index += 1
        return started

    def _whole(self, part: MessagePart) -> Sequence[LlmStreamEvent]:
        started = self._started(part)
        return (started, PartEnded(index=started.index))

    def _block_stop(self, event: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        block = self._block_of(event)
        del self._open[event["index"]]
        if block.native is not None:
            return self._whole(_grown(block, block.native))
        if block.lacks_arguments:
            return (ToolCallDelta(index=block.index, arguments="{}"), PartEnded(index=block.index))
        return (PartEnded(index=block.index),)

    def _message_start(self, event: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        message = mapping(event.get("message"), "message")
        message_id = optional_text(message, "id", "message")
        if self._message_id is not None:
            if self._next_index or self._open or message_id != self._message_id:
                raise Unfit("message", "the only one of its stream")
            return ()  # some hosts send the same start twice
        self._message_id = message_id
        usage = optional_mapping(message, "usage", "message") or {}
        count(usage, self._counts)
        self._extensions = rest(message, MEMBERS)
        started = ResponseStarted(
            protocol=NAME,
            id=message_id,
            model=optional_text(message, "model", "message"),
            service_tier=service_tier_of(usage),
            usage=usage_of_counts(self._counts) if self._counts else None,
        )
        return (started, *self._ready_made(message))

    def _ready_made(self, message: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        """A turn that a program of the model's wrote comes whole in the start: its blocks, and why it ended."""
        path = "message.content"
        parts = each_with(self._known, array(message.get("content") or [], path), path, parse_block)
        if message.get("stop_reason") is not None:
            self._note_end(message, "message")
        return [event for part in parts for event in self._whole(part)]

    def _message_delta(self, event: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        self._require_start()
        delta = mapping(event.get("delta"), "delta")
        self._extensions |= rest(delta, _DELTA) | rest(event, _DELTA_EVENT)
        if delta.get("stop_reason") is not None:
            self._note_end(delta, "delta")
        usage = optional_mapping(event, "usage")
        if not usage:
            return ()
        count(usage, self._counts)
        counted = usage_of_counts(self._counts)
        return () if counted is None else (UsageReported(usage=counted, raw=dict(self._counts)),)

    def _note_end(self, said: dict[str, Any], place: str) -> None:
        reason, native = read_finish(text(said.get("stop_reason"), f"{place}.stop_reason"))
        if said.get("stop_details") is not None:
            self._extensions["stop_details"] = said["stop_details"]
        stop_sequence = optional_text(said, "stop_sequence", place) or None
        self._finished = Finished(reason=reason, native_reason=native, stop_sequence=stop_sequence)

    def _message_stop(self, _: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        self._require_start()
        if self._open:
            raise Unfit("stream", "one whose blocks are all closed")
        self._is_done = True
        finished = self._finished or Finished(reason=FinishReason.OTHER)
        return (replace(finished, vendor_extensions=self._extensions), Completed())

    def _error(self, event: dict[str, Any]) -> Sequence[LlmStreamEvent]:
        self._is_done = True
        failure = failure_of(200, event.get("error"))
        return (Failed(code=failure.code, message=failure.message, status=STATUSES.get(failure.code, 500)),)

    def _require_start(self) -> None:
        if self._message_id is None:
            raise Unfit("stream", "one that begins with message_start")

    _EVENTS: ClassVar[dict[str, Callable[["MessageDecoder", dict[str, Any]], Sequence[LlmStreamEvent]]]] = {
        "content_block_start": _block_start,
        "content_block_stop": _block_stop,
        "message_start": _message_start,
        "message_delta": _message_delta,
        "message_stop": _message_stop,
        "error": _error,
    }
    _DELTAS: ClassVar[dict[str, Callable[["MessageDecoder", _Block, dict[str, Any]], Sequence[LlmStreamEvent]]]] = {
        "thinking_delta": lambda _, block, delta: (ReasoningDelta(index=block.index, text=text(delta.get("thinking"), "delta.thinking")),),
        "input_json_delta": _input_delta,
        "signature_delta": _signature_delta,
        "citations_delta": _citations_delta,
    }


def _opening(block: dict[str, Any]) -> dict[str, Any]:
    """Fill in what hosts leave out of a block that opens empty."""
    member = block.get("type")
    if type(member) is str and member in {"text", "thinking"} and block.get(member) is None:
        return {**block, member: ""}
    return block


def _grown(block: _Block, native: dict[str, Any]) -> Native:
    if block.input:
        words = "".join(block.input)
        native["input"] = object_of(words)
        if native["input"] is None:  # cut short by the output cap
            native["input"] = raw_object(words)
    return Native(protocol=NAME, kind=native["type"], value=native)


def _grow(block: _Block, kind: str, delta: dict[str, Any]) -> None:
    native = block.native or {}
    if kind == "input_json_delta":
        block.input.append(text(delta.get("partial_json"), "delta.partial_json"))
    elif kind in _ADDED_WORDS:
        member = _ADDED_WORDS[kind]
        before = native.get(member)
        native[member] = (before if type(before) is str else "") + text(delta.get(member), f"delta.{member}")
    else:  # compaction_delta and its like bring members whole
        native |= rest(delta, _DELTA_TYPE)
