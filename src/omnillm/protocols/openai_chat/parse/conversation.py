"""A client's conversation, read."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omnillm.model.message import Message, MessageRole, Opaque, Reasoning, Refusal, RequestItem, ToolCall, ToolResult
from omnillm.protocols.envelope import unseal
from omnillm.protocols.openai_chat.parse import assistant
from omnillm.protocols.openai_chat.parse.parts import read_content
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.shapes import Unfit, array, each, optional_text, rest, text


def read_messages(messages: Any) -> tuple[RequestItem, ...]:
    return tuple(each(array(messages, "messages"), "messages", _Conversation().read))


class _Conversation:
    """What the calls of the messages so far were: a result names its call only."""

    __slots__ = ("_custom", "_legacy")

    def __init__(self) -> None:
        self._custom: set[str] = set()
        """Ids of calls of custom tools."""
        self._legacy = 0
        """How many calls had no id."""

    def read(self, message: Any) -> RequestItem:
        if type(message) is not dict:
            raise Unfit("", "an object")
        read = _ROLES.get(text(message.get("role"), "role"))
        if read is None:
            raise Unfit("role", "system, developer, user, assistant, tool or function")
        return read(self, message)

    def read_assistant(self, message: dict[str, Any]) -> Message:
        parts, beside = assistant.read_message(message, _unsealed)
        if message.get("function_call"):
            self._legacy += 1
            parts = (*parts[:-1], replace(parts[-1], call_id=self._legacy_id))
        if message.get("tool_calls"):
            self._custom.update(part.call_id for part in parts if type(part) is ToolCall and part.kind == "custom")
        return Message(
            role=MessageRole.ASSISTANT,
            parts=parts,
            name=optional_text(message, "name"),
            vendor_extensions=beside,
        )

    def read_tool(self, message: dict[str, Any]) -> ToolResult:
        call_id = text(message.get("tool_call_id"), "tool_call_id")
        return ToolResult(
            call_id=call_id,
            content=self._results(message),
            name=optional_text(message, "name"),
            kind="custom" if call_id in self._custom else "function",
            vendor_extensions=rest(message, _TOOL_MEMBERS) if len(message) > 3 else {},
        )

    def read_function(self, message: dict[str, Any]) -> ToolResult:
        """Read the answer to the last `function_call`."""
        name = text(message.get("name"), "name")
        return ToolResult(call_id=self._legacy_id, content=self._results(message), name=name)

    def _results(self, message: dict[str, Any]) -> tuple[Any, ...]:
        content = read_content(message.get("content"))
        if not _NEVER_RESULTS.isdisjoint(map(type, content)):
            raise Unfit("content", "a string or an array of text parts")
        return content

    @property
    def _legacy_id(self) -> str:
        return f"{assistant.LEGACY_CALL_ID}_{self._legacy}"


def _unsealed(value: str) -> Opaque:
    return unseal(value, NAME)


def _plain(role: MessageRole) -> Callable[[_Conversation, dict[str, Any]], Message]:
    def read(_: _Conversation, message: dict[str, Any]) -> Message:
        parts = read_content(message.get("content"))
        if len(message) == 2 and "content" in message:
            return Message(role=role, parts=parts)
        return Message(role=role, parts=parts, name=optional_text(message, "name"), vendor_extensions=rest(message, _PLAIN_MEMBERS))

    return read


_NEVER_RESULTS = frozenset({Refusal, Reasoning})
_PLAIN_MEMBERS = frozenset({"role", "content", "name"})
_TOOL_MEMBERS = frozenset({"role", "content", "name", "tool_call_id"})
_ROLES: dict[str, Callable[[_Conversation, dict[str, Any]], RequestItem]] = {
    "system": _plain(MessageRole.SYSTEM),
    "developer": _plain(MessageRole.DEVELOPER),
    "user": _plain(MessageRole.USER),
    "assistant": _Conversation.read_assistant,
    "tool": _Conversation.read_tool,
    "function": _Conversation.read_function,
}
