"""What batches cost: their bound when they are made, what was used when they are told to be over, once."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.journeys.running import until
from tests.leaving.stepping import run

from omnillm import (
    BadRequest,
    BudgetExceeded,
    Gateway,
    KeyConfig,
    LedgerUnavailable,
    NoAvailableKey,
    OmniError,
    PriceConfig,
    PrimitiveForm,
    PrimitiveJob,
    PrimitiveRequest,
    ProviderEndpoint,
)
from omnillm.config.prices import PricingSettings
from omnillm.gateway import bindings
from omnillm.gateway.native import batch_bounds, batch_money
from omnillm.gateway.native.batch_bounds import MOST_BYTES
from omnillm.gateway.native.batch_lines import LONGEST_LINE, uploaded_lines
from omnillm.gateway.native.batch_results import Results
from omnillm.library.prices import price_settings
from omnillm.providers.kinds import KINDS
from omnillm.testing import FAULTS, Behaviour, FakeProvider
from omnillm.transport.sending import SLICE_BYTES
from omnillm.transport.spool import FileBody

KEYS = [KeyConfig(label="a", key="key-a"), KeyConfig(label="b", key="key-b")]
PRICE = {"fake-small": PriceConfig(input="0.4", output="1.6", max_output=1000)}
CHAT = {"model": "fake-small", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]}
USED = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7, "total_tokens": 12}
COST = 5 * 400 + 7 * 1600
"""Without figures of its own the batch tier is charged as the standard one."""
PROMPT = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}], "generationConfig": {"maxOutputTokens": 20}}


def line(**changed: Any) -> bytes:
    return json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": CHAT} | changed).encode()


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(keys={"key-a": Behaviour(), "key-b": Behaviour()}) as fake:
        yield fake


def gateway(provider: FakeProvider, kind: str = "openai", *, limit: str = "1", store: str = "memory://") -> Gateway:
    endpoint = ProviderEndpoint(kind=kind, base_url=provider.base_url)
    return Gateway(endpoint, keys=KEYS, budget_limit_usd=limit, prices=PRICE, store=store)


async def uploaded(gateway: Gateway, content: bytes) -> str:
    form = PrimitiveForm(file=content, filename="in.jsonl", fields={"purpose": "batch"})
    return (await gateway.primitive_call(PrimitiveRequest(path="/v1/files", body=form))).json()["id"]


def of_file(file: str) -> PrimitiveRequest:
    return PrimitiveRequest.json(
        {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}, path="/v1/batches"
    )


def inline(*models: str) -> PrimitiveRequest:
    requests = [{"custom_id": str(place), "params": {**CHAT, "model": model}} for place, model in enumerate(models)]
    return PrimitiveRequest.json({"requests": requests}, path="/v1/messages/batches")


def spent(gateway: Gateway) -> int:
    return int(gateway.budget_used_usd() * 10**9)


async def is_proven(gateway: Gateway) -> bool:
    return await gateway._program.store.verify() == []


def tell(provider: FakeProvider, kind: str, name: str, *, content: bytes | None = None, **told: Any) -> None:
    """What the provider says of an object from now on, whichever key has it."""
    found = [kept for key in ("key-a", "key-b") if (kept := provider.shelf(key).find(kind, name)) is not None]
    assert len(found) == 1
    found[0].told |= told
    if content is not None:
        found[0].content = content


async def made_of_file(program: Gateway, provider: FakeProvider, *lines: bytes) -> PrimitiveJob:
    """A batch that is still running."""
    made = await program.primitive_async_job(of_file(await uploaded(program, b"\n".join(lines))))
    tell(provider, "batches", made.id, status="in_progress")
    return made


async def test_a_batch_is_booked_at_its_bound_until_it_is_over(provider: FakeProvider) -> None:
    """The sum over the lines of the file that went up; then what its provider says, once, however often it is asked."""
    async with gateway(provider) as program:
        made = await made_of_file(program, provider, line(), line(custom_id="b"))
        bound = spent(program)
        assert bound == made.reply.cost_nanousd >= 2 * 20 * 1600
        assert (await program.primitive_async_job(made.status_request)).status == "running"
        assert spent(program) == bound
        tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
        for _ in range(3):
            assert (await program.primitive_async_job(made.status_request)).status == "succeeded"
            assert spent(program) == COST
        assert program.budget_remaining_usd() * 10**9 == 10**9 - COST
        rows = await program._program.store.requests(limit=9, before="")
        [row] = [row for row in rows if row.operation == "batch_settlement"]
        [attempt] = await program._program.store.attempts(row.request_id)
        assert (row.cost_nanousd, row.status, row.outcome, row.duration_ms) == (COST - bound, 200, "success", 0)
        assert (attempt.verdict, attempt.is_usage_known, attempt.is_estimated, row.is_estimated) == ("success", True, False, False)
        assert sum(row.cost_nanousd for row in rows) == COST
        assert await is_proven(program)


async def test_a_batch_costs_what_its_own_endpoint_does(provider: FakeProvider) -> None:
    """Whatever it costs at another endpoint of the same gateway (`primitive_endpoint`), and whichever of them was made last."""
    bounds = []
    for is_dearer_beside in (False, True):
        async with gateway(provider) as program:
            if is_dearer_beside:
                dearer = PriceConfig(input="40", output="160", max_output=1000)
                settings = program._program.settings
                overrides = {"default/fake-small": price_settings("fake-small", dearer)}
                program._program.beside(replace(settings, pricing=PricingSettings(overrides=overrides)))
            made = await made_of_file(program, provider, line())
            bounds.append(spent(program))
            tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
            await program.primitive_async_job(made.status_request)
            assert spent(program) == COST
    assert bounds[0] == bounds[1]


@pytest.mark.parametrize("pinned", ["openai_chat", "openai_responses"])
async def test_a_batch_has_its_bound_whatever_is_pinned(provider: FakeProvider, pinned: str) -> None:
    """`protocol` says what calls are translated to; the lines of a file, and their results, may be in either of OpenAI's words."""
    endpoint = ProviderEndpoint(kind="openai", protocol=pinned, base_url=provider.base_url)
    body = {"model": "fake-small", "input": "Hello", "max_output_tokens": 20}
    async with Gateway(endpoint, keys=KEYS, budget_limit_usd="1", prices=PRICE) as program:
        made = await made_of_file(program, provider, line(), line(custom_id="b", url="/v1/responses", body=body))
        assert spent(program) == made.reply.cost_nanousd >= 2 * 20 * 1600
        tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
        await program.primitive_async_job(made.status_request)
        assert spent(program) == COST
        assert await is_proven(program)
    results = Results(replace(KINDS["openai"], protocols=(pinned,)))
    for usage in ({"prompt_tokens": 5, "completion_tokens": 7}, {"input_tokens": 5, "output_tokens": 7}):
        results.add({"response": {"status_code": 200, "body": {"model": "m", "usage": usage}}})
    assert [(each.usage.total_tokens, each.requests) for each in results.usages.values()] == [(24, 2)]


