"""The store in PostgreSQL: the shared suite, and what a server, a session and a lock add to it."""

import asyncio
import sys
import time
from contextlib import suppress

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.postgres import GUARDED, PASSWORD
from tests.stores.postgres_wire import AS_STANDBY, Loss, Wire
from tests.stores.rows import binding
from tests.stores.sql_suite import MEDIA, MEDIA_COLUMNS, WITHOUT_LATER_STEPS, SqlSuite, media_call, until
from tests.stores.store_suite import COST, WALL_MS, WALL_S, StoreSuite, balances, call, entry, post_all, request_id, request_row, usage
from tests.stores.virtual_key_suite import virtual_key

from omnillm.errors import ConfigError, LedgerUnavailable
from omnillm.records import EntryKind, Posting, RequestFilter
from omnillm.secret import Secret
from omnillm.stores import book, retirement, writer
from omnillm.stores.migrations import scripts
from omnillm.stores.postgres.connection import PostgresConnection
from omnillm.stores.postgres.database import OF_THE_WRITER, PostgresDatabase
from omnillm.stores.postgres.schema import LOCK_CLASS, STEP_S
from omnillm.stores.postgres.store import PostgresStore
from omnillm.stores.postgres.url import servers_of
from omnillm.testing.clock import ManualClock


def make(url, **options):
    return PostgresStore(url, clock=ManualClock(wall=WALL_S), **options)


@pytest.fixture
def schema(postgres):
    return postgres.schema()


@pytest.fixture
def url(postgres, schema):
    return postgres.url(schema)


@pytest.fixture
async def store(url):
    store = make(url)
    yield store
    await store.aclose()


@pytest.fixture
async def wire(postgres, tmp_path):
    (tmp_path / "wire").mkdir()
    async with Wire(tmp_path / "wire", postgres.directory) as wire:
        yield wire


@pytest.fixture
async def wired(postgres, schema, wire):
    store = make(postgres.url(schema, host=wire.here), patience_s=0.4)
    yield store
    await store.aclose()


async def opened(store):
    """As `open`; its patience is short for answers that are lost, and a busy server is asked again."""
    while True:
        with suppress(LedgerUnavailable):
            return await store.open()


def reserve(number):
    return Posting(entries=(entry(number, EntryKind.RESERVE),))


async def ids(store):
    return [int(row.request_id, 16) for row in await store.requests(limit=100, before="")]


class TestPostgresStore(StoreSuite, SqlSuite):
    """Passes the shared suites."""


@pytest.mark.parametrize(("durability", "expected"), [("strict", ["off", "on", "on"]), ("relaxed", ["off", "off", "on"])])
async def test_commit_is_as_durable_as_it_must_be(postgres, schema, url, durability, expected):
    """A trigger writes down how each one will be done: strict waits for the disk unless it only settles, relaxed only when somebody waits."""
    store = make(url, durability=durability)
    await store.open()
    postgres.administer("CREATE TABLE commits (at SERIAL, how TEXT)", schema)
    note = "BEGIN INSERT INTO commits (how) VALUES (current_setting('synchronous_commit')); RETURN NULL; END"
    postgres.administer(f"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $${note}$$", schema)
    postgres.administer("CREATE TRIGGER note AFTER INSERT ON entries EXECUTE FUNCTION note()", schema)
    for number, posting in enumerate((call(1), replace(call(2), bindings=(binding("resp_2"),)))):
        store.post(posting)
        await until(lambda number=number: len(postgres.administer("SELECT how FROM commits", schema)) > number)
    await store.post_durably(call(3))
    assert [how for (how,) in postgres.administer("SELECT how FROM commits ORDER BY at", schema)] == expected
    await store.aclose()


# one writer


async def test_second_process_is_kept_out(postgres, url):
    """The error names the session that holds the ledger, and no other's; the first one goes on, and its end lets another in.

    Two schemas of a database are two ledgers, each with its own lock and its own books.
    """
    store, other, elsewhere = make(url), make(url, patience_s=0.2), make(postgres.url(postgres.schema()))
    await store.open()
    await elsewhere.open()
    number = store._database._session[0]
    told = rf"in use by another process \(PostgreSQL's session {number}\).*pg_terminate_backend\({number}\)"
    with pytest.raises(ConfigError, match=told):
        await other.open()
    await store.post_durably(call(1))
    await elsewhere.post_durably(call(2))
    assert [await ids(each) for each in (store, elsewhere)] == [[1], [2]]
    await store.aclose()
    assert (await other.open()).epoch == 2
    await other.aclose()
    await elsewhere.aclose()


