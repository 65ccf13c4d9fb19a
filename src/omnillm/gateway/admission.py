"""How the gateway reaches the admission controller: its verbs, and a way to wait for an answer that does not come at once."""

import asyncio
from random import Random

from omnillm.admission.asks import ControllerConfigured, Lease, Refusal, Served, Ticket, Wait
from omnillm.admission.controller import AdmissionController
from omnillm.errors import shutting_down


class Admission:
    """The controller, in this very process: one event loop, so every decision is atomic by construction.

    Its verbs are told the moment `now` and never suspend. Where there is no answer yet, `admit` and `lease` return a `Wait`, whose answer
    is awaited with `admitted` or `leased`, in the step of the loop in which it was returned.
    """

    def __init__(self, configured: ControllerConfigured, *, dice: Random, now: float) -> None:
        self.controller = controller = AdmissionController(configured, dice=dice, now=now, deliver=self._deliver)
        self._waiting: dict[str, asyncio.Future[Served]] = {}
        self._is_closed = False
        self.admit = controller.admit
        self.lease = controller.lease
        self.sent = controller.sent
        self.prove = controller.prove
        self.is_lone = controller.is_lone
        self.release = controller.release
        self.extend = controller.extend
        self.settle = controller.settle
        self.cancel = controller.cancel
        self.adjust = controller.adjust

    async def admitted(self, wait: Wait) -> Ticket | Refusal:
        """Until the ask that has to wait is answered."""
        answer = await self._wait(wait.case_id)
        assert not isinstance(answer, Lease)
        return answer

    async def leased(self, wait: Wait) -> Lease | Refusal:
        """Until the need that has to wait is answered."""
        answer = await self._wait(wait.case_id)
        assert not isinstance(answer, Ticket)
        return answer

    def close(self) -> None:
        """End all waiting, now and from now on: whoever waits is told `shutting_down`."""
        self._is_closed = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(shutting_down())

    async def _wait(self, case_id: str) -> Served:
        if self._is_closed:
            raise shutting_down()
        future: asyncio.Future[Served] = asyncio.get_running_loop().create_future()
        self._waiting[case_id] = future
        try:
            return await future
        finally:
            # A grant that lands in a cancelled future is not lost: it is held under the case's id, and closing the case gives it back.
            del self._waiting[case_id]

    def _deliver(self, served: Served) -> None:
        future = self._waiting.get(served.case_id)
        if future is not None and not future.done():
            future.set_result(served)
