"""What is peeked of the Responses API, as small structs: usage, replies, stream events."""

from typing import Any

import msgspec

from omnillm.protocols.counts import Count
from omnillm.protocols.openai_chat.wire import ChatUsage, CompletionDetails, PromptDetails

_RENAMED = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_tokens_details": "input_tokens_details",
    "completion_tokens_details": "output_tokens_details",
}


class ServerToolCalls(msgspec.Struct, frozen=True, gc=False):
    """xAI's: of all kinds but this one each call is paid."""

    mcp_calls: Count | None = None


class Invocations(msgspec.Struct, frozen=True, gc=False):
    """Perplexity's, of one of its tools."""

    invocation: Count | None = None


class ResponsesUsage(ChatUsage, frozen=True, gc=False, rename=_RENAMED):
    """The same counts as in a chat, by other names; a renamed field must be declared where it is renamed."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    num_server_side_tools_used: Count | None = None
    """xAI; so is the next."""
    server_side_tool_usage_details: ServerToolCalls | None = None
    tool_calls_details: dict[str, Invocations] | None = None


class OutputItem(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    content: Any = None
    summary: Any = None


class ItemKind(msgspec.Struct, frozen=True, gc=False):
    """An item of a finished response, of which only the kind matters."""

    type: str = ""


class Response(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    status: str | None = None
    output: list[ItemKind] | None = None
    usage: ResponsesUsage | None = None
    service_tier: Any = None
    error: Any = None


class StreamEvent(msgspec.Struct, frozen=True, gc=False):
    """`error` is nested on the wire and flat in the SDK's types: `code` and `message` are the flat ones."""

    type: str = ""
    response: Response | None = None
    item: OutputItem | None = None
    part: Any = None
    error: Any = None
    code: Any = None
    message: Any = None


class ShownItem(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    type: str = ""


class ShownEvent(msgspec.Struct, frozen=True, gc=False):
    """An event of an item of the output, or of a tool's call."""

    type: str = ""
    output_index: int | None = None
    item_id: str | None = None
    item: ShownItem | None = None


class Position(msgspec.Struct, frozen=True, gc=False):
    sequence_number: int | None = None
