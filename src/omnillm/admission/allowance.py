"""A caller's allowance: the limits of its virtual key (requests and tokens a minute, calls at a time), and how much of them is used."""

from functools import lru_cache

from msgspec import Struct

from omnillm.admission.asks import Ask, CallerConfigured, Refusal, Ticket
from omnillm.limits.window import Window, resized


class Limits(Struct, frozen=True, gc=False):
    """As configured; 0 = none."""

    rpm: int
    tpm: int
    max_concurrency: int


@lru_cache(maxsize=1024)
def _shared(rpm: int, tpm: int, max_concurrency: int) -> Limits:
    """One object for all that are equal: when thousands of callers alternate, each call finds it in the processor's cache."""
    return Limits(rpm, tpm, max_concurrency)


class Allowance:
    """What one caller may use, and how much of it is in use. Its window counts from the moment of admission; `in_use` is an exact count."""

    __slots__ = ("in_use", "limits", "name", "window")

    def __init__(self, configured: CallerConfigured) -> None:
        self.in_use = 0
        self.window: Window | None = None
        self.configure(configured)

    def configure(self, configured: CallerConfigured) -> None:
        """Changed limits; what is counted stays."""
        self.name = configured.name
        self.limits = limits = _shared(configured.rpm, configured.tpm, configured.max_concurrency)
        self.window = resized(self.window, limits.rpm, limits.tpm)

    def is_idle(self, now: float) -> bool:
        """Nothing is lost when it is forgotten."""
        window = self.window
        if window is not None and now >= window.ends:
            window.advance(now)
        return not (self.in_use or (window is not None and (window.requests or window.tokens)))

    def refuse(self, ask: Ask, now: float) -> Refusal | None:
        """The first limit without room, or None."""
        window, most = self.window, self.limits.max_concurrency
        if 0 < most <= self.in_use:
            return Refusal(
                case_id=ask.case_id,
                code="concurrency_limit",
                status=429,
                retry_after_s=1.0,
                scope=self.name,
                limit=most,
                used=self.in_use,
            )
        if window is None:
            return None
        if now >= window.ends:
            window.advance(now)
        if window.requests >= window.requests_limit or window.tokens + ask.tokens > window.tokens_limit:
            return self._refusal(ask, window, now)
        return None

    def _refusal(self, ask: Ask, window: Window, now: float) -> Refusal:
        name, rpm, tpm = self.name, self.limits.rpm, self.limits.tpm
        if window.requests_left(now) < 1:
            code, moment, limit, used = "requests_limit", window.request_at(now), rpm, window.requests
        elif ask.tokens > tpm:
            return Refusal(case_id=ask.case_id, code="call_too_large", status=400, scope=name, limit=tpm, needed=ask.tokens)
        else:
            code, moment, limit, used = "tokens_limit", window.tokens_at(ask.tokens, now), tpm, window.tokens
        return Refusal(case_id=ask.case_id, code=code, status=429, retry_after_s=moment - now, scope=name, limit=limit, used=used)

    def take(self, ask: Ask, periods: tuple[tuple[str, str], ...]) -> Ticket:
        """Takes what `refuse` had nothing against at this moment; the case gives it back."""
        self.in_use += 1
        window = self.window
        if window is None:
            return Ticket(case_id=ask.case_id, periods=periods)
        window.take(ask.tokens)
        rpm, tpm = self.limits.rpm, self.limits.tpm
        return Ticket(
            case_id=ask.case_id,
            periods=periods,
            requests_limit=rpm,
            requests_left=rpm and rpm - window.requests,
            tokens_limit=tpm,
            tokens_left=tpm and tpm - window.tokens,
        )
