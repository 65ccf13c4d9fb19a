"""The ledger in one SQLite file."""

from pathlib import Path

from omnillm.clock import Clock
from omnillm.stores.sql_store import SqlStore
from omnillm.stores.sqlite.database import BUSY_S, SqliteDatabase


class SqliteStore(SqlStore):
    """A `Store` at `path`."""

    def __init__(self, path: Path, *, clock: Clock, durability: str = "strict", busy_s: float = BUSY_S) -> None:
        super().__init__(SqliteDatabase(path, busy_s=busy_s), clock=clock, durability=durability)
