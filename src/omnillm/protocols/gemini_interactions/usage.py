"""What an interaction reports as used, brought to disjoint counts; and the same, written for a client."""

from collections.abc import Iterable
from typing import Any

import msgspec

from omnillm.model.message import MessagePart, Native
from omnillm.protocols.counts import UNREADABLE, Count, convert_clamped
from omnillm.protocols.gemini_generate_content.usage import usage_of as usage_of_metadata
from omnillm.protocols.gemini_generate_content.wire import ModalityCount, UsageMetadata
from omnillm.protocols.gemini_interactions.wire import Delta, Interaction, InteractionUsage, ModalityTokens, Step
from omnillm.protocols.loss import Losses
from omnillm.protocols.modalities import Media
from omnillm.protocols.set_fields import counted
from omnillm.usage import Usage

SEARCH = "google_search_call"
_PAID = frozenset({"google_search", "google_maps"})


def usage_of_interaction(interaction: Interaction, searches: int = 0) -> Usage | None:
    """`searches`: those that were seen before, in a stream."""
    if interaction.usage is None:
        return None
    return usage_of(interaction.usage, searches + searches_of(interaction.steps or ()))


def read_usage(value: Any, searches: int = 0) -> Usage | None:
    """Of the decoded object. None for what cannot be read, or counts nothing. `searches`: see `usage_of`."""
    try:
        return usage_of(convert_clamped(value, InteractionUsage), searches)
    except UNREADABLE:
        return None


def usage_of(reported: InteractionUsage, searches: int) -> Usage | None:
    """None when it names neither input nor output. `searches`: those that were seen, where the provider does not count them itself."""
    counted = reported.grounding_tool_count
    if counted is not None:
        searches = sum(each.count or 0 for each in counted if each.type in _PAID)
    return usage_of_metadata(
        UsageMetadata(
            prompt_token_count=reported.total_input_tokens,
            cached_content_token_count=reported.total_cached_tokens,
            tool_use_prompt_token_count=reported.total_tool_use_tokens,
            candidates_token_count=reported.total_output_tokens,
            thoughts_token_count=reported.total_thought_tokens,
            prompt_tokens_details=_details(reported.input_tokens_by_modality),
            cache_tokens_details=_details(reported.cached_tokens_by_modality),
            candidates_tokens_details=_details(reported.output_tokens_by_modality),
        ),
        searches,
    )


def _details(told: list[ModalityTokens] | None) -> list[ModalityCount] | None:
    return None if told is None else [ModalityCount(modality=each.modality.upper(), token_count=each.tokens) for each in told]


def searches_of(steps: Iterable[Step | Delta]) -> int:
    """Searches of the web among them, each paid for; an empty query is free."""
    return sum(_queries(step.arguments) for step in steps if step.type == SEARCH)


def searches_in(parts: Iterable[MessagePart]) -> int:
    """The same of the parts that the steps were read to."""
    return sum(_queries(part.value.get("arguments")) for part in parts if type(part) is Native and part.kind == SEARCH)


def _queries(arguments: Any) -> int:
    """One of which nobody can say how many it has is one."""
    queries = arguments.get("queries", ()) if isinstance(arguments, dict) else (arguments,)
    return sum(map(bool, queries)) if isinstance(queries, list | tuple) else 1


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
