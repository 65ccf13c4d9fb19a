"""The structs of the controller's verbs. They hold ids, never live objects, so each can be sent through msgpack.

The argument of `lease` and the configuration of pools are in `keys/terms.py`, one layer below, because the pools read them.

A `case_id` is the request's id (32 hex digits). Whatever is granted is held under it, and closing the case by id gives it all back.
Times are monotonic seconds of the process that owns the controller; amounts are nano-USD; tokens are LLM tokens. Answers have a tag, so
that an encoded answer tells its kind.
"""

from typing import final

import msgspec

from omnillm.keys.terms import PoolConfigured


class Ask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What `admit` is asked for: the caller's limits and the money of one attempt, all or nothing."""

    case_id: str
    caller: str = ""
    """Name of the virtual key; "" when nobody is authenticated (auth: none)."""
    tokens: int = 0
    budgets: tuple[str, ...] = ()
    """Names of every budget that must have room (gateway-wide, the virtual key's own, named ones)."""
    amount_nanousd: int = 0
    """Upper bound of what one attempt may cost."""
    queue_until: float = 0.0
    """Until when the call is willing to wait (for money that is only held, for a key)."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """An admitted call."""

    case_id: str
    periods: tuple[tuple[str, str], ...] = ()
    """(budget, period id) of each reservation. The cost is settled in the same periods."""
    requests_limit: int = 0
    """The virtual key's RPM limit, 0 = none. With what is left of it, for `x-ratelimit-*`."""
    requests_left: int = 0
    tokens_limit: int = 0
    tokens_left: int = 0


class Lease(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """The right to use one provider key for one attempt."""

    lease_id: int
    case_id: str
    provider: str
    key: str
    """The key's label. The sender looks up the secret."""
    model: str


@final
class Wait(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """Not now. The case stands in the queue: a later verb delivers the answer."""

    case_id: str
    until: float
    """When it will be refused at the latest."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """No, and why.

    Codes of `admit`: requests_limit, tokens_limit, concurrency_limit, call_too_large (429 or 400), budget_exceeded, budget_held (402).
    Codes of `lease`: all_keys_limited (429), all_keys_broken (503), no_key_serves_model (503: no key of any target serves it),
    model_not_found (404: each that does was told so by its provider lately),
    all_keys_tried and retry_budget (the caller answers with its last error), call_too_large (400), queue_full (503).
    """

    case_id: str
    code: str
    status: int
    retry_after_s: float | None = None
    scope: str = ""
    """Which limit or budget: a virtual key's, budget's or provider's name."""
    limit: int = 0
    needed: int = 0
    """Of a budget: the bound of one attempt, in nano-USD. Of `call_too_large`: tokens."""
    used: int = 0
    """Of a budget: settled."""
    held: int = 0
    """Of a budget: reserved by open calls."""
    resets_at_wall: float = 0.0


Served = Ticket | Lease | Refusal
"""The answer to a waiting question. `case_id` says whose answer it is."""


class KeyHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Health of one key for one model class."""

    model: str
    state: str
    """ready, cooling, exhausted, denied (403s or 404s in a row), open (it fails while other models do well)."""
    until_s: float
    """Seconds from now until it may be used again; 0: now."""
    rpm_used: int
    rpm_limit: int
    tpm_used: int
    tpm_limit: int


class KeySnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One provider key, for pool_status, `/admin/v1/pools` and metrics. Limits: 0 = none."""

    provider: str
    label: str
    group: str
    state: str
    """ready, cooling, open, half_open, dead, removed."""
    is_available: bool
    in_flight: int
    max_concurrency: int
    tpm_inflight: int
    tpm_used: int
    tpm_limit: int
    rpm_used: int
    rpm_limit: int
    cool_down_s: float
    """Seconds left of a 429 cooldown; 0: none."""
    failure_cool_down_s: float
    """Seconds left of the breaker's open time (or of a dead key's rest); 0: none."""
    consecutive_failures: int
    latency_ewma_s: float
    models: tuple[KeyHealth, ...] = ()


class BudgetSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    period: str
    """The current period's id; of a rolling budget its window, "rolling 24h"."""
    limit_nanousd: int
    settled_nanousd: int
    reserved_nanousd: int
    is_hard: bool
    resets_at_wall: float
    """Of a rolling budget: when the next of what is settled slides out; 0: never."""

    @property
    def left_nanousd(self) -> int:
        """Neither settled nor reserved; negative where calls have cost more than was reserved for them."""
        return self.limit_nanousd - self.settled_nanousd - self.reserved_nanousd


# What the controller is configured with. Limits: 0 = none.


class CallerConfigured(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    rpm: int = 0
    tpm: int = 0
    max_concurrency: int = 0


class BudgetConfigured(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    limit_nanousd: int
    is_hard: bool = True
    window: str = ""
    """Of a rolling budget, for people: "rolling 24h"; "": its periods are the calendar's."""


class ControllerConfigured(msgspec.Struct, frozen=True, kw_only=True):
    pools: tuple[PoolConfigured, ...]
    callers: tuple[CallerConfigured, ...] = ()
    budgets: tuple[BudgetConfigured, ...] = ()
    queue_depth: int = 1000
