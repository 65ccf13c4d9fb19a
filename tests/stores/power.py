"""A file whose power is cut: of what was written since its last sync, only the beginning may still be there.

A write-ahead log is read up to the first frame whose checksum, which goes over all before it, is wrong. So a log that lost any of its
frames is worth what a shorter one is, and a log cut anywhere behind the last sync is every log that a power cut can leave.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from omnillm.stores.sqlite.database import SqliteConnection, SqliteDatabase

FULL = 2
"""`PRAGMA synchronous`: SQLite syncs the log at the end of a commit."""


class WatchedDatabase(SqliteDatabase):
    """Asks SQLite after each commit whether that was synced, and remembers how long the log was then."""

    def __init__(self, path: Path, *, on_commit: Callable[[], None] = lambda: None) -> None:
        super().__init__(path)
        self.path = path
        self.log = path.with_name(f"{path.name}-wal")
        self.commits: list[bool] = []
        """Of each: whether it was synced."""
        self.rests: list[bool] = []
        """Of each: whether all was then on disk."""
        self.synced_bytes = 0
        """Of the log, as long as that was not moved into the database."""
        self._on_commit = on_commit

    @contextmanager
    def transaction(self, *, epoch: int, is_synced: bool) -> Iterator[SqliteConnection]:
        with super().transaction(epoch=epoch, is_synced=is_synced) as connection:
            yield connection
        was_synced = connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
        if was_synced:
            self.synced_bytes = self.log.stat().st_size
        self.commits.append(was_synced)
        self._on_commit()

    def rest(self) -> bool:
        self.rests.append(super().rest())
        return self.rests[-1]


def copy_without_power(database: WatchedDatabase, place: Path, dice: Random | None = None) -> Path:
    """The ledger as a power cut at this moment leaves it. Without dice: with nothing that was not synced."""
    place.mkdir()
    path = place / database.path.name
    for suffix in ("", ".pepper"):
        if (source := database.path.with_name(database.path.name + suffix)).exists():
            shutil.copy(source, path.with_name(path.name + suffix))
    log = database.log.read_bytes()
    kept = database.synced_bytes if dice is None else dice.randint(database.synced_bytes, len(log))
    torn = b"" if dice is None else dice.randbytes(dice.randint(0, len(log) - kept))
    path.with_name(f"{path.name}-wal").write_bytes(log[:kept] + torn)
    return path
