"""What a strict ledger syncs, and what it is worth when the power is cut."""

import asyncio
import sqlite3
from itertools import count
from random import Random

import pytest
from msgspec.structs import replace
from tests.soak import rounds
from tests.stores.claim_suite import claim
from tests.stores.power import WatchedDatabase, copy_without_power
from tests.stores.rows import COST, WALL_S, attempt_row, binding, call, entry, request_id
from tests.stores.sql_suite import until

from omnillm.records import EntryKind, Posting
from omnillm.stores import writer
from omnillm.stores.book import UNSYNCED_S
from omnillm.stores.sql_store import SqlStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock

RESERVED = 9 * COST
CALLS, CALLERS = 60, 3


def reserve(number):
    return Posting(entries=(entry(number, EntryKind.RESERVE, amount=RESERVED),))


def give_back(number):
    return Posting(entries=(entry(number, EntryKind.VOID, amount=0),))


@pytest.fixture(autouse=True)
def _nobody_rests(monkeypatch):
    """The log is moved into the database when a test says so, not when the machine was slow for a second."""
    monkeypatch.setattr(writer, "IDLE_S", 60.0)


def make(tmp_path, *, durability="strict", **options):
    database = WatchedDatabase(tmp_path / "omnillm.db", **options)
    return SqlStore(database, clock=ManualClock(wall=WALL_S), durability=durability), database


async def written(store, *postings):
    """Each in a commit of its own, that nobody waits for."""
    for posting in postings:
        before = store.commits
        store.post(posting)
        await until(lambda before=before: store.commits > before)


def settlements(path):
    """Request id -> what it was charged, and whether that is an estimate."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT request_id, amount_nanousd, is_estimated FROM entries WHERE kind = 1").fetchall()
    connection.close()
    return {request: (amount, bool(is_estimated)) for request, amount, is_estimated in found}


async def restarted(path):
    """What was charged after the next start, the books proven."""
    store = SqliteStore(path, clock=ManualClock(wall=WALL_S))
    [*balances] = (await store.open()).balances
    assert await store.verify() == []
    await store.aclose()
    charged = settlements(path)
    assert sum(balance.settled_nanousd for balance in balances) == sum(amount for amount, _ in charged.values())
    return charged


@pytest.mark.parametrize("ledger", range(rounds(1)))
async def test_power_cut_takes_no_acknowledged_reservation(tmp_path, ledger):
    """At any commit, wherever the log then ends: who was told is charged what it cost, or all that it reserved; flushed is flushed."""
    dice, numbers, told, posted, flushed, images = Random(ledger), count(), [], [], [], []

    def take_an_image():
        if dice.random() < 1 / 3:
            known = (tuple(told), tuple(flushed))
            images.append((copy_without_power(database, tmp_path / f"image-{len(images)}", dice), *known))

    async def caller(moods):
        while (number := next(numbers)) < CALLS:
            await store.post_durably(reserve(number))
            told.append(number)
            for _ in range(moods.choice((0, 0, 50, 500))):
                await asyncio.sleep(0)
            store.post(call(number))
            posted.append(number)
            if moods.random() < 0.1:
                behind = tuple(posted)
                await store.flush()
                flushed.extend(behind)

    store, database = make(tmp_path, on_commit=take_an_image)
    await store.open()
    await asyncio.gather(*(caller(Random(f"{ledger} {number}")) for number in range(CALLERS)))
    await store.flush()
    await store.post_durably(reserve(CALLS))
    await written(store, call(CALLS))
    last = copy_without_power(database, tmp_path / "last")
    await store.aclose()
    for path, known, kept in [*images, (last, (*posted, CALLS), tuple(posted))]:
        charged = await restarted(path)
        assert {charged[request_id(number)] for number in known} <= {(COST, False), (RESERVED, True)}
        assert {charged[request_id(number)] for number in kept} <= {(COST, False)}
    assert charged[request_id(CALLS)] == (RESERVED, True)


async def test_unloaded_call_is_synced_once(tmp_path):
    """Its reservation is; the settlement behind it goes to disk with the next call's reservation."""
    store, database = make(tmp_path)
    await store.open()
    database.commits.clear()
    for number in range(5):
        await store.post_durably(reserve(number))
        await written(store, call(number))
    assert database.commits == [True, False] * 5
    await store.post_durably(reserve(9))
    image = copy_without_power(database, tmp_path / "image")
    await store.aclose()
    assert [(await restarted(image))[request_id(number)] for number in range(5)] == [(COST, False)] * 5


