"""The counters as Prometheus reads them."""

import msgspec
import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from tests.server.test_call_log import ROW

from omnillm.admission.asks import BudgetSnapshot, KeySnapshot
from omnillm.gateway.counters import Counters
from omnillm.protocols.loss import LossReason
from omnillm.server.operations.metrics import render_metrics
from omnillm.usage import Usage

KEY = KeySnapshot(
    provider="openai",
    label="prod-1",
    group="",
    state="cooling",
    is_available=False,
    in_flight=2,
    max_concurrency=0,
    tpm_inflight=700,
    tpm_used=900,
    tpm_limit=1000,
    rpm_used=3,
    rpm_limit=10,
    cool_down_s=12.5,
    failure_cool_down_s=0.0,
    consecutive_failures=1,
    latency_ewma_s=0.1,
)
BUDGET = BudgetSnapshot(
    name="team", period="total", limit_nanousd=10**10, settled_nanousd=4 * 10**9, reserved_nanousd=10**9, is_hard=True, resets_at_wall=0.0
)


class Scraped:
    """What a scrape of these says: `scraped(name, *label values)`."""

    def __init__(self, counters: Counters, keys=(), budgets=(), *, is_healthy: bool = True, names_callers: bool = True) -> None:
        text = render_metrics(
            counters.copied(),
            keys,
            budgets,
            is_ledger_healthy=is_healthy,
            dropped={"log_lines": 7, "spans": 3},
            names_callers=names_callers,
        ).decode()
        self.text = text
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def __call__(self, name: str, *values: str) -> float:
        [found] = [each.value for each in self._samples if each.name == name and sorted(each.labels.values()) == sorted(values)]
        return found


def test_calls_add_up() -> None:
    """Calls, attempts, cost, tokens of each kind, and how long they took."""
    counters = Counters()
    counters.observe([ROW])
    counters.observe([replace(ROW, duration_ms=9, attempts=1)])
    labels = ("openai_chat", "openai", "gpt-4.1-mini", "success")
    scraped = Scraped(counters)
    assert scraped("omnillm_calls_total", *labels) == 2
    assert scraped("omnillm_attempts_total", *labels) == 3
    assert scraped("omnillm_cost_usd_total", *labels) == pytest.approx(0.002469)
    assert [scraped("omnillm_tokens_total", *labels, kind) for kind in ("input", "cache_read", "output", "reasoning")] == [24, 6, 60, 8]
    name = "omnillm_call_duration_seconds"
    assert [scraped(f"{name}_bucket", *labels, bound) for bound in ("0.005", "0.01", "0.25", "0.5", "+Inf")] == [0, 1, 1, 2, 2]
    assert (scraped(f"{name}_count", *labels), scraped(f"{name}_sum", *labels)) == (2, pytest.approx(0.421))


def test_refusals_are_counted_by_code() -> None:
    """Before any attempt; calls that were sent are no refusals."""
    counters = Counters()
    counters.refuse("invalid_api_key")
    counters.observe([replace(ROW, attempts=0, outcome="budget_exceeded", status=402)])
    counters.observe([ROW])
    scraped = Scraped(counters)
    assert scraped("omnillm_refusals_total", "invalid_api_key") == scraped("omnillm_refusals_total", "budget_exceeded") == 1
    assert counters.refusals.keys() == {"invalid_api_key", "budget_exceeded"}


def test_keys_and_budgets_show_how_they_stand() -> None:
    """In base units; without a limit nothing is left to count."""
    scraped = Scraped(Counters(), [KEY, replace(KEY, label="free", rpm_limit=0)], [BUDGET], is_healthy=False)
    for name, value in (("available", 0), ("in_flight", 2), ("requests_left", 7), ("cooldown_seconds", 12.5), ("tokens_in_flight", 700)):
        assert scraped(f"omnillm_key_{name}", "openai", "prod-1") == value
    assert scraped("omnillm_key_requests_left", "openai", "free") == -1
    assert [scraped(f"omnillm_budget_{name}_usd", "team") for name in ("limit", "used", "held", "left")] == [10, 4, 1, 5]
    assert scraped("omnillm_ledger_healthy") == 0
    assert scraped("omnillm_log_lines_dropped_total") == 7
    assert scraped("omnillm_spans_dropped_total") == 3


