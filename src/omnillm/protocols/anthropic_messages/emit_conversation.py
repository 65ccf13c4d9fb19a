"""Messages and tool results, written as the API's system blocks and alternating turns."""

from typing import Any

from omnillm.model.message import Message, MessageRole, Text, ToolResult
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.block_writer import UNMARKED, Block, BlockWriter
from omnillm.protocols.anthropic_messages.emit_blocks import emit_block, emit_blocks, lost_result_blocks, tool_result_block
from omnillm.protocols.cache_marks import Anchors
from omnillm.protocols.codec import Dialect

_SYSTEM_ROLES = frozenset({MessageRole.SYSTEM, MessageRole.DEVELOPER})


def emit_conversation(
    request: LlmRequest, dialect: Dialect, writer: BlockWriter, anchors: Anchors
) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the system blocks and the messages, every content a list of blocks and none of them empty.

    The API refuses a request without messages, and a last word of the assistant's that ends in blanks: both can come from elsewhere.
    """
    system, start = _leading(request, writer)
    turns = _Turns(dialect, writer, anchors)
    for number in range(start, len(request.input)):
        item = request.input[number]
        if type(item) is ToolResult:
            turns.add_result(item, number)
        elif type(item) is Message:
            turns.add_message(item, number)
    if not writer.is_own:
        turns.trim_last()
        if system and not turns.messages:
            place = "instructions" if not start else f"input[{start - 1}]"
            writer.losses.move(place, "said by the user, for there is nobody else's word")
            turns.messages.append({"role": "user", "content": [system.pop()]})
    return system, turns.messages


def _leading(request: LlmRequest, writer: BlockWriter) -> tuple[list[Block], int]:
    """Write the instructions and the system messages at the start."""
    system: list[Block] = []
    if request.instructions and (writer.is_own or not request.instructions.isspace()):
        system.append({"type": "text", "text": request.instructions})
        writer.losses.move("instructions", "said as the first system text")
    elif request.instructions:
        writer.losses.drop("instructions", "a text of blanks alone")
    number = 0
    for number, item in enumerate(request.input):
        if type(item) is not Message or item.role not in _SYSTEM_ROLES:
            return system, number
        _note_role(item, number, writer)
        if number:
            writer.losses.move(f"input[{number}]", "joined with the system text before it")
        blocks = _system_blocks(item, number, writer)
        if not blocks:
            writer.losses.drop(f"input[{number}]", "a message without content")
        system += blocks
        _drop_name(item, number, writer)
        _drop_message_extensions(item, number, writer)
    return system, len(request.input)


def _system_blocks(item: Message, number: int, writer: BlockWriter) -> list[Block]:
    for place, part in enumerate(item.parts):
        if type(part) is not Text:
            writer.losses.drop(f"input[{number}].parts[{place}]", "system text is text alone")
    written = [emit_block(part, ("input", number, "parts", place), writer) for place, part in enumerate(item.parts) if type(part) is Text]
    return [block for block in written if block is not None]


def _note_role(item: Message, number: int, writer: BlockWriter) -> None:
    if item.role is MessageRole.DEVELOPER:
        writer.losses.approximate(f"input[{number}].role", "said as system")


def _drop_name(item: Message, number: int, writer: BlockWriter) -> None:
    if item.name:
        writer.losses.drop(f"input[{number}].name", "the Messages API has no names of participants")


def _drop_message_extensions(item: Message, number: int, writer: BlockWriter) -> None:
    for name in item.vendor_extensions:
        writer.losses.drop(f"input[{number}].vendor_extensions.{name}", "the system text is no message here")


class _Turns:
    """Adjacent items of one role are one message; in a user's, the results of tools come first."""

    __slots__ = ("_anchors", "_count", "_dialect", "_last", "_results", "_role", "_writer", "messages")

    def __init__(self, dialect: Dialect, writer: BlockWriter, anchors: Anchors) -> None:
        self.messages: list[dict[str, Any]] = []
        self._dialect = dialect
        self._writer = writer
        self._anchors = anchors
        self._count = 0
        """Messages up to now that are not the system's, as breakpoints count them."""
        self._last = 0
        """The number of the last message that was written."""
        self._role = ""
        self._results = 0
        """Results of tools at the start of the last message."""

    def add_result(self, result: ToolResult, number: int) -> None:
        if not self._writer.is_own and result.call_id not in self._writer.calls:
            self._content("user").extend(lost_result_blocks(result, number, self._writer))
            return
        block = tool_result_block(result, number, self._writer)
        content = self._content("user")
        if len(content) > self._results:
            self._writer.losses.move(f"input[{number}]", "the results of tools come first")
        content.insert(self._results, block)
        self._results += 1

    def add_message(self, message: Message, number: int) -> None:
        writer = self._writer
        if message.role in _SYSTEM_ROLES:
            self._add_system(message, number)
            return
        blocks = emit_blocks(message.parts, "input", number, "parts", writer)
        self._anchors.see_message(self._count, blocks, unmarked=UNMARKED)
        self._count += 1
        _drop_name(message, number, writer)
        if not blocks:
            writer.losses.drop(f"input[{number}]", "a message without content")
            return
        role = message.role.value
        content = self._content(role)
        if len(content) > self._results:
            writer.losses.move(f"input[{number}]", "joined with the message before it")
        content += blocks
        self._last = number
        if message.vendor_extensions:
            writer.extend(self.messages[-1], message.vendor_extensions, f"input[{number}]")

    def trim_last(self) -> None:
        """Take the blanks off the end of what the assistant is to go on from."""
        block = self.messages[-1]["content"][-1] if self._role == "assistant" else {}
        words = block.get("text")
        if words and words != words.rstrip():
            self._writer.losses.approximate(f"input[{self._last}]", "without the blanks at its end")
            block["text"] = words.rstrip()

    def _add_system(self, message: Message, number: int) -> None:
        """Write a system message amid the conversation."""
        writer = self._writer
        _note_role(message, number, writer)
        _drop_name(message, number, writer)
        blocks = _system_blocks(message, number, writer)
        if not blocks:
            writer.losses.drop(f"input[{number}]", "a message without content")
            return
        if self._dialect.accepts_system_messages:
            content = self._content("system")
            if content:
                writer.losses.move(f"input[{number}]", "joined with the message before it")
            content += blocks
            writer.extend(self.messages[-1], message.vendor_extensions, f"input[{number}]")
            return
        writer.losses.move(f"input[{number}]", "said by the user, inside <system>")
        blocks[0]["text"] = f"<system>\n{blocks[0]['text']}"
        blocks[-1]["text"] = f"{blocks[-1]['text']}\n</system>"
        self._content("user").extend(blocks)
        _drop_message_extensions(message, number, writer)

    def _content(self, role: str) -> list[Block]:
        """Return the content of the message that is being written, a new one where the role changes."""
        if role != self._role:
            self._role = role
            self._results = 0
            self.messages.append({"role": role, "content": []})
        content: list[Block] = self.messages[-1]["content"]
        return content
