"""Errors and limits of Chat Completions (and of Responses, whose error object is the same): a provider's read, ours written."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from omnillm.model.events import Failed
from omnillm.outcome import Headroom, Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.hints import duration_s, int_or_none, is_without_host, message_of, plain_word, retry_hint_s, verdict_of_status
from omnillm.protocols.openai_chat.usage import usage_in
from omnillm.protocols.protocol import Failure, Fault
from omnillm.protocols.too_long import TOO_LONG, code_of, worded

_TELLING_WORDS = {
    Verdict.QUOTA_EXHAUSTED: (
        "insufficient_quota billing_hard_limit_reached billing_not_active insufficient_balance insufficient_credits "
        "exceeded_current_quota_error spend_limit_reached payment_required credit_balance_exhausted organization_spend_limit_exceeded "
        "project_spend_limit_exceeded organization_usage_limit_exceeded "  # OpenAI's, whose type need not be insufficient_quota
        "blocked_api_access"  # Groq's spend limit under a 400
    ),
    Verdict.RATE_LIMITED: "rate_limit_exceeded rate_limit_error rate_limit_reached_error too_many_requests rate_limited",
    Verdict.OVERLOADED: (
        "server_is_overloaded overloaded_error engine_overloaded engine_overloaded_error model_overloaded slow_down capacity_exceeded "
        "provider_overloaded"  # OpenRouter's
    ),
    Verdict.KEY_DEAD: (
        "invalid_api_key account_deactivated invalid_authentication_error authentication_error "
        "organization_restricted"  # Groq's closed account under a 400
    ),
    Verdict.DENIED: "permission_error permission_denied unsupported_country_region_territory",
    Verdict.NOT_FOUND: (
        "model_not_found not_found_error deploymentnotfound "
        "chat_completions_not_available agent_api_migration_required"  # Perplexity's, under a 403: whatever the key
    ),
    Verdict.CALLER_FAULT: (
        "context_length_exceeded string_above_max_length content_filter content_policy_violation content_policy "
        "responsibleaipolicyviolation invalid_prompt bio_policy cyber_policy misalignment_policy_violation data_residency_mismatch "
        "unsupported_parameter unsupported_value unknown_parameter invalid_value missing_required_parameter image_content_policy_violation "
        "invalid_image invalid_image_format invalid_base64_image invalid_image_url image_too_large image_too_small image_parse_error "
        "invalid_image_mode image_file_too_large unsupported_image_media_type empty_image_file failed_to_download_image "
        "image_file_not_found"
    ),
}
_VERDICT_OF_WORD = {word: verdict for verdict, words in _TELLING_WORDS.items() for word in words.split()}
"""Codes and types, in lower case, that say more than any status."""

_VERDICT_OF_OPENING = (
    (re.compile(r"your credit balance is too low|insufficient (balance|credits)"), Verdict.QUOTA_EXHAUSTED),
    # xAI, under a 429 as under a 403
    (re.compile(r"your (team [0-9a-f-]{36} has either used all|newly created team doesn't have any credits)"), Verdict.QUOTA_EXHAUSTED),
    (re.compile(r"you have run out of credits"), Verdict.QUOTA_EXHAUSTED),
    # Google's compatible endpoint
    (re.compile(r"your (prepayment credits are depleted|project has exceeded its monthly spending cap)"), Verdict.QUOTA_EXHAUSTED),
    (re.compile(r"your api key was reported as leaked"), Verdict.KEY_DEAD),
    (re.compile(r"user location is not supported for the api use"), Verdict.DENIED),
    (re.compile(r"incorrect api key provided"), Verdict.KEY_DEAD),  # xAI says it under a 400
)
"""How the message of an error without a telling word begins. Only the beginning counts: further on it may quote the caller."""

_GUIDELINES = re.compile(r"(Content violates usage guidelines\.)(?:.*(Failed check: \w+))?", re.DOTALL)
"""xAI's; between the two it names the team and the key."""

_TOO_LARGE = "Request too large for "
"""OpenAI, under a 429: larger than the whole minute's limit of that key, so waiting does not help; another key may have a higher one."""
_NO_MONEY = "insufficient_quota"
"""Both the type and the code of an account without credit, by which clients know that waiting does not help."""
_TYPES = {402: _NO_MONEY, 408: "timeout", 429: "requests"}

_STATUSES = {
    Verdict.QUOTA_EXHAUSTED: 429,
    Verdict.RATE_LIMITED: 429,
    Verdict.OVERLOADED: 503,
    Verdict.KEY_DEAD: 401,
    Verdict.DENIED: 403,
    Verdict.NOT_FOUND: 404,
    Verdict.CALLER_FAULT: 400,
}
"""What the error would have come under, had no stream begun."""


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, wall: float) -> Failure:
    """Understand an error reply; `wall` is now in Unix seconds. Whatever the body is, nothing is raised."""
    try:
        reply = msgspec.json.decode(body)
    except UNREADABLE:
        reply = None
    error = _error_in(reply)
    hint = retry_hint_s(headers, wall)
    if hint is None:
        hint = _retry_info_s(error)
    if hint is None:
        hint = exhausted_reset_s(headers)
    failure = failure_of(status, error, hint)
    return failure if status >= 400 else msgspec.structs.replace(failure, usage=usage_in(reply))


def _error_in(reply: Any) -> Any:
    """The error of a body: under `error`, or the body itself (Mistral, vLLM), or in a list of one (Google's compatible endpoint)."""
    if isinstance(reply, list) and len(reply) == 1:
        reply = reply[0]
    if not isinstance(reply, dict):
        return reply
    error = reply.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):  # xAI: {"code": "...", "error": "the message"}
        return {**reply, "message": error}
    choices = reply.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and isinstance(choice.get("error"), dict):  # OpenRouter
            return choice["error"]
    return reply


