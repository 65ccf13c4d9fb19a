"""Errors of the Interactions API: a word for a code, in the place of google.rpc.Status, which what stands before the API still sends."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from omnillm.outcome import Verdict
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.gemini_generate_content import failure as generate_content
from omnillm.protocols.gemini_interactions.usage import usage_of_interaction
from omnillm.protocols.gemini_interactions.wire import Interaction
from omnillm.protocols.hints import plain_word, retry_hint_s
from omnillm.protocols.protocol import Failure, Fault
from omnillm.protocols.too_long import TOO_LONG, worded

_STATUSES: Final[Mapping[str, str]] = {
    "invalid_request": "INVALID_ARGUMENT",
    "parameter_unknown": "INVALID_ARGUMENT",
    "failed_precondition": "FAILED_PRECONDITION",
    "out_of_range": "OUT_OF_RANGE",
    "authentication": "UNAUTHENTICATED",
    "permission_denied": "PERMISSION_DENIED",
    "not_found": "NOT_FOUND",
    "model_not_found": "NOT_FOUND",
    "already_exists": "ALREADY_EXISTS",
    "aborted": "ABORTED",
    "rate_limit_exceeded": "RESOURCE_EXHAUSTED",
    "too_many_requests": "RESOURCE_EXHAUSTED",
    "cancelled": "CANCELLED",
    "api_error": "INTERNAL",
    "unimplemented": "UNIMPLEMENTED",
    "service_unavailable": "UNAVAILABLE",
    "deadline_exceeded": "DEADLINE_EXCEEDED",
    "gateway_timeout": "DEADLINE_EXCEEDED",
}
"""A code -> the name of the status that says the same in google.rpc.Status. https://ai.google.dev/gemini-api/docs/api-errors."""
_BLOCKED: Final = (
    *("safety", "recitation", "language", "prohibited_content", "spii", "blocklist", "content_blocked"),
    *("image_safety", "image_prohibited_content", "image_recitation", "image_other"),
)
"""What was asked for, or said, is not allowed: with any key."""
_VERDICTS: Final[Mapping[str, Verdict]] = {
    "quota_exceeded": Verdict.QUOTA_EXHAUSTED,
    "payment_required": Verdict.QUOTA_EXHAUSTED,
    **dict.fromkeys(_BLOCKED, Verdict.CALLER_FAULT),
}
"""Codes that google.rpc.Status has no name for."""

_INTERACTION = msgspec.json.Decoder(Interaction)


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, wall: float) -> Failure:
    """Understand an error reply; one that came under a success status, or a failed interaction, also tells what it used."""
    try:
        interaction = decode_lenient(_INTERACTION, body)
    except UNREADABLE:
        return generate_content.read_failure(status, headers, body, wall)
    retry_after_s = retry_hint_s(headers, wall)
    if status >= 400:
        return failure_of(status, interaction.error, retry_after_s)
    failure = failure_in(interaction) or failure_of(status, None)
    return replace(failure, status=status, retry_after_s=retry_after_s, usage=usage_of_interaction(interaction))


def failure_in(interaction: Interaction) -> Failure | None:
    """The error of an interaction that has failed, or that is none."""
    if interaction.error is None and interaction.status != "failed":
        return None
    told = interaction.error or next(iter(interaction.errors or ()), None)
    if told is None:
        told = next((step.error for step in reversed(interaction.steps or ()) if step.error is not None), None)
    return failure_of(200, told)


def failure_of(status: int, error: Any, retry_after_s: float | None = None) -> Failure:
    """Classify the error of a body, of an interaction, or of an event; the status is 200 where it came under one."""
    word = plain_word(error.get("code")) if isinstance(error, dict) else ""
    if not word:
        return generate_content.failure_of(status, error, retry_after_s)
    failure = generate_content.failure_of(status, {**error, "status": _STATUSES.get(word.lower())}, retry_after_s)
    return replace(failure, verdict=_VERDICTS.get(word.lower(), failure.verdict), code=failure.code if failure.code == TOO_LONG else word)


def error_in(fault: Fault) -> dict[str, Any]:
    """The error object: the two members that SDKs know, and the particulars where there are any."""
    details = {name: value for name, value in fault.details.items() if value is not None and name != "response_id"}
    error: dict[str, Any] = {"message": worded(fault, TOO_LONG), "code": fault.code}
    return error | {"details": details} if details else error


def write_fault(fault: Fault) -> bytes:
    """The body of an error reply; the class that the SDK raises follows from the status alone."""
    return msgspec.json.encode({"error": error_in(fault)})


def write_stream_fault(fault: Fault, frames: int) -> bytes:  # noqa: ARG001 - this protocol numbers no events
    """The event that ends a stream already begun; no [DONE] follows it, since that means success."""
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode({"error": error_in(fault), "event_type": "error"})
