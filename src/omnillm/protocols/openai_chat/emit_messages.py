"""The conversation, written for a provider."""

from collections.abc import Callable
from typing import Any

from omnillm.model.message import Message, MessageRole, RequestItem, Text, ToolCall, ToolResult
from omnillm.model.request import LlmRequest
from omnillm.protocols.openai_chat import assistant
from omnillm.protocols.openai_chat.emit_parts import write_part, written_content
from omnillm.protocols.openai_chat.place import Place
from omnillm.protocols.openai_chat.prompt_cache import with_breakpoint

_TEXT_ONLY = frozenset({"text", "json", "native"})


def write_messages(request: LlmRequest, place: Place) -> list[dict[str, Any]]:
    writer = _Writer(place)
    items, first = list(request.input), 0
    if request.instructions is not None:
        place.losses.move("instructions", "said as the first message")
        items.insert(0, Message(role=MessageRole.DEVELOPER, parts=(Text(text=request.instructions),)))
        first = -1
    policy = request.capabilities.prompt_cache
    if policy is not None:
        items = with_breakpoint(items, policy, place)
        place.takes_marks = policy.mode != "disabled"
    for place.number, item in enumerate(items, first):
        writer.write(item)
    writer.end_results()
    return writer.messages


class _Writer:
    """The messages so far; the calls in them, which results only name; media of results, which follow the run of results."""

    __slots__ = ("_calls", "_moved", "_place", "messages")

    def __init__(self, place: Place) -> None:
        self.messages: list[dict[str, Any]] = []
        self._place = place
        self._calls: dict[str, ToolCall] = {}
        self._moved: list[dict[str, Any]] = []

    def write(self, item: RequestItem) -> None:
        if type(item) is ToolResult:
            self._write_result(item)
            return
        assert type(item) is Message
        if self._moved:
            self.end_results()
        message = _ROLES[item.role](self, item)
        if item.name:
            message["name"] = item.name
        if item.vendor_extensions:
            self._extend(message, item)
        self.messages.append(message)

    def end_results(self) -> None:
        """Every call must be answered before anything else is said."""
        if self._moved:
            self.messages.append({"role": "user", "content": self._moved})
            self._moved = []

    def _write_assistant(self, item: Message) -> dict[str, Any]:
        for part in item.parts:
            if type(part) is ToolCall:
                self._calls[part.call_id] = part
        return assistant.write_message(item.parts, self._place)

    def _write_user(self, item: Message) -> dict[str, Any]:
        return {"role": "user", "content": self._content(item.parts)}

    def _write_system(self, item: Message) -> dict[str, Any]:
        place = self._place
        role = item.role.value
        if role == "developer" and place.dialect is not None and place.dialect.system_role != role:
            role = place.dialect.system_role
            if place.number >= 0:
                place.losses.approximate(place.around(".role"), "the host calls it system")
        return {"role": role, "content": self._content(item.parts, is_text_only=True)}

    def _content(self, parts: tuple[Any, ...], *, is_text_only: bool = False) -> str | list[dict[str, Any]]:
        place = self._place
        written = []
        for place.part, part in enumerate(parts):
            if is_text_only and part.__struct_config__.tag not in _TEXT_ONLY:
                place.drop("", "a system message of Chat is text")
            elif (one := write_part(part, place)) is not None:
                written.append(one)
        return written_content(written)

    def _write_result(self, item: ToolResult) -> None:
        place = self._place
        place.member = "content"
        texts: list[dict[str, Any]] = []
        for place.part, part in enumerate(item.content):
            if part.__struct_config__.tag in _TEXT_ONLY:
                written = write_part(part, place)
                if written is not None:
                    texts.append(written)
            elif (moved := write_part(part, place)) is not None:
                place.losses.move(place.here(), "a result is text; the rest follows in a user message")
                self._moved.append(moved)
        place.member = "parts"
        self._tell_losses(item)
        if item.cache_control is not None:
            self._move_mark(item, texts)
        message: dict[str, Any] = {"role": "tool", "tool_call_id": item.call_id, "content": written_content(texts)}
        if item.vendor_extensions:
            self._extend(message, item)
        self.messages.append(message)

    def _tell_losses(self, item: ToolResult) -> None:
        place = self._place
        if item.is_error is not None:
            place.losses.drop(place.around(".is_error"), "Chat has no flag for a failed call")
        if item.item_id:
            place.drop_item_id()
        call = self._calls.get(item.call_id)
        if item.name and (call is None or call.name != item.name):
            place.losses.drop(place.around(".name"), "Chat names the call only")
        if item.kind != (call.kind if call is not None else "function"):
            place.losses.drop(place.around(".kind"), "Chat names the call only")

    def _move_mark(self, item: ToolResult, texts: list[dict[str, Any]]) -> None:
        """A mark on the whole result goes to its last text."""
        place = self._place
        if texts and texts[-1].get("type") == "text":
            marked = write_part(Text(text="", cache_control=item.cache_control), place)
            texts[-1] = {**(marked or {}), **texts[-1]}
            if marked is not None and len(marked) > 2:
                place.losses.move(place.around(".cache_control"), "said on the last text of the result")
        else:
            place.losses.drop(place.around(".cache_control"), "the result has no text to bear it")

    def _extend(self, message: dict[str, Any], item: RequestItem) -> None:
        place = self._place
        for name, value in item.vendor_extensions.items():
            if name in message or not place.has_own_extensions:
                place.losses.drop(place.around(f".vendor_extensions.{name}"), "not a member of Chat's")
            elif name == "reasoning_details" and place.is_openai:
                place.losses.drop(place.around(f".vendor_extensions.{name}"), "OpenAI's Chat takes no reasoning")
            else:
                message[name] = value


_ROLES: dict[MessageRole, Callable[[_Writer, Message], dict[str, Any]]] = {
    MessageRole.USER: _Writer._write_user,  # noqa: SLF001 - the class's own table
    MessageRole.ASSISTANT: _Writer._write_assistant,  # noqa: SLF001
    MessageRole.SYSTEM: _Writer._write_system,  # noqa: SLF001
    MessageRole.DEVELOPER: _Writer._write_system,  # noqa: SLF001
}
