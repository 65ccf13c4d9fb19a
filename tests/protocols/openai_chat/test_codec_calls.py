"""Calls and their results, of other protocols' clients and of custom tools: OpenAI refuses what stands between them."""

from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.openai_chat.asking import HI, HOST, OPENAI, PNG, calls, emitted, foreign, said, translated

from omnillm.model import (
    CacheControl,
    CapabilitySet,
    ImageBase64,
    Json,
    Message,
    MessageRole,
    Native,
    Reasoning,
    Text,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    user,
)

SEARCHED = Native(protocol="openai_responses", kind="web_search_call", value={"type": "web_search_call", "id": "ws_1"})
TRACE = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "lake"}}


def result(call_id: str, text: str = "149 m", **members: Any) -> ToolResult:
    return ToolResult(call_id=call_id, content=(Text(text=text),), **members)


def order(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """Of each message the role, and its calls, its call's id, or its text."""
    return [
        (message["role"], [call["id"] for call in message.get("tool_calls", ())] or message.get("tool_call_id") or message["content"])
        for message in body["messages"]
    ]


def calling(call_id: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}


def answering(call_id: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": "149 m"}


@in_turn(
    ("items", "written", "losses"),
    [
        pytest.param(
            [HI, calling("a"), TRACE, answering("a"), HI],
            [("user", "Hi"), ("assistant", ["a"]), ("tool", "a"), ("user", "Hi")],
            ["dropped:input[1].parts[1]"],
            id="a search between",
        ),
        pytest.param(
            [HI, calling("a"), calling("b"), answering("a"), HI, answering("b")],
            [("user", "Hi"), ("assistant", ["a", "b"]), ("tool", "a"), ("tool", "b"), ("user", "Hi")],
            ["moved:input[3]"],
            id="a message between results",
        ),
        pytest.param(
            [HI, calling("a"), {"role": "developer", "content": "Go on."}, calling("b"), answering("b"), answering("a")],
            [("user", "Hi"), ("assistant", ["a"]), ("tool", "a"), ("developer", "Go on."), ("assistant", ["b"]), ("tool", "b")],
            ["moved:input[2]", "moved:input[3]"],
            id="calls that overlap",
        ),
        pytest.param(
            [HI, TRACE, HI], [("user", "Hi"), ("user", "Hi")], ["dropped:input[1].parts[0]"], id="an answer that was nothing but a search"
        ),
    ],
)
def test_nothing_stands_between_calls_and_results_of_responses(items, written, losses):
    """OpenAI refuses a call that is not followed by its result."""
    body, found = translated("openai_responses", {"input": items})
    assert order(body) == written
    assert found == losses


def test_nothing_stands_between_calls_and_results_of_anthropic():
    """Its clients put messages of the system there."""
    use = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}
    answer = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "149 m"}, {"type": "text", "text": "Go."}]}
    messages = [HI, use, {"role": "system", "content": "Be brief."}, answer]
    body, losses = translated("anthropic_messages", {"max_tokens": 9, "messages": messages}, HOST)
    assert order(body) == [("user", "Hi"), ("assistant", ["t"]), ("tool", "t"), ("system", "Be brief."), ("user", "Go.")]
    assert losses == ["moved:input[2]"]


