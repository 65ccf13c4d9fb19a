"""JSON schemas as structured outputs and strict tools of the Messages API take them, as Anthropic's SDK makes them; Bedrock takes the same.

What they refuse (limits of numbers and lengths, patterns, open objects) goes into the description, where the model may follow it. An object
whose members' names are not known could only be empty then: an answer that may hold one is asked for in words.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from omnillm.model.capabilities import StructuredOutputConfig
from omnillm.protocols.anthropic_messages.place import Place
from omnillm.protocols.differences.asked_json import ASKING, words_for
from omnillm.protocols.differences.turns import Block

_DEEPEST = 100
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_CHOICES = (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf"))
"""The first of them that is there is written, under the second name."""
_PRIMITIVES = (str, int, float, bool, type(None))
_AS_IT_IS = ("title", "description")
_encode = msgspec.json.encode
Schema = dict[str, Any]


def held_to(output: StructuredOutputConfig, system: list[Block], place: Place, *, takes_schemas: bool = True) -> Schema | None:
    """Write the schema that the model is held to; None: what asks for such an answer stands in the system text now."""
    losses, path, given = place.losses, "capabilities.structured_output", output.schema
    if words := "" if place.is_own and given is not None else _asking_for(output, takes_schemas=takes_schemas):
        losses.approximate(f"{path}.kind", "asked for in the system text")
        system.append(place.text(words))
        return None
    assert given is not None
    if output.strict is False:
        losses.approximate(f"{path}.strict", f"{place.host} always holds to the schema")
    schema = given if place.is_own else strict_schema(given)
    if schema != given:
        losses.approximate(f"{path}.schema", f"what {place.host} refuses of it is said in descriptions")
    return schema


def _asking_for(output: StructuredOutputConfig, *, takes_schemas: bool) -> str:
    """What asks for such an answer in the system text; "": it has a schema that the model can be held to."""
    if output.kind != "json_schema" or output.schema is None:
        return ASKING
    return "" if takes_schemas and not _holds_maps(output.schema, 0) else words_for(output.schema)


def _holds_maps(schema: Any, depth: int) -> bool:
    """Tell whether there may be an object in it whose members are not known by name."""
    if type(schema) is not dict or depth > _DEEPEST:
        return False
    kind = schema.get("type")
    is_object = kind == "object" or (type(kind) is list and "object" in kind) or "additionalProperties" in schema
    if "patternProperties" in schema or (is_object and not schema.get("properties") and schema.get("additionalProperties") is not False):
        return not _CHOOSING.intersection(schema)
    return any(_holds_maps(inner, depth + 1) for inner in _schemas_in(schema))


def _schemas_in(schema: Schema) -> Iterator[Any]:
    for name, value in schema.items():
        if name in _NAMED and type(value) is dict:
            yield from value.values()
        elif name in _LISTED and type(value) is list:
            yield from value
        elif name == "items":
            yield value


_NAMED = frozenset({"properties", "$defs", "definitions"})
_LISTED = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_CHOOSING = frozenset({"$ref", "enum", "const"})
"""What says of an object by itself what it is."""


def strict_schema(schema: Schema) -> Schema:
    """Return a schema that is not refused; one that would not be is equal to the given one."""
    return _strict(schema, 0)


def _inner(schema: Any, depth: int) -> Any:
    return _strict(schema, depth) if type(schema) is dict and depth <= _DEEPEST else schema


def _strict(schema: Schema, depth: int) -> Schema:
    written: Schema = {}
    left = dict(schema)
    for name in ("$defs", "definitions"):
        if type(left.get(name)) is dict:
            written[name] = _each(left.pop(name), depth)
    if "$ref" in left:
        return {**written, "$ref": left["$ref"]}
    left.pop("$schema", None)
    kinds = _write_kind(left, written, depth)
    for name in _AS_IT_IS:
        if type(left.get(name)) is str:
            written[name] = left.pop(name)
    for kind in kinds:
        _OF_KIND[kind](left, written, depth)
    if left:
        _describe(left, written)
    return written


def _each(schemas: Schema, depth: int) -> Schema:
    return {name: _inner(each, depth + 1) for name, each in schemas.items()}


def _write_kind(left: Schema, written: Schema, depth: int) -> list[str]:
    """Write the values, choices or types, and return the types that have members of their own."""
    values = left.get("enum")
    if type(values) is list and values and all(isinstance(value, _PRIMITIVES) for value in values):
        written["enum"] = left.pop("enum")
    if "const" in left and isinstance(left["const"], _PRIMITIVES):
        written["const"] = left.pop("const")
    kind = left.pop("type", None)
    if written.keys() & {"enum", "const"}:
        return []
    for name, said in _CHOICES:
        if type(left.get(name)) is list:
            written[said] = [_inner(each, depth + 1) for each in left.pop(name)]
            break
    else:
        kind = kind or _guessed(left)
        if kind is not None:
            written["type"] = kind
    return [each for each in _OF_KIND if each == kind or (type(kind) is list and each in kind)]


def _guessed(left: Schema) -> str | None:
    if "properties" in left:
        return "object"
    return "array" if "items" in left else None


def _object(left: Schema, written: Schema, depth: int) -> None:
    properties = left.pop("properties", None)
    written["properties"] = _each(properties, depth) if type(properties) is dict else {}
    left.pop("additionalProperties", None)
    written["additionalProperties"] = False
    if (required := left.pop("required", None)) is not None:
        written["required"] = required


def _string(left: Schema, written: Schema, _: int) -> None:
    kind = left.get("format")
    if type(kind) is str and kind in _FORMATS:
        written["format"] = left.pop("format")


def _array(left: Schema, written: Schema, depth: int) -> None:
    if (items := left.pop("items", None)) is not None:
        written["items"] = _inner(items, depth + 1)
    least = left.get("minItems")
    if type(least) is int and 0 <= least <= 1:
        written["minItems"] = left.pop("minItems")


def _describe(left: Schema, written: Schema) -> None:
    words = "{" + ", ".join(f"{name}: {value if type(value) is str else _encode(value).decode()}" for name, value in left.items()) + "}"
    said = written.get("description")
    written["description"] = f"{said}\n\n{words}" if said else words


_OF_KIND: dict[str, Callable[[Schema, Schema, int], None]] = {"object": _object, "string": _string, "array": _array}
