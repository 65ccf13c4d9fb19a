"""What batches cost: what was used when they are told to be over, once."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.journeys.batches.batching import COST, USED, gateway, inline, is_proven, line, made_of_file, of_file, spent, tell, uploaded
from tests.journeys.running import until

from omnillm import OmniError, PriceConfig, PrimitiveRequest
from omnillm.config.prices import PricingSettings
from omnillm.gateway import bindings
from omnillm.gateway.native import batch_money
from omnillm.gateway.native.batch_lines import LONGEST_LINE
from omnillm.gateway.native.batch_results import Results
from omnillm.library.prices import price_settings
from omnillm.providers.kinds import KINDS
from omnillm.testing import FAULTS, FakeProvider, Fault, Hint


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
        provider.enqueue(Fault.status(429, hint=Hint(form="ms", seconds=0.005)))
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


async def test_no_sum_costs_more_than_was_booked(provider: FakeProvider) -> None:
    """Of one sum for all requests nobody knows which of them were long."""
    async with gateway(provider) as program:
        made = await made_of_file(program, provider, line(), line(custom_id="b"))
        bound = spent(program)
        tell(provider, "batches", made.id, status="completed", usage=USED | {"input_tokens": 900_000}, model="fake-small")
        assert (await program.primitive_async_job(made.status_request)).status == "succeeded"
        assert spent(program) == bound


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


@in_turn("cuts", [1, 7, 1000])
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
