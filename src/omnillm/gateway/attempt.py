"""One dispatch of a call to one target with one provider key: what it held, what came of it, what it costs."""

import msgspec

from omnillm.admission.asks import Lease
from omnillm.gateway.quote import Quote
from omnillm.outcome import Headroom, Verdict
from omnillm.pricing.cost import Price, bound, cost
from omnillm.records import AttemptRow
from omnillm.transport.client import Exchange
from omnillm.usage import NO_USAGE, Usage

NEVER_PROCESSED = frozenset({Verdict.NOT_SENT, Verdict.STALE})
UNBILLED = NEVER_PROCESSED | frozenset(
    {
        Verdict.CALLER_FAULT,
        Verdict.RATE_LIMITED,
        Verdict.QUOTA_EXHAUSTED,
        Verdict.KEY_DEAD,
        Verdict.DENIED,
        Verdict.NOT_FOUND,
    },
)
"""No provider bills these. Every other end without reported usage is charged by estimate, never nothing."""
ABORT_SLACK_TOKENS = 16
"""What a provider may generate and bill between our closing and its noticing."""


class Closing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How an attempt ended."""

    verdict: Verdict
    status: int = 0
    usage: Usage | None = None
    """As the provider reported it; None: it reported none."""
    error: str = ""
    retry_after_s: float | None = None
    headroom: Headroom | None = None


class Attempt:
    __slots__ = ("exchange", "first_byte_s", "is_sent", "lease", "number", "observed_bytes", "price", "sent_at", "wall_ms")

    def __init__(self, lease: Lease, number: int, price: Price | None, wall_ms: int) -> None:
        self.lease = lease
        self.number = number
        self.price = price
        self.wall_ms = wall_ms
        self.is_sent = False
        """Whether a byte may have left."""
        self.sent_at = 0.0
        self.first_byte_s: float | None = None
        self.exchange: Exchange | None = None
        self.observed_bytes = -1
        """Of a stream: bytes that came, an upper bound of its output tokens; -1: a plain reply, whose output cannot be observed."""

    def close_exchange(self) -> None:
        if self.exchange is not None:
            self.exchange.close()
            self.exchange = None

    def charge(self, closing: Closing, quote: Quote) -> tuple[int, bool]:
        """(nano-USD, whether it is an estimate). A reported usage is exact; an answer that was an error is free; the rest is bounded."""
        price = self.price
        if price is None or not self.is_sent:
            return 0, False
        if closing.usage is not None:
            return cost(closing.usage, price), False
        if closing.verdict in UNBILLED or closing.status >= 400 or not quote.prompt_bound:
            return 0, False
        output = quote.output_bound
        if closing.verdict is Verdict.ABORTED and self.observed_bytes >= 0:
            output = min(output, self.observed_bytes + ABORT_SLACK_TOKENS)
        return bound(quote.prompt_bound, output, price), True

    def row(self, request_id: str, closing: Closing, charged: tuple[int, bool], now: float, epoch: int) -> AttemptRow:
        return AttemptRow(
            request_id=request_id,
            attempt=self.number,
            provider=self.lease.provider,
            model=self.lease.model,
            key=self.lease.key,
            verdict=closing.verdict.value,
            status=closing.status,
            wall_ms=self.wall_ms,
            duration_ms=int((now - self.sent_at) * 1000) if self.is_sent else 0,
            first_byte_ms=-1 if self.first_byte_s is None else int(self.first_byte_s * 1000),
            usage=closing.usage or NO_USAGE,
            is_usage_known=closing.usage is not None,
            cost_nanousd=charged[0],
            is_estimated=charged[1],
            price_version=self.price.version if self.price else "",
            error=closing.error,
            epoch=epoch,
        )
