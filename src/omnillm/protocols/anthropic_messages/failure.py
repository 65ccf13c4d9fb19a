"""Errors of the Messages API: a provider's read, the gateway's own written."""

from collections.abc import Mapping
from typing import Any

import msgspec

from omnillm.outcome import Headroom, Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.hints import (
    http_date_s,
    int_or_none,
    is_without_host,
    limit_or_none,
    message_of,
    plain_word,
    retry_hint_s,
    rfc3339_s,
    verdict_of_status,
)
from omnillm.protocols.protocol import Failure, Fault
from omnillm.protocols.too_long import TOO_LONG, code_of, worded

_TELLING_TYPES = {
    "authentication_error": Verdict.KEY_DEAD,
    "billing_error": Verdict.QUOTA_EXHAUSTED,
    "permission_error": Verdict.DENIED,
    "not_found_error": Verdict.NOT_FOUND,
    "rate_limit_error": Verdict.RATE_LIMITED,
    "overloaded_error": Verdict.OVERLOADED,
    "timeout_error": Verdict.SERVER_FAULT,
    "conflict_error": Verdict.SERVER_FAULT,
    "request_too_large": Verdict.CALLER_FAULT,
}
"""Types that say more than any status. `invalid_request_error` and `api_error` do not: hosts send them under every status."""

_OUT_OF_MONEY = ("Your credit balance is too low", "You have reached your specified API usage limits")
"""How a 400 of an account without money begins. Only the beginning counts: further on a message may quote the caller."""

_DISABLED = "This organization has been disabled"
"""How a 400 of an account that was closed begins."""

_TOO_LONG = "prompt is too long"
"""What Claude Code and others look for, at the beginning of the message."""

_CALLERS_OWN = ("linked_organization_", "user_profile_", "thread_")
"""Codes about something that the request named: its trouble must not become the key's."""

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

STATUSES = {**{word: status for status, word in _TYPES.items()}, "conflict_error": 500, TOO_LONG: 400}
"""Of a failure that comes in a stream, whose own status is 200; a conflict is then the provider's own."""

_BUCKETS = tuple(
    tuple(f"anthropic-ratelimit-{bucket}-{what}".encode() for what in ("limit", "remaining", "reset"))
    for bucket in ("requests", "tokens", "input-tokens", "output-tokens")
)
_REQUESTS, _TOKENS = _BUCKETS[0], _BUCKETS[1:]

_ROOM = 10**12
"""Tokens left for any call."""


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, wall: float) -> Failure:
    """Understand an error reply; `wall` is now in Unix seconds. Whatever the body is, nothing is raised."""
    try:
        reply = msgspec.json.decode(body)
    except UNREADABLE:
        reply = body.decode("utf-8", "replace")
    error = reply.get("error") if isinstance(reply, dict) else reply
    return failure_of(status, error, _retry_after_s(headers, wall))


def failure_of(status: int, error: Any, retry_after_s: float | None = None) -> Failure:
    """Classify the `error` of a body or of a stream event; the status is 200 where it came under one."""
    fields: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    details = fields.get("details")
    kind = plain_word(fields.get("type"))
    error_code = plain_word(details.get("error_code")) if isinstance(details, dict) else ""
    message = message_of(fields.get("message"))
    verdict = _verdict(status, kind, error_code, message)
    return Failure(
        verdict=verdict,
        status=status,
        code=code_of(error_code or kind or _type_of(status), message, verdict),
        message=message,
        retry_after_s=retry_after_s,
        is_calls_own=is_without_host(verdict, message),
    )


def _verdict(status: int, kind: str, error_code: str, message: str) -> Verdict:
    if error_code.startswith(_CALLERS_OWN):
        return Verdict.CALLER_FAULT
    if error_code.endswith("_spend_limit_reached") or message.startswith(_OUT_OF_MONEY):
        return Verdict.QUOTA_EXHAUSTED
    if error_code == "organization_on_hold" or message.startswith(_DISABLED):
        return Verdict.KEY_DEAD
    telling = _TELLING_TYPES.get(kind)
    if telling is not None:
        return telling
    if status < 400:
        return Verdict.CALLER_FAULT if kind == "invalid_request_error" else Verdict.SERVER_FAULT
    return verdict_of_status(status)


def _retry_after_s(headers: Mapping[bytes, bytes], wall: float) -> float | None:
    hint = retry_hint_s(headers, wall)
    if hint is not None:
        return hint
    resets = [rfc3339_s(headers.get(reset)) for _, left, reset in _BUCKETS if int_or_none(headers.get(left)) == 0]
    latest = max((reset for reset in resets if reset is not None), default=None)
    if latest is None:
        return None
    return _since_reply(headers, latest, wall)


def read_headroom(headers: Mapping[bytes, bytes], wall: float) -> Headroom | None:
    """What the rate-limit headers say; of the token buckets, the scarcest, if one is scarce. Resets only of what is.

    Input and output are limited apart, cache reads and `max_tokens` count for neither: whether a call of so many tokens fits into a bucket
    cannot be told from outside, only that it does not when hardly anything is left.
    """
    # Reading a date costs more than all the rest, and nobody waits for a bucket that has more than a tenth left.
    limit, remaining, reset = _REQUESTS
    requests_left, requests_reset_s = int_or_none(headers.get(remaining)), None
    if requests_left is not None and _is_scarce(requests_left, headers.get(limit)):
        requests_reset_s = _reset_s(headers, reset, wall)
    tokens_left, scarcest = None, b""
    for limit, remaining, reset in _TOKENS:
        left = int_or_none(headers.get(remaining))
        if left is not None and (tokens_left is None or left < tokens_left):
            if _is_scarce(left, headers.get(limit)):
                tokens_left, scarcest = left, reset
            elif tokens_left is None:
                tokens_left = _ROOM
    if requests_left is None and tokens_left is None:
        return None
    return Headroom(
        requests_left=requests_left,
        requests_reset_s=requests_reset_s,
        tokens_left=tokens_left,
        tokens_reset_s=_reset_s(headers, scarcest, wall) if scarcest else None,
    )


def _is_scarce(left: int, limit: bytes | None) -> bool:
    most = limit_or_none(limit)
    return most is None or left * 10 <= most


def _reset_s(headers: Mapping[bytes, bytes], name: bytes, wall: float) -> float | None:
    """Seconds from the moment of the reply, as its own clock tells it: this one may go otherwise, and a stream's end is later."""
    at = rfc3339_s(headers.get(name))
    return None if at is None else _since_reply(headers, at, wall)


def _since_reply(headers: Mapping[bytes, bytes], at: float, wall: float) -> float:
    sent = http_date_s(headers.get(b"date", b""))
    return max(at - (wall if sent is None else sent), 0.0)


def _type_of(status: int) -> str:
    return _TYPES.get(status) or ("invalid_request_error" if 400 <= status < 500 else "api_error")


def write_fault(fault: Fault) -> bytes:
    """The body that makes the SDK raise the class of the status, with `error.details.error_code` for programs."""
    error = {"type": _type_of(fault.status), "message": worded(fault, _TOO_LONG), "details": {"error_code": fault.code, **fault.details}}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": fault.request_id})


def write_stream_fault(fault: Fault, frames: int) -> bytes:  # noqa: ARG001 - this protocol numbers no events
    """The `error` event that ends a stream already begun. SDKs see no event without its name."""
    return b"event: error\ndata: " + write_fault(fault) + b"\n\n"
