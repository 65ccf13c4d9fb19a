"""The straight line of a call."""

from collections.abc import Coroutine
from typing import Any

from omnillm.admission.asks import Ask, Ticket, Wait
from omnillm.gateway.admission import Admission
from omnillm.gateway.bindings import pinned
from omnillm.gateway.call import Call, IdempotencyKey
from omnillm.gateway.case import Case
from omnillm.gateway.dialling import Dialling
from omnillm.gateway.dispatch import Dispatch
from omnillm.gateway.drain import Drains
from omnillm.gateway.idempotency import Claim, Idempotency, Replay
from omnillm.gateway.realtime import Session
from omnillm.gateway.refusals import refusal_error
from omnillm.gateway.relay import Relay
from omnillm.gateway.settlement import Settlement
from omnillm.routing.router import Router


class Engine:
    def __init__(  # noqa: PLR0913  the stations of the line
        self,
        *,
        router: Router,
        settlement: Settlement,
        admission: Admission,
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
        self._admission = admission
        self._dispatch = dispatch

    def serve(self, call: Call) -> Coroutine[Any, Any, Relay | Replay]:
        """The call's relay: close it. A repetition of a call that was answered already gets its `Replay`, and is otherwise refused."""
        return self._serve(call, None) if call.idempotency_key is None else self._serve_once(call, call.idempotency_key)

    async def _serve_once(self, call: Call, key: IdempotencyKey) -> Relay | Replay:
        with self._idempotency.claim(call, key) as claim:
            return await claim.replay() or await self._serve(call, claim)

    async def _serve(self, call: Call, claim: Claim | None) -> Relay:
        """Route, admit, dispatch. The relay then owns what the case holds. An error gives back everything, seen or not."""
        plan = self._router.plan(
            call.model, provider=call.provider, protocol=call.protocol.name, operation=call.operation, allowed=call.caller.models
        )
        seen = call.outline or call
        named = call.protocol.named_ids(seen.members, seen.body)
        pin = await self._settlement.bindings.pin(call, named) if named else None
        if pin is not None:
            plan = pinned(plan, pin, call)
        with self._settlement.open(call, plan, pin, claim) as case:
            await self._admit(case)
            answer = await self._dispatch.send(case)
            return Relay.open(case, answer, self._drains)

    async def converse(self, call: Call) -> Session:
        """Open a live session, on the same straight line. The session then owns what the case holds: close it."""
        plan = self._router.plan(
            call.model, provider=call.provider, protocol=call.protocol.name, operation=call.operation, allowed=call.caller.models
        )
        with self._settlement.open(call, plan) as case:
            await self._admit(case)
            return await self._dialling.open(case)

    async def _admit(self, case: Case) -> None:
        call, quote = case.call, case.quote
        amount = quote.amount_nanousd
        if amount:
            self._settlement.journal.check()
        answer = self._admission.admit(
            Ask(
                case_id=case.request_id,
                caller=call.caller.name,
                tokens=quote.tokens,
                budgets=call.caller.budgets if amount else (),
                amount_nanousd=amount,
                queue_until=case.queue_until,
            ),
            self._settlement.now(),
        )
        if type(answer) is Wait:
            answer = await self._admission.admitted(answer)
        if not isinstance(answer, Ticket):
            raise refusal_error(answer, call.model)
        case.ticket = answer
