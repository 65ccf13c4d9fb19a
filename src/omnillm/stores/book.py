"""The transactions of the ledger in SQLite: each is done whole or not at all. Not one line here knows of threads or loops."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from omnillm.errors import ConfigError, LedgerUnavailable
from omnillm.records import AttemptRow, Balance, Binding, ClaimRow, Entry, EntryKind, Posting, RequestRow, VirtualKey
from omnillm.stores import claims, database, orphans, retirement, virtual_keys
from omnillm.stores.daily import Daily
from omnillm.stores.store import Opened
from omnillm.stores.tables import ADD_TO_BALANCES, ADD_TO_DAILY, ADD_TO_DAILY_TAGS, ATTEMPTS, BINDINGS, ENTRIES, REQUESTS, Row, Table

BAD_ROW = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)
"""What SQLite says about a row, not about the disk: trying again would not help."""

BOOKED = frozenset({int(EntryKind.SETTLE), int(EntryKind.ADJUST)})
OPEN_REQUESTS = """SELECT DISTINCT request_id FROM entries AS reserve WHERE kind = 0 AND epoch < ?
    AND epoch IN (SELECT epoch FROM epochs WHERE ended_wall_ms IS NULL) AND NOT EXISTS (SELECT 1 FROM entries
    WHERE request_id = reserve.request_id AND attempt = reserve.attempt AND kind IN (1, 2) AND budget = reserve.budget)"""


class Rows:
    """The rows of a batch, table by table."""

    __slots__ = ("attempts", "bindings", "claims", "entries", "requests", "virtual_keys")

    def __init__(self, postings: Iterable[Posting]) -> None:
        self.requests: list[RequestRow] = []
        self.attempts: list[AttemptRow] = []
        self.entries: list[Entry] = []
        self.bindings: list[Binding] = []
        self.virtual_keys: list[VirtualKey] = []
        self.claims: list[ClaimRow] = []
        for posting in postings:
            self.entries += posting.entries
            self.attempts += posting.attempts
            self.bindings += posting.bindings
            self.virtual_keys += posting.virtual_keys
            self.claims += posting.claims
            if posting.request is not None:
                self.requests.append(posting.request)


class Book:
    """The one read-write connection. Raises LedgerUnavailable when disk or lock says no; then only `reopen` helps."""

    def __init__(self, path: Path, *, is_strict: bool, busy_s: float) -> None:
        """`is_strict`: every commit is synced to disk; otherwise those that somebody waits for."""
        self.path = path
        self._is_strict = is_strict
        self._busy_s = busy_s
        self._is_syncing = True
        self._epoch = 0
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None

    def open(self, wall_ms: int) -> Opened:
        """Lock the file, create or migrate it, begin an epoch. Raises ConfigError for a ledger that cannot be used as it is."""
        self._lock = database.lock(self.path)
        try:
            database.create(self.path)
            self._connection = database.connect(self.path, busy_s=self._busy_s)
            database.migrate(self._connection, self.path)
            return self._begin_epoch(wall_ms)
        except sqlite3.OperationalError as error:
            self._release()
            raise LedgerUnavailable(f"the ledger {self.path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            self._release()
            raise ConfigError(f"the ledger {self.path} is damaged ({error}): restore a backup, or move it away") from error
        except (ConfigError, LedgerUnavailable):
            self._release()
            raise

    def close(self, wall_ms: int) -> None:
        """End the epoch. The file is given back even when that cannot be written."""
        try:
            with self._transaction() as connection:
                self._end_epochs(connection, below=self._epoch + 1, wall_ms=wall_ms)
        finally:
            self._release()

    def _release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def reopen(self) -> None:
        """A new connection, proven by a write: after a failed sync only a fresh recovery knows what is on disk."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        try:
            self._connection = database.connect(self.path, busy_s=self._busy_s)
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        self._is_syncing = True
        self.write([], is_awaited=True)

    def write(self, postings: list[Posting], *, is_awaited: bool) -> None:
        """All of it or nothing; on disk when this returns, if somebody waits. Raises ValueError for rows that SQLite cannot hold."""
        rows = Rows(postings)
        with self._transaction(is_synced=self._is_strict or is_awaited) as connection:
            # A page is written even for an empty batch: only a write proves that earlier commits are on disk, and that it takes more.
            connection.execute("UPDATE epochs SET ended_wall_ms = NULL WHERE epoch = ?", (self._epoch,))
            self._apply(connection, rows)

    def retire(self, *, before: str, wall_ms: int, limit: int) -> int:
        """Delete the rows of the oldest `limit` requests below an id, and bindings and claims that have expired; returns how many."""
        # It needs no sync: what a power cut brings back is deleted again.
        with self._transaction(is_synced=False) as connection:
            return retirement.retire(connection, before=before, wall_ms=wall_ms, limit=limit)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database."""
        try:
            self._open_connection().execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    @contextmanager
    def _transaction(self, *, is_synced: bool = True) -> Iterator[sqlite3.Connection]:
        connection = self._open_connection()
        try:
            if is_synced is not self._is_syncing:
                connection.execute(f"PRAGMA synchronous = {'FULL' if is_synced else 'NORMAL'}")
                self._is_syncing = is_synced
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BAD_ROW as error:
            connection.rollback()
            raise ValueError(f"the ledger {self.path} cannot hold a row: {error}") from error
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LedgerUnavailable(f"the ledger {self.path} is not open")
        return self._connection

    def _unavailable(self, error: sqlite3.Error) -> LedgerUnavailable:
        return LedgerUnavailable(f"the ledger {self.path} cannot be written: {error}", retry_after_s=1.0)

    def _begin_epoch(self, wall_ms: int) -> Opened:
        with self._transaction() as connection:
            begun = connection.execute("INSERT INTO epochs (started_wall_ms) VALUES (?)", (wall_ms,))
            self._epoch = begun.lastrowid or 0
            self._end_epochs(connection, below=self._epoch, wall_ms=wall_ms)
            found = connection.execute("SELECT budget, period, settled_nanousd FROM balances").fetchall()
        balances = tuple(Balance(budget=budget, period=period, settled_nanousd=settled) for budget, period, settled in found)
        return Opened(epoch=self._epoch, balances=balances)

    def _end_epochs(self, connection: sqlite3.Connection, *, below: int, wall_ms: int) -> None:
        open_requests = connection.execute(OPEN_REQUESTS, (below,)).fetchall()
        postings = [self._closing(connection, request_id, wall_ms) for (request_id,) in open_requests]
        self._apply(connection, Rows(postings))
        connection.execute("UPDATE epochs SET ended_wall_ms = ? WHERE ended_wall_ms IS NULL AND epoch < ?", (wall_ms, below))

    def _closing(self, connection: sqlite3.Connection, request_id: str, wall_ms: int) -> Posting:
        where, which = " WHERE request_id = ?", (request_id,)
        return orphans.closing(
            ENTRIES.rows(connection.execute(ENTRIES.select + where, which)),
            ATTEMPTS.rows(connection.execute(ATTEMPTS.select + where, which)),
            has_request=connection.execute(REQUESTS.find, which).fetchone() is not None,
            epoch=self._epoch,
            wall_ms=wall_ms,
        )

    def _apply(self, connection: sqlite3.Connection, rows: Rows) -> None:
        """Insert what is new, and book exactly that. Rows are almost always all new: only if not is it asked which are."""
        connection.execute("SAVEPOINT rows")
        daily = _daily(connection, rows)
        if not _insert(connection, rows):
            connection.execute("ROLLBACK TO rows")
            rows.requests = _unknown(connection, REQUESTS, rows.requests)
            rows.attempts = _unknown(connection, ATTEMPTS, rows.attempts)
            rows.entries = _unknown(connection, ENTRIES, rows.entries)
            daily = _daily(connection, rows)
            _insert(connection, rows)
        connection.execute("RELEASE rows")
        BINDINGS.insert(connection, rows.bindings)
        for key in rows.virtual_keys:
            virtual_keys.write(connection, key)
        for claim in rows.claims:
            claims.write(connection, claim)
        ADD_TO_DAILY.run(connection, [cell for key, counts in daily.keys.lines().items() for cell in (*key, *counts)])
        ADD_TO_DAILY_TAGS.run(connection, [cell for key, counts in daily.tags.lines().items() for cell in (*key, *counts)])
        ADD_TO_BALANCES.run(connection, [cell for key, amount in _booked(rows.entries).items() for cell in (*key, amount)])


def _insert(connection: sqlite3.Connection, rows: Rows) -> bool:
    is_new = REQUESTS.insert(connection, rows.requests)
    is_new &= ATTEMPTS.insert(connection, rows.attempts)
    return ENTRIES.insert(connection, rows.entries) and is_new


def _unknown(connection: sqlite3.Connection, table: Table[Row], rows: list[Row]) -> list[Row]:
    """Those of `rows` that do not stand in the table yet, each once."""
    first = {table.identity(row): row for row in reversed(rows)}
    return [row for identity, row in first.items() if connection.execute(table.find, identity).fetchone() is None]


def _booked(entries: list[Entry]) -> dict[tuple[str, str], int]:
    """What the entries add to each (budget, period)."""
    amounts: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry.kind in BOOKED:
            key = (entry.budget, entry.period)
            amounts[key] = amounts.get(key, 0) + entry.amount_nanousd
    return amounts


def _daily(connection: sqlite3.Connection, rows: Rows) -> Daily:
    """What the rows, all of them new, add to the roll-up.

    A call's attempts almost always come with its request. One that came before is added with its request; one that comes after, at once.
    """
    daily = Daily()
    requests: dict[str, RequestRow] = {}
    expected = 0
    for request in rows.requests:
        requests[request.request_id] = request
        expected += request.attempts
        daily.add_request(request)
    for attempt in rows.attempts:
        owner = requests.get(attempt.request_id)
        if owner is not None:
            expected -= 1
            daily.add_attempt(owner, attempt)
        else:
            for request in REQUESTS.rows(connection.execute(REQUESTS.find, (attempt.request_id,))):
                daily.add_attempt(request, attempt)
    if expected:
        for request in rows.requests:
            for attempt in ATTEMPTS.rows(connection.execute(f"{ATTEMPTS.select} WHERE request_id = ?", (request.request_id,))):
                daily.add_attempt(request, attempt)
    return daily
