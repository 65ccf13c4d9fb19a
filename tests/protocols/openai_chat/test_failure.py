"""Errors of the OpenAI protocols: providers' read, the gateway's own written so that the SDK raises its class."""

import json
from typing import get_args

import msgspec
import openai
import pytest
from openai.types.responses import ResponseError
from tests.in_turn import in_turn

from omnillm.outcome import RETRIES, Headroom, Verdict
from omnillm.protocols import openai_chat, openai_responses
from omnillm.protocols.openai_chat import PROTOCOL
from omnillm.protocols.protocol import Fault

BOTH = [pytest.param(package.PROTOCOL, id=package.PROTOCOL.name) for package in (openai_chat, openai_responses)]


def read(status: int, error: object = None, headers: dict[bytes, bytes] | None = None):
    return PROTOCOL.read_failure(status, headers or {}, json.dumps({"error": error}).encode(), 1_000_000.0)


def fault(status: int = 503, **changes: object) -> Fault:
    return Fault(**{"status": status, "code": "no_available_key", "message": "No key is free.", "request_id": "0190", **changes})


@in_turn(
    ("status", "code", "kind", "verdict"),
    [
        (400, None, "invalid_request_error", Verdict.CALLER_FAULT),
        (400, "context_length_exceeded", "invalid_request_error", Verdict.CALLER_FAULT),
        (400, "content_filter", None, Verdict.CALLER_FAULT),
        (413, "rate_limit_exceeded", "tokens", Verdict.CALLER_FAULT),
        (422, None, None, Verdict.CALLER_FAULT),
        (401, "invalid_api_key", "invalid_request_error", Verdict.KEY_DEAD),
        (403, "account_deactivated", None, Verdict.KEY_DEAD),
        (402, None, None, Verdict.QUOTA_EXHAUSTED),
        (429, "insufficient_quota", "insufficient_quota", Verdict.QUOTA_EXHAUSTED),
        (400, "billing_hard_limit_reached", "invalid_request_error", Verdict.QUOTA_EXHAUSTED),
        (429, "credit_balance_exhausted", "billing_error", Verdict.QUOTA_EXHAUSTED),
        (429, "organization_spend_limit_exceeded", None, Verdict.QUOTA_EXHAUSTED),
        (429, "project_spend_limit_exceeded", None, Verdict.QUOTA_EXHAUSTED),
        (429, "organization_usage_limit_exceeded", None, Verdict.QUOTA_EXHAUSTED),
        (400, "blocked_api_access", "invalid_request_error", Verdict.QUOTA_EXHAUSTED),
        (412, "PRECONDITION_FAILED", "error", Verdict.CALLER_FAULT),
        (403, "unsupported_country_region_territory", "request_forbidden", Verdict.DENIED),
        (404, "model_not_found", "invalid_request_error", Verdict.NOT_FOUND),
        (404, "DeploymentNotFound", None, Verdict.NOT_FOUND),
        (429, "rate_limit_exceeded", "requests", Verdict.RATE_LIMITED),
        (429, "429", None, Verdict.RATE_LIMITED),
        (503, "server_is_overloaded", "server_error", Verdict.OVERLOADED),
        (503, "slow_down", None, Verdict.OVERLOADED),
        (429, None, "engine_overloaded_error", Verdict.OVERLOADED),
        (529, None, None, Verdict.OVERLOADED),
        (503, None, "server_error", Verdict.SERVER_FAULT),
        (500, "server_error", "server_error", Verdict.SERVER_FAULT),
        (408, None, None, Verdict.SERVER_FAULT),
        (409, None, None, Verdict.SERVER_FAULT),
        (200, None, "invalid_request_error", Verdict.CALLER_FAULT),
        (200, "cyber_policy", "invalid_request", Verdict.CALLER_FAULT),
        (200, "some_policy", "invalid_request", Verdict.CALLER_FAULT),
        (200, "failed_to_download_image", None, Verdict.CALLER_FAULT),
        (200, "vector_store_timeout", None, Verdict.SERVER_FAULT),
        (200, 429, None, Verdict.RATE_LIMITED),
        (200, "rate_limit_exceeded", "tokens", Verdict.RATE_LIMITED),
        (200, None, "server_error", Verdict.SERVER_FAULT),
        (302, None, None, Verdict.SERVER_FAULT),
    ],
)
def test_body_is_classified_first_then_the_status(status, code, kind, verdict):
    """A telling code or type decides; else the status."""
    failure = read(status, {"message": "m", "type": kind, "param": None, "code": code})
    assert failure.verdict is verdict
    assert failure.message == "m"


