"""Requests of the Messages API, read to the canonical model and written from it."""

import binascii
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from omnillm.errors import ProtocolError
from omnillm.model.capabilities import (
    BuiltinTool,
    CapabilitySet,
    EndOfInstructions,
    EndOfMessage,
    EndOfTools,
    ExplicitKey,
    OutputModality,
    PromptCachePolicy,
    PromptCacheRetention,
    ReasoningCapability,
    StructuredOutputConfig,
    ToolChoice,
    ToolDefinition,
)
from omnillm.model.media import FileSource, InlineSource, TextSource, UrlSource
from omnillm.model.message import (
    Audio,
    CacheControl,
    Citation,
    File,
    ImageBase64,
    ImageFile,
    ImageUrl,
    Issuer,
    Json,
    Message,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from omnillm.model.request import GenerationConfig, LlmRequest, user
from omnillm.protocols.anthropic_messages import CODEC
from omnillm.protocols.codec import Dialect
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit

P = "anthropic_messages"
PNG = b"\x89PNG\r\n\x1a\n...."
MARK = {"type": "ephemeral"}
DIALECT = Dialect(accepts_system_messages=True)


def b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def parse(body: dict) -> tuple[LlmRequest, Losses]:
    losses = Losses()
    return CODEC.parse_request(body, losses), losses


def emit(request: LlmRequest, dialect: Dialect = DIALECT) -> tuple[dict, dict[str, str]]:
    """The body, and what was lost: paths to kinds."""
    losses = Losses()
    body = CODEC.emit_request(request, dialect, losses)
    return body, {reason.path: reason.kind for reason in losses.reasons}


def ask(*items: Any, **members: Any) -> LlmRequest:
    generation = members.pop("generation", GenerationConfig(max_output_tokens=100))
    return LlmRequest(model="m", input=items or (user("Hi"),), generation=generation, **members)


def able(**capabilities: Any) -> LlmRequest:
    return ask(capabilities=CapabilitySet(**capabilities))


def said(*parts: Any, role: MessageRole = MessageRole.ASSISTANT) -> Message:
    return Message(role=role, parts=parts)


def body_of(*content: Any, role: str = "user", **members: Any) -> dict:
    return {"model": "m", "max_tokens": 100, "messages": [{"role": role, "content": list(content)}], **members}


MEMBERS = [
    {"system": "Be brief."},
    {"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"type": "text", "text": "b"}]},
    {"stream": True},
    {"temperature": 0.5, "top_p": 0.9, "top_k": 5},
    {"stop_sequences": ["\n", "END"]},
    {"metadata": {"user_id": "u-1"}},
    {"metadata": {"user_id": "u-1", "session": "s"}},
    {"service_tier": "standard_only"},
    {"cache_control": {"type": "ephemeral", "ttl": "5m"}},
    {"container": {"id": "c", "skills": [{"type": "anthropic", "skill_id": "pptx", "version": "latest"}]}},
    {"diagnostics": {"previous_message_id": "msg_0"}},
    {"inference_geo": "us"},
    {"speed": "fast"},
    {"user_profile_id": "p", "workspace_id": "w"},
    {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
    {"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}], "tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}]},
    {"output_config": {"effort": "low"}},
    {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "task_budget": {"type": "tokens", "total": 9}}},
    {"output_config": {"format": {"type": "grammar", "grammar": "x"}}},
    {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
    {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
    {"thinking": {"type": "adaptive", "display": "full"}},
    {"thinking": {"type": "between_tools"}},
    {"thinking": {"type": "disabled"}},
    {"thinking": {"type": "dreaming", "depth": 3}},
]


@pytest.mark.parametrize("members", MEMBERS, ids=lambda members: json.dumps(members)[:50])
def test_every_member_of_the_body_comes_back(members):
    """What the SDK's type knows, and what it does not, returns to its own protocol without a loss."""
    body = body_of({"type": "text", "text": "Hi", "cache_control": MARK}, **members)
    request, losses = parse(body)
    assert emit(request) == (body, {})
    assert not losses


TOOLS = [
    {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}, "strict": True},
    {"name": "f", "input_schema": {"type": "object", "properties": {}}},
    {"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral", "scope": "global"}},
    {"name": "f", "input_schema": {"type": "object"}, "defer_loading": True, "eager_input_streaming": True, "allowed_callers": ["direct"]},
    {"name": "f", "input_schema": {"type": "object"}, "input_examples": [{"a": 1}]},
    {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 3,
        "allowed_domains": ["a.org"],
        "user_location": {"type": "approximate", "city": "Rome"},
        "cache_control": MARK,
    },
    {
        "type": "web_fetch_20260309",
        "name": "web_fetch",
        "blocked_domains": ["b.org"],
        "citations": {"enabled": True},
        "max_content_tokens": 9,
    },
    {"type": "code_execution_20250522", "name": "code_execution"},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: json.dumps(tool)[:60])
