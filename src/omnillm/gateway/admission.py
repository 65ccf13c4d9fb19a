"""How the gateway reaches the admission controller. With one process, directly: the adapter never suspends but to wait in the queue."""

import asyncio
from typing import Protocol

from omnillm.admission.asks import Ask, Lease, Need, Refusal, Served, Ticket, Wait
from omnillm.admission.controller import AdmissionController
from omnillm.clock import Clock
from omnillm.outcome import Outcome


class Admission(Protocol):
    """The controller's verbs, as the gateway needs them; `now` is supplied by the adapter."""

    async def admit(self, ask: Ask) -> Ticket | Refusal: ...
    async def lease(self, need: Need) -> Lease | Refusal: ...
    async def extend(self, case_id: str, amount_nanousd: int) -> bool: ...
    def sent(self, lease_id: int) -> None: ...
    def prove(self, lease_id: int) -> None: ...
    def release(self, lease_id: int, outcome: Outcome) -> None: ...
    def settle(self, case_id: str, cost_nanousd: int, tokens: int | None) -> None: ...
    def cancel(self, case_id: str) -> None: ...
    def adjust(self, budget: str, period: str, amount_nanousd: int) -> None: ...


class LocalAdmission:
    """The controller in this very process: one event loop, so every decision is atomic by construction."""

    def __init__(self, controller: AdmissionController, clock: Clock) -> None:
        self._controller = controller
        self._now = clock.now
        self._waiting: dict[str, asyncio.Future[Ticket | Lease | Refusal]] = {}

    async def admit(self, ask: Ask) -> Ticket | Refusal:
        answer = self._controller.admit(ask, self._now())
        if type(answer) is Wait:
            waited = await self._wait(ask.case_id)
            assert not isinstance(waited, Lease)
            return waited
        return answer

    async def lease(self, need: Need) -> Lease | Refusal:
        answer = self._controller.lease(need, self._now())
        if type(answer) is Wait:
            waited = await self._wait(need.case_id)
            assert not isinstance(waited, Ticket)
            return waited
        return answer

    async def extend(self, case_id: str, amount_nanousd: int) -> bool:
        return self._controller.extend(case_id, amount_nanousd, self._now())

    def sent(self, lease_id: int) -> None:
        self._controller.sent(lease_id, self._now())

    def prove(self, lease_id: int) -> None:
        served = self._controller.prove(lease_id, self._now())
        if served:
            self.deliver(served)

    def release(self, lease_id: int, outcome: Outcome) -> None:
        served = self._controller.release(lease_id, outcome, self._now())
        if served:
            self.deliver(served)

    def settle(self, case_id: str, cost_nanousd: int, tokens: int | None) -> None:
        served = self._controller.settle(case_id, cost_nanousd, self._now(), tokens)
        if served:
            self.deliver(served)

    def cancel(self, case_id: str) -> None:
        served = self._controller.cancel(case_id, self._now())
        if served:
            self.deliver(served)

    def adjust(self, budget: str, period: str, amount_nanousd: int) -> None:
        self._controller.adjust(budget, period, amount_nanousd)

    def tick(self) -> None:
        """Serve or refuse the waiters whose moment has come; called every few dozen milliseconds."""
        self.deliver(self._controller.tick(self._now()))

    async def _wait(self, case_id: str) -> Ticket | Lease | Refusal:
        future: asyncio.Future[Ticket | Lease | Refusal] = asyncio.get_running_loop().create_future()
        self._waiting[case_id] = future
        try:
            return await future
        finally:
            # A grant that lands in a cancelled future is not lost: it is held under the case's id, and closing the case gives it back.
            del self._waiting[case_id]

    def deliver(self, served: list[Served]) -> None:
        for one in served:
            future = self._waiting.get(one.case_id)
            if future is not None and not future.done():
                future.set_result(one.answer)
