"""Every way out of a call gives back what it held, and charges what it cost: no more where that is known."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from tests.journeys.hosts import answering, hosting
from tests.journeys.test_fairness import ANSWER, COST_NANOUSD
from tests.library.calling import PRICE

from omnillm import Gateway, GenerationConfig, KeyConfig, LlmRequest, PrimitiveRequest, ProviderEndpoint, user
from omnillm.errors import Defect, Unavailable, UpstreamTimeout
from omnillm.gateway.replies.answer import Answer
from omnillm.model.assembly import ResponseAssembler
from omnillm.testing import FakeProvider, Fault

STREAM = PrimitiveRequest.json(
    {"model": "fake-small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4000, "stream": True},
)
ASKED = LlmRequest(model="fake-small", input=(user("Hello"),), generation=GenerationConfig(max_output_tokens=4000))


def books(gateway: Gateway) -> tuple[int, int, int]:
    """(settled, reserved, in flight)."""
    [budget] = gateway._program.controller.budgets()
    return budget.settled_nanousd, budget.reserved_nanousd, sum(key.in_flight for key in gateway.pool_status())


async def test_leaving_at_the_terminal_event_costs_what_the_usage_says(provider: FakeProvider) -> None:
    """Who stops reading at [DONE] has the whole answer: its usage is known, and is charged, not an estimate."""
    gateway = Gateway(
        ProviderEndpoint.openai(provider.base_url), keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd=1, prices=PRICE
    )
    async with gateway:
        async with gateway.primitive_stream(STREAM) as events:
            async for event in events:
                if getattr(event, "data", b"") == b"[DONE]":
                    break
        assert books(gateway) == (provider.invoice.total_nanousd, 0, 0)


async def test_a_drain_cut_before_its_first_step_is_settled(provider: FakeProvider) -> None:
    """A gateway that closes at once gives back what an abandoned stream held, and charges it."""
    gateway = Gateway(
        ProviderEndpoint.openai(provider.base_url), keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd=1, prices=PRICE
    )
    async with gateway:
        gateway._program.drains.is_enabled = True
        async with gateway.primitive_stream(STREAM) as events:
            await anext(events)
    settled, reserved, in_flight = books(gateway)
    assert settled >= provider.invoice.total_nanousd > 0
    assert (reserved, in_flight) == (0, 0)


@pytest.fixture
async def silent_tls():
    """A host that accepts connections and never says a word."""
    arrived = asyncio.Event()
    talks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        arrived.set()
        try:
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", arrived
    async with asyncio.timeout(5):
        await asyncio.gather(*talks)
        await asyncio.sleep(0)


async def test_a_call_cancelled_while_it_connects_costs_nothing(silent_tls) -> None:
    """No byte of the request has left: the money is given back whole."""
    url, arrived = silent_tls
    async with Gateway(ProviderEndpoint.openai(url), keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd=1, prices=PRICE) as gateway:
        request = PrimitiveRequest.json({"model": "fake-small", "messages": [], "max_tokens": 4000})
        call = asyncio.create_task(gateway.primitive_call(request))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert books(gateway) == (0, 0, 0)


async def test_the_deadline_holds_while_connecting(silent_tls) -> None:
    """A call is not kept longer than its deadline by a host that does not answer the handshake."""
    url, _ = silent_tls
    async with Gateway(ProviderEndpoint.openai(url), keys=[KeyConfig(label="a", key="key-a")]) as gateway:
        settings = gateway._program.settings
        gateway._program.settings = type(settings)(
            **{name: getattr(settings, name) for name in settings.__struct_fields__ if name != "calls"},
            calls=type(settings.calls)(deadline_s=0.2, queue_s=0.0),
        )
        async with asyncio.timeout(3):
            with pytest.raises(UpstreamTimeout):
                await gateway.primitive_call(PrimitiveRequest.json({"model": "fake-small", "messages": [], "max_tokens": 5}))


async def all_of(gateway: Gateway, request: PrimitiveRequest) -> None:
    async with gateway.primitive_stream(request) as events:
        async for _ in events:
            pass


def faulty(fault: str, *, is_stream: bool = False) -> PrimitiveRequest:
    asked = {"model": "fake-small", "messages": [{"role": "user", "content": f"Hello [[fault:{fault}]]"}], "max_tokens": 400}
    return PrimitiveRequest.json(asked | {"stream": True} if is_stream else asked)


UNDER_WAY: dict[str, Callable[[Gateway], object]] = {
    "sent": lambda gateway: gateway.primitive_call(faulty("stall_before_head")),
    "half answered": lambda gateway: gateway.primitive_call(faulty("stall_mid_body")),
    "streaming": lambda gateway: all_of(gateway, faulty("stall_mid_body", is_stream=True)),
    "by path": lambda gateway: gateway.primitive_call(PrimitiveRequest.get("/v1/files/file-1")),
}


@pytest.mark.parametrize("where", UNDER_WAY)
@pytest.mark.parametrize("waits", ["for the provider", "behind another call"])
async def test_who_calls_a_gateway_that_closes_is_told_so(provider: FakeProvider, tmp_path: Path, where: str, waits: str) -> None:
    """Wherever it waits, at once, with no word about the provider; and the ledger has it when the gateway is closed."""
    key = KeyConfig(label="a", key="key-a", max_concurrency=1)
    gateway = Gateway(
        ProviderEndpoint.openai(provider.base_url), keys=[key], budget_limit_usd=1, prices=PRICE, store=f"sqlite:///{tmp_path}/ledger.db"
    )
    if where == "by path":
        provider.enqueue(Fault.stall())
    async with gateway:
        calls = [asyncio.ensure_future(UNDER_WAY[where](gateway))]
        await provider.arrived(1)
        if waits == "behind another call":
            calls.append(asyncio.ensure_future(gateway.call(ASKED)))
            while not gateway._program.admission._waiting:
                await asyncio.sleep(0)
    for call in calls:
        with pytest.raises(Unavailable) as raised:
            await call
        assert (raised.value.code, raised.value.status) == ("shutting_down", 503)
    settled, reserved, in_flight = books(gateway)
    assert (reserved, in_flight) == (0, 0)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
        rows = ledger.execute("SELECT status, outcome, cost_nanousd FROM requests ORDER BY cost_nanousd").fetchall()
    assert {row[:2] for row in rows} == {(503, "shutting_down")}
    assert (len(rows), sum(row[2] for row in rows)) == (len(calls), settled)
    assert settled >= provider.invoice.total_nanousd


async def test_a_gateway_closes_under_a_stream_that_nobody_reads(provider: FakeProvider) -> None:
    """Also in the block that has it open: what was observed is settled, and whoever reads on is told why."""
    gateway = Gateway(
        ProviderEndpoint.openai(provider.base_url), keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd=1, prices=PRICE
    )
    async with gateway, gateway.primitive_stream(faulty("stall_mid_body", is_stream=True)) as events:
        await anext(events)
        await gateway.aclose()
        settled, reserved, in_flight = books(gateway)
        assert settled >= provider.invoice.total_nanousd > 0
        assert (reserved, in_flight) == (0, 0)
        with pytest.raises(Unavailable) as raised:
            async for _ in events:
                pass
        assert raised.value.code == "shutting_down"
        assert books(gateway) == (settled, 0, 0)


LONG = LlmRequest(model="fake-small", input=(user("Hello"),) * 5_000, generation=GenerationConfig(max_output_tokens=4000))


@pytest.mark.parametrize(("asked", "told"), [(ASKED, [("shutting_down", COST_NANOUSD)]), (LONG, [])])
async def test_a_gateway_closes_under_what_waits_to_be_translated(tmp_path: Path, asked: LlmRequest, told: list[tuple[str, int]]) -> None:
    """A long reply, which is paid by what it reports, or a long request, which nobody has got. Neither keeps the end waiting."""
    async with answering(json.dumps(ANSWER).encode(), "application/json") as host:
        store, done = f"sqlite:///{tmp_path}/ledger.db", Event()
        gateway = Gateway(ProviderEndpoint.openai(host), keys=[KeyConfig(label="a", key="key-a")], prices=PRICE, store=store)
        async with gateway:
            beside = gateway._program.settlement.beside
            others = asyncio.create_task(beside.do(done.wait, 60, "others"))
            await asyncio.sleep(0)
            call = asyncio.create_task(gateway.call(asked))
            while not beside._turn._waiters:
                await asyncio.sleep(0)
        done.set()
        with pytest.raises(Unavailable) as raised:
            await call
        await others
    assert raised.value.code == "shutting_down"
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
        assert ledger.execute("SELECT outcome, cost_nanousd FROM requests").fetchall() == told


AT_ONCE = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}\n\ndata: [DONE]\n\n'
)


async def test_a_gateway_closes_under_a_stream_whose_end_had_come() -> None:
    """Nobody had read it yet: it costs what its usage says, and can still be read."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(AT_ONCE) + AT_ONCE)
        await writer.drain()
        writer.close()

    async with hosting(answer) as url:
        gateway = Gateway(ProviderEndpoint.openai(url), keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd=1, prices=PRICE)
        async with gateway, gateway.primitive_stream(STREAM) as events:
            await anext(events)
            await gateway.aclose()
            assert books(gateway) == (10 * 400 + 1600, 0, 0)
            assert b"[DONE]" in [getattr(event, "data", b"") for event in [event async for event in events]]


