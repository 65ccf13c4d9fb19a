"""A value that expires and is fetched anew in a thread: before its end, if possible, and never twice at once."""

import asyncio
import logging
from collections.abc import Callable
from math import inf
from random import Random
from typing import Any, Final, Generic, TypeVar

import msgspec

from omnillm.clock import Clock
from omnillm.keys.circuit import Backoff

T = TypeVar("T")
Write = Callable[[T, bytes, bytes], bytes]
_log = logging.getLogger("omnillm.credentials")

REST_S: Final = 10.0
"""The pause after a fetch that failed, while the value at hand is still good."""
BACKOFF: Final = Backoff(first_s=1.0, most_s=30.0, jitter=0.25)
"""The pauses after fetches that failed, while there is no good value."""
RENEWED_S: Final = 30.0
"""For so long, if a value that was fetched because of a refusal is refused too, that is final. Later a fetch may find a new one."""
LONGEST_S: Final = 30.0
"""The longest that a call waits for a fetch."""


class Trouble(Exception):
    """Credentials cannot be had; the message says why, and what to do, without a secret."""


class Fetched(msgspec.Struct, Generic[T], frozen=True):
    value: T
    fresh_s: float
    """From then on it is fetched anew in the background."""
    good_s: float = inf
    """From then on it is not used any more."""


class Fixed(Generic[T]):
    """Credentials that stand in the configuration; `write` as for `Refreshed`."""

    version: Final = 0

    def __init__(self, value: T, write: Write[T]) -> None:
        self._value = value
        self._write = write

    async def ready(self, longest_s: float = LONGEST_S) -> str:  # noqa: ARG002 - nobody waits for them
        return ""

    def fields(self, head: bytes, body: bytes) -> bytes:
        return self._write(self._value, head, body)

    def renew(self, version: int) -> bool:  # noqa: ARG002 - nobody renews them
        return False

    def close(self) -> None:
        pass


class Refreshed(Generic[T]):
    """`fetch` runs in a thread and raises Trouble; it is told whether what is held was refused. `told`: whose credentials these are.

    `write` makes the `fields` of what is held, for a request's head and body.
    """

    def __init__(self, fetch: Callable[[bool], Fetched[T]], write: Write[T], *, clock: Clock, dice: Random, told: str) -> None:
        self._fetch = fetch
        self._write = write
        self._clock = clock
        self._dice = dice
        self._told = told
        self._held: T | None = None
        self._fresh_until = -inf
        self._good_until = -inf
        self._rest_until = -inf
        self._failures = 0
        """Fetches that failed while there was no good value, since the last success."""
        self._trouble = ""
        self._is_refused = False
        """The provider refused what is held: it is not used any more."""
        self._forced_at = -inf
        """When the value was last fetched because of a refusal."""
        self._task: asyncio.Task[str] | None = None
        self.version = 0
        """Changes with every refresh."""

    async def ready(self, longest_s: float = LONGEST_S) -> str:
        """Wait for a value if there is no good one; otherwise only begin a fetch if it is time. Returns "", or why there is none.

        After a failure nobody waits for the next try: another key may serve.
        """
        now = self._clock.now()
        if now < self._fresh_until and not self._is_refused:
            return ""
        is_good = now < self._good_until and not self._is_refused
        if now < self._rest_until:
            return "" if is_good else f"{self._trouble}; asked for again in {self._rest_until - now:.1f} s"
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._refresh())
        if is_good:
            return ""
        task = self._task
        longest_s = min(longest_s, LONGEST_S)
        done, _ = await asyncio.wait({task}, timeout=longest_s)  # a caller who leaves does not stop it: others wait for it too
        if not done:
            return f"{self._told}: no answer within {longest_s:g} s"
        return f"{self._told}: the gateway is closing" if task.cancelled() else task.result()

    def fields(self, head: bytes, body: bytes) -> bytes:
        """Return the header fields, each ended by CRLF, that authenticate this request."""
        assert self._held is not None
        return self._write(self._held, head, body)

    def renew(self, version: int) -> bool:
        """Tell whether another try can succeed: something newer is at hand, or the next `ready` will fetch it; once."""
        if version != self.version:
            return True
        if self._clock.now() < self._forced_at + RENEWED_S:
            return False
        if not self._is_refused:
            self._is_refused, self._rest_until = True, -inf  # what failed while the old one was good does not keep the new one waiting
        return True

    def close(self) -> None:
        """Nobody waits any more for the fetch under way; its thread ends by itself."""
        if self._task is not None:
            self._task.cancel()

    async def _refresh(self) -> str:
        was_refused = self._is_refused
        try:
            fetched = await asyncio.to_thread(self._fetch, was_refused)
        except Trouble as error:
            self._trouble = f"{self._told}: {error}"
            _log.warning("%s", self._trouble)
            self._rest()
            return self._trouble
        finally:
            self._task = None
        now = self._clock.now()
        self._failures = 0
        self._fresh_until, self._good_until = now + fetched.fresh_s, now + fetched.good_s
        if fetched.value != self._held or was_refused:
            self.version += 1
        if was_refused:
            self._forced_at = now
        self._held = fetched.value
        self._is_refused = False
        return ""

    def _rest(self) -> None:
        """Pause the fetches. A good value is used on; when it ends the pause does, too."""
        now = self._clock.now()
        if now < self._good_until and not self._is_refused:
            self._rest_until = min(now + REST_S, self._good_until)
        else:
            self._rest_until = now + BACKOFF.delay(self._failures, self._dice)
            self._failures += 1


Credential = Fixed[Any] | Refreshed[Any]
"""Authenticates requests with a key that is not sent as it stands: by a signature, or by a token that expires."""
