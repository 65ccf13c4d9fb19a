"""Requests of other protocols' clients, written for Interactions: what is carried, and what is told as lost."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.gemini_interactions.asking import CLAUDE, GEMINI, QUESTION, P, ask, can, emit, said

from omnillm.errors import ProtocolError
from omnillm.model import (
    Audio,
    BuiltinTool,
    CapabilitySet,
    Citation,
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
    Reasoning,
    ReasoningCapability,
    Refusal,
    StructuredOutputConfig,
    Text,
    TextSource,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    user,
)
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.gemini_generate_content.carrier import UNCHECKED
from omnillm.protocols.transcode import emit_request
from omnillm.providers.dialects import dialect_of
from omnillm.providers.kinds import endpoint

OWN = Opaque(value="b3du", issuer=Issuer(protocol=P, provider="gemini"))
CALL = ToolCall(call_id="c1", name="weather", arguments='{"city":"Oslo"}')
CALLED = {"type": "function_call", "id": "c1", "name": "weather", "arguments": {"city": "Oslo"}}
RESULT = ToolResult(call_id="c1", content=(Text(text="Rain."),))
RESULTED = {"type": "function_result", "call_id": "c1", "name": "weather", "result": "Rain."}
FUNCTION = ToolDefinition(name="weather", input_schema={"type": "object"})
UNSIGNED = {"type": "thought", "signature": UNCHECKED}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def heard(*contents: dict[str, Any]) -> dict[str, Any]:
    return {"type": "user_input", "content": list(contents)}


def did(*parts: Any, **dialect: Any) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """What becomes of what the model said."""
    body, lost = emit(ask(QUESTION, said(*parts)), **dialect)
    return body["input"][1:], lost


def test_conversation_is_steps() -> None:
    """Contents of one turn stand in one step; a result has the name of its function, which the client need not repeat."""
    system = Message.text(MessageRole.SYSTEM, "Be brief.")
    body, lost = emit(ask(system, QUESTION, said(Text(text="I look."), Text(text="Now."), CALL), RESULT, user("And now?")))
    assert body["system_instruction"] == "Be brief."
    assert body["input"] == [
        heard(words("How deep?")),
        {"type": "model_output", "content": [words("I look."), words("Now.")]},
        UNSIGNED,
        CALLED,
        RESULTED,
        heard(words("And now?")),
    ]
    assert lost == {}


def test_google_keeps_nothing_for_clients_that_expect_nothing_kept() -> None:
    """It stores every interaction unless told not to; a client of its own, or a program, says for itself."""
    assert emit(ask())[0]["store"] is False
    assert emit(ask(store=True))[0]["store"] is True
    assert "store" not in emit(ask(protocol=""))[0]
    assert "store" not in emit(ask(protocol=P))[0]


def test_thoughts_go_back_to_who_thought_them() -> None:
    """Google's own with their signature; of others the text alone, and of redacted ones nothing."""
    thoughts, lost = did(
        Reasoning(text="Hm.", opaque=OWN), Reasoning(text="Oh.", opaque=CLAUDE), Reasoning(opaque=CLAUDE, is_redacted=True)
    )
    assert thoughts == [
        {"type": "thought", "signature": "b3du", "summary": [words("Hm.")]},
        {"type": "thought", "summary": [words("Oh.")]},
    ]
    assert lost == {"input[1].parts[1].opaque": "dropped", "input[1].parts[2]": "dropped"}


def test_thought_of_another_account_is_not_shown_its_signature() -> None:
    """It could not be read there."""
    thoughts, lost = did(Reasoning(text="Hm.", opaque=OWN), provider="other")
    assert thoughts == [{"type": "thought", "summary": [words("Hm.")]}]
    assert lost == {"input[1].parts[0].opaque": "dropped"}


def test_call_that_a_thought_of_geminis_signs_needs_no_stand_in() -> None:
    """The thought before it is the signature."""
    assert did(Reasoning(opaque=OWN), CALL)[0] == [{"type": "thought", "signature": "b3du"}, CALLED]


def test_first_call_of_a_step_that_nobody_signed_is_not_to_be_checked() -> None:
    """By the value that Google documents for it; the others of the step need none."""
    second = ToolCall(call_id="c2", name="weather", arguments="{}")
    assert did(CALL, second) == ([UNSIGNED, CALLED, {**CALLED, "id": "c2", "arguments": {}}], {})
    signed = [ToolCall(call_id=f"c{n}", name="weather", signature=GEMINI) for n in (1, 2)]
    assert did(*signed)[1] == {"input[1].parts[0].signature": "approximated", "input[1].parts[1].signature": "dropped"}


