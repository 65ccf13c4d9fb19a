"""How a native call is sent: as inference is, over the keys until one answers, but in the provider's own words.

A call that may have been received is repeated only where the method allows it: twice must be as good as once.
"""

from typing import Final

import msgspec

from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.attempts.credentials import authenticate, renewed
from omnillm.gateway.attempts.dispatch import Dispatch
from omnillm.gateway.attempts.no_reply import read_error
from omnillm.gateway.attempts.upstream import Upstream
from omnillm.gateway.bindings import Pin
from omnillm.gateway.call import Call
from omnillm.gateway.case import Case
from omnillm.gateway.native.asks import NativeAsk
from omnillm.gateway.native.redirects import MOST_HOPS, elsewhere
from omnillm.gateway.settlement import Settlement
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.protocol import Failure
from omnillm.providers.url_rule import native_target
from omnillm.routing.target import Plan, Target
from omnillm.transport.client import Exchange, Outgoing

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""RFC 9110, section 9.2.2."""
CONFLICT: Final = 409
"""A batch that is over cannot be cancelled."""


class NativeDispatch:
    def __init__(self, settlement: Settlement, dispatch: Dispatch) -> None:
        self.settlement = settlement
        self._dispatch = dispatch

    def open(self, call: Call, ask: NativeAsk, model: str, pin: Pin | None) -> Case:
        target = Target(provider=ask.provider, model=model, protocol=ask.endpoint.protocols[0])
        return self.settlement.open(call, Plan(targets=(target,), public_model=call.model, route=f"{ask.provider}/native"), pin)

    async def send(self, case: Case, ask: NativeAsk) -> Exchange:
        """The first attempt that succeeds, its lease and exchange still open under the case."""
        return await self._dispatch.over_keys(
            case, lambda case, attempt: self._exchange(case, attempt, ask), is_repeatable=ask.method in REPEATABLE
        )

    async def fetch(self, case: Case, ask: NativeAsk, most_bytes: int) -> bytes:
        """A whole reply, its attempt ended: the gateway reads it for itself, and nothing of it is paid. UpstreamLost: it is longer."""
        exchange = await self.send(case, ask)
        body = await exchange.read_all(most_bytes)
        case.end(Outcome(verdict=Verdict.SUCCESS), status=exchange.status)
        return body

    async def _exchange(self, case: Case, attempt: Attempt, ask: NativeAsk) -> Exchange | Failure:
        lease = attempt.lease
        upstream = self._dispatch.upstreams.find(lease.provider, lease.key, ask.endpoint.protocols[0])
        if upstream.credential is not None:
            trouble = await authenticate(case, attempt, upstream.credential)
            if trouble is not None:
                return trouble
        target = native_target(ask.endpoint, ask.asked.path, ask.query, encoded=ask.asked.encoded)
        exchange = await self._ask(case, attempt, upstream, ask, target)
        for _ in range(MOST_HOPS):
            place = elsewhere(ask, exchange)
            if place is None:
                break
            exchange = await self._ask(case, attempt, upstream, ask, place)
        if exchange.status < 400:
            case.settlement.admission.prove(lease.lease_id, case.settlement.now())
            return exchange
        failure = _judge(case, exchange, upstream, await read_error(exchange))
        return renewed(attempt, upstream.credential, failure)

    async def _ask(self, case: Case, attempt: Attempt, upstream: Upstream, ask: NativeAsk, target: bytes) -> Exchange:
        if attempt.exchange is not None:
            attempt.exchange.close()
        outgoing = _outgoing(case, upstream, ask, target)
        attempt.is_sent = True
        attempt.sent_at = case.settlement.now()
        attempt.exchange = exchange = await self._dispatch.client.send(outgoing, on_begin=case.note_sent)
        attempt.first_byte_s = exchange.first_byte_at - exchange.sent_at
        return exchange


def _outgoing(case: Case, upstream: Upstream, ask: NativeAsk, target: bytes) -> Outgoing:
    call = case.call
    head = upstream.sender.native_head(ask.method, target, call.headers)
    if upstream.credential is not None:
        head += upstream.credential.fields(head, ask.body if isinstance(ask.body, bytes) else b"")
    return Outgoing(
        origin=upstream.origin,
        method=ask.method.encode(),
        head=head,
        body=ask.body,
        timeouts=upstream.native_timeouts,
        is_stream=True,
        deadline=call.deadline,
        needs_new_connection=case.is_wary or ask.method not in REPEATABLE,
    )


def _judge(case: Case, exchange: Exchange, upstream: Upstream, body: bytes) -> Failure:
    """What an error means for the key. That something is not there, or not yet, is the caller's affair, and not a model's."""
    failure = upstream.read_failure(upstream.error_protocol(body), exchange, body, case.settlement.wall())
    if failure.verdict is Verdict.NOT_FOUND or (failure.verdict is Verdict.SERVER_FAULT and failure.status == CONFLICT):
        failure = msgspec.structs.replace(failure, verdict=Verdict.CALLER_FAULT)
    case.keep_refusal(failure, body, case.call.protocol)
    return failure
