"""Opens a live session: one attempt after another until a provider has opened one.

If a provider refuses the handshake or the first message, another key or target is tried, as after an error reply. Nothing is relayed before
the provider has said something.
"""

import asyncio

import msgspec

from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.attempts.credentials import authenticate, renewed
from omnillm.gateway.attempts.dispatch import Dispatch
from omnillm.gateway.attempts.no_reply import cut, garbled, late, read_error
from omnillm.gateway.attempts.upstream import Upstream
from omnillm.gateway.case import Case
from omnillm.gateway.sessions.session import Dialled, Session
from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Failure
from omnillm.protocols.sessions.registry import SESSIONS
from omnillm.transport.client import Exchange
from omnillm.transport.timeouts import Deadlines, Timeouts
from omnillm.transport.websocket import LOST, Message, WebSocket


class Dialling:
    def __init__(self, dispatch: Dispatch, deadlines: Deadlines) -> None:
        self._dispatch = dispatch
        self._deadlines = deadlines

    async def open(self, case: Case) -> Session:
        """With the first provider that opens one."""
        dialled = await self._dispatch.over_keys(case, self._dial)
        return Session(case, dialled, deadlines=self._deadlines)

    async def _dial(self, case: Case, attempt: Attempt) -> Dialled | Failure:
        lease = attempt.lease
        upstream = self._dispatch.upstreams.find(lease.provider, lease.key, case.call.protocol.name)
        if upstream.credential is not None:
            trouble = await authenticate(case, attempt, upstream.credential)
            if trouble is not None:
                return trouble
        model, said = lease.model, case.call.body
        outgoing = upstream.opening(case.call, model)
        said = said and upstream.first_message(SESSIONS[case.call.protocol.name], said, model)
        attempt.is_sent = True
        attempt.sent_at = case.settlement.now()
        answer = await self._dispatch.client.switch(outgoing, on_begin=case.note_sent)
        if isinstance(answer, Exchange):
            attempt.exchange = answer
            failure = _judge(case, upstream, answer, await read_error(answer))
            return renewed(attempt, upstream.credential, failure)
        case.provider_body = b""  # of another attempt: what is refused from here on has no body
        try:
            if said:
                answer.write(Message(said))
            greeted = await _greet(case, attempt, answer, outgoing.timeouts)
        except BaseException:
            answer.cut()
            raise
        if isinstance(greeted, Failure):
            answer.cut()
        return greeted


async def _greet(case: Case, attempt: Attempt, socket: WebSocket, timeouts: Timeouts) -> Dialled | Failure:
    """Wait for the provider's first message, and read whether it is a refusal."""
    session = SESSIONS[case.call.protocol.name]
    left_s = case.call.deadline - case.settlement.now()
    try:
        async with asyncio.timeout(min(timeouts.first_byte_s, left_s)):
            first = await socket.read()
    except TimeoutError:
        return late()
    now = case.settlement.now()
    attempt.first_byte_s = now - attempt.sent_at
    if first is None:
        ended = socket.ended
        assert ended is not None
        return cut() if ended.is_ours or ended.code == LOST else session.read_end(ended.code, ended.reason)
    refusal = session.read_refusal(first.data)
    if refusal is not None:
        return refusal
    case.settlement.admission.prove(attempt.lease.lease_id, now)
    return Dialled(socket=socket, attempt=attempt, first=first, timeouts=timeouts)


def _judge(case: Case, upstream: Upstream, exchange: Exchange, body: bytes) -> Failure:
    if exchange.status < 400:
        return garbled()
    failure = upstream.read_failure(upstream.protocol, exchange, body, case.settlement.wall())
    case.keep_refusal(failure, body, upstream.protocol)
    return msgspec.structs.replace(failure, verdict=Verdict.SERVER_FAULT) if failure.verdict is Verdict.SUCCESS else failure
