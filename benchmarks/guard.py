"""`make bench-quick`: fails when the ratio to nginx falls more than 15 % under the committed one.

The ratio is of CPU a request, which holds where other programs run, too. `--write` commits to the ratio of now.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks.cases import one, started
from benchmarks.processes import HERE

KEPT = HERE / "results" / "guard.json"
LEAST = 0.85


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="omnillm-bench-") as name:
        directory = Path(name)
        directory.chmod(0o777)
        with started(directory, pairs=5, seconds=2) as bench:
            row = next(iter(one(bench)))
    print(json.dumps(row))
    ratio = float(str(row["cpu_ratio"]))
    if arguments.write:
        KEPT.write_text(json.dumps({"case": row["case"], "cpu_ratio": ratio, "python": platform.python_version()}, indent=1) + "\n")
    kept = json.loads(KEPT.read_text())["cpu_ratio"]
    print(f"{ratio:.3f} of nginx, {ratio / kept - 1:+.1%} to the committed {kept:.3f}")
    if ratio < LEAST * kept:
        sys.exit(f"the gateway costs too much: more than {1 - LEAST:.0%} over what it did")


if __name__ == "__main__":
    main()
