"""A refusal by the admission controller, as the error that the caller gets."""

from omnillm.admission.asks import Refusal
from omnillm.errors import BadRequest, BudgetExceeded, NoAvailableKey, OmniError, RateLimited, UnknownModel
from omnillm.gateway.bindings import Pin
from omnillm.money import format_usd

_LIMITS = {
    "requests_limit": "requests per minute",
    "tokens_limit": "tokens per minute",
    "concurrency_limit": "concurrent requests",
}


def refusal_error(refusal: Refusal, model: str) -> OmniError:
    if refusal.status == 402:
        return budget_error(refusal, "this call")
    if refusal.code in _LIMITS:
        limit = f"Virtual key {refusal.scope!r} is at its limit of {refusal.limit} {_LIMITS[refusal.code]}"
        return RateLimited(f"{limit}; try again{_when(refusal)}.", code=refusal.code, retry_after_s=refusal.retry_after_s)
    if refusal.code == "call_too_large":
        limit = f" ({refusal.limit} a minute)" if refusal.limit else ""
        return BadRequest(
            f"The call needs {refusal.needed} tokens at once, its estimated prompt and its output cap, and the whole limit of "
            f"{refusal.scope or 'every key'} is less{limit}: shorten the prompt or lower the output cap.",
            code="call_too_large",
        )
    if refusal.status == 429:
        return RateLimited(
            f"Every key that serves {model!r} is at its limit, or has no quota left; try again{_when(refusal)}.",
            code="all_keys_limited",
            retry_after_s=refusal.retry_after_s,
        )
    if refusal.status == 404:
        return UnknownModel(f"The provider of {model!r} answered lately that it has no such model; it is asked again{_when(refusal)}.")
    return NoAvailableKey(_UNAVAILABLE.get(refusal.code, _BROKEN).format(model), code=refusal.code, retry_after_s=refusal.retry_after_s)


def bound_error(refusal: Refusal, pin: Pin) -> OmniError:
    """For a call that one key alone can serve, when that key is not there."""
    named = repr(pin.upstream_id) if pin.upstream_id else "What the call names"
    return NoAvailableKey(
        f"{named} was made with key {pin.key!r} of provider {pin.provider!r}, which is not configured any more, or not for this model.",
        code=refusal.code,
    )


_BROKEN = "No key that serves {!r} works at the moment: its provider fails or refuses the keys. See /admin/v1/pools, or pool_status()."
_UNAVAILABLE = {
    "no_key_serves_model": "No provider key is configured for {!r}.",
    "queue_full": "Too many calls wait for a key that serves {!r} already.",
}


def budget_error(refusal: Refusal, what: str) -> BudgetExceeded:
    is_held = refusal.code == "budget_held"
    reason = f"is held by calls under way, and has no room for {what}" if is_held else f"has no room for {what}"
    can_fit = refusal.used < refusal.limit
    error = BudgetExceeded(
        f"Budget {refusal.scope!r} {reason}, which may cost up to {format_usd(refusal.needed)} USD: "
        f"limit {format_usd(refusal.limit)} USD, spent {format_usd(refusal.used)}, held {format_usd(refusal.held)}."
        + (" With a lower output cap it may cost less." if can_fit else ""),
        code=refusal.code,
        retry_after_s=refusal.retry_after_s if is_held else None,
    )
    error.details = {
        "scope": refusal.scope,
        "needed_usd": format_usd(refusal.needed),
        "limit_usd": format_usd(refusal.limit),
        "spent_usd": format_usd(refusal.used),
        "held_usd": format_usd(refusal.held),
        "resets_at": int(refusal.resets_at_wall) or None,
    }
    return error


def _when(refusal: Refusal) -> str:
    wait_s = refusal.retry_after_s
    if wait_s is None:
        return ""
    return f" in {max(wait_s, 0.001):.3g} s" if wait_s < 99 else f" in {wait_s:.0f} s"
