"""The arguments of a call, between protocols that write them as text and those that write them as an object."""

from collections.abc import Callable
from typing import Any

import msgspec

from omnillm.model.message import ToolCall

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}
"""The schema of a function without arguments, where one is required."""
_RAW = "_raw"
"""Holds, as the only member, text that is no JSON object."""
_encode = msgspec.json.encode
_decode = msgspec.json.decode


def text_of(value: dict[str, Any]) -> str:
    """Write an object as the text of its arguments; text that was no object comes back as it was."""
    if len(value) == 1 and type(value.get(_RAW)) is str:
        words: str = value[_RAW]
        return words
    return _encode(value).decode()


def object_of(arguments: str) -> dict[str, Any] | None:
    """Read arguments as an object; None: they are none."""
    if not arguments:
        return {}
    try:
        value = _decode(arguments)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return value if type(value) is dict else None


def raw_object(arguments: str) -> dict[str, Any]:
    """Stand in for an object that the text is not."""
    return {_RAW: arguments}


def input_of(call: ToolCall, approximate: Callable[[str, str], None]) -> dict[str, Any]:
    """The input of a call where it has to be an object. `approximate` is told the member and what became of it."""
    if call.kind == "custom":
        approximate("kind", "free text is the one argument of a function")
        return {"input": call.arguments}
    arguments = object_of(call.arguments)
    if arguments is None:
        approximate("arguments", "arguments that are no JSON object stand in _raw")
        return raw_object(call.arguments)
    return arguments