def test_a_callers_name_for_a_model_cannot_break_the_format() -> None:
    """Quotes, line breaks and backslashes come back as they were."""
    name = 'a"b\\c\nomnillm_calls_total 1000'
    counters = Counters()
    counters.observe([replace(ROW, upstream_model=name)])
    assert Scraped(counters)("omnillm_calls_total", "openai_chat", "openai", name, "success") == 1


def test_cost_and_tokens_are_counted_by_caller() -> None:
    """Who, where and which model; what was refused before it was sent cost nothing and is not there; strangers read no names."""
    counters = Counters()
    counters.observe([ROW])
    counters.observe([replace(ROW, usage=Usage(input_audio=5, output_audio=6, images=2, tool_calls=3), outcome="aborted")])
    counters.observe([replace(ROW, caller="team-b")])
    counters.observe([replace(ROW, caller="team-c", attempts=0, cost_nanousd=0)])
    labels = ("team-a", "openai", "gpt-4.1-mini")
    scraped = Scraped(counters)
    assert scraped("omnillm_caller_calls_total", *labels) == 2
    assert scraped("omnillm_caller_cost_usd_total", *labels) == pytest.approx(0.002469)
    kinds = ("input", "cache_read", "output", "reasoning", "input_audio", "output_audio")
    assert [scraped("omnillm_caller_tokens_total", *labels, kind) for kind in kinds] == [12, 3, 30, 4, 5, 6]
    assert "cache_write" not in scraped.text, "a kind that no call has had is no series"
    aborted = ("openai_chat", "openai", "gpt-4.1-mini", "aborted")
    assert (scraped("omnillm_images_total", *aborted), scraped("omnillm_tool_calls_total", *aborted)) == (2, 3)
    assert "team-b" in scraped.text
    assert "team-c" not in scraped.text
    assert "team-" not in Scraped(counters, names_callers=False).text


def test_a_scrape_is_of_one_moment() -> None:
    """Its thread reads a copy: what calls add meanwhile comes with the next one."""
    counters = Counters()
    counters.observe([ROW])
    counters.refuse("bad_request")
    copy = counters.copied()
    counters.observe([ROW, replace(ROW, caller="team-b", model="other")])
    counters.refuse("bad_request")
    labels = ("openai_chat", "openai", "gpt-4.1-mini", "success")
    for read, calls, refused in ((copy, 1, 1), (counters, 3, 2)):
        scraped = Scraped(read)
        assert (scraped("omnillm_calls_total", *labels), scraped("omnillm_call_duration_seconds_bucket", *labels, "+Inf")) == (calls, calls)
        assert scraped("omnillm_caller_calls_total", "team-a", "openai", "gpt-4.1-mini") == min(calls, 2)
        assert scraped("omnillm_refusals_total", "bad_request") == refused


def test_losses_are_counted_by_kind() -> None:
    """Each reason of each call."""
    counters = Counters()
    reasons = tuple(LossReason(path=path, kind=kind, detail="") for path, kind in (("a", "dropped"), ("b", "dropped"), ("c", "moved")))
    for _ in range(2):
        counters.observe([replace(ROW, loss=msgspec.json.encode(reasons).decode())])
    counters.observe([ROW])
    scraped = Scraped(counters)
    assert [scraped("omnillm_losses_total", "openai_chat", "openai", kind) for kind in ("dropped", "moved")] == [4, 2]
    assert len(counters.losses) == 2


def test_a_key_whose_secret_was_replaced_is_one_series() -> None:
    """Its predecessors end with their calls, and what these hold is told as the label's: a series may stand in a scrape once."""
    before = [replace(KEY, state="removed", in_flight=count, tpm_inflight=count, rpm_used=9) for count in (1, 4)]
    gone = replace(KEY, label="prod-2", state="removed")
    scraped = Scraped(Counters(), [before[0], replace(KEY, is_available=True), before[1], gone])
    labels = ("openai", "prod-1")
    assert (scraped("omnillm_key_available", *labels), scraped("omnillm_key_requests_left", *labels)) == (1, 7)
    assert (scraped("omnillm_key_in_flight", *labels), scraped("omnillm_key_tokens_in_flight", *labels)) == (7, 705)
    assert scraped("omnillm_key_in_flight", "openai", "prod-2") == 2
