"""Settles batches that no client asks about: their providers are asked, seldom, one after the other."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from omnillm.clock import Clock
from omnillm.errors import LedgerUnavailable, OmniError
from omnillm.gateway.faults import report_defect
from omnillm.gateway.native.batch_calendar import GIVEN_UP_MS, BatchCalendar
from omnillm.gateway.native.batch_look import BatchLook
from omnillm.providers.endpoint import Endpoint
from omnillm.records import Binding
from omnillm.stores.store import Store

logger = logging.getLogger("omnillm.batches")

PAUSE_S: Final = 600.0
"""Seconds between two readings of the ledger's open batches."""


class BatchLooks:
    """Acts at each tick. The open batches stand in the ledger, so that a restart forgets none."""

    def __init__(self, store: Store, clock: Clock, is_well: Callable[[str, str], bool]) -> None:
        """`is_well`: (provider, label of a key) -> whether it can be asked now; another key does not know the batch."""
        self._store = store
        self._clock = clock
        self._is_well = is_well
        self._calendar = BatchCalendar()
        self._look: BatchLook | None = None
        self._endpoints: Mapping[str, Endpoint] = {}
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None

    def configure(self, look: BatchLook, endpoints: Mapping[str, Endpoint]) -> None:
        """Ask with these from now on, and soon: a batch may have waited for a price."""
        self._look, self._endpoints = look, endpoints
        self._due = 0.0

    def tick(self) -> None:
        """On the event loop; returns at once."""
        if self._task is None and self._clock.now() >= self._due:
            self._task = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        self._due = self._clock.now() + PAUSE_S
        look = self._look
        assert look is not None
        try:
            await look.settle_unpriced()
            bills = await self._store.open_bills(since_wall_ms=max(self._wall_ms() - GIVEN_UP_MS, 0))
            self._calendar.learn((bill for bill in bills if not look.is_settled(bill)), self._wall_ms())
            for bill in self._calendar.due(self._wall_ms()):
                if bill.provider in self._endpoints and self._is_well(bill.provider, bill.key):
                    await self._look_at(look, bill)
        except LedgerUnavailable as error:
            logger.info("open batches are looked at later: %s", error.message)
        finally:
            self._task = None

    async def _look_at(self, look: BatchLook, bill: Binding) -> None:
        self._calendar.looked(bill, self._wall_ms())
        try:
            await look.look(bill, self._endpoints[bill.provider])
        except OmniError as error:
            report_defect(error)
            logger.info("batch %s of %s is looked at again later: %s", bill.upstream_id, bill.provider, error.message)

    def _wall_ms(self) -> int:
        return int(self._clock.wall() * 1000)

    async def aclose(self) -> None:
        """Before connections and the store close."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
