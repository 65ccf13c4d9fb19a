"""One translation and what became of it; a reply as the events of a stream; and what each official SDK makes of the result."""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import msgspec
from anthropic.types import Message as AnthropicMessage
from anthropic.types import RawMessageStreamEvent
from google.genai._gaos.types.interactions import Interaction, InteractionSSEEvent
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import Field, TypeAdapter

from omnillm.errors import ProtocolError
from omnillm.framing.sse import Frame, SseReader
from omnillm.model import (
    Audio,
    AudioDelta,
    CitationAdded,
    Completed,
    Finished,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    LlmRequest,
    LlmResponse,
    LlmStreamEvent,
    Message,
    MessagePart,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    RequestItem,
    ResponseAssembler,
    ResponseStarted,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    UsageReported,
)
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.dialects import ChatDialect
from omnillm.protocols.loss import LossReason
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import emit_request, emit_response, transcode_request

CONTEXT = ReplyContext(id="0123456789abcdef0123456789abcdef", created=1_795_608_000, model="model-1")

CLIENTS = {"openai_chat": ChatDialect(has_web_search=True)}
"""A client says everything that its protocol can."""


class Outcome(NamedTuple):
    """carried, moved, defaulted, approximated, dropped or refused: the worst of what happened; unsaid: the source cannot say it."""

    kind: str
    reasons: tuple[LossReason, ...] = ()
    detail: str = ""


_WORST_LAST = ("moved", "defaulted", "approximated", "dropped")


def judged(reasons: tuple[LossReason, ...], path: str = "") -> Outcome:
    """`path`: of the feature; what is lost below it makes it an approximation."""
    kinds = {"approximated" if path and reason.path.startswith(f"{path}.") else reason.kind for reason in reasons}
    return Outcome(next((kind for kind in reversed(_WORST_LAST) if kind in kinds), "carried"), reasons)


def emitted(request: LlmRequest, target: str, path: str = "") -> Outcome:
    """From the library, whose words are the canonical model's own."""
    try:
        return judged(emit_request(target, request).loss_reasons, path)
    except ProtocolError as error:
        return Outcome("refused", detail=error.message)


def translated(request: LlmRequest, source: str, target: str, path: str = "") -> Outcome:
    """From a client of `source`, if that protocol can say it."""
    try:
        said = emit_request(source, request, dialect=CLIENTS.get(source))
    except ProtocolError:
        return Outcome("unsaid")
    if judged(said.loss_reasons, path).kind in {"dropped", "approximated"} and not _is_said(said.loss_reasons, path):
        return Outcome("unsaid")
    try:
        return judged(transcode_request(source, target, said.value, model=request.model).loss_reasons, path)
    except ProtocolError as error:
        return Outcome("refused", detail=error.message)


def _is_said(reasons: tuple[LossReason, ...], path: str) -> bool:
    """Whether the feature itself stands, whatever was lost below it."""
    return bool(path) and all(reason.path.startswith(f"{path}.") or reason.kind in {"moved", "defaulted"} for reason in reasons)


def answered(reply: LlmResponse, target: str) -> Outcome:
    return judged(emit_response(target, reply, CONTEXT).loss_reasons)


def events_of(reply: LlmResponse, *, is_whole: bool = False) -> Iterator[LlmStreamEvent]:
    """The stream of a provider that answers this, word by word; or each part whole at its start."""
    yield ResponseStarted(id=reply.id, model=reply.model, created=reply.created)
    for number, candidate in enumerate(reply.candidates):
        for index, part in enumerate(candidate.message.parts):
            if is_whole:
                yield from (PartStarted(index=index, candidate=number, part=part), PartEnded(index=index, candidate=number))
            else:
                yield from _part_events(part, index, number, candidate.logprobs)
        yield Finished(
            reason=candidate.finish_reason,
            candidate=number,
            native_reason=candidate.native_finish_reason,
            stop_sequence=candidate.stop_sequence,
            vendor_extensions=candidate.vendor_extensions,
        )
    if reply.usage is not None:
        yield UsageReported(usage=reply.usage, raw=reply.raw_usage)
    yield Completed(vendor_extensions=reply.vendor_extensions)


