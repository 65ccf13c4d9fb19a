"""Calls and their results, whose ids tell them apart in the way of each API."""

from typing import Any

from tests.protocols.differences.saying import CHAT, GEMINI, HI, MESSAGES, RESPONSES, chat, result, said, turn


def test_ids_of_calls_are_as_long_as_responses_takes_them() -> None:
    """64 characters; a call and its result keep one id."""
    call = {"id": "c" * 65, "type": "function", "function": {"name": "f", "arguments": ""}}
    turns = [HI, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c" * 65, "content": "r"}]
    body, lost = said(CHAT, RESPONSES, chat(messages=turns))
    _, called, answered = body["input"]
    assert called["call_id"] == answered["call_id"]
    assert len(called["call_id"]) == 64
    assert called["arguments"] == "{}"
    assert set(lost.values()) == {"approximated"}
    turns[1]["tool_calls"] = [{**call, "id": "c" * 64}]
    turns[2]["tool_call_id"] = "c" * 64
    body, lost = said(CHAT, RESPONSES, chat(messages=turns))
    assert (body["input"][1]["call_id"], lost) == ("c" * 64, {})


def test_result_without_its_call_is_text_of_the_user_for_responses() -> None:
    """It refuses one that answers nothing, unless its provider keeps the call."""
    turns = [HI, result("gone", "149 m", name="depth"), HI]
    body, lost = said(CHAT, RESPONSES, chat(messages=turns))
    words = [part["text"] for part in body["input"][1]["content"]]
    assert (body["input"][1]["role"], words) == ("user", ['<tool_result name="depth">', "149 m", "</tool_result>"])
    assert lost == {"input[1]": "approximated"}
    kept = {"model": "m", "previous_response_id": "resp_1", "input": [{"type": "function_call_output", "call_id": "c", "output": "149 m"}]}
    assert said(RESPONSES, RESPONSES, kept)[0]["input"] == kept["input"]


def calls_of(body: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(id, name) of the calls, and (id, words) of the results, of a request for the Messages API."""
    blocks = [block for message in body["messages"] if type(message["content"]) is list for block in message["content"]]
    called = [(block["id"], block["name"]) for block in blocks if block["type"] == "tool_use"]
    return called, [(block["tool_use_id"], block["content"]) for block in blocks if block["type"] == "tool_result"]


def test_calls_of_a_host_that_counts_anew_in_every_turn_are_told_apart() -> None:
    """Anthropic refuses two calls with one id; each result stays with its call, and an id that is there already is not given again."""
    turns = [HI, turn(("0", "f"), ("0_2", "g")), result("0_2", "b"), result("0", "a"), turn(("0", "f")), result("0", "c"), HI]
    body, lost = said(CHAT, MESSAGES, chat(messages=turns))
    called, results = calls_of(body)
    assert called == [("0", "f"), ("0_2", "g"), ("0_3", "f")]
    assert results == [("0_2", "b"), ("0", "a"), ("0_3", "c")]
    assert lost == {"input[4]": "approximated", "input[5]": "approximated"}


def test_calls_without_ids_are_told_apart_within_a_turn() -> None:
    """Results answer them in order, or by the name that they tell."""
    turns = [HI, turn(("", "f"), ("", "g")), result("", "of g", name="g"), result("", "of f"), HI]
    body, _ = said(CHAT, MESSAGES, chat(messages=turns))
    called, results = calls_of(body)
    ids = {name: call_id for call_id, name in called}
    assert len(set(ids.values())) == 2
    assert dict(results) == {ids["g"]: "of g", ids["f"]: "of f"}
    body, _ = said(CHAT, GEMINI, chat(messages=turns))
    answered = [part["functionResponse"] for part in body["contents"][2]["parts"] if "functionResponse" in part]
    assert [(each["name"], each["response"]) for each in answered] == [("f", {"result": "of f"}), ("g", {"result": "of g"})]


def test_calls_with_ids_of_their_own_are_left_alone() -> None:
    """No loss is told, also where one result comes twice."""
    turns = [HI, turn(("a", "f"), ("b", "g")), result("a", "1"), result("b", "2"), HI]
    body, lost = said(CHAT, MESSAGES, chat(messages=turns))
    assert (calls_of(body), lost) == (([("a", "f"), ("b", "g")], [("a", "1"), ("b", "2")]), {})
