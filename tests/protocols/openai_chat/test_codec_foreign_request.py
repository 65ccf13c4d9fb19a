"""Requests of other protocols' clients, written so that OpenAI and the hosts that speak its Chat take them."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.openai_chat.asking import CHAT, HOST, OPENAI, SCHEMA, emitted, foreign

from omnillm.errors import ProtocolError
from omnillm.model import (
    Audio,
    BuiltinTool,
    CapabilitySet,
    Citation,
    File,
    FileSource,
    GenerationConfig,
    ImageFile,
    ImageUrl,
    InlineSource,
    Issuer,
    LlmRequest,
    Message,
    MessageRole,
    Native,
    Opaque,
    OutputModality,
    Reasoning,
    ReasoningCapability,
    StructuredOutputConfig,
    Text,
    TextSource,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    UrlSource,
    Video,
    user,
)
from omnillm.protocols.dialects import ChatDialect

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


@in_turn(
    ("part", "written", "losses"),
    [
        (File(source=TextSource(text="149 m")), {"type": "text", "text": "149 m"}, ["approximated:input[0].parts[0].source"]),
        (File(source=UrlSource(url="https://e.com/a.pdf")), None, ["dropped:input[0].parts[0]"]),
        (File(source=FileSource(file_id="f", protocol="anthropic_messages")), None, ["dropped:input[0].parts[0]"]),
        (ImageFile(file_id="f", protocol="openai_responses"), None, ["dropped:input[0].parts[0]"]),
        (Video(source=UrlSource(url="https://e.com/a.mp4")), None, ["dropped:input[0].parts[0]"]),
        (Native(protocol="anthropic_messages", kind="search_result", value={}), None, ["dropped:input[0].parts[0]"]),
        (Audio(source=InlineSource(data=b"x", media_type="audio/flac")), None, ["dropped:input[0].parts[0]"]),
        (
            Audio(source=InlineSource(data=b"x", media_type="audio/mpeg")),
            {"type": "input_audio", "input_audio": {"data": "eA==", "format": "mp3"}},
            [],
        ),
        (
            ImageUrl(url="https://e.com/a.png", media_type="image/png"),
            {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}},
            ["dropped:input[0].parts[0].media_type"],
        ),
        (
            File(source=InlineSource(data=b"x", media_type="application/pdf"), title="T", has_citations=True),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,eA==", "filename": "document.pdf"}},
            ["defaulted:input[0].parts[0].filename", "dropped:input[0].parts[0].has_citations", "dropped:input[0].parts[0].title"],
        ),
    ],
)
def test_parts_of_other_protocols(part, written, losses):
    """Each is said as near as Chat can, or told as lost."""
    body, found = emitted(foreign(Message(role=MessageRole.USER, parts=(part, Text(text="?")))))
    assert found == losses
    content = body["messages"][0]["content"]
    assert content == ("?" if written is None else [written, {"type": "text", "text": "?"}])


def test_order_of_an_answer_that_chat_does_not_know():
    """Reasoning and text after calls are said before them."""
    signature = Opaque(value="c2ln", issuer=Issuer(protocol="anthropic_messages"))
    parts = (
        Text(text="a"),
        ToolCall(call_id="c", name="f", arguments=""),
        Reasoning(text="Hm.", opaque=signature),
        Text(text="b", item_id="i"),
    )
    body, losses = emitted(foreign(Message(role=MessageRole.ASSISTANT, parts=parts)), HOST)
    assert body["messages"][0] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "reasoning_content": "Hm.",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    assert losses == ["dropped:input[*].parts[*].item_id", "dropped:input[0].parts[2].opaque", "moved:input[0].parts"]


@in_turn(
    ("dialect", "wanted", "effort", "losses"),
    [
        (OPENAI, ReasoningCapability(budget_tokens=2048), "low", ["approximated:{}.budget_tokens"]),
        (OPENAI, ReasoningCapability(budget_tokens=0), "none", ["approximated:{}.budget_tokens"]),
        (OPENAI, ReasoningCapability(budget_tokens=-1), "medium", ["approximated:{}.budget_tokens"]),
        (OPENAI, ReasoningCapability(mode="disabled"), "none", []),
        (OPENAI, ReasoningCapability(mode="disabled", effort="high"), "none", ["dropped:{}.effort"]),
        (OPENAI, ReasoningCapability(mode="disabled", effort="none"), "none", []),
        (OPENAI, ReasoningCapability(mode="adaptive"), None, ["dropped:{}.mode"]),
        (
            OPENAI,
            ReasoningCapability(mode="adaptive", effort="high", summary="auto", include_thoughts=True),
            "high",
            ["approximated:{}.mode", "dropped:{}.include_thoughts", "dropped:{}.summary"],
        ),
        (
            ChatDialect(can_stop_thinking=False),
            ReasoningCapability(mode="disabled", effort="none"),
            None,
            ["approximated:{}.effort", "approximated:{}.mode"],
        ),
        (HOST, ReasoningCapability(effort="minimal"), "low", ["approximated:{}.effort"]),
        (HOST, ReasoningCapability(effort="medium"), "medium", []),
        (HOST, ReasoningCapability(effort="xhigh"), "high", ["approximated:{}.effort"]),
        (HOST, ReasoningCapability(effort="max"), "high", ["approximated:{}.effort"]),
        (HOST, ReasoningCapability(effort="utmost"), None, ["dropped:{}.effort"]),
        (HOST, ReasoningCapability(budget_tokens=30000), "high", ["approximated:{}.budget_tokens"]),
        (HOST, ReasoningCapability(mode="disabled"), None, ["approximated:{}.mode"]),
        (HOST, ReasoningCapability(effort="none"), None, ["approximated:{}.effort"]),
        (HOST, ReasoningCapability(budget_tokens=0), None, ["approximated:{}.budget_tokens"]),
    ],
)
def test_reasoning_is_said_as_an_effort(dialect, wanted, effort, losses):
    """Chat knows nothing else, and other hosts three of them; not to reason cannot be asked of every model. A Chat client's word stays."""
    request = foreign(user("Hi"), capabilities=CapabilitySet(reasoning=wanted))
    body, found = emitted(request, dialect)
    assert body.get("reasoning_effort") == effort
    assert found == [loss.format("capabilities.reasoning") for loss in losses]
    if dialect is HOST and wanted.effort:
        assert emitted(msgspec.structs.replace(request, protocol=CHAT), HOST)[0]["reasoning_effort"] == wanted.effort