async def test_a_batch_that_is_over_at_once_is_settled_at_once(provider: FakeProvider) -> None:
    """And one of which nothing was answered costs nothing."""
    async with gateway(provider) as program:
        search = {"model": "gpt-5-mini", "input": "x", "max_output_tokens": 20, "tools": [{"type": "web_search"}], "max_tool_calls": 3}
        for asked in (line(), line(url="/v1/responses", body=search)):
            made = await made_of_file(program, provider, asked)
            nothing = {"total": 0, "completed": 0, "failed": 0}
            tell(provider, "batches", made.id, status="failed", request_counts=nothing, output_file_id=None)
            await program.primitive_async_job(made.status_request)
            assert spent(program) == 0
        assert await is_proven(program)


async def test_the_end_is_heard_after_a_restart(provider: FakeProvider, tmp_path: Path) -> None:
    """What a run booked stays booked when it ends, is no orphan, and is settled once by a later one."""
    store = f"sqlite:///{tmp_path / 'ledger.db'}"
    async with gateway(provider, store=store) as program:
        made = await made_of_file(program, provider, line())
        bound = spent(program)
    tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
    for _ in range(2):
        async with gateway(provider, store=store) as program:
            await program.primitive_async_job(made.status_request)
            assert spent(program) == COST < bound
            assert await is_proven(program)


async def test_who_leaves_while_a_batch_is_settled_does_not_keep_it_from_being_settled(provider: FakeProvider, tmp_path: Path) -> None:
    """Nothing was booked yet: the next who asks hears of its end."""
    async with gateway(provider, store=f"sqlite:///{tmp_path / 'ledger.db'}") as program:
        made = await made_of_file(program, provider, line())
        await program._program.store.flush()
        [bill] = await program._program.store.open_bills(since_wall_ms=0)
        tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
        asked = asyncio.create_task(program.primitive_async_job(made.status_request))
        while not program._program._batches.is_settled(bill.caller):
            await asyncio.sleep(0)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        await program.primitive_async_job(made.status_request)
        assert spent(program) == COST
        assert await is_proven(program)


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"status": "completed", "usage": USED, "model": "fake-small"}, COST),
        ({"status": "failed", "request_counts": {"total": 0, "completed": 0, "failed": 0}, "output_file_id": None}, 0),
    ],
    ids=["of its results", "without any"],
)
async def test_a_batch_is_settled_once_the_ledger_can_be_read_again(
    provider: FakeProvider, tmp_path: Path, told: dict[str, Any], cost: int
) -> None:
    """While it cannot, whoever asks is answered all the same, and the bound stands; the next who asks hears of its end."""
    path = tmp_path / "ledger.db"
    async with gateway(provider, store=f"sqlite:///{path}") as program:
        made = await made_of_file(program, provider, line())
        bound = spent(program)
        await program._program.store.flush()
        tell(provider, "batches", made.id, **told)
        path.rename(tmp_path / "away.db")
        async with asyncio.timeout(5):
            assert (await program.primitive_async_job(made.status_request)).status in {"succeeded", "failed"}
        assert spent(program) == bound
        (tmp_path / "away.db").rename(path)
        await until(lambda: program._program.store.is_healthy)
        await program.primitive_async_job(made.status_request)
        assert spent(program) == cost
        assert await is_proven(program)


