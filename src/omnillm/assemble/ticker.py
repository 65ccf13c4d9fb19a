"""What a running gateway does again and again: twenty times a second, on the event loop."""

import asyncio
from collections.abc import Callable

from omnillm.transport.timeouts import do_all

TICK_S = 0.05
"""How late a deadline may be noticed."""


class Ticker:
    """Calls each of `acts` at every tick. A defect in one of them does not keep the others from being called."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.acts = [*acts]
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        return self._timer is not None

    def tick(self) -> None:
        """Now, and from now on every `TICK_S`."""
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self.tick)
        do_all(self.acts)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
