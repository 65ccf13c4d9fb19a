"""A caller's own limits: requests and tokens a minute, calls at a time. The limits of a virtual key."""

from omnillm.admission.asks import Ask, CallerConfigured, Refusal, Ticket
from omnillm.limits.concurrency import Concurrency
from omnillm.limits.window import Window, resized


class Caller:
    """Its windows count from the moment of admission."""

    __slots__ = ("name", "requests", "slots", "tokens")

    def __init__(self, configured: CallerConfigured) -> None:
        self.name = configured.name
        self.requests: Window | None = None
        self.tokens: Window | None = None
        self.slots = Concurrency(0)
        self.configure(configured)

    def configure(self, configured: CallerConfigured) -> None:
        """Changed limits; what is counted stays."""
        self.requests = resized(self.requests, configured.rpm)
        self.tokens = resized(self.tokens, configured.tpm)
        self.slots.limit = configured.max_concurrency

    def refuse(self, ask: Ask, now: float) -> Refusal | None:
        """The first limit without room, or None."""
        slots = self.slots
        if slots.limit and slots.in_use >= slots.limit:
            return Refusal(
                case_id=ask.case_id,
                code="concurrency_limit",
                status=429,
                retry_after_s=1.0,
                scope=self.name,
                limit=slots.limit,
                used=slots.in_use,
            )
        requests = self.requests
        if requests is not None and requests.left(now) < 1:
            return self._short(ask, "requests_limit", requests, 1, now)
        tokens = self.tokens
        if tokens is not None and tokens.left(now) < ask.tokens:
            if ask.tokens > tokens.limit:
                return Refusal(case_id=ask.case_id, code="call_too_large", status=400, scope=self.name, limit=tokens.limit)
            return self._short(ask, "tokens_limit", tokens, ask.tokens, now)
        return None

    def _short(self, ask: Ask, code: str, window: Window, amount: int, now: float) -> Refusal:
        retry_after_s = window.earliest(amount, now) - now
        return Refusal(
            case_id=ask.case_id, code=code, status=429, retry_after_s=retry_after_s, scope=self.name, limit=window.limit, used=window.used
        )

    def take(self, ask: Ask, periods: tuple[tuple[str, str], ...], now: float) -> Ticket:
        """Takes what `refuse` had nothing against; the case gives it back."""
        self.slots.in_use += 1
        requests, tokens = self.requests, self.tokens
        if requests is not None:
            requests.charge(1, now)
        if tokens is not None:
            tokens.charge(ask.tokens, now)
        return Ticket(
            case_id=ask.case_id,
            periods=periods,
            requests_limit=requests.limit if requests is not None else 0,
            requests_left=requests.limit - requests.used if requests is not None else 0,
            tokens_limit=tokens.limit if tokens is not None else 0,
            tokens_left=tokens.limit - tokens.used if tokens is not None else 0,
        )
