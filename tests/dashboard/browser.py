"""A browser without a window, driven over its own debugging protocol."""

import asyncio
import json
import shutil
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.ports import free_port
from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WAIT_S = 60


class Refused(Exception):
    """The browser has no answer: while a page makes way for another, nothing can be asked of it."""


class Tab:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._asked = 0
        self.complaints: list[str] = []
        """What the page threw, and what the browser refused it."""

    async def tell(self, method: str, **parameters: object) -> Any:
        self._asked += 1
        await self._connection.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        while True:
            message = json.loads(await self._connection.recv())
            if message.get("id") == self._asked:
                if "error" in message:
                    raise Refused(message["error"]["message"])
                return message["result"]
            if message["method"] in {"Runtime.exceptionThrown", "Log.entryAdded"}:
                self.complaints.append(json.dumps(message["params"]))

    async def run(self, script: str) -> Any:
        """The value of an expression in the page; of a node it has none that says anything."""
        return (await self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True))["result"].get("value")

    async def until(self, script: str) -> Any:
        """Ask until the expression is something."""
        while True:
            with suppress(Refused):
                if value := await self.run(script):
                    return value
            await asyncio.sleep(0.02)


@asynccontextmanager
async def tab(profile: Path) -> AsyncIterator[Tab]:
    """Runs as root in containers, where its own sandbox cannot: it opens pages of this machine only."""
    assert CHROMIUM
    port = free_port()
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={profile}",
        f"--remote-debugging-port={port}",
        "about:blank",
    ]
    process = await asyncio.create_subprocess_exec(CHROMIUM, *options, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(WAIT_S), connect(await _address(port), max_size=None) as connection:
            found = Tab(connection)
            for domain in ("Page", "Runtime", "Log"):
                await found.tell(f"{domain}.enable")
            yield found
    finally:
        process.kill()  # its profile is a test's own
        await process.wait()


async def _address(port: int) -> str:
    """Of its first page, once it is there."""

    def pages() -> list[dict[str, str]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as reply:
            return json.load(reply)

    while True:
        try:
            found = [page for page in await asyncio.to_thread(pages) if page["type"] == "page"]
        except OSError:
            found = []
        if found:
            return found[0]["webSocketDebuggerUrl"]
        await asyncio.sleep(0.05)
