"""What a key is needed for, and how pools are configured. Plain values, like those of `admission/asks.py`. A limit of 0 means none."""

from typing import Protocol

import msgspec


class Dice(Protocol):
    """`random.Random`."""

    def random(self) -> float: ...


class Need(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What `lease` is asked for."""

    case_id: str
    targets: tuple[tuple[str, str], ...]
    """(provider, its own name of the model) of those still open to this call, best first; the first with a free key wins."""
    tokens: int
    """TPM to reserve: estimated prompt + output cap."""
    tried: tuple[tuple[str, str], ...] = ()
    """(provider, key label) already used by this call: not leased again while another key could do it."""
    retry_of: str = ""
    """Provider whose failed attempt (after sending) this one repeats: draws on the budget of where it goes. "": first try or failover."""
    affinity: int = 0
    """A hash: calls with the same one prefer the same key (rendezvous). 0: none."""
    pinned: str = ""
    """A key label: only that key will do. "": any."""
    queue_until: float = 0.0
    """Until when the call is willing to wait; <= now: fail at once."""


class ModelLimits(msgspec.Struct, frozen=True, kw_only=True):
    pattern: str
    """fnmatch-like: `*` only. Models that match one pattern share its windows: they are one model class."""
    rpm: int = 0
    tpm: int = 0
    rpd: int = 0


class KeyConfigured(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    secret_id: str
    """A digest of the secret: when it changes, the key's health starts anew."""
    group: str = ""
    """Quota group; "": its own."""
    rpm: int = 0
    tpm: int = 0
    max_concurrency: int = 0
    weight: int = 1
    models: tuple[str, ...] = ()
    """Patterns of the models that it serves; empty: all."""
    limits: tuple[ModelLimits, ...] = ()


class BreakerConfigured(msgspec.Struct, frozen=True, kw_only=True):
    failures: int = 5
    open_s: float = 1.0
    max_open_s: float = 10.0
    window_s: float = 30.0
    window_min: int = 10
    window_ratio: float = 0.5


class PoolConfigured(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    keys: tuple[KeyConfigured, ...]
    selection: str = "power_of_two"
    breaker: BreakerConfigured = BreakerConfigured()
    max_cooldown_s: float = 3600.0