async def test_late_writer_of_an_ended_run_writes_nothing(url, wired, wire, caplog):
    """Who lost the wire and the ledger is refused for good, also once the wire is back and nobody holds the ledger."""
    begun = await opened(wired)
    await wired.post_durably(Posting(entries=(replace(entry(1, EntryKind.RESERVE), epoch=begun.epoch),)))
    await wire.cut()
    wired.post(call(2))
    await until(lambda: not wired.is_healthy)
    other = make(url)
    assert {balance.settled_nanousd for balance in (await other.open()).balances} == {COST}
    await wire.mend()
    await until(lambda: "cannot be written" in caplog.text)
    await other.aclose()
    await until(lambda: wired.is_taken_over)
    with pytest.raises(LedgerUnavailable, match=r"has taken the ledger .* over"):
        await wired.aclose()
    await other.open()
    assert await ids(other) == [1]
    assert await other.verify() == []
    await other.aclose()


async def test_writer_that_was_taken_over_says_so(url, wired, wire, caplog):
    """In its log and of itself, as soon as it hears of it, though it has written nothing yet, and the other one holds the lock."""
    await opened(wired)
    assert not wired.is_taken_over
    await wire.cut()
    wired.post(call(2))
    other = make(url)
    await other.open()
    await wire.mend()
    await until(lambda: wired.is_taken_over)
    await other.aclose()
    assert not wired.is_healthy
    assert caplog.text.count("has taken the ledger") == 1
    with pytest.raises(LedgerUnavailable):
        await wired.aclose()


async def test_writer_whose_run_was_ended_behind_its_back_is_fenced(postgres, schema, url):
    """Its session and its lock are whole, but the row of its epoch says that it is over: no transaction is taken."""
    store = make(url)
    await store.open()
    postgres.administer("UPDATE epochs SET ended_wall_ms = 1", schema)
    with pytest.raises(LedgerUnavailable, match="has taken the ledger"):
        await store.post_durably(call(1))
    assert not store.is_healthy
    assert await ids(store) == []
    with pytest.raises(LedgerUnavailable):
        await store.aclose()


async def test_whoever_ends_a_run_waits_for_its_transaction(postgres, schema, store):
    """What is committed after a run was ended would be in no balance that the next one has read."""
    await store.open()

    def ended_meanwhile():
        with store._database.transaction(epoch=1, is_synced=True), pytest.raises(asyncpg.LockNotAvailableError):
            postgres.administer("SET LOCAL lock_timeout = '20ms'; UPDATE epochs SET ended_wall_ms = 1", schema)
        return 1

    assert await store._writer.do_between(ended_meanwhile) == 1


# a server that goes away


