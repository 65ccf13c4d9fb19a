"""Past a budget by what is asked, and how often."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.journeys.bypasses.bypassing import LARGE, check_paid, said, with_large
from tests.journeys.money import NANO, held_by_one, usd, watched
from tests.journeys.running import PRICES, Serve, configuration, until
from tests.journeys.wire import DIALECTS, JSON, PROVIDERS, Line, Question, ask, exchange, send
from tests.soak import some

from omnillm.assemble import SystemClock
from omnillm.config.load import parse
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault

# B1: N parallel requests, money for a few


@pytest.mark.parametrize(
    ("store", "durability", "runs"),
    [("memory://", "relaxed", 1), ("memory://", "strict", 1), ("sqlite", "relaxed", 1), ("sqlite", "strict", 2)],
)
async def test_b1_of_many_calls_exactly_those_succeed_for_which_there_is_money(
    serve: Serve, fake: FakeProvider, tmp_path: Path, store: str, durability: str, runs: int
) -> None:
    """1,000 calls at once, money for 7, none of it coming back while they are made: 7 answers, 993 times 402, and the invoice is settled.

    Five times in every run, a hundred times in `make soak`.
    """
    question = ask("openai_chat", "hello", cap=20)
    held = await held_by_one(serve, fake, question)
    limit = 7 * held + held // 2
    for number in range(some(runs, most=20)):
        fake.invoice.lines.clear()
        fake.script.behave("*", Behaviour(fault=Fault.stall(name=f"round {number}")))
        url = store if store != "sqlite" else f"sqlite:///{tmp_path}/ledger-{number}.db"
        gateway = await serve(configuration(fake, limit_usd=usd(limit), queue="0s", store=url, durability=durability))
        before = len(fake.log)
        async with watched(gateway, limit):
            tasks = [asyncio.get_running_loop().create_task(exchange(gateway.port, question)) for _ in range(1000)]
            await until(lambda tasks=tasks: sum(task.done() for task in tasks) == 993, seconds=20)
            await fake.arrived(before + 7)
            fake.gate(f"round {number}").set()
            replies = await asyncio.gather(*tasks)
        assert sorted(reply.status for reply in replies) == [200] * 7 + [402] * 993
        await gateway.agrees_with(fake)


# B2: the client leaves


LEAVES = {
    "before the head": Fault.stall(name="leave"),
    "after the head": Fault.stall(after_events=1, name="leave"),
    "mid-stream": Fault.stall(after_events=9, name="leave"),
    "before the usage": Fault.stall(after_events=1000, name="leave"),
}
"""When it leaves -> where the provider stands then: at the latest with all content sent and billed, and the usage not."""


@pytest.mark.parametrize("when", LEAVES)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_b2_who_hangs_up_before_the_usage_pays_all_the_same(serve: Serve, fake: FakeProvider, dialect: str, when: str) -> None:
    """Again and again, until the budget refuses: the provider's bill is never above the limit."""
    question = ask(dialect, "hello", cap=30, is_stream=True)
    limit = 5 * await held_by_one(serve, fake, question) // 2
    fake.invoice.lines.clear()
    gateway = await serve(configuration(fake, limit_usd=usd(limit), queue="0s"))
    async with watched(gateway, limit):
        for _ in range(50):
            before = len(fake.log)
            fake.enqueue(LEAVES[when])
            line = await Line.open(gateway.port, question)
            head = asyncio.ensure_future(line.head())
            await until(lambda before=before, head=head: len(fake.log) > before or head.done())
            if len(fake.log) == before:
                assert await head == 402
                line.reset()
                break
            if when == "before the head":
                head.cancel()
            else:
                assert await head == 200
                await line.piece()
            line.reset()
            await fake.ended(before + 1)
            await until(lambda: gateway.in_flight == 0)
        else:
            pytest.fail("the budget never refused")
    assert 0 < fake.invoice.total_nanousd <= limit
    fake.script.queue.clear()
    await check_paid(gateway, fake)


# B3: what a request says about its length


