"""`usageMetadata`, read and written."""

from collections.abc import Iterable
from typing import Any

import msgspec

from omnillm.protocols.counts import UNREADABLE, convert_clamped, decode_lenient
from omnillm.protocols.gemini_generate_content.shapes_of_replies import UsageReport, fitted
from omnillm.protocols.gemini_generate_content.wire import Candidate, ModalityCount, UsageMetadata
from omnillm.protocols.loss import Losses
from omnillm.protocols.modalities import NO_MEDIA, Media, split_completion, split_prompt
from omnillm.protocols.set_fields import counted
from omnillm.usage import Usage

_USAGE = msgspec.json.Decoder(UsageMetadata)


def searches_of(candidates: Iterable[Candidate] | None) -> int:
    """Searches that ground the candidates, each paid for; an empty query is free."""
    searches = 0
    for candidate in candidates or ():
        grounding = candidate.grounding_metadata
        if grounding is not None and grounding.web_search_queries:
            searches += sum(map(bool, grounding.web_search_queries))
    return searches


def read_usage(raw: msgspec.Raw, searches: int) -> Usage | None:
    """The usage of `usageMetadata` as it came in a chunk; None when it cannot be read or counts nothing."""
    try:
        return usage_of(decode_lenient(_USAGE, raw), searches)
    except UNREADABLE:
        return None


def usage_of(reported: UsageMetadata, searches: int) -> Usage | None:
    """Bring usage to the disjoint form; None when it names neither prompt nor output (Vertex reports the traffic type alone)."""
    prompt, output = reported.prompt_token_count, reported.candidates_token_count
    if prompt is None and output is None:
        return None
    prompt, output, cached = prompt or 0, output or 0, reported.cached_content_token_count or 0
    cached = cached and min(cached, prompt)
    usage = Usage(
        input=prompt - cached + (reported.tool_use_prompt_token_count or 0),
        cache_read=cached,
        output=output,
        reasoning=reported.thoughts_token_count or 0,
        tool_calls=searches,
    )
    seen, made = media_of(reported.prompt_tokens_details), media_of(reported.candidates_tokens_details)
    if seen is NO_MEDIA and made is NO_MEDIA and not reported.cache_tokens_details:
        return usage
    counts = split_prompt(prompt, cached, seen, media_of(reported.cache_tokens_details))
    counts["input"] += reported.tool_use_prompt_token_count or 0
    return msgspec.structs.replace(usage, **counts, **split_completion(output, made))


def media_of(details: list[ModalityCount] | None) -> Media:
    """What is no text. A document counts as text: it costs as much wherever it can be read."""
    media = NO_MEDIA
    for detail in details or ():
        modality = detail.modality
        if modality == "TEXT" or not (tokens := detail.token_count):
            continue
        if modality in {"AUDIO", "IMAGE", "VIDEO"}:
            name = modality.lower()
            media = media._replace(**{name: getattr(media, name) + tokens})
    return media


def read_usage_object(value: Any, searches: int = 0) -> Usage | None:
    """Return None for what cannot be read, or counts nothing."""
    try:
        return usage_of(convert_clamped(value, UsageMetadata), searches)
    except UNREADABLE:
        return None


def count_searches(candidate: dict[str, Any]) -> int:
    if "groundingMetadata" not in candidate:
        return 0
    try:
        return searches_of([msgspec.convert(candidate, Candidate)])
    except UNREADABLE:
        return 0


def write_usage(usage: Usage | None, raw: Any, losses: Losses) -> dict[str, Any] | None:
    """`raw`: the provider's own object, if it speaks this protocol."""
    if type(raw) is dict and raw and (known := fitted(raw, UsageReport)) is not None:
        written: dict[str, Any] = known
        return written
    if usage is None:
        return None
    _drop_unsaid(usage, losses)
    said = usage.output + usage.output_audio + usage.output_image + usage.output_video
    written = {"promptTokenCount": usage.prompt_tokens, "candidatesTokenCount": said}
    cached = usage.cache_read + usage.cache_read_audio + usage.cache_read_image
    if cached:
        written["cachedContentTokenCount"] = cached
    if usage.reasoning:
        written["thoughtsTokenCount"] = usage.reasoning
    written["totalTokenCount"] = usage.total_tokens
    if cached != usage.cache_read or usage.input_audio or usage.input_image or usage.input_video:
        kept = Media(usage.cache_read_audio, usage.cache_read_image)
        seen = Media(usage.input_audio + kept.audio, usage.input_image + kept.image, usage.input_video)
        written["promptTokensDetails"] = _details(usage.prompt_tokens, seen)
        if any(kept):
            written["cacheTokensDetails"] = _details(cached, kept)
    if said != usage.output:
        made = Media(usage.output_audio, usage.output_image, usage.output_video)
        written["candidatesTokensDetails"] = _details(said, made)
    return written


def _details(total: int, media: Media) -> list[dict[str, Any]]:
    counts = {"TEXT": total - sum(media), "AUDIO": media.audio, "IMAGE": media.image, "VIDEO": media.video}
    return [{"modality": name, "tokenCount": tokens} for name, tokens in counts.items() if tokens or name == "TEXT"]


def _drop_unsaid(usage: Usage, losses: Losses) -> None:
    for name, _ in _written_to_caches(usage):
        losses.approximate(f"usage.{name}", "counted as input")
    for name, _ in _no_tokens(usage):
        losses.drop(f"usage.{name}", "Gemini counts tokens alone")


_written_to_caches = counted("cache_write_short", "cache_write_long")
_no_tokens = counted("images", "tool_calls")