async def test_killed_session_is_replaced_and_nothing_is_lost(postgres, schema, store):
    """What was acknowledged is there, what is written behind comes through, and the run goes on as the same epoch.

    A pooler may have given our old session to somebody: one that holds no ledger is not ended.
    """
    opened = await store.open()
    await store.post_durably(call(1))
    [bystander] = postgres.administer("SELECT pid, CAST(backend_start AS text) FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    postgres.kill_sessions(schema)
    store._database._session = tuple(bystander)
    with pytest.raises(LedgerUnavailable, match="cannot be written"):
        await store.post_durably(call(2))
    store.post(call(3))
    await until(lambda: store.is_healthy)
    await store.flush()
    assert await ids(store) == [3, 1]
    assert store.dropped == 0
    assert await store.verify() == []
    assert await balances(store) == {("team", "2026-11"): 2 * COST}
    assert opened.epoch == 1
    assert postgres.administer("SELECT pg_backend_pid()") == [(bystander[0],)]


async def test_what_was_retired_is_not_booked_anew(postgres, schema, store):
    """A settlement that may have to be written again is on disk before its rows are deleted: what is deleted looks new."""
    await store.open()
    await store.post_durably(reserve(1))
    store.post(call(1))
    while await ids(store) != [1]:
        pass
    assert await store.retire(before_wall_ms=WALL_MS, limit=10) == 1
    postgres.kill_sessions(schema)
    with pytest.raises(LedgerUnavailable):
        await store.post_durably(call(2))
    await until(lambda: store.is_healthy)
    await store.flush()
    assert (await usage(store, "total"))["total"].requests == 1
    assert await balances(store) == {("team", "2026-11"): COST}
    assert await store.verify() == []


async def test_lock_that_somebody_else_holds_for_a_moment_is_waited_for(postgres, schema, url, caplog):
    """Our session died, and one that begins no run has got its lock: an outage like others, and the log says who is in the way."""
    store = make(url)
    await store.open()
    await store.post_durably(call(1))
    patience_s, store._database._patience_s = store._database._patience_s, 0.2
    postgres.kill_sessions(schema)
    postgres.administer(f"SELECT pg_advisory_lock({LOCK_CLASS}, hashtext(current_schema()))", schema)
    with pytest.raises(LedgerUnavailable):
        await store.post_durably(call(2))
    store.post(call(3))
    await until(lambda: "is in use by another process" in caplog.text)
    assert not store.is_healthy
    store._database._patience_s = patience_s  # a busy machine may need it
    postgres.administer(f"SELECT pg_advisory_unlock({LOCK_CLASS}, hashtext(current_schema()))", schema)
    await until(lambda: store.is_healthy)
    await store.flush()
    assert await ids(store) == [3, 1]
    assert await store.verify() == []
    await store.aclose()


async def test_report_whose_session_ends_is_refused_and_the_next_one_is_not(postgres, schema, store):
    """Whoever restarts the server, or ends what takes long, ends no more than that."""
    await store.open()
    await store.post_durably(call(1))

    def ended(connection):
        postgres.kill_sessions(schema)
        return connection.execute("SELECT count(*) FROM requests").fetchall()

    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        await store._read(ended)
    assert await ids(store) == [1]


async def test_report_that_fails_leaves_no_session_behind(postgres, schema, store):
    """Whatever the reason: the server has only so many."""
    await store.open()

    def broken(connection):
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await store._read(broken)
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{schema}'"
    await until(lambda: list(postgres.administer(sessions)[0]) == [1])


async def test_what_is_done_while_calls_wait_reads_no_whole_table(postgres, schema, url, store):
    """However little the server knows of the tables, as after a restore: what is retired, and that a run left nothing open, is looked up."""
    await store.open()
    for number in range(1, 601):
        store.post(Posting(entries=(entry(number, EntryKind.RESERVE), *call(number).entries), request=call(number).request))
    await store.aclose()

    def read(act):
        connection = PostgresConnection(url, patience_s=30.0, settings=OF_THE_WRITER)
        connection.script("BEGIN")
        act(connection)
        rows = connection.execute("SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables WHERE relname <> 'epochs'")
        connection.close()
        return int(rows.fetchone()[0])

    def retire(connection):
        assert retirement.retire(connection, before="f", wall_ms=0, limit=5) == 5

    assert await asyncio.to_thread(read, retire) < 300
    assert await asyncio.to_thread(read, lambda connection: book._left_open(connection, below=2)) < 300


async def test_a_start_may_take_longer_than_a_call_would_wait(url):
    """It may migrate, and read much that a killed run has reserved. Afterwards nothing may."""

    def act():
        database = PostgresDatabase(url, patience_s=30.0)
        connection = database.open()
        with database.transaction(epoch=0, is_synced=True):
            connection.execute("INSERT INTO epochs (epoch, started_wall_ms) VALUES (1, 0)")
            told = [connection.longer_s]
        with database.transaction(epoch=1, is_synced=True):
            told.append(connection.longer_s)
        database.release()
        return told

    assert await asyncio.to_thread(act) == [STEP_S, None]


async def test_a_call_waits_no_longer_to_look_something_up_than_to_write(url, postgres, schema):
    """Somebody holds a lock on a table: that is an outage, which is told, and not a call that hangs."""
    store = make(url, patience_s=0.4)
    await opened(store)
    with postgres.locked(schema, "claims"), pytest.raises(LedgerUnavailable, match="cannot be read"):
        async with asyncio.timeout(10):
            await store.claim("of a call")
    await store.aclose()


async def test_calls_do_not_stand_in_line_behind_reports(postgres, schema, store):
    """A report may take minutes, and people ask for many; a call with an idempotency key looks that up before it is sent."""
    await store.open()
    await store.post_durably(call(1))
    with postgres.locked(schema, "requests"):
        reports = [asyncio.create_task(ids(store)) for _ in range(40)]
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await store.claim("of a call") is None
        assert not any(report.done() for report in reports)
    assert await asyncio.gather(*reports) == [[1]] * 40


@pytest.mark.parametrize("done", ["DELETE FROM pepper", "UPDATE pepper SET pepper = 'half'", "UPDATE pepper SET pepper = 'ab'"])
async def test_damaged_pepper_is_told(postgres, schema, store, done):
    """Without it no virtual key is known: to be brought back, not to be made anew."""
    await store.open()
    postgres.administer(done, schema)
    with pytest.raises(ConfigError, match=r"the table pepper of .* is damaged: bring it back from a backup"):
        await store.virtual_keys.pepper()


async def test_ledger_heals_when_the_network_is_back(wired, wire):
    """While it is gone what is durable is refused at once, and what is written behind waits."""
    await opened(wired)
    await wired.post_durably(call(1))
    await wire.cut()
    wired.post(call(2))
    await until(lambda: not wired.is_healthy)
    with pytest.raises(LedgerUnavailable):
        await wired.post_durably(call(3))
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        await wired.requests(limit=1, before="")
    await wire.mend()
    await until(lambda: wired.is_healthy)
    await wired.flush()
    assert await ids(wired) == [2, 1]
    assert await wired.verify() == []


async def test_server_that_does_not_answer_is_given_up(wired, wire):
    """A connection on which nothing comes back is as good as none: whoever waits is told within the patience."""
    await opened(wired)
    wire.is_held = True
    with pytest.raises(LedgerUnavailable, match="it does not answer"):
        await wired.post_durably(call(1))
    wire.is_held = False
    await until(lambda: wired.is_healthy)
    await wired.post_durably(call(2))
    assert await ids(wired) == [2]


async def test_session_that_the_server_still_believes_in_is_ended(wired, wire):
    """The network forgot the connection and only this end knows: the lock must not be waited for until the server finds out."""
    await opened(wired)
    await wired.post_durably(call(1))
    wire.abandon()
    wired.post(call(2))
    await until(lambda: not wired.is_healthy)
    await until(lambda: wired.is_healthy)
    await wired.flush()
    assert await ids(wired) == [2, 1]


async def test_session_of_another_that_has_the_number_of_an_old_one_is_left_alone(postgres, schema, url):
    """A server that was started anew counts its sessions from the beginning: whoever holds the ledger now may have been given ours."""
    store, other = make(url, patience_s=0.2), make(url)
    await store.open()
    postgres.kill_sessions(schema)
    await other.open()
    store._database._session = (other._database._session[0], store._database._session[1])
    store.post(call(1))
    await until(lambda: not store.is_healthy)
    with pytest.raises(LedgerUnavailable):
        await store.aclose()
    await other.post_durably(call(2))
    assert await ids(other) == [2]
    await other.aclose()


async def test_idle_ledger_notices_that_its_server_is_gone(wired, wire, monkeypatch):
    """Without a call that fails."""
    monkeypatch.setattr(writer, "IDLE_S", 0.02)
    await opened(wired)
    await wire.cut()
    await until(lambda: not wired.is_healthy)
    await wire.mend()
    await until(lambda: wired.is_healthy)


FULL = """BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END"""


async def test_disk_that_is_full_is_told_once_and_nobody_is_let_in_meanwhile(postgres, schema, store, caplog):
    """The connection is good and a row can be locked: only rows like those that were refused prove that it takes rows again."""
    await store.open()
    postgres.administer(f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $${FULL}$$", schema)
    postgres.administer("CREATE TRIGGER full_disk BEFORE INSERT ON entries EXECUTE FUNCTION full_disk()", schema)
    with pytest.raises(LedgerUnavailable, match="No space left"):
        await store.post_durably(reserve(1))
    session = store._database._session
    await until(lambda: store._database._session not in {session, 0})  # connected anew
    session = store._database._session
    await until(lambda: store._database._session != session)
    assert not store.is_healthy
    store.post(call(2))
    postgres.administer("DROP TRIGGER full_disk ON entries", schema)
    await until(lambda: store.is_healthy)
    await store.flush()
    assert await ids(store) == [2]
    assert await store.entries(request_id(1)) == []
    assert await store.verify() == []
    assert [record.levelname for record in caplog.records if record.name.startswith("omnillm.stores")] == ["ERROR", "WARNING"]


async def test_table_that_somebody_locks_is_an_outage_until_it_is_free(postgres, schema, url):
    """A connection is to be had all the while; whoever calls is refused at once, not after a wait of their own."""
    store = make(url, patience_s=0.2)
    await store.open()
    with postgres.locked(schema, "entries"):
        with pytest.raises(LedgerUnavailable, match="does not answer"):
            await store.post_durably(reserve(1))
        session = store._database._session
        await until(lambda: store._database._session != session)
        session = store._database._session
        await until(lambda: store._database._session != session)
        assert not store.is_healthy
    await until(lambda: store.is_healthy)
    await store.post_durably(call(2))
    assert await store.verify() == []
    await store.aclose()


async def test_each_reason_of_an_outage_is_told_once(postgres, schema, caplog):
    """First the connection dies, then the password is no longer right: it is the second one that has to be repaired."""
    postgres.administer(f'GRANT ALL ON SCHEMA "{schema}" TO {GUARDED}')
    store = make(postgres.url(schema, user=GUARDED, password=PASSWORD))
    await store.open()
    postgres.administer(f"ALTER ROLE {GUARDED} PASSWORD 'canary-rotated-1'")
    try:
        postgres.kill_sessions(schema)
        store.post(call(1))
        await until(lambda: "password authentication failed" in caplog.text)
        postgres.kill_sessions(schema)
    finally:
        postgres.administer(f"ALTER ROLE {GUARDED} PASSWORD '{PASSWORD}'")
    await until(lambda: store.is_healthy)
    await store.aclose()
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == len(set(errors)) == 2
    assert all(message.endswith("; it is tried again until it works") for message in errors)


async def test_limits_that_an_administrator_sets_for_reports_do_not_bind_the_writer(postgres, schema, url):
    """Its statements have a patience of their own, and its session is the ledger's lock: an idle one must not be ended."""
    limits = ("statement_timeout", "lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout")
    store = make(Secret(url.reveal() + "".join(f"&{limit}=4321ms" for limit in limits) + "&default_transaction_isolation=serializable"))
    await store.open()
    postgres.administer("CREATE TABLE found (setting TEXT)", schema)
    names = ", ".join(f"('{name}')" for name in (*limits, "transaction_isolation"))
    note = f"BEGIN INSERT INTO found SELECT current_setting(name) FROM (VALUES {names}) AS asked (name); RETURN NULL; END"
    postgres.administer(f"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $${note}$$", schema)
    postgres.administer("CREATE TRIGGER note AFTER INSERT ON requests EXECUTE FUNCTION note()", schema)
    await store.post_durably(call(1))
    assert {setting for (setting,) in postgres.administer("SELECT setting FROM found", schema)} == {"0", "read committed"}
    await store.aclose()


@pytest.mark.parametrize("loss", Loss)
async def test_commit_that_nobody_can_tell_is_applied_again(wired, wire, loss):
    """Whether the question was lost or only its answer: what is written behind is booked once."""
    await opened(wired)
    wire.lose = loss
    wired.post(call(1))
    await until(lambda: wire.lose is None)
    await until(lambda: not wired.is_healthy)
    await until(lambda: wired.is_healthy)
    await wired.flush()
    assert await ids(wired) == [1]
    assert await wired.verify() == []
    assert await balances(wired) == {("team", "2026-11"): COST}


@pytest.mark.parametrize(("loss", "kinds"), [(Loss.QUESTION, [EntryKind.VOID]), (Loss.ANSWER, [EntryKind.RESERVE, EntryKind.VOID])])
async def test_reservation_that_was_refused_is_given_back_if_it_was_written(wired, wire, loss, kinds):
    """Its call is not sent, so a run that ends must not settle it in full."""
    await opened(wired)
    wire.lose = loss
    with pytest.raises(LedgerUnavailable):
        await wired.post_durably(reserve(1))
    await until(lambda: wired.is_healthy)
    await wired.flush()
    assert [found.kind for found in await wired.entries(request_id(1))] == kinds
    assert await balances(wired) == {}
    assert await wired.verify() == []


@pytest.mark.parametrize("loss", Loss)
async def test_end_of_a_run_that_nobody_can_tell_is_looked_up(postgres, schema, wired, wire, loss):
    """A store that closes while its last commit is lost has ended its run, once, and takes nobody for its successor."""
    await opened(wired)
    await wired.post_durably(reserve(1))
    wire.lose = loss
    await wired.aclose()
    assert postgres.administer("SELECT epoch FROM epochs WHERE ended_wall_ms IS NULL", schema) == []
    kinds = postgres.administer("SELECT kind FROM entries ORDER BY kind", schema)
    assert [kind for (kind,) in kinds] == [EntryKind.RESERVE, EntryKind.SETTLE]


async def test_idle_sessions_that_were_killed_are_replaced(postgres, schema, store):
    """Reports come as before, and the run is ended as if nothing had been."""
    await store.open()
    await store.post_durably(call(1))
    assert await ids(store) == [1]
    postgres.kill_sessions(schema)
    assert await ids(store) == [1]
    await store.aclose()
    assert (await store.open()).epoch == 2


async def test_idle_sessions_that_the_network_forgot_are_waited_for_once(wired, wire):
    """One that does not answer stands for all of them: a report waits for it and for a new one, not for each."""
    await opened(wired)
    await wired.post_durably(call(1))
    await asyncio.gather(*(ids(wired) for _ in range(4)))
    idle = len(wired._database._idle)
    wire.is_held = True
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match=r"cannot be read.*does not answer"):
        await ids(wired)
    assert idle > 1
    assert not wired._database._idle
    assert time.monotonic() - began < 2.5 * 0.4
    wire.is_held = False
    await until(lambda: wired.is_healthy)


async def test_reports_are_refused_at_once_while_nothing_answers(wired, wire):
    """Calls that need one, for whose an id is, would stand in line for the threads, each for as long as a connection is waited for."""
    await opened(wired)
    wire.is_held = True
    with pytest.raises(LedgerUnavailable):
        await wired.post_durably(call(1))
    with pytest.raises(LedgerUnavailable, match="does not answer"):
        await ids(wired)
    before = wire.joined
    told = await asyncio.gather(*(ids(wired) for _ in range(16)), return_exceptions=True)
    assert {str(error).partition(": ")[2] for error in told} == {"it does not answer"}
    assert wire.joined - before < 8  # the writer's own attempts, and one
    wire.is_held = False
    await until(lambda: wired.is_healthy)
    assert await asyncio.gather(*(ids(wired) for _ in range(4))) == [[]] * 4


# several servers


async def test_of_several_servers_the_one_that_takes_writes_is_found(postgres, schema, wire):
    """The first one is silent, as a machine that is gone is, and the second a standby: neither keeps the ledger from the third."""
    wire.is_held = True
    (wire.here / "standby").mkdir()
    async with Wire(wire.here / "standby", postgres.directory) as standby:
        standby.rewrites = AS_STANDBY
        store = make(postgres.url(schema, host=f"{wire.here},{standby.here},{postgres.directory}"), patience_s=0.9)
        await store.open()
        await store.post_durably(call(1))
        assert await ids(store) == [1]
        await store.aclose()


async def test_of_several_servers_none_of_which_can_be_used_each_is_told(postgres, schema, wire, tmp_path):
    """What is the matter with which; where it is the same with all, what to do about it."""
    wire.rewrites = AS_STANDBY
    with pytest.raises(LedgerUnavailable, match=r"wire: it is a standby, or read-only; .*nobody: .*No such file"):
        await make(postgres.url(schema, host=f"{wire.here},{tmp_path / 'nobody'}")).open()
    with pytest.raises(ConfigError, match="none of them takes writes; give the URL of the primary"):
        await make(postgres.url(schema, host=f"{wire.here},{wire.here}")).open()


# what cannot be used


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"user": GUARDED, "password": "canary-wrong-1"}, r"password authentication failed.*correct the user and the password"),
        ({"user": "nobody_here"}, r"role .* does not exist.*correct the user"),
        ({"database": "nowhere"}, r"database .nowhere. does not exist.*create the database"),
    ],
)
async def test_what_the_server_refuses_is_a_configuration_error(postgres, schema, options, words):
    """With what to do, and without the password."""
    with pytest.raises(ConfigError, match=words) as refused:
        await make(postgres.url(schema, **options)).open()
    assert refused.value.path == "store.url"
    assert "canary" not in str(refused.value)


