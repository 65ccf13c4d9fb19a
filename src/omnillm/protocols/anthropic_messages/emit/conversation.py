"""Messages and tool results, written as the API's system blocks and alternating turns."""

from typing import Any, Final

from omnillm.model.message import ROLE_WORDS, SYSTEM_ROLES, Message, MessageRole, Text, ToolResult, lone_words
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.emit.blocks import emit_block, emit_blocks, lost_result_blocks, tool_result_block
from omnillm.protocols.anthropic_messages.emit.writer import UNMARKED, BlockWriter
from omnillm.protocols.codec import Dialect
from omnillm.protocols.differences.cache_marks import Anchors
from omnillm.protocols.differences.turns import Block, Turns

_DEVELOPER: Final = MessageRole.DEVELOPER
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""


def emit_conversation(
    request: LlmRequest, dialect: Dialect, writer: BlockWriter, anchors: Anchors
) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the system blocks and the messages, every content a list of blocks and none of them empty.

    The API refuses a request without messages, and a last word of the assistant's that ends in blanks: both can come from elsewhere.
    """
    system, start = _leading(request, writer)
    conversation = _Conversation(dialect, writer, anchors)
    turns = conversation.turns
    for number in range(start, len(request.input)):
        item = request.input[number]
        if type(item) is ToolResult:
            conversation.add_result(item, number)
        else:
            conversation.add_message(item, number)
    if not writer.is_own:
        turns.end(takes_last_word=dialect.takes_last_word)
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
        if type(item) is not Message or item.role not in SYSTEM_ROLES:
            return system, number
        if number:
            writer.losses.move(f"input[{number}]", "joined with the system text before it")
        blocks = _system_blocks(item, number, writer)
        if not blocks:
            writer.losses.drop(f"input[{number}]", "a message without content")
        system += blocks
        if item.vendor_extensions:
            _drop_message_extensions(item, number, writer)
    return system, len(request.input)


def _system_blocks(item: Message, number: int, writer: BlockWriter) -> list[Block]:
    """Write the texts of a message of the system's, and tell what else is lost of it."""
    if item.role is _DEVELOPER:
        writer.losses.approximate(f"input[{number}].role", "said as system")
    if item.name:
        _drop_name(number, writer)
    blocks = []
    for place, part in enumerate(item.parts):
        if type(part) is not Text:
            writer.losses.drop(f"input[{number}].parts[{place}]", "system text is text alone")
        elif (block := emit_block(part, ("input", number, "parts", place), writer)) is not None:
            blocks.append(block)
    return blocks


def _drop_name(number: int, writer: BlockWriter) -> None:
    writer.losses.drop(f"input[{number}].name", "the Messages API has no names of participants")


def _drop_message_extensions(item: Message, number: int, writer: BlockWriter) -> None:
    writer.losses.drop_extensions(item.vendor_extensions, f"input[{number}].", "the system text is no message here")


class _Conversation:
    """The turns, written item by item."""

    __slots__ = ("_anchors", "_count", "_dialect", "_writer", "turns")

    def __init__(self, dialect: Dialect, writer: BlockWriter, anchors: Anchors) -> None:
        self.turns = Turns(writer.losses)
        self._dialect = dialect
        self._writer = writer
        self._anchors = anchors
        self._count = 0
        """Messages up to now that are not the system's, as breakpoints count them."""

    def add_result(self, result: ToolResult, number: int) -> None:
        if not self._writer.is_own and result.call_id not in self._writer.calls:
            self.turns.content("user").extend(lost_result_blocks(result, number, self._writer))
            return
        self.turns.answer([tool_result_block(result, number, self._writer)], number)

    def add_message(self, message: Message, number: int) -> None:
        writer = self._writer
        if message.role in SYSTEM_ROLES:
            self._add_system(message, number)
            return
        words = lone_words(message)
        if words and not words.isspace():
            blocks: list[Block] = [{"type": "text", "text": words}]
        else:
            blocks = emit_blocks(message.parts, number, "parts", writer)
        self._anchors.see_message(self._count, blocks, unmarked=UNMARKED)
        self._count += 1
        if message.name:
            _drop_name(number, writer)
        if not blocks:
            writer.losses.drop(f"input[{number}]", "a message without content")
            return
        self.turns.say(ROLE_WORDS[message.role], blocks, number)
        if message.vendor_extensions:
            writer.extend(self.turns.messages[-1], message.vendor_extensions, f"input[{number}]")

    def _add_system(self, message: Message, number: int) -> None:
        """Write a system message amid the conversation."""
        writer = self._writer
        blocks = _system_blocks(message, number, writer)
        if not blocks:
            writer.losses.drop(f"input[{number}]", "a message without content")
            return
        if self._dialect.accepts_system_messages:
            self.turns.say("system", blocks, number)
            writer.extend(self.turns.messages[-1], message.vendor_extensions, f"input[{number}]")
            return
        writer.losses.move(f"input[{number}]", "said by the user, inside <system>")
        blocks[0]["text"] = f"<system>\n{blocks[0]['text']}"
        blocks[-1]["text"] = f"{blocks[-1]['text']}\n</system>"
        self.turns.content("user").extend(blocks)
        _drop_message_extensions(message, number, writer)
