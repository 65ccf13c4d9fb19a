"""The canonical model as a protocol of its own: `LlmRequest`, `LlmResponse` and events as JSON.

The library's calls come in it, and so take the same way through the gateway as everybody's; `omnillm transcode` shows it. No provider
speaks it. Bytes are base64 in JSON, opaque values keep the name of their issuer, and nothing is lost.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import msgspec

from omnillm.errors import BadRequest, ProtocolError
from omnillm.framing.sse import Frame
from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    Completed,
    Failed,
    LlmStreamEvent,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omnillm.model.message import Audio, Issuer, Reasoning, Refusal, Text, ToolCall
from omnillm.model.request import LlmRequest
from omnillm.model.response import LlmResponse
from omnillm.protocols.bound import responses_named
from omnillm.protocols.codec import Codec, ReplyContext
from omnillm.protocols.dialects import Dialect
from omnillm.protocols.differences.part_order import PART_EVENTS
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Fault, Members, Protocol, RequestPeek
from omnillm.protocols.shapes import Unfit, typed
from omnillm.usage import Usage

NAME = "canonical"
_EVENT = msgspec.json.Decoder(LlmStreamEvent)
_GENERATION = "generation"
_GROW: dict[type, type] = {
    TextDelta: Text,
    RefusalDelta: Refusal,
    ReasoningDelta: Reasoning,
    ToolCallDelta: ToolCall,
    AudioDelta: Audio,
    CitationAdded: Text,
}
"""Which parts grow by an event; by any other, every part does."""


class CanonicalDecoder:
    def __init__(self, issuer: Issuer, losses: Losses) -> None:  # noqa: ARG002 - the signature of `Codec.decoder`
        self._is_complete = False
        self._open: dict[tuple[int, int], type] = {}
        """Types of the open parts, by candidate and index."""

    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        if not frame.data:
            return ()
        event = _EVENT.decode(frame.data)
        if type(event) in PART_EVENTS:
            self._follow(event)
        self._is_complete = self._is_complete or type(event) is Completed
        return (event,)

    def _follow(self, event: Any) -> None:
        """Hold an event of a part to the life of a stream: whoever writes it rests on that."""
        part = event.candidate, event.index
        kind = self._open.get(part)
        if type(event) is PartStarted:
            if kind is not None:
                raise Unfit("index", "that of a new part")
            self._open[part] = type(event.part)
        elif kind is None or _GROW.get(type(event), kind) is not kind:
            raise Unfit("index", "that of an open part which can grow so")
        elif type(event) is PartEnded:
            del self._open[part]

    def finish(self) -> Sequence[LlmStreamEvent]:
        if not self._is_complete:
            raise Unfit("stream", "complete")
        return ()


class CanonicalEncoder:
    next_sequence: ClassVar = 0
    response_id: ClassVar = ""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:  # noqa: ARG002 - the signature of `Codec.encoder`
        self._names = context.names

    def feed(self, event: LlmStreamEvent) -> bytes:
        if type(event) is PartStarted and self._names:
            event = msgspec.structs.replace(event, part=_own_name(event.part, self._names))
        return b"data: " + msgspec.json.encode(event) + b"\n\n"


def _own_name(part: Any, names: Mapping[str, str]) -> Any:
    name = getattr(part, "name", "")
    return msgspec.structs.replace(part, name=names[name]) if name in names else part


def parse_request(body: dict[str, Any], losses: Losses) -> LlmRequest:  # noqa: ARG001 - nothing is lost
    return typed(body, LlmRequest)


def parse_reply(body: dict[str, Any], issuer: Issuer, losses: Losses, counted: Usage | None = None) -> LlmResponse:  # noqa: ARG001 - nothing is lost
    return typed(body, LlmResponse)


def emit_request(request: LlmRequest, dialect: Dialect, losses: Losses) -> dict[str, Any]:  # noqa: ARG001 - nothing is lost
    value: dict[str, Any] = msgspec.to_builtins(request)
    return value


def emit_reply(response: LlmResponse, context: ReplyContext, losses: Losses) -> dict[str, Any]:  # noqa: ARG001 - nothing is lost
    value: dict[str, Any] = msgspec.to_builtins(response)
    for candidate in value.get("candidates", ()) if context.names else ():
        for part in candidate["message"].get("parts", ()):
            if "name" in part:
                part["name"] = context.names.get(part["name"], part["name"])
    return value


def peek_request(members: Members) -> RequestPeek:
    model = msgspec.json.decode(members["model"]) if "model" in members else ""
    generation = msgspec.json.decode(members[_GENERATION]) if _GENERATION in members else {}
    if type(model) is not str:
        raise BadRequest("`model` must be a string.")
    if type(generation) is not dict:
        raise BadRequest("`generation` must be an object.")
    return RequestPeek(
        model=model,
        is_stream="is_stream" in members and bytes(members["is_stream"]) == b"true",
        output_cap=generation.get("max_output_tokens"),
        n=generation.get("n") or 1,
    )


def write_fault(fault: Fault) -> bytes:
    return msgspec.json.encode(Failed(code=fault.code, message=fault.message, status=fault.status))


def _no_wire(*given: Any) -> NoReturn:  # noqa: ARG001 - the place of what HTTP alone needs
    raise ProtocolError("No provider speaks the canonical model, and no client over HTTP.", reason="unsupported_wire_format")


PROTOCOL = Protocol(
    name=NAME,
    peek_request=peek_request,
    peek_reply=_no_wire,
    watch=_no_wire,
    read_failure=_no_wire,
    write_fault=write_fault,
    write_stream_fault=_no_wire,
    output_cap_member="generation.max_output_tokens",
    read_headroom=_no_wire,
    weigh=_no_wire,  # it is weighed in the words of its targets
    named_ids=responses_named,
)
CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    dialect=Dialect(),
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=CanonicalDecoder,
    encoder=CanonicalEncoder,
)
