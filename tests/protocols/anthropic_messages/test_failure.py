"""Errors of the Messages API, read and written; those written are raised by the official SDK."""

import json

import anthropic
import pytest
from tests.in_turn import in_turn

from omnillm.outcome import Headroom, Verdict
from omnillm.protocols.anthropic_messages import PROTOCOL
from omnillm.protocols.protocol import Fault

WALL = 1_780_000_000.0
LATER = b"2026-05-28T20:27:10Z"
"""30 seconds after WALL."""


def read(status: int, error: object, headers: dict[bytes, bytes] | None = None):
    return PROTOCOL.read_failure(status, headers or {}, json.dumps({"type": "error", "error": error}).encode(), WALL)


def fault(status: int, **changes: object) -> Fault:
    plain = {"status": status, "code": "of_ours", "message": "No.", "request_id": "req_1"}
    return Fault(**{**plain, **changes})


@in_turn(
    ("status", "error", "verdict", "code"),
    [
        (400, {"type": "invalid_request_error", "message": "max_tokens: too large"}, Verdict.CALLER_FAULT, "invalid_request_error"),
        (400, {"type": "invalid_request_error", "message": "Your credit balance is too low to access"}, Verdict.QUOTA_EXHAUSTED, None),
        (
            400,
            {"type": "invalid_request_error", "message": "You have reached your specified API usage limits."},
            Verdict.QUOTA_EXHAUSTED,
            None,
        ),
        (400, {"type": "invalid_request_error", "message": "tools.0: 'Your credit balance is too low'"}, Verdict.CALLER_FAULT, None),
        (
            400,
            {"type": "invalid_request_error", "details": {"error_code": "organization_on_hold"}},
            Verdict.KEY_DEAD,
            "organization_on_hold",
        ),
        (400, {"type": "invalid_request_error", "message": "This organization has been disabled."}, Verdict.KEY_DEAD, None),
        (400, {"type": "invalid_request_error", "message": "system: 'This organization has been disabled.'"}, Verdict.CALLER_FAULT, None),
        (401, {"type": "authentication_error", "message": "invalid x-api-key"}, Verdict.KEY_DEAD, "authentication_error"),
        (401, {"type": "invalid_request_error"}, Verdict.KEY_DEAD, "invalid_request_error"),
        (402, {"type": "billing_error"}, Verdict.QUOTA_EXHAUSTED, "billing_error"),
        (402, {"type": "billing_error", "details": {"error_code": "linked_organization_spend_limit_reached"}}, Verdict.CALLER_FAULT, None),
        (403, {"type": "permission_error"}, Verdict.DENIED, "permission_error"),
        (404, {"type": "not_found_error", "message": "model: claude-0"}, Verdict.NOT_FOUND, "not_found_error"),
        (404, {"type": "not_found_error", "details": {"error_code": "thread_not_found"}}, Verdict.CALLER_FAULT, "thread_not_found"),
        (408, {"type": "timeout_error"}, Verdict.SERVER_FAULT, "timeout_error"),
        (409, {"type": "conflict_error"}, Verdict.SERVER_FAULT, "conflict_error"),
        (413, {"type": "request_too_large"}, Verdict.CALLER_FAULT, "request_too_large"),
        (422, {"type": "invalid_request_error"}, Verdict.CALLER_FAULT, "invalid_request_error"),
        (429, {"type": "rate_limit_error"}, Verdict.RATE_LIMITED, "rate_limit_error"),
        (429, {"type": "rate_limit_error", "details": {"error_code": "ramp_limit_exceeded"}}, Verdict.RATE_LIMITED, "ramp_limit_exceeded"),
        (429, {"type": "rate_limit_error", "details": {"error_code": "contract_spend_limit_reached"}}, Verdict.QUOTA_EXHAUSTED, None),
        (429, {"type": "api_error"}, Verdict.RATE_LIMITED, "api_error"),
        (500, {"type": "api_error"}, Verdict.SERVER_FAULT, "api_error"),
        (500, {"type": "overloaded_error"}, Verdict.OVERLOADED, "overloaded_error"),
        (504, {"type": "timeout_error"}, Verdict.SERVER_FAULT, "timeout_error"),
        (529, {"type": "overloaded_error"}, Verdict.OVERLOADED, "overloaded_error"),
        (529, None, Verdict.OVERLOADED, "overloaded_error"),
        (200, {"type": "rate_limit_error"}, Verdict.RATE_LIMITED, "rate_limit_error"),
        (200, {"type": "what happened here"}, Verdict.SERVER_FAULT, "api_error"),
    ],
)
def test_provider_error_is_classified(status, error, verdict, code):
    """The body tells first, then the status; a caller cannot break a key by having its words quoted."""
    failure = read(status, error)
    assert (failure.verdict, failure.status) == (verdict, status)
    assert code in {None, failure.code}


