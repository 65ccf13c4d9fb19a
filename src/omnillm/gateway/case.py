"""The open file of one call. What the call holds is given back when its case closes: once, synchronously, however the call ends."""

from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from omnillm.admission.asks import Lease, Ticket
from omnillm.errors import Defect, OmniError, out_of_memory
from omnillm.gateway.attempts.attempt import UNBILLED, Attempt
from omnillm.gateway.bindings import Pin
from omnillm.gateway.bound_reasoning import readable
from omnillm.gateway.bridges.bridge import Bridge, Bridged
from omnillm.gateway.bridges.family_bridge import FamilyBridge
from omnillm.gateway.call import Call
from omnillm.gateway.idempotency import Claim
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.replies.reported import observed
from omnillm.gateway.rows import entries_of, request_row
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.loss import LossReason
from omnillm.protocols.protocol import Bound, Failure, Protocol
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.records import BATCHES, AttemptRow, Binding, ClaimRow, Entry, EntryKind, Posting
from omnillm.usage import NO_USAGE, Usage

if TYPE_CHECKING:
    from omnillm.gateway.replies.answer import Answer
    from omnillm.gateway.settlement import Settlement

CLIENT_CLOSED = 499
VISIBLE = frozenset({400, 404, 405, 409, 410, 412, 413, 415, 416, 422})
"""A provider's own refusals that go to a client of the same protocol verbatim."""
SUCCESS = "success"
ABORTED = "aborted"
STALE, NOT_SENT, DONE = Verdict.STALE, Verdict.NOT_SENT, Verdict.SUCCESS
SETTLE, VOID = EntryKind.SETTLE, EntryKind.VOID
NO_LEASE = Lease(lease_id=0, case_id="", provider="", key="", model="")


