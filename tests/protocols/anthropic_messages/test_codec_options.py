"""Tools, thinking, sampling and prompt caches of canonical requests, written for the Messages API."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.protocols.anthropic_messages.asking import P, ask, emit, said, user_of

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
from omnillm.model.message import CacheControl, Message, MessageRole, Text, ToolCall, ToolResult
from omnillm.model.request import GenerationConfig, LlmRequest, user
from omnillm.protocols.dialects import ClaudeDialect


def able(**capabilities: Any) -> LlmRequest:
    return ask(capabilities=CapabilitySet(**capabilities))


def test_custom_tool_is_a_function_of_one_text():
    """Its free text is a member of an object, in its definition and in its calls."""
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


OPEN = {"type": "object", "properties": {"n": {"type": "integer", "description": "N.", "minimum": 1}}, "required": ["n"]}
CLOSED = {
    "type": "object",
    "properties": {"n": {"type": "integer", "description": "N.\n\n{minimum: 1}"}},
    "required": ["n"],
    "additionalProperties": False,
}


@in_turn(
    ("schema", "strict", "written", "is_lost"),
    [
        (OPEN, None, OPEN, False),
        (OPEN, True, CLOSED, True),
        (CLOSED, True, CLOSED, False),
    ],
)
def test_input_of_a_foreign_tool_is_closed_if_it_is_strict(schema, strict, written, is_lost):
    """A schema of a client's own protocol goes through as it is."""
    request = able(tools=(ToolDefinition(name="f", input_schema=schema, strict=strict),))
    body, lost = emit(request)
    assert body["tools"][0]["input_schema"] == written
    assert lost == ({"capabilities.tools[0].input_schema": "approximated"} if is_lost else {})
    body, lost = emit(replace(request, protocol=P))
    assert (body["tools"][0]["input_schema"], lost) == (schema, {})


def test_schema_of_a_foreign_answer_holds_nothing_that_is_refused():
    """What the API refuses moves into descriptions; a schema of its own clients stays."""
    request = able(structured_output=StructuredOutputConfig(schema=OPEN))
    body, lost = emit(request)
    assert body["output_config"]["format"] == {"type": "json_schema", "schema": CLOSED}
    assert lost == {"capabilities.structured_output.schema": "approximated"}
    assert emit(able(structured_output=StructuredOutputConfig(schema=CLOSED)))[1] == {}
    body, lost = emit(replace(request, protocol=P))
    assert (body["output_config"]["format"]["schema"], lost) == (OPEN, {})