async def test_a_batch_whose_call_is_no_longer_in_the_ledger_stays_as_it_was_booked(
    provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """`store.retention` was shorter than the batch: nobody knows any more what was booked for it, and where. It is told."""
    async with gateway(provider) as program:
        made = await made_of_file(program, provider, line())
        bound = spent(program)
        store = program._program.store
        assert await store.retire(before_wall_ms=2**45, limit=100) > 0
        tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
        for _ in range(2):
            assert (await program.primitive_async_job(made.status_request)).status == "succeeded"
        assert spent(program) == bound
        assert caplog.text.count("is no longer in the ledger: its cost stays as it was booked") == 1
        assert await is_proven(program)


async def test_what_memory_forgets_of_batches_stands_in_the_ledger(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the latest only; an older file has its bound all the same, and an older batch is settled, and not a second time."""
    monkeypatch.setattr(bindings, "MOST_RECENT", 1)
    monkeypatch.setattr(batch_money, "MOST_SETTLED", 1)
    async with gateway(provider) as program:
        files = [await uploaded(program, line()) for _ in range(2)]
        await program._program.store.flush()
        made = [await program.primitive_async_job(of_file(file)) for file in files]
        await program._program.store.flush()
        assert spent(program) == made[0].reply.cost_nanousd * 2 > 0
        for each in made:
            tell(provider, "batches", each.id, status="completed", usage=USED, model="fake-small")
        for each in made * 2:
            await program.primitive_async_job(each.status_request)
        assert spent(program) == 2 * COST
        batches, known = program._program._batches, program._program.bindings
        assert (len(batches._bills), len(batches._settled), len(known._recent)) == (1, 1, 1)
        assert await is_proven(program)


async def test_the_bound_of_a_file_outlives_a_restart(provider: FakeProvider, tmp_path: Path) -> None:
    """The ledger has it; but once its model costs something else, nobody knows what a batch of it may cost, and it must go up again."""
    store = f"sqlite:///{tmp_path / 'ledger.db'}"
    async with gateway(provider, store=store) as program:
        file = await uploaded(program, line())
        bound = (await program.primitive_async_job(of_file(file))).reply.cost_nanousd
    async with gateway(provider, store=store) as program:
        booked = spent(program)
        assert (await program.primitive_async_job(of_file(file))).reply.cost_nanousd == bound >= 20 * 1600
        assert spent(program) == booked + bound
    dearer = {"fake-small": PriceConfig(input="0.4", output="1.7", max_output=1000)}
    endpoint = ProviderEndpoint(kind="openai", base_url=provider.base_url)
    async with Gateway(endpoint, keys=KEYS, budget_limit_usd="1", prices=dearer, store=store) as program:
        with pytest.raises(BadRequest) as refused:
            await program.primitive_async_job(of_file(file))
        assert refused.value.code == "unbounded_cost"
        again = await program.primitive_async_job(of_file(await uploaded(program, line())))
        assert again.reply.cost_nanousd > bound


async def test_a_file_whose_bound_cannot_be_read_now_is_not_told_to_have_none(
    provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory has forgotten it, and the ledger is away: it is to be asked for again, not to go up again."""
    monkeypatch.setattr(bindings, "MOST_RECENT", 0)
    path = tmp_path / "ledger.db"
    async with gateway(provider, store=f"sqlite:///{path}") as program:
        file = await uploaded(program, line())
        await program._program.store.flush()
        path.rename(tmp_path / "away.db")
        with pytest.raises(LedgerUnavailable, match="cannot be read"):
            await program.primitive_async_job(of_file(file))
        (tmp_path / "away.db").rename(path)
        assert (await program.primitive_async_job(of_file(file))).reply.cost_nanousd > 0


async def test_prices_that_change_while_a_file_goes_up_bound_no_batch_of_it_too_low(provider: FakeProvider) -> None:
    """At any moment of it: what was summed up by the old prices, if only in part, is the bound of nothing under the new ones."""
    file = b"\n".join([line()] * 1000)
    form = PrimitiveForm(file=file, filename="in.jsonl", fields={"purpose": "batch"})
    dearer = price_settings("fake-small", PriceConfig(input="0.8", output="3.2", max_output=1000))
    async with gateway(provider) as program:
        bound = (await program.primitive_async_job(of_file(await uploaded(program, file)))).reply.cost_nanousd
    for at in range(1, 5):
        async with gateway(provider) as program:
            changed = replace(program._program.settings, pricing=PricingSettings(overrides={"default/fake-small": dearer}))
            upload = program.primitive_call(PrimitiveRequest(path="/v1/files", body=form))
            ran = await run(upload, partial(program._program.apply, changed), at=at)
            assert ran.has_acted
            with suppress(BadRequest):
                assert (await program.primitive_async_job(of_file(ran.task.result().json()["id"]))).reply.cost_nanousd == 2 * bound


async def test_an_announced_price_that_comes_into_force_while_a_file_goes_up_bounds_no_batch_of_it_too_low(
    provider: FakeProvider,
) -> None:
    """As with a price that a reload brings: no bound is the old prices' and is taken for the new ones'."""
    prices = [{"openai": {"fake-small": {"input": rate, "output": 4 * rate, "max_output": 1000}}} for rate in (400_000_000, 800_000_000)]
    told = {"version": "1", "date": "1", "source": "", "models": prices[0], "aliases": {}, "announced": {"2027-03-01": prices[1]}}
    form = PrimitiveForm(file=b"\n".join([line()] * 1000), filename="in.jsonl", fields={"purpose": "batch"})
    bounds = set()
    for at in range(5):
        async with Gateway(ProviderEndpoint(kind="openai", base_url=provider.base_url), keys=KEYS, budget_limit_usd="1") as program:
            program._program.settlement.quoter.prices.catalog._load = lambda: json.dumps(told).encode()
            program._program.ticker.close()  # the day is told here
            program._program._follow_prices("2027-02-28" if at else "2027-03-01")
            upload = program.primitive_call(PrimitiveRequest(path="/v1/files", body=form))
            ran = await run(upload, partial(program._program._follow_prices, "2027-03-01"), at=at)
            assert ran.has_acted == bool(at)
            with suppress(BadRequest):
                bounds.add((await program.primitive_async_job(of_file(ran.task.result().json()["id"]))).reply.cost_nanousd)
    assert len(bounds) == 1


async def test_a_provider_that_is_gone_while_a_file_goes_up_is_told_as_that(provider: FakeProvider) -> None:
    """No defect, and nothing is sent."""
    form = PrimitiveForm(file=b"\n".join([line()] * 1000), filename="in.jsonl", fields={"purpose": "batch"})
    async with gateway(provider) as program:
        upload = program.primitive_call(PrimitiveRequest(path="/v1/files", body=form))
        gone = replace(program._program.settings, providers={}, models={}, pricing=PricingSettings())
        ran = await run(upload, partial(program._program.apply, gone), at=1)
        with pytest.raises(NoAvailableKey, match="No provider key is configured"):
            ran.task.result()
    assert provider.log == []


async def test_results_say_what_a_batch_cost(provider: FakeProvider) -> None:
    """Where the batch itself does not: the sum over the lines, when they have been read to their end. In part they say nothing."""
    results = b"".join(
        json.dumps(
            {"response": {"status_code": status, "body": {"model": "fake-small", "usage": {"prompt_tokens": 5, "completion_tokens": 7}}}}
        ).encode()
        + b"\n"
        for status in (200, 200, 500)
    )
    async with gateway(provider) as program:
        made = await made_of_file(program, provider, line(), line(), line())
        tell(provider, "batches", made.id, status="completed")
        job = await program.primitive_async_job(made.status_request)
        [request] = job.result_requests
        bound = spent(program)
        tell(provider, "files", request.path.split("/")[2], content=results * 3000)
        async with program.primitive_stream(request) as events:
            await anext(events)
        assert spent(program) == bound
        tell(provider, "files", request.path.split("/")[2], content=results)
        for _ in range(2):
            await program.primitive_call(request)
            assert spent(program) == 2 * COST
        assert await is_proven(program)


async def test_results_are_those_of_their_batch_after_a_restart(provider: FakeProvider, tmp_path: Path) -> None:
    """A client that comes back for a file whose name it has settles the batch, without asking for that first."""
    store = f"sqlite:///{tmp_path / 'ledger.db'}"
    told = {"response": {"status_code": 200, "body": {"model": "fake-small", "usage": {"prompt_tokens": 5, "completion_tokens": 7}}}}
    async with gateway(provider, store=store) as program:
        made = await made_of_file(program, provider, line())
        tell(provider, "batches", made.id, status="completed")
        [request] = (await program.primitive_async_job(made.status_request)).result_requests
        tell(provider, "files", request.path.split("/")[2], content=json.dumps(told).encode())
    async with gateway(provider, store=store) as program:
        assert spent(program) > COST
        await program.primitive_call(request)
        assert spent(program) == COST
        assert await is_proven(program)


async def test_a_batch_that_was_refused_by_one_key_is_settled_once(provider: FakeProvider) -> None:
    """By what the attempt that made it was booked at: the refused one cost nothing, and nothing of it is corrected."""
    async with gateway(provider) as program:
        file = await uploaded(program, line())
        provider.enqueue(FAULTS["status_429"])
        made = await program.primitive_async_job(PrimitiveRequest.json({"input_file_id": file}, path="/v1/batches"))
        assert (made.reply.attempts, spent(program)) == (2, made.reply.cost_nanousd)
        tell(provider, "batches", made.id, status="completed", usage=USED, model="fake-small")
        await program.primitive_async_job(made.status_request)
        assert spent(program) == COST
        assert await is_proven(program)


async def test_a_batch_that_may_search_is_settled_by_its_results(provider: FakeProvider) -> None:
    """The sum that its provider tells counts tokens; every search is paid, too."""
    asked = {"model": "gpt-5-mini", "input": "x", "max_output_tokens": 20, "tools": [{"type": "web_search"}], "max_tool_calls": 3}
    output = [{"type": "web_search_call"}, {"type": "web_search_call"}, {"type": "message", "content": []}]
    answered = {"object": "response", "status": "completed", "model": "gpt-5-mini", "output": output, "usage": USED}
    result = json.dumps({"response": {"status_code": 200, "body": answered}}).encode()
    async with gateway(provider, limit="5") as program:
        made = await made_of_file(program, provider, line(url="/v1/responses", body=asked))
        bound = spent(program)
        assert bound >= 3 * 10_000_000
        tell(provider, "batches", made.id, status="completed", usage=USED, model="gpt-5-mini")
        job = await program.primitive_async_job(made.status_request)
        assert spent(program) == bound
        [request] = job.result_requests
        tell(provider, "files", request.path.split("/")[2], content=result)
        await program.primitive_call(request)
        assert spent(program) == 2 * 10_000_000 + 5 * 125 + 7 * 1_000
        assert await is_proven(program)


async def test_anthropics_requests_are_bounded_in_the_body(provider: FakeProvider) -> None:
    """And settled by their results, each at the price of the model that answered it."""
    async with gateway(provider, "anthropic") as program:
        made = await program.primitive_async_job(inline("fake-small", "fake-small"))
        assert spent(program) == made.reply.cost_nanousd >= 2 * 20 * 1600
        message = {"type": "message", "model": "fake-small", "content": [], "usage": {"input_tokens": 5, "output_tokens": 7}}
        lines = [{"custom_id": "0", "result": {"type": "succeeded", "message": message}}, {"custom_id": "1", "result": {"type": "errored"}}]
        tell(provider, "messages/batches", made.id, content="\n".join(map(json.dumps, lines)).encode())
        [request] = made.result_requests
        await program.primitive_call(request)
        assert spent(program) == COST
        assert await is_proven(program)


async def test_a_batch_costs_what_its_place_does(provider: FakeProvider) -> None:
    """Anthropic's results say where each was computed: a tenth more in the US, at half the price of the batch."""
    async with gateway(provider, "anthropic") as program:
        made = await program.primitive_async_job(inline("claude-opus-4-6", "claude-opus-4-6"))
        used = {"input_tokens": 5, "output_tokens": 7}
        messages = [
            {"type": "message", "model": "claude-opus-4-6", "content": [], "usage": used | geo} for geo in ({}, {"inference_geo": "us"})
        ]
        lines = [{"custom_id": "0", "result": {"type": "succeeded", "message": message}} for message in messages]
        tell(provider, "messages/batches", made.id, content="\n".join(map(json.dumps, lines)).encode())
        await program.primitive_call(made.result_requests[0])
        plain = 5 * 2_500 + 7 * 12_500
        assert spent(program) == plain + plain * 11 // 10
        assert await is_proven(program)


async def test_geminis_requests_are_bounded_in_the_body(provider: FakeProvider) -> None:
    """And settled by the replies in what is told: the fake one's are done at once."""
    batch = {"batch": {"inputConfig": {"requests": {"requests": [{"request": PROMPT}, {"request": PROMPT}]}}}}
    async with gateway(provider, "gemini") as program:
        path = "/v1beta/models/fake-small:batchGenerateContent"
        made = await program.primitive_async_job(PrimitiveRequest.json(batch, path=path))
        assert made.reply.cost_nanousd >= 2 * 20 * 1600
        assert spent(program) == 2 * 3 * 400
        assert await is_proven(program)


@pytest.mark.parametrize(
    "content",
    [
        line(url="/v1/images/generations"),
        line(body={**CHAT, "model": "unknown-model"}),
        line() + b"\nnot json",
        b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}',
        line()[:-1] + b', "body": {"model": "fake-small", "messages": []}}',
        b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "fake-small", "model": "fake-large", "messages": []}}',
        line(body={**CHAT, "n": "three"}),
        line(url="/v1/responses", body={"model": "gpt-5-mini", "input": "x", "max_output_tokens": 20, "tools": [{"type": "web_search"}]}),
    ],
)
async def test_what_has_no_bound_is_refused_under_a_hard_budget(provider: FakeProvider, content: bytes) -> None:
    """One line that nobody can bound is enough, and so is a file that nobody saw."""
    async with gateway(provider) as program:
        for file in (await uploaded(program, line() + b"\n" + content), "file-of-yesterday"):
            sent = len(provider.log)
            with pytest.raises(OmniError) as refused:
                await program.primitive_async_job(of_file(file))
            assert refused.value.code == "unbounded_cost"
            assert (len(provider.log), spent(program)) == (sent, 0)


