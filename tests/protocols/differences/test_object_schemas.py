"""Schemas of functions and answers, of which each API takes some forms only."""

import json
from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.differences.saying import CHAT, CONVERSE, GEMINI, MESSAGES, RESPONSES, chat, messages, said

from omnillm.errors import BadRequest
from omnillm.model import CapabilitySet, LlmRequest, ToolDefinition, user
from omnillm.protocols.transcode import emit_request

MAP = {"type": "object", "properties": {"depths": {"type": "object", "additionalProperties": {"type": "number"}}}}
CITY, ZIP = {"type": "string", "title": "City"}, {"type": "string", "title": "Zip"}
BY_CITY = {"type": "object", "properties": {"by": {"const": "city"}, "city": CITY}, "required": ["by", "city"]}
BY_ZIP = {"type": "object", "properties": {"by": {"const": "zip"}, "zip": ZIP}, "required": ["zip", "by"]}
BY_EITHER = {"by": {"anyOf": [{"const": "city"}, {"const": "zip"}]}, "city": CITY, "zip": ZIP}
DEFINED = {"City": BY_CITY, "Zip": BY_ZIP, "Loop": {"allOf": [{"$ref": "#/$defs/Loop"}, {"$ref": "#/$defs/Zip"}]}}


def referring(*names: str) -> list[dict[str, str]]:
    return [{"$ref": f"#/$defs/{name}"} for name in names]


@in_turn(
    ("schema", "members", "required"),
    [
        ({}, {}, None),
        ({"type": "string"}, {}, None),
        ({"type": ["object", "null"], "properties": {"city": CITY}}, {"city": CITY}, None),
        ({"anyOf": [BY_CITY, BY_ZIP]}, BY_EITHER, ["by"]),
        ({"type": "object", "oneOf": referring("City", "Zip"), "$defs": DEFINED}, BY_EITHER, ["by"]),
        ({"allOf": [BY_CITY, BY_ZIP], "required": ["id"]}, BY_EITHER, ["id", "by", "city", "zip"]),
        ({"$ref": "#/definitions/City", "definitions": DEFINED}, BY_CITY["properties"], ["by", "city"]),
        ({"anyOf": referring("Loop", "Nowhere"), "$defs": DEFINED}, BY_ZIP["properties"], None),
        ({"type": "object", "properties": {"zip": ZIP}, "anyOf": [{"required": ["zip"]}, True], "not": {}}, {"zip": ZIP}, None),
        ({"anyOf": {}, "$ref": 1, "properties": 2, "required": 3, "$defs": 4}, {}, None),
    ],
)
def test_function_takes_one_object(schema: dict[str, Any], members: dict[str, Any], required: list[str] | None) -> None:
    """Anthropic and OpenAI refuse anything else at the top of a schema, and with it the call; Gemini takes choices among objects, but a `$ref` alone."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    for target, path in ((RESPONSES, ("parameters",)), (MESSAGES, ("input_schema",)), (CONVERSE, ("toolSpec", "inputSchema", "json"))):
        body, lost = said(CHAT, target, chat(tools=tools))
        [tool] = body["tools"] if target != CONVERSE else body["toolConfig"]["tools"]
        for member in path:
            tool = tool[member]
        assert tool.keys() <= {"type", "properties", "required", "$defs", "definitions"}
        assert (tool["type"], tool["properties"], tool.get("required") or None) == ("object", members, required)
        assert lost.pop("capabilities.tools[0].input_schema") == "approximated"
    body, lost = said(CHAT, GEMINI, chat(tools=tools))
    written = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    if "$ref" in schema:
        assert (written["properties"], written.keys() & {"$ref", "anyOf"}) == (members, set())
    else:
        assert written == {**schema, "type": "object"}
    assert ("capabilities.tools[0].input_schema" in lost) is (schema.get("type") != "object")


def test_function_that_is_nested_too_deeply_is_a_mistake() -> None:
    """Of whoever made it: also where what it chooses among is gathered first."""
    deep: dict[str, Any] = {}
    for _ in range(20_000):
        deep = {"a": deep}
    function = ToolDefinition(name="f", input_schema={"anyOf": [{"properties": deep}]})
    request = LlmRequest(model="m", input=(user("Hi"),), capabilities=CapabilitySet(tools=(function,)))
    with pytest.raises(BadRequest, match="less deeply"):
        emit_request(MESSAGES, request)


def test_function_of_openai_has_properties() -> None:
    """Without them OpenAI refuses the call; MCP lets a tool have none, and nothing is lost by saying so."""
    body, lost = said(MESSAGES, CHAT, messages(tools=[{"name": "f", "input_schema": {"type": "object"}}]))
    assert (body["tools"][0]["function"]["parameters"], lost) == ({"type": "object", "properties": {}}, {})
    own = chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {"anyOf": [BY_CITY, BY_ZIP]}}}])
    assert said(CHAT, CHAT, own)[0]["tools"] == own["tools"]


def test_nullable_enum_of_gemini_may_be_null_elsewhere() -> None:
    """In JSON Schema null must be among its values, or be a choice beside them."""
    kind = {"type": "STRING", "format": "enum", "enum": ["a", "b"], "nullable": True, "description": "Which."}
    config = {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT", "properties": {"kind": kind}}}
    body, _ = said(GEMINI, CHAT, {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": config})
    written = body["response_format"]["json_schema"]["schema"]["properties"]["kind"]
    assert written == {"description": "Which.", "anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]}


@pytest.mark.parametrize("target", [MESSAGES, CONVERSE])
def test_answer_with_a_map_is_asked_for_in_words(target: str) -> None:
    """Anthropic's closed schemas could hold an empty one only."""
    schema = {"name": "n", "schema": MAP, "strict": False}
    body, lost = said(CHAT, target, chat(response_format={"type": "json_schema", "json_schema": schema}))
    assert "output_config" not in body
    assert "outputConfig" not in body
    words = body["system"] if target == MESSAGES else body["system"][0]["text"]
    assert json.loads(words.partition("\n")[2]) == MAP
    assert lost["capabilities.structured_output.kind"] == "approximated"


