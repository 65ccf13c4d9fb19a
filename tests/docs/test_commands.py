"""Every command on a page runs as it stands, against a running gateway, and what the page shows of a reply is the reply."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.docs.commands import run
from tests.docs.pages import PAGES, ROOT, blocks
from tests.ports import free_port

from omnillm.assemble import Service
from omnillm.config.load import load
from omnillm.testing import FakeProvider

SHOWING = [page for page in PAGES if page.is_relative_to(ROOT / "docs") and page.name != "benchmarks.md" and blocks(page, "console")]
"""The pages that show commands, but for those that take minutes."""
ADMIN_KEY = "admin-key-0123456789"
CONFIG = """
server: {{port: {port}, auth: none, admin_key: {admin_key}, native: {{openai: openai}}}}
store: {{url: "sqlite:///omnillm.db"}}
providers: {{openai: {{kind: openai, base_url: {base_url}, keys: [{{label: prod-1, key: sk-a}}, {{label: prod-2, key: sk-b}}]}}}}
models: {{fast: {{targets: [openai/gpt-4.1-mini]}}, gpt-4.1-mini: {{targets: [openai/gpt-4.1-mini]}}, "gemini-*": {{targets: [openai/gpt-4.1-mini]}}}}
budgets: [{{name: team-x, scope: named, limit_usd: 10, period: week}}]
"""
ELSEWHERE = ("export ", "omnillm serve", "systemctl ")
"""The test has done it, or it is the machine's."""


@contextlib.asynccontextmanager
async def gateway(port: int) -> AsyncIterator[Service]:
    """Before a fake provider, on a configuration in the working directory."""
    async with FakeProvider() as provider:
        Path("omnillm.yaml").write_text(CONFIG.format(port=port, base_url=provider.base_url, admin_key=ADMIN_KEY))
        service = Service(load(Path("omnillm.yaml"), os.environ), reload=lambda: load(Path("omnillm.yaml"), os.environ))
        await service.start()
        try:
            yield service
        finally:
            await service.server.drain()
            await service.aclose()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the pages ask with curl")
@pytest.mark.parametrize("page", SHOWING, ids=lambda page: str(page.relative_to(ROOT / "docs")))
async def test_every_command_runs_as_it_stands(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order; only the port is a free one."""
    monkeypatch.chdir(tmp_path)
    port = free_port()
    async with gateway(port) as service:
        monkeypatch.setenv("OMNILLM_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OMNILLM_ADMIN_KEY", ADMIN_KEY)
        monkeypatch.setenv("VIRTUAL_KEY", "anything")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("REQUEST_ID", await asyncio.to_thread(call, port))
        await service.program.store.flush()
        for name, content in written(page).items():
            Path(name).write_text(content)
        if page.name == "operating.md":
            assert (await asyncio.to_thread(run, "omnillm keys create ada --limit-usd 5 --period month"))[0] == 0
        for block in blocks(page, "console"):
            lines = block.splitlines()
            shown = [line for line in lines if not line.startswith("$ ")]
            for command in [line[2:] for line in lines if line.startswith("$ ") and not line[2:].startswith(ELSEWHERE)]:
                code, told = await asyncio.to_thread(run, prepared(command, port))
                assert code == 0, f"{command}\n{told}"
                assert not told.startswith('{"error"'), told
            assert not shown or told.splitlines() == shown, block


def prepared(command: str, port: int) -> str:
    """`omnillm init` writes beside the file that the gateway runs on."""
    return "omnillm init written.yaml" if command == "omnillm init" else command.replace(":4000", f":{port}")


def written(page: Path) -> dict[str, str]:
    """The files that a page shows after their names: "With this `request.json`:"."""
    return dict(re.findall(r"this `([\w.]+)`:\n\n```\w+\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE))


def call(port: int) -> str:
    """A call that is answered; its id."""
    body = b'{"model": "fast", "messages": [{"role": "user", "content": "Hello"}]}'
    with urlopen(Request(f"http://127.0.0.1:{port}/v1/chat/completions", data=body), timeout=10) as reply:
        return reply.headers["x-omnillm-request-id"]
