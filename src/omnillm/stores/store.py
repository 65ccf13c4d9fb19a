"""What every store answers. `tests/stores/store_suite.py` states the same as tests, and each store passes it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from omnillm.errors import ConfigError
from omnillm.records import EVERY_REQUEST, AttemptRow, Balance, Binding, ClaimRow, Entry, Posting, RequestFilter, RequestRow, UsageRow
from omnillm.stores.virtual_keys import VirtualKeys


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What a store says when it opens: the number of this run, to be written into every row, and what all budgets have settled."""

    epoch: int
    balances: tuple[Balance, ...]


class InUse(ConfigError):
    """Another process writes this ledger. That may end, so trying again makes sense."""


class Store(Protocol):
    """A ledger. A row is written once: the same row handed in again changes nothing, so that a batch may be applied twice.

    A run of a process is an epoch. What an epoch left reserved when it ended, by closing or by being killed, is settled in full and marked
    as estimated; a request that never got its row gets one, with the outcome `process_lost`.
    """

    @property
    def is_healthy(self) -> bool:
        """False while postings cannot be written; it heals by itself."""
        ...

    @property
    def is_taken_over(self) -> bool:
        """Another process has begun a run on this ledger: this one writes nothing any more, and is to end."""
        ...

    @property
    def virtual_keys(self) -> VirtualKeys: ...

    async def open(self) -> Opened:
        """Begin an epoch. Raises ConfigError for a ledger that this program cannot or must not use, InUse while another one does."""
        ...

    def post(self, posting: Posting) -> None:
        """Written behind: never waits. A kill may lose what was posted last, and a power cut what was posted in the last second."""
        ...

    async def post_durably(self, posting: Posting) -> None:
        """Returns when the posting is on disk. Raises LedgerUnavailable, and then the posting was not taken."""
        ...

    async def flush(self) -> None:
        """Returns when everything posted so far is on disk. Raises LedgerUnavailable."""
        ...

    async def aclose(self) -> None:
        """Write what is queued, end the epoch. May be called twice."""
        ...

    async def usage(self, *, group_by: str, since_day: str, until_day: str) -> list[UsageRow]:
        """Ordered by day and group. Days are UTC, "2026-11-25", both included; "" is no bound.

        `group_by` is read by `Grouping.parse` (else BadRequest). A provider key's group is "provider/label": labels are a provider's own.
        """
        ...

    async def requests(self, *, limit: int, before: str, only: RequestFilter = EVERY_REQUEST) -> list[RequestRow]:
        """The newest first; `before` is the request id where the page before this one ended, "" for the first page."""
        ...

    async def request(self, request_id: str) -> RequestRow | None:
        """None: it is unknown, or has not ended."""
        ...

    async def attempts(self, request_id: str) -> list[AttemptRow]:
        """In the order of sending."""
        ...

    async def entries(self, request_id: str) -> list[Entry]:
        """By attempt, kind, budget."""
        ...

    async def bindings(self, kind: str, upstream_ids: Sequence[str]) -> list[Binding]:
        """Whose these upstream objects are: of those that are known and have not expired, in no order."""
        ...

    async def open_bills(self, *, since_wall_ms: int) -> list[Binding]:
        """The bills of batches that were made since a moment and are not settled yet, the newest first."""
        ...

    async def claim(self, scope: str) -> ClaimRow | None:
        """What came of an idempotency key; None when it is unknown, free, or has expired.

        Claims are written in the order of their postings. One replaces what stands when its request is later (by id), or is the same in
        a later state; FREE removes what its own request has written.
        """
        ...

    async def retire(self, *, before_wall_ms: int, limit: int) -> int:
        """Forget the rows of the oldest `limit` requests that began before a moment, and `limit` expired bindings and claims each.

        Returns how many were forgotten.

        What they added up to stays: balances, usage reports, and the proof of both. A request that holds a reservation is kept, and so is
        what a call under way has written. Raises LedgerUnavailable.
        """
        ...

    async def verify(self) -> list[str]:
        """Replay the ledger's rows and compare: each problem found is one sentence; empty is proven."""
        ...