def test_a_chat_client_keeps_its_order():
    """And its result without a call: its host may be one that takes it."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    answer = {"role": "tool", "tool_call_id": "a" * 50, "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call]}, HI, {**answer, "tool_call_id": "a"}, answer]
    for dialect in (OPENAI, HOST):
        assert translated("openai_chat", {"messages": messages}, dialect) == ({"model": "m", "messages": messages}, [])


@in_turn("role", list(MessageRole))
def test_a_message_of_nothing_is_not_written(role):
    """What else it bore is told."""
    message = Message(role=role, parts=(SEARCHED,), name="ada", vendor_extensions={"x": 1})
    body, losses = emitted(foreign(user("Hi"), message, user("Ho"), protocol="openai_responses"))
    assert order(body) == [("user", "Hi"), ("user", "Ho")]
    assert losses == ["dropped:input[1].name", "dropped:input[1].parts[0]", "dropped:input[1].vendor_extensions.x"]


def test_reasoning_alone_is_no_message_at_openai():
    """A host that has a member for it gets it."""
    request = foreign(user("Hi"), said(Reasoning(text="Hm.")), user("Ho"))
    assert order(emitted(request)[0]) == [("user", "Hi"), ("user", "Ho")]
    assert emitted(request, HOST)[0]["messages"][1] == {"role": "assistant", "content": "", "reasoning_content": "Hm."}


def test_an_empty_message_that_a_client_sent_stays():
    """It had no parts to lose."""
    body, losses = emitted(foreign(user("Hi"), said(), user("Ho")))
    assert body["messages"][1] == {"role": "assistant", "content": ""}
    assert losses == []


def test_a_result_without_its_call_is_text_of_the_user():
    """Behind the results of the calls that are there."""
    image = ImageBase64(data=b"\x89PNG", media_type="image/png")
    lost = ToolResult(call_id="x", name="shell", content=(Text(text="a b"), image), is_error=True, cache_control=CacheControl())
    body, losses = emitted(foreign(said(*calls("a", "b")), result("a"), lost, result("b"), result("y")))
    assert [message["role"] for message in body["messages"]] == ["assistant", "tool", "tool", "user", "user"]
    text, picture = body["messages"][3]["content"]
    assert text == {"type": "text", "text": "Result of a tool call (shell):\nError: a b"}
    assert picture["type"] == "image_url"
    assert body["messages"][4]["content"] == "Result of a tool call:\n149 m"
    assert losses == [
        "approximated:input[2]",
        "approximated:input[2].is_error",
        "approximated:input[4]",
        "dropped:input[2].cache_control",
        "moved:input[2]",
    ]


def test_an_empty_result_without_its_call_is_dropped():
    """There is nothing to say."""
    body, losses = emitted(foreign(user("Hi"), ToolResult(call_id="x"), ToolResult(call_id="y", content=(SEARCHED,))))
    assert order(body) == [("user", "Hi")]
    assert losses == ["approximated:input[2]", "dropped:input[1]", "dropped:input[2].content[0]"]


def test_a_failed_call_is_told_in_its_text():
    """Chat has no flag for it. What says so itself is not told twice."""
    failed = (result("a", is_error=True), ToolResult(call_id="b", is_error=True), result("d", "error: no lake", is_error=True))
    body, losses = emitted(foreign(said(*calls("a", "b", "c", "d")), *failed, result("c", is_error=False)))
    assert [message["content"] for message in body["messages"][1:]] == ["Error: 149 m", "Error:", "error: no lake", "149 m"]
    assert losses == ["approximated:input[1].is_error", "approximated:input[2].is_error", "approximated:input[3].is_error"]


def test_calls_without_arguments_are_json():
    """A host that reads them refuses an empty text."""
    for dialect in (OPENAI, HOST):
        body, losses = emitted(foreign(said(ToolCall(call_id="a", name="f")), result("a")), dialect)
        assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{}"
        assert losses == []


def test_long_ids_are_shortened_for_openai():
    """The same one always to the same, and no two to one."""
    long, other = "a" * 60, "a" * 61
    request = foreign(said(*calls(long, other)), result(long), result(other))
    body, losses = emitted(request)
    written = [call["id"] for call in body["messages"][0]["tool_calls"]]
    assert [message["tool_call_id"] for message in body["messages"][1:]] == written
    assert [len(call_id) for call_id in written] == [40, 40]
    assert len(set(written)) == 2
    assert losses == ["approximated:input[*].parts[*].call_id"]
    body, losses = emitted(request, HOST)
    assert body["messages"][1]["tool_call_id"] == long
    assert losses == []


SHELL = ToolDefinition(name="sh", description="Run it.", kind="custom", format={"type": "text"})
RUN = ToolCall(call_id="c", name="sh", arguments='ls "a"', kind="custom")


@pytest.mark.parametrize("protocol", ["openai_responses", ""])
def test_custom_tools_are_functions_of_compatible_hosts(protocol):
    """In the definition, in the history and in the choice."""
    request = foreign(
        said(RUN),
        result("c", kind="custom"),
        protocol=protocol,
        capabilities=CapabilitySet(tools=(SHELL,), tool_choice=ToolChoice(mode="named", names=("sh",), kind="custom")),
    )
    body, losses = emitted(request, HOST)
    parameters = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    assert body["tools"] == [{"type": "function", "function": {"name": "sh", "description": "Run it.", "parameters": parameters}}]
    function = {"name": "sh", "arguments": '{"input":"ls \\"a\\""}'}
    assert body["messages"][0]["tool_calls"] == [{"id": "c", "type": "function", "function": function}]
    assert body["messages"][1] == {"role": "tool", "tool_call_id": "c", "content": "149 m"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "sh"}}
    assert losses == [
        "approximated:capabilities.tool_choice.kind",
        "approximated:capabilities.tools[0].kind",
        "approximated:input[0].parts[0].kind",
        "dropped:capabilities.tools[0].format",
    ]


def test_a_subset_of_custom_tools_is_one_of_functions_at_compatible_hosts():
    """Whichever kind the choice itself says."""
    choice = ToolChoice(mode="allowed", names=("sh", "f"))
    capabilities = CapabilitySet(tools=(SHELL, ToolDefinition(name="f")), tool_choice=choice)
    body, _ = emitted(foreign(user("Hi"), capabilities=capabilities), HOST)
    assert [tool["type"] for tool in body["tool_choice"]["allowed_tools"]["tools"]] == ["function", "function"]
    body, losses = emitted(foreign(user("Hi"), capabilities=capabilities))
    assert [tool["type"] for tool in body["tool_choice"]["allowed_tools"]["tools"]] == ["custom", "function"]
    assert losses == []


def test_custom_tools_of_a_chat_client_stay():
    """And those of anybody at OpenAI."""
    capabilities = CapabilitySet(tools=(SHELL,))
    for protocol, dialect in (("openai_chat", HOST), ("openai_responses", OPENAI)):
        body, losses = emitted(foreign(said(RUN), result("c", kind="custom"), protocol=protocol, capabilities=capabilities), dialect)
        assert body["tools"][0]["type"] == body["messages"][0]["tool_calls"][0]["type"] == "custom"
        assert losses == []


def test_images_of_results_follow_in_a_user_message():
    """After the whole run of results, since every call must be answered first."""
    image = ImageBase64(data=b"\x89PNG", media_type="image/png")
    calls = Message(role=MessageRole.ASSISTANT, parts=tuple(ToolCall(call_id=name, name="f", arguments="{}") for name in "ab"))
    request = foreign(
        calls,
        ToolResult(call_id="a", content=(Text(text="See:"), image), is_error=True),
        ToolResult(call_id="b", content=(Json(value={"depth": 149}),)),
        user("And?"),
    )
    body, losses = emitted(request)
    assert body["messages"][1:] == [
        {"role": "tool", "tool_call_id": "a", "content": "Error: See:"},
        {"role": "tool", "tool_call_id": "b", "content": '{"depth":149}'},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]},
        {"role": "user", "content": "And?"},
    ]
    assert losses == ["approximated:input[1].is_error", "approximated:input[2].content[0]", "moved:input[1].content[1]"]
