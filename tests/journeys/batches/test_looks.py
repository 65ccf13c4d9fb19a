"""Batches that nobody asks for: the gateway looks after them by itself, seldom, and books what they cost."""

import json
import logging
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.journeys.batches.batching import COST, KEYS, PRICE, USED, inline, is_proven, line, made_of_file, spent, tell
from tests.journeys.native.asking import ADA, BOB, CONFIG, ask, upload
from tests.journeys.running import Running, Serve, until
from tests.journeys.test_reload import reload
from tests.stores.rows import binding, request_id

from omnillm import Gateway, OmniError, PrimitiveRequest, ProviderEndpoint
from omnillm.gateway.native.batch_calendar import GIVEN_UP_MS, BatchCalendar
from omnillm.records import BATCH_BILL
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, ManualClock

HOUR_S = 3600.0
HOUR_MS = 3_600_000


def gateway(provider: FakeProvider, clock: ManualClock, kind: str = "openai", *, store: str = "memory://") -> Gateway:
    endpoint = ProviderEndpoint(kind=kind, base_url=provider.base_url)
    return Gateway(endpoint, keys=KEYS, budget_limit_usd="1", prices=PRICE, store=store, clock=clock)


def looks(provider: FakeProvider) -> list[str]:
    """The paths that were asked for beside what the tests ask for."""
    return [logged.path for logged in provider.log if logged.method == "GET"]


