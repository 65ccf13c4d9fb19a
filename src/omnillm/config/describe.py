"""What is in force, in lines for people: `omnillm check` prints it. No secret is in it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from omnillm.config.configured import endpoint_of, is_served, keys_of
from omnillm.config.settings import (
    BudgetSettings,
    KeySettings,
    LimitSettings,
    ModelSettings,
    ProviderSettings,
    ServerSettings,
    Settings,
    VirtualKeySettings,
)
from omnillm.config.values import ROLLING, window_s
from omnillm.money import format_usd
from omnillm.pattern import is_allowed, is_pattern, matches
from omnillm.routing.target import ASKED

REACH: Final = {"gateway": "for every call", "named": "for the virtual keys that name it"}


def describe(settings: Settings) -> list[str]:
    return [
        *_server(settings),
        *(line for name, provider in settings.providers.items() for line in _provider(name, provider)),
        *(f"model {name}: {_targets(name, model, settings)}" for name, model in settings.models.items()),
        *([] if settings.is_models_only else ["provider/model may be asked for too"]),
        *(f"budget {budget.name}: {_budget(budget)}, {REACH[budget.scope]}" for budget in settings.budgets),
        *(f"virtual key {key.name}: {_virtual_key(key, settings)}" for key in settings.virtual_keys),
        *_native(settings),
        f"prices: {len(settings.pricing.overrides)} of your own; a model without a price: {settings.pricing.unknown}",
    ]


def _native(settings: Settings) -> Iterator[str]:
    for prefix, named in settings.server.native.items():
        yield f"native calls below /{prefix} go to provider {named}"
    for name, provider in settings.providers.items():
        if provider.passthrough:
            yield f"passed through to provider {name}, beside what its kind allows: {', '.join(provider.passthrough)}"


def _server(settings: Settings) -> Iterator[str]:
    server, store = settings.server, settings.store
    yield f"server on {server.host}:{server.port}{' with TLS' if server.tls else ''}, auth: {server.auth}"
    if server.admin is not None:
        yield f"admin on {server.admin.host}:{server.admin.port}"
    yield from _never_room(server.limits)
    yield _stop(server, is_traced=settings.traces is not None)
    if server.auth == "required" and not (server.admin_key or settings.virtual_keys):
        yield "no virtual key and no admin_key to make one with: nobody can call"
    kept = f"rows are kept for {_span(store.retention_s)}"
    idempotency = settings.calls.idempotency
    if idempotency.keeps_replies:
        kept += f", and replies to calls with an idempotency key for {_span(idempotency.ttl_s)}"
    if settings.traces is not None:
        yield f"traces go to {urlsplit(settings.traces.endpoint.reveal()).hostname}: {_sampled(settings.traces.sample_permille)}"
    yield f"store {store.url.reveal().partition(':')[0]}, durability: {store.durability}, {kept}"
    if store.wait_s:
        yield f"a start waits up to {store.wait_s:g} s for a ledger that another process writes, or whose server is away"


def _never_room(limits: LimitSettings) -> Iterator[str]:
    for together, most, one, least in (
        ("buffered", limits.buffered_bytes, "body", limits.body_bytes),
        ("spooled", limits.spooled_bytes, "upload", limits.upload_bytes),
    ):
        if most < least:
            yield f"limits.{together} is below limits.{one}: a request above limits.{together} is always refused"


def _sampled(permille: int) -> str:
    own = {0: "none", 1000: "all"}.get(permille, f"{permille / 10:g} %")
    return f"{own} of the calls that come without a trace, and of the others those that their client samples"


def _stop(server: ServerSettings, *, is_traced: bool) -> str:
    """Its longest time is what `TimeoutStopSec` and `terminationGracePeriodSeconds` must allow.

    The last seconds are the front's `LAST_S`, and the exporter's.
    """
    delay = f"serves new calls for {server.drain_delay_s:g} s, then " if server.drain_delay_s else ""
    total_s = server.drain_delay_s + server.drain_s + 1 + is_traced
    last = "a second to tell what is left" + (", and one to export traces" if is_traced else "")
    return f"a stop {delay}gives open calls {server.drain_s:g} s, and {last}: allow it more than {total_s:g} s"


def _span(seconds: float) -> str:
    return f"{seconds / 86400:g} days" if seconds > 86400 else f"{seconds / 3600:g} hours"


def _provider(name: str, provider: ProviderSettings) -> Iterator[str]:
    endpoint = endpoint_of(provider)
    yield f"provider {name}: {provider.kind} at {endpoint.origin_url}, speaks {', '.join(endpoint.protocols)}, {provider.selection}"
    for key in keys_of(provider):
        yield f"  key {key.label}: {_key(key)}"


def _key(key: KeySettings) -> str:
    told = [_limits(rpm=key.rpm, tpm=key.tpm, max_concurrency=key.max_concurrency)]
    if key.group is not None:
        told.append(f"quota group {key.group}")
    if key.models:
        told.append(f"only {', '.join(key.models)}")
    for pattern, each in key.limits.items():
        limits = _limits(rpm=each.rpm, tpm=each.tpm, rpd=each.rpd)
        serves = is_pattern(pattern) or is_allowed(pattern, key.models)
        told.append(f"{pattern}: {limits}{'' if serves else ' (the key does not serve it)'}")
    return "; ".join(told)


def _asked(name: str, settings: Settings) -> str:
    """A name that a virtual key may ask for, and whether anything answers to it."""
    known = [*settings.models, *([] if settings.is_models_only else [f"{provider}/*" for provider in settings.providers])]
    return name if "*" in name or any(matches(each, name) for each in known) else f"{name} (there is none)"


def _limits(**limits: int) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in limits.items() if number) or "no local limit"


def _targets(name: str, model: ModelSettings, settings: Settings) -> str:
    told = []
    for each in model.targets:
        provider, _, asked = each.target.partition("/")
        sent = name if asked == ASKED else asked
        serves = is_pattern(sent) or is_served(settings.providers[provider], sent)
        weight = "" if model.strategy == "ordered" else f" (weight {each.weight or 1})"
        told.append(f"{each.target}{weight}{'' if serves else ' (no key serves it)'}")
    return (", then " if model.strategy == "ordered" else ", ").join(told)


def _budget(budget: BudgetSettings) -> str:
    return f"{format_usd(budget.limit_nanousd)} USD{_period(budget)}, {'hard' if budget.is_hard else 'soft'}"


def _period(budget: BudgetSettings) -> str:
    if window_s(budget.period):
        return f" in any {budget.period.removeprefix(ROLLING)}"
    return "" if budget.period == "total" else f" a {budget.period} ({budget.tz})"


def _virtual_key(key: VirtualKeySettings, settings: Settings) -> str:
    told = [_limits(rpm=key.rpm, tpm=key.tpm, max_concurrency=key.max_concurrency)]
    told.append(f"models {', '.join(_asked(name, settings) for name in key.models)}" if key.models else "every model")
    if key.budgets:
        told.append(f"budgets {', '.join(key.budgets)}")
    if key.budget is not None:
        told.append(f"its own budget {_budget(key.budget)}")
    if key.expires_wall is not None:
        told.append(f"until {datetime.fromtimestamp(key.expires_wall, UTC):%Y-%m-%dT%H:%M:%SZ}")
    return "; ".join(told)