@in_turn(
    ("status", "body", "verdict"),
    [
        (429, b'[{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}]', Verdict.RATE_LIMITED),
        (400, b'{"code": "Client specified an invalid argument", "error": "Incorrect API key provided: x"}', Verdict.KEY_DEAD),
        (402, b'{"error": {"message": "Insufficient Balance"}}', Verdict.QUOTA_EXHAUSTED),
        (400, b'{"object": "error", "message": "m", "type": "BadRequestError", "code": 400}', Verdict.CALLER_FAULT),
        (422, b'{"detail": [{"loc": ["body"], "msg": "m"}]}', Verdict.CALLER_FAULT),
        (503, b"<html><body>Service Unavailable</body></html>", Verdict.SERVER_FAULT),
        (401, b"", Verdict.KEY_DEAD),
        (500, b"\xff\xfe", Verdict.SERVER_FAULT),
        (500, b"[" * 5000, Verdict.SERVER_FAULT),
        (500, b'{"error": [1, 2]}', Verdict.SERVER_FAULT),
        (500, b'{"error": {"code": {"a": 1}, "type": ["x"], "message": 7}}', Verdict.SERVER_FAULT),
        (429, b"null", Verdict.RATE_LIMITED),
        (429, b"[]", Verdict.RATE_LIMITED),
        (429, b"7", Verdict.RATE_LIMITED),
    ],
)
def test_every_shape_of_body_is_read(status, body, verdict):
    """Lists, strings, other hosts' shapes, HTML and garbage: nothing raises."""
    for protocol in (openai_chat.PROTOCOL, openai_responses.PROTOCOL):
        failure = protocol.read_failure(status, {}, body, 0.0)
        assert failure.verdict is verdict
        assert failure.code


def test_no_failed_response_is_asked_for_again_but_what_is_openais_own_fault():
    """Of all codes that its types know: the others are about what was asked, and asking again is paid again."""
    codes = get_args(ResponseError.model_fields["code"].annotation)
    again = {code for code in codes if read(200, {"message": "m", "code": code}).verdict in RETRIES}
    assert again == {"server_error", "vector_store_timeout"}


@in_turn(
    ("status", "kind", "message", "verdict", "code"),
    [
        (400, "context_length_exceeded", "Provider returned error", Verdict.CALLER_FAULT, "context_length_exceeded"),
        (403, "content_policy_violation", "Provider returned error", Verdict.CALLER_FAULT, "content_policy_violation"),
        (403, "permission_denied", "Request blocked: prompt injection patterns detected", Verdict.CALLER_FAULT, "permission_denied"),
        (403, "permission_denied", "This key may not use the model.", Verdict.DENIED, "permission_denied"),
        (502, "provider_overloaded", "Provider returned error", Verdict.OVERLOADED, "provider_overloaded"),
        (429, "unmapped", "Provider returned error", Verdict.RATE_LIMITED, "requests"),
    ],
)
def test_openrouter_says_beside_the_status_what_it_is_about(status, kind, message, verdict, code):
    """One word for all protocols and models: what one caller wrote rests no key, and a prompt that is too long is known as such."""
    error = {"code": status, "message": message, "metadata": {"error_type": kind, "provider_name": "A", "raw": "{}"}}
    for failure in (read(status, error), read(200, error)):
        assert (failure.verdict, failure.code, failure.status) == (verdict, code, status)


