"""Settings become the parts of a program."""

from random import Random

import pytest

from omnillm.admission.allowance import Allowance
from omnillm.assemble.credentials import Credentials
from omnillm.assemble.explain import explain_model
from omnillm.assemble.parts import check_unchangeable, make_caller, make_upstreams, open_store, scheduled_budgets
from omnillm.assemble.prices import make_catalog
from omnillm.config import configured
from omnillm.config.load import parse
from omnillm.config.settings import Settings, VirtualKeyTerms
from omnillm.errors import ConfigError, UnknownModel
from omnillm.providers.families import formats_of
from omnillm.stores.memory import MemoryStore
from omnillm.stores.postgres.store import PostgresStore
from omnillm.stores.sqlite.store import SqliteStore
from omnillm.testing import ManualClock

CLOCK = ManualClock()
CONFIG = """
server: {port: 0, admin_key: admin-0123456789abcdef}
store: {url: "memory://"}
providers:
  openai:
    kind: openai
    timeouts: {connect: 1s, first_byte: 2s, idle: 3s, total: 4s, stream: 5s}
    keys: [{label: a, key: sk-a}, {label: b, key: sk-b}]
  local: {kind: openai_compatible, base_url: "http://127.0.0.1:1", keys: [{label: a, key: sk-c}]}
  anthropic: {kind: anthropic, keys: [{label: a, key: sk-d}]}
  gemini: {kind: gemini, keys: [{label: a, key: sk-e}]}
models: {fast: {targets: [openai/gpt-4.1-mini, local/own]}}
budgets:
  - {name: everything, limit_usd: 50, period: month, tz: Europe/Berlin}
  - {name: team, scope: named, limit_usd: 10, period: week}
virtual_keys:
  - {name: plain, key: sk-omni-plain-0123456789}
  - {name: rich, key: sk-omni-rich-0123456789, budgets: [team], budget: {limit_usd: 5, period: day}, models: [fast], tags: {cost_center: a1, x: y},
     expires: 2027-01-01}
pricing: {overrides: {local/own: {input: 0.1, output: 0.2}}}
"""


def settings(text: str = CONFIG) -> Settings:
    return parse(text, {})


def test_every_key_can_be_sent_with_in_every_protocol_of_its_provider() -> None:
    """By the three names that a lease and a call hold."""
    made = make_upstreams(settings(), configured.endpoints(settings()), Credentials(CLOCK, Random(1)))
    assert set(made) == {
        *(("openai", key, protocol) for key in "ab" for protocol in ("openai_chat", "openai_responses")),
        ("local", "a", "openai_chat"),
        ("anthropic", "a", "anthropic_messages"),
        *(("gemini", "a", protocol) for protocol in ("gemini_generate_content", "gemini_interactions")),
        *(("openai", key, spoken) for key in "ab" for spoken in formats_of("openai")),
        *(("local", "a", spoken) for spoken in formats_of("openai_compatible")),
        *(("gemini", "a", spoken) for spoken in formats_of("gemini")),
    }
    assert [made[name].wording.asks_usage for name in (("openai", "a", "openai_chat"), ("openai", "a", "openai_responses"))] == [
        True,
        False,
    ]
    assert not made["anthropic", "a", "anthropic_messages"].wording.asks_usage


def test_a_caller_draws_on_what_it_names_and_on_what_binds_everybody() -> None:
    """Nobody, a key without a budget, and one with a named one and its own."""
    given = settings()
    nobody, plain, rich = (make_caller(given, key) for key in (None, *given.virtual_keys))
    assert (nobody.name, nobody.budgets) == ("", ("everything",))
    assert (plain.name, plain.budgets, plain.models, plain.expires_wall) == ("plain", ("everything",), (), float("inf"))
    assert rich.budgets == ("everything", "team", "key:rich")
    assert (rich.models, rich.tags, rich.expires_wall) == (("fast",), "cost_center=a1,x=y", 1_798_761_600.0)


