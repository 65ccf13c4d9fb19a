"""A client that hangs up, at any moment: everything is released at once, the provider notices, and the ledger is not below the invoice."""

import asyncio
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.hosts import answering
from tests.journeys.ledgers import locked, rows
from tests.journeys.running import LAG_TOKENS, PRICES, Running, Serve, configuration, long_text, still, until
from tests.journeys.wire import DIALECTS, Line, Question, ask, exchange

from omnillm.assemble import SystemClock
from omnillm.gateway.quotes.tool_calls import TOOLS_PROMPT
from omnillm.records import AttemptRow, EntryKind
from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock
from omnillm.usage import NO_USAGE, Usage

USAGE_MARKS = {
    "openai_chat": b'"usage":{',
    "openai_responses": b'"response.completed"',
    "anthropic_messages": b'"output_tokens":20',
    "gemini": b'"finishReason"',
    "gemini_interactions": b"event: interaction.completed",
}
"""What stands in the event whose usage counts."""
SEARCHED = {
    "openai_responses": [
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
        *(
            {"type": f"response.output_item.{verb}", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}}
            for verb in ("added", "done")
        ),
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "web_search_call", "id": "ws_1"}},
        *({"type": f"response.web_search_call.{verb}", "output_index": 1, "item_id": "ws_1"} for verb in ("in_progress", "searching")),
    ],
    "anthropic_messages": [
        {"type": "message_start", "message": {"id": "msg_1", "type": "message", "usage": {"input_tokens": 7, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "Deep, perhaps."}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    ],
}
SEARCHES = {
    "openai_responses": {"tools": [{"type": "web_search"}], "max_tool_calls": 4},
    "anthropic_messages": {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 4}]},
}
"""A model that searches: its request, and what its stream shows until it has begun to."""


@pytest.fixture
async def gateway(serve: Serve, fake: FakeProvider) -> Running:
    return await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}, caller="max_concurrency: 1"))


async def check_gone(gateway: Running, fake: FakeProvider) -> None:
    """Nothing is held, the provider saw the hang-up, one row each says what happened, and the next call finds everything free."""
    await until(lambda: gateway.in_flight == 0)
    async with asyncio.timeout(5):
        await fake.ended(1)
    ledger = await gateway.spent()
    assert fake.log[0].aborted_by_client
    request, [attempt] = await gateway.last()
    assert (request.status, request.outcome, request.attempts) == (499, "aborted", 1)
    assert (attempt.verdict, attempt.error, attempt.is_estimated, attempt.is_usage_known) == ("aborted", "aborted", True, False)
    assert ledger == attempt.cost_nanousd >= fake.invoice.total_nanousd > 0
    assert gateway.keys()["a"].state == "ready"
    fake.gate("stall").set()
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer


async def test_before_the_request_is_whole(gateway: Running, fake: FakeProvider) -> None:
    """Half a body, then silence: no call was made of it."""
    whole = ask("openai_chat", "hello")
    line = await Line.open(gateway.port, Question("openai_chat", whole.raw[:-10]))
    await asyncio.sleep(0)
    line.reset()
    assert (await exchange(gateway.port, whole)).is_answer
    assert len(fake.log) == 1
    assert len(await gateway.program.store.requests(limit=10, before="")) == 1