@in_turn(
    ("message", "is_calls_own"),
    [
        ("No endpoints found that support image input", True),
        ("No endpoints found matching your data policy (Free model publication).", True),
        ("No allowed providers are available for the selected model.", True),
        ("No endpoints found for a/m:free.", False),
        ("The model m does not exist: No endpoints found that", False),
    ],
)
def test_openrouter_lacks_a_model_or_only_who_serves_it_as_it_is_asked_for(message, is_calls_own):
    failure = read(404, {"code": 404, "message": message})
    assert (failure.verdict, failure.is_calls_own) == (Verdict.NOT_FOUND, is_calls_own)


TEAM = "c03b3526-bed4-49ed-8bd7-f20ef8830383"


@in_turn(
    ("status", "message", "verdict"),
    [
        (429, f"Your team {TEAM} has either used all available credits or reached its monthly spending limit.", Verdict.QUOTA_EXHAUSTED),
        (403, f"Your team {TEAM} has either used all available credits or reached its monthly spending limit.", Verdict.QUOTA_EXHAUSTED),
        (403, "Your newly created team doesn't have any credits or licenses yet.", Verdict.QUOTA_EXHAUSTED),
        (403, "You have run out of credits or need a Grok subscription.", Verdict.QUOTA_EXHAUSTED),
        (429, "Insufficient balance or no resource package. Please recharge.", Verdict.QUOTA_EXHAUSTED),
        (429, "Your prepayment credits are depleted. Please go to AI Studio.", Verdict.QUOTA_EXHAUSTED),
        (429, "Your project has exceeded its monthly spending cap.", Verdict.QUOTA_EXHAUSTED),
        (403, "Your API key was reported as leaked. Please use another API key.", Verdict.KEY_DEAD),
        (400, "User location is not supported for the API use without a billing account linked.", Verdict.DENIED),
        (400, "messages: 'User location is not supported for the API use.'", Verdict.CALLER_FAULT),
        (403, "Your team is not allowed to use this model.", Verdict.DENIED),
        (429, "Your request has either used all available credits", Verdict.RATE_LIMITED),
    ],
)
def test_an_account_without_money_is_known_by_its_words(status, message, verdict):
    """Where a host has no code for it: waiting and trying again would help nobody, another account does."""
    assert read(status, {"message": message, "type": None, "code": None}).verdict is verdict


def test_a_prompt_quoted_in_the_message_decides_nothing():
    """Only how a message begins counts."""
    assert read(400, {"message": "Invalid value: 'incorrect api key provided'"}).verdict is Verdict.CALLER_FAULT


def test_code_is_a_word_and_the_message_is_cut():
    """Free text is no code; two thousand characters of message are enough."""
    failure = read(400, {"message": "m" * 5000, "type": "invalid_request_error", "code": "you did: something wrong"})
    assert (failure.code, len(failure.message)) == ("invalid_request_error", 2000)
    assert read(500, {"code": None, "type": "it is broken"}).code == "server_error"


@in_turn(
    ("headers", "details", "seconds"),
    [
        ({b"retry-after-ms": b"250", b"retry-after": b"9"}, [{"retryDelay": "7s"}], 0.25),
        ({b"retry-after": b"9"}, [{"retryDelay": "7s"}], 9.0),
        ({b"x-ratelimit-remaining-tokens": b"0", b"x-ratelimit-reset-tokens": b"3s"}, [{"a": 1}, "x", {"retryDelay": "34.4s"}], 34.4),
        (
            {
                b"x-ratelimit-remaining-tokens": b"0",
                b"x-ratelimit-reset-tokens": b"1m30.5s",
                b"x-ratelimit-remaining-requests": b"5",
                b"x-ratelimit-reset-requests": b"1h",
            },
            None,
            90.5,
        ),
        (
            {
                b"x-ratelimit-remaining-tokens-minute": b"0",
                b"x-ratelimit-reset-tokens-minute": b"12.5",
                b"x-ratelimit-remaining-requests-day": b"0",
                b"x-ratelimit-reset-requests-day": b"33011.38",
            },
            None,
            33011.38,
        ),
        ({b"x-ratelimit-remaining-requests": b"0"}, None, None),
        ({b"retry-after": b"-3"}, "soon", None),
        ({}, None, None),
    ],
)
def test_wait_is_taken_from_the_best_hint(headers, details, seconds):
    """Milliseconds, seconds, the body's RetryInfo, then the reset of what is used up."""
    assert read(429, {"message": "m", "details": details}, headers).retry_after_s == seconds