def failure_of(status: int, error: Any, retry_after_s: float | None = None) -> Failure:
    """Classify an error object, of a body or of a stream; the status is 200 where it came under one."""
    fields: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    number = fields.get("code")
    if status < 400 and type(number) is int and 400 <= number < 600:
        status = number  # OpenRouter puts the status of the model's host there
    metadata = fields.get("metadata")
    about = metadata if isinstance(metadata, dict) else {}  # OpenRouter's
    code, kind = plain_word(fields.get("code")), plain_word(fields.get("type"))
    if not kind and (told := plain_word(about.get("error_type"))) in _VERDICT_OF_WORD:
        kind = told
    message = message_of(fields.get("message"))
    flagged = _flagged(status, about, message)
    verdict = Verdict.CALLER_FAULT if flagged else _verdict(status, code, kind, message)
    return Failure(
        verdict=verdict,
        status=status,
        code=code_of(code or kind or _type_of(status), message, verdict),
        message=flagged or message,
        retry_after_s=retry_after_s,
        is_calls_own=(verdict is Verdict.RATE_LIMITED and message.startswith(_TOO_LARGE)) or is_without_host(verdict, message),
    )


def failed_of(error: Any) -> Failed:
    """The end of a stream by an error object in it."""
    failure = failure_of(200, error)
    status = failure.status if failure.status >= 400 else _STATUSES.get(failure.verdict, 502)
    return Failed(code=failure.code, message=failure.message, status=status)


def _flagged(status: int, about: dict[str, Any], message: str) -> str:
    """What a 403 says of a prompt that a moderator has flagged, but for whose key it came with; "": it is about something else.

    No key and no model is to rest for what one caller wrote.
    """
    if status != 403:
        return ""
    if "flagged_input" in about or message.startswith("Request blocked: "):
        return message or "The prompt was flagged."
    told = _GUIDELINES.match(message)
    return "" if told is None else " ".join(part for part in told.groups() if part)


def _verdict(status: int, code: str, kind: str, message: str) -> Verdict:
    telling = _VERDICT_OF_WORD.get(code.lower()) or _VERDICT_OF_WORD.get(kind.lower())
    if status == 413 and telling is Verdict.RATE_LIMITED:
        return Verdict.CALLER_FAULT  # Groq: larger than the whole minute's limit, so waiting does not help
    if telling is not None:
        return telling
    opening = message[:80].lower()
    for beginning, verdict in _VERDICT_OF_OPENING:
        if beginning.match(opening):
            return verdict
    if status < 400:
        return Verdict.CALLER_FAULT if kind in {"invalid_request_error", "invalid_request"} else Verdict.SERVER_FAULT
    return verdict_of_status(status)


def _retry_info_s(error: Any) -> float | None:
    """Seconds of a google.rpc.RetryInfo, which Google's compatible endpoint sends in place of headers."""
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str):
            return duration_s(delay)
    return None


def _type_of(status: int) -> str:
    return _TYPES.get(status) or ("invalid_request_error" if 400 <= status < 500 else "server_error")


def error_of(fault: Fault) -> dict[str, Any]:
    """The error object of a fault: the four members that SDKs know, and the particulars where there are any."""
    details = dict(fault.details)
    error: dict[str, Any] = {
        "message": worded(fault, TOO_LONG),
        "type": fault.code if fault.code == _NO_MONEY else _type_of(fault.status),
        "param": details.pop("param", None),
        "code": fault.code,
    }
    if details:
        error["details"] = details
    return error


def write_fault(fault: Fault) -> bytes:
    """The body of an error reply; the class that the SDK raises follows from the status alone."""
    return msgspec.json.encode({"error": error_of(fault)})


def write_stream_fault(fault: Fault, next_sequence: int) -> bytes:  # noqa: ARG001 - this protocol numbers no chunks
    """The error chunk that ends a stream already begun; no [DONE] follows it, since that means success."""
    return b"data: " + write_fault(fault) + b"\n\n"


# OpenAI's buckets, and those that Cerebras and SambaNova count by the minute, the hour and the day.
_BUCKETS = (
    b"requests",
    b"tokens",
    b"project-tokens",
    *(what + span for what in (b"requests", b"tokens") for span in (b"-minute", b"-hour", b"-day")),
)


def read_headroom(headers: Mapping[bytes, bytes], wall: float) -> Headroom | None:  # noqa: ARG001 - their resets are durations
    """What the headers say; None when they say nothing of what is left."""
    get = headers.get
    requests_left, tokens_left = get(b"x-ratelimit-remaining-requests"), get(b"x-ratelimit-remaining-tokens")
    if requests_left is None and tokens_left is None:
        return None
    return Headroom(
        requests_left=int_or_none(requests_left),
        requests_reset_s=duration_s(get(b"x-ratelimit-reset-requests")),
        tokens_left=int_or_none(tokens_left),
        tokens_reset_s=duration_s(get(b"x-ratelimit-reset-tokens")),
    )


def exhausted_reset_s(headers: Mapping[bytes, bytes]) -> float | None:
    """Seconds until every bucket that has nothing left is full again; None when none is empty or their resets are unknown."""
    waits = [
        duration_s(headers.get(b"x-ratelimit-reset-" + bucket))
        for bucket in _BUCKETS
        if int_or_none(headers.get(b"x-ratelimit-remaining-" + bucket)) == 0
    ]
    return max((wait for wait in waits if wait is not None), default=None)
