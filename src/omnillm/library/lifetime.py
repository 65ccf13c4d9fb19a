"""A program's lifetime inside somebody else's: from its first use to its end, on one event loop."""

import asyncio

from omnillm.assemble import Program


class Lifetime:
    """Waiting for the beginning or the end may be cancelled at any moment: either goes on, and the next to ask waits for the same one."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._has_begun = self._is_over = False

    async def begin(self) -> None:
        """Once, whoever is first; a beginning that failed is tried again. RuntimeError: it is over, or belongs to another event loop."""
        self._check_loop()
        if self._is_over:
            raise RuntimeError("this gateway is closed")
        if not self._has_begun:
            if self._beginning is None or self._beginning.done():
                self._beginning = asyncio.create_task(self._begin())
            await asyncio.shield(self._beginning)

    def refuse(self) -> None:
        """From now on nothing begins."""
        self._check_loop()
        self._is_over = True

    async def end(self) -> None:
        """Idempotent."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _begin(self) -> None:
        await self._program.start()
        self._has_begun = True

    async def _end(self) -> None:
        if self._beginning is not None:
            await asyncio.wait([self._beginning])
            await self._program.aclose()

    def _check_loop(self) -> None:
        running = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = running
        elif self._loop is not running:
            raise RuntimeError("this gateway was started on another event loop, and serves that one alone: make one for each loop")
