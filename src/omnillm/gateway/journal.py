"""The gateway's side of the ledger: what it needs of a store, and how durable a reservation is before a call is sent."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from omnillm.errors import LedgerUnavailable, shutting_down
from omnillm.records import AttemptRow, Binding, ClaimRow, Entry, Posting, RequestRow

T = TypeVar("T")


def unwritable(retry_after_s: float | None) -> LedgerUnavailable:
    """The error that a caller gets. It does not tell where the ledger lies, nor what its system says; the log does."""
    return LedgerUnavailable(
        "The ledger cannot be written, and this call draws on a budget or has an idempotency key; try again shortly.",
        retry_after_s=retry_after_s,
    )


class Ledger(Protocol):
    """A store, as the gateway sees it."""

    @property
    def is_healthy(self) -> bool: ...

    @property
    def is_taken_over(self) -> bool: ...

    def post(self, posting: Posting) -> None:
        """Write behind; never blocks."""
        ...

    async def post_durably(self, posting: Posting) -> None:
        """Return once it is on disk; raises LedgerUnavailable."""
        ...

    async def flush(self) -> None: ...
    async def claim(self, scope: str) -> ClaimRow | None: ...
    async def request(self, request_id: str) -> RequestRow | None: ...
    async def attempts(self, request_id: str) -> list[AttemptRow]: ...
    async def entries(self, request_id: str) -> list[Entry]: ...
    async def bindings(self, kind: str, upstream_ids: Sequence[str]) -> list[Binding]: ...


class Journal:
    """Durability as configured. strict: each reservation and claim is on disk before its attempt is sent. relaxed: all is written later."""

    def __init__(self, ledger: Ledger, *, epoch: int, is_strict: bool, allows_outage: bool) -> None:
        self._ledger = ledger
        self.post = ledger.post
        self.epoch = epoch
        self.is_strict = is_strict
        self._allows_outage = allows_outage
        self._waiting: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    @property
    def is_healthy(self) -> bool:
        return self._ledger.is_healthy

    def check(self) -> None:
        """Raise LedgerUnavailable for a call that needs the ledger while it is down, unless `when_down: allow`.

        After an outage everything is booked, so `allow` may let calls go on. After a takeover nothing more is booked, and both processes
        would spend the same money.
        """
        if self._ledger.is_healthy:
            return
        if self._ledger.is_taken_over:
            raise LedgerUnavailable("Another process has taken the ledger over, and this one ends; try again shortly.", retry_after_s=1.0)
        if not self._allows_outage:
            raise unwritable(1.0)

    async def reserve(self, posting: Posting, renumbered: Callable[[], Posting] | None) -> None:
        """Make a reservation and a claim durable (strict). LedgerUnavailable: nothing may be sent.

        With `when_down: allow`, a call that finds the ledger down goes on without a reservation, as the calls after it do. If this posting
        was written all the same, the ledger gives it back, and its number is used up: `renumbered` makes the same posting with another one.
        """
        if self._allows_outage and not self._ledger.is_healthy and not self._ledger.is_taken_over:
            return
        if not self.is_strict:
            self._ledger.post(Posting(claims=posting.claims))
            return
        try:
            await self.until_closed(self._ledger.post_durably(posting))
        except LedgerUnavailable as error:
            if renumbered is None or not self._allows_outage:
                raise unwritable(error.retry_after_s) from error
            await self.reserve(renumbered(), None)

    async def claim(self, scope: str, *, is_behind: bool = False) -> ClaimRow | None:
        """What the ledger knows of an idempotency key. `is_behind`: wait first until everything posted so far is written.

        LedgerUnavailable; with `when_down: allow` None, as if nothing were known.
        """
        try:
            if is_behind:
                await self.until_closed(self._ledger.flush())
            return await self.until_closed(self._ledger.claim(scope))
        except LedgerUnavailable as error:
            if self._allows_outage:
                return None
            raise unwritable(error.retry_after_s) from error

    def close(self) -> None:
        """No call waits any more. Those in `until_closed` are told `shutting_down`; their cases give back what they had written."""
        self._is_closed = True
        told, self._waiting = self._waiting, set()
        for task in told:
            task.cancel()

    async def until_closed(self, answer: Coroutine[Any, Any, T]) -> T:
        """Wait, but not beyond `close`. It does what `asyncio.timeout` does in a fifth of its time, which each strict call pays."""
        if self._is_closed:
            answer.close()
            raise shutting_down()
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            return await answer
        except asyncio.CancelledError as error:
            if task not in self._waiting and not task.uncancel():  # else its client has gone
                raise shutting_down() from error
            raise
        finally:
            self._waiting.discard(task)
            del task  # its error has this frame: nothing but the cycle collector would free the call

    async def request(self, request_id: str) -> RequestRow | None:
        """The row of a call that has ended, what was written behind included. LedgerUnavailable."""
        await self._ledger.flush()
        return await self._ledger.request(request_id)

    async def attempts(self, request_id: str) -> list[AttemptRow]:
        return await self._ledger.attempts(request_id)

    async def booked(self, request_id: str) -> list[Entry]:
        return await self._ledger.entries(request_id)
