"""The library's `Gateway`, over a fake provider."""

import asyncio
import os
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from opentelemetry import trace
from tests.journeys.hosts import hosting
from tests.library.calling import CHAT, KEYS, PRICE, PRICES
from tests.traces.collector import Collector

from omnillm import (
    BadRequest,
    BudgetExceeded,
    Completed,
    ConfigError,
    EmbeddingRequest,
    Gateway,
    Header,
    KeyConfig,
    LlmRequest,
    NoAvailableKey,
    PoolConfig,
    PrimitiveRequest,
    ProviderEndpoint,
    ProviderError,
    Query,
    RateLimited,
    StreamFrame,
    StreamUsage,
    UpstreamLost,
    user,
)
from omnillm.money import NANO_PER_USD
from omnillm.testing import FAULTS, Behaviour, FakeProvider, ManualClock
from omnillm.traces.spans import INTERNAL

GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


async def test_a_call_costs_what_the_invoice_says(provider: FakeProvider) -> None:
    """The reply is the provider's own bytes, its cost exact, and the budget moves by it."""
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, budget_limit_usd="0.01", prices=PRICE) as gateway:
        reply = await gateway.primitive_call(PrimitiveRequest.json(CHAT))
        assert reply.json()["choices"][0]["message"]["content"] in reply.text()
        assert reply.cost_nanousd == provider.invoice.total_nanousd > 0
        assert gateway.budget_used_usd() == Decimal(reply.cost_usd)
        assert gateway.budget_remaining_usd() == Decimal("0.01") - Decimal(reply.cost_usd)
        assert (reply.provider, reply.attempts, reply.headers["content-type"]) == ("default", 1, "application/json")


async def test_a_refusal_without_words_says_who_refused() -> None:
    """What the provider did not say is not told as nothing."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        await reader.read()  # its body, until it hangs up
        writer.close()

    async with hosting(refuse) as url, Gateway(ProviderEndpoint.openai(url), keys=KEYS) as gateway:
        with pytest.raises(ProviderError) as refused:
            await gateway.primitive_call(PrimitiveRequest.json(CHAT))
    assert (refused.value.status, refused.value.message) == (400, "Provider 'default' answered 400 without a word about why.")


async def test_a_stream_is_frames_then_usage_then_completed(provider: FakeProvider) -> None:
    """Each frame is followed by the usage that it reported; `Completed` comes once, last."""
    body = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, budget_limit_usd=1, prices=PRICE) as gateway:
        async with gateway.primitive_stream(PrimitiveRequest.json(body)) as events:
            seen = [event async for event in events]
    place = next(at for at, event in enumerate(seen) if isinstance(event, StreamUsage))
    before = seen[place - 1]
    assert isinstance(before, StreamFrame)
    assert before.json()["usage"] == seen[place].json()
    assert [type(event) for event in seen].count(Completed) == 1
    assert isinstance(seen[-1], Completed)
    assert seen[-1].cost_nanousd == provider.invoice.total_nanousd
    assert (seen[-1].provider, seen[-1].model, seen[-1].key in {"a", "b"}) == ("default", "fake-small", True)


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
async def test_each_kind_streams(provider: FakeProvider, kind: str) -> None:
    """The other protocols end well too, Gemini with the model beside the body."""
    endpoint = getattr(ProviderEndpoint, kind)(provider.base_url)
    request = PrimitiveRequest.json({**CHAT, "stream": True}) if kind == "anthropic" else PrimitiveRequest.json(GEMINI, model="fake-small")
    async with Gateway(endpoint, keys=KEYS) as gateway, gateway.primitive_stream(request) as events:
        assert isinstance([event async for event in events][-1], Completed)


async def test_a_cut_stream_raises(provider: FakeProvider) -> None:
    """A stream that the provider cuts never ends with `Completed`."""
    provider.enqueue(FAULTS["reset_mid_body"])
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
        async with gateway.primitive_stream(PrimitiveRequest.json({**CHAT, "stream": True})) as events:
            with pytest.raises(UpstreamLost):
                async for event in events:
                    assert not isinstance(event, Completed)


async def test_leaving_a_stream_early_settles_it(provider: FakeProvider) -> None:
    """What was generated so far is charged, by estimate and never below the invoice; nothing stays held."""
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, budget_limit_usd=1, prices=PRICE) as gateway:
        async with gateway.primitive_stream(PrimitiveRequest.json({**CHAT, "stream": True})) as events:
            await anext(events)
        await provider.ended(1)
        assert gateway.budget_used_usd() * 10**9 >= provider.invoice.total_nanousd > 0
        assert gateway.budget_used_usd() + gateway.budget_remaining_usd() == 1
        assert all(key.in_flight == 0 for key in gateway.pool_status())


async def test_a_wrong_stream_mode_is_refused_before_anything(provider: FakeProvider) -> None:
    """A call for a stream, and a stream for a plain body, are the caller's mistakes."""
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
        with pytest.raises(BadRequest):
            await gateway.primitive_call(PrimitiveRequest.json({**CHAT, "stream": True}))
        with pytest.raises(BadRequest):
            async with gateway.primitive_stream(PrimitiveRequest.json(CHAT)):
                pass
    assert not provider.log