@pytest.mark.parametrize(
    ("posting", "is_synced"),
    [
        (call(1), False),
        (give_back(1), False),
        (replace(call(1), entries=(*call(1).entries, *give_back(2).entries)), False),
        (reserve(2), True),
        (Posting(entries=(entry(1, EntryKind.ADJUST, amount=-1),)), True),
        (replace(call(1), entries=()), True),
        (Posting(attempts=(attempt_row(1),)), True),
        (replace(call(1), bindings=(binding("resp_1"),)), True),
        (replace(call(1), claims=(claim("a"),)), True),
    ],
    ids=["settlement", "void", "both", "reservation", "adjustment", "no_reservation", "attempt", "binding", "claim"],
)
@pytest.mark.parametrize("durability", ["strict", "relaxed"])
async def test_only_what_a_reservation_stands_for_is_not_synced(tmp_path, posting, is_synced, durability):
    """Strict, and written behind: what a power cut would take for good is synced. Relaxed: nothing that nobody waits for."""
    store, database = make(tmp_path, durability=durability)
    await store.open()
    await store.post_durably(reserve(1))
    await written(store, posting)
    assert database.commits[-1] is (is_synced and durability == "strict")
    await store.flush()
    assert database.commits[-1]
    await store.aclose()


@pytest.mark.parametrize("durability", ["strict", "relaxed"])
async def test_sync_is_overdue_half_a_second_after_the_first_commit_without_one(tmp_path, durability):
    """Where settlements come one after the other and no reservation between them."""
    database = WatchedDatabase(tmp_path / "omnillm.db")
    clock = ManualClock(wall=WALL_S)
    store = SqlStore(database, clock=clock, durability=durability)
    await store.open()
    await asyncio.gather(*(store.post_durably(reserve(number)) for number in range(6)))
    database.commits.clear()
    for number in range(6):
        await written(store, call(number))
        clock.advance(UNSYNCED_S / 2)
    assert database.commits == [False, False, True, False, False, True]
    await store.aclose()


async def test_sweep_of_the_retention_begins_with_a_sync_of_what_has_none(tmp_path):
    """What may have to be written again must not be deleted before; it needs no sync for itself."""
    database = WatchedDatabase(tmp_path / "omnillm.db")
    clock = ManualClock(wall=WALL_S)
    store = SqlStore(database, clock=clock, durability="strict")
    await store.open()
    await store.post_durably(reserve(1))
    database.commits.clear()
    await written(store, call(1))
    for _ in range(4):
        clock.advance(UNSYNCED_S / 2)
        await store.retire(before_wall_ms=0, limit=10)
    assert database.commits == [False, True, False, False, False, False]
    await store.aclose()


async def test_idle_ledger_is_on_disk(tmp_path, monkeypatch):
    """All of it has then moved from the log into the database, and the log may be lost."""
    store, database = make(tmp_path)
    await store.open()
    await store.post_durably(reserve(1))
    await written(store, call(1))
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    await written(store, give_back(2))
    await until(lambda: True in database.rests)
    image = copy_without_power(database, tmp_path / "image")
    image.with_name("omnillm.db-wal").unlink()
    assert await restarted(image) == {request_id(1): (COST, False)}
    await store.aclose()


async def test_idle_ledger_is_on_disk_while_somebody_reads_it(tmp_path, monkeypatch):
    """A long report keeps the log from being moved whole; then it is synced where it is, once."""
    store, database = make(tmp_path)
    await store.open()
    await store.post_durably(reserve(1))
    with database.reading() as reader:
        reader.execute("SELECT count(*) FROM entries").fetchone()
        database.commits.clear()
        await written(store, call(1))
        monkeypatch.setattr(writer, "IDLE_S", 0.01)
        await written(store, give_back(2))
        await until(lambda: len(database.rests) > 3)
        assert database.commits == [False, False, True]
        image = copy_without_power(database, tmp_path / "image")
    assert await restarted(image) == {request_id(1): (COST, False)}
    await store.aclose()