@pytest.mark.parametrize(
    "head",
    [
        b"content-disposition: form-data; name=\"file\"; filename*=utf-8''a",
        b'Content-Disposition: form-data; name="purpose"; filename="a"',
        b'X-Comment: form-data; name="purpose"\r\ncontent-disposition: form-data; name="file"; filename="a"',
    ],
)
async def test_every_part_of_a_form_that_may_be_the_file_counts(head: bytes) -> None:
    """However its head is spelt, and whatever else stands in it."""
    form = b"--x\r\n%b\r\n\r\n%b\r\n--x--\r\n" % (head, line())
    lines = [each async for each in uploaded_lines(form, b"multipart/form-data; boundary=x")]
    assert [each.protocol for each in lines] == ["openai_chat"]


@pytest.mark.parametrize(
    "form",
    [
        b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n{"url": 5, "method": "POST", "body": {}}\r\n--x--\r\n',
        b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n%b\n--x\ncontent-disposition: form-data; name="purpose"\n\n{}\r\n--x--\r\n',
        b'--y\r\ncontent-disposition: form-data; name="file"\r\n\r\n%b\r\n--y--\r\n',
        b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x  \r\ncontent-disposition: form-data; name="file"\r\n\r\n%b\r\n--x--\r\n',
        b"--x\r\ncontent-disposition: form-data; name*=utf-8''file; name=\"purpose\"\r\n\r\n%b\r\n--x--\r\n",
        b"",
    ],
)
async def test_a_form_that_hides_its_file_has_no_bound(form: bytes) -> None:
    """A delimiter that only we would see, or none that we know; or a name that is read in two ways."""
    for kind in (b"multipart/form-data; boundary=x", b"multipart/form-data"):
        with pytest.raises(BadRequest):
            _ = [each async for each in uploaded_lines(form % line() if b"%b" in form else form, kind)]


