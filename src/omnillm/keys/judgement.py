"""What the verdict on an attempt does to health: one function for each verdict. Plain successes take a shorter way, in `Pool.release`."""

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from omnillm.keys.circuit import Backoff
from omnillm.keys.grant import Grant
from omnillm.keys.model_class import ModelClass
from omnillm.keys.terms import Dice
from omnillm.outcome import Outcome, Verdict

if TYPE_CHECKING:
    from omnillm.keys.pool import Pool

COOLDOWN = Backoff(first_s=1.0, most_s=10.0, jitter=0.25)
"""Without a hint: no longer than a call waits for a key."""
QUOTA = Backoff(first_s=600.0, most_s=inf)
DOUBT = Backoff(first_s=1.0, most_s=5.0, jitter=0.25)
"""The shortest rest after a provider's hint proved too short. Some providers say "now" each time."""
REST = Backoff(first_s=60.0, most_s=3600.0)
HINT_JITTER = 0.05
"""Added to a hint. To return earlier than the hint would mean another 429."""
HARMLESS = frozenset({Verdict.SUCCESS, Verdict.CALLER_FAULT, Verdict.ABORTED, Verdict.STALE})
"""Verdicts that make nobody's health worse."""

Judge = Callable[["Pool", Grant, Outcome, float], None]


def _nothing(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:
    """Nobody's health."""


def _rate_limited(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:
    circuit, dice, hint_s = grant.model_class.circuit, pool.dice, outcome.retry_after_s
    if hint_s is None:
        delay = circuit.delay(COOLDOWN, dice)
    else:
        delay = _hinted(hint_s, dice)
        if circuit.is_in_vain:
            delay = max(delay, circuit.delay(DOUBT, dice))
    _cool(pool, grant, delay, now)


def _exhausted(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:
    """A shorter hint does not shorten the rest, because Gemini gives a hint of seconds when the quota of a day is exhausted."""
    delay, hint_s = grant.model_class.circuit.delay(QUOTA, pool.dice), outcome.retry_after_s
    delay = delay if hint_s is None else max(delay, _hinted(hint_s, pool.dice))
    for model_class in _cool(pool, grant, delay, now):
        model_class.is_exhausted = True


def _hinted(hint_s: float, dice: Dice) -> float:
    return max(hint_s, 0.0) * (1.0 + HINT_JITTER * dice.random())


def _cool(pool: "Pool", grant: Grant, delay: float, now: float) -> set[ModelClass]:
    """Never for longer than the pool's `max_cooldown_s`. If a reload has moved the key, its account may belong to either group."""
    cooled = {grant.model_class, grant.key.group.class_of(grant.model, now)}
    for model_class in cooled:
        model_class.cool(now + min(delay, pool.max_cooldown_s), now - grant.sent_at)
    return cooled


def _dead(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:
    """A hint comes from the gateway itself, if its credentials could not be had. No provider tells when a dead key will be good."""
    circuit, hint_s = grant.key.dead, outcome.retry_after_s
    circuit.fail(now + (circuit.delay(REST, pool.dice) if hint_s is None else hint_s))


def _denied(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:
    grant.key.trouble(grant.model).refused(grant, grant.caller, outcome, now, pool.dice)


def _failed(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:  # noqa: ARG001 - a judge's shape
    """The failure of a probe always counts, whichever caller it had: what was probed is not well yet."""
    key, caller = grant.key, grant.caller
    key.breaker.sure_until = 0.0
    key.did_badly(grant, caller, grant.model, now, pool.dice)
    if pool.witnesses.is_believed(caller, now) or grant.probes:
        pool.outage.failed(key, now)
        pool.outage.consider(now, pool.dice, grant=grant, is_unreachable=False)


def _unreachable(pool: "Pool", grant: Grant, outcome: Outcome, now: float) -> None:  # noqa: ARG001
    """The endpoint's trouble, not the key's."""
    pool.outage.failed(grant.key, now)
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
