"""An example as a program of its own, forked from one that has imported the package."""

import os
import re
import runpy
import sys
from pathlib import Path


def run_example(path: Path, place: Path, out: Path, err: Path) -> None:
    """In the directory `place`, without a key in the environment, which would make the calls real ones; what it prints goes to the two files."""
    for name in list(os.environ):
        if re.search(r"_API_KEY(_\d+)?$", name):
            del os.environ[name]
    for number, file in ((1, out), (2, err)):
        with file.open("wb") as opened:
            os.dup2(opened.fileno(), number)
    os.chdir(place)
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.parent))
    runpy.run_path(str(path), run_name="__main__")