def test_every_budget_is_scheduled() -> None:
    """The virtual keys' own among them, each in its zone."""
    found = {each.name: (each.period, each.zone) for each in scheduled_budgets(settings())}
    assert found == {"everything": ("month", "Europe/Berlin"), "team": ("week", "UTC"), "key:rich": ("day", "UTC")}


def test_virtual_keys_share_what_is_equal_between_them() -> None:
    """A crowd's calls read the same limits, budgets and models: these lie in one place, and not in ten thousand."""
    models, rpm = ("a*", "b*"), "1000000"
    terms = [VirtualKeyTerms(name=name, rpm=int(rpm), models=tuple(map(str, models))) for name in ("one", "other")]
    one, other = (make_caller(settings(), each) for each in terms)
    assert (one.budgets, one.models) == (("everything",), models)
    assert one.budgets is other.budgets
    assert one.models is other.models
    admitted = [Allowance(configured.caller(each)) for each in terms]
    assert [(each.name, each.limits.rpm, each.limits.tpm) for each in admitted] == [("one", 10**6, 0), ("other", 10**6, 0)]
    assert admitted[0].limits is admitted[1].limits


def test_a_price_of_ones_own_stands_beside_the_built_in_ones() -> None:
    """What is not given follows from what is."""
    catalog = make_catalog(settings())
    own = catalog.find("local", "openai_compatible", "own")
    assert (own.input, own.output, own.cache_read, own.reasoning) == (100_000_000, 200_000_000, 100_000_000, 200_000_000)
    assert catalog.find("openai", "openai", "gpt-4.1-mini").input == 400_000_000
    assert catalog.find("local", "openai_compatible", "another") is None


def test_a_store_is_what_its_url_says(tmp_path) -> None:
    """SQLite, PostgreSQL or memory; anything else is an error that does not repeat it."""
    assert isinstance(open_store(settings(), CLOCK), MemoryStore)
    assert isinstance(open_store(settings(CONFIG.replace("memory://", f"sqlite:///{tmp_path}/l.db")), CLOCK), SqliteStore)
    assert isinstance(open_store(settings(CONFIG.replace("memory://", "postgresql://u:secret@h/d")), CLOCK), PostgresStore)
    with pytest.raises(ConfigError) as refused:
        open_store(settings(CONFIG.replace("memory://", "postgresql://u:se/cret@h/d")), CLOCK)
    assert refused.value.path == "store.url"
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("port: 0", "port: 1", "server.port"),
        ("port: 0", "port: 0, host: '::1'", "server.host"),
        ("port: 0", "port: 0, admin: {port: 1}", "server.admin"),
        ("port: 0", "port: 0, tls: {cert: a, key: b}", "server.tls"),
        ("port: 0", "port: 0, limits: {body: 1MiB}", "server.limits"),
        ("port: 0", "port: 0, drain: 1s", "server.drain"),
        ("port: 0", "port: 0, log: {level: debug}", "server.log"),
        ("memory://", "sqlite:///x.db", "store"),
        ('"memory://"', '"memory://", pepper: another-pepper-of-ours', "store"),
        ("period: month", "period: week", "budgets.everything.period"),
        ("limit_usd: 5, period: day", "limit_usd: 5, period: month", "budgets.key:rich.period"),
    ],
)
def test_what_a_running_process_cannot_change_names_itself(old: str, new: str, place: str) -> None:
    """Rather than being ignored."""
    with pytest.raises(ConfigError) as refused:
        check_unchangeable(settings(), settings(CONFIG.replace(old, new, 1)))
    assert (refused.value.path, refused.value.message) == (place, "cannot be changed without a restart")


def test_everything_else_may_change() -> None:
    """Providers, keys, limits of money, virtual keys, who is asked for a credential; budgets may come and go."""
    for old, new in (
        ("sk-a", "sk-other"),
        ("limit_usd: 50", "limit_usd: 1"),
        ("tz: Europe/Berlin", "tz: UTC"),
        ("name: plain", "name: renamed"),
        ("port: 0", "port: 0, auth: none"),
        ("admin-0123456789abcdef", "admin-fedcba9876543210"),
        ("name: everything", "name: all"),
        (", budget: {limit_usd: 5, period: day}", ""),
    ):
        check_unchangeable(settings(), settings(CONFIG.replace(old, new, 1)))


