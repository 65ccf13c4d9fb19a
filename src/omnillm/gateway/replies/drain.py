"""Reads streams to their end whose client has left, so that their cost is exact (`on_abort: drain`). Limited in number and in time."""

import asyncio
from typing import TYPE_CHECKING

from omnillm.errors import OmniError
from omnillm.gateway.faults import report_defect

if TYPE_CHECKING:
    from omnillm.gateway.replies.relay import Relay

MAX_DRAINING = 100
"""Beyond this an abandoned stream is cut and settled by what was observed of it."""
MAX_DRAIN_S = 120.0


class Drains:
    """The owned tasks. While not `is_enabled` (`on_abort: cancel`) it takes nothing."""

    def __init__(self) -> None:
        self.is_enabled = False
        self._tasks: set[asyncio.Task[None]] = set()

    def adopt(self, relay: "Relay") -> bool:
        """Read `relay` to its end in the background; its own end settles it. False: the caller settles it now."""
        if not self.is_enabled or len(self._tasks) >= MAX_DRAINING:
            return False
        task = asyncio.get_running_loop().create_task(_drain(relay))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step runs no `finally`; closing is idempotent.
        task.add_done_callback(lambda _: relay.close())
        return True

    async def aclose(self) -> None:
        """Cut what still drains; each is settled by what was observed."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _drain(relay: "Relay") -> None:
    try:
        async with asyncio.timeout(MAX_DRAIN_S):
            while await relay.read():
                pass
    except OmniError as error:
        report_defect(error)  # a failed stream has settled its case
    except TimeoutError:
        return  # it is settled below
    finally:
        relay.close()
