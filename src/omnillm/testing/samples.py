"""Values that a JSON schema accepts: what the model behind the fake provider calls tools with, and says when it is held to a schema."""

from collections.abc import Mapping
from typing import Any

import msgspec

ARGUMENT_PIECE = 8
"""Characters of JSON that count as one token."""
SAMPLES: Mapping[str, Any] = {"string": "heron", "integer": 7, "number": 0.5, "boolean": True, "array": [], "object": {}, "null": None}
DEPTH = 12
"""Below it stands a sample of the bare type: a schema may refer to itself."""


def arguments_for(schema: object) -> str:
    """JSON that a function's parameter schema accepts: an object with a sample for every property."""
    value = _sample(schema, schema, DEPTH) if isinstance(schema, dict) else {}
    return as_json(value if isinstance(value, dict) else _members(schema, schema, DEPTH))


def answer_for(schema: object) -> str:
    """JSON that the schema of a structured output accepts; an object where the schema says nothing."""
    says = isinstance(schema, dict) and bool(schema.keys() & {"type", "enum", "const", "$ref", "anyOf", "oneOf"})
    return as_json(_sample(schema, schema, DEPTH)) if says else arguments_for(schema)


def argument_pieces(arguments: str) -> tuple[str, ...]:
    return tuple([arguments[i : i + ARGUMENT_PIECE] for i in range(0, len(arguments), ARGUMENT_PIECE)])


def as_json(value: Any) -> str:
    """In one line, without blanks."""
    return msgspec.json.encode(value).decode()


def _members(schema: object, root: object, depth: int) -> dict[str, Any]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    members = properties if isinstance(properties, dict) else {}
    return {name: _sample(member, root, depth - 1) for name, member in members.items()}


def _sample(schema: object, root: object, depth: int) -> Any:
    """A value of the first form that the schema names; what is no schema gets a string."""
    if not isinstance(schema, dict) or depth <= 0:
        return SAMPLES["string"]
    if "const" in schema:
        return schema["const"]
    if isinstance(choices := schema.get("enum"), list) and choices:
        return choices[0]
    if (other := _other(schema, root)) is not None:
        return _sample(other, root, depth - 1)
    kind = _kind(schema)
    if kind == "object":
        return _members(schema, root, depth)
    if kind == "array" and isinstance(least := schema.get("minItems"), int) and least > 0:
        return [_sample(schema.get("items"), root, depth - 1)] * min(least, DEPTH)
    return SAMPLES.get(kind, SAMPLES["string"])


def _kind(schema: dict[str, Any]) -> str:
    """The schema's first type, in lower case: Gemini shouts them."""
    kind = schema.get("type", "object" if "properties" in schema else None)
    return str(kind[0] if isinstance(kind, list) and kind else kind).lower()


def _other(schema: dict[str, Any], root: object) -> Any:
    """The schema that stands for this one: what it refers to, or its first alternative."""
    if isinstance(reference := schema.get("$ref"), str):
        node: Any = root
        for name in reference.removeprefix("#").strip("/").split("/"):
            node = node.get(name) if isinstance(node, dict) and name else node
        return node
    for name in ("anyOf", "oneOf", "allOf"):
        if isinstance(alternatives := schema.get(name), list) and alternatives:
            return alternatives[0]
    return None
