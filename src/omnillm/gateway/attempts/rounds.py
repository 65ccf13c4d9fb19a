"""What one call has tried so far, and the error that its caller gets if nothing else is left to try."""

import msgspec
from msgspec.structs import replace

from omnillm.admission.asks import Lease, Refusal
from omnillm.errors import NoAvailableKey, OmniError, ProviderError, RateLimited, Unavailable, UpstreamLost, UpstreamTimeout
from omnillm.gateway.bindings import Pin
from omnillm.gateway.case import VISIBLE, Case
from omnillm.gateway.refusals import bound_error, refusal_error
from omnillm.keys.terms import Need
from omnillm.outcome import RETRIES, Verdict
from omnillm.protocols.protocol import Failure

BAD_REQUEST = 400
"""The status for a caller's mistake that a provider told with another one: 200 in a stream, 403 for a flagged prompt."""
TELLS_NOTHING_NEW = frozenset({"all_keys_tried", "retry_budget", "no_key_serves_model", "model_not_found"})
"""After a failed attempt these refusals are not told: the caller is told the failure."""
RETRY_AFTER_S = 1.0
"""When a provider that limits does not say for how long."""


class DispatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    hold_back_s: float = 10.0
    hold_back_bytes: int = 65536
    max_retries: int = 3
    """Of one call, for faults after sending; failovers are bounded by keys and deadline."""
    buffered_bytes: int = 64 * 1024 * 1024


class Round(msgspec.Struct, kw_only=True, gc=False):
    """What one call has tried so far, and what it would be told if nothing else is left."""

    case: Case
    need: Need
    """What is asked for next."""
    wish: Need | None = None
    """A need for one key alone, which is better than the others and has not failed yet. It is tried first, without waiting."""
    limited: tuple[tuple[str, str], ...] = ()
    """The keys that have refused it for a limit."""
    failure: Failure | None = None
    provider: str = ""
    retries: int = 0

    def note(self, lease: Lease, failure: Failure, now: float, *, is_lone: bool) -> None:
        """`is_lone`: nobody else might have the key meanwhile, as its limit was tried out."""
        self.wish = None
        self.failure = failure
        self.provider = lease.provider
        key, tried = (lease.provider, lease.key), self.need.tried
        is_limited = failure.verdict is Verdict.RATE_LIMITED and not failure.is_calls_own and now < self.need.queue_until
        if is_limited and not (is_lone and key in self.limited):
            # Its cooldown keeps the call away, and the call may come back to it if that ends within the queue time.
            self.limited += (key,)
        else:  # or it came back and was refused, while all others waited for that: it may be this call alone that is too much
            tried += (key,)
        is_retry = failure.verdict in RETRIES
        self.retries += is_retry
        self.need = replace(self.need, tried=tried, retry_of=lease.provider if is_retry else "")

    def refused(self, refusal: Refusal) -> None:
        """There is no lease. A wish is given up; any other refusal is raised as the caller's error."""
        if self.wish is not None:
            self.wish = None
        elif self.failure is not None and refusal.code in TELLS_NOTHING_NEW:
            raise self._exhausted(refusal)
        elif refusal.code == "no_key_serves_model" and self.need.pinned and self.case.pin is not None:
            raise bound_error(refusal, self.case.pin)
        else:
            raise refusal_error(refusal, self.case.call.model)

    def _exhausted(self, refusal: Refusal) -> OmniError:
        """No key is left. The controller knows when any key may be free again; the last failure knows it only of its own key."""
        error = self.error()
        if refusal.retry_after_s is not None and isinstance(error, (RateLimited, NoAvailableKey)):
            error.retry_after_s = refusal.retry_after_s
        return error

    def error(self) -> OmniError:
        """The last failure, as the caller is told it: 401 and 403 are only ever about the caller's own credential."""
        failure, provider = self.failure, self.provider
        assert failure is not None
        is_visible = failure.status in VISIBLE
        if failure.verdict is Verdict.CALLER_FAULT or (is_visible and failure.verdict is Verdict.NOT_FOUND):
            return ProviderError(
                failure.message or f"Provider {provider!r} answered {failure.status} without a word about why.",
                status=failure.status if is_visible else BAD_REQUEST,
                provider=provider,
                protocol=self.case.provider_protocol,
                code=failure.code,
                raw_body=self.case.provider_body if is_visible else b"",
            )
        return _ERRORS.get(failure.verdict, _lost)(failure, provider)

    def overdue(self) -> OmniError:
        """The call's time ran out while a connection was being made: that is no failure of the provider's."""
        return UpstreamTimeout(f"No connection to provider {self.provider!r} within the call's time.", phase="total")


def open_round(case: Case) -> Round:
    """Nothing is tried yet."""
    need = Need(
        case_id=case.request_id,
        targets=case.targets,
        tokens=case.quote.tokens,
        affinity=case.call.affinity,
        queue_until=case.queue_until,
    )
    return Round(case=case, need=need) if case.pin is None else _pinned(case, need, case.pin)


def _pinned(case: Case, need: Need, pin: Pin) -> Round:
    if pin.is_must:
        return Round(case=case, need=replace(need, pinned=pin.key))
    theirs = tuple(target for target in need.targets if target[0] == pin.provider)
    return Round(case=case, need=need, wish=replace(need, targets=theirs, pinned=pin.key, queue_until=0.0))


def _limited(failure: Failure, provider: str) -> OmniError:
    return RateLimited(
        f"Every key of provider {provider!r} is at the provider's own limit.",
        code="provider_rate_limited",
        retry_after_s=RETRY_AFTER_S if failure.retry_after_s is None else failure.retry_after_s,
    )


def _no_key(failure: Failure, provider: str) -> OmniError:
    if failure.code == "credentials_unavailable":
        return NoAvailableKey(f"Provider {provider!r} has no credentials for any key that could serve this call. {failure.message}.")
    why = f"the last one {_REFUSED[failure.verdict]} ({failure.status})"
    return NoAvailableKey(f"Provider {provider!r} refuses every key that could serve this call: {why}.")


def _overloaded(failure: Failure, provider: str) -> OmniError:
    return Unavailable(f"Provider {provider!r} is overloaded.", code="provider_overloaded", retry_after_s=failure.retry_after_s)


def _timeout(failure: Failure, provider: str) -> OmniError:
    return UpstreamTimeout(failure.message.replace("The provider", f"Provider {provider!r}"), phase="total")


def _lost(failure: Failure, provider: str) -> OmniError:
    status = f" (status {failure.status})" if failure.status else ""
    why = f" {failure.message}" if failure.verdict is Verdict.NOT_SENT else ""
    return UpstreamLost(f"Provider {provider!r} failed: {failure.code}{status}.{why}", code="upstream_failed")


_REFUSED = {
    Verdict.KEY_DEAD: "is wrong, was revoked, or belongs to a closed account",
    Verdict.DENIED: "may not do this",
    Verdict.QUOTA_EXHAUSTED: "has no credit or quota left",
}
_ERRORS = {
    Verdict.RATE_LIMITED: _limited,
    Verdict.QUOTA_EXHAUSTED: _no_key,
    Verdict.KEY_DEAD: _no_key,
    Verdict.DENIED: _no_key,
    Verdict.OVERLOADED: _overloaded,
    Verdict.TIMEOUT: _timeout,
}