CAPS: dict[str, str] = {
    "openai_chat": "max_tokens max_completion_tokens n best_of",
    "openai_responses": "max_output_tokens",
    "anthropic_messages": "max_tokens",
    "gemini": "maxOutputTokens max_output_tokens candidateCount candidate_count",
    "gemini_interactions": "maxOutputTokens max_output_tokens",
}
ODD = ("-1", "0", "2.5", '"2"', "1e30", "1E2", str(10**12), str(2**63), str(10**30), "null", "true", "[2]", "{}", "3", "100")
PAIRS: dict[str, tuple[str, ...]] = {
    "openai_chat": (
        '"max_tokens":5,"max_completion_tokens":500',
        '"max_tokens":500,"max_completion_tokens":5',
        '"max_tokens":5,"max_completion_tokens":null',
        '"max_completion_tokens":5,"n":128',
        '"max_tokens":5,"Max_Tokens":500',
        '"max_tokens":5,"max_output_tokens":500',
    ),
    "openai_responses": ('"max_output_tokens":5,"max_tokens":500', '"max_output_tokens":5,"max_completion_tokens":500'),
    "anthropic_messages": ('"max_tokens":5,"max_tokens_to_sample":500', '"max_tokens":5,"max_output_tokens":500'),
    "gemini": (
        '"maxOutputTokens":5,"max_output_tokens":500',
        '"max_output_tokens":5,"maxOutputTokens":500',
        '"maxOutputTokens":5,"candidateCount":2,"candidate_count":8',
    ),
    "gemini_interactions": ('"max_output_tokens":5,"maxOutputTokens":500', '"max_output_tokens":5,"Max_Output_Tokens":500'),
}


def capped(dialect: str, members: str) -> Question:
    """A small request with these members, as they are written, where its protocol has its output cap."""
    plain = ask(dialect, "hello").raw
    head, _, body = plain.partition(b"\r\n\r\n")
    sent = json.loads(body)
    sent.pop("max_tokens", None)
    text = json.dumps(sent)
    if dialect.startswith("gemini"):
        holder = "generationConfig" if dialect == "gemini" else "generation_config"
        text = f'{text[:-1]},"{holder}":{{{members}}}}}'
    elif members:
        text = f"{text[:-1]},{members}}}"
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length")]
    return Question(dialect, b"\r\n".join([*lines, b"content-length: %d" % len(text), b"", b""]) + text.encode())


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_b3_no_spelling_of_a_cap_makes_a_call_longer_than_what_was_held(serve: Serve, fake: FakeProvider, dialect: str) -> None:
    """Huge, absent, negative, fractional, as text, twice, under two names: refused, or within the money that there is."""
    limit = await held_by_one(serve, fake, ask(dialect, "hello", cap=40))
    settings = parse(configuration(fake, limit_usd=usd(limit), queue="0s", calls="default_output_tokens: 30"), {})
    fake.script.behave("*", Behaviour(words=3000))
    written = ["", *(f'"{name}":{value}' for name in CAPS[dialect].split() for value in ODD), *PAIRS[dialect]]
    statuses = set()
    gateway = await serve(settings)
    for members in written:
        fake.invoice.lines.clear()
        if statuses:
            await gateway.service.aclose()
            gateway = await serve(settings)
        sent = len(fake.log)
        reply = await exchange(gateway.port, capped(dialect, members))
        statuses.add(reply.status)
        assert reply.status in {200, 400, 402}, (members, reply.body)
        assert reply.status != 402 or len(fake.log) == sent
        assert fake.invoice.total_nanousd <= limit, members
        await check_paid(gateway, fake)
    assert statuses == {200, 400, 402}


@pytest.mark.parametrize("name", ["Max_Tokens", "max_to\u212aens", "N", "MODEL", "\u017fervice_tier"])
async def test_b3_what_decides_the_price_is_refused_in_odd_letters(serve: Serve, fake: FakeProvider, name: str) -> None:
    """A host whose reader ignores the case of names, as Go's does, would take it for the one that was priced."""
    gateway = await serve(configuration(fake))
    reply = await exchange(gateway.port, ask("openai_chat", "hello", cap=5, more={name: 500}))
    assert (reply.status, reply.error["code"], fake.log) == (400, "repeated_member", [])
    assert (await exchange(gateway.port, ask("openai_chat", "hello", cap=5, more={"chatTemplate": 500}))).is_answer


# B4: which model, and at which price


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_b4_unknown_price_is_refused_to_who_has_a_budget(serve: Serve, fake: FakeProvider, dialect: str) -> None:
    """What cannot be priced cannot be bounded: 402, and the provider is not asked."""
    gateway = await serve(configuration(fake))
    reply = await exchange(gateway.port, ask(dialect, "hello", model=f"{PROVIDERS[dialect]}/no-such-model-1"))
    assert reply.status == 402
    assert "price" in reply.error["message"]
    assert fake.log == []