@in_turn(
    ("content", "result", "kind"),
    [
        ((), "", None),
        ((Json(value={"rain": 1}),), {"rain": 1}, None),
        ((Json(value=[1]),), [words("[1]")], "approximated"),
        ((Text(text="Rain."), ImageBase64(data=b"\0", media_type="image/png")), None, None),
        ((Text(text="a"), Text(text="b")), [words("a"), words("b")], None),
    ],
)
def test_result_is_said_as_it_can_be(content: tuple[Any, ...], result: Any, kind: str | None) -> None:
    """A text as a string, an object as itself, anything else as contents."""
    body, lost = emit(ask(QUESTION, said(CALL), ToolResult(call_id="c1", content=content)))
    written = body["input"][-1]["result"]
    assert written == (result if result is not None else [words("Rain."), {"type": "image", "data": "AA==", "mime_type": "image/png"}])
    assert list(lost.values()) == ([kind] if kind else [])


def test_result_without_its_call_is_the_users_to_say() -> None:
    """Unless the interaction before has the call."""
    body, lost = emit(ask(QUESTION, RESULT))
    assert body["input"][1] == heard(words("<tool_result>"), words("Rain."), words("</tool_result>"))
    assert lost == {"input[1]": "approximated"}
    body, lost = emit(ask(RESULT, protocol="", previous_response_id="v1_x"))
    assert body["input"] == [{"type": "function_result", "call_id": "c1", "result": "Rain."}]
    assert lost == {}


def test_result_comes_directly_after_its_step() -> None:
    """Whatever the client has put between them."""
    body, lost = emit(ask(QUESTION, said(CALL), user("Wait."), RESULT))
    assert body["input"][-2:] == [RESULTED, heard(words("Wait."))]
    assert lost == {"input[3]": "moved"}


def test_system_text_amid_the_conversation_is_said_by_the_user() -> None:
    """Interactions has one system text, and it comes first."""
    system = Message(role=MessageRole.SYSTEM, parts=(Text(text="Be brief."), Text(text="Be kind.")))
    body, lost = emit(ask(system, Message.text(MessageRole.DEVELOPER, "In feet."), QUESTION, Message.text(MessageRole.SYSTEM, "Now in m.")))
    assert body["system_instruction"] == "Be brief.\n\nBe kind.\n\nIn feet."
    assert body["input"][-1] == heard(words("<system>\nNow in m.\n</system>"))
    assert lost == {"input[0].parts": "moved", "input[1]": "moved", "input[1].role": "approximated", "input[3]": "moved"}


def test_system_text_alone_is_asked_by_the_user() -> None:
    """Interactions needs an input."""
    body, lost = emit(ask(Message.text(MessageRole.SYSTEM, "Say hello.")))
    assert body["input"] == [heard(words("Say hello."))]
    assert "system_instruction" not in body
    assert lost == {"input[0]": "moved"}


@in_turn(
    ("part", "content", "kinds"),
    [
        (
            ImageUrl(url="https://example.com/a.png", detail="low"),
            {"type": "image", "uri": "https://example.com/a.png", "resolution": "low"},
            [],
        ),
        (ImageUrl(url="https://example.com/a.png", detail="auto"), {"type": "image", "uri": "https://example.com/a.png"}, []),
        (ImageBase64(data=b"\0"), {"type": "image", "data": "AA==", "mime_type": "image/jpeg"}, ["defaulted"]),
        (ImageFile(file_id="file-1", protocol="openai_responses"), None, ["dropped"]),
        (Audio(source=InlineSource(data=b"\0"), format="mp3"), {"type": "audio", "data": "AA==", "mime_type": "audio/mp3"}, []),
        (Audio(audio_id="a1"), None, ["dropped", "dropped"]),
        (File(source=TextSource(text="149"), title="Lake"), {"type": "document", "data": "MTQ5", "mime_type": "text/plain"}, ["dropped"]),
        (File(source=FileSource(file_id="file_1", protocol="anthropic_messages")), None, ["dropped"]),
        (Native(protocol="anthropic_messages", kind="container_upload", value={}), None, ["dropped"]),
        (Json(value={"a": 1}), words('{"a":1}'), ["approximated"]),
        (Reasoning(text="Hm."), None, ["dropped"]),
    ],
)
def test_part_of_a_user_is_content_or_told(part: Any, content: Any, kinds: list[str]) -> None:
    """Files that another provider keeps cannot be seen."""
    body, lost = emit(ask(said(Text(text="See:"), part, role=MessageRole.USER)))
    assert body["input"][0]["content"] == [words("See:"), *([content] if content else [])]
    assert list(lost.values()) == kinds


