"""Items that the model makes, read to parts: in the history of a request, in a reply and in a stream."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.message import MessagePart, Native, Opaque, Reasoning, ToolCall, VendorExtensions
from omnillm.protocols.openai_responses.parse.parts import read_parts
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.shapes import mapping, optional_array, optional_text, rest, text

ITEM = "item"
"""Among the extensions of a message's first part: members of the item that it stood in (its phase, a status)."""
_ITEM_MEMBERS = frozenset({"type", "role", "content", "id"})
_CALL_MEMBERS = {
    "function": frozenset({"type", "id", "call_id", "name", "arguments"}),
    "custom": frozenset({"type", "id", "call_id", "name", "input"}),
}
_ARGUMENTS = {"function": "arguments", "custom": "input"}
_REASONING_MEMBERS = frozenset({"type", "id", "summary", "content", "encrypted_content"})


def assistant_parts(item: dict[str, Any]) -> tuple[MessagePart, ...]:
    """Read a message of the assistant. One without content stays an item as it is."""
    item_id = optional_text(item, "id")
    parts = read_parts(item.get("content"), "content", item_id)
    more = item_members(item)
    if not parts or (more and type(parts[0]) is Native):
        return (Native(protocol=NAME, kind="message", value=item),)
    if more:
        first = parts[0]
        return (replace(first, vendor_extensions={**first.vendor_extensions, ITEM: more}), *parts[1:])
    return parts


def item_members(item: dict[str, Any]) -> VendorExtensions:
    """Return what a message's item says beside its content. That it is completed goes without saying."""
    return unless_completed(rest(item, _ITEM_MEMBERS))


def unless_completed(more: VendorExtensions) -> VendorExtensions:
    if more.get("status") == "completed":
        del more["status"]
    return more


def call_of(item: dict[str, Any], kind: Any = "function") -> ToolCall:
    member = _ARGUMENTS[kind]
    known = _CALL_MEMBERS[kind]
    return ToolCall(
        call_id=text(item.get("call_id"), "call_id"),
        name=text(item.get("name"), "name"),
        arguments=optional_text(item, member),
        kind=kind,
        item_id=optional_text(item, "id"),
        vendor_extensions=unless_completed(rest(item, known)) if len(item) > 4 else {},
    )


def custom_call_of(item: dict[str, Any]) -> ToolCall:
    return call_of(item, "custom")


def reasoning_of(item: dict[str, Any], opaque: Opaque | None) -> Reasoning:
    """Several pieces of reasoning text are kept as they were, beside the whole."""
    content = optional_array(item, "content")
    more = unless_completed(rest(item, _REASONING_MEMBERS))
    if len(content) > 1 or any(type(piece) is not dict or piece.keys() != {"type", "text"} for piece in content):
        more["content"] = content
    return Reasoning(
        text="".join(texts(content, "content")),
        summary=tuple(texts(optional_array(item, "summary"), "summary")),
        opaque=opaque,
        item_id=optional_text(item, "id"),
        vendor_extensions=more,
    )


def texts(pieces: list[Any], path: str) -> list[str]:
    return [text(mapping(piece, f"{path}[{n}]").get("text"), f"{path}[{n}].text") for n, piece in enumerate(pieces)]
