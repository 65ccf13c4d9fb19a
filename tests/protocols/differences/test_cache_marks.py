"""Marks of the prompt cache, in the order of their terms that Claude wants."""

from typing import Any

import pytest
from tests.protocols.differences.saying import CHAT, CONVERSE, HI, MESSAGES, chat, marked, result, said, turn


def terms(target: str, body: dict[str, Any]) -> list[str]:
    """Of the marks of a request for Claude, in the order of the prompt."""
    member = "cache_control" if target == MESSAGES else "cachePoint"
    system, *turns = [body.get("system") or [], *(message["content"] for message in body["messages"])]
    return [block[member].get("ttl", "") for blocks in (system, *turns) for block in blocks if member in block]


@pytest.mark.parametrize("target", [MESSAGES, CONVERSE])
def test_no_mark_for_an_hour_comes_after_one_for_five_minutes(target: str) -> None:
    """Anthropic refuses that: those before it are made as long, and those behind it stay."""
    turns = [{"role": "system", "content": [marked("s")]}, {"role": "user", "content": [marked("a", "12h"), marked("b")]}]
    body, lost = said(CHAT, target, chat(messages=turns), model="anthropic.claude-sonnet-5")
    assert terms(target, body) == ["1h", "1h", ""]
    assert lost == {"input[0].parts[0].cache_control.ttl": "approximated", "input[1].parts[0].cache_control.ttl": "approximated"}
    turns[1] = {"role": "user", "content": [marked("a"), marked("b")]}
    body, lost = said(CHAT, target, chat(messages=turns), model="anthropic.claude-sonnet-5")
    assert (terms(target, body), lost) == (["", "", ""], {})


def test_marks_in_results_and_of_tools_are_in_order_too() -> None:
    """Tools come first, and what a result holds before the result."""
    turns = [HI, turn(("a", "f")), {**result("a", ""), "content": [marked("r")]}, {"role": "user", "content": [marked("u", "12h")]}]
    body, _ = said(CHAT, MESSAGES, chat(messages=turns, prompt_cache_options={"mode": "explicit"}))
    blocks = body["messages"][-1]["content"]
    assert blocks[0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert blocks[1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
