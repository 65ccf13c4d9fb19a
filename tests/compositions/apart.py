"""The same situations with the gateway in a process of its own, which is told by signals what to do, and killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from typing import Any

from tests.compositions.situation import Books, Situation, rows_of
from tests.forks import FORKS
from tests.journeys.serving_process import run_program
from tests.ports import free_port

from omnillm.assemble import Program
from omnillm.config.load import parse


class Apart(Situation):
    """Its ledger is a file."""

    async def start(self) -> None:
        self.listen_port, self.admin_port = free_port(), free_port()
        self.file = self.path / "omnillm.yaml"
        self.settings(self.chosen)
        self.file.write_text(self.text)
        (self.path / "stdout").unlink(missing_ok=True)
        (self.path / "stderr").unlink(missing_ok=True)
        trusted = {"SSL_CERT_FILE": str(self.certificate)}
        self.process: Any = FORKS.Process(target=run_program, args=(("serve", "-c", str(self.file)), self.path, trusted))
        await asyncio.to_thread(self.process.start)
        self.port = self.listen_port
        await self.until_said("serving on")
        self.note_start()

    def said(self) -> str:
        """On standard error."""
        path = self.path / "stderr"
        return path.read_text() if path.exists() else ""

    async def until_said(self, words: str, times: int = 1) -> None:
        async with asyncio.timeout(60):
            while self.said().count(words) < times:
                assert self.process.is_alive(), self.said()
                await asyncio.sleep(0.005)

    async def reload(self, after: dict[str, str]) -> None:
        before = self.said().count("configuration is applied")
        self.settings(after)
        self.file.write_text(self.text)
        os.kill(self.process.pid, signal.SIGHUP)
        await self.until_said("configuration is applied", before + 1)
        self.note_change(after)

    async def reload_badly(self) -> None:
        before = self.said().count("configuration is not applied")
        self.file.write_text(self.text.replace('"kind": "gemini"', '"kind": "gemino"'))
        os.kill(self.process.pid, signal.SIGHUP)
        await self.until_said("configuration is not applied", before + 1)

    async def restart(self) -> None:
        if self.dice.random() < 0.5:
            await self.stop()
        else:
            self.was_killed = True
            self.process.kill()
            await asyncio.to_thread(self.process.join)
        self.close_epoch()
        await self.start()

    async def abandon(self) -> None:
        """It is killed."""
        self.process.kill()
        await asyncio.to_thread(self.process.join)

    async def stop(self) -> None:
        if not self.process.is_alive():
            return
        os.kill(self.process.pid, signal.SIGTERM)
        async with asyncio.timeout(30):
            await asyncio.to_thread(self.process.join)
        assert self.process.exitcode == 0, (self.process.exitcode, self.said())

    def close_epoch(self) -> None:
        for name in ("stdout", "stderr"):
            path = self.path / name
            self.told.append(path.read_bytes() if path.exists() else b"")
        assert "Traceback" not in self.said(), self.said()
        self.log = BytesIO(self.told[-2])

    async def until_healthy(self) -> None:
        """It says so."""

    async def outage(self) -> None:
        """Its ledger's file stays where it is."""

    async def watch(self) -> None:
        """Nobody can look."""

    def jump(self, seconds: float) -> None:
        """Its clock is the machine's."""

    def revive(self) -> None:
        """Its breakers are its own."""

    async def quiet(self) -> None:
        while self.kept:
            self.kept.pop().reset()
        async with asyncio.timeout(10):
            await self.fake.ended(len(self.fake.log))
            while self.process.is_alive() and (held := await self.held()):
                await asyncio.sleep(0.01)
                self.happened[-1:] = [f"{self.happened[-1].split(' held')[0]} held {held}"] if self.happened else []

    async def held(self) -> list[str]:
        with suppress(ConnectionError):
            budgets = (await self.admin("GET", "/admin/v1/budgets")).json["budgets"]
            keys = (await self.admin("GET", "/admin/v1/pools")).json["keys"]
            return [
                *(f"{each['held_usd']} of {each['name']}" for each in budgets if each["held_usd"] != "0"),
                *(f"{each['label']} of {each['provider']}" for each in keys if each["in_flight"] or each["tpm_inflight"]),
            ]
        return []

    @asynccontextmanager
    async def books(self) -> AsyncIterator[Books]:
        """Its process has ended: they are read by another one."""
        metrics = (await self.admin("GET", "/metrics")).body.decode()
        await self.stop()
        program = Program(parse(self.text, {}))
        await program.start()
        epoch = program.settlement.journal.epoch - 1
        log = (self.path / "stdout").read_text()
        try:
            yield Books(program=program, rows=await rows_of(program), metrics=metrics, log=log, epoch=epoch)
        finally:
            await program.aclose()
