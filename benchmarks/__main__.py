"""`make bench`: the gateway on one core against nginx `proxy_pass` on that core, in interleaved pairs of one run."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.cases import CASES, Bench, Row, started
from benchmarks.neighbours import NEIGHBOURS, neighbours
from benchmarks.plot import write_plot
from benchmarks.processes import missing_programs


def hardware() -> dict[str, str]:
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {"cpu": model, "cores": str(os.cpu_count()), "python": f"{platform.python_version()} of {sys.base_prefix}", "commit": commit}


def run(bench: Bench, names: list[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        for row in CASES[name](bench):
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES), help="some of the cases")
    parser.add_argument(
        "--neighbours", nargs="*", choices=list(NEIGHBOURS), help="other gateways too (all, or some); see benchmarks/neighbours"
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON, and a plot of the ratios beside them")
    arguments = parser.parse_args()
    if arguments.out is not None and arguments.out.is_dir():
        parser.error("--out names a file, not a directory")
    packages = missing_programs()
    if packages:
        sys.exit(f"make bench needs {' and '.join(packages)}: apt-get install {' '.join(packages)}")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="omnillm-bench-") as name:
        directory = Path(name)
        directory.chmod(0o777)
        with started(directory, pairs=arguments.pairs, seconds=arguments.seconds) as bench:
            rows = run(bench, arguments.only)
            if arguments.neighbours is not None:
                rows += neighbours(bench, arguments.neighbours or list(NEIGHBOURS))
    report = {"date": time.strftime("%Y-%m-%d"), **hardware(), "rows": rows}
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")
        write_plot(report, arguments.out.with_suffix(".svg"))


if __name__ == "__main__":
    main()
