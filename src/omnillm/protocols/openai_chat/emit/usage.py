"""Counts of tokens, written for a client: the totals include their details."""

from typing import Any

from omnillm.protocols.loss import Losses
from omnillm.protocols.said import counted
from omnillm.usage import Usage

_TOTALS = ("prompt_tokens", "completion_tokens", "total_tokens")


def write_usage(usage: Usage, raw: Any, losses: Losses) -> dict[str, Any]:
    """`raw`: the provider's own object where it is one of this protocol; else None."""
    if type(raw) is dict and "prompt_tokens" in raw and _is_fit(raw):
        return _whole(raw, usage)
    _drop_unsaid(usage, losses)
    said = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.output_audio}
    if usage.output_image:
        said["image_tokens"] = usage.output_image
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": _heard(usage),
        "completion_tokens_details": said,
    }


def _drop_unsaid(usage: Usage, losses: Losses) -> None:
    for name, _ in _no_tokens(usage):
        losses.drop(f"usage.{name}", "Chat does not count them")
    for name, _ in _not_told_apart(usage):
        losses.approximate(f"usage.{name}", "counted with the rest")


_no_tokens = counted("images", "tool_calls")
_not_told_apart = counted("cache_read_audio", "cache_read_image", "input_video", "output_video")


def _heard(usage: Usage) -> dict[str, Any]:
    heard: dict[str, Any] = {
        "cached_tokens": usage.cache_read + usage.cache_read_audio + usage.cache_read_image,
        "audio_tokens": usage.input_audio + usage.cache_read_audio,
    }
    if usage.input_image or usage.cache_read_image:
        heard["image_tokens"] = usage.input_image + usage.cache_read_image
    written = usage.cache_write_short + usage.cache_write_long
    if written:
        heard["cache_write_tokens"] = written
    if usage.cache_write_long:
        heard["cache_write_tokens_details"] = {
            "ttl_30m_tokens": usage.cache_write_short,
            "ttl_12h_tokens": usage.cache_write_long,
        }
    return heard


def _whole(raw: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """The three totals are required; not every host reports them all."""
    counted = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens, "total_tokens": usage.total_tokens}
    missing = {name: counted[name] for name in _TOTALS if type(raw.get(name)) is not int}
    return {**raw, **missing} if missing else raw


def _is_fit(raw: dict[str, Any]) -> bool:
    """Tell whether the SDK reads its details: counts are integers there."""
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        details = raw.get(name)
        if details is None:
            continue
        if type(details) is not dict or any(type(details[count]) not in _COUNTS for count in details if count.endswith("_tokens")):
            return False
    return True


_COUNTS = frozenset({int, type(None)})
