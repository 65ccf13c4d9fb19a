"""`make bench-quick`: fails when the ratio to nginx falls more than 15 % under the committed one.

The ratio is of CPU a request, which holds where other programs run, too. `--write` commits to the ratio of now.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks.cases import Row, one, started
from benchmarks.processes import HERE, missing_programs

KEPT = HERE / "results" / "guard.json"
LEAST = 0.85


def is_well(row: Row, kept: Path = KEPT) -> bool:
    """Say how the ratio stands to the committed one; False when it has fallen too far."""
    ratio, committed = float(str(row["cpu_ratio"])), json.loads(kept.read_text())["cpu_ratio"]
    print(f"{ratio:.3f} of nginx, {ratio / committed - 1:+.1%} to the committed {committed:.3f}")
    return bool(ratio >= LEAST * committed)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    packages = missing_programs()
    if packages:
        sys.exit(f"make bench-quick needs {' and '.join(packages)}: apt-get install {' '.join(packages)}")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="omnillm-bench-") as name:
        directory = Path(name)
        directory.chmod(0o777)
        with started(directory, pairs=5, seconds=2) as bench:
            row = next(iter(one(bench)))
    print(json.dumps(row))
    if arguments.write:
        kept = {"case": row["case"], "cpu_ratio": row["cpu_ratio"], "python": platform.python_version()}
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    if not is_well(row):
        sys.exit(f"the gateway costs too much: its ratio is more than {1 - LEAST:.0%} under the committed one")


if __name__ == "__main__":
    main()