def test_part_that_the_model_said_is_content_or_told() -> None:
    """A refusal as a text; what cites is not asked to cite again."""
    steps, lost = did(Refusal(text="No."), Text(text="149 m.", citations=(Citation(url="https://example.com"),), signature=GEMINI))
    assert steps == [{"type": "model_output", "content": [words("No."), words("149 m.")]}]
    assert lost == {"input[1].parts[0]": "approximated", "input[1].parts[1].citations": "dropped", "input[1].parts[1].signature": "dropped"}


def reasoned(**members: Any) -> tuple[Any, dict[str, str]]:
    body, lost = emit(can(reasoning=ReasoningCapability(**members)))
    return body.get("generation_config"), {path.removeprefix("capabilities.reasoning."): kind for path, kind in lost.items()}


@in_turn(
    ("members", "config", "lost"),
    [
        ({"effort": "low"}, {"thinking_level": "low"}, {}),
        ({"effort": "max"}, {"thinking_level": "xhigh"}, {"effort": "approximated"}),
        ({"effort": "none"}, {"thinking_level": "minimal"}, {"effort": "approximated"}),
        ({"mode": "disabled"}, {"thinking_level": "minimal"}, {"mode": "approximated"}),
        (
            {"mode": "enabled", "budget_tokens": 2048},
            {"thinking_level": "low", "thinking_summaries": "auto"},
            {"budget_tokens": "approximated"},
        ),
        ({"mode": "adaptive"}, {"thinking_summaries": "auto"}, {"mode": "approximated"}),
        ({"include_thoughts": False}, {"thinking_summaries": "none"}, {}),
        ({"summary": "detailed"}, {"thinking_summaries": "auto"}, {"summary": "approximated"}),
    ],
)
def test_reasoning_is_a_level_of_thinking(members: dict[str, Any], config: Any, lost: dict[str, str]) -> None:
    """A budget is the level that holds it, and it cannot be turned off."""
    assert reasoned(**members) == (config, lost)


@in_turn(
    ("model", "effort", "config", "lost"),
    [
        ("gemini-3-pro-preview", "none", {"thinking_level": "low"}, {"effort": "approximated"}),
        ("gemini-3.7-flash", "xhigh", {"thinking_level": "high"}, {"effort": "approximated"}),
        ("gemini-2.5-pro", "minimal", {"thinking_level": "minimal"}, {}),
        ("gemini-2.5-flash-image", "low", None, {"": "dropped"}),
    ],
)
def test_level_is_one_that_the_model_takes(model: str, effort: str, config: Any, lost: dict[str, str]) -> None:
    """Or the nearest; it refuses the others."""
    dialect = dialect_of(endpoint("gemini"), provider="p", protocol=P, model=model, most_output=0, default_output=9)
    report = emit_request(P, can(reasoning=ReasoningCapability(effort=effort)), dialect=dialect)
    assert msgspec.json.decode(report.value).get("generation_config") == config
    assert {each.path: each.kind for each in report.loss_reasons} == {
        f"capabilities.reasoning.{name}".rstrip("."): kind for name, kind in lost.items()
    }


def test_generation_says_what_there_are_words_for() -> None:
    """And tells of the rest."""
    generation = GenerationConfig(
        max_output_tokens=9,
        top_k=3,
        stop=tuple("abcdef"),
        presence_penalty=0.5,
        n=2,
        logprobs=True,
        verbosity="low",
        service_tier="default",
    )
    body, lost = emit(ask(generation=generation, metadata={"run": "7"}, user_id="u1"))
    assert body["generation_config"] == {"max_output_tokens": 9, "top_k": 3, "stop_sequences": list("abcde")}
    assert body["service_tier"] == "standard"
    assert {path.removeprefix("generation."): kind for path, kind in lost.items()} == {
        **dict.fromkeys(("stop", "presence_penalty", "n", "logprobs", "verbosity", "metadata.run", "user_id"), "dropped"),
        "service_tier": "approximated",
    }


