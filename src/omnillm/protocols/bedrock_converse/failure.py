"""Errors of AWS services, and of Bedrock's in particular: as a reply, and as the exception that ends a stream; both ways.

The code stands in `x-amzn-errortype` (perhaps with a namespace after a colon), else in the body's `__type` or `code`; a stream's exception
is named by its frame. https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

import msgspec

from omnillm.framing.eventstream import exception
from omnillm.outcome import Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.hints import message_of, plain_word, retry_hint_s, verdict_of_status
from omnillm.protocols.protocol import Failure, Fault
from omnillm.protocols.too_long import code_of, worded

_RETRY_AFTER = "x-amz-retry-after"
"""Milliseconds, as AWS's SDKs read them."""
_LONGEST_WAIT = 10
"""Digits."""

_VERDICTS = {
    "AccessDeniedException": Verdict.DENIED,
    "ExpiredTokenException": Verdict.KEY_DEAD,
    "IncompleteSignatureException": Verdict.KEY_DEAD,
    "InvalidSignatureException": Verdict.KEY_DEAD,
    "MissingAuthenticationTokenException": Verdict.KEY_DEAD,
    "NotAuthorizedException": Verdict.DENIED,
    "UnrecognizedClientException": Verdict.KEY_DEAD,
    "InternalServerException": Verdict.SERVER_FAULT,
    "ModelErrorException": Verdict.SERVER_FAULT,
    "ModelNotReadyException": Verdict.OVERLOADED,
    "ModelStreamErrorException": Verdict.SERVER_FAULT,
    "ModelTimeoutException": Verdict.SERVER_FAULT,
    "RequestTimeoutException": Verdict.SERVER_FAULT,
    "ResourceNotFoundException": Verdict.NOT_FOUND,
    "ServiceQuotaExceededException": Verdict.QUOTA_EXHAUSTED,
    "ServiceUnavailableException": Verdict.OVERLOADED,
    "ThrottlingException": Verdict.RATE_LIMITED,
    "ValidationException": Verdict.CALLER_FAULT,
}
STATUSES = {
    Verdict.CALLER_FAULT: 400,
    Verdict.DENIED: 403,
    Verdict.KEY_DEAD: 403,
    Verdict.NOT_FOUND: 404,
    Verdict.QUOTA_EXHAUSTED: 400,
    Verdict.RATE_LIMITED: 429,
    Verdict.OVERLOADED: 503,
}
"""Of a failure that comes in a stream, whose own status is 200; any other is 500."""

_DAILY = "Too many tokens per day"
_TOO_LONG = "Input is too long for requested model"
_BAD_KEYS = ("Invalid API Key", "Bearer Token has expired", "The security token included in the request is", "Authentication failed")
"""How an AccessDeniedException that is about the key itself begins."""
_NO_SUCH_MODEL = (
    "The provided model identifier is invalid",
    "Invocation of model ID",  # ... with on-demand throughput isn't supported
    "Operation not allowed",  # the account may not use the model
)
"""How a ValidationException begins that is about account and model, not about what the caller wrote."""

_CODES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "RequestTimeoutException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}
_STREAM_CODES = {502: "ModelStreamErrorException", 504: "ModelStreamErrorException"}
"""Where a stream that had begun can be told of less."""
_EXCEPTION = "Exception"
"""Ends every name of an error; none of the gateway's own codes ends so."""


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, wall: float) -> Failure:
    """Understand an error reply; `wall` is now in Unix seconds. Whatever the body is, nothing is raised."""
    try:
        reply = msgspec.json.decode(body)
    except UNREADABLE:
        reply = {"message": body.decode("utf-8", "replace")}
    fields: dict[str, Any] = reply if isinstance(reply, dict) else {}
    said = headers.get(b"x-amzn-errortype", b"").decode("latin-1") or fields.get("__type") or fields.get("code")
    code = said.partition(":")[0].rpartition("#")[2] if isinstance(said, str) else ""
    told = headers.get(_RETRY_AFTER.encode(), b"")
    wait_s = int(told) / 1000 if told.isdigit() and len(told) < _LONGEST_WAIT else retry_hint_s(headers, wall)
    return failure_of(code, fields, status=status, retry_after_s=wait_s)


def failure_of(code: str, fields: Mapping[str, Any], *, status: int = 200, retry_after_s: float | None = None) -> Failure:
    """Classify an error by its code; the status is 200 where it came in a stream."""
    code = plain_word(code)
    code = code[:1].upper() + code[1:]  # a stream's frames spell them with a small letter
    message = message_of(fields.get("message") or fields.get("Message"))
    verdict = _verdict(code, message, status)
    return Failure(
        verdict=verdict,
        status=status,
        code=code_of(code or _code_of(status), message, verdict),
        message=message,
        retry_after_s=retry_after_s,
    )


def _verdict(code: str, message: str, status: int) -> Verdict:
    verdict = _VERDICTS.get(code)
    if verdict is Verdict.RATE_LIMITED and message.startswith(_DAILY):
        return Verdict.QUOTA_EXHAUSTED
    if verdict is Verdict.DENIED and message.startswith(_BAD_KEYS):
        return Verdict.KEY_DEAD
    if verdict is Verdict.CALLER_FAULT and message.startswith(_NO_SUCH_MODEL):
        return Verdict.NOT_FOUND
    if verdict is not None:
        return verdict
    return verdict_of_status(status) if status >= 400 else Verdict.SERVER_FAULT


def _code_of(status: int) -> str:
    return _CODES.get(status) or ("ValidationException" if 400 <= status < 500 else "InternalServerException")


def write_fault(fault: Fault) -> bytes:
    """The body of an AWS error, with the gateway's own `code` for programs."""
    told = {"__type": error_type(fault), "message": worded(fault, _TOO_LONG), "code": fault.code, "requestId": fault.request_id}
    return msgspec.json.encode({**told, "details": fault.details} if fault.details else told)


def write_fault_fields(fault: Fault) -> bytes:
    """What names the error, for AWS's SDKs look there before they look at the body's `code`, which is ours; and when to come again."""
    wait = "" if fault.retry_after_s is None else f"{_RETRY_AFTER}: {max(ceil(fault.retry_after_s * 1000), 1)}\r\n"
    return f"x-amzn-errortype: {error_type(fault)}\r\n{wait}".encode("ascii", "replace")


def error_type(fault: Fault) -> str:
    """The name of the exception that an SDK raises: the service's own word where the error is the service's."""
    return fault.code if fault.code.endswith(_EXCEPTION) else _code_of(fault.status)


def write_stream_fault(fault: Fault, frames: int) -> bytes:  # noqa: ARG001 - this protocol numbers no events
    """The exception frame that ends a stream already begun."""
    code = _STREAM_CODES.get(fault.status) or error_type(fault)
    return exception(code[:1].lower() + code[1:], msgspec.json.encode({"message": worded(fault, _TOO_LONG)}))
