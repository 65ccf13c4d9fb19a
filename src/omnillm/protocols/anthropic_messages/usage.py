"""The usage object of a reply: a provider's read, and written as the SDK's types want it."""

from typing import Any

from omnillm.protocols.anthropic_messages.wire import MessageUsage, TokenCounts
from omnillm.protocols.counts import UNREADABLE, convert_clamped
from omnillm.protocols.extras import Served
from omnillm.protocols.loss import Losses
from omnillm.protocols.set_fields import counted
from omnillm.usage import Usage

_not_told_apart = counted(
    *("input_audio", "cache_read_audio", "input_image", "cache_read_image", "input_video"),
    *("output_audio", "output_image", "output_video", "images"),
)
_TIERS = frozenset({"standard", "priority", "batch"})

_BILLED_APART = frozenset({"compaction", "advisor_message"})
"""Iterations that the top level of `usage` leaves out (its other iterations are in it)."""
_ANYWHERE = frozenset({"", "global", "not_available"})
"""Places of inference that are none."""


def tier_of(speed: Any, service_tier: Any, geo: Any) -> Any:
    """Price lists know the first two as tiers; a call has one of them at most. A place is told where it may have a price."""
    tier = speed if speed and speed != "standard" else service_tier
    return Served(tier, geo) if isinstance(geo, str) and geo not in _ANYWHERE else tier


def count(usage: dict[str, Any], counts: dict[str, Any]) -> None:
    """Add what an event of a stream counts: it is cumulative, and one that the event leaves out stands."""
    counts.update((name, number) for name, number in usage.items() if number is not None)


def usage_of_counts(counts: dict[str, Any]) -> Usage | None:
    """The usage that a stream reported up to now, as one object; None when it cannot be read."""
    try:
        return usage_of(convert_clamped(counts, MessageUsage))
    except UNREADABLE:
        return None


def usage_of(reported: MessageUsage) -> Usage | None:
    """Bring usage to the disjoint form; None when it names neither input nor output."""
    if reported.input_tokens is None and reported.output_tokens is None:
        return None
    tools = reported.server_tool_use
    # Fetches are free: of the server's tools only a search is paid by the call.
    usage = _disjoint(reported, (tools.web_search_requests or 0) if tools else 0)
    for iteration in reported.iterations or ():
        if iteration.type in _BILLED_APART:
            usage += _disjoint(iteration, 0)
    return usage


def _disjoint(counts: TokenCounts, tool_calls: int) -> Usage:
    output = counts.output_tokens or 0
    details = counts.output_tokens_details
    thinking = min(details.thinking_tokens or 0, output) if details else 0
    short, long = _cache_writes(counts)
    return Usage(
        input=counts.input_tokens or 0,
        cache_read=counts.cache_read_input_tokens or 0,
        cache_write_short=short,
        cache_write_long=long,
        output=output - thinking,
        reasoning=thinking,
        tool_calls=tool_calls,
    )


def _cache_writes(counts: TokenCounts) -> tuple[int, int]:
    """Cache writes by term. A stream's last event gives the total alone: what the split lacks goes to the dearer term in use."""
    total = counts.cache_creation_input_tokens or 0
    split = counts.cache_creation
    if split is None:
        return total, 0
    short, long = split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
    rest = max(total - short - long, 0)
    return (short, long + rest) if long else (short + rest, long)


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
