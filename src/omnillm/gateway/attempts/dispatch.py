"""Sends a call: one attempt after another until one answers. The only place that retries, or waits for a key.

A plain reply has answered when it is whole; a stream when it shows content, ends, or has been held back for long enough. Until then every
fault is hidden from the client that another key, another target or a retry can hide.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from omnillm.admission.asks import Lease, Wait
from omnillm.errors import ReplyTooLarge, UpstreamLost, UpstreamTimeout
from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.attempts.blame import SHORTEST_ATTEMPT_S, outcome_for_key
from omnillm.gateway.attempts.credentials import authenticate, renewed
from omnillm.gateway.attempts.long_reply import translated, unreadable
from omnillm.gateway.attempts.no_reply import (
    ERROR_BODY_LIMIT,
    cut,
    failure_of,
    garbled,
    holds_no_error,
    late,
    read_error,
    tells_its_end,
)
from omnillm.gateway.attempts.rounds import DispatchSettings, Round, open_round
from omnillm.gateway.attempts.upstream import Upstream, Upstreams
from omnillm.gateway.bridges.bridge import Bridged
from omnillm.gateway.case import Case
from omnillm.gateway.quotes.tool_calls import ToolCalls
from omnillm.gateway.refusals import budget_error
from omnillm.gateway.replies.answer import Answer
from omnillm.outcome import FAILOVERS, RETRIES, Verdict
from omnillm.protocols.bulk import LONG_BODY, is_laborious
from omnillm.protocols.loss import joined
from omnillm.protocols.protocol import Failure, Sight
from omnillm.providers.paths import COUNT_TOKENS
from omnillm.transport.client import Exchange, HttpClient
from omnillm.transport.room import Room

AnswerT = TypeVar("AnswerT")


class Dispatch:
    def __init__(self, *, client: HttpClient, upstreams: Upstreams, room: Room, settings: DispatchSettings) -> None:
        self.client = client
        self.upstreams = upstreams
        self._room = room
        self._settings = settings

    def send(self, case: Case) -> Coroutine[Any, Any, Answer]:
        """The first attempt that answers, its lease and exchange still open under the case."""
        return self.over_keys(case, self._exchange)

    async def over_keys(
        self, case: Case, exchange: Callable[[Case, Attempt], Awaitable[AnswerT | Failure]], *, is_repeatable: bool = True
    ) -> AnswerT:
        """Lease a key and make an attempt, until one answers. Raises the last failure when it cannot be hidden any more.

        `exchange` sends one attempt and judges what comes back. A call that is not repeatable goes to another key only if it was refused,
        never if it may have been done.
        """
        settlement, round_ = case.settlement, open_round(case)
        lease: Lease | None = None
        while True:
            if lease is None:
                granted = settlement.admission.lease(round_.wish or round_.need, settlement.now())
                if type(granted) is Wait:
                    granted = await settlement.admission.leased(granted)
                if not isinstance(granted, Lease):
                    round_.refused(granted)
                    continue
                lease = granted
            attempt = case.begin(lease)
            if case.claim is not None or (settlement.journal.is_strict and case.quote.amount_nanousd and case.periods):
                await case.reserve(case.quote.amount_nanousd)
            try:
                answer = await exchange(case, attempt)
            except (UpstreamLost, UpstreamTimeout) as error:
                answer = failure_of(error)
            if type(answer) is not Failure:
                return answer
            lease = self._after_failure(round_, attempt, answer, is_repeatable=is_repeatable)

    async def _exchange(self, case: Case, attempt: Attempt) -> Answer | Failure:
        """Send one attempt, and judge what comes of it."""
        call, lease, bridge = case.call, attempt.lease, case.bridge
        bridged = None if bridge is None else bridge.find_for(lease)
        protocol = call.protocol if bridged is None else bridged.protocol
        upstream = self.upstreams.find(lease.provider, lease.key, protocol.name)
        if upstream.credential is not None:
            trouble = await authenticate(case, attempt, upstream.credential)
            if trouble is not None:
                return trouble
        call = call if case.pin is None or bridged is not None else case.call_for(lease, case.pin)
        outgoing = upstream.outgoing(call, case.quote, lease.model, bridged)
        if case.is_wary:
            outgoing = msgspec.structs.replace(outgoing, needs_new_connection=True)
        attempt.is_sent = True
        if call.is_stream:
            attempt.observed_bytes = 0
        attempt.sent_at = case.settlement.now()
        attempt.exchange = exchange = await self.client.send(outgoing, on_begin=case.note_sent)
        attempt.first_byte_s = exchange.first_byte_at - exchange.sent_at
        if exchange.status != 200:
            failure = self._judge(case, exchange, upstream, await read_error(exchange))
            return renewed(attempt, upstream.credential, failure)
        if call.is_stream:
            answer = await self._read_stream(case, attempt, upstream, bridged)
            if type(answer) is Answer:
                case.settlement.admission.prove(lease.lease_id, case.settlement.now())
            return answer
        body = await exchange.read_all(self._settings.buffered_bytes, self._room)
        return (
            self._read_whole(case, exchange, upstream, bridged, body)
            if bridged is None or len(body) <= LONG_BODY
            else await self._read_long(case, attempt, exchange, upstream, bridged, body)
        )

    def _judge(self, case: Case, exchange: Exchange, upstream: Upstream, body: bytes) -> Failure:
        """What an error's body means, whatever the status that it came under."""
        protocol = upstream.error_protocol(body)
        failure = upstream.read_failure(protocol, exchange, body, case.settlement.wall())
        case.keep_refusal(failure, body, protocol)
        return failure

    def _read_whole(self, case: Case, exchange: Exchange, upstream: Upstream, bridged: Bridged | None, body: bytes) -> Answer | Failure:
        """A plain reply is read whole, so that a broken one can be hidden, and the headers of a whole one can name its cost."""
        if case.call.operation == COUNT_TOKENS:
            return self._read_count(case, exchange, upstream, body, bridged)
        peek = upstream.protocol.peek_reply(body)
        if peek.failure is not None:
            return self._judge(case, exchange, upstream, body)
        if not peek.is_complete or (exchange.is_close_delimited and not tells_its_end(body)):
            return garbled()
        answer = Answer(exchange=exchange, upstream=upstream, report=peek, body=body, final=body)
        if peek.has_content:
            answer.seen = Sight.CONTENT
        if bridged is not None:
            try:
                assert case.bridge is not None
                answer.body, lost = case.bridge.reply(bridged, case.last_lease, case.request_id, body, peek.usage)
                case.losses = joined(bridged.reasons, lost)
            except UpstreamLost:
                assert case.attempt is not None
                return unreadable(case, case.attempt, answer)
        return answer

    async def _read_long(
        self, case: Case, attempt: Attempt, exchange: Exchange, upstream: Upstream, bridged: Bridged, body: bytes
    ) -> Answer | Failure:
        """As `_read_whole`, of what may take long to be translated."""
        if case.call.operation == COUNT_TOKENS or not is_laborious(body):
            return self._read_whole(case, exchange, upstream, bridged, body)
        answer = self._read_whole(case, exchange, upstream, None, body)
        return await translated(case, attempt, bridged, answer, self._room) if type(answer) is Answer else answer

    def _read_count(self, case: Case, exchange: Exchange, upstream: Upstream, body: bytes, bridged: Bridged | None) -> Answer | Failure:
        """A count of tokens, in the client's words."""
        if not holds_no_error(body):
            return self._judge(case, exchange, upstream, body)
        count = upstream.count_for_client(case.call, body)
        if bridged is not None:
            case.losses = bridged.reasons
        return garbled() if count is None else Answer(exchange=exchange, upstream=upstream, body=count)

    async def _read_stream(self, case: Case, attempt: Attempt, upstream: Upstream, bridged: Bridged | None) -> Answer | Failure:
        """Hold frames back until content shows, the stream ends, or the hold-back is over."""
        exchange = attempt.exchange
        assert exchange is not None
        reader = upstream.reader_of(exchange.headers)
        if reader is None:
            try:
                body = await exchange.read_all(ERROR_BODY_LIMIT)
            except ReplyTooLarge:  # for an error, and a stream it is none
                return garbled()
            failure = self._judge(case, exchange, upstream, body)
            return failure if failure.verdict is not Verdict.SUCCESS else garbled()
        watch = upstream.protocol.watch(bridged is None and not case.call.peek.wants_usage and upstream.wording.asks_usage)
        answer = Answer.of_stream(
            exchange,
            upstream,
            reader=reader,
            watch=watch,
            translator=None if bridged is None else case.translator(bridged, attempt.lease),
            tools=ToolCalls.of(watch, upstream.protocol, case.quote, attempt.target) if case.quote.extras else None,
        )
        case.held = answer
        case.provider_body = b""  # of another attempt: what a stream tells of has no body
        if exchange.is_readable:  # what came with the head is looked at before a timer is set, which costs 3 us
            shown = _show(attempt, answer, await exchange.read())
            if shown is not None:
                return shown
        # When the hold-back is over, what is there is shown. A stream of which nothing is there has time until the deadline.
        left_s = case.call.deadline - case.settlement.now()
        held_s = min(self._settings.hold_back_s, left_s)
        for limit_s, most_bytes in ((held_s, self._settings.hold_back_bytes), (left_s - held_s, 1)):
            try:
                async with asyncio.timeout(limit_s):
                    return await self._hold_back(attempt, answer, most_bytes)
            except TimeoutError:
                if answer.held_bytes:
                    return answer
        return late()

    async def _hold_back(self, attempt: Attempt, answer: Answer, most_bytes: int) -> Answer | Failure:
        while answer.held_bytes < most_bytes:
            shown = _show(attempt, answer, await answer.exchange.read())
            if shown is not None:
                return shown
        return answer

    def _after_failure(self, round_: Round, attempt: Attempt, failure: Failure, *, is_repeatable: bool) -> Lease | None:
        """The lease for the next attempt, None: a new one. Raises the caller's error if no other attempt may hide the failure."""
        case, lease, verdict = round_.case, attempt.lease, failure.verdict
        settlement = case.settlement
        is_lone = settlement.admission.is_lone(lease.lease_id)
        case.end(outcome_for_key(case, attempt, failure), status=failure.status, error=failure.code)
        if verdict is Verdict.STALE:  # a dead reused connection, or an expired token: a row each
            case.is_wary = True
            _cover(case)
            return lease
        if verdict is Verdict.ABORTED:  # the key is gone, nothing was sent, and the controller knows others
            return None
        round_.note(lease, failure, settlement.now(), is_lone=is_lone)
        if verdict in RETRIES:
            if not is_repeatable or round_.retries > self._settings.max_retries:
                raise round_.error()
        elif verdict not in FAILOVERS:
            raise round_.error()
        if settlement.now() > case.call.deadline - SHORTEST_ATTEMPT_S:
            raise round_.error() if verdict is not Verdict.NOT_SENT else round_.overdue()
        _cover(case)  # also of a failover: a stream may have shown something, and then told of a limit
        return None


def _cover(case: Case) -> None:
    """Reserve for another attempt when the last one may be billed."""
    if case.cost_nanousd > case.covered_nanousd and case.periods:
        case.covered_nanousd = case.cost_nanousd
        settlement = case.settlement
        refusal = settlement.admission.extend(case.request_id, case.quote.amount_nanousd, settlement.now())
        if refusal is not None:
            raise budget_error(refusal, "another attempt after one that may be billed")


def _show(attempt: Attempt, answer: Answer, piece: bytes) -> Answer | Failure | None:
    """What a stream turns out to be with its next piece (b"": its end); None: it has shown nothing yet."""
    attempt.observed_bytes += len(piece)
    seen = answer.feed(piece)
    if seen & Sight.FAILED:
        attempt.has_content = bool(answer.seen & Sight.CONTENT)
        return answer.failure()
    if seen & (Sight.CONTENT | Sight.END):
        return answer
    if not piece:
        return answer if answer.is_ended_well else cut()
    return None
