"""`docs/operating.md` can be followed by somebody who has just been woken: its commands run, its names and messages exist."""

import ast
import asyncio
import contextlib
import io
import os
import re
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml
from tests.docs.pages import ERRORS, MONITORING, ROOT, blocks, names, rows
from tests.ports import free_port

import omnillm
from omnillm.assemble import Service
from omnillm.cli.main import main
from omnillm.config.load import load
from omnillm.outcome import Verdict
from omnillm.testing import FakeProvider

PAGE = ROOT / "docs/operating.md"
LOGGERS = {"log", "_log", "LOG", "logger"}
LEVELS = {"warning", "error", "exception"}
ADMIN_KEY = "admin-key-0123456789"
CONFIG = """
server: {{port: {port}, auth: none, admin_key: {admin_key}}}
store: {{url: "sqlite:///omnillm.db"}}
providers: {{openai: {{kind: openai, base_url: {base_url}, keys: [{{label: prod-1, key: sk-a}}, {{label: prod-2, key: sk-b}}]}}}}
models: {{fast: {{targets: [openai/gpt-4.1-mini]}}}}
"""


def messages() -> Iterator[str]:
    """The warnings and errors that the package logs, with `...` for what is filled in; a trace is none of it."""
    sources = [path.read_text() for path in Path(omnillm.__file__).parent.rglob("*.py")]
    for source in sources:
        if not any(logger in source for logger in LOGGERS) or not any(level in source for level in LEVELS):
            continue  # parsing takes the most time
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=level), args=[ast.Constant(value=str(text)), *_]) if (
                    name in LOGGERS and level in LEVELS
                ):
                    yield re.sub(r"%[a-z]", "...", text.removesuffix(":\n%s")).replace("%%", "%")


def test_every_message_is_told() -> None:
    """And none that is not logged. A cloud's own words are a message with nothing of ours in it."""
    told = {name for cells in rows(PAGE.read_text(), "message") for name in names(cells[0])}
    assert told == {"key .../...: ..." if text == "..." else text for text in messages()}


def test_alerts_ask_for_what_is_there() -> None:
    """Each rule is one, and names metrics, labels' values and codes that the pages know."""
    [scrape, rules, pod] = map(yaml.safe_load, blocks(PAGE, "yml"))
    assert scrape["scrape_configs"][0]["authorization"]
    [container] = pod["spec"]["template"]["spec"]["containers"]
    assert {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("readiness", "liveness")} == {"/readyz", "/healthz"}
    known = {names(cells[0])[0] for cells in rows(MONITORING, "metric")}
    codes = {code for cells in rows(ERRORS, "code") for code in names(cells[0])} | {verdict.value for verdict in Verdict}
    panels = [query for cells in rows(PAGE.read_text(), "panel") for query in names(cells[1])]
    for query in (*panels, *(rule["expr"] for rule in rules["groups"][0]["rules"])):
        metrics = re.findall(r"omnillm_\w+", query.replace("_bucket", ""))
        assert {*metrics} <= known | {"omnillm"}, query
    for rule in rules["groups"][0]["rules"]:
        for alternatives in re.findall(r'(?:outcome|verdict|code)=~"([^"]+)"', rule["expr"]):
            for pattern in alternatives.split("|"):
                assert any(re.fullmatch(pattern, code) for code in codes), pattern


def test_every_code_by_symptom_is_one() -> None:
    """What a client is told, as the table of errors has it."""
    known = {code for cells in rows(ERRORS, "code") for code in names(cells[0])}
    told = {name for cells in rows(PAGE.read_text(), "clients see") for name in names(cells[0]) if name.islower() and "/" not in name}
    assert len(told) > 15
    assert told <= known


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page asks with curl")
async def test_every_command_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a running gateway, in their order; what the page shows of a reply is the reply."""
    monkeypatch.chdir(tmp_path)
    port = free_port()
    async with FakeProvider() as provider:
        Path("omnillm.yaml").write_text(CONFIG.format(port=port, base_url=provider.base_url, admin_key=ADMIN_KEY))
        service = Service(load(Path("omnillm.yaml"), os.environ), reload=lambda: load(Path("omnillm.yaml"), os.environ))
        await service.start()
        try:
            monkeypatch.setenv("OMNILLM_URL", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("OMNILLM_ADMIN_KEY", ADMIN_KEY)
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            monkeypatch.setenv("REQUEST_ID", await asyncio.to_thread(call, port))
            await service.program.store.flush()
            assert (await asyncio.to_thread(run, "omnillm keys create ada --limit-usd 5 --period month"))[0] == 0
            for block in blocks(PAGE, "console"):
                lines = block.splitlines()
                commands, shown = (
                    [line[2:] for line in lines if line.startswith("$ ")],
                    [line for line in lines if not line.startswith("$ ")],
                )
                for command in commands:
                    code, told = await asyncio.to_thread(run, command)
                    assert code == 0, f"{command}\n{told}"
                assert not shown or told.splitlines() == shown, block
        finally:
            await service.server.drain()
            await service.aclose()


def call(port: int) -> str:
    """A call that is answered; its id."""
    body = b'{"model": "fast", "messages": [{"role": "user", "content": "Hello"}]}'
    with urlopen(Request(f"http://127.0.0.1:{port}/v1/chat/completions", data=body), timeout=10) as reply:
        return reply.headers["x-omnillm-request-id"]


def run(command: str) -> tuple[int, str]:
    """Exit code, and what it tells: ours in this process, SQLite's backup by its library, others in a shell."""
    words = [os.path.expandvars(word) for word in shlex.split(command)]
    if words[0] == "omnillm":
        return run_ours(words)
    if words[0] == "sqlite3":
        return run_backup(words[1], words[2].removeprefix(".backup "))
    return asyncio.run(run_shell(command))


def run_ours(words: list[str]) -> tuple[int, str]:
    raw = io.BytesIO()
    told = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    before, sys.argv = sys.argv, words
    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            main()
    except SystemExit as ended:
        return int(ended.code or 0), raw.getvalue().decode()
    finally:
        sys.argv = before
    return 0, raw.getvalue().decode()


def run_backup(source: str, target: str) -> tuple[int, str]:
    with contextlib.closing(sqlite3.connect(source)) as ledger, contextlib.closing(sqlite3.connect(target)) as copy:
        ledger.backup(copy)
    return 0, ""


async def run_shell(command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()
