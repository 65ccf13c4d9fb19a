"""What other protocols' clients ask of the model, as generateContent says it: tools, reasoning, answers."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.protocols.gemini_generate_content.asking import QUESTION, P, can, emit, parse, request, said
from tests.protocols.gemini_generate_content.bodies import asks

from omnillm.errors import ProtocolError
from omnillm.model import (
    BuiltinTool,
    CacheControl,
    CapabilitySet,
    EndOfTools,
    ExplicitKey,
    GenerationConfig,
    PromptCachePolicy,
    PromptCacheRetention,
    ReasoningCapability,
    StructuredOutputConfig,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
)
from omnillm.protocols.dialects import GeminiDialect
from omnillm.protocols.transcode import emit_request
from omnillm.providers.dialects import dialect_of
from omnillm.providers.kinds import endpoint


def test_tools() -> None:
    """Free text is a function's one argument; the provider's tools are said in Gemini's words."""
    search = BuiltinTool(kind="web_search", max_uses=3, protocol="anthropic_messages", native={"type": "web_search_20250305"})
    body, lost = emit(
        can(
            tools=(
                ToolDefinition(name="a", kind="custom", format={}),
                ToolDefinition(name="b", strict=True, cache_control=CacheControl()),
            ),
            builtin_tools=(search, BuiltinTool(kind="mcp"), BuiltinTool(kind="web_fetch")),
            parallel_tool_calls=False,
            max_tool_calls=2,
        )
    )
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]["required"] == ["input"]
    assert body["tools"][1:] == [{"googleSearch": {}}, {"urlContext": {}}]
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert lost == {
        "capabilities.tools[0].kind": "approximated",
        "capabilities.tools[0].format": "dropped",
        "capabilities.tools[1].strict": "dropped",
        "capabilities.tools[1].cache_control": "dropped",
        "capabilities.builtin_tools[0]": "approximated",
        "capabilities.builtin_tools[0].max_uses": "dropped",
        "capabilities.builtin_tools[1]": "dropped",
        "capabilities.parallel_tool_calls": "dropped",
        "capabilities.max_tool_calls": "dropped",
    }


def test_names_that_gemini_refuses() -> None:
    """It allows dots and colons, but no digit at the start and no more than 128 characters; calls, results and choices follow."""
    long = "g" * 130
    names = ("2nd", "_2nd", "a.b:c-d", long, "a b")
    asked = request(
        QUESTION,
        said(ToolCall(call_id="c", name="2nd", arguments="{}")),
        ToolResult(call_id="c", name="2nd"),
        capabilities=CapabilitySet(
            tools=tuple(ToolDefinition(name=name) for name in names), tool_choice=ToolChoice(mode="named", names=("2nd",))
        ),
    )
    assert emit_request(P, asked).names == {"_2nd_2": "2nd", "g" * 128: long, "a_b": "a b"}
    body = msgspec.json.decode(emit_request(P, asked).value)
    declared = [function["name"] for function in body["tools"][0]["functionDeclarations"]]
    assert declared == ["_2nd_2", "_2nd", "a.b:c-d", "g" * 128, "a_b"]
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == "_2nd_2"
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == "_2nd_2"
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["_2nd_2"]


OLD = GeminiDialect(joins_tools=False, thinks_in_levels=False)
F = ToolDefinition(name="f")


def test_functions_alone_before_gemini_3() -> None:
    """It takes no tools of Google's own beside them; without functions it does."""
    search = BuiltinTool(kind="web_search")
    body, lost = emit(can(tools=(F,), builtin_tools=(search,)), OLD)
    assert body == {**asks(), "tools": [{"functionDeclarations": [{"name": "f"}]}]}
    assert lost == {"capabilities.builtin_tools[0]": "dropped"}
    body, lost = emit(can(builtin_tools=(search,)), OLD)
    assert body["tools"] == [{"googleSearch": {}}]
    assert "toolConfig" not in body
    assert lost == {}


