"""The money that a live session has reserved. It is topped up in slices, ahead of need if there is room, so that messages rarely wait."""

import asyncio
from contextlib import suppress

from omnillm.admission.asks import Refusal
from omnillm.errors import Unavailable
from omnillm.gateway.case import Case
from omnillm.gateway.refusals import budget_error
from omnillm.gateway.sessions.meter import Meter


class Advance:
    """The advance of one session. Whoever holds it closes it; what was reserved belongs to the case, and is settled with it."""

    __slots__ = ("_case", "_growing", "_held", "_is_closed", "_is_short", "_meter", "_task")

    def __init__(self, case: Case, meter: Meter) -> None:
        self._case = case
        self._meter = meter
        self._held = case.quote.amount_nanousd
        self._growing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._is_short = False
        """The last slice that could have waited found no room."""
        self._is_closed = not case.periods

    async def cover(self) -> None:
        """Reserve what may be spent next; in `strict` wait until that is on disk. Raises BudgetExceeded or Unavailable."""
        if self._is_closed:
            return
        lack, turn = self._meter.needed_nanousd - self._held, self._meter.turn_nanousd
        if lack > 0:
            await self._grow()
        elif lack > -turn // 2 and self._task is None and not self._is_short:
            self._task = asyncio.get_running_loop().create_task(self._grow_ahead(), name="advance")

    def close(self) -> None:
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()

    async def _grow(self) -> None:
        """Reserve a whole turn if there is room for it, else what is needed now."""
        async with self._growing:
            lack = self._meter.needed_nanousd - self._held
            if lack <= 0 or self._is_closed:
                return
            turn = self._meter.turn_nanousd
            refusal = await self._add(max(lack, turn))
            if refusal is not None and turn > lack:
                refusal = await self._add(lack)
            if refusal is not None:
                raise budget_error(refusal, "another turn of the session")

    async def _grow_ahead(self) -> None:
        with suppress(Unavailable):  # whoever needs the slice finds the same, and says so
            async with self._growing:
                self._is_short = not self._is_closed and await self._add(self._meter.turn_nanousd) is not None
        self._task = None

    async def _add(self, amount: int) -> Refusal | None:
        """Reserve an amount, which counts as held once it is on disk. None: it is held; else why there is no room."""
        case = self._case
        refusal = case.settlement.admission.extend(case.request_id, amount, case.settlement.now())
        if refusal is not None:
            return refusal
        if case.settlement.journal.is_strict and not self._is_closed:
            case.slices += 1
            await case.reserve(amount)
        self._held += amount
        self._is_short = False
        return None
