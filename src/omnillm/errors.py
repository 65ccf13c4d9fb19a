"""The one error tree. A class stands here only where somebody reacts to it differently; blame is in the type.

    OmniError
    ├─ CallerFault      BadRequest 400 · Unauthenticated 401 · Forbidden 403 · UnknownModel 404 · MethodNotAllowed 405
    │                   RequestTimeout 408 · TooLarge 413
    ├─ Refused          RateLimited 429 · BudgetExceeded 402
    ├─ Unavailable      NoAvailableKey 503 · LedgerUnavailable 503 · UpstreamTimeout 504
    │                   UpstreamLost 502 ─ NotSent (provably) · StaleConnection (a reused connection died first) · ReplyTooLarge
    ├─ ProviderError    the provider's own answer: status, protocol, code, raw body
    ├─ ProtocolError    400: a translation that cannot be made
    ├─ Defect           500: the gateway's own; `__cause__` is the exception that ended the call
    └─ ConfigError      at the start, or at a reload, which then has changed nothing

A message says what happened, where, and what to do. It never holds a secret, a prompt or a provider's raw text.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec


class OmniError(Exception):
    """`status` is what an HTTP client is answered, `code` a stable word for programs, `retry_after_s` seconds or None."""

    status: int = 500
    code: str = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        self.details: Mapping[str, str | int | None] = {}
        """Machine-readable particulars, e.g. of a refused budget: scope, needed_usd, limit_usd, spent_usd, held_usd, resets_at."""
        self.request_id: str = ""
        """Of the call that it ended, when it had become one."""
        self.attempts: int = 0
        """How often that call had been sent."""

    def note_call(self, request_id: str, attempts: int) -> None:
        """Say which call it ended, and how often that had been sent."""
        self.request_id, self.attempts = request_id, attempts

    def __reduce__(self) -> tuple[Any, ...]:
        """Whole, whatever its class is made with: task queues and pools hand it to another process, or hang for want of it."""
        return _again, (type(self), self.args), self.__dict__


def _again(cls: type[OmniError], args: tuple[Any, ...]) -> OmniError:
    """An error of the class; its attributes are set next."""
    return cls.__new__(cls, *args)


class CallerFault(OmniError):
    """The caller's own mistake: never dents a breaker."""

    status = 400
    code = "bad_request"


class BadRequest(CallerFault):
    """400: malformed, or what cannot be done as it is asked; the message names the member."""


class Unauthenticated(CallerFault):
    """401: no virtual key of the gateway. Never about a provider key."""

    status = 401
    code = "invalid_api_key"


class Forbidden(CallerFault):
    """403: a credential that may not do this, such as ask for this model."""

    status = 403
    code = "forbidden"


class UnknownModel(CallerFault):
    """404: nothing serves a model of this name; the message has the nearest one."""

    status = 404
    code = "model_not_found"


class MethodNotAllowed(CallerFault):
    """`allowed`: the methods that the path takes; the client is told them in `allow`."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, path: str, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{path[:200]} takes {', '.join(allowed)}, not {method}.")
        self.allowed = allowed


class RequestTimeout(CallerFault):
    """408: the request did not arrive in time, or a live session was silent or open for too long."""

    status = 408
    code = "request_timeout"


class TooLarge(CallerFault):
    """413, 414, 431: larger than `server.limits` allow."""

    status = 413
    code = "request_too_large"


class Refused(OmniError):
    """A limit of the caller's own says no."""


class RateLimited(Refused):
    """429: the caller's own limit, or every key at its own; `retry_after_s` says how long."""

    status = 429
    code = "rate_limit_exceeded"


class BudgetExceeded(Refused):
    """402: the call may cost more than a budget has left, or has no price. `details` have the budget's figures."""

    status = 402
    code = "budget_exceeded"


class Unavailable(OmniError):
    """Trouble behind the gateway, not the caller's."""

    status = 503
    code = "unavailable"


