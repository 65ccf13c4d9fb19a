"""`systemInstruction` and `contents`, read to messages and tool results in the normal form."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.message import (
    Message,
    MessagePart,
    MessageRole,
    Reasoning,
    RequestItem,
    Text,
    ToolCall,
    ToolResult,
    VendorExtensions,
    joined,
)
from omnillm.protocols.gemini_generate_content.carrier import Load, with_carried
from omnillm.protocols.gemini_generate_content.parse.parts import RequestReader, as_said_by_user, parse_part, parse_parts, reunited
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, inside, mapping, optional_text, rest

_CONTENT = frozenset({"role", "parts"})
_ROLES = {"user": MessageRole.USER, "": MessageRole.USER, "function": MessageRole.USER, "model": MessageRole.ASSISTANT}


def parse_conversation(body: dict[str, Any], losses: Losses) -> tuple[RequestItem, ...]:
    reader = RequestReader()
    conversation = _Conversation(reader, losses)
    for number, content in enumerate(_one_or_many(body.get("contents"), "contents")):
        try:
            conversation.add(number, content)
        except Unfit as error:
            raise inside(error, f"contents[{number}]") from error
    return (*_system(body.get("systemInstruction"), reader), *map(_whole, conversation.items()))


def _one_or_many(value: Any, path: str) -> list[Any]:
    if type(value) is dict:
        return [value]
    if type(value) is not list:
        raise Unfit(path, "an array")
    return value


def _system(value: Any, reader: RequestReader) -> tuple[Message, ...]:
    if value is None:
        return ()
    if type(value) is str:
        return (Message.text(MessageRole.SYSTEM, value),) if value else ()
    extensions: VendorExtensions = {}
    parts, place = value, "systemInstruction"
    if type(value) is dict and "parts" in value:
        parts, place = value["parts"], "systemInstruction.parts"
        extensions = rest(camel(value), _CONTENT)
    read = tuple(as_said_by_user(part) for part in parse_parts(_one_or_many([] if parts is None else parts, place), reader, place))
    for part in read:
        if type(part) is ToolCall or type(part) is ToolResult:
            raise Unfit(place, "texts")
    return (Message(role=MessageRole.SYSTEM, parts=read, vendor_extensions=extensions),) if read or extensions else ()


def _whole(item: RequestItem) -> RequestItem:
    if type(item) is not Message or item.role is not MessageRole.ASSISTANT:
        return item
    parts = reunited(item.parts)
    return item if parts is item.parts else replace(item, parts=parts)


class _Conversation:
    """Items in the order of the parts; what one role says in several contents is one message."""

    __slots__ = ("_goes_on", "_items", "_known", "_loads", "_losses", "_reader", "_seen")

    def __init__(self, reader: RequestReader, losses: Losses) -> None:
        self._items: list[RequestItem] = []
        self._goes_on = False
        """One role has said several contents in turn."""
        self._known: set[str] = set()
        """The opaque values of the model's turn, as far as it was `_seen`."""
        self._seen = 0
        self._loads: list[Load] = []
        """What calls of the content that is being read carry."""
        self._reader = reader
        self._losses = losses

    def items(self) -> list[RequestItem]:
        return joined(self._items) if self._goes_on else self._items

    def add(self, number: int, content: Any) -> None:
        content = camel(mapping(content, ""))
        role = _ROLES.get(optional_text(content, "role"))
        if role is None:
            raise Unfit("role", '"user" or "model"')
        parts: list[MessagePart] = []
        value = content.get("parts")
        for place, part in enumerate(() if value is None else _one_or_many(value, "parts")):
            try:
                read = parse_part(part, self._reader)
            except Unfit as error:
                raise inside(error, f"parts[{place}]") from error
            if type(read) is ToolResult:
                self._flush(role, parts)
                self._items.append(read)
                if role is MessageRole.ASSISTANT:
                    self._losses.move(f"contents[{number}].parts[{place}]", "the result of a function is the user's to say")
            elif read is not None:
                self._unload(len(parts))
                parts.append(read if role is MessageRole.ASSISTANT else _users(read, place))
        self._flush(role, parts)
        if len(content) > 2 and (extensions := rest(content, _CONTENT)):
            self._add(Message(role=role, vendor_extensions=extensions))

    def _unload(self, place: int) -> None:
        """Keep what the part just read carries, with its place in the content."""
        carried, self._reader.carried = self._reader.carried, ()
        if carried:
            self._loads.append((place, carried))

    def _flush(self, role: MessageRole, parts: list[MessagePart]) -> None:
        if not parts:
            return
        if self._loads:
            parts[:] = with_carried(self._known_with(parts), parts, self._loads)
            self._loads.clear()
        self._add(Message(role=role, parts=tuple(parts)))
        parts.clear()

    def _known_with(self, parts: list[MessagePart]) -> set[str]:
        """The opaque values of the model's turn, these parts among it. No message is looked at twice."""
        items, at, said = self._items, len(self._items), list(parts)
        while at > self._seen and type(item := items[at - 1]) is Message and item.role is MessageRole.ASSISTANT:
            said += item.parts
            at -= 1
        if at > self._seen:  # somebody else has spoken since
            self._known.clear()
        self._seen = len(items)
        self._known.update(part.opaque.value for part in said if type(part) is Reasoning and part.opaque is not None)
        return self._known

    def _add(self, message: Message) -> None:
        last = self._items[-1] if self._items else None
        if type(last) is Message and last.role is message.role:
            self._goes_on = True
        self._items.append(message)


def _users(part: MessagePart, place: int) -> MessagePart:
    if type(part) is ToolCall:
        raise Unfit(f"parts[{place}].functionCall", "in a content of the model")
    return part if type(part) is Text else as_said_by_user(part)