async def test_b4_a_fallback_to_a_dearer_model_is_held_before_the_first_is_asked(serve: Serve) -> None:
    """Money for the cheap one alone is a 402 at once; with enough for either, the one that answered is paid."""
    async with FakeProvider(prices=LARGE, clock=SystemClock()) as fake:
        question = ask("openai_chat", "hello ", cap=20)
        dear = with_large(configuration(fake), "openai/fake-small, anthropic/fake-large")
        held = await held_by_one(serve, fake, question)
        fake.invoice.lines.clear()
        for limit, status in ((2 * held, 402), (40 * held, 200)):
            sent = len(fake.log)
            fake.enqueue(FAULTS["model_not_found"])
            gateway = await serve(dear.replace('limit_usd: "1000"', f'limit_usd: "{usd(limit)}"'))
            assert (await exchange(gateway.port, question)).status == status
            assert len(fake.log) == sent + (2 if status == 200 else 0)
            fake.script.queue.clear()
        assert fake.invoice.lines[0].model == "fake-large"
        await check_paid(gateway, fake)


@pytest.mark.parametrize("model", ["alias", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "openai/gpt-4.1-mini-2025-04-14"])
async def test_b4_an_alias_and_a_dated_name_cost_what_their_model_costs(serve: Serve, model: str) -> None:
    """Under whatever name it is asked for."""
    async with FakeProvider(prices={"*": PRICES["fake-small"]}, clock=SystemClock()) as fake:
        routes = 'models:\n  alias: {targets: [openai/gpt-4.1-mini-2025-04-14]}\n  "gpt-*": {targets: ["openai/*"]}'
        gateway = await serve(configuration(fake).replace("models:", routes))
        assert (await exchange(gateway.port, ask("openai_chat", "hello", model=model, cap=9))).is_answer
        await check_paid(gateway, fake)
        assert fake.invoice.total_nanousd > 0


async def test_b4_a_price_that_changes_under_a_call_is_not_its_price(serve: Serve, fake: FakeProvider) -> None:
    """An open call is settled by the price that it was quoted; the next one by the new."""
    text = configuration(fake)
    gateway = await serve(text)
    fake.enqueue(Fault.stall(after_events=2))
    line = await Line.open(gateway.port, ask("openai_chat", "hello", cap=20, is_stream=True))
    assert await line.head() == 200
    settings = parse(text.replace("{input: 0.4, output: 1.6}", "{input: 0, output: 0}"), {})
    gateway.service._read_settings = lambda: settings
    await gateway.service.reload()
    fake.gate("stall").set()
    assert (await line.rest()).is_answer
    line.reset()
    await check_paid(gateway, fake)
    cost = fake.invoice.total_nanousd
    assert cost > 0
    assert (await exchange(gateway.port, ask("openai_chat", "hello", cap=20))).is_answer
    assert (await gateway.books())[0] == cost


# B5: what is dearer than plain tokens


DEARER: dict[str, tuple[str, Behaviour, str, dict[str, int], JSON]] = {
    "reasoning": (
        *("openai_chat", Behaviour(reasoning_tokens=40), "{input: 0.4, output: 1.6, reasoning: 6}"),
        *({"reasoning": 6_000_000_000}, {}),
    ),
    "reasoning of gemini": (
        *("gemini", Behaviour(reasoning_tokens=40), "{input: 0.4, output: 1.6, reasoning: 6}"),
        *({"reasoning": 6_000_000_000}, {}),
    ),
    "cache written": (
        *("anthropic_messages", Behaviour(cache_write_tokens=2), "{input: 0.4, output: 1.6, cache_write: 5}"),
        *({"cache_write": 5_000_000_000}, {}),
    ),
    "cache read": (
        *("openai_responses", Behaviour(cached_tokens=2), "{input: 0.4, output: 1.6, cache_read: 0.9}"),
        *({"cache_read": 900_000_000}, {}),
    ),
    "long prompt": (
        *("anthropic_messages", Behaviour(), "{input: 0.4, output: 1.6, above: [{tokens: 1, input: 4, output: 16}]}"),
        *({"input": 4_000_000_000, "output": 16_000_000_000}, {}),
    ),
    "priority": (
        *("openai_chat", Behaviour(), "{input: 0.4, output: 1.6, service_tiers: {priority: {input: 0.8, output: 3.2}}}"),
        *({"input": 800_000_000, "output": 3_200_000_000}, {"service_tier": "priority"}),
    ),
    "choices": ("openai_chat", Behaviour(), "{input: 0.4, output: 1.6}", {}, {"n": 7}),
}
"""Dialect, what the provider does, the configured price, what differs in its own, and what is asked."""


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", DEARER)
async def test_b5_whatever_is_dearer_is_held_and_paid(serve: Serve, name: str, is_stream: bool) -> None:
    """A budget that has exactly what is held: it is enough, and what is settled is the bill."""
    dialect, behaviour, price, rates, more = DEARER[name]
    async with FakeProvider(keys={"*": behaviour}, prices={"fake-small": PRICES["fake-small"] | rates}, clock=SystemClock()) as fake:
        question = ask(dialect, "hello there", cap=60, is_stream=is_stream, more=more)
        text = configuration(fake, price=price, queue="0s")
        fake.enqueue(Fault.stall(name="measure"))
        gateway = await serve(text)
        task = asyncio.get_running_loop().create_task(exchange(gateway.port, question))
        await fake.arrived(1)
        held = (await gateway.books())[2]
        fake.gate("measure").set()
        assert (await task).is_answer
        await check_paid(gateway, fake)
        cost = fake.invoice.total_nanousd
        assert 0 < cost <= held
        for limit, status in ((held, 200), (held - 1, 402)):
            tight = await serve(text.replace('limit_usd: "1000"', f'limit_usd: "{usd(limit)}"'))
            assert (await exchange(tight.port, question)).status == status


