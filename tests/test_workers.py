"""Forked workers run what one process would, and tell the same."""

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.workers import A_TIME, Queue, ranges

SUITE = """
import os, signal, warnings
from pathlib import Path
import pytest

@pytest.fixture(scope="session")
def shared(testrun_uid, tmp_path_factory):
    yield testrun_uid
    with Path("ends").open("a") as ends:
        ends.write(f"{testrun_uid} {tmp_path_factory.getbasetemp().name}\\n")

@pytest.mark.parametrize("number", range(20))
def test_well(shared, tmp_path, number):
    with Path("runs").open("a") as runs:
        runs.write(f"{number}\\n")

def test_wrong(shared):
    print("wrong and told")
    assert shared == 2

def test_quiet():
    print("well and told")

@pytest.mark.skip(reason="none")
def test_none():
    pass

def test_gone():
    os.kill(os.getpid(), signal.SIGKILL)

def test_behind():
    pass
"""


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (path / "test_suite.py").write_text(SUITE)
    plugins = ["-p", "tests.conftest", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(path), *plugins, *arguments, "test_suite.py"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path, env=environment, timeout=50)


def test_each_test_is_run_once_and_told_as_by_one_process(tmp_path: Path) -> None:
    """With what a failed one printed, what the workers share made once a worker and ended by it; what one that is gone had taken is told."""
    ran = run(tmp_path, "--workers", "2")
    assert ran.returncode == 1, ran.stdout
    assert "3 failed, 21 passed, 1 skipped" in ran.stdout or "2 failed, 22 passed, 1 skipped" in ran.stdout, ran.stdout
    assert "wrong and told" in ran.stdout
    assert "well and told" not in ran.stdout
    assert "its worker has gone in the middle of it" in ran.stdout
    assert sorted(map(int, (tmp_path / "runs").read_text().split())) == list(range(20))
    ends = [line.split() for line in (tmp_path / "ends").read_text().splitlines()]
    assert len({run for run, _ in ends}) == 1
    assert 1 <= len({place for _, place in ends}) == len(ends) <= 2


def test_the_first_failure_ends_the_run_when_that_is_wanted(tmp_path: Path) -> None:
    """What others are at is ended; nothing more is begun, and what they share is closed."""
    ran = run(tmp_path, "--workers", "2", "-x", "-k", "wrong or quiet")
    assert ran.returncode == 1, ran.stdout
    assert "stopping after 1 failures" in ran.stdout
    assert "1 failed" in ran.stdout


@given(st.lists(st.integers(1, 30), max_size=9))
def test_every_place_is_taken_once(tests: list[int]) -> None:
    """In order; of one file at a time, not too many, and in the end one by one."""
    files = [file for file, count in enumerate(tests) for _ in range(count)]
    taken = list(ranges(files))
    assert [place for first, end in taken for place in range(first, end)] == list(range(len(files)))
    assert all(end - first <= A_TIME and len(set(files[first:end])) == 1 for first, end in taken)
    queue = Queue(files)
    one, other = queue.take(), queue.take()
    assert sorted([*one, *other]) == list(range(len(files)))
    queue.close()


def test_an_emptied_queue_gives_nothing() -> None:
    """Whoever has taken tests runs them; no more are taken."""
    queue = Queue(["a"] * 100)
    places = queue.take()
    assert next(places) == 0
    queue.empty()
    assert list(places) == list(range(1, A_TIME))
    queue.close()
