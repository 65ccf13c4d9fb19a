"""The store in SQLite: the shared suite, and what a file, a thread and a lock add to it."""

import _sqlite3
import asyncio
import ctypes
import errno
import fcntl
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.stores.power import WatchedDatabase
from tests.stores.sql_suite import MEDIA, MEDIA_COLUMNS, WITHOUT_LATER_STEPS, SqlSuite, media_call, of_caller, until
from tests.stores.store_suite import COST, WALL_MS, WALL_S, StoreSuite, call, entry, post_all, request_id, usage
from tests.stores.virtual_key_suite import virtual_key

from omnillm.errors import ConfigError, LedgerUnavailable
from omnillm.records import EntryKind, Posting
from omnillm.stores import reports, writer
from omnillm.stores.book import Book
from omnillm.stores.connection import CommitUnknown
from omnillm.stores.reports import entries
from omnillm.stores.sqlite.database import SqliteDatabase, check_version, reading
from omnillm.stores.sqlite.file_lock import lock
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.stores.verification import problems
from omnillm.testing.clock import ManualClock


def make(path, **options):
    return SqliteStore(path / "omnillm.db", clock=ManualClock(wall=WALL_S), **options)


@pytest.fixture(params=["strict", "relaxed"])
async def store(tmp_path, request):
    store = make(tmp_path, durability=request.param)
    yield store
    await store.aclose()


class TestSqliteStore(StoreSuite, SqlSuite):
    """Passes the shared suite, in both durabilities."""


async def test_second_process_is_kept_out(store, tmp_path):
    """The error names the file; the first one goes on, and its end lets another in."""
    await store.open()
    with pytest.raises(ConfigError, match=r"omnillm\.db is in use by another process"):
        await make(tmp_path).open()
    await store.post_durably(call(1))
    await store.aclose()
    other = make(tmp_path)
    assert (await other.open()).epoch == 2
    await other.aclose()


async def test_processes_that_were_forked_meanwhile_do_not_keep_the_ledger(store, tmp_path):
    """They have the lock's descriptor, too, and a pool's workers live longer than a gateway: its close gives the lock back all the same."""
    await store.open()
    inherited = os.dup(store._database._lock)  # what a fork leaves in the child: the same open file
    await store.aclose()
    other = make(tmp_path)
    assert (await other.open()).epoch == 2
    await other.aclose()
    os.close(inherited)


async def test_file_is_its_owners_alone(store, tmp_path):
    """Nobody else reads who asked what and when."""
    await store.open()
    await store.post_durably(call(1))
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


async def test_missing_directory_is_a_configuration_error(tmp_path):
    """The message names the place and the reason."""
    with pytest.raises(ConfigError, match=r"nowhere/omnillm\.db: No such file or directory"):
        await make(tmp_path / "nowhere").open()


async def test_folder_in_the_place_of_the_ledger_is_a_configuration_error(tmp_path):
    """`store.url` names the folder where a file was meant, say."""
    (tmp_path / "omnillm.db").mkdir()
    with pytest.raises(ConfigError, match=r"cannot be kept at .*omnillm\.db: Is a directory"):
        await make(tmp_path).open()


async def test_ledger_that_somebody_holds_is_opened_when_they_are_done(tmp_path):
    """A backup or a shell at the start of the gateway: it can stand by for it, and nothing is left locked by the try."""
    store = make(tmp_path, busy_s=0.01)
    await store.open()
    await store.aclose()
    intruder = sqlite3.connect(tmp_path / "omnillm.db", isolation_level=None)
    intruder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerUnavailable, match=r"omnillm\.db cannot be .*: database is locked"):
        await store.open()
    intruder.execute("ROLLBACK")
    intruder.close()
    assert (await store.open()).epoch == 2
    await store.aclose()


async def test_newer_schema_is_refused(store, tmp_path):
    """An old program must not write a ledger that it does not understand; the lock is given back."""
    await store.open()
    await store.aclose()
    with sqlite3.connect(tmp_path / "omnillm.db") as db:
        db.execute("PRAGMA user_version = 12")
    db.close()
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"has schema 12, this omnillm knows 11"):
            await store.open()


