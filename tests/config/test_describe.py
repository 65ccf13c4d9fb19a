"""`omnillm check` tells where native calls go, what passes beyond the kind's own paths, and what the ledger keeps of replies."""

from tests.in_turn import in_turn

from omnillm.config.describe import describe
from omnillm.config.load import parse
from omnillm.server.front.front import LAST_S
from omnillm.traces.exporter import LAST_S as LAST_EXPORT_S


def test_native_calls_are_told() -> None:
    """A line for each prefix and each provider that allows more."""
    text = (
        "server: {native: {openai: p}}\nproviders: {p: {kind: openai, keys: [{label: a, key: sk-x}], passthrough: ['/vector_stores*']}}\n"
    )
    told = describe(parse(text, {}))
    assert "native calls below /openai go to provider p" in told
    assert "passed through to provider p, beside what its kind allows: /vector_stores*" in told
    assert not any(
        "passed through" in line for line in describe(parse("providers: {p: {kind: openai, keys: [{label: a, key: sk-x}]}}", {}))
    )


@in_turn(
    ("given", "nobody"),
    [
        ("", True),
        ("server: {auth: none}\n", False),
        ("server: {admin_key: 0123456789abcdef}\n", False),
        ("virtual_keys: [{name: a, key: secret-of-somebody}]\n", False),
    ],
)
def test_that_nobody_can_call_is_told(given: str, nobody: bool) -> None:
    """Without a virtual key, and without an administrator to make one."""
    told = describe(parse(f"providers: {{p: {{kind: openai, keys: [{{label: a, key: sk-x}}]}}}}\n{given}", {}))
    assert any("nobody can call" in line for line in told) == nobody


@in_turn(("sample", "whose"), [("1", "all"), ("0", "none"), ("0.125", "12.5 %")])
def test_where_traces_go_is_told(sample: str, whose: str) -> None:
    """The host, and of which calls; neither what else stands in the address nor a header."""
    traces = f"{{endpoint: 'https://otel.example.com/v1/traces?key=hidden', headers: {{authorization: hidden}}, sample: {sample}}}"
    told = describe(parse(f"providers: {{p: {{kind: openai, keys: [{{label: a, key: sk-x}}]}}}}\ntraces: {traces}\n", {}))
    [line] = [line for line in told if line.startswith("traces ")]
    assert line == (
        f"traces go to otel.example.com: {whose} of the calls that come without a trace, and of the others those that their client samples"
    )
    assert "hidden" not in "".join(told)


def test_rows_that_are_kept_for_less_than_a_day_are_told_in_hours() -> None:
    """Whoever means days is not to count zeros."""
    text = "providers: {p: {kind: openai, keys: [{label: a, key: sk-x}]}}\nstore: {retention: 90m}\n"
    assert any(line.endswith("rows are kept for 1.5 hours") for line in describe(parse(text, {})))


@in_turn(
    ("limits", "told"),
    [
        ("body: 1MiB, buffered: 1MiB, upload: 1MiB, spooled: 1MiB", []),
        ("buffered: 32MiB", ["limits.buffered is below limits.body: a request above limits.buffered is always refused"]),
        ("upload: 5GiB", ["limits.spooled is below limits.upload: a request above limits.spooled is always refused"]),
    ],
)
def test_bodies_for_which_there_is_never_room_are_told(limits: str, told: list[str]) -> None:
    """They are refused as if there were room later."""
    text = f"server: {{limits: {{{limits}}}}}\nproviders: {{p: {{kind: openai, keys: [{{label: a, key: sk-x}}]}}}}\n"
    assert [line for line in describe(parse(text, {})) if line.startswith("limits.")] == told


def test_that_a_start_waits_for_its_ledger_is_told() -> None:
    """And for how long; one that does not wait has no line of it."""
    text = "providers: {p: {kind: openai, keys: [{label: a, key: sk-x}]}}\n"
    told = [line for line in describe(parse(f"{text}store: {{wait: 90s}}\n", {})) if "waits" in line]
    assert told == ["a start waits up to 90 s for a ledger that another process writes, or whose server is away"]
    assert not any("waits" in line for line in describe(parse(text, {})))


