"""Keys and pools as the library's user configures and sees them."""

from collections.abc import Mapping

import msgspec

from omnillm.admission.asks import KeySnapshot
from omnillm.config.settings import BreakerSettings, KeySettings, ModelLimitSettings
from omnillm.errors import ConfigError
from omnillm.secret import Secret


class KeyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One provider key. Limits are per minute; None: no local limit, the provider's own headers and 429s rule."""

    label: str
    key: Secret | str
    rpm: int | None = None
    tpm: int | None = None
    max_concurrency: int | None = None
    weight: int = 1
    group: str | None = None
    """Keys of one group share an account's limits."""
    models: tuple[str, ...] = ()
    """Patterns of the models that it serves; empty: all."""
    limits: Mapping[str, Mapping[str, int]] = {}
    """Pattern -> {"rpm": ..., "tpm": ..., "rpd": ...}."""

    def __repr__(self) -> str:
        return f"KeyConfig(label={self.label!r})"


class PoolConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How keys are chosen, rested and waited for. Times are seconds."""

    selection: str = "power_of_two"
    """power_of_two, random_first_fit, weighted or priority."""
    failures: int = 5
    """Consecutive failures that open a key's breaker."""
    open_s: float = 1.0
    max_open_s: float = 60.0
    max_cooldown_s: float = 3600.0
    queue_s: float = 10.0
    queue_depth: int = 1000


class ModelHealth(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    state: str
    until: int
    """Unix milliseconds, 0 = now."""


class KeyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One provider key now. Moments are Unix milliseconds, 0 = none (an expired one reads 0); limits 0 = none."""

    label: str
    provider: str
    available: bool
    state: str
    """ready, cooling, open, half_open, dead or removed."""
    in_flight: int
    tpm_inflight: int
    tpm_used: int
    tpm_limit: int
    rpm_used: int
    rpm_limit: int
    cool_down_until: int
    failure_cool_down_until: int
    consecutive_failures: int
    models: tuple[ModelHealth, ...]


def key_settings(key: KeyConfig) -> KeySettings:
    limits = {"rpm": key.rpm, "tpm": key.tpm, "max_concurrency": key.max_concurrency}
    for name, value in limits.items():
        if value is not None and value < 1:
            raise ConfigError("must be at least 1; leave it out for no local limit", path=f"keys.{key.label}.{name}")
    return KeySettings(
        label=key.label,
        key=key.key if isinstance(key.key, Secret) else Secret(key.key),
        rpm=key.rpm or 0,
        tpm=key.tpm or 0,
        max_concurrency=key.max_concurrency or 0,
        weight=key.weight,
        group=key.group,
        models=key.models,
        limits={pattern: ModelLimitSettings(**each) for pattern, each in key.limits.items()},
    )


def breaker_settings(pool: PoolConfig) -> BreakerSettings:
    return BreakerSettings(failures=pool.failures, open_s=pool.open_s, max_open_s=pool.max_open_s)


def key_status(key: KeySnapshot, wall: float) -> KeyStatus:
    return KeyStatus(
        label=key.label,
        provider=key.provider,
        available=key.is_available,
        state=key.state,
        in_flight=key.in_flight,
        tpm_inflight=key.tpm_inflight,
        tpm_used=key.tpm_used,
        tpm_limit=key.tpm_limit,
        rpm_used=key.rpm_used,
        rpm_limit=key.rpm_limit,
        cool_down_until=_moment(key.cool_down_s, wall),
        failure_cool_down_until=_moment(key.failure_cool_down_s, wall),
        consecutive_failures=key.consecutive_failures,
        models=tuple(ModelHealth(model=each.model, state=each.state, until=_moment(each.until_s, wall)) for each in key.models),
    )


def _moment(in_s: float, wall: float) -> int:
    return int((wall + in_s) * 1000) if in_s > 0 else 0
