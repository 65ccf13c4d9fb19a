"""Items of the input, read to messages and results of tools: adjacent pieces of the assistant are one message."""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from omnillm.model.message import (
    Message,
    MessagePart,
    MessageRole,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    RequestItem,
    Text,
    ToolCall,
    ToolResult,
)
from omnillm.protocols.carrier import Carried, unpack
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import local_shell
from omnillm.protocols.openai_responses.namespaces import NO_SPACES, Spaces, flat_call
from omnillm.protocols.openai_responses.parse.parts import (
    assistant_parts,
    call_of,
    custom_call_of,
    read_parts,
    reasoning_of,
    unless_completed,
)
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.shapes import Unfit, inside, mapping, optional_text, rest, text

_ASSISTANT: Final = MessageRole.ASSISTANT
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""
USER_ITEMS = frozenset(
    {
        *("computer_call_output", "local_shell_call_output", "shell_call_output"),
        *("apply_patch_call_output", "mcp_approval_response", "compaction_trigger"),
        *("additional_tools", "configuration_update", "function_call_output", "custom_tool_call_output"),
    }
)
"""Native items that the application makes. All others are the model's or the provider's, and belong to the assistant's turn."""
UNSIGNED = "rs_unsigned"
"""The id of reasoning that another provider did not sign, once it is read: to this protocol it is no reasoning of its own."""
_LOOKED_BACK = 256
"""Parts of a turn that are looked through for what a signature is of: it stands beside that."""
_ROLES = {role.value: role for role in MessageRole}
_MESSAGE_MEMBERS = frozenset({"type", "role", "content"})
_RESULT_MEMBERS = frozenset({"type", "id", "call_id", "name", "output"})


class ItemReader:
    """Reads the items one by one; `items()` is what they say."""

    __slots__ = ("_assistant", "_firsts", "_has_plain_message", "_items", "_losses", "_native_calls", "_signatures", "_spaces")

    def __init__(self, losses: Losses, spaces: Spaces = NO_SPACES) -> None:
        self._losses = losses
        self._spaces = spaces
        self._items: list[RequestItem] = []
        self._assistant: list[MessagePart] = []
        """The turn of the assistant that is being read."""
        self._has_plain_message = False
        """Whether the last piece of it was a message without an id: another one is another message."""
        self._signatures: dict[str, Opaque] = {}
        """Of calls that are to come, by their ids."""
        self._firsts: dict[int, int] = {}
        """Of texts of the turn that were signed, where their message begins: a message of many is not gone through for each."""
        self._native_calls: set[Any] = set()
        """Ids of calls that only this protocol knows: so are their results."""

    def items(self) -> tuple[RequestItem, ...]:
        self._end_turn()
        return tuple(self._items)

    def read(self, item: Any, number: int) -> None:
        try:
            kind = mapping(item, "").get("type")
            if kind is None:
                kind = "message" if "role" in item or "id" not in item else "item_reference"
            read = _READERS.get(text(kind, "type"), _read_native)
            read(self, item)
        except Unfit as error:
            raise inside(error, f"input[{number}]") from error

    def add(self, item: RequestItem) -> None:
        self._end_turn()
        self._items.append(item)

    def say(self, part: MessagePart) -> None:
        self._has_plain_message = False
        self._assistant.append(part)

    def say_native(self, part: Native) -> None:
        call_id = part.value.get("call_id")
        if type(call_id) is str:
            self._native_calls.add(call_id)
        self.say(part)

    def is_native(self, call_id: Any) -> bool:
        """Tell whether the call of a result is one that only this protocol knows."""
        return bool(self._native_calls) and type(call_id) is str and call_id in self._native_calls

    def say_message(self, parts: tuple[MessagePart, ...], item_id: str) -> None:
        if not item_id and self._has_plain_message:
            self._end_turn()
        self._assistant += parts
        self._has_plain_message = not item_id

    def call(self, call: ToolCall) -> None:
        if call.vendor_extensions:
            call = flat_call(call, self._spaces)
        signature = self._signatures.pop(call.call_id, None)
        self.say(call if signature is None else replace(call, signature=signature))

    def reason_unsigned(self, part: Reasoning) -> None:
        if part.text or part.summary:
            self.say(part)
        else:
            self._losses.drop(f"input[{len(self._items)}].parts", "reasoning came back without its text")

    def sign(self, carried: Carried) -> None:
        """Give a carried signature back to its call or its text."""
        turn = self._assistant
        for number in range(len(turn) - 1, max(len(turn) - _LOOKED_BACK, 0) - 1, -1):
            part = turn[number]
            if type(part) is ToolCall and carried.purpose == "call" and part.call_id == carried.target:
                turn[number] = replace(part, signature=carried.opaque)
                return
            if type(part) is Text and carried.purpose == "text":
                self._sign_text(number, carried)
                return
        if carried.purpose == "call":
            self._signatures[carried.target] = carried.opaque
        else:
            self._losses.drop(f"input[{len(self._items)}].parts", "the text of a signature is gone")

    def _sign_text(self, last: int, carried: Carried) -> None:
        """The message's parts are the last ones with one item id; the target counts from its first."""
        turn = self._assistant
        first = last
        while first > 0 and type(turn[first - 1]) in {Text, Refusal} and turn[first - 1].item_id == turn[last].item_id:  # type: ignore[union-attr]  # by its kind
            if first in self._firsts:
                break
            first -= 1
        self._firsts[last] = first = self._firsts.get(first, first)
        target = carried.target
        number = min(first + int(target), last) if target.isascii() and target.isdecimal() and len(target) < 6 else last
        part = turn[number]
        if type(part) is Text:
            turn[number] = replace(part, signature=carried.opaque)

    def _end_turn(self) -> None:
        if self._signatures:
            self._losses.drop(f"input[{len(self._items)}].parts", "the tool call of a signature is gone")
            self._signatures.clear()
        if self._assistant:
            self._items.append(Message(role=_ASSISTANT, parts=tuple(self._assistant)))
            self._assistant.clear()
            self._firsts.clear()
        self._has_plain_message = False