def test_capabilities_that_chat_lacks():
    """Each is named."""
    capabilities = CapabilitySet(
        builtin_tools=(
            BuiltinTool(kind="web_search", max_uses=3, protocol="anthropic_messages", native={}),
            BuiltinTool(kind="code_execution"),
        ),
        tool_choice=ToolChoice(mode="auto"),
        max_tool_calls=3,
        safety=({},),
        structured_output=StructuredOutputConfig(schema=SCHEMA),
        modalities=(OutputModality.TEXT, OutputModality.IMAGE),
    )
    request = foreign(user("Hi"), capabilities=capabilities, vendor_extensions={"thinking": {}})
    body, losses = emitted(request, ChatDialect(has_web_search=True))
    assert body["web_search_options"] == {}
    assert body["response_format"]["json_schema"]["name"] == "response"
    assert body["modalities"] == ["text"]
    assert "thinking" not in body
    assert losses == [
        "approximated:capabilities.builtin_tools[0]",
        "defaulted:capabilities.structured_output.name",
        "dropped:capabilities.builtin_tools[0].max_uses",
        "dropped:capabilities.builtin_tools[1]",
        "dropped:capabilities.max_tool_calls",
        "dropped:capabilities.modalities",
        "dropped:capabilities.safety",
        "dropped:capabilities.tool_choice",
        "dropped:vendor_extensions.thinking",
    ]


def test_state_that_another_protocol_keeps_is_refused():
    """Without the messages there is no conversation."""
    with pytest.raises(ProtocolError, match="previous_response_id"):
        emitted(foreign(user("Hi"), previous_response_id="resp_1"))


def test_citations_of_a_library_caller_are_dropped_for_openai():
    """A request's type has no annotations."""
    parts = (Text(text="149 m", citations=(Citation(url="https://e.com", start=0, end=5),)),)
    body, losses = emitted(foreign(Message(role=MessageRole.ASSISTANT, parts=parts), protocol=""))
    assert body["messages"][0] == {"role": "assistant", "content": "149 m"}
    assert losses == ["dropped:input[0].parts[0].citations"]


def test_tool_without_a_schema():
    """Neither parameters nor strictness are made up."""
    capabilities = CapabilitySet(tools=(ToolDefinition(name="now"),))
    body, losses = emitted(foreign(user("Hi"), capabilities=capabilities))
    assert body["tools"] == [{"type": "function", "function": {"name": "now"}}]
    assert losses == []
