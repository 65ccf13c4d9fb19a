"""The gateway as it is benched: the documented defaults, with virtual keys, limits, a budget, a ledger and metrics on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import PROXY_CORE, free_port, running
from benchmarks.wrk import Server

TEMPLATE = """
server: {{host: 127.0.0.1, port: {port}, auth: required, admin_key: bench-admin-key-0123456789}}
store: {{url: "{store}", durability: {durability}}}
providers:
  openai:
    kind: openai
    protocol: openai_chat
    base_url: http://127.0.0.1:{mock}/v1
    keys:
{keys}
models:
  gpt-4.1-mini: {{targets: [openai/gpt-4.1-mini]}}
budgets:
  - {{name: everything, limit_usd: 1000000, period: month, hard: true}}
virtual_keys:
{callers}
"""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """`durability`: relaxed, strict, or memory (no file at all)."""

    durability: str = "relaxed"
    keys: int = 4
    callers: int = 1


def key_of(caller: int) -> str:
    return f"sk-omni-{caller:032x}"


def write_config(directory: Path, setup: Setup, *, port: int, mock: int) -> Path:
    pool = "\n".join(f"      - {{label: k{n}, key: sk-upstream-{n:06d}, rpm: 100000000, tpm: 100000000000}}" for n in range(setup.keys))
    limits = "rpm: 100000000, tpm: 100000000000, max_concurrency: 100000"
    callers = "\n".join(f"  - {{name: bench-{n}, key: {key_of(n)}, {limits}}}" for n in range(setup.callers))
    name = f"{setup.durability}-{setup.keys}-{setup.callers}-{port}"
    is_file = setup.durability != "memory"
    text = TEMPLATE.format(
        port=port,
        mock=mock,
        store=f"sqlite:///{directory}/{name}.db" if is_file else "memory://",
        durability=setup.durability if is_file else "relaxed",
        keys=pool,
        callers=callers,
    )
    path = directory / f"{name}.yaml"
    path.write_text(text)
    return path


def serve_command(config: Path) -> list[str]:
    return [sys.executable, "-m", "omnillm", "serve", "-c", str(config)]


@contextmanager
def gateway(directory: Path, setup: Setup, *, mock: int) -> Iterator[Server]:
    """One process on its core, ready."""
    port = free_port()
    config = write_config(directory, setup, port=port, mock=mock)
    with running(serve_command(config), core=PROXY_CORE, port=port) as process:
        yield Server(port=port, pid=process.pid, headers={"Authorization": f"Bearer {key_of(0)}"})
