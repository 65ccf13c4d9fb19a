"""The front page keeps its word: its program runs as it stands, and the faults that it names are there."""

import asyncio
import contextlib
import io
import re

import pytest
from tests.docs.pages import ROOT, blocks

from omnillm.testing import FAULTS, FakeProvider

README = ROOT / "README.md"


async def test_the_program_of_the_front_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, with the imports that it shows; only its provider is the fake one."""
    [program] = [block for block in blocks(README, "python") if "asyncio.run" in block]
    for name in re.findall(r'"(OPENAI_API_KEY\w*)"', program):
        monkeypatch.setenv(name, f"sk-{name}")
    told = io.StringIO()
    async with FakeProvider() as provider:
        code = compile(program.replace(".openai()", f".openai({provider.base_url!r})"), "README.md", "exec")
        with contextlib.redirect_stdout(told):
            await asyncio.to_thread(exec, code, {"__name__": "__main__"})
    assert re.fullmatch(r"You said: How deep is the lake\? .* 0\.\d+ 4\.\d+\n", told.getvalue())


def test_the_faults_that_the_front_page_names_are_there() -> None:
    """Whoever tries one is not told that there is none."""
    named = re.findall(r"\[\[fault:([a-z_0-9]+)\]\]", README.read_text())
    assert named
    assert set(named) <= FAULTS.keys()
