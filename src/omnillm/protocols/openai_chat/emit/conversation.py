"""The conversation, written for a provider."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final

import msgspec

from omnillm.model.message import ROLE_WORDS, Message, MessageRole, RequestItem, Text, ToolCall, ToolResult, lone_words
from omnillm.model.request import LlmRequest
from omnillm.protocols.openai_chat.emit import assistant
from omnillm.protocols.openai_chat.emit.parts import joined_text, write_part, written_content
from omnillm.protocols.openai_chat.emit.reasoning import fill_in
from omnillm.protocols.openai_chat.emit.results import TEXT_ONLY, behind_their_calls, write_orphan, write_result
from omnillm.protocols.openai_chat.place import Place
from omnillm.protocols.openai_chat.prompt_cache import with_breakpoint

_DEVELOPER: Final = MessageRole.DEVELOPER
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""


def write_messages(request: LlmRequest, place: Place) -> list[dict[str, Any]]:
    writer = _Writer(place)
    items: Sequence[RequestItem] = request.input
    first = 0
    if request.instructions is not None:
        place.losses.move("instructions", "said as the first message")
        items = (Message(role=MessageRole.DEVELOPER, parts=(Text(text=request.instructions),)), *items)
        first = -1
    policy = request.capabilities.prompt_cache
    if policy is not None:
        items = with_breakpoint(items, policy, place)
        place.takes_marks = policy.mode != "disabled"
    writer.write(enumerate(items, first) if place.is_own else behind_their_calls(items, first))
    dialect = place.dialect
    if dialect.needs_thoughts:
        fill_in(writer.messages, place)
    messages = in_strict_turns(writer.messages, place) if dialect.has_strict_turns and not place.is_own else writer.messages
    return messages if dialect.takes_parts else _as_strings(messages, takes_pictures=dialect.takes_pictures, place=place)


class _Writer(msgspec.Struct, eq=False, gc=False):
    _place: Place
    messages: list[dict[str, Any]] = []
    _calls: dict[str, ToolCall] = {}
    """Those in the messages so far, which results only name."""
    _moved: list[dict[str, Any]] = []
    """Media of results, which follow the run of results."""
    _furthest: int = -1
    """The greatest number of a result so far."""

    def write(self, numbered: Iterable[tuple[int, RequestItem]]) -> None:
        """Write the items; one that had parts, of which none could be said, is left out."""
        place = self._place
        message: dict[str, Any] | None
        for place.number, item in numbered:
            if type(item) is ToolResult:
                message = self._write_result(item)
            else:
                if self._furthest >= 0:
                    self._leave_results()
                words = lone_words(item)
                if words and item.role is not _DEVELOPER:
                    message = {"role": ROLE_WORDS[item.role], "content": words}
                else:
                    message = self._write_message(item)
            if message is None:
                self._drop_members(item)
                continue
            if item.vendor_extensions:
                self._extend(message, item)
            self.messages.append(message)
        self._end_results()

    def _leave_results(self) -> None:
        self._end_results()
        if self._place.number < self._furthest:
            self._note_late()

    def _end_results(self) -> None:
        """Every call must be answered before anything else is said."""
        if self._moved:
            self.messages.append({"role": "user", "content": self._moved})
            self._moved = []

    def _write_message(self, item: Message) -> dict[str, Any] | None:
        message = self._ROLES[item.role](self, item)
        if message.get("content") == "" and item.parts and len(message) == 2:
            return None
        if item.name:
            message["name"] = item.name
        return message

    def _write_result(self, item: ToolResult) -> dict[str, Any] | None:
        place = self._place
        if place.is_own or item.call_id in self._calls:
            self._furthest = max(self._furthest, place.number)
            return write_result(item, self._calls.get(item.call_id), self._moved, place)
        self._end_results()
        message = write_orphan(item, place)
        if message is not None and place.number < self._furthest:
            self._note_late()
        return message

    def _note_late(self) -> None:
        if not self._place.is_own:
            self._place.losses.move(self._place.around(""), "said after the results of the calls before it")

    def _drop_members(self, item: RequestItem) -> None:
        """Tell what else is gone with a message that has nothing left to say."""
        place = self._place
        if item.name and type(item) is Message:
            place.losses.drop(place.around(".name"), "nothing of the message is left")
        place.losses.drop_extensions(item.vendor_extensions, place.around("."), "nothing of the message is left")

    def _write_assistant(self, item: Message) -> dict[str, Any]:
        for part in item.parts:
            if type(part) is ToolCall:
                self._calls[part.call_id] = part
        return assistant.write_message(item.parts, self._place)

    def _write_user(self, item: Message) -> dict[str, Any]:
        place = self._place
        written = []
        for place.part, part in enumerate(item.parts):
            if (one := write_part(part, place)) is not None:
                written.append(one)
        return {"role": "user", "content": written_content(written)}

    def _write_system(self, item: Message) -> dict[str, Any]:
        place = self._place
        role = ROLE_WORDS[item.role]
        if role == "developer" and place.dialect.system_role != role:
            role = place.dialect.system_role
            if place.number >= 0:
                place.losses.approximate(place.around(".role"), "the host calls it system")
        written = []
        for place.part, part in enumerate(item.parts):
            if part.__struct_config__.tag not in TEXT_ONLY:
                place.drop("", "a system message of Chat is text")
            elif (one := write_part(part, place)) is not None:
                written.append(one)
        return {"role": role, "content": written_content(written) if place.takes_arrays else joined_text(written, "\n\n", ".parts", place)}

    def _extend(self, message: dict[str, Any], item: RequestItem) -> None:
        place = self._place
        for name, value in item.vendor_extensions.items():
            if name in message or not place.has_own_extensions:
                place.losses.drop(place.around(f".vendor_extensions.{name}"), "not a member of Chat's")
            elif name == "reasoning_details" and place.is_openai:
                place.losses.drop(place.around(f".vendor_extensions.{name}"), "OpenAI's Chat takes no reasoning")
            else:
                message[name] = value

    _ROLES: ClassVar[dict[MessageRole, Callable[["_Writer", Message], dict[str, Any]]]] = {
        MessageRole.USER: _write_user,
        MessageRole.ASSISTANT: _write_assistant,
        MessageRole.SYSTEM: _write_system,
        MessageRole.DEVELOPER: _write_system,
    }


def _shown(content: list[dict[str, Any]], place: Place) -> list[dict[str, Any]]:
    shown = [part for part in content if part.get("type") in {"text", "image_url"}]
    if len(shown) < len(content):
        place.losses.drop("input[*].parts[*]", "the host takes text and pictures alone")
    return shown


def _as_strings(messages: list[dict[str, Any]], *, takes_pictures: bool, place: Place) -> list[dict[str, Any]]:
    """Join the texts of each message, and tell what is no text as lost. A message that had nothing else is left out."""
    kept = []
    for message in messages:
        content = message.get("content")
        if type(content) is list and takes_pictures and any(part.get("type") == "image_url" for part in content):
            message["content"] = _shown(content, place)
        elif type(content) is list:
            texts = [part["text"] for part in content if part.get("type") == "text"]
            if len(texts) < len(content):
                place.losses.drop("input[*].parts[*]", "the host takes text alone")
            if len(texts) > 1:
                place.losses.approximate("input[*].parts", "several texts, as one: the host takes one string")
            message["content"] = "\n\n".join(texts)
            if not texts and not message.get("tool_calls"):
                continue
        kept.append(message)
    return kept


def in_strict_turns(messages: list[dict[str, Any]], place: Place) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    before = "system"
    for message in messages:
        if message["role"] == "system" and before != "system":
            message = _said_by_the_user(message, place)  # noqa: PLW2901  the turn that takes its place
        if message["role"] == "user" and before == "tool":
            place.losses.approximate("input[*]", "the assistant says a word between a tool's result and the user")
            written.append({"role": "assistant", "content": "OK."})
        written.append(message)
        before = message["role"]
    if before == "assistant" and "tool_calls" not in written[-1]:
        written[-1]["prefix"] = True
    return written


def _said_by_the_user(message: dict[str, Any], place: Place) -> dict[str, Any]:
    place.losses.move("input[*]", "a system message is said by the user, inside <system>")
    content = message["content"]
    words = content if type(content) is str else "\n\n".join(part["text"] for part in content)
    return {"role": "user", "content": f"<system>\n{words}\n</system>"}
