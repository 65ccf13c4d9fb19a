"""From one protocol to another, by way of the canonical model; the only place where bodies of a translation are decoded and encoded.

`parse_*` and `emit_*` are one half of a translation each, `transcode_*` both. Every function takes protocol names, and bytes where
a body is meant. A client's mistake is BadRequest with the path of the field; a provider's is UpstreamLost; what cannot be said in the
other protocol and must not be left out is ProtocolError; everything else that is lost stands in the report. Streams:
`stream_transcoder.py`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import ToolChoice, ToolDefinition
from omnillm.model.message import Issuer, Message, Native, RequestItem, ToolCall
from omnillm.model.prompt_layout import with_explicit_key
from omnillm.model.request import LlmRequest
from omnillm.model.response import LlmResponse
from omnillm.protocols.anthropic_messages.threads import THREAD, goes_on
from omnillm.protocols.codec import NO_NAMES, Codec, ReplyContext
from omnillm.protocols.codecs import CODECS, client_mistake, provider_mistake
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.dialects import Dialect, GeminiDialect, OpenAiDialect
from omnillm.protocols.differences.asked_json import tell, with_asked_json, with_words_for_json
from omnillm.protocols.differences.custom_tools import custom_names, with_free_text
from omnillm.protocols.differences.distinct_calls import with_distinct_calls
from omnillm.protocols.differences.effort import as_taken
from omnillm.protocols.differences.object_schemas import with_object_schemas
from omnillm.protocols.differences.sampling import takes_sampling, without_sampling
from omnillm.protocols.differences.tool_names import NAMES_OF_GEMINI, NameRule, rename
from omnillm.protocols.gemini_generate_content.pieces import with_whole_texts
from omnillm.protocols.loss import ConversionReport, Losses, LossReason, joined
from omnillm.protocols.shapes import Unfit
from omnillm.usage import Usage

_NAME_RULES = {
    "openai_chat": NameRule(64),
    "openai_responses": NameRule(64),
    "anthropic_messages": NameRule(128),
    "gemini_generate_content": NAMES_OF_GEMINI,
    "gemini_interactions": NAMES_OF_GEMINI,
    "bedrock_converse": NameRule(64),
}
"""What names of functions must look like."""


def parse_request(protocol: str, body: bytes, *, model: str = "", is_stream: bool | None = None) -> ConversionReport[LlmRequest]:
    """Read a client's request. `model` and `is_stream` are what the path says, in Gemini; they win over the body."""
    codec = CODECS[protocol]
    request, lost = read_request(codec, body, model=model, is_stream=is_stream)
    return ConversionReport(value=request, wire_format=codec.name, bridged=False, loss_reasons=lost)


def read_request(codec: Codec[Any], body: bytes, *, model: str, is_stream: bool | None) -> tuple[LlmRequest, tuple[LossReason, ...]]:
    """As `parse_request`: the request, and what was lost of it."""
    losses = Losses()
    try:
        request = codec.parse_request(_decoded(codec.own_request, body), losses)
    except (Unfit, RecursionError) as error:
        raise client_mistake(error) from error
    if is_stream is None:
        is_stream = request.is_stream
    if (model and request.model != model) or request.is_stream is not is_stream:
        request = replace(request, model=model or request.model, is_stream=is_stream)
    return request, losses.reasons if losses else ()


def emit_request(protocol: str, request: LlmRequest, *, dialect: Dialect | None = None) -> ConversionReport[bytes]:
    """Write a request for a provider. ProtocolError when something required cannot be said; BadRequest: it is nested too deeply."""
    codec = CODECS[protocol]
    body, lost, names = write_request(codec, request, _spoken(codec, dialect))
    return ConversionReport(value=body, wire_format=codec.name, bridged=request.protocol != codec.name, loss_reasons=lost, names=names)


def _spoken(codec: Codec[Any], dialect: Dialect | None) -> Dialect:
    """TypeError: it is another protocol's."""
    own: Dialect = codec.dialect
    if not isinstance(dialect, type(own) | None):
        raise TypeError(f"{codec.name} is written in a {type(own).__name__}, not in a {type(dialect).__name__}")
    return dialect or own


