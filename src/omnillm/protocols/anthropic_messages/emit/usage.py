"""The usage object of a reply, as the SDK's types want it. What a provider reported is read in `peek.py`."""

from typing import Any

from omnillm.protocols.loss import Losses
from omnillm.protocols.said import counted
from omnillm.usage import Usage

_not_told_apart = counted(
    *("input_audio", "cache_read_audio", "input_image", "cache_read_image", "input_video"),
    *("output_audio", "output_image", "output_video", "images"),
)
_TIERS = frozenset({"standard", "priority", "batch"})


def is_own(raw: Any) -> bool:
    """Tell whether a provider's usage object is one of the Messages API: OpenAI's have a total."""
    if type(raw) is not dict or "total_tokens" in raw:
        return False
    return type(raw.get("input_tokens")) is int and type(raw.get("output_tokens")) is int


def own_object(raw: dict[str, Any]) -> dict[str, Any]:
    """Copy a usage object, with the counts that older replies lack and the SDK's types require."""
    tools = raw.get("server_tool_use")
    if type(tools) is not dict:
        return dict(raw)
    return {**raw, "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0, **tools}}


def usage_object(usage: Usage | None, raw: Any, losses: Losses, service_tier: str = "") -> dict[str, Any]:
    """Write all members that are required, and the provider's own object verbatim where it is of this protocol."""
    if raw is not None and is_own(raw):
        return own_object(raw)
    if usage is None:
        losses.default("usage", "unknown: counted as nothing")
        usage = Usage()
    written = counts_object(usage, losses)
    written["cache_creation"] = {
        "ephemeral_5m_input_tokens": usage.cache_write_short,
        "ephemeral_1h_input_tokens": usage.cache_write_long,
    }
    if service_tier in _TIERS:
        written["service_tier"] = service_tier
    elif service_tier:
        losses.drop("service_tier", "the Messages API does not know this tier")
    return written


def counts_object(usage: Usage, losses: Losses) -> dict[str, Any]:
    """Write the counts, in the form of a stream's last event."""
    read, cached, made = usage.input, usage.cache_read, usage.output + usage.reasoning
    media = usage.input_audio or usage.input_image or usage.input_video or usage.cache_read_audio or usage.cache_read_image
    if media or usage.output_audio or usage.output_image or usage.output_video or usage.images:
        for name, _ in _not_told_apart(usage):
            losses.approximate(f"usage.{name}", "counted with the rest, or not at all")
        read += usage.input_audio + usage.input_image + usage.input_video
        cached += usage.cache_read_audio + usage.cache_read_image
        made = usage.completion_tokens
    written: dict[str, Any] = {
        "input_tokens": read,
        "output_tokens": made,
        "cache_creation_input_tokens": usage.cache_write_short + usage.cache_write_long,
        "cache_read_input_tokens": cached,
    }
    if usage.reasoning:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.tool_calls:
        written["server_tool_use"] = {"web_search_requests": usage.tool_calls, "web_fetch_requests": 0}
    return written
