"""What is peeked of Anthropic's Messages API, as small structs: usage, replies, stream events."""

from typing import Any

import msgspec

from omnillm.protocols.counts import Count


class CacheCreation(msgspec.Struct, frozen=True, gc=False):
    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class OutputTokensDetails(msgspec.Struct, frozen=True, gc=False):
    thinking_tokens: Count | None = None


class ServerToolUse(msgspec.Struct, frozen=True, gc=False):
    web_search_requests: Count | None = None


class TokenCounts(msgspec.Struct, frozen=True, gc=False):
    """`input_tokens` leaves cache reads and writes out; `output_tokens` includes thinking."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputTokensDetails | None = None


class Iteration(TokenCounts, frozen=True, gc=False):
    type: str = ""


class MessageUsage(TokenCounts, frozen=True, gc=False):
    server_tool_use: ServerToolUse | None = None
    service_tier: Any = None
    speed: Any = None
    inference_geo: Any = None
    iterations: list[Iteration] | None = None


class AnyBlock(msgspec.Struct, frozen=True, gc=False):
    """A content block of whatever kind: skipped, but it must be an object."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    content: list[AnyBlock] | None = None
    usage: MessageUsage | None = None
    error: Any = None


class Source(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    data: msgspec.Raw = msgspec.Raw()
    content: "list[Part] | str | None" = None


class Part(msgspec.Struct, frozen=True, gc=False):
    """A content block of a request, down to where media can stand: in itself, in a tool's result, in a document made of blocks."""

    type: str = ""
    source: Source | str | None = None
    content: "list[Part] | Part | str | None" = None


class MediaMessage(msgspec.Struct, frozen=True, gc=False):
    content: list[Part] | str | None = None


class StartedMessage(msgspec.Struct, frozen=True, gc=False):
    id: Any = None
    usage: Any = None
    stop_reason: Any = None


class ContentBlock(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    text: Any = None
    thinking: Any = None


class StreamEvent(msgspec.Struct, frozen=True, gc=False):
    """Usage stays a plain object here: an event overrides only the counts that it names."""

    type: str = ""
    message: StartedMessage | None = None
    usage: Any = None
    content_block: ContentBlock | None = None
    error: Any = None


class ShownEvent(msgspec.Struct, frozen=True, gc=False):
    """A `content_block_start`, as far as it tells of a tool."""

    index: int | None = None
    content_block: ContentBlock | None = None


class Container(msgspec.Struct, frozen=True, gc=False):
    id: str = ""


class ContainerDelta(msgspec.Struct, frozen=True, gc=False):
    container: Container | None = None


class ContainerEvent(msgspec.Struct, frozen=True, gc=False):
    """A `message_delta` that tells where code was run."""

    delta: ContainerDelta | None = None
