"""The SQLite file: its lock, its creation, its schema, and the two kinds of connection to it.

One process, one writer: SQLite before 3.51.3 could corrupt a database in WAL mode when two connections wrote or checkpointed at once (the
WAL-reset bug). Here one connection does both and all others are read-only, so the version that Python was linked with does not matter; the
lock file keeps a second process out.
"""

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from omnillm.errors import ConfigError, LedgerUnavailable
from omnillm.stores import pepper
from omnillm.stores.connection import CommitUnknown, TakenOver
from omnillm.stores.insert import STATEMENTS, Insert
from omnillm.stores.migrations import scripts
from omnillm.stores.sqlite.file_lock import lock, unlock

BUSY_S: Final = 2.0
"""How long the writer waits for somebody else's lock on the file (a backup, a shell) before it calls the ledger unavailable."""

APPLICATION_ID: Final = 0x6F6D6E69
"""In the file's header ("omni"): tells a ledger from any other SQLite database."""
CHECKPOINT_PAGES: Final = 4096
"""A commit that leaves more than this in the write-ahead log (16 MiB) moves it into the database; an idle writer does so at once."""
KEPT_LOG_BYTES: Final = 4 * CHECKPOINT_PAGES * 4096
"""Of a write-ahead log that grew while a reader held it (a backup, a proof of all rows), once it begins anew: the rest is given back."""
CACHE_KIB: Final = 16 * 1024
OLDEST: Final = (3, 38, 0)
"""The first SQLite with `->>`. What counts is the SQLite that Python uses."""

NO_FILE: Final = (0, 0)
IS_RUNNING: Final = "SELECT 1 FROM epochs WHERE epoch = ? AND ended_wall_ms IS NULL"

BAD_ROW = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)
"""What SQLite says about a row, not about the disk: trying again would not help."""


class SqliteConnection(sqlite3.Connection):
    """A `Connection`."""

    def insert(self, insert: Insert, cells: list[Any]) -> int:
        return sum(self.execute(statement, bound).rowcount for statement, bound in insert.of_values(cells))

    def damages(self, limit: int) -> list[str]:
        return [f"the file is damaged: {damage}" for (damage,) in self.execute(f"PRAGMA quick_check({limit})") if damage != "ok"]


