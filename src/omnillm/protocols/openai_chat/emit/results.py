"""Results of tools: where they stand among the messages, and what they say."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from omnillm.model.message import Message, MessageRole, RequestItem, Text, ToolCall, ToolResult
from omnillm.protocols.differences.turns import as_error, led
from omnillm.protocols.openai_chat.emit.parts import joined_text, write_part, written_content
from omnillm.protocols.openai_chat.place import Place

TEXT_ONLY = frozenset({"text", "json", "native"})
"""Parts that a message of text alone can hold."""
_NO_CALL = "Result of a tool call"


def behind_their_calls(items: Sequence[RequestItem], first: int) -> Iterable[tuple[int, RequestItem]]:
    """Number the items from `first`, and put each result directly behind the message that calls for it.

    OpenAI refuses a conversation where anything stands between. Results without a call stay where they are.
    """
    if ToolResult not in map(type, items):
        return enumerate(items, first)
    groups: list[list[tuple[int, RequestItem]]] = []
    calling: dict[str, list[tuple[int, RequestItem]]] = {}
    for number, item in enumerate(items, first):
        if type(item) is ToolResult:
            answered = calling.get(item.call_id)
            if answered is not None:
                answered.append((number, item))
                continue
        group = [(number, item)]
        groups.append(group)
        if type(item) is Message and item.role is MessageRole.ASSISTANT and ToolCall in map(type, item.parts):
            calling |= {part.call_id: group for part in item.parts if type(part) is ToolCall}
    return chain.from_iterable(groups)


def write_result(item: ToolResult, call: ToolCall | None, moved: list[dict[str, Any]], place: Place) -> dict[str, Any]:
    """Write the answer to a call. What is no text goes to `moved`."""
    texts: list[dict[str, Any]] = []
    for part in place.within(item.content):
        written = write_part(part, place)
        if written is None:
            continue
        if part.__struct_config__.tag in TEXT_ONLY:
            texts.append(written)
        else:
            place.losses.move(place.here(), "a result is text; the rest follows in a user message")
            moved.append(written)
    _tell_losses(item, call, place)
    if item.is_error:
        texts = _failed(texts, place)
    if item.cache_control is not None:
        _move_mark(item, texts, place)
    content = written_content(texts) if place.takes_arrays else joined_text(texts, "\n", ".content", place)
    return {"role": "tool", "tool_call_id": place.written_id(item.call_id), "content": content}


def write_orphan(item: ToolResult, place: Place) -> dict[str, Any] | None:
    """Say a result whose call could not be said as text of the user: without its call no host takes it."""
    if not item.content:
        place.losses.drop(place.around(""), "an empty result of a call that is not said")
        return None
    place.losses.approximate(place.around(""), "its call is not said: the result, as text of the user")
    written = [part for one in place.within(item.content) if (part := write_part(one, place)) is not None]
    if item.item_id:
        place.drop_item_id()
    if not written:
        return None
    if item.is_error:
        written = _failed(written, place)
    if item.cache_control is not None:
        _move_mark(item, written, place)
    label = f"{_NO_CALL} ({item.name}):\n" if item.name else f"{_NO_CALL}:\n"
    return {"role": "user", "content": written_content(led(label, written, "text"))}


def _failed(texts: list[dict[str, Any]], place: Place) -> list[dict[str, Any]]:
    place.losses.approximate(place.around(".is_error"), "Chat has no flag for a failed call: said in its text")
    return as_error(texts, "text")


def _tell_losses(item: ToolResult, call: ToolCall | None, place: Place) -> None:
    if item.item_id:
        place.drop_item_id()
    if item.name and (call is None or call.name != item.name):
        place.losses.drop(place.around(".name"), "Chat names the call only")
    if item.kind != (call.kind if call is not None else "function"):
        place.losses.drop(place.around(".kind"), "Chat names the call only")


def _move_mark(item: ToolResult, texts: list[dict[str, Any]], place: Place) -> None:
    """A mark on the whole result goes to its last text."""
    if texts and texts[-1].get("type") == "text":
        place.part = 0  # not that of the message before
        marked = write_part(Text(text="", cache_control=item.cache_control), place)
        texts[-1] = {**(marked or {}), **texts[-1]}
        if marked is not None and len(marked) > 2:
            place.losses.move(place.around(".cache_control"), "said on the last text of the result")
    else:
        place.losses.drop(place.around(".cache_control"), "the result has no text to bear it")
