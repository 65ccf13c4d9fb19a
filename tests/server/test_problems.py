"""Errors as replies: status, retry hints, whose words."""

import json

from tests.in_turn import in_turn

from omnillm.errors import (
    BadRequest,
    BudgetExceeded,
    LedgerUnavailable,
    NoAvailableKey,
    OmniError,
    ProviderError,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UnknownModel,
    UpstreamLost,
    UpstreamTimeout,
    shutting_down,
)
from omnillm.protocols.registry import PROTOCOLS
from omnillm.server.problems import render_problem, should_retry
from omnillm.server.realtime import close_code

CHAT, MESSAGES = PROTOCOLS["openai_chat"], PROTOCOLS["anthropic_messages"]


def fields(error: OmniError, protocol=CHAT) -> dict[str, str]:
    rendered = render_problem(error, protocol, "0" * 32)
    return dict(line.split(": ", 1) for line in rendered.fields.decode().split("\r\n") if line)


@in_turn(
    ("wait_s", "seconds", "milliseconds"),
    [(0.0, "1", "1"), (0.0004, "1", "1"), (0.25, "1", "250"), (1.0, "1", "1000"), (1.0001, "2", "1001"), (59.999, "60", "59999")],
)
def test_a_wait_is_rounded_up(wait_s: float, seconds: str, milliseconds: str) -> None:
    """Whoever comes at the told moment is not a moment too early; never 0."""
    told = fields(RateLimited("no", retry_after_s=wait_s))
    assert (told["retry-after"], told["retry-after-ms"]) == (seconds, milliseconds)


@in_turn(
    ("error", "status"),
    [
        (RateLimited("no", retry_after_s=2.0), 429),
        (BudgetExceeded("held", code="budget_held", retry_after_s=2.0), 402),
        (NoAvailableKey("none", retry_after_s=2.0), 503),
        (LedgerUnavailable("down", retry_after_s=2.0), 503),
    ],
)
def test_whoever_may_come_again_is_told_when(error: OmniError, status: int) -> None:
    """And nothing forbids the SDK to do it."""
    told = fields(error)
    assert render_problem(error, CHAT, "").status == status
    assert told["retry-after"] == "2"
    assert "x-should-retry" not in told


@in_turn("error", [Unavailable("busy", code="provider_overloaded"), NoAvailableKey("refused"), LedgerUnavailable("down"), shutting_down()])
def test_trouble_whose_end_nobody_knows_may_be_over_in_a_second(error: OmniError) -> None:
    """Every 503 says when to come again, also after our own retries; a 502 and a 504 tell of one call, and say nothing."""
    for error.attempts in (0, 2):
        assert (fields(error)["retry-after"], fields(error)["retry-after-ms"]) == ("1", "1000")
    for other in (UpstreamLost("gone"), UpstreamTimeout("late", phase="total")):
        assert "retry-after" not in fields(other)


@in_turn(
    "error",
    [BadRequest("x"), UnknownModel("x"), BudgetExceeded("x"), Unauthenticated("x"), NoAvailableKey("x", code="no_key_serves_model")],
)
def test_whoever_can_only_fail_again_is_told_so(error: OmniError) -> None:
    """The caller's own mistakes, an empty budget, and a model that the configuration has no key for."""
    assert fields(error)["x-should-retry"] == "false"
    assert "retry-after" not in fields(error)


def test_after_our_own_retries_the_sdk_adds_none() -> None:
    """Attempts were made: more of them would multiply; the header says how many."""
    for error in (UpstreamLost("gone"), UpstreamTimeout("late", phase="total"), Unavailable("busy", code="provider_overloaded")):
        assert should_retry(error)
        error.attempts = 3
        assert not should_retry(error)
        assert fields(error)["x-omnillm-attempts"] == "3"


def test_only_anthropics_clients_know_529() -> None:
    """An overloaded provider is a 503 for the others."""
    error = Unavailable("busy", code="provider_overloaded")
    assert render_problem(error, MESSAGES, "").status == 529
    assert render_problem(error, CHAT, "").status == 503


def test_a_providers_own_words_reach_a_client_of_its_protocol_only() -> None:
    """Verbatim there; in another protocol they are told in that one's shape, without the raw body."""
    raw = b'{"error": {"message": "too long", "type": "invalid_request_error"}}'
    error = ProviderError("too long", status=400, provider="openai", protocol="openai_chat", code="context_length_exceeded", raw_body=raw)
    assert render_problem(error, CHAT, "").body == raw
    told = json.loads(render_problem(error, MESSAGES, "").body)
    assert (told["type"], told["error"]["message"]) == ("error", "prompt is too long: too long")
    empty = ProviderError("gone", status=404, provider="openai", protocol="openai_chat", code=None, raw_body=b"")
    assert json.loads(render_problem(empty, CHAT, "").body)["error"]["message"] == "gone"
    failed = ProviderError("failed", status=501, provider="openai", protocol="openai_chat", code=None, raw_body=b"")
    assert [close_code(each) for each in (error, failed)] == [1008, 1011], "of a live session, where the caller can do something about it"


@in_turn("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_no_message_can_add_a_field(protocol) -> None:
    """A message with line breaks, quotes and controls stays one JSON string, in the body."""
    rendered = render_problem(BadRequest('a\r\nset-cookie: b="c"\x00\x1b'), protocol, "0" * 32)
    assert b"set-cookie" not in rendered.fields
    assert b"\r" not in rendered.body
    assert json.loads(rendered.body)
    assert rendered.fields.endswith(b"\r\n")