def test_every_tool_comes_back(tool):
    body = body_of({"type": "text", "text": "Hi", "cache_control": MARK}, tools=[tool])
    assert emit(parse(body)[0]) == (body, {})


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "auto"},
        {"type": "any", "disable_parallel_tool_use": True},
        {"type": "auto", "disable_parallel_tool_use": False},
        {"type": "tool", "name": "f"},
        {"type": "none"},
        {"type": "toolset", "name": "browser"},
    ],
)
def test_every_tool_choice_comes_back(choice):
    body = body_of({"type": "text", "text": "Hi", "cache_control": MARK}, tools=[TOOLS[0]], tool_choice=choice)
    assert emit(parse(body)[0]) == (body, {})


LOCATION = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
USER_BLOCKS = [
    {"type": "text", "text": "a", "citations": [LOCATION]},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}, "cache_control": MARK},
    {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}, "transformations": {"resize": "none"}},
    {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    {"type": "image", "source": {"type": "satellite", "id": "s"}},
    {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": b64(b"%PDF-1")},
        "title": "t",
        "context": "c",
    },
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "citations": {"enabled": True}},
    {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}, "cache_control": MARK},
    {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}, "citations": {"enabled": True}},
    {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "a"}], "cache_control": MARK},
    {"type": "container_upload", "file_id": "file_1"},
    {"type": "tool_result", "tool_use_id": "toolu_1"},
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "18", "is_error": False, "cache_control": MARK},
    {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "is_error": True,
        "toolset_name": "browser",
        "content": [
            {"type": "text", "text": "a", "cache_control": MARK},
            {"type": "image", "source": {"type": "url", "url": "https://x"}},
            {"type": "tool_reference", "tool_name": "f"},
        ],
    },
]
ASSISTANT_BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "sig"},
    {"type": "redacted_thinking", "data": "xyz"},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, None, "ü"]}, "cache_control": MARK},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "caller": {"type": "direct"}},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"_raw": "{not json"}},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "server_name": "s", "input": {}},
    {"type": "compaction", "content": "summary", "cache_control": MARK},
]


@pytest.mark.parametrize("block", USER_BLOCKS, ids=lambda block: json.dumps(block)[:60])
def test_every_block_of_a_user_comes_back(block):
    body = body_of(block, {"type": "text", "text": "Hi", "cache_control": MARK})
    assert emit(parse(body)[0]) == (body, {"input[0].parts[0].arguments": "approximated"} if "_raw" in json.dumps(body) else {})


@pytest.mark.parametrize("block", ASSISTANT_BLOCKS, ids=lambda block: json.dumps(block)[:60])
def test_every_block_of_the_model_comes_back(block):
    body = body_of(block, {"type": "text", "text": "Hi", "cache_control": MARK}, role="assistant")
    request, _ = parse(body)
    written, lost = emit(request)
    assert written == body
    assert lost == ({"input[0].parts[0].arguments": "approximated"} if "_raw" in json.dumps(block) else {})


def test_normal_form_of_a_conversation():
    """System blocks are one message, results are items, and what a turn says in several messages is one."""
    body = {
        "model": "m",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "messages": [
            {"role": "user", "content": "c"},
            {"role": "assistant", "content": "d"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "e"}, {"type": "text", "text": "g"}]},
            {"role": "system", "content": "h"},
        ],
    }
    request, losses = parse(body)
    assert request.input == (
        said(Text(text="a"), Text(text="b"), role=MessageRole.SYSTEM),
        user("c"),
        said(Text(text="d"), ToolCall(call_id="1", name="f", arguments='{"x":1}')),
        ToolResult(call_id="1", content=(Text(text="e"),)),
        user("g"),
        said(Text(text="h"), role=MessageRole.SYSTEM),
    )
    assert not losses
    assert parse(emit(request)[0])[0] == request