def _part_events(part: MessagePart, index: int, candidate: int, logprobs: Any) -> Iterator[LlmStreamEvent]:
    replace = msgspec.structs.replace
    where = {"index": index, "candidate": candidate}
    if isinstance(part, Text):
        yield PartStarted(part=replace(part, text="", citations=(), signature=None), **where)
        yield TextDelta(text=part.text[:3], logprobs=logprobs, **where)
        yield from [TextDelta(text=part.text[3:], **where)] if part.text[3:] else []
        yield from [CitationAdded(citation=citation, **where) for citation in part.citations]
        yield from [OpaqueAdded(opaque=part.signature, **where)] if part.signature else []
    elif isinstance(part, Refusal):
        yield PartStarted(part=replace(part, text=""), **where)
        yield RefusalDelta(text=part.text, **where)
    elif isinstance(part, ToolCall):
        yield PartStarted(part=replace(part, arguments=""), **where)  # a call's signature is known when it begins
        yield ToolCallDelta(arguments=part.arguments[:2], **where)
        yield from [ToolCallDelta(arguments=part.arguments[2:], **where)] if part.arguments[2:] else []
    elif isinstance(part, Reasoning) and not part.is_redacted:
        yield PartStarted(part=replace(part, text="", summary=(), opaque=None), **where)
        yield from [ReasoningDelta(text=part.text, **where)] if part.text else []
        yield from [ReasoningDelta(text=text, summary_index=number, **where) for number, text in enumerate(part.summary)]
        yield from [OpaqueAdded(opaque=part.opaque, **where)] if part.opaque else []
    elif isinstance(part, Audio) and isinstance(part.source, InlineSource):
        yield PartStarted(part=replace(part, source=None, transcript=""), **where)
        yield AudioDelta(data=part.source.data, transcript=part.transcript, **where)
    else:
        yield PartStarted(part=part, **where)
    yield PartEnded(**where)


class Streamed(NamedTuple):
    frames: list[Frame]
    reasons: tuple[LossReason, ...]


def streamed(events: Iterator[LlmStreamEvent] | tuple[LlmStreamEvent, ...], target: str, context: ReplyContext = CONTEXT) -> Streamed:
    """What a client of `target` gets."""
    transcoder = StreamTranscoder("canonical", target, context=context)
    raw = b"".join(transcoder.feed(b"data: " + msgspec.json.encode(event) + b"\n\n") for event in events) + transcoder.feed(b"")
    return Streamed(list(SseReader().feed(raw)), transcoder.losses.reasons)


def reassembled(frames: list[Frame], source: str) -> tuple[LlmResponse, tuple[LossReason, ...]]:
    """The reply that a stream of `source` says, read by our own decoder."""
    transcoder = StreamTranscoder(source, "canonical", context=CONTEXT)
    raw = b"".join(transcoder.feed(frame.raw) for frame in frames) + transcoder.feed(b"")
    assembler = ResponseAssembler()
    for frame in SseReader().feed(raw):
        assembler.feed(msgspec.json.decode(frame.data, type=LlmStreamEvent))
    return assembler.response(), transcoder.losses.reasons


def compared_requests(back: LlmRequest, request: LlmRequest) -> tuple[LlmRequest, LlmRequest]:
    """Both without what says the same in another way: names of results, which stand at their calls; a policy, which becomes marks.

    The ids of Responses' items are no content either.
    """
    return _bare(back), _bare(request)


def _bare(request: LlmRequest) -> LlmRequest:
    replace = msgspec.structs.replace
    capabilities = request.capabilities
    choice = capabilities.tool_choice
    return replace(
        request,
        protocol="",
        wants_stream_usage=True,
        store=request.store or None,
        input=tuple(_bare_item(item) for item in request.input),
        capabilities=replace(
            capabilities,
            prompt_cache=None,
            tool_choice=None if choice is not None and choice.mode == "auto" else choice,
            parallel_tool_calls=capabilities.parallel_tool_calls and None,
            tools=tuple(
                replace(tool, cache_control=None, strict=tool.strict or None, input_schema=_bare_schema(tool.input_schema))
                for tool in capabilities.tools
            ),
            builtin_tools=tuple(replace(tool, protocol="", native=None) for tool in capabilities.builtin_tools),
        ),
    )


def _bare_schema(schema: Any) -> Any:
    return None if schema == {"type": "object", "properties": {}} else schema


def _bare_item(item: RequestItem) -> RequestItem:
    if isinstance(item, ToolResult):
        return msgspec.structs.replace(item, name="", item_id="")
    return msgspec.structs.replace(item, parts=tuple(_bare_part(part) for part in item.parts))


