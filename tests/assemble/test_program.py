"""A program's life: it starts, ticks, changes and ends."""

import asyncio

import pytest
from tests.assemble.test_parts import CONFIG, settings

from omnillm.admission.asks import Ask, Ticket
from omnillm.assemble import Program, Service
from omnillm.errors import ConfigError
from omnillm.records import Entry, EntryKind, Posting
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing import ManualClock

NOON = 1_795_608_000.0
"""2026-11-25, 12:00 UTC; 13:00 in Berlin."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOON)


async def ticked(program: Program, times: int = 1) -> None:
    """Until it has ticked so often from here on."""
    done, counted = asyncio.Event(), 0

    def count() -> None:
        nonlocal counted
        counted += 1
        if counted == times + 1:  # the first may have begun before
            done.set()

    program.ticker.add(count)
    async with asyncio.timeout(10):
        await done.wait()


async def test_what_budgets_have_spent_survives_a_restart(tmp_path, clock: ManualClock) -> None:
    """This month's balance comes back from the ledger; last month's does not count."""
    text = CONFIG.replace("memory://", f"sqlite:///{tmp_path}/ledger.db")
    before = SqliteStore(tmp_path / "ledger.db", clock=clock, durability="strict")
    await before.open()
    for number, (period, amount) in enumerate((("2026-10", 7_000), ("2026-11", 1_000), ("2026-11", 500))):
        for kind in (EntryKind.RESERVE, EntryKind.SETTLE):
            entry = Entry(
                request_id=f"{number:032x}",
                attempt=1,
                kind=kind,
                budget="everything",
                period=period,
                amount_nanousd=amount,
                wall_ms=0,
                epoch=1,
            )
            before.post(Posting(entries=(entry,)))
    await before.flush()
    await before.aclose()
    program = Program(settings(text), clock=clock)
    await program.start()
    budgets = {budget.name: budget for budget in program.controller.budgets()}
    assert (budgets["everything"].period, budgets["everything"].settled_nanousd) == ("2026-11", 1_500)
    assert (budgets["team"].period, budgets["team"].settled_nanousd) == ("2026-W48", 0)
    await program.aclose()


async def test_what_a_rolling_budget_has_spent_survives_a_restart(tmp_path, clock: ManualClock) -> None:
    """What slides out while the program is down is gone, what is in the window counts, and it slides out on time."""
    text = CONFIG.replace("memory://", f"sqlite:///{tmp_path}/ledger.db").replace("period: month, tz: Europe/Berlin", "period: rolling 24h")
    before = Program(settings(text), clock=clock)
    await before.start()
    for number, hours in enumerate((0, 2, 6)):
        clock.advance(hours * 3600)
        await ticked(before)
        ask = Ask(case_id=str(number), budgets=("everything",), amount_nanousd=9_000)
        ticket = before.controller.admit(ask, clock.now())
        assert isinstance(ticket, Ticket)
        [(budget, period)] = ticket.periods
        entry = Entry(
            request_id=f"{number:032x}",
            attempt=1,
            kind=EntryKind.SETTLE,
            budget=budget,
            period=period,
            amount_nanousd=10**number,
            wall_ms=0,
            epoch=1,
        )
        before.store.post(Posting(entries=(entry,)))
        before.controller.settle(str(number), 10**number, clock.now())
    await before.aclose()
    clock.advance(17.5 * 3600)  # 25.5 h after the first
    program = Program(settings(text), clock=clock)
    await program.start()

    def everything() -> tuple[str, int, float]:
        [budget] = [each for each in program.controller.budgets() if each.name == "everything"]
        return budget.period, budget.settled_nanousd, budget.resets_at_wall

    quarter = 15 * 60
    assert everything() == ("rolling 24h", 110, NOON + 26 * 3600 + 2 * quarter)
    clock.advance(3600)
    await ticked(program)
    assert everything() == ("rolling 24h", 100, NOON + 32 * 3600 + 2 * quarter)
    clock.advance(6 * 3600)
    await ticked(program)
    assert everything() == ("rolling 24h", 0, 0.0)
    await program.aclose()


async def test_a_tick_rolls_the_budgets_over(clock: ManualClock) -> None:
    """At local midnight of each."""
    program = Program(settings(), clock=clock)
    await program.start()
    clock.advance(12 * 3600)
    await ticked(program)
    assert {budget.name: budget.period for budget in program.controller.budgets()} == {
        "everything": "2026-11",
        "team": "2026-W48",
        "key:rich": "2026-11-26",
    }
    clock.advance(5 * 86_400)
    await ticked(program)
    assert {budget.period for budget in program.controller.budgets()} == {"2026-12", "2026-W49", "2026-12-01"}
    await program.aclose()


async def test_a_tick_that_fails_in_one_thing_does_all_the_others(clock: ManualClock) -> None:
    """A deadline that cannot be told stops neither the budgets' calendar nor what is called with each tick; the loop reports it."""

    class Broken:
        due = 0.0

        def expire(self, now: float) -> None:
            raise ZeroDivisionError

    reports: list[type] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(type(context["exception"])))
    program, broken = Program(settings(), clock=clock), Broken()
    await program.start()
    program.deadlines.add(broken)
    clock.advance(31 * 86_400)
    await ticked(program)
    assert {budget.period for budget in program.controller.budgets()} >= {"2026-12"}
    assert set(reports) == {ZeroDivisionError}
    program.deadlines.discard(broken)
    await program.aclose()


