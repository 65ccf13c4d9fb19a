"""Sums for the metrics, bounded whatever callers ask for."""

from msgspec.structs import replace
from tests.server.test_call_log import ROW
from tests.stores.rows import attempt_row

from omnillm.gateway.counters import BUCKETS_MS, MAX_SERIES, Counters, Counts, Series
from omnillm.protocols.loss import LossReason, long_form
from omnillm.usage import Usage


def test_models_of_the_callers_choice_do_not_fill_the_memory() -> None:
    """Beyond the most, new ones are counted together; those that are known go on, and nothing is lost."""
    counters = Counters()
    for number in range(MAX_SERIES + 50):
        counters.observe([replace(ROW, upstream_model=f"model-{number}")])
    counters.observe([replace(ROW, upstream_model="model-7")])
    assert len(counters.series) == MAX_SERIES + 1
    assert counters.series["openai_chat", "openai", "other", "success"].counts.calls == 50
    assert counters.series["openai_chat", "openai", "model-7", "success"].counts.calls == 2
    assert sum(series.counts.calls for series in counters.series.values()) == MAX_SERIES + 51


def test_outcomes_of_a_providers_choice_do_not_fill_the_memory() -> None:
    """The code of an error is its provider's own word: one that invents them is counted all the same."""
    counters = Counters()
    for number in range(2 * MAX_SERIES + 50):
        counters.observe([replace(ROW, outcome=f"word_{number}")])
    counters.observe([ROW])
    assert len(counters.series) == 2 * MAX_SERIES + 1
    assert counters.series["openai_chat", "openai", "other", "other"].counts.calls == 51
    assert sum(series.counts.calls for series in counters.series.values()) == 2 * MAX_SERIES + 51


def test_keys_that_come_and_go_do_not_fill_the_memory() -> None:
    """A process that runs for months sees many configurations: failures and losses of ever new names are counted together in the end."""
    counters, failed = Counters(), replace(attempt_row(1), verdict="timeout")
    loss = long_form((LossReason(kind="dropped", path="seed", detail=""),))
    for number in range(MAX_SERIES + 50):
        counters.count_failures([replace(failed, key=f"key-{number}")])
        counters.observe([replace(ROW, provider=f"provider-{number}", loss=loss)])
    counters.count_failures([replace(failed, key="key-7")])
    assert counters.failures["other", "other", "timeout"] == 50
    assert counters.failures["openai", "key-7", "timeout"] == 2
    assert counters.losses["openai_chat", "other", "dropped"] == 50
    assert len(counters.failures) == len(counters.losses) == MAX_SERIES + 1


def test_providers_that_come_and_go_do_not_fill_the_memory() -> None:
    """Ever new configurations: nothing is lost, and what is known goes on."""
    counters = Counters()
    for number in range(3 * MAX_SERIES + 50):
        counters.observe([replace(ROW, provider=f"provider-{number}", upstream_model=f"model-{number}")])
    counters.observe([replace(ROW, provider="provider-7", upstream_model="model-7")])
    assert len(counters.series) == len(counters.callers) == 3 * MAX_SERIES + 1
    assert counters.series["openai_chat", "other", "other", "other"].counts.calls == 50
    assert counters.callers["other", "other", "other"].counts.calls == 50
    assert counters.series["openai_chat", "provider-7", "model-7", "success"].counts.calls == 2


def test_a_duration_is_in_the_first_bucket_that_holds_it() -> None:
    """A bound belongs to its bucket; what is longer than all goes into the last."""
    counters = Counters()
    durations_ms = (0, BUCKETS_MS[0], BUCKETS_MS[0] + 1, BUCKETS_MS[-1], BUCKETS_MS[-1] + 1)
    counters.observe([replace(ROW, duration_ms=duration_ms) for duration_ms in durations_ms])
    [series] = counters.series.values()
    assert series.buckets == [2, 1, *[0] * (len(BUCKETS_MS) - 3), 1, 1]


def test_calls_that_are_told_together_count_as_one_by_one() -> None:
    """Whatever they have in common or not: every sum, every bucket, every refusal."""
    changes = [{"caller": "team-b"}, {"outcome": "aborted"}, {"attempts": 0, "outcome": "budget_exceeded"}, {"upstream_model": "other-1"}]
    usages = [Usage(input=1 << number, output=7 * number, images=number % 3) for number in range(20)]
    rows = [
        replace(ROW, usage=usage, duration_ms=number**3, cost_nanousd=number, **changes[number % 5] if number % 5 < 4 else {})
        for number, usage in enumerate(usages)
    ]
    together, one_by_one = Counters(), Counters()
    together.observe(rows)
    for row in rows:
        one_by_one.observe([row])
    assert told(together) == told(one_by_one)
    assert sum(series.counts.input for series in together.series.values()) == (1 << 20) - 1
    assert together.refusals == {"budget_exceeded": 4}


def told(counters: Counters) -> tuple[object, ...]:
    series = {labels: (each.counts, each.buckets) for labels, each in counters.series.items()}
    return series, {labels: each.counts for labels, each in counters.callers.items()}, counters.refusals


def test_the_sums_of_workers_add_up() -> None:
    """Every field of one and of the other."""
    one, other = Counters(), Counters()
    one.observe([ROW])
    other.observe([ROW, replace(ROW, duration_ms=3, cost_nanousd=5)])
    [sum_of_one], [sum_of_other] = one.series.values(), other.series.values()
    added = Series()
    added.add(sum_of_one)
    added.add(sum_of_other)
    both = Counters()
    both.observe([ROW, ROW, replace(ROW, duration_ms=3, cost_nanousd=5)])
    [sum_of_both] = both.series.values()
    assert (added.counts, added.buckets) == (sum_of_both.counts, sum_of_both.buckets)


def test_callers_and_their_models_do_not_fill_the_memory() -> None:
    """Beyond the most, a caller's new models count together, then new callers do; nothing is lost."""
    counters = Counters()
    for number in range(MAX_SERIES + 50):
        counters.observe([replace(ROW, upstream_model=f"model-{number}")])
    for number in range(MAX_SERIES + 50):
        counters.observe([replace(ROW, caller=f"caller-{number}")])
    counters.observe([replace(ROW, upstream_model="model-7")])
    assert len(counters.callers) == 2 * MAX_SERIES + 1
    assert counters.callers["team-a", "openai", "other"].counts.calls == 50
    assert counters.callers["team-a", "openai", "model-7"].counts.calls == 2
    assert counters.callers["caller-7", "openai", "other"].counts.calls == 1
    assert counters.callers["other", "openai", "other"].counts.calls == 51
    assert sum(series.counts.calls for series in counters.callers.values()) == 2 * (MAX_SERIES + 50) + 1


def test_counts_have_every_field_of_a_usage_in_its_order() -> None:
    """They are made of its values as they stand."""
    assert Counts._fields[4:] == Usage.__struct_fields__
