"""Prices over sockets: the terms that a call asked for are those that it is charged by, and its rows can be computed again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import openai
import pytest
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve, configuration, until
from tests.journeys.wire import ask as ask_raw
from tests.journeys.wire import exchange

from omnillm.assemble import SystemClock
from omnillm.assemble.prices import make_catalog
from omnillm.pricing.reference import Reference
from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock

DEAR = {"fake-small": {"input": 800_000_000, "output": 3_200_000_000}}
PRICE = "{input: 0.4, output: 1.6, service_tiers: {priority: {input: 0.8, output: 3.2}}, per_tool: {web_search: 0.01}}"
ASKED = [{"role": "user", "content": "hello"}]


@pytest.fixture
async def dear() -> AsyncIterator[FakeProvider]:
    """A provider that bills what priority costs."""
    async with FakeProvider(prices=DEAR, clock=SystemClock()) as provider:
        yield provider


def client(gateway: Running) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_a_dearer_tier_is_charged_as_the_provider_bills_it(serve: Serve, dear: FakeProvider, is_stream: bool) -> None:
    """Ledger and invoice agree to the nano-dollar, and the row tells the tier."""
    gateway = await serve(configuration(dear, price=PRICE))
    async with client(gateway) as sdk:
        reply = await sdk.chat.completions.create(model="fast", messages=ASKED, service_tier="priority", max_tokens=50, stream=is_stream)
        if is_stream:
            assert [chunk async for chunk in reply]
    _, [attempt] = await gateway.last()
    assert attempt.price_version.endswith(":openai/fake-small;tier=priority")
    assert (await gateway.books())[0] == dear.invoice.total_nanousd > 0


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
async def test_the_tier_that_served_is_charged_whatever_was_asked(serve: Serve, dear: FakeProvider, dialect: str, is_stream: bool) -> None:
    """Busy providers serve priority as standard, and a project's setting makes priority of what asked for nothing: the bill follows."""
    price = "{input: 0.4, output: 1.6, service_tiers: {priority: {input: 0.8, output: 3.2}}}"
    more = {"service_tier": "auto" if dialect == "anthropic_messages" else "priority"}
    async with FakeProvider(prices=PRICES, keys={"*": Behaviour(tier="default")}, clock=SystemClock()) as busy:
        gateway = await serve(configuration(busy, price=price))
        reply = await exchange(gateway.port, ask_raw(dialect, "hello", cap=50, is_stream=is_stream, more=more))
        assert reply.status == 200
        _, [attempt] = await gateway.last()
        assert "tier" not in attempt.price_version
        assert (await gateway.books())[0] == busy.invoice.total_nanousd > 0
        assert Reference(make_catalog(gateway.program.settings).figures).cost(attempt.price_version, attempt.usage) == attempt.cost_nanousd
    dear.script.behave("*", Behaviour(tier="priority"))
    gateway = await serve(configuration(dear, price=price))
    await exchange(gateway.port, ask_raw(dialect, "hello", cap=50, is_stream=is_stream))
    _, [attempt] = await gateway.last()
    assert attempt.price_version.endswith(";tier=priority")
    assert (await gateway.books())[0] == dear.invoice.total_nanousd > 0


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
async def test_an_estimate_is_by_the_tier_that_served(serve: Serve, dear: FakeProvider, dialect: str) -> None:
    """A reply whose usage is a lie, or that breaks off, says which tier it was all the same: it costs no less than its provider bills."""
    dear.script.behave("*", Behaviour(tier="priority", words=400))
    gateway = await serve(configuration(dear, price=PRICE.replace("output: 1.6,", "output: 1.6, thinks: false,", 1)))
    untold = "usage_zero" if dialect == "anthropic_messages" else "usage_missing"  # Anthropic's usage has the tier in it
    for fault, is_stream in ((untold, False), (untold, True), ("usage_huge", True), ("cut_mid_body", True)):
        await exchange(gateway.port, ask_raw(dialect, f"hello [[fault:{fault}]]", cap=400, is_stream=is_stream))
        _, [attempt] = await gateway.last()
        assert attempt.is_estimated
        assert ";tier=priority;bound=" in attempt.price_version
        assert attempt.cost_nanousd >= dear.invoice.lines[-1].cost_nanousd > 0
    assert (await gateway.books())[0] >= dear.invoice.total_nanousd
    dear.script.behave("*", Behaviour(tier="default", words=400))
    for fault, tier in (
        ("cut_mid_body", ";tier=priority"),
        ("usage_huge", ""),
    ):  # what breaks off need not have been served as it began to say
        more = {"service_tier": "auto" if dialect == "anthropic_messages" else "priority"}
        await exchange(gateway.port, ask_raw(dialect, f"hello [[fault:{fault}]]", cap=400, is_stream=True, more=more))
        _, [attempt] = await gateway.last()
        assert attempt.price_version.partition("fake-small")[2].startswith(f"{'' if dialect == 'anthropic_messages' else tier};bound=")


