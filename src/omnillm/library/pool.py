"""Keys and pools as the library's user configures and sees them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeVar

import msgspec
from msgspec.structs import replace

from omnillm.admission.asks import KeySnapshot
from omnillm.config import values
from omnillm.config.settings import BreakerSettings, CallSettings, KeySettings, ModelLimitSettings, ProviderSettings
from omnillm.errors import ConfigError
from omnillm.keys.selection import SELECTIONS
from omnillm.secret import Secret
from omnillm.spelling import hint

T = TypeVar("T")


class KeyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One provider key. Limits are per minute; None: no local limit, the provider's own headers and 429s rule."""

    label: str
    """Names the key in logs, errors and the ledger."""
    key: Secret | str
    rpm: int | None = None
    """Requests in any 60 seconds."""
    tpm: int | None = None
    """Tokens in any 60 seconds: the estimated prompt and the output cap, then what was used."""
    max_concurrency: int | None = None
    """Attempts at a time."""
    weight: int = 1
    """For `selection="weighted"`."""
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

    selection: Literal["power_of_two", "random_first_fit", "weighted", "priority"] = "power_of_two"
    """Which key with room is next: of two random ones the less busy, a random one, one drawn by weight, or the first of the list."""
    failures: int = 5
    """Consecutive failures that open a key's breaker."""
    open_s: float = 1.0
    """The breaker's first rest; it doubles up to `max_open_s`."""
    max_open_s: float | None = None
    """None: 10 s, or `open_s` if that is longer."""
    max_cooldown_s: float = 3600.0
    """The longest time for which a provider's limit or hint sets a key aside."""
    queue_s: float = 10.0
    """How long a call may wait for a key; 0 fails at once."""
    queue_depth: int = 1000
    """Calls that may wait at a time."""


class ModelHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How one key stands with one model. `state` is ready, cooling, exhausted or denied."""

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
    """ConfigError, its path `keys.LABEL.FIELD`, by the rules of the configuration file."""
    path = _place(key)
    return KeySettings(
        label=read(values.name, as_text(key.label, f"{path}.label"), f"{path}.label"),
        key=read(values.secret, secret_text(key), f"{path}.key"),
        rpm=_limit(key.rpm, f"{path}.rpm"),
        tpm=_limit(key.tpm, f"{path}.tpm"),
        max_concurrency=_limit(key.max_concurrency, f"{path}.max_concurrency"),
        weight=read(values.positive, key.weight, f"{path}.weight"),
        group=None if key.group is None else read(values.name, key.group, f"{path}.group"),
        models=_models(key.models, f"{path}.models"),
        limits={
            read(values.model_name, pattern, f"{path}.limits"): _model_limits(given, f"{path}.limits.{pattern}")
            for pattern, given in named(key.limits, f"{path}.limits").items()
        },
    )


def secret_text(key: KeyConfig) -> str:
    """ConfigError: it is no text. A variable that is not set is None, and `None` would be sent as the key."""
    return as_text(key.key.reveal() if isinstance(key.key, Secret) else key.key, f"{_place(key)}.key")


def _place(key: KeyConfig) -> str:
    """Its place in an error. A secret that was given as a label is not shown."""
    return "keys.(a secret)" if values.is_like_a_secret(str(key.label)) else f"keys.{key.label}"


def as_text(value: str, path: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"must be a str, not a {type(value).__name__}", path=path)
    return value


def _limit(given: int | None, path: str) -> int:
    return 0 if given is None else read(values.limit, given, path)


def _models(patterns: object, path: str) -> tuple[str, ...]:
    if isinstance(patterns, str) or not isinstance(patterns, Iterable):
        raise ConfigError("must be a tuple of patterns, not one", path=path)
    return tuple(read(values.model_name, as_text(pattern, path), path) for pattern in patterns)


def named(given: Mapping[str, T], path: str) -> Mapping[str, T]:
    """What maps names to something. ConfigError: it does not."""
    if not isinstance(given, Mapping):
        raise ConfigError("must be a mapping", path=path)
    for name in given:
        as_text(name, path)
    return given


def _model_limits(given: Mapping[str, int], path: str) -> ModelLimitSettings:
    known = ModelLimitSettings.__struct_fields__
    for name in named(given, path):
        if name not in known:
            raise ConfigError(f"is unknown{hint(name, known)}", path=f"{path}.{name}")
    return ModelLimitSettings(**{name: read(values.limit, value, f"{path}.{name}") for name, value in given.items()})


def pool_settings(pool: PoolConfig, provider: ProviderSettings) -> ProviderSettings:
    """The provider with this pool's selection, breaker and cooldown."""
    if not isinstance(pool, PoolConfig):
        raise ConfigError("must be a PoolConfig", path="pool")
    if pool.selection not in SELECTIONS:
        raise ConfigError(f"is none{hint(pool.selection, SELECTIONS)}", path="pool.selection")
    breaker = BreakerSettings(
        failures=read(values.positive, pool.failures, "pool.failures"),
        open_s=read_seconds(pool.open_s, "pool.open_s"),
        max_open_s=None if pool.max_open_s is None else read_seconds(pool.max_open_s, "pool.max_open_s"),
    )
    if breaker.longest_s < breaker.open_s:
        raise ConfigError("cannot be shorter than open_s, the first rest", path="pool.max_open_s")
    cooldown_s = read_seconds(pool.max_cooldown_s, "pool.max_cooldown_s")
    return replace(provider, selection=pool.selection, breaker=breaker, max_cooldown_s=cooldown_s)


def call_settings(pool: PoolConfig) -> CallSettings:
    return CallSettings(
        queue_s=read(values.seconds, _written(pool.queue_s, "pool.queue_s"), "pool.queue_s"),
        queue_depth=read(values.whole, pool.queue_depth, "pool.queue_depth"),
    )


def read(reader: Callable[[str], T], value: object, path: str) -> T:
    """A value by the reader of the configuration file, so that one rule holds in both places."""
    try:
        return reader(str(value))
    except ValueError as error:
        raise ConfigError(str(error), path=path) from error


def read_seconds(value: float, path: str) -> float:
    return read(values.positive_seconds, _written(value, path), path)


def _written(seconds: float, path: str) -> str:
    """As the configuration file would say it."""
    try:
        return f"{seconds:.9f}s"
    except (TypeError, ValueError) as error:
        raise ConfigError("must be a number of seconds", path=path) from error


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
