"""Messages, written as items, among the results of tools."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omnillm.model.message import (
    ROLE_WORDS,
    Audio,
    Message,
    MessagePart,
    MessageRole,
    Native,
    Reasoning,
    Refusal,
    RequestItem,
    Text,
    ToolCall,
    ToolResult,
    lone_words,
)
from omnillm.protocols.envelope import is_readable
from omnillm.protocols.openai_responses import local_shell
from omnillm.protocols.openai_responses.emit.parts import (
    drop_signature,
    item_members_of,
    plain,
    write_input,
    write_native,
    write_output_text,
    write_refusal,
)
from omnillm.protocols.openai_responses.emit.results import write_result
from omnillm.protocols.openai_responses.namespaces import called_in_history
from omnillm.protocols.openai_responses.parse.conversation import UNSIGNED, USER_ITEMS
from omnillm.protocols.openai_responses.parse.parts import IN_MESSAGE
from omnillm.protocols.openai_responses.place import NAME, Place

Item = dict[str, Any]
_EASY = frozenset({"type", "text", "annotations"})


class InputWriter:
    """Writes the items one by one, to `items`."""

    __slots__ = ("_content", "_item_id", "_message", "calls", "items", "place")

    def __init__(self, place: Place, *, has_all_calls: bool) -> None:
        """`has_all_calls`: what is not in the conversation is nowhere, and its provider keeps none of it."""
        self.place = place
        self.items: list[Item] = []
        self.calls: set[str] | None = set() if has_all_calls else None
        """Ids of those that were written; None: results may answer others too."""
        self._message: Item | None = None
        """The assistant's message that is being written."""
        self._item_id = ""
        self._content: list[Item] = []

    def write(self, item: RequestItem, number: int) -> None:
        self.place.number = number
        if type(item) is ToolResult:
            self.items.append(write_result(item, self.place, self.calls))
        elif item.role is MessageRole.ASSISTANT:
            self._write_assistant(item)
        else:
            self._write_message(item)

    def _write_message(self, message: Message) -> None:
        if words := lone_words(message):
            self.items.append({"role": ROLE_WORDS[message.role], "content": words})
            return
        place = self.place
        content: list[Item] = []
        for place.part, part in enumerate(message.parts):
            if type(part) is Native and part.kind in USER_ITEMS and part.protocol == NAME:
                self.items.append(part.value)
                continue
            written = write_input(part, place)
            if written is not None:
                content.append(written)
        self._drop_name(message)
        if not content and message.parts:
            return
        item: Item = {"role": ROLE_WORDS[message.role], "content": plain(content, is_message=True) if content or place.is_own else ""}
        if message.vendor_extensions:
            place.extend(item, message.vendor_extensions, ".vendor_extensions")
        self.items.append(item)

    def _drop_name(self, message: Message) -> None:
        if message.name:
            self.place.losses.drop(self.place.around(".name"), "Responses has no names of participants")

    def _write_assistant(self, message: Message) -> None:
        place = self.place
        for place.part, part in enumerate(message.parts):
            write = _ASSISTANT.get(type(part))
            if write is None:
                place.drop("", f"the assistant says no {part.__struct_config__.tag} in Responses")
            else:
                write(self, part)
        self.end_message()
        if not message.parts:
            place.losses.drop(place.around(""), "a message without content")
        self._drop_name(message)
        if message.vendor_extensions:
            place.losses.drop_extensions(message.vendor_extensions, place.around("."), "a turn of the assistant is no item of its own")

    def content_of(self, part: Any) -> list[Item]:
        """Return the content of the message that a part belongs to: a new one where its id differs from the one before."""
        item_id = part.item_id if type(part) in _MESSAGE_PARTS else self._item_id
        if self._message is None or item_id != self._item_id:
            self.end_message()
            self._message = {"type": "message", "role": "assistant"}
            self._item_id, self._content = item_id, []
            if item_id and self.place.takes_id():
                self._message["id"] = item_id
        return self._content

    def extend_message(self, more: dict[str, Any]) -> None:
        assert self._message is not None
        self.place.extend(self._message, more)

    def end_message(self) -> None:
        message = self._message
        if message is None:
            return
        self._message = None
        content = self._content
        if len(message) == 2 and len(content) == 1 and content[0].keys() == _EASY and not content[0]["annotations"]:
            self.items.append({"role": "assistant", "content": content[0]["text"]})
            return
        message["content"] = content
        if "id" in message:
            message.setdefault("status", "completed")
        self.items.append(message)

    def add(self, item: Item, part: Any) -> None:
        """Add an item that is one part of the assistant's turn."""
        self.end_message()
        if part.cache_control is not None:
            self.place.drop(".cache_control", "only what is said to the model bears a mark")
        if part.item_id and self.place.takes_id():
            item["id"] = part.item_id
        if part.vendor_extensions:
            self.place.extend(item, part.vendor_extensions)
        self.items.append(item)