def test_results_and_the_words_after_them_are_one_user_message_with_the_results_first():
    results = [ToolResult(call_id=name, content=(Text(text=name),)) for name in ("a", "b")]
    body, lost = emit(ask(*results, user("now"), user("then")))
    assert [block["type"] for block in body["messages"][0]["content"]] == ["tool_result", "tool_result", "text", "text"]
    assert lost == {"input[3]": "moved"}
    body, lost = emit(ask(user("now"), *results))
    assert [block["type"] for block in body["messages"][0]["content"]] == ["tool_result", "tool_result", "text"]
    assert lost == {"input[1]": "moved", "input[2]": "moved"}


def test_words_before_a_result_are_read_after_it():
    request, losses = parse(body_of({"type": "text", "text": "a"}, {"type": "tool_result", "tool_use_id": "1", "content": "b"}))
    assert [type(item) for item in request.input] == [ToolResult, Message]
    assert [(reason.path, reason.kind) for reason in losses.reasons] == [("messages[0].content", "moved")]


@pytest.mark.parametrize("role", [MessageRole.SYSTEM, MessageRole.DEVELOPER])
def test_late_system_text_stays_at_its_place(role):
    """As a system message where the model takes one, else inside the user's text."""
    request = ask(user("a"), said(Text(text="b")), Message.text(role, "c"), user("d"))
    lost_role = {"input[2].role": "approximated"} if role is MessageRole.DEVELOPER else {}
    body, lost = emit(request)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "system", "user"]
    assert lost == lost_role
    body, lost = emit(request, Dialect())
    assert body["messages"][2]["content"] == [{"type": "text", "text": "<system>\nc\n</system>"}, {"type": "text", "text": "d"}]
    assert lost == {**lost_role, "input[2]": "moved", "input[3]": "moved"}


def test_instructions_and_leading_system_messages_are_system_blocks():
    request = ask(Message.text(MessageRole.DEVELOPER, "b"), Message.text(MessageRole.SYSTEM, "c"), user("d"), instructions="a")
    body, lost = emit(request)
    assert [block["text"] for block in body["system"]] == ["a", "b", "c"]
    assert lost == {"instructions": "moved", "input[0].role": "approximated", "input[1]": "moved"}


def opaque(value: str, protocol: str = P, provider: str = "") -> Opaque:
    return Opaque(value=value, issuer=Issuer(protocol=protocol, provider=provider))


def test_signature_returns_to_its_issuer_alone():
    """Reasoning that the provider cannot verify is left out, and never becomes visible text."""
    mine = Reasoning(text="a", opaque=opaque("s", provider="anthropic"))
    theirs = Reasoning(text="b", opaque=opaque("t", provider="bedrock"))
    foreign = Reasoning(text="c", opaque=opaque("u", "openai_responses"))
    request = ask(user("?"), said(mine, theirs, foreign, Reasoning(text="d"), Text(text="e")))
    body, lost = emit(request, Dialect(provider="anthropic"))
    assert body["messages"][1]["content"] == [{"type": "thinking", "thinking": "a", "signature": "s"}, {"type": "text", "text": "e"}]
    assert lost == {f"input[1].parts[{number}]": "dropped" for number in (1, 2, 3)}


def test_envelope_that_a_client_brings_back_is_opened():
    responses, gemini = opaque("enc", "openai_responses", "openai"), opaque("sig", "gemini_generate_content", "google")
    body = body_of(
        {"type": "thinking", "thinking": "a", "signature": seal(responses)},
        {"type": "redacted_thinking", "data": seal(gemini)},
        {"type": "text", "text": "b"},
        {"type": "redacted_thinking", "data": seal(gemini)},
        {"type": "tool_use", "id": "1", "name": "f", "input": {}},
        {"type": "tool_use", "id": "2", "name": "f", "input": {}},
        {"type": "text", "text": "c"},
        {"type": "thinking", "thinking": "", "signature": seal(gemini)},
        {"type": "redacted_thinking", "data": seal(gemini)},
        role="assistant",
    )
    assert parse(body)[0].input[0] == said(
        Reasoning(text="a", opaque=responses),
        Text(text="b", signature=gemini),
        ToolCall(call_id="1", name="f", arguments="{}", signature=gemini),
        ToolCall(call_id="2", name="f", arguments="{}"),
        Text(text="c", signature=gemini),
        Reasoning(opaque=gemini, is_redacted=True),
    )


def test_unsigned_thinking_of_a_client_has_no_opaque_value():
    assert parse(body_of({"type": "thinking", "thinking": "a", "signature": ""}))[0].input == (user_of(Reasoning(text="a")),)


