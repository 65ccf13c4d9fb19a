"""What is left of a run of tests that is killed."""

import os
import signal
import subprocess

import pytest
from tests.postgres import watch


@pytest.fixture(autouse=True)
def heeds_quit():
    """What a shell starts in the background ignores SIGQUIT, and so would what is started here."""
    before = signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGQUIT, before)


def test_a_killed_run_leaves_no_server(tmp_path):
    """It ends with the process that ran the tests, as it would by its own command, and its files are gone. Not before."""
    place = tmp_path / "server"
    place.mkdir()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as run, subprocess.Popen(["cat"], stdin=subprocess.PIPE) as server:
        (place / "postmaster.pid").write_text(f"{server.pid}\n{place}\n")
        watcher = watch(run.pid, place)
        assert server.poll() is None
        run.kill()
        assert server.wait(30) == -signal.SIGQUIT
        assert os.waitpid(watcher, 0) == (watcher, 0)
        assert not place.exists()


def test_a_run_that_ended_well_has_cleaned_up(tmp_path):
    """Nothing is left to be ended."""
    with subprocess.Popen(["true"]) as run:
        assert os.waitpid(watch(run.pid, tmp_path / "server"), 0)[1] == 0
