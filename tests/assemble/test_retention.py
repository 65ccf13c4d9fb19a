"""What is older than `store.retention` goes by itself, in batches that nobody waits for."""

import asyncio
import sqlite3

import pytest
from msgspec.structs import replace
from tests.stores.rows import WALL_MS, WALL_S, request_row

from omnillm.assemble import Program
from omnillm.assemble.retention import BATCH, BATCHES, DISTRUST_S, PAUSE_S, Retention
from omnillm.config.load import parse
from omnillm.errors import LedgerUnavailable
from omnillm.records import Posting, first_id
from omnillm.stores.memory import MemoryStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock

DAY_S = 86_400.0
CONFIG = "providers: {openai: {kind: openai, keys: [{label: a, key: sk-a-0123456789}]}}\n"


class Ledger:
    """A store and its retention; `turn` is one tick and what follows of it."""

    def __init__(self, store, clock: ManualClock, *, retention_s: float = DAY_S) -> None:
        self.store = store
        self.retention = Retention(store, clock, retention_s=retention_s)
        clock.advance(DISTRUST_S)

    async def fill(self, count: int, *, days_ago: int) -> None:
        first = int(first_id(WALL_MS - days_ago * 86_400_000), 16)
        for number in range(count):
            self.store.post(Posting(request=replace(request_row(1, attempts=0, cost=0), request_id=f"{first + number:032x}")))
        await self.store.flush()

    async def turn(self) -> int:
        self.retention.tick()
        task = self.retention._task
        if task is not None:
            await task
        return len(await self.store.requests(limit=5000, before=""))


@pytest.fixture
def clock():
    return ManualClock(wall=WALL_S)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path, clock):
    made = MemoryStore(clock=clock) if request.param == "memory" else SqliteStore(tmp_path / "omnillm.db", clock=clock)
    await made.open()
    yield made
    await made.aclose()


async def test_what_is_old_goes_a_few_batches_a_tick(store, clock):
    """As many as a tick does, then the rest, then nothing until the pause is over."""
    ledger = Ledger(store, clock)
    at_once = BATCH * BATCHES
    await ledger.fill(at_once + 10, days_ago=3)
    await ledger.fill(5, days_ago=0)
    assert [await ledger.turn(), await ledger.turn()] == [15, 5]
    await ledger.fill(7, days_ago=2)
    assert await ledger.turn() == 12
    clock.advance(PAUSE_S)
    assert await ledger.turn() == 5
    clock.advance(2 * DAY_S)
    assert await ledger.turn() == 0
    assert (await store.usage(group_by="total", since_day="", until_day=""))[0].requests == at_once + 22
    assert await store.verify() == []


async def test_one_sweep_at_a_time(store, clock):
    """A tick that comes while one is under way starts none."""
    ledger = Ledger(store, clock)
    ledger.retention.tick()
    task = ledger.retention._task
    ledger.retention.tick()
    assert ledger.retention._task is task
    await task


async def test_a_retention_longer_than_time_itself_keeps_all(store, clock):
    """There is no moment before 1970."""
    ledger = Ledger(store, clock, retention_s=100_000 * DAY_S)
    await ledger.fill(3, days_ago=300)
    assert await ledger.turn() == 3


async def test_a_ledger_that_is_down_is_asked_again_later(tmp_path, clock, caplog):
    """It is no fault of anybody's; the next sweep does it."""
    store = SqliteStore(tmp_path / "omnillm.db", clock=clock)
    await store.open()
    ledger = Ledger(store, clock)
    await ledger.fill(3, days_ago=3)
    store._writer.is_healthy = False
    assert await ledger.turn() == 3
    store._writer.is_healthy = True
    clock.advance(PAUSE_S)
    assert await ledger.turn() == 0
    await store.aclose()


async def test_closing_ends_a_sweep(store, clock):
    """Nothing is left running."""
    ledger = Ledger(store, clock)
    await ledger.fill(3, days_ago=3)
    ledger.retention.tick()
    task = ledger.retention._task
    await ledger.retention.aclose()
    assert task.done()
    await ledger.retention.aclose()


async def test_a_batch_that_fails_is_told_and_the_ledger_heals(tmp_path, clock):
    """Somebody holds the file: whoever asked hears it, rows stay, and the writer goes on when it can."""
    store = SqliteStore(tmp_path / "omnillm.db", clock=clock, busy_s=0.01)
    await store.open()
    ledger = Ledger(store, clock)
    await ledger.fill(3, days_ago=3)
    intruder = sqlite3.connect(tmp_path / "omnillm.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="locked"):
        await store.retire(before_wall_ms=WALL_MS, limit=10)
    intruder.close()
    async with asyncio.timeout(10):
        while not store.is_healthy:
            await asyncio.sleep(0.01)
    assert await store.retire(before_wall_ms=WALL_MS, limit=10) == 3
    await store.aclose()
    with pytest.raises(LedgerUnavailable):
        await store.retire(before_wall_ms=WALL_MS, limit=10)


async def test_a_running_program_forgets_what_its_configuration_says(clock):
    """At its ticks; what it has sold stays in its books."""
    store = MemoryStore(clock=clock)
    program = Program(parse(CONFIG + "store: {url: 'memory://', retention: 30d}\n", {}), clock=clock, store=store)
    await program.start()
    ledger = Ledger(store, clock)
    await ledger.fill(3, days_ago=40)
    await ledger.fill(2, days_ago=20)
    async with asyncio.timeout(10):
        while len(await store.requests(limit=9, before="")) > 2:
            await asyncio.sleep(0.01)
    assert (await store.usage(group_by="total", since_day="", until_day=""))[0].requests == 5
    await program.aclose()


async def test_nothing_goes_by_a_clock_that_leapt_until_it_has_kept_to_it(store, clock, caplog):
    """A machine whose clock is years ahead for a moment has its rows afterwards, its bindings and its idempotency keys that are used up."""
    ledger = Ledger(store, clock)
    await ledger.fill(10, days_ago=0)
    assert await ledger.turn() == 10
    clock.advance(PAUSE_S)
    clock.step_wall(500 * DAY_S)
    assert await ledger.turn() == 10
    assert "the clock has leapt forward" in caplog.text
    clock.advance(DISTRUST_S / 2)
    clock.step_wall(-500 * DAY_S)
    for _ in range(3):
        clock.advance(DISTRUST_S)
        assert await ledger.turn() == 10
    clock.advance(PAUSE_S)
    clock.step_wall(500 * DAY_S)
    assert await ledger.turn() == 10
    clock.advance(DISTRUST_S)
    assert await ledger.turn() == 0


async def test_nothing_goes_by_the_clock_of_a_start_until_it_has_kept_to_it(store, clock):
    """A machine that starts years ahead, and is set right, has its rows afterwards."""
    ledger = Ledger(store, clock)
    await ledger.fill(10, days_ago=0)
    clock.step_wall(500 * DAY_S)
    ledger.retention = Retention(store, clock, retention_s=DAY_S)
    assert await ledger.turn() == 10
    clock.step_wall(-500 * DAY_S)
    clock.advance(DISTRUST_S)
    assert await ledger.turn() == 10


async def test_a_machine_that_slept_deletes_what_has_grown_old(store, clock):
    """Its time has passed, which is no leap."""
    ledger = Ledger(store, clock)
    await ledger.fill(10, days_ago=0)
    assert await ledger.turn() == 10
    clock.advance(2 * DAY_S)
    assert await ledger.turn() == 0
