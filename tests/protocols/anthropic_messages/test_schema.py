"""Schemas as structured outputs of the Messages API take them."""

from typing import Any

from anthropic.lib._parse._transform import transform_schema
from tests.in_turn import in_turn

from omnillm.protocols.anthropic_messages.emit.schema import strict_schema

TEXT = {"type": "string"}


@in_turn(
    "schema",
    [
        {"type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 2, "description": "N."},
        {"type": "string", "minLength": 1, "maxLength": 9, "title": "T"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "iri"},
        {"type": "array", "items": TEXT, "minItems": 1},
        {"type": "array", "items": {"type": "object"}, "maxItems": 3, "minItems": 2},
        {"type": "object", "properties": {"a": TEXT, "b": {"type": "object", "properties": {"c": TEXT}}}, "required": ["a"]},
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": {"type": "string"}},
        {"oneOf": [TEXT, {"type": "null"}]},
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]},
        {"allOf": [{"type": "object", "properties": {}}]},
        {"type": "string", "enum": ["a", "b"]},
        {"const": 1},
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}},
    ],
)
def test_schema_is_made_as_the_sdk_makes_it(schema: dict[str, Any]) -> None:
    """And what it made is taken as it is."""
    strict = strict_schema(schema)
    assert strict == transform_schema(schema)
    assert strict_schema(strict) == strict


@in_turn(
    ("schema", "strict"),
    [
        ({}, {}),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "boolean"}, {"type": "boolean"}),
        ({"properties": {"a": True}}, {"type": "object", "properties": {"a": True}, "additionalProperties": False}),
        ({"items": TEXT}, {"type": "array", "items": TEXT}),
        ({"type": ["string", "null"], "pattern": "^a"}, {"type": ["string", "null"], "description": "{pattern: ^a}"}),
        ({"type": [["x"], "object"]}, {"type": [["x"], "object"], "properties": {}, "additionalProperties": False}),
        ({"enum": [{"a": 1}]}, {"description": '{enum: [{"a":1}]}'}),
        (
            {"definitions": {"A": {"type": "object"}}},
            {"definitions": {"A": {"type": "object", "properties": {}, "additionalProperties": False}}},
        ),
    ],
)
def test_schema_that_the_sdk_refuses_is_made_as_well_as_it_can_be(schema: Any, strict: Any) -> None:
    """What remains is what the API takes."""
    assert strict_schema(schema) == strict


def test_schema_may_be_as_deep_as_it_likes() -> None:
    """A client's schema is no reason for a RecursionError."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(600):
        schema = {"type": "array", "items": schema}
    assert strict_schema(schema) == schema
