"""`usageMetadata`, read with the one reader of this protocol's usage, and written."""

from typing import Any

import msgspec

from omnillm.protocols.counts import UNREADABLE, convert_clamped
from omnillm.protocols.gemini_generate_content.peek import searches_of, usage_of
from omnillm.protocols.gemini_generate_content.shapes_of_replies import UsageReport, fitted
from omnillm.protocols.gemini_generate_content.wire import Candidate, UsageMetadata
from omnillm.protocols.loss import Losses
from omnillm.protocols.modalities import Media
from omnillm.protocols.said import counted
from omnillm.usage import Usage


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
