"""Converse's counts: `inputTokens` leaves cache reads and writes out, `outputTokens` includes reasoning."""

from typing import Any

import msgspec

from omnillm.protocols.counts import UNREADABLE, Count, convert_clamped
from omnillm.usage import Usage


class CacheDetail(msgspec.Struct, frozen=True, gc=False):
    ttl: str = ""
    inputTokens: Count | None = None  # noqa: N815 - the wire's own names


class TokenUsage(msgspec.Struct, frozen=True, gc=False):
    inputTokens: Count | None = None  # noqa: N815
    outputTokens: Count | None = None  # noqa: N815
    cacheReadInputTokens: Count | None = None  # noqa: N815
    cacheWriteInputTokens: Count | None = None  # noqa: N815
    cacheDetails: list[CacheDetail] | None = None  # noqa: N815


def usage_of(reported: TokenUsage) -> Usage | None:
    """Bring usage to the disjoint form; None when it names neither input nor output. Writes without a term are short ones."""
    if reported.inputTokens is None and reported.outputTokens is None:
        return None
    written = reported.cacheWriteInputTokens or 0
    details = reported.cacheDetails or ()
    long = min(sum(detail.inputTokens or 0 for detail in details if detail.ttl == "1h"), written)
    return Usage(
        input=reported.inputTokens or 0,
        cache_read=reported.cacheReadInputTokens or 0,
        cache_write_short=written - long,
        cache_write_long=long,
        output=reported.outputTokens or 0,
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
