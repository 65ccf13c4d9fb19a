"""`omnillm serve` as a process of its own, and what is forked where only the end of a process matters."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from tests.forks import FORKS
from tests.journeys.serving_process import run_program, serve_until_killed
from tests.journeys.wire import Question, exchange

READY = Question("openai_chat", b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")


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


async def exit_code(process: BaseProcess) -> int:
    await asyncio.to_thread(process.join)
    assert process.exitcode is not None
    return process.exitcode


class Served:
    """A process that serves. `ready_s` is from its start to its first good `/readyz`; its two streams are in files beside its configuration."""

    def __init__(self, pid: int, end: Awaitable[int], port: int, path: Path) -> None:
        self.pid = pid
        self.port = port
        self.path = path
        self.end = asyncio.ensure_future(end)
        self.ready_s = 0.0
        self._began = time.monotonic()

    @classmethod
    async def start(cls, path: Path, port: int) -> Self:
        """Fork it, without waiting for anything."""
        for name in ("stdout", "stderr"):
            path.with_name(name).write_bytes(b"")
        process = FORKS.Process(target=run_program, args=(("serve", "-c", str(path)), path.parent, {}))
        await asyncio.to_thread(process.start)
        return cls(process.pid, exit_code(process), port, path)

    @classmethod
    async def execute(cls, path: Path, port: int, *command: str) -> Self:
        """Start it by that command, or by the usual one, where the start itself is looked at."""
        command = command or (sys.executable, "-m", "omnillm", "serve", "-c", str(path))
        with path.with_name("stdout").open("wb") as out, path.with_name("stderr").open("wb") as err:
            process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=err)
        return cls(process.pid, process.wait(), port, path)

    async def until_ready(self) -> None:
        async with asyncio.timeout(40):
            while not await is_ready(self.port):
                assert not self.end.done(), self.stderr
                await asyncio.sleep(0.02)  # it needs the processor more than who asks
        self.ready_s = time.monotonic() - self._began

    @property
    def stdout(self) -> str:
        return self.path.with_name("stdout").read_text()

    @property
    def stderr(self) -> str:
        return self.path.with_name("stderr").read_text()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    async def ended(self) -> int:
        async with asyncio.timeout(20):
            return await asyncio.shield(self.end)

    async def until_told(self, words: str) -> None:
        """Until the log says so."""
        async with asyncio.timeout(40):
            while words not in self.stderr:
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """At once, if it still runs."""
        if not self.end.done():
            with suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            await self.end


Start = Callable[[Path, int], Awaitable[Served]]


@asynccontextmanager
async def forked(text: str) -> AsyncIterator[tuple[BaseProcess, int]]:
    """A gateway with that configuration once it serves, and its port; killed at the end."""
    ours, theirs = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=serve_until_killed, args=(text, theirs))
    with ours:
        await asyncio.to_thread(process.start)
        theirs.close()
        try:
            yield process, await asyncio.to_thread(ours.recv)
        finally:
            process.kill()
            await asyncio.to_thread(process.join)
    process.close()
