"""`omnillm bench`: against a gateway before a fake provider, and on loopback by itself."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from tests.cli.running import Ran, Run

from omnillm.assemble import Service
from omnillm.cli.load import Sender, aim, quantiles_ms
from omnillm.config.load import parse
from omnillm.money import format_usd, parse_usd
from omnillm.testing import FAULTS, FakeProvider, Fault

KEY = "sk-omni-bench-0123456789"
CONFIG = """
server: {{port: 0}}
store: {{url: "memory://"}}
providers: {{openai: {{kind: openai, base_url: "{provider}", keys: [{{label: a, key: sk-a}}]}}}}
models: {{fast: {{targets: [openai/priced]}}, free: {{targets: [openai/unpriced]}}}}
virtual_keys: [{{name: bench, key: {key}}}]
pricing: {{unknown: allow, overrides: {{openai/priced: {{input: 1, output: 10}}}}}}
"""
RATES = {"priced": {"input": 1_000_000_000, "output": 10_000_000_000}}
Bench = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(prices=RATES) as provider:
        yield provider


@pytest.fixture
async def url(provider: FakeProvider) -> AsyncIterator[str]:
    settings = parse(CONFIG.format(provider=provider.base_url, key=KEY), {})
    service = Service(settings, reload=lambda: settings)
    await service.start()
    try:
        yield f"http://127.0.0.1:{service.address[1]}"
    finally:
        await service.server.drain()
        await service.aclose()


@pytest.fixture
def bench(run: Run, url: str) -> Bench:
    """`await bench("--yes")`: ten calls to that gateway."""

    async def ask(*arguments: str, key: str = KEY) -> Ran:
        return await asyncio.to_thread(run, "bench", "--url", url, "--model", "fast", "--calls", "10", *arguments, OMNILLM_KEY=key)

    return ask


@pytest.mark.parametrize("form", [(), ("--stream",)], ids=["plain", "streams"])
def test_the_gateway_is_compared_with_its_provider(form: tuple[str, ...], run: Run) -> None:
    """On loopback, for nothing: as many calls straight as through either gateway, and what each adds."""
    told = json.loads(run("bench", "--calls", "20", "--json", *form).stdout)
    assert told["straight"]["calls"] == told["relaxed"]["found"]["calls"] == told["strict"]["found"]["calls"] == 20
    for name in ("relaxed", "strict"):
        behind = told[name]
        assert behind["added_ms"]["least"] <= behind["added_ms"]["median"] <= behind["added_ms"]["most"]
        assert 1 < behind["ratio"]["median"] <= behind["ratio"]["most"]
        assert behind["found"]["latency_ms"]["p50"] >= behind["found"]["first_byte_ms"]["p50"] > 0


def test_people_get_a_table(run: Run) -> None:
    """A line for the first bytes of streams, and a sentence for what each gateway adds."""
    told = run("bench", "--calls", "10", "--stream")
    assert (told.returncode, told.stderr) == (0, "")
    names = [line[:21].rstrip() for line in told.stdout.splitlines()]
    assert names[:4] == ["", "straight", "straight, first byte", "relaxed"]
    assert [line.partition(" adds ")[0] for line in told.stdout.splitlines()[-2:]] == ["relaxed:", "strict:"]


async def test_nothing_is_sent_that_may_cost_money_unless_somebody_agrees(bench: Bench, provider: FakeProvider) -> None:
    """One call is, to say what the others would cost at most: with every reply as long as its cap."""
    told = await bench("--max-tokens", "1000")
    assert (told.returncode, told.stdout) == (1, "")
    [line] = provider.invoice.lines
    most = 10 * (line.usage.prompt_tokens * 1000 + 1000 * 10_000)
    one, _, bound = told.stderr.splitlines()[0].partition(", so 10 cost at most ")
    assert one == f"One call cost {format_usd(provider.invoice.total_nanousd)} USD"
    assert parse_usd(bound.removesuffix(" USD.")) >= most
    assert told.stderr.splitlines()[1:] == ["omnillm: nobody can be asked whether to send them: add --yes"]


async def test_no_message_moves_the_cursor(bench: Bench) -> None:
    """Whoever is at that address says what it likes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        told = json.dumps({"error": {"message": "\x1b[2Jgone", "code": "\x1b[1mbad"}}).encode()
        writer.write(b"HTTP/1.1 400 x\r\ncontent-length: %d\r\n\r\n%b" % (len(told), told))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        told = await bench("--url", f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}")
    assert told.returncode == 1
    assert "?[1mbad: ?[2Jgone" in told.stderr


