"""Errors of the Gemini API (google.rpc.Status as JSON): a provider's read, the gateway's own written."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from omnillm.outcome import Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.hints import duration_s, message_of, plain_word, retry_hint_s, verdict_of_status
from omnillm.protocols.protocol import Failure, Fault
from omnillm.protocols.too_long import code_of, worded

_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"

_TELLING_REASONS = {
    "API_KEY_INVALID": Verdict.KEY_DEAD,  # a wrong key is a 400 here
    "CONSUMER_INVALID": Verdict.KEY_DEAD,
    "CONSUMER_SUSPENDED": Verdict.KEY_DEAD,
    "BILLING_DISABLED": Verdict.QUOTA_EXHAUSTED,
}

_NO_BILLING = ("Billing account", "Billing is not enabled", "Gemini API free tier is not available")
"""How a FAILED_PRECONDITION begins that is about the project of the key, not about the request."""
_NO_MONEY = ("Your prepayment credits are depleted", "Your project has exceeded its monthly spending cap")
"""How a RESOURCE_EXHAUSTED begins that no waiting ends."""
_NOT_HERE = "User location is not supported for the API use"
"""How a FAILED_PRECONDITION begins that is about where the gateway runs, and perhaps about the project's billing."""
_LEAKED = "Your API key was reported as leaked"
"""How a PERMISSION_DENIED begins that is about the key, whatever the model."""
_TOO_LONG = "The input token count exceeds the maximum number of tokens allowed"
"""What LangChain and others look for in the message."""

_VERDICTS = {
    **dict.fromkeys(("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"), Verdict.CALLER_FAULT),
    **dict.fromkeys(("UNIMPLEMENTED", "ALREADY_EXISTS"), Verdict.CALLER_FAULT),
    "UNAUTHENTICATED": Verdict.KEY_DEAD,
    "PERMISSION_DENIED": Verdict.DENIED,
    "NOT_FOUND": Verdict.NOT_FOUND,
    "RESOURCE_EXHAUSTED": Verdict.RATE_LIMITED,
    "UNAVAILABLE": Verdict.OVERLOADED,
    **dict.fromkeys(("ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "DATA_LOSS"), Verdict.SERVER_FAULT),
}

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, wall: float) -> Failure:
    """Understand an error reply; `wall` is now in Unix seconds. Whatever the body is, nothing is raised."""
    try:
        reply = msgspec.json.decode(body)
    except UNREADABLE:
        reply = body.decode("utf-8", "replace")
    if isinstance(reply, list) and len(reply) == 1:
        reply = reply[0]
    error = reply.get("error") if isinstance(reply, dict) else reply
    return failure_of(status, error, retry_hint_s(headers, wall))


def failure_of(status: int, error: Any, retry_after_s: float | None = None) -> Failure:
    """Classify the `error` of a body or of a chunk; the status is 200 where it came under one, then the error's own code counts."""
    fields: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    own_code = fields.get("code")
    effective = own_code if status < 400 and isinstance(own_code, int) and 400 <= own_code < 600 else status
    name, reason = plain_word(fields.get("status")), _reason(fields)
    message = message_of(fields.get("message"))
    verdict = _verdict(effective, name, reason, fields)
    return Failure(
        verdict=verdict,
        status=status,
        code=code_of(reason or name or _status_of(effective), message, verdict),
        message=message,
        retry_after_s=_retry_delay_s(fields) if retry_after_s is None else retry_after_s,
    )


def _verdict(status: int, name: str, reason: str, fields: dict[str, Any]) -> Verdict:
    verdict = _TELLING_REASONS.get(reason) or _VERDICTS.get(name)
    message = str(fields.get("message"))
    if message.startswith(_NO_BILLING if name == "FAILED_PRECONDITION" else _NO_MONEY):
        return Verdict.QUOTA_EXHAUSTED
    if message.startswith(_LEAKED):
        return Verdict.KEY_DEAD
    if message.startswith(_NOT_HERE):
        return Verdict.DENIED
    if verdict is None:
        verdict = Verdict.OVERLOADED if status == 503 else verdict_of_status(status)
    return Verdict.QUOTA_EXHAUSTED if verdict is Verdict.RATE_LIMITED and _is_spent_for_the_day(fields) else verdict


def _details(fields: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    details = fields.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("@type") == kind:
            yield detail


def _reason(fields: dict[str, Any]) -> str:
    return next((word for info in _details(fields, _ERROR_INFO) if (word := plain_word(info.get("reason")))), "")


def _retry_delay_s(fields: dict[str, Any]) -> float | None:
    delays = [delay for info in _details(fields, _RETRY_INFO) if isinstance(delay := info.get("retryDelay"), str)]
    return duration_s(delays[0]) if delays else None


def _is_spent_for_the_day(fields: dict[str, Any]) -> bool:
    for failure in _details(fields, _QUOTA_FAILURE):
        violations = failure.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            quota = violation.get("quotaId") if isinstance(violation, dict) else None
            if isinstance(quota, str) and "PerDay" in quota:
                return True
    return False


def _status_of(status: int) -> str:
    return _STATUSES.get(status) or ("INVALID_ARGUMENT" if 400 <= status < 500 else "INTERNAL")


def write_fault(fault: Fault) -> bytes:
    """The body of an error reply: the gateway's code is the reason of an ErrorInfo, its particulars are strings there."""
    metadata = {name: str(value) for name, value in fault.details.items() if value is not None}
    metadata["request_id"] = fault.request_id
    details: list[dict[str, Any]] = [{"@type": _ERROR_INFO, "reason": fault.code, "domain": "omnillm", "metadata": metadata}]
    if fault.retry_after_s is not None:
        details.append({"@type": _RETRY_INFO, "retryDelay": f"{fault.retry_after_s:.3f}s"})
    error = {"code": fault.status, "message": worded(fault, _TOO_LONG), "status": _status_of(fault.status), "details": details}
    return msgspec.json.encode({"error": error})


def write_stream_fault(fault: Fault, frames: int) -> bytes:  # noqa: ARG001 - this protocol numbers no chunks
    """The chunk that ends a stream already begun. SDKs look for `{"error":` at its very beginning."""
    return b"data: " + write_fault(fault) + b"\n\n"
