"""Money is never wrong: held before it can be spent, never beyond a hard limit, settled to what the provider bills, kept over a crash."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.journeys.ledgers import locked, rows
from tests.journeys.money import NANO, held_by_one, usd, watched
from tests.journeys.running import PRICES, Serve, configuration, until
from tests.journeys.served import forked
from tests.journeys.wire import DIALECTS, Question, Reply, ask, exchange, send

from omnillm.assemble import SystemClock
from omnillm.errors import LedgerUnavailable
from omnillm.records import EntryKind
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as provider:
        yield provider


async def test_money_that_comes_back_is_spent_again(serve: Serve, fake: FakeProvider) -> None:
    """Waiting for money that is only held, 200 calls over room for a few at a time are all answered, and the limit holds throughout."""
    question = ask("openai_chat", "hello", cap=20)
    held = await held_by_one(serve, fake, question)
    cost = fake.invoice.total_nanousd
    limit = 3 * held + 200 * cost
    gateway = await serve(configuration(fake, limit_usd=usd(limit), queue="10s"))
    async with watched(gateway, limit):
        replies = await asyncio.gather(*(exchange(gateway.port, question) for _ in range(200)))
    assert all(reply.is_answer for reply in replies)
    assert await gateway.spent() == 200 * cost


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_spent_budget_is_a_402_that_says_how_it_stands(serve: Serve, fake: FakeProvider, dialect: str, is_stream: bool) -> None:
    """Scope, what the call may cost, limit, what is spent and what is held; and the SDK is not to try again."""
    question = ask(dialect, "hello", cap=20, is_stream=is_stream)
    held = await held_by_one(serve, fake, question)
    cost = fake.invoice.total_nanousd
    gateway = await serve(configuration(fake, limit_usd=usd(held)))
    assert (await exchange(gateway.port, question)).is_answer
    reply = await exchange(gateway.port, question)
    assert reply.status == 402
    assert reply.headers["x-should-retry"] == "false"
    assert "retry-after" not in reply.headers
    told = reply.body.decode()
    message = reply.error["message"]
    assert "'everything'" in message
    amounts = [float(amount) for amount in re.findall(r"\d+\.\d+", message)]
    assert amounts == [pytest.approx(amount / NANO) for amount in (held, held, cost)]
    assert all(name in told for name in ("budget_exceeded", "scope", "needed_usd", "limit_usd", "spent_usd", "held_usd"))
    assert len(fake.log) == 2


async def test_rolling_budget_is_free_again_when_its_money_slides_out(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """Not at midnight: a window after it was spent, as the 402 says; entries and balances name the bucket, over a restart too."""
    question = ask("openai_chat", "hello", cap=20)
    held = await held_by_one(serve, fake, question)
    cost, clock = fake.invoice.total_nanousd, ManualClock(wall=1_795_608_000.0)
    terms = {"limit_usd": usd(held), "period": "rolling 1d", "store": f"sqlite:///{tmp_path}/ledger.db", "durability": "strict"}
    gateway = await serve(configuration(fake, **terms), clock=clock)
    assert (await exchange(gateway.port, question)).is_answer
    request, _ = await gateway.last()
    [reserve, settle] = await gateway.program.store.entries(request.request_id)
    assert (reserve.period, settle.period, settle.amount_nanousd) == (*["2026-11-25T12:00Z/PT15M"] * 2, cost)
    clock.advance(23 * 3600)
    # A bucket of an earlier run counts a bucket longer.
    for buckets in (1, 2):
        if buckets == 2:
            await gateway.service.aclose()
            gateway = await serve(configuration(fake, **terms), clock=clock)
        reply = await exchange(gateway.port, question)
        assert (reply.status, reply.error["code"]) == (402, "budget_exceeded")
        assert float(reply.error["details"]["spent_usd"]) == pytest.approx(cost / NANO)
        assert reply.error["details"]["resets_at"] == 1_795_608_000 + 24 * 3600 + buckets * 15 * 60
    clock.advance(3600 + 30 * 60)
    await until(lambda: gateway.program.controller.budgets()[0].settled_nanousd == 0)
    assert (await exchange(gateway.port, question)).is_answer
    assert await gateway.books() == (2 * cost, cost, 0)


async def test_held_budget_is_a_402_to_come_back_to(serve: Serve, fake: FakeProvider) -> None:
    """When only calls under way stand in the way, and the call may not wait, it is told when to come again."""
    question = ask("openai_chat", "hello", cap=20)
    held = await held_by_one(serve, fake, question)
    gateway = await serve(configuration(fake, limit_usd=usd(held), queue="0s"))
    fake.enqueue(Fault.stall())
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, question))
    await fake.arrived(2)
    reply = await exchange(gateway.port, question)
    assert (reply.status, reply.error["code"]) == (402, "budget_held")
    assert float(reply.error["details"]["held_usd"]) == pytest.approx(held / NANO)
    assert "x-should-retry" not in reply.headers
    fake.gate("stall").set()
    assert (await task).is_answer


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_limit_told_after_content_is_no_free_failover(serve: Serve, fake: FakeProvider, dialect: str) -> None:
    """One piece brings a word and a 429: what was said may be billed, so another key is asked only if there is room for both."""
    question = ask(dialect, "hello", cap=20, is_stream=True)
    held = await held_by_one(serve, fake, question)
    keys = {"a": "key: sk-a", "b": "key: sk-b"}
    for limit, is_answered in ((held, False), (2 * held, True)):
        gateway = await serve(configuration(fake, keys=keys, limit_usd=usd(limit)))
        before = len(fake.log)
        fake.enqueue(Fault(name="limited", error_after=1, error_status=429))
        async with watched(gateway, limit):
            reply = await exchange(gateway.port, question)
        assert (reply.status, len(fake.log) - before) == ((200, 2) if is_answered else (402, 1))
        assert is_answered or "Budget 'everything' has no room for another attempt" in reply.error["message"]
        assert (await gateway.books())[1] <= limit


async def test_soft_budget_lets_through(serve: Serve, fake: FakeProvider) -> None:
    """It counts, and refuses nobody."""
    gateway = await serve(configuration(fake, limit_usd="0.000001", hard=False))
    replies = [await exchange(gateway.port, ask("openai_chat", "hello")) for _ in range(5)]
    assert all(reply.is_answer for reply in replies)
    assert (await gateway.books()) == (fake.invoice.total_nanousd, fake.invoice.total_nanousd, 0)


async def test_own_budget_of_a_key_is_named(serve: Serve, fake: FakeProvider) -> None:
    """The tightest budget refuses, by its own name, and nothing is held in the others."""
    gateway = await serve(configuration(fake, caller='budget: {limit_usd: "0.000001", period: total}'))
    reply = await exchange(gateway.port, ask("openai_chat", "hello"))
    assert reply.status == 402
    assert reply.error["details"]["scope"] == "key:journey"
    assert await gateway.books() == (0, 0, 0)


CAPS: dict[str, Callable[[dict], object]] = {
    "openai_chat": lambda body: body.get("max_completion_tokens"),
    "openai_responses": lambda body: body.get("max_output_tokens"),
    "gemini": lambda body: body.get("generationConfig", {}).get("maxOutputTokens"),
    "gemini_interactions": lambda body: body.get("generation_config", {}).get("max_output_tokens"),
}


@pytest.mark.parametrize("dialect", CAPS)
async def test_call_without_a_cap_gets_one_where_the_models_own_is_unknown(serve: Serve, fake: FakeProvider, dialect: str) -> None:
    """A bound that cannot be read is sent; what is held is enough for it."""
    gateway = await serve(configuration(fake, calls="default_output_tokens: 30"))
    fake.script.behave("*", Behaviour(words=500))
    assert (await exchange(gateway.port, ask(dialect, "hello"))).is_answer
    assert CAPS[dialect](sent_body(fake)) == 30
    assert fake.invoice.lines[0].usage.output == 30


async def test_translated_call_without_a_cap_gets_one_too(serve: Serve, fake: FakeProvider) -> None:
    """It is emitted anew, and what its provider is told is what is held."""
    gateway = await serve(configuration(fake, calls="default_output_tokens: 30"))
    fake.script.behave("*", Behaviour(words=500))
    assert (await exchange(gateway.port, ask("gemini", "hello", model="fast"))).is_answer
    assert CAPS["openai_chat"](sent_body(fake)) == 30
    assert fake.invoice.lines[0].usage.output == 30


@pytest.mark.parametrize("dialect", CAPS)
async def test_call_without_a_cap_is_bounded_by_the_models_own(serve: Serve, fake: FakeProvider, dialect: str) -> None:
    """Where the price list knows the model's maximum, the body stays as it was and that much is held."""
    question = ask(dialect, "hello")
    gateway = await serve(configuration(fake, price="{input: 0.4, output: 1.6, max_output: 5000}"))
    fake.enqueue(Fault.stall())
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, question))
    await fake.arrived(1)
    held = (await gateway.books())[2]
    assert 5000 * 1600 <= held < 5000 * 1600 + 300 * 400
    assert CAPS[dialect](sent_body(fake)) is None
    fake.gate("stall").set()
    assert (await task).is_answer


