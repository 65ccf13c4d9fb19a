"""`omnillm serve` as a process of its own: start, signals, end."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.journeys.running import VIRTUAL_KEY, configuration
from tests.journeys.wire import Line, ask, exchange

from omnillm.testing import FakeProvider


async def free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


class Served:
    def __init__(self, process: asyncio.subprocess.Process, port: int, path: Path) -> None:
        self.process = process
        self.port = port
        self.path = path
        self.ready_s = 0.0

    async def until_ready(self) -> None:
        began = time.monotonic()
        async with asyncio.timeout(20):
            while not await is_open(self.port):
                await asyncio.sleep(0.01)
        self.ready_s = time.monotonic() - began

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(20):
            return await self.process.wait()


@pytest.fixture
async def served(provider: FakeProvider, tmp_path: Path):
    port = await free_port()
    path = tmp_path / "omnillm.yaml"
    path.write_text(
        configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict").replace("port: 0", f"port: {port}")
    )
    command = [sys.executable, "-m", "omnillm", "serve", "-c", str(path)]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    running = Served(process, port, path)
    await running.until_ready()
    yield running
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_it_is_ready_soon_and_small(served: Served, record_property) -> None:
    """The goal is a second and 80 MB on a quiet machine; the bound here leaves room for a busy one."""
    resident = next(line for line in Path(f"/proc/{served.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    record_property("ready_s", served.ready_s)
    assert served.ready_s < 6
    assert int(resident.split()[1]) < 80 * 1024


async def test_sigterm_lets_a_stream_finish(served: Served, provider: FakeProvider) -> None:
    """It drains: the open stream ends well, then the process ends with 0."""
    line = await Line.open(served.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True))
    assert await line.head() == 200
    await line.piece()
    served.signal(signal.SIGTERM)
    provider.gate("stall_mid_body").set()
    assert (await line.rest()).is_answer
    line.reset()
    assert await served.ended() == 0


async def test_a_second_sigterm_cuts(served: Served) -> None:
    """Who will not wait need not."""
    line = await Line.open(served.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True))
    assert await line.head() == 200
    served.signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        while await is_open(served.port):  # the first has arrived when the door is shut
            await asyncio.sleep(0.01)
    served.signal(signal.SIGTERM)
    assert await served.ended() == 0
    line.reset()


async def test_sighup_applies_a_changed_file(served: Served) -> None:
    """The virtual key changes; a broken file afterwards changes nothing."""
    other = "sk-omni-changed-0123456789abcdef"
    text = served.path.read_text()
    served.path.write_text(text.replace(VIRTUAL_KEY, other))
    served.signal(signal.SIGHUP)
    async with asyncio.timeout(10):
        while (await exchange(served.port, ask("openai_chat", "Hello", key=other))).status != 200:
            await asyncio.sleep(0.01)
    assert (await exchange(served.port, ask("openai_chat", "Hello"))).status == 401
    served.path.write_text(text.replace("providers:", "provider:"))
    served.signal(signal.SIGHUP)
    assert (await exchange(served.port, ask("openai_chat", "Hello", key=other))).status == 200


async def test_kill_9_leaves_the_reservation_counted(served: Served, provider: FakeProvider, tmp_path: Path) -> None:
    """What was in flight when the process died is charged in full after the restart, and the ledger proves it."""
    line = await Line.open(served.port, ask("openai_chat", "Hello [[fault:stall_before_head]]", cap=20))
    await provider.arrived(1)
    served.process.kill()
    await served.process.wait()
    line.reset()
    command = [sys.executable, "-m", "omnillm", "serve", "-c", str(served.path)]
    again = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env={**os.environ}
    )
    running = Served(again, served.port, served.path)
    await running.until_ready()
    raw = b"GET /admin/v1/budgets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin-journey-0123456789\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(raw)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    [budget] = json.loads(await reader.readexactly(length))["budgets"]
    writer.close()
    running.signal(signal.SIGTERM)
    assert await running.ended() == 0
    assert float(budget["used_usd"]) > 0
    assert budget["held_usd"] == "0"