def _bare_part(part: MessagePart) -> MessagePart:
    part = msgspec.structs.replace(part, cache_control=None)
    if isinstance(part, ToolCall) and not part.arguments:
        return msgspec.structs.replace(part, arguments="{}")
    if isinstance(part, Audio) and isinstance(part.source, InlineSource):
        return msgspec.structs.replace(part, source=InlineSource(data=part.source.data, media_type=""))
    if isinstance(part, ImageUrl | ImageBase64 | ImageFile) and part.detail == "auto":
        return msgspec.structs.replace(part, detail="")
    return part


def compared_replies(back: LlmResponse, reply: LlmResponse) -> tuple[LlmResponse, LlmResponse]:
    """Both without what the protocol on the way says of itself."""
    return _bare_reply(back), _bare_reply(reply)


def _bare_reply(reply: LlmResponse) -> LlmResponse:
    replace = msgspec.structs.replace
    return replace(
        reply,
        id="",
        protocol="",
        raw_usage=None,
        created=None,
        service_tier="",
        vendor_extensions={},
        candidates=tuple(
            replace(candidate, native_finish_reason="", vendor_extensions={}, message=_bare_message(candidate.message))
            for candidate in reply.candidates
        ),
    )


def _bare_message(message: Message) -> Message:
    return msgspec.structs.replace(message, parts=tuple(_without_item(part) for part in message.parts), vendor_extensions={})


def _without_item(part: MessagePart) -> MessagePart:
    replace = msgspec.structs.replace
    if isinstance(part, Text):
        return replace(part, item_id="", citations=tuple(replace(each, protocol="", native=None) for each in part.citations))
    return replace(part, item_id="") if isinstance(part, ToolCall | Reasoning | Refusal) else part


def has_foreign_opaque(reply: LlmResponse, protocol: str) -> bool:
    """Whether it holds what only another protocol's provider can read: a client brings that back in a request, no provider in a reply."""
    found = [
        part.opaque if isinstance(part, Reasoning) else part.signature
        for candidate in reply.candidates
        for part in candidate.message.parts
        if isinstance(part, Reasoning | Text | ToolCall | ImageBase64 | Audio)
    ]
    return any(opaque is not None and opaque.issuer.protocol != protocol for opaque in found)


def next_request(protocol: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a client sends after a reply: the reply as it came, and a question."""
    if protocol == "openai_chat":
        return {"model": "model-1", "messages": [{"role": "user", "content": "Hi"}, body["choices"][0]["message"]]}
    if protocol == "openai_responses":
        return {"model": "model-1", "input": [{"role": "user", "content": "Hi"}, *body["output"]]}
    if protocol == "anthropic_messages":
        turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": body["content"]}]
        return {"model": "model-1", "max_tokens": 9, "messages": turns}
    if protocol == "gemini_interactions":
        return {"model": "model-1", "input": [{"type": "user_input", "content": [{"type": "text", "text": "Hi"}]}, *body["steps"]]}
    return {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, body["candidates"][0]["content"]]}


_BODIES: dict[str, Any] = {
    "openai_chat": ChatCompletion.model_validate_json,
    "openai_responses": Response.model_validate_json,
    "anthropic_messages": AnthropicMessage.model_validate_json,
    "gemini_generate_content": GenerateContentResponse.model_validate_json,
    "gemini_interactions": Interaction.model_validate_json,
}
_BY_TYPE = Field(discriminator="type")
"""An event is of the kind that it says: the others need not be tried."""
_EVENTS: dict[str, Any] = {
    "openai_chat": ChatCompletionChunk.model_validate_json,
    "openai_responses": TypeAdapter(Annotated[ResponseStreamEvent, _BY_TYPE]).validate_json,
    "anthropic_messages": TypeAdapter(Annotated[RawMessageStreamEvent, _BY_TYPE]).validate_json,
    "gemini_generate_content": GenerateContentResponse.model_validate_json,
    "gemini_interactions": TypeAdapter(InteractionSSEEvent).validate_json,
}


def sdk_reads(protocol: str, body: bytes) -> Any:
    """The SDK's own type, validated as its strict mode does. Raises pydantic's ValidationError."""
    return _BODIES[protocol](body)


def sdk_reads_events(protocol: str, frames: list[Frame]) -> list[Any]:
    return [_EVENTS[protocol](frame.data) for frame in frames if frame.data and frame.data != b"[DONE]" and frame.event != b"ping"]


def is_failure(frame: Frame) -> bool:
    """An error event, which each protocol writes in a shape of its own."""
    return frame.event == b"error" or b'"type":"error"' in frame.data or frame.data.startswith(b'{"error":')