def user_of(*parts: Any) -> Message:
    return said(*parts, role=MessageRole.USER)


LOST_PARTS = [
    (Text(text=""), None, {"": "dropped", "message": "dropped"}),
    (Text(text="a", citations=(Citation(url="u"),)), {"type": "text", "text": "a"}, {"citations": "dropped"}),
    (Text(text="a", signature=opaque("s", "gemini_generate_content")), {"type": "text", "text": "a"}, {"signature": "dropped"}),
    (Text(text="a", vendor_extensions={"x": 1}), {"type": "text", "text": "a"}, {"vendor_extensions.x": "dropped"}),
    (ImageUrl(url="https://x", detail="low"), {"type": "image", "source": {"type": "url", "url": "https://x"}}, {"detail": "dropped"}),
    (
        ImageBase64(data=PNG),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}},
        {"media_type": "defaulted"},
    ),
    (ImageBase64(data=b"BM", media_type="image/bmp"), None, {"": "dropped", "message": "dropped"}),
    (ImageFile(file_id="f", protocol="openai_responses"), None, {"": "dropped", "message": "dropped"}),
    (Audio(source=InlineSource(data=b"x")), None, {"": "dropped", "message": "dropped"}),
    (Audio(transcript="hello"), {"type": "text", "text": "hello"}, {"": "approximated"}),
    (Video(source=UrlSource(url="u")), None, {"": "dropped", "message": "dropped"}),
    (Json(value={"a": 1}), {"type": "text", "text": '{"a":1}'}, {"value": "approximated"}),
    (Refusal(text="no"), {"type": "text", "text": "no"}, {"": "approximated"}),
    (Native(protocol="openai_responses", kind="x", value={}), None, {"": "dropped", "message": "dropped"}),
    (
        File(source=InlineSource(data=b"%PDF-1"), filename="a.pdf"),
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": b64(b"%PDF-1")}, "title": "a.pdf"},
        {"filename": "approximated", "source.media_type": "defaulted"},
    ),
    (
        File(source=InlineSource(data=b"a,b", media_type="text/csv")),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        {"source": "approximated"},
    ),
    (
        File(source=TextSource(text="a", media_type="text/markdown")),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}},
        {"source.media_type": "approximated"},
    ),
    (
        File(source=InlineSource(data=PNG, media_type="image/png")),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}},
        {"": "approximated"},
    ),
    (File(source=InlineSource(data=b"PK", media_type="application/zip")), None, {"": "dropped", "message": "dropped"}),
    (File(source=FileSource(file_id="f", protocol="openai_chat")), None, {"": "dropped", "message": "dropped"}),
]


@pytest.mark.parametrize(("part", "block", "lost"), LOST_PARTS, ids=lambda value: type(value).__name__)
def test_part_that_cannot_be_said_is_in_the_report(part, block, lost):
    """Exactly what is missing is named, and what is near it is said."""
    expected = {f"input[0].parts[0].{path}".rstrip("."): kind for path, kind in lost.items() if path != "message"}
    expected |= {"input[0]": lost["message"]} if "message" in lost else {}
    body, found = emit(ask(user_of(part)))
    content = body["messages"][0]["content"] if body["messages"] else []
    content = [{"type": "text", "text": content}] if isinstance(content, str) else content
    assert content == ([] if block is None else [block])
    assert found == expected


def test_arguments_that_are_no_object_stand_in_raw_and_come_back():
    for words in ("{not json", "[1]", '"a"'):
        body, lost = emit(ask(said(ToolCall(call_id="1", name="f", arguments=words))))
        assert body["messages"][0]["content"][0]["input"] == {"_raw": words}
        assert lost == {"input[0].parts[0].arguments": "approximated"}
        assert parse(body)[0].input[0].tool_calls[0].arguments == words


def test_ids_of_calls_are_written_in_allowed_letters_the_same_for_call_and_result():
    request = ask(said(ToolCall(call_id="call:1", name="f")), ToolResult(call_id="call:1", name="f"))
    body, lost = emit(request)
    assert body["messages"][0]["content"][0]["id"] == body["messages"][1]["content"][0]["tool_use_id"] == "call_1"
    assert lost == {"input[0].parts[0].call_id": "approximated", "input[1].call_id": "approximated"}


def test_name_of_a_result_is_lost_only_where_no_call_tells_it():
    assert emit(ask(ToolResult(call_id="1", name="f")))[1] == {"input[0].name": "dropped"}


