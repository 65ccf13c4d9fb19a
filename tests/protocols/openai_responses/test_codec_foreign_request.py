"""Requests of other protocols, written for the Responses API; and what they signed, brought back by a client of this one."""

from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.openai_responses.asking import ANTHROPIC, GEMINI, OWN, SCHEMA, emit, foreign, items_of, parse

from omnillm.model import (
    Audio,
    BuiltinTool,
    CacheControl,
    CapabilitySet,
    EndOfInstructions,
    EndOfMessage,
    EndOfTools,
    File,
    FileSource,
    GenerationConfig,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Issuer,
    Json,
    LlmRequest,
    Message,
    MessageRole,
    Native,
    Opaque,
    OutputModality,
    PromptCachePolicy,
    PromptCacheRetention,
    Reasoning,
    ReasoningCapability,
    Refusal,
    StablePrefixKey,
    StructuredOutputConfig,
    Text,
    TextSource,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    UrlSource,
    Video,
    user,
)
from omnillm.protocols.carrier import pack, unpack
from omnillm.protocols.envelope import seal
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import CODEC

UNSAID: list[tuple[dict[str, Any], str]] = [
    *[({"generation": GenerationConfig(**{name: value})}, f"dropped:generation.{name}") for name, value in {
        "top_k": 5, "stop": ("END",), "seed": 7, "presence_penalty": 0.5, "frequency_penalty": 0.5, "n": 2, "logit_bias": {"1": 2},
    }.items()],
    ({"capabilities": CapabilitySet(modalities=(OutputModality.AUDIO,))}, "dropped:capabilities.modalities"),
    ({"capabilities": CapabilitySet(audio={"voice": "alloy"})}, "dropped:capabilities.audio"),
    ({"capabilities": CapabilitySet(safety=({"category": "x"},))}, "dropped:capabilities.safety"),
    ({"vendor_extensions": {"container": "c"}}, "dropped:vendor_extensions.container"),
    ({"generation": GenerationConfig(service_tier="standard_only")}, "approximated:generation.service_tier"),
    ({"generation": GenerationConfig(service_tier="batch")}, "dropped:generation.service_tier"),
    ({"user_id": "u" * 65}, "approximated:user_id"),
    ({"capabilities": CapabilitySet(reasoning=ReasoningCapability(mode="enabled", budget_tokens=5000))}, "approximated:capabilities.reasoning.budget_tokens"),
    ({"capabilities": CapabilitySet(reasoning=ReasoningCapability(mode="adaptive"))}, "approximated:capabilities.reasoning.mode"),
    ({"capabilities": CapabilitySet(reasoning=ReasoningCapability(include_thoughts=True))}, "approximated:capabilities.reasoning.include_thoughts"),
    ({"capabilities": CapabilitySet(reasoning=ReasoningCapability(mode="disabled", effort="low"))}, "dropped:capabilities.reasoning.effort"),
    ({"capabilities": CapabilitySet(reasoning=ReasoningCapability(effort="low", vendor_extensions={"x": 1}))}, "dropped:capabilities.reasoning.vendor_extensions.x"),
    ({"capabilities": CapabilitySet(builtin_tools=(BuiltinTool(kind="web_fetch"),))}, "dropped:capabilities.builtin_tools[0]"),
    ({"capabilities": CapabilitySet(builtin_tools=(BuiltinTool(kind="web_search", max_uses=2),))}, "moved:capabilities.builtin_tools[0].max_uses"),
    ({"capabilities": CapabilitySet(builtin_tools=(BuiltinTool(kind="web_search", max_uses=2),), max_tool_calls=3)}, "dropped:capabilities.builtin_tools[0].max_uses"),
    ({"capabilities": CapabilitySet(builtin_tools=(BuiltinTool(kind="web_search", max_uses=2), BuiltinTool(kind="code_execution")))}, "dropped:capabilities.builtin_tools[0].max_uses"),
    ({"capabilities": CapabilitySet(builtin_tools=(BuiltinTool(kind="web_search", max_uses=2), BuiltinTool(kind="code_execution", max_uses=1)))}, "approximated:capabilities.builtin_tools[1].max_uses"),
    ({"capabilities": CapabilitySet(builtin_tools=(BuiltinTool(kind="code_execution", protocol="anthropic_messages", native={"type": "x"}),))}, "approximated:capabilities.builtin_tools[0]"),
    ({"capabilities": CapabilitySet(builtin_tools=(BuiltinTool(kind="mcp", server_url="https://a"),))}, "defaulted:capabilities.builtin_tools[0].server_label"),
    ({"capabilities": CapabilitySet(tools=(ToolDefinition(name="f", cache_control=CacheControl(), strict=True),))}, "dropped:capabilities.tools[0].cache_control"),
    ({"capabilities": CapabilitySet(tools=(ToolDefinition(name="f", strict=True, vendor_extensions={"x": 1}),))}, "dropped:capabilities.tools[0].vendor_extensions.x"),
    ({"capabilities": CapabilitySet(tools=(ToolDefinition(name="f", input_schema=SCHEMA),))}, "defaulted:capabilities.tools[0].strict"),
    ({"capabilities": CapabilitySet(tools=(ToolDefinition(name="f", kind="custom", input_schema=SCHEMA),))}, "dropped:capabilities.tools[0].input_schema"),
    ({"capabilities": CapabilitySet(tool_choice=ToolChoice(mode="required"))}, "dropped:capabilities.tool_choice"),
    ({"capabilities": CapabilitySet(tools=(ToolDefinition(name="f", strict=True),), tool_choice=ToolChoice(mode="named", protocol="x", native={}))}, "dropped:capabilities.tool_choice"),
    ({"capabilities": CapabilitySet(prompt_cache=PromptCachePolicy())}, "approximated:capabilities.prompt_cache"),
    ({"capabilities": CapabilitySet(prompt_cache=PromptCachePolicy.disabled())}, "approximated:capabilities.prompt_cache"),
    ({"capabilities": CapabilitySet(prompt_cache=PromptCachePolicy.required())}, "approximated:capabilities.prompt_cache.mode"),
    ({"capabilities": CapabilitySet(prompt_cache=PromptCachePolicy(breakpoint=EndOfTools()))}, "approximated:capabilities.prompt_cache.breakpoint"),
    ({"capabilities": CapabilitySet(prompt_cache=PromptCachePolicy(breakpoint=EndOfMessage(index=4)))}, "approximated:capabilities.prompt_cache.breakpoint"),
    ({"capabilities": CapabilitySet(prompt_cache=PromptCachePolicy(key=StablePrefixKey()))}, "dropped:capabilities.prompt_cache.key"),
    ({"capabilities": CapabilitySet(prompt_cache=PromptCachePolicy(vendor_extensions={"x": 1}))}, "dropped:capabilities.prompt_cache.vendor_extensions.x"),
]  # fmt: skip