async def test_a_dead_key_is_left_and_shown(provider: FakeProvider) -> None:
    """The call is answered by the other key; pool_status says which one is dead, and until when."""
    provider.script.behave("key-a", Behaviour(fault=FAULTS["status_401"]))
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, pool=PoolConfig(selection="priority")) as gateway:
        reply = await gateway.primitive_call(PrimitiveRequest.json(CHAT))
        assert (reply.key, reply.attempts) == ("b", 2)
        dead, well = gateway.pool_status()
        assert (dead.state, dead.available, well.state) == ("dead", False, "ready")
        assert dead.failure_cool_down_until > 1_600_000_000_000
        assert well.failure_cool_down_until == well.cool_down_until == 0


async def test_no_key_left_is_told(provider: FakeProvider) -> None:
    """When every key is refused the caller is told so, never with a 401 of its own."""
    for key in ("key-a", "key-b"):
        provider.script.behave(key, Behaviour(fault=FAULTS["status_401"]))
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
        with pytest.raises(NoAvailableKey):
            await gateway.primitive_call(PrimitiveRequest.json(CHAT))


async def test_an_unknown_price_is_refused_under_a_budget(provider: FakeProvider) -> None:
    """Never free, never priced like another."""
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, budget_limit_usd=1) as gateway:
        with pytest.raises(BudgetExceeded) as refused:
            await gateway.primitive_call(PrimitiveRequest.json(CHAT))
    assert (refused.value.code, "Gateway(prices=...)" in refused.value.message) == ("price_unknown", True)


async def test_the_first_call_starts_it(provider: FakeProvider) -> None:
    """Also when several are the first; once closed it stays closed."""
    gateway = Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS)
    assert [key.state for key in gateway.pool_status()] == ["ready", "ready"]
    replies = await asyncio.gather(*(gateway.primitive_call(PrimitiveRequest.json(CHAT)) for _ in range(3)))
    assert [reply.status for reply in replies] == [200, 200, 200]
    await gateway.aclose()
    await gateway.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await gateway.primitive_call(PrimitiveRequest.json(CHAT))


@pytest.mark.parametrize(
    "endpoint",
    [
        ProviderEndpoint.openai,
        ProviderEndpoint.openai_compatible,
        lambda url: ProviderEndpoint.azure_openai(f"{url}/v1"),
        lambda url: ProviderEndpoint(kind="xai", base_url=url),
        lambda url: ProviderEndpoint.custom(f"{url}/v1/chat/completions", protocol="openai_chat"),
        lambda url: ProviderEndpoint.custom(f"{url}/v1/chat/completions", protocol="openai_chat", auth=Header("api-key")),
        lambda url: ProviderEndpoint.custom(f"{url}/v1/chat/completions", protocol="openai_chat", auth=Query("key")),
    ],
    ids=["openai", "compatible", "azure", "named", "custom", "header", "query"],
)
async def test_each_constructor_makes_an_endpoint(provider: FakeProvider, endpoint) -> None:
    """Each reaches the provider with one of the keys, where its scheme puts it."""
    async with Gateway(endpoint(provider.base_url), keys=KEYS) as gateway:
        reply = await gateway.primitive_call(PrimitiveRequest.json(CHAT))
    assert reply.status == 200
    assert provider.log[-1].key in {"key-a", "key-b"}


