"""The tables of a ledger in PostgreSQL, and the lock that says which process may write them."""

import secrets
from typing import Final

import asyncpg

from omnillm.errors import ConfigError, LedgerUnavailable
from omnillm.stores import pepper
from omnillm.stores.migrations import scripts
from omnillm.stores.postgres.connection import PostgresConnection
from omnillm.stores.store import InUse

LOCK_CLASS: Final = 0x6F6D6E69
"""Of the advisory lock ("omni"); its object is the schema, so that each schema of a database can hold a ledger."""
HOLDER: Final = f"""SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = {LOCK_CLASS} AND granted
    AND objid = hashtext(current_schema())::oid AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
SESSION: Final = "SELECT pid, CAST(backend_start AS text) FROM pg_stat_activity WHERE pid = pg_backend_pid()"
END_SESSION: Final = f"""SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ? AND CAST(backend_start AS text) = ?
    AND pid IN ({HOLDER})"""

Session = tuple[int, str]
"""A backend's process id, and when it began: a server that was started anew gives the same ids out again."""
STEP_S: Final = 600.0
"""The longest that a step of an upgrade may take."""
VERSION_TABLE: Final = "SELECT to_regclass(quote_ident(current_schema()) || '.ledger_schema') IS NOT NULL"


def lock(connection: PostgresConnection, name: str, *, patience_s: float) -> None:
    """For as long as this connection lives. A killed process's session ends within moments, which are waited for. Raises ConfigError."""
    [(schema, encoding)] = connection.execute("SELECT current_schema(), current_setting('server_encoding')").fetchall()
    if schema is None:
        raise ConfigError(f"the search path of {name} names no schema that exists: create it", path="store.url")
    if encoding != "UTF8":
        raise ConfigError(f"{name} has the encoding {encoding}: give the ledger a database with the encoding UTF8", path="store.url")
    try:
        connection.script(
            f"SET lock_timeout = {int(patience_s * 500)}; SELECT pg_advisory_lock({LOCK_CLASS}, hashtext(current_schema())); "
            "SET lock_timeout = 0"
        )
    except asyncpg.LockNotAvailableError as error:
        holders = ", ".join(str(pid) for (pid,) in connection.execute(HOLDER))
        raise InUse(
            f"the ledger {name} is in use by another process (PostgreSQL's session {holders}): stop that one, or give this one a "
            f"database or a schema of its own; workers that share limits and a ledger share one `omnillm serve`; if its machine is gone, "
            f"SELECT pg_terminate_backend({holders or 'PID'})",
            path="store.url",
        ) from error


def session_of(connection: PostgresConnection) -> Session:
    [(number, began)] = connection.execute(SESSION).fetchall()
    return number, began


def end_session(connection: PostgresConnection, session: Session) -> None:
    """End this process's own last session, if it still holds the lock: the server may not have noticed yet that its client is gone."""
    connection.execute(END_SESSION, session)


def migrate(connection: PostgresConnection, name: str, *, patience_s: float) -> None:
    """Bring the tables up to date, one transaction a step. Raises ConfigError for a ledger that is newer than this program.

    `patience_s`: for whoever reads the tables meanwhile; what a step has to do may take longer.
    """
    known, version = scripts("postgres"), _version(connection)
    if version > len(known):
        raise ConfigError(
            f"the ledger {name} has schema {version}, this omnillm knows {len(known)}: it was written by a newer one", path="store.url"
        )
    begin = f"BEGIN; SET LOCAL lock_timeout = {int(patience_s * 1000)};"
    for number in range(version + 1, len(known) + 1):
        try:
            connection.script(f"{begin} {known[number - 1]} UPDATE ledger_schema SET version = {number}; COMMIT", patience_s=STEP_S)
        except asyncpg.LockNotAvailableError as error:
            raise LedgerUnavailable(
                f"the ledger {name} cannot be brought up to date: another session (a pg_dump?) holds a lock on its tables"
            ) from error
    keep = "INSERT INTO pepper (pepper) SELECT CAST(? AS text) WHERE NOT EXISTS (SELECT 1 FROM pepper)"
    connection.execute(keep, (secrets.token_hex(pepper.BYTES),))


def check_readable(connection: PostgresConnection, name: str) -> None:
    """Raises ConfigError for a database without a ledger, or with one of another version."""
    known, version = len(scripts("postgres")), _version(connection)
    if not version:
        raise ConfigError(f"{name} holds no ledger of omnillm: the first start of the gateway makes it", path="store.url")
    if version != known:
        remedy = "the next start of the gateway brings it up to date" if version < known else "it was written by a newer one"
        raise ConfigError(f"the ledger {name} has schema {version}, this omnillm reads {known}: {remedy}", path="store.url")


def _version(connection: PostgresConnection) -> int:
    [(is_there,)] = connection.execute(VERSION_TABLE).fetchall()
    return max(version for (version,) in connection.execute("SELECT version FROM ledger_schema")) if is_there else 0
