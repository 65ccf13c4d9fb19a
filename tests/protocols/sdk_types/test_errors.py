"""Every trouble that a provider documents, raised by the SDK of every client as the class that it has for it, with the provider's words."""

import json
from typing import Any, NamedTuple

import anthropic
import httpx2
import openai
import pytest
from anthropic.types import ErrorObject
from google.genai import _interactions as interactions
from google.genai import errors as gemini
from google.genai._gaos.errors.createinteraction import CreateInteractionClientErrorData
from tests.in_turn import in_turn
from tests.protocols.sdk_types.shape import Samples, arms
from tests.protocols.sdk_types.test_replies import CLIENTS

import omnillm

WORDS = "The lake is closed."


class Trouble(NamedTuple):
    """A provider's error reply, and what each client's SDK makes of it."""

    provider: str
    status: int
    word: str
    raised: str
    """By OpenAI's SDK, and by Anthropic's where it has no other name."""
    anthropic: str = ""
    google: str = "INVALID_ARGUMENT"


TROUBLES = (
    Trouble("anthropic_messages", 400, "invalid_request_error", "BadRequestError"),
    Trouble("anthropic_messages", 401, "authentication_error", "AuthenticationError", google="UNAUTHENTICATED"),
    Trouble("anthropic_messages", 402, "billing_error", "APIStatusError", google="FAILED_PRECONDITION"),
    Trouble("anthropic_messages", 403, "permission_error", "PermissionDeniedError", google="PERMISSION_DENIED"),
    Trouble("anthropic_messages", 404, "not_found_error", "NotFoundError", google="NOT_FOUND"),
    Trouble("anthropic_messages", 409, "conflict_error", "ConflictError", google="ABORTED"),
    Trouble("anthropic_messages", 413, "request_too_large", "APIStatusError"),
    Trouble("anthropic_messages", 429, "rate_limit_error", "RateLimitError", google="RESOURCE_EXHAUSTED"),
    Trouble("anthropic_messages", 500, "api_error", "InternalServerError", google="INTERNAL"),
    Trouble("anthropic_messages", 504, "timeout_error", "InternalServerError", google="DEADLINE_EXCEEDED"),
    Trouble("anthropic_messages", 529, "overloaded_error", "InternalServerError", google="UNAVAILABLE"),
    Trouble("gemini_generate_content", 400, "INVALID_ARGUMENT", "BadRequestError"),
    Trouble("gemini_generate_content", 400, "FAILED_PRECONDITION", "BadRequestError"),
    Trouble("gemini_generate_content", 400, "OUT_OF_RANGE", "BadRequestError"),
    Trouble("gemini_generate_content", 401, "UNAUTHENTICATED", "AuthenticationError"),
    Trouble("gemini_generate_content", 403, "PERMISSION_DENIED", "PermissionDeniedError"),
    Trouble("gemini_generate_content", 404, "NOT_FOUND", "NotFoundError"),
    Trouble("gemini_generate_content", 409, "ABORTED", "ConflictError"),
    Trouble("gemini_generate_content", 409, "ALREADY_EXISTS", "ConflictError"),
    Trouble("gemini_generate_content", 429, "RESOURCE_EXHAUSTED", "RateLimitError"),
    Trouble("gemini_generate_content", 499, "CANCELLED", "APIStatusError", anthropic="ClientClosedRequestError"),
    Trouble("gemini_generate_content", 500, "INTERNAL", "InternalServerError"),
    Trouble("gemini_generate_content", 500, "UNKNOWN", "InternalServerError"),
    Trouble("gemini_generate_content", 500, "DATA_LOSS", "InternalServerError"),
    Trouble("gemini_generate_content", 501, "UNIMPLEMENTED", "InternalServerError", anthropic="HTTPNotImplementedError"),
    Trouble("gemini_generate_content", 503, "UNAVAILABLE", "InternalServerError", anthropic="OverloadedError"),
    Trouble("gemini_generate_content", 504, "DEADLINE_EXCEEDED", "InternalServerError", anthropic="GatewayTimeoutError"),
    Trouble("openai_chat", 400, "context_length_exceeded", "BadRequestError"),
    Trouble("openai_chat", 401, "invalid_api_key", "AuthenticationError", google="UNAUTHENTICATED"),
    Trouble("openai_chat", 403, "unsupported_country_region_territory", "PermissionDeniedError", google="PERMISSION_DENIED"),
    Trouble("openai_chat", 404, "model_not_found", "NotFoundError", google="NOT_FOUND"),
    Trouble("openai_chat", 408, "timeout", "APIStatusError", anthropic="RequestTimeoutError", google="DEADLINE_EXCEEDED"),
    Trouble("openai_chat", 409, "conflict", "ConflictError", google="ABORTED"),
    Trouble("openai_chat", 413, "too_large", "APIStatusError", anthropic="ContentTooLargeError"),
    Trouble("openai_chat", 422, "invalid_value", "UnprocessableEntityError"),
    Trouble("openai_chat", 429, "rate_limit_exceeded", "RateLimitError", google="RESOURCE_EXHAUSTED"),
    Trouble("openai_chat", 429, "insufficient_quota", "RateLimitError", google="RESOURCE_EXHAUSTED"),
    Trouble("openai_chat", 500, "server_error", "InternalServerError", google="INTERNAL"),
    Trouble("openai_chat", 503, "server_is_overloaded", "InternalServerError", anthropic="OverloadedError", google="UNAVAILABLE"),
    Trouble("openai_chat", 504, "timeout", "InternalServerError", anthropic="GatewayTimeoutError", google="DEADLINE_EXCEEDED"),
)


