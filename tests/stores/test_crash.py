"""What a ledger is worth when its process is killed, its disk is full, or its program forgets to close it."""

import asyncio
import subprocess
import sys
from contextlib import suppress
from itertools import count
from random import Random

import pytest
from msgspec.structs import replace
from tests.forks import FORKS
from tests.postgres import Postgres
from tests.soak import FACTOR, rounds
from tests.stores import posting_process
from tests.stores.failing_sync import CAN_FAIL
from tests.stores.posting_process import open_store
from tests.stores.sql_suite import fold_soon, until
from tests.stores.store_suite import COST, WALL_S, balances, call, entry, request_id, usage

from omnillm.errors import LedgerUnavailable
from omnillm.records import EntryKind, Posting
from omnillm.stores import reports, writer
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock

LEDGERS, KILLS = 10, 20
KILLS_OF_A_SCHEMA = 5 if FACTOR == 1 else 40
CRASHES = 1 if FACTOR == 1 else 5
"""Of one server."""


def start(*arguments):
    return subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run(program):
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def acknowledged_until_killed(place, first, acknowledgements):
    ours, theirs = FORKS.Pipe(duplex=False)
    with ours:
        process = FORKS.Process(target=posting_process.keep_until_killed, args=(place, first, theirs))
        process.start()
        theirs.close()
        told = [ours.recv_bytes().decode() for _ in range(acknowledgements)]
        process.kill()
        process.join()
        with suppress(EOFError, OSError):  # the last one may be torn by the kill
            while True:
                told.append(ours.recv_bytes().decode())
    process.close()
    return told


async def check_closed_once(store, told):
    """Each was reserved and settled. Read in one go: a thread's turn for each would cost more than everything else here."""
    kept = await store._read(lambda db: [reports.entries(db, one) for one in told])
    assert [[found.kind for found in entries] for entries in kept] == [[EntryKind.RESERVE, EntryKind.SETTLE]] * len(told)


async def survive_kills(place, dice, kills):
    """After each kill: every acknowledged reservation is there and closed once, and the books agree."""
    for kill in range(kills):
        told = acknowledged_until_killed(place, kill * 100_000, dice.randrange(1, 40))
        store = open_store(place)
        opened = await store.open()
        assert opened.epoch == 2 * kill + 2
        assert await store.verify() == []
        await check_closed_once(store, told)
        total = (await usage(store, "total"))["total"]
        assert sum(balance.settled_nanousd for balance in opened.balances) == total.cost_nanousd == total.requests * COST
        await store.aclose()


@pytest.mark.parametrize("ledger", range(max(LEDGERS, rounds(2))))
async def test_acknowledged_reservation_survives_a_kill_at_any_moment(tmp_path, ledger):
    """200 kills in every run, 2,000 in `make soak`, of a process that keeps a file."""
    await survive_kills(tmp_path / "omnillm.db", Random(ledger), KILLS)


@pytest.mark.parametrize("ledger", range(rounds(1)))
async def test_acknowledged_reservation_in_postgres_survives_a_kill_at_any_moment(postgres, ledger):
    """5 kills in every run, 2,000 in `make soak`, of a process that keeps a schema: its session ends with it, and its run by the next one."""
    url = postgres.url(postgres.schema())
    await survive_kills(url.reveal(), Random(ledger), KILLS_OF_A_SCHEMA)


async def crash_behind_a_settlement(postgres, store, epoch, number):
    """At once after a commit that was not synced: the server forgets it, and is there again."""
    await store.post_durably(Posting(entries=(replace(entry(number, EntryKind.RESERVE), epoch=epoch),)))
    before = store.commits
    store.post(call(number))
    await until(lambda: store.commits > before)
    await asyncio.to_thread(postgres.crash)
    await asyncio.to_thread(postgres.start_again)