@in_turn("tools", [{"tools": (F,)}, {"builtin_tools": (BuiltinTool(kind="web_search"),)}])
def test_json_is_asked_for_in_words_beside_tools_before_gemini_3(tools: dict[str, Any]) -> None:
    """It refuses the member that asks for JSON; what runs an agent waits for an answer of its schema all the same."""
    asked = can(structured_output=StructuredOutputConfig(schema={"type": "object"}), **tools)
    written = emit_request(P, asked, dialect=OLD)
    body = msgspec.json.decode(written.value)
    words = 'Answer with JSON of this schema and nothing else:\n{"type":"object"}'
    assert body["systemInstruction"] == {"parts": [{"text": words}]}
    assert "generationConfig" not in body
    assert [(reason.path, reason.kind) for reason in written.loss_reasons] == [("capabilities.structured_output", "approximated")]
    newer = emit_request(P, asked)
    assert b"systemInstruction" not in newer.value
    assert b"responseJsonSchema" in newer.value
    assert newer.loss_reasons == ()


UNKNOWN_CHOICES: tuple[tuple[ToolChoice, dict | None, dict[str, str]], ...] = (
    (ToolChoice(mode="named", names=("web_search",)), None, {"": "dropped"}),
    (ToolChoice(mode="allowed", names=("web_search",), is_required=True), None, {"": "dropped"}),
    (
        ToolChoice(mode="allowed", names=("web_search", "f"), is_required=True),
        {"mode": "ANY", "allowedFunctionNames": ["f"]},
        {".names": "approximated"},
    ),
)


@pytest.mark.parametrize(("choice", "written", "lost"), UNKNOWN_CHOICES)
def test_choice_of_no_function(choice: ToolChoice, written: dict | None, lost: dict[str, str]) -> None:
    """Gemini refuses names that are not declared."""
    body, found = emit(can(tools=(F,), tool_choice=choice))
    assert body.get("toolConfig") == (None if written is None else {"functionCallingConfig": written})
    assert found == {f"capabilities.tool_choice{member}": kind for member, kind in lost.items()}


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_choice_without_functions(mode: Any) -> None:
    """There is nothing to choose; auto says nothing."""
    body, lost = emit(can(builtin_tools=(BuiltinTool(kind="web_search"),), tool_choice=ToolChoice(mode=mode)))
    assert "toolConfig" not in body
    assert lost == ({} if mode == "auto" else {"capabilities.tool_choice": "dropped"})


OLD_THINKING: tuple[tuple[ReasoningCapability, dict, dict[str, str]], ...] = (
    (ReasoningCapability(effort="low"), {"thinkingBudget": 2048}, {"effort": "approximated"}),
    (ReasoningCapability(effort="max"), {"thinkingBudget": 24576}, {"effort": "approximated"}),
    (ReasoningCapability(effort="high", budget_tokens=5), {"thinkingBudget": 5}, {"effort": "dropped"}),
    (ReasoningCapability(effort="none"), {"thinkingBudget": 0}, {}),
    (ReasoningCapability(budget_tokens=2048), {"thinkingBudget": 2048}, {}),
    (ReasoningCapability(mode="adaptive"), {"thinkingBudget": -1, "includeThoughts": True}, {"mode": "approximated"}),
)


@in_turn(("reasoning", "written", "lost"), OLD_THINKING)
def test_budget_before_gemini_3(reasoning: ReasoningCapability, written: dict, lost: dict[str, str]) -> None:
    """It knows no levels."""
    body, found = emit(can(reasoning=reasoning), OLD)
    assert body["generationConfig"]["thinkingConfig"] == written
    assert found == {f"capabilities.reasoning.{name}": kind for name, kind in lost.items()}


def test_model_that_always_reasons() -> None:
    """What asks it not to would be refused."""
    body, lost = emit(can(reasoning=ReasoningCapability(mode="disabled")), GeminiDialect(can_stop_thinking=False))
    assert body == asks()
    assert lost == {"capabilities.reasoning.mode": "dropped"}


