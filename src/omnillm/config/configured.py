"""What the settings mean for the layers below: endpoints, routes, budgets, and the controller's configuration."""

from collections.abc import Iterable

from omnillm.admission.asks import BudgetConfigured, CallerConfigured, ControllerConfigured
from omnillm.config.settings import AuthSettings, BudgetSettings, KeySettings, ModelSettings, ProviderSettings, Settings, VirtualKeyTerms
from omnillm.config.values import window_s
from omnillm.errors import ConfigError
from omnillm.keys.terms import BreakerConfigured, KeyConfigured, ModelLimits, PoolConfigured
from omnillm.pattern import is_allowed
from omnillm.providers.auth_scheme import AuthScheme, Bearer, Entra, Header, Query
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.kinds import KINDS, Quirks, endpoint
from omnillm.providers.places import base_url_of, placed
from omnillm.routing.target import Route, parse_target
from omnillm.secret import Secret

KEYLESS = KeySettings(label="keyless")
NO_SECRET = Secret("")


def endpoint_of(provider: ProviderSettings) -> Endpoint:
    """Return the kind's profile with the provider's overrides; ConfigError, its `path` within the provider, where they do not fit."""
    region = provider.region or ""
    place = base_url_of(provider.kind, region=region, project=provider.project or "")
    made = endpoint(
        provider.kind,
        base_url=provider.base_url or place,
        protocol=provider.protocol or "",
        is_compat=provider.is_compat,
        auth=auth_of(provider.auth) if provider.auth else None,
        headers=tuple(provider.headers.items()),
        quirks=Quirks(system_role=provider.system_role or "", content=provider.content or ""),
        api_version=provider.api_version or "",
    )
    return placed(made, region)


def keys_of(provider: ProviderSettings) -> tuple[KeySettings, ...]:
    """The provider's keys; where none is given and none is needed, one without a secret."""
    return provider.keys or ((KEYLESS,) if needs_no_key(provider) else ())


def is_served(provider: ProviderSettings, model: str) -> bool:
    """Whether one of its keys may be used for a model of this name."""
    return any(is_allowed(model, key.models) for key in keys_of(provider))


def needs_no_key(provider: ProviderSettings) -> bool:
    """Whether its keys may be without a secret: the host asks for none, or tokens are fetched. An unknown kind needs one."""
    return is_fetched(provider) or (provider.kind in KINDS and KINDS[provider.kind].is_keyless)


def is_fetched(provider: ProviderSettings) -> bool:
    """Whether its keys send the machine's own token."""
    return provider.auth is not None and provider.auth.scheme == "entra"


def secret_of(key: KeySettings) -> Secret:
    return key.key or NO_SECRET


def auth_of(auth: AuthSettings) -> AuthScheme:
    if sum(each is not None for each in (auth.scheme, auth.header, auth.query)) != 1:
        raise ConfigError("must be bearer, entra, {header: NAME} or {query: NAME}", path="auth")
    if auth.header is not None:
        return Header(auth.header)
    if auth.query is not None:
        return Query(auth.query)
    return Entra() if auth.scheme == "entra" else Bearer()


def route_of(model: ModelSettings) -> Route:
    """ValueError: a target is not provider/model."""
    is_weighted = model.strategy == "weighted"
    return Route(
        targets=tuple(parse_target(each.target) for each in model.targets),
        weights=tuple(each.weight or 1 for each in model.targets) if is_weighted else (),
    )


def endpoints(settings: Settings) -> dict[str, Endpoint]:
    return {name: endpoint_of(provider) for name, provider in settings.providers.items()}


def routes(settings: Settings) -> dict[str, Route]:
    return {name: route_of(model) for name, model in settings.models.items()}


def own_budget(name: str) -> str:
    """Name of a virtual key's own budget; no configured name can hold the colon."""
    return f"key:{name}"


def budgets(settings: Settings, stored: Iterable[VirtualKeyTerms] = ()) -> dict[str, BudgetSettings]:
    """Every budget by its name, with the virtual keys' own; `stored`: virtual keys that the file does not have."""
    owned = {own_budget(key.name): key.budget for key in (*settings.virtual_keys, *stored) if key.budget is not None}
    return {budget.name: budget for budget in settings.budgets} | owned


def budgets_of(settings: Settings, key: VirtualKeyTerms | None) -> tuple[str, ...]:
    """Names of the budgets that a virtual key's calls draw on; None: of a call without one."""
    shared = tuple(budget.name for budget in settings.budgets if budget.scope == "gateway")
    if key is None:
        return shared
    return (*shared, *key.budgets, *((own_budget(key.name),) if key.budget is not None else ()))


def is_hard(settings: Settings, key: VirtualKeyTerms | None) -> bool:
    """Whether one of the budgets that a virtual key's calls draw on refuses rather than counts."""
    names = set(budgets_of(settings, key))
    own = key is not None and key.budget is not None and key.budget.is_hard
    return own or any(budget.is_hard for budget in settings.budgets if budget.name in names)


def controller(settings: Settings, stored: Iterable[VirtualKeyTerms] = ()) -> ControllerConfigured:
    """What the controller is configured with; `stored`: virtual keys that the file does not have."""
    others = tuple(stored)
    return ControllerConfigured(
        pools=tuple(_pool(name, provider) for name, provider in settings.providers.items()),
        callers=tuple(caller(key) for key in (*settings.virtual_keys, *others)),
        budgets=tuple(_budget(name, budget) for name, budget in budgets(settings, others).items()),
        queue_depth=settings.calls.queue_depth,
    )


def caller(key: VirtualKeyTerms) -> CallerConfigured:
    return CallerConfigured(name=key.name, rpm=key.rpm, tpm=key.tpm, max_concurrency=key.max_concurrency)


def budget(key: VirtualKeyTerms) -> BudgetConfigured | None:
    """A virtual key's own budget; None: it has none."""
    return _budget(own_budget(key.name), key.budget) if key.budget is not None else None


def _budget(name: str, budget: BudgetSettings) -> BudgetConfigured:
    window = budget.period if window_s(budget.period) else ""
    return BudgetConfigured(name=name, limit_nanousd=budget.limit_nanousd, is_hard=budget.is_hard, window=window)


def _pool(name: str, provider: ProviderSettings) -> PoolConfigured:
    breaker = provider.breaker
    return PoolConfigured(
        provider=name,
        keys=tuple(_key(key) for key in keys_of(provider)),
        selection=provider.selection,
        breaker=BreakerConfigured(failures=breaker.failures, open_s=breaker.open_s, max_open_s=breaker.longest_s),
        max_cooldown_s=provider.max_cooldown_s,
    )


def _key(key: KeySettings) -> KeyConfigured:
    return KeyConfigured(
        label=key.label,
        secret_id=secret_of(key).digest,
        group=key.group or "",
        rpm=key.rpm,
        tpm=key.tpm,
        max_concurrency=key.max_concurrency,
        weight=key.weight,
        models=key.models,
        limits=tuple(ModelLimits(pattern=pattern, rpm=each.rpm, tpm=each.tpm, rpd=each.rpd) for pattern, each in key.limits.items()),
    )
