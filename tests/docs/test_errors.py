"""`docs/errors.md` tells every code that the package can raise, with its class and status, and no other."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.docs.pages import ERRORS, names, rows

import omnillm
from omnillm import errors
from omnillm.gateway.refusals import _LIMITS
from omnillm.outcome import Verdict

SRC = Path(omnillm.__file__).parent
Raised = tuple[str, int, str]
"""(code, status, class)."""
CLASSES: Mapping[str, type[errors.OmniError]] = {
    name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.OmniError)
}
MADE = {*CLASSES, "Refusal", "Failure"}
WITHOUT_CODE = {"CallerFault", "Refused", "ProtocolError", "NotSent", "StaleConnection", "Defect"}
"""Never raised as such, or never told: before content every loss is `upstream_failed`, and a defect is an OmniError to whoever meets it."""
OF_STATUS = {400: "BadRequest", 402: "BudgetExceeded", 404: "UnknownModel", 429: "RateLimited", 503: "NoAvailableKey"}
"""What the gateway makes of the controller's refusals."""
SEARCH_ONLY = {"all_keys_tried", "retry_budget"}
"""They end a search for a key; the caller is told its last failure."""
NOT_SENT = {"upstream_unreachable", "upstream_connections"}


def constants(node: ast.expr | None, kind: type) -> set:
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and type(each.value) is kind} if node else set()


@cache
def calls() -> list[tuple[str, dict[str | None, ast.expr]]]:
    """Name and keywords of every call in the package that makes an error or a refusal, but for the fake provider's."""
    sources = [path.read_text() for path in SRC.rglob("*.py") if "testing" not in path.relative_to(SRC).parts]
    nodes = (node for source in sources if any(name in source for name in MADE) for node in ast.walk(ast.parse(source)))
    return [
        (node.func.id, {keyword.arg: keyword.value for keyword in node.keywords})
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MADE
    ]


def raised() -> Iterator[Raised]:
    for name, keywords in calls():
        codes = constants(keywords.get("code"), str)
        if name in CLASSES:
            [status] = constants(keywords.get("status"), int) or {CLASSES[name].status}
            yield from ((code, status, name) for code in codes)
        elif name == "Refusal" and "status" in keywords:  # the controller's; the model's is a part of a message
            for status in constants(keywords["status"], int):
                yield from ((code, status, OF_STATUS[status]) for code in codes if is_of(code, status))
    yield from ((code, 429, "RateLimited") for code in _LIMITS)
    yield from ((reason, 400, "ProtocolError") for reason in errors.ProtocolError.REASONS)
    yield from ((each.code, each.status, name) for name, each in CLASSES.items() if name not in WITHOUT_CODE)


def is_of(code: str, status: int) -> bool:
    """Of a refusal whose code and status are both chosen: `all_keys_limited` is the 429, `all_keys_broken` the 503."""
    return {"all_keys_limited": 429, "all_keys_broken": 503}.get(code, status) == status


def known() -> set[Raised]:
    return {each for each in raised() if each[0] not in SEARCH_ONLY | NOT_SENT}


def told() -> list[tuple[str, str, str]]:
    return [(code, cells[1], names(cells[2])[0]) for cells in rows(ERRORS, "code") for code in names(cells[0])]


def test_every_code_is_told_with_its_class() -> None:
    """Once each, and the codes that are never told are said to be so."""
    assert sorted((code, name) for code, _, name in told()) == sorted((code, name) for code, _, name in known())
    assert all(f"`{code}`" in ERRORS for code in SEARCH_ONLY)


def test_every_code_is_told_with_its_status() -> None:
    """The number that a client sees; a configuration's error and a provider's own have none of their class."""
    statuses = {code: status for code, status, _ in known()}
    for code, status, name in told():
        if name not in {"ConfigError", "ProviderError"}:
            assert int(status.replace(",", " ").split()[0]) == statuses[code], code


def test_every_reason_is_one_that_is_given() -> None:
    """A word in a list is no error yet."""
    given = {reason for name, keywords in calls() if name == "ProtocolError" for reason in constants(keywords.get("reason"), str)}
    assert given == set(errors.ProtocolError.REASONS)


def test_every_error_of_an_attempt_is_told() -> None:
    """What can stand in an attempt's row beside the provider's own words."""
    failures = {code for name, keywords in calls() if name == "Failure" for code in constants(keywords.get("code"), str)}
    lost = {code for code, _, name in known() if name in {"UpstreamLost", "UpstreamTimeout"}} - {"upstream_failed"}
    listed = {code for cells in rows(ERRORS, "error of an attempt") for code in names(cells[0])}
    assert listed == failures | lost | NOT_SENT | {"aborted", "process_lost", "shutting_down", "overloaded"}


def test_every_outcome_stands_in_both_tables() -> None:
    """What it keeps, and what it sets aside."""
    kept, _, rests = ERRORS.partition("\n## What an outcome sets aside\n")
    for table in (kept, rests):
        assert {code for cells in rows(table, "outcome") for code in names(cells[0])} >= {verdict.value for verdict in Verdict}