@in_turn(
    ("schema", "is_held"),
    [
        ({"type": "object"}, False),
        ({"type": "object", "additionalProperties": True}, False),
        ({"type": ["object", "null"]}, False),
        ({"type": "array", "items": {"type": "object", "patternProperties": {"^a": {}}}}, False),
        ({"$defs": {"N": {"type": "object", "additionalProperties": {}}}, "$ref": "#/$defs/N"}, False),
        ({"anyOf": [{"type": "null"}, {"type": "object", "properties": {}}]}, False),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, True),
        ({"type": "object", "additionalProperties": False}, True),
        ({"type": "object", "properties": {"additionalProperties": {"type": "string"}, "type": {"enum": ["object"]}}}, True),
        ({"type": "string"}, True),
    ],
)
def test_answer_is_held_to_a_schema_that_leaves_no_member_unknown(schema: dict[str, Any], is_held: bool) -> None:
    """At any depth, also where a member has the name of a keyword; whatever else may be there is a map."""
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert ("output_config" in said(CHAT, MESSAGES, chat(response_format=wanted))[0]) is is_held


def test_bedrock_gets_schemas_that_it_takes() -> None:
    """Closed ones, without limits, of answers and of strict tools; what is left out of them is told."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    closed = {
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "{minimum: 1}"}},
        "additionalProperties": False,
        "required": ["n"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}]
    body, lost = said(CHAT, CONVERSE, chat(response_format=wanted, tools=tools))
    assert json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == closed
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"] == {"json": closed}
    assert lost == {"capabilities.structured_output.schema": "approximated", "capabilities.tools[0].input_schema": "approximated"}
