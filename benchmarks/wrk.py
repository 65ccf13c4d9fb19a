"""wrk as the load, from one core, against one server or two that take turns."""

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.processes import HERE, LOAD_CORE, cpu_seconds


class Load(NamedTuple):
    """What one run of wrk showed: requests a second, and CPU of the loaded process a request."""

    requests_per_s: float
    cpu_us: float


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is asked, and how."""

    prompt_bytes: int = 810
    connections: int = 64
    is_closing: bool = False
    """A new connection for each request."""
    callers: int = 1
    protocol: str = "openai_chat"


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where it is asked. `headers` hold its credential."""

    port: int
    pid: int
    headers: dict[str, str]
    path: str = ""
    """"": the protocol's own."""
    model: str = "gpt-4.1-mini"


PATHS = {"openai_chat": "/v1/chat/completions", "anthropic_messages": "/v1/messages"}


def load(server: Server, shape: Shape, *, seconds: float) -> Load:
    """A reply other than 2xx ends the run."""
    headers = {**server.headers, **({"Connection": "close"} if shape.is_closing else {})}
    env = {
        **os.environ,
        "BENCH_PROMPT_BYTES": str(shape.prompt_bytes),
        "BENCH_CALLERS": str(shape.callers),
        "BENCH_PROTOCOL": shape.protocol,
        "BENCH_MODEL": server.model,
        "BENCH_HEADERS": "\n".join(f"{name}: {value}" for name, value in headers.items()),
    }
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{shape.connections}", f"-d{seconds:g}s", "--timeout", "20s"]
    url = f"http://127.0.0.1:{server.port}{server.path or PATHS[shape.protocol]}"
    before = cpu_seconds(server.pid)
    run = subprocess.run([*command, "-s", str(HERE / "wrk.lua"), url], env=env, capture_output=True, text=True, check=True)
    cpu_s = cpu_seconds(server.pid) - before
    result = next(line for line in run.stdout.splitlines() if line.startswith("RESULT"))
    requests, duration_us, errors = (int(each) for each in result.split()[1:])
    if errors or not requests:
        sys.exit(f"{errors} of {requests} replies were errors:\n{run.stdout}")
    return Load(requests / duration_us * 1_000_000, cpu_s / requests * 1_000_000)


def paired(yardstick: Server, ours: Server, shape: Shape, *, pairs: int, seconds: float) -> dict[str, float]:
    """Medians of both and of the ratios of each pair, the two taking turns.

    Two ratios: of requests a second, and of CPU a request. On a quiet machine they agree; on one that others use too, the second holds.
    """
    rows = []
    for _ in range(pairs):
        a, b = load(yardstick, shape, seconds=seconds), load(ours, shape, seconds=seconds)
        rows.append((a.requests_per_s, b.requests_per_s, b.requests_per_s / a.requests_per_s, a.cpu_us, b.cpu_us, a.cpu_us / b.cpu_us))
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    names = ("yardstick_rps", "rps", "ratio", "yardstick_cpu_us", "cpu_us", "cpu_ratio")
    return {name: round(value, 4 if "ratio" in name else 1) for name, value in zip(names, medians, strict=True)}
