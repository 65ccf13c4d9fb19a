"""Calls become traces at a collector, read there with OpenTelemetry's own classes."""

import asyncio
import math
import random
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
from opentelemetry import propagate, trace
from tests.journeys.live import began, handshake
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration, until
from tests.journeys.test_reload import reload
from tests.journeys.wire import DIALECTS, Line, admin, ask, exchange, send
from tests.traces.collector import Collector, values

from omnillm.errors import ConfigError
from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock
from omnillm.traces.spans import CLIENT, SERVER

PROMPT, SECRET = "a prompt that is nobody's business", "hidden-0123456789"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def traced(provider: FakeProvider, collector: Collector, more: str = "", **options: str) -> str:
    return configuration(provider, **options) + f'traces: {{endpoint: "{collector.url}", headers: {{x-team: {SECRET}}}{more}}}\n'


async def exported(gateway: Running) -> None:
    """What has ended is at the collector. From now on no tick exports anything beside this."""
    exporter = gateway.program.exporter
    exporter._due = math.inf
    if exporter._task is not None:
        await asyncio.wait([exporter._task])
    await exporter._export()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as made:
        yield made


async def test_a_call_and_each_of_its_attempts_are_spans(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """A failover that no client sees is seen there, found by the request id; what was said is not."""
    provider.script.behave("sk-bad", Behaviour(fault=Fault.status(429)))
    gateway = await serve(traced(provider, collector, keys={"bad": "key: sk-bad", "good": "key: sk-good"}, pool="selection: priority"))
    reply = await exchange(gateway.port, ask("openai_chat", PROMPT, headers={"x-omnillm-session": "s-1", "x-omnillm-tags": "team=a"}))
    await exported(gateway)
    call, failed, good = collector.spans
    told = values(call.attributes)
    request, [_, last] = await gateway.last()
    assert {span.trace_id.hex() for span in collector.spans} == {reply.headers["x-omnillm-request-id"]}
    assert (call.name, call.kind, told["omnillm.caller"], told["omnillm.attempts"]) == ("chat fast", 2, "journey", 2)
    assert (told["omnillm.cost_nanousd"], told["omnillm.tags"], told["gen_ai.conversation.id"]) == (request.cost_nanousd, "team=a", "s-1")
    assert (failed.status.code, values(failed.attributes)["http.response.status_code"]) == (2, 429)
    told = values(good.attributes)
    assert (told["gen_ai.provider.name"], f"http://{told['server.address']}:{told['server.port']}") == ("openai", provider.base_url)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (
        last.usage.prompt_tokens,
        last.usage.completion_tokens,
    )
    assert told["omnillm.key"] == "good"
    assert 0 <= call.end_time_unix_nano - call.start_time_unix_nano == request.duration_ms * 1_000_000
    [sent] = collector.batches
    for word in (PROMPT, "You said", "sk-good", "sk-bad", VIRTUAL_KEY, SECRET):
        assert word.encode() not in sent.SerializeToString()


async def test_a_call_is_within_its_clients_span(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """Of a client that OpenTelemetry traces; providers are not told of it. An unsampled one leaves none."""
    gateway = await serve(traced(provider, collector, ", sample: 0"))
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        for flags, number in ((1, 11), (0, 12), (1, 13)):
            own = trace.SpanContext(9, number, is_remote=False, trace_flags=trace.TraceFlags(flags))
            fields: dict[str, str] = {}
            propagate.inject(fields, trace.set_span_in_context(trace.NonRecordingSpan(own)))
            await client.chat.completions.create(
                model="fast", messages=[{"role": "user", "content": "Hello"}], extra_headers=fields | {"tracestate": f"dd=p:{number}"}
            )
    await exchange(gateway.port, ask("openai_chat", "Hello"))
    await exported(gateway)
    calls = [span for span in collector.spans if span.kind == SERVER]
    assert [(int.from_bytes(span.trace_id), int.from_bytes(span.parent_span_id)) for span in calls] == [(9, 11), (9, 13)]
    assert [span.trace_state for span in collector.spans] == ["dd=p:11"] * 2 + ["dd=p:13"] * 2
    assert not any({b"traceparent", b"tracestate"} & logged.headers.keys() for logged in provider.log)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_each_call_of_a_known_head_has_its_own_span(
    serve: Serve, provider: FakeProvider, collector: Collector, *, is_stream: bool
) -> None:
    """On one connection and on others."""
    gateway = await serve(traced(provider, collector))
    for number in range(1, 5):
        for _ in range(2):
            fields = {"traceparent": f"00-{TRACE}-{number:016x}-01"}
            assert (await exchange(gateway.port, ask("openai_chat", "Hello", is_stream=is_stream, headers=fields))).is_answer
    line = await Line.open(
        gateway.port, ask("openai_chat", "Hello", is_stream=is_stream, headers={"traceparent": f"00-{TRACE}-{5:016x}-01"})
    )
    await line.rest()
    line.status = 0
    line.writer.write(ask("openai_chat", "Hello", is_stream=is_stream, headers={"traceparent": f"00-{TRACE}-{6:016x}-01"}).raw)
    await line.rest()
    await line.close()
    await exported(gateway)
    parents = [int.from_bytes(span.parent_span_id) for span in collector.spans if span.kind == SERVER]
    assert parents == [1, 1, 2, 2, 3, 3, 4, 4, 5, 6]


async def test_what_is_exported_is_what_was_booked(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """Every call and every attempt of the ledger, once, with its outcome and its cost."""
    dice = random.Random(11)
    provider.script.behave("sk-other", Behaviour())
    gateway = await serve(traced(provider, collector, keys={"a": "key: sk-good", "b": "key: sk-other"}, queue="0s"))
    faults = (
        "",
        "",
        "[[fault:status_500]]",
        "[[fault:rate_ms]]",
        "[[fault:error_after_content]]",
        "[[fault:cut_mid_body]]",
        "[[fault:status_400]]",
    )
    asked = [ask(dice.choice(DIALECTS), f"Hello {dice.choice(faults)}", is_stream=dice.random() < 0.5, cap=20) for _ in range(40)]
    await asyncio.gather(*(exchange(gateway.port, each) for each in asked))
    await exported(gateway)
    store = gateway.program.store
    await store.flush()
    rows = await store.requests(limit=100, before="")
    assert len(rows) == 40
    assert len({row.outcome for row in rows}) > 3
    told = {span.trace_id.hex(): values(span.attributes) for span in collector.spans if span.kind == SERVER}
    assert {
        request_id: (call["omnillm.outcome"], call["omnillm.cost_nanousd"], call["omnillm.attempts"]) for request_id, call in told.items()
    } == {row.request_id: (row.outcome, row.cost_nanousd, row.attempts) for row in rows}
    names = ("request_id", "attempt", "key", "outcome", "cost_nanousd")
    attempts = [values(span.attributes) for span in collector.spans if span.kind == CLIENT]
    booked = [each for row in rows for each in await store.attempts(row.request_id)]
    assert sorted(tuple(each[f"omnillm.{name}"] for name in names) for each in attempts) == sorted(
        (each.request_id, each.attempt, each.key, each.verdict, each.cost_nanousd) for each in booked
    )


async def test_whatever_ends_a_call_ends_its_span(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """Refused, failed at every key, left by its client."""
    gateway = await serve(traced(provider, collector, limit_usd="0.0000001"))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 402
    await reload(gateway, traced(provider, collector))
    assert (await exchange(gateway.port, ask("openai_chat", "Hello [[fault:status_500]]", model="openai/fake-large"))).status >= 500
    line = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True, model="claude"))
    await line.head()
    line.reset()
    await until(lambda: not gateway.in_flight)
    await exported(gateway)
    assert len(collector.tree()) == 3
    calls = {values(span.attributes)["omnillm.outcome"]: span for span in collector.spans if span.kind == SERVER}
    refused, failed, left = calls["budget_exceeded"], calls["upstream_failed"], calls["aborted"]
    assert [span.status.code for span in (refused, failed, left)] == [0, 2, 0]
    assert values(refused.attributes)["error.type"] == "budget_exceeded"
    assert values(left.attributes)["http.response.status_code"] == 499
    attempts = [span for span in collector.spans if span.parent_span_id == left.span_id]
    assert [values(span.attributes)["omnillm.outcome"] for span in attempts] == ["aborted"]


async def test_live_sessions_and_native_calls_are_spans_too(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """Within their client's."""
    gateway = await serve(traced(provider, collector))
    parent = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    assert (await send(gateway, "GET", "/providers/openai/v1/files", headers=parent)).status == 200
    raw = handshake(fields=parent)
    talk = await began(gateway.port, raw)
    await talk.close()
    await until(lambda: not gateway.in_flight)
    await exported(gateway)
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert {span.name for span in collector.spans if span.kind == SERVER} == {"files openai", "realtime fast"}


async def test_a_changed_section_is_applied(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """On, elsewhere, and off, while the gateway serves."""
    gateway = await serve(configuration(provider))
    await exchange(gateway.port, ask("openai_chat", "Hello"))
    async with Collector() as other:
        for place in (collector, other):
            await reload(gateway, traced(provider, place))
            await exchange(gateway.port, ask("openai_chat", "Hello"))
            await exported(gateway)
        await reload(gateway, configuration(provider))
        await exchange(gateway.port, ask("openai_chat", "Hello"))
        await exported(gateway)
        assert [len(place.tree()) for place in (collector, other)] == [1, 1]


async def test_a_bad_section_changes_nothing(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """What was exported before still is."""
    gateway = await serve(traced(provider, collector))
    with pytest.raises(ConfigError, match=r"traces\.endpoint"):
        await reload(gateway, traced(provider, collector).replace(collector.url, "otel.example.com"))
    await exchange(gateway.port, ask("openai_chat", "Hello"))
    await exported(gateway)
    assert len(collector.tree()) == 1


async def test_calls_do_not_notice_a_collector_that_says_nothing(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """And a metric tells what it did not take."""
    collector.is_silent = True
    gateway = await serve(traced(provider, collector), clock=ManualClock())
    for _ in range(3):
        assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).is_answer
    await collector.came.wait()
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).is_answer
    gateway.program.exporter._last_s = 0.05
    await gateway.program.exporter.aclose()
    assert b"\nomnillm_spans_dropped_total 8.0\n" in (await admin(gateway, "GET", "/metrics")).body


async def test_the_ledger_is_closed_before_a_collector_is_waited_for(
    serve: Serve, provider: FakeProvider, collector: Collector, tmp_path: Path
) -> None:
    """Whoever kills the gateway meanwhile, because its grace is over, loses spans alone."""
    collector.is_silent = True
    gateway = await serve(traced(provider, collector, store=f"sqlite:///{tmp_path}/ledger.db"), clock=ManualClock())
    await exchange(gateway.port, ask("openai_chat", "Hello"))
    await collector.came.wait()
    ending = asyncio.create_task(gateway.program.aclose())
    await until(lambda: not (tmp_path / "ledger.db-wal").exists(), seconds=0.9)
    assert not ending.done()
    gateway.program.exporter._last_s = 0.0
    await ending


async def test_the_last_calls_are_exported_when_the_gateway_ends(serve: Serve, provider: FakeProvider, collector: Collector) -> None:
    """Behind its drain."""
    gateway = await serve(traced(provider, collector), clock=ManualClock())
    for _ in range(3):
        await exchange(gateway.port, ask("openai_chat", "Hello"))
    gateway.service.server.stop()
    await gateway.end()
    assert len(collector.tree()) == 3