@pytest.mark.parametrize(
    "parameters", [b"xboundary=y; boundary=x", b'a="boundary=y"; boundary=x', b"boundary=y; boundary=x", b"boundary=x"]
)
async def test_lines_are_looked_for_where_the_provider_finds_them(parameters: bytes) -> None:
    """A form in a form: the inner one, which is cheap, is text of a part, or in front of all parts."""
    form = b'--%b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n--%b--\r\n'
    inner = (form % (b"y", line(), b"y")).rstrip()
    dear = line(body={**CHAT, "max_tokens": 10_000})
    outer = form % (b"x", dear + b"\r\n" + inner, b"x")
    with pytest.raises(BadRequest):
        _ = [each async for each in uploaded_lines(outer, b"multipart/form-data; " + parameters)]


async def test_a_batch_without_a_cap_that_anybody_knows_is_refused(provider: FakeProvider) -> None:
    """A cap that is filled in elsewhere stands in no file: what the provider writes is bounded by nobody."""
    endpoint, prices = ProviderEndpoint(kind="openai", base_url=provider.base_url), {"fake-small": PriceConfig(input="0.4", output="1.6")}
    uncapped = {name: value for name, value in CHAT.items() if name != "max_tokens"}
    async with Gateway(endpoint, keys=KEYS, budget_limit_usd="1", prices=prices) as program:
        with pytest.raises(BadRequest) as refused:
            await program.primitive_async_job(of_file(await uploaded(program, line() + b"\n" + line(body=uncapped))))
        assert (refused.value.code, spent(program)) == ("unbounded_cost", 0)
        await program.primitive_async_job(of_file(await uploaded(program, line())))
        assert spent(program) > 0