def _read_message(reader: ItemReader, item: dict[str, Any]) -> None:
    role = _ROLES.get(text(item.get("role"), "role"))
    if role is None:
        raise Unfit("role", "system, developer, user or assistant")
    content = item.get("content")
    if role is _ASSISTANT:
        item_id = optional_text(item, "id")
        reader.say_message(assistant_parts(item), item_id)
    else:
        more = rest(item, _MESSAGE_MEMBERS) if len(item) > 2 else {}
        reader.add(Message(role=role, parts=read_parts(content, "content"), vendor_extensions=more))


def _read_result(reader: ItemReader, item: dict[str, Any], kind: Any = "function") -> None:
    if reader.is_native(item.get("call_id")):
        _read_native(reader, item)
        return
    output = item.get("output")
    more = {} if len(item) <= 3 and "call_id" in item else rest(item, _RESULT_MEMBERS)
    reader.add(
        ToolResult(
            call_id=optional_text(item, "call_id"),
            content=() if output == "" else read_parts(output, "output"),  # type: ignore[arg-type]  # parts that a result has
            name=optional_text(item, "name"),
            kind=kind,
            item_id=optional_text(item, "id"),
            vendor_extensions=unless_completed(more),
        )
    )


def _read_reasoning(reader: ItemReader, item: dict[str, Any]) -> None:
    encrypted = optional_text(item, "encrypted_content")
    carried = unpack(encrypted, NAME) if encrypted else None
    if carried is None:
        reader.say(reasoning_of(item, None))
    elif carried.purpose in {"call", "text"}:
        reader.sign(carried)
    elif carried.opaque.value or carried.purpose == "redacted":
        reader.say(_carried_reasoning(item, carried))
    else:
        reader.reason_unsigned(replace(_carried_reasoning(item, carried), opaque=None, item_id=UNSIGNED))


def _carried_reasoning(item: dict[str, Any], carried: Carried) -> Reasoning:
    part = reasoning_of(item, carried.opaque)
    if carried.purpose == "redacted":
        return replace(part, is_redacted=True)
    return replace(part, text=part.text or "".join(part.summary), summary=()) if carried.purpose == "shown" else part


def _read_native(reader: ItemReader, item: dict[str, Any]) -> None:
    kind = item.get("type") or "item_reference"
    native = Native(protocol=NAME, kind=kind, value=item)
    if kind in USER_ITEMS:
        reader.add(Message(role=MessageRole.USER, parts=(native,)))
    else:
        reader.say_native(native)


def _read_shell_call(reader: ItemReader, item: dict[str, Any]) -> None:
    call = local_shell.call_of(item)
    if call is None:
        _read_native(reader, item)
    else:
        reader.call(call)


def _read_shell_output(reader: ItemReader, item: dict[str, Any]) -> None:
    result = local_shell.result_of(item)
    if result is None or reader.is_native(result.call_id):
        _read_native(reader, item)
    else:
        reader.add(result)


_READERS: dict[str, Callable[[ItemReader, dict[str, Any]], None]] = {
    "message": _read_message,
    "function_call": lambda reader, item: reader.call(call_of(item)),
    "custom_tool_call": lambda reader, item: reader.call(custom_call_of(item)),
    "local_shell_call": _read_shell_call,
    "local_shell_call_output": _read_shell_output,
    "function_call_output": _read_result,
    "custom_tool_call_output": lambda reader, item: _read_result(reader, item, "custom"),
    "reasoning": _read_reasoning,
}
