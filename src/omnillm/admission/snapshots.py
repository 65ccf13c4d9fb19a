"""The state of keys and budgets, as people and metrics see it."""

from math import inf

from omnillm.admission.asks import BudgetSnapshot, KeyHealth, KeySnapshot
from omnillm.keys.circuit import CLOSED, OPEN
from omnillm.keys.key import Key
from omnillm.keys.model_class import ModelClass
from omnillm.keys.pool import Pool
from omnillm.limits.budget import Budget
from omnillm.limits.window import Window


def of_budget(budget: Budget) -> BudgetSnapshot:
    period = budget.current
    return BudgetSnapshot(
        name=budget.name,
        period=budget.window or period.pair[1],
        limit_nanousd=budget.limit,
        settled_nanousd=period.span.settled,
        reserved_nanousd=period.span.reserved,
        is_hard=budget.is_hard,
        resets_at_wall=period.eases_at_wall(0),
    )


def of_key(pool: Pool, key: Key, now: float) -> KeySnapshot:
    """Windows are those of the key's group for all models together; those of a model class stand under `models`."""
    group = key.group
    classes = group.classes()
    cool_down_s = max((model_class.circuit.rest_s(now) for model_class in classes), default=0.0)
    window = group.window
    is_room = (window is None or (window.requests_left(now) > 0 and window.tokens_left(now) > 0)) and not key.is_full
    is_open_for_some = not classes or any(model_class.circuit.admits(now) for model_class in classes)
    return KeySnapshot(
        provider=pool.provider,
        label=key.label,
        group=group.name.removeprefix("\0"),
        state=_state(key, cool_down_s, now),
        is_available=not key.is_removed and key.can_probe(now) and is_room and is_open_for_some,
        in_flight=key.in_use,
        max_concurrency=key.max_concurrency,
        tpm_inflight=key.tokens_in_flight,
        **_minute(group.window, now),
        cool_down_s=cool_down_s,
        failure_cool_down_s=max(key.dead.rest_s(now), key.breaker.circuit.rest_s(now)),
        consecutive_failures=key.breaker.consecutive,
        latency_ewma_s=key.latency_s,
        models=tuple(_healths(key, classes, now)),
    )


def _state(key: Key, cool_down_s: float, now: float) -> str:
    if key.is_removed:
        return "removed"
    if key.dead.rest_s(now):
        return "dead"
    if key.breaker.circuit.rest_s(now):
        return "open"
    if not key.is_closed:
        return "half_open"
    return "cooling" if cool_down_s else "ready"


def _healths(key: Key, classes: list[ModelClass], now: float) -> list[KeyHealth]:
    healths = [
        KeyHealth(model=each.name, state=_class_state(each, now), until_s=each.circuit.rest_s(now), **_minute(each.minute, now))
        for each in classes
    ]
    return healths + [
        KeyHealth(model=model, state="denied" if trouble.refusal else "open", until_s=trouble.circuit.rest_s(now), **_minute(None, now))
        for model, trouble in key.troubles.items()
        if trouble.circuit.state is not CLOSED
    ]


def _class_state(model_class: ModelClass, now: float) -> str:
    if model_class.circuit.state is not OPEN or not model_class.circuit.rest_s(now):
        return "ready"
    return "exhausted" if model_class.is_exhausted else "cooling"


def _minute(window: Window | None, now: float) -> dict[str, int]:
    """A window in a snapshot's words. What is not limited is not shown as used either."""
    rpm = tpm = left_requests = left_tokens = 0.0
    if window is not None:
        if window.requests_limit < inf:
            rpm, left_requests = window.requests_limit, window.requests_left(now)
        if window.tokens_limit < inf:
            tpm, left_tokens = window.tokens_limit, window.tokens_left(now)
    return {
        "rpm_used": int(rpm - left_requests),
        "rpm_limit": int(rpm),
        "tpm_used": int(tpm - left_tokens),
        "tpm_limit": int(tpm),
    }
