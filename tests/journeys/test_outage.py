"""`when_down: allow`: the call that finds the ledger down is answered like those behind it, and afterwards the books are right all the same."""

import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from pathlib import Path

import pytest
from tests.journeys import ledgers
from tests.journeys.live import began
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.wire import Reply, ask, exchange
from tests.postgres import Postgres
from tests.stores.postgres_wire import Loss, Wire

from omnillm.assemble import SystemClock
from omnillm.records import Entry, EntryKind
from omnillm.stores.postgres.store import PATIENCE_S, PostgresStore
from omnillm.stores.sql_store import SqlStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing import FakeProvider, Fault

QUESTION = ask("openai_chat", "hello", cap=20)
ALLOWED = "strict, when_down: allow"
Damage = Callable[[Path, Running], Iterator[None]]


def text(provider: FakeProvider, durability: str = ALLOWED) -> str:
    return configuration(provider, durability=durability)


def ledger(path: Path) -> SqliteStore:
    return SqliteStore(path, clock=SystemClock(), busy_s=0.02)


async def check_books(gateway: Running, provider: FakeProvider, reply: Reply) -> list[Entry]:
    """Everything was booked once. Returns what moved for that call."""
    await until(lambda: gateway.program.store.is_healthy)
    await gateway.agrees_with(provider)
    store = gateway.program.store
    assert store.dropped == 0
    return await store.entries(reply.headers["x-omnillm-request-id"])


async def check_next_run(gateway: Running, provider: FakeProvider, serve: Serve, store: SqlStore) -> None:
    """Who opens the ledger next finds nothing open that it would settle in full."""
    await gateway.service.aclose()
    again = await serve(text(provider), store=store)
    await again.agrees_with(provider)


def locked(path: Path, gateway: Running) -> AbstractContextManager[None]:
    """By another process."""
    return ledgers.locked(path)


