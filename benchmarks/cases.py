"""The cases: each a function of the bench that yields rows, one a figure or a few of them."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway import Setup, gateway, key_of, serve_command, write_config
from benchmarks.processes import LOAD_CORE, PROXY_CORE, cpu_seconds, free_port, nginx, resident_mib, running
from benchmarks.wrk import Server, Shape, load, paired

Row = dict[str, object]
CONTENT = "Hello! How can I assist you today? " * 9
STREAMS_MODULE = [sys.executable, "-m", "benchmarks.streams"]
EVENTS, GAP_MS, STREAMS, ROUNDS_A_SECOND = 50, 2.0, 32, 8
EVENTS_A_STREAM = EVENTS + 3
"""With the finish, the usage and the end."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A mock provider and the yardstick in front of it, both running."""

    directory: Path
    mock: int
    source: Server
    """The mock itself."""
    yardstick: Server
    pairs: int
    seconds: float

    def pair(self, ours: Server, shape: Shape, case: str) -> Row:
        load(ours, shape, seconds=1)  # warm
        return {"case": case, **paired(self.yardstick, ours, shape, pairs=self.pairs, seconds=self.seconds)}


@contextmanager
def started(directory: Path, *, pairs: int, seconds: float) -> Iterator[Bench]:
    mock, proxy = free_port(), free_port()
    with ExitStack() as stack:
        source = stack.enter_context(running(nginx("mock", directory, MOCK=str(mock), CONTENT=CONTENT), core=LOAD_CORE, port=mock))
        command = nginx("proxy", directory, MOCK=str(mock), PROXY=str(proxy))
        yardstick = stack.enter_context(running(command, core=PROXY_CORE, port=proxy))
        yield Bench(
            directory=directory,
            mock=mock,
            source=Server(port=mock, pid=source.pid, headers={}),
            yardstick=Server(port=proxy, pid=yardstick.pid, headers={}),
            pairs=pairs,
            seconds=seconds,
        )


def mock_alone(bench: Bench) -> Iterator[Row]:
    """What load and mock can do with nothing between: everything else must stay well below."""
    yield {"case": "the mock alone", "requests_per_s": round(load(bench.source, Shape(), seconds=bench.seconds).requests_per_s)}


def plain(bench: Bench) -> Iterator[Row]:
    """By size, connections and durability, with memory before and after."""
    shapes = {
        "1 KB, 1 connection": Shape(connections=1),
        "1 KB, 64 connections": Shape(),
        "1 KB, 256 connections": Shape(connections=256),
        "1 KB, 1,000 connections": Shape(connections=1000),
        "1 KB, a new connection each": Shape(is_closing=True),
        "100 KB, 64 connections": Shape(prompt_bytes=100_000),
    }
    for durability in ("relaxed", "strict", "memory"):
        with gateway(bench.directory, Setup(durability=durability), mock=bench.mock) as ours:
            idle = resident_mib(ours.pid)
            for name, shape in shapes.items():
                row = bench.pair(ours, shape, f"{name}, {durability}")
                yield {**row, "idle_rss_mib": round(idle, 1), "rss_mib": round(resident_mib(ours.pid), 1)}


def one(bench: Bench) -> Iterator[Row]:
    """The one case of a quick run."""
    with gateway(bench.directory, Setup(), mock=bench.mock) as ours:
        yield bench.pair(ours, Shape(), "1 KB, 64 connections, relaxed")


def translated(bench: Bench) -> Iterator[Row]:
    """An Anthropic client over an OpenAI provider. nginx passes the same bytes on, and translates nothing."""
    with gateway(bench.directory, Setup(), mock=bench.mock) as ours:
        yield bench.pair(ours, Shape(protocol="anthropic_messages"), "1 KB, translated, 64 connections, relaxed")


def crowds(bench: Bench) -> Iterator[Row]:
    """Many provider keys and many virtual keys against one of each: the yardstick is the gateway itself with one and one."""
    with gateway(bench.directory, Setup(keys=1), mock=bench.mock) as single:
        load(single, Shape(), seconds=1)
        for keys, callers in ((10, 1), (1000, 1), (1, 100), (1, 10_000), (1000, 10_000)):
            with gateway(bench.directory, Setup(keys=keys, callers=callers), mock=bench.mock) as ours:
                shape = Shape(callers=callers)
                _warm(ours, shape)
                figures = _against(single, ours, shape, pairs=bench.pairs, seconds=bench.seconds)
                yield {"case": f"{keys} provider keys, {callers} virtual keys, to 1 and 1", **figures}


def _warm(ours: Server, shape: Shape) -> None:
    """Until every caller has come three times: from then on his head is known."""
    calls = 0.0
    while calls < 3 * shape.callers:
        calls += load(ours, shape, seconds=1).requests_per_s


def _against(single: Server, ours: Server, shape: Shape, *, pairs: int, seconds: float) -> dict[str, float]:
    rows = []
    for _ in range(pairs):
        a, b = load(single, Shape(), seconds=seconds), load(ours, shape, seconds=seconds)
        rows.append((b.requests_per_s / a.requests_per_s, a.cpu_us / b.cpu_us))
    ratio, cpu_ratio = (round(statistics.median(column), 3) for column in zip(*rows, strict=True))
    return {"ratio": ratio, "cpu_ratio": cpu_ratio}


