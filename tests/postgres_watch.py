"""`python postgres_watch.py PID PLACE`: once that process has ended, however it did, ends the PostgreSQL in that directory and removes both."""

import os
import select
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path


def end_of(process: int) -> None:
    """Waits for it. One that has ended long ago has ended."""
    with suppress(ProcessLookupError):
        watched = os.pidfd_open(process)
        select.select([watched], [], [])


def main(process: int, place: Path) -> None:
    end_of(process)
    with suppress(FileNotFoundError, ProcessLookupError):
        postmaster = int((place / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGQUIT)
        end_of(postmaster)
    shutil.rmtree(place, ignore_errors=True)  # a run that ended well has done so itself


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
