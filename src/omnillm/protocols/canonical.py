"""The canonical model as a protocol of its own: `LlmRequest`, `LlmResponse` and events as JSON.

The library's calls come in it, and so take the same way through the gateway as everybody's; `omnillm transcode` shows it. No provider
speaks it. Bytes are base64 in JSON, opaque values keep the name of their issuer, and nothing is lost.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from omnillm.errors import BadRequest
from omnillm.framing.sse import Frame
from omnillm.model.events import Completed, Failed, LlmStreamEvent, PartStarted, UsageReported
from omnillm.model.message import Issuer
from omnillm.model.request import LlmRequest
from omnillm.model.response import LlmResponse
from omnillm.outcome import Headroom, Verdict
from omnillm.protocols.bound import responses_named
from omnillm.protocols.codec import Codec, Dialect, ReplyContext
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.hints import retry_hint_s, verdict_of_status
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import WEIGHTLESS, Failure, Fault, Members, Protocol, ReplyPeek, RequestPeek, Sight, Weight
from omnillm.protocols.shapes import Unfit, typed
from omnillm.usage import Usage

NAME = "canonical"
_EVENT = msgspec.json.Decoder(LlmStreamEvent)
_REPLY = msgspec.json.Decoder(LlmResponse)
_GENERATION = "generation"


class CanonicalDecoder:
    def __init__(self, issuer: Issuer, losses: Losses) -> None:  # noqa: ARG002 - the signature of `Codec.decoder`
        self._is_complete = False

    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        if not frame.data:
            return ()
        event = _EVENT.decode(frame.data)
        self._is_complete = self._is_complete or type(event) is Completed
        return (event,)

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


class CanonicalWatch:
    next_sequence: ClassVar = 0
    skims: ClassVar = None
    response_id: ClassVar = ""
    tier: ClassVar = None

    def __init__(self, withholds: bool) -> None:  # noqa: ARG002, FBT001 - the signature of `Protocol.watch`
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self._is_complete = False

    def see(self, frame: Frame) -> int:
        if not frame.data:
            return Sight.NOTHING
        try:
            event = _EVENT.decode(frame.data)
        except UNREADABLE:
            event = Failed(code="malformed_event", message="an event of the stream is none of this protocol", status=200)
        if type(event) is Failed:
            self.failure = Failure(verdict=verdict_of_status(event.status), status=event.status, code=event.code, message=event.message)
            return Sight.FAILED
        if type(event) is UsageReported:
            self.usage = event.usage
        elif type(event) is Completed:
            self._is_complete = True
            return Sight.END
        return Sight.CONTENT if type(event) is PartStarted else Sight.NOTHING

    def at_end_of_stream(self) -> bool:
        return self._is_complete


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


def peek_reply(body: bytes) -> ReplyPeek:
    try:
        reply = _REPLY.decode(body)
    except UNREADABLE:
        return ReplyPeek(usage=None, is_complete=False)
    return ReplyPeek(usage=reply.usage, is_complete=True)


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, wall: float) -> Failure:
    message = body[:2000].decode("utf-8", "replace")
    verdict = verdict_of_status(status) if status >= 400 else Verdict.SERVER_FAULT
    return Failure(verdict=verdict, status=status, code="garbled_reply", message=message, retry_after_s=retry_hint_s(headers, wall))


def write_fault(fault: Fault) -> bytes:
    return msgspec.json.encode(Failed(code=fault.code, message=fault.message, status=fault.status))


def write_stream_fault(fault: Fault, next_sequence: int) -> bytes:  # noqa: ARG001 - this protocol numbers no events
    return b"data: " + write_fault(fault) + b"\n\n"


def read_headroom(headers: Mapping[bytes, bytes], wall: float) -> Headroom | None:  # noqa: ARG001 - no provider sends any
    return None


def weigh(members: Members) -> tuple[int, Weight]:  # noqa: ARG001 - it is weighed in the words of its targets
    return 0, WEIGHTLESS


PROTOCOL = Protocol(
    name=NAME,
    peek_request=peek_request,
    peek_reply=peek_reply,
    watch=CanonicalWatch,
    read_failure=read_failure,
    write_fault=write_fault,
    write_stream_fault=write_stream_fault,
    output_cap_member="generation.max_output_tokens",
    read_headroom=read_headroom,
    weigh=weigh,
    named_ids=responses_named,
)
CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=CanonicalDecoder,
    encoder=CanonicalEncoder,
)
