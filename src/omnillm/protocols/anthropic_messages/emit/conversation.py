"""Messages and tool results, written as the API's system blocks and alternating turns."""

from typing import Any, Final

from omnillm.model.message import ROLE_WORDS, SYSTEM_ROLES, Message, MessageRole, Text, ToolResult, lone_words
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.emit.parts import emit_block, emit_blocks, lost_result_blocks, tool_result_block
from omnillm.protocols.anthropic_messages.place import THINKING, Place
from omnillm.protocols.differences.cache_marks import Anchors
from omnillm.protocols.differences.turns import Block, Turns

_DEVELOPER: Final = MessageRole.DEVELOPER
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""


def emit_conversation(request: LlmRequest, place: Place, anchors: Anchors) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the system blocks and the messages, every content a list of blocks and none of them empty.

    The API refuses a request without messages, and a last word of the assistant's that ends in blanks: both can come from elsewhere.
    """
    system, start = _leading(request, place)
    conversation = _Conversation(place, anchors)
    turns = conversation.turns
    for place.number in range(start, len(request.input)):
        item = request.input[place.number]
        if type(item) is ToolResult:
            conversation.add_result(item)
        else:
            conversation.add_message(item)
    if not place.is_own:
        turns.end(takes_last_word=place.dialect.takes_last_word)
        if system and not turns.messages:
            path = f"input[{start - 1}]" if start else "instructions"
            place.losses.move(path, "said by the user, for there is nobody else's word")
            turns.messages.append({"role": "user", "content": [system.pop()]})
    return system, turns.messages


def _leading(request: LlmRequest, place: Place) -> tuple[list[Block], int]:
    """Write the instructions and the system messages at the start."""
    system: list[Block] = []
    if request.instructions and (place.is_own or not request.instructions.isspace()):
        system.append({"type": "text", "text": request.instructions})
        place.losses.move("instructions", "said as the first system text")
    elif request.instructions:
        place.losses.drop("instructions", "a text of blanks alone")
    for place.number, item in enumerate(request.input):
        if type(item) is not Message or item.role not in SYSTEM_ROLES:
            return system, place.number
        if place.number:
            place.losses.move(place.around(), "joined with the system text before it")
        system += _system_blocks(item, place)
        if item.vendor_extensions:
            _drop_message_extensions(item, place)
    return system, len(request.input)


def _system_blocks(item: Message, place: Place) -> list[Block]:
    """Write the texts of a message of the system's, and tell what else is lost of it."""
    if item.role is _DEVELOPER:
        place.losses.approximate(place.around(".role"), "said as system")
    if item.name:
        _drop_name(place)
    blocks = []
    for place.part, part in enumerate(item.parts):
        if type(part) is not Text:
            place.drop("", "system text is text alone")
        elif (block := emit_block(part, place)) is not None:
            blocks.append(block)
    if not blocks:
        place.losses.drop(place.around(), "a message without content")
    return blocks


def _drop_name(place: Place) -> None:
    place.losses.drop(place.around(".name"), "the Messages API has no names of participants")


def _drop_message_extensions(item: Message, place: Place) -> None:
    place.losses.drop_extensions(item.vendor_extensions, place.around("."), "the system text is no message here")


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
        if not place.is_own and result.call_id not in place.calls:
            self.turns.content("user").extend(lost_result_blocks(result, place))
        else:
            self.turns.answer([tool_result_block(result, place)], place.number)

    def add_message(self, message: Message) -> None:
        place = self._place
        if message.role in SYSTEM_ROLES:
            self._add_system(message)
            return
        words = lone_words(message)
        if words and not words.isspace():
            blocks: list[Block] = [{"type": "text", "text": words}]
        else:
            blocks = emit_blocks(message, place)
        self._anchors.see_message(self._count, blocks, unmarked=THINKING)
        self._count += 1
        if message.name:
            _drop_name(place)
        if not blocks:
            place.losses.drop(place.around(), "a message without content")
            return
        self.turns.say(ROLE_WORDS[message.role], blocks, place.number)
        if message.vendor_extensions:
            place.extend(self.turns.messages[-1], message.vendor_extensions, place.around("."))

    def _add_system(self, message: Message) -> None:
        """Write a system message amid the conversation."""
        place = self._place
        blocks = _system_blocks(message, place)
        if not blocks:
            return
        if place.is_own:
            self.turns.say("system", blocks, place.number)
            place.extend(self.turns.messages[-1], message.vendor_extensions, place.around("."))
            return
        place.losses.move(place.around(), "said by the user, inside <system>")
        blocks[0]["text"] = f"<system>\n{blocks[0]['text']}"
        blocks[-1]["text"] = f"{blocks[-1]['text']}\n</system>"
        self.turns.content("user").extend(blocks)
        _drop_message_extensions(message, place)