async def test_b5_audio_has_its_own_rates(serve: Serve, fake: FakeProvider) -> None:
    """In and out, as far as the usage tells it apart."""
    gateway = await serve(configuration(fake, price="{input: 0.4, output: 1.6, input_audio: 40, output_audio: 80}"))
    usage = {
        "prompt_tokens": 10,
        "prompt_tokens_details": {"audio_tokens": 4},
        "completion_tokens": 8,
        "completion_tokens_details": {"audio_tokens": 3},
        "total_tokens": 18,
    }
    fake.enqueue(said("openai_chat", usage))
    more = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    assert (await exchange(gateway.port, ask("openai_chat", "hello", cap=20, more=more))).is_answer
    assert (await gateway.books())[0] == 6 * 400 + 4 * 40_000 + 5 * 1600 + 3 * 80_000


async def test_b5_tools_of_the_provider_are_bounded_or_refused(serve: Serve, fake: FakeProvider) -> None:
    """A search is paid by the call: a maximum that is none is refused, without one the provider is told the configured, and it is held."""
    gateway = await serve(configuration(fake, price="{context: 1000, input: 0.4, output: 1.6, per_tool: {web_search: 0.01}}"))
    tools: JSON = {"tools": [{"type": "web_search"}]}
    refused = await exchange(gateway.port, ask("openai_responses", "hello", cap=20, more={**tools, "max_tool_calls": -1}))
    assert (refused.status, refused.error["code"]) == (400, "unbounded_cost")
    assert fake.log == []
    fake.enqueue(Fault.stall())
    question = ask("openai_responses", "hello", cap=20, more=tools)
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, question))
    await fake.arrived(1)
    assert json.loads(fake.log[0].body)["max_tool_calls"] == 2
    assert (await gateway.books())[2] >= 2 * NANO // 100
    fake.gate("stall").set()
    assert (await task).is_answer


# B16: what is not metered has no route


UNMETERED = (
    *("/v1/completions", "/v1/embeddings/", "/v1/images", "/v1/images/generation", "/v1/audio", "/v1/audio/speech/x", "/v1/moderation"),
    *("/v1/batches", "/v1/files", "/v1/fine_tuning/jobs", "/v1/realtime", "/v1/realtime/sessions", "/v1/videos", "/v1/assistants"),
    *("/v1/responses/resp_1/cancel", "/v1/responses/compact", "/v1/conversations", "/v1/messages/batches", "/v1/complete"),
    *("/v1beta/models/gemini:embedContents", "/v1beta/models/gemini:embedText", "/v1beta/models/gemini:batchGenerateContent"),
    *("/v1beta/models/gemini:predict", "/v1beta/cachedContents", "/v1beta/models/gemini:generateContent/x", "/v1/chat/completions/"),
    *(
        "//v1/chat/completions",
        "/v1/chat/completions/../embeddings",
        "/openai/v1/embedding",
        "/openai/openai/v1",
    ),
    *("/anthropic/v1/messages/batches", "/gemini/v1beta/models/gemini:asyncBatchEmbedContent", "/proxy/http://host/v1/x", "/v1"),
)


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
async def test_b16_what_is_not_metered_has_no_route(serve: Serve, fake: FakeProvider, method: str) -> None:
    """Paths of the providers that the gateway does not price, and spellings of those that it does: refused, and nothing is sent."""
    gateway = await serve(configuration(fake))
    body = {"model": "fast", "input": "x", "messages": [{"role": "user", "content": "x"}]}
    for path in UNMETERED:
        assert (await send(gateway, method, path, body)).status in {400, 403, 404, 405, 426}, path
    assert fake.log == []
    assert await gateway.books() == (0, 0, 0)