async def test_database_that_cannot_hold_every_text_is_a_configuration_error(postgres):
    """What a client sends is UTF-8; in another encoding the first letter that it lacks would stop the ledger."""
    postgres.administer("CREATE DATABASE narrow ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    try:
        with pytest.raises(ConfigError, match=r"has the encoding SQL_ASCII: give the ledger a database with the encoding UTF8"):
            await make(postgres.url("public", database="narrow")).open()
    finally:
        postgres.administer("DROP DATABASE narrow")


async def test_user_without_rights_is_a_configuration_error(postgres, schema):
    """Its password is right; the schema is another's."""
    postgres.administer(f"GRANT USAGE ON SCHEMA {schema} TO {GUARDED}")
    with pytest.raises(ConfigError, match=r"permission denied.*GRANT CREATE, USAGE ON SCHEMA"):
        await make(postgres.url(schema, user=GUARDED, password=PASSWORD)).open()


async def test_missing_schema_is_a_configuration_error(postgres):
    """Tables would land nowhere, and the lock would hold nothing."""
    with pytest.raises(ConfigError, match="names no schema that exists"):
        await make(postgres.url("not_there")).open()


async def test_read_only_server_is_a_configuration_error(url):
    """A standby takes no writes, whether or not the ledger is there; one that exists can be read, though."""
    reader = make(Secret(f"{url.reveal()}&default_transaction_read_only=on"))
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"read-only transaction.*URL of the primary"):
            await reader.open()
        store = make(url)
        await store.open()
        await store.post_durably(call(1))
        await store.aclose()
    assert await ids(reader) == [1]


