"""One live session: messages in both directions, metered as they pass. It is settled exactly once, whichever side ends it.

One task may await `send` and another `receive`. The session is over if it cannot be paid for any further, was silent for too long, or has
lost its provider. Then `failure` says why, and both raise it. Messages pass unchanged.
"""

import msgspec

from omnillm.errors import BudgetExceeded, Defect, OmniError, RequestTimeout, Unavailable, UpstreamLost, shutting_down
from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.case import ABORTED, CLIENT_CLOSED, SUCCESS, Case
from omnillm.gateway.sessions.advance import Advance
from omnillm.gateway.sessions.meter import Meter
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.sessions.registry import SESSIONS
from omnillm.protocols.sessions.session import SessionProtocol
from omnillm.transport.timeouts import Deadlines, Timeouts
from omnillm.transport.websocket import LOST, Ended, Message, WebSocket
from omnillm.usage import Usage

SWITCHED = 101
"""The status of a request that became a session and ended well."""
NORMAL, SHUTDOWN = 1000, 1001


class Dialled(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that has opened a session, its attempt still open under the case."""

    socket: WebSocket
    attempt: Attempt
    first: Message
    timeouts: Timeouts


class Session:
    """Whoever opens it closes it. `due` and `expire` are for its idle and its total limit."""

    # fmt: off
    __slots__ = (
        "_advance", "_deadlines", "_heard", "_idle_s", "_is_retiring", "_is_settled", "_meter", "_now", "_quiet_at", "_seen_at",
        "_total_due", "_waiting", "attempt", "case", "due", "failure", "protocol", "socket",
    )
    # fmt: on

    def __init__(self, case: Case, dialled: Dialled, *, deadlines: Deadlines) -> None:
        settlement = case.settlement
        case.is_handed_over = True
        self.case = case
        self.attempt = dialled.attempt
        self.socket = dialled.socket
        self.protocol: SessionProtocol = SESSIONS[case.call.protocol.name]
        self.failure: OmniError | None = None
        self._waiting: Message | None = dialled.first
        self._heard: Message | None = None
        """Counted, and not handed on yet: whoever is cancelled while what follows is paid for asks for it again."""
        self._deadlines = deadlines
        provider = dialled.attempt.lease.provider
        self._meter = Meter(self.protocol.watch(), dialled.attempt.price, lambda model: case.quote.prices.find((provider, model)))
        if case.call.body:
            self._meter.to_provider(case.call.body)
            self._meter.sent()
        self._advance = Advance(case, self._meter)
        self._is_retiring = self._is_settled = False
        self._now = settlement.now
        self._seen_at = self._quiet_at = now = self._now()
        self._idle_s = dialled.timeouts.idle_s
        self._total_due = now + dialled.timeouts.total_s
        self.due = min(self._total_due, now + self._idle_s)
        deadlines.add(self)

    # messages

    async def send(self, message: Message) -> None:
        """To the provider, once what it may cost is reserved; waits while the provider takes nothing."""
        try:
            await self._send(message)
        except BaseException as error:
            self._check_defect(error)
            raise

    async def _send(self, message: Message) -> None:
        self._check()
        self._note_time()
        self._meter.to_provider(message.data)
        await self._cover()
        self._check()
        self._meter.sent()
        self.socket.write(message)
        await self.socket.drain()

    async def receive(self) -> Message | None:
        """From the provider. None: it, or the caller, has ended the session; `ended` says how."""
        try:
            return await self._receive()
        except BaseException as error:
            self._check_defect(error)
            raise

    async def _receive(self) -> Message | None:
        if self._heard is None:
            self._heard = await self._hear()
        if self._heard is not None and not self._is_settled:
            await self._cover()
            if self._is_retiring and not self._meter.open_turns:
                self._fail(shutting_down(), Verdict.SUCCESS)
        message, self._heard = self._heard, None
        return message

    async def _hear(self) -> Message | None:
        """The next message, counted."""
        message, self._waiting = self._waiting, None
        if message is None:
            self._check()
            message = await self.socket.read()
        if message is None:
            self._check()
            self._finish()
            return None
        self._note_time()
        if not self._is_settled:
            self._meter.from_provider(message.data)
        return message

    @property
    def usage(self) -> Usage:
        """Reported so far."""
        return self._meter.usage

    @property
    def cost_nanousd(self) -> int:
        """So far; final when it is settled."""
        return self._meter.spent_nanousd

    @property
    def ended(self) -> Ended | None:
        """How the provider's side ended."""
        return self.socket.ended

    def _note_time(self) -> None:
        """Note the time of a message. While no turn is open, none can have begun before it."""
        self._seen_at = self._now()
        if not self._meter.open_turns:
            self._quiet_at = self._seen_at

    async def _cover(self) -> None:
        """Reserve for what comes next. Where that fails the session is over; what was said so far is still delivered."""
        try:
            await self._advance.cover()
        except (BudgetExceeded, Unavailable) as error:  # no room, no ledger, or the gateway ends
            self._fail(error, Verdict.ABORTED)

    # endings

    def close(self, client: Ended | None = None) -> None:
        """The caller's side is over: `client` is its farewell, None for an orderly one. Idempotent, and settles at once."""
        if client is None:
            self._settle(Verdict.SUCCESS, SWITCHED, SUCCESS)
            self.socket.close(NORMAL)
        elif client.code == LOST:
            self._settle(Verdict.ABORTED, CLIENT_CLOSED, ABORTED)
            self.socket.close(NORMAL)
        elif client.is_ours and client.code == SHUTDOWN:
            self._fail(shutting_down(), Verdict.ABORTED)
        elif client.is_ours:
            self._settle(Verdict.ABORTED, SWITCHED, f"closed_{client.code}")
            self.socket.close(NORMAL)
        else:
            self._settle(Verdict.SUCCESS, SWITCHED, SUCCESS)
            self.socket.close(client.code, client.reason)

    def give_up(self, error: OmniError) -> None:  # noqa: ARG002  a session has an orderly end, and no error need tell of it
        """The gateway ends: as if the caller had closed it."""
        self.close()

    def retire(self) -> None:
        """The gateway drains: end between two turns."""
        self._is_retiring = True
        if not self._meter.open_turns:
            self._fail(shutting_down(), Verdict.SUCCESS)

    def expire(self, now: float) -> None:
        idle_due = self._seen_at + self._idle_s
        if now >= self._total_due:
            self._fail(RequestTimeout("The session has lasted as long as one may.", code="session_expired"), Verdict.SUCCESS)
        elif now >= idle_due:
            self._fail(RequestTimeout(f"Nobody has said anything for {self._idle_s:g} s.", code="session_idle"), Verdict.SUCCESS)
        else:
            self.due = min(self._total_due, idle_due)

    def _finish(self) -> None:
        """The provider has nothing more to say."""
        ended = self.socket.ended
        if self._is_settled or ended is None:
            return
        if ended.is_ours or ended.code == LOST:
            code = "garbled_reply" if ended.is_ours else "upstream_lost"
            raise self._fail(UpstreamLost("The provider's side of the session broke off.", code=code), Verdict.LOST)
        if ended.is_orderly:
            self._settle(Verdict.SUCCESS, SWITCHED, SUCCESS)
        else:
            failure = self.protocol.read_end(ended.code, ended.reason)
            self._settle(failure.verdict, SWITCHED, f"provider_closed_{ended.code}")

    def _fail(self, error: OmniError, verdict: Verdict) -> OmniError:
        if not self._is_settled:
            self.failure = error
            error.note_call(self.case.request_id, self.case.attempts)
            self._settle(verdict, error.status, error.code)
        self.socket.close(NORMAL)
        return error

    def _check_defect(self, error: BaseException) -> None:
        """An error that nobody foresaw ends the session as a Defect, which both sides are told. What was metered until then is charged."""
        if isinstance(error, Exception) and not isinstance(error, OmniError):
            defect = Defect(self.case.request_id, self.case.attempts)
            try:
                self._fail(defect, Verdict.ABORTED)
            finally:  # the same defect may stand in the way of the settlement
                self.case.close(status=defect.status, outcome=defect.code)
                raise defect from error

    def _settle(self, verdict: Verdict, status: int, outcome: str) -> None:
        if self._is_settled:
            return
        self._is_settled = True
        self._advance.close()
        self._deadlines.discard(self)
        self.due = float("inf")
        meter, attempt, case = self._meter, self.attempt, self.case
        version = attempt.price_version
        # What is charged, and for which usage, where a defect comes before the meter is closed.
        attempt.metered, attempt.price_version = (meter.spent_nanousd, True), version and f"{version};metered"
        attempt.outcome = Outcome(verdict=Verdict.ABORTED, usage=meter.usage, first_byte_s=attempt.first_byte_s)
        for message in self.socket.unread:
            meter.from_provider(message.data)  # a report that has come is one, though nobody reads it any more
        is_whole = not meter.billable_turns
        meter.close(self._now() - self._quiet_at)
        attempt.metered = (meter.spent_nanousd, meter.has_estimates)
        if meter.is_exact:
            attempt.price_version = version
        tokens = meter.usage.total_tokens if is_whole else None
        told = Outcome(verdict=verdict, usage=meter.usage, tokens=tokens, first_byte_s=attempt.first_byte_s)
        case.end(told, status=SWITCHED, error="" if outcome == SUCCESS else outcome)
        case.close(status=status, outcome=outcome)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