async def test_before_the_dispatch(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """The reservation is on its way to the disk: the provider is never asked, and what was reserved is void."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, store=f"sqlite:///{path}", durability="strict"))
    with locked(path):
        line = await Line.open(gateway.port, ask("openai_chat", "hello"))
        await until(lambda: gateway.in_flight == 1)
        line.reset()
        await until(lambda: gateway.in_flight == 0)
    assert await gateway.books() == (0, 0, 0)
    assert rows(path, "SELECT kind FROM entries ORDER BY kind") == [(EntryKind.RESERVE,), (EntryKind.VOID,)]
    request, attempts = await gateway.last()
    assert (request.status, request.attempts, attempts) == (499, 0, [])
    assert fake.log == []


async def test_while_the_connection_is_made(serve: Serve, fake: FakeProvider) -> None:
    """A host that takes no connection was sent nothing: slot, tokens and money are given back."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.create_connection(deaf.getsockname()):
        configured = configuration(fake, keys={"a": "key: sk-a, rpm: 5, tpm: 5000"})
        gateway = await serve(configured.replace(fake.base_url, f"http://127.0.0.1:{deaf.getsockname()[1]}"))
        line = await Line.open(gateway.port, ask("openai_chat", "hello"))
        await until(lambda: gateway.in_flight == 1)
        line.reset()
        await until(lambda: gateway.in_flight == 0)
        key = gateway.keys()["a"]
        assert (key.rpm_used, key.tpm_used, key.state) == (0, 0, "ready")
        assert await gateway.books() == (0, 0, 0)
        request, [attempt] = await gateway.last()
        assert (request.status, attempt.verdict, attempt.cost_nanousd) == (499, "aborted", 0)


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_before_the_head(gateway: Running, fake: FakeProvider, dialect: str, is_stream: bool) -> None:
    """The provider has not said a word yet."""
    fake.enqueue(Fault.stall())
    line = await Line.open(gateway.port, ask(dialect, "hello", is_stream=is_stream))
    await fake.arrived(1)
    line.reset()
    await check_gone(gateway, fake)


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_in_the_middle_of_a_stream(gateway: Running, fake: FakeProvider, dialect: str, ending: str) -> None:
    """Some content was shown, in good order or with a reset."""
    fake.enqueue(Fault.stall(after_events=3))
    line = await Line.open(gateway.port, ask(dialect, "hello", is_stream=True))
    assert await line.head() == 200
    assert await line.piece()
    await (line.close() if ending == "close" else asyncio.sleep(0))
    line.reset()
    await check_gone(gateway, fake)


@pytest.mark.parametrize("events", [0, 1], ids=["before a word", "after a word"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_while_the_model_thinks_unseen(serve: Serve, dialect: str, events: int) -> None:
    """2,000 tokens of thoughts in four seconds, of which nothing was shown: the provider bills them, and the ledger neither less nor all of the cap."""
    clock, thinker = ManualClock(), Behaviour(reasoning_tokens=2000)
    async with FakeProvider(keys={"sk-a": thinker}, prices=PRICES, clock=SystemClock(), billing_lag_tokens=LAG_TOKENS) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}), clock=clock)
        fake.enqueue(Fault.stall(after_events=events))
        line = await Line.open(gateway.port, ask(dialect, "hello", is_stream=True, cap=60_000))
        await fake.arrived(1)
        clock.advance(4.0)
        if events:
            assert await line.head() == 200
            assert await line.piece()
        line.reset()
        await until(lambda: gateway.in_flight == 0)
        async with asyncio.timeout(5):
            await fake.ended(1)
        request, [attempt] = await gateway.last()
        assert (request.status, attempt.verdict, attempt.is_estimated) == (499, "aborted", True)
        assert fake.invoice.lines[0].usage.reasoning == 2000
        assert fake.invoice.total_nanousd <= await gateway.spent() < 10 * fake.invoice.total_nanousd


@pytest.mark.parametrize(
    ("dialect", "more", "events"),
    [
        ("anthropic_messages", {}, 3),
        ("anthropic_messages", {}, 0),
        ("anthropic_messages", SEARCHES["anthropic_messages"], 3),
        ("gemini", {}, 3),
    ],
    ids=["anthropic", "before a word", "before it searches", "gemini"],
)
async def test_a_prompt_that_its_stream_has_told_is_charged_as_told(
    serve: Serve, fake: FakeProvider, dialect: str, more: dict[str, Any], events: int
) -> None:
    """Once a whole stream has shown that what comes at the beginning is true; until then by its bound, a token a byte."""
    price = "{input: 0.4, output: 1.6, per_tool: {web_search: 0.001}}"
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}, price=price))
    question = ask(dialect, long_text(20), is_stream=True, more=more)

    async def leave() -> AttemptRow:
        fake.enqueue(Fault.stall(after_events=events))
        line = await Line.open(gateway.port, question)
        if events:
            assert await line.head() == 200
            assert await line.piece()
        else:
            asked = len(fake.log)
            await fake.arrived(asked + 1)
            await still(lambda: gateway.in_flight)
        line.reset()
        await until(lambda: gateway.in_flight == 0)
        async with asyncio.timeout(5):
            await fake.ended(len(fake.log))
        await gateway.spent()
        _, [attempt] = await gateway.last()
        assert attempt.cost_nanousd >= fake.invoice.lines[-1].cost_nanousd > 0
        assert (attempt.is_usage_known, attempt.is_estimated) == (False, True)
        return attempt

    unknown = await leave()
    assert (await exchange(gateway.port, question)).is_answer
    told = await leave()
    assert (unknown.usage, told.usage) == (NO_USAGE, Usage(input=fake.invoice.lines[-1].usage.input))
    assert told.cost_nanousd * 3 < unknown.cost_nanousd
    assert re.search(r";bound=told\+\d+\+1$" if more else r";bound=told\+\d+$", told.price_version)


