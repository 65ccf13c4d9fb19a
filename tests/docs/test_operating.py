"""`docs/operating.md` can be followed by somebody who has just been woken: its names and messages exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from tests.docs.pages import ERRORS, ROOT, names, rows

import omnillm

PAGE = ROOT / "docs/operating.md"
LOGGERS = {"log", "_log", "LOG", "logger"}
LEVELS = {"warning", "error", "exception"}


def messages() -> Iterator[str]:
    """The warnings and errors that the package logs, with `...` for what is filled in; a trace is none of it."""
    sources = [path.read_text() for path in Path(omnillm.__file__).parent.rglob("*.py")]
    for source in sources:
        if not any(logger in source for logger in LOGGERS) or not any(level in source for level in LEVELS):
            continue  # parsing takes the most time
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=level), args=[ast.Constant(value=str(text)), *_]) if (
                    name in LOGGERS and level in LEVELS
                ):
                    yield re.sub(r"%[a-z]", "...", text.removesuffix(":\n%s")).replace("%%", "%")


def test_every_message_is_told() -> None:
    """And none that is not logged. A cloud's own words are a message with nothing of ours in it."""
    told = {name for cells in rows(PAGE.read_text(), "message") for name in names(cells[0])}
    assert told == {"key .../...: ..." if text == "..." else text for text in messages()}


def test_every_alert_is_told() -> None:
    """With whom it wakes, as the rules have it."""
    [group] = yaml.safe_load((ROOT / "deploy/prometheus/omnillm.rules.yaml").read_text())["groups"]
    told = {names(cells[0])[0]: cells[1] for cells in rows(PAGE.read_text(), "alert")}
    assert told == {rule["alert"]: rule["labels"]["severity"] for rule in group["rules"]}


def test_every_code_by_symptom_is_one() -> None:
    """What a client is told, as the table of errors has it."""
    known = {code for cells in rows(ERRORS, "code") for code in names(cells[0])}
    told = {name for cells in rows(PAGE.read_text(), "clients see") for name in names(cells[0]) if name.islower() and "/" not in name}
    assert len(told) > 15
    assert told <= known
