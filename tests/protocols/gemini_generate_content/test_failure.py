"""Errors of the Gemini API, read and written; those written are raised by the official SDK."""

import json

import pytest
from google import genai
from google.genai import errors, types
from tests.in_turn import in_turn
from tests.protocols.conftest import recordings

from omnillm.outcome import Verdict
from omnillm.protocols.gemini_generate_content import PROTOCOL
from omnillm.protocols.protocol import Fault

WALL = 1_780_000_000.0
RPC = "type.googleapis.com/google.rpc."


def info(reason: object) -> dict:
    return {"@type": RPC + "ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def quota(name: object) -> dict:
    return {"@type": RPC + "QuotaFailure", "violations": [{"quotaId": name}]}


def delay(text: object) -> dict:
    return {"@type": RPC + "RetryInfo", "retryDelay": text}


def read(status: int, error: object, headers: dict[bytes, bytes] | None = None):
    return PROTOCOL.read_failure(status, headers or {}, json.dumps({"error": error}).encode(), WALL)


def fault(status: int, **changes: object) -> Fault:
    plain = {"status": status, "code": "of_ours", "message": "No.", "request_id": "req_1"}
    return Fault(**{**plain, **changes})


@in_turn(
    ("status", "error", "verdict", "code"),
    [
        (400, {"code": 400, "status": "INVALID_ARGUMENT"}, Verdict.CALLER_FAULT, "INVALID_ARGUMENT"),
        (400, {"code": 400, "status": "INVALID_ARGUMENT", "details": [info("API_KEY_INVALID")]}, Verdict.KEY_DEAD, "API_KEY_INVALID"),
        (400, {"code": 400, "status": "FAILED_PRECONDITION"}, Verdict.CALLER_FAULT, "FAILED_PRECONDITION"),
        (
            400,
            {"code": 400, "status": "FAILED_PRECONDITION", "message": "Gemini API free tier is not available in your country. Please ..."},
            Verdict.QUOTA_EXHAUSTED,
            "FAILED_PRECONDITION",
        ),
        (
            400,
            {"code": 400, "status": "FAILED_PRECONDITION", "message": "User location is not supported for the API use."},
            Verdict.DENIED,
            "FAILED_PRECONDITION",
        ),
        (401, {"code": 401, "status": "UNAUTHENTICATED"}, Verdict.KEY_DEAD, "UNAUTHENTICATED"),
        (401, {"code": 401}, Verdict.KEY_DEAD, "UNAUTHENTICATED"),
        (403, {"code": 403, "status": "PERMISSION_DENIED"}, Verdict.DENIED, "PERMISSION_DENIED"),
        (403, {"status": "PERMISSION_DENIED", "details": [info("CONSUMER_SUSPENDED")]}, Verdict.KEY_DEAD, "CONSUMER_SUSPENDED"),
        (403, {"status": "PERMISSION_DENIED", "details": [info("BILLING_DISABLED")]}, Verdict.QUOTA_EXHAUSTED, "BILLING_DISABLED"),
        (403, {"status": "PERMISSION_DENIED", "details": [info(5), info("no word")]}, Verdict.DENIED, "PERMISSION_DENIED"),
        (404, {"code": 404, "status": "NOT_FOUND"}, Verdict.NOT_FOUND, "NOT_FOUND"),
        (413, {"code": 413}, Verdict.CALLER_FAULT, "INVALID_ARGUMENT"),
        (429, {"status": "RESOURCE_EXHAUSTED"}, Verdict.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        (429, {"status": "RESOURCE_EXHAUSTED", "details": [quota("RequestsPerMinutePerProject")]}, Verdict.RATE_LIMITED, None),
        (429, {"status": "RESOURCE_EXHAUSTED", "details": [quota("RequestsPerDayPerModel-FreeTier")]}, Verdict.QUOTA_EXHAUSTED, None),
        (429, {"details": [quota("RequestsPerDay")]}, Verdict.QUOTA_EXHAUSTED, "RESOURCE_EXHAUSTED"),
        (429, {"status": "RESOURCE_EXHAUSTED", "message": "Your prepayment credits are depleted. Go"}, Verdict.QUOTA_EXHAUSTED, None),
        (
            429,
            {"status": "RESOURCE_EXHAUSTED", "message": "Your project has exceeded its monthly spending cap."},
            Verdict.QUOTA_EXHAUSTED,
            None,
        ),
        (429, {"status": "RESOURCE_EXHAUSTED", "message": "Said: Your prepayment credits are depleted"}, Verdict.RATE_LIMITED, None),
        (
            403,
            {"status": "PERMISSION_DENIED", "message": "Your API key was reported as leaked. Please use another."},
            Verdict.KEY_DEAD,
            None,
        ),
        (499, {"status": "CANCELLED"}, Verdict.SERVER_FAULT, "CANCELLED"),
        (500, {"code": 500, "status": "INTERNAL"}, Verdict.SERVER_FAULT, "INTERNAL"),
        (503, {"code": 503, "status": "UNAVAILABLE"}, Verdict.OVERLOADED, "UNAVAILABLE"),
        (503, {}, Verdict.OVERLOADED, "UNAVAILABLE"),
        (504, {"code": 504, "status": "DEADLINE_EXCEEDED"}, Verdict.SERVER_FAULT, "DEADLINE_EXCEEDED"),
        (200, {"code": 429}, Verdict.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        (200, {"code": "x", "status": "free text"}, Verdict.SERVER_FAULT, "INTERNAL"),
    ],
)
def test_provider_error_is_classified(status, error, verdict, code):
    """The reason tells first, then the status word, then the number; under a 200 the error's own number."""
    failure = read(status, error)
    assert (failure.verdict, failure.status) == (verdict, status)
    assert code in {None, failure.code}
    wrapped = PROTOCOL.read_failure(status, {}, json.dumps([{"error": error}]).encode(), WALL)
    assert wrapped == failure


@in_turn(
    ("headers", "details", "seconds"),
    [
        ({}, [delay("34.4s")], 34.4),
        ({}, [quota("PerMinute"), delay("2s")], 2.0),
        ({b"retry-after": b"7"}, [delay("34.4s")], 7.0),
        ({}, [delay("-3s")], None),
        ({}, [delay("soon")], None),
        ({}, [delay(7), quota(5)], None),
        ({}, [], None),
    ],
)
def test_wait_is_read_in_order(headers, details, seconds):
    """Retry-after first, then the RetryInfo of the body."""
    assert read(429, {"status": "RESOURCE_EXHAUSTED", "details": details}, headers).retry_after_s == seconds


def test_message_is_cut_and_headers_say_nothing():
    """A provider's text is kept up to 2,000 characters; there are no rate-limit headers to read."""
    assert read(400, {"message": "m" * 5000}).message == "m" * 2000
    assert PROTOCOL.read_headroom({b"x-ratelimit-remaining-requests": b"5"}, WALL) is None


@in_turn("google_reply", recordings("google", ".json"))
def test_recorded_errors_are_read(google_reply):
    """A recorded 429 of a minute's quota is a rate limit with its wait."""
    recorded = json.loads(google_reply.read_bytes())
    if "error" not in recorded:
        return
    failure = PROTOCOL.read_failure(recorded["error"]["code"], {}, google_reply.read_bytes(), WALL)
    assert (failure.verdict, failure.retry_after_s) == (Verdict.RATE_LIMITED, 34.4)


STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


async def ask(base_url: str, *, stream: bool = False) -> None:
    options = types.HttpOptions(base_url=base_url)
    client = genai.Client(api_key="test", http_options=options)
    async with client.aio as aio:
        if not stream:
            await aio.models.generate_content(model="gemini-3-pro", contents="Hello")
            return
        async for _ in await aio.models.generate_content_stream(model="gemini-3-pro", contents="Hello"):
            pass


@in_turn("status", STATUSES)
async def test_sdk_raises_its_class(status, serving):
    """Each status of ours raises the SDK's class for it, with our code, wait and particulars."""
    body = PROTOCOL.write_fault(fault(status, retry_after_s=2.5, details={"scope": "key", "limit_usd": 5, "resets_at": None}))
    async with serving(status, {"content-type": "application/json"}, body) as base_url:
        with pytest.raises(errors.APIError) as raised:
            await ask(base_url)
    assert type(raised.value) is (errors.ClientError if status < 500 else errors.ServerError)
    assert (raised.value.code, raised.value.status, raised.value.message) == (status, STATUSES[status], "No.")
    reason, retry = raised.value.details["error"]["details"]
    assert (reason["reason"], reason["metadata"]) == ("of_ours", {"scope": "key", "limit_usd": "5", "request_id": "req_1"})
    assert retry == {"@type": RPC + "RetryInfo", "retryDelay": "2.500s"}


async def test_sdk_raises_in_the_middle_of_a_stream(serving):
    """A fault after content ends the SDK's stream with an error, not quietly."""
    first = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}}]}
    body = b"data: " + json.dumps(first).encode() + b"\n\n" + PROTOCOL.write_stream_fault(fault(503), 1)
    async with serving(200, {"content-type": "text/event-stream"}, body) as base_url:
        with pytest.raises(errors.ServerError, match="of_ours"):
            await ask(base_url, stream=True)


def test_own_fault_reads_back():
    """A gateway behind a gateway understands the wait and whose trouble it is."""
    failure = PROTOCOL.read_failure(429, {}, PROTOCOL.write_fault(fault(429, retry_after_s=2.5)), WALL)
    assert (failure.verdict, failure.retry_after_s, failure.code) == (Verdict.RATE_LIMITED, 2.5, "of_ours")
