"""One token that expires, renewed in the background: whoever writes requests always has the present one."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from omnillm.clock import Clock
from omnillm.errors import OmniError
from omnillm.secret import Secret

EARLY_S: Final = 300.0
"""How long before its end a token is renewed."""
RETRY_S: Final = 15.0
LOG = logging.getLogger("omnillm.credentials")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    secret: Secret
    expires_wall: float


Fetch = Callable[[], Token]
"""Blocks, and is called in a thread. Raises OmniError."""


class Writer(Protocol):
    """Writes requests with the secret that it was given last."""

    def renew(self, secret: Secret) -> None: ...


class Renewal:
    """Ticks; fetches when the token's end is near, one fetch at a time."""

    def __init__(self, fetch: Fetch, clock: Clock, *, name: str) -> None:
        self._fetch = fetch
        self._clock = clock
        self._name = name
        self._writers: list[Writer] = []
        self._token: Token | None = None
        self._due_wall = 0.0
        self._task: asyncio.Task[None] | None = None

    def write_with(self, writers: list[Writer]) -> None:
        """From now on these, and no others, are told of each token."""
        self._writers = writers
        if self._token is not None:
            self._tell(self._token)

    def tick(self) -> None:
        if self._task is None and self._clock.wall() >= self._due_wall:
            self._task = asyncio.create_task(self._renew(), name=f"token of {self._name}")

    async def renewed(self) -> None:
        """Return when the fetch under way has ended, well or not."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _renew(self) -> None:
        try:
            self._token = token = await asyncio.to_thread(self._fetch)
            # A short-lived token is renewed half-way.
            left_s = token.expires_wall - self._clock.wall()
            self._due_wall = token.expires_wall - min(EARLY_S, left_s / 2)
            self._tell(token)
        except OmniError as error:
            self._due_wall = self._clock.wall() + RETRY_S
            LOG.warning("no token for provider %s: %s", self._name, error.message)
        finally:
            self._task = None

    def _tell(self, token: Token) -> None:
        for writer in self._writers:
            writer.renew(token.secret)