async def test_a_reply_that_cannot_be_translated_costs_its_own_tier(serve: Serve, dear: FakeProvider) -> None:
    """Its usage is read all the same, and so is its tier; another attempt answers."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": 5}}
    told = {"object": "chat.completion", "service_tier": "priority", "usage": {"prompt_tokens": 1_000, "completion_tokens": 100}}
    told["choices"] = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi", "tool_calls": [call]}}]
    dear.enqueue(Fault(http_status=200, body=json.dumps(told).encode(), fields=(("content-type", "application/json"),)))
    gateway = await serve(configuration(dear, price=PRICE))
    assert (await exchange(gateway.port, ask_raw("anthropic_messages", "hello", model="fast", cap=200))).is_answer
    _, [garbled, answered] = await gateway.last()
    assert (garbled.error, garbled.is_estimated, garbled.cost_nanousd) == ("garbled_reply", False, 1_000 * 800 + 100 * 3_200)
    assert answered.verdict == "success"


async def test_a_tier_without_a_price_is_charged_as_asked(serve: Serve) -> None:
    """A host's word of its own (Groq's on_demand) changes nothing."""
    async with FakeProvider(prices=PRICES, keys={"*": Behaviour(tier="on_demand")}, clock=SystemClock()) as provider:
        gateway = await serve(configuration(provider, price=PRICE))
        assert (await exchange(gateway.port, ask_raw("openai_chat", "hello", cap=50))).status == 200
        assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_an_announced_price_is_charged_from_its_day_on(serve: Serve) -> None:
    """By a gateway that runs on, quotes and all; the rows of both days name the figures that they were charged by."""
    clock, asked = ManualClock(wall=datetime(2026, 12, 31, 23, 59, tzinfo=UTC).timestamp()), "gemini/gemini-3.8-flash"
    async with FakeProvider(keys={"*": Behaviour(words=1_000)}, clock=SystemClock()) as provider:
        gateway = await serve(configuration(provider), clock=clock)
        question = ask_raw("openai_chat", "hello", model=asked, cap=50)
        assert (await exchange(gateway.port, question)).status == 200
        _, [before] = await gateway.last()
        clock.advance(60)
        ticks = gateway.program.ticker.ticks + 2
        await until(lambda: gateway.program.ticker.ticks >= ticks)
        assert (await exchange(gateway.port, question)).status == 200
        _, [after] = await gateway.last()
        await gateway.books()
    assert "@" not in before.price_version
    assert after.price_version.partition(":")[0].endswith("@2027-01-01")
    assert after.cost_nanousd == 2 * before.cost_nanousd > 0


async def test_a_model_that_nobody_priced_is_refused_where_a_budget_must_be_kept(serve: Serve, dear: FakeProvider) -> None:
    """A deployment, a day that is not listed, a fine-tuned stranger, a variant: nothing is sent, and what must be done is said."""
    names = ("openai/our-deployment", "openai/gpt-4.1-mini-2099-01-01", "openai/ft:gpt-9:acme::id", "openai/fake-small:nitro")
    gateway = await serve(configuration(dear))
    for model in names:
        refused = await exchange(gateway.port, ask_raw("openai_chat", "hello", model=model, cap=50))
        assert refused.status == 402
        assert refused.json["error"]["code"] == "price_unknown"
        assert "pricing.overrides" in refused.json["error"]["message"]
    assert not dear.log
    assert await gateway.books() == (0, 0, 0)


PLACED = {"input_tokens": 1_000, "output_tokens": 100, "service_tier": "standard", "inference_geo": "us"}
SPOKEN = {"type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}
STREAMED = (
    {"type": "message_start", "message": SPOKEN | {"content": [], "stop_reason": None, "usage": PLACED | {"output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 100}},
    {"type": "message_stop"},
)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_the_place_that_served_is_charged_whatever_was_asked(serve: Serve, provider: FakeProvider, is_stream: bool) -> None:
    """Anthropic's workspaces can have every call computed in the US, at a tenth more, though none asks for it; the reply says so."""
    told = json.dumps(SPOKEN | {"usage": PLACED}).encode()
    content_type = "application/json"
    if is_stream:
        told = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in STREAMED).encode()
        content_type = "text/event-stream"
    provider.enqueue(Fault(http_status=200, body=told, fields=(("content-type", content_type),)))
    gateway = await serve(configuration(provider))
    asked = ask_raw("anthropic_messages", "hello", cap=200, is_stream=is_stream, model="anthropic/claude-opus-4-6")
    assert (await exchange(gateway.port, asked)).is_answer
    _, [attempt] = await gateway.last()
    assert attempt.price_version.endswith(":anthropic/claude-opus-4-6;place=us")
    assert attempt.cost_nanousd == (1_000 * 5_000 + 100 * 25_000) * 11 // 10 == (await gateway.books())[0]


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_a_search_that_no_reply_counts_is_charged(serve: Serve, provider: FakeProvider, is_stream: bool) -> None:
    """Chat Completions tells nothing of the search that `web_search_options` pays for: one a choice, unless every call of the model pays one."""
    asked = ask_raw("openai_chat", "hello", cap=50, is_stream=is_stream, more={"web_search_options": {}, "n": 2})
    for price, fee in ((PRICE, 20_000_000), (PRICE.replace("per_tool", "per_request: 0.012, per_tool"), 12_000_000)):
        provider.invoice.lines.clear()
        gateway = await serve(configuration(provider, price=price))
        assert (await exchange(gateway.port, asked)).is_answer
        _, [attempt] = await gateway.last()
        assert attempt.is_usage_known
        assert attempt.cost_nanousd == provider.invoice.total_nanousd + fee == (await gateway.books())[0]


ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
DELTA = {"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
ODD = [
    ({"prompt_tokens": "5", "completion_tokens": "7"}, None),
    ({"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": "3"}}, None),
    ([], None),
    ({"prompt_tokens": 2**31, "completion_tokens": 7}, None),
    ({"prompt_tokens": 0, "completion_tokens": 7}, None),
    ({"prompt_tokens": 5, "completion_tokens": 0}, None),
    ({"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 5}}, 5 * 400 + 7 * 1600),
    ({"prompt_tokens": 5, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 7}}, 5 * 400 + 7 * 1600),
    ({"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": [], "completion_tokens_details": []}, 5 * 400 + 7 * 1600),
]


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("usage", "cost"),
    ODD,
    ids=["strings", "a string", "a list", "a lie", "no prompt", "no output", "all cached", "all thought", "empty lists"],
)
async def test_an_answer_whose_usage_cannot_be_read_is_an_answer(
    serve: Serve, provider: FakeProvider, usage: object, cost: int | None, is_stream: bool
) -> None:
    """It is shown and charged once, by its bound; asking again would be paid again. What PHP makes of an empty object is one."""
    told, content_type = json.dumps(ANSWER | {"choices": [CHOICE], "usage": usage}), "application/json"
    if is_stream:
        chunks = (ANSWER | {"choices": [DELTA]}, ANSWER | {"choices": [], "usage": usage})
        told = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        content_type = "text/event-stream"
    provider.enqueue(Fault(http_status=200, body=told.encode(), fields=(("content-type", content_type),)))
    gateway = await serve(configuration(provider))
    assert (await exchange(gateway.port, ask_raw("openai_chat", "hello", cap=50, is_stream=is_stream))).is_answer
    request, [attempt] = await gateway.last()
    assert (len(provider.log), attempt.verdict, attempt.is_usage_known) == (1, "success", cost is not None)
    assert (await gateway.books())[0] == request.cost_nanousd
    assert request.cost_nanousd > 50 * 1600 if cost is None else request.cost_nanousd == cost


