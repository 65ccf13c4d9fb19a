"""Tool calls of assistant messages, read."""

from typing import Any

import msgspec

from omnillm.model.message import Native, ToolCall
from omnillm.protocols.openai_chat.parse.reasoning import OpaqueOf
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.shapes import array, each_with, mapping, optional_mapping, optional_text, rest, text

_MEMBERS = frozenset({"id", "type", "function", "custom", "index", "extra_content"})
GOOGLE = "google"
SIGNATURE = "thought_signature"


def read_calls(calls: Any, opaque_of: OpaqueOf) -> list[ToolCall | Native]:
    return each_with(opaque_of, array(calls, "tool_calls"), "tool_calls", _read_call)


def _read_call(call: Any, opaque_of: OpaqueOf) -> ToolCall | Native:
    kind = optional_text(mapping(call, ""), "type") or "function"
    if kind == "custom":
        custom = mapping(call.get("custom"), "custom")
        name, arguments = text(custom.get("name"), "custom.name"), optional_text(custom, "input", "custom")
    elif kind == "function":
        function = mapping(call.get("function"), "function")
        name, arguments = text(function.get("name"), "function.name"), arguments_of(function, "function")
    else:
        return Native(protocol=NAME, kind=kind, value=call)
    call_id = optional_text(call, "id")
    if len(call) == 3 and "id" in call and "type" in call:
        return ToolCall(call_id=call_id, name=name, arguments=arguments, kind=kind)  # type: ignore[arg-type]  # checked above
    extra = optional_mapping(call, "extra_content") or {}
    signature = signature_in(extra)
    extensions = rest(call, _MEMBERS)
    if (other := _without_signature(extra)) != {}:
        extensions["extra_content"] = other
    return ToolCall(
        call_id=call_id,
        name=name,
        arguments=arguments,
        kind=kind,  # type: ignore[arg-type]  # checked above
        signature=opaque_of(signature) if signature else None,
        vendor_extensions=extensions,
    )


def arguments_of(function: dict[str, Any], path: str) -> str:
    """Read the arguments; some hosts write the object itself in place of its text."""
    arguments = function.get("arguments")
    if type(arguments) is dict:
        return msgspec.json.encode(arguments).decode()
    return optional_text(function, "arguments", path)


def signature_in(extra: Any) -> str:
    """Google's own member for the signature of a call, which its clients bring back."""
    google = extra.get(GOOGLE) if type(extra) is dict else None
    signature = google.get(SIGNATURE) if type(google) is dict else None
    return signature if type(signature) is str else ""


def _without_signature(extra: dict[str, Any]) -> dict[str, Any]:
    if not signature_in(extra):
        return extra
    google = {name: value for name, value in extra[GOOGLE].items() if name != SIGNATURE}
    others = {name: value for name, value in extra.items() if name != GOOGLE}
    return {**others, GOOGLE: google} if google else others
