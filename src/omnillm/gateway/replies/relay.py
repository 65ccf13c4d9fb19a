"""Passes the reply on to the client, from what was held back on. Its `close()` settles the case: exactly once, synchronously.

The cost of a plain reply is worked out before the reply is written, because its headers name it. No client waits for the rest of the
settlement: the server writes the reply first, and closes the relay in the same step of the event loop.
"""

from typing import Final

import msgspec

from omnillm.admission.asks import Lease
from omnillm.errors import OmniError, Unavailable, UpstreamLost
from omnillm.framing.pieces import PieceReader
from omnillm.framing.sse import FrameReader, SseReader
from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.attempts.no_reply import verdict_within
from omnillm.gateway.case import ABORTED, CLIENT_CLOSED, SUCCESS, Case
from omnillm.gateway.replies.answer import Answer
from omnillm.gateway.replies.drain import Drains
from omnillm.gateway.replies.pouring import Outlet, Pouring
from omnillm.gateway.replies.reported import used
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.loss import joined
from omnillm.protocols.protocol import Failure, Sight
from omnillm.providers.endpoint import SSE
from omnillm.records import BATCH_BILL
from omnillm.usage import NO_USAGE

_SUCCESS: Final = Verdict.SUCCESS
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""


class Relay(msgspec.Struct, eq=False):
    """Whoever opens a relay closes it. A stream is read piece by piece. It is settled with its case, and only once."""

    case: Case
    _answer: Answer
    _attempt: Attempt
    _drains: Drains
    whole: bytes | None
    """A plain reply's body, its cost already the case's."""
    _is_abandoned: bool = False
    _given_up: OmniError | None = None
    """Why the gateway gave the stream up; None: it did not."""

    @classmethod
    def open(cls, case: Case, answer: Answer, drains: Drains) -> "Relay":
        """Take over what the case holds."""
        assert case.attempt is not None
        case.is_handed_over = True
        relay = cls(case, answer, case.attempt, drains, answer.body)
        if answer.body is not None:
            relay._charge(_SUCCESS)
        return relay

    def __repr__(self) -> str:
        """Without what was asked and answered."""
        return f"Relay({self.case!r}, {self._answer!r})"

    @property
    def lease(self) -> Lease:
        """Of the attempt that answered."""
        return self._attempt.lease

    @property
    def upstream_headers(self) -> dict[bytes, bytes]:
        """The provider's headers. The content type of a stream is server-sent events, unless the client reads the provider's framing."""
        answer = self._answer
        headers = answer.exchange.headers
        if answer.reader is None or answer.upstream.streaming is SSE or self.case.call.protocol.is_native_only:
            return headers
        return {**headers, b"content-type": SSE.content_type}

    def new_reader(self) -> FrameReader:
        """What reads the bytes of this stream as its client gets them."""
        is_own = self.case.call.protocol.is_native_only and self._answer.reader is not None
        return self._answer.upstream.streaming.reader() if is_own else SseReader()

    @property
    def is_raw(self) -> bool:
        """A stream of plain bytes. No error can be told in it, so only a cut connection says that it is not whole."""
        return isinstance(self._answer.reader, PieceReader)

    @property
    def next_sequence(self) -> int:
        """The sequence number that an error event would bear."""
        view = self._answer.client_view
        return 0 if view is None else view.next_sequence

    @property
    def response_id(self) -> str:
        """The provider's id of the reply, where the stream's last words must repeat it."""
        view = self._answer.client_view
        return "" if view is None else view.response_id

    @property
    def is_read(self) -> bool:
        """The stream ended well, and `read` has returned all of it."""
        return self._answer.is_told

    async def read(self, outlet: Outlet | None = None) -> bytes:
        """The next whole events, b"" after the last. Raises when the provider's stream failed: the case is then settled as a failure.

        With an `outlet`, events go there as they come, without a wake-up, until one has no room there, ends the stream, or failed.
        A plain reply comes whole, and the case is settled when it does.
        """
        answer = self._answer
        if answer.body is not None:
            self._succeed()
            body, answer.body = answer.body, b""
            return body
        try:
            return await self._read(answer, outlet)
        except BaseException as error:
            self.case.raise_defect(error)
            raise

    async def _read(self, answer: Answer, outlet: Outlet | None) -> bytes:
        while True:
            ready = answer.release()
            if ready:
                return ready
            if answer.seen & Sight.FAILED:
                raise self._fail(answer.failure())
            if answer.is_ended_well:
                self._succeed()
                return b""
            if outlet is not None:
                await self._pour(answer, outlet)
            if outlet is None or answer.is_at_rest:
                await self._read_piece(answer)

    async def _pour(self, answer: Answer, outlet: Outlet) -> None:
        pouring = Pouring(answer, outlet)
        try:
            await answer.exchange.pour(pouring.forward)
        finally:
            self._attempt.observed_bytes += pouring.observed_bytes

    async def _read_piece(self, answer: Answer) -> None:
        try:
            piece = await answer.exchange.read()
            self._attempt.observed_bytes += len(piece)
            answer.feed(piece)
        except Unavailable as error:
            raise self._settle_failed(verdict_within(error), error) from None
        if not piece and not answer.is_ended_well:
            raise self._settle_failed(Verdict.LOST, UpstreamLost("The provider's stream ended before it was complete.", code="stream_cut"))

    def close(self) -> None:
        """The client was served, or has left. A stream that has not ended is drained, or settled as aborted, by what was observed of it."""
        if self.case.is_closed:
            return
        if self.whole is not None:
            self._succeed()
            return
        if self._answer.is_ended_well:
            self._is_abandoned = self._answer.held_bytes > 0
            self._succeed()  # its cost is known to the last token, whoever read it
            return
        if not self._is_abandoned:
            self._is_abandoned = True
            if self._drains.adopt(self):
                return
        self._settle(Verdict.ABORTED, CLIENT_CLOSED, ABORTED)

    def give_up(self, error: OmniError) -> None:
        """The gateway waits no longer: settle by what was observed. `read` then raises this error. A reply that has ended is closed."""
        if self._answer.is_ended_well or self.whole is not None:
            self.close()
        elif not self.case.is_closed:
            self._given_up = self._settle_failed(Verdict.ABORTED, error)

    def _succeed(self) -> None:
        answer, case = self._answer, self.case
        if case.is_closed:
            return
        try:
            if self.whole is None:
                answer.exchange.linger()
            elif case.claim is not None:
                case.claim.keep(200, answer.exchange.headers.get(b"content-type", b""), self.whole)
            made_ids = answer.upstream.protocol.made_ids
            made = None if made_ids is None else made_ids(case.call.members, answer.final, answer.watch)
            if made:
                case.bind(self._attempt.lease, made)
            self._settle(_SUCCESS, 200, SUCCESS)
        except BaseException as error:
            case.fail(error)  # which gives back what it holds
            raise

    def _fail(self, failure: Failure) -> OmniError:
        error = UpstreamLost(f"The provider's stream failed: {failure.code}.", code="stream_failed")
        self._attempt.has_content = bool(self._answer.seen & Sight.CONTENT)
        return self._settle_failed(failure.verdict, error)

    def _settle_failed(self, verdict: Verdict, error: OmniError) -> OmniError:
        if not self.case.is_closed:
            error.note_call(self.case.request_id, self.case.attempts)
            self._settle(verdict, error.status, error.code)
        return self._given_up or error

    def _settle(self, verdict: Verdict, status: int, code: str) -> None:
        """End the attempt and close the case. A client that has left was not answered, even if the stream then ended well."""
        answer, case = self._answer, self.case
        if answer.translator is not None:
            case.losses = joined(case.losses, answer.translator.losses.reasons)
        outcome = self._attempt.outcome or self._charge(verdict)
        if verdict is not _SUCCESS and not case.quote.is_paid_by_piece:
            self._bind_what_goes_on(answer)
        case.end(outcome, status=answer.exchange.status, error="" if verdict is _SUCCESS else code)
        if self._is_abandoned:
            status, code = CLIENT_CLOSED, ABORTED
        case.close(status=status, outcome=code)

    def _bind_what_goes_on(self, answer: Answer) -> None:
        """The provider goes on writing this response in the background. Bind it to its key, to be found and settled later."""
        name = "" if answer.watch is None else answer.watch.response_id
        if name:
            self.case.bind(self._attempt.lease, ((answer.upstream.protocol.kept_as, name), (BATCH_BILL, name)))

    def _charge(self, verdict: Verdict) -> Outcome:
        """Work out what the attempt's end means, and add its cost to the case."""
        case, attempt, answer = self.case, self._attempt, self._answer
        exchange = answer.exchange
        # What a stream reported before its end is a part of the truth, not the whole.
        usage, tokens = used(case, attempt, answer) if verdict is _SUCCESS else (NO_USAGE, None)
        outcome = Outcome(
            verdict=verdict,
            usage=usage,
            tokens=tokens,
            first_byte_s=attempt.first_byte_s,
            headroom=answer.upstream.protocol.read_headroom(exchange.headers, case.settlement.wall()),
        )
        return case.charge(attempt, outcome, exchange.status)
