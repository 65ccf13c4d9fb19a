"""A call that waits for the ledger, when the gateway ends or its client leaves: a SQLite file that somebody else has locked."""

import asyncio
import gc
import sqlite3
import weakref
from collections.abc import AsyncIterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path

import pytest
from tests.journeys.running import until
from tests.stores.rows import entry, request_id

from omnillm.errors import LedgerUnavailable, Unavailable
from omnillm.gateway.journal import Journal
from omnillm.records import EntryKind, Posting
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing import ManualClock

REQUEST_ID = request_id(1)


class Body:
    """Of a call; goes with it."""


def reservation(attempt: int) -> Posting:
    return Posting(entries=(entry(1, EntryKind.RESERVE, attempt=attempt, amount=7),))


@pytest.fixture
async def waiting(tmp_path: Path) -> AsyncIterator[tuple[Journal, asyncio.Task[None]]]:
    """A journal, and the task of a call that waits for its reservation."""
    store = SqliteStore(tmp_path / "ledger.db", clock=ManualClock())
    opened = await store.open()
    journal = Journal(store, epoch=opened.epoch, is_strict=True, allows_outage=False)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(journal.reserve(reservation(1), None))
        await asyncio.sleep(0)
        yield journal, task
        intruder.execute("ROLLBACK")
    await store.aclose()


async def test_who_waits_and_who_comes_after_it_is_told_of_the_end(waiting: tuple[Journal, asyncio.Task[None]]) -> None:
    """The call that waits is not cancelled: it is told, and goes on to give back what it holds. Of the ledger nothing is asked any more."""
    journal, task = waiting
    journal.close()
    with pytest.raises(Unavailable, match="shutting down"):
        await journal.reserve(reservation(1), None)
    with pytest.raises(Unavailable, match="shutting down"):
        await task
    assert not task.cancelling()


@pytest.mark.parametrize("leaves_first", [True, False])
async def test_whose_client_leaves_at_the_end_has_left(waiting: tuple[Journal, asyncio.Task[None]], leaves_first: bool) -> None:
    """Whichever comes first: nobody is there to be told."""
    journal, task = waiting
    if leaves_first:
        task.cancel()
    journal.close()
    if not leaves_first:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_whose_client_leaves_meanwhile_is_freed_at_once(waiting: tuple[Journal, asyncio.Task[None]]) -> None:
    """Without the cycle collector, which looks seldom: its task's error has every frame of the call, with its body."""
    journal, other = waiting
    bodies: list[weakref.ref[Body]] = []

    async def call() -> None:
        body = Body()
        bodies.append(weakref.ref(body))
        await journal.reserve(reservation(2), None)

    async def leave() -> None:
        task = asyncio.create_task(call())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    gc.disable()
    try:
        await leave()
        await asyncio.sleep(0)
        assert [body() for body in bodies] == [None]
    finally:
        gc.enable()
        other.cancel()


@pytest.mark.parametrize("is_strict", [True, False])
@pytest.mark.parametrize("allows_outage", [True, False])
async def test_who_goes_on_without_a_reservation(tmp_path: Path, is_strict: bool, allows_outage: bool) -> None:
    """`strict`: only who may, and only while the ledger is down, also if it went down behind the admission; `relaxed`: everybody."""
    path = tmp_path / "ledger.db"
    store = SqliteStore(path, clock=ManualClock())
    opened = await store.open()
    journal = Journal(store, epoch=opened.epoch, is_strict=is_strict, allows_outage=allows_outage)
    await journal.reserve(reservation(1), None)
    assert [entry.amount_nanousd for entry in await store.entries(REQUEST_ID)] == ([7] if is_strict else [])
    path.rename(tmp_path / "away.db")
    with suppress(LedgerUnavailable):
        await store.flush()
    assert not store.is_healthy
    with nullcontext() if allows_outage or not is_strict else pytest.raises(LedgerUnavailable, match="draws on a budget"):
        await journal.reserve(reservation(2), lambda: reservation(3))
    (tmp_path / "away.db").rename(path)
    await until(lambda: store.is_healthy)
    await store.aclose()
