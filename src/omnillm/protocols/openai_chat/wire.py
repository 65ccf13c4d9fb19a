"""What is peeked of Chat Completions, as small structs: requests, usage, replies, chunks."""

from typing import Any

import msgspec

from omnillm.protocols.counts import Count


class Tool(msgspec.Struct, frozen=True, gc=False):
    type: str = ""


class StreamOptions(msgspec.Struct, frozen=True, gc=False):
    include_usage: bool | None = None


class CacheWrites(msgspec.Struct, frozen=True, gc=False):
    ttl_30m_tokens: Count | None = None
    ttl_12h_tokens: Count | None = None


class CachedDetails(msgspec.Struct, frozen=True, gc=False):
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class PromptDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: Count | None = None
    cached_tokens_details: CachedDetails | None = None
    """Of the Realtime API; audio and image tokens count them too."""
    cache_write_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    """Alibaba's name for them."""
    cache_write_tokens_details: CacheWrites | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None
    video_tokens: Count | None = None
    """OpenRouter."""
    orchestration_input_tokens: Count | None = None
    """Sakana's, of the agents that work on one answer; so is the next. The prompt does not count them."""
    orchestration_input_cached_tokens: Count | None = None


class CompletionDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None
    """OpenRouter."""


class ChatUsage(msgspec.Struct, frozen=True, gc=False):
    """The prompt includes what was cached, written to the cache, heard and seen; the completion what was reasoned, spoken and drawn."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: Count | None = None
    """DeepSeek."""
    cached_tokens: Count | None = None
    """Moonshot."""
    citation_tokens: Count | None = None
    """Perplexity, of research; so are the next two."""
    reasoning_tokens: Count | None = None
    num_search_queries: Count | None = None


class Choice(msgspec.Struct, frozen=True, gc=False):
    finish_reason: Any = None
    error: Any = None
    """OpenRouter: the model's host failed; the reply around it looks like a success."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    choices: list[Choice] | None = None
    usage: ChatUsage | None = None
    service_tier: Any = None
    error: Any = None


class Delta(msgspec.Struct, frozen=True, gc=False):
    """Whatever is neither absent, null nor empty is content."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None
    images: Any = None

    def has_content(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)


class ChunkChoice(Choice, frozen=True, gc=False):
    delta: Delta | None = None
    text: Any = None


class SpokenChoice(msgspec.Struct, frozen=True, gc=False):
    message: Delta | None = None


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """What a plain reply says; its message has the members of a delta."""

    choices: list[SpokenChoice] | None = None


class GroqExtension(msgspec.Struct, frozen=True, gc=False):
    usage: ChatUsage | None = None
    error: Any = None


class Chunk(msgspec.Struct, frozen=True, gc=False):
    choices: list[ChunkChoice] | None = None
    usage: ChatUsage | None = None
    service_tier: Any = None
    error: Any = None
    x_groq: GroqExtension | None = None
