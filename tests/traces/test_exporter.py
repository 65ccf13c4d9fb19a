"""Spans are sent to a collector on a socket, and whatever it does, nobody waits for it."""

import asyncio
import logging
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
import trustme
from msgspec.structs import replace
from tests.ports import free_port
from tests.traces.collector import Collector, answer, values
from tests.traces.test_spans import GOOD, ROW, gen_ai_attributes

from omnillm.assemble.traces import make_destination
from omnillm.config.load import parse
from omnillm.testing import ManualClock
from omnillm.trace_context import TraceFields
from omnillm.traces.exporter import BATCH, LARGEST_ANSWER, MOST_WAITING, SLICE, Exporter
from omnillm.transport.client import HttpClient
from omnillm.transport.timeouts import Deadlines

CONFIG = """
store: {{url: "memory://"}}
providers: {{openai: {{kind: openai, keys: [{{label: a, key: sk-a}}]}}}}
traces: {{endpoint: "{url}"{more}}}
"""
SAMPLED = TraceFields(b"00-%032x-%016x-01" % (7, 7))
UNSAMPLED = TraceFields(b"00-%032x-%016x-00" % (7, 7))


def destination(url: str, more: str = ""):
    return make_destination(parse(CONFIG.format(url=url, more=more and f", {more}"), {}))


class Bench:
    """An exporter on a clock that stands still. `end(n)`: calls end; `round()`: the program ticks, and what that set going is over."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, last_s: float = 0.05) -> None:
        self.clock, self.deadlines = ManualClock(), Deadlines()
        client = HttpClient(clock=self.clock, deadlines=self.deadlines, tls=tls)
        self.exporter = Exporter(client, self.clock, random.Random(5), last_s=last_s)
        self.ended = 0

    def end(self, calls: int = 1, fields: TraceFields | None = None) -> None:
        for _ in range(calls):
            self.ended += 1
            request_id = f"{int(ROW.request_id, 16) + (self.ended << 8):032x}"
            self.exporter.add(replace(ROW, request_id=request_id, attempts=1), (replace(GOOD, request_id=request_id),), fields)

    async def round(self, *, after_s: float = 0.0) -> None:
        self.clock.advance(after_s)
        self.exporter.tick()
        if self.exporter._task is not None:
            await self.exporter._task


Make = Callable[..., Bench]


@pytest.fixture
async def bench() -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        def make(url: str, more: str = "", **options) -> Bench:
            made = Bench(**options)
            made.exporter.destination = destination(url, more)
            stack.push_async_callback(made.exporter.aclose)
            return made

        yield make


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as made:
        yield made


async def test_what_has_ended_goes_together(bench: Make, collector: Collector) -> None:
    """One request a second, at the path that OTLP names."""
    one = bench(collector.url, "headers: {x-Team: me}, attributes: {deployment.environment.name: test}")
    one.end(3)
    await one.round()
    one.end(2)
    await one.round(after_s=0.9)
    assert len(collector.spans) == 6
    await one.round(after_s=0.1)
    assert collector.tree() == [("chat fast", ["chat claude"])] * 5
    [(target, fields), _] = collector.requests
    assert target == "/v1/traces"
    assert (fields["content-type"], fields["x-team"]) == ("application/x-protobuf", "me")
    assert collector.connections == 1
    [resource, *_] = collector.batches[0].resource_spans
    assert values(resource.resource.attributes) == {"service.name": "omnillm", "deployment.environment.name": "test"}
    assert resource.scope_spans[0].scope.name == "omnillm"
    [call, attempt, *_] = resource.scope_spans[0].spans
    assert values(call.attributes)["omnillm.cost_nanousd"] == 345
    assert (call.status.code, attempt.status.code) == (0, 0)


async def test_an_address_is_used_as_it_stands(bench: Make, collector: Collector) -> None:
    """Path and query; and a header of one's own may take the place of what is usually said."""
    one = bench(f"{collector.url}/otlp/?team=1", 'headers: {User-Agent: me, authorization: "Basic abc"}')
    one.end()
    await one.round()
    [(target, fields)] = collector.requests
    assert (target, fields["user-agent"], fields["authorization"]) == ("/otlp?team=1", "me", "Basic abc")


