"""Messages and tool results, written as system blocks and alternating turns: of the Messages API, and of Converse in blocks of its own."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from omnillm.model.message import ROLE_WORDS, SYSTEM_ROLES, Message, MessageRole, Text, ToolResult, lone_words
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.emit.parts import add_block, lost_result_blocks, tool_result_block
from omnillm.protocols.anthropic_messages.place import THINKING, Place
from omnillm.protocols.differences.cache_marks import Anchors
from omnillm.protocols.differences.turns import Block, Turns

_DEVELOPER: Final = MessageRole.DEVELOPER
"""Bound once: CPython 3.11 looks a member up on its enum ten times as slowly as a name in a module."""


class Speech(NamedTuple):
    """How a protocol says things in blocks."""

    add: Callable[[Any, list[Block], Any], None]
    """Writes a part behind these blocks."""
    result: Callable[[ToolResult, Any], list[Block]]
    lost_result: Callable[[ToolResult, Any], list[Block]]
    """Writes a result whose call is not in the conversation as the user's words."""


_SPEECH = Speech(
    add=add_block,
    result=lambda result, place: [tool_result_block(result, place)],
    lost_result=lost_result_blocks,
)


def emit_conversation(request: LlmRequest, place: Place, anchors: Anchors) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the system blocks and the messages, every content a list of blocks and none of them empty.

    The API refuses a request without messages, and a last word of the assistant's that ends in blanks: both can come from elsewhere.
    """
    conversation = Conversation(request, place, anchors, _SPEECH)
    conversation.write()
    if not place.is_own:
        conversation.turns.end(takes_last_word=place.dialect.takes_last_word)
        conversation.let_user_speak(1)
    return conversation.system, conversation.turns.messages


class Conversation:
    """The system text and the turns, written item by item."""

    __slots__ = ("_anchors", "_count", "_has_policy", "_place", "_request", "_speech", "start", "system", "turns")

    def __init__(self, request: LlmRequest, place: Place, anchors: Anchors, speech: Speech) -> None:
        self.system: list[Block] = []
        self.turns = Turns(place.losses)
        self.start = 0
        """The number of the first item that is not the system's."""
        self._request = request
        self._place = place
        self._anchors = anchors
        self._has_policy = request.capabilities.prompt_cache is not None
        self._speech = speech
        self._count = 0
        """Messages up to now that are not the system's, as breakpoints count them."""

    def write(self) -> None:
        place, items = self._place, self._request.input
        self._lead()
        for place.number in range(self.start, len(items)):
            item = items[place.number]
            if type(item) is ToolResult:
                self._add_result(item)
            elif item.role in SYSTEM_ROLES:
                self._add_system(item)
            else:
                self._add_message(item)

    def let_user_speak(self, count: int) -> None:
        """Let the user say the last of the system blocks, if there is nobody else's word."""
        if self.system and not self.turns.messages:
            path = f"input[{self.start - 1}]" if self.start else "instructions"
            self._place.losses.move(path, "said by the user, for there is nobody else's word")
            self.turns.messages.append({"role": "user", "content": self.system[-count:]})
            del self.system[-count:]

    def _lead(self) -> None:
        """Write the instructions and the system messages at the start."""
        request, place = self._request, self._place
        if request.instructions and (place.is_own or not request.instructions.isspace()):
            self.system.append(place.text(request.instructions))
            place.losses.move("instructions", "said as the first system text")
        elif request.instructions:
            place.losses.drop("instructions", "a text of blanks alone")
        for place.number, item in enumerate(request.input):
            if type(item) is not Message or item.role not in SYSTEM_ROLES:
                return
            if place.number:
                place.losses.move(place.around(), "joined with the system text before it")
            self.start = place.number + 1
            self.system += self._system_blocks(item)
            if item.vendor_extensions:
                self._drop_members(item)

    def _system_blocks(self, item: Message) -> list[Block]:
        """Write the texts of a message of the system's."""
        place = self._place
        if item.role is _DEVELOPER:
            place.losses.approximate(place.around(".role"), "said as system")
        blocks: list[Block] = []
        for place.part, part in enumerate(item.parts):
            if type(part) is Text:
                self._speech.add(part, blocks, place)
            else:
                place.drop("", "system text is text alone")
        if item.name or not blocks:
            self._note(item, blocks)
        return blocks

    def _note(self, item: Message, blocks: list[Block]) -> None:
        """Tell what is lost of a message that has a name, or nothing to say."""
        place = self._place
        if item.name:
            place.losses.drop(place.around(".name"), f"{place.host} has no names of participants")
        if not blocks:
            place.losses.drop(place.around(), "a message without content")

    def _drop_members(self, item: Message) -> None:
        self._place.losses.drop_extensions(item.vendor_extensions, self._place.around("."), self._place.unknown_of_system)

    def _add_result(self, result: ToolResult) -> None:
        place = self._place
        if not place.is_own and result.call_id not in place.calls:
            self.turns.content("user").extend(self._speech.lost_result(result, place))
        else:
            self.turns.answer(self._speech.result(result, place), place.number)

    def _add_message(self, message: Message) -> None:
        place = self._place
        words = lone_words(message)
        blocks: list[Block] = []
        if words and not words.isspace():
            blocks.append(place.text(words))
        else:
            for place.part, part in enumerate(message.parts):
                self._speech.add(part, blocks, place)
            if message.name or not blocks:
                self._note(message, blocks)
        if blocks:
            content = self.turns.say(ROLE_WORDS[message.role], blocks, place.number)
            if self._has_policy and place.has_points:
                self._anchors.see_message(self._count, content)
            elif self._has_policy:
                self._anchors.see_message(self._count, blocks, unmarked=THINKING)
        self._count += 1
        if message.vendor_extensions:
            place.extend(self.turns.messages[-1] if blocks else {}, message.vendor_extensions, place.around("."))

    def _add_system(self, message: Message) -> None:
        """Write a system message amid the conversation."""
        place = self._place
        blocks = self._system_blocks(message)
        if place.is_own and blocks:
            self.turns.say("system", blocks, place.number)
            place.extend(self.turns.messages[-1], message.vendor_extensions, place.around("."))
            return
        if message.vendor_extensions:
            self._drop_members(message)
        if not blocks:
            return
        place.losses.move(place.around(), "said by the user, inside <system>")
        texts = [block for block in blocks if "text" in block]
        texts[0]["text"] = f"<system>\n{texts[0]['text']}"
        texts[-1]["text"] = f"{texts[-1]['text']}\n</system>"
        self.turns.content("user").extend(blocks)
