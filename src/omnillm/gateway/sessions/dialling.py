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
from omnillm.gateway.attempts.rounds import VISIBLE
from omnillm.gateway.attempts.upstream import Upstream, Upstreams
from omnillm.gateway.case import Case
from omnillm.gateway.sessions.session import Dialled, Session
from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Failure
from omnillm.protocols.sessions.registry import SESSIONS
from omnillm.transport.client import Exchange, HttpClient
from omnillm.transport.timeouts import Deadlines, Timeouts
from omnillm.transport.websocket import LOST, Message, WebSocket


class Dialling:
    def __init__(
        self,
        *,
        client: HttpClient,
        upstreams: Upstreams,
        dispatch: Dispatch,
        deadlines: Deadlines,
    ) -> None:
        self._deadlines = deadlines
        self._client = client
        self._upstreams = upstreams
        self._dispatch = dispatch

    async def open(self, case: Case) -> Session:
        """With the first provider that opens one."""
        dialled = await self._dispatch.over_keys(case, self._dial)
        return Session(case, dialled, deadlines=self._deadlines)

    async def _dial(self, case: Case, attempt: Attempt) -> Dialled | Failure:
        lease = attempt.lease
        upstream = self._upstreams.find(lease.provider, lease.key, case.call.protocol.name)
        if upstream.credential is not None:
            trouble = await authenticate(attempt, upstream.credential, case.call.deadline, self._upstreams.now)
            if trouble is not None:
                return trouble
        model, said = lease.model, case.call.body
        outgoing = upstream.opening(case.call, model)
        said = said and upstream.first_message(SESSIONS[case.call.protocol.name], said, model)
        attempt.is_sent = True
        attempt.sent_at = self._upstreams.now()
        answer = await self._client.switch(outgoing, on_begin=case.note_sent)
        if isinstance(answer, Exchange):
            attempt.exchange = answer
            failure = self._judge(case, upstream, answer, await read_error(answer))
            return renewed(attempt, upstream.credential, failure)
        try:
            if said:
                answer.write(Message(said))
            greeted = await self._greet(case, attempt, answer, outgoing.timeouts)
        except BaseException:
            answer.cut()
            raise
        if isinstance(greeted, Failure):
            answer.cut()
        return greeted

    async def _greet(self, case: Case, attempt: Attempt, socket: WebSocket, timeouts: Timeouts) -> Dialled | Failure:
        """Wait for the provider's first message, and read whether it is a refusal."""
        session = SESSIONS[case.call.protocol.name]
        left_s = case.call.deadline - self._upstreams.now()
        try:
            async with asyncio.timeout(min(timeouts.first_byte_s, left_s)):
                first = await socket.read()
        except TimeoutError:
            return late()
        now = self._upstreams.now()
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

    def _judge(self, case: Case, upstream: Upstream, exchange: Exchange, body: bytes) -> Failure:
        if exchange.status < 400:
            return garbled()
        failure = upstream.read_failure(upstream.protocol, exchange, body, self._upstreams.wall())
        case.provider_body = body if failure.status in VISIBLE else b""
        case.provider_protocol = upstream.protocol.name
        return msgspec.structs.replace(failure, verdict=Verdict.SERVER_FAULT) if failure.verdict is Verdict.SUCCESS else failure
