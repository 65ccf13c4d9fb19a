"""Tool calls on assistant messages."""

from typing import Any

from omnillm.model.message import Native, ToolCall
from omnillm.protocols.differences.custom_tools import ARGUMENT
from omnillm.protocols.openai_chat.emit_parts import add_extensions, json_text
from omnillm.protocols.openai_chat.place import NAME, Place
from omnillm.protocols.openai_chat.reasoning import OpaqueOf, written_opaque
from omnillm.protocols.shapes import array, each, mapping, optional_mapping, optional_text, rest, text

_MEMBERS = frozenset({"id", "type", "function", "custom", "index", "extra_content"})
_GOOGLE = "google"
_SIGNATURE = "thought_signature"


def read_calls(calls: Any, opaque_of: OpaqueOf) -> list[ToolCall | Native]:
    return each(array(calls, "tool_calls"), "tool_calls", lambda call: _read_call(mapping(call, ""), opaque_of))


def _read_call(call: dict[str, Any], opaque_of: OpaqueOf) -> ToolCall | Native:
    kind = optional_text(call, "type") or "function"
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
        return json_text(arguments)
    return optional_text(function, "arguments", path)


def signature_in(extra: Any) -> str:
    """Google's own member for the signature of a call, which its clients bring back."""
    google = extra.get(_GOOGLE) if type(extra) is dict else None
    signature = google.get(_SIGNATURE) if type(google) is dict else None
    return signature if type(signature) is str else ""


def _without_signature(extra: dict[str, Any]) -> dict[str, Any]:
    if not signature_in(extra):
        return extra
    google = {name: value for name, value in extra[_GOOGLE].items() if name != _SIGNATURE}
    others = {name: value for name, value in extra.items() if name != _GOOGLE}
    return {**others, _GOOGLE: google} if google else others


def write_call(call: ToolCall, place: Place) -> dict[str, Any]:
    name = place.names.get(call.name, call.name)
    call_id, arguments = place.written_id(call.call_id), call.arguments
    if call.kind == "custom" and not place.takes_free_text:
        place.losses.approximate(place.here(".kind"), "free text is the one argument of a function")
        written = {"id": call_id, "type": "function", "function": {"name": name, "arguments": json_text({ARGUMENT: arguments})}}
    elif call.kind == "custom":
        written = {"id": call_id, "type": "custom", "custom": {"name": name, "input": arguments}}
    else:
        if not arguments and place.dialect is not None and not place.is_native:
            arguments = "{}"  # hosts read them as JSON
        written = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    if call.signature is not None and (signature := written_signature(call, place)) is not None:
        written["extra_content"] = extra_content(signature)
    if call.item_id:
        place.drop_item_id()
    if call.cache_control is not None:
        place.drop(".cache_control", "Chat has no mark on a call")
    if call.vendor_extensions:
        add_extensions(written, call, place)
    return written


def written_signature(call: ToolCall, place: Place) -> str | None:
    if place.is_openai:
        place.drop(".signature", "OpenAI's Chat has no signature of a call")
        return None
    return written_opaque(call.signature, ".signature", place)


def extra_content(signature: str) -> dict[str, Any]:
    return {_GOOGLE: {_SIGNATURE: signature}}
