"""One dispatch of a call to one target with one provider key: what it holds, how it ended, what it costs."""

import msgspec

from omnillm.admission.asks import Lease
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.quotes.tool_calls import ToolCalls
from omnillm.outcome import Outcome, Verdict
from omnillm.pricing.cost import Price, bound, bound_behind, cost
from omnillm.pricing.reference import bounded, bounded_behind
from omnillm.protocols.protocol import Failure
from omnillm.providers.heads import request_id_of
from omnillm.records import AttemptRow
from omnillm.transport.client import Exchange
from omnillm.usage import NO_USAGE, Usage

UNBILLED = frozenset(
    {
        Verdict.NOT_SENT,
        Verdict.CALLER_FAULT,
        Verdict.RATE_LIMITED,
        Verdict.QUOTA_EXHAUSTED,
        Verdict.KEY_DEAD,
        Verdict.DENIED,
        Verdict.NOT_FOUND,
    },
)
"""No provider bills these. Every other end without reported usage is charged by an estimate, never by nothing. That includes a reused
connection that died, because nobody can prove that the request had not arrived."""
ABORT_SLACK_TOKENS = 16
"""Tokens that a provider may still generate and bill after we have closed, before it notices."""
UNSEEN_TOKENS_A_SECOND = 500
"""Tokens that a thinking model may bill without showing a byte of them. Few models write faster, and only on hosts with cheap tokens."""


class Attempt(msgspec.Struct, eq=False):
    lease: Lease
    number: int
    price: Price | None
    price_version: str
    """Names the prices, terms and bound that the charge is made of; "" without a price."""
    wall_ms: int
    sent_at: float = 0.0
    is_sent: bool = False
    """It was handed to the transport, which may still be connecting."""
    has_begun: bool = False
    """Whether a byte may have left."""
    first_byte_s: float | None = None
    exchange: Exchange | None = None
    """Once the reply's head has come."""
    has_content: bool = False
    """A stream failed after it had generated something."""
    observed_bytes: int = -1
    """Of a stream: bytes that came, an upper bound of the tokens that were shown; -1: a plain reply, whose output cannot be observed."""
    tools: ToolCalls | None = None
    """The calls of the provider's own tools that a stream had shown before it was given up, if they are counted."""
    left_at: float = 0.0
    """When its client was gone, if it is."""
    outcome: Outcome | None = None
    """Known as soon as the cost is."""
    charged: tuple[int, bool] | None = None
    """For that outcome: (nano-USD, whether it is an estimate)."""
    metered: tuple[int, bool] | None = None
    """Of a live session: (nano-USD, whether a part of it is an estimate), counted as it went."""
    credential_version: int = 0
    """Of what authenticated it, where that is refreshed."""

    @property
    def target(self) -> tuple[str, str]:
        return self.lease.provider, self.lease.model

    def outcome_of(self, failure: Failure) -> Outcome:
        """What a judged failure means for the key, but not how quick it is. A usage that cannot be true is ignored."""
        usage = failure.usage
        if usage is not None and usage.is_incredible:
            usage = None
        return Outcome(
            verdict=failure.verdict,
            usage=NO_USAGE if usage is None else usage,
            tokens=None if usage is None else usage.total_tokens,
            retry_after_s=failure.retry_after_s,
        )

    def may_be_billed(self, verdict: Verdict, cost_nanousd: int) -> bool:
        """Whether a repeated call might be paid twice. Not if no provider bills this end, or if provably no byte has left."""
        return cost_nanousd > 0 or (self.has_begun and (self.has_content or verdict not in UNBILLED))

    def charge(self, outcome: Outcome, status: int, quote: Quote) -> tuple[int, bool]:
        """(nano-USD, whether it is an estimate). A reported usage is exact, an error is free, everything else costs its upper bound."""
        price = self.price
        if self.metered is not None:
            return self.metered
        if quote.fixed_nanousd and self.has_begun:
            is_refusal = outcome.verdict in UNBILLED or status >= 400
            return (0, False) if is_refusal else (quote.fixed_nanousd, True)
        if price is None or not self.has_begun:
            return 0, False
        if outcome.tokens is not None:
            return cost(outcome.usage, price), False
        is_refusal = outcome.verdict in UNBILLED or status >= 400
        if not quote.is_charged or (is_refusal and not self.has_content):
            return 0, False
        if outcome.verdict is Verdict.ABORTED and self.observed_bytes >= 0 and quote.is_paid_by_piece:
            return self._charge_left(outcome.usage, quote, price), True
        prompt, output, units = quote.bounds(self.target, price)
        self.price_version = bounded(price.version, prompt, output, units)
        return bound(prompt, output, price, units), True

    def _charge_left(self, told: Usage, quote: Quote, price: Price) -> int:
        """nano-USD of a stream that was given up: by the output that it had shown, and its prompt's usage (`NO_USAGE`: not told)."""
        prompt, output, units = quote.bounds(self.target, price)
        unseen_s = self.left_at - self.sent_at if price.thinks else 0.0
        output = min(output, self.observed_bytes + quote.choices * unseen_tokens(unseen_s))
        if self.tools is not None:
            prompt, units = self.tools.bounds(quote, self.target, price, self.observed_bytes)
        if told is not NO_USAGE:
            self.price_version = bounded_behind(price.version, output, units.tool_calls)
            return bound_behind(told, output, price, units.tool_calls)
        self.price_version = bounded(price.version, prompt, output, units)
        return bound(prompt, output, price, units)

    def row(self, request_id: str, outcome: Outcome, *, status: int, error: str, now: float, epoch: int) -> AttemptRow:
        """What the ledger keeps of the attempt, once it is charged."""
        lease, first_byte_s, charged, exchange = self.lease, self.first_byte_s, self.charged, self.exchange
        assert charged is not None
        return AttemptRow(
            request_id,
            self.number,
            lease.provider,
            lease.model,
            key=lease.key,
            verdict=outcome.verdict._value_,
            status=status,
            wall_ms=self.wall_ms,
            duration_ms=int((now - self.sent_at) * 1000),
            first_byte_ms=-1 if first_byte_s is None else int(first_byte_s * 1000),
            usage=outcome.usage,
            is_usage_known=outcome.tokens is not None,
            cost_nanousd=charged[0],
            is_estimated=charged[1],
            price_version=self.price_version,
            error=error,
            epoch=epoch,
            upstream_request_id="" if exchange is None else request_id_of(exchange.headers),
        )


def unseen_tokens(unseen_s: float) -> int:
    """Tokens that a choice of a given-up answer may be billed for unseen: on their way, or thought in so many seconds."""
    return ABORT_SLACK_TOKENS + int(unseen_s * UNSEEN_TOKENS_A_SECOND)
