"""What a `Gateway` is made with is read by the rules of the configuration file."""

import pytest
from tests.in_turn import in_turn
from tests.library.calling import KEYS

from omnillm import Bearer, ConfigError, Entra, Gateway, Header, KeyConfig, PoolConfig, PriceConfig, ProviderEndpoint, Query
from omnillm.config.settings import AuthSettings, ProviderSettings
from omnillm.library.endpoints import provider_settings


@in_turn(
    ("arguments", "place"),
    [
        ({"keys": []}, "keys"),
        ({"keys": [KeyConfig(label="a", key="x"), KeyConfig(label="a", key="y")]}, "keys[1].label"),
        ({"keys": [KeyConfig(label="a", key="x"), KeyConfig(label="b", key="x")]}, "keys[1].key"),
        ({"keys": [KeyConfig(label="a", key="x", rpm=0)]}, "keys.a.rpm"),
        ({"keys": KEYS, "budget_limit_usd": 1.5}, "budget_limit_usd"),
        ({"keys": KEYS, "budget_limit_usd": "a dollar"}, "budget_limit_usd"),
        ({"keys": KEYS, "budget_limit_usd": -1}, "budget_limit_usd"),
        ({"keys": [KeyConfig(label="a b", key="x")]}, "keys.a b.label"),
        ({"keys": [KeyConfig(label="a", key="")]}, "keys.a.key"),
        ({"keys": [KeyConfig(label="a", key="x\r\ny: z")]}, "keys.a.key"),
        ({"keys": [KeyConfig(label="a", key="x", rpm=-1)]}, "keys.a.rpm"),
        ({"keys": [KeyConfig(label="a", key="x", tpm=1.5)]}, "keys.a.tpm"),
        ({"keys": [KeyConfig(label="a", key="x", max_concurrency=True)]}, "keys.a.max_concurrency"),
        ({"keys": [KeyConfig(label="a", key="x", weight=0)]}, "keys.a.weight"),
        ({"keys": [KeyConfig(label="a", key="x", limits={"gpt-*": {"rmp": 5}})]}, "keys.a.limits.gpt-*.rmp"),
        ({"keys": KEYS, "pool": PoolConfig(selection="random")}, "pool.selection"),
        ({"keys": KEYS, "pool": PoolConfig(failures=0)}, "pool.failures"),
        ({"keys": KEYS, "pool": PoolConfig(open_s=0)}, "pool.open_s"),
        ({"keys": KEYS, "pool": PoolConfig(queue_s=float("inf"))}, "pool.queue_s"),
        ({"keys": KEYS, "request_timeout_s": -1}, "request_timeout_s"),
        ({"keys": KEYS, "store": "nothing://"}, "store.url"),
        ({"keys": KEYS, "store": None}, "store"),
        ({"keys": KEYS, "store": "sqlite:///:memory:"}, "store.url"),
        ({"keys": KEYS, "store": "sqlite:///"}, "store.url"),
        ({"keys": ["sk-canary"]}, "keys"),
        ({"keys": "sk-canary"}, "keys"),
        ({"keys": KeyConfig(label="a", key="sk-canary")}, "keys"),
        ({"keys": [KeyConfig(label="sk-canary-0123456789abcdefghij", key="a")]}, "keys.(a secret).label"),
        ({"keys": [KeyConfig(label="a", key=None)]}, "keys.a.key"),
        ({"keys": [KeyConfig(label="a", key=5)]}, "keys.a.key"),
        ({"keys": [KeyConfig(label=None, key="sk-canary")]}, "keys.None.label"),
        ({"keys": [KeyConfig(label="a", key="sk-canary", models="gpt-4.1*")]}, "keys.a.models"),
        ({"keys": KEYS, "pool": {"failures": 3}}, "pool"),
        ({"keys": KEYS, "prices": {"m": {"input": 1, "output": 1}}}, "prices.m"),
        ({"keys": KEYS, "request_timeout_s": "5s"}, "request_timeout_s"),
        ({"keys": KEYS, "request_timeout_s": float("nan")}, "request_timeout_s"),
        ({"keys": KEYS, "pool": PoolConfig(queue_s=None)}, "pool.queue_s"),
        ({"keys": KEYS, "pool": PoolConfig(open_s=90, max_open_s=10)}, "pool.max_open_s"),
        ({"keys": [KeyConfig(label="a", key="sk-canary", models=None)]}, "keys.a.models"),
        ({"keys": [KeyConfig(label="a", key="sk-canary", models=(None,))]}, "keys.a.models"),
        ({"keys": [KeyConfig(label="a", key="sk-canary", limits=None)]}, "keys.a.limits"),
        ({"keys": [KeyConfig(label="a", key="sk-canary", limits={"gpt-*": 5})]}, "keys.a.limits.gpt-*"),
        ({"keys": [KeyConfig(label="a", key="sk-canary", limits={None: {"rpm": 5}})]}, "keys.a.limits"),
        ({"keys": [KeyConfig(label="a", key="sk-canary", limits={"gpt-*": {5: 5}})]}, "keys.a.limits.gpt-*"),
        ({"keys": KEYS, "prices": [("m", 1)]}, "prices"),
        ({"keys": KEYS, "prices": {None: PriceConfig(input=1, output=1)}}, "prices"),
    ],
)
def test_a_wrong_configuration_names_its_place(arguments, place: str) -> None:
    """ConfigError, with the path of what is wrong, at construction."""
    with pytest.raises(ConfigError) as wrong:
        Gateway(ProviderEndpoint.openai(), **arguments)
    assert wrong.value.path == place
    assert "canary" not in str(wrong.value)


