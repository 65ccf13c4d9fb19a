"""What a caller is told when the controller says no."""

import pytest

from omnillm.admission.asks import Refusal
from omnillm.errors import BadRequest, BudgetExceeded, NoAvailableKey, RateLimited
from omnillm.gateway.refusals import refusal_error


def refusal(code: str, status: int, **more: object) -> Refusal:
    return Refusal(case_id="0" * 32, code=code, status=status, **more)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("requests_limit", "60 requests per minute"),
        ("tokens_limit", "60 tokens per minute"),
        ("concurrency_limit", "60 concurrent requests"),
    ],
)
def test_a_limit_of_the_callers_own_is_named(code: str, words: str) -> None:
    """Whose, which, how much, and when to come again."""
    error = refusal_error(refusal(code, 429, scope="team-a", limit=60, retry_after_s=12.3), "fast")
    assert isinstance(error, RateLimited)
    assert (error.status, error.code, error.retry_after_s) == (429, code, 12.3)
    assert "'team-a'" in error.message
    assert words in error.message


def test_a_budget_without_room_is_a_402_with_its_figures() -> None:
    """In decimal USD, for people and for programs; no wait would help."""
    error = refusal_error(
        refusal(
            "budget_exceeded",
            402,
            scope="team",
            limit=10**9,
            needed=128 * 10**7,
            used=9 * 10**8,
            held=5 * 10**7,
            retry_after_s=3.0,
            resets_at_wall=1_800_000_000.5,
        ),
        "x",
    )
    assert isinstance(error, BudgetExceeded)
    assert error.details == {
        "scope": "team",
        "needed_usd": "1.28",
        "limit_usd": "1",
        "spent_usd": "0.9",
        "held_usd": "0.05",
        "resets_at": 1_800_000_000,
    }
    assert error.retry_after_s is None
    assert error.message == (
        "Budget 'team' has no room for this call, which may cost up to 1.28 USD: limit 1 USD, spent 0.9, held 0.05. "
        "With a lower output cap it may cost less."
    )


def test_a_budget_that_is_spent_advises_no_smaller_call() -> None:
    """None would fit."""
    error = refusal_error(refusal("budget_exceeded", 402, scope="team", limit=10**9, needed=5, used=10**9), "x")
    assert error.message.endswith("limit 1 USD, spent 1, held 0.")


def test_a_budget_that_is_only_held_says_when_to_come_again() -> None:
    """It will have room when what is under way has ended; a total never resets."""
    error = refusal_error(refusal("budget_held", 402, scope="team", limit=1, retry_after_s=3.0), "x")
    assert (error.code, error.retry_after_s, error.details["resets_at"]) == ("budget_held", 3.0, None)
    assert error.message.startswith("Budget 'team' is held by calls under way, and has no room for this call, which may")


def test_a_call_that_never_fits_is_a_400() -> None:
    """Waiting would not help: it is told to become smaller."""
    error = refusal_error(refusal("call_too_large", 400, scope="team-a", limit=1000, needed=1500), "fast")
    assert isinstance(error, BadRequest)
    assert "needs 1500 tokens at once" in error.message
    assert "the whole limit of team-a is less (1000 a minute): shorten" in error.message
    of_keys = refusal_error(refusal("call_too_large", 400, needed=1500), "fast")
    assert "the whole limit of every key is less: shorten" in of_keys.message


def test_keys_at_their_limits_are_a_429_and_broken_ones_a_503() -> None:
    """A provider's trouble is never told as the caller's own credential."""
    limited = refusal_error(refusal("all_keys_limited", 429, retry_after_s=7.0), "fast")
    assert isinstance(limited, RateLimited)
    assert (limited.code, limited.retry_after_s) == ("all_keys_limited", 7.0)
    for wait_s, told in (
        (None, ""),
        (0.0, " in 0.001 s"),
        (1.51625, " in 1.52 s"),
        (98.96, " in 99 s"),
        (999.6, " in 1000 s"),
        (2400.25, " in 2400 s"),
    ):
        assert refusal_error(refusal("all_keys_limited", 429, retry_after_s=wait_s), "fast").message.endswith(f"; try again{told}.")
    for code in ("all_keys_broken", "no_key_serves_model", "queue_full"):
        error = refusal_error(refusal(code, 503, retry_after_s=2.0), "fast")
        assert isinstance(error, NoAvailableKey)
        assert (error.status, error.code, error.retry_after_s) == (503, code, 2.0)
        assert "'fast'" in error.message