def test_message_is_cut():
    """A provider's text is kept, up to 2,000 characters."""
    assert read(400, {"type": "invalid_request_error", "message": "m" * 5000}).message == "m" * 2000


@in_turn(
    ("headers", "seconds"),
    [
        ({b"retry-after": b"7", b"anthropic-ratelimit-requests-remaining": b"0", b"anthropic-ratelimit-requests-reset": LATER}, 7.0),
        ({b"retry-after-ms": b"1500", b"retry-after": b"7"}, 1.5),
        ({b"anthropic-ratelimit-requests-remaining": b"0", b"anthropic-ratelimit-requests-reset": LATER}, 30.0),
        ({b"anthropic-ratelimit-tokens-remaining": b"5", b"anthropic-ratelimit-tokens-reset": LATER}, None),
        ({b"anthropic-ratelimit-tokens-remaining": b"0", b"anthropic-ratelimit-tokens-reset": b"soon"}, None),
        ({b"anthropic-ratelimit-input-tokens-remaining": b"0", b"anthropic-ratelimit-input-tokens-reset": b"2001-01-01T00:00:00Z"}, 0.0),
        (
            {
                b"date": b"Thu, 28 May 2026 20:27:00 GMT",
                b"anthropic-ratelimit-requests-remaining": b"0",
                b"anthropic-ratelimit-requests-reset": LATER,
            },
            10.0,
        ),
        ({b"retry-after": b"-3"}, None),
        ({}, None),
    ],
)
def test_wait_is_read_in_order(headers, seconds):
    """Retry-after first, then the reset of the bucket that is empty, by the provider's own clock where it tells it."""
    assert read(429, {"type": "rate_limit_error"}, headers).retry_after_s == seconds


def test_a_token_bucket_that_is_not_scarce_holds_no_call_back():
    """A prompt of 30,000 tokens is no matter of the 8,000 of output that a small account has a minute."""
    left = {"tokens": (38_000, 37_000), "input-tokens": (30_000, 30_000), "output-tokens": (8_000, 801)}
    headers = {}
    for bucket, (limit, remaining) in left.items():
        headers[f"anthropic-ratelimit-{bucket}-limit".encode()] = str(limit).encode()
        headers[f"anthropic-ratelimit-{bucket}-remaining".encode()] = str(remaining).encode()
    assert PROTOCOL.read_headroom(headers, WALL).tokens_left > 1_000_000
    headers[b"anthropic-ratelimit-output-tokens-remaining"] = b"800"
    assert PROTOCOL.read_headroom(headers, WALL).tokens_left == 800