def write_request(codec: Codec[Any], request: LlmRequest, dialect: Dialect) -> tuple[bytes, tuple[LossReason, ...], Mapping[str, str]]:
    """As `emit_request`: the body, what was lost, and the functions that had to be renamed."""
    losses = Losses()
    names = NO_NAMES
    words = ""
    protocol = codec.name
    if request.capabilities.prompt_cache is not None:
        request = with_explicit_key(request, provider=dialect.provider, protocol=protocol)
    try:
        if request.protocol != protocol:
            request, words = _as_taken(request, protocol, dialect, losses)
            calls, natives = _calls_and_natives(request.input)
            if request.protocol and (request.vendor_extensions or request.previous_response_id or natives):
                _refuse_kept(request, natives)
            if calls:
                request = with_distinct_calls(request, calls, losses)
            if (calls or request.capabilities.tools) and (sent := _renames(protocol, request.capabilities.tools, calls)):
                names = {name: own for own, name in sent.items()}
                request = _renamed(request, sent)
        written = codec.emit_request(request, dialect, losses)
        if words:
            tell(words, written, protocol)
        body = msgspec.json.encode(written)
    except RecursionError as error:
        raise client_mistake(error) from error
    return body, losses.reasons if losses else (), names


def parse_response(protocol: str, body: bytes, *, issuer: Issuer | None = None) -> ConversionReport[LlmResponse]:
    """Read a provider's reply. UpstreamLost: it is no reply of this protocol."""
    losses = Losses()
    try:
        codec = CODECS[protocol]
        response = codec.parse_reply(_decoded(codec.own_reply, body), issuer or Issuer(protocol=codec.name), losses, None)
    except (Unfit, RecursionError) as error:
        raise provider_mistake(error, issuer) from error
    return ConversionReport(value=response, wire_format=codec.name, bridged=False, loss_reasons=losses.reasons if losses else ())


def _calls_and_natives(items: tuple[RequestItem, ...]) -> tuple[list[ToolCall], list[Native]]:
    """Those of all messages, oldest first, found in one walk."""
    calls: list[ToolCall] = []
    natives: list[Native] = []
    for item in items:
        for part in item.parts:
            if type(part) is ToolCall:
                calls.append(part)
            elif type(part) is Native:
                natives.append(part)
    return calls, natives


def _as_taken(request: LlmRequest, protocol: str, dialect: Dialect, losses: Losses) -> tuple[LlmRequest, str]:
    """Join pieces of texts, let functions take objects, and ask nothing that the host or the model refuses.

    Returns the words, too, in which JSON must be asked for.
    """
    if request.protocol == "gemini_generate_content":
        request = with_whole_texts(request)
    cap = request.generation.max_output_tokens
    if cap is not None and 0 < dialect.most_output < cap:
        losses.approximate("generation.max_output_tokens", f"the model writes at most {dialect.most_output}, and would refuse it")
        request = replace(request, generation=replace(request.generation, max_output_tokens=dialect.most_output))
    if request.capabilities.tools and protocol in _NAME_RULES:
        request = with_object_schemas(request, losses, takes_choices=protocol.startswith("gemini"))
    if not isinstance(dialect, OpenAiDialect):
        needs_words = isinstance(dialect, GeminiDialect) and not dialect.joins_tools
        return with_words_for_json(request, losses) if needs_words else (request, "")
    words, output, reasoning = "", request.capabilities.structured_output, request.capabilities.reasoning
    if output is not None:
        hears = protocol == "openai_chat"  # whose instructions are a message; those of Responses do not count
        request, words = with_asked_json(request, output, losses, takes_schemas=dialect.takes_schemas, hears_instructions=hears)
    if not takes_sampling(reasoning, dialect):
        request = replace(request, generation=without_sampling(request.generation, losses))
    if reasoning is not None and (taken := as_taken(reasoning, dialect, losses)) is not reasoning:
        request = replace(request, capabilities=replace(request.capabilities, reasoning=taken))
    return request, words


def _refuse_kept(request: LlmRequest, natives: list[Native]) -> None:
    """Raise ProtocolError for a request that needs what a provider keeps: without that the question would be another."""
    if request.protocol == "anthropic_messages" and goes_on(request.vendor_extensions.get(THREAD)):
        # The code is Anthropic's own: its SDK then sends the whole conversation.
        raise ProtocolError(_kept_elsewhere(THREAD, request.model), reason="unsupported_feature", code="thread_unsupported_request")
    kept = [name for name in _KEPT if request.vendor_extensions.get(name)]
    if request.previous_response_id:
        kept.append(_GOES_ON.get(request.protocol, "previous_response_id"))
    if any(part.kind == "item_reference" for part in natives):
        kept.append("item_reference")
    if kept:
        raise ProtocolError(_kept_elsewhere(kept[0], request.model), reason="unsupported_feature")


def _kept_elsewhere(name: str, model: str) -> str:
    told = " Frameworks do so by themselves where `store` is set to false." if name in _UNSTORED else ""
    return (
        f"`{name}` is about what only its own provider keeps, and {model!r} is answered by another: leave it out, and say in the request "
        f"what it stands for.{told}"
    )


