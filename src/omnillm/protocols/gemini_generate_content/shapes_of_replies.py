"""Members of replies that pass through unread, as small structs of what Google's own types know.

Its SDK takes types that it knows strictly: what would be refused is found here first, and what is unknown to it is not sent.
"""

from types import GenericAlias
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


def _shape(**members: Any) -> Any:
    """Make the type of an object that may have these members, each of its type."""
    fields = [(name, kind | None, None) for name, kind in members.items()]
    return msgspec.defstruct("Shape", fields, frozen=True, gc=False, rename="camel", omit_defaults=True)


def _list_of(shape: Any) -> Any:
    return GenericAlias(list, (shape,))


class Source(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    uri: str | None = None
    title: str | None = None
    domain: str | None = None


class Segment(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Of one part of the answer; offsets count bytes."""

    start_index: int | None = None
    end_index: int | None = None
    part_index: int | None = None
    text: str | None = None


class Picture(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    source_uri: str | None = None
    image_uri: str | None = None
    title: str | None = None
    domain: str | None = None


class GroundingChunk(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    web: Source | None = None
    image: Picture | None = None
    retrieved_context: Source | None = None
    maps: Source | None = None


class GroundingSupport(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    confidence_scores: list[float] | None = None
    grounding_chunk_indices: list[int] | None = None
    segment: Segment | None = None


class SearchEntryPoint(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    rendered_content: str | None = None
    sdk_blob: Base64 | None = None


class RetrievalMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    google_search_dynamic_retrieval_score: float | None = None


class Grounding(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None
    web_search_queries: list[str] | None = None
    image_search_queries: list[str] | None = None
    retrieval_queries: list[str] | None = None
    search_entry_point: SearchEntryPoint | None = None
    retrieval_metadata: RetrievalMetadata | None = None
    google_maps_widget_context_token: str | None = None


class TokenLogprob(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    token: str | None = None
    token_id: int | None = None
    log_probability: float | None = None


class TopTokens(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    candidates: list[TokenLogprob] | None = None


class LogprobsResult(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    chosen_candidates: list[TokenLogprob] | None = None
    top_candidates: list[TopTokens] | None = None
    log_probability_sum: float | None = None


SafetyRating = _shape(
    blocked=bool, category=str, probability=str, probability_score=float, severity=str, severity_score=float, overwritten_threshold=str
)
PublicationDate = _shape(day=int, month=int, year=int)
Recited = _shape(start_index=int, end_index=int, license=str, title=str, uri=str, publication_date=PublicationDate)
CitationMetadata = _shape(citations=_list_of(Recited))
UrlMetadata = _shape(retrieved_url=str, url_retrieval_status=str)
UrlContextMetadata = _shape(url_metadata=_list_of(UrlMetadata))
PromptFeedback = _shape(block_reason=BlockReason, block_reason_message=str, safety_ratings=_list_of(SafetyRating))
ModelStatus = _shape(message=str, model_stage=str, retirement_time=Moment)
ModalityTokens = _shape(modality=str, token_count=int)
UsageReport = _shape(
    prompt_token_count=int,
    cached_content_token_count=int,
    candidates_token_count=int,
    thoughts_token_count=int,
    tool_use_prompt_token_count=int,
    total_token_count=int,
    prompt_tokens_details=_list_of(ModalityTokens),
    cache_tokens_details=_list_of(ModalityTokens),
    candidates_tokens_details=_list_of(ModalityTokens),
    tool_use_prompt_tokens_details=_list_of(ModalityTokens),
    traffic_type=str,
)
ExecutableCode = _shape(id=str, code=str, language=str)
CodeExecutionResult = _shape(id=str, outcome=str, output=str)
ServerToolCall = _shape(id=str, tool_type=str, args=dict[str, Any])
ServerToolResponse = _shape(id=str, tool_type=str, response=dict[str, Any])
MediaResolution = _shape(level=str, num_tokens=int)
VideoMetadata = _shape(start_offset=str, end_offset=str, fps=float)
SpeechMetadata = _shape(speaker=str, style=str)
Transcription = _shape(text=str, finished=bool, language_code=str, speaker_label=str, start_offset=str, end_offset=str)
NamedBlob = _shape(display_name=str)
PartialArgument = _shape(
    json_path=str, string_value=str, number_value=float, bool_value=bool, null_value=Literal["NULL_VALUE"], will_continue=bool
)
CallInPieces = _shape(partial_args=_list_of(PartialArgument), will_continue=bool)
ResultInPieces = _shape(will_continue=bool, scheduling=str)

OF_PART: dict[str, Any] = {
    "thoughtSignature": Base64,
    "partMetadata": dict[str, Any],
    "mediaResolution": MediaResolution,
    "videoMetadata": VideoMetadata,
    "speechMetadata": SpeechMetadata,
    "functionCall": CallInPieces,
    "functionResponse": ResultInPieces,
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
    "safetyRatings": _list_of(SafetyRating),
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
