"""`server.drain_delay`: told to stop, the gateway serves on and says that it drains, until load balancers have heard of it."""

import asyncio
import signal
from pathlib import Path

import pytest
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.served import READY, Start, is_open
from tests.journeys.wire import Line, ask, exchange
from tests.ports import free_port

from omnillm.testing import FakeProvider
from omnillm.testing.clock import ManualClock

HELLO = ask("openai_chat", "Hello")


def delayed(provider: FakeProvider, more: str = "", **given: str) -> str:
    return configuration(provider, **given).replace("drain: 2s", f"drain: 2s, drain_delay: 10s{more}")


class Stopping:
    """A gateway that was told to stop, and whose server runs."""

    def __init__(self, gateway: Running, clock: ManualClock) -> None:
        self.gateway = gateway
        self.clock = clock
        self.server = gateway.service.server
        self.running = asyncio.ensure_future(self.server.run())
        self.server.stop()

    async def pass_s(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.gateway.program.deadlines.sweep(self.clock.now())
        for _ in range(10):  # whoever waited for it is told
            await asyncio.sleep(0)


async def test_it_serves_on_and_says_that_it_drains(serve: Serve, provider: FakeProvider) -> None:
    """New connections and calls are served, each reply ends its connection, and only probes are told; then it drains as ever."""
    clock = ManualClock()
    gateway = await serve(delayed(provider), clock=clock)
    kept = await Line.open(gateway.port, HELLO)
    assert "connection" not in (await kept.rest()).headers
    stream = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True))
    assert await stream.head() == 200
    idle = await Line.open(gateway.port, HELLO)
    assert (await idle.rest()).status == 200

    stopping = Stopping(gateway, clock)
    await stopping.pass_s(9.9)
    probe = await exchange(gateway.port, READY)
    assert (probe.status, probe.json, probe.headers["connection"]) == (503, {"status": "draining"}, "close")
    for _ in range(2):
        reply = await exchange(gateway.port, HELLO)
        assert (reply.is_answer, reply.headers["connection"]) == (True, "close")
    kept.writer.write(HELLO.raw)
    kept.status = 0
    reply = await kept.rest()
    assert (reply.is_answer, reply.headers["connection"], await kept.reader.read()) == (True, "close", b"")

    await stopping.pass_s(0.2)
    assert not await is_open(gateway.port)
    assert await idle.reader.read() == b""
    provider.gate("stall_mid_body").set()
    assert (await stream.rest()).is_answer
    for line in (kept, stream, idle):
        line.reset()
    await stopping.running
    assert (await gateway.books())[2] == 0


async def test_the_grace_begins_behind_the_delay(serve: Serve, provider: FakeProvider) -> None:
    """A call that came in the delay has `server.drain` all the same."""
    clock = ManualClock()
    gateway = await serve(delayed(provider), clock=clock)
    stopping = Stopping(gateway, clock)
    await stopping.pass_s(9)
    line = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_before_head]]"))
    await provider.arrived(1)
    await stopping.pass_s(2)
    await stopping.pass_s(1.9)
    assert gateway.in_flight == 1
    await stopping.pass_s(0.2)
    reply = await line.rest()
    line.reset()
    assert (reply.status, reply.error["code"]) == (503, "shutting_down")
    await stopping.running


async def test_the_operators_listener_tells_it_too(serve: Serve, provider: FakeProvider) -> None:
    """Where probes ask the other port, that one stays open as long."""
    clock, admin = ManualClock(), free_port()
    gateway = await serve(delayed(provider, f", admin: {{port: {admin}}}"), clock=clock)
    stopping = Stopping(gateway, clock)
    probe = await exchange(admin, READY)
    assert (probe.status, probe.json, probe.headers["connection"]) == (503, {"status": "draining"}, "close")
    await stopping.pass_s(10)
    await stopping.running
    assert not await is_open(admin)


async def test_stopped_again_it_waits_no_longer(serve: Serve, provider: FakeProvider) -> None:
    """The second time ends the delay, and lets calls end; the third one cuts them."""
    clock = ManualClock()
    gateway = await serve(delayed(provider), clock=clock)
    line = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True))
    assert await line.head() == 200
    stopping = Stopping(gateway, clock)
    assert await is_open(gateway.port)
    stopping.server.stop()
    await until(lambda: gateway.service.server._fronts[0]._crowd.is_draining)
    assert not await is_open(gateway.port)
    assert gateway.in_flight == 1
    stopping.server.stop()
    assert not (await line.rest()).is_whole
    await stopping.running
    line.reset()


@pytest.mark.parametrize("when", ["before", "in the delay"])
async def test_who_lost_the_ledger_does_not_serve_on(serve: Serve, provider: FakeProvider, when: str) -> None:
    """What it would serve is in no book: it shuts at once, also if it was about to stop."""
    clock = ManualClock()
    gateway = await serve(delayed(provider), clock=clock)
    server = gateway.service.server
    running = asyncio.ensure_future(server.run())
    if when == "in the delay":
        server.stop()
        assert await is_open(gateway.port)
    gateway.program.store.is_taken_over = True
    await running
    assert not await is_open(gateway.port)
    gateway.program.store.is_taken_over = False


async def test_sigterm_serves_on_and_a_second_one_ends_it(start: Start, provider: FakeProvider, tmp_path: Path) -> None:
    """The process as it is: `/readyz` says so while calls are served, and nobody has to sit the delay out."""
    port, path = free_port(), tmp_path / "omnillm.yaml"
    path.write_text(delayed(provider).replace("port: 0", f"port: {port}").replace("10s", "1h"))
    served = await start(path, port)
    served.signal(signal.SIGTERM)
    await served.until_told("serving on for 3600 s")
    assert (await exchange(port, READY)).json == {"status": "draining"}
    assert (await exchange(port, HELLO)).is_answer
    served.signal(signal.SIGTERM)
    assert await served.ended() == 0
    assert "draining: up to 2 s" in served.stderr
    assert "Traceback" not in served.stderr
