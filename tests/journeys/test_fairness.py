"""Nobody's call holds up everybody's: what takes long to be translated is worked out beside the event loop, and given up with its call."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from tests.journeys.hosts import answering
from tests.journeys.running import PRICES, Running, Serve, configuration, until
from tests.journeys.wire import Line, ask, exchange

from omnillm.protocols.transcode import transcode_request
from omnillm.testing import FakeProvider

TURNS = [{"role": role, "content": "a"} for role in ("user", "assistant")] * 8_000
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "fake-small",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in range(16_000)],
            },
        }
    ],
    "usage": {"prompt_tokens": 100, "completion_tokens": 200, "total_tokens": 300},
}

COST_NANOUSD = 100 * 400 + 200 * 1600


@asynccontextmanager
async def watched() -> AsyncIterator[Any]:
    """`longest_s`: of the processor, that one turn of the event loop took of its thread."""
    seen = SimpleNamespace(longest_s=0.0)

    async def spin() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            seen.longest_s, last = max(seen.longest_s, now - last), now

    task = asyncio.create_task(spin())
    try:
        yield seen
    finally:
        task.cancel()


@asynccontextmanager
async def occupied(gateway: Running) -> AsyncIterator[None]:
    """Somebody else's long body is being translated."""
    done = Event()
    task = asyncio.create_task(gateway.program.settlement.beside.do(done.wait, 60, "others"))
    try:
        await asyncio.sleep(0)
        yield
    finally:
        done.set()
        await task


async def until_waiting(gateway: Running) -> None:
    """Until another one waits for its turn."""
    await until(lambda: bool(gateway.program.settlement.beside._turn._waiters))


async def test_a_request_of_many_small_objects_leaves_everybody_their_turns(serve: Serve, provider: FakeProvider) -> None:
    """No turn of the loop takes half of what its translation takes. (It is refused then: a provider of ours would take a long turn itself.)"""
    gateway = await serve(configuration(provider, limit_usd="0.000001"))
    body = json.dumps({"model": "m", "messages": TURNS}).encode()
    began = time.thread_time()
    transcode_request("openai_chat", "anthropic_messages", body)
    cost_s = time.thread_time() - began
    question = ask("openai_chat", "", model="claude", more={"messages": TURNS})
    async with watched() as seen:
        reply = await exchange(gateway.port, question)
    assert (reply.status, reply.error["code"]) == (402, "budget_exceeded")
    assert seen.longest_s < cost_s / 2


async def test_a_reply_of_many_small_objects_leaves_everybody_their_turns(serve: Serve, provider: FakeProvider) -> None:
    """As above, of what a provider says, and its cost is what it reported."""
    async with answering(json.dumps(ANSWER).encode(), "application/json") as host:
        gateway = await serve(configuration(provider).replace(provider.base_url, host))
        question = ask("anthropic_messages", "hi", model="fast")
        async with watched() as seen:
            began = time.process_time()
            reply = await exchange(gateway.port, question)
            cost_s = time.process_time() - began
        assert len(reply.json["content"]) == len(ANSWER["choices"][0]["message"]["tool_calls"])  # type: ignore[index]
        assert seen.longest_s < cost_s / 3
        assert await gateway.books() == (COST_NANOUSD, COST_NANOUSD, 0)


async def test_who_hangs_up_while_its_request_waits_to_be_translated_holds_nothing(serve: Serve, provider: FakeProvider) -> None:
    """Also not the memory of its body; the next one's turn comes."""
    gateway = await serve(configuration(provider))
    question = ask("openai_chat", "", model="claude", more={"messages": TURNS})
    [front] = gateway.service.server._fronts
    async with occupied(gateway):
        line = await Line.open(gateway.port, question)
        await until_waiting(gateway)
        assert front.held_bytes > 100_000
        line.reset()
        await until(lambda: front.held_bytes == 0)
        hurried = ask("openai_chat", "", model="claude", more={"messages": TURNS}, headers={"x-omnillm-timeout-ms": "20"})
        refused = await exchange(gateway.port, hurried)
        assert (refused.status, refused.error["code"]) == (503, "overloaded")
    assert (await exchange(gateway.port, question)).is_answer
    assert len(provider.log) == 1
    assert await gateway.agrees_with(provider)


@pytest.mark.parametrize("is_told", [True, False])
async def test_who_hangs_up_while_its_reply_waits_to_be_translated_pays_what_that_reports(
    serve: Serve, provider: FakeProvider, is_told: bool
) -> None:
    """At once and once, however long the translation of another one takes. What nobody believes is no report: of no token at all."""
    told = json.dumps(ANSWER if is_told else ANSWER | {"usage": dict.fromkeys(ANSWER["usage"], 0)}).encode()  # type: ignore[call-overload]
    async with answering(told, "application/json") as host:
        gateway = await serve(configuration(provider).replace(provider.base_url, host))
        async with occupied(gateway):
            line = await Line.open(gateway.port, ask("anthropic_messages", "hi", model="fast"))
            await until_waiting(gateway)
            assert (gateway.in_flight, gateway.program._room.held_bytes) == (1, len(told))
            line.reset()
            await until(lambda: gateway.in_flight == 0)
            assert gateway.program._room.held_bytes == 0
            ledger = await gateway.spent()
        request, [attempt] = await gateway.last()
    assert ledger == COST_NANOUSD if is_told else ledger > 0
    assert (request.status, request.outcome, attempt.verdict) == (499, "aborted", "aborted")
    assert (attempt.is_usage_known, attempt.is_estimated) == (is_told, not is_told)


async def test_a_reply_that_would_take_gigabytes_is_refused_and_paid(serve: Serve, provider: FakeProvider) -> None:
    """Only to a client of another protocol: others get its bytes."""
    told = json.dumps({**ANSWER, "more": [[]] * 2_500_000}).encode()
    async with answering(told, "application/json") as host:
        gateway = await serve(configuration(provider).replace(provider.base_url, host))
        refused = await exchange(gateway.port, ask("anthropic_messages", "hi", model="fast"))
        assert refused.status == 502
        assert refused.json["error"]["message"].startswith("The provider's reply holds more than 2400000 objects and arrays")
        assert (await gateway.books())[0] == COST_NANOUSD
        assert (await exchange(gateway.port, ask("openai_chat", "hi"))).body == told


async def test_an_event_that_would_take_too_long_is_refused_and_not_asked_for_again(serve: Serve, provider: FakeProvider) -> None:
    """It is what its caller has asked for: no key rests for it, and it is paid by what came."""
    told = b'data: {"id":"c","choices":[],"more":[%b[]]}\n\n' % (b"[]," * 600_000)
    async with answering(told, "text/event-stream") as host:
        gateway = await serve(configuration(provider).replace(provider.base_url, host))
        refused = await exchange(gateway.port, ask("anthropic_messages", "hi", model="fast", is_stream=True, cap=10_000_000))
    assert (refused.status, refused.json["error"]["details"]["error_code"]) == (502, "upstream_too_large")
    ledger = await gateway.spent()
    assert ledger > len(told) * PRICES["fake-small"]["output"] // 1_000_000
    request, [attempt] = await gateway.last()
    assert (request.attempts, attempt.verdict) == (1, "aborted")
    assert gateway.keys()["good"].state == "ready"
