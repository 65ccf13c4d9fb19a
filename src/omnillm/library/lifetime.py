"""A program's lifetime inside somebody else's: from its first use to its end, on one event loop."""

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol, TypeVar

from omnillm.assemble import Program
from omnillm.errors import OmniError, shutting_down

LAST_S: Final = 5.0
"""How long the end waits for calls that have been told `shutting_down`."""
T = TypeVar("T")


class Opened(Protocol):
    """A stream or a session that is being read."""

    def close(self) -> None: ...
    def give_up(self, error: OmniError) -> None: ...


OpenedT = TypeVar("OpenedT", bound=Opened)


class Lifetime:
    """Begins and ends a program once. Whoever waits for either may be cancelled: it goes on, and the next to ask waits for the same one.

    What is under way at the end is told `shutting_down`, and settled before the ledger is closed. One that nobody holds any more and nobody
    has ended says so (ResourceWarning), and ends by itself where its loop goes on.
    """

    def __init__(self, program: Program, begun: Callable[[], None]) -> None:
        """`begun` is called once the program runs, before anything is asked of it."""
        self._program = program
        self._begun: Callable[[], None] | None = begun
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._has_begun = self._is_over = False
        self._under_way = 0
        self._opened: set[Opened] = set()
        self._quiet = asyncio.Event()

    async def begin(self) -> None:
        """Begin, if nobody has; after a failure, try again. RuntimeError: it has ended, or belongs to another event loop."""
        self._check_loop()
        if self._is_over:
            raise RuntimeError("this gateway is closed")
        if not self._has_begun:
            if self._beginning is None:
                self._beginning = asyncio.create_task(self._begin())
            await asyncio.shield(self._beginning)

    async def serving(self, call: Coroutine[Any, Any, T]) -> T:
        """Await a call's answer; the end waits for it, too."""
        self._under_way += 1
        try:
            return await call
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()

    @contextmanager
    def reading(self, opened: OpenedT) -> Iterator[OpenedT]:
        """Close it after the block; who is still in the block at the end is told `shutting_down`."""
        self._opened.add(opened)
        try:
            yield opened
        finally:
            self._opened.discard(opened)
            opened.close()

    def refuse(self) -> None:
        """From now on nothing begins."""
        self._check_loop()
        self._is_over = True

    async def end(self) -> None:
        """Idempotent."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """The program would tick, and keep its sockets and its ledger, for as long as the loop runs."""
        if self._loop is None or self._ending is not None:
            return
        with suppress(RuntimeError):  # the loop is closed: nothing can be ended there any more
            self._loop.call_soon_threadsafe(self._end_alone)
        warn("unclosed gateway: use it in `async with`, or `await gateway.aclose()`", ResourceWarning, source=self)

    def _end_alone(self) -> None:
        self._ending = asyncio.create_task(self._end())

    async def _begin(self) -> None:
        try:
            await self._program.start()
        except BaseException:
            self._beginning = None  # its error would hold whoever is told of it
            raise
        if self._begun is not None:
            self._begun()
        self._begun = None  # a gateway that is dropped is gone at once, and not when a cycle is looked for
        self._has_begun = True

    async def _end(self) -> None:
        if self._beginning is not None:
            self._program.interrupt()  # it may wait for its turn with the ledger
            await asyncio.wait([self._beginning])
        await self._interrupt()
        await self._program.aclose()

    async def _interrupt(self) -> None:
        self._program.interrupt()
        try:
            async with asyncio.timeout(LAST_S):
                while self._under_way:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            pass  # they wait for the ledger, which is told to end all the same
        for opened in tuple(self._opened):
            opened.give_up(shutting_down())

    def _check_loop(self) -> None:
        try:
            running = asyncio.get_running_loop()
        except RuntimeError as error:
            raise RuntimeError("a gateway runs on asyncio's event loop, and none is running here; Trio has a loop of its own") from error
        if self._loop is None:
            self._loop = running
        elif self._loop is not running:
            raise RuntimeError(
                "this gateway was started on another event loop, and serves that one alone: make one for each loop (each asyncio.run "
                "has its own), or hand that loop its calls with asyncio.run_coroutine_threadsafe; code without a loop uses SyncGateway"
            )
