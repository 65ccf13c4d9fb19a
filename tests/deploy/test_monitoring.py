"""`deploy/prometheus/` and `deploy/grafana.json`: they ask for what a gateway shows, and each alert is raised by its trouble."""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.deploy.deployed import DEPLOY, deployed
from tests.docs.pages import ERRORS, names, rows

from omnillm.outcome import Verdict
from omnillm.testing import FAULTS

RULES = DEPLOY / "prometheus/omnillm.rules.yaml"
ALERTS = {rule["alert"]: rule for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
DASHBOARD = json.loads((DEPLOY / "grafana.json").read_text())
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")

FAILED = 'omnillm_failed_attempts_total{provider="p", key="k", verdict="%s"}'
KEY = {"provider": "p", "key": "k"}
ILL = {
    "Down": ({'up{job="omnillm"}': "0x40"}, {}, "No gateway answers."),
    "LedgerDown": ({"omnillm_ledger_healthy": "0x40"}, {}, "The ledger cannot be written."),
    "CallsFail": (
        {'omnillm_calls_total{outcome="upstream_lost"}': "0+3x40", 'omnillm_calls_total{outcome="success"}': "0+57x40"},
        {},
        "5% of calls fail.",
    ),
    "NoKeyLeft": ({'omnillm_key_available{provider="p", key="k"}': "0x40"}, {"provider": "p"}, "No key of p can take a call."),
    "CallsTurnedAway": ({'omnillm_refusals_total{code="queue_full"}': "0+1x40"}, {"code": "queue_full"}, "Calls are refused: queue_full."),
    "ProviderFails": ({FAILED % "timeout": "0+3x40"}, {"provider": "p"}, "p fails, though failover may hide it."),
    "KeyRefused": ({FAILED % "key_dead": "_x20 1x20"}, KEY | {"verdict": "key_dead"}, "Key p/k is refused: key_dead."),
    "BudgetNearlySpent": (
        {'omnillm_budget_left_usd{budget="b"}': "4x40", 'omnillm_budget_limit_usd{budget="b"}': "50x40"},
        {"budget": "b"},
        "Of budget b 4 USD are left.",
    ),
    "CallsWaitLong": (
        {'omnillm_call_duration_seconds_bucket{le="60"}': "0x40", 'omnillm_call_duration_seconds_bucket{le="300"}': "0+1x40"}
        | {'omnillm_call_duration_seconds_bucket{le="+Inf"}': "0+1x40"},
        {},
        "One call in 20 takes over 4m 48s.",
    ),
    "LogLinesDropped": ({"omnillm_log_lines_dropped_total": "0+1x40"}, {}, "Nobody reads the call log in time."),
    "SpansDropped": ({"omnillm_spans_dropped_total": "0+1x40"}, {}, "The collector of traces does not take them."),
}
"""Of each alert: what Prometheus has read, twice a minute; and what is then told after a quarter of an hour."""
WELL = {
    'up{job="omnillm"}': "1x40",
    "omnillm_ledger_healthy": "1x40",
    'omnillm_calls_total{outcome="success"}': "0+99x40",
    'omnillm_calls_total{outcome="upstream_lost"}': "0+1x40",
    'omnillm_key_available{provider="p", key="k"}': "0x40",
    'omnillm_key_available{provider="p", key="l"}': "1x40",
    'omnillm_refusals_total{code="model_not_found"}': "0+1x40",
    FAILED % "server_fault": "0+1x40",
    FAILED % "key_dead": "1x40",
    'omnillm_budget_left_usd{budget="b"}': "40x40",
    'omnillm_budget_limit_usd{budget="b"}': "50x40",
    'omnillm_call_duration_seconds_bucket{le="60"}': "0+1x40",
    'omnillm_call_duration_seconds_bucket{le="+Inf"}': "0+1x40",
    "omnillm_log_lines_dropped_total": "3x40",
    "omnillm_spans_dropped_total": "3x40",
}
"""A few failures are none of these; a second gateway stands by, and is not up."""


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in ALERTS.values())
    yield from (target["expr"] for target in TARGETS)