async def test_a_stream_that_begins_without_a_prompt_is_charged_by_its_bound(serve: Serve, fake: FakeProvider) -> None:
    """Whoever has told the truth before: no prompt has no tokens."""
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}))
    question = ask("anthropic_messages", long_text(20), is_stream=True)
    assert (await exchange(gateway.port, question)).is_answer
    fake.enqueue(Fault(name="stall", action="stall", point="events", after=3, lie="zero"))
    line = await Line.open(gateway.port, question)
    assert await line.head() == 200
    line.reset()
    await until(lambda: gateway.in_flight == 0)
    _, [attempt] = await gateway.last()
    assert (attempt.usage, attempt.is_estimated) == (NO_USAGE, True)
    assert attempt.cost_nanousd >= fake.invoice.lines[-1].cost_nanousd > 0


async def test_what_goes_on_in_the_background_is_charged_whole(gateway: Running, fake: FakeProvider) -> None:
    """A stream of a Responses call with `background` may be left and taken up again: the model writes to its end in any case."""
    fake.enqueue(Fault.stall(after_events=1))
    asked = ask("openai_responses", "hello", is_stream=True, cap=50_000, more={"background": True})
    line = await Line.open(gateway.port, asked)
    assert await line.head() == 200
    line.reset()
    await until(lambda: gateway.in_flight == 0)
    request, [attempt] = await gateway.last()
    assert (request.status, attempt.verdict, attempt.is_estimated) == (499, "aborted", True)
    assert attempt.cost_nanousd == (await gateway.books())[0] >= 50_000 * 1_600


async def test_in_the_middle_of_a_plain_reply(gateway: Running, fake: FakeProvider) -> None:
    """Half of a JSON body has come and nothing was shown."""
    fake.enqueue(Fault.stall(after_events=3))
    line = await Line.open(gateway.port, ask("openai_chat", "hello"))
    await fake.arrived(1)
    line.reset()
    await check_gone(gateway, fake)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_one_byte_before_the_usage(serve: Serve, fake: FakeProvider, dialect: str) -> None:
    """All content has been shown and billed, the event that would say what it cost lacks its last byte."""
    whole = await stream_of(fake, dialect)
    mark = whole.rindex(USAGE_MARKS[dialect])
    end = whole.index(b"\r\n\r\n" if dialect == "gemini" else b"\n\n", mark) + 1
    fake.invoice.lines.clear()
    fake.enqueue(Fault(name="stall", action="stall", point="bytes", after=end))
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}))
    line = await Line.open(gateway.port, ask(dialect, "hello", is_stream=True))
    assert await line.head() == 200
    shown = b""
    while shown.count(b"data:") < whole[:end].count(b"data:") - 1:
        shown += await line.piece()
    assert USAGE_MARKS[dialect] not in shown
    line.reset()
    await until(lambda: gateway.in_flight == 0)
    async with asyncio.timeout(5):
        await fake.ended(2)
    request, [attempt] = await gateway.last()
    assert (request.status, attempt.verdict, attempt.is_estimated) == (499, "aborted", True)
    assert await gateway.spent() >= fake.invoice.total_nanousd > 0
    assert fake.invoice.lines[0].usage.output == 20


