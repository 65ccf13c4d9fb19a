"""Results of functions, written as steps."""

from typing import Any

from omnillm.model.message import Json, Text, ToolResult
from omnillm.protocols.differences.turns import around_result
from omnillm.protocols.gemini_interactions.emit.parts import Content, emit_content
from omnillm.protocols.gemini_interactions.place import Place

Step = dict[str, Any]


def emit_result(result: ToolResult, place: Place) -> Step:
    written: Step = {"type": "function_result", "call_id": result.call_id}
    name = result.name or place.calls.get(result.call_id, "")
    if name:
        written["name"] = place.names.get(name, name)
    written["result"] = _answer(result, place)
    if result.is_error:
        written["is_error"] = True
    if result.kind == "custom":
        place.losses.approximate(place.around(".kind"), "free text is the one argument of a function")
    place.finish(written, result, place.around)
    return written


def emit_stray_result(result: ToolResult, place: Place) -> Step:
    """Say a result whose call is not there as the user would."""
    place.losses.approximate(place.around(), "the call that it answers is not there: said as text")
    place.losses.drop_said(result, ("cache_control", "vendor_extensions"), place.around("."), "it is said as text")
    before, after = around_result(result)
    marks = [{"type": "text", "text": words} for words in (before, after)]
    return {"type": "user_input", "content": [marks[0], *_contents(result, place), marks[1]]}


def _answer(result: ToolResult, place: Place) -> Any:
    """Write one text as a string, one object as itself, anything else as contents."""
    parts = result.content
    if not parts:
        return ""
    if len(parts) == 1 and not parts[0].vendor_extensions and parts[0].cache_control is None:
        part = parts[0]
        if type(part) is Json and type(part.value) is dict:
            return part.value
        if type(part) is Text and part.text and not part.citations and part.signature is None:
            return part.text
    return _contents(result, place)


def _contents(result: ToolResult, place: Place) -> list[Content]:
    written: list[Content] = []
    for part in place.within(result.content):
        if type(part) is Text and part.signature is not None:
            place.drop(".signature", "a result has none")
        if (content := emit_content(part, place)) is not None:
            written.append(content)
    return written