@in_turn(("members", "loss"), UNSAID, ids=[f"{number}-{loss}" for number, (_, loss) in enumerate(UNSAID)])
def test_what_cannot_be_said_is_reported(members: dict[str, Any], loss: str) -> None:
    """By its canonical path."""
    _, losses = emit(foreign(**members))
    assert loss in losses


UNSAID_PARTS: list[tuple[Any, str]] = [
    (Audio(source=InlineSource(data=b"x"), format="wav"), "dropped:input[0].parts[1]"),
    (Video(source=UrlSource(url="https://a")), "dropped:input[0].parts[1]"),
    (ImageFile(file_id="f", protocol="gemini_generate_content"), "dropped:input[0].parts[1]"),
    (File(source=FileSource(file_id="f", protocol="anthropic_messages")), "dropped:input[0].parts[1]"),
    (Native(protocol="anthropic_messages", kind="x", value={"type": "x"}), "dropped:input[0].parts[1]"),
    (ImageUrl(url="https://a", media_type="image/png"), "dropped:input[0].parts[1].media_type"),
    (ImageBase64(data=b"x"), "defaulted:input[0].parts[1].media_type"),
    (File(source=TextSource(text="149 m")), "approximated:input[0].parts[1].source"),
    (File(source=InlineSource(data=b"x", media_type="application/pdf")), "defaulted:input[0].parts[1].filename"),
    (File(source=UrlSource(url="https://a"), title="A"), "dropped:input[0].parts[1].title"),
    (File(source=UrlSource(url="https://a"), context="A"), "dropped:input[0].parts[1].context"),
    (File(source=UrlSource(url="https://a"), has_citations=True), "dropped:input[0].parts[1].has_citations"),
    (Text(text="x", cache_control=CacheControl(ttl="1h")), "approximated:input[0].parts[1].cache_control.ttl"),
    (Text(text="x", vendor_extensions={"x": 1}), "dropped:input[0].parts[1].vendor_extensions.x"),
    (Text(text="x", signature=Opaque(value="s", issuer=GEMINI)), "dropped:input[0].parts[1].signature"),
]  # fmt: skip