async def stream_of(fake: FakeProvider, dialect: str) -> bytes:
    """A stream's body, chunk framing and all, as the provider sends it to the gateway."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(fake.base_url.rpartition(":")[2]))
    raw = ask(dialect, "hello", is_stream=True, model="fake-small", more={"stream_options": {"include_usage": True}}).raw
    writer.write(raw.replace(b"host: gateway", b"host: fake\r\nanthropic-version: 2023-06-01"))
    await reader.readuntil(b"\r\n\r\n")
    body = await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return body


async def test_while_it_reads_slowly(serve: Serve) -> None:
    """A reader that takes nothing holds the provider back, and when it goes, the stream is cut at once."""
    written = 0

    async def count(_: float) -> None:
        nonlocal written
        written += 1
        await asyncio.sleep(0)

    words = 8000  # three times what the kernel buffers on the way
    behaviour = Behaviour(says=long_text(words), delay_s=0.0)
    async with FakeProvider(keys={"*": behaviour}, prices=PRICES, sleep=count, billing_lag_tokens=LAG_TOKENS) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}))
        line = await Line.open(gateway.port, ask("openai_chat", "hello", is_stream=True, cap=words), limit=1024)
        line.writer.transport.pause_reading()
        await still(lambda: written)
        assert not fake.log[0].is_ended
        line.reset()
        await until(lambda: gateway.in_flight == 0)
        async with asyncio.timeout(5):
            await fake.ended(1)
        assert fake.log[0].aborted_by_client
        request, [attempt] = await gateway.last()
        assert (request.status, attempt.verdict, attempt.is_estimated) == (499, "aborted", True)
        assert await gateway.spent() >= fake.invoice.total_nanousd > 0


async def test_last_chunk_delivered_is_a_success(gateway: Running, fake: FakeProvider) -> None:
    """A client that closes once it has read the end has not hung up."""
    reply = await exchange(gateway.port, ask("openai_chat", "hello", is_stream=True))
    assert reply.is_answer
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (200, "success")


async def test_storm_of_hang_ups_leaves_nothing(serve: Serve, fake: FakeProvider) -> None:
    """Two hundred clients go at moments of their own; the keys, the money and the sockets are all there afterwards."""
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b, max_concurrency: 5"}))
    tasks = len(asyncio.all_tasks())

    async def come_and_go(number: int) -> None:
        line = await Line.open(gateway.port, ask(DIALECTS[number % 4], "hello [[fault:one_byte]]", is_stream=number % 2 == 0))
        for _ in range(number % 40):
            await asyncio.sleep(0)
        line.reset()

    await asyncio.gather(*(come_and_go(number) for number in range(200)))
    await until(lambda: gateway.in_flight == 0 and gateway.waiting == 0)
    async with asyncio.timeout(5):
        await fake.ended(len(fake.log))
    assert await gateway.spent() >= fake.invoice.total_nanousd
    assert all(key.tpm_inflight == 0 for key in gateway.program.controller.keys(gateway.program.clock.now()))
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
    [front] = gateway.service.server._fronts
    await until(lambda: front.open_connections == 0 and len(asyncio.all_tasks()) <= tasks)
    assert front.held_bytes == 0


@pytest.mark.parametrize(
    ("dialect", "events", "calls"),
    [("openai_responses", 3, 0), ("openai_responses", 6, 1), ("anthropic_messages", 2, 0), ("anthropic_messages", 4, 1)],
)
async def test_turns_that_no_tool_call_has_begun_are_not_charged(
    serve: Serve, fake: FakeProvider, dialect: str, events: int, calls: int
) -> None:
    """A turn, one for each call of the provider's tools that was shown, and the fee of a call that may be on its way."""
    told = b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in SEARCHED[dialect][:events]
    )
    async with answering(told, "text/event-stream", is_whole=False) as base_url:
        price = "{input: 0.4, output: 1.6, context: 1000000, thinks: false, per_tool: {web_search: 0.01}}"
        gateway = await serve(configuration(fake, price=price).replace(fake.base_url, base_url))
        line = await Line.open(gateway.port, ask(dialect, "hello", is_stream=True, more=SEARCHES[dialect]))
        assert await line.head() == 200
        received = await line.piece()
        while len(received) < len(told):
            received += await line.piece()
        line.reset()
        await until(lambda: gateway.in_flight == 0)
    _, [attempt] = await gateway.last()
    prompt, _, charged_calls = map(int, attempt.price_version.rpartition("=")[2].split("+"))
    further = 1_000_000 if dialect == "openai_responses" else TOOLS_PROMPT + 2 * len(told) + 3000
    assert (TOOLS_PROMPT < prompt <= TOOLS_PROMPT + 3000 + calls * further, charged_calls) == (True, calls + 1)
    assert prompt >= calls * TOOLS_PROMPT * 2
    assert (attempt.verdict, attempt.is_estimated) == ("aborted", True)
    assert await gateway.spent() == attempt.cost_nanousd
