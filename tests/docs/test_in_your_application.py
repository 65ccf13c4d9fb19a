"""The programs of `docs/in-your-application.md` do what the page says: every block is a file, and all of them are run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs/in-your-application.md"
DRIVER = Path(__file__).with_name("applications.py")
SAID = "You said: A word about {}."


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The page's files in one directory."""
    for block in blocks(PAGE, "python"):
        name = re.match(r"# (\w+\.py)\n", block)
        assert name, block
        (tmp_path / name[1]).write_text(block)
    return tmp_path


def run(*arguments: str, place: Path) -> str:
    """Under warnings that are errors: nothing is left open, nothing deprecated is used."""
    ran = subprocess.run([sys.executable, "-W", "error", *arguments], check=False, cwd=place, capture_output=True, text=True, timeout=50)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    return ran.stdout


def test_every_framework_is_served(place: Path) -> None:
    """FastAPI and Django over ASGI, Flask from a thread, Celery with an error that comes back whole."""
    told = run(str(DRIVER), str(place), place=place)
    lakes = re.escape(SAID.format("lakes"))
    for pattern in (
        rf'^fastapi:\n200 {{"text":"{lakes}.*","cost_usd":"0\.\d+","request_id":"\w+"}}\n200 "{lakes}.*\n200 {re.escape(SAID.format("rivers"))}.*\n503 .*"no_available_key"',
        rf"^django:\n200 {lakes}.*\n200 {lakes}",
        rf"^flask: {lakes}.* {lakes}",
        r"^structured: Lake\(name='\w+', depth_m=\d+\)$",
        rf"^celery: {lakes}.*\ncelery: FAILURE model_not_found 404$",
    ):
        assert re.search(pattern, told, re.MULTILINE), told


def test_a_users_tests_pass(place: Path) -> None:
    """As they stand on the page, in pytest-asyncio's automatic mode."""
    told = run(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_mode=auto",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
        "test_words.py",
        place=place,
    )
    assert "2 passed" in told