def streaming(bench: Bench) -> Iterator[Row]:
    """CPU for 1,000 of the provider's events, in the client's own protocol and translated, and nginx's for the same streams."""
    mock, proxy = free_port(), free_port()
    directory = bench.directory / "streams"
    directory.mkdir()
    directory.chmod(0o777)
    with ExitStack() as stack:
        stack.enter_context(running([*STREAMS_MODULE, "mock", str(mock), str(EVENTS), str(GAP_MS)], core=LOAD_CORE, port=mock))
        command = nginx("proxy", directory, MOCK=str(mock), PROXY=str(proxy))
        yardstick = stack.enter_context(running(command, core=PROXY_CORE, port=proxy))
        ours = stack.enter_context(gateway(bench.directory, Setup(keys=1), mock=mock))
        theirs = Server(port=proxy, pid=yardstick.pid, headers={})
        for protocol, case in (("openai_chat", "streaming, same protocol"), ("anthropic_messages", "streaming, translated")):
            _stream(ours, protocol, rounds=1)  # warm
            rounds = round(ROUNDS_A_SECOND * bench.seconds)
            rows = [(*_stream(theirs, protocol, rounds=rounds), *_stream(ours, protocol, rounds=rounds)) for _ in range(bench.pairs)]
            nginx_rate, nginx_ms, rate, cpu_ms = (statistics.median(column) for column in zip(*rows, strict=True))
            figures = {"cpu_ms_per_1000_events": round(cpu_ms, 2), "nginx_cpu_ms_per_1000_events": round(nginx_ms, 2)}
            yield {"case": case, "events_per_s": round(rate), "nginx_events_per_s": round(nginx_rate), **figures}


def _stream(server: Server, protocol: str, *, rounds: int) -> tuple[float, float]:
    """The provider's events a second, and milliseconds of CPU for 1,000 of them."""
    command = ["taskset", "-c", LOAD_CORE, *STREAMS_MODULE, "load", str(server.port), key_of(0), protocol, str(STREAMS), str(rounds)]
    before, began = cpu_seconds(server.pid), time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    took, cpu_s = time.monotonic() - began, cpu_seconds(server.pid) - before
    events = STREAMS * rounds * EVENTS_A_STREAM
    return events / took, cpu_s * 1_000_000 / events


def open_streams(bench: Bench, *, streams: int = 5000, seconds: float = 60.0) -> Iterator[Row]:
    """Memory with many open streams, each with an event every ten seconds, and how it grows."""
    mock = free_port()
    with (
        running([*STREAMS_MODULE, "mock", str(mock), "1000000", "10000"], core=LOAD_CORE, port=mock),
        gateway(bench.directory, Setup(keys=1), mock=mock) as ours,
    ):
        command = ["taskset", "-c", LOAD_CORE, *STREAMS_MODULE, "hold", str(ours.port), key_of(0), str(streams), str(seconds + 60)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
            assert clients.stdout is not None
            opened = clients.stdout.readline() == "open\n"
            first = resident_mib(ours.pid)
            time.sleep(seconds)
            last, is_alive = resident_mib(ours.pid), clients.poll() is None
            clients.terminate()
    if not (opened and is_alive):
        sys.exit(f"{streams} streams could not be held open")
    yield {"case": f"{streams} open streams", "rss_mib": round(first, 1), "seconds": seconds, "rss_mib_after": round(last, 1)}


def open_loop(bench: Bench, *, rate: int = 1000) -> Iterator[Row]:
    """Added latency at a fixed rate, in microseconds: the gateway's quantiles less nginx's own of the same run."""

    def ask(server: Server) -> dict[str, float]:
        command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "benchmarks.open_loop", str(server.port), str(rate)]
        run = subprocess.run([*command, str(bench.seconds * 2), key_of(0)], check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(run.stdout)
        return found

    for durability in ("relaxed", "strict"):
        with gateway(bench.directory, Setup(durability=durability), mock=bench.mock) as ours:
            ask(ours)
            runs = [(ask(bench.yardstick), ask(ours)) for _ in range(bench.pairs)]
        medians = {name: round(statistics.median(with_us[name] - without[name] for without, with_us in runs)) for name in runs[0][0]}
        own = {f"nginx_{name}": round(statistics.median(without[name] for without, _ in runs)) for name in runs[0][0]}
        yield {"case": f"added latency at {rate} calls/s, {durability}, us", **medians, **own}


def start_up(bench: Bench) -> Iterator[Row]:
    """Seconds from start to the first answer of /readyz, median of five; and memory then."""
    times, idle = [], 0.0
    for _ in range(5):
        port = free_port()
        config = write_config(bench.directory, Setup(durability="strict", keys=2), port=port, mock=bench.mock)
        began = time.monotonic()
        with running(serve_command(config), core=PROXY_CORE, port=port) as process:
            subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/readyz"], check=True, capture_output=True)
            times.append(time.monotonic() - began)
            idle = resident_mib(process.pid)
    yield {"case": "start to ready", "seconds": round(statistics.median(times), 3), "idle_rss_mib": round(idle, 1)}


CASES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "mock": mock_alone,
    "plain": plain,
    "translated": translated,
    "crowds": crowds,
    "streaming": streaming,
    "open_streams": open_streams,
    "open_loop": open_loop,
    "start_up": start_up,
}
