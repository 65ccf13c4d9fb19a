"""What the ledger's SQL needs of a database. The SQL is the same for SQLite and PostgreSQL.

So it uses only what both understand: `?` marks, `RETURNING`, `json ->> 'member'`, sums cast to bigint, and no alias in WHERE or HAVING.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from omnillm.errors import LedgerUnavailable
from omnillm.stores.insert import Insert


class CommitUnknown(LedgerUnavailable):
    """The database went away while it was committing: whether the transaction was done cannot be known."""


def foreseen(failure: LedgerUnavailable | MemoryError) -> LedgerUnavailable:
    """A failed write as LedgerUnavailable. Where memory ran out, it cannot be known how far it came."""
    if isinstance(failure, LedgerUnavailable):
        return failure
    return CommitUnknown("no memory is left to write the ledger with")


class TakenOver(LedgerUnavailable):
    """Another process has begun a run on this ledger: what this one has not written yet it never will."""


class Found(Protocol):
    """What a statement found, row by row."""

    @property
    def rowcount(self) -> int:
        """How many rows were written."""
        ...

    def __iter__(self) -> Iterator[Sequence[Any]]: ...
    def fetchone(self) -> Sequence[Any] | None: ...
    def fetchall(self) -> Sequence[Sequence[Any]]: ...


class Connection(Protocol):
    """Used by one thread after another, never by two at once."""

    def execute(self, query: str, values: Sequence[Any] = (), /) -> Found: ...

    def insert(self, insert: Insert, cells: list[Any]) -> int:
        """Insert the rows that lie end to end in `cells`; returns how many were inserted or updated."""
        ...

    def damages(self, limit: int) -> list[str]:
        """What the database's own check of its storage finds wrong, where it has such a check."""
        ...


class Database(Protocol):
    """Where a ledger lies: its lock, its schema, the one connection that writes and those that read."""

    @property
    def name(self) -> str:
        """For messages; it holds no password."""
        ...

    def open(self) -> Connection:
        """Lock it, create or migrate it. Raises ConfigError for a database that cannot be used as it is, and LedgerUnavailable."""
        ...

    def reopen(self, *, epoch: int) -> Connection:
        """A new connection that writes, after the last one failed, for the run `epoch`. Raises LedgerUnavailable."""
        ...

    def release(self) -> None:
        """Close the connection, give the lock back. May be called twice."""
        ...

    def transaction(self, *, epoch: int, is_synced: bool) -> AbstractContextManager[Connection]:
        """A transaction of the run `epoch` (0: of none). Raises LedgerUnavailable, and ValueError for rows that the database cannot hold.

        `is_synced`: it, and all that was committed before, is on disk when it is over. An empty one proves that the ledger can be written.
        """
        ...

    def rest(self) -> bool:
        """For an idle second. True: all that was committed is now on disk. Raises LedgerUnavailable."""
        ...

    def reading(self, *, is_report: bool = True) -> AbstractContextManager[Connection]:
        """A connection that sees one state of it, beside the one that writes. Only a report may take long. Raises LedgerUnavailable."""
        ...

    def pepper(self) -> bytes:
        """Kept for as long as the ledger lives. Raises ConfigError when it is damaged."""
        ...