@in_turn(
    ("endpoint", "place"),
    [
        ("openai", "endpoint"),
        (ProviderEndpoint.openai("not a url"), "base_url"),
        (ProviderEndpoint.custom("http://127.0.0.1:1/x", protocol="esperanto"), "protocol"),
        (ProviderEndpoint(kind="opena1"), "kind"),
        (ProviderEndpoint(kind="openai", headers=[("x-token", "canary")]), "headers"),
        (ProviderEndpoint(kind="openai", headers={"x-token": None}), "headers.x-token"),
        (ProviderEndpoint(kind="openai", headers={None: "canary"}), "headers"),
        (ProviderEndpoint.custom("http://127.0.0.1:1/x", protocol="openai_chat", auth="canary"), "auth"),
    ],
)
def test_a_wrong_endpoint_names_its_place(endpoint: object, place: str) -> None:
    """What the constructors cannot see is seen when the gateway is made."""
    with pytest.raises(ConfigError) as wrong:
        Gateway(endpoint, keys=KEYS)
    assert wrong.value.path == place
    with pytest.raises(ConfigError) as wrong:
        Gateway(ProviderEndpoint.openai(), primitive_endpoint=endpoint, keys=KEYS)
    assert wrong.value.path in {place, f"primitive_{place}"}
    assert "canary" not in str(wrong.value)


@in_turn(
    ("endpoint", "settings"),
    [
        (ProviderEndpoint.vertex_ai("lake", "europe-west4"), {"kind": "vertex_ai", "project": "lake", "region": "europe-west4"}),
        (ProviderEndpoint.bedrock("eu-central-1"), {"kind": "bedrock", "region": "eu-central-1"}),
        (ProviderEndpoint(kind="openai", auth=Bearer()), {"kind": "openai", "auth": AuthSettings(scheme="bearer")}),
        (ProviderEndpoint(kind="azure_openai", auth=Entra()), {"kind": "azure_openai", "auth": AuthSettings(scheme="entra")}),
        (ProviderEndpoint(kind="openai", auth=Header("x-key")), {"kind": "openai", "auth": AuthSettings(header="x-key")}),
        (ProviderEndpoint(kind="openai", auth=Query("key")), {"kind": "openai", "auth": AuthSettings(query="key")}),
    ],
)
def test_an_endpoint_is_a_provider_of_the_configuration(endpoint: ProviderEndpoint, settings: dict) -> None:
    """What its constructor says is what `omnillm.yaml` would say below the provider's name."""
    assert provider_settings(endpoint) == ProviderSettings(**settings)


def test_an_endpoint_shows_no_secret() -> None:
    """A header may carry one, and so may a URL: neither stands in a traceback or a log."""
    endpoint = ProviderEndpoint(kind="openai", base_url="https://me:canary@example.com/v1?key=canary", headers={"x-token": "canary"})
    assert repr(endpoint) == "ProviderEndpoint(kind='openai', base_url='https://example.com/v1', headers=['x-token'])"
    assert repr(ProviderEndpoint.openai()) == "ProviderEndpoint(kind='openai')"


def test_keys_may_come_from_a_generator() -> None:
    """Whatever yields them is read once. A first rest of a minute needs no longest beside it."""
    gateway = Gateway(ProviderEndpoint.openai(), keys=(key for key in KEYS), pool=PoolConfig(open_s=60))
    assert [key.label for key in gateway.pool_status()] == ["a", "b"]


def test_no_error_repeats_a_key() -> None:
    """A key that cannot be sent is refused without being shown."""
    with pytest.raises(ConfigError) as wrong:
        Gateway(ProviderEndpoint.openai(), keys=[KeyConfig(label="a", key="sk canary")])
    assert "canary" not in str(wrong.value) + repr(wrong.value.__cause__)
