"""`make bench`: the gateway on one core against nginx `proxy_pass` on that core, in interleaved pairs of one run."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.gateway import KEY, write_config
from benchmarks.processes import (
    HERE,
    LOAD_CORE,
    PROXY_CORE,
    cpu_seconds,
    free_port,
    missing_programs,
    nginx,
    resident_mib,
    running,
)

CONTENT = "Hello! How can I assist you today? " * 9
CASES = (
    ("1 KB, 64 connections", 810, 64),
    ("1 KB, 256 connections", 810, 256),
    ("100 KB, 64 connections", 100_000, 64),
)
EVENTS, GAP_MS, STREAMS, ROUNDS = 50, 2.0, 32, 8


class Load(NamedTuple):
    """What one run of wrk showed: requests a second, and CPU of the loaded process a request."""

    requests_per_s: float
    cpu_us: float


def load(port: int, pid: int, *, prompt: int, connections: int, seconds: float) -> Load:
    """Wrk on the load's core; a reply other than 2xx ends the run."""
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(HERE / "wrk.lua")]
    env = {**os.environ, "BENCH_PROMPT_BYTES": str(prompt), "BENCH_KEY": KEY}
    before = cpu_seconds(pid)
    run = subprocess.run([*command, f"http://127.0.0.1:{port}/v1/chat/completions"], env=env, capture_output=True, text=True, check=True)
    cpu_s = cpu_seconds(pid) - before
    result = next(line for line in run.stdout.splitlines() if line.startswith("RESULT"))
    requests, duration_us, errors = (int(field) for field in result.split()[1:])
    if errors or not requests:
        sys.exit(f"{errors} of {requests} replies were errors:\n{run.stdout}")
    return Load(requests / duration_us * 1_000_000, cpu_s / requests * 1_000_000)


def paired(
    yardstick: tuple[int, int], ours: tuple[int, int], *, pairs: int, prompt: int, connections: int, seconds: float
) -> dict[str, float]:
    """Medians of both and of the ratios of each pair, the two taking turns. Each is (port, process id).

    Two ratios: of requests a second, and of CPU a request. On a quiet machine they agree; on one that others use too, the second holds.
    """
    rows = []
    for _ in range(pairs):
        a = load(*yardstick, prompt=prompt, connections=connections, seconds=seconds)
        b = load(*ours, prompt=prompt, connections=connections, seconds=seconds)
        rows.append((a.requests_per_s, b.requests_per_s, b.requests_per_s / a.requests_per_s, a.cpu_us, b.cpu_us, a.cpu_us / b.cpu_us))
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    names = ("nginx_rps", "omnillm_rps", "ratio", "nginx_cpu_us", "omnillm_cpu_us", "cpu_ratio")
    return {name: round(value, 3 if "ratio" in name else 1) for name, value in zip(names, medians, strict=True)}


def plain(directory: Path, arguments: argparse.Namespace) -> list[dict[str, object]]:
    mock, proxy = free_port(), free_port()
    rows: list[dict[str, object]] = []
    with ExitStack() as stack:
        source = stack.enter_context(running(nginx("mock", directory, MOCK=str(mock), CONTENT=CONTENT), core=LOAD_CORE, port=mock))
        yardstick = stack.enter_context(running(nginx("proxy", directory, MOCK=str(mock), PROXY=str(proxy)), core=PROXY_CORE, port=proxy))
        alone = load(mock, source.pid, prompt=810, connections=64, seconds=arguments.seconds)
        rows.append({"case": "the mock alone", "requests_per_s": round(alone.requests_per_s)})
        for durability in arguments.durability:
            port = free_port()
            config = write_config(directory, port=port, mock=mock, durability=durability)
            command = [sys.executable, "-m", "omnillm", "serve", "-c", str(config)]
            with running(command, core=PROXY_CORE, port=port) as gateway:
                idle = resident_mib(gateway.pid)
                for name, prompt, connections in CASES[: 1 if arguments.quick else None]:
                    load(port, gateway.pid, prompt=prompt, connections=connections, seconds=1)
                    figures = paired(
                        (proxy, yardstick.pid),
                        (port, gateway.pid),
                        pairs=arguments.pairs,
                        prompt=prompt,
                        connections=connections,
                        seconds=arguments.seconds,
                    )
                    memory = {"idle_rss_mib": round(idle, 1), "rss_mib": round(resident_mib(gateway.pid), 1)}
                    rows.append({"case": f"{name}, {durability}", **figures, **memory})
                    print(rows[-1], flush=True)
    return rows


def streaming(directory: Path) -> dict[str, object]:
    """CPU of the gateway for 1,000 events, same protocol."""
    mock, port = free_port(), free_port()
    module = [sys.executable, "-m", "benchmarks.streams"]
    config = write_config(directory, port=port, mock=mock, durability="relaxed", keys=1)
    with (
        running([*module, "mock", str(mock), str(EVENTS), str(GAP_MS)], core=LOAD_CORE, port=mock),
        running([sys.executable, "-m", "omnillm", "serve", "-c", str(config)], core=PROXY_CORE, port=port) as gateway,
    ):
        load = ["taskset", "-c", LOAD_CORE, *module, "load", str(port), KEY, str(STREAMS)]
        subprocess.run([*load, "1"], check=True, capture_output=True)
        before, began = cpu_seconds(gateway.pid), time.monotonic()
        run = subprocess.run([*load, str(ROUNDS)], check=True, capture_output=True, text=True)
        took, cpu = time.monotonic() - began, cpu_seconds(gateway.pid) - before
    events = int(run.stdout)
    return {
        "case": f"streaming, {STREAMS} at once, {EVENTS} events at {GAP_MS:g} ms",
        "events_per_s": round(events / took),
        "cpu_ms_per_1000_events": round(cpu * 1_000_000 / events, 2),
    }


def start_up(directory: Path) -> dict[str, object]:
    """Seconds from start to the first answer of /readyz (median of five)."""
    port = free_port()
    config = write_config(directory, port=port, mock=free_port(), durability="strict", keys=2)
    times = []
    for _ in range(5):
        began = time.monotonic()
        with running([sys.executable, "-m", "omnillm", "serve", "-c", str(config)], core=PROXY_CORE, port=port):
            subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/readyz"], check=True, capture_output=True)
            times.append(time.monotonic() - began)
    return {"case": "start to ready", "seconds": round(statistics.median(times), 3)}


def hardware() -> dict[str, str]:
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {"cpu": model, "cores": str(os.cpu_count()), "python": platform.python_version(), "commit": commit}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one case, short")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--durability", nargs="+", default=["relaxed", "strict", "memory"])
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    arguments = parser.parse_args()
    packages = missing_programs()
    if packages:
        sys.exit(f"make bench needs {' and '.join(packages)}: apt-get install {' '.join(packages)}")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="omnillm-bench-") as name:
        directory = Path(name)
        directory.chmod(0o777)
        rows = plain(directory, arguments)
        rows += [streaming(directory), start_up(directory)]
    report = {"date": time.strftime("%Y-%m-%d"), **hardware(), "rows": rows}
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