class SqliteDatabase:
    """A `Database` in one file. Raises ConfigError where SQLite is too old, for readers and rehearsals, too."""

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        check_version(sqlite3.sqlite_version_info)
        self.name = str(path)
        self._path = path
        self._busy_s = busy_s
        self._is_syncing = True
        self._is_log_moved = False
        self._lock: int | None = None
        self._connection: SqliteConnection | None = None
        self._identity = NO_FILE

    def open(self) -> SqliteConnection:
        self._lock = lock(self._path)
        try:
            create(self._path)
            connection = self._connect()
            migrate(connection, self._path)
        except sqlite3.OperationalError as error:
            raise LedgerUnavailable(f"the ledger {self._path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"the ledger {self._path} is damaged ({error}): restore a backup, or move it away") from error
        return connection

    def release(self) -> None:
        self._disconnect()
        if self._lock is not None:
            unlock(self._lock)
            self._lock = None

    def reopen(self, *, epoch: int) -> SqliteConnection:  # noqa: ARG002 - the signature of `Database`
        """After a failed sync only a new connection, which recovers the file, knows what is on disk."""
        self._disconnect()
        if _identity(self._path) not in {self._identity, NO_FILE}:
            raise self._taken_over()
        try:
            return self._connect()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    @contextmanager
    def transaction(self, *, epoch: int, is_synced: bool) -> Iterator[SqliteConnection]:
        connection = self._open_connection()
        try:
            if is_synced is not self._is_syncing:
                connection.execute(f"PRAGMA synchronous = {'FULL' if is_synced else 'NORMAL'}")
                self._is_syncing = is_synced
            self._check_file()
            connection.execute("BEGIN IMMEDIATE")
            self._check_epoch(connection, epoch)
            written = connection.total_changes
            yield connection
            if connection.total_changes == written:
                # A page is written even when nothing else is: only a write proves that earlier commits are on disk, and that it takes more.
                # SQLite leaves out an UPDATE that changes nothing, but not this.
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        except BAD_ROW as error:
            connection.rollback()
            raise ValueError(f"the ledger {self._path} cannot hold a row: {error}") from error
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        except BaseException:
            connection.rollback()
            raise
        self._commit(connection)

    def _check_file(self) -> None:
        """Raise if the file was moved or deleted: what is written into it would be lost."""
        if _identity(self._path) != self._identity:
            raise LedgerUnavailable(f"the ledger {self._path} cannot be written: its file was moved away or deleted")

    def _check_epoch(self, connection: SqliteConnection, epoch: int) -> None:
        """Raise if another run has begun: the lock file may have been deleted."""
        if epoch and connection.execute(IS_RUNNING, (epoch,)).fetchone() is None:
            raise self._taken_over()

    def _commit(self, connection: SqliteConnection) -> None:
        self._is_log_moved = False
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise CommitUnknown(f"the ledger {self._path} cannot be written: {error}") from error

    def rest(self) -> bool:
        """Move the write-ahead log into the database, and sync it. What a reader still needs waits for the next idle second."""
        if not self._is_log_moved:
            try:
                [is_busy, in_log, moved] = self._open_connection().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except sqlite3.Error as error:
                raise self._unavailable(error) from error
            self._is_log_moved = not is_busy and moved == in_log
        return self._is_log_moved

    @contextmanager
    def reading(self, *, is_report: bool = True) -> Iterator[SqliteConnection]:  # noqa: ARG002 - nobody locks a table here
        connection = connect_to_read(self._path)
        try:
            yield connection
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger {self._path} cannot be read: {error}") from error
        finally:
            connection.close()

    def pepper(self) -> bytes:
        return pepper.keep(self._path)

    def _connect(self) -> SqliteConnection:
        self._connection = connect(self._path, busy_s=self._busy_s)
        self._identity = _identity(self._path)
        self._is_syncing = True
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open_connection(self) -> SqliteConnection:
        assert self._connection is not None
        return self._connection

    def _taken_over(self) -> TakenOver:
        return TakenOver(
            f"another process has taken the ledger {self._path} over, or a copy lies in its place: this one writes it no more, and must end"
        )

    def _unavailable(self, error: sqlite3.Error) -> LedgerUnavailable:
        return LedgerUnavailable(f"the ledger {self._path} cannot be written: {error}")


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return NO_FILE
    return found.st_dev, found.st_ino


def check_version(found: tuple[int, ...]) -> None:
    """Raises ConfigError where the ledger's SQL would be a syntax error."""
    if found < OLDEST:
        needed, has = (".".join(map(str, version)) for version in (OLDEST, found))
        raise ConfigError(
            f"store.url: a ledger in a file needs SQLite {needed} or newer, and this Python has {has}: take another Python, or PostgreSQL"
        )


def create(path: Path) -> None:
    """Make an empty file that only its owner reads, if there is none. After `lock` only: closing it would drop SQLite's own locks."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigError(f"the ledger cannot be kept at {path}: {error.strerror}") from error


def connect(path: Path, *, busy_s: float) -> SqliteConnection:
    """The writer's connection. It may be used by one thread after another, never by two at once."""
    connection = sqlite3.connect(
        _uri(path, "rw"),
        uri=True,
        isolation_level=None,
        timeout=busy_s,
        check_same_thread=False,
        factory=SqliteConnection,
        cached_statements=STATEMENTS,
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {KEPT_LOG_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> SqliteConnection:
    """A connection for one report: it sees the ledger as of its first query until it is closed."""
    try:
        connection = sqlite3.connect(_uri(path, "ro"), uri=True, isolation_level=None, factory=SqliteConnection)
        connection.execute("BEGIN")
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger {path} cannot be read: {error}") from error
    return connection


@contextmanager
def reading(path: Path) -> Iterator[SqliteConnection]:
    """One state of a ledger that another process may be writing. Raises ConfigError for a file that is none, or of another version."""
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)  # SQLite does not say what is in its way
    except OSError as error:
        raise LedgerUnavailable(f"the ledger {path} cannot be read: {error.strerror}") from error
    if is_folder:
        raise LedgerUnavailable(f"the ledger {path} cannot be read: {os.strerror(errno.EISDIR)}")
    with SqliteDatabase(path).reading() as connection:
        _check_readable(connection, path)
        yield connection


def _check_readable(connection: SqliteConnection, path: Path) -> None:
    known = len(scripts("sqlite"))
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise ConfigError(f"{path} is not a ledger of omnillm")
    if version != known:
        remedy = "the next start of the gateway brings it up to date" if version < known else "it was written by a newer one"
        raise ConfigError(f"the ledger {path} has schema {version}, this omnillm reads {known}: {remedy}")


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def migrate(connection: SqliteConnection, path: Path) -> None:
    """Bring the schema up to date, one transaction a step. Raises ConfigError for a file that is not ours or newer than this program."""
    known = scripts("sqlite")
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (tables or version):
        raise ConfigError(f"{path} is a database of another program, not a ledger of omnillm")
    if version > len(known):
        raise ConfigError(f"the ledger {path} has schema {version}, this omnillm knows {len(known)}: it was written by a newer one")
    for number in range(version + 1, len(known) + 1):
        head = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
        connection.executescript(f"BEGIN IMMEDIATE; {head} {known[number - 1]} COMMIT;")
