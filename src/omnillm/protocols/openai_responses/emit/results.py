"""Results of tools, written as items; one whose call is not there as the user's words."""

from typing import Any

from omnillm.model.message import ToolResult
from omnillm.protocols.differences.turns import around_result, as_error
from omnillm.protocols.openai_responses import local_shell
from omnillm.protocols.openai_responses.emit.parts import NO_MEMBER, plain, write_input
from omnillm.protocols.openai_responses.place import Place

Item = dict[str, Any]
_TYPES = {"function": "function_call_output", "custom": "custom_tool_call_output"}


def write_result(result: ToolResult, place: Place, calls: set[str] | None) -> Item:
    """Write a result. `calls`: the ids of those that it may answer; None: any."""
    item: Item
    if local_shell.OUTPUT in result.vendor_extensions and place.has_own_extensions:
        item = result.vendor_extensions[local_shell.OUTPUT]
        return item
    content = _content(result, place)
    if calls is not None and result.call_id not in calls:
        item = _lost(result, content, place)
    else:
        item = {
            "type": _TYPES[result.kind],
            "call_id": place.written_id(result.call_id),
            "output": plain(content) if content else "",
        }
        if place.is_own:
            _add_own_members(item, result)
    _note_dropped(result, place)
    if result.vendor_extensions:
        place.add_extensions(item, result.vendor_extensions, place.around("."), NO_MEMBER)
    return item


def _content(result: ToolResult, place: Place) -> list[Item]:
    content = [written for part in place.within(result.content) if (written := write_input(part, place)) is not None]
    if result.is_error:
        place.losses.approximate(place.around(".is_error"), "said in the text: Responses has no mark of a failed call")
        return as_error(content, "input_text")
    return content


def _lost(result: ToolResult, content: list[Item], place: Place) -> Item:
    """Write a result whose call is not there as the user's words: the API refuses a result without its call."""
    place.losses.approximate(place.around(""), "said by the user, inside <tool_result>, for its call is not here")
    marks = [{"type": "input_text", "text": words} for words in around_result(result)]
    return {"role": "user", "content": [marks[0], *content, marks[1]]}


def _add_own_members(item: Item, result: ToolResult) -> None:
    if not result.call_id:
        del item["call_id"]
    if result.name:
        item["name"] = result.name
    if result.item_id:
        item["id"] = result.item_id


def _note_dropped(result: ToolResult, place: Place) -> None:
    if result.cache_control is not None:
        place.losses.drop(place.around(".cache_control"), "only content bears a mark")
    if result.item_id:
        place.takes_id()