async def test_the_primitive_endpoint_is_where_primitive_calls_go(provider: FakeProvider) -> None:
    """The canonical ones go on to the endpoint, with the same keys: their limits and their books are one."""
    keys = [KeyConfig(label="a", key="key-a", rpm=4)]
    async with (
        FakeProvider(keys={"key-a": Behaviour()}, prices=PRICES) as other,
        Gateway(
            ProviderEndpoint.custom(f"{provider.base_url}/v1/chat/completions", protocol="openai_chat"),
            primitive_endpoint=ProviderEndpoint.openai(other.base_url),
            keys=keys,
            budget_limit_usd="0.01",
            prices=PRICE,
            pool=PoolConfig(queue_s=0),
        ) as gateway,
    ):
        await gateway.call(LlmRequest(model="fake-small", input=(user("Hello"),)))
        await gateway.primitive_call(PrimitiveRequest.json(CHAT))
        async with gateway.primitive_stream(PrimitiveRequest.json({**CHAT, "stream": True})) as events:
            assert isinstance([event async for event in events][-1], Completed)
        assert (await gateway.primitive_call(PrimitiveRequest.get("/v1/models"))).status == 200
        assert [len(fake.log) for fake in (provider, other)] == [1, 3]
        assert gateway.budget_used_usd() * NANO_PER_USD == provider.invoice.total_nanousd + other.invoice.total_nanousd
        assert [(key.label, key.rpm_used) for key in gateway.pool_status()] == [("a", 4)]
        with pytest.raises(RateLimited):
            await gateway.call(LlmRequest(model="fake-small", input=(user("Hello"),)))


async def test_a_header_cannot_become_two(provider: FakeProvider) -> None:
    """What a program passes on for its own users ends at a line break; what the allowlist names goes through."""
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
        request = PrimitiveRequest.json(CHAT)
        for name, value in (("openai-beta", "x\r\nauthorization: Bearer other"), ("openai-beta\nx", "1"), ("openai-beta", "é")):
            with pytest.raises(BadRequest):
                await gateway.primitive_call(request.with_headers({name: value}))
        assert not provider.log
        await gateway.primitive_call(request.with_headers({"OpenAI-Beta": "assistants=v2", "cookie": "a=b"}).with_session("one"))
    sent = provider.log[0].headers
    assert sent[b"openai-beta"] == b"assistants=v2"
    assert b"cookie" not in sent


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":"fake-small"}', b'{"model":5,"messages":[]}'])
async def test_a_bad_body_is_refused_before_anything(provider: FakeProvider, body: bytes) -> None:
    """As at the server."""
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
        with pytest.raises(BadRequest):
            await gateway.primitive_call(PrimitiveRequest.json(body))
    assert not provider.log


async def test_the_status_of_a_key_is_in_unix_milliseconds(provider: FakeProvider) -> None:
    """A rest ends at a moment of the wall clock; what has passed reads 0."""
    clock = ManualClock(wall=1_700_000_000.0)
    provider.script.behave("key-a", Behaviour(fault=FAULTS["rate_seconds"]))
    keys = [KeyConfig(label="a", key="key-a", rpm=5, tpm=1000), KeyConfig(label="b", key="key-b")]
    async with Gateway(
        ProviderEndpoint.openai(provider.base_url), keys=keys, pool=PoolConfig(selection="priority"), clock=clock
    ) as gateway:
        assert (await gateway.primitive_call(PrimitiveRequest.json(CHAT))).key == "b"
        limited, well = gateway.pool_status()
        rest_ms = limited.cool_down_until - 1_700_000_000_000
        assert (limited.state, limited.available) == ("cooling", False)
        assert 0 < rest_ms <= 3_600_000
        assert (limited.rpm_used, limited.rpm_limit, limited.tpm_limit) == (1, 5, 1000)
        assert (well.cool_down_until, well.failure_cool_down_until, well.rpm_limit, well.consecutive_failures) == (0, 0, 0, 0)
        clock.advance(rest_ms / 1000 + 1)
        assert gateway.pool_status()[0].cool_down_until == 0


