"""`omnillm serve` as a process of its own: start, signals, end."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Self

import pytest
from tests.journeys.running import VIRTUAL_KEY, configuration
from tests.journeys.wire import Line, Question, ask, exchange

from omnillm.testing import FakeProvider

READY = Question("openai_chat", b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")


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


async def is_ready(port: int) -> bool:
    try:
        return (await exchange(port, READY)).status == 200
    except OSError:
        return False


class Served:
    """A process that serves. `ready_s` is from its start to its first good `/readyz`; its two streams are written to files."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, path: Path) -> None:
        self.process = process
        self.port = port
        self.path = path
        self.ready_s = 0.0

    @classmethod
    async def start(cls, path: Path, port: int) -> Self:
        command = (sys.executable, "-m", "omnillm", "serve", "-c", str(path))
        with path.with_name("stdout").open("wb") as out, path.with_name("stderr").open("wb") as err:
            began = time.monotonic()
            served = cls(await asyncio.create_subprocess_exec(*command, stdout=out, stderr=err), port, path)
        async with asyncio.timeout(20):
            while not await is_ready(port):
                assert served.process.returncode is None, served.stderr
                await asyncio.sleep(0.005)
        served.ready_s = time.monotonic() - began
        return served

    @property
    def stdout(self) -> str:
        return self.path.with_name("stdout").read_text()

    @property
    def stderr(self) -> str:
        return self.path.with_name("stderr").read_text()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(20):
            return await self.process.wait()

    async def until_told(self, words: str) -> None:
        """Until the log says so."""
        async with asyncio.timeout(10):
            while words not in self.stderr:
                await asyncio.sleep(0.01)


@pytest.fixture
async def served(provider: FakeProvider, tmp_path: Path):
    port = await free_port()
    path = tmp_path / "omnillm.yaml"
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict")
    path.write_text(text.replace("port: 0", f"port: {port}"))
    running = await Served.start(path, port)
    yield running
    if running.process.returncode is None:
        running.process.kill()
        await running.process.wait()


async def test_it_is_ready_soon_and_small(served: Served, record_property) -> None:
    """The goals are a second and 80 MB on a quiet machine; the bound of the first leaves room for a busy one."""
    resident = next(line for line in Path(f"/proc/{served.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    resident_mb = int(resident.split()[1]) / 1024
    record_property("ready_s", served.ready_s)
    record_property("resident_mb", resident_mb)
    print(f"ready after {served.ready_s:.2f} s, {resident_mb:.0f} MB resident")
    assert served.ready_s < 6
    assert resident_mb < 80


async def test_sigterm_lets_a_stream_finish(served: Served, provider: FakeProvider) -> None:
    """It drains: the open stream ends well, then the process ends with 0, the call in its log and in its ledger."""
    line = await Line.open(served.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True))
    assert await line.head() == 200
    await line.piece()
    served.signal(signal.SIGTERM)
    provider.gate("stall_mid_body").set()
    assert (await line.rest()).is_answer
    line.reset()
    assert await served.ended() == 0
    [told] = served.stdout.splitlines()
    assert "status=200 outcome=success" in told
    assert "draining" in served.stderr
    assert "Traceback" not in served.stderr


async def test_a_second_sigterm_cuts(served: Served) -> None:
    """Who will not wait need not; what is cut is charged and written down all the same."""
    line = await Line.open(served.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True))
    assert await line.head() == 200
    served.signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        while await is_open(served.port):  # the first has arrived when the door is shut
            await asyncio.sleep(0.01)
    served.signal(signal.SIGTERM)
    assert await served.ended() == 0
    line.reset()
    [told] = served.stdout.splitlines()
    assert "status=499 outcome=aborted" in told
    assert "cost_usd=0 " not in f"{told} "
    assert "Traceback" not in served.stderr


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
    await served.until_told("is not applied")
    assert "did you mean providers?" in served.stderr
    assert (await exchange(served.port, ask("openai_chat", "Hello", key=other))).status == 200
    assert other not in served.stderr + served.stdout


async def test_a_second_process_leaves_the_first_alone(served: Served) -> None:
    """Its port or its ledger is taken: one message, exit code 2, and the first serves on."""
    command = (sys.executable, "-m", "omnillm", "serve", "-c", str(served.path))
    for changed, words in (("", "ledger"), (served.path.read_text().replace("ledger.db", "other.db"), "cannot listen on")):
        served.path.write_text(changed or served.path.read_text())
        second = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await second.communicate()
        assert (second.returncode, out) == (2, b"")
        assert words in err.decode()
        assert "Traceback" not in err.decode()
        assert len(err.splitlines()) == 1
    assert (await exchange(served.port, ask("openai_chat", "Hello"))).status == 200


async def test_kill_9_leaves_the_reservation_counted(served: Served, provider: FakeProvider, tmp_path: Path) -> None:
    """What was in flight when the process died is charged in full after the restart, and the ledger proves it."""
    line = await Line.open(served.port, ask("openai_chat", "Hello [[fault:stall_before_head]]", cap=20))
    await provider.arrived(1)
    served.process.kill()
    await served.process.wait()
    line.reset()
    running = await Served.start(served.path, served.port)
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
