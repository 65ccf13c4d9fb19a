"""Suggestions: useful, and no way to burn a core."""

import sys
from collections.abc import Callable
from random import Random

import pytest

from omnillm.errors import Forbidden, UnknownModel
from omnillm.routing.router import Router
from omnillm.routing.target import Route, Target
from omnillm.spelling import Spellings, hint, nearest

MANY = {
    "numbered": [f"model-{number:04}" for number in range(5000)],
    "alike": ["a" * 60 + f"{number:04}" for number in range(5000)],
    "dated": [f"{name}-{number}-2026{number:04}" for name in ("gpt", "claude", "gemini", "llama", "qwen") for number in range(1000)],
}
WRONG = ("modle-0123", "a" * 256, "ab" * 128, "gtp-77-20260077", "", "x", "\udcff" * 64, "model-01234")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("gtp-4o", "gpt-4o"),
        ("GPT-4O", "gpt-4o"),
        ("gpt4o", "gpt-4o"),
        ("claude-sonet-4-6", "claude-sonnet-4-6"),
        ("sonnet-4-6", "claude-sonnet-4-6"),
        ("o3-mni", "o3-mini"),
        ("whisper", None),
        ("", None),
    ],
)
def test_what_was_meant_is_found(wrong: str, meant: str | None) -> None:
    """Letters that changed places or are missing, other case, a beginning that was left out; and nothing where nothing is like it."""
    assert nearest(wrong, ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-6", "claude-opus-4-7", "o3-mini", "gemini-2.5-pro"]) == meant


@pytest.mark.parametrize("names", MANY.values(), ids=MANY)
def test_a_name_of_many_is_found_for_most_slips(names: list[str]) -> None:
    """Two letters that changed places, in one of 5,000 names that are much alike: at least two out of three are told the very name."""
    dice, spellings, found = Random(7), Spellings(names), 0
    for meant in dice.sample(names, 60):
        at = dice.randrange(len(meant) - 1)
        slip = meant[:at] + meant[at + 1] + meant[at] + meant[at + 2 :]
        found += slip in names or spellings.nearest(slip) == meant
    assert found >= 40


def steps(ask: Callable[[], object]) -> int:
    """Calls, Python's and C's, and lines that it takes."""
    taken = 0

    def count(*_: object) -> Callable[..., object]:
        nonlocal taken
        taken += 1
        return count

    before = sys.gettrace()  # coverage's
    sys.settrace(count)
    try:
        ask()
    finally:
        sys.settrace(before)
    return taken


@pytest.mark.parametrize("names", MANY.values(), ids=MANY)
def test_a_wrong_name_costs_no_more_where_more_names_are_right(names: list[str]) -> None:
    """A 404 is no way to burn a core: whatever is asked, few lines are run, and at most two thousand places are looked at by them."""
    spellings = Spellings(names)
    assert max(steps(lambda wrong=wrong: spellings.nearest(wrong)) for wrong in WRONG) < 1000


def test_an_unknown_model_is_told_the_nearest_that_its_caller_may_ask_for() -> None:
    """Also behind thousands of others, and in few steps."""
    routes = {name: Route(targets=(Target(provider="p", model="x"),)) for name in MANY["numbered"]}
    router = Router(routes, {}, dice=Random(7), is_models_only=True)
    with pytest.raises(UnknownModel, match="did you mean model-4999"):
        router.plan("modle-4999", protocol="openai_chat")
    with pytest.raises(UnknownModel, match="did you mean model-4998"):
        router.plan("model-499x", protocol="openai_chat", allowed=("model-4998", "*x"))
    with pytest.raises(Forbidden, match="did you mean model-4998"):
        router.plan("modle-4998", protocol="openai_chat", allowed=("model-4998", "other"))

    def ask() -> None:
        with pytest.raises(UnknownModel):
            router.plan("modle-4999", protocol="openai_chat")

    assert steps(ask) < 1000


def test_the_nearest_name_is_found_in_any_case():
    """And none when nothing is close."""
    assert nearest("RMP", ["rpm", "label"]) == "rpm"
    assert nearest("zzz", ["rpm", "label"]) is None
    assert nearest("x" * 100_000, ["x" * 100_000]) == "x" * 100_000


def test_a_hint_lists_the_valid_names_only_when_they_are_few():
    """Nobody reads a thousand models."""
    assert hint("rmp", ["rpm"]) == "; did you mean rpm?"
    assert hint("zzz", ["rpm", "label"]) == "; valid: rpm, label"
    assert hint("zzz", [f"m{number}" for number in range(100)]) == ""
    assert hint("zzz", []) == ""
