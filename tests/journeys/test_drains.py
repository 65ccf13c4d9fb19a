"""`on_abort: drain`: what a client has left is read to its end, and costs what its provider then tells."""

import asyncio
from pathlib import Path

import pytest
from tests.journeys.ledgers import rows
from tests.journeys.running import PRICES, Serve, configuration, still, until
from tests.journeys.test_hang_up import check_gone
from tests.journeys.wire import Line, ask, exchange

from omnillm.assemble import SystemClock
from omnillm.gateway.replies import drain
from omnillm.testing import Behaviour, FakeProvider, Fault


@pytest.mark.parametrize("key", [{"idempotency-key": "once"}, {}], ids=["with an idempotency key", "without one"])
async def test_drained_while_it_is_held_back(serve: Serve, key: dict[str, str]) -> None:
    """The model thinks, and nothing was shown yet: most leave then. It is read to its end all the same, and costs what was reported."""
    async with FakeProvider(keys={"sk-a": Behaviour(reasoning_tokens=2000)}, prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}, calls="on_abort: drain", caller="max_concurrency: 1"))
        fake.enqueue(Fault.stall(after_events=0))
        question = ask("openai_chat", "hello", is_stream=True, cap=5000, headers=key)
        line = await Line.open(gateway.port, question)
        await still(lambda: len(fake.log))
        line.reset()
        await until(lambda: bool(gateway.program.drains._tasks))
        if key:
            assert (await exchange(gateway.port, question)).error["code"] == "idempotency_in_flight"
        assert (gateway.in_flight, (await gateway.books())[2] > 0) == (1, True)
        fake.gate("stall").set()
        await until(lambda: gateway.in_flight == 0)
        request, [attempt] = await gateway.last()
        assert (request.status, request.outcome, request.is_estimated) == (499, "aborted", False)
        assert (attempt.verdict, attempt.usage.reasoning) == ("success", 2000)
        assert await gateway.spent() == fake.invoice.total_nanousd
        assert not fake.log[0].aborted_by_client
        if key:
            assert (await exchange(gateway.port, question)).error["code"] == "idempotency_finished"
        assert (await exchange(gateway.port, ask("openai_chat", "hello", cap=9))).is_answer


async def test_a_gateway_that_ends_waits_for_no_drain(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """An abandoned stream is cut with the gateway, and settled by what was observed of it, in the ledger too."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}, calls="on_abort: drain", store=f"sqlite:///{path}"))
    fake.enqueue(Fault.stall(after_events=3))
    line = await Line.open(gateway.port, ask("openai_chat", "hello", is_stream=True))
    assert await line.head() == 200
    line.reset()
    await until(lambda: bool(gateway.program.drains._tasks))
    await gateway.service.aclose()
    async with asyncio.timeout(5):
        await fake.ended(1)
    [(status, outcome, cost)] = rows(path, "SELECT status, outcome, cost_nanousd FROM requests")
    [(unsettled,)] = rows(path, "SELECT count(*) FROM epochs WHERE ended_wall_ms IS NULL")
    assert (status, outcome, unsettled) == (499, "aborted", 0)
    assert cost >= fake.invoice.total_nanousd > 0


async def test_drained_for_so_long_and_no_longer(serve: Serve, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that says nothing more is not waited for: its connection is cut, and what was observed is charged, with its bound."""
    monkeypatch.setattr(drain, "MAX_DRAIN_S", 0.02)
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a, max_concurrency: 1"}, calls="on_abort: drain"))
    fake.enqueue(Fault.stall(after_events=3))
    line = await Line.open(gateway.port, ask("openai_chat", "hello", is_stream=True))
    assert await line.head() == 200
    line.reset()
    await until(lambda: bool(gateway.program.drains._tasks))
    await check_gone(gateway, fake)


@pytest.mark.parametrize("then", ["", "breaks"])
async def test_drained_for_its_exact_cost(serve: Serve, fake: FakeProvider, then: str) -> None:
    """With `on_abort: drain` the provider is read to its end: the row says 499, the cost is what it reported, or bounds what it did not."""
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}, calls="on_abort: drain"))
    breaks = Fault(name="stall", action="stall", point="events", after=3, missing="finish")
    fake.enqueue(breaks if then else Fault.stall(after_events=3))
    line = await Line.open(gateway.port, ask("openai_chat", "hello", is_stream=True))
    assert await line.head() == 200
    line.reset()
    fake.gate("stall").set()
    await until(lambda: gateway.in_flight == 0)
    await fake.ended(1)
    ledger = await gateway.spent()
    request, [attempt] = await gateway.last()
    assert (request.status, request.outcome) == (499, "aborted")
    assert (attempt.verdict, request.is_estimated) == (("lost", True) if then else ("success", False))
    assert ledger >= fake.invoice.total_nanousd
    assert then or ledger == fake.invoice.total_nanousd
    assert not fake.log[0].aborted_by_client
