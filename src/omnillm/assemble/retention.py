"""Retention: lets the ledger forget the rows of calls that are older than `store.retention`."""

import asyncio
import logging

from omnillm.clock import Clock
from omnillm.errors import LedgerUnavailable
from omnillm.stores.store import Store

logger = logging.getLogger(__name__)

BATCH = 100
"""Requests: a few milliseconds of the ledger's thread, so that no call waits longer for its reservation."""
BATCHES = 4
"""Batches at each tick. With a tick every 50 ms that is 8,000 requests a second, more than come in."""
PAUSE_S = 60.0
"""Between the end of one sweep and the next."""
LEAP_S = 3600.0
"""By so much more than time has passed the wall clock may go forward from one sweep to the next."""
DISTRUST_S = 3600.0
"""How long a clock that leapt, or with which the gateway started, has to keep to it before anything is deleted by it.

One that is wrong is mostly set right sooner.
"""


class Retention:
    """Acts at each tick, a few batches at a time; whatever it cannot do now it does later."""

    def __init__(self, store: Store, clock: Clock, *, retention_s: float) -> None:
        self._store = store
        self._clock = clock
        self._retention_s = retention_s
        self._due = clock.now() + DISTRUST_S
        self._ahead_s = clock.wall() - clock.now()
        """By how much the wall clock was ahead of the time that passes, at the last look."""
        self._task: asyncio.Task[None] | None = None

    def tick(self) -> None:
        """On the event loop; returns at once."""
        now = self._clock.now()
        if self._task is None and now >= self._due:
            if self._has_leapt(now):
                logger.warning("the clock has leapt forward: what is old by it is deleted in an hour, if it is still right then")
                self._due = now + DISTRUST_S
                return
            self._task = asyncio.get_running_loop().create_task(self._sweep())

    def _has_leapt(self, now: float) -> bool:
        ahead_s, before_s = self._clock.wall() - now, self._ahead_s
        self._ahead_s = ahead_s
        return ahead_s - before_s > LEAP_S

    async def _sweep(self) -> None:
        before_wall_ms = max(0, int((self._clock.wall() - self._retention_s) * 1000))
        self._due = self._clock.now() + PAUSE_S
        try:
            for _ in range(BATCHES):
                if not await self._store.retire(before_wall_ms=before_wall_ms, limit=BATCH):
                    return
            self._due = self._clock.now()
        except LedgerUnavailable as error:
            logger.info("what is older than store.retention is deleted later: %s", error.message)
        finally:
            self._task = None

    async def aclose(self) -> None:
        """Before the store closes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