async def test_tools_are_not_believed_to_be_called_so_often(serve: Serve, provider: FakeProvider) -> None:
    """A search is paid by the call: a count beyond all bounds tells nothing, and the call is charged by its bound."""
    lie = {"input_tokens": 5, "output_tokens": 7, "server_tool_use": {"web_search_requests": 2**31}}
    told = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "fake-small",
        "content": [],
        "stop_reason": "end_turn",
        "usage": lie,
    }
    provider.enqueue(Fault(http_status=200, body=json.dumps(told).encode(), fields=(("content-type", "application/json"),)))
    gateway = await serve(configuration(provider, price=PRICE))
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    assert (await exchange(gateway.port, ask_raw("anthropic_messages", "hello", cap=50, more={"tools": [search]}))).status == 200
    _, [attempt] = await gateway.last()
    assert (attempt.is_usage_known, attempt.is_estimated) == (False, True)
    assert 2 * 10_000_000 <= attempt.cost_nanousd == (await gateway.books())[0] < 10**10


async def test_every_attempt_can_be_computed_again(serve: Serve, dear: FakeProvider) -> None:
    """Answered, repeated after a fault, and left by its client: each from its own row."""
    gateway = await serve(configuration(dear, price=PRICE))
    dear.enqueue(Fault.reset())
    async with client(gateway) as sdk:
        await sdk.chat.completions.create(model="fast", messages=ASKED)
        await sdk.chat.completions.create(model="fast", messages=ASKED, service_tier="priority", n=2)
        dear.enqueue(Fault.stall(after_events=2, name="left"))
        stream = await sdk.chat.completions.create(model="fast", messages=ASKED, stream=True, max_tokens=100)
        await anext(stream)
        await stream.close()
    store, catalog = gateway.program.store, make_catalog(gateway.program.settings)
    rows = []
    async with asyncio.timeout(5):
        while len(rows) < 4:
            await asyncio.sleep(0.01)
            await store.flush()
            rows = [row for request in await store.requests(limit=10, before="") for row in await store.attempts(request.request_id)]
    assert {row.is_estimated for row in rows} == {False, True}
    for row in rows:
        assert Reference(catalog.figures).cost(row.price_version, row.usage if row.is_usage_known else None) == row.cost_nanousd
    with suppress(KeyError):
        dear.gate("left").set()


