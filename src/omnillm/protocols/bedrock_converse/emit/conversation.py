"""Messages and tool results, written as Converse's system blocks and alternating turns."""

from typing import Any

from omnillm.model.message import ROLE_WORDS, SYSTEM_ROLES, Message, MessageRole, Text, ToolResult, lone_words
from omnillm.model.request import LlmRequest
from omnillm.protocols.bedrock_converse.emit.blocks import emit_block, emit_blocks, result_content, tool_result_block
from omnillm.protocols.bedrock_converse.writer import Writer
from omnillm.protocols.codec import Dialect
from omnillm.protocols.differences.cache_marks import Anchors
from omnillm.protocols.differences.turns import Block, Turns, around_result, path_of


def emit_conversation(request: LlmRequest, dialect: Dialect, writer: Writer, anchors: Anchors) -> tuple[list[Block], list[dict[str, Any]]]:
    """(system blocks, messages)."""
    system, start = _leading(request, writer)
    conversation = _Conversation(writer, anchors)
    turns = conversation.turns
    for number in range(start, len(request.input)):
        item = request.input[number]
        if type(item) is ToolResult:
            conversation.add_result(item, number)
        else:
            conversation.add_message(item, number)
    turns.end(takes_last_word=dialect.takes_last_word)
    if writer.family != "claude":
        turns.begin(f"input[{start}]")
    if writer.beside_results is not None:
        turns.keep_results_apart(writer.beside_results)
    if writer.documents:
        _name_lone_documents(turns.messages, writer)
    if system and not turns.messages:
        writer.losses.move("instructions" if not start else f"input[{start - 1}]", "said by the user, for there is nobody else's word")
        turns.messages.append({"role": "user", "content": system})
        system = []
    return system, turns.messages


def _name_lone_documents(messages: list[dict[str, Any]], writer: Writer) -> None:
    """Converse refuses a message with a document and no text."""
    for message in messages:
        names = [block["document"]["name"] for block in message["content"] if "document" in block]
        if names and not any("text" in block for block in message["content"]):
            writer.losses.default("input[*]", "a document's name, as the text that Converse wants beside it")
            message["content"].append({"text": names[0]})


def _leading(request: LlmRequest, writer: Writer) -> tuple[list[Block], int]:
    """Write the instructions and the system messages at the start."""
    system: list[Block] = []
    if request.instructions and not request.instructions.isspace():
        system.append({"text": request.instructions})
        writer.losses.move("instructions", "said as the first system text")
    elif request.instructions:
        writer.losses.drop("instructions", "a text of blanks alone")
    for number, item in enumerate(request.input):
        if type(item) is not Message or item.role not in SYSTEM_ROLES:
            return system, number
        if number:
            writer.losses.move(f"input[{number}]", "joined with the system text before it")
        system += _system_blocks(item, number, writer)
    return system, len(request.input)


def _system_blocks(item: Message, number: int, writer: Writer) -> list[Block]:
    if item.role is MessageRole.DEVELOPER:
        writer.losses.approximate(f"input[{number}].role", "said as system")
    _drop_words(item, number, writer)
    blocks: list[Block] = []
    for place, part in enumerate(item.parts):
        where = ("input", number, "parts", place)
        if type(part) is not Text:
            writer.losses.drop(f"input[{number}].parts[{place}]", "system text is text alone")
            continue
        block = emit_block(part, where, writer)
        if block is None:
            continue
        blocks.append(block)
        if part.cache_control is not None:
            writer.mark(blocks, part.cache_control, path_of(where))
    if not blocks:
        writer.losses.drop(f"input[{number}]", "a message without content")
    return blocks


def _drop_words(item: Message, number: int, writer: Writer) -> None:
    if item.name:
        writer.losses.drop(f"input[{number}].name", "Converse has no names of participants")
    writer.drop_extensions(item.vendor_extensions, f"input[{number}]")


class _Conversation:
    """The turns, written item by item."""

    __slots__ = ("_anchors", "_count", "_writer", "turns")

    def __init__(self, writer: Writer, anchors: Anchors) -> None:
        self.turns = Turns(writer.losses)
        self._writer = writer
        self._anchors = anchors
        self._count = 0
        """Messages up to now that are not the system's, as breakpoints count them."""

    def add_result(self, result: ToolResult, number: int) -> None:
        writer = self._writer
        if result.call_id not in writer.calls:
            self.turns.content("user").extend(_lost_result(result, number, writer))
            return
        blocks = [tool_result_block(result, number, writer)]
        if result.cache_control is not None:
            writer.mark(blocks, result.cache_control, f"input[{number}]")
        self.turns.answer(blocks, number)

    def add_message(self, message: Message, number: int) -> None:
        writer = self._writer
        if message.role in SYSTEM_ROLES:
            self._add_system(message, number)
            return
        words = lone_words(message)
        if words and not words.isspace():
            blocks: list[Block] = [{"text": words}]
        else:
            blocks = emit_blocks(message.parts, number, writer)
            _drop_words(message, number, writer)
        if not blocks:
            writer.losses.drop(f"input[{number}]", "a message without content")
        else:
            self._anchors.see_message(self._count, self.turns.say(ROLE_WORDS[message.role], blocks, number))
        self._count += 1

    def _add_system(self, message: Message, number: int) -> None:
        """Write a system message amid the conversation."""
        blocks = _system_blocks(message, number, self._writer)
        if not blocks:
            return
        self._writer.losses.move(f"input[{number}]", "said by the user, inside <system>")
        texts = [block for block in blocks if "text" in block]
        texts[0]["text"] = f"<system>\n{texts[0]['text']}"
        texts[-1]["text"] = f"{texts[-1]['text']}\n</system>"
        self.turns.content("user").extend(blocks)


def _lost_result(result: ToolResult, number: int, writer: Writer) -> list[Block]:
    """Write a result whose call is not in the conversation as the user's words: Converse refuses a result without its call."""
    path = f"input[{number}]"
    writer.losses.approximate(path, "said by the user, inside <tool_result>, for its call is not here")
    writer.drop_extensions(result.vendor_extensions, path)
    opening, ending = around_result(result)
    content = [block for block in result_content(result, number, writer) if "json" not in block]
    if len(content) < len(result.content):
        writer.losses.drop(f"{path}.content", "JSON stands in results of tools alone")
    blocks = [{"text": opening}, *content, {"text": ending}]
    if result.cache_control is not None:
        writer.mark(blocks, result.cache_control, path)
    return blocks