async def test_a_ledger_of_before_media_were_told_apart_is_brought_up_to_date(postgres, schema, url):
    """Its rows and sums stay what they were, new kinds of tokens are counted from then on, and the proof agrees."""
    store = make(url)
    await store.open()
    await post_all(store, replace(call(1), request=replace(call(1).request, tags="team=a")), call(2))
    before = await store.usage(group_by="total", since_day="", until_day="")
    await store.aclose()
    postgres.administer(WITHOUT_LATER_STEPS, schema)
    for table in ("daily", "daily_tags"):
        dropped = ", ".join(f"DROP COLUMN {column}" for column in MEDIA_COLUMNS)
        postgres.administer(f"ALTER TABLE {table} {dropped}", schema)
    postgres.administer("ALTER TABLE virtual_keys ADD COLUMN digest TEXT, ADD COLUMN previous_digest TEXT", schema)
    postgres.administer("UPDATE ledger_schema SET version = 3", schema)
    await store.open()
    assert await store.usage(group_by="total", since_day="", until_day="") == before
    await post_all(store, media_call(3))
    [total] = await store.usage(group_by="total", since_day="", until_day="")
    assert total.usage == before[0].usage + MEDIA
    assert await store.verify() == []
    await store.aclose()


async def test_the_first_schema_is_brought_up_to_date_when_nobody_reads_it(postgres, schema, url):
    """A backup that runs as a new version starts keeps its tables as they are: the start says so, and the next one works."""
    postgres.administer(f"{scripts('postgres')[0]} UPDATE ledger_schema SET version = 1", schema)
    made = replace(virtual_key("a"), revision=1)
    record = msgspec.json.encode(virtual_key("a")).decode()
    postgres.administer(f"INSERT INTO virtual_keys VALUES ('a', 'd', 'p', 1, '{record}')", schema)
    store = make(url, patience_s=0.2)
    with postgres.locked(schema, "daily"), pytest.raises(LedgerUnavailable, match=r"brought up to date: another session \(a pg_dump"):
        await store.open()
    store = make(url)
    await store.open()
    await store.post_durably(media_call(1))
    assert await store.virtual_keys.since(0, limit=9) == [made]
    assert await store.virtual_keys.put(replace(made, rpm=6)) == replace(made, rpm=6, revision=2)
    assert await store.verify() == []
    await store.aclose()


