"""The running server: listeners and signals. SIGTERM and SIGINT drain, a second one cuts; SIGHUP applies a changed configuration."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from omnillm.errors import OmniError
from omnillm.server.front.front import Front

log = logging.getLogger("omnillm.server")


class Server:
    def __init__(self, *, drain_s: float, reload: Callable[[], Awaitable[None]], interrupt: Callable[[], None]) -> None:
        """`interrupt` tells whatever is under way that the gateway ends."""
        self.is_draining = False
        self._drain_s = drain_s
        self._reload = reload
        self._interrupt = interrupt
        self._fronts: list[Front] = []
        self._stopping = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None

    def add(self, front: Front) -> None:
        """Own a front that listens already."""
        self._fronts.append(front)

    def stop(self) -> None:
        """Drain; called again: cut what still runs."""
        if self._stopping.is_set():
            self.close()
        self.is_draining = True
        self._stopping.set()

    def close(self) -> None:
        """Shut every door, and cut what still runs."""
        for front in self._fronts:
            front.close()

    def forget_heads(self) -> None:
        """Another configuration is in force."""
        for front in self._fronts:
            front.forget_heads()

    async def drain(self) -> None:
        """Accept nothing more; let what runs finish within the grace, then tell it that the gateway ends."""
        self.is_draining = True
        await asyncio.gather(*(front.drain(self._drain_s, on_over=self._interrupt) for front in self._fronts))

    def heed_signals(self) -> None:
        """Before a door opens: none of them ends the process by itself any more, and what was served is written down first."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload)

    def ignore_signals(self) -> None:
        """All is written, and the process ends now: with 0, whoever asks for it once more."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if loop.remove_signal_handler(number):
                signal.signal(number, signal.SIG_IGN)

    async def run(self) -> None:
        """Serve until stopped, then let running calls finish within the grace. The caller closes the store afterwards."""
        await self._stopping.wait()
        log.info("draining: up to %g s for calls under way", self._drain_s)
        await self.drain()

    def _begin_reload(self) -> None:
        if not self.is_draining and (self._reloading is None or self._reloading.done()):
            self._reloading = asyncio.get_running_loop().create_task(self._apply())

    async def _apply(self) -> None:
        try:
            await self._reload()
        except OmniError as error:
            log.error("the changed configuration is not applied: %s", error)  # noqa: TRY400  an operator's mistake needs no traceback
        else:
            log.info("the changed configuration is applied")