def test_a_plan_is_explained_with_its_prices() -> None:
    """Each target in its order, why it stands there, and what it costs."""
    explained = explain_model(settings(), "fast", "openai_chat")
    assert [(each.target, each.input_usd, each.output_usd) for each in explained.targets] == [
        ("openai/gpt-4.1-mini", "0.4", "1.6"),
        ("local/own", "0.1", "0.2"),
    ]
    unpriced = explain_model(settings(), "local/other", "")
    assert [(each.target, each.input_usd, each.price_version) for each in unpriced.targets] == [("local/other", "", "")]
    for pricing, reason in (
        ("unknown: allow, ", "local speaks openai_chat"),
        ("unknown: refuse, ", "local speaks openai_chat; left out of every call"),
        ("", "local speaks openai_chat; left out of every call"),
    ):
        text = CONFIG.replace("{overrides", f"{{{pricing}overrides")
        assert [each.reason for each in explain_model(settings(text), "local/other", "").targets] == [reason]
    [shared] = explain_model(settings(CONFIG.replace("{name: everything", "{name: everything, scope: named")), "local/other", "").targets
    assert shared.reason == "local speaks openai_chat; left out of calls that draw on a budget"
    with pytest.raises(UnknownModel):
        explain_model(settings(), "nothing-such", "")


CLOUD = """
server: {port: 0, auth: none}
store: {url: "memory://"}
providers: {cloud: {kind: KIND, base_url: "http://127.0.0.1:1", auth: AUTH, keys: [{label: a, key: api-key}, {label: b, key: "KEY"}]}}
"""


@pytest.mark.parametrize(
    ("kind", "key", "path"),
    [
        ("bedrock", "AKIA0:secret", "providers.cloud.region"),
        ("bedrock", "AKIA0:", "providers.cloud.keys[1].key"),
        ("vertex_ai", "service_account:/nowhere.json", "providers.cloud.keys[1].key"),
    ],
)
def test_credentials_that_cannot_be_are_told_at_start(kind: str, key: str, path: str) -> None:
    """With their place in the file; where a header carries the key it is nobody's credentials."""
    text = CLOUD.replace("KIND", kind).replace("KEY", key)
    configuration = parse(text.replace("AUTH", "bearer"), {})
    with pytest.raises(ConfigError) as caught:
        make_upstreams(configuration, configured.endpoints(configuration), Credentials(CLOCK, Random(1)))
    assert caught.value.path == path
    assert "secret" not in str(caught.value)
    proxied = parse(text.replace("AUTH", "{header: x-key}"), {})
    made = make_upstreams(proxied, configured.endpoints(proxied), Credentials(CLOCK, Random(1)))
    assert all(upstream.credential is None for upstream in made.values())


def test_what_was_found_is_kept_as_long_as_it_is_sought() -> None:
    """A changed configuration changes what a key is sent with only where it changes the key; what nobody seeks is nobody's any more."""
    before = parse(CLOUD.replace("KIND", "bedrock").replace("KEY", "AKIA0:secret").replace("AUTH", "bearer, region: us-east-1"), {})
    found = Credentials(CLOCK, Random(1))
    made = make_upstreams(before, configured.endpoints(before), found)
    signing = {key: upstream.credential for (_, key, _), upstream in made.items() if upstream.credential is not None}
    assert len(signing) == 1
    again = Credentials(CLOCK, Random(1), found.found)
    assert {each.credential for each in make_upstreams(before, configured.endpoints(before), again).values()} >= set(signing.values())
    other = parse(CLOUD.replace("KIND", "bedrock").replace("KEY", "AKIA0:other").replace("AUTH", "bearer, region: us-east-1"), {})
    changed = Credentials(CLOCK, Random(1), again.found)
    assert not {each.credential for each in make_upstreams(other, configured.endpoints(other), changed).values()} & set(signing.values())
    assert not set(signing.values()) & set(changed.found.values())
