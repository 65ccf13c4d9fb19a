"""What the page makes of the admin API's replies."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import asdict, replace
from tests.dashboard.views import Views, nodes, rows, running_views, words

from omnillm.admission.asks import KeyHealth, KeySnapshot
from omnillm.usage import NO_USAGE

NOON_MS = 1_795_608_000_000
"""2026-11-25 12:00 UTC."""
USAGE = {**asdict(NO_USAGE), "input": 1200, "cache_read": 300, "output": 40, "reasoning": 2}
BUDGET = {
    "name": "team", "period": "2026-11", "is_hard": True, "limit_usd": "50", "used_usd": "12.5", "held_usd": "0.001614", "left_usd": "37.498386",
    "resets_at": NOON_MS / 1000 + 7 * 3600,
}  # fmt: skip
REQUEST = {
    "request_id": "01a2", "wall_ms": NOON_MS, "day": "2026-11-25", "duration_ms": 812, "caller": "ada", "protocol": "openai_chat", "operation": "generate",
    "model": "fast", "provider": "openai", "upstream_model": "gpt-4.1-mini", "key": "prod-1", "status": 200, "outcome": "success", "is_stream": True,
    "attempts": 2, "usage": USAGE, "is_estimated": True, "tags": "team=a", "session": "s", "loss": [{"path": "top_k", "kind": "dropped", "detail": "no such"}],
    "epoch": 1, "cost_usd": "0.0000328",
}  # fmt: skip
ATTEMPT = {
    "request_id": "01a2", "attempt": 1, "provider": "openai", "model": "gpt-4.1-mini", "key": "prod-2", "verdict": "rate_limited", "status": 429,
    "wall_ms": NOON_MS, "duration_ms": 5, "first_byte_ms": -1, "usage": asdict(NO_USAGE), "is_usage_known": False, "is_estimated": False,
    "price_version": "2026-11-25", "error": "rate_limit_exceeded", "epoch": 1, "cost_usd": "0",
}  # fmt: skip
ENTRY = {
    "request_id": "01a2", "attempt": 1, "kind": 0, "budget": "team", "period": "2026-11", "wall_ms": NOON_MS, "epoch": 1, "is_estimated": False,
    "amount_usd": "0.001614",
}  # fmt: skip
VIRTUAL_KEY = {
    "name": "bea", "state": "active", "source": "ledger", "rpm": 60, "tpm": 0, "max_concurrency": 0, "models": ["fast"], "budgets": ["team"],
    "budget": {"limit_usd": "5", "period": "month", "hard": True, "tz": "UTC"}, "tags": {}, "metadata": {}, "created_at": 1795579176.7,
    "rotated_at": None, "previous_secret_until": None, "expires_at": 1798761600.0, "revoked_at": None,
}  # fmt: skip
USAGE_ROW = {"model": "fast", "cost_usd": "1.5", "requests": 2, "attempts": 3, "usage": USAGE}


KEY = KeySnapshot(
    provider="openai", label="prod-1", group="prod-1", state="ready", is_available=True, in_flight=1, max_concurrency=0, tpm_inflight=0, tpm_used=163,
    tpm_limit=90_000, rpm_used=5, rpm_limit=500, cool_down_s=0.0, failure_cool_down_s=0.0, consecutive_failures=0, latency_ewma_s=0.412,
)  # fmt: skip


def key(**fields: Any) -> dict[str, Any]:
    return to_builtins(replace(KEY, **fields))


@pytest.fixture(scope="module")
def views() -> Iterator[Views]:
    with running_views() as views:
        yield views


@pytest.mark.parametrize(
    ("function", "given", "shown"),
    [
        ("usd", "0", "$0"),
        ("usd", "0.0000656", "$0.0000656"),
        ("usd", "0.00714321", "$0.00714"),
        ("usd", "0.999999", "$1"),
        ("usd", "1234567.891", "$1,234,567.89"),
        ("usd", "-0.5", "$-0.5"),
        ("usd", "0.000000001", "$0.000000001"),
        ("count", 0, "0"),
        ("count", 99_999, "99,999"),
        ("count", 123_456, "123 k"),
        ("count", 2_000_000, "2 M"),
        ("count", 7_654_321_000, "7.65 G"),
        ("seconds", 0.0071, "7 ms"),
        ("seconds", 4.82, "4.8 s"),
        ("seconds", 35.2, "35 s"),
        ("seconds", 600, "10 min"),
        ("seconds", 26_000, "7 h"),
        ("seconds", 2_592_000, "30 days"),
        ("dayOf", NOON_MS, "2026-11-25"),
    ],
)
def test_amounts(views: Views, function: str, given: object, shown: str) -> None:
    assert views(function, given) == shown


def test_figures_are_of_the_day_in_utc(views: Views) -> None:
    yesterday = {**USAGE_ROW, "day": "2026-11-24", "cost_usd": "9"}
    by_day = {"total": {**USAGE_ROW, "cost_usd": "10.5"}, "rows": [yesterday, {**USAGE_ROW, "day": "2026-11-25"}]}
    asked = {"byDay": by_day, "keys": [key(), key(state="dead", is_available=False)], "nowMs": NOON_MS}
    assert words(views("figures", asked))[::2] == ["$1.50", "$10.50", "2", "1.50", "1,500", "42", "1 / 2"]
    without = {**asked, "byDay": {"total": by_day["total"], "rows": [yesterday]}}
    assert words(views("figures", without))[::2] == ["$0", "$10.50", "0", "-", "0", "0", "1 / 2"]


def test_a_month_has_a_column_for_each_day(views: Views) -> None:
    by_day = {"rows": [{**USAGE_ROW, "day": "2026-11-24", "cost_usd": "0.5"}, {**USAGE_ROW, "day": "2026-11-25", "cost_usd": "2"}]}
    tree = views("days", {"byDay": by_day, "nowMs": NOON_MS})
    heights = [node[1]["height"] for node in nodes(tree) if node[1].get("class") == "used"]
    assert heights == [0] * 28 + [24, 96]
    titles = [node[2] for node in nodes(tree) if node[0] == "title"]
    assert (titles[0], titles[-1]) == ("2026-10-27: $0, 0 calls", "2026-11-25: $2.00, 2 calls")
    assert words(tree)[-3:] == ["2026-10-27", "at most $2.00 a day", "2026-11-25"]
    assert all(
        node[1]["height"] == 0 for node in nodes(views("days", {"byDay": {"rows": []}, "nowMs": NOON_MS})) if node[1].get("class") == "used"
    )


def test_a_budget_shows_what_is_used_and_held(views: Views) -> None:
    [row] = rows(tree := views("budgets", {"budgets": [BUDGET], "nowMs": NOON_MS}))
    assert row == ["team", "2026-11", "hard", "$12.50", "$0.00161", "$37.50", "$50.00", "", "in 7 h"]
    used, held = (node[1] for node in nodes(tree) if node[0] == "rect")
    assert (used["class"], used["x"], used["width"]) == ("used", 0, 25)
    assert (held["class"], held["x"], held["width"]) == ("held", 25, pytest.approx(0.003228))


def test_a_budget_that_is_passed_is_drawn_as_such_and_stays_within_its_bar(views: Views) -> None:
    tree = views(
        "budgets", {"budgets": [{**BUDGET, "is_hard": False, "used_usd": "75", "held_usd": "25", "resets_at": None}], "nowMs": NOON_MS}
    )
    pieces = [node[1] for node in nodes(tree) if node[0] == "rect"]
    assert [(piece["class"], piece["width"]) for piece in pieces] == [("over", 75), ("over", 25)]
    assert rows(tree)[0][2] == "soft"
    assert rows(tree)[0][-1] == "never"


def test_a_key_shows_its_state_its_rest_and_its_limits(views: Views) -> None:
    resting = key(
        label="prod-2", group="team", state="cooling", is_available=False, cool_down_s=12.4, latency_ewma_s=0.0, tpm_limit=0, in_flight=0, max_concurrency=8,
        models=(KeyHealth(model="gpt-5", state="exhausted", until_s=60.0, rpm_used=0, rpm_limit=0, tpm_used=0, tpm_limit=0),),
    )  # fmt: skip
    tree = views("keys", {"keys": [key(), resting]})
    assert rows(tree) == [
        ["openai/prod-1", "", "ready", "", "1", "5 / 500", "163 / 90,000", "412 ms", ""],
        ["openai/prod-2", "team", "cooling 12 s", "gpt-5: exhausted", "0 / 8", "5 / 500", "163", "-", "Revive"],
    ]
    [button] = [node[1] for node in nodes(tree) if node[0] == "button"]
    assert (button["data-do"], button["data-provider"], button["data-label"]) == ("revive", "openai", "prod-2")


def test_spending_puts_the_dearest_first_and_days_in_their_order(views: Views) -> None:
    cheap, dear = {**USAGE_ROW, "model": "cheap", "cost_usd": "0.9"}, {**USAGE_ROW, "model": "", "cost_usd": "10"}
    shown = rows(views("spending", {"by": "model", "usage": {"rows": [cheap, dear]}}))
    assert [row[:2] for row in shown] == [["-", "$10.00"], ["cheap", "$0.9"]]
    assert shown[1][2:6] == ["2", "3", "1,500", "42"]
    days = [{**cheap, "day": "2026-11-24"}, {**dear, "day": "2026-11-25"}]
    assert [row[:2] for row in rows(views("spending", {"by": "day,model", "usage": {"rows": days}}))] == [
        ["2026-11-24", "cheap"],
        ["2026-11-25", "-"],
    ]


def test_a_call_is_a_line_that_leads_to_its_attempts(views: Views) -> None:
    refused = {
        **REQUEST,
        "request_id": "01a3",
        "caller": "",
        "provider": "",
        "outcome": "budget_exceeded",
        "status": 402,
        "is_estimated": False,
    }
    tree = views("requests", {"requests": [REQUEST, refused]})
    assert rows(tree) == [
        ["2026-11-25 12:00:00", "ada", "fast", "openai/gpt-4.1-mini", "success 200", "2", "812 ms", "1,500", "42", "$0.0000328 ~"],
        ["2026-11-25 12:00:00", "-", "fast", "-", "budget_exceeded 402", "2", "812 ms", "1,500", "42", "$0.0000328"],
    ]
    assert [node[1]["data-request"] for node in nodes(tree) if "data-request" in node[1]] == ["01a2", "01a3"]


def test_one_call_shows_its_attempts_its_losses_and_its_money(views: Views) -> None:
    tree = views("request", {"id": "01a2", "request": REQUEST, "attempts": [ATTEMPT], "entries": [ENTRY, {**ENTRY, "kind": 2}]})
    said = words(tree)
    assert said[said.index("lost (dropped)") + 1] == "top_k: no such"
    assert said[said.index("cost") + 1] == "$0.0000328, estimated"
    attempt, reserved, voided = rows(tree)
    assert attempt == ["1", "openai/gpt-4.1-mini", "prod-2", "rate_limited 429", "rate_limit_exceeded", "5 ms", "-", "0", "0", "$0", "-"]
    assert reserved == ["1", "reserved", "team", "2026-11", "$0.001614"]
    assert voided[1] == "voided"


def test_a_call_under_way_has_no_row_yet(views: Views) -> None:
    said = words(views("request", {"id": "01a2", "request": None, "attempts": [], "entries": []}))
    assert said == ["01a2", "state", "under way", "Attempts", "No attempt is on record.", "In the budgets", "It drew on no budget."]


def test_virtual_keys(views: Views) -> None:
    free = {**VIRTUAL_KEY, "name": "free", "rpm": 0, "models": [], "budgets": [], "budget": None, "expires_at": None, "state": "revoked"}
    tree = views("virtualKeys", {"virtual_keys": [VIRTUAL_KEY, free], "has_more": True})
    assert rows(tree) == [
        ["bea", "active", "ledger", "fast", "60", "-", "-", "team, $5.00 a month", "2027-01-01"],
        ["free", "revoked", "ledger", "all", "-", "-", "-", "-", "never"],
    ]
    assert words(tree)[-1] == "There are more: omnillm keys list shows them all."


HOSTILE = "<img src=x onerror=alert(1)>\"'`javascript:alert(1)</script>"
TAGS = {"div", "b", "span", "p", "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "title", "button", "dl", "dt", "dd", "h2"}
ATTRIBUTES = {
    "class", "title", "scope", "viewBox", "preserveAspectRatio", "role", "aria-label", "x", "y", "width", "height", "type", "tabindex",
    "data-do", "data-provider", "data-label", "data-request",
}  # fmt: skip


def hostile(value: Any) -> Any:
    """The same reply, every text of it markup that would run."""
    if isinstance(value, dict):
        # Amounts and days are written by the gateway.
        return {name: child if name.endswith("_usd") or name == "day" else hostile(child) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [hostile(child) for child in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("function", "reply"),
    [
        ("budgets", {"budgets": [BUDGET], "nowMs": NOON_MS}),
        ("keys", {"keys": [key(models=(KeyHealth(model="m", state="x", until_s=1.0, rpm_used=0, rpm_limit=0, tpm_used=0, tpm_limit=0),))]}),
        ("spending", {"by": "model", "usage": {"rows": [USAGE_ROW]}}),
        ("requests", {"requests": [REQUEST]}),
        ("request", {"id": "01a2", "request": REQUEST, "attempts": [ATTEMPT], "entries": [ENTRY]}),
        ("virtualKeys", {"virtual_keys": [VIRTUAL_KEY], "has_more": False}),
    ],
)
def test_whatever_things_are_called_it_is_text(views: Views, function: str, reply: dict[str, Any]) -> None:
    by = {"by": reply["by"]} if "by" in reply else {}
    tree = views(function, {**hostile(reply), **by})
    assert any(HOSTILE in said for said in words(tree))
    assert {node[0] for node in nodes(tree)} <= TAGS
    assert {name for node in nodes(tree) for name in node[1]} <= ATTRIBUTES
