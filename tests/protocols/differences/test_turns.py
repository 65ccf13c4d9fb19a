"""Who speaks when: pieces of one text, the last word, and turns that a host takes."""

import json
from typing import Any

import pytest
from tests.protocols.differences.saying import CHAT, CONVERSE, GEMINI, HI, MESSAGES, RESPONSES, chat, marked, messages, said, spoken_to

from omnillm.protocols.dialects import ChatDialect, ConverseDialect, GeminiDialect
from omnillm.providers.kinds import endpoint

PIECES = [{"text": "The la"}, {"text": "ke is "}, {"text": "deep."}, {"text": ""}]


def spoken(*parts: dict[str, Any]) -> dict[str, Any]:
    """A history of Gemini's, in which the model said these parts."""
    contents = [("user", [{"text": "How deep?"}]), ("model", list(parts)), ("user", [{"text": "And how wide?"}])]
    return {"contents": [{"role": role, "parts": said} for role, said in contents]}


@pytest.mark.parametrize("takes_parts", [True, False])
def test_pieces_of_a_stream_are_one_text_elsewhere(takes_parts: bool) -> None:
    """Gemini's clients bring each back as a part, which a host that takes strings alone would set apart by blank lines."""
    body, lost = said(GEMINI, CHAT, spoken(*PIECES), ChatDialect(is_openai=False, takes_parts=takes_parts))
    assert (body["messages"][1], lost) == ({"role": "assistant", "content": "The lake is deep."}, {})
    assert said(GEMINI, RESPONSES, spoken(*PIECES))[0]["input"][1] == {"role": "assistant", "content": "The lake is deep."}
    assert said(GEMINI, MESSAGES, spoken(*PIECES))[0]["messages"][1]["content"] == "The lake is deep."
    assert said(GEMINI, GEMINI, spoken(*PIECES))[0]["contents"][1]["parts"] == PIECES


def test_pieces_end_where_the_model_did_something_else() -> None:
    """And where a text was signed, or has members of its own."""
    call = {"functionCall": {"id": "c", "name": "f", "args": {}}}
    signed, marked = {"text": "", "thoughtSignature": "c2ln"}, {"text": "!", "partMetadata": {"a": 1}}
    body, lost = said(
        GEMINI, MESSAGES, spoken(*PIECES, signed, {"text": "So"}, {"text": "."}, marked, call, {"text": "Bye"}, {"text": "."})
    )
    texts = [block.get("text") for block in body["messages"][1]["content"]]
    assert texts == ["The lake is deep.", "So.", "!", None, "Bye."]
    assert lost["input[1].parts[0].signature"] == "dropped"


def test_piece_that_ends_a_stream_says_nothing_elsewhere() -> None:
    """Behind a call it would be a text, and an empty one."""
    call = {"functionCall": {"id": "c", "name": "f", "args": {}}}
    body, lost = said(GEMINI, CHAT, spoken(call, {"text": ""}))
    assert (body["messages"][1]["content"], lost) == (None, {})
    assert said(GEMINI, CHAT, spoken({"text": ""}))[0]["messages"][1]["content"] == [{"type": "text", "text": ""}]


PREFILLED = [HI, {"role": "assistant", "content": [marked("The lake is ")]}]


@pytest.mark.parametrize("target", [MESSAGES, CONVERSE])
def test_user_has_the_last_word_where_the_model_needs_that(target: str) -> None:
    """Claude from 4.6 on refuses to go on from its own words; older ones do, without the blanks at their end."""
    body, lost = said(CHAT, target, chat(messages=PREFILLED), ConverseDialect(takes_last_word=False))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    asked = body["messages"][-1]["content"]
    assert (asked if target == MESSAGES else asked[0]["text"]) == "Continue."
    assert lost["input[1]"] == "approximated"
    body, _ = said(CHAT, target, chat(messages=PREFILLED))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert body["messages"][-1]["content"][0]["text"] == "The lake is"
    assert said(CHAT, target, chat(messages=[*PREFILLED, HI]), ConverseDialect(takes_last_word=False))[0]["messages"][-1]["role"] == "user"


@pytest.mark.parametrize("target", [GEMINI, "gemini_interactions"])
def test_newest_gemini_models_are_asked_to_go_on(target: str) -> None:
    """They refuse a conversation that ends with words of theirs; behind a call nothing but its result may stand."""
    newest = GeminiDialect(takes_last_word=False)
    body, lost = said(CHAT, target, chat(messages=PREFILLED), newest)
    assert "Continue." in json.dumps((body["contents"] if target == GEMINI else body["input"])[-1])
    assert lost["input[1]"] == "approximated"
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    called = [HI, {"role": "assistant", "content": "I look.", "tool_calls": [call]}]
    for turns, dialect in ((PREFILLED, None), ([*PREFILLED, HI], newest), (called, newest)):
        assert "Continue." not in json.dumps(said(CHAT, target, chat(messages=turns), dialect)[0])


def test_no_budget_of_thinking_where_the_assistant_has_begun() -> None:
    """Its turn would have to begin with signed thinking."""
    for turns, thinking in ((PREFILLED, "disabled"), ([HI], "enabled")):
        asked = chat(messages=turns, reasoning_effort="high", max_completion_tokens=9000)
        body, lost = said(CHAT, MESSAGES, asked)
        assert (body["thinking"]["type"], "capabilities.reasoning" in lost) == (thinking, thinking == "disabled")
        body, _ = said(CHAT, CONVERSE, asked, model="anthropic.claude-sonnet-4-5")
        assert body["additionalModelRequestFields"]["thinking"]["type"] == thinking


def test_mistral_gets_turns_that_it_takes() -> None:
    """A user speaks beside results (Claude Code reminds there), the system amid the conversation, and the answer has a beginning."""
    dialect = spoken_to(endpoint("mistral"))
    results = [{"type": "tool_result", "tool_use_id": "callcall1", "content": "9"}, {"type": "text", "text": "Be brief."}]
    turns = [
        HI,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "callcall1", "name": "f", "input": {}}]},
        {"role": "user", "content": results},
        {
            "role": "system",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}],
        },
        {"role": "assistant", "content": "It is"},
    ]
    body, lost = said(MESSAGES, CHAT, messages(system="s", messages=turns, service_tier="standard_only"), dialect)
    assert [message["role"] for message in body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "user",
        "assistant",
    ]
    assert [message["content"] for message in body["messages"][4:7]] == ["OK.", "Be brief.", "<system>\na\n\nb\n</system>"]
    assert (body["messages"][-1], "service_tier" in body) == ({"role": "assistant", "content": "It is", "prefix": True}, False)
    assert (lost["input[*]"], lost["generation.service_tier"]) == ("moved", "dropped")
    body, lost = said(MESSAGES, CHAT, messages(messages=turns[:2], service_tier="auto"), dialect)
    assert ("prefix" in body["messages"][-1], lost) == (False, {})
