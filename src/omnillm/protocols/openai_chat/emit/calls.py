"""Tool calls of assistant messages, written."""

from typing import Any

from omnillm.model.message import ToolCall
from omnillm.protocols.differences.custom_tools import ARGUMENT
from omnillm.protocols.openai_chat.emit.parts import add_extensions, json_text
from omnillm.protocols.openai_chat.emit.reasoning import written_opaque
from omnillm.protocols.openai_chat.parse.calls import GOOGLE, SIGNATURE
from omnillm.protocols.openai_chat.place import Place


def write_call(call: ToolCall, place: Place) -> dict[str, Any]:
    name = place.names.get(call.name, call.name)
    call_id, arguments = place.written_id(call.call_id), call.arguments
    if call.kind == "custom" and not place.takes_free_text:
        place.losses.approximate(place.here(".kind"), "free text is the one argument of a function")
        written = {"id": call_id, "type": "function", "function": {"name": name, "arguments": json_text({ARGUMENT: arguments})}}
    elif call.kind == "custom":
        written = {"id": call_id, "type": "custom", "custom": {"name": name, "input": arguments}}
    else:
        if not arguments and not place.is_reply and not place.is_own:
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
    return {GOOGLE: {SIGNATURE: signature}}
