"""What is peeked of Converse, as small structs: the request's cap, usage, replies."""

from typing import Annotated, Any

import msgspec

from omnillm.protocols.counts import Count


class Inference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=2**31)] | None = None


class CacheDetail(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    ttl: str = ""
    input_tokens: Count | None = None


class TokenUsage(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`input_tokens` leaves cache reads and writes out; `output_tokens` includes reasoning."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_write_input_tokens: Count | None = None
    cache_details: list[CacheDetail] | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    content: list[Any]


class Output(msgspec.Struct, frozen=True, gc=False):
    message: Message | None = None


class Reply(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    output: Output | None = None
    stop_reason: str = ""
    usage: TokenUsage | None = None
    service_tier: Any = None
