"""The straight line of a call: plan, quote, case, admission, dispatch, relay."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from omnillm.gateway.attempts.dispatch import Dispatch
from omnillm.gateway.bindings import pinned
from omnillm.gateway.call import Call, IdempotencyKey
from omnillm.gateway.case import Case
from omnillm.gateway.idempotency import Claim, Idempotency, Replay
from omnillm.gateway.quotes.estimate import Estimate
from omnillm.gateway.replies.drain import Drains
from omnillm.gateway.replies.relay import Relay
from omnillm.gateway.sessions.dialling import Dialling
from omnillm.gateway.sessions.session import Session
from omnillm.gateway.settlement import Settlement
from omnillm.protocols.bulk import LONG_BODY
from omnillm.routing.router import Router
from omnillm.routing.target import Plan


class Engine:
    def __init__(
        self,
        *,
        router: Router,
        settlement: Settlement,
        dispatch: Dispatch,
        drains: Drains,
        idempotency: Idempotency,
        dialling: Dialling,
    ) -> None:
        self._router = router
        self._dialling = dialling
        self._drains = drains
        self._idempotency = idempotency
        self._settlement = settlement
        self._dispatch = dispatch

    def serve(self, call: Call) -> Coroutine[Any, Any, Relay | Replay]:
        """The relay of the call: close it. A repetition of an earlier call gets the `Replay` of its reply, or is refused."""
        return self._serve(call, None) if call.idempotency_key is None else self._serve_once(call, call.idempotency_key)

    async def _serve_once(self, call: Call, key: IdempotencyKey) -> Relay | Replay:
        with self._idempotency.claim(call, key) as claim:
            return await claim.replay() or await self._serve(call, claim)

    async def _serve(self, call: Call, claim: Claim | None) -> Relay:
        """Route, admit, dispatch. The relay then owns what the case holds; an error gives all of it back."""
        plan = self._plan(call)
        text = call.outline or call
        named = call.protocol.named_ids(text.members, text.body)
        pin = None
        if named:
            pin = await self._settlement.bindings.pin(call, named)
            if pin is not None:
                plan = pinned(plan, pin, call)
        with (
            await self._settlement.open_long(call, plan, pin, claim)
            if len(call.body) > LONG_BODY
            else self._settlement.open(call, plan, pin, claim)
        ) as case:
            await self._settlement.admit(case, is_free=not case.quote.amount_nanousd)
            try:
                answer = await self._dispatch.send(case)
            except asyncio.CancelledError:
                self._drain(case)
                raise
            return Relay.open(case, answer, self._drains)

    def _drain(self, case: Case) -> None:
        """The client left while its stream was held back. With `on_abort: drain` the stream is read to its end like any other."""
        held, attempt = case.held, case.attempt
        if not self._drains.is_enabled or held is None or attempt is None or held.exchange is not attempt.exchange:
            return
        Relay.open(case, held, self._drains).close()
        case.is_drained = True
        if case.claim is not None:
            case.claim.is_drained = True

    def _plan(self, call: Call) -> Plan:
        return self._router.plan(
            call.model, provider=call.provider, protocol=call.protocol.name, operation=call.operation, allowed=call.caller.models
        )

    def estimate(self, call: Call) -> Estimate:
        """What the call would take, if it were made."""
        return self._settlement.estimate(call, self._plan(call))

    async def converse(self, call: Call) -> Session:
        """Open a live session, on the same straight line. The session then owns what the case holds: close it."""
        plan = self._plan(call)
        settlement = self._settlement
        with settlement.open(call, plan) as case:
            await settlement.admit(case, is_free=not case.quote.amount_nanousd)
            return await self._dialling.open(case)
