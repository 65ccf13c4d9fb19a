"""What is written for a host that refuses what it does not know of the Responses API."""

import base64
import json
from typing import Any

from tests.in_turn import in_turn
from tests.protocols.cases import REQUESTS, RequestCase
from tests.protocols.openai_responses.asking import PNG, SCHEMA, emit, foreign
from tests.protocols.rare_cases import RARE_REQUESTS

from omnillm.errors import ProtocolError
from omnillm.model import (
    BuiltinTool,
    CapabilitySet,
    GenerationConfig,
    ImageBase64,
    Message,
    MessageRole,
    ReasoningCapability,
    Refusal,
    StructuredOutputConfig,
    Text,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    user,
)
from omnillm.protocols.dialects import ResponsesDialect
from omnillm.protocols.openai_responses.emit.narrow import ITEMS, MEMBERS, PARTS, TOOLS
from omnillm.protocols.transcode import emit_request


def narrowed(*items: Any, **members: Any) -> tuple[dict[str, Any], list[str]]:
    return emit(foreign(*items, **members), knows_all_members=False)


def test_a_conversation_is_told_in_its_plainest_form() -> None:
    """Calls and results by their four members, whatever was said as one text, pictures of the user's as they are."""
    said = Message(
        role=MessageRole.ASSISTANT, parts=(Text(text="It is"), Text(text="deep."), ToolCall(call_id="c1", name="sound", arguments="{}"))
    )
    brought = ToolResult(call_id="c1", name="sound", content=(Text(text="70"), Text(text="metres")))
    shown = Message(
        role=MessageRole.USER,
        parts=(Text(text="And this?"), ImageBase64(media_type="image/png", data=base64.b64decode(PNG.partition(",")[2]))),
    )
    body, losses = narrowed(user("How deep?"), said, brought, shown)
    assert body["input"] == [
        {"type": "message", "role": "user", "content": "How deep?"},
        {"type": "message", "role": "assistant", "content": "It is\ndeep."},
        {"type": "function_call", "call_id": "c1", "name": "sound", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "70\nmetres"},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "And this?"}, {"type": "input_image", "image_url": PNG}],
        },
    ]
    assert losses == []


FEATURES = (*REQUESTS, *RARE_REQUESTS)


@in_turn("case", FEATURES, ids=[case.feature for case in FEATURES])
def test_nothing_is_written_that_it_does_not_know(case: RequestCase) -> None:
    """Whatever is asked: members, items, parts and tools of its own alone, and no item that says nothing where something was said."""
    try:
        body = json.loads(emit_request("openai_responses", case.request, dialect=ResponsesDialect(knows_all_members=False)).value)
    except ProtocolError:
        return
    assert body.keys() <= MEMBERS
    for item in body["input"]:
        assert item.keys() <= {*ITEMS[item["type"]]}
        for part in item["content"] if isinstance(item.get("content"), list) else ():
            assert part.keys() <= {*PARTS[part["type"]]}
    assert all(tool.keys() <= {*TOOLS[tool["type"]]} for tool in body.get("tools", ()))
    if not any(isinstance(item, Message) and not item.parts for item in case.request.input):
        assert all(item["content"] for item in body["input"] if item["type"] == "message")


def test_a_refusal_is_a_text() -> None:
    """A message without content would be refused, and the model not know that it refused."""
    body, losses = narrowed(user("How deep?"), Message(role=MessageRole.ASSISTANT, parts=(Refusal(text="No."),)), user("Please."))
    assert body["input"][1] == {"type": "message", "role": "assistant", "content": "No."}
    assert losses == ["approximated:input.content"]


def test_a_search_may_be_chosen() -> None:
    """By the name that the host has for it; another hosted tool is none of its own."""
    search, other = BuiltinTool(kind="web_search"), BuiltinTool(kind="code_execution")
    for tool, choice, lost in (
        (search, {"type": "web_search"}, []),
        (other, None, ["dropped:tool_choice", "dropped:tools.code_interpreter"]),
    ):
        native = ToolChoice(mode="named", protocol="openai_responses", native={"type": (choice or {"type": "code_interpreter"})["type"]})
        body, losses = narrowed(user("Hi"), capabilities=CapabilitySet(builtin_tools=(tool,), tool_choice=native))
        assert body.get("tool_choice") == choice
        assert losses == lost


def test_settings_are_told_in_its_words_or_not_at_all() -> None:
    """Its own form of a schema and of a choice, an effort without a summary; what it refuses is a loss."""
    body, losses = narrowed(
        user_id="u1",
        generation=GenerationConfig(max_output_tokens=64, temperature=0.5, verbosity="low", service_tier="priority"),
        capabilities=CapabilitySet(
            tools=(ToolDefinition(name="search", input_schema=SCHEMA),),
            tool_choice=ToolChoice(mode="named", names=("search",)),
            reasoning=ReasoningCapability(mode="enabled", effort="high"),
            structured_output=StructuredOutputConfig(kind="json_schema", name="depth", schema=SCHEMA, strict=True),
        ),
    )
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "depth", "schema": SCHEMA, "strict": True}}
    assert (body["tool_choice"], body["reasoning"]) == ({"name": "search"}, {"effort": "high"})
    assert (body["max_output_tokens"], body["temperature"], body["store"]) == (64, 0.5, False)
    assert body.keys().isdisjoint({"text", "include", "service_tier", "safety_identifier"})
    assert {f"dropped:{name}" for name in ("text.verbosity", "reasoning.summary", "include", "service_tier", "safety_identifier")} <= set(
        losses
    )


def test_what_it_has_no_words_for_is_left_out() -> None:
    """Not thinking, any JSON, and a choice of several."""
    body, losses = narrowed(
        capabilities=CapabilitySet(
            tools=(ToolDefinition(name="a"), ToolDefinition(name="b")),
            tool_choice=ToolChoice(mode="required", names=("a", "b")),
            reasoning=ReasoningCapability(mode="disabled"),
            structured_output=StructuredOutputConfig(kind="json_object"),
        ),
    )
    assert body.keys().isdisjoint({"reasoning", "response_format", "text"})
    assert {"dropped:reasoning.effort", "dropped:text.format"} <= set(losses)
