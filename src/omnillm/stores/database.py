"""The SQLite file: its lock, its creation, its schema, and the two kinds of connection to it.

One process, one writer: SQLite before 3.51.3 could corrupt a database in WAL mode when two connections wrote or checkpointed at once (the
WAL-reset bug). Here one connection does both and all others are read-only, so the version that Python was linked with does not matter; the
lock file keeps a second process out.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from omnillm.errors import ConfigError, LedgerUnavailable
from omnillm.stores.migrations import scripts

APPLICATION_ID: Final = 0x6F6D6E69
"""In the file's header ("omni"): tells a ledger from any other SQLite database."""
CHECKPOINT_PAGES: Final = 4096
"""A commit that leaves more than this in the write-ahead log (16 MiB) moves it into the database; an idle writer does so at once."""
CACHE_KIB: Final = 16 * 1024


def lock(path: Path) -> int:
    """Take `<path>.lock` for this process; returns its descriptor, to be closed to give it back. Raises ConfigError when it is taken."""
    name = f"{path}.lock"
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"the ledger cannot be kept at {path}: {error.strerror} ({name})") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ConfigError(
            f"the ledger {path} is in use by another process (it holds {name}): stop that one, or give this one a store of its own"
        ) from error
    return descriptor


def create(path: Path) -> None:
    """Make an empty file that only its owner reads, if there is none. After `lock` only: closing it would drop SQLite's own locks."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigError(f"the ledger cannot be kept at {path}: {error.strerror}") from error


def connect(path: Path, *, busy_s: float) -> sqlite3.Connection:
    """The writer's connection. It may be used by one thread after another, never by two at once."""
    connection = sqlite3.connect(_uri(path, "rw"), uri=True, isolation_level=None, timeout=busy_s, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection for one report: it sees the ledger as of its first query until it is closed."""
    try:
        connection = sqlite3.connect(_uri(path, "ro"), uri=True, isolation_level=None)
        connection.execute("BEGIN")
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger {path} cannot be read: {error}") from error
    return connection


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """One state of a ledger that another process may be writing. Raises ConfigError for a file that is none, or of another version."""
    connection = connect_to_read(path)
    try:
        _check_readable(connection, path)
        yield connection
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger {path} cannot be read: {error}") from error
    finally:
        connection.close()


def _check_readable(connection: sqlite3.Connection, path: Path) -> None:
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


def migrate(connection: sqlite3.Connection, path: Path) -> None:
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