def sent_body(fake: FakeProvider) -> dict:
    return Reply("", 200, {}, fake.log[0].body, is_whole=True).json


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_each_of_n_choices_is_held_and_paid(serve: Serve, fake: FakeProvider, is_stream: bool) -> None:
    """n times the cap is held, and what n choices cost is settled."""
    one = await held_by_one(serve, fake, ask("openai_chat", "hello", cap=100))
    five = await held_by_one(serve, fake, ask("openai_chat", "hello", cap=100, more={"n": 5}))
    assert five >= one + 4 * 100 * 1600
    fake.invoice.lines.clear()
    gateway = await serve(configuration(fake))
    reply = await exchange(gateway.port, ask("openai_chat", "hello", more={"n": 5}, is_stream=is_stream))
    assert reply.is_answer
    assert (await gateway.books())[0] == fake.invoice.total_nanousd
    told = reply.headers.get("x-omnillm-cost-usd", "0")
    assert round(float(told) * NANO) == (0 if is_stream else fake.invoice.total_nanousd), "a reply that is whole carries its exact cost"
    assert fake.invoice.lines[0].usage.output == 100


REPEATED = {
    "openai_chat": (b'"max_tokens":5', b'"max_tokens":5,"max_tokens":5000'),
    "openai_responses": (b'"max_output_tokens":5', b'"max_output_tokens":5,"max_output_tokens":5000'),
    "anthropic_messages": (b'"max_tokens":5', b'"max_tokens":5,"max_tok\\u0065ns":5000'),
    "gemini": (b'"maxOutputTokens": 5', b'"maxOutputTokens": 5000, "maxOutputTokens": 5'),
    "gemini_interactions": (b'"max_output_tokens": 5', b'"max_output_tokens": 5000, "max_output_tokens": 5'),
}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_body_that_can_be_read_twice_is_refused(serve: Serve, fake: FakeProvider, dialect: str) -> None:
    """A member that stands twice could be one thing for us and another for the provider."""
    gateway = await serve(configuration(fake))
    plain = ask(dialect, "hello", cap=5).raw
    head, _, body = plain.partition(b"\r\n\r\n")
    was, becomes = REPEATED[dialect]
    body = body.replace(was.replace(b" ", b""), becomes)
    head = re.sub(rb"content-length: \d+", b"content-length: %d" % len(body), head)
    reply = await exchange(gateway.port, Question(dialect, head + b"\r\n\r\n" + body))
    assert reply.status == 400
    assert "twice" in reply.error["message"]
    assert fake.log == []