def test_headroom_is_read_from_the_headers():
    """Counts with commas, resets as durations; Azure's minus one is none."""
    headers = {
        b"x-ratelimit-limit-requests": b"10000",
        b"x-ratelimit-remaining-requests": b"9,999",
        b"x-ratelimit-reset-requests": b"6ms",
        b"x-ratelimit-limit-tokens": b"30,000",
        b"x-ratelimit-remaining-tokens": b"0",
        b"x-ratelimit-reset-tokens": b"6m0s",
    }
    assert PROTOCOL.read_headroom(headers, 0.0) == Headroom(
        requests_left=9999,
        requests_reset_s=0.006,
        tokens_left=0,
        tokens_reset_s=360.0,
    )
    azure = {b"x-ratelimit-limit-tokens": b"-1", b"x-ratelimit-remaining-tokens": b"-1", b"x-ratelimit-reset-tokens": b"31"}
    assert PROTOCOL.read_headroom(azure, 0.0) == Headroom(tokens_reset_s=31.0)
    assert PROTOCOL.read_headroom({b"content-type": b"x"}, 0.0) is None


@pytest.mark.parametrize("protocol", BOTH)
def test_error_body_has_the_four_members(protocol):
    """Particulars stand under `details`, and only when there are any."""
    plain = msgspec.json.decode(protocol.write_fault(fault(429, code="rate_limit_exceeded")))
    assert plain == {"error": {"message": "No key is free.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    detailed = msgspec.json.decode(protocol.write_fault(fault(402, code="budget_exceeded", details={"limit_usd": "5"})))
    assert detailed["error"]["details"] == {"limit_usd": "5"}


@in_turn("status", [400, 401, 402, 403, 404, 408, 413, 429, 500, 502, 503, 504, 529])
def test_our_own_error_body_reads_back_as_the_same_kind(status):
    """A gateway behind a gateway understands it; none of our own codes looks like a provider's key trouble."""
    body = PROTOCOL.write_fault(fault(status))
    assert PROTOCOL.read_failure(status, {}, body, 0.0).code == "no_available_key"


SDK_CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    402: openai.APIStatusError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    504: openai.InternalServerError,
}


@in_turn("status", SDK_CLASSES)
async def test_sdk_raises_its_class(status, serving):
    """The official client sees its own exception with our code, message and type."""
    body = PROTOCOL.write_fault(fault(status))
    async with (
        serving(status, {"content-type": "application/json"}, body) as base_url,
        openai.AsyncOpenAI(base_url=base_url, api_key="sk-test", max_retries=0) as client,
    ):
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert type(caught.value) is SDK_CLASSES[status]
    assert (caught.value.code, caught.value.body["message"]) == ("no_available_key", "No key is free.")


async def test_sdk_raises_in_the_middle_of_a_stream(serving):
    """What was said stands, then the error is raised; no [DONE] hides it."""
    said = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    stream = said + PROTOCOL.write_stream_fault(fault(), 1)
    assert b"[DONE]" not in stream
    heard = []

    async def listen(client: openai.AsyncOpenAI) -> None:
        async for chunk in await client.chat.completions.create(model="m", messages=[], stream=True):
            heard.append(chunk.choices[0].delta.content)

    async with (
        serving(200, {"content-type": "text/event-stream"}, stream) as base_url,
        openai.AsyncOpenAI(base_url=base_url, api_key="sk-test", max_retries=0) as client,
    ):
        with pytest.raises(openai.APIError, match="No key is free") as caught:
            await listen(client)
    assert heard == ["Hi"]
    assert caught.value.code == "no_available_key"