async def test_a_model_without_a_price_is_not_taken_for_a_free_one(bench: Bench, provider: FakeProvider) -> None:
    """Zero may be the price, or the want of one."""
    told = await bench("--model", "free")
    assert told.returncode == 1
    assert told.stderr.startswith("What a call costs is not known.\n")
    assert len(provider.invoice.lines) == 1


async def test_who_is_asked_can_say_no(url: str, provider: FakeProvider) -> None:
    """At a terminal. No is the default."""
    ours, theirs = pty.openpty()
    os.write(ours, b"\n")
    command = [sys.executable, "-m", "omnillm", "bench", "--url", url, "--key", KEY, "--model", "fast"]
    process = await asyncio.create_subprocess_exec(*command, stdin=theirs, stdout=-1, stderr=-1, env={"PATH": os.environ["PATH"]})
    out, err = await process.communicate()
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, out.strip()) == (1, b"")
    assert f"Send 200 calls to {url}? [y/N]".encode() in err
    assert len(provider.invoice.lines) == 1


async def test_what_was_sent_is_what_is_told(bench: Bench, provider: FakeProvider) -> None:
    """The cost is the invoice's, less the first call's."""
    told = await bench("--yes", "--json", "--concurrency", "4")
    found = json.loads(told.stdout)
    assert (told.returncode, found["calls"], found["failed"]) == (0, 10, {})
    assert len(provider.invoice.lines) == 11
    assert parse_usd(found["cost_usd"]) * 11 == provider.invoice.total_nanousd * 10
    assert found["latency_ms"].keys() == {"p50", "p95", "p99"}


async def test_failures_are_counted_by_their_code(bench: Bench, provider: FakeProvider) -> None:
    """With the words of the last one, and the others' times without theirs."""
    provider.enqueue(None, FAULTS["context_length"], FAULTS["context_length"])
    told = await bench("--yes")
    assert told.returncode == 1
    assert "2 failed with context_length_exceeded: " in told.stdout
    assert told.stdout.splitlines()[1].split()[2:4] == ["10", "2"]


async def test_a_stream_that_breaks_has_failed(bench: Bench, provider: FakeProvider) -> None:
    """Though it began with 200: the gateway says so in its last event."""
    provider.enqueue(None, Fault.cut(after_events=2))
    told = await bench("--yes", "--stream", "--json")
    assert json.loads(told.stdout)["failed"] == {"upstream_lost": 1}
    assert json.loads(told.stdout)["cost_usd"] is None


async def test_a_first_call_that_fails_is_the_last(bench: Bench, provider: FakeProvider) -> None:
    told = await bench("--yes", key="sk-omni-nobody")
    assert (told.returncode, told.stdout) == (1, "")
    assert "did not answer the first call: invalid_api_key: " in told.stderr
    assert "nobody" not in told.stderr
    assert not provider.invoice.lines


async def test_a_call_that_takes_too_long_has_failed(provider: FakeProvider) -> None:
    """So that a load ends by itself; and after its time none is sent."""
    provider.enqueue(Fault.stall(after_events=1))
    at = aim(provider.base_url, key="sk-a", model="priced", max_tokens=9, is_stream=True)
    async with Sender() as sender:
        [answer], _ = await sender.fire(msgspec.structs.replace(at, call_s=0.05), calls=1)
        assert answer.code == "timeout"
        assert (await sender.fire(at, calls=5, seconds=0))[0] == []


async def test_no_more_than_so_many_are_open(provider: FakeProvider) -> None:
    at = aim(provider.base_url + "/v1/", key="sk-a", model="priced", max_tokens=9, is_stream=False)
    async with Sender() as sender:
        answers, _ = await sender.fire(at, calls=30, concurrency=3)
        assert provider.open_connections == 3
    assert [each.code for each in answers] == [""] * 30


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (("--url", "llm.example.com", "--model", "m"), "--url"),
        (("--url", "http://h/a b", "--model", "m"), "--url"),
        (("--url", "http://h", "--model", "m", "--key", "a\r\nx: y"), "--key"),
        (("--url", "http://h"), "--model"),
    ],
)
def test_what_cannot_be_sent_is_told(given: tuple[str, ...], place: str, run: Run) -> None:
    told = run("bench", *given)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"omnillm: {place}: ")


def test_quantiles_are_values_that_were_seen() -> None:
    """The least that so many per cent do not exceed; of none there is none."""
    assert quantiles_ms([each / 1000 for each in range(1, 101)]) == {"p50": 50, "p95": 95, "p99": 99}
    assert quantiles_ms([0.002]) == {"p50": 2, "p95": 2, "p99": 2}
    assert quantiles_ms([]) == {}