@contextmanager
def full(path: Path, gateway: Running) -> Iterator[None]:
    """No file of this process may grow beyond what the log has."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name(f"{path.name}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def read_only(path: Path, gateway: Running) -> Iterator[None]:
    """Of the connection that writes; the next one is not, so that the outage is over in a moment."""
    gateway.program.store._database._connection.execute("PRAGMA query_only = 1")
    yield


@contextmanager
def away(path: Path, gateway: Running) -> Iterator[None]:
    moved = path.rename(path.with_name("elsewhere.db"))
    yield
    moved.rename(path)


@pytest.mark.parametrize("damage", [locked, full, read_only, away])
async def test_who_finds_the_file_out_of_order_is_answered(serve: Serve, provider: FakeProvider, tmp_path: Path, damage: Damage) -> None:
    """And so is who comes behind; what was not written then is written once it can be."""
    path = tmp_path / "ledger.db"
    gateway = await serve(text(provider), store=ledger(path))
    assert (await exchange(gateway.port, QUESTION)).is_answer
    await gateway.program.store.flush()
    with damage(path, gateway):
        finder = await exchange(gateway.port, QUESTION)
        assert finder.is_answer, finder.body
        assert (await exchange(gateway.port, QUESTION)).is_answer
    kinds = [entry.kind for entry in await check_books(gateway, provider, finder)]
    assert (
        kinds
        in {  # a COMMIT that fails may have been done; an outage may be over before the call hears of it
            locked: ([EntryKind.SETTLE],),
            away: ([EntryKind.SETTLE],),
            full: ([EntryKind.VOID, EntryKind.SETTLE],),
            read_only: ([EntryKind.SETTLE], [EntryKind.RESERVE, EntryKind.SETTLE]),
        }[damage]
    )
    await check_next_run(gateway, provider, serve, ledger(path))


async def test_who_finds_it_out_of_order_is_refused_where_that_is_configured(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """`when_down: refuse`: nothing is sent."""
    path = tmp_path / "ledger.db"
    gateway = await serve(text(provider, "strict"), store=ledger(path))
    with locked(path, gateway):
        reply = await exchange(gateway.port, QUESTION)
    assert (reply.status, reply.error["code"], provider.log) == (503, "ledger_unavailable", [])


async def test_every_attempt_of_who_finds_it_is_booked(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """The first one fails and is paid by estimate, the second one answers; neither had a reservation."""
    path = tmp_path / "ledger.db"
    gateway = await serve(text(provider), store=ledger(path))
    provider.enqueue(Fault(http_status=500))
    with locked(path, gateway):
        finder = await exchange(gateway.port, QUESTION)
        assert finder.is_answer
    await until(lambda: gateway.program.store.is_healthy)
    cost, settled, reserved = await gateway.books()
    assert (cost, reserved) == (settled, 0)
    request, attempts = await gateway.last()
    assert [attempt.verdict for attempt in attempts] == ["server_fault", "success"]
    assert request.cost_nanousd == cost == sum(attempt.cost_nanousd for attempt in attempts)


async def test_a_session_that_finds_it_out_of_order_goes_on(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """The next slice of its advance cannot be written: it is told of nothing, and settled once."""
    path = tmp_path / "ledger.db"
    gateway = await serve(text(provider), store=ledger(path))
    talk = await began(gateway.port)
    with locked(path, gateway):
        talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 900_000}]}})
        talk.say({"type": "response.create", "response": {"output_modalities": ["text"]}})
        await talk.until("response.done")
        assert not gateway.program.store.is_healthy
    await until(lambda: gateway.program.store.is_healthy)
    await talk.close()
    await until(lambda: gateway.in_flight == 0)
    await gateway.agrees_with(provider)
    await check_next_run(gateway, provider, serve, ledger(path))


@pytest.fixture
async def wired(postgres: Postgres, tmp_path: Path, what: str) -> AsyncIterator[tuple[Wire, Callable[[], PostgresStore], str]]:
    """A wire, what makes a ledger behind it, and its schema. Only where nothing is heard does anybody wait for the end of the patience."""
    patience_s = 0.4 if what == "silent" else PATIENCE_S
    schema = postgres.schema()
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire(tmp_path, postgres.directory))
        yield wire, lambda: PostgresStore(postgres.url(schema, host=str(wire.here)), clock=SystemClock(), patience_s=patience_s), schema


@pytest.mark.parametrize("what", ["question lost", "answer lost", "gone", "silent", "sessions killed"])
async def test_who_finds_the_database_out_of_order_is_answered(
    wired: tuple[Wire, Callable[[], PostgresStore], str], serve: Serve, provider: FakeProvider, postgres: Postgres, what: str
) -> None:
    """Also if nobody knows whether its reservation was written: that one is given back, and the call is booked under another number."""
    wire, make, schema = wired
    gateway = await serve(text(provider), store=make())
    assert (await exchange(gateway.port, QUESTION)).is_answer
    await gateway.program.store.flush()  # so that the next commit is that of the reservation
    if what == "gone":
        await wire.cut()
    elif what == "silent":
        wire.is_held = True
    elif what == "sessions killed":
        postgres.kill_sessions(schema)
    else:
        wire.lose = Loss.QUESTION if what == "question lost" else Loss.ANSWER
    finder = await exchange(gateway.port, QUESTION)
    assert finder.is_answer, finder.body
    wire.is_held = False
    if what == "gone":
        await wire.mend()
    entries = await check_books(gateway, provider, finder)
    [settle] = [entry for entry in entries if entry.kind is EntryKind.SETTLE]
    assert settle.amount_nanousd > 0
    written = [(entry.attempt, entry.kind) for entry in entries if entry.attempt != settle.attempt]
    if what == "answer lost":
        assert written == [(1, EntryKind.RESERVE), (1, EntryKind.VOID)]
    else:
        assert EntryKind.RESERVE not in {kind for _, kind in written}
    await check_next_run(gateway, provider, serve, make())