def test_custom_tool_is_a_function_of_one_text():
    tool = ToolDefinition(name="f", kind="custom", format={"type": "grammar"})
    request = replace(able(tools=(tool,)), input=(said(ToolCall(call_id="1", name="f", arguments="free", kind="custom")),))
    body, lost = emit(request)
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert body["messages"][0]["content"][0]["input"] == {"input": "free"}
    assert lost == {
        "capabilities.tools[0].kind": "approximated",
        "capabilities.tools[0].format": "dropped",
        "input[0].parts[0].kind": "approximated",
    }


@pytest.mark.parametrize(
    ("tool", "written", "lost"),
    [
        (BuiltinTool(kind="web_search", max_uses=2), {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}, {}),
        (
            BuiltinTool(kind="web_search", allowed_domains=("a",), protocol="openai_responses", native={"type": "web_search"}),
            {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a"]},
            {"": "approximated"},
        ),
        (
            BuiltinTool(kind="web_fetch", user_location={}),
            {"type": "web_fetch_20250910", "name": "web_fetch"},
            {".user_location": "dropped"},
        ),
        (BuiltinTool(kind="code_execution"), {"type": "code_execution_20250825", "name": "code_execution"}, {}),
        (BuiltinTool(kind="file_search", protocol="openai_responses", native={}), None, {"": "dropped"}),
    ],
)
def test_server_tools_of_other_protocols(tool, written, lost):
    body, found = emit(able(builtin_tools=(tool,)))
    assert body.get("tools") == (None if written is None else [written])
    assert found == {f"capabilities.builtin_tools[0]{path}": kind for path, kind in lost.items()}


F, G = ToolDefinition(name="f"), ToolDefinition(name="g")


@pytest.mark.parametrize(
    ("choice", "written", "lost"),
    [
        (ToolChoice(mode="allowed", names=("g",)), {"type": "auto"}, {"": "approximated"}),
        (ToolChoice(mode="allowed", names=("g",), is_required=True), {"type": "any"}, {"": "approximated"}),
        (ToolChoice(mode="named", names=("g",), kind="custom"), {"type": "tool", "name": "g"}, {".kind": "approximated"}),
        (ToolChoice(mode="named", protocol="openai_responses", native={"type": "mcp"}), None, {"": "dropped"}),
        (ToolChoice(mode="named"), None, {"": "dropped"}),
    ],
)
def test_tool_choices_of_other_protocols(choice, written, lost):
    body, found = emit(able(tools=(F, G), tool_choice=choice))
    assert body.get("tool_choice") == written
    assert found == {f"capabilities.tool_choice{path}": kind for path, kind in lost.items()}
    assert [tool["name"] for tool in body["tools"]] == (["g"] if choice.mode == "allowed" else ["f", "g"])


def test_calls_one_at_a_time_need_a_choice_to_say_so():
    assert emit(able(tools=(F,), parallel_tool_calls=False))[0]["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert "tool_choice" not in emit(able(tools=(F,), parallel_tool_calls=True))[0]
    assert emit(able(tool_choice=ToolChoice(mode="required")))[1] == {"capabilities.tool_choice": "dropped"}


@pytest.mark.parametrize(
    ("reasoning", "adaptively", "by_budget"),
    [
        (ReasoningCapability(effort="low"), ({"type": "adaptive"}, "low"), 2048),
        (ReasoningCapability(effort="minimal"), ({"type": "adaptive"}, "low"), 1024),
        (ReasoningCapability(mode="enabled", budget_tokens=3000), ({"type": "adaptive"}, "medium"), 3000),
        (ReasoningCapability(budget_tokens=-1), ({"type": "adaptive"}, None), 8192),
        (ReasoningCapability(mode="adaptive", effort="high"), ({"type": "adaptive"}, "high"), 16384),
        (ReasoningCapability(effort="none"), ({"type": "disabled"}, None), None),
        (ReasoningCapability(budget_tokens=0), ({"type": "disabled"}, None), None),
        (ReasoningCapability(mode="disabled"), ({"type": "disabled"}, None), None),
        (ReasoningCapability(include_thoughts=True), (None, None), None),
        (
            ReasoningCapability(effort="high", summary="auto"),
            ({"type": "adaptive", "display": "summarized"}, "high"),
            16384,
        ),
    ],
)
def test_effort_and_budget_by_what_the_model_takes(reasoning, adaptively, by_budget):
    request = replace(able(reasoning=reasoning), generation=GenerationConfig(max_output_tokens=50_000))
    body, _ = emit(request, Dialect(thinks_adaptively=True))
    assert (body.get("thinking"), body.get("output_config", {}).get("effort")) == adaptively
    thinking = emit(request)[0].get("thinking") or {}
    assert thinking.get("budget_tokens") == by_budget


def test_budget_fits_under_the_output_cap():
    """It is brought between 1024 and the cap; a cap that leaves no room is raised; an unsaid one makes room of itself."""
    request = able(reasoning=ReasoningCapability(mode="enabled", budget_tokens=9000))
    body, lost = emit(replace(request, generation=GenerationConfig(max_output_tokens=5000)))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (5000, 4999)
    assert lost == {"capabilities.reasoning.budget_tokens": "approximated"}
    body, lost = emit(replace(request, generation=GenerationConfig(max_output_tokens=100)))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (1124, 1123)
    assert lost["generation.max_output_tokens"] == "approximated"
    body, lost = emit(replace(request, generation=GenerationConfig()))
    assert (body["max_tokens"], lost) == (13096, {"generation.max_output_tokens": "defaulted"})


def test_thinking_by_budget_forces_no_call_and_bears_no_temperature():
    capabilities = CapabilitySet(
        tools=(F,), tool_choice=ToolChoice(mode="required"), reasoning=ReasoningCapability(mode="enabled", budget_tokens=2000)
    )
    generation = GenerationConfig(max_output_tokens=5000, temperature=0.2, top_p=0.99, top_k=3)
    body, lost = emit(ask(capabilities=capabilities, generation=generation))
    assert body["tool_choice"] == {"type": "auto"}
    assert (body.get("temperature"), body.get("top_p"), body.get("top_k")) == (None, 0.99, None)
    assert lost == {"capabilities.tool_choice": "approximated", "generation.temperature": "dropped", "generation.top_k": "dropped"}


def test_thinking_by_budget_is_off_amid_calls_that_come_without_thinking():
    """The API refuses a budget where the last calls have no signed thinking before them."""
    items = (user("?"), said(ToolCall(call_id="1", name="f")), ToolResult(call_id="1"))
    request = replace(able(tools=(F,), reasoning=ReasoningCapability(effort="high")), input=items)
    body, lost = emit(request)
    assert body["thinking"] == {"type": "disabled"}
    assert lost["capabilities.reasoning"] == "approximated"
    assert emit(request, Dialect(thinks_adaptively=True))[0]["thinking"] == {"type": "adaptive"}


def test_everything_that_the_api_does_not_know_is_in_the_report():
    generation = GenerationConfig(
        temperature=1.5,
        stop=("\n", "END"),
        presence_penalty=0.1,
        frequency_penalty=0.1,
        seed=1,
        n=2,
        logprobs=True,
        top_logprobs=2,
        logit_bias={"1": 1},
        verbosity="low",
        service_tier="flex",
    )
    capabilities = CapabilitySet(
        max_tool_calls=1,
        structured_output=StructuredOutputConfig(kind="json_object"),
        modalities=(OutputModality.TEXT, OutputModality.AUDIO),
        audio={"voice": "x"},
        safety=({},),
    )
    body, lost = emit(ask(generation=generation, capabilities=capabilities, metadata={"k": "v"}, store=True, vendor_extensions={"x": 1}))
    assert body == {
        "model": "m",
        "max_tokens": 4096,
        "system": "Answer with one JSON object and nothing else.",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 1.0,
        "stop_sequences": ["END"],
    }
    unsaid = (
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "verbosity",
        "service_tier",
    )
    assert lost == {
        "generation.max_output_tokens": "defaulted",
        "generation.temperature": "approximated",
        **{f"generation.{name}": "dropped" for name in unsaid},
        **{f"capabilities.{name}": "dropped" for name in ("max_tool_calls", "modalities", "audio", "safety")},
        "capabilities.structured_output.kind": "approximated",
        "metadata.k": "dropped",
        "store": "dropped",
        "vendor_extensions.x": "dropped",
    }


@pytest.mark.parametrize(("tier", "written"), [("auto", "auto"), ("default", "standard_only"), ("priority", "auto"), ("flex", None)])
def test_service_tiers_of_other_protocols(tier, written):
    body, lost = emit(ask(generation=GenerationConfig(max_output_tokens=1, service_tier=tier)))
    assert body.get("service_tier") == written
    assert bool(lost) is (tier != written)


def test_model_without_sampling_gets_none():
    generation = GenerationConfig(max_output_tokens=1, temperature=1.0, top_p=0.5, top_k=1)
    body, lost = emit(ask(generation=generation), Dialect(accepts_sampling=False))
    assert not {"temperature", "top_p", "top_k"} & body.keys()
    assert lost == {f"generation.{name}": "dropped" for name in ("temperature", "top_p", "top_k")}


def test_state_of_another_provider_cannot_be_translated():
    with pytest.raises(ProtocolError, match="no state"):
        emit(ask(previous_response_id="resp_1"))


SYSTEM = Message.text(MessageRole.SYSTEM, "s")


@pytest.mark.parametrize(
    ("breakpoint_", "tools", "place"),
    [
        (None, (F,), lambda body: body["tools"][-1]),
        (None, (), lambda body: body["system"][-1]),
        (EndOfTools(), (F,), lambda body: body["tools"][-1]),
        (EndOfInstructions(), (F,), lambda body: body["system"][-1]),
        (EndOfMessage(index=1), (F,), lambda body: body["messages"][1]["content"][-1]),
    ],
)
def test_cache_policy_sets_its_mark(breakpoint_, tools, place):
    policy = PromptCachePolicy(mode="required", retention=PromptCacheRetention.LONG)
    policy = policy if breakpoint_ is None else replace(policy, breakpoint=breakpoint_)
    request = ask(SYSTEM, user("a"), said(Text(text="b")), user("c"), capabilities=CapabilitySet(tools=tools, prompt_cache=policy))
    body, lost = emit(request)
    assert place(body)["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert json.dumps(body).count("cache_control") == 1
    assert lost == {}


def test_cache_policy_without_a_place():
    policy = PromptCachePolicy(breakpoint=EndOfTools(), key=ExplicitKey(value="k"))
    assert emit(able(prompt_cache=policy))[1] == {
        "capabilities.prompt_cache.breakpoint": "dropped",
        "capabilities.prompt_cache.key": "dropped",
    }
    with pytest.raises(ProtocolError, match="no place"):
        emit(able(prompt_cache=replace(policy, mode="required")))


def test_four_marks_are_kept_the_policys_and_the_last():
    marked = user_of(*[Text(text=str(number), cache_control=CacheControl()) for number in range(5)])
    request = ask(SYSTEM, marked, capabilities=CapabilitySet(prompt_cache=PromptCachePolicy()))
    body, lost = emit(request)
    assert "cache_control" in body["system"][0]
    assert ["cache_control" in block for block in body["messages"][0]["content"]] == [False, False, True, True, True]
    assert lost == {"input[1].parts[0].cache_control": "dropped", "input[1].parts[1].cache_control": "dropped"}
    assert "cache_control" not in json.dumps(
        emit(replace(request, capabilities=CapabilitySet(prompt_cache=PromptCachePolicy.disabled())))[0]
    )


def test_other_terms_of_a_cache_mark_are_an_hour():
    body, lost = emit(ask(user_of(Text(text="a", cache_control=CacheControl(ttl="30m")))))
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert lost == {"input[0].parts[0].cache_control.ttl": "approximated"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": []}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": {}}, "messages"),
        ({"model": "m", "messages": [1]}, "messages[0]"),
        ({"model": "m", "messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
        (body_of({"type": "text", "text": 1}), "messages[0].content[0].text"),
        (body_of({"type": "image", "source": {"type": "base64", "data": "a"}}), "messages[0].content[0].source"),
        (body_of({"type": "tool_result", "tool_use_id": "1", "content": [{"text": "a"}]}), "messages[0].content[0].content[0].type"),
        (body_of(tools=[{"name": 1}]), "tools[0].name"),
        (body_of(system=[1]), "system[0]"),
        (body_of(thinking={}), "thinking.type"),
        (body_of(output_config={"format": {"type": "json_schema", "schema": 1}}), "output_config.format.schema"),
    ],
)
def test_wrong_shape_is_named_by_its_path(body, path):
    with pytest.raises(Unfit) as caught:
        parse(body)
    assert caught.value.path == path


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**60) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "source", "content", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
WHOLE = {
    **body_of(*USER_BLOCKS, *ASSISTANT_BLOCKS, tools=TOOLS, tool_choice={"type": "auto"}),
    **{name: value for members in MEMBERS for name, value in members.items() if name != "tools"},
}


def places(value: Any, at: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *[place for name, child in inner for place in places(child, (*at, name))]]


PLACES = places(WHOLE)[1:]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ANY_JSON), min_size=1, max_size=3))
def test_whatever_the_client_sends_nothing_but_unfit_is_raised(changes):
    """And what can be read can be written."""
    body = json.loads(json.dumps(WHOLE))
    for place, value in changes:
        owner: Any = body
        for step in place[:-1]:
            owner = (
                owner[step]
                if isinstance(owner, list) and isinstance(step, int) and step < len(owner)
                else owner.get(step)
                if isinstance(owner, dict)
                else None
            )
        if isinstance(owner, dict) or (isinstance(owner, list) and isinstance(place[-1], int) and place[-1] < len(owner)):
            owner[place[-1]] = value
    try:
        request, _ = parse(body)
    except Unfit:
        return
    json.dumps(emit(request)[0])