async def test_a_large_number_goes_in_batches_between_other_work(bench: Make, collector: Collector) -> None:
    """Nobody waits for more than the spans of a few calls."""
    one = bench(collector.url)
    one.end(BATCH + 1)
    turns = 0
    one.exporter.tick()
    while one.exporter._task is not None:
        await asyncio.sleep(0)
        turns += 1
    assert [len(batch.resource_spans) for batch in collector.batches] == [BATCH // SLICE // 2, BATCH // SLICE // 2, 1]
    assert turns > BATCH // SLICE
    assert len(collector.spans) == 2 * one.ended


async def test_who_samples(bench: Make, collector: Collector) -> None:
    """The client, where it says so; else a share of the request ids, the same one each time."""
    one = bench(collector.url, "sample: 0.25")
    one.end(1, SAMPLED)
    one.end(1, UNSAMPLED)
    await one.round()
    assert collector.tree() == [("chat fast", ["chat claude"])]
    assert collector.spans[0].trace_id == (7).to_bytes(16)
    dice = random.Random(3)
    ids = [f"{dice.getrandbits(128):032x}" for _ in range(2000)]
    shares = {0: 0, 250: 0, 1000: 0}
    for share in shares:
        drawn = replace(one.exporter.destination, permille=share)
        shares[share] = sum(drawn.samples(request_id, None) for request_id in ids)
    assert (shares[0], shares[1000]) == (0, 2000)
    assert 420 < shares[250] < 580


async def test_a_malformed_parent_is_none(bench: Make, collector: Collector) -> None:
    """The call is then drawn as one without."""
    one = bench(collector.url)
    one.end(1, TraceFields(b"00-xyz", b"dd=1"))
    await one.round()
    [call, _] = collector.spans
    assert (call.trace_id.hex()[:12], call.parent_span_id, call.trace_state) == (ROW.request_id[:12], b"", "")


async def test_a_collector_that_is_busy_gets_the_same_again(bench: Make, collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """After what it asks for, or a rest that grows; what has ended meanwhile comes with it, and is told of once."""
    collector.answers = [answer(503, retry_after="7"), answer(429), answer(502)]
    one = bench(collector.url)
    one.end()
    await one.round()
    one.end()
    await one.round(after_s=6.9)
    assert len(collector.requests) == 1
    for after_s in (0.2, 2.0, 4.0):
        await one.round(after_s=after_s)
    assert len(collector.requests) == 4
    assert collector.tree() == [("chat fast", ["chat claude"])] * 2
    assert one.exporter.dropped == 0
    assert [each.message for each in caplog.records] == ["spans are not exported: the collector answered 503; 0 were dropped so far"]


async def test_a_collector_that_is_down_is_found_again(bench: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost meanwhile."""
    port = free_port()
    one = bench(f"http://127.0.0.1:{port}/v1/traces?key=hidden")
    one.end()
    await one.round()
    assert [each.message for each in caplog.records] == [
        "spans are not exported: No connection to the collector: Connection refused; 0 were dropped so far"
    ]
    one.end(2)
    async with Collector() as collector:
        one.exporter.destination = destination(collector.url)
        await one.round(after_s=1.0)
        assert len(collector.spans) == 6


async def test_what_may_wait_is_bounded(bench: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Of what ends beyond that only the number is kept; what is not sampled takes no room."""
    one = bench(f"http://127.0.0.1:{free_port()}")
    for _ in range(MOST_WAITING + 5):
        one.end(1, UNSAMPLED)
    assert one.exporter.dropped == 0
    one.end(MOST_WAITING + 5)
    assert one.exporter.dropped == 10
    assert [each.message for each in caplog.records] == [
        "spans are not exported: more calls end than a collector takes; 2 were dropped so far"
    ]
    one.exporter.destination = None  # so that its end has nothing to say


async def test_a_batch_does_not_wait_for_its_second(bench: Make, collector: Collector) -> None:
    """Unless a collector has asked for a rest."""
    one = bench(collector.url)
    one.end()
    await one.round()
    one.end(BATCH)
    await one.round()
    assert len(collector.spans) == 2 * one.ended
    collector.answers = [answer(503)]
    one.end()
    await one.round(after_s=1.0)
    one.end(BATCH)
    await one.round(after_s=0.1)
    assert len(collector.spans) == 2 * (1 + BATCH)


async def test_what_is_refused_is_dropped_and_counted(bench: Make, collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Also by a redirect, because nothing is sent where nobody said. It is told of once a minute."""
    collector.answers = [answer(401), answer(400), answer(308, location="https://elsewhere.example"), answer(500)]
    one = bench(collector.url)
    for _ in range(4):
        one.end()
        await one.round(after_s=20.0)
    assert one.exporter.dropped == 8
    assert [each.message.partition(": ")[2] for each in caplog.records] == [
        "the collector answered 401; 2 were dropped so far",
        "the collector answered 500; 8 were dropped so far",
    ]
    one.end()
    await one.round(after_s=1.0)
    assert len(collector.spans) == 2


async def test_what_is_rejected_of_a_request_is_counted(bench: Make, collector: Collector) -> None:
    """And not sent again. An answer that nobody can read says nothing."""
    garbled = (200, {"content-type": "application/x-protobuf"}, b"\xff\xff")
    collector.answers = [answer(rejected=1), garbled, (200, {}, b"thanks"), (200, {}, b"x" * (LARGEST_ANSWER + 1))]
    one = bench(collector.url)
    for _ in range(4):
        one.end()
        await one.round(after_s=1.0)
    assert (one.exporter.dropped, len(collector.requests)) == (1, 4)


async def test_a_silent_collector_is_given_up_in_time(bench: Make, collector: Collector) -> None:
    """By the deadlines of all that is sent, and asked again."""
    collector.is_silent = True
    one = bench(collector.url)
    one.end()
    one.exporter.tick()
    await collector.came.wait()
    one.clock.advance(11.0)
    one.deadlines.sweep(one.clock.now())
    await one.exporter._task
    collector.is_silent = False
    await one.round(after_s=1.0)
    assert (len(collector.spans), one.exporter.dropped) == (2, 0)


async def test_a_kept_connection_that_has_died_is_nobodys_fault(
    bench: Make, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """It is found out by sending, and the same is sent on a new one at once."""
    one = bench(collector.url)
    one.end()
    await one.round()
    collector.answers = [None]
    one.end()
    await one.round(after_s=1.0)
    assert (len(collector.spans), collector.connections) == (4, 2)
    assert not caplog.records


async def test_the_end_exports_what_waits(collector: Collector) -> None:
    """And what a collector refused to take a moment before, once more."""
    collector.answers = [answer(503)]
    one = Bench(last_s=5.0)
    one.exporter.destination = destination(collector.url)
    one.end()
    await one.round()
    one.end()
    await one.exporter.aclose()
    assert (len(collector.spans), one.exporter.dropped) == (4, 0)


@pytest.mark.parametrize("is_under_way", [True, False])
async def test_the_end_waits_for_a_silent_collector_no_longer_than_that(
    collector: Collector, caplog: pytest.LogCaptureFixture, *, is_under_way: bool
) -> None:
    """What was not taken is counted, whether it was on its way already or not."""
    collector.is_silent = True
    one = Bench()
    one.exporter.destination = destination(collector.url)
    one.end(3)
    if is_under_way:
        one.exporter.tick()
        await collector.came.wait()
    async with asyncio.timeout(5):
        await one.exporter.aclose()
    assert one.exporter.dropped == 6
    assert [each.message for each in caplog.records] == ["spans are not exported: the gateway has ended; 6 were dropped so far"]


async def test_the_end_does_not_wait_for_a_collector_that_is_down(caplog: pytest.LogCaptureFixture) -> None:
    """It is asked once more."""
    one = Bench(last_s=50.0)
    one.exporter.destination = destination(f"http://127.0.0.1:{free_port()}")
    one.end()
    async with asyncio.timeout(5):
        await one.exporter.aclose()
    assert one.exporter.dropped == 2
    assert [each.message.partition(": ")[2].partition(":")[0] for each in caplog.records] == [
        "No connection to the collector",
        "the gateway has ended; 2 were dropped so far",
    ]


async def test_a_loss_at_the_end_is_told(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever was told a moment before."""
    collector.answers = [answer(503), answer(503)]
    one = Bench(last_s=5.0)
    one.exporter.destination = destination(collector.url)
    one.end()
    await one.round()
    await one.exporter.aclose()
    assert [each.message.partition(": ")[2] for each in caplog.records] == [
        "the collector answered 503; 0 were dropped so far",
        "the gateway has ended; 2 were dropped so far",
    ]


async def test_without_a_destination_nothing_is_kept() -> None:
    """What had waited when it was taken away is nobody's."""
    one = Bench()
    one.exporter.destination = destination("http://host")
    one.end(2)
    one.exporter.destination = None
    one.end(2)
    await one.round()
    await one.exporter.aclose()
    assert one.exporter.dropped == 0
    assert not one.exporter._waiting


async def test_a_collector_is_verified(bench: Make, caplog: pytest.LogCaptureFixture) -> None:
    """By its certificate, like a provider."""
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.configure_trust(ours)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    async with Collector(theirs) as collector:
        trusting, wary = bench(collector.url, tls=ours), bench(collector.url, tls=ssl.create_default_context())
        trusting.end()
        await trusting.round()
        assert len(collector.spans) == 2
        wary.end()
        await wary.round()
        assert len(collector.spans) == 2
        assert "its certificate is not trusted" in caplog.text
        wary.exporter.destination = None  # so that its end has nothing to say


async def test_no_variable_of_opentelemetry_changes_the_file(
    bench: Make, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where spans go, nor what is sent with them, nor how many, nor as what."""
    caplog.set_level(logging.DEBUG)
    for name, value in {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20elsewhere",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=other",
        "OTEL_SERVICE_NAME": "other",
        "OTEL_SDK_DISABLED": "true",
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_ATTRIBUTE_COUNT_LIMIT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    one = bench(collector.url)
    one.end()
    await one.round()
    assert len(collector.spans) == 2
    [(_, fields)] = collector.requests
    assert not {"authorization", "content-encoding"} & fields.keys()
    assert values(collector.batches[0].resource_spans[0].resource.attributes) == {"service.name": "omnillm"}


def test_a_provider_is_called_as_opentelemetry_calls_it() -> None:
    """By its kind; where that does not say who answers, as the configuration calls it."""
    configured = {
        "g": "kind: gemini",
        "v": "kind: vertex_ai, region: europe-west4, project: p",
        "b": "kind: bedrock, region: us-east-1",
        "x": "kind: xai",
        "m": "kind: mistral",
        "a": "kind: anthropic",
        "vllm": "kind: openai_compatible, base_url: 'http://127.0.0.1:8000'",
        "house": "kind: custom, protocol: anthropic_messages, base_url: 'https://llm.example.com/v1/messages'",
    }
    providers = ", ".join(f"{name}: {{{of}, keys: [{{label: a, key: secret-{name}}}]}}" for name, of in configured.items())
    places = make_destination(parse(f"providers: {{{providers}}}\ntraces: {{endpoint: 'http://host'}}", {})).places
    assert {name: place.provider for name, place in places.items()} == {
        "g": "gcp.gemini",
        "v": "gcp.vertex_ai",
        "b": "aws.bedrock",
        "x": "x_ai",
        "m": "mistral_ai",
        "a": "anthropic",
        "vllm": "vllm",
        "house": "house",
    }
    assert (places["house"].host, places["house"].port) == ("llm.example.com", 443)
    assert {"gcp.gemini", "gcp.vertex_ai", "aws.bedrock", "x_ai", "mistral_ai", "azure.ai.openai"} <= {
        each.value for each in gen_ai_attributes.GenAiProviderNameValues
    }


def test_a_destination_shows_no_credential() -> None:
    """Neither the headers' values nor what stands in the address."""
    made = destination("https://otel.example.com/v1/traces?key=hidden-1", "headers: {authorization: hidden-2}")
    assert b"hidden-1" in made.head
    assert b"hidden-2" in made.head
    assert repr(made) == "Destination('otel.example.com')"