def promtool(*arguments: object) -> None:
    ran = subprocess.run(["promtool", *map(str, arguments)], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def series(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": value} for name, value in values.items()]


@needs_promtool
def test_each_trouble_raises_its_alert_and_health_none(tmp_path: Path) -> None:
    """As Prometheus evaluates the rules, with what they say."""
    assert ALERTS.keys() == ILL.keys()
    tests = [
        {
            "interval": "30s",
            "input_series": series(values),
            "alert_rule_test": [
                {
                    "eval_time": "15m",
                    "alertname": alert,
                    "exp_alerts": [{"exp_labels": labels | ALERTS[alert]["labels"], "exp_annotations": {"summary": told}}],
                }
            ],
        }
        for alert, (values, labels, told) in ILL.items()
    ]
    quiet = [{"eval_time": "15m", "alertname": alert, "exp_alerts": []} for alert in ALERTS]
    tests.append({"interval": "30s", "input_series": series(WELL | {'up{job="omnillm", instance="b"}': "0x40"}), "alert_rule_test": quiet})
    asked = tmp_path / "tests.yaml"
    asked.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": tests}))
    promtool("test", "rules", asked)


@needs_promtool
def test_prometheus_takes_the_files(tmp_path: Path) -> None:
    """The rules, its own configuration, and each query of the dashboard, with an interval for Grafana's variable."""
    promtool("check", "rules", RULES)
    promtool("check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yaml")
    queries = [{"record": f"q{number}", "expr": target["expr"].replace("$__rate_interval", "5m")} for number, target in enumerate(TARGETS)]
    asked = tmp_path / "queries.yaml"
    asked.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": queries}]}))
    promtool("check", "rules", asked)


async def labels_shown() -> dict[str, set[str]]:
    """Of each series of a gateway that has seen a success, a failure that failover hid, and a refusal."""
    async with deployed() as gateway:
        _, made = await gateway.ask("admin", "/admin/v1/virtual-keys", {"name": "ada"})
        gateway.provider.enqueue(FAULTS["status_500"])
        for model, status in (("fast", 200), ("nothing", 404)):
            asked = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
            assert (await gateway.ask("calls", "/v1/chat/completions", asked, json.loads(made)["secret"]))[0] == status
        status, text = await gateway.ask("admin", "/metrics")
        assert status == 200
    labels: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels[sample.name] |= sample.labels.keys()
    return labels


async def test_rules_and_panels_use_labels_that_a_gateway_shows() -> None:
    """Every metric, every label that is asked for or shown, by the text that Prometheus reads."""
    shown = dict(await labels_shown())
    for query in expressions():
        asked = re.findall(r"(omnillm_\w+)(?:\{([^}]*)\})?", query.replace('job="omnillm"', ""))
        for metric, matchers in asked:
            assert set(re.findall(r"(\w+)=", matchers)) <= shown[metric], query
        grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", query))))
        assert grouped <= set().union(*(shown[metric] for metric, _ in asked)), query
    for target in TARGETS:
        [metric, *_] = re.findall(r"omnillm_\w+", target["expr"])
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= shown[metric], target


def test_rules_ask_for_codes_that_are_given() -> None:
    """Each alternative of a pattern is one of the pages' codes or outcomes."""
    codes = {code for cells in rows(ERRORS, "code") for code in names(cells[0])} | {verdict.value for verdict in Verdict}
    patterns = [
        each for query in expressions() for asked in re.findall(r'(?:outcome|verdict|code)=~"([^"]+)"', query) for each in asked.split("|")
    ]
    assert len(patterns) > 10
    assert [pattern for pattern in patterns if not any(re.fullmatch(pattern, code) for code in codes)] == []


def test_panels_have_places_of_their_own() -> None:
    """On Grafana's grid, 24 columns wide."""
    places = [(panel["gridPos"]["x"] + x, panel["gridPos"]["y"]) for panel in DASHBOARD["panels"] for x in range(panel["gridPos"]["w"])]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
