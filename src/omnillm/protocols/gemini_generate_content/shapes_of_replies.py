"""Members of replies that pass through unread, as small structs of what Google's own types know.

Its SDK takes types that it knows strictly: what would be refused is found here first, and what is unknown to it is not sent.
"""

from typing import Annotated, Any, Literal

import msgspec

from omnillm.protocols.counts import UNREADABLE

Base64 = Annotated[str, msgspec.Meta(pattern=r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]
Moment = Annotated[
    str, msgspec.Meta(pattern=r"^20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z$")
]


BlockReason = Literal[
    "BLOCKED_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"
]


class _Shape(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    pass


class SafetyRating(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    blocked: bool | None = None
    category: str | None = None
    probability: str | None = None
    probability_score: float | None = None
    severity: str | None = None
    severity_score: float | None = None
    overwritten_threshold: str | None = None


class Picture(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    source_uri: str | None = None
    image_uri: str | None = None
    title: str | None = None
    domain: str | None = None


class Source(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    uri: str | None = None
    title: str | None = None
    domain: str | None = None


class Segment(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Of one part of the answer; offsets count bytes."""

    start_index: int | None = None
    end_index: int | None = None
    part_index: int | None = None
    text: str | None = None


class GroundingChunk(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    web: Source | None = None
    image: Picture | None = None
    retrieved_context: Source | None = None
    maps: Source | None = None


class GroundingSupport(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    confidence_scores: list[float] | None = None
    grounding_chunk_indices: list[int] | None = None
    segment: Segment | None = None


class SearchEntryPoint(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    rendered_content: str | None = None
    sdk_blob: Base64 | None = None


class RetrievalMetadata(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    google_search_dynamic_retrieval_score: float | None = None


class Grounding(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None
    web_search_queries: list[str] | None = None
    image_search_queries: list[str] | None = None
    retrieval_queries: list[str] | None = None
    search_entry_point: SearchEntryPoint | None = None
    retrieval_metadata: RetrievalMetadata | None = None
    google_maps_widget_context_token: str | None = None


class PublicationDate(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    day: int | None = None
    month: int | None = None
    year: int | None = None


class Recited(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    start_index: int | None = None
    end_index: int | None = None
    license: str | None = None
    title: str | None = None
    uri: str | None = None
    publication_date: PublicationDate | None = None


class CitationMetadata(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    citations: list[Recited] | None = None


class UrlMetadata(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    retrieved_url: str | None = None
    url_retrieval_status: str | None = None


class UrlContextMetadata(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    url_metadata: list[UrlMetadata] | None = None


class TokenLogprob(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    token: str | None = None
    token_id: int | None = None
    log_probability: float | None = None


class TopTokens(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    candidates: list[TokenLogprob] | None = None


class LogprobsResult(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    chosen_candidates: list[TokenLogprob] | None = None
    top_candidates: list[TopTokens] | None = None
    log_probability_sum: float | None = None


class PromptFeedback(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    block_reason: BlockReason | None = None
    block_reason_message: str | None = None
    safety_ratings: list[SafetyRating] | None = None


class ModelStatus(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    message: str | None = None
    model_stage: str | None = None
    retirement_time: Moment | None = None


class ModalityTokens(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    modality: str | None = None
    token_count: int | None = None


class UsageReport(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokens] | None = None
    cache_tokens_details: list[ModalityTokens] | None = None
    candidates_tokens_details: list[ModalityTokens] | None = None
    tool_use_prompt_tokens_details: list[ModalityTokens] | None = None
    traffic_type: str | None = None


class ExecutableCode(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    id: str | None = None
    code: str | None = None
    language: str | None = None


class CodeExecutionResult(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    id: str | None = None
    outcome: str | None = None
    output: str | None = None


class ServerToolCall(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    id: str | None = None
    tool_type: str | None = None
    args: dict[str, Any] | None = None


class ServerToolResponse(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    id: str | None = None
    tool_type: str | None = None
    response: dict[str, Any] | None = None


class MediaResolution(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    level: str | None = None
    num_tokens: int | None = None


class VideoMetadata(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    start_offset: str | None = None
    end_offset: str | None = None
    fps: float | None = None


class SpeechMetadata(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    speaker: str | None = None
    style: str | None = None


class Transcription(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    text: str | None = None
    finished: bool | None = None
    language_code: str | None = None
    speaker_label: str | None = None
    start_offset: str | None = None
    end_offset: str | None = None


class NamedBlob(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    display_name: str | None = None


class PartialArgument(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    json_path: str | None = None
    string_value: str | None = None
    number_value: float | None = None
    bool_value: bool | None = None
    null_value: Literal["NULL_VALUE"] | None = None
    will_continue: bool | None = None


class CallInPieces(_Shape, frozen=True, gc=False, rename="camel", omit_defaults=True):
    partial_args: list[PartialArgument] | None = None
    will_continue: bool | None = None


OF_PART: dict[str, Any] = {
    "thoughtSignature": Base64,
    "partMetadata": dict[str, Any],
    "mediaResolution": MediaResolution,
    "videoMetadata": VideoMetadata,
    "speechMetadata": SpeechMetadata,
    "functionCall": CallInPieces,
    "inlineData": NamedBlob,
    "fileData": NamedBlob,
}
OF_NATIVE: dict[str, Any] = {
    "executableCode": ExecutableCode,
    "codeExecutionResult": CodeExecutionResult,
    "toolCall": ServerToolCall,
    "toolResponse": ServerToolResponse,
    "audioTranscription": Transcription,
    "thought": bool,
    **{name: OF_PART[name] for name in ("thoughtSignature", "partMetadata", "mediaResolution", "videoMetadata", "speechMetadata")},
}
OF_CANDIDATE: dict[str, Any] = {
    "finishMessage": str,
    "safetyRatings": list[SafetyRating],
    "citationMetadata": CitationMetadata,
    "groundingMetadata": Grounding,
    "urlContextMetadata": UrlContextMetadata,
    "avgLogprobs": float,
    "logprobsResult": LogprobsResult,
    "tokenCount": int,
    "continuationToken": Base64,
}
OF_REPLY: dict[str, Any] = {"promptFeedback": PromptFeedback, "createTime": Moment, "modelStatus": ModelStatus}
OF_NOTHING: dict[str, Any] = {}


def is_known(name: str, value: Any, shapes: dict[str, Any]) -> bool:
    """Tell whether a member is unknown, and so anybody's guess, or has the shape that it must have."""
    return name not in shapes or fitted(value, shapes[name]) is not None


def fitted(value: Any, shape: Any) -> Any:
    """Return what the SDK knows of a value; None: it is none of this shape."""
    try:
        return msgspec.to_builtins(msgspec.convert(value, shape))
    except UNREADABLE:
        return None