_MESSAGE_PARTS = frozenset({Text, Refusal})


def _say(writer: InputWriter, part: Text) -> None:
    place = writer.place
    drop_signature(part, place)
    writer.content_of(part).append(write_output_text(part, place))
    if part.vendor_extensions:
        writer.extend_message(item_members_of(part))


def _refuse(writer: InputWriter, part: Refusal) -> None:
    writer.content_of(part).append(write_refusal(part, writer.place))
    if part.vendor_extensions:
        writer.extend_message(item_members_of(part))


def _call(writer: InputWriter, part: ToolCall) -> None:
    if local_shell.CALL in part.vendor_extensions and writer.place.has_own_extensions:
        writer.end_message()
        writer.items.append(part.vendor_extensions[local_shell.CALL])
        return
    place = writer.place
    drop_signature(part, place)
    named = called_in_history(part, place.spaces) if place.has_own_extensions else {"name": part.name}
    if writer.calls is not None:
        writer.calls.add(part.call_id)
    call_id = place.written_id(part.call_id)
    if part.kind == "custom":
        item = {"type": "custom_tool_call", "call_id": call_id, **named, "input": part.arguments}
    else:
        arguments = part.arguments if part.arguments or place.is_own else "{}"  # they are read as JSON
        item = {"type": "function_call", "call_id": call_id, **named, "arguments": arguments}
    writer.add(item, part)


def _reason(writer: InputWriter, part: Reasoning) -> None:
    """Write reasoning that the provider can take back: its own, or what the client says was this protocol's."""
    place = writer.place
    opaque = part.opaque
    if opaque is None and not place.is_own:
        place.drop("", "reasoning returns only with what its provider signed")
        return
    if opaque is None and part.item_id == UNSIGNED:
        if place.dialect.is_openai:
            place.drop("", "the reasoning is of another provider")
            return
        part = replace(part, item_id="")
    if opaque is not None and not is_readable(opaque, NAME, place.dialect.provider):
        place.drop("", "the reasoning is of another provider")
        return
    item = reasoning_item(part)
    if opaque is not None:
        item["encrypted_content"] = opaque.value
    writer.add(item, part)


def reasoning_item(part: Reasoning) -> Item:
    item: Item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in part.summary]}
    if part.text and "content" not in part.vendor_extensions:
        item["content"] = [{"type": "reasoning_text", "text": part.text}]
    return item


def _native(writer: InputWriter, part: Native) -> None:
    written = write_native(part, writer.place)
    if written is None:
        return
    if part.vendor_extensions == IN_MESSAGE:
        writer.content_of(part).append(written)
    else:
        writer.end_message()
        writer.items.append(written)


def _sound(writer: InputWriter, part: Audio) -> None:
    """The assistant's own sound: only its transcript can be repeated."""
    if not part.transcript:
        writer.place.drop("", "Responses takes no sound")
        return
    writer.place.approximate("", "sound, as its transcript")
    text = Text(text=part.transcript)
    writer.content_of(text).append(write_output_text(text, writer.place))


_ASSISTANT: dict[type[MessagePart], Callable[[InputWriter, Any], None]] = {
    Text: _say,
    Refusal: _refuse,
    ToolCall: _call,
    Reasoning: _reason,
    Native: _native,
    Audio: _sound,
}