class Case(msgspec.Struct, eq=False):
    """What one call holds: a ticket, one lease and one exchange at a time, and the rows of its attempts so far."""

    settlement: "Settlement"
    call: Call
    request_id: str
    quote: Quote
    targets: tuple[tuple[str, str], ...]
    """(provider, model) of the targets that may be tried, best first."""
    queue_until: float
    """Until when the call is willing to wait in a queue, monotonic seconds."""
    pin: Pin | None = None
    bridge: Bridge | FamilyBridge | None = None
    claim: Claim | None = None
    """The call's hold on its idempotency key."""
    ticket: Ticket | None = None
    periods: tuple[tuple[str, str], ...] = ()
    """(budget, period) of everything reserved for the case, as the ticket says."""
    attempt: Attempt | None = None
    attempts: int = 0
    """Attempts that were sent."""
    unsent: int = 0
    """Attempts that were begun and never sent. Their numbers are used up, because their reservations have them."""
    usage: Usage = NO_USAGE
    cost_nanousd: int = 0
    covered_nanousd: int = 0
    """The part of `cost_nanousd` for which more was reserved. For the rest, more is reserved before the next attempt."""
    slices: int = 0
    """How often a live session's reservation was topped up. In the ledger a slice is like the reservation of another attempt."""
    losses: tuple[LossReason, ...] = ()
    """What the translation of the attempt that answered could not carry."""
    is_estimated: bool = False
    held: "Answer | None" = None
    """The stream that is held back. If the client leaves now, it can still be drained."""
    is_handed_over: bool = False
    """A relay or a session has it now, and closes it."""
    is_drained: bool = False
    """Its client has left. Its relay closes the case when the stream has been read to its end."""
    is_closed: bool = False
    provider_body: bytes = b""
    """The body of a provider's own refusal; verbatim for a client of the same protocol."""
    provider_protocol: str = ""
    last_lease: Lease = NO_LEASE
    """The lease of the newest attempt."""
    is_wary: bool = False
    """A kept connection has died under the call, so others may be dead too. A try may be billed, so the next one opens a new connection."""
    _rows: tuple[AttemptRow, ...] = ()
    _entries: tuple[Entry, ...] = ()
    _bindings: tuple[Binding, ...] = ()
    _tokens: int = 0
    """Tokens of all attempts. It means something only where `_is_usage_known`."""
    _is_usage_known: bool = True
    _may_be_billed: bool = False
    """An attempt may have been billed. Kept only where the call has an idempotency key."""

    def __repr__(self) -> str:
        """Without what was asked and answered."""
        return f"Case({self.request_id!r}, {self.call!r})"

    def __enter__(self) -> "Case":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            assert self.is_handed_over or self.is_closed, "a case left without an answer or an error"
        elif not self.is_drained:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Close the case because of an error. An error that nobody foresaw is raised as a Defect."""
        if isinstance(error, OmniError):
            attempt = self.attempt
            error.note_call(self.request_id, self.attempts - (attempt is not None and not attempt.is_sent))
            if self.claim is not None:
                self.claim.keep_failure(error)
            self.close(status=error.status, outcome=error.code)
        elif isinstance(error, Exception):
            self.raise_defect(error)
        else:
            self.close(status=CLIENT_CLOSED, outcome=ABORTED)

    def raise_defect(self, error: BaseException) -> None:
        """Close the case because of an error that nobody foresaw, and raise that as a Defect. Lack of memory is a refusal."""
        if isinstance(error, MemoryError):
            refusal = out_of_memory()
            self.fail(refusal)
            raise refusal from error
        if isinstance(error, Exception) and not isinstance(error, OmniError):
            self.close(status=500, outcome=Defect.code)
            raise Defect(self.request_id, self.attempts) from error

    def begin(self, lease: Lease) -> Attempt:
        """Open the next attempt, on a lease just granted or (a stale connection) on the one still held."""
        self.attempts += 1
        self.losses = ()  # those of an attempt that failed do not count
        settlement = self.settlement
        price = self.quote.price((lease.provider, lease.model))
        self.last_lease = lease
        number, version = self.attempts + self.unsent, "" if price is None else price.version
        self.attempt = attempt = Attempt(lease, number, price, version, int(settlement.wall() * 1000))
        return attempt

    def reserve(self, amount_nanousd: int) -> Coroutine[Any, Any, None]:
        """Have the attempt's reservation, or a slice's, written before anything is sent, and the claim with it. LedgerUnavailable."""
        return self.settlement.journal.reserve(self._reservation(amount_nanousd), lambda: self._renumbered(amount_nanousd))

    def _reservation(self, amount_nanousd: int) -> Posting:
        claims = () if self.claim is None else (self.claim.taken(self.request_id),)
        attempt = self.attempt
        assert attempt is not None
        return Posting(entries=entries_of(self, attempt, EntryKind.RESERVE, amount_nanousd, self.slices), claims=claims)

    def _renumbered(self, amount_nanousd: int) -> Posting:
        """The reservation with another number, because nobody knows whether the last one was written."""
        assert self.attempt is not None
        if self.slices:
            self.slices += 1
        else:
            self.unsent += 1
            self.attempt.number += 1
        return self._reservation(amount_nanousd)

    def keep_refusal(self, failure: Failure, body: bytes, protocol: Protocol) -> None:
        """What a provider's error said, if its client may read it; the protocol in which it said it."""
        self.provider_body = body if failure.status in VISIBLE else b""
        self.provider_protocol = protocol.name

    def note_sent(self, now: float) -> None:
        """The attempt's first byte is about to leave. Its request and tokens count from now, not from when it began to connect."""
        attempt = self.attempt
        assert attempt is not None
        attempt.has_begun = True
        attempt.sent_at = now
        self.settlement.admission.sent(attempt.lease.lease_id, now)

    def served_under(self, attempt: Attempt, tier: Any, *, is_sure: bool = True) -> None:
        """Price the attempt by the service tier and the place that its reply names, whatever was asked for.

        Not `is_sure`: a stream named them at its beginning, where some providers only repeat what was asked, and did not reach its end.
        Then the dearer price counts.
        """
        target, asked = attempt.target, attempt.price
        price = self.quote.served(target, tier)
        if price is None:
            return
        if is_sure or asked is None or self.quote.most_nanousd(target, price) > self.quote.most_nanousd(target, asked):
            attempt.price, attempt.price_version = price, price.version

    def end(self, outcome: Outcome, *, status: int = 0, error: str = "") -> None:
        """Close the attempt: its row and its money. The lease is released, unless the same one is to be used again (stale)."""
        attempt = self.attempt
        if attempt is None:
            return
        self.attempt = None
        if attempt.exchange is not None:
            attempt.exchange.close()
        if attempt.charged is None:
            outcome = self.charge(attempt, outcome, status)
        now = self.settlement.now()
        if outcome.verdict is not STALE:
            self.settlement.admission.release(attempt.lease.lease_id, outcome, now)
        self._book(attempt, outcome.verdict)
        if attempt.is_sent:
            epoch = self.settlement.journal.epoch
            self._rows += (attempt.row(self.request_id, outcome, status=status, error=error, now=now, epoch=epoch),)
        else:
            self.attempts -= 1
            self.unsent += 1

    def charge(self, attempt: Attempt, outcome: Outcome, status: int) -> Outcome:
        """Add the attempt's cost to the call's sums, once. `end` calls this, unless a reply's headers must name the cost before.

        Returns the outcome. If a stream was given up, it has the usage of the prompt that the stream told.
        """
        tokens = outcome.tokens
        if tokens is None and outcome.verdict is not DONE:
            outcome = observed(self, attempt, outcome)
        cost, is_estimated = attempt.charged = attempt.charge(outcome, status, self.quote)
        attempt.outcome = outcome
        if self.claim is not None:
            self._may_be_billed |= attempt.may_be_billed(outcome.verdict, cost)
        if is_estimated:
            self.is_estimated = True
        if tokens is None:
            tokens = outcome.usage.total_tokens
            if attempt.has_content or (attempt.is_sent and outcome.verdict not in UNBILLED):
                self._is_usage_known = False
        self._tokens += tokens
        self.cost_nanousd += cost
        self.usage = self.usage + outcome.usage if self._rows else outcome.usage
        return outcome

    def _book(self, attempt: Attempt, verdict: Verdict) -> None:
        """The attempt's entries in the ledger."""
        charged = attempt.charged
        assert charged is not None
        # An attempt that cost nothing needs no entry, unless it closes a durable reservation. A batch's cost comes later, in these periods.
        if self.periods and (charged[0] or self.settlement.journal.is_strict or self.call.operation == BATCHES):
            is_void = not attempt.is_sent or verdict is NOT_SENT
            self._entries += entries_of(self, attempt, VOID if is_void else SETTLE, charged[0], is_estimated=charged[1])
        if self.slices:
            for number in range(1, self.slices + 1):
                self._entries += entries_of(self, attempt, VOID, 0, number)
            self.slices = 0

    def close(self, *, status: int, outcome: str) -> None:
        """Give back what is still held, book the cost, post the rows, and tell who wants to know. Only the first close counts."""
        if self.is_closed:
            return
        self.is_closed = True
        attempt = self.attempt
        if attempt is not None:
            self.end(attempt.outcome or Outcome(verdict=Verdict.ABORTED, first_byte_s=attempt.first_byte_s), error=outcome)
        settlement = self.settlement
        now = settlement.now()
        if self.ticket is not None:
            settlement.admission.settle(self.request_id, self.cost_nanousd, now, self._tokens if self._is_usage_known else None)
        if outcome != SUCCESS:
            # The call may have been cancelled in a queue, after something was granted to it and before it knew.
            settlement.admission.cancel(self.request_id, now)
        row = request_row(self, status, outcome, now)
        claims = () if self.claim is None else self._end_claim(self.claim, outcome)
        settlement.journal.post(Posting(entries=self._entries, attempts=self._rows, request=row, bindings=self._bindings, claims=claims))
        settlement.ended.add(row)
        if self.attempts > 1 or outcome != SUCCESS:
            settlement.ended.count_failures(self._rows)
        if settlement.ended.trace is not None:
            settlement.ended.trace(row, self._rows, self.call.trace)

    def _end_claim(self, claim: Claim, outcome: str) -> tuple[ClaimRow, ...]:
        """What became of the idempotency key. The ledger is told only if an attempt was begun, because only then it knows the key."""
        row = claim.end(self.request_id, outcome, may_be_billed=self._may_be_billed)
        return () if self.last_lease is NO_LEASE else (row,)

    def bind(self, lease: Lease, made: tuple[Bound, ...]) -> None:
        """Remember what the reply made, so that its ids find the key again."""
        self._bindings += self.settlement.bindings.make(self.call, lease, made, request_id=self.request_id)

    def call_for(self, lease: Lease, pin: Pin) -> Call:
        """A pinned call that is not translated, without what this key cannot read. What is left out is noted as a loss."""
        call, self.losses = readable(self.call, pin, lease)
        return call

    def translator(self, bridged: Bridged, lease: Lease) -> StreamTranscoder:
        """The translator of a stream. What the request lost is noted now; what the stream loses is noted when it ends."""
        assert isinstance(self.bridge, Bridge)  # of a family no stream is translated
        self.losses = bridged.reasons
        return self.bridge.stream(bridged, lease, self.request_id)
