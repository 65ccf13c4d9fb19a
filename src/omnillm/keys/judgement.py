"""What an attempt's verdict means for health: one function a verdict. Success has its own short way in `Pool.release`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from omnillm.keys.circuit import Backoff
from omnillm.keys.grant import Grant
from omnillm.outcome import Outcome, Verdict

if TYPE_CHECKING:
    from omnillm.keys.pool import Pool

COOLDOWN = Backoff(first_s=1.0, most_s=60.0, jitter=0.25)
QUOTA_FIRST_S = 600.0
REST = Backoff(first_s=60.0, most_s=3600.0)
HINT_JITTER = 0.05
"""Upwards: to return before the hint would be another 429."""

Judge = Callable[["Pool", Grant, Outcome, float], None]


def _nothing(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:
    """Nobody's health."""


def _rate_limited(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:
    circuit = grant.model_class.circuit
    hint = outcome.retry_after_s
    delay = COOLDOWN.delay(circuit.strikes, pool.dice) if hint is None else _hinted(pool, hint)
    circuit.fail(now + min(delay, pool.max_cooldown_s * (1.0 + HINT_JITTER)))


def _exhausted(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:
    model_class = grant.model_class
    hint = outcome.retry_after_s
    delay = QUOTA_FIRST_S * 2.0 ** min(model_class.quota_strikes, 40) if hint is None else hint
    if not model_class.is_exhausted or model_class.circuit.rest_s(now) <= 0.0:
        model_class.quota_strikes += 1
    model_class.is_exhausted = True
    model_class.circuit.fail(now + _hinted(pool, delay))


def _hinted(pool: "Pool", hint_s: float) -> float:
    return min(max(hint_s, 0.0), pool.max_cooldown_s) * (1.0 + HINT_JITTER * pool.dice.random())


def _dead(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:  # noqa: ARG001 - a judge's shape
    circuit = grant.key.dead
    circuit.fail(now + REST.delay(circuit.strikes, pool.dice))


def _denied(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:  # noqa: ARG001
    circuit = grant.key.denial(grant.model)
    circuit.fail(now + REST.delay(circuit.strikes, pool.dice))


def _failed(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:  # noqa: ARG001
    grant.key.breaker.failed(grant, now, pool.dice)
    pool.outage.note(grant.key, now, is_failing=True)
    pool.outage.consider(now, pool.dice, grant=grant, is_unreachable=False)


def _unreachable(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:  # noqa: ARG001
    """The endpoint's trouble, not the key's."""
    pool.outage.note(grant.key, now, is_failing=True)
    pool.outage.consider(now, pool.dice, grant=grant, is_unreachable=True)


JUDGEMENTS: dict[Verdict, Judge] = {
    Verdict.CALLER_FAULT: _nothing,
    Verdict.ABORTED: _nothing,
    Verdict.STALE: _nothing,
    Verdict.RATE_LIMITED: _rate_limited,
    Verdict.QUOTA_EXHAUSTED: _exhausted,
    Verdict.KEY_DEAD: _dead,
    Verdict.DENIED: _denied,
    Verdict.NOT_FOUND: _denied,
    Verdict.NOT_SENT: _unreachable,
    Verdict.OVERLOADED: _failed,
    Verdict.SERVER_FAULT: _failed,
    Verdict.TIMEOUT: _failed,
    Verdict.LOST: _failed,
}
