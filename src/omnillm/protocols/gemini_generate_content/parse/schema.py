"""Gemini's own schemas (OpenAPI 3.0, types in capitals), read as JSON Schema, which every protocol takes, Gemini among them."""

from collections.abc import Callable
from typing import Any

from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.shapes import Unfit, mapping

_DEEPEST = 100
_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
_LONGEST_COUNT = 16
_ENUM = ("format", "enum")
"""What Gemini calls the values of an enum, and no format of JSON Schema."""
_OF_VALUES = ("type", "enum", "format")


def json_schema(schema: Any, path: str, depth: int = 0) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise Unfit(path, f"nested at most {_DEEPEST} deep")
    written: dict[str, Any] = {}
    for name, value in camel(mapping(schema, path)).items():
        if value is not None and name != "nullable" and (name, value) != _ENUM:
            read = _MEMBERS.get(name)
            written[name] = value if read is None else read(value, path, depth + 1)
    return _nullable(written) if schema.get("nullable") is True else written


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if "enum" in schema and "anyOf" not in schema:  # null is none of its values
        schema["anyOf"] = [{name: schema.pop(name) for name in _OF_VALUES if name in schema}, {"type": "null"}]
    elif type(kind) is str:
        schema["type"] = [kind, "null"]
    elif type(schema.get("anyOf")) is list:
        schema["anyOf"].append({"type": "null"})
    return schema


def _count(value: Any, path: str, depth: int) -> Any:  # noqa: ARG001 - one signature for every member
    return int(value) if type(value) is str and len(value) < _LONGEST_COUNT and value.isascii() and value.isdigit() else value


def _inner(value: Any, path: str, depth: int) -> Any:
    return json_schema(value, path, depth) if type(value) is dict else value


def _properties(value: Any, path: str, depth: int) -> Any:
    if type(value) is not dict:
        raise Unfit(path, "a schema whose properties are an object")
    return {name: _inner(each, path, depth) for name, each in value.items()}


def _choices(value: Any, path: str, depth: int) -> Any:
    if type(value) is not list:
        raise Unfit(path, "a schema whose anyOf is an array")
    return [_inner(each, path, depth) for each in value]


_MEMBERS: dict[str, Callable[[Any, str, int], Any]] = {
    "type": lambda value, _path, _depth: value.lower() if type(value) is str and value in _TYPES else value,
    "items": _inner,
    "additionalProperties": _inner,
    "properties": _properties,
    "anyOf": _choices,
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"), _count),
}
"""Counts are 64-bit integers, which protocol buffers write as strings."""
