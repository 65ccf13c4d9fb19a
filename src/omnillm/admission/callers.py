"""A caller's own limits: requests and tokens a minute, calls at a time. The limits of a virtual key."""

from omnillm.admission.asks import Ask, CallerConfigured, Refusal, Ticket
from omnillm.limits.window import Window, resized


class Caller:
    """Its window counts from the moment of admission; `in_use` are its calls under way, an exact count."""

    __slots__ = ("in_use", "terms", "window")

    def __init__(self, configured: CallerConfigured) -> None:
        self.in_use = 0
        self.window: Window | None = None
        self.configure(configured)

    def configure(self, configured: CallerConfigured) -> None:
        """Changed limits; what is counted stays."""
        self.terms = configured
        self.window = resized(self.window, configured.rpm, configured.tpm)

    def refuse(self, ask: Ask, now: float) -> Refusal | None:
        """The first limit without room, or None."""
        window, most = self.window, self.terms.max_concurrency
        if 0 < most <= self.in_use:
            return Refusal(
                case_id=ask.case_id,
                code="concurrency_limit",
                status=429,
                retry_after_s=1.0,
                scope=self.terms.name,
                limit=most,
                used=self.in_use,
            )
        if window is None:
            return None
        if now >= window.ends:
            window.advance(now)
        if window.requests >= window.requests_limit or window.tokens + ask.tokens > window.tokens_limit:
            return self._short(ask, window, now)
        return None

    def _short(self, ask: Ask, window: Window, now: float) -> Refusal:
        name, rpm, tpm = self.terms.name, self.terms.rpm, self.terms.tpm
        if window.requests_left(now) < 1:
            code, moment, limit, used = "requests_limit", window.request_at(now), rpm, window.requests
        elif ask.tokens > tpm:
            return Refusal(case_id=ask.case_id, code="call_too_large", status=400, scope=name, limit=tpm)
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
        rpm, tpm = self.terms.rpm, self.terms.tpm
        return Ticket(
            case_id=ask.case_id,
            periods=periods,
            requests_limit=rpm,
            requests_left=rpm and rpm - window.requests,
            tokens_limit=tpm,
            tokens_left=tpm and tpm - window.tokens,
        )
