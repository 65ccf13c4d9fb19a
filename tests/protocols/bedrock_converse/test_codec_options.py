"""What is asked of the model beside its conversation: tools, thinking, sampling, the prompt cache."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.protocols.bedrock_converse.asking import CALL, NOVA, SEARCH, asked, body, emit, losses, said
from tests.protocols.bedrock_converse.oracle import CLAUDE

from omnillm.errors import ProtocolError
from omnillm.model import (
    CacheControl,
    CapabilitySet,
    EndOfMessage,
    ExplicitKey,
    GenerationConfig,
    LlmRequest,
    Message,
    MessageRole,
    PromptCachePolicy,
    PromptCacheRetention,
    ReasoningCapability,
    StructuredOutputConfig,
    Text,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    user,
)
from omnillm.protocols.transcode import parse_request


@in_turn(
    ("choice", "dialect", "expected", "lost"),
    [
        (ToolChoice(mode="auto"), {}, {"auto": {}}, set()),
        (ToolChoice(mode="required"), {}, {"any": {}}, set()),
        (ToolChoice(mode="named", names=("search",)), {}, {"tool": {"name": "search"}}, set()),
        (ToolChoice(mode="allowed", names=("search",), is_required=True), {}, {"any": {}}, {"approximated:capabilities.tool_choice"}),
        (ToolChoice(mode="required"), {"forces_calls": False}, {"auto": {}}, {"approximated:capabilities.tool_choice"}),
    ],
)
def test_tool_choice_is_said(choice: ToolChoice, dialect: dict[str, Any], expected: dict[str, Any], lost: set[str]) -> None:
    """Every choice has its word, or the nearest one and a reason; the newest models refuse to be forced, thinking or not."""
    request = asked(capabilities=CapabilitySet(tools=(SEARCH,), tool_choice=choice))
    assert body(request, **dialect)["toolConfig"]["toolChoice"] == expected
    assert losses(request, **dialect) == lost


THINKING = CapabilitySet(reasoning=ReasoningCapability(mode="enabled", budget_tokens=2000), tools=(SEARCH,))
MARKED = Message(role=MessageRole.USER, parts=(Text(text="hi", cache_control=CacheControl(ttl="5m")),))


@in_turn(
    ("request", "dialect", "expected", "lost"),
    [
        (
            asked(generation=GenerationConfig(temperature=0.5, top_p=0.5, top_k=5)),
            {"accepts_sampling": False},
            {},
            {"dropped:generation.temperature", "dropped:generation.top_p", "dropped:generation.top_k"},
        ),
        (
            asked(generation=GenerationConfig(temperature=1.5, top_k=5, stop=("END", "\n"))),
            {},
            {"inferenceConfig": {"temperature": 1.0, "stopSequences": ["END"]}, "additionalModelRequestFields": {"top_k": 5}},
            {"approximated:generation.temperature", "dropped:generation.stop"},
        ),
        (
            asked(
                capabilities=replace(THINKING, tool_choice=ToolChoice(mode="required")), generation=GenerationConfig(max_output_tokens=4000)
            ),
            {},
            {"toolChoice": {"auto": {}}},
            {"approximated:capabilities.tool_choice"},
        ),
        (
            asked(capabilities=CapabilitySet(structured_output=StructuredOutputConfig(name="d", schema={"type": "string"}, strict=False))),
            {},
            {},
            {"approximated:capabilities.structured_output.strict"},
        ),
        (
            asked(metadata={"team": "water"}, vendor_extensions={"requestMetadata": {"team": "air", "run": "7"}}),
            {},
            {"requestMetadata": {"team": "water", "run": "7"}},
            set(),
        ),
        (
            asked(model=NOVA, capabilities=CapabilitySet(reasoning=ReasoningCapability(effort="none"))),
            {},
            {"additionalModelRequestFields": {"reasoningConfig": {"type": "disabled"}}},
            set(),
        ),
        (
            asked(MARKED, capabilities=CapabilitySet(prompt_cache=PromptCachePolicy(breakpoint=EndOfMessage(index=0)))),
            {},
            {"messages": [{"role": "user", "content": [{"text": "hi"}, {"cachePoint": {"type": "default", "ttl": "5m"}}]}]},
            set(),
        ),
        (
            asked(MARKED, model=NOVA),
            {},
            {"messages": [{"role": "user", "content": [{"text": "hi"}, {"cachePoint": {"type": "default"}}]}]},
            set(),
        ),
    ],
)
def test_option_that_cannot_be_had_is_told(request: LlmRequest, dialect: dict[str, Any], expected: dict[str, Any], lost: set[str]) -> None:
    """And what can be had beside it stays."""
    written = body(request, **dialect)
    written |= written.get("toolConfig", {})
    assert {name: written.get(name) for name in expected} == expected
    assert losses(request, **dialect) == lost


@in_turn("model", [CLAUDE, NOVA])
def test_claude_takes_one_way_to_sample(model: str) -> None:
    """Its newer models refuse a call with both a temperature and a top_p."""
    request = asked(model=model, generation=GenerationConfig(temperature=0.5, top_p=0.5))
    only = model == CLAUDE
    assert body(request)["inferenceConfig"] == ({"temperature": 0.5} if only else {"temperature": 0.5, "topP": 0.5})
    assert losses(request) == ({"dropped:generation.top_p"} if only else set())
    alone = asked(model=model, generation=GenerationConfig(top_p=0.5))
    assert body(alone)["inferenceConfig"] == {"topP": 0.5}


def test_model_that_holds_to_no_schema_is_asked_in_words() -> None:
    """It would refuse the call for a schema of its answer, or a strict tool."""
    output = StructuredOutputConfig(name="d", schema={"type": "string"})
    tools = (replace(SEARCH, strict=True), replace(SEARCH, name="other", strict=False))
    request = asked(model=NOVA, capabilities=CapabilitySet(structured_output=output, tools=tools))
    written = body(request, takes_schemas=False)
    assert ("outputConfig" in written, written["system"][0]["text"].splitlines()[1]) == (False, '{"type":"string"}')
    assert [tool["toolSpec"].keys() & {"strict"} for tool in written["toolConfig"]["tools"]] == [set(), set()]
    told = {"approximated:capabilities.structured_output.kind", "dropped:capabilities.tools[0].strict"}
    assert losses(request, takes_schemas=False) == told


def test_no_call_is_wanted() -> None:
    """Converse has no word for it: without earlier calls the tools are left out, and with them the report says so."""
    capabilities = CapabilitySet(tools=(SEARCH,), tool_choice=ToolChoice(mode="none"))
    assert "toolConfig" not in body(asked(capabilities=capabilities))
    called = (
        user("hi"),
        said(CALL),
        ToolResult(call_id="t1"),
    )
    assert "toolConfig" in body(asked(*called, capabilities=capabilities))
    assert "dropped:capabilities.tool_choice" in losses(asked(*called, capabilities=capabilities))
    bare = body(asked(*called))
    assert [tool["toolSpec"]["name"] for tool in bare["toolConfig"]["tools"]] == ["search"]
    assert "defaulted:capabilities.tools" in losses(asked(*called))


def test_thinking_of_claude_goes_beside_converses_own_members() -> None:
    """A budget, an effort where the model thinks adaptively, and no sampling that thinking forbids."""
    reasoning = CapabilitySet(reasoning=ReasoningCapability(mode="enabled", budget_tokens=2000))
    request = asked(capabilities=reasoning, generation=GenerationConfig(max_output_tokens=4000, temperature=0.5, top_k=5))
    written = body(request)
    assert written["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert written["inferenceConfig"] == {"maxTokens": 4000}
    assert losses(request) == {"dropped:generation.temperature", "dropped:generation.top_k"}
    effort = asked(capabilities=CapabilitySet(reasoning=ReasoningCapability(mode="adaptive", effort="high")))
    adaptive = body(effort, thinks_adaptively=True)
    assert adaptive["additionalModelRequestFields"] == {"thinking": {"type": "adaptive"}}
    assert adaptive["outputConfig"] == {"effort": "high"}
    uncapped = body(asked(capabilities=reasoning), default_max_tokens=3000)
    assert uncapped["inferenceConfig"] == {"maxTokens": 3000}


def test_models_without_a_known_way_to_think_say_so() -> None:
    """Nova takes an effort and a topK of its own; of others nothing is known."""
    request = asked(
        model="us.amazon.nova-2-lite-v1:0",
        capabilities=CapabilitySet(reasoning=ReasoningCapability(effort="high")),
        generation=GenerationConfig(top_k=5),
    )
    fields = body(request)["additionalModelRequestFields"]
    assert fields == {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}, "inferenceConfig": {"topK": 5}}
    other = asked(model="meta.llama3-70b-instruct-v1:0", capabilities=request.capabilities, generation=request.generation)
    assert losses(other) == {"dropped:capabilities.reasoning", "dropped:generation.top_k"}


def test_what_converse_does_not_know_of_thinking_is_told() -> None:
    """Whichever model is asked, and as Converse's own limit."""
    reasoning = CapabilitySet(reasoning=ReasoningCapability(mode="enabled", budget_tokens=2000, vendor_extensions={"x": 1}))
    for model in (CLAUDE, NOVA):
        told = {reason.path: reason.detail for reason in emit(asked(model=model, capabilities=reasoning)).loss_reasons}
        assert told["capabilities.reasoning.vendor_extensions.x"] == "Converse does not know it"