async def test_foreign_database_is_refused(tmp_path):
    """A database of another program is not touched."""
    with sqlite3.connect(tmp_path / "omnillm.db") as db:
        db.execute("CREATE TABLE songs (title TEXT)")
    db.close()
    with pytest.raises(ConfigError, match=r"is a database of another program"):
        await make(tmp_path).open()


async def test_damaged_file_is_refused(tmp_path):
    """Garbage is told as damage, with what to do."""
    (tmp_path / "omnillm.db").write_bytes(b"no database at all, " * 500)
    with pytest.raises(ConfigError, match=r"is damaged .*restore a backup"):
        await make(tmp_path).open()


async def test_refused_file_is_let_go(tmp_path):
    """At once, not when the error is forgotten: a file that is still open can hold a disk, and a lock."""
    (tmp_path / "omnillm.db").write_bytes(b"no database at all, " * 500)
    with pytest.raises(ConfigError) as refused:
        await make(tmp_path).open()
    held = [path for path in map(os.path.realpath, Path("/proc/self/fd").iterdir()) if path.startswith(str(tmp_path))]
    assert not held, refused.value


def test_sqlite_that_is_too_old_is_named():
    """With both versions and a way out; the one in use here is none."""
    with pytest.raises(
        ConfigError, match=r"needs SQLite 3\.38\.0 or newer, and this Python has 3\.37\.2: take another Python, or PostgreSQL"
    ):
        check_version((3, 37, 2))
    check_version((3, 38, 0))
    check_version(sqlite3.sqlite_version_info)


async def test_balances_that_were_tampered_with_are_found(store, tmp_path):
    """The replay of the entries proves the balance, and the rows the usage report."""
    await store.open()
    await store.post_durably(call(1))
    await store.aclose()
    with sqlite3.connect(tmp_path / "omnillm.db") as db:
        db.execute("UPDATE balances SET settled_nanousd = 1")
        db.execute("UPDATE unfolded SET lines = replace(lines, ?, ?)", (f",{COST},", ",1,"))
    db.close()
    await store.open()
    assert await store.verify() == [
        f"budget 'team' in period '2026-11': the balance says 1 nano-USD, its entries {COST}",
        "usage of 2026-11-25, caller 'team-a', model 'fast', key openai/prod-1: the daily sums are not those of the rows",
    ]


async def test_reservation_of_a_run_that_never_closed_is_settled_when_the_next_one_opens(tmp_path):
    """A process that was killed is fenced off: its epoch ends, its reservations are spent."""
    store = make(tmp_path)
    await store.open()
    await store.post_durably(Posting(entries=(entry(1, EntryKind.RESERVE, amount=900),)))
    await store.aclose()
    with sqlite3.connect(tmp_path / "omnillm.db") as db:
        db.executescript("""UPDATE epochs SET ended_wall_ms = NULL; DELETE FROM entries WHERE kind = 1; DELETE FROM balances;
            DELETE FROM unfolded; DELETE FROM requests; DELETE FROM attempts;""")
    db.close()
    opened = await store.open()
    assert [(found.budget, found.settled_nanousd) for found in opened.balances] == [("team", 900)]
    settle = (await store.entries(request_id(1)))[-1]
    assert (settle.kind, settle.epoch, settle.wall_ms, settle.is_estimated) == (EntryKind.SETTLE, opened.epoch, WALL_MS, True)
    assert await store.verify() == []
    await store.aclose()


