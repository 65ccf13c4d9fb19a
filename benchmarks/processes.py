"""The programs of a run: started pinned to a core, waited for, and ended by their own process id."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
PROXY_CORE, LOAD_CORE = "0", "1"
NEEDED = {"wrk": "wrk", "nginx": "nginx-light"}


def missing_programs() -> list[str]:
    """Debian packages of the programs that are not there."""
    return [package for program, package in NEEDED.items() if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: list[str], *, core: str, port: int, env: dict[str, str] | None = None, patience_s: float = 30.0
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens on `port`, ended when the block is left. What it prints is dropped."""
    process = subprocess.Popen(
        ["taskset", "-c", core, *command], env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port, process, patience_s)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], patience_s: float) -> None:
    for _ in range(int(patience_s / 0.05)):
        if process.poll() is not None:
            sys.exit(f"{process.args} ended with {process.returncode} before it listened")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{process.args} does not listen on port {port}")


def nginx(name: str, directory: Path, **values: str) -> list[str]:
    """The command of an nginx with `nginx/NAME.conf`, its @PLACES@ filled in."""
    text = (HERE / "nginx" / f"{name}.conf").read_text()
    for place, value in {"DIR": str(directory), **values}.items():
        text = text.replace(f"@{place}@", value)
    path = directory / f"{name}.conf"
    path.write_text(text)
    return [shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx", "-c", str(path), "-e", "stderr", "-p", str(directory)]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children (nginx's worker) so far, by the scheduler's own count of nanoseconds.

    /proc/PID/stat tells the same in steps of 10 ms, and a second of streams costs some two hundred.
    """
    threads = (int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(threads) / 1_000_000_000 + sum(cpu_seconds(int(child)) for child in children)


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