async def made_of_two_files(program: Gateway, provider: FakeProvider) -> list[PrimitiveRequest]:
    """Gemini's batch, whose results lie in two files; what asks for it, and for these."""
    asked = {"batch": {"inputConfig": {"fileName": "files/of-mine"}}}
    made = await program.primitive_async_job(PrimitiveRequest.json(asked, path="/v1beta/models/fake-small:batchGenerateContent"))
    shelf = provider.shelf(f"key-{made.reply.key}")
    reply = {"key": "b", "response": {"usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}}
    shelf.keep("files", "files/two", {"name": "files/two"}, json.dumps(reply).encode())
    tell(provider, "batches", made.id, response={"responsesFile": "files/two"})
    job = await program.primitive_async_job(made.status_request)
    return [made.status_request, *job.result_requests]


async def settlements(program: Gateway) -> list[int]:
    """What batches were settled to, in nano-USD: nothing was booked for them before."""
    store = program._program.store
    await store.flush()
    assert await store.verify() == []
    return [row.cost_nanousd for row in await store.requests(limit=20, before="") if row.operation == "batch_settlement"]


async def ticked(program: Gateway) -> None:
    """Whatever was due has been told so."""
    enough = program._program.ticker.ticks + 2
    await until(lambda: program._program.ticker.ticks >= enough)


async def swept(program: Gateway, clock: ManualClock, seconds: float) -> None:
    """Time passes, and the open batches have been read once more."""
    sweeps = program._program.batch_looks
    clock.advance(seconds)
    await until(lambda: sweeps._due > clock.now() and sweeps._task is None)


async def of_uploaded(running: Running, *, key: str = ADA) -> bytes:
    """What asks for a batch of a file that was just uploaded."""
    file = (await upload(running, line(), key=key)).json["id"]
    return json.dumps({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}).encode()


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
        look = rows["batch_look"]
        assert (look.caller, look.cost_nanousd, look.status, look.outcome) == ("", 0, 200, "success")
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
        assert [each.rpartition(":")[2] for each in looks(provider)] == [f"/v1beta/{made.id}", "download", "download"]
        assert [logged.query for logged in provider.log[-3:]] == ["", "alt=media", "alt=media"], (
            "else the provider tells of the file, not what is in it"
        )
        store = program._program.store
        [row] = [row for row in await store.requests(limit=9, before="") if row.operation == "batch_settlement"]
        assert (row.cost_nanousd, row.usage.input) == (3 * 400, 3)


async def test_a_batch_is_settled_over_all_of_its_files(provider: FakeProvider, tmp_path: Path) -> None:
    """The first that is read settles nothing, whoever reads it and however often, before a restart or after; all of them do, once.

    Nor does it count for nothing once the batch is asked for again."""
    endpoint, store = ProviderEndpoint(kind="gemini", base_url=provider.base_url), f"sqlite:///{tmp_path / 'ledger.db'}"
    async with Gateway(endpoint, keys=KEYS, prices=PRICE, store=store) as program:
        batch, first, second = await made_of_two_files(program, provider)
        for request in (second, second):
            await program.primitive_call(request)
            assert await settlements(program) == []
    async with Gateway(endpoint, keys=KEYS, prices=PRICE, store=store) as program:
        for request in (second, batch, second, batch):
            await program.primitive_call(request)
            assert await settlements(program) == []
        for request in (first, first, second):
            await program.primitive_call(request)
            assert await settlements(program) == [(3 + 5) * 400]


async def test_a_look_reads_all_files_before_it_settles(provider: FakeProvider) -> None:
    """One that cannot be read now leaves the batch as it was booked, for a later look."""
    clock = ManualClock()
    endpoint = ProviderEndpoint(kind="gemini", base_url=provider.base_url)
    async with Gateway(endpoint, keys=KEYS, prices=PRICE, clock=clock) as program:
        await made_of_two_files(program, provider)
        provider.enqueue(None, None, FAULTS["status_400"])
        await swept(program, clock, HOUR_S)
        assert [each.rpartition(":")[2] for each in looks(provider)][-2:] == ["download", "download"]
        assert await settlements(program) == []
        await swept(program, clock, 2 * HOUR_S)
        assert await settlements(program) == [(3 + 5) * 400]


async def test_a_batch_is_settled_when_its_model_gets_a_price(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """It was told of while there was none: a reload that brings one settles it, and nobody is asked again."""
    caplog.set_level(logging.INFO, "omnillm.batches")
    clock = ManualClock(wall=1_795_608_000.0)
    async with FakeProvider(keys={"sk-a": Behaviour(), "sk-b": Behaviour()}, clock=clock) as fake:
        unpriced = CONFIG.replace("BASE", fake.base_url).replace("openai/fake-small:", "openai/fake-large:")
        running = await serve(unpriced, clock=clock)
        made = (await ask(running, "POST", "/v1/batches", await of_uploaded(running), key=ADA)).json
        [kept] = [kept for key in ("sk-a", "sk-b") if (kept := fake.shelf(key).find("batches", made["id"])) is not None]
        kept.told |= {"usage": USED, "model": "fake-small"}
        for _ in range(2):
            await ask(running, "GET", f"/v1/batches/{made['id']}", key=ADA)
        assert [each.getMessage() for each in caplog.records if "price" in each.getMessage()] == [
            "a batch of openai stays as it was booked until model 'fake-small' has a price"
        ]
        sent = len(fake.log)

        def settled() -> int:
            return next(budget for budget in running.program.controller.budgets() if budget.name == "soft").settled_nanousd

        await reload(running, unpriced)
        await until(lambda: running.program.batch_looks._due > clock.now() and running.program.batch_looks._task is None)
        assert settled() == 0
        gone = (
            unpriced.replace("  openai:\n", "  other:\n")
            .replace("{openai: openai}", "{openai: other}")
            .replace("openai/fake-", "other/fake-")
        )
        await reload(running, gone)  # without its provider it stays as it is, and is not forgotten
        await until(lambda: running.program.batch_looks._due > clock.now() and running.program.batch_looks._task is None)
        assert settled() == 0
        await reload(running, CONFIG.replace("BASE", fake.base_url))
        await until(lambda: settled() == COST)
        await reload(running, CONFIG.replace("BASE", fake.base_url))
        await until(lambda: running.program.batch_looks._due > clock.now() and running.program.batch_looks._task is None)
        assert settled() == COST
        assert len(fake.log) == sent
        assert await running.program.store.verify() == []


async def test_each_reply_of_a_look_has_its_own_time(provider: FakeProvider) -> None:
    """A minute for its head, and after that as long as something comes: what the reply before it took is not its fault."""
    clock = ManualClock()
    async with gateway(provider, clock, "anthropic") as program:
        made = await program.primitive_async_job(inline("fake-small"))
        message = {"type": "message", "model": "fake-small", "content": [], "usage": {"input_tokens": 5, "output_tokens": 7}}
        results = json.dumps({"custom_id": "0", "result": {"type": "succeeded", "message": message}}).encode()
        tell(provider, "messages/batches", made.id, content=results)
        provider.enqueue(Fault(name="body", action="stall", point="bytes", after=9), Fault(name="head", action="stall", point="head"))
        clock.advance(HOUR_S)
        for asked, (gate, seconds) in enumerate([("body", 250), ("head", 50)], 1):
            await until(lambda: len(looks(provider)) == asked)  # noqa: B023 - awaited at once
            await ticked(program)
            clock.advance(seconds)
            await ticked(program)
            provider.gate(gate).set()
        await until(lambda: spent(program) == COST)
        assert all(key.state == "ready" for key in program.pool_status())


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


async def test_a_look_is_no_call_of_the_batchs_owner(serve: Serve) -> None:
    """Neither the caller's limits nor budget know of it, and the results stay the caller's alone."""
    clock = ManualClock(wall=1_795_608_000.0)
    async with FakeProvider(keys={"sk-a": Behaviour(), "sk-b": Behaviour()}, clock=clock) as fake:
        limited = CONFIG.replace(f"{{name: bob, key: {BOB}, ", f"{{name: bob, key: {BOB}, rpm: 3, ").replace("BASE", fake.base_url)
        running = await serve(limited, clock=clock)
        made = (await ask(running, "POST", "/v1/batches", await of_uploaded(running, key=BOB), key=BOB)).json
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
    calendar.learn([young, old], HOUR_MS)
    assert calendar.due(2 * HOUR_MS - 1) == ()
    assert calendar.due(2 * HOUR_MS) == (old,)
    assert calendar.due(3 * HOUR_MS) == (old, young)
    seen = []
    at_ms = 3 * HOUR_MS
    while at_ms < GIVEN_UP_MS:
        calendar.looked(old, at_ms)
        calendar.learn([old], at_ms)
        seen.append(at_ms)
        assert calendar.due(at_ms + HOUR_MS - 1) == ()
        while not calendar.due(at_ms):
            at_ms += HOUR_MS
    pauses = [later - earlier for earlier, later in pairwise(seen)]
    assert (pauses[0], pauses[-1], len(seen) < 70) == (HOUR_MS, 24 * HOUR_MS, True)
    assert pauses == sorted(pauses)
    calendar.learn([], GIVEN_UP_MS)
    assert calendar.due(GIVEN_UP_MS) == ()


def test_a_batch_that_was_made_while_the_clock_was_ahead_is_looked_at_within_a_day() -> None:
    """One that was looked at by that clock, too; not when those years have come."""
    years_ms = 50_000 * HOUR_MS
    calendar = BatchCalendar()
    made, seen = (replace(binding(f"batch_{each}"), kind=BATCH_BILL, caller=request_id(each << 80)) for each in (years_ms, HOUR_MS))
    calendar.learn([seen], years_ms)
    calendar.looked(seen, years_ms)
    for at_ms in (2 * HOUR_MS, 3 * HOUR_MS):
        calendar.learn([made, seen], at_ms)
        assert calendar.due(at_ms) == ()
    assert set(calendar.due(26 * HOUR_MS)) == {made, seen}
