"""The counters in Prometheus' text format, rendered when asked for: no global registry, nothing on the path of a call."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from omnillm.admission.asks import BudgetSnapshot, KeySnapshot
from omnillm.gateway.counters import BUCKETS_MS, Counters, Counts
from omnillm.money import NANO_PER_USD

CALL_LABELS = ["protocol", "provider", "model", "outcome"]
CALLER_LABELS = ["caller", "provider", "model"]
LOSS_LABELS = ["protocol", "provider", "kind"]
TOKEN_KINDS = (
    *("input", "cache_read", "input_audio", "cache_read_audio", "input_image", "cache_read_image", "input_video"),
    *("output", "reasoning", "output_audio", "output_image", "output_video"),
)
"""And `cache_write`, which is two counts of `Usage`."""
KEY_LABELS = ["provider", "key"]
DROPPED = {"log_lines": "Lines of the call log that nobody took.", "spans": "Spans that no collector took."}
FAILURE_LABELS = [*KEY_LABELS, "verdict"]


def render_metrics(
    counters: Counters,
    keys: Sequence[KeySnapshot],
    budgets: Sequence[BudgetSnapshot],
    *,
    is_ledger_healthy: bool,
    dropped: Mapping[str, int],
    names_callers: bool,
) -> bytes:
    """To be called in a thread, with counters that nobody else has: thousands of series and budgets take a second or more.

    `dropped`: counts by the names of `DROPPED`. `names_callers`: the reader may know the names of virtual keys.
    """
    callers = _callers(counters) if names_callers else ()
    ledger = GaugeMetricFamily("omnillm_ledger_healthy", "1: the ledger takes rows.", value=float(is_ledger_healthy))
    families = [*_calls(counters), *callers, *_keys(keys), ledger, *_dropped(dropped), *_budgets(budgets)]
    registry = CollectorRegistry()
    registry.register(_Snapshot(families))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _calls(counters: Counters) -> Iterator[Metric]:
    calls = CounterMetricFamily("omnillm_calls", "Calls ended, by outcome.", labels=CALL_LABELS)
    attempts = CounterMetricFamily("omnillm_attempts", "Attempts dispatched for them.", labels=CALL_LABELS)
    cost = CounterMetricFamily("omnillm_cost_usd", "Their cost in USD.", labels=CALL_LABELS)
    tokens = CounterMetricFamily("omnillm_tokens", "Their tokens.", labels=[*CALL_LABELS, "kind"])
    images = CounterMetricFamily("omnillm_images", "Images that they made.", labels=CALL_LABELS)
    tool_calls = CounterMetricFamily("omnillm_tool_calls", "Server-side tool calls that the provider charges for.", labels=CALL_LABELS)
    characters = CounterMetricFamily("omnillm_characters", "Characters spoken, of models paid by them.", labels=CALL_LABELS)
    audio = CounterMetricFamily("omnillm_audio_seconds", "Length of audio read, of models paid by it.", labels=CALL_LABELS)
    duration = HistogramMetricFamily("omnillm_call_duration_seconds", "From the body's last byte to the reply's.", labels=CALL_LABELS)
    for labels, series in counters.series.items():
        counts = series.counts
        calls.add_metric(labels, counts.calls)
        attempts.add_metric(labels, counts.attempts)
        cost.add_metric(labels, counts.cost_nanousd / NANO_PER_USD)
        _add_tokens(tokens, labels, counts)
        for family, amount in (
            (images, counts.images),
            (tool_calls, counts.tool_calls),
            (characters, counts.characters),
            (audio, counts.audio_ms / 1000),
        ):
            _add_if_any(family, labels, amount)
        duration.add_metric(list(labels), _cumulative(series.buckets), counts.duration_ms / 1000)
    refusals = CounterMetricFamily("omnillm_refusals", "Requests that ended before any attempt, by error code.", labels=["code"])
    for code, count in counters.refusals.items():
        refusals.add_metric([code], count)
    losses = CounterMetricFamily("omnillm_losses", "What translations could not carry, by what became of it.", labels=LOSS_LABELS)
    for lost, count in counters.losses.items():
        losses.add_metric(lost, count)
    failures = CounterMetricFamily("omnillm_failed_attempts", "Attempts that failed, hidden ones too.", labels=FAILURE_LABELS)
    for failed, count in counters.failures.items():
        failures.add_metric(failed, count)
    yield from (calls, attempts, cost, tokens, images, tool_calls, characters, audio, duration, refusals, losses, failures)


def _callers(counters: Counters) -> Iterator[Metric]:
    calls = CounterMetricFamily("omnillm_caller_calls", "Calls that were sent, by who asked.", labels=CALLER_LABELS)
    cost = CounterMetricFamily("omnillm_caller_cost_usd", "Their cost in USD.", labels=CALLER_LABELS)
    tokens = CounterMetricFamily("omnillm_caller_tokens", "Their tokens.", labels=[*CALLER_LABELS, "kind"])
    for labels, tally in counters.callers.items():
        counts = tally.counts
        calls.add_metric(labels, counts.calls)
        cost.add_metric(labels, counts.cost_nanousd / NANO_PER_USD)
        _add_tokens(tokens, labels, counts)
    yield from (calls, cost, tokens)


def _add_tokens(tokens: CounterMetricFamily, labels: Sequence[str], counts: Counts) -> None:
    for kind in TOKEN_KINDS:
        _add_if_any(tokens, [*labels, kind], getattr(counts, kind))
    _add_if_any(tokens, [*labels, "cache_write"], counts.cache_write_short + counts.cache_write_long)


def _add_if_any(family: CounterMetricFamily, labels: Sequence[str], amount: float) -> None:
    """A series of its own begins with its first count: most calls have two kinds of tokens of thirteen, and no image."""
    if amount:
        family.add_metric(labels, amount)


def _cumulative(buckets: Sequence[int]) -> list[tuple[str, float]]:
    total, rows = 0, []
    for bound_ms, count in zip((*BUCKETS_MS, None), buckets, strict=True):
        total += count
        rows.append(("+Inf" if bound_ms is None else str(bound_ms / 1000), float(total)))
    return rows


def _keys(keys: Sequence[KeySnapshot]) -> Iterator[Metric]:
    shown = _by_label(keys)
    for name, help_text, read in (
        ("available", "1: the key can be leased now.", lambda key: key.is_available),
        ("in_flight", "Attempts under way.", lambda key: key.in_flight),
        ("tokens_in_flight", "Tokens reserved by attempts under way.", lambda key: key.tpm_inflight),
        ("tokens_limit", "Tokens a minute; 0: no local limit.", lambda key: key.tpm_limit),
        ("requests_left", "Requests left in this minute; -1: no local limit.", _requests_left),
        ("cooldown_seconds", "Seconds left of a rate-limit cooldown.", lambda key: key.cool_down_s),
        ("failure_cooldown_seconds", "Seconds left of the breaker's open time.", lambda key: key.failure_cool_down_s),
        ("consecutive_failures", "Failures since the last success.", lambda key: key.consecutive_failures),
    ):
        gauge = GaugeMetricFamily(f"omnillm_key_{name}", help_text, labels=KEY_LABELS)
        for key in shown:
            gauge.add_metric([key.provider, key.label], float(read(key)))
        yield gauge


def _by_label(keys: Sequence[KeySnapshot]) -> list[KeySnapshot]:
    """One of each label: what a secret that was replaced has still under way is its successor's, for a series may stand there once."""
    found: dict[tuple[str, str], KeySnapshot] = {}
    for key in sorted(keys, key=lambda key: key.state == "removed"):
        first = found.get((key.provider, key.label))
        found[key.provider, key.label] = (
            key
            if first is None
            else replace(first, in_flight=first.in_flight + key.in_flight, tpm_inflight=first.tpm_inflight + key.tpm_inflight)
        )
    return list(found.values())


def _requests_left(key: KeySnapshot) -> int:
    return key.rpm_limit - key.rpm_used if key.rpm_limit else -1


def _budgets(budgets: Sequence[BudgetSnapshot]) -> Iterator[Metric]:
    for name, help_text, member in (
        ("limit_usd", "The budget's limit.", "limit_nanousd"),
        ("used_usd", "Settled in this period.", "settled_nanousd"),
        ("held_usd", "Reserved by calls under way.", "reserved_nanousd"),
        ("left_usd", "Neither settled nor reserved.", "left_nanousd"),
    ):
        gauge = GaugeMetricFamily(f"omnillm_budget_{name}", help_text, labels=["budget"])
        for budget in budgets:
            gauge.add_metric([budget.name], getattr(budget, member) / NANO_PER_USD)
        yield gauge


def _dropped(counts: Mapping[str, int]) -> Iterator[Metric]:
    for name, count in counts.items():
        yield CounterMetricFamily(f"omnillm_{name}_dropped", DROPPED[name], value=count)
