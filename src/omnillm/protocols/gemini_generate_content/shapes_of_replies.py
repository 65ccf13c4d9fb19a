"""Members of replies that pass through unread, as small structs: what a client's SDK would refuse is found here first."""

from typing import Any

import msgspec

from omnillm.protocols.counts import UNREADABLE


class _Shape(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    pass


class SafetyRating(_Shape, frozen=True, gc=False, rename="camel"):
    blocked: bool | None = None
    category: str | None = None
    probability: str | None = None
    probability_score: float | None = None
    severity: str | None = None
    severity_score: float | None = None
    overwritten_threshold: str | None = None


class Source(_Shape, frozen=True, gc=False, rename="camel"):
    uri: str | None = None
    title: str | None = None
    domain: str | None = None


class Segment(_Shape, frozen=True, gc=False, rename="camel"):
    """Of one part of the answer; offsets count bytes."""

    start_index: int | None = None
    end_index: int | None = None
    part_index: int | None = None
    text: str | None = None


class GroundingChunk(_Shape, frozen=True, gc=False, rename="camel"):
    web: Source | None = None
    retrieved_context: Source | None = None
    maps: Source | None = None


class GroundingSupport(_Shape, frozen=True, gc=False, rename="camel"):
    confidence_scores: list[float] | None = None
    grounding_chunk_indices: list[int] | None = None
    segment: Segment | None = None


class SearchEntryPoint(_Shape, frozen=True, gc=False, rename="camel"):
    rendered_content: str | None = None
    sdk_blob: str | None = None


class RetrievalMetadata(_Shape, frozen=True, gc=False, rename="camel"):
    google_search_dynamic_retrieval_score: float | None = None


class Grounding(_Shape, frozen=True, gc=False, rename="camel"):
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None
    web_search_queries: list[str] | None = None
    image_search_queries: list[str] | None = None
    retrieval_queries: list[str] | None = None
    search_entry_point: SearchEntryPoint | None = None
    retrieval_metadata: RetrievalMetadata | None = None
    google_maps_widget_context_token: str | None = None


class PublicationDate(_Shape, frozen=True, gc=False, rename="camel"):
    day: int | None = None
    month: int | None = None
    year: int | None = None


class Recited(_Shape, frozen=True, gc=False, rename="camel"):
    start_index: int | None = None
    end_index: int | None = None
    license: str | None = None
    title: str | None = None
    uri: str | None = None
    publication_date: PublicationDate | None = None


class CitationMetadata(_Shape, frozen=True, gc=False, rename="camel"):
    citations: list[Recited] | None = None


class UrlMetadata(_Shape, frozen=True, gc=False, rename="camel"):
    retrieved_url: str | None = None
    url_retrieval_status: str | None = None


class UrlContextMetadata(_Shape, frozen=True, gc=False, rename="camel"):
    url_metadata: list[UrlMetadata] | None = None


class TokenLogprob(_Shape, frozen=True, gc=False, rename="camel"):
    token: str | None = None
    token_id: int | None = None
    log_probability: float | None = None


class TopTokens(_Shape, frozen=True, gc=False, rename="camel"):
    candidates: list[TokenLogprob] | None = None


class LogprobsResult(_Shape, frozen=True, gc=False, rename="camel"):
    chosen_candidates: list[TokenLogprob] | None = None
    top_candidates: list[TopTokens] | None = None
    log_probability_sum: float | None = None


class PromptFeedback(_Shape, frozen=True, gc=False, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str | None = None
    safety_ratings: list[SafetyRating] | None = None


class ModelStatus(_Shape, frozen=True, gc=False, rename="camel"):
    message: str | None = None
    model_stage: str | None = None
    retirement_time: str | None = None


class ModalityTokens(_Shape, frozen=True, gc=False, rename="camel"):
    modality: str | None = None
    token_count: int | None = None


class UsageReport(_Shape, frozen=True, gc=False, rename="camel"):
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


OF_CANDIDATE: dict[str, Any] = {
    "finishMessage": str,
    "safetyRatings": list[SafetyRating],
    "citationMetadata": CitationMetadata,
    "groundingMetadata": Grounding,
    "urlContextMetadata": UrlContextMetadata,
    "avgLogprobs": float,
    "logprobsResult": LogprobsResult,
    "tokenCount": int,
    "continuationToken": str,
}
OF_REPLY: dict[str, Any] = {"promptFeedback": PromptFeedback, "createTime": str, "modelStatus": ModelStatus}


def fits(value: Any, shape: Any) -> bool:
    try:
        msgspec.convert(value, shape)
    except UNREADABLE:
        return False
    return True


def is_known(name: str, value: Any, shapes: dict[str, Any]) -> bool:
    """Tell whether a member is unknown, and so anybody's guess, or has the shape that it must have."""
    shape = shapes.get(name)
    return shape is None or fits(value, shape)
