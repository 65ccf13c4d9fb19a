"""What a function takes, as one object.

Anthropic and OpenAI refuse a schema of anything but an object, and one that chooses at its top (`anyOf`, as of a union), and with it
the whole call; OpenAI refuses one without `properties`, too. Gemini takes choices, but among objects, and no `type` beside a `$ref`.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from omnillm.model.capabilities import ToolDefinition
from omnillm.model.request import LlmRequest
from omnillm.protocols.loss import Losses

_REFUSED: Final = frozenset({"anyOf", "oneOf", "allOf", "not", "enum", "const", "$ref"})
_DEEPEST = 100
_encode = msgspec.json.encode
Schema = dict[str, Any]


def with_object_schemas(request: LlmRequest, losses: Losses, *, takes_choices: bool) -> LlmRequest:
    """`takes_choices`: at the top of a schema."""
    given = request.capabilities.tools
    tools = tuple([_with_object(tool, number, losses, takes_choices=takes_choices) for number, tool in enumerate(given)])
    return request if tools == given else replace(request, capabilities=replace(request.capabilities, tools=tools))


def _with_object(tool: ToolDefinition, number: int, losses: Losses, *, takes_choices: bool) -> ToolDefinition:
    schema = tool.input_schema
    if schema is None:
        return tool
    takes_all = "$ref" not in schema if takes_choices else _REFUSED.isdisjoint(schema)
    if schema.get("type") != "object" or not takes_all:
        losses.approximate(f"capabilities.tools[{number}].input_schema", "the input of a tool is an object")
    elif takes_choices or "properties" in schema:
        return tool
    return replace(tool, input_schema={**schema, "type": "object"} if takes_choices and takes_all else _as_object(schema))


def _as_object(schema: Schema) -> Schema:
    """Return the object that has the members of all that the schema chooses among."""
    gathered = _Gathered(schema)
    required = gathered.add(schema, 0)
    written = {name: value for name, value in schema.items() if name not in _REFUSED}
    written |= {"type": "object", "properties": gathered.properties}
    if required or "required" in schema:
        written["required"] = list(required)
    return written


class _Gathered:
    """Members of several objects; one that they describe differently may be any of these."""

    __slots__ = ("_definitions", "_found")

    def __init__(self, schema: Schema) -> None:
        self._found: dict[str, dict[bytes, Any]] = {}
        self._definitions = {
            f"#/{place}/{name}": each for place in ("$defs", "definitions") for name, each in _members(schema.get(place)).items()
        }
        """Each is looked up once, so that those which name one another end."""

    @property
    def properties(self) -> Schema:
        return {name: found[0] if len(found := list(each.values())) == 1 else {"anyOf": found} for name, each in self._found.items()}

    def add(self, schema: Any, depth: int) -> dict[str, None]:
        """Return the names of those that are required, whichever is chosen."""
        if type(schema) is not dict or depth > _DEEPEST:
            return {}
        for name, each in _members(schema.get("properties")).items():
            self._found.setdefault(name, {}).setdefault(_encode(each), each)
        required = dict.fromkeys(name for name in _items(schema.get("required")) if type(name) is str)
        for each in (self._definitions.pop(str(schema.get("$ref")), None), *_items(schema.get("allOf"))):
            required |= self.add(each, depth + 1)
        for choices in ("anyOf", "oneOf"):
            in_all, *ways = [self.add(each, depth + 1) for each in _items(schema.get(choices))] or [{}]
            for way in ways:
                in_all = {name: None for name in in_all if name in way}
            required |= in_all
        return required


def _members(value: Any) -> Schema:
    return value if type(value) is dict else {}


def _items(value: Any) -> list[Any]:
    return value if type(value) is list else []
