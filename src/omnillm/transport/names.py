"""Looks up the addresses of host names. If the resolver does not answer for one name, only that name has to wait.

asyncio's own look-ups share a few threads, cannot be cancelled, and keep the process from ending. There, one silent name server would make
every provider unreachable, and the process would hang when it ends.
"""

import asyncio
import errno
import socket
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import Final

from omnillm.clock import Clock

Address = tuple[
    int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]
Found = asyncio.Future[Sequence[Address]]
PATIENCE_S: Final = 1.0
"""How long an answer is awaited where an older one could stand in for it."""
STAND_IN_S: Final = 3600.0
"""How old that may be."""


class Names:
    """Of each name one look-up at a time, in a thread of its own, for all who wait. If it fails, what was found last is used."""

    __slots__ = ("_clock", "_known", "_patience_s", "_pending")

    def __init__(self, clock: Clock, *, patience_s: float = PATIENCE_S) -> None:
        self._clock = clock
        self._patience_s = patience_s
        self._pending: dict[tuple[str, int], tuple[float, Found]] = {}
        """The look-ups that are under way: since when, and what will be found."""
        self._known: dict[tuple[str, int], tuple[float, Sequence[Address]]] = {}

    async def find(self, host: str, port: int) -> Sequence[Address]:
        """The addresses, best first. Raises OSError (gaierror) or UnicodeError."""
        name, now = (host, port), self._clock.now()
        since, pending = self._pending.get(name) or self._look_up(name, now)
        found_at, known = self._known.get(name, (now, ()))
        if not known or now - found_at > STAND_IN_S:
            return await asyncio.shield(pending)
        try:
            async with asyncio.timeout(max(since + self._patience_s - now, 0.0)):
                return await asyncio.shield(pending)
        except (OSError, UnicodeError):  # a TimeoutError is an OSError
            return known

    def _look_up(self, name: tuple[str, int], now: float) -> tuple[float, Found]:
        loop = asyncio.get_running_loop()
        pending: Found = loop.create_future()
        begun = now, pending
        try:
            Thread(target=_ask, args=(loop, pending, name), name="look-up", daemon=True).start()
        except (RuntimeError, MemoryError):  # nobody else would tell who waits, and whoever comes next tries again
            pending.set_exception(OSError(errno.EAGAIN, "no thread can be started"))
        else:
            self._pending[name] = begun
            pending.add_done_callback(lambda found: self._note(name, found))
        return begun

    def _note(self, name: tuple[str, int], found: Found) -> None:
        del self._pending[name]
        if not found.cancelled() and found.exception() is None:
            now = self._clock.now()
            self._known = {each: known for each, known in self._known.items() if now - known[0] <= STAND_IN_S}
            self._known[name] = now, found.result()


def _ask(loop: asyncio.AbstractEventLoop, pending: Found, name: tuple[str, int]) -> None:
    """Runs in the look-up's thread."""
    answer: Sequence[Address] = ()
    error: OSError | UnicodeError | None = None
    try:
        answer = socket.getaddrinfo(*name, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        error = exc
    except MemoryError:
        error = OSError(errno.ENOMEM, "no memory is left")
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_tell, pending, answer, error)


def _tell(pending: Found, answer: Sequence[Address], error: Exception | None) -> None:
    if error is None:
        pending.set_result(answer)
    else:
        pending.set_exception(error)
