"""What a running gateway does again and again: twenty times a second, on the event loop."""

import asyncio
from collections.abc import Callable

from omnillm.transport.timeouts import do_all

TICK_S = 0.05
"""How late a deadline may be noticed."""


class Ticker:
    """Calls what was added, at every tick or at some. A defect in one act does not keep the others from being called."""

    def __init__(self) -> None:
        self._acts: list[tuple[Callable[[], object], int]] = []
        self.ticks = 0
        """So many so far."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, *acts: Callable[[], object], every: int = 1) -> None:
        """Call these at each tick; with `every`, only once in so many ticks."""
        self._acts += [(act, every) for act in acts]

    @property
    def is_running(self) -> bool:
        return self._timer is not None

    def tick(self) -> None:
        """Now, and from now on every `TICK_S`."""
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self.tick)
        self.ticks += 1
        do_all([act for act, every in self._acts if not self.ticks % every])

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
