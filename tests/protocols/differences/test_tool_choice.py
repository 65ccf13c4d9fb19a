"""A choice among tools, where some of them were left out, or the model takes no such choice."""

import json
from typing import Any

from tests.in_turn import in_turn
from tests.protocols.differences.saying import CHAT, CONVERSE, GEMINI, MESSAGES, messages, said, spoken_to

from omnillm.protocols.dialects import ChatDialect
from omnillm.providers.kinds import endpoint


@in_turn("target", [CHAT, CONVERSE])
@in_turn("tool", [{"type": "bash_20250124", "name": "bash"}, {"type": "web_search_20250305", "name": "web_search"}])
def test_choice_of_a_tool_that_is_left_out_is_left_out_too(target: str, tool: dict[str, Any]) -> None:
    """A choice that names a tool which is not there is refused."""
    own = {"name": "f", "input_schema": {"type": "object"}}
    choice = {"type": "tool", "name": tool["name"]}
    body, lost = said(MESSAGES, target, messages(tools=[tool, own], tool_choice=choice))
    assert choice["name"] not in json.dumps(body)
    assert lost == {"capabilities.builtin_tools[0]": "dropped", "capabilities.tool_choice": "dropped"}
    body, lost = said(MESSAGES, target, messages(tools=[own], tool_choice={"type": "tool", "name": "f"}))
    assert "toolChoice" in body.get("toolConfig", {}) or "tool_choice" in body
    assert not lost


def test_choice_among_tools_keeps_those_that_are_there() -> None:
    """And tells that the others are gone."""
    calling = {"mode": "ANY", "allowedFunctionNames": ["f", "g", "h"]}
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "h"}]}]
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
    body, lost = said(GEMINI, CHAT, {"contents": contents, "tools": tools, "toolConfig": {"functionCallingConfig": calling}})
    assert [tool["function"]["name"] for tool in body["tool_choice"]["allowed_tools"]["tools"]] == ["f", "h"]
    assert lost["capabilities.tool_choice.names"] == "approximated"


def test_o_series_is_not_told_how_many_tools_to_call_at_once() -> None:
    """It refuses to be told so in Chat."""
    tools = [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    body = messages(tools=tools, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    for model, is_told in (("o4-mini", False), ("gpt-4o", True)):
        dialect = spoken_to(endpoint("openai"), CHAT, model)
        written, lost = said(MESSAGES, CHAT, body, dialect)
        assert ("parallel_tool_calls" in written) is is_told
        assert lost == ({} if is_told else {"capabilities.parallel_tool_calls": "dropped"})


@in_turn(
    ("choice", "thinking", "sent", "is_switched_off", "lost"),
    [
        ({"type": "any"}, None, "required", True, "defaulted:capabilities.reasoning"),
        ({"type": "tool", "name": "f"}, None, {"type": "function", "function": {"name": "f"}}, True, "defaulted:capabilities.reasoning"),
        ({"type": "any"}, {"type": "disabled"}, "required", True, ""),
        ({"type": "any"}, {"type": "adaptive"}, "auto", False, "approximated:capabilities.tool_choice"),
        ({"type": "auto"}, None, "auto", False, ""),
        ({"type": "none"}, {"type": "disabled"}, "none", True, ""),
        (None, {"type": "disabled"}, None, True, ""),
    ],
)
def test_a_call_is_forced_of_a_model_that_has_stopped_thinking(
    choice: dict[str, Any] | None, thinking: dict[str, Any] | None, sent: Any, is_switched_off: bool, lost: str
) -> None:
    """DeepSeek's and Kimi's think unless they are told not to, and refuse to be forced then; a client that wants thoughts gets those."""
    body = messages(tools=[{"name": "f", "input_schema": {"type": "object"}}])
    body |= {} if choice is None else {"tool_choice": choice}
    body |= {} if thinking is None else {"thinking": thinking}
    written, told = said(MESSAGES, CHAT, body, ChatDialect(is_openai=False, can_stop_thinking=False, switches_thoughts=True))
    assert (written.get("tool_choice"), written.get("thinking")) == (sent, {"type": "disabled"} if is_switched_off else None)
    losses = [f"{kind}:{path}" for path, kind in told.items()]
    assert [loss for loss in losses if loss.endswith(("capabilities.reasoning", "tool_choice"))] == [lost] * bool(lost)