def body_of(trouble: Trouble) -> bytes:
    if trouble.provider == "anthropic_messages":
        return json.dumps({"type": "error", "error": {"type": trouble.word, "message": WORDS}}).encode()
    if trouble.provider == "openai_chat":
        return json.dumps({"error": {"message": WORDS, "type": trouble.word, "param": None, "code": trouble.word}}).encode()
    return json.dumps({"error": {"code": trouble.status, "message": WORDS, "status": trouble.word}}).encode()


@pytest.fixture(scope="module")
def sdks() -> dict[str, Any]:
    ours = openai.OpenAI(api_key="key-of-a-test")
    theirs = anthropic.Anthropic(api_key="key-of-a-test")
    return {"openai_chat": ours, "openai_responses": ours, "anthropic_messages": theirs}


def raised(sdks: dict[str, Any], client: str, status: int, body: bytes) -> Any:
    """The exception that the SDK makes of an error reply."""
    if client == "gemini_generate_content":
        return (gemini.ClientError if status < 500 else gemini.ServerError)(status, json.loads(body))
    answer = httpx2.Response(status, content=body, request=httpx2.Request("POST", "http://127.0.0.1/"))
    if client == "gemini_interactions":
        told = CreateInteractionClientErrorData.model_validate_json(body).error
        return interactions.APIError.generate(status, json.loads(body), told.message, answer)
    return sdks[client]._make_status_error_from_response(answer)


@in_turn("trouble", TROUBLES, ids=[f"{trouble.provider}: {trouble.status} {trouble.word}" for trouble in TROUBLES])
def test_trouble_is_raised_as_the_clients_sdk_names_it(sdks: dict[str, Any], trouble: Trouble) -> None:
    """The class follows from the status, the words are the provider's, and a Gemini client reads in the body when to come again."""
    for client in set(CLIENTS) - {trouble.provider}:
        report = omnillm.transcode_error(
            trouble.provider, client, status=trouble.status, body=body_of(trouble), headers={b"retry-after": b"7"}, request_id="req-1"
        ).value
        error = raised(sdks, client, report.status, report.body)
        assert WORDS in str(error)
        if client == "gemini_generate_content":
            assert error.status == trouble.google
            assert b'"retryDelay":"7.000s"' in report.body
        elif client == "anthropic_messages":
            assert type(error).__name__ == (trouble.anthropic or trouble.raised)
            assert error.body["error"]["type"] in ANTHROPICS
        else:
            assert type(error).__name__ == trouble.raised


def test_account_without_credit_has_openais_own_type(sdks: dict[str, Any]) -> None:
    """By which its clients know that waiting does not help."""
    trouble = Trouble("openai_chat", 429, "insufficient_quota", "RateLimitError")
    report = omnillm.transcode_error("openai_chat", "openai_responses", status=429, body=body_of(trouble)).value
    error = raised(sdks, "openai_responses", report.status, report.body)
    assert (error.type, error.code) == ("insufficient_quota", "insufficient_quota")


ANTHROPICS = {trouble.word for trouble in TROUBLES if trouble.provider == "anthropic_messages"}


def test_every_error_of_anthropics_is_here() -> None:
    """A type that a new SDK brings has to be decided on."""
    samples = Samples({"message": WORDS})
    assert {samples.simplest(arm)["type"] for arm in arms(ErrorObject)} <= ANTHROPICS
