"""Pure work that takes longer than everybody else should wait for it: done in a thread, so that the event loop has its turns meanwhile."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from omnillm.errors import Unavailable

Done = TypeVar("Done")
SWITCH_S: Final = 0.0005
"""How long the event loop waits for the interpreter while a thread has it, before each callback. With CPython's 5 ms, of two thousand calls
a second 150 were left."""
OWN_SWITCH_S: Final = sys.getswitchinterval()
"""The interpreter's, put back behind each piece of work. Read once: a gateway may be made while another one is at work."""


class Beside:
    """One piece of work at a time: two threads that share the interpreter end no sooner, and hold twice the memory."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._lanes: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By caller. Who has its caller's lane waits for the turn: one of each caller, so that callers have it in turn."""

    async def do(self, work: Callable[[], Done], patience_s: float, caller: str) -> Done:
        """What `work` returns or raises. Unavailable: its turn did not come in time.

        Who is cancelled has gone at once. What was begun for it ends by itself, and only then another is begun: so at most one piece of
        work lives longer than who asked for it.
        """
        lane = self._lanes.setdefault(caller, asyncio.Lock())
        try:
            async with asyncio.timeout(patience_s), lane:
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable("Too many long bodies wait to be translated.", code="overloaded", retry_after_s=1.0) from None
        sys.setswitchinterval(SWITCH_S)
        try:
            doing = asyncio.get_running_loop().run_in_executor(None, work)
        except BaseException:  # the system gives no thread
            self._pass_on()
            raise
        doing.add_done_callback(self._pass_on)
        try:
            return await asyncio.shield(doing)
        finally:
            del doing  # its error, that error's traceback and this frame would be a cycle, and hold the body until a collection

    def _pass_on(self, done: asyncio.Future[Any] | None = None) -> None:
        sys.setswitchinterval(OWN_SWITCH_S)
        self._turn.release()
        if done is not None:
            done.exception()  # asked for, so that asyncio does not log it where nobody waits for it any more