async def test_a_file_that_becomes_shorter_while_it_is_read_has_no_bound(tmp_path: Path) -> None:
    """It is a library caller's own, who may write to it: the rest is not waited for."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(line() * 3)
    body = FileBody(str(path), b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n', b"\r\n--x--\r\n")
    os.truncate(path, 100)
    with pytest.raises(BadRequest, match="became shorter"):
        async with asyncio.timeout(5):
            async for _ in uploaded_lines(body, b"multipart/form-data; boundary=x"):
                pass


async def test_a_form_may_end_with_its_last_delimiter() -> None:
    """Some clients write no line feed behind it; and a line that nobody would hold has no bound."""
    form = b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n%b\r\n--x--'
    assert len([each async for each in uploaded_lines(form % line(), b"multipart/form-data; boundary=x")]) == 1
    with pytest.raises(BadRequest, match="too long"):
        _ = [each async for each in uploaded_lines(form % bytes(LONGEST_LINE + SLICE_BYTES), b"multipart/form-data; boundary=x")]


GEMINIS = "/v1beta/models/fake-small:batchGenerateContent"
BOUNDLESS = [
    ("anthropic", "/v1/messages/batches", b'{"messages": []}'),
    ("anthropic", "/v1/messages/batches", b'{"requests": [], "Requests": []}'),
    ("anthropic", "/v1/messages/batches", b'{"requests": []}' + b" " * MOST_BYTES),
    ("openai", "/v1/batches", b'{"endpoint": "/v1/chat/completions"}'),
    ("openai", "/v1/batches", b'{"input_file_id": 5, "endpoint": "/v1/chat/completions"}'),
    ("gemini", GEMINIS, b'{"batch": {"inputConfig": {"fileName": "files/x"}}}'),
    ("gemini", GEMINIS, b'{"batch": {"input_config": {"requests": {"requests": []}, "fileName": "files/x"}}}'),
]


@in_turn(("kind", "path", "body"), BOUNDLESS)
async def test_a_batch_whose_requests_cannot_be_found_has_no_bound(kind: str, path: str, body: bytes) -> None:
    """Under a hard budget it is refused before anything is sent, with the code of whatever has no bound."""
    async with FakeProvider(keys={"*": Behaviour()}) as provider, gateway(provider, kind) as program:
        with pytest.raises(BadRequest) as refused:
            await program.primitive_async_job(PrimitiveRequest(body=body, path=path))
        assert refused.value.code == "unbounded_cost"
        assert (provider.log, spent(program)) == ([], 0)


@pytest.mark.parametrize("is_hard", [True, False])
async def test_a_batch_whose_price_is_unknown_is_for_budgets_that_only_count(
    provider: FakeProvider, tmp_path: Path, *, is_hard: bool
) -> None:
    """With `pricing.unknown: allow` a call without a price is free; what a batch may cost must be known all the same where a limit is hard."""
    (tmp_path / "omnillm.yaml").write_text(
        f"providers: {{claude: {{kind: anthropic, base_url: {provider.base_url}, keys: [{{label: a, key: key-a}}]}}}}\n"
        f"store: {{url: 'memory://'}}\nbudgets: [{{name: all, limit_usd: 1, hard: {str(is_hard).lower()}}}]\npricing: {{unknown: allow}}\n"
    )
    async with Gateway.from_config(tmp_path / "omnillm.yaml", env={}) as program:
        asked = inline("nobodys-model")
        if is_hard:
            with pytest.raises(BadRequest) as refused:
                await program.primitive_async_job(asked)
            assert refused.value.code == "unbounded_cost"
            assert "'nobodys-model'" in refused.value.message
            assert provider.log == []
        else:
            assert (await program.primitive_async_job(asked)).reply.cost_nanousd == 0


async def test_a_look_at_the_head_of_results_settles_nothing(provider: FakeProvider) -> None:
    """Nor do results in which nothing was answered, of a batch that says that something was."""
    async with gateway(provider) as program:
        made = await made_of_file(program, provider, line())
        tell(provider, "batches", made.id, status="completed")
        job = await program.primitive_async_job(made.status_request)
        [request] = job.result_requests
        bound = spent(program)
        tell(provider, "files", request.path.split("/")[2], content=b"")
        for each in (request.with_method("HEAD"), request):
            with suppress(OmniError):
                await program.primitive_call(each)
            assert spent(program) == bound > 0


async def test_results_of_which_one_does_not_tell_what_it_used_settle_nothing(provider: FakeProvider) -> None:
    """The sum of the others would be too little: the batch stays at its bound."""
    told, silent = (
        json.dumps({"response": {"status_code": 200, "body": {"model": "fake-small", **usage}}}).encode()
        for usage in ({"usage": {"prompt_tokens": 5, "completion_tokens": 7}}, {})
    )
    async with gateway(provider) as program:
        made = await made_of_file(program, provider, line(), line(custom_id="b"))
        tell(provider, "batches", made.id, status="completed")
        [request] = (await program.primitive_async_job(made.status_request)).result_requests
        bound = spent(program)
        tell(provider, "files", request.path.split("/")[2], content=told + b"\n" + silent)
        await program.primitive_call(request)
        assert spent(program) == bound > COST


async def test_a_batch_larger_than_the_budget_is_refused(provider: FakeProvider) -> None:
    """Before it is sent, with nothing held."""
    async with gateway(provider, "anthropic", limit="0.0001") as program:
        with pytest.raises(BudgetExceeded):
            await program.primitive_async_job(inline(*["fake-small"] * 100))
        with pytest.raises(BudgetExceeded) as refused:
            await program.primitive_async_job(inline("unknown-model"))
        assert refused.value.code == "price_unknown"
        assert (provider.log, spent(program)) == ([], 0)
        assert program.budget_remaining_usd() * 10**9 == 100_000


@pytest.mark.parametrize("is_hard", [True, False])
async def test_a_batch_that_no_ledger_could_add_up_is_refused_or_not_booked(
    provider: FakeProvider, tmp_path: Path, *, is_hard: bool
) -> None:
    """A thousand requests that may each cost millions: a hard budget refuses them, a soft one counts them once they are over."""
    config = tmp_path / "omnillm.yaml"
    config.write_text(
        f"providers: {{claude: {{kind: anthropic, base_url: {provider.base_url}, keys: [{{label: a, key: key-a}}]}}}}\n"
        f"store: {{url: 'sqlite:///{tmp_path}/ledger.db'}}\n"
        f"budgets: [{{name: all, limit_usd: '9000000000', hard: {str(is_hard).lower()}}}]\n"
        "pricing: {overrides: {claude/fake-small: {input: 1, output: 1000000}}}\n"
    )
    params = {"model": "fake-small", "max_tokens": 2**31, "messages": [{"role": "user", "content": "Hello"}]}
    requests = [{"custom_id": str(number), "params": params} for number in range(1100)]
    asked = PrimitiveRequest.json({"requests": requests}, path="/v1/messages/batches")
    async with Gateway.from_config(config, env={}) as program:
        if is_hard:
            with pytest.raises(BadRequest, match="more than 9 million USD together") as refused:
                await program.primitive_async_job(asked)
            assert refused.value.code == "unbounded_cost"
        else:
            assert (await program.primitive_async_job(asked)).reply.cost_nanousd == 0
        await program._program.store.flush()
        assert await is_proven(program)
        assert len(await program._program.store.requests(limit=9, before="")) == (not is_hard)


async def test_many_short_requests_are_not_one_long_one(provider: FakeProvider) -> None:
    """Where a prompt of over 200,000 tokens is dearer, each request costs by its own length."""
    model = "claude-sonnet-4-5"
    params = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "x" * 6000}]}
    asked = {"requests": [{"custom_id": str(number), "params": params} for number in range(100)]}
    message = {"type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": "end_turn"}
    message |= {"usage": {"input_tokens": 5000, "output_tokens": 100}}
    async with gateway(provider, "anthropic", limit="100") as program:
        made = await program.primitive_async_job(PrimitiveRequest.json(asked, path="/v1/messages/batches"))
        bound = spent(program)
        results = Results(KINDS["anthropic"])
        for _ in range(100):
            results.add({"result": {"type": "succeeded", "message": message}})
        await program._program._batches.note_results(made.reply.request_id, made.id, results, program._program.native_engine.prices)
        assert spent(program) == 100 * (5000 * 1500 + 100 * 7500) < bound
        assert bound < 100 * (7000 * 2 * 1500 + 100 * 7500), "half of what it is as single calls, were all of it written to a cache"
        assert await is_proven(program)


async def test_others_have_their_turns_while_a_file_of_short_lines_is_bounded(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of a megabyte of it was one turn of the event loop, and as long as two thousand quotes."""
    monkeypatch.setattr(batch_bounds, "TURN", 1)
    turns = 0

    async def wait_in_line() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with gateway(provider) as program:
        waiting = asyncio.create_task(wait_in_line())
        await uploaded(program, b"\n".join([line()] * 500))
        waiting.cancel()
    assert turns > 500


