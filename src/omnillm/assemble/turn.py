"""Waits for a ledger: only one process writes it, and another one can stand by until it may."""

import asyncio
import logging
from typing import Final

from omnillm.clock import Clock
from omnillm.errors import LedgerUnavailable
from omnillm.stores.store import InUse, Opened, Store

log = logging.getLogger("omnillm")

AGAIN_S: Final = 0.5


async def open_in_turn(store: Store, clock: Clock, *, wait_s: float) -> Opened:
    """Open the ledger; for up to `wait_s` wait while another process writes it or its server is away. Raises what `open` raises."""
    until = clock.now() + wait_s
    told = ""
    while True:
        try:
            return await store.open()
        except (InUse, LedgerUnavailable) as error:
            if clock.now() >= until:
                raise
            if error.message != told:
                told = error.message
                log.info("standing by for up to %g s: %s", wait_s, told)
        await asyncio.sleep(AGAIN_S)
