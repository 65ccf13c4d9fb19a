"""Messages and tool results, written as Converse's system blocks and alternating turns."""

from typing import Any

from omnillm.model.message import ROLE_WORDS, SYSTEM_ROLES, Message, MessageRole, Text, ToolResult, lone_words
from omnillm.model.request import LlmRequest
from omnillm.protocols.bedrock_converse.emit.parts import emit_block, emit_blocks, result_content, tool_result_block
from omnillm.protocols.bedrock_converse.place import Place
from omnillm.protocols.differences.cache_marks import Anchors
from omnillm.protocols.differences.turns import Block, Turns, around_result


def emit_conversation(request: LlmRequest, place: Place, anchors: Anchors) -> tuple[list[Block], list[dict[str, Any]]]:
    """(system blocks, messages)."""
    system, start = _leading(request, place)
    conversation = _Conversation(place, anchors)
    turns = conversation.turns
    for place.number in range(start, len(request.input)):
        item = request.input[place.number]
        if type(item) is ToolResult:
            conversation.add_result(item)
        else:
            conversation.add_message(item)
    turns.end(takes_last_word=place.dialect.takes_last_word)
    if place.family != "claude":
        turns.begin(f"input[{start}]")
    if place.beside_results is not None:
        turns.keep_results_apart(place.beside_results)
    if place.documents:
        _name_lone_documents(turns.messages, place)
    if system and not turns.messages:
        place.losses.move(f"input[{start - 1}]" if start else "instructions", "said by the user, for there is nobody else's word")
        turns.messages.append({"role": "user", "content": system})
        system = []
    return system, turns.messages


def _name_lone_documents(messages: list[dict[str, Any]], place: Place) -> None:
    """Converse refuses a message with a document and no text."""
    for message in messages:
        names = [block["document"]["name"] for block in message["content"] if "document" in block]
        if names and not any("text" in block for block in message["content"]):
            place.losses.default("input[*]", "a document's name, as the text that Converse wants beside it")
            message["content"].append({"text": names[0]})


def _leading(request: LlmRequest, place: Place) -> tuple[list[Block], int]:
    """Write the instructions and the system messages at the start."""
    system: list[Block] = []
    if request.instructions and not request.instructions.isspace():
        system.append({"text": request.instructions})
        place.losses.move("instructions", "said as the first system text")
    elif request.instructions:
        place.losses.drop("instructions", "a text of blanks alone")
    for place.number, item in enumerate(request.input):
        if type(item) is not Message or item.role not in SYSTEM_ROLES:
            return system, place.number
        if place.number:
            place.losses.move(place.around(), "joined with the system text before it")
        system += _system_blocks(item, place)
    return system, len(request.input)


def _system_blocks(item: Message, place: Place) -> list[Block]:
    if item.role is MessageRole.DEVELOPER:
        place.losses.approximate(place.around(".role"), "said as system")
    _drop_words(item, place)
    blocks: list[Block] = []
    for place.part, part in enumerate(item.parts):
        if type(part) is not Text:
            place.drop("", "system text is text alone")
            continue
        block = emit_block(part, place)
        if block is None:
            continue
        blocks.append(block)
        if part.cache_control is not None:
            place.mark(blocks, part.cache_control, place.here())
    if not blocks:
        place.losses.drop(place.around(), "a message without content")
    return blocks


def _drop_words(item: Message, place: Place) -> None:
    if item.name:
        place.losses.drop(place.around(".name"), "Converse has no names of participants")
    place.losses.drop_extensions(item.vendor_extensions, place.around("."), place.unknown)


class _Conversation:
    """The turns, written item by item."""

    __slots__ = ("_anchors", "_count", "_place", "turns")

    def __init__(self, place: Place, anchors: Anchors) -> None:
        self.turns = Turns(place.losses)
        self._place = place
        self._anchors = anchors
        self._count = 0
        """Messages up to now that are not the system's, as breakpoints count them."""

    def add_result(self, result: ToolResult) -> None:
        place = self._place
        if result.call_id not in place.calls:
            self.turns.content("user").extend(_lost_result(result, place))
            return
        blocks = [tool_result_block(result, place)]
        if result.cache_control is not None:
            place.mark(blocks, result.cache_control, place.around())
        self.turns.answer(blocks, place.number)

    def add_message(self, message: Message) -> None:
        place = self._place
        if message.role in SYSTEM_ROLES:
            self._add_system(message)
            return
        words = lone_words(message)
        if words and not words.isspace():
            blocks: list[Block] = [{"text": words}]
        else:
            blocks = emit_blocks(message, place)
            _drop_words(message, place)
        if not blocks:
            place.losses.drop(place.around(), "a message without content")
        else:
            self._anchors.see_message(self._count, self.turns.say(ROLE_WORDS[message.role], blocks, place.number))
        self._count += 1

    def _add_system(self, message: Message) -> None:
        """Write a system message amid the conversation."""
        blocks = _system_blocks(message, self._place)
        if not blocks:
            return
        self._place.losses.move(self._place.around(), "said by the user, inside <system>")
        texts = [block for block in blocks if "text" in block]
        texts[0]["text"] = f"<system>\n{texts[0]['text']}"
        texts[-1]["text"] = f"{texts[-1]['text']}\n</system>"
        self.turns.content("user").extend(blocks)


def _lost_result(result: ToolResult, place: Place) -> list[Block]:
    """Write a result whose call is not in the conversation as the user's words: Converse refuses a result without its call."""
    path = place.around()
    place.losses.approximate(path, "said by the user, inside <tool_result>, for its call is not here")
    place.losses.drop_extensions(result.vendor_extensions, f"{path}.", place.unknown)
    opening, ending = around_result(result)
    content = [block for block in result_content(result, place) if "json" not in block]
    if len(content) < len(result.content):
        place.losses.drop(f"{path}.content", "JSON stands in results of tools alone")
    blocks = [{"text": opening}, *content, {"text": ending}]
    if result.cache_control is not None:
        place.mark(blocks, result.cache_control, path)
    return blocks