@pytest.mark.parametrize("waits", ["while it waits", "before it reads on"])
async def test_a_gateway_closes_under_a_download(waits: str) -> None:
    """A file on its way is no inference, and ends as one does: its reader is told why, and nothing is held."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 9\r\n\r\ndeep")
        await reader.read()
        writer.close()

    async with hosting(answer) as url:
        gateway = Gateway(ProviderEndpoint.openai(url), keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd=1, prices=PRICE)
        request = PrimitiveRequest(method="GET", path="/v1/files/file-1/content")
        async with gateway, gateway.primitive_stream(request) as events:
            assert (await anext(events)).data == b"deep"
            if waits == "while it waits":
                reading = asyncio.ensure_future(anext(events))
                await asyncio.sleep(0)
            await gateway.aclose()
            with pytest.raises(Unavailable) as raised:
                await (reading if waits == "while it waits" else anext(events))
            assert raised.value.code == "shutting_down"
            assert raised.value.request_id
            assert books(gateway) == (0, 0, 0)


async def test_a_gateway_closes_while_a_call_connects(silent_tls) -> None:
    """The end does not wait for the handshake."""
    url, arrived = silent_tls
    async with Gateway(ProviderEndpoint.openai(url), keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd=1, prices=PRICE) as gateway:
        call = asyncio.create_task(gateway.primitive_call(faulty("")))
        await arrived.wait()
    async with asyncio.timeout(1):
        with pytest.raises(Unavailable) as raised:
            await call
    assert raised.value.code == "shutting_down"
    assert books(gateway) == (0, 0, 0)


@pytest.mark.parametrize(("owner", "verb"), [(Answer, "feed"), (ResponseAssembler, "feed")])
async def test_a_defect_in_a_stream_bears_the_id_of_its_call(
    provider: FakeProvider, owner: type, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody foresaw is the cause of the error, which names the call that the ledger has."""

    def broken(*_: object) -> None:
        raise KeyError("oops")

    gateway = Gateway(
        ProviderEndpoint.openai(provider.base_url), keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd=1, prices=PRICE
    )
    provider.enqueue(Fault(name="later", action="stall", point="events", after=3))
    async with gateway:
        async with gateway.stream(ASKED) as events:
            await anext(events)
            provider.gate("later").set()
            monkeypatch.setattr(owner, verb, broken)
            with pytest.raises(Defect, match="this error's `__cause__`") as raised:
                async for _ in events:
                    pass
        assert isinstance(raised.value.__cause__, KeyError)
        await gateway._program.store.flush()
        [request] = await gateway._program.store.requests(limit=1, before="")
        assert (raised.value.request_id, request.outcome) == (request.request_id, "internal_error")
        settled, reserved, in_flight = books(gateway)
        assert settled > 0
        assert (reserved, in_flight) == (0, 0)
