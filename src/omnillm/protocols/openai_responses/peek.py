"""What routing, limits and money need of a Responses request and of its reply."""

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.members import FLAG, OUTPUT_CAP, OUTPUT_CAP_RANGE, read, read_model
from omnillm.protocols.openai_chat.failure import failure_of
from omnillm.protocols.openai_chat.media import weigher
from omnillm.protocols.openai_chat.wire import Tool
from omnillm.protocols.openai_responses.usage import usage_of_response
from omnillm.protocols.openai_responses.wire import Response
from omnillm.protocols.priced import OPENROUTER, RESPONSES_OWN, may_name_a_mode
from omnillm.protocols.protocol import NOT_A_REPLY, Members, ReplyPeek, RequestPeek

_NOT_READ = frozenset(
    {
        *("model", "max_output_tokens", "max_tool_calls", "stream", "stream_options", "temperature", "top_p", "top_logprobs"),
        *("truncation", "user", "safety_identifier", "metadata", "store", "service_tier", "reasoning", "include"),
        *("parallel_tool_calls", "background", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        "client_metadata",
    }
)
"""Members that configure: the model never reads them."""

_PRICED = frozenset(
    {
        *("service_tier", "previous_response_id", "conversation", "prompt", "background", "access_programs", "context_management", "image"),
        "multi_agent",
        *("preset", "skills"),  # Perplexity's; so is `models`
        *OPENROUTER,
    }
)
"""Members that change the rate, or bring in input or work that the body does not show."""

_FINISHED = frozenset({"completed", "incomplete"})
_ACCEPTED = frozenset({"queued", "in_progress"})

_TOOLS = msgspec.json.Decoder(list[Tool] | None)
_RESPONSE = msgspec.json.Decoder(Response)


def peek_request(members: Members) -> RequestPeek:
    """Read a body of `/v1/responses`. Raises BadRequest."""
    model = read_model(members)
    _require_input(members)
    return RequestPeek(
        model=model,
        is_stream="stream" in members and read(members, "stream", FLAG, "a boolean") is True,
        output_cap=read(members, "max_output_tokens", OUTPUT_CAP, OUTPUT_CAP_RANGE),
        price_members=_price_members(members),
    )


def _require_input(members: Members) -> None:
    given = members.get("input")
    if given is None and "prompt" in members:  # a stored prompt can hold the whole input
        return
    # A view, since the conversation can be megabytes; the decoder has checked its syntax and skipped the blanks before it.
    if given is None or memoryview(given)[0] not in b'["':
        raise BadRequest("`input` must be a string or an array")


def _price_members(members: Members) -> tuple[str, ...]:
    has_mode = "reasoning" in members and may_name_a_mode(members["reasoning"])
    if "tools" not in members and not has_mode and _PRICED.isdisjoint(members):
        return ()
    tools = read(members, "tools", _TOOLS, "an array of objects")
    names = [name for name in members if name in _PRICED or (has_mode and name == "reasoning")]
    if tools and any(tool.type not in RESPONSES_OWN for tool in tools):
        names.append("tools")
    return tuple(names)


def peek_reply(body: bytes) -> ReplyPeek:
    """Read a response, or an error that came under a success status. A failed response is an error with usage."""
    try:
        response = decode_lenient(_RESPONSE, body)
    except UNREADABLE:
        return NOT_A_REPLY
    usage = usage_of_response(response)
    if response.error is not None or response.status == "failed":
        return ReplyPeek(usage=usage, is_complete=False, failure=failure_of(200, response.error))
    # A background response is complete as an answer although the provider has yet to write it.
    is_complete = response.output is not None and (response.status in _FINISHED or response.status in _ACCEPTED)
    return ReplyPeek(usage=usage, is_complete=is_complete, tier=response.service_tier, has_content=bool(response.output))


weigh = weigher(_NOT_READ, "input")