async def test_newer_schema_is_refused(postgres, schema, url):
    """An old program must not write a ledger that it does not understand; the lock is given back."""
    store = make(url)
    await store.open()
    await store.aclose()
    postgres.administer("UPDATE ledger_schema SET version = 77", schema)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"has schema 77, this omnillm knows \d"):
            await store.open()


async def test_tables_of_another_program_are_left_alone(postgres, schema, url):
    """The message says to give the ledger a place of its own; nothing is half made."""
    postgres.administer("CREATE TABLE requests (title TEXT)", schema)
    with pytest.raises(ConfigError, match=r"tables of another program"):
        await make(url).open()
    assert len(postgres.administer(f"SELECT 1 FROM pg_tables WHERE schemaname = '{schema}'")) == 1


@in_turn(
    "written",
    [
        "postgresql://user:canary/rest-1@host/db",
        "postgresql://user:canary#rest-1@host/db",
        "postgresql://user:canary?rest-1@host/db",
        "postgresql://user:1234/canary-rest-1@host/db",
        "postgresql://[user:canary-rest-1@host/db",
        "postgresql://host:canary-port-1/db",
    ],
)
def test_url_that_cannot_be_read_is_refused_without_a_word_of_it(written):
    """A password with a special character would else end up in a host's or a database's name."""
    with pytest.raises(ConfigError, match=r"special characters in the password") as refused:
        make(Secret(written))
    assert "canary" not in str(refused.value)