@in_turn(
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
    """The nearest of the API's own, and what of it has no counterpart is told."""
    body, found = emit(able(builtin_tools=(tool,)))
    assert body.get("tools") == (None if written is None else [written])
    assert found == {f"capabilities.builtin_tools[0]{path}": kind for path, kind in lost.items()}


F, G = ToolDefinition(name="f"), ToolDefinition(name="g")


@in_turn(
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
    """Of the allowed tools the others are left out, because no choice names several."""
    body, found = emit(able(tools=(F, G), tool_choice=choice))
    assert body.get("tool_choice") == written
    assert found == {f"capabilities.tool_choice{path}": kind for path, kind in lost.items()}
    assert [tool["name"] for tool in body["tools"]] == (["g"] if choice.mode == "allowed" else ["f", "g"])


def test_calls_one_at_a_time_need_a_choice_to_say_so():
    """The flag is a member of the choice; without tools there is nothing to choose."""
    assert emit(able(tools=(F,), parallel_tool_calls=False))[0]["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert "tool_choice" not in emit(able(tools=(F,), parallel_tool_calls=True))[0]
    assert emit(able(tool_choice=ToolChoice(mode="required")))[1] == {"capabilities.tool_choice": "dropped"}


@in_turn(
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
    """A model thinks adaptively, with an effort, or by a budget of tokens."""
    request = replace(able(reasoning=reasoning), generation=GenerationConfig(max_output_tokens=50_000))
    body, _ = emit(request, ClaudeDialect(thinks_adaptively=True))
    assert (body.get("thinking"), body.get("output_config", {}).get("effort")) == adaptively
    thinking = emit(request)[0].get("thinking") or {}
    assert thinking.get("budget_tokens") == by_budget


def test_budget_of_a_client_of_this_protocol_is_kept_where_the_model_takes_one():
    """With thinking between tools a budget may be larger than the output cap."""
    request = replace(able(reasoning=ReasoningCapability(mode="enabled", budget_tokens=9000)), protocol="anthropic_messages")
    body, lost = emit(request)
    assert (body["max_tokens"], body["thinking"], lost) == (100, {"type": "enabled", "budget_tokens": 9000}, {})
    body, lost = emit(request, ClaudeDialect(thinks_adaptively=True))
    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
    assert lost == {"capabilities.reasoning.budget_tokens": "approximated"}


def test_thoughts_that_nobody_thinks_are_not_shown():
    """Asking to see them does not turn them on."""
    capability = ReasoningCapability(include_thoughts=True, summary="auto", vendor_extensions={"x": 1})
    body, lost = emit(able(reasoning=capability))
    assert "thinking" not in body
    assert lost == {f"capabilities.reasoning.{name}": "dropped" for name in ("include_thoughts", "summary", "vendor_extensions.x")}


def test_budget_fits_under_the_output_cap():
    """It is brought between 1024 and the cap; under a cap that leaves no room it is off, for the cap is a promise about money."""
    request = able(reasoning=ReasoningCapability(mode="enabled", budget_tokens=9000))
    body, lost = emit(replace(request, generation=GenerationConfig(max_output_tokens=5000)))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (5000, 4999)
    assert lost == {"capabilities.reasoning.budget_tokens": "approximated"}
    body, lost = emit(replace(request, generation=GenerationConfig(max_output_tokens=100)))
    assert (body["max_tokens"], body["thinking"]) == (100, {"type": "disabled"})
    assert lost == {"capabilities.reasoning": "approximated"}
    body, lost = emit(replace(request, generation=GenerationConfig()))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (4096, 4095)
    assert lost == {"capabilities.reasoning.budget_tokens": "approximated", "generation.max_output_tokens": "defaulted"}


def test_thinking_by_budget_forces_no_call_and_bears_no_temperature():
    """The API refuses all of these together."""
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
    assert emit(request, ClaudeDialect(thinks_adaptively=True))[0]["thinking"] == {"type": "adaptive"}


def test_everything_that_the_api_does_not_know_is_in_the_report():
    """Each by its path."""
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


@in_turn(("tier", "written"), [("auto", "auto"), ("default", "standard_only"), ("priority", "auto"), ("flex", None)])
def test_service_tiers_of_other_protocols(tier, written):
    """What is not among the API's own two is said as the nearest, or not at all."""
    body, lost = emit(ask(generation=GenerationConfig(max_output_tokens=1, service_tier=tier)))
    assert body.get("service_tier") == written
    assert bool(lost) is (tier != written)


def test_model_without_sampling_gets_none():
    """It would refuse the request."""
    generation = GenerationConfig(max_output_tokens=1, temperature=1.0, top_p=0.5, top_k=1)
    body, lost = emit(ask(generation=generation), ClaudeDialect(accepts_sampling=False))
    assert not {"temperature", "top_p", "top_k"} & body.keys()
    assert lost == {f"generation.{name}": "dropped" for name in ("temperature", "top_p", "top_k")}


def test_foreign_temperature_stands_without_a_nucleus():
    """Models refuse both together; who wrote both for this protocol hears it from the provider."""
    request = ask(generation=GenerationConfig(max_output_tokens=1, temperature=0.5, top_p=0.9))
    body, lost = emit(request)
    assert (body["temperature"], body.get("top_p"), lost) == (0.5, None, {"generation.top_p": "dropped"})
    body, lost = emit(replace(request, protocol=P))
    assert (body["temperature"], body["top_p"], lost) == (0.5, 0.9, {})


@pytest.mark.parametrize("protocol", ["", P])
def test_model_that_always_thinks_is_not_told_to_stop(protocol):
    """It would refuse the request; the others are told."""
    request = replace(able(reasoning=ReasoningCapability(mode="disabled")), protocol=protocol)
    body, lost = emit(request, ClaudeDialect(can_stop_thinking=False, thinks_adaptively=True))
    assert ("thinking" in body, lost) == (False, {"capabilities.reasoning": "approximated"})
    assert emit(request)[0]["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize("protocol", ["", P])
def test_model_that_thinks_between_tools_at_least_is_told_to(protocol):
    """It is what Anthropic's refusal names in the place of disabled; it is not thinking that sampling would be left out for."""
    request = replace(able(reasoning=ReasoningCapability(mode="disabled", effort="low")), protocol=protocol)
    body, lost = emit(request, ClaudeDialect(can_stop_thinking=False, thinks_adaptively=True, thinks_between_tools=True))
    assert (body["thinking"], lost) == ({"type": "between_tools"}, {"capabilities.reasoning": "approximated"})


@in_turn(
    ("choice", "written", "lost"),
    [
        (ToolChoice(mode="required"), {"type": "auto"}, {"capabilities.tool_choice": "approximated"}),
        (ToolChoice(mode="named", names=("f",)), {"type": "auto"}, {"capabilities.tool_choice": "approximated"}),
        (ToolChoice(mode="none"), {"type": "none"}, {}),
        (ToolChoice(mode="auto"), {"type": "auto"}, {}),
    ],
)
def test_newest_models_are_not_forced_to_call(choice, written, lost):
    """They refuse it, whether they were asked to think or not."""
    body, found = emit(able(tools=(F,), tool_choice=choice), ClaudeDialect(forces_calls=False))
    assert (body["tool_choice"], found) == (written, lost)


def test_state_of_another_provider_cannot_be_translated():
    """A response that is kept elsewhere is unknown here."""
    with pytest.raises(ProtocolError, match="no state"):
        emit(ask(previous_response_id="resp_1"))


SYSTEM = Message.text(MessageRole.SYSTEM, "s")


@in_turn(
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
    """One mark, on the last block before its breakpoint."""
    policy = PromptCachePolicy(mode="required", retention=PromptCacheRetention.LONG)
    policy = policy if breakpoint_ is None else replace(policy, breakpoint=breakpoint_)
    request = ask(SYSTEM, user("a"), said(Text(text="b")), user("c"), capabilities=CapabilitySet(tools=tools, prompt_cache=policy))
    body, lost = emit(request)
    assert place(body)["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert json.dumps(body).count("cache_control") == 1
    assert lost == {}


def test_cache_policy_without_a_place():
    """It is told, and refused where the caller requires it."""
    policy = PromptCachePolicy(breakpoint=EndOfTools(), key=ExplicitKey(value="k"))
    assert emit(able(prompt_cache=policy))[1] == {
        "capabilities.prompt_cache.breakpoint": "dropped",
        "capabilities.prompt_cache.key": "dropped",
    }
    with pytest.raises(ProtocolError, match="no place"):
        emit(able(prompt_cache=replace(policy, mode="required")))


def test_key_that_is_required_is_refused():
    """There is no place for one: whoever cannot do without it must not be answered as if it were kept."""
    with pytest.raises(ProtocolError, match="without a key"):
        emit(
            ask(SYSTEM, user("a"), capabilities=CapabilitySet(prompt_cache=PromptCachePolicy(mode="required", key=ExplicitKey(value="k"))))
        )


def test_four_marks_are_kept_the_policys_and_the_last():
    """The API takes no more."""
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
    """There are five minutes and an hour; never shorter than was asked."""
    body, lost = emit(ask(user_of(Text(text="a", cache_control=CacheControl(ttl="30m")))))
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert lost == {"input[0].parts[0].cache_control.ttl": "approximated"}