async def test_body_too_deep_to_be_counted_is_a_400(serve: Serve, fake: FakeProvider) -> None:
    """Whatever decoder runs out of stack first."""
    gateway = await serve(configuration(fake))
    statuses = set()
    for depth in (*range(960, 1000, 2), 20_000):  # Python 3.13 reads ten times as deep as 3.11
        nested = b'{"a":' * depth + b"1" + b"}" * depth
        body = b'{"model":"fast","messages":[{"role":"user","content":"hi"}], "x":' + nested + b"}"
        statuses.add((await send(gateway, "POST", "/v1/chat/completions", body)).status)
    assert 400 in statuses
    assert statuses <= {200, 400}


# durability


async def test_reservation_is_on_disk_before_the_provider_is_asked(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """Strict: while the ledger cannot be written, nothing is sent; when it can, the reservation stands before the request arrives."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, store=f"sqlite:///{path}", durability="strict"))
    fake.enqueue(Fault.stall())
    with locked(path):
        task = asyncio.get_running_loop().create_task(exchange(gateway.port, ask("openai_chat", "hello")))
        await until(lambda: gateway.in_flight == 1)
        for _ in range(50):
            await asyncio.sleep(0)
        assert fake.log == []
    await fake.arrived(1)
    [(kind, amount)] = rows(path, "SELECT kind, amount_nanousd FROM entries")
    assert (kind, amount) == (EntryKind.RESERVE, (await gateway.books())[2])
    fake.gate("stall").set()
    assert (await task).is_answer
    await gateway.books()
    found = rows(path, "SELECT kind, amount_nanousd FROM entries ORDER BY kind")
    assert found == [(EntryKind.RESERVE, amount), (EntryKind.SETTLE, fake.invoice.total_nanousd)]


async def test_reservation_of_what_was_never_sent_is_void(serve: Serve, tmp_path: Path) -> None:
    """Strict: a provider that cannot be reached costs nothing, and the ledger says so."""
    async with FakeProvider() as gone:
        text = configuration(gone, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict")
    gateway = await serve(text)
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).status == 502
    assert await gateway.books() == (0, 0, 0)
    [(reserves, voids, others)] = rows(tmp_path / "ledger.db", "SELECT sum(kind = 0), sum(kind = 2), sum(kind NOT IN (0, 2)) FROM entries")
    assert reserves == voids > 0 == others


@pytest.mark.parametrize("name", ["status_500", "lost_reply", "silent_close"])
async def test_each_reservation_is_closed_once(serve: Serve, fake: FakeProvider, tmp_path: Path, name: str) -> None:
    """Strict, with retries: each attempt has its reservation, and each reservation its settlement or its void."""
    path = tmp_path / "ledger.db"
    gateway = await serve(
        configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, store=f"sqlite:///{path}", durability="strict"),
    )
    for number in range(3):
        assert (await exchange(gateway.port, ask("openai_chat", f"{number} [[fault:{name}*1]]"))).is_answer
    assert await gateway.spent() >= fake.invoice.total_nanousd
    counted = rows(path, "SELECT request_id, attempt, sum(kind = 0), sum(kind IN (1, 2)) FROM entries GROUP BY request_id, attempt")
    assert len(counted) == len(fake.log)
    assert {(reserves, closes) for _, _, reserves, closes in counted} == {(1, 1)}


async def test_balance_is_kept_over_a_restart(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """What was spent stays spent: the second run begins where the first ended, and refuses by it."""
    question = ask("openai_chat", "hello", cap=20)
    held = await held_by_one(serve, fake, question)
    cost = fake.invoice.total_nanousd
    fake.invoice.lines.clear()
    text = configuration(fake, store=f"sqlite:///{tmp_path}/ledger.db", limit_usd=usd(held + 2 * cost))
    first = await serve(text)
    for _ in range(2):
        assert (await exchange(first.port, question)).is_answer
    await first.end()
    second = await serve(text)
    assert await second.books() == (2 * cost, 2 * cost, 0)
    assert (await exchange(second.port, question)).is_answer
    assert (await exchange(second.port, question)).status == 402
    assert await second.books() == (3 * cost, 3 * cost, 0)
    assert fake.invoice.total_nanousd == 3 * cost


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_kill_in_the_middle_of_a_call_leaves_its_reservation_counted(
    serve: Serve, fake: FakeProvider, tmp_path: Path, is_stream: bool
) -> None:
    """kill -9 while the provider generates: after the restart the whole reservation is spent, by estimate, and the ledger adds up."""
    text = configuration(fake, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict")
    fake.enqueue(None, Fault.stall(after_events=3))
    async with forked(text) as (serving, port):
        assert (await exchange(port, ask("openai_chat", "hello"))).is_answer
        spent = fake.invoice.total_nanousd
        call = asyncio.get_running_loop().create_task(exchange(port, ask("openai_chat", "hello", is_stream=is_stream)))
        await fake.arrived(2)
        [(held,)] = rows(
            tmp_path / "ledger.db",
            "SELECT amount_nanousd FROM entries AS r WHERE kind = 0 AND NOT EXISTS "
            "(SELECT 1 FROM entries AS c WHERE c.request_id = r.request_id AND c.kind IN (1, 2))",
        )
        serving.kill()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            assert not (await call).is_answer
    async with asyncio.timeout(5):
        await fake.ended(2)
    gateway = await serve(text)
    assert await gateway.spent() == spent + held >= fake.invoice.total_nanousd
    request, attempts = await gateway.last()
    assert request.is_estimated
    assert [row.cost_nanousd for row in attempts] == [held]
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer


async def test_ledger_that_cannot_be_written_refuses_who_has_a_budget(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """503, nothing sent, nothing held; and when the ledger is back, so is the gateway."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, durability="strict"), store=SqliteStore(path, clock=SystemClock(), busy_s=0.05))
    with locked(path):
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
        assert (reply.status, reply.error["code"]) == (503, "ledger_unavailable")
        assert int(reply.headers["retry-after-ms"]) > 0
        assert {"x-omnillm-attempts", "x-should-retry"}.isdisjoint(reply.headers), "the SDK may repeat what was never sent"
        assert "ledger.db" not in reply.error["message"], "where it lies is the operator's affair"
        assert fake.log == []
        assert gateway.in_flight == 0
    await until(lambda: gateway.program.store.is_healthy, seconds=10)
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
    assert (await gateway.books())[2] == 0


@pytest.mark.parametrize("when_down", ["refuse", "allow"])
async def test_nothing_is_spent_unseen_where_reservations_are_not_waited_for(
    serve: Serve, provider: FakeProvider, tmp_path: Path, when_down: str
) -> None:
    """`relaxed`: no call is spent on a ledger that is away, nor, even with `when_down: allow`, beside another process on the same one."""
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability=f"relaxed, when_down: {when_down}")
    gateway = await serve(text)
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
    await gateway.program.store.flush()
    if when_down == "allow":
        (tmp_path / "ledger.db.lock").unlink()
        await serve(text)
    else:
        (tmp_path / "ledger.db").rename(tmp_path / "away.db")
    await exchange(gateway.port, ask("openai_chat", "hello"))  # answered, unless the ledger, idle for a second, has looked for itself
    await until(lambda: not gateway.program.store.is_healthy)
    sent = len(provider.log)
    reply = await exchange(gateway.port, ask("openai_chat", "hello"))
    assert (reply.status, reply.error["code"], len(provider.log)) == (503, "ledger_unavailable", sent)
    if when_down == "allow":
        with pytest.raises(LedgerUnavailable, match="has taken the ledger"):
            await gateway.service.aclose()
    else:
        (tmp_path / "away.db").rename(tmp_path / "ledger.db")
        await until(lambda: gateway.program.store.is_healthy)
        await gateway.agrees_with(provider)


async def test_soft_budget_goes_on_and_says_so(serve: Serve, provider: FakeProvider, caplog: pytest.LogCaptureFixture) -> None:
    """At 80 % and at 100 % of it: once in the log, and in every reply to who draws on it."""
    gateway = await serve(configuration(provider, limit_usd="0.0001", hard=False))
    told: list[str] = []
    with caplog.at_level("WARNING", logger="omnillm.budgets"):
        for _ in range(30):
            reply = await exchange(gateway.port, ask("openai_chat", "hello", cap=5))
            assert reply.status == 200
            told.append(reply.headers.get("x-omnillm-budget-warning", ""))
            gateway.program._alert()
    assert list(dict.fromkeys(told)) == ["", "everything=80%", "everything=100%"]
    assert [record.args[:2] for record in caplog.records if record.name == "omnillm.budgets"] == [
        ("everything", 80.0),
        ("everything", 100.0),
    ]