WORDS = st.text(max_size=5)
WORD = st.text("abc", min_size=1, max_size=5)
ISSUERS = st.builds(Issuer, protocol=st.sampled_from([P, "openai_responses", "gemini_generate_content"]))
OPAQUES = st.none() | st.builds(Opaque, value=WORD, issuer=ISSUERS)
MARKS = st.none() | st.builds(CacheControl, ttl=st.sampled_from(["", "5m", "1h", "24h"]))
TEXTS = st.builds(Text, text=WORDS, cache_control=MARKS, signature=OPAQUES)
IMAGES = st.builds(ImageUrl, url=WORD, detail=st.sampled_from(["", "low"])) | st.builds(
    ImageBase64, data=st.binary(), media_type=st.sampled_from(["", "image/png", "image/tiff"]), cache_control=MARKS
)
FILES = st.builds(
    File,
    source=st.builds(UrlSource, url=WORD) | st.builds(TextSource, text=WORD) | st.builds(InlineSource, data=st.binary(), media_type=WORDS),
    title=WORDS,
    filename=WORDS,
    has_citations=st.none() | st.booleans(),
)
USERS = st.builds(user_of, TEXTS | IMAGES | FILES) | st.builds(user_of, TEXTS, IMAGES)
CALLS = st.builds(ToolCall, call_id=WORD, name=WORD, arguments=st.sampled_from(["{}", '{"a":1}', "[", "[]"]), signature=OPAQUES)
REASONING = st.builds(Reasoning, text=WORDS, opaque=OPAQUES, summary=st.just(()) | st.just(("a", "b")))
ASSISTANTS = st.lists(TEXTS | CALLS | REASONING, max_size=3).map(lambda parts: said(*parts))
RESULTS = st.builds(ToolResult, call_id=WORD, content=st.lists(TEXTS | IMAGES, max_size=2).map(tuple), is_error=st.none() | st.booleans())
SYSTEMS = st.builds(Message.text, st.sampled_from([MessageRole.SYSTEM, MessageRole.DEVELOPER]), WORDS)
REQUESTS = st.builds(
    LlmRequest,
    model=WORD,
    input=st.lists(USERS | ASSISTANTS | RESULTS | SYSTEMS, max_size=5).map(tuple),
    instructions=st.none() | WORD,
    generation=st.builds(
        GenerationConfig,
        max_output_tokens=st.none() | st.integers(1, 3000),
        temperature=st.none() | st.floats(0, 2),
        stop=st.just(()) | st.just((" ", "a")),
        seed=st.none() | st.integers(0, 3),
    ),
    capabilities=st.builds(
        CapabilitySet,
        tools=st.just(()) | st.just((F, ToolDefinition(name="g", input_schema={"type": "object"}, strict=True))),
        tool_choice=st.none() | st.sampled_from([ToolChoice(mode=mode) for mode in ("auto", "none", "required")]),
        reasoning=st.none() | st.builds(ReasoningCapability, effort=st.sampled_from(["low", "none", "max"])),
        structured_output=st.none() | st.just(StructuredOutputConfig(schema={"type": "object"})),
    ),
    user_id=WORDS,
    is_stream=st.booleans(),
    protocol=st.sampled_from(["", P, "openai_chat"]),
)


@settings(max_examples=400, deadline=None)
@given(REQUESTS, st.booleans(), st.booleans())
def test_canonical_request_comes_back_or_the_report_says_why(request_, adaptively, takes_system):
    dialect = Dialect(thinks_adaptively=adaptively, accepts_system_messages=takes_system)
    body, lost = emit(request_, dialect)
    back, losses = parse(json.loads(json.dumps(body)))
    assert not losses
    assert lost or replace(back, protocol=request_.protocol) == request_
