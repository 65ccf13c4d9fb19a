"""Batches that nobody asks for: the gateway looks after them by itself, seldom, and books what they cost."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.journeys.running import Serve, until
from tests.journeys.test_batch_money import COST, KEYS, PRICE, USED, inline, is_proven, line, made_of_file, spent, tell
from tests.journeys.test_native import ADA, BOB, CONFIG, ask, upload

from omnillm import Gateway, OmniError, PrimitiveRequest, ProviderEndpoint
from omnillm.gateway.batch_calendar import GIVEN_UP_MS, BatchCalendar
from omnillm.records import BATCH_BILL
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, ManualClock
from omnillm.testing.rows import binding, request_id

HOUR_S = 3600.0
HOUR_MS = 3_600_000


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(keys={"key-a": Behaviour(), "key-b": Behaviour()}) as fake:
        yield fake


def gateway(provider: FakeProvider, clock: ManualClock, kind: str = "openai", *, store: str = "memory://") -> Gateway:
    endpoint = ProviderEndpoint(kind=kind, base_url=provider.base_url)
    return Gateway(endpoint, keys=KEYS, budget_limit_usd="1", prices=PRICE, store=store, clock=clock)


def looks(provider: FakeProvider) -> list[str]:
    """The paths that were asked for beside what the tests ask for."""
    return [logged.path for logged in provider.log if logged.method == "GET"]


async def swept(program: Gateway, clock: ManualClock, seconds: float) -> None:
    """Time passes, and the open batches have been read once more."""
    sweeps = program._program.batch_looks
    clock.advance(seconds)
    await until(lambda: sweeps._due > clock.now() and sweeps._task is None)


async def test_a_batch_is_settled_though_nobody_asks(provider: FakeProvider, tmp_path: Path) -> None:
    """By the key that made it, after a restart too, an hour after it was made and no sooner; its own row is nobody's, and costs nothing."""
    store, clock = f"sqlite:///{tmp_path / 'ledger.db'}", ManualClock()
    async with gateway(provider, clock, store=store) as program:
        made = await made_of_file(program, provider, line())
        bound = spent(program)
        await swept(program, clock, HOUR_S - 1)
        assert looks(provider) == []
    tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
    clock.advance(1)
    async with gateway(provider, clock, store=store) as program:
        await until(lambda: spent(program) == COST < bound)
        await until(lambda: program._program.batch_looks._task is None)
        assert looks(provider) == [f"/v1/batches/{made.id}"]
        assert provider.log[-1].key == f"key-{made.reply.key}"
        store_ = program._program.store
        await store_.flush()
        rows = {row.operation: row for row in await store_.requests(limit=9, before="")}
        assert (rows["batch_look"].caller, rows["batch_look"].cost_nanousd, rows["batch_look"].outcome) == ("", 0, "success")
        assert rows["batch_settlement"].cost_nanousd == COST - bound
        await swept(program, clock, 48 * HOUR_S)
        assert len(looks(provider)) == 1
        assert await is_proven(program)


async def test_a_batch_that_is_not_over_is_looked_at_again(provider: FakeProvider) -> None:
    """And its results are read where the batch does not say what it used."""
    clock = ManualClock()
    async with gateway(provider, clock, "anthropic") as program:
        made = await program.primitive_async_job(inline("fake-small"))
        bound = spent(program)
        tell(provider, "messages/batches", made.id, processing_status="in_progress", results_url=None)
        await swept(program, clock, HOUR_S)
        assert (looks(provider), spent(program)) == ([f"/v1/messages/batches/{made.id}"], bound)
        message = {"type": "message", "model": "fake-small", "content": [], "usage": {"input_tokens": 5, "output_tokens": 7}}
        results = json.dumps({"custom_id": "0", "result": {"type": "succeeded", "message": message}}).encode()
        tell(provider, "messages/batches", made.id, processing_status="ended", results_url="https://api.x/r", content=results)
        await swept(program, clock, HOUR_S - 1)
        assert spent(program) == bound
        await swept(program, clock, HOUR_S)
        assert spent(program) == COST
        assert looks(provider)[-1] == f"/v1/messages/batches/{made.id}/results"
        assert await is_proven(program)


async def test_geminis_file_of_results_is_read(provider: FakeProvider) -> None:
    """A batch over a file has no bound here, and a soft budget nothing booked: what it used is booked when it is heard."""
    clock = ManualClock()
    endpoint = ProviderEndpoint(kind="gemini", base_url=provider.base_url)
    async with Gateway(endpoint, keys=KEYS, prices=PRICE, clock=clock) as program:
        asked = {"batch": {"inputConfig": {"fileName": "files/of-mine"}}}
        path = "/v1beta/models/fake-small:batchGenerateContent"
        made = await program.primitive_async_job(PrimitiveRequest.json(asked, path=path))
        await swept(program, clock, HOUR_S)
        assert [each.rpartition(":")[2] for each in looks(provider)] == [f"/v1beta/{made.id}", "download"]
        store = program._program.store
        [row] = [row for row in await store.requests(limit=9, before="") if row.operation == "batch_settlement"]
        assert (row.cost_nanousd, row.usage.input) == (3 * 400, 3)