async def test_a_line_of_more_values_than_a_body_may_have_has_no_bound(provider: FakeProvider) -> None:
    """It is not read for seconds: its batch is refused, as one whose cost nobody knows."""
    long = line(body={**CHAT, "messages": [{"role": "user", "content": [{}] * 300_000}]})
    async with gateway(provider) as program:
        with pytest.raises(BadRequest) as refused:
            await program.primitive_async_job(of_file(await uploaded(program, long)))
        assert refused.value.code == "unbounded_cost"


async def test_no_sum_costs_more_than_was_booked(provider: FakeProvider) -> None:
    """Of one sum for all requests nobody knows which of them were long."""
    async with gateway(provider) as program:
        made = await made_of_file(program, provider, line(), line(custom_id="b"))
        bound = spent(program)
        tell(provider, "batches", made.id, status="completed", usage=USED | {"input_tokens": 900_000}, model="fake-small")
        assert (await program.primitive_async_job(made.status_request)).status == "succeeded"
        assert spent(program) == bound


@pytest.mark.parametrize(
    "body",
    [
        b'{"requests": [], "requests": [{"custom_id": "a", "params": {}}]}',
        b'{"requests": [{"params": {"model": "fake-small"}, "params": {"model": "fake-small"}}]}',
        b'{"requests": {}}',
        b"[]",
    ],
)
async def test_a_body_that_can_be_read_in_two_ways_is_refused(provider: FakeProvider, body: bytes) -> None:
    """What is bounded must be what is asked for."""
    async with gateway(provider, "anthropic") as program:
        with pytest.raises(BadRequest):
            await program.primitive_async_job(PrimitiveRequest(body=body, path="/v1/messages/batches"))
    assert provider.log == []


