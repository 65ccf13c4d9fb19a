"""`omnillm serve` as a process of its own, and what is forked where only the end of a process matters."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from tests.forks import FORKS
from tests.journeys.serving_process import serve_until_killed
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


class Served:
    """A process that serves. `ready_s` is from its start to its first good `/readyz`; its two streams are written to files."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, path: Path, began: float) -> None:
        self.process = process
        self.port = port
        self.path = path
        self.ready_s = 0.0
        self._began = began

    @classmethod
    async def start(cls, path: Path, port: int) -> Self:
        """Start it, without waiting for anything."""
        with path.with_name("stdout").open("wb") as out, path.with_name("stderr").open("wb") as err:
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "omnillm", "serve", "-c", str(path), stdout=out, stderr=err
            )
        return cls(process, port, path, began)

    async def until_ready(self) -> None:
        async with asyncio.timeout(40):
            while not await is_ready(self.port):
                assert self.process.returncode is None, self.stderr
                await asyncio.sleep(0.02)  # it needs the processor more than who asks
        self.ready_s = time.monotonic() - self._began

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

    async def kill(self) -> None:
        """At once, if it still runs."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


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