@in_turn(("part", "loss"), UNSAID_PARTS, ids=[f"{number}-{loss}" for number, (_, loss) in enumerate(UNSAID_PARTS)])
def test_part_that_cannot_be_said_is_reported(part: Any, loss: str) -> None:
    """The text beside it is said all the same."""
    body, losses = emit(foreign(Message(role=MessageRole.USER, parts=(Text(text="Hi"), part))))
    assert "Hi" in str(body["input"])
    assert loss in losses


def test_breakpoint_of_a_policy_becomes_a_mark() -> None:
    """On the last part of what it names, if that is said to the model."""
    system = Message.text(MessageRole.SYSTEM, "Be brief.")
    for at, number in ((EndOfInstructions(), 0), (EndOfMessage(index=0), 1)):
        policy = PromptCachePolicy(breakpoint=at, retention=PromptCacheRetention.LONG)
        body, losses = emit(foreign(system, user("Hi"), capabilities=CapabilitySet(prompt_cache=policy)))
        assert body["input"][number]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}
        assert body["prompt_cache_retention"] == "24h"
        assert losses == ["moved:capabilities.prompt_cache.breakpoint"]


def test_disabled_cache_takes_the_marks_off() -> None:
    """Nothing is asked for."""
    part = Text(text="Hi", cache_control=CacheControl())
    request = foreign(Message(role=MessageRole.USER, parts=(part,)), capabilities=CapabilitySet(prompt_cache=PromptCachePolicy.disabled()))
    body, losses = emit(request)
    assert "cache" not in str(body)
    assert "dropped:input[0].parts[0].cache_control" in losses


def test_foreign_history_is_written_without_ids() -> None:
    """Ids of items return only to who made them; a Gemini signature is of no use here."""
    said = Message(
        role=MessageRole.ASSISTANT,
        parts=(
            Reasoning(text="Hm.", opaque=Opaque(value="s", issuer=ANTHROPIC)),
            Text(text="I look.", item_id="msg_1"),
            ToolCall(call_id="call_1", name="search", arguments="{", signature=Opaque(value="s", issuer=GEMINI)),
        ),
        name="ada",
    )
    result = ToolResult(call_id="call_1", name="search", content=(Json(value={"m": 149}),), is_error=True)
    body, losses = emit(foreign(user("Hi"), said, result))
    assert body["input"][1:] == [
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "call_1", "name": "search", "arguments": "{"},
        {"type": "function_call_output", "call_id": "call_1", "output": 'Error: {"m":149}'},
    ]
    assert losses == [
        "dropped:input[*].parts[*].item_id",
        "dropped:input[1].name",
        "dropped:input[1].parts[0]",
        "dropped:input[1].parts[2].signature",
        "approximated:input[2].content[0]",
        "approximated:input[2].is_error",
    ]


def test_refusal_and_spoken_answer_in_the_history() -> None:
    """A refusal is one here too; of sound there is only the transcript."""
    said = Message(role=MessageRole.ASSISTANT, parts=(Refusal(text="No."), Audio(audio_id="a", transcript="149 m"), Audio(audio_id="b")))
    body, losses = emit(foreign(user("Hi"), said))
    assert body["input"][1]["content"] == [
        {"type": "refusal", "refusal": "No."},
        {"type": "output_text", "text": "149 m", "annotations": []},
    ]
    assert losses == ["approximated:input[1].parts[1]", "dropped:input[1].parts[2]"]