@in_turn(
    ("written", "name"),
    [
        ("postgresql://user:canary-url-1@host/db", "postgresql://host/db"),
        ("postgresql://user@host:5433/db?sslmode=require", "postgresql://host:5433/db"),
        ("postgresql://a:1,b:2/db", "postgresql://a:1,b:2/db"),
        ("postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("postgresql://[::1]/db", "postgresql://[::1]/db"),
        ("postgresql:///db?host=/run/postgresql&search_path=gateway", "postgresql:///run/postgresql/db (schema gateway)"),
    ],
)
def test_ledger_is_named_without_user_and_password(written, name):
    """In every message and log line."""
    assert make(Secret(written))._database.name == name


@in_turn(
    ("written", "servers"),
    [
        ("postgresql://u:p@a:1,b/db", [("a", 1), ("b", None)]),
        ("postgresql://[::1]:5,[fe80::1]/db", [("::1", 5), ("fe80::1", None)]),
        ("postgresql:///db?host=/run/one,/run/two&port=6", [("/run/one", 6), ("/run/two", 6)]),
        ("postgresql:///db?host=a,b&port=1,2", [("a", 1), ("b", 2)]),
        ("postgresql:///db?host=a,b&port=1,2,3", []),
        ("postgresql://a:1/db", []),
        ("postgresql:///db", []),
    ],
)
def test_servers_of_a_url_are_those_that_the_driver_would_ask(written, servers):
    """One is left to the driver, and so is what it has to refuse."""
    assert servers_of(Secret(written)) == servers


def test_missing_driver_is_a_configuration_error(monkeypatch):
    """The extra is named."""
    for module in ("asyncpg", "omnillm.stores.postgres.database", "omnillm.stores.postgres.connection"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ConfigError, match=r"pip install 'omnillm\[postgres\]'"):
        make(Secret("postgresql://host/db"))


async def test_server_that_is_not_there_is_told(tmp_path):
    """At the start it is an error that names the place; verbs of a store that was never opened say so."""
    store = make(Secret(f"postgresql:///db?host={tmp_path}"))
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        await store.open()
    assert not store.is_healthy
    with pytest.raises(LedgerUnavailable, match="not open"):
        store.post(call(1))
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        await store.requests(limit=1, before="")


# rows


async def test_odd_characters_are_held(store):
    """PostgreSQL has no NUL: it is kept, and found, as the character that stands for what cannot be shown."""
    await store.open()
    odd = replace(request_row(1), model="a\0b", session="\U0001f600 ä", attempts=0, cost_nanousd=0)
    await store.post_durably(Posting(request=odd))
    [found] = await store.requests(limit=1, before="", only=RequestFilter(model="a\0b"))
    assert found == replace(odd, model="a\ufffdb")
    assert await store.verify() == []


async def test_name_that_no_index_can_hold_keeps_nobody_out(store, caplog):
    """That one posting is lost and told; its neighbours are written."""
    await store.open()
    endless = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(9_000))
    store.post(Posting(request=replace(request_row(1), model=endless)))
    store.post(call(2))
    await store.flush()
    assert (await ids(store), store.dropped, store.is_healthy) == ([2], 1, True)
    assert "a posting is lost" in caplog.text


async def test_tampering_is_found(postgres, schema, store):
    """The replay of the rows proves balances and both roll-ups, also of days whose rows are deleted."""
    await store.open()
    for number, tags in enumerate(("team=a", "", "")):
        posting = call(number)
        store.post(replace(posting, request=replace(posting.request, tags=tags)))
    await store.flush()
    for change, problem in (
        ("UPDATE balances SET settled_nanousd = 1", f"the balance says 1 nano-USD, its entries {3 * COST}"),
        (
            f"UPDATE unfolded SET lines = replace(lines::text, ',{3 * COST},', ',1,')::json",
            "key openai/prod-1: the daily sums are not those of the rows",
        ),
        ("UPDATE daily_tags SET output = 1", "tags 'team=a': the daily sums are not those of the rows"),
    ):
        postgres.administer(change, schema)
        assert problem in (await store.verify())[-1]
    assert await store.retire(before_wall_ms=WALL_MS, limit=2) == 2
    assert "of which rows are deleted" in (await store.verify())[-1]
    assert (await usage(store, "total"))["total"].requests == 3
