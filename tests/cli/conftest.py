"""Commands in this process: what a process of its own adds is asked once of each command that reads or writes a pipe."""

import signal
import sys
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper

import pytest
from tests.cli.running import Ran, Run

from omnillm.cli.main import main

HEEDED = (signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """`serve` heeds them in its own way, and this process, from which others are forked, goes on."""
    before = [signal.getsignal(each) for each in HEEDED]
    yield
    for each, handler in zip(HEEDED, before, strict=True):
        signal.signal(each, handler)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("check", "-c", path, DEMO_KEY="...")`: the program's own `main`, in this process, with that environment and standard input."""

    def run(*arguments: str, stdin: str = "", **env: str) -> Ran:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["omnillm", *arguments])
            patched.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin.encode())))
            patched.setenv("COLUMNS", "200")
            for name in ("DEMO_KEY", "OPENAI_API_KEY"):
                patched.delenv(name, raising=False)
            for name, value in env.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
                sys.exit(0)
        told = capsys.readouterr()
        return Ran(int(ended.value.code or 0), told.out, told.err)

    return run
