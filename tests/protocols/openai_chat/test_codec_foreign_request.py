"""Requests of other protocols' clients, written so that OpenAI and the hosts that speak its Chat take them."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.directions import CONTEXT

from omnillm.errors import ProtocolError
from omnillm.framing.sse import SseReader
from omnillm.model import (
    BuiltinTool,
    CacheControl,
    CapabilitySet,
    ExplicitKey,
    GenerationConfig,
    ImageBase64,
    LlmRequest,
    Message,
    MessageRole,
    Native,
    OutputModality,
    PromptCachePolicy,
    PromptCacheRetention,
    Reasoning,
    ReasoningCapability,
    Text,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    user,
)
from omnillm.protocols.dialects import ChatDialect
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat import CODEC
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.protocols.transcode import transcode_request, transcode_response

OPENAI = ChatDialect()
HOST = ChatDialect(provider="host", system_role="system", output_cap_member="max_tokens", is_openai=False, can_stop_thinking=False)
SEARCHED = Native(protocol="openai_responses", kind="web_search_call", value={"type": "web_search_call", "id": "ws_1"})
TRACE = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "lake"}}
HI = {"role": "user", "content": "Hi"}


def emitted(request: LlmRequest, dialect: ChatDialect = OPENAI) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    body = CODEC.emit_request(request, dialect, losses)
    return msgspec.json.decode(msgspec.json.encode(body)), told(losses.reasons)


def translated(source: str, body: dict[str, Any], dialect: ChatDialect = OPENAI) -> tuple[dict[str, Any], list[str]]:
    report = transcode_request(source, "openai_chat", msgspec.json.encode({"model": "m", **body}), dialect=dialect)
    return msgspec.json.decode(report.value), told(report.loss_reasons)


SET: dict[str, Any] = {
    "max_output_tokens": 5,
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "stop": ("end",),
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "seed": 5,
    "n": 2,
    "logprobs": True,
    "top_logprobs": 5,
    "logit_bias": {"5": 1},
    "verbosity": "low",
    "service_tier": "odd",
}


@in_turn("field", GenerationConfig.__struct_fields__)
@in_turn("dialect", [OPENAI, HOST])
def test_whatever_generation_sets_is_said_or_told(field, dialect):
    """Field by field: none is left out in silence."""
    body, losses = emitted(
        LlmRequest(model="m", input=(user("Hi"),), generation=GenerationConfig(**{field: SET[field]}), protocol="x"), dialect
    )
    assert (len(body) == 3) is (losses == [])
    assert losses in ([], [f"dropped:generation.{field}"])


def told(reasons: Any) -> list[str]:
    return sorted(f"{reason.kind}:{reason.path}" for reason in reasons)


def foreign(*items: Any, protocol: str = "anthropic_messages", **members: Any) -> LlmRequest:
    return LlmRequest(model="m", input=items, protocol=protocol, **members)


def said(*parts: Any) -> Message:
    return Message(role=MessageRole.ASSISTANT, parts=parts)


def calls(*names: str) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(call_id=name, name="f", arguments="{}") for name in names)


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


# Calls and their results.


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
    """Chat has no flag for it."""
    request = foreign(
        said(*calls("a", "b", "c")), result("a", is_error=True), ToolResult(call_id="b", is_error=True), result("c", is_error=False)
    )
    body, losses = emitted(request)
    assert [message["content"] for message in body["messages"][1:]] == ["Error: 149 m", "Error:", "149 m"]
    assert losses == ["approximated:input[1].is_error", "approximated:input[2].is_error"]


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


def test_compatible_hosts_get_strings_of_the_system_and_of_tools():
    """Many take no arrays there; a mark is lost anyway."""
    marked = Text(text="b", cache_control=CacheControl())
    items = (
        Message(role=MessageRole.SYSTEM, parts=(Text(text="a"), marked)),
        said(*calls("x", "y")),
        ToolResult(call_id="x", content=(Text(text="a"), Text(text="b"))),
        ToolResult(call_id="y", content=(Text(text=""),)),
    )
    body, losses = emitted(foreign(*items), HOST)
    assert [message["content"] for message in body["messages"]] == ["a\n\nb", None, "a\nb", ""]
    assert losses == ["approximated:input[0].parts", "approximated:input[2].content", "dropped:input[0].parts[1].cache_control"]
    body, losses = emitted(foreign(*items))
    assert [type(message["content"]) for message in body["messages"]] == [list, type(None), list, list]
    assert losses == []


# What OpenAI's own hosts and models know, and others do not.


@pytest.mark.parametrize(("dialect", "member"), [(OPENAI, "safety_identifier"), (HOST, "user")])
def test_a_long_user_id_is_hashed(dialect, member):
    """Claude Code's is longer than the 64 characters that OpenAI takes; a Chat client's own word stays."""
    long = "user_" + "a" * 128
    body, losses = emitted(foreign(user("Hi"), user_id=long), dialect)
    assert len(body[member]) == 64
    assert losses == ["approximated:user_id"]
    assert emitted(foreign(user("Hi"), user_id="b" * 64), dialect)[0][member] == "b" * 64
    body, losses = emitted(foreign(user("Hi"), user_id=long, protocol="openai_chat"), dialect)
    assert (body[member], losses) == (long, [])


def test_only_search_models_search():
    """Another refuses the options, or cannot call functions beside them."""
    capabilities = CapabilitySet(tools=(ToolDefinition(name="f"),), builtin_tools=(BuiltinTool(kind="web_search"),))
    for dialect in (OPENAI, HOST):
        body, losses = emitted(foreign(user("Hi"), capabilities=capabilities), dialect)
        assert "web_search_options" not in body
        assert losses == ["dropped:capabilities.builtin_tools[0]"]
    body, losses = emitted(foreign(user("Hi"), capabilities=capabilities), ChatDialect(has_web_search=True))
    assert (body["web_search_options"], losses) == ({}, [])


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


def test_call_of_such_a_function_is_free_text_for_the_client():
    """Whole and streamed."""
    context = msgspec.structs.replace(CONTEXT, request=LlmRequest(model="m", input=(), capabilities=CapabilitySet(tools=(SHELL,))))
    call = {"id": "c", "type": "function", "function": {"name": "sh", "arguments": '{"input":"ls \\"a\\""}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    chat = {"id": "r", "object": "chat.completion", "created": 1, "model": "m"}
    reply = {**chat, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    whole = msgspec.json.decode(transcode_response("openai_chat", "openai_responses", msgspec.json.encode(reply), context=context).value)
    transcoder = StreamTranscoder("openai_chat", "openai_responses", context=context)
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "tool_calls": [{**call, "index": 0, "function": {"name": "sh", "arguments": ""}}]}
    ]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in ('{"input":"ls ', '\\"a\\""}')]
    chunks = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    raw = b"".join(transcoder.feed(b"data: " + msgspec.json.encode({**chat, "choices": [chunk]}) + b"\n\n") for chunk in chunks)
    raw += transcoder.feed(b"data: [DONE]\n\n") + transcoder.feed(b"")
    streamed = msgspec.json.decode(list(SseReader().feed(raw))[-1].data)["response"]
    for response in (whole, streamed):
        [item] = response["output"]
        assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "sh", 'ls "a"')


def test_members_of_openais_own_are_kept_from_compatible_hosts():
    """They may refuse what they do not know; text is what they answer anyway."""
    members: dict[str, Any] = {
        "store": False,
        "metadata": {"run": "7"},
        "generation": GenerationConfig(verbosity="low"),
        "capabilities": CapabilitySet(
            modalities=(OutputModality.TEXT,),
            prompt_cache=PromptCachePolicy(
                key=ExplicitKey(value="k"), retention=PromptCacheRetention.LONG, vendor_extensions={"mode": "explicit"}
            ),
        ),
    }
    request = foreign(user("Hi"), protocol="openai_responses", **members)
    body, losses = emitted(request, HOST)
    assert body == {"model": "m", "messages": [HI]}
    assert losses == [
        "approximated:capabilities.prompt_cache",
        "dropped:capabilities.prompt_cache.key",
        "dropped:capabilities.prompt_cache.retention",
        "dropped:capabilities.prompt_cache.vendor_extensions.mode",
        "dropped:generation.verbosity",
        "dropped:metadata",
        "dropped:store",
    ]
    known = {"modalities", "store", "metadata", "verbosity", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"}
    for protocol, dialect in (("openai_responses", OPENAI), ("openai_chat", HOST), ("", HOST)):
        assert known <= emitted(foreign(user("Hi"), protocol=protocol, **members), dialect)[0].keys() | {"prompt_cache_options"}


def test_a_required_cache_is_refused_for_a_host_that_may_refuse_its_key():
    """Before anything is sent."""
    policy = PromptCachePolicy(mode="required", key=ExplicitKey(value="k"))
    with pytest.raises(ProtocolError):
        emitted(foreign(user("Hi"), capabilities=CapabilitySet(prompt_cache=policy)), HOST)


@in_turn(
    ("wanted", "effort", "losses"),
    [
        (ReasoningCapability(effort="minimal"), "low", ["approximated:capabilities.reasoning.effort"]),
        (ReasoningCapability(effort="medium"), "medium", []),
        (ReasoningCapability(effort="xhigh"), "high", ["approximated:capabilities.reasoning.effort"]),
        (ReasoningCapability(effort="max"), "high", ["approximated:capabilities.reasoning.effort"]),
        (ReasoningCapability(effort="utmost"), None, ["dropped:capabilities.reasoning.effort"]),
        (ReasoningCapability(budget_tokens=30000), "high", ["approximated:capabilities.reasoning.budget_tokens"]),
        (ReasoningCapability(mode="disabled"), None, ["approximated:capabilities.reasoning.mode"]),
        (ReasoningCapability(effort="none"), None, ["approximated:capabilities.reasoning.effort"]),
        (ReasoningCapability(budget_tokens=0), None, ["approximated:capabilities.reasoning.budget_tokens"]),
    ],
)
def test_efforts_of_compatible_hosts(wanted, effort, losses):
    """Three are known everywhere; not to reason cannot be asked of every model."""
    body, found = emitted(foreign(user("Hi"), capabilities=CapabilitySet(reasoning=wanted)), HOST)
    assert (body.get("reasoning_effort"), found) == (effort, losses)
    if wanted.effort:
        own = foreign(user("Hi"), capabilities=CapabilitySet(reasoning=wanted), protocol="openai_chat")
        assert emitted(own, HOST)[0]["reasoning_effort"] == wanted.effort


def test_reasoning_off_is_said_to_models_that_can():
    """The others would refuse the call."""
    request = foreign(user("Hi"), capabilities=CapabilitySet(reasoning=ReasoningCapability(mode="disabled", effort="none")))
    assert emitted(request)[0]["reasoning_effort"] == "none"
    body, losses = emitted(request, ChatDialect(can_stop_thinking=False))
    assert "reasoning_effort" not in body
    assert losses == ["approximated:capabilities.reasoning.effort", "approximated:capabilities.reasoning.mode"]


def test_a_host_of_strings_gets_strings() -> None:
    """Texts are joined, a picture is told as lost, and a message that was nothing else is left out."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://h/x.png"}}
    body = {
        "max_tokens": 5,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "One."}, picture, {"type": "text", "text": "Two."}]},
            {"role": "assistant", "content": "Well?"},
            {"role": "user", "content": [picture]},
        ],
    }
    written, losses = translated("anthropic_messages", body, msgspec.structs.replace(HOST, takes_parts=False))
    assert written["messages"] == [{"role": "user", "content": "One.\n\nTwo."}, {"role": "assistant", "content": "Well?"}]
    assert losses == ["approximated:input[*].parts", "dropped:input[*].parts[*]"]
    seen, losses = translated("anthropic_messages", body, msgspec.structs.replace(HOST, takes_parts=False, takes_pictures=True))
    shown = {"type": "image_url", "image_url": {"url": "https://h/x.png"}}
    one, two = ({"type": "text", "text": text} for text in ("One.", "Two."))
    assert [message["content"] for message in seen["messages"]] == [[one, shown, two], "Well?", [shown]]
    assert losses == []