@in_turn(
    ("given", "delay", "total_s"),
    [
        ("", "", 31),
        ("server: {drain_delay: 10s, drain: 5s}\n", "serves new calls for 10 s, then ", 16),
        ("traces: {endpoint: 'http://host'}\n", "", 32),
    ],
)
def test_how_long_a_stop_takes_is_told(given: str, delay: str, total_s: int) -> None:
    """The delay, the grace and the front's last second: whoever supervises the process has to allow their sum."""
    settings = parse(f"providers: {{p: {{kind: openai, keys: [{{label: a, key: sk-x}}]}}}}\n{given}", {})
    exporters_s = LAST_EXPORT_S if settings.traces is not None else 0
    assert settings.server.drain_delay_s + settings.server.drain_s + LAST_S + exporters_s == total_s
    [line] = [line for line in describe(settings) if line.startswith("a stop ")]
    assert line.startswith(f"a stop {delay}gives open calls {settings.server.drain_s:g} s")
    assert line.endswith(f"allow it more than {total_s} s")


def test_what_becomes_of_a_virtual_key_is_told() -> None:
    """When it ends, and names of models that it may ask for and nobody has."""
    text = (
        "providers: {p: {kind: openai, keys: [{label: a, key: sk-x}]}}\n"
        "models: {fast: {targets: [p/m]}, 'gpt-*': {targets: [p/*]}}\n"
        "virtual_keys: [{name: a, key: secret-of-somebody, expires: 2027-01-01, models: [fast, fats, gpt-4, p/x, 's*']},\n"
        "  {name: b, key: secret-of-another, rpm: 5, tpm: 6, max_concurrency: 7, budgets: [team], budget: {limit_usd: 2, period: day}}]\n"
        "budgets: [{name: team, scope: named, limit_usd: 1}]\n"
    )
    told = describe(parse(text, {}))
    own = "its own budget 2 USD a day (UTC), hard"
    assert f"virtual key b: rpm 5, tpm 6, max_concurrency 7; every model; budgets team; {own}" in told
    assert "virtual key a: no local limit; models fast, fats (there is none), gpt-4, p/x, s*; until 2027-01-01T00:00:00Z" in told
    told = describe(parse(f"{text}models_only: true\n", {}))
    assert any("p/x (there is none)" in line for line in told)


def test_a_target_that_no_key_serves_is_told() -> None:
    """By the name that its provider would be asked for; a pattern stands for many."""
    text = (
        "providers: {p: {kind: openai, keys: [{label: a, key: sk-x, models: [gpt-4*]}]}, q: {kind: openai, keys: [{label: a, key: sk-y}]}}\n"
        "models: {fast: {targets: [p/gpt-4.1, p/gpt-5, q/gpt-5]}, gpt-5: {targets: ['p/*']}, 'gpt-*': {targets: ['p/*', p/gpt-5]}, "
        "drawn: {strategy: weighted, targets: [{target: p/gpt-5, weight: 3}, q/m]}}\n"
    )
    assert [line for line in describe(parse(text, {})) if line.startswith("model ")] == [
        "model fast: p/gpt-4.1, then p/gpt-5 (no key serves it), then q/gpt-5",
        "model gpt-5: p/* (no key serves it)",
        "model gpt-*: p/*, then p/gpt-5 (no key serves it)",
        "model drawn: p/gpt-5 (weight 3) (no key serves it), q/m (weight 1)",
    ]


def test_a_limit_that_holds_for_no_call_is_told() -> None:
    """Of a model that the key does not serve; a pattern may meet one that it does."""
    limits = "{gpt-5: {rpm: 4}, gpt-4.1: {rpm: 5}, 'gpt-5*': {tpm: 6}}"
    text = f"providers: {{p: {{kind: openai, keys: [{{label: a, key: sk-x, models: [gpt-4*], limits: {limits}}}]}}}}\n"
    [line] = [line for line in describe(parse(text, {})) if line.startswith("  key a")]
    assert line == "  key a: no local limit; only gpt-4*; gpt-5: rpm 4 (the key does not serve it); gpt-4.1: rpm 5; gpt-5*: tpm 6"


def test_kept_replies_are_said() -> None:
    """What models wrote lies in the ledger then, which nobody should find out by chance."""
    text = "providers: {p: {kind: openai, keys: [{label: a, key: sk-x}]}}\ncalls: {idempotency: {store_replies: true, ttl: 2h}}\n"
    [line] = [line for line in describe(parse(text, {})) if line.startswith("store")]
    assert line.endswith("replies to calls with an idempotency key for 2 hours")