async def test_locked_file_refuses_waiters_keeps_the_rest_and_heals(tmp_path):
    """While somebody else holds the file, durable postings fail at once, others wait; afterwards nothing is missing."""
    store = make(tmp_path, busy_s=0.01)
    await store.open()
    await store.post_durably(call(1))
    intruder = sqlite3.connect(tmp_path / "omnillm.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    store.post(call(2))
    with pytest.raises(LedgerUnavailable, match="cannot be written: database is locked"):
        await store.post_durably(call(3))
    assert not store.is_healthy
    with pytest.raises(LedgerUnavailable):
        store.post_durably(call(3)).send(None)  # without waiting
    store.post(call(4))
    assert (await usage(store, "total"))["total"].requests == 1
    intruder.execute("ROLLBACK")
    intruder.close()
    await until(lambda: store.is_healthy)
    await store.flush()
    assert [row.request_id for row in await store.requests(limit=9, before="")] == [request_id(number) for number in (4, 2, 1)]
    assert store.dropped == 0
    assert await store.verify() == []
    await store.aclose()


async def test_lock_that_somebody_deletes_lets_nobody_write_beside_another(tmp_path, caplog):
    """The second process begins a run, as the lock is free, and the first one writes nothing from then on: it would spend the same budget."""
    store, other = make(tmp_path), make(tmp_path)
    await store.open()
    await store.post_durably(call(1))
    (tmp_path / "omnillm.db.lock").unlink()
    await other.open()
    with pytest.raises(LedgerUnavailable, match="another process has taken the ledger"):
        await store.post_durably(call(2))
    await until(lambda: store.is_taken_over)
    assert caplog.text.count("another process has taken") == 1
    with pytest.raises(LedgerUnavailable):
        await store.aclose()
    await other.post_durably(call(3))
    assert await other.verify() == []
    assert [row.request_id for row in await other.requests(limit=9, before="")] == [request_id(3), request_id(1)]
    await other.aclose()


def test_file_system_without_locks_is_told(tmp_path, monkeypatch):
    """It is no other process that has to be stopped."""

    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(ConfigError, match=r"cannot be locked .*No locks available.*keep it on a disk of this machine"):
        lock(tmp_path / "omnillm.db")


async def test_file_that_is_moved_away_takes_no_rows_and_heals_when_it_is_back(store, tmp_path, caplog):
    """What went into it would be found by nobody: it is an outage, with its reason."""
    await store.open()
    await store.post_durably(call(1))
    (tmp_path / "omnillm.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(LedgerUnavailable, match="its file was moved away or deleted"):
        await store.post_durably(call(2))
    assert not store.is_healthy
    store.post(call(3))
    await until(lambda: "cannot be written: unable to open database file" in caplog.text)
    (tmp_path / "elsewhere.db").rename(tmp_path / "omnillm.db")
    await until(lambda: store.is_healthy)
    await store.flush()
    assert [row.request_id for row in await store.requests(limit=9, before="")] == [request_id(3), request_id(1)]
    assert await store.verify() == []


async def test_what_was_retired_is_not_booked_anew_where_the_disk_fails_before(tmp_path):
    """What is written and not yet on disk is made sure of before rows are deleted: written again after that, it would look new."""
    store = make(tmp_path, durability="relaxed")
    await store.open()
    store.post(call(1))
    await until(lambda: store.commits)
    (tmp_path / "omnillm.db").rename(tmp_path / "elsewhere.db")
    retiring = asyncio.create_task(store.retire(before_wall_ms=WALL_MS + 1000, limit=10))
    await until(lambda: not store.is_healthy)
    (tmp_path / "elsewhere.db").rename(tmp_path / "omnillm.db")
    assert await retiring == 1
    await store.flush()
    assert (await usage(store, "total"))["total"].requests == 1
    assert await store.requests(limit=9, before="") == []
    assert await store.verify() == []
    await store.aclose()


async def test_an_end_reads_no_more_than_it_left_open(tmp_path):
    """A process that has served for months ends as fast as another, and its supervisor does not wait long."""
    store = make(tmp_path)
    await store.open()
    for number in (1, 2):
        await store.post_durably(Posting(entries=(entry(number, EntryKind.RESERVE),)))
    await store.post_durably(call(1))
    said = []
    store._database._connection.set_trace_callback(said.append)
    await store.aclose()
    looked_up = [statement.partition(" WHERE ")[2] for statement in said if "FROM entries" in statement]
    assert looked_up == [f"request_id = '{request_id(2)}'"]


async def test_a_report_reads_what_waits_to_be_folded_without_the_databases_json(tmp_path):
    """Of 100,000 lines it would be busy for more than a second; what it does itself does not grow with them."""
    store = make(tmp_path, durability="relaxed")
    await store.open()
    steps = []
    for number in range(2):
        await post_all(store, *(of_caller(number * 40 + each, f"team-{each}") for each in range(40)))
        with store._database.reading() as connection:
            asked = []
            connection.set_progress_handler(lambda asked=asked: asked.append(1), 1)
            assert len(reports.usage(connection, group_by="virtual_key", since_day="", until_day="")) == 40
            steps.append(len(asked))
    assert steps[1] - steps[0] < 40, steps
    await store.aclose()


async def test_who_waits_for_old_rows_to_go_is_told_when_the_store_ends_without(tmp_path):
    """The disk stays dead: nobody waits for ever."""
    store = make(tmp_path, durability="relaxed")
    await store.open()
    store.post(call(1))
    await until(lambda: store.commits)
    (tmp_path / "omnillm.db").rename(tmp_path / "elsewhere.db")
    retiring = asyncio.create_task(store.retire(before_wall_ms=WALL_MS, limit=10))
    await until(lambda: not store.is_healthy)
    with pytest.raises(LedgerUnavailable):
        await store.aclose()
    with pytest.raises(LedgerUnavailable, match="the ledger is closed"):
        await retiring


async def test_a_quiet_second_leaves_all_that_was_written_in_the_file(tmp_path):
    """`relaxed`, and each time anew: a copy of the file alone is whole, and a power cut takes nothing of it. What a reader needs comes later."""
    store = make(tmp_path, durability="relaxed")
    await store.open()
    for number in (1, 2):
        store.post(call(number))
        await until(lambda number=number: store.commits == number)
        await store._writer.do_between(lambda: store._book.rest() or 0)
        assert await store._writer.do_between(lambda: int(store._book._database.rest()))
        (tmp_path / "copy.db").write_bytes((tmp_path / "omnillm.db").read_bytes())
        copy = sqlite3.connect(f"file:{tmp_path / 'copy.db'}?immutable=1", uri=True)
        assert copy.execute("SELECT count(*) FROM requests").fetchone() == (number,)
        copy.close()
    with store._book._database.reading() as reader:
        assert reader.execute("SELECT count(*) FROM requests").fetchone() == (2,)
        store.post(call(3))
        await until(lambda: store.commits == 3)
        assert not await store._writer.do_between(lambda: int(store._book._database.rest()))
    assert await store._writer.do_between(lambda: int(store._book._database.rest()))
    await store.aclose()


def test_what_nobody_waits_for_is_on_disk_half_a_second_later(tmp_path):
    """With the next commit, and until then none of those after it is synced."""
    book = Book(SqliteDatabase(tmp_path / "omnillm.db"), is_strict=False)
    book.open(WALL_MS)
    moments = (10.0, 10.1, 10.5, 10.6, 11.0, 11.1)
    synced = [book.write([call(number)], is_awaited=False, now=now) for number, now in enumerate(moments)]
    assert synced == [False, False, True, False, False, True]
    book.close(WALL_MS)


def test_a_reservation_whose_commit_was_in_doubt_is_closed_with_its_run(tmp_path):
    """The database took it, and did not say so; the program ends before it is written again."""
    lost: list[Exception] = []

    def answer():
        if lost:
            raise lost.pop()

    database = WatchedDatabase(tmp_path / "omnillm.db", on_commit=answer)
    book = Book(database, is_strict=True)
    book.open(WALL_MS)
    lost.append(CommitUnknown("the connection is gone"))
    with pytest.raises(CommitUnknown):
        book.write([Posting(entries=(entry(1, EntryKind.RESERVE),))], is_awaited=True, now=0.0)
    book.reopen()
    book.close(WALL_MS)
    with database.reading() as connection:
        assert problems(connection) == []
        assert [found.kind for found in entries(connection, request_id(1))] == [EntryKind.RESERVE, EntryKind.SETTLE]


async def test_backup_that_is_put_in_the_place_of_an_open_ledger_ends_its_run(tmp_path):
    """It knows nothing of this run, and what its budgets have spent is not what this process remembers."""
    store = make(tmp_path)
    await store.open()
    await store.post_durably(call(1))
    await store.aclose()
    (tmp_path / "copy.db").write_bytes((tmp_path / "omnillm.db").read_bytes())
    await store.open()
    await store.post_durably(call(2))
    (tmp_path / "copy.db").rename(tmp_path / "omnillm.db")
    with pytest.raises(LedgerUnavailable):
        await store.post_durably(call(3))
    await until(lambda: store.is_taken_over)
    with pytest.raises(LedgerUnavailable, match="a copy lies in its place"):
        await store.aclose()


async def test_virtual_key_whose_writer_has_left_is_found_all_the_same(tmp_path):
    """Whoever asked hangs up while the disk is slow, and somebody looks meanwhile: the next look finds what was written after all."""
    store = make(tmp_path)
    await store.open()
    intruder = sqlite3.connect(tmp_path / "omnillm.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    putting = asyncio.create_task(store.virtual_keys.put(virtual_key("a")))
    await asyncio.sleep(0)
    putting.cancel()
    await asyncio.wait([putting])
    assert putting.cancelled()
    assert await store.virtual_keys.since(0, limit=9) == []
    intruder.execute("ROLLBACK")
    intruder.close()
    await store.flush()
    assert [key.name for key in await store.virtual_keys.since(0, limit=9)] == ["a"]
    await store.aclose()


async def test_queue_of_a_dead_disk_is_bounded(tmp_path, monkeypatch, caplog):
    """The oldest postings are dropped and counted; what is left is written in the end."""
    monkeypatch.setattr(writer, "QUEUE_LIMIT", 20)
    store = make(tmp_path, busy_s=0.01)
    await store.open()
    intruder = sqlite3.connect(tmp_path / "omnillm.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    store.post(call(0))
    await until(lambda: not store.is_healthy)
    for number in range(1, 50):
        store.post(call(number))
    assert store.dropped >= 29
    intruder.execute("ROLLBACK")
    intruder.close()
    await until(lambda: store.is_healthy)
    await store.flush()
    assert (await usage(store, "total"))["total"].requests == 50 - store.dropped
    assert await store.verify() == []
    assert "it is tried again until it works" in caplog.text
    await store.aclose()


async def test_closing_on_a_dead_disk_ends_and_tells_what_is_lost(tmp_path, caplog):
    """It tries once more, then gives the file back."""
    store = make(tmp_path, busy_s=0.01)
    await store.open()
    intruder = sqlite3.connect(tmp_path / "omnillm.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    store.post(call(1))
    await until(lambda: not store.is_healthy)
    with pytest.raises(LedgerUnavailable):
        await store.aclose()
    intruder.close()
    assert store.dropped == 1
    assert "closed with 1 postings unwritten" in caplog.text
    with pytest.raises(LedgerUnavailable, match="closed"):
        store.post(call(2))
    assert (await store.open()).epoch == 2
    await store.aclose()


async def test_store_that_was_never_opened_says_so(tmp_path):
    """Every verb tells it."""
    store = make(tmp_path)
    assert not store.is_healthy
    await store.aclose()
    with pytest.raises(LedgerUnavailable, match="not open"):
        store.post(call(1))
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        await store.requests(limit=1, before="")


async def test_idle_writer_moves_the_log_into_the_database(store, tmp_path, monkeypatch):
    """So that the next start has nothing to recover, and a relaxed ledger is safe from a power cut soon after the last call."""
    monkeypatch.setattr(writer, "IDLE_S", 0.02)
    await store.open()
    empty = (tmp_path / "omnillm.db").stat().st_size
    for number in range(200):
        store.post(call(number))
    await store.flush()
    await until(lambda: (tmp_path / "omnillm.db").stat().st_size > empty + 100_000)
    assert await store.verify() == []


async def test_log_that_grew_while_a_reader_held_it_is_given_back(tmp_path, monkeypatch):
    """A backup, or a shell that somebody forgot: once it has let go, the disk has its room again."""
    monkeypatch.setattr("omnillm.stores.sqlite.database.KEPT_LOG_BYTES", 64 * 1024)
    monkeypatch.setattr(writer, "IDLE_S", 0.02)
    ledger, log = tmp_path / "omnillm.db", tmp_path / "omnillm.db-wal"
    store = make(tmp_path)
    await store.open()
    reader = sqlite3.connect(ledger, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM requests").fetchone()
    for number in range(1, 40):
        await post_all(store, *(call(100 * number + each) for each in range(20)))
    assert log.stat().st_size > 10 * 64 * 1024
    before = ledger.stat().st_size
    reader.close()
    await until(lambda: ledger.stat().st_size > before + 100_000)
    await store.post_durably(call(1))
    assert log.stat().st_size <= 64 * 1024
    await store.aclose()


async def test_ledger_heals_when_there_is_memory_again(store):
    """Who waits is refused, what is written behind waits: SQLite itself is given no memory for a while."""
    limit = ctypes.CDLL(_sqlite3.__file__).sqlite3_hard_heap_limit64
    limit.restype, limit.argtypes = ctypes.c_int64, [ctypes.c_int64]
    await store.open()
    await store.post_durably(call(0))
    limit(1)
    try:
        with pytest.raises(LedgerUnavailable, match="no memory is left"):
            await asyncio.wait_for(store.post_durably(call(1)), 5)
        store.post(call(2))
        await until(lambda: not store.is_healthy)
    finally:
        limit(0)
    await until(lambda: store.is_healthy)
    await store.flush()
    assert ((await usage(store, "total"))["total"].requests, await store.verify()) == (2, [])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_defect_of_the_writer_is_told_to_who_waits_for_it(tmp_path, monkeypatch):
    """Nobody waits for a thread that has ended."""

    def unforeseen(*_, **__):
        raise KeyError

    store = make(tmp_path)
    await store.open()
    monkeypatch.setattr(store._book, "write", unforeseen)
    with pytest.raises(LedgerUnavailable, match="the ledger is closed"):
        await asyncio.wait_for(store.post_durably(call(0)), 5)
    assert not store.is_healthy
    await store.aclose()


async def test_everybody_in_the_queue_is_refused_when_the_disk_refuses(tmp_path, monkeypatch):
    """Not only those of the batch that failed: nobody waits for a dead disk, and nothing refused is written later."""
    monkeypatch.setattr(writer, "BATCH", 2)
    store = make(tmp_path, busy_s=0.01)
    await store.open()
    intruder = sqlite3.connect(tmp_path / "omnillm.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    waiting = [asyncio.create_task(store.post_durably(call(number))) for number in range(9)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {LedgerUnavailable}
    intruder.close()
    await until(lambda: store.is_healthy)
    await store.flush()
    assert (await usage(store, "total"))["total"].requests == 0
    await store.aclose()


async def test_full_queue_refuses_its_oldest_waiter(tmp_path, monkeypatch):
    """A disk that stalls does not fill the memory: whoever has waited longest is told."""
    monkeypatch.setattr(writer, "QUEUE_LIMIT", 3)
    store = make(tmp_path, busy_s=0.3)
    await store.open()
    intruder = sqlite3.connect(tmp_path / "omnillm.db", isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    store.post(call(0))
    await until(lambda: not store._writer._queue)
    first = asyncio.create_task(store.post_durably(call(1)))
    await asyncio.sleep(0)
    for number in range(2, 5):
        store.post(call(number))
    with pytest.raises(LedgerUnavailable, match="its queue is full"):
        await first
    assert store.dropped == 1
    intruder.close()
    await store.aclose()
    await store.open()
    assert [row.request_id for row in await store.requests(limit=9, before="")] == [request_id(number) for number in (4, 3, 2, 0)]
    await store.aclose()


async def test_damage_found_while_reading_is_told(store, tmp_path):
    """A report on a torn file is an error, not an empty list."""
    await store.open()
    await store.post_durably(call(1))
    await store.aclose()
    path = tmp_path / "omnillm.db"
    path.write_bytes(path.read_bytes()[:8192] + b"\xff" * (path.stat().st_size - 8192))
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        await store.requests(limit=1, before="")


async def test_an_older_ledger_gets_its_reports_by_tag(tmp_path):
    """The step that brings them fills them from the rows that are there, and the proof agrees."""
    store = make(tmp_path)
    await store.open()
    for number, tags in enumerate(("team=a", "team=b", "team=a", "")):
        posting = call(number)
        store.post(replace(posting, request=replace(posting.request, tags=tags)))
    await store.aclose()
    with sqlite3.connect(tmp_path / "omnillm.db") as db:
        db.executescript(
            WITHOUT_LATER_STEPS
            + "DROP TABLE daily_tags; DROP TABLE retired_balances; DROP TABLE retired_days; DROP TABLE claims; "
            + "".join(f"ALTER TABLE daily DROP COLUMN {column}; " for column in ("characters", "audio_ms", *MEDIA_COLUMNS))
            + "PRAGMA user_version = 3;"
        )
    db.close()
    await store.open()
    rows = await store.usage(group_by="tag:team", since_day="", until_day="")
    assert [(*row.groups, row.requests, row.attempts, row.cost_nanousd) for row in rows] == [
        ("", 1, 1, COST),
        ("a", 2, 2, 2 * COST),
        ("b", 1, 1, COST),
    ]
    assert await store.verify() == []
    await store.aclose()


async def test_a_ledger_of_before_media_were_told_apart_is_brought_up_to_date(store, tmp_path):
    """Its rows and sums stay what they were, new kinds of tokens are counted from then on, and the proof agrees."""
    await store.open()
    tagged = replace(call(1), request=replace(call(1).request, tags="team=a"))
    await post_all(store, tagged, call(2))
    before = await store.usage(group_by="total", since_day="", until_day="")
    await store.aclose()
    with sqlite3.connect(tmp_path / "omnillm.db") as db:
        db.executescript(WITHOUT_LATER_STEPS)
        for table in ("daily", "daily_tags"):
            db.executescript("".join(f"ALTER TABLE {table} DROP COLUMN {column}; " for column in MEDIA_COLUMNS))
        db.execute("PRAGMA user_version = 6")
    db.close()
    with pytest.raises(ConfigError, match="brings it up to date"), reading(tmp_path / "omnillm.db"):
        pass
    await store.open()
    assert await store.usage(group_by="total", since_day="", until_day="") == before
    await post_all(store, media_call(3))
    [total] = await store.usage(group_by="total", since_day="", until_day="")
    assert total.usage == before[0].usage + MEDIA
    assert await store.verify() == []


async def test_tampering_with_what_outlived_its_rows_is_found(store, tmp_path):
    """Balances and days whose rows are deleted are still proven, by what these rows added up to."""
    await store.open()
    for number in range(3):
        store.post(call(number))
    await store.flush()
    assert await store.retire(before_wall_ms=WALL_MS, limit=2) == 2
    assert await store.verify() == []
    balance = f"budget 'team' in period '2026-11': the balance says {3 * COST - 1} nano-USD, its entries {3 * COST}"
    kept = f"[3,3,{3 * COST},"
    for line, told in (
        (f"[2,3,{3 * COST},", "-1 requests, 0 attempts, 0 nano-USD"),
        (f"[3,5,{3 * COST},", "0 requests, 2 attempts, 0 nano-USD"),
        (f"[3,3,{3 * COST + 5},", "0 requests, 0 attempts, 5 nano-USD"),
    ):
        await store.aclose()
        with sqlite3.connect(tmp_path / "omnillm.db") as db:
            db.execute("UPDATE balances SET settled_nanousd = ?", (3 * COST - 1,))
            db.execute("UPDATE unfolded SET lines = replace(lines, ?, ?)", (kept, kept := line))
        db.close()
        await store.open()
        sums = f"usage of 2026-11-25, of which rows are deleted: the daily sums are {told} above those of all rows"
        assert await store.verify() == [balance, sums]


async def test_tampering_with_the_sums_by_tag_is_found(store, tmp_path):
    """Each line is held against its rows."""
    await store.open()
    posting = call(1)
    await store.post_durably(replace(posting, request=replace(posting.request, tags="team=a")))
    await store.aclose()
    with sqlite3.connect(tmp_path / "omnillm.db") as db:
        db.execute("UPDATE daily_tags SET output = 1")
    db.close()
    await store.open()
    assert await store.verify() == ["usage of 2026-11-25, tags 'team=a': the daily sums are not those of the rows"]


async def test_a_transaction_of_nothing_writes_all_the_same(tmp_path):
    """Only a write proves that the disk takes one, and that what was committed before is on it."""
    store = SqliteStore(tmp_path / "ledger.db", clock=ManualClock(wall=WALL_S))
    await store.open()
    log = tmp_path / "ledger.db-wal"
    before = log.stat().st_size
    await store.flush()
    assert log.stat().st_size > before
    await store.aclose()
