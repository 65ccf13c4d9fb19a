"""What a request of another protocol means here: choices, thinking, what is kept, and results that are errors."""

from typing import Any

import pytest
from tests.protocols.openai_responses.asking import FUNCTION, emit, foreign, parse

from omnillm.model import (
    BuiltinTool,
    CapabilitySet,
    ImageBase64,
    LlmRequest,
    Message,
    MessageRole,
    ReasoningCapability,
    Text,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    user,
)

SEARCH = BuiltinTool(kind="web_search", protocol="anthropic_messages", native={"type": "web_search_20250305", "name": "web_search"})


def chosen(*builtin: BuiltinTool, tools: tuple[ToolDefinition, ...] = (), name: str = "web_search") -> tuple[Any, list[str]]:
    choice = ToolChoice(mode="named", names=(name,))
    body, losses = emit(foreign(capabilities=CapabilitySet(tools=tools, builtin_tools=builtin, tool_choice=choice)))
    return body.get("tool_choice"), losses


def test_choice_of_a_tool_that_the_provider_runs() -> None:
    """Is one of its type; a function of the same name comes first."""
    assert chosen(SEARCH)[0] == {"type": "web_search"}
    assert chosen(BuiltinTool(kind="code_execution"), name="code_execution")[0] == {"type": "code_interpreter"}
    assert chosen(BuiltinTool(kind="mcp", server_label="lakes"), name="mcp")[0] == {"type": "mcp", "server_label": "lakes"}
    function = ToolDefinition(name="web_search", strict=True)
    assert chosen(SEARCH, tools=(function,))[0] == {"type": "function", "name": "web_search"}
    choice, losses = chosen(BuiltinTool(kind="web_fetch"), name="web_fetch")
    assert choice is None
    assert "dropped:capabilities.tool_choice" in losses


def reasons(dialect: dict[str, Any] | None = None, **members: Any) -> tuple[Any, list[str]]:
    body, losses = emit(foreign(capabilities=CapabilitySet(reasoning=ReasoningCapability(**members))), **(dialect or {}))
    return body.get("reasoning"), losses


@pytest.mark.parametrize("mode", ["enabled", "adaptive"])
def test_thinking_is_shown_as_a_summary(mode: str) -> None:
    """Unless the client wants none of it, or says which."""
    reasoning, losses = reasons(mode=mode, budget_tokens=2048)
    assert reasoning["summary"] == "auto"
    assert "defaulted:capabilities.reasoning.summary" in losses
    assert "summary" not in (reasons(mode=mode, effort="low", include_thoughts=False)[0])
    assert reasons(mode=mode, summary="detailed")[0]["summary"] == "detailed"
    assert "summary" not in reasons(effort="low")[0]


@pytest.mark.parametrize("off", [{"mode": "disabled"}, {"effort": "none"}])
def test_thinking_off_only_where_the_model_can_stop(off: dict[str, Any]) -> None:
    """Another one would refuse the call."""
    assert reasons(**off) == ({"effort": "none"}, [])
    member = next(iter(off))
    assert reasons({"can_stop_thinking": False}, **off) == (None, [f"approximated:capabilities.reasoning.{member}"])
    assert emit(parse({"reasoning": {"effort": "none"}}), can_stop_thinking=False)[0]["reasoning"] == {"effort": "none"}


def test_message_of_nothing_is_an_empty_text() -> None:
    """OpenAI refuses a message without content."""
    nothing = Message(role=MessageRole.USER)
    empty = user("")
    assert emit(foreign(nothing, empty))[0]["input"] == [{"role": "user", "content": ""}] * 2
    assert emit(parse({"input": [{"role": "user", "content": []}]}))[0]["input"] == [{"role": "user", "content": []}]


@pytest.mark.parametrize("protocol", ["anthropic_messages", "gemini_generate_content"])
def test_nothing_is_kept_for_clients_that_know_no_state(protocol: str) -> None:
    """Nor is that a loss."""
    assert emit(LlmRequest(model="m", input=(user("Hi"),), protocol=protocol)) == (
        {"model": "m", "input": [{"role": "user", "content": "Hi"}], "store": False},
        [],
    )
    for other in ("", "openai_chat", "openai_responses"):
        assert "store" not in emit(LlmRequest(model="m", input=(user("Hi"),), protocol=other))[0]


def failed(*content: Any) -> Any:
    called = Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="call_1", name="depth"),))
    body, losses = emit(foreign(called, ToolResult(call_id="call_1", content=content, is_error=True)))
    assert losses[-1] == "approximated:input[1].is_error"
    return body["input"][1]["output"]


def test_error_of_a_tool_is_said_in_its_text() -> None:
    """Once, and also beside what is no text."""
    assert failed(Text(text="no lake")) == "Error: no lake"
    assert failed(Text(text="error 404")) == "error 404"
    assert failed() == "Error:"
    written = failed(ImageBase64(data=b"x", media_type="image/png"))
    assert [part["type"] for part in written] == ["input_text", "input_image"]


def test_named_function_is_a_function() -> None:
    """As ever."""
    request = parse({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "search"}})
    assert emit(request)[0]["tool_choice"] == {"type": "function", "name": "search"}
