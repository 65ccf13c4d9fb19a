from msgspec.structs import replace

from omnillm.admission.asks import CallerConfigured
from omnillm.config import configured
from omnillm.config.describe import describe
from omnillm.config.load import parse
from omnillm.config.settings import BreakerSettings
from omnillm.keys.terms import BreakerConfigured, KeyConfigured, ModelLimits, PoolConfigured
from omnillm.providers.auth_scheme import Header, Query
from omnillm.providers.url_rule import request_target
from omnillm.routing.target import Target

TEXT = """
budgets: [{name: all, limit_usd: 5}, {name: team, scope: named, limit_usd: 1, hard: false}]
virtual_keys: [{name: k, key: xxxxxxxxxxxxxxxx, rpm: 5, tpm: 6, max_concurrency: 8, budgets: [team], budget: {limit_usd: 0.5, period: rolling 5h}}]
models:
  fast: {targets: [openai/a, openai/b]}
  smart: {strategy: weighted, targets: [{target: openai/a, weight: 3}, openai/b]}
calls: {queue_depth: 7}
"""


def test_budgets_are_named_for_each_caller(read):
    """Gateway-wide ones, those named, and a key's own, which no configured name can collide with."""
    settings = read(TEXT)
    assert configured.budgets_of(settings, None) == ("all",)
    assert configured.budgets_of(settings, settings.virtual_keys[0]) == ("all", "team", "key:k")
    assert {name: budget.limit_nanousd for name, budget in configured.budgets(settings).items()} == {
        "all": 5_000_000_000,
        "team": 1_000_000_000,
        "key:k": 500_000_000,
    }


def test_the_controller_is_configured_with_labels_and_digests(read):
    """Its structs hold no secret, but tell when one changed."""
    settings = read(TEXT)
    asked = configured.controller(settings)
    key = asked.pools[0].keys[0]
    assert (asked.pools[0].provider, key.label, key.secret_id) == ("openai", "a", settings.providers["openai"].keys[0].key.digest)
    assert [(budget.name, budget.is_hard) for budget in asked.budgets] == [("all", True), ("team", False), ("key:k", True)]
    assert asked.callers == (CallerConfigured(name="k", rpm=5, tpm=6, max_concurrency=8),)
    assert [budget.window for budget in asked.budgets] == ["", "", "rolling 5h"]
    assert asked.queue_depth == 7
    assert "sk-canary" not in repr(asked)


def test_a_pool_is_configured_with_all_that_is_said_of_it():
    """Of its keys, too."""
    key = (
        "{label: a, key: sk-x, group: g, rpm: 1, tpm: 2, max_concurrency: 3, weight: 4, models: [m], limits: {m: {rpm: 5, tpm: 6, rpd: 7}}}"
    )
    breaker = "{failures: 3, open: 2s, max_open: 8s}"
    text = f"providers: {{o: {{kind: openai, selection: weighted, max_cooldown: 9m, breaker: {breaker}, keys: [{key}]}}}}"
    [pool] = configured.controller(parse(text, {})).pools
    assert pool == PoolConfigured(
        provider="o",
        keys=(
            KeyConfigured(
                label="a",
                secret_id=pool.keys[0].secret_id,
                group="g",
                rpm=1,
                tpm=2,
                max_concurrency=3,
                weight=4,
                models=("m",),
                limits=(ModelLimits(pattern="m", rpm=5, tpm=6, rpd=7),),
            ),
        ),
        selection="weighted",
        breaker=BreakerConfigured(failures=3, open_s=2.0, max_open_s=8.0),
        max_cooldown_s=540.0,
    )


def test_a_breaker_rests_no_longer_than_a_call_waits_unless_told_to(read):
    """10 s, or as long as its first rest, which may be longer."""
    settings = read(TEXT)
    for given, longest_s in (({}, 10.0), ({"open_s": 60.0}, 60.0), ({"open_s": 60.0, "max_open_s": 90.0}, 90.0)):
        provider = replace(settings.providers["openai"], breaker=BreakerSettings(**given))
        [pool] = configured.controller(replace(settings, providers={"openai": provider})).pools
        assert pool.breaker.max_open_s == longest_s


def test_routes_carry_weights_only_when_weighted(read):
    """A target without a weight weighs 1."""
    routes = configured.routes(read(TEXT))
    assert routes["fast"].targets == (Target(provider="openai", model="a"), Target(provider="openai", model="b"))
    assert (routes["fast"].weights, routes["smart"].weights) == ((), (3, 1))


def test_endpoints_carry_the_overrides():
    """Base URL, pinned protocol, authentication and headers."""
    text = (
        "providers: {a: {kind: openai, base_url: https://h/x, protocol: responses, auth: {header: X-Key}, headers: {X-Y: z},"
        " keys: [{label: a, key: b}]}, b: {kind: openai_compatible, base_url: https://h, auth: {query: k}, keys: [{label: a, key: b}]}}"
    )
    first, second = configured.endpoints(parse(text, {})).values()
    assert request_target(first, "openai_responses", "generate") == b"/x/responses"
    assert (first.auth, second.auth) == (Header("X-Key"), Query("k"))
    assert [name for name, _ in first.headers] == ["x-y"]


def test_the_description_tells_what_is_in_force_and_no_secret(read):
    """Keys by label, limits or their absence, models, budgets."""
    told = "\n".join(describe(read(TEXT)))
    assert "key a: no local limit" in told
    assert "budget all: 5 USD, hard, for every call" in told
    assert "budget team: 1 USD, soft, for the virtual keys that name it" in told
    assert "model smart: openai/a (weight 3), openai/b (weight 1)" in told
    assert "its own budget 0.5 USD in any 5h, hard" in told
    assert "sk-canary" not in told


def test_the_description_tells_every_limit_of_a_key_and_the_second_listener(read):
    """Quota groups, the models that it serves, limits a model; and what a budget's limit is for."""
    text = (
        "providers: {p: {kind: openai, keys: [{label: a, key: b, rpm: 5, group: g, models: [m, 'n*'], limits: {'n*': {rpd: 1000}}}]}}\n"
        "server: {admin: {port: 4001}}\nmodels_only: true\nvirtual_keys: [{name: k, key: xxxxxxxxxxxxxxxx}]\n"
        "budgets: [{name: r, limit_usd: 5, period: rolling 1.5h}, {name: m, limit_usd: 5, period: month}]\n"
    )
    told = describe(parse(text, {}))
    assert "budget r: 5 USD in any 90m, hard, for every call" in told
    assert "budget m: 5 USD a month (UTC), hard, for every call" in told
    assert "admin on 127.0.0.1:4001" in told
    assert "  key a: rpm 5; quota group g; only m, n*; n*: rpd 1,000" in told
    assert "virtual key k: no local limit; every model" in told
    assert "provider/model may be asked for too" not in told


def test_the_description_warns_of_a_door_that_nobody_can_open(read):
    """Authentication without a key, and none to make one with."""
    assert any("nobody can call" in line for line in describe(read("")))
    assert not any("nobody can call" in line for line in describe(read("server: {auth: none}")))