@pytest.mark.parametrize("server", range(min(FACTOR, CRASHES)))
async def test_acknowledged_reservation_survives_a_crash_of_the_server(testrun_uid, server, monkeypatch):
    """PostgreSQL is gone in the middle of it and comes back: the gateway's process goes on by itself, and nothing is lost or booked twice."""
    fold_soon(monkeypatch)
    postgres = Postgres(f"{testrun_uid}-own-{server}")
    store = open_store(postgres.url(postgres.schema()).reveal())
    epoch = (await store.open()).epoch
    told, numbers = [], count()

    async def call_after_call(enough):
        while len(told) < enough:
            number = next(numbers)
            with suppress(LedgerUnavailable):
                await store.post_durably(Posting(entries=(replace(entry(number, EntryKind.RESERVE), epoch=epoch),)))
                told.append(number)
                store.post(posting_process.crowded_call(number))
            if not store.is_healthy:
                await asyncio.sleep(0.01)

    for _ in range(CRASHES):
        commits = store.commits
        await crash_behind_a_settlement(postgres, store, epoch, number := next(numbers))
        await until(lambda commits=commits: store.commits > commits + 2)  # who has written it knows, and writes it again
        told.append(number)
        known = len(told)
        callers = [asyncio.create_task(call_after_call(known + 200)) for _ in range(8)]
        await until(lambda known=known: len(told) >= known + 50)
        await asyncio.to_thread(postgres.crash)
        await until(lambda: not store.is_healthy)
        await asyncio.to_thread(postgres.start_again)
        await asyncio.gather(*callers)
        await store.flush()
    monkeypatch.setattr(writer, "IDLE_S", 60.0)
    await store.flush()
    await crash_behind_a_settlement(postgres, store, epoch, number := next(numbers))
    told.append(number)
    await store.aclose()  # before the writer has looked: the run's end meets it first
    await store.open()
    assert await store.verify() == []
    await check_closed_once(store, [request_id(number) for number in told])
    assert await balances(store) == {("team", "2026-11"): len(told) * COST}
    await store.aclose()
    postgres.close()


@pytest.mark.parametrize(
    "most_bytes",
    [
        pytest.param(250_000, id="full"),
        pytest.param(0, id="no sync", marks=pytest.mark.skipif(not CAN_FAIL, reason="the system's calls can be filtered on Linux only")),
    ],
)
async def test_disk_that_fails_refuses_what_is_durable_and_keeps_the_rest(tmp_path, most_bytes):
    """Full, or with an error at each sync: nothing acknowledged is lost, nothing refused is booked, and once it is well the ledger goes on by itself."""
    path = tmp_path / "omnillm.db"
    with start("-m", posting_process.__name__, str(path), str(most_bytes)) as process:
        told = []
        for line in process.stdout:
            if line == "refused\n":
                break
            told.append(line.strip())
        process.stdin.write("go on\n")
        process.stdin.flush()
        told += process.stdout.read().split()
    assert process.returncode == 0
    assert len(told) > 5
    store = SqliteStore(path, clock=ManualClock(wall=WALL_S))
    await store.open()
    assert [row.request_id for row in await store.requests(limit=10_000, before="")] == sorted(told, reverse=True)
    for number in range(len(told) + 5):
        kinds = [found.kind for found in await store.entries(request_id(number))]
        assert (EntryKind.SETTLE in kinds) == (request_id(number) in told)
        assert EntryKind.RESERVE not in kinds or len(kinds) == 2, "what was refused and written all the same is given back"
    assert await balances(store) == {("team", "2026-11"): len(told) * COST}
    assert await store.verify() == []
    await store.aclose()


async def test_program_that_forgets_to_close_its_store_ends_and_loses_nothing(tmp_path):
    """The thread writes what is queued once the main thread is gone; the next run ends the epoch."""
    path = tmp_path / "omnillm.db"
    program = f"""
import asyncio
from pathlib import Path
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing.clock import ManualClock
from tests.stores.store_suite import call

async def main():
    store = SqliteStore(Path({str(path)!r}), clock=ManualClock())
    await store.open()
    for number in range(3_000):
        store.post(call(number))

asyncio.run(main())
"""
    run(program)
    store = SqliteStore(path, clock=ManualClock(wall=WALL_S))
    assert (await store.open()).epoch == 2
    assert len(await store.requests(limit=10_000, before="")) == 3_000
    assert (await store.requests(limit=1, before=""))[0].request_id == request_id(2_999)
    await store.aclose()