def test_tools_of_other_providers_are_googles_where_it_has_them() -> None:
    """A server of MCP by its name and address."""
    body, lost = emit(
        can(
            tools=(FUNCTION, ToolDefinition(name="sh", kind="custom", format={"type": "text"})),
            builtin_tools=(
                BuiltinTool(kind="web_search", allowed_domains=("example.com",)),
                BuiltinTool(kind="mcp", server_label="docs", server_url="https://example.com/mcp"),
                BuiltinTool(kind="computer"),
            ),
        )
    )
    assert [tool["type"] for tool in body["tools"]] == ["function", "function", "google_search", "mcp_server"]
    assert body["tools"][3] == {"type": "mcp_server", "name": "docs", "url": "https://example.com/mcp"}
    assert lost == {
        "capabilities.tools[1].kind": "approximated",
        "capabilities.tools[1].format": "dropped",
        "capabilities.builtin_tools[0].allowed_domains": "dropped",
        "capabilities.builtin_tools[2]": "dropped",
    }


def test_model_before_the_third_takes_functions_or_something_else() -> None:
    """Functions win; JSON is asked for in words, before the client's own."""
    capabilities = CapabilitySet(
        tools=(FUNCTION,), builtin_tools=(BuiltinTool(kind="web_search"),), structured_output=StructuredOutputConfig(kind="json_object")
    )
    written = emit_request(P, ask(capabilities=capabilities, instructions="Be brief."), dialect=GeminiDialect(joins_tools=False))
    body = msgspec.json.decode(written.value)
    assert [tool["type"] for tool in body["tools"]] == ["function"]
    assert "response_format" not in body
    assert body["system_instruction"] == "Answer with one JSON object and nothing else.\n\nBe brief."
    assert {reason.path: reason.kind for reason in written.loss_reasons} == {
        "capabilities.builtin_tools[0]": "dropped",
        "capabilities.structured_output": "approximated",
        "instructions": "moved",
    }


@in_turn(
    ("choice", "written", "kinds"),
    [
        (ToolChoice(mode="required"), "any", []),
        (ToolChoice(mode="named", names=("weather",)), {"allowed_tools": {"mode": "any", "tools": ["weather"]}}, []),
        (ToolChoice(mode="named", names=("gone",)), None, ["dropped"]),
        (
            ToolChoice(mode="allowed", names=("weather", "gone")),
            {"allowed_tools": {"mode": "validated", "tools": ["weather"]}},
            ["approximated"],
        ),
        (ToolChoice(mode="named", protocol="openai_responses", native={"type": "mcp"}), None, ["dropped"]),
    ],
)
def test_choice_is_among_the_functions_that_there_are(choice: ToolChoice, written: Any, kinds: list[str]) -> None:
    """Google refuses any other."""
    body, lost = emit(can(tools=(FUNCTION,), tool_choice=choice))
    assert body.get("generation_config", {}).get("tool_choice") == written
    assert list(lost.values()) == kinds


def test_choice_without_a_function_is_left_out() -> None:
    """Google refuses it."""
    body, lost = emit(can(builtin_tools=(BuiltinTool(kind="web_search"),), tool_choice=ToolChoice(mode="required")))
    assert "generation_config" not in body
    assert lost == {"capabilities.tool_choice": "dropped"}


def test_form_of_the_answer_is_a_format_each() -> None:
    """JSON is a text; sound and pictures are formats of their own."""
    output = StructuredOutputConfig(name="depth", schema={"type": "object"}, strict=True)
    body, lost = emit(can(structured_output=output, modalities=(OutputModality.TEXT, OutputModality.AUDIO), audio={"voice": "alloy"}))
    assert body["response_format"] == [
        {"type": "text", "mime_type": "application/json", "schema": {"type": "object"}},
        {"type": "audio"},
    ]
    assert lost == {
        "capabilities.audio": "dropped",
        "capabilities.structured_output.name": "dropped",
        "capabilities.structured_output.strict": "approximated",
    }


def test_cache_that_must_be_is_refused() -> None:
    """Google promises none."""
    with pytest.raises(ProtocolError, match="promises none"):
        emit(can(prompt_cache=PromptCachePolicy.required()))


def test_safety_settings_of_generate_content_are_said_in_small_letters() -> None:
    """One that is none is told."""
    setting = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}
    body, lost = emit(LlmRequest(model="m", input=(QUESTION,), capabilities=CapabilitySet(safety=(setting, 7))))
    assert body["safety_settings"] == [{"type": "harassment", "threshold": "block_none"}]
    assert lost == {"capabilities.safety[1]": "dropped"}