async def test_a_batch_waits_for_its_key(provider: FakeProvider) -> None:
    """A key that rests is not asked, and no other key in its place."""
    clock = ManualClock()
    async with gateway(provider, clock) as program:
        made = await made_of_file(program, provider, line())
        key = f"key-{made.reply.key}"
        tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
        await swept(program, clock, HOUR_S - 60)
        provider.enqueue(FAULTS["status_401"])
        with pytest.raises(OmniError):
            await program.primitive_async_job(made.status_request)
        assert [each.label for each in program.pool_status() if each.state == "dead"] == [made.reply.key]
        sent = len(provider.log)
        program._program.batch_looks._due = 0.0
        await swept(program, clock, 61)
        assert len(provider.log) == sent
        program._program.controller.revive("default", made.reply.key, clock.now())
        await swept(program, clock, 600)
        assert (spent(program), provider.log[-1].key) == (COST, key)


async def test_a_look_stops_when_the_gateway_does(provider: FakeProvider) -> None:
    """A provider that does not answer holds nothing up, and nothing stays leased."""
    clock = ManualClock()
    program = gateway(provider, clock)
    async with program:
        made = await made_of_file(program, provider, line())
        provider.enqueue(Fault.stall())
        clock.advance(HOUR_S)
        await until(lambda: looks(provider) == [f"/v1/batches/{made.id}"])
    assert all(key.in_flight == 0 for key in program.pool_status())


async def test_a_look_is_no_call_of_the_batchs_owner(serve: Serve, tmp_path: Path) -> None:
    """Neither his limits nor his budget know of it, and the results stay his alone."""
    clock = ManualClock(wall=1_795_608_000.0)
    async with FakeProvider(keys={"sk-a": Behaviour(), "sk-b": Behaviour()}, clock=clock) as fake:
        limited = CONFIG.replace(f"{{name: bob, key: {BOB}, ", f"{{name: bob, key: {BOB}, rpm: 3, ").replace("BASE", fake.base_url)
        running = await serve(limited, clock=clock)
        request = {"model": "fake-small", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]}
        asked = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": request}
        file = (await upload(running, json.dumps(asked).encode(), key=BOB)).json["id"]
        body = json.dumps({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}).encode()
        made = (await ask(running, "POST", "/v1/batches", body, key=BOB)).json
        [kept] = [kept for key in ("sk-a", "sk-b") if (kept := fake.shelf(key).find("batches", made["id"])) is not None]
        kept.told |= {"usage": USED, "model": "fake-small"}
        clock.advance(HOUR_S)

        def settled() -> int:
            return next(budget for budget in running.program.controller.budgets() if budget.name == "hard").settled_nanousd

        await until(lambda: settled() == COST)
        content = f"/v1/files/{made['output_file_id']}/content"
        assert (await ask(running, "GET", content, key=ADA)).status == 404
        assert [(await ask(running, "GET", content, key=BOB)).status for _ in range(4)] == [200, 200, 200, 429]
        assert await running.program.store.verify() == []


def test_an_older_batch_is_looked_at_more_seldom() -> None:
    """Hourly at first, daily in the end, and what waits longest first; what is no longer open is forgotten."""
    calendar = BatchCalendar()
    old, young = (
        replace(binding(f"batch_{made_ms}"), kind=BATCH_BILL, caller=request_id(made_ms << 80)) for made_ms in (HOUR_MS, 2 * HOUR_MS)
    )
    calendar.learn([young, old])
    assert calendar.due(2 * HOUR_MS - 1) == ()
    assert calendar.due(2 * HOUR_MS) == (old,)
    assert calendar.due(3 * HOUR_MS) == (old, young)
    seen = []
    at_ms = 3 * HOUR_MS
    while at_ms < GIVEN_UP_MS:
        calendar.looked(old, at_ms)
        calendar.learn([old])
        seen.append(at_ms)
        assert calendar.due(at_ms + HOUR_MS - 1) == ()
        while not calendar.due(at_ms):
            at_ms += HOUR_MS
    pauses = [later - earlier for earlier, later in pairwise(seen)]
    assert (pauses[0], pauses[-1], len(seen) < 70) == (HOUR_MS, 24 * HOUR_MS, True)
    assert pauses == sorted(pauses)
    calendar.learn([])
    assert calendar.due(GIVEN_UP_MS) == ()
