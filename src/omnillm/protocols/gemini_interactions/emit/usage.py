"""Counts of tokens, written for a client."""

from typing import Any

import msgspec

from omnillm.protocols.counts import UNREADABLE, Count
from omnillm.protocols.gemini_interactions.wire import InteractionUsage, ModalityTokens
from omnillm.protocols.loss import Losses
from omnillm.protocols.modalities import Media
from omnillm.protocols.said import counted
from omnillm.usage import Usage


class _Whole(InteractionUsage, frozen=True, gc=False):
    """With the members that nobody reads here, and the SDK's types have."""

    total_tokens: Count | None = None
    tool_use_tokens_by_modality: list[ModalityTokens] | None = None
    initial_input_tokens: Count | None = None


def write_usage(usage: Usage | None, raw: Any, losses: Losses) -> dict[str, Any] | None:
    """`raw`: the provider's own object, if it speaks this protocol."""
    if type(raw) is dict and raw and _is_fit(raw):
        return raw
    if usage is None:
        return None
    for name, _ in _written_to_caches(usage):
        losses.approximate(f"usage.{name}", "counted as input")
    if usage.images:
        losses.drop("usage.images", "Interactions counts tokens alone")
    said = usage.output + usage.output_audio + usage.output_image + usage.output_video
    kept = Media(usage.cache_read_audio, usage.cache_read_image)
    seen = Media(usage.input_audio + kept.audio, usage.input_image + kept.image, usage.input_video)
    made = Media(usage.output_audio, usage.output_image, usage.output_video)
    cached = usage.cache_read + sum(kept)
    written: dict[str, Any] = {
        "total_tokens": usage.total_tokens,
        "total_input_tokens": usage.prompt_tokens,
        "input_tokens_by_modality": _by_modality(usage.prompt_tokens, seen),
        "total_cached_tokens": cached,
        "total_output_tokens": said,
        "total_tool_use_tokens": 0,
        "total_thought_tokens": usage.reasoning,
    }
    if any(kept):
        written["cached_tokens_by_modality"] = _by_modality(cached, kept)
    if any(made):
        written["output_tokens_by_modality"] = _by_modality(said, made)
    if usage.tool_calls:
        written["grounding_tool_count"] = [{"type": "google_search", "count": usage.tool_calls}]
    return written


def _is_fit(raw: dict[str, Any]) -> bool:
    """Whether the SDK's strict types read it."""
    try:
        msgspec.convert(raw, _Whole)
    except UNREADABLE:
        return False
    return True


def _by_modality(total: int, media: Media) -> list[dict[str, Any]]:
    counts = {"text": total - sum(media), "audio": media.audio, "image": media.image, "video": media.video}
    return [{"modality": name, "tokens": tokens} for name, tokens in counts.items() if tokens or name == "text"]


_written_to_caches = counted("cache_write_short", "cache_write_long")