async def test_a_refused_batch_costs_nothing(provider: FakeProvider) -> None:
    """The next key's is the one that counts; a reply that never came may have been billed, and stays booked."""
    async with gateway(provider, "anthropic") as program:
        provider.enqueue(FAULTS["status_429"])
        made = await program.primitive_async_job(inline("fake-small"))
        assert (made.reply.attempts, spent(program)) == (2, made.reply.cost_nanousd)
        provider.enqueue(FAULTS["reset_before_head"])
        with pytest.raises(OmniError):
            await program.primitive_async_job(inline("fake-small"))
        assert spent(program) == 2 * made.reply.cost_nanousd
        assert await is_proven(program)


@pytest.mark.parametrize("cuts", [1, 7, 1000])
def test_results_are_read_however_they_are_cut(cuts: int) -> None:
    """A line that is none of a result makes the sum nobody's."""
    results = Results(KINDS["openai"])
    told = b'{"response": {"status_code": 200, "body": {"model": "m", "usage": {"prompt_tokens": 5, "completion_tokens": 7}}}}\n\n{"error": {}}'
    told += b'\n{"response": {"status_code": 200, "body": null}}'
    for at in range(0, len(told), cuts):
        results.feed(told[at : at + cuts])
    results.finish()
    [(group, (usage, requests))] = results.usages.items()
    assert (results.is_readable, group, usage.total_tokens, requests) == (True, ("m", 1000, "", None), 12, 1)
    results.feed(b"half a lin")
    results.finish()
    assert not results.is_readable


def test_a_result_that_counts_beyond_all_bounds_makes_the_sum_nobodys() -> None:
    """Where nothing was booked before, no bound would keep a lie from being charged."""
    results = Results(KINDS["openai"])
    results.add({"response": {"status_code": 200, "body": {"usage": {"prompt_tokens": 2**31, "completion_tokens": 7}}}})
    assert (results.is_readable, results.usages) == (False, {})


def test_a_result_without_an_end_makes_the_sum_nobodys() -> None:
    """It is not kept in memory, so what it says of usage is not known."""
    results = Results(KINDS["openai"])
    for piece in (b"x" * (LONGEST_LINE + 1), b"\n", b'{"error": {}}'):
        results.feed(piece)
    results.finish()
    assert not results.is_readable