_OF_GEMINI = ("continuationToken", "continuation_token", "cachedContent", "cached_content", "agent", "environment")
_KEPT = ("conversation", "prompt", "background", *_OF_GEMINI)
_UNSTORED = frozenset({"previous_response_id", "item_reference"})
"""What Responses' frameworks refer to only as long as they take replies for stored."""
_GOES_ON = {"gemini_interactions": "previous_interaction_id"}
"""What a protocol calls the id of the reply that the request goes on from."""


def emit_response(protocol: str, response: LlmResponse, context: ReplyContext) -> ConversionReport[bytes]:
    """Write a reply for a client. UpstreamLost: it is nested too deeply."""
    losses = Losses()
    try:
        codec = CODECS[protocol]
        value = _written(codec, response, context, losses)
    except RecursionError as error:
        raise provider_mistake(error, None) from error
    return ConversionReport(
        value=value, wire_format=codec.name, bridged=response.protocol != codec.name, loss_reasons=losses.reasons if losses else ()
    )


def _written(codec: Codec[Any], response: LlmResponse, context: ReplyContext, losses: Losses) -> bytes:
    request = context.request
    if request is not None and request.capabilities.tools and (customs := custom_names(context)):
        response = with_free_text(response, customs)
    return msgspec.json.encode(codec.emit_reply(response, context, losses))


def transcode_request(
    source: str, target: str, body: bytes, *, model: str = "", is_stream: bool | None = None, dialect: Dialect | None = None
) -> ConversionReport[bytes]:
    """Translate a client's request. `dialect`: of the provider that it is for; None: nothing is known of it."""
    own, codec = CODECS[source], CODECS[target]
    request, lost = read_request(own, body, model=model, is_stream=is_stream)
    value, more, names = write_request(codec, request, _spoken(codec, dialect))
    return ConversionReport(value=value, wire_format=codec.name, bridged=codec is not own, loss_reasons=joined(lost, more), names=names)


def transcode_response(
    source: str, target: str, body: bytes, *, context: ReplyContext, issuer: Issuer | None = None, counted: Usage | None = None
) -> ConversionReport[bytes]:
    """Translate a provider's reply for its client. `counted`: the usage that was peeked of it; None: it is read."""
    codec, own = CODECS[source], CODECS[target]
    value, lost = translate_reply(codec, own, body, context, issuer or Issuer(protocol=codec.name), counted)
    return ConversionReport(value=value, wire_format=own.name, bridged=codec is not own, loss_reasons=lost)


def translate_reply(
    codec: Codec[Any], own: Codec[Any], body: bytes, context: ReplyContext, issuer: Issuer, counted: Usage | None
) -> tuple[bytes, tuple[LossReason, ...]]:
    """As `transcode_response`, from a codec to the client's own: the reply, and what was lost of it."""
    losses = Losses()
    if codec is own:
        counted = None  # its client is given the provider's own usage object, which is read with its counts
    try:
        value = _written(own, codec.parse_reply(_decoded(codec.own_reply, body), issuer, losses, counted), context, losses)
    except (Unfit, RecursionError) as error:
        raise provider_mistake(error, issuer) from error
    return value, losses.reasons if losses else ()


def _renames(protocol: str, tools: tuple[ToolDefinition, ...], calls: list[ToolCall]) -> Mapping[str, str]:
    """Function names that the protocol does not allow, to those that are sent in their place."""
    rule = _NAME_RULES.get(protocol)
    if rule is None:
        return NO_NAMES
    return rename([*[tool.name for tool in tools], *[call.name for call in calls]], rule)


def _renamed(request: LlmRequest, names: Mapping[str, str]) -> LlmRequest:
    capabilities = request.capabilities
    tools = tuple(replace(tool, name=names.get(tool.name, tool.name)) for tool in capabilities.tools)
    choice = capabilities.tool_choice
    if isinstance(choice, ToolChoice):
        choice = replace(choice, names=tuple(names.get(name, name) for name in choice.names))
    return replace(
        request,
        capabilities=replace(capabilities, tools=tools, tool_choice=choice),
        input=tuple(_renamed_item(item, names) for item in request.input),
    )


def _renamed_item(item: RequestItem, names: Mapping[str, str]) -> RequestItem:
    if type(item) is not Message:
        return replace(item, name=names.get(item.name, item.name))
    parts = tuple(replace(part, name=names.get(part.name, part.name)) if type(part) is ToolCall else part for part in item.parts)
    return replace(item, parts=parts)


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def _decoded(own: msgspec.json.Decoder[Any] | None, body: bytes) -> Any:
    if own is not None:
        try:
            return own.decode(body)
        except UNREADABLE:
            return _object(body)  # it has other members too, or is none of this protocol; which of both, reading them will tell
    return _object(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        raise Unfit("", "a JSON object" if str(error).startswith("Expected") else "JSON whose numbers a double can hold") from error
    except UNREADABLE as error:
        raise Unfit("", "JSON") from error
