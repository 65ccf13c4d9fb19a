"""A ledger in a database: written by one thread (`writer.py`), read through short-lived read-only connections."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from omnillm.clock import Clock
from omnillm.errors import LedgerUnavailable
from omnillm.records import EVERY_REQUEST, AttemptRow, Binding, ClaimRow, Entry, Posting, RequestFilter, RequestRow, UsageRow, first_id
from omnillm.stores import claims, reports, verification
from omnillm.stores.book import Book
from omnillm.stores.connection import Connection, Database
from omnillm.stores.grouping import Grouping
from omnillm.stores.store import Opened
from omnillm.stores.virtual_keys import SqlVirtualKeys
from omnillm.stores.writer import Writer

Found = TypeVar("Found")
REPORTS: Final = 2
"""At a time. One may read the whole ledger, and a core is busy with it."""


class SqlStore:
    """A `Store` in `database`.

    `durability` "strict": every commit is synced to disk, except one that nobody waits for and that only closes reservations. "relaxed":
    only commits that somebody waits for. The others are synced with the next one that is, or within about a second. A kill loses at most
    the last postings that nobody waited for; a power cut also those of the last second that were not synced.
    """

    def __init__(self, database: Database, *, clock: Clock, durability: str) -> None:
        self._database = database
        self._clock = clock
        self._book = Book(database, is_strict=durability == "strict")
        self._writer: Writer | None = None
        self._silence = ""
        """Why the last report got no answer; "": it got one."""
        self._trial = threading.Lock()
        self._reporters = _reporters()
        self.virtual_keys = SqlVirtualKeys(database.pepper, self.post_durably, self._read)

    @property
    def is_healthy(self) -> bool:
        return self._writer is not None and self._writer.is_healthy

    @property
    def is_taken_over(self) -> bool:
        return self._writer is not None and self._writer.is_taken_over

    @property
    def dropped(self) -> int:
        """Postings lost for good: the queue overflowed, the store closed on a dead disk, or the database could not hold a row."""
        return self._running().dropped

    @property
    def commits(self) -> int:
        return self._running().commits

    async def open(self) -> Opened:
        opened = await asyncio.to_thread(self._book.open, self._wall_ms())
        self._writer = Writer(self._book, asyncio.get_running_loop(), self._clock)
        return opened

    @property
    def post(self) -> Callable[[Posting], None]:
        """The writer's own: a call's end goes to it directly."""
        return self._running().post

    async def post_durably(self, posting: Posting) -> None:
        await self._running().post_durably(posting)

    async def flush(self) -> None:
        await self._running().post_durably(Posting())

    async def aclose(self) -> None:
        writer = self._writer
        if writer is not None and not writer.is_closing:
            self._reporters.shutdown(wait=False)
            self._reporters = _reporters()
            await asyncio.to_thread(self._close, writer)

    def _close(self, writer: Writer) -> None:
        writer.close()
        if writer.failure is not None:  # it has just been tried, and whoever ends the process waits
            self._book.release()
            raise writer.failure
        self._book.close(self._wall_ms())

    def _running(self) -> Writer:
        if self._writer is None:
            raise LedgerUnavailable("the ledger is not open")
        return self._writer

    def _wall_ms(self) -> int:
        return int(self._clock.wall() * 1000)

    async def usage(self, *, group_by: str, since_day: str, until_day: str) -> list[UsageRow]:
        Grouping.parse(group_by)
        return await self._sum_up(lambda db: reports.usage(db, group_by=group_by, since_day=since_day, until_day=until_day))

    async def requests(self, *, limit: int, before: str, only: RequestFilter = EVERY_REQUEST) -> list[RequestRow]:
        return await self._sum_up(lambda db: reports.requests(db, limit=limit, before=before, only=only))

    async def request(self, request_id: str) -> RequestRow | None:
        return await self._read(lambda db: reports.request(db, request_id))

    async def attempts(self, request_id: str) -> list[AttemptRow]:
        return await self._read(lambda db: reports.attempts(db, request_id))

    async def entries(self, request_id: str) -> list[Entry]:
        return await self._read(lambda db: reports.entries(db, request_id))

    async def bindings(self, kind: str, upstream_ids: Sequence[str]) -> list[Binding]:
        found = await self._read(lambda db: reports.bindings(db, kind, upstream_ids))
        return [each for each in found if each.expires_wall_ms > self._wall_ms()]

    async def open_bills(self, *, since_wall_ms: int) -> list[Binding]:
        return await self._sum_up(lambda db: reports.open_bills(db, since_wall_ms=since_wall_ms))

    async def claim(self, scope: str) -> ClaimRow | None:
        return await self._read(lambda db: claims.find(db, scope, self._wall_ms()))

    async def verify(self) -> list[str]:
        return await self._sum_up(verification.problems)

    async def retire(self, *, before_wall_ms: int, limit: int) -> int:
        before, wall_ms = first_id(before_wall_ms), self._wall_ms()
        return await self._running().do_between(lambda: self._book.retire(before=before, wall_ms=wall_ms, limit=limit))

    async def _sum_up(self, report: Callable[[Connection], Found]) -> Found:
        """Read what may take minutes. Calls, which look up whose an id is, do not stand in line behind it."""
        return await asyncio.get_running_loop().run_in_executor(self._reporters, self._report, report)

    async def _read(self, report: Callable[[Connection], Found]) -> Found:
        return await asyncio.to_thread(self._report, report, is_report=False)

    def _report(self, report: Callable[[Connection], Found], *, is_report: bool = True) -> Found:
        """While the database answers neither reports nor the writer, only one report at a time waits for it."""
        is_trial = bool(self._silence) and not self.is_healthy
        if is_trial and not self._trial.acquire(blocking=False):
            raise LedgerUnavailable(self._silence, retry_after_s=1.0)
        try:
            with self._database.reading(is_report=is_report) as connection:
                found = report(connection)
        except LedgerUnavailable as error:
            self._silence = error.message
            raise
        else:
            self._silence = ""
            return found
        finally:
            if is_trial:
                self._trial.release()


def _reporters() -> ThreadPoolExecutor:
    """Without a thread until something is asked."""
    return ThreadPoolExecutor(REPORTS, thread_name_prefix="omnillm-report")
