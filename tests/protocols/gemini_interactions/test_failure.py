"""Errors of the Interactions API, read; those of the gateway, written. Journeys show what the official SDK makes of the latter."""

import json

from tests.in_turn import in_turn

from omnillm.outcome import Verdict
from omnillm.protocols.gemini_interactions import PROTOCOL
from omnillm.protocols.protocol import Fault

INFO = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


def read(status: int, error: object, headers: dict[bytes, bytes] | None = None):
    return PROTOCOL.read_failure(status, headers or {}, json.dumps({"error": error}).encode(), 0.0)


@in_turn(
    ("status", "code", "message", "verdict"),
    [
        (400, "invalid_request", "m", Verdict.CALLER_FAULT),
        (400, "parameter_unknown", "m", Verdict.CALLER_FAULT),
        (400, "failed_precondition", "m", Verdict.CALLER_FAULT),
        (400, "failed_precondition", "Billing is not enabled. Turn it on.", Verdict.QUOTA_EXHAUSTED),
        (400, "prohibited_content", "m", Verdict.CALLER_FAULT),
        (401, "authentication", "m", Verdict.KEY_DEAD),
        (402, "payment_required", "m", Verdict.QUOTA_EXHAUSTED),
        (403, "permission_denied", "m", Verdict.DENIED),
        (403, "permission_denied", "Your API key was reported as leaked.", Verdict.KEY_DEAD),
        (404, "model_not_found", "m", Verdict.NOT_FOUND),
        (416, "out_of_range", "m", Verdict.CALLER_FAULT),
        (429, "rate_limit_exceeded", "m", Verdict.RATE_LIMITED),
        (429, "too_many_requests", "m", Verdict.RATE_LIMITED),
        (429, "quota_exceeded", "m", Verdict.QUOTA_EXHAUSTED),
        (429, "rate_limit_exceeded", "Your prepayment credits are depleted.", Verdict.QUOTA_EXHAUSTED),
        (409, "aborted", "m", Verdict.SERVER_FAULT),
        (500, "api_error", "m", Verdict.SERVER_FAULT),
        (501, "unimplemented", "m", Verdict.CALLER_FAULT),
        (503, "service_unavailable", "m", Verdict.OVERLOADED),
        (504, "deadline_exceeded", "m", Verdict.SERVER_FAULT),
        (400, "of_tomorrow", "m", Verdict.CALLER_FAULT),
        (200, "of_tomorrow", "m", Verdict.SERVER_FAULT),
    ],
)
def test_provider_error_is_classified_by_its_word(status, code, message, verdict):
    """Else by its status; the word is its code."""
    failure = read(status, {"code": code, "message": message})
    assert (failure.verdict, failure.status, failure.code, failure.message) == (verdict, status, code, message)


def test_an_error_from_before_the_api_is_read_in_its_own_words():
    """A key that is none is refused as everywhere at Google."""
    failure = read(400, {"code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid.", "details": [INFO]})
    assert (failure.verdict, failure.code) == (Verdict.KEY_DEAD, "API_KEY_INVALID")


def test_a_prompt_that_is_too_long_is_known_as_such():
    """By the words that Google has for it."""
    message = "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."
    assert read(400, {"code": "invalid_request", "message": message}).code == "context_length_exceeded"


def test_a_hint_to_wait_stands_in_the_head():
    """Also beside a body that is none."""
    assert read(429, {"code": "rate_limit_exceeded"}, {b"retry-after": b"7"}).retry_after_s == 7.0
    assert PROTOCOL.read_failure(429, {b"retry-after": b"7"}, b"<html>", 0.0).retry_after_s == 7.0


def test_our_own_faults_are_in_the_words_of_the_api():
    """Code and message, and particulars where there are any."""
    fault = Fault(status=429, code="rate_limited", message="Wait.", request_id="r", details={"limit": "rpm", "param": None})
    assert json.loads(PROTOCOL.write_fault(fault)) == {"error": {"message": "Wait.", "code": "rate_limited", "details": {"limit": "rpm"}}}
