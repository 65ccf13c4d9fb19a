"""Messages, written as items, among the results of tools."""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from omnillm.model.message import (
    ROLE_WORDS,
    Message,
    MessageRole,
    Native,
    Reasoning,
    RequestItem,
    Text,
    ToolCall,
    ToolResult,
    lone_words,
)
from omnillm.protocols.envelope import is_readable
from omnillm.protocols.openai_responses import local_shell
from omnillm.protocols.openai_responses.emit.output_items import CALL_KINDS, thought
from omnillm.protocols.openai_responses.emit.parts import NO_MEMBER, drop_signature, plain, write_input, write_output_text
from omnillm.protocols.openai_responses.emit.results import write_result
from omnillm.protocols.openai_responses.emit.turn import Item, Turn
from omnillm.protocols.openai_responses.namespaces import called_in_history
from omnillm.protocols.openai_responses.parse.conversation import UNSIGNED, USER_ITEMS
from omnillm.protocols.openai_responses.parse.parts import ARGUMENTS
from omnillm.protocols.openai_responses.place import NAME, Place

_ASSISTANT: Final = MessageRole.ASSISTANT
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""
_EASY = frozenset({"type", "text", "annotations"})


class InputWriter(Turn):
    """Writes the items of a conversation one by one, to `items`."""

    __slots__ = ("calls",)
    UNSAID = "the assistant says no"
    UNHEARD = "Responses takes no sound"

    def __init__(self, place: Place, *, has_all_calls: bool) -> None:
        """`has_all_calls`: what is not in the conversation is nowhere, and its provider keeps none of it."""
        super().__init__(place)
        self.calls: set[str] | None = set() if has_all_calls else None
        """Ids of those that were written; None: results may answer others too."""

    def write_item(self, item: RequestItem, number: int) -> None:
        self.place.number = number
        if type(item) is ToolResult:
            self.items.append(write_result(item, self.place, self.calls))
        elif item.role is _ASSISTANT:
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
        if message.name:
            self._drop_name()
        if not content and message.parts:
            return
        item: Item = {"role": ROLE_WORDS[message.role], "content": plain(content, is_message=True) if content or place.is_own else ""}
        if message.vendor_extensions:
            place.add_extensions(item, message.vendor_extensions, place.around("."), NO_MEMBER)
        self.items.append(item)

    def _drop_name(self) -> None:
        self.place.losses.drop(self.place.around(".name"), "Responses has no names of participants")

    def _write_assistant(self, message: Message) -> None:
        place = self.place
        self.write(message.parts)
        if not message.parts:
            place.losses.drop(place.around(""), "a message without content")
        if message.name:
            self._drop_name()
        if message.vendor_extensions:
            place.losses.drop_extensions(message.vendor_extensions, place.around("."), "a turn of the assistant is no item of its own")

    def begin_message(self, item_id: str) -> Item:
        message: Item = {"type": "message", "role": "assistant"}
        if item_id and self.place.takes_id():
            message["id"] = item_id
        return message

    def close_message(self) -> None:
        message, content = self.items[-1], self._content
        if len(message) == 2 and len(content) == 1 and content[0].keys() == _EASY and not content[0]["annotations"]:
            self.items[-1] = {"role": "assistant", "content": content[0]["text"]}
            return
        message["content"] = content
        if "id" in message:
            message.setdefault("status", "completed")

    def say(self, part: Text) -> None:
        drop_signature(part, self.place)
        self.content_of(part).append(write_output_text(part, self.place))

    def call(self, part: ToolCall) -> None:
        place = self.place
        if local_shell.CALL in part.vendor_extensions and place.has_own_extensions:
            self.end_message()
            self.items.append(part.vendor_extensions[local_shell.CALL])
            return
        drop_signature(part, place)
        named = called_in_history(part, place.spaces) if place.has_own_extensions else {"name": part.name}
        if self.calls is not None:
            self.calls.add(part.call_id)
        arguments = part.arguments
        if not arguments and part.kind == "function" and not place.is_own:
            arguments = "{}"  # they are read as JSON
        item = {"type": CALL_KINDS[part.kind], "call_id": place.written_id(part.call_id), **named, ARGUMENTS[part.kind]: arguments}
        self.add(item, part)

    def reason(self, part: Reasoning) -> None:
        """Write reasoning that the provider can take back: its own, or what the client says was this protocol's."""
        place = self.place
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
        item = thought(part, place)
        if opaque is not None:
            item["encrypted_content"] = opaque.value
        self.add(item, part)

    def add(self, item: Item, part: Any) -> None:
        if part.cache_control is not None:
            self.place.drop(".cache_control", "only what is said to the model bears a mark")
        if part.item_id and self.place.takes_id():
            item["id"] = part.item_id
        Turn.add(self, item, part)

    WRITERS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {**Turn.WRITERS, Text: say, ToolCall: call, Reasoning: reason}
