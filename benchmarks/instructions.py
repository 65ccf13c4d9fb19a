"""Instructions that each pure part takes, counted by callgrind: the same on a busy machine and on a quiet one.

`python -m benchmarks.instructions` compares them with `benchmarks/results/instructions.json` and fails when one is more than 5 % above;
`--write` writes them anew. They are of one interpreter: another version or build is compared with nothing, and says so.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from benchmarks.processes import HERE
from benchmarks.workloads import WORKLOADS

TABLE = HERE / "results" / "instructions.json"
TOLERANCE = 1.05
TIMES = 50


def counted() -> dict[str, int]:
    """Thousands of instructions of one act, by workload."""
    with tempfile.TemporaryDirectory(prefix="omnillm-callgrind-") as name:
        out = Path(name) / "out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "-q", sys.executable, "-m", "benchmarks.workloads"]
        env = {**os.environ, "PYTHONHASHSEED": "0"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            _expect(process.stdout.readline(), "ready")
            for workload in WORKLOADS:
                _control(process.pid, "--zero")
                process.stdin.write(f"{workload} {TIMES}\n")
                process.stdin.flush()
                _expect(process.stdout.readline(), "done")
                _control(process.pid, f"--dump={workload}")
            process.stdin.close()
        dumps = [path.read_text() for path in Path(name).iterdir()]
    totals = {}
    for dump in dumps:
        trigger = re.search(r"^desc: Trigger: dump (.*)$", dump, re.MULTILINE)
        total = re.search(r"^summary: (\d+)", dump, re.MULTILINE)
        if trigger and total and trigger[1] in WORKLOADS:
            totals[trigger[1]] = int(total[1]) // TIMES
    return {workload: totals[workload] for workload in WORKLOADS}


def _expect(line: str, wanted: str) -> None:
    if line != f"{wanted}\n":
        sys.exit(f"the workloads said {line!r} instead of {wanted!r}")


def _control(pid: int, verb: str) -> None:
    subprocess.run(["callgrind_control", verb, str(pid)], check=True, capture_output=True)


def interpreter() -> str:
    is_optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"CPython {platform.python_version()}, {'with' if is_optimised else 'without'} profile-guided optimisation, {platform.machine()}"


def compared(now: dict[str, int], before: dict[str, int]) -> bool:
    """Print the table; False when something costs more than it may."""
    is_well = True
    for workload, instructions in now.items():
        known = before.get(workload)
        is_worse = known is not None and instructions > known * TOLERANCE
        is_well &= not is_worse
        change = f"{instructions / known - 1:+.1%}" if known else "new"
        print(f"{workload:60} {instructions:10,} {change:>8}{'   TOO MUCH' if is_worse else ''}")
    return is_well


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("the instructions are counted by valgrind: apt-get install valgrind")
    now = counted()
    if arguments.write:
        TABLE.write_text(json.dumps({"interpreter": interpreter(), "instructions": now}, indent=1) + "\n")
    kept = json.loads(TABLE.read_text())
    if kept["interpreter"] != interpreter():
        print(f"The table is of {kept['interpreter']}, this is {interpreter()}: nothing is compared.")
        kept["instructions"] = {}
    if not compared(now, kept["instructions"]):
        sys.exit(1)


if __name__ == "__main__":
    main()
