"""`docs/operating.md` can be followed by somebody who has just been woken: its names and messages exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from tests.docs.pages import ERRORS, MONITORING, ROOT, blocks, names, rows

import omnillm
from omnillm.outcome import Verdict

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


def test_alerts_ask_for_what_is_there() -> None:
    """Each rule is one, and names metrics, labels' values and codes that the pages know."""
    [scrape, rules] = map(yaml.safe_load, blocks(PAGE, "yml"))
    assert scrape["scrape_configs"][0]["authorization"]
    known = {names(cells[0])[0] for cells in rows(MONITORING, "metric")}
    codes = {code for cells in rows(ERRORS, "code") for code in names(cells[0])} | {verdict.value for verdict in Verdict}
    panels = [query for cells in rows(PAGE.read_text(), "panel") for query in names(cells[1])]
    for query in (*panels, *(rule["expr"] for rule in rules["groups"][0]["rules"])):
        metrics = re.findall(r"omnillm_\w+", query.replace("_bucket", ""))
        assert {*metrics} <= known | {"omnillm"}, query
    for rule in rules["groups"][0]["rules"]:
        for alternatives in re.findall(r'(?:outcome|verdict|code)=~"([^"]+)"', rule["expr"]):
            for pattern in alternatives.split("|"):
                assert any(re.fullmatch(pattern, code) for code in codes), pattern


def test_the_pod_is_probed_where_the_gateway_answers() -> None:
    """As the page on deployment has it."""
    [pod] = map(yaml.safe_load, blocks(ROOT / "docs/deployment.md", "yml"))
    [container] = pod["spec"]["template"]["spec"]["containers"]
    asked = {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("readiness", "liveness")}
    assert asked == {"/readyz", "/healthz"} == {names(cells[0])[0].removeprefix("GET ") for cells in rows(MONITORING, "path")} - {"/"}


def test_every_code_by_symptom_is_one() -> None:
    """What a client is told, as the table of errors has it."""
    known = {code for cells in rows(ERRORS, "code") for code in names(cells[0])}
    told = {name for cells in rows(PAGE.read_text(), "clients see") for name in names(cells[0]) if name.islower() and "/" not in name}
    assert len(told) > 15
    assert told <= known
