"""What Converse counts, read."""

from typing import Any

from omnillm.protocols.bedrock_converse.wire import TokenUsage
from omnillm.protocols.counts import UNREADABLE, convert_clamped
from omnillm.usage import Usage


def usage_of(reported: TokenUsage) -> Usage | None:
    """Bring usage to the disjoint form; None when it names neither input nor output. Writes without a term are short ones."""
    if reported.input_tokens is None and reported.output_tokens is None:
        return None
    written = reported.cache_write_input_tokens or 0
    details = reported.cache_details or ()
    long = min(sum(detail.input_tokens or 0 for detail in details if detail.ttl == "1h"), written)
    return Usage(
        input=reported.input_tokens or 0,
        cache_read=reported.cache_read_input_tokens or 0,
        cache_write_short=written - long,
        cache_write_long=long,
        output=reported.output_tokens or 0,
    )


def tier_of(service_tier: Any) -> Any:
    """The tier's word; None where none is told."""
    return service_tier.get("type") if isinstance(service_tier, dict) else None


def usage_of_counts(counts: Any) -> Usage | None:
    """None: it cannot be read."""
    try:
        return usage_of(convert_clamped(counts, TokenUsage))
    except UNREADABLE:
        return None
