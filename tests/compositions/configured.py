"""A configuration made of its features, as the text of a file."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from tests.compositions.features import Choice
from tests.journeys.families.families import PRICES as FAMILY_PRICES

JSON = dict[str, Any]
ADMIN_KEY: Final = "admin-canary-0123456789"
CALLERS: Final = {"first": "sk-canary-first-0123456789", "second": "sk-canary-second-0123456789"}
NOVA: Final = "us.amazon.nova-2-lite-v1:0"
RATES: Final = {"input": 400_000_000, "output": 1_600_000_000, "cache_read": 40_000_000, "cache_write": 500_000_000}
DEAR: Final = {name: 3 * rate for name, rate in RATES.items()}
URGENT: Final = {"input": 500_000_000, "output": 2_000_000_000, "cache_read": 50_000_000, "cache_write": 625_000_000}
"""In the tier `priority`."""
PRICES: Final = {
    **FAMILY_PRICES,
    "fake-small": RATES,
    "fake-small;tier=priority": URGENT,
    "fake-large": DEAR,
    "fake-large;tier=priority": {name: 3 * rate for name, rate in URGENT.items()},
    "wild-one;tier=priority": URGENT,
    NOVA: DEAR,
    "*": RATES,
    "omni-moderation-latest": {"input": 0, "output": 0},
}
URGENT_PRICE: Final = {"input": 0.5, "output": 2, "cache_read": 0.05, "cache_write": 0.625}
PRICE: Final[JSON] = {"input": 0.4, "output": 1.6, "cache_read": 0.04, "cache_write": 0.5, "max_output": 400, "context": 20_000}
DEAR_PRICE: Final[JSON] = {**PRICE, "input": 1.2, "output": 4.8, "cache_read": 0.12, "cache_write": 1.5}
TIERED: Final[JSON] = {**PRICE, "service_tiers": {"priority": URGENT_PRICE}}
DEAR_TIERED: Final[JSON] = {
    **DEAR_PRICE,
    "service_tiers": {"priority": {"input": 1.5, "output": 6, "cache_read": 0.15, "cache_write": 1.875}},
}
OVERRIDES: Final[JSON] = {
    "openai/gpt-image-1": {"input": 5, "output": 20, "input_image": 10, "output_image": 40, "max_output": 6250},
    "openai/tts-1": {"input": 0, "output": 0, "characters": 15},
    "openai/whisper-1": {"input": 0, "output": 0, "per_second": 0.0001},
}
TIGHT_USD: Final = {"everything": 0.05, "team": 0.01, "own": 0.008}
PROVIDERS: Final = ("openai", "anthropic", "gemini", "host", "bedrock")
ROUTES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "one": {"fast": ("openai/fake-small",), "claude": ("anthropic/fake-small",), "gemini": ("gemini/fake-small",)},
    "twin": {
        "fast": ("openai/fake-small", "openai/fake-large"),
        "claude": ("anthropic/fake-small", "anthropic/fake-large"),
        "gemini": ("gemini/fake-small", "gemini/fake-large"),
    },
    "across": {
        "fast": ("openai/fake-small", "anthropic/fake-small", "gemini/fake-large"),
        "claude": ("anthropic/fake-small", "openai/fake-small", f"bedrock/{NOVA}"),
        "gemini": ("gemini/fake-small", "openai/fake-small", "host/fake-small"),
    },
}


TELLING: Final = ("openai", "host")
"""Providers whose replies tell their tier beside their usage."""


def secrets_of(provider: str) -> list[str]:
    return [f"sk-canary-{provider}-{number}" for number in range(5)]


def configured(chosen: Choice, urls: Mapping[str, str], *, ledger: str, tls: str = "", port: int = 0, admin_port: int = 0) -> str:
    """`urls`: of the provider, by "plain" and "tls"; `tls`: the file with certificate and key."""
    server: JSON = {"host": "127.0.0.1", "port": port, "auth": "required", "admin_key": ADMIN_KEY, "drain": "300ms"}
    server["native"] = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini"}
    server["log"] = {"format": chosen["log"]}
    if chosen["front"] == "tls":
        server["tls"] = {"cert": tls, "key": tls}
    if chosen["admin"] == "apart":
        server["admin"] = {"host": "127.0.0.1", "port": admin_port}
    store = {"url": ledger, "durability": chosen["durability"], "when_down": chosen["when_down"], "pepper": "canary-pepper-0123456789"}
    store["retention"] = "1h" if chosen["retention"] == "an hour" else "90d"
    text = {
        "server": server,
        "calls": _calls(chosen),
        "store": store,
        "providers": {name: _provider(name, chosen, urls[chosen["back"]]) for name in PROVIDERS},
        "models": _models(chosen),
        "budgets": _budgets(chosen),
        "virtual_keys": [_caller(name, chosen) for name in CALLERS],
        "pricing": {"overrides": _overrides()},
    }
    return json.dumps(text, indent=1)


def _calls(chosen: Choice) -> JSON:
    replies = chosen["replies"]
    return {
        "queue": {"none": "0s", "some": "400ms", "shallow": "400ms"}[chosen["queue"]],
        "queue_depth": 2 if chosen["queue"] == "shallow" else 1000,
        "deadline": "20s",
        "hold_back": {"usual": {}, "none": {"time": "0s"}, "short": {"time": "20ms", "size": "300B"}}[chosen["hold_back"]],
        "affinity": chosen["affinity"],
        "on_abort": chosen["on_abort"],
        "default_output_tokens": 100,
        "idempotency": {"store_replies": replies != "forgotten", "max_reply": "400B" if replies == "kept small" else "1MiB"},
    }


def _provider(name: str, chosen: Choice, url: str) -> JSON:
    kinds = {"host": "openai_compatible"}
    short = {"connect": "5s", "first_byte": "150ms", "idle": "150ms", "total": "200ms"}
    provider: JSON = {
        "kind": kinds.get(name, name),
        "base_url": url,
        "selection": chosen["selection"],
        "timeouts": short if chosen["timeouts"] == "short" else {"total": "20s", "first_byte": "20s", "idle": "20s"},
        "breaker": {"failures": 1, "open": "10ms", "max_open": "50ms"} if chosen["breaker"] == "hasty" else {},
        "max_cooldown": "2s",
        "keys": [_key(secret, place, chosen) for place, secret in enumerate(secrets_of(name)[: _count(chosen)])],
    }
    if name == "bedrock":
        provider["region"] = "us-east-1"
    if name == "openai":
        provider["passthrough"] = ["/vector_stores*"]
    return provider


def _count(chosen: Choice) -> int:
    return {"one": 1, "two": 2, "five": 5}[chosen["keys"]]


def _key(secret: str, place: int, chosen: Choice) -> JSON:
    key: JSON = {"label": f"k{place}", "key": secret, "weight": 1 + place}
    if chosen["group"] == "shared":
        key["group"] = f"g{place // 3}"
    if chosen["rpm"] == "tight":
        key["rpm"] = 6
    if chosen["rpm"] == "by model":
        key["limits"] = {"fake-*": {"rpm": 5, "rpd": 40}}
    if chosen["tpm"] == "tight":
        key["tpm"] = 4000
    if chosen["concurrency"] != "none":
        key["max_concurrency"] = 1 if chosen["concurrency"] == "one" else 2
    return key


def _models(chosen: Choice) -> JSON:
    routes = {**ROUTES[chosen["targets"]], "host": ("host/fake-small",), "cloud": (f"bedrock/{NOVA}",), "wild-*": ("openai/*",)}
    models: JSON = {}
    for name, targets in routes.items():
        models[name] = {"targets": list(targets)}
        if chosen["strategy"] == "weighted":
            weighted = [{"target": target, "weight": 1 + place} for place, target in enumerate(targets)]
            models[name] = {"strategy": "weighted", "targets": weighted}
    return models


def _budgets(chosen: Choice) -> list[JSON]:
    is_tight = chosen["everything"] == "tight"
    everything: JSON = {"name": "everything", "period": chosen["period"], "hard": chosen["everything"] != "soft"}
    everything["limit_usd"] = TIGHT_USD["everything"] if is_tight else 1000
    team: JSON = {"name": "team", "scope": "named", "period": "day", "hard": chosen["named"] == "tight", "limit_usd": TIGHT_USD["team"]}
    return [everything] if chosen["named"] == "none" else [everything, team]


def _caller(name: str, chosen: Choice) -> JSON:
    caller: JSON = {"name": name, "key": CALLERS[name], "tags": {"of": name}}
    if chosen["named"] != "none":
        caller["budgets"] = ["team"]
    if name == "first":
        if chosen["own"] != "none":
            caller["budget"] = {"limit_usd": TIGHT_USD["own"], "period": chosen["own"]}
        limits = {"none": {}, "rpm": {"rpm": 20}, "tpm": {"tpm": 9000}, "concurrency": {"max_concurrency": 3}}
        caller |= limits[chosen["caller_limits"]]
    return caller


def _overrides() -> JSON:
    small = [f"{provider}/fake-small" for provider in ("openai", "anthropic", "gemini", "host")]
    large = [name.replace("small", "large") for name in small]
    prices = {**dict.fromkeys([*small, "openai/wild-one"], TIERED), **dict.fromkeys(large, DEAR_TIERED)}
    return prices | {f"bedrock/{NOVA}": DEAR_PRICE} | OVERRIDES


CHANGEABLE: Final = (
    *("on_abort", "hold_back", "queue", "affinity", "replies", "keys", "group", "rpm", "tpm", "concurrency", "selection", "strategy"),
    *("targets", "everything", "named", "caller_limits", "breaker", "timeouts", "back"),
)
"""Of a gateway that runs."""


def changed(chosen: Choice, features: Mapping[str, tuple[str, ...]], dice: Random, *, first: Choice) -> dict[str, str]:
    """Another configuration that a reload may bring. A caller's own budget may go, and come back as it was at `first`."""
    names = dice.sample(CHANGEABLE, dice.randrange(1, 4))
    after = {**chosen, **{name: dice.choice(features[name]) for name in names}}
    if dice.random() < 0.3:
        after["own"] = dice.choice(("none", first["own"]))
    if (chosen["named"] == "none") != (after["named"] == "none"):
        after["named"] = chosen["named"]  # kept virtual keys may draw on it
    return after
