"""The transactions of the ledger: each is done whole or not at all. No threads, no event loop, and the same code for both databases."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from omnillm.errors import LedgerUnavailable
from omnillm.records import AttemptRow, Balance, Binding, ClaimRow, Entry, EntryKind, Posting, RequestRow, VirtualKey
from omnillm.stores import claims, orphans, retirement, virtual_keys
from omnillm.stores.connection import CommitUnknown, Connection, Database, TakenOver
from omnillm.stores.daily import Daily
from omnillm.stores.open_reservations import CLOSING, OpenReservations
from omnillm.stores.rollup import RollUp
from omnillm.stores.store import Opened
from omnillm.stores.tables import ADD_TO_BALANCES, ADD_TO_DAILY_TAGS, ATTEMPTS, BINDINGS, ENTRIES, REQUESTS, Row, Table, add

BEGIN_EPOCH = """INSERT INTO epochs (epoch, started_wall_ms) SELECT coalesce(max(epoch), 0) + 1, CAST(? AS bigint) FROM epochs
    RETURNING epoch"""
BOOKED = frozenset({int(EntryKind.SETTLE), int(EntryKind.ADJUST)})
UNSYNCED_S: Final = 0.5
"""After so long, what was committed without a sync is synced with the next commit, or in the first idle second."""
KILLED = "SELECT epoch, closed_below FROM epochs WHERE ended_wall_ms IS NULL AND epoch < ?"
OPEN_REQUESTS = """SELECT DISTINCT request_id FROM entries AS reserve WHERE kind = 0 AND epoch = ? AND request_id >= ? AND NOT EXISTS (
    SELECT 1 FROM entries
    WHERE request_id = reserve.request_id AND attempt = reserve.attempt AND kind IN (1, 2) AND budget = reserve.budget)"""
"""Of one run: it reads all reservations that the run has made since `closed_below`."""


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
            if posting.request is not None:
                self.requests.append(posting.request)
            if posting.attempts:
                self.attempts += posting.attempts
            if posting.entries:
                self.entries += posting.entries
            if posting.bindings:
                self.bindings += posting.bindings
            if posting.claims:
                self.claims += posting.claims
            if posting.virtual_keys:
                self.virtual_keys += posting.virtual_keys


class Known(Exception):
    """Some of the rows stood there already."""


class Rehearsed(Exception):
    """All of it would have been written: raised to roll a rehearsal back."""


class Book:
    """The one read-write connection. Raises LedgerUnavailable when the database says no; then only `reopen` helps."""

    def __init__(self, database: Database, *, is_strict: bool) -> None:
        """`is_strict`: sync each commit, except those that only close reservations; otherwise only those that somebody waits for."""
        self._database = database
        self._is_strict = is_strict
        self._epoch = 0
        self._roll_up = RollUp()
        self._unsynced_since: float | None = None
        self._reservations = OpenReservations()

    def open(self, wall_ms: int) -> Opened:
        """Lock the database, create or migrate it, begin an epoch. Raises ConfigError for one that cannot be used as it is."""
        try:
            self._database.open()
            self._roll_up = RollUp()
            self._reservations = OpenReservations()
            return self._begin_epoch(wall_ms)
        except BaseException:
            self._database.release()
            raise

    def close(self, wall_ms: int) -> None:
        """End the epoch. The database is given back even when that cannot be written."""
        try:
            self._end(wall_ms)
        except CommitUnknown:
            with suppress(TakenOver):  # by nobody: it was committed
                self._reopen()
                if not self._has_ended():
                    self._end(wall_ms)
        except LedgerUnavailable:  # of a connection that died while nobody used it
            self._reopen()
            self._end(wall_ms)
        finally:
            self.release()

    def release(self) -> None:
        """Give the database back, with the epoch as it stands: the next one ends it."""
        self._database.release()

    def _has_ended(self) -> bool:
        with self._database.reading() as connection:
            return (
                connection.execute("SELECT 1 FROM epochs WHERE epoch = ? AND ended_wall_ms IS NOT NULL", (self._epoch,)).fetchone()
                is not None
            )

    def _end(self, wall_ms: int) -> None:
        with self._database.transaction(epoch=self._epoch, is_synced=True) as connection:
            self._end_epochs(connection, self._reservations.requests(), below=self._epoch + 1, wall_ms=wall_ms)

    def reopen(self) -> None:
        """A new connection, proven by a write."""
        self._reopen()
        self.sync()

    def _reopen(self) -> None:
        self._roll_up.doubt()
        self._reservations.doubt()
        self._database.reopen(epoch=self._epoch)

    def write(self, postings: list[Posting], *, is_awaited: bool, now: float) -> bool:
        """Write all of it or nothing. Returns whether it, and all that was written before, is on disk; if `is_awaited`, it is.

        Raises ValueError for rows that the database cannot hold. Rows are almost always new: only if some were not is it asked which are.
        """
        is_synced = is_awaited or self._is_overdue(now) or (self._is_strict and not all(map(_is_closing, postings)))
        rows = Rows(postings)
        try:
            try:
                self._write(rows, is_synced=is_synced)
            except ValueError as error:
                if not self._roll_up.pause(error):
                    raise
                self._write(rows, is_synced=is_synced)
        except CommitUnknown:
            self._reservations.note(postings)
            raise
        self._reservations.note(postings)
        if is_synced:
            self._synced()
        elif self._unsynced_since is None:
            self._unsynced_since = now
        return is_synced

    def _synced(self) -> None:
        self._unsynced_since = None
        self._reservations.synced()

    def _is_overdue(self, now: float) -> bool:
        return self._unsynced_since is not None and now - self._unsynced_since >= UNSYNCED_S

    def _write(self, rows: Rows, *, is_synced: bool) -> None:
        try:
            with self._database.transaction(epoch=self._epoch, is_synced=is_synced) as connection:
                self._add(connection, rows)
        except Known:
            with self._database.transaction(epoch=self._epoch, is_synced=is_synced) as connection:
                rows.requests = _unknown(connection, REQUESTS, rows.requests)
                rows.attempts = _unknown(connection, ATTEMPTS, rows.attempts)
                rows.entries = _unknown(connection, ENTRIES, rows.entries)
                self._add(connection, rows)
        self._roll_up.committed()

    def _add(self, connection: Connection, rows: Rows) -> None:
        self._apply(connection, rows)
        self._roll_up.fold(connection)
        self._reservations.mark(connection, rows.entries, epoch=self._epoch)

    def rehearse(self, postings: list[Posting]) -> None:
        """Do what `write` does, and roll it back, to see whether the database takes such rows. Raises LedgerUnavailable.

        A new connection would prove less: one can be had while the disk is full, or a table is locked.
        """
        with suppress(Rehearsed, Known, ValueError), self._database.transaction(epoch=self._epoch, is_synced=False) as connection:
            self._apply(connection, Rows(postings))  # what is wrong with a row is told when it is written
            raise Rehearsed

    def retire(self, *, before: str, wall_ms: int, limit: int) -> int:
        """Delete the rows of the oldest `limit` requests below an id, and bindings and claims that have expired; returns how many."""
        # It needs no sync: what a power cut brings back is deleted again.
        with self._database.transaction(epoch=self._epoch, is_synced=False) as connection:
            return retirement.retire(connection, before=before, wall_ms=wall_ms, limit=limit)

    def rest(self) -> None:
        """For an idle second: all that was written is on disk afterwards."""
        if not self._database.rest() and self._unsynced_since is not None:
            self.sync()
        self._synced()

    def sync(self) -> None:
        """All that was written is on disk afterwards."""
        with self._database.transaction(epoch=self._epoch, is_synced=True):
            pass
        self._synced()

    def _begin_epoch(self, wall_ms: int) -> Opened:
        with self._database.transaction(epoch=0, is_synced=True) as connection:
            [(self._epoch,)] = connection.execute(BEGIN_EPOCH, (wall_ms,)).fetchall()
            self._end_epochs(connection, _left_open(connection, below=self._epoch), below=self._epoch, wall_ms=wall_ms)
            found = connection.execute("SELECT budget, period, settled_nanousd FROM balances ORDER BY budget, period").fetchall()
        balances = tuple(Balance(budget=budget, period=period, settled_nanousd=settled) for budget, period, settled in found)
        return Opened(epoch=self._epoch, balances=balances)

    def _end_epochs(self, connection: Connection, left: list[str], *, below: int, wall_ms: int) -> None:
        """`left`: the requests that may hold a reservation."""
        postings = [self._closing(connection, request_id, wall_ms) for request_id in left]
        self._apply(connection, Rows(postings))
        connection.execute("UPDATE epochs SET ended_wall_ms = ? WHERE ended_wall_ms IS NULL AND epoch < ?", (wall_ms, below))

    def _closing(self, connection: Connection, request_id: str, wall_ms: int) -> Posting:
        where, which = " WHERE request_id = ?", (request_id,)
        entries = ENTRIES.rows(connection.execute(ENTRIES.select + where, which))
        if not orphans.open_reserves(entries):
            return Posting()
        return orphans.closing(
            entries,
            ATTEMPTS.rows(connection.execute(ATTEMPTS.select + where, which)),
            has_request=connection.execute(REQUESTS.find, which).fetchone() is not None,
            epoch=self._epoch,
            wall_ms=wall_ms,
        )

    def _apply(self, connection: Connection, rows: Rows) -> None:
        """Insert and book the rows. Raises Known when they are not all new, ValueError when one of them is none."""
        try:
            daily = _daily(connection, rows)
            if not _insert(connection, rows):
                raise Known
            BINDINGS.insert(connection, rows.bindings)
            for key in rows.virtual_keys:
                virtual_keys.write(connection, key)
            for claim in rows.claims:
                claims.write(connection, claim)
            self._roll_up.keep(connection, daily.keys.lines())
            add(connection, ADD_TO_DAILY_TAGS, daily.tags.lines().items())
            add(connection, ADD_TO_BALANCES, [(key, (amount,)) for key, amount in _booked(rows.entries).items()])
        except TypeError as error:
            raise ValueError(f"the ledger cannot hold a row: {error}") from error


def _left_open(connection: Connection, *, below: int) -> list[str]:
    """The requests that killed runs left with a reservation."""
    killed = connection.execute(KILLED, (below,)).fetchall()
    return [request_id for run in killed for (request_id,) in connection.execute(OPEN_REQUESTS, run)]


def _is_closing(posting: Posting) -> bool:
    """It does nothing but close reservations that are on disk. If a power cut takes it they are charged in full: never too little."""
    has_more = posting.bindings or posting.claims or posting.virtual_keys
    return bool(posting.entries) and not has_more and all(entry.kind in CLOSING for entry in posting.entries)


def _insert(connection: Connection, rows: Rows) -> bool:
    is_new = REQUESTS.insert(connection, rows.requests)
    is_new &= ATTEMPTS.insert(connection, rows.attempts)
    return ENTRIES.insert(connection, rows.entries) and is_new


def _unknown(connection: Connection, table: Table[Row], rows: list[Row]) -> list[Row]:
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


def _daily(connection: Connection, rows: Rows) -> Daily:
    """What the rows, all of them new, add to the roll-up.

    An attempt is added with its request; one that is written after its request, at once. Almost always they come together.
    """
    daily = Daily()
    requests = {request.request_id: request for request in rows.requests}
    daily.add_requests(rows.requests)
    strays = daily.add_attempts(requests, rows.attempts)
    for attempt in strays:
        found = REQUESTS.rows(connection.execute(REQUESTS.find, (attempt.request_id,)))
        daily.add_attempts({request.request_id: request for request in found}, [attempt])
    if sum([request.attempts for request in rows.requests]) != len(rows.attempts) - len(strays):
        for request_id in requests:
            came_before = connection.execute(f"{ATTEMPTS.select} WHERE request_id = ?", (request_id,))
            daily.add_attempts(requests, ATTEMPTS.rows(came_before))
    return daily