def test_headroom_is_of_the_scarcest_token_bucket():
    """Of the three token buckets the one with the least left counts; a reset is read where little is left."""
    headers = {
        b"anthropic-ratelimit-requests-limit": b"50",
        b"anthropic-ratelimit-requests-remaining": b"49",
        b"anthropic-ratelimit-requests-reset": LATER,
        b"anthropic-ratelimit-tokens-limit": b"90000",
        b"anthropic-ratelimit-tokens-remaining": b"9000",
        b"anthropic-ratelimit-output-tokens-limit": b"8000",
        b"anthropic-ratelimit-output-tokens-remaining": b"500",
        b"anthropic-ratelimit-output-tokens-reset": LATER,
    }
    assert PROTOCOL.read_headroom(headers, WALL) == Headroom(requests_left=49, tokens_left=500, tokens_reset_s=30.0)
    assert PROTOCOL.read_headroom({b"content-type": b"application/json"}, WALL) is None
    assert PROTOCOL.read_headroom({b"anthropic-ratelimit-tokens-remaining": b"lots"}, WALL) is None


def test_a_reset_counts_from_the_replys_own_date():
    """Neither a clock that is wrong, nor the minutes that a stream took since, make it longer or shorter."""
    headers = {
        b"date": b"Wed, 25 Nov 2026 01:48:30 GMT",
        b"anthropic-ratelimit-requests-remaining": b"0",
        b"anthropic-ratelimit-requests-reset": b"2026-11-25T01:49:00Z",
    }
    for wall in (0.0, WALL, WALL + 3600.0):
        assert PROTOCOL.read_headroom(headers, wall) == Headroom(requests_left=0, requests_reset_s=30.0)


RAISED = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    402: anthropic.PaymentRequiredError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    408: anthropic.RequestTimeoutError,
    413: anthropic.ContentTooLargeError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    502: anthropic.InternalServerError,
    503: anthropic.ServiceUnavailableError,
    504: anthropic.GatewayTimeoutError,
    529: anthropic.OverloadedError,
}


async def ask(base_url: str, *, stream: bool = False) -> None:
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key="sk-test", max_retries=0) as client:
        asked = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
        if not stream:
            await client.messages.create(**asked)
            return
        async for _ in await client.messages.create(**asked, stream=True):
            pass


@in_turn("status", RAISED)
async def test_sdk_raises_its_class(status, serving):
    """Each status of ours raises the SDK's class for it, with our code and particulars."""
    body = PROTOCOL.write_fault(fault(status, details={"scope": "key", "limit_usd": "5"}))
    async with serving(status, {"content-type": "application/json", "request-id": "req_1"}, body) as base_url:
        with pytest.raises(anthropic.APIStatusError) as raised:
            await ask(base_url)
    assert type(raised.value) is RAISED[status]
    assert raised.value.error_code == "of_ours"
    assert raised.value.api_message == "No."
    assert raised.value.body["error"]["details"]["limit_usd"] == "5"
    assert raised.value.body["request_id"] == "req_1"


async def test_sdk_raises_in_the_middle_of_a_stream(serving):
    """A fault after content ends the SDK's stream with an error, not quietly."""
    start = {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}}
    body = f"event: message_start\ndata: {json.dumps(start)}\n\n".encode() + PROTOCOL.write_stream_fault(fault(504), 1)
    async with serving(200, {"content-type": "text/event-stream"}, body) as base_url:
        with pytest.raises(anthropic.APIStatusError, match=r"No\.") as raised:
            await ask(base_url, stream=True)
    assert raised.value.type == "timeout_error"


@in_turn(
    ("status", "kind"),
    [(402, "billing_error"), (418, "invalid_request_error"), (503, "api_error"), (502, "api_error"), (529, "overloaded_error")],
)
def test_fault_has_the_type_of_its_status(status, kind):
    """Programs that look at the type see the one documented for the status."""
    assert json.loads(PROTOCOL.write_fault(fault(status)))["error"]["type"] == kind


@in_turn("status", [401, 402, 403, 404, 413, 429, 529])
def test_own_fault_reads_back(status):
    """A gateway behind a gateway understands it."""
    written = PROTOCOL.write_fault(fault(status))
    assert PROTOCOL.read_failure(status, {}, written, WALL).verdict is PROTOCOL.read_failure(status, {}, b"", WALL).verdict