async def test_a_tool_that_nobody_can_cap_is_refused_and_nothing_is_sent(serve: Serve, dear: FakeProvider) -> None:
    """With a code of its own, in the client's protocol, and what to do; one that can be capped is reserved and goes on."""
    gateway = await serve(configuration(dear, price=PRICE.replace("{input: 0.4", "{context: 1000, input: 0.4")))
    asked = {"model": "fast", "input": "hello", "max_output_tokens": 50, "tools": [{"type": "web_search"}]}
    async with client(gateway) as sdk:
        with pytest.raises(openai.BadRequestError, match=r"the tool image_generation .*leave it out") as refused:
            await sdk.responses.create(**(asked | {"tools": [{"type": "image_generation"}]}))
        assert refused.value.code == "unbounded_cost"
        assert not dear.log
        await sdk.responses.create(**asked, max_tool_calls=2)
    _, [attempt] = await gateway.last()
    assert attempt.price_version.endswith(";tools=web_search")


async def test_a_call_that_waits_over_the_day_of_an_announced_price_costs_what_was_reserved_for_it(serve: Serve) -> None:
    """It was promised the old price, and no more is held for it: by the new one it would exceed a hard budget."""
    clock, asked = ManualClock(wall=datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC).timestamp()), "gemini/gemini-3.8-flash"
    async with FakeProvider(keys={"*": Behaviour(words=1_000)}, clock=SystemClock()) as provider:
        text = configuration(provider, keys={"good": "key: sk-good, rpm: 1"}, queue="2m", limit_usd="0.0095")
        gateway = await serve(text, clock=clock)
        question = ask_raw("gemini", "hello", model=asked, cap=1_000)
        assert (await exchange(gateway.port, question)).status == 200
        waiting = asyncio.create_task(exchange(gateway.port, question))
        await until(lambda: gateway.waiting == 1)
        clock.advance(62)
        assert (await waiting).status == 200
        _, [attempt] = await gateway.last()
        assert "@" not in attempt.price_version
        [budget] = [each for each in gateway.program.controller.budgets() if each.name == "everything"]
        assert budget.settled_nanousd <= budget.limit_nanousd
        refused = await exchange(gateway.port, question)
        assert (refused.status, refused.json["error"]["details"][0]["reason"]) == (402, "budget_exceeded")
        await gateway.books()
