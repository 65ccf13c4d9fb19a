"""What an attempt's end means, and for whom: the key, the quota group, the key x model, the provider, the caller, or nobody.

Providers limit an account and a model, not a key. A dead key is dead for every model. A caller's mistake says nothing about health.
"""

import enum

import msgspec

from omnillm.usage import NO_USAGE, Usage


class Verdict(enum.StrEnum):
    SUCCESS = "success"
    CALLER_FAULT = "caller_fault"  # 400, 413, 422 and the like: nobody's health
    ABORTED = "aborted"  # the client hung up: nobody's health
    NOT_SENT = "not_sent"  # provably no byte left: slot, tokens and money are given back
    STALE = "stale"  # a reused connection died first, or a token had expired; sent again on the same lease
    RATE_LIMITED = "rate_limited"  # 429: cooldown of group x model
    QUOTA_EXHAUSTED = "quota_exhausted"  # credit or spend limit: group x model, for long
    KEY_DEAD = "key_dead"  # 401
    DENIED = "denied"  # 403: key x model
    NOT_FOUND = "not_found"  # 404: key x model
    OVERLOADED = "overloaded"  # 529 and overloaded_error; this and the rest are for the key's breaker
    SERVER_FAULT = "server_fault"  # 5xx, error bodies and garbage under a 200
    TIMEOUT = "timeout"
    LOST = "lost"  # reset or cut after sending


FAILOVERS = frozenset(
    {Verdict.KEY_DEAD, Verdict.DENIED, Verdict.NOT_FOUND, Verdict.RATE_LIMITED, Verdict.QUOTA_EXHAUSTED, Verdict.NOT_SENT}
)
"""Tried on another key at once, bounded by keys and deadline only."""
RETRIES = frozenset({Verdict.OVERLOADED, Verdict.SERVER_FAULT, Verdict.TIMEOUT, Verdict.LOST})
"""May have been billed: bounded in number and by the retry budget, and they count for the breaker."""


class Headroom(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a provider's rate-limit headers said to be left; None where they were silent. Resets are seconds from now."""

    requests_left: int | None = None
    requests_reset_s: float | None = None
    tokens_left: int | None = None
    tokens_reset_s: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    verdict: Verdict
    usage: Usage = NO_USAGE
    tokens: int | None = None
    """What the usage adds up to; None: none was reported, and the TPM reservation stays charged (unless the attempt was never sent)."""
    retry_after_s: float | None = None
    """The provider's own hint, parsed; clamped by the machine."""
    first_byte_s: float | None = None
    """Seconds from sending to the first byte of a reply that is no failure."""
    headroom: Headroom | None = None
    is_doubtful: bool = False
    """A refusal of the model may be about something else that the call names."""