async def test_nothing_is_written_by_default(provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `store=` the ledger stays in memory; with it there is a file."""
    monkeypatch.chdir(tmp_path)
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
        await gateway.primitive_call(PrimitiveRequest.json(CHAT))
    assert not list(tmp_path.iterdir())
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS, store=f"sqlite:///{tmp_path}/ledger.db") as gateway:
        await gateway.primitive_call(PrimitiveRequest.json(CHAT))
    assert (tmp_path / "ledger.db").exists()


async def test_the_servers_file_serves_the_library_and_is_read_again(provider: FakeProvider, tmp_path: Path) -> None:
    """What `reload` finds is in force for calls from then on; a stream under way goes on with its key. A mistake has changed nothing."""
    path, env = tmp_path / "omnillm.yaml", {"KEY": "key-a"}

    def write(label: str, model: str, more: str = "", store: str = "memory://") -> None:
        keys = f"keys: [{{label: {label}, key: '${{KEY}}'}}]"
        path.write_text(
            f"store: {{url: '{store}'}}\nproviders: {{p: {{kind: openai, base_url: {provider.base_url}, {keys}}}}}\n"
            f"models: {{fast: {{targets: [p/{model}]}}}}\npricing: {{overrides: {{p/fake-large: {{input: 1, output: 1}}}}}}\n{more}"
        )

    write("a", "fake-small")
    async with Gateway.from_config(path, env=env) as gateway:
        provider.enqueue(FAULTS["stall_mid_body"])
        async with gateway.primitive_stream(PrimitiveRequest.json({**CHAT, "model": "fast", "stream": True})) as events:
            await anext(events)
            env["KEY"] = "key-b"
            write("b", "fake-large", "budgets: [{name: all, limit_usd: 1, period: total}]\n")
            await gateway.reload()
            assert [(key.label, key.state) for key in gateway.pool_status()] == [("b", "ready"), ("a", "removed")]
            for mistake in ({"model": "fake-large }"}, {"model": "fake-large", "store": "sqlite:///other.db"}):
                write("c", **mistake)
                with pytest.raises(ConfigError, match=r"omnillm\.yaml|store: cannot be changed without a restart"):
                    await gateway.reload()
            replies = [
                await gateway.primitive_call(PrimitiveRequest.json({**CHAT, "model": "fast"})),
                await gateway.primitive_call(PrimitiveRequest.get("/v1/models")),
                await gateway.api_call(EmbeddingRequest(model="fast", inputs=("one",))),
            ]
            assert [(reply.model, reply.key) for reply in replies] == [("fake-large", "b"), ("", "b"), ("fake-large", "b")]
            assert 1 > gateway.budget_remaining_usd() == 1 - sum(Decimal(reply.cost_usd) for reply in replies)
            provider.gate("stall_mid_body").set()
            last = [event async for event in events][-1]
            assert isinstance(last, Completed)
            assert (last.model, last.key) == ("fake-small", "a")
    with pytest.raises(RuntimeError, match="closed"):
        await gateway.reload()
    with pytest.raises(RuntimeError, match="not by from_config"):
        await Gateway(ProviderEndpoint.openai(), keys=KEYS).reload()


async def test_what_a_later_reload_reads_is_what_stays(tmp_path: Path) -> None:
    """Also where an earlier one is still reading a file that is slow to come, here a pipe."""
    path, pipe, text = (
        tmp_path / "omnillm.yaml",
        tmp_path / "pipe",
        "store: {url: 'memory://'}\nproviders: {p: {kind: openai, keys: [%s]}}\n",
    )
    path.write_text(text % "{label: a, key: key-a}")
    async with Gateway.from_config(path) as gateway:
        os.mkfifo(pipe)
        pipe.rename(path)
        reloads = [asyncio.create_task(gateway.reload())]
        descriptor = None
        while descriptor is None:
            with suppress(OSError):  # nobody reads yet
                descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            await asyncio.sleep(0)
        pipe.write_text(text % "{label: c, key: key-c}")
        pipe.rename(path)
        reloads.append(asyncio.create_task(gateway.reload()))
        ended, _ = await asyncio.wait(reloads, timeout=0.05)
        os.write(descriptor, (text % "{label: b, key: key-b}").encode())
        os.close(descriptor)
        await asyncio.gather(*reloads)
        assert (ended, [key.label for key in gateway.pool_status()]) == (set(), ["c"])


async def test_what_is_left_is_of_the_budgets_that_its_calls_draw_on(provider: FakeProvider, tmp_path: Path) -> None:
    """Not of one that only virtual keys name; of several the tightest says what may still be spent, and a soft one not at all."""
    (tmp_path / "omnillm.yaml").write_text(
        f"providers: {{p: {{kind: openai, base_url: {provider.base_url}, keys: [{{label: a, key: key-a}}]}}}}\n"
        "budgets:\n"
        "  - {name: team-x, scope: named, limit_usd: 3, period: total}\n"
        "  - {name: everything, limit_usd: 5, period: month}\n"
        "  - {name: today, limit_usd: 2, period: day}\n"
        "  - {name: warned, limit_usd: 1, period: day, hard: false}\n"
        "pricing: {overrides: {p/fake-small: {input: 0.4, output: 1.6}}}\n"
        'store: {url: "memory://"}\n'
    )
    gateway = Gateway.from_config(tmp_path / "omnillm.yaml")
    assert (gateway.budget_used_usd(), gateway.budget_remaining_usd()) == (0, 2)
    async with gateway:
        cost = Decimal((await gateway.primitive_call(PrimitiveRequest.json(CHAT, provider="p"))).cost_usd)
        assert (gateway.budget_used_usd(), gateway.budget_remaining_usd()) == (cost, 2 - cost)


async def test_a_body_for_a_named_provider_is_in_that_ones_words(provider: FakeProvider, tmp_path: Path) -> None:
    """Not in those of the first of the file."""
    kinds = ", ".join(
        f"{kind}: {{kind: {kind}, base_url: {provider.base_url}, keys: [{{label: a, key: key-a}}]}}" for kind in ("openai", "anthropic")
    )
    (tmp_path / "omnillm.yaml").write_text(f'providers: {{{kinds}}}\nstore: {{url: "memory://"}}\n')
    async with Gateway.from_config(tmp_path / "omnillm.yaml") as gateway:
        for name, said in (("anthropic", "message"), ("openai", None)):
            reply = await gateway.primitive_call(PrimitiveRequest.json(CHAT, provider=name))
            assert (reply.provider, reply.json().get("type")) == (name, said)


async def test_a_call_is_within_the_span_of_the_program_that_makes_it(provider: FakeProvider, tmp_path: Path) -> None:
    """As it stands when the call is made; where nobody traces the program, the call begins a trace."""
    path, state = tmp_path / "omnillm.yaml", trace.TraceState([("dd", "p:1")])
    own = trace.SpanContext(9, 11, is_remote=False, trace_flags=trace.TraceFlags(1), trace_state=state)
    async with Collector() as collector:
        path.write_text(
            f"store: {{url: 'memory://'}}\nproviders: {{p: {{kind: openai, base_url: {provider.base_url}, keys: [{{label: a, key: key-a}}]}}}}\n"
            f"traces: {{endpoint: '{collector.url}'}}\n"
        )
        async with Gateway.from_config(path, env={}) as gateway:
            with trace.use_span(trace.NonRecordingSpan(own)):
                await gateway.primitive_call(PrimitiveRequest.json({**CHAT, "model": "p/fake-small"}))
                await gateway.primitive_call(PrimitiveRequest(method="GET", path="/v1/files"))
            alone = await gateway.primitive_call(PrimitiveRequest.json({**CHAT, "model": "p/fake-small"}))
    calls = [span for span in collector.spans if span.kind == INTERNAL]
    assert [(int.from_bytes(span.trace_id), int.from_bytes(span.parent_span_id), span.trace_state) for span in calls] == [
        *[(9, 11, "dd=p:1")] * 2,
        (int(alone.request_id, 16), 0, ""),
    ]


async def test_a_keys_limit_for_a_model_is_kept(provider: FakeProvider) -> None:
    """By a pattern of models: the second call of a minute is refused at once where nobody may wait, and another model's is not."""
    keys = [KeyConfig(label="a", key="key-a", limits={"fake-s*": {"rpm": 1}})]
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=keys, pool=PoolConfig(queue_s=0)) as gateway:
        await gateway.primitive_call(PrimitiveRequest.json(CHAT))
        with pytest.raises(RateLimited) as refused:
            await gateway.primitive_call(PrimitiveRequest.json(CHAT))
        assert refused.value.code == "all_keys_limited"
        await gateway.primitive_call(PrimitiveRequest.json({**CHAT, "model": "fake-large"}))
    assert len(provider.log) == 2


def test_no_repr_shows_a_key() -> None:
    """Neither a key's configuration nor the gateway's own objects tell the secret."""
    gateway = Gateway(ProviderEndpoint.openai(), keys=[KeyConfig(label="a", key="sk-canary-in-repr")])
    assert "canary" not in repr(KeyConfig(label="a", key="sk-canary-in-repr"))
    assert "canary" not in repr(gateway._program.settings)
