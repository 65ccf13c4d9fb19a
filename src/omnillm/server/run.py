"""The running server: listeners and signals. SIGTERM and SIGINT drain, SIGHUP applies a changed configuration.

    serving  --stop-->  serving on, `delay_s`  ----->  draining, `drain_s`  ----->  cut
                        replies close, unready         nothing is accepted

A further `stop` goes on to the next of them at once.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from omnillm.clock import Clock
from omnillm.errors import OmniError
from omnillm.server.front.front import Front
from omnillm.transport.timeouts import Deadlines

log = logging.getLogger("omnillm.server")


class Server:
    """Watched by the deadlines: it ends the delay."""

    def __init__(
        self,
        *,
        delay_s: float,
        drain_s: float,
        clock: Clock,
        deadlines: Deadlines,
        reload: Callable[[], Awaitable[None]],
        interrupt: Callable[[], None],
    ) -> None:
        """`interrupt` tells whatever is under way that the gateway ends."""
        self.is_draining = False
        """From the first `stop` on: whoever asks for its readiness is told."""
        self.due = float("inf")
        self._delay_s = delay_s
        self._drain_s = drain_s
        self._clock = clock
        self._deadlines = deadlines
        self._reload = reload
        self._interrupt = interrupt
        self._fronts: list[Front] = []
        self._shutting = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._is_stale = False

    def add(self, front: Front) -> None:
        """Own a front that listens already."""
        self._fronts.append(front)

    def stop(self) -> None:
        """Drain, behind the delay; called again: at once; once more: cut what still runs."""
        if self._shutting.is_set():
            self.close()
        elif self.is_draining or not self._delay_s:
            self.stop_at_once()
        else:
            self._serve_on()

    def stop_at_once(self) -> None:
        """Drain without the delay, or without the rest of it."""
        self.is_draining = True
        self._shutting.set()

    def expire(self, now: float) -> None:  # noqa: ARG002  the signature of what is watched
        """The delay is over."""
        self.due = float("inf")
        self._shutting.set()

    def _serve_on(self) -> None:
        self.is_draining = True
        log.info("stopping: serving on for %g s, so that load balancers hear of it", self._delay_s)
        for front in self._fronts:
            front.end_connections()
        self.due = self._clock.now() + self._delay_s
        self._deadlines.add(self)

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

    def note_reloads(self) -> None:
        """Before the ledger is open, which others may write for days: a file that changes meanwhile is applied by `catch_up`."""
        _heed(signal.SIGHUP, self._note_reload)

    async def catch_up(self) -> None:
        """Do what SIGHUP has asked for meanwhile."""
        while self._is_stale:
            self._is_stale = False
            await self._apply()

    def _note_reload(self) -> None:
        self._is_stale = True

    async def heed_signals(self) -> None:
        """Before a door opens: none of them ends the process by itself any more, and what was served is written down first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            _heed(number, self.stop)
        _heed(signal.SIGHUP, self._begin_reload)
        await self.catch_up()

    def ignore_signals(self) -> None:
        """All is written, and the process ends now: with 0, whoever asks for it once more."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    async def run(self) -> None:
        """Serve until stopped, then let running calls finish within the grace. The caller closes the store afterwards."""
        await self._shutting.wait()
        self._deadlines.discard(self)
        log.info("draining: up to %g s for calls under way", self._drain_s)
        await self.drain()

    def _begin_reload(self) -> None:
        if self.is_draining:
            return
        self._is_stale = True  # also while the file is read: it may have changed behind that
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self.catch_up())

    async def _apply(self) -> None:
        try:
            await self._reload()
        except OmniError as error:
            log.error("the changed configuration is not applied: %s", error)  # noqa: TRY400  an operator's mistake needs no traceback


def _heed(number: int, act: Callable[[], None]) -> None:
    """Not by the loop's own handlers: between one of them and none, the signal would end the process."""
    loop = asyncio.get_running_loop()
    signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))
