"""What is peeked of Gemini's generateContent, as small structs: the request's configuration, usage, replies and stream chunks."""

from typing import Annotated, Any

import msgspec

from omnillm.protocols.counts import Count

OutputCap = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
CandidateCount = Annotated[int, msgspec.Meta(ge=1, le=128)]


class GenerationConfig(msgspec.Struct, frozen=True, gc=False):
    """The JSON of protocol buffers is read in both spellings; each field here is one of them."""

    output_cap: OutputCap | None = msgspec.field(name="maxOutputTokens", default=None)
    output_cap_snake: OutputCap | None = msgspec.field(name="max_output_tokens", default=None)
    candidates: CandidateCount | None = msgspec.field(name="candidateCount", default=None)
    candidates_snake: CandidateCount | None = msgspec.field(name="candidate_count", default=None)
    modalities: list[str] | None = msgspec.field(name="responseModalities", default=None)
    modalities_snake: list[str] | None = msgspec.field(name="response_modalities", default=None)


class ModalityCount(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    modality: str = ""
    token_count: Count | None = None


class UsageMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The prompt includes what was cached and leaves out what tools brought in; the candidates leave out thoughts."""

    prompt_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    candidates_token_count: Count | None = None
    thoughts_token_count: Count | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None


class GroundingMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    web_search_queries: list[str] | None = None


class Candidate(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    finish_reason: str | None = None
    index: Annotated[int, msgspec.Meta(ge=0, le=127)] | None = None
    grounding_metadata: GroundingMetadata | None = None


class PromptFeedback(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    block_reason: str | None = None


class Shape(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a reply and a chunk of a stream have in common."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    error: Any = None


class Reply(Shape, frozen=True, gc=False, rename="camel"):
    usage_metadata: UsageMetadata | None = None


class Chunk(Shape, frozen=True, gc=False, rename="camel"):
    """Usage stays bytes, for only a stream's last report counts."""

    usage_metadata: msgspec.Raw = msgspec.Raw()


class Content(msgspec.Struct, frozen=True, gc=False):
    parts: list[dict[str, msgspec.Raw]] | None = None


class ContentCandidate(msgspec.Struct, frozen=True, gc=False):
    content: Content | None = None


class ContentChunk(msgspec.Struct, frozen=True, gc=False):
    """A chunk down to its parts, read until the first of them says something."""

    candidates: list[ContentCandidate] | None = None


class Blob(msgspec.Struct, frozen=True, gc=False):
    """Inline data, or a file at an address; each name in both spellings."""

    mime_type: str | None = msgspec.field(name="mimeType", default=None)
    mime_type_snake: str | None = msgspec.field(name="mime_type", default=None)
    data: msgspec.Raw = msgspec.Raw()


class FunctionResponse(msgspec.Struct, frozen=True, gc=False):
    parts: "list[Part] | Part | None" = None


class Part(msgspec.Struct, frozen=True, gc=False):
    """A part of a request, down to where media can stand: in itself, or in the response of a function."""

    inline: Blob | None = msgspec.field(name="inlineData", default=None)
    inline_snake: Blob | None = msgspec.field(name="inline_data", default=None)
    file: Blob | None = msgspec.field(name="fileData", default=None)
    file_snake: Blob | None = msgspec.field(name="file_data", default=None)
    response: FunctionResponse | None = msgspec.field(name="functionResponse", default=None)
    response_snake: FunctionResponse | None = msgspec.field(name="function_response", default=None)
    film: Any = msgspec.field(name="videoMetadata", default=None)
    film_snake: Any = msgspec.field(name="video_metadata", default=None)
    processing: Any = msgspec.field(name="mediaProcessing", default=None)
    processing_snake: Any = msgspec.field(name="media_processing", default=None)


class MediaContent(msgspec.Struct, frozen=True, gc=False):
    parts: list[Part] | Part | None = None
    """Google takes one alone, too."""