def test_marks_become_cache_points() -> None:
    """After the marked part, the marked tool and the marked result; at most four, the last ones."""
    mark = CacheControl(ttl="1h")
    request = asked(
        Message(role=MessageRole.SYSTEM, parts=(Text(text="Long rules.", cache_control=mark),)),
        *[Message(role=MessageRole.USER, parts=(Text(text=f"{number}", cache_control=CacheControl()),)) for number in range(4)],
        capabilities=CapabilitySet(tools=(ToolDefinition(name="t", cache_control=mark),)),
    )
    written = body(request)
    assert written["toolConfig"]["tools"] == [{"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]
    assert written["system"] == [{"text": "Long rules."}]
    assert [block for block in written["messages"][0]["content"] if "cachePoint" in block] == [{"cachePoint": {"type": "default"}}] * 4
    few = asked(*request.input[:2], capabilities=request.capabilities)
    assert body(few)["system"] == [{"text": "Long rules."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert body(few)["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    llama = asked(*request.input[:2], model="meta.llama3-70b-instruct-v1:0")
    assert losses(llama) == {"dropped:input[0].parts[0].cache_control", "dropped:input[1].parts[0].cache_control"}


def test_nova_takes_no_cache_points_of_tools() -> None:
    """It refuses the whole call for one after a tool or its result, and knows no term; a policy that may choose takes the system text."""
    mark = CacheControl(ttl="1h")
    marked = asked(
        Message(role=MessageRole.SYSTEM, parts=(Text(text="Long rules.", cache_control=mark),)),
        user("hi"),
        Message(role=MessageRole.ASSISTANT, parts=(ToolCall(call_id="c1", name="search", arguments="{}"),)),
        ToolResult(call_id="c1", content=(Text(text="found"),), cache_control=mark),
        model="us.amazon.nova-2-lite-v1:0",
        capabilities=CapabilitySet(tools=(replace(SEARCH, cache_control=mark),)),
    )
    written = body(marked)
    assert written["system"] == [{"text": "Long rules."}, {"cachePoint": {"type": "default"}}]
    assert "cachePoint" not in json.dumps([written["messages"], written["toolConfig"]])
    assert losses(marked) >= {
        "approximated:input[0].parts[0].cache_control.ttl",
        "dropped:capabilities.tools[0].cache_control",
        "dropped:input[3].cache_control",
    }
    policy = CapabilitySet(tools=(SEARCH,), prompt_cache=PromptCachePolicy.required())
    chosen = body(
        asked(Message(role=MessageRole.SYSTEM, parts=(Text(text="Rules."),)), user("hi"), model="amazon.nova-pro-v1:0", capabilities=policy)
    )
    assert (chosen["system"][-1], len(chosen["toolConfig"]["tools"])) == ({"cachePoint": {"type": "default"}}, 1)
    with pytest.raises(ProtocolError, match="cache"):
        emit(replace(marked, capabilities=CapabilitySet(prompt_cache=replace(policy.prompt_cache, breakpoint=EndOfMessage(index=3)))))


def test_key_that_is_required_is_refused() -> None:
    """As by the Messages API: there is no place for one."""
    policy = PromptCachePolicy(mode="required", key=ExplicitKey(value="k"), breakpoint=EndOfMessage(index=0))
    with pytest.raises(ProtocolError, match="without a key"):
        body(asked(capabilities=CapabilitySet(prompt_cache=policy)))


def test_cache_policy_is_kept_or_refused() -> None:
    """A required cache that the model cannot have is refused before anything is sent; a disabled one takes the marks off."""
    required = PromptCachePolicy(mode="required", retention=PromptCacheRetention.LONG, breakpoint=EndOfMessage(index=0))
    written = body(asked(capabilities=CapabilitySet(prompt_cache=required)))
    assert written["messages"][0]["content"] == [{"text": "hi"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    for request in (
        asked(model="meta.llama3-70b-instruct-v1:0", capabilities=CapabilitySet(prompt_cache=required)),
        asked(capabilities=CapabilitySet(prompt_cache=PromptCachePolicy.required())),
        asked(previous_response_id="resp_1"),
    ):
        with pytest.raises(ProtocolError):
            emit(request)
    marked = Message(role=MessageRole.USER, parts=(Text(text="hi", cache_control=CacheControl()),))
    disabled = asked(marked, capabilities=CapabilitySet(prompt_cache=PromptCachePolicy.disabled()))
    assert body(disabled)["messages"][0]["content"] == [{"text": "hi"}]


def test_structured_output_tier_and_metadata_are_said() -> None:
    """In outputConfig, serviceTier and requestMetadata."""
    schema = {"type": "object", "properties": {"depth": {"type": "number"}}}
    request = asked(
        capabilities=CapabilitySet(structured_output=StructuredOutputConfig(name="depth", schema=schema)),
        generation=GenerationConfig(service_tier="flex"),
        metadata={"team": "water", "odd": "ü"},
    )
    written = body(request)
    assert json.loads(written["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == {
        **schema,
        "additionalProperties": False,
    }
    assert written["serviceTier"] == {"type": "flex"}
    assert written["requestMetadata"] == {"team": "water"}
    assert losses(request) == {"dropped:metadata.odd", "approximated:capabilities.structured_output.schema"}


def test_clients_of_any_protocol_may_add_a_guardrail_but_no_model_fields() -> None:
    """What could raise the output cap behind the budget's back does not pass."""
    guardrail = {"guardrailIdentifier": "gr-1", "guardrailVersion": "1"}
    sent = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "guardrailConfig": guardrail,
        "performanceConfig": {"latency": "optimized"},
        "additionalModelRequestFields": {"max_tokens": 10**6},
    }
    request = parse_request("openai_chat", json.dumps(sent).encode(), model=CLAUDE).value
    written = body(request)
    assert written["guardrailConfig"] == guardrail
    assert written["performanceConfig"] == {"latency": "optimized"}
    assert "additionalModelRequestFields" not in written
    assert "dropped:vendor_extensions.additionalModelRequestFields" in losses(request)