async def test_a_deadline_is_noticed_by_the_tick(clock: ManualClock) -> None:
    """Whoever is due is told once its moment has come, and not before."""

    class Watched:
        due = 5.0
        told = 0.0

        def expire(self, now: float) -> None:
            self.told, self.due = now, float("inf")

    program, watched = Program(settings(), clock=clock), Watched()
    await program.start()
    watched.due = clock.now() + 5
    program.deadlines.add(watched)
    await ticked(program)
    assert not watched.told
    clock.advance(5)
    await ticked(program)
    assert watched.told == clock.now()
    program.deadlines.discard(watched)
    await program.aclose()


async def test_a_change_replaces_what_follows_the_file_and_keeps_the_rest(clock: ManualClock) -> None:
    """Engine, router and prices are new; controller, connections, counters and ledger go on."""
    program = Program(settings(), clock=clock)
    await program.start()
    kept = (program.controller, program.client, program.store, program.counters, program.upstreams)
    engine, router = program.engine, program.router
    program.apply(settings(CONFIG.replace("fast:", "quick:").replace("models: [fast]", "models: [quick]")))
    assert kept == (program.controller, program.client, program.store, program.counters, program.upstreams)
    assert program.engine is not engine
    assert program.router is not router
    assert "quick" in program.router.models()
    await program.aclose()


async def test_a_change_that_is_refused_changes_nothing(clock: ManualClock) -> None:
    """Neither half of it nor all of it."""
    program = Program(settings(), clock=clock)
    await program.start()
    before = (program.settings, program.engine, program.router, program.controller.budgets())
    with pytest.raises(ConfigError):
        program.apply(settings(CONFIG.replace("port: 0", "port: 1").replace("limit_usd: 50", "limit_usd: 1")))
    assert before == (program.settings, program.engine, program.router, program.controller.budgets())
    await program.aclose()


async def test_a_program_may_be_closed_twice_and_without_a_start(clock: ManualClock) -> None:
    """And its ticks end."""
    idle = Program(settings(), clock=clock)
    await idle.aclose()
    program = Program(settings(), clock=clock)
    await program.start()
    await program.aclose()
    await program.aclose()
    assert not program.ticker.is_running


async def test_a_listener_that_cannot_be_had_is_a_configuration_error() -> None:
    """The main one or the one of the operations; what was opened before is closed again."""
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    for text in (CONFIG.replace("port: 0", f"port: {port}"), CONFIG.replace("port: 0", f"port: 0, admin: {{port: {port}}}")):
        service = Service(settings(text), reload=settings)
        with pytest.raises(ConfigError, match="cannot listen on"):
            await service.start()
        await service.aclose()
        if service.address[1]:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*service.address)
    taken.close()
    await taken.wait_closed()