CHOICES: tuple[tuple[ToolChoice, dict | None], ...] = (
    (ToolChoice(mode="auto"), {"mode": "AUTO"}),
    (ToolChoice(mode="none"), {"mode": "NONE"}),
    (ToolChoice(mode="required"), {"mode": "ANY"}),
    (ToolChoice(mode="named", names=("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    (ToolChoice(mode="allowed", names=("f", "g"), is_required=True), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
    (ToolChoice(mode="allowed", names=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    (ToolChoice(mode="named", protocol="openai_responses", native={"type": "mcp"}), None),
)


@in_turn(("choice", "written"), CHOICES)
def test_tool_choice(choice: ToolChoice, written: dict | None) -> None:
    """And back; a choice that only another protocol knows is dropped."""
    functions = (ToolDefinition(name="f"), ToolDefinition(name="g"))
    body, lost = emit(can(tools=functions, tool_choice=choice))
    assert body.get("toolConfig") == (None if written is None else {"functionCallingConfig": written})
    assert lost == ({} if written else {"capabilities.tool_choice": "dropped"})
    assert not written or parse(body)[0].capabilities.tool_choice == choice


THINKING: tuple[tuple[ReasoningCapability, dict, dict[str, str]], ...] = (
    (ReasoningCapability(effort="low"), {"thinkingLevel": "LOW"}, {}),
    (ReasoningCapability(effort="max"), {"thinkingLevel": "XHIGH"}, {"effort": "approximated"}),
    (ReasoningCapability(effort="none"), {"thinkingBudget": 0}, {}),
    (ReasoningCapability(mode="disabled"), {"thinkingBudget": 0}, {}),
    (ReasoningCapability(budget_tokens=2048), {"thinkingBudget": 2048}, {}),
    (ReasoningCapability(mode="enabled", budget_tokens=2048), {"thinkingBudget": 2048, "includeThoughts": True}, {}),
    (
        ReasoningCapability(mode="adaptive", include_thoughts=False),
        {"thinkingBudget": -1, "includeThoughts": False},
        {"mode": "approximated"},
    ),
    (ReasoningCapability(effort="high", budget_tokens=5), {"thinkingLevel": "HIGH"}, {"budget_tokens": "dropped"}),
    (
        ReasoningCapability(effort="high", summary="auto"),
        {"thinkingLevel": "HIGH", "includeThoughts": True},
        {"summary": "approximated"},
    ),
)


@in_turn(("reasoning", "written", "lost"), THINKING)
def test_reasoning(reasoning: ReasoningCapability, written: dict, lost: dict[str, str]) -> None:
    """A level or a budget."""
    body, found = emit(can(reasoning=reasoning))
    assert body["generationConfig"]["thinkingConfig"] == written
    assert found == {f"capabilities.reasoning.{name}": kind for name, kind in lost.items()}


@in_turn(
    ("model", "asked", "written", "lost"),
    [
        ("gemini-3-pro-preview", "minimal", {"thinkingLevel": "LOW"}, {"effort": "approximated"}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH"}, {"effort": "approximated"}),
        ("gemini-3-pro-preview", "none", {"thinkingLevel": "LOW"}, {"effort": "approximated"}),
        ("gemini-3.7-flash", "xhigh", {"thinkingLevel": "HIGH"}, {"effort": "approximated"}),
        ("gemini-3.7-flash", "none", {"thinkingLevel": "LOW"}, {"effort": "approximated"}),
        ("gemini-3-flash-preview", "none", {"thinkingBudget": 0}, {}),
        ("gemini-2.5-pro", "none", None, {"effort": "dropped"}),
        ("gemini-2.5-flash-image", "low", None, {"": "dropped"}),
    ],
)
def test_effort_is_one_that_the_model_takes(model: str, asked: str, written: dict | None, lost: dict[str, str]) -> None:
    """Or the nearest; it refuses the others."""
    dialect = dialect_of(endpoint("gemini"), provider="p", protocol="gemini_generate_content", model=model, most_output=0, default_output=9)
    body, found = emit(can(reasoning=ReasoningCapability(effort=asked)), dialect)
    assert body.get("generationConfig", {}).get("thinkingConfig") == written
    assert found == {f"capabilities.reasoning.{name}".rstrip("."): kind for name, kind in lost.items()}


@in_turn(
    ("reasoning", "written", "lost"),
    [
        (ReasoningCapability(mode="enabled", budget_tokens=1024), {"thinkingLevel": "LOW", "includeThoughts": True}, "budget_tokens"),
        (ReasoningCapability(budget_tokens=9000), {"thinkingLevel": "HIGH"}, "budget_tokens"),
        (ReasoningCapability(budget_tokens=0), {"thinkingLevel": "LOW"}, "budget_tokens"),
        (ReasoningCapability(budget_tokens=-1), None, "budget_tokens"),
        (ReasoningCapability(mode="disabled"), {"thinkingLevel": "LOW"}, "mode"),
        (ReasoningCapability(mode="enabled"), {"includeThoughts": True}, "mode"),
    ],
)
def test_gemini_4_is_asked_for_no_budget_and_for_one_answer(reasoning: ReasoningCapability, written: dict | None, lost: str) -> None:
    """ "Thinking budget is not supported for this model. Use thinking level instead." is what it says, with a 400; also to several answers."""
    dialect = dialect_of(endpoint("gemini"), provider="p", protocol=P, model="gemini-4-argon", most_output=0, default_output=9)
    body, found = emit(replace(can(reasoning=reasoning), generation=GenerationConfig(n=3)), dialect)
    assert body["generationConfig"] == {"candidateCount": 1} | ({} if written is None else {"thinkingConfig": written})
    assert found == {f"capabilities.reasoning.{lost}": "approximated", "generation.n": "approximated"}


def test_structured_output() -> None:
    """Gemini holds to the schema, and has no names for it."""
    output = StructuredOutputConfig(name="a", description="b", schema={"type": "object"}, strict=False)
    body, lost = emit(can(structured_output=output))
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}
    path = "capabilities.structured_output"
    assert lost == {f"{path}.name": "dropped", f"{path}.description": "dropped", f"{path}.strict": "approximated"}


def test_most_answers() -> None:
    """Gemini refuses more than eight."""
    body, lost = emit(request(generation=GenerationConfig(n=20)))
    assert body["generationConfig"] == {"candidateCount": 8}
    assert lost == {"generation.n": "approximated"}


def test_rest_that_gemini_cannot_say() -> None:
    """Every member by its name."""
    body, lost = emit(
        request(
            generation=GenerationConfig(logit_bias={"1": 1}, verbosity="low", service_tier="auto"),
            capabilities=CapabilitySet(audio={"voice": "alloy"}),
            metadata={"run": "7"},
            user_id="u",
            store=True,
            protocol="openai_chat",
            vendor_extensions={"prediction": {}},
        )
    )
    assert body == asks()
    members = ("generation.logit_bias", "generation.verbosity", "generation.service_tier", "capabilities.audio", "metadata.run")
    assert lost == dict.fromkeys((*members, "user_id", "store", "vendor_extensions.prediction"), "dropped")


def test_service_tier() -> None:
    """The words that are shared."""
    for tier, word in (("flex", "flex"), ("priority", "priority"), ("default", "standard"), ("standard", "standard")):
        assert emit(request(generation=GenerationConfig(service_tier=tier)))[0]["serviceTier"] == word


def test_prompt_cache() -> None:
    """Gemini caches by itself: what is more than that is dropped, and what must be is refused."""
    assert emit(can(prompt_cache=PromptCachePolicy()))[1] == {}
    assert emit(can(prompt_cache=PromptCachePolicy.disabled()))[1] == {}
    policy = PromptCachePolicy(key=ExplicitKey(value="k"), breakpoint=EndOfTools(), retention=PromptCacheRetention.LONG)
    path = "capabilities.prompt_cache"
    assert emit(can(prompt_cache=policy))[1] == dict.fromkeys((f"{path}.key", f"{path}.breakpoint", f"{path}.retention"), "dropped")
    with pytest.raises(ProtocolError):
        emit(can(prompt_cache=PromptCachePolicy.required()))