def shutting_down() -> Unavailable:
    """What is under way when the gateway ends is told so: the provider is not to blame."""
    return Unavailable("The gateway is shutting down.", code="shutting_down")


def out_of_memory() -> Unavailable:
    """Other calls go on, and this one may come again."""
    return Unavailable("The gateway has no memory left for this call.", code="overloaded", retry_after_s=1.0)


class NoAvailableKey(Unavailable):
    """503: every key rests, was refused by its provider, or does not serve the model."""

    code = "no_available_key"


class LedgerUnavailable(Unavailable):
    """503: the ledger cannot be written, and the call must not go without it. In a report: it cannot be read."""

    code = "ledger_unavailable"


class UpstreamTimeout(Unavailable):
    """`phase` is the timeout that ran out: first_byte, idle or total. A connect timeout is `NotSent`."""

    status = 504
    code = "upstream_timeout"

    def __init__(self, message: str, *, phase: str) -> None:
        super().__init__(message)
        self.phase = phase


class UpstreamLost(Unavailable):
    """The provider's answer broke off or was garbled, after (part of) the request may have been sent."""

    status = 502
    code = "upstream_lost"


class NotSent(UpstreamLost):
    """No byte of the request left: refused, no route, DNS, TLS, connect timeout. Free to send elsewhere."""

    code = "upstream_unreachable"


class StaleConnection(UpstreamLost):
    """A reused keep-alive connection died before any byte of a reply."""


class ReplyTooLarge(UpstreamLost):
    """The body of a reply goes on beyond what is taken of it."""

    code = "upstream_too_large"


class ProviderError(OmniError):
    """The provider answered, and its answer is an error. `raw_body` is its own, verbatim, in the words of `protocol`."""

    code = "provider_error"

    def __init__(self, message: str, *, status: int, provider: str, protocol: str, code: str | None, raw_body: bytes) -> None:
        super().__init__(message, status=status, code=code or "provider_error")
        self.provider = provider
        self.protocol = protocol
        self.raw_body = raw_body

    @property
    def extensions(self) -> dict[str, Any]:
        """JSON values that the body holds beside code and message: OpenAI's `type` and `param`, Gemini's `status` and `details`."""
        try:
            body = msgspec.json.decode(self.raw_body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        inner = body.pop("error", {})
        outer = {name: value for name, value in body.items() if name != "type"} if inner else body
        told = {**outer, **inner} if isinstance(inner, dict) else outer
        return {name: value for name, value in told.items() if name not in {"code", "message"}}


class ProtocolError(OmniError):
    """A translation that cannot be made; `reason` is one of `REASONS`."""

    status = 400
    code = "unsupported_feature"
    REASONS: ClassVar = ("unsupported_feature", "endpoint_mismatch", "unsupported_wire_format")

    def __init__(self, message: str, *, reason: str, code: str = "") -> None:
        """`code`: what the client's own library knows it by, where it has a word for it."""
        super().__init__(message, code=code or reason)
        self.reason = reason


class Defect(OmniError):
    """An exception that nobody foresaw ended a call: whoever answers it logs the cause."""

    def __init__(self, request_id: str, attempts: int) -> None:
        where = f"a server's log, under request id {request_id}, or in a program this error's `__cause__`"
        super().__init__(f"The gateway failed to answer, by a defect of its own. More is told in {where}.")
        self.note_call(request_id, attempts)


class ConfigError(OmniError):
    """The configuration is wrong, at the start or at a reload. `path` is the place in the file, e.g. `providers.openai.keys[0].rpm`."""

    code = "bad_configuration"

    def __init__(self, message: str, *, path: str = "", line: int | None = None, source: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.source = source

    def __str__(self) -> str:
        place = ":".join(part for part in (self.source, str(self.line) if self.line else "") if part)
        return ": ".join(part for part in (place, self.path, self.message) if part)
