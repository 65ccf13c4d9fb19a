"""The arguments of `Gateway` as a configuration: one provider, which has every model, and one budget."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from omnillm.config.configured import endpoint_of
from omnillm.config.prices import PricingSettings
from omnillm.config.settings import (
    BudgetSettings,
    ModelSettings,
    ProviderSettings,
    Settings,
    StoreSettings,
    TargetSettings,
    TimeoutSettings,
)
from omnillm.errors import ConfigError
from omnillm.library.endpoints import ProviderEndpoint, provider_settings
from omnillm.library.pool import KeyConfig, PoolConfig, call_settings, key_settings, named, pool_settings, read_seconds, secret_text
from omnillm.library.prices import PriceConfig, price_settings, read_usd
from omnillm.secret import Secret

PROVIDER: Final = "default"
BUDGET: Final = "gateway"
NO_KEYS: Final = "must be a list of KeyConfig(label=..., key=...)"


def settings_for(endpoint: ProviderEndpoint, keys: Iterable[KeyConfig], pool: PoolConfig, request_timeout_s: float | None) -> Settings:
    own = _endpoint(endpoint, "endpoint")
    keys = _listed(keys)
    _check_once([key.label for key in keys], "label")
    _check_once([secret_text(key) for key in keys], "key")
    provider = replace(
        pool_settings(pool, own),
        keys=tuple(key_settings(key) for key in keys),
        timeouts=TimeoutSettings()
        if request_timeout_s is None
        else TimeoutSettings(total_s=read_seconds(request_timeout_s, "request_timeout_s")),
    )
    return Settings(
        providers={PROVIDER: provider},
        models={"*": ModelSettings(targets=(TargetSettings(target=f"{PROVIDER}/*"),))},
        calls=call_settings(pool),
    )


def elsewhere(settings: Settings, endpoint: ProviderEndpoint) -> Settings:
    """The same keys, pool and ledger, at the endpoint of primitive calls."""
    here = settings.providers[PROVIDER]
    there = replace(
        _endpoint(endpoint, "primitive_endpoint"),
        keys=here.keys,
        selection=here.selection,
        breaker=here.breaker,
        max_cooldown_s=here.max_cooldown_s,
        timeouts=here.timeouts,
    )
    endpoint_of(there)  # what is wrong with it is told when the gateway is made
    return replace(settings, providers={PROVIDER: there})


def _endpoint(endpoint: object, path: str) -> ProviderSettings:
    if not isinstance(endpoint, ProviderEndpoint):
        raise ConfigError("must be a ProviderEndpoint, such as ProviderEndpoint.openai()", path=path)
    return provider_settings(endpoint)


def _listed(keys: object) -> tuple[KeyConfig, ...]:
    if not isinstance(keys, Iterable):
        raise ConfigError(NO_KEYS, path="keys")
    listed = tuple(keys)
    if not listed:
        raise ConfigError("at least one key is needed", path="keys")
    if not all(isinstance(key, KeyConfig) for key in listed):
        raise ConfigError(NO_KEYS, path="keys")
    return listed


def _check_once(values: list[str], what: str) -> None:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ConfigError(f"the {what} stands twice", path=f"keys[{place}].{what}")


def with_ledger(
    settings: Settings, store: str, budget_limit_usd: Decimal | str | int | None, prices: Mapping[str, PriceConfig]
) -> Settings:
    """The settings with a ledger, durable where money is limited, and with the prices that a limit is counted with."""
    if not isinstance(store, str):
        raise ConfigError("must be a URL such as sqlite:///ledger.db", path="store")
    limit = None if budget_limit_usd is None else read_usd(budget_limit_usd, "budget_limit_usd")
    return replace(
        settings,
        store=StoreSettings(url=Secret(store), durability="relaxed" if limit is None else "strict"),
        budgets=() if limit is None else (BudgetSettings(name=BUDGET, limit_nanousd=limit),),
        pricing=PricingSettings(
            overrides={f"{PROVIDER}/{model}": price_settings(model, price) for model, price in named(prices, "prices").items()}
        ),
    )
