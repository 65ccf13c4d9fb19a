"""The ledger in PostgreSQL. Its driver is an extra, and is imported only when such a ledger is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from omnillm.clock import Clock
from omnillm.errors import ConfigError
from omnillm.secret import Secret
from omnillm.stores.connection import Connection
from omnillm.stores.sql_store import SqlStore

if TYPE_CHECKING:
    from omnillm.stores.postgres.database import PostgresDatabase


PATIENCE_S: Final = 5.0
"""How long the writer waits for a connection, a statement or the lock before it calls the ledger unavailable."""


class PostgresStore(SqlStore):
    """A `Store` at `url`, postgresql://USER:PASSWORD@HOST:PORT/DATABASE. Raises ConfigError when the extra is missing, or for a bad URL."""

    def __init__(self, url: Secret, *, clock: Clock, durability: str = "strict", patience_s: float = PATIENCE_S) -> None:
        super().__init__(_database(url, patience_s=patience_s), clock=clock, durability=durability)


@contextmanager
def reading(url: Secret) -> Iterator[Connection]:
    """One state of a ledger that another process may be writing. Raises ConfigError for a database without one, or of another version."""
    database = _database(url)
    from omnillm.stores.postgres.schema import check_readable

    with database.reading() as connection:
        check_readable(connection, database.name)
        yield connection


def _database(url: Secret, *, patience_s: float = PATIENCE_S) -> "PostgresDatabase":
    try:
        from omnillm.stores.postgres.database import PostgresDatabase
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise ConfigError(
            "a ledger in PostgreSQL needs the extra omnillm[postgres]: pip install 'omnillm[postgres]'", path="store.url"
        ) from error
    return PostgresDatabase(url, patience_s=patience_s)
