"""Reasoning that is asked of a model which takes certain words on it alone: it refuses the call for another one."""

from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.differences.saying import MESSAGES, messages, said

from omnillm.protocols.dialects import ChatDialect, ResponsesDialect

_TARGETS = {"openai_chat": ChatDialect, "openai_responses": ResponsesDialect}
_GPT_5_2 = ("none", "low", "medium", "high", "xhigh")


def asked(target: str, efforts: tuple[str, ...] | None, **members: Any) -> tuple[dict[str, Any], list[str]]:
    """What is asked of a model, and the losses, for a client of Anthropic's SDK with `members` in its body."""
    dialect = _TARGETS[target](efforts=efforts, can_stop_thinking=efforts is not None and "none" in efforts)
    body, lost = said(MESSAGES, target, messages(max_tokens=4096, **members), dialect)
    return body, [f"{kind}:{path}" for path, kind in lost.items() if "reasoning" in path]


@pytest.mark.parametrize("target", _TARGETS)
def test_a_model_that_does_not_reason_is_told_nothing_of_it(target: str) -> None:
    """Nor is what it thought asked for; that it should not think is no loss."""
    for thinking in ({"type": "enabled", "budget_tokens": 2048}, {"type": "adaptive"}):
        body, losses = asked(target, (), thinking=thinking)
        assert not body.keys() & {"reasoning", "reasoning_effort", "include"}
        assert losses == ["dropped:capabilities.reasoning"]
    body, losses = asked(target, (), thinking={"type": "disabled"})
    assert (body.keys() & {"reasoning", "reasoning_effort", "include"}, losses) == (set(), [])


@in_turn(
    ("efforts", "wanted", "sent"),
    [
        (_GPT_5_2, "minimal", "low"),
        (_GPT_5_2, "max", "xhigh"),
        (_GPT_5_2, "xhigh", "xhigh"),
        (("minimal", "low", "medium", "high"), "xhigh", "high"),
        (("medium", "high", "xhigh"), "low", "medium"),
        (("low", "high"), "medium", "high"),
        (("none", "high"), "low", "high"),
        (("none",), "low", None),
        (None, "max", "max"),
    ],
)
def test_the_nearest_effort_is_asked_for(efforts: tuple[str, ...] | None, wanted: str, sent: str | None) -> None:
    """Never none at all in the place of a little."""
    for target in _TARGETS:
        body, losses = asked(target, efforts, output_config={"effort": wanted})
        assert (body.get("reasoning_effort") or body.get("reasoning", {}).get("effort")) == sent
        told = [loss.partition(":")[2] for loss in losses if loss.endswith(".effort")]
        assert told == ([] if sent == wanted else ["capabilities.reasoning.effort"])


@pytest.mark.parametrize("target", _TARGETS)
def test_the_smallest_budget_is_an_effort_that_the_model_takes(target: str) -> None:
    """1,024 tokens are the least that Anthropic takes, and minimal is refused by OpenAI's newer models."""
    body, _ = asked(target, _GPT_5_2, thinking={"type": "enabled", "budget_tokens": 1024})
    assert (body.get("reasoning_effort") or body["reasoning"]["effort"]) == "low"