def test_hosts_take_what_an_assistant_thought_and_called_each_in_its_way() -> None:
    """By another name, not at all, or always; where it is not OpenAI's, nothing else of others is taken either. Ids have their form."""
    cited = {"type": "web_search_result_location", "cited_text": "149 m", "url": "https://h", "title": "t", "encrypted_index": "e"}
    body = {
        "max_tokens": 5,
        "messages": [
            {"role": "user", "content": "How deep?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "text", "text": "149 m", "citations": [cited]},
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]},
            {"role": "assistant", "content": "So deep."},
            {"role": "user", "content": "Thanks."},
        ],
    }

    def said(**differences: Any) -> tuple[list[Any], list[str]]:
        written, losses = translated("anthropic_messages", body, msgspec.structs.replace(HOST, **differences))
        return written["messages"], losses

    messages, losses = said(thoughts_member="reasoning")
    assert messages[1].keys() == {"role", "content", "reasoning", "tool_calls"}
    assert (messages[1]["reasoning"], messages[2]["tool_call_id"], "dropped:input[1].parts[1].citations" in losses) == (
        "Hm.",
        "toolu_1",
        True,
    )
    messages, losses = said(thoughts_member="", id_length=9)
    assert messages[1].keys() == {"role", "content", "tool_calls"}
    (call,) = messages[1]["tool_calls"]
    assert (len(call["id"]), call["id"].isalnum(), messages[2]["tool_call_id"]) == (9, True, call["id"])
    assert {"dropped:input[1].parts[0]", "approximated:input[*].parts[*].call_id"} <= set(losses)
    messages, losses = said(needs_thoughts=True)
    assert [messages[at]["reasoning_content"] for at in (1, 3)] == ["Hm.", " "]
    assert "defaulted:input[*].parts" in losses
