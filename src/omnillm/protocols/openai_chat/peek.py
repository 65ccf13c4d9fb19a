"""What routing, limits and money need of a Chat Completions request and of its reply."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.members import FLAG, OUTPUT_CAP, OUTPUT_CAP_RANGE, read, read_model, require_array
from omnillm.protocols.openai_chat.failure import failure_of
from omnillm.protocols.openai_chat.media import weigher
from omnillm.protocols.openai_chat.usage import usage_of
from omnillm.protocols.openai_chat.wire import Choice, Reply, Spoken, StreamOptions, Tool
from omnillm.protocols.priced import CHAT_OWN, OPENROUTER, may_name_a_mode
from omnillm.protocols.protocol import NOT_A_REPLY, Failure, Members, ReplyPeek, RequestPeek

_NOT_READ = frozenset(
    {
        *("model", "max_tokens", "max_completion_tokens", "stream", "stream_options", "n", "stop"),
        *("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "logit_bias", "logprobs", "top_logprobs"),
        *("user", "safety_identifier", "metadata", "store", "service_tier"),
        *("reasoning_effort", "verbosity", "parallel_tool_calls"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    }
)
"""Members that configure: the model never reads them."""

_PRICED = frozenset(
    {
        *("service_tier", "web_search_options", "modalities", "audio", "prediction"),
        *("search_parameters", "compound_custom", "enable_search"),  # xAI's, Groq's and Alibaba's
        *OPENROUTER,
    }
)
"""Members that change the rate, are paid by the call, or are paid as output."""


_CHOICES = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1, le=128)] | None)
_TOOLS = msgspec.json.Decoder(list[Tool] | None)
_are_own = CHAT_OWN.issuperset
_STREAM_OPTIONS = msgspec.json.Decoder(StreamOptions | None)
_REPLY = msgspec.json.Decoder(Reply)
_SPOKEN = msgspec.json.Decoder(Spoken)


def peek_request(members: Members) -> RequestPeek:
    """Read a body of `/v1/chat/completions`. Raises BadRequest."""
    model = read_model(members)
    require_array(members, "messages")
    is_stream = "stream" in members and read(members, "stream", FLAG, "a boolean") is True
    deprecated_cap = read(members, "max_tokens", OUTPUT_CAP, OUTPUT_CAP_RANGE) if "max_tokens" in members else None
    cap = read(members, "max_completion_tokens", OUTPUT_CAP, OUTPUT_CAP_RANGE) if "max_completion_tokens" in members else None
    if cap is None or (deprecated_cap is not None and deprecated_cap > cap):
        cap = deprecated_cap
    choices = read(members, "n", _CHOICES, "an integer from 1 to 128") if "n" in members else 1
    return RequestPeek(
        model=model,
        is_stream=is_stream,
        output_cap=cap,
        n=choices or 1,
        wants_usage=not is_stream or _includes_usage(members),
        price_members=_price_members(members),
    )


def _price_members(members: Members) -> tuple[str, ...]:
    names = () if _PRICED.isdisjoint(members) else tuple(name for name in members if name in _PRICED)
    if "reasoning" in members and may_name_a_mode(members["reasoning"]):
        names = (*names, "reasoning")
    return (*names, "tools") if "tools" in members and not _are_free(members["tools"]) else names


def _are_free(tools: msgspec.Raw) -> bool:
    try:
        return _are_own([tool.type for tool in _TOOLS.decode(tools) or ()])
    except UNREADABLE:
        return False


def _includes_usage(members: Members) -> bool:
    options = read(members, "stream_options", _STREAM_OPTIONS, "an object with a boolean `include_usage`")
    return options is not None and options.include_usage is True


def peek_reply(body: bytes) -> ReplyPeek:
    """Read a completion, or an error that came under a success status."""
    try:
        reply = decode_lenient(_REPLY, body)
    except UNREADABLE:
        return NOT_A_REPLY
    usage = None if reply.usage is None else usage_of(reply.usage)
    failure = failed(reply.error, reply.choices)
    if failure is not None:
        return ReplyPeek(usage=usage, is_complete=False, failure=failure)
    is_doubtful = usage is not None and not usage.output  # where all of it was reasoning, it is looked at for nothing
    return ReplyPeek(
        usage=usage, is_complete=bool(reply.choices), tier=reply.service_tier, has_content=is_doubtful and _says_something(body)
    )


def _says_something(body: bytes) -> bool:
    try:
        spoken = _SPOKEN.decode(body)
    except UNREADABLE:
        return True
    return any(choice.message is not None and choice.message.has_content() for choice in spoken.choices or ())


def failed(error: object, choices: Sequence[Choice] | None) -> Failure | None:
    """The failure that a success status hides: an error beside the choices or in one of them."""
    if error is not None and error is not False and error != "":
        return failure_of(200, error)
    for choice in choices or ():
        if choice.error is not None or choice.finish_reason == "error":
            return failure_of(200, choice.error)
    return None


weigh = weigher(_NOT_READ, "messages")