def test_reasoning_returns_only_to_its_provider() -> None:
    """Encrypted content is its issuer's alone."""
    issuer = Issuer(protocol=OWN, provider="azure")
    said = Message(role=MessageRole.ASSISTANT, parts=(Reasoning(opaque=Opaque(value="gAAA", issuer=issuer)), Text(text="x")))
    body, losses = emit(foreign(user("Hi"), said), provider="azure")
    assert (body["input"][1], losses) == ({"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}, [])
    body, losses = emit(foreign(user("Hi"), said), provider="openai")
    assert (len(body["input"]), losses) == (2, ["dropped:input[1].parts[0]"])


def test_encrypted_reasoning_is_asked_for_where_the_client_cannot() -> None:
    """So that it can be replayed; not where the provider keeps the response."""
    thinks = CapabilitySet(reasoning=ReasoningCapability(effort="low"))
    for store, is_added in ((None, True), (False, True), (True, False)):
        body, losses = emit(foreign(capabilities=thinks, store=store))
        assert (body.get("include") == ["reasoning.encrypted_content"]) is is_added
        assert ("defaulted:vendor_extensions.include" in losses) is is_added
    assert "include" not in emit(parse({"reasoning": {"effort": "low"}}))[0]
    assert "include" not in emit(foreign(capabilities=CapabilitySet(reasoning=ReasoningCapability(mode="disabled"))))[0]


def test_extensions_of_the_callers_own_reach_the_provider() -> None:
    """But never override a typed member, and the report says so."""
    request = LlmRequest(model="m", input=(user("Hi"),), vendor_extensions={"truncation": "auto", "model": "other"})
    body, losses = emit(request)
    assert (body["truncation"], body["model"], losses) == ("auto", "m", ["dropped:vendor_extensions.model"])


def test_stored_prompt_needs_no_input() -> None:
    """The prompt holds it."""
    request = CODEC.parse_request({"prompt": {"id": "pmpt_1"}}, Losses())
    assert emit(request) == ({"prompt": {"id": "pmpt_1"}}, [])


def test_schema_without_a_name_gets_one() -> None:
    """OpenAI requires it."""
    body, _ = emit(foreign(capabilities=CapabilitySet(structured_output=StructuredOutputConfig(schema=SCHEMA))))
    assert body["text"] == {"format": {"type": "json_schema", "name": "response", "schema": SCHEMA}}


def carrier(opaque: Opaque, *purpose: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "encrypted_content": pack(opaque, CODEC.name, *purpose)}


def test_envelope_gives_back_its_issuer() -> None:
    """Reasoning of another provider, through a client of this protocol."""
    opaque = Opaque(value="c2ln", issuer=ANTHROPIC)
    [message] = items_of(
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}], "encrypted_content": seal(opaque)}
    )
    assert message.parts == (Reasoning(text="Hm.", opaque=opaque),)
    [message] = items_of(carrier(opaque, "redacted"))
    assert message.parts == (Reasoning(opaque=opaque, is_redacted=True),)


@pytest.mark.parametrize("is_before", [True, False])
def test_signature_returns_to_its_call(is_before: bool) -> None:
    """Wherever in the turn its carrier stands, with an id or without."""
    opaque = Opaque(value="c2ln", issuer=GEMINI)
    call = {"type": "function_call", "call_id": "call_1", "name": "search", "arguments": "{}"}
    other = {**call, "call_id": "call_2"}
    carried = carrier(opaque, "call", "call_1")
    [message] = items_of(*([carried, call, other] if is_before else [call, other, carried]))
    assert [part.signature for part in message.parts] == [opaque, None]


def test_signature_returns_to_its_text() -> None:
    """By its number among the parts of the message before."""
    opaque = Opaque(value="c2ln", issuer=GEMINI)
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}]}
    [message] = items_of(said, carrier(opaque, "text", "0"))
    assert [part.signature for part in message.parts] == [opaque, None]


def test_signature_without_its_call_is_reported() -> None:
    """The client has cut its history."""
    for purpose in (("call", "call_1"), ("text", "0")):
        losses = Losses()
        request = CODEC.parse_request({"model": "m", "input": [carrier(Opaque(value="s", issuer=GEMINI), *purpose)]}, losses)
        assert request.input == ()
        assert [reason.path for reason in losses.reasons] == ["input[0].parts"]


@in_turn("value", ["c2ln", "call x y", "plain", "redacted  x", "", "text 0 s"])
@in_turn("purpose", [("",), ("redacted",), ("call", "call_1"), ("text", "3")])
def test_carrier_gives_back_any_value(value: str, purpose: tuple[str, ...]) -> None:
    """Also one that looks like a carrier's own words."""
    opaque = Opaque(value=value, issuer=GEMINI)
    carried = unpack(pack(opaque, CODEC.name, *purpose), CODEC.name)
    assert (carried.opaque, carried.purpose, carried.target) == (opaque, purpose[0], purpose[1] if len(purpose) > 1 else "")
