"""Waits for a ledger: only one process writes it, and another one can stand by until it may."""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from omnillm.clock import Clock
from omnillm.errors import LedgerUnavailable
from omnillm.stores.store import InUse, Opened, Store

log = logging.getLogger("omnillm")

AGAIN_S: Final = 0.5


async def open_in_turn(store: Store, clock: Clock, *, wait_s: float, given_up: asyncio.Event) -> Opened:
    """Open the ledger; for up to `wait_s`, and until it is given up, wait while another process writes it or its server is away.

    Raises what `open` raises.
    """
    until = clock.now() + wait_s
    told = ""
    while True:
        try:
            return await store.open()
        except (InUse, LedgerUnavailable) as error:
            if clock.now() >= until or given_up.is_set():
                raise
            if error.message != told:
                told = error.message
                log.info("standing by for up to %g s: %s", wait_s, told)
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                await given_up.wait()
