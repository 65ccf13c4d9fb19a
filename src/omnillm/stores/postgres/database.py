"""A ledger in a PostgreSQL schema: its lock, its tables, the connection that writes, and idle ones that read.

One process writes, as with a file. An advisory lock of the writer's session keeps a second process out. Each transaction also locks the row
of its run's epoch first: whoever ends that epoch waits for it, and afterwards no transaction of that run is accepted.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from omnillm.errors import ConfigError, LedgerUnavailable
from omnillm.secret import Secret
from omnillm.stores import pepper
from omnillm.stores.connection import CommitUnknown, TakenOver
from omnillm.stores.postgres import schema
from omnillm.stores.postgres.connection import BAD_ROW, NO_CONNECTION, REFUSALS, PostgresConnection, reason
from omnillm.stores.postgres.url import name_of

REPORT_S: Final = 300.0
"""The longest that a report may take."""
NO_LIMITS: Final = {"statement_timeout": "0", "idle_session_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""Limits that an administrator has set must not end the writer's session, which holds the lock."""
OF_THE_WRITER: Final = NO_LIMITS | {
    "synchronous_commit": "on",
    "default_transaction_isolation": "'read committed'",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
"""It asks by key only, for a few rows, while calls wait: no plan may read a whole table, whatever the statistics say."""
IDLE_READERS: Final = 4
READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresDatabase:
    """A `Database` in the first schema of the search path."""

    def __init__(self, url: Secret, *, patience_s: float) -> None:
        """`patience_s`: how long the writer waits for a connection, a statement or the lock before it calls the ledger unavailable."""
        self.name = name_of(url)
        self._url = url
        self._patience_s = patience_s
        self._connection: PostgresConnection | None = None
        self._session: schema.Session = (0, "")
        self._is_open = False
        self._idle: deque[PostgresConnection] = deque(maxlen=IDLE_READERS)

    def open(self) -> PostgresConnection:
        try:
            connection = self._connect()
            schema.lock(connection, self.name, patience_s=self._patience_s)
            schema.migrate(connection, self.name, patience_s=self._patience_s)
        except NO_CONNECTION as error:
            self.release()
            raise self._refused(error) from error
        self._is_open = True
        return connection

    def reopen(self, *, epoch: int) -> PostgresConnection:
        self._disconnect()
        try:
            abandoned, connection = self._session, self._connect()
            self._check_epoch(connection, epoch)  # whoever has taken over holds the lock, too: it is not waited for
            schema.end_session(connection, abandoned)
            schema.lock(connection, self.name, patience_s=self._patience_s)
        except REFUSALS as error:
            self._disconnect()
            raise self._unavailable(error) from error
        except ConfigError as error:
            self._disconnect()
            raise LedgerUnavailable(error.message) from error
        return connection

    def release(self) -> None:
        self._is_open = False
        self._disconnect()
        while (idle := self._idle_one()) is not None:
            idle.close()

    @contextmanager
    def transaction(self, *, epoch: int, is_synced: bool) -> Iterator[PostgresConnection]:
        connection = self._open_connection()
        try:
            self._begin(connection, epoch=epoch, is_synced=is_synced)
            connection.longer_s = None if epoch else schema.STEP_S
            yield connection
        except BAD_ROW as error:
            self._roll_back(connection)
            raise ValueError(f"the ledger {self.name} cannot hold a row: {reason(error)}") from error
        except REFUSALS as error:
            raise (self._unavailable(error) if epoch else self._refused(error)) from error
        except BaseException:
            self._roll_back(connection)
            raise
        try:
            connection.script("COMMIT")
        except REFUSALS as error:
            raise CommitUnknown(f"the ledger {self.name} cannot be written: {reason(error)}") from error

    def _begin(self, connection: PostgresConnection, *, epoch: int, is_synced: bool) -> None:
        begin = "BEGIN" if is_synced else "BEGIN; SET LOCAL synchronous_commit = off"
        if not epoch:
            connection.script(begin)
            return
        # The row's lock is a write: it proves that the server takes one, and its commit is synced even when nothing else is written.
        self._check_epoch(connection, epoch, before=f"{begin}; ", more=" FOR SHARE")

    def _check_epoch(self, connection: PostgresConnection, epoch: int, *, before: str = "", more: str = "") -> None:
        mine = f"SELECT 1 FROM epochs WHERE epoch = {epoch:d} AND ended_wall_ms IS NULL"
        if connection.script(before + mine + more) != "SELECT 1":
            raise TakenOver(f"another process has taken the ledger {self.name} over: this one writes it no more, and must end")

    def _roll_back(self, connection: PostgresConnection) -> None:
        try:
            connection.script("ROLLBACK")
        except REFUSALS as error:
            raise self._unavailable(error) from error

    def rest(self) -> bool:
        """Ask whether the server is still there, so that the ledger's health is known before a call fails."""
        try:
            self._open_connection().script("SELECT 1")
        except REFUSALS as error:
            raise self._unavailable(error) from error
        return False

    @contextmanager
    def reading(self, *, is_report: bool = True) -> Iterator[PostgresConnection]:
        connection = self._reader()
        connection.longer_s = REPORT_S if is_report else None
        try:
            yield connection
            connection.script("COMMIT")
        except REFUSALS as error:
            connection.terminate()
            raise self._unreadable(error) from error
        except BaseException:
            connection.terminate()
            raise
        if self._is_open and len(self._idle) < IDLE_READERS:
            self._idle.append(connection)
        else:
            connection.close()

    def _reader(self) -> PostgresConnection:
        """A connection in a transaction that reads. Where an idle one has died all may have: then a new one tells what is the matter."""
        if (connection := self._idle_one()) is not None:
            try:
                connection.script(READ, patience_s=self._patience_s)
            except REFUSALS:
                connection.terminate()
                while (idle := self._idle_one()) is not None:
                    idle.terminate()
            else:
                return connection
        try:
            connection = PostgresConnection(self._url, patience_s=self._patience_s)
        except NO_CONNECTION as error:
            raise self._unreadable(error) if self._is_open else self._refused(error, "read") from error
        try:
            connection.script(READ)
        except REFUSALS as error:
            connection.terminate()
            raise self._unreadable(error) from error
        return connection

    def _idle_one(self) -> PostgresConnection | None:
        try:
            return self._idle.pop()
        except IndexError:  # another thread was faster, or there was none
            return None

    def pepper(self) -> bytes:
        with self.reading() as connection:
            kept = [text for (text,) in connection.execute("SELECT pepper FROM pepper")]
        try:
            found = bytes.fromhex("".join(kept))
        except ValueError:
            found = b""
        if len(kept) != 1 or len(found) != pepper.BYTES:
            raise ConfigError(f"the table pepper of {self.name} is damaged: bring it back from a backup", path="store.url")
        return found

    def _connect(self) -> PostgresConnection:
        self._connection = PostgresConnection(self._url, patience_s=self._patience_s, settings=OF_THE_WRITER)
        self._session = schema.session_of(self._connection)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open_connection(self) -> PostgresConnection:
        assert self._connection is not None
        return self._connection

    def _refused(self, error: BaseException, done: str = "opened") -> ConfigError | LedgerUnavailable:
        """Why it cannot be opened or read: ConfigError if that lasts, LedgerUnavailable if it may pass."""
        for kind, remedy in REMEDIES:
            if isinstance(error, kind):
                return ConfigError(f"the ledger {self.name} cannot be used ({reason(error)}): {remedy}", path="store.url")
        return LedgerUnavailable(f"the ledger {self.name} cannot be {done}: {reason(error)}")

    def _unavailable(self, error: BaseException) -> LedgerUnavailable:
        return LedgerUnavailable(f"the ledger {self.name} cannot be written: {reason(error)}")

    def _unreadable(self, error: BaseException) -> LedgerUnavailable:
        return LedgerUnavailable(f"the ledger {self.name} cannot be read: {reason(error)}", retry_after_s=1.0)


REMEDIES: Final = (
    (asyncpg.InvalidAuthorizationSpecificationError, "correct the user and the password of the URL, or the server's pg_hba.conf"),
    (asyncpg.InvalidCatalogNameError, "create the database, or correct its name in the URL"),
    (asyncpg.InsufficientPrivilegeError, "let the user create tables in the schema (GRANT CREATE, USAGE ON SCHEMA ...)"),
    (asyncpg.ReadOnlySQLTransactionError, "it takes no writes; give the URL of the primary server"),
    (asyncpg.TargetServerAttributeNotMatched, "none of them takes writes; give the URL of the primary server too"),
    (asyncpg.DuplicateTableError, "the schema has tables of another program; give the ledger a database or a schema of its own"),
    (asyncpg.ClientConfigurationError, "correct the URL"),
    (ValueError, "correct the URL"),
)
"""What to do about a refusal, by what the server or the driver said."""
