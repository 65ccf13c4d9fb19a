"""Past a budget by the calendar, the first use, a key that changes, and more than one attempt."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.journeys.bypasses.bypassing import KEYS, LARGE, check_paid, with_large
from tests.journeys.money import held_by_one, usd
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.wire import Line, Reply, admin, ask, exchange

from omnillm.assemble import SystemClock
from omnillm.config.load import parse
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, ManualClock

# B8: the calendar and the clock


HOUR = 3600
MIDNIGHT = 1_795_651_200.0
"""2026-11-26, 00:00 UTC."""


async def test_b8_a_call_over_midnight_is_counted_once_and_in_its_own_day(serve: Serve, fake: FakeProvider) -> None:
    """What it holds does not weigh on the new day, what it cost is booked to the old one."""
    question = ask("openai_chat", "hello", cap=20)
    held, clock = await held_by_one(serve, fake, question), ManualClock(wall=MIDNIGHT - 5)
    cost = fake.invoice.total_nanousd
    gateway = await serve(configuration(fake, limit_usd=usd(held), period="day", queue="0s"), clock=clock)
    fake.enqueue(Fault.stall())
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, question))
    await fake.arrived(2)
    assert (await exchange(gateway.port, question)).status == 402
    clock.advance(6)
    await until(lambda: gateway.program.controller.budgets()[0].period == "2026-11-26")
    assert (await exchange(gateway.port, question)).is_answer
    fake.gate("stall").set()
    assert (await task).is_answer
    assert (await exchange(gateway.port, question)).status == 402
    assert await gateway.books() == (2 * cost, cost, 0)
    booked = [await gateway.program.store.entries(row.request_id) for row in await gateway.program.store.requests(limit=9, before="")]
    assert sorted(entry.period for entries in booked for entry in entries) == ["2026-11-25", "2026-11-26"]


STEPS: dict[str, tuple[str, str, float, tuple[float, ...], bool]] = {
    "clock steps back over midnight": ("day", "UTC", MIDNIGHT + 5, (-10, 5, 5, -HOUR, 2 * HOUR), False),
    "clock steps back over the month": ("month", "UTC", MIDNIGHT + 5 * 24 * HOUR + 5, (-10, 11), False),
    "summer time ends: a day of 25 hours": ("day", "Europe/Berlin", 1_792_879_200.0 + 5, (24 * HOUR,), False),
    "and then it is over": ("day", "Europe/Berlin", 1_792_879_200.0 + 5, (25 * HOUR,), True),
    "summer time begins: a day of 23 hours": ("day", "Europe/Berlin", 1_774_738_800.0 + 5, (23 * HOUR,), True),
    "29 February is no month's begin": ("month", "UTC", 1_835_308_800.0 + 5, (24 * HOUR,), False),
    "total": ("total", "", MIDNIGHT, (4000 * 24 * HOUR,), False),
}
"""Period, zone ("": it has none), the wall clock at first, how it moves, and whether a new period begins."""


@pytest.mark.parametrize("name", STEPS)
async def test_b8_no_clock_renews_a_budget_before_its_time(serve: Serve, fake: FakeProvider, name: str) -> None:
    """Steps back, hours that come twice, leap days."""
    period, zone, wall, moves, is_renewed = STEPS[name]
    question = ask("openai_chat", "hello", cap=20)
    held, clock = await held_by_one(serve, fake, question), ManualClock(wall=wall)
    named = f"period: {period}" + (f", tz: {zone}" if zone else "")
    text = configuration(fake, limit_usd=usd(held), queue="0s").replace("period: total", named)
    gateway = await serve(text, clock=clock)
    assert (await exchange(gateway.port, question)).is_answer
    for move in moves:
        clock.step_wall(move)
        ticks = gateway.program.ticker.ticks
        await until(lambda ticks=ticks: gateway.program.ticker.ticks > ticks + 1)
    assert (await exchange(gateway.port, question)).status == (200 if is_renewed else 402)


async def test_b8_a_limit_lowered_below_what_is_spent_refuses_and_nothing_becomes_negative(serve: Serve, fake: FakeProvider) -> None:
    """Also while a call is open, which is settled by its truth; raised again, what was spent still counts."""
    question = ask("openai_chat", "hello", cap=20)
    held = await held_by_one(serve, fake, question)
    cost = fake.invoice.total_nanousd
    gateway = await serve(configuration(fake, queue="0s"))
    fake.enqueue(Fault.stall())
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, question))
    await fake.arrived(2)
    for limit, status in ((cost - 1, 402), (held, 402), (2 * held, 200)):
        settings = parse(configuration(fake, limit_usd=usd(limit), queue="0s"), {})
        gateway.service._read_settings = lambda settings=settings: settings
        await gateway.service.reload()
        assert (await exchange(gateway.port, question)).status == status
        fake.gate("stall").set()
        assert (await task).is_answer
    assert await gateway.books() == (2 * cost, 2 * cost, 0)


# B9: the first use


async def test_b9_the_first_calls_of_a_key_find_one_budget(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """Made twice at once it is one key, and of its first fifty calls at once three are answered: as many as there is money for."""
    held = await held_by_one(serve, fake, ask("openai_chat", "hello", cap=20))
    gateway = await serve(configuration(fake, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict", queue="0s"))
    terms = {"name": "ada", "budget": {"limit_usd": usd(3 * held + held // 2), "period": "day"}}
    made = await asyncio.gather(*(admin(gateway, "POST", KEYS, terms) for _ in range(5)))
    assert sorted(reply.status for reply in made) == [201, 409, 409, 409, 409]
    [secret] = [reply.json["secret"] for reply in made if reply.status == 201]
    question = ask("openai_chat", "hello", cap=20, key=secret)
    fake.script.behave("*", Behaviour(fault=Fault.stall(name="first")))
    tasks = [asyncio.get_running_loop().create_task(exchange(gateway.port, question)) for _ in range(50)]
    await until(lambda: sum(task.done() for task in tasks) == 47)
    await fake.arrived(1 + 3)
    fake.gate("first").set()
    replies = await asyncio.gather(*tasks)
    assert sorted(reply.status for reply in replies) == [200] * 3 + [402] * 47
    assert [each.name for each in gateway.program.controller.budgets()] == ["everything", "key:ada"]
    fake.invoice.lines.pop(0)
    await check_paid(gateway, fake)


# B12: the key changes under its stream


CHANGES: dict[str, Callable[[Running], Awaitable[Reply]]] = {
    "revoked": lambda gateway: admin(gateway, "POST", f"{KEYS}/ada/revoke"),
    "rotated": lambda gateway: admin(gateway, "POST", f"{KEYS}/ada/rotate", {}),
    "moved": lambda gateway: admin(gateway, "PATCH", f"{KEYS}/ada", {"budgets": []}),
    "lowered": lambda gateway: admin(gateway, "PATCH", f"{KEYS}/ada", {"budget": {"limit_usd": "0.000000001"}}),
    "expired": lambda gateway: admin(gateway, "PATCH", f"{KEYS}/ada", {"expires": "2020-01-01"}),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_b12_a_stream_is_paid_by_who_it_was_admitted_for(serve: Serve, fake: FakeProvider, change: str) -> None:
    """Revoked, rotated, moved to another team, lowered, expired: every budget that held money for the stream is charged its cost."""
    text = configuration(fake, queue="0s").replace("budgets: [{name: ev", "budgets: [{name: team, scope: named, limit_usd: 9}, {name: ev")
    gateway = await serve(text)
    made = await admin(gateway, "POST", KEYS, {"name": "ada", "budgets": ["team"], "budget": {"limit_usd": "1"}})
    fake.enqueue(Fault.stall(after_events=2))
    line = await Line.open(gateway.port, ask("openai_chat", "hello", cap=20, is_stream=True, key=made.json["secret"]))
    assert await line.head() == 200
    assert (await CHANGES[change](gateway)).status == 200
    fake.gate("stall").set()
    assert (await line.rest()).is_answer
    line.reset()
    await check_paid(gateway, fake)
    request, _ = await gateway.last()
    entries = await gateway.program.store.entries(request.request_id)
    cost = fake.invoice.total_nanousd
    assert {entry.budget: entry.amount_nanousd for entry in entries} == dict.fromkeys(("team", "everything", "key:ada"), cost)
    spent = {each.name: (each.settled_nanousd, each.reserved_nanousd) for each in gateway.program.controller.budgets()}
    assert all(spent[name] == (cost, 0) for name in {"team", "everything", "key:ada"} & spent.keys())


# B15: more than one attempt


async def test_b15_attempt_that_may_be_billed_is_paid_and_another_needs_money_of_its_own(serve: Serve, fake: FakeProvider) -> None:
    """A reply was lost: it is charged by estimate, and without room for a second attempt there is none."""
    question = ask("openai_chat", "hello [[fault:lost_reply*1]]", cap=20)
    held = await held_by_one(serve, fake, ask("openai_chat", "hello [[fault:slow]]     ", cap=20))
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, limit_usd=usd(2 * held + 50_000)))
    reply = await exchange(gateway.port, question)
    assert reply.is_answer
    request, [lost, found] = await gateway.last()
    assert (lost.verdict, lost.is_estimated, found.is_estimated, request.is_estimated) == ("lost", True, False, True)
    tight = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, limit_usd=usd(2 * held - 50_000)))
    reply = await exchange(tight.port, ask("openai_chat", "hello  [[fault:lost_reply*1]]", cap=20))
    assert (reply.status, reply.headers["x-omnillm-attempts"]) == (402, "1")
    assert await tight.spent() > 0


async def test_b15_an_attempt_at_another_provider_is_priced_by_that_one(serve: Serve) -> None:
    """The lost one at its own price, by estimate; the one that answered at its own, to the nano-dollar; the sum is the call's."""
    async with FakeProvider(prices=LARGE, clock=SystemClock()) as fake:
        gateway = await serve(with_large(configuration(fake), "anthropic/fake-large, openai/fake-small"))
        fake.enqueue(FAULTS["lost_reply"])
        assert (await exchange(gateway.port, ask("openai_chat", "hello", cap=20))).is_answer
        await check_paid(gateway, fake)
        request, [lost, found] = await gateway.last()
        assert (lost.model, lost.is_estimated, found.model, found.is_estimated) == ("fake-large", True, "fake-small", False)
        assert [line.model for line in fake.invoice.lines] == ["fake-large", "fake-small"]
        assert lost.cost_nanousd >= fake.invoice.lines[0].cost_nanousd
        assert found.cost_nanousd == fake.invoice.lines[1].cost_nanousd
        assert request.cost_nanousd == lost.cost_nanousd + found.cost_nanousd
