"""Messages and tool results, written as `systemInstruction` and alternating contents."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from omnillm.model.message import SYSTEM_ROLES, Message, MessageRole, Text, ToolResult, lone_words
from omnillm.model.request import LlmRequest
from omnillm.protocols.differences.turns import ASKED_TO_GO_ON, GO_ON
from omnillm.protocols.gemini_generate_content.emit.parts import GeminiPart, emit_parts, emit_result, emit_stray_result, with_media
from omnillm.protocols.gemini_generate_content.emit.results import Placed, as_given, results_first
from omnillm.protocols.gemini_generate_content.place import Place

_USER, _MODEL = "user", "model"


def emit_conversation(request: LlmRequest, place: Place, body: dict[str, Any]) -> None:
    """Write the contents, and before them the system text, if there is any."""
    system = _System(place)
    start = system.read(request)
    turns = _Turns(place)
    items = request.input
    turns.add_all(as_given(items, start) if place.is_own else results_first(items, start, place.losses))
    contents = turns.contents
    if not contents and system.parts:
        place.losses.move("input[0]", "said by the user, for there is nobody else's word")
        contents, system.parts = [{"role": _USER, "parts": system.parts}], []
    elif contents and not (place.is_own or place.dialect.takes_last_word) and _is_spoken(contents[-1]):
        place.losses.approximate(place.around(), ASKED_TO_GO_ON)
        contents.append({"role": _USER, "parts": [{"text": GO_ON}]})
    if system.parts:
        body["systemInstruction"] = {**system.extensions, "parts": system.parts}
    body["contents"] = contents


def _is_spoken(content: dict[str, Any]) -> bool:
    """Whether it is the model's, and ends with words: behind a call nothing but its result may stand."""
    return content["role"] == _MODEL and bool(content["parts"][-1].get("text"))


class _System:
    """The instructions, and the system messages at the start."""

    __slots__ = ("_place", "extensions", "parts")

    def __init__(self, place: Place) -> None:
        self.parts: list[GeminiPart] = []
        self.extensions: dict[str, Any] = {}
        self._place = place

    def read(self, request: LlmRequest) -> int:
        """Return the number of the first item that is no system message of the start."""
        place = self._place
        if request.instructions:
            self.parts.append({"text": request.instructions})
            place.losses.move("instructions", "said as the first system text")
        for number, item in enumerate(request.input):
            if type(item) is not Message or item.role not in SYSTEM_ROLES:
                return number
            if number:
                place.losses.move(f"input[{number}]", "joined with the system text before it")
            self.parts += _system_parts(item, number, place)
            if item.vendor_extensions:
                place.extend(self.extensions, item.vendor_extensions, place.around)
        return len(request.input)


def _system_parts(message: Message, number: int, place: Place) -> list[GeminiPart]:
    place.number = number
    if message.role is MessageRole.DEVELOPER:
        place.losses.approximate(f"input[{number}].role", "said as system")
    if not place.is_own and any(type(part) is not Text for part in message.parts):
        for part, said in enumerate(message.parts):
            if type(said) is not Text:
                place.losses.drop(f"input[{number}].parts[{part}]", "system text is text alone")
        message = replace(message, parts=tuple(part for part in message.parts if type(part) is Text))
    return _message_parts(message, place)


def _message_parts(message: Message, place: Place) -> list[GeminiPart]:
    if words := lone_words(message):
        return [{"text": words}]
    if message.name:
        place.losses.drop(place.around(".name"), "Gemini has no names of participants")
    return emit_parts(message.parts, place)


class _Turns:
    """Adjacent items of one role are one content."""

    __slots__ = ("_before", "_place", "contents")

    def __init__(self, place: Place) -> None:
        self.contents: list[dict[str, Any]] = []
        self._place = place
        self._before: MessageRole | None = None
        """Whose message was just written; None: there is none, or a tool's result."""

    def add_all(self, items: Iterable[Placed]) -> None:
        results: list[tuple[int, ToolResult]] = []
        for number, item, is_stray in items:
            if type(item) is ToolResult and not is_stray:
                results.append((number, item))
                continue
            if results:
                self._add_results(results)
                results = []
            if type(item) is ToolResult:
                self._add_stray(item, number)
            else:
                self._add_message(item, number)
        if results:
            self._add_results(results)

    def _add_results(self, results: list[tuple[int, ToolResult]]) -> None:
        """Results without an id are told apart by the order of their calls."""
        place = self._place
        if len(results) > 1 and not all(place.shows_id(result.call_id) for _, result in results):
            order = {call_id: number for number, call_id in enumerate(place.calls)}
            results = sorted(results, key=lambda numbered: order.get(numbered[1].call_id, len(order)))
        parts = self._parts(_USER)
        for number, result in results:
            place.number = number
            parts.append(emit_result(result, place))
        with_media(parts, place)
        self._before = None

    def _add_stray(self, result: ToolResult, number: int) -> None:
        place = self._place
        place.number = number
        self._parts(_USER).extend(emit_stray_result(result, place))
        self._before = None

    def _add_message(self, message: Message, number: int) -> None:
        place = self._place
        if message.role in SYSTEM_ROLES:
            self._add_system(message, number)
            return
        place.number = number
        place.awaits_call = message.role is MessageRole.ASSISTANT
        parts = _message_parts(message, place)
        if parts:
            if self._before is message.role:
                place.losses.move(f"input[{number}]", "joined with the message before it")
            self._say(message.role, parts, message)
        elif not message.parts:
            place.losses.drop(f"input[{number}]", "a message without content")

    def _add_system(self, message: Message, number: int) -> None:
        """Write a system message amid the conversation."""
        place = self._place
        parts = _system_parts(message, number, place)
        if not parts:
            place.losses.drop(f"input[{number}]", "a message without content")
            return
        place.losses.move(f"input[{number}]", "said by the user, inside <system>")
        parts[0] = {**parts[0], "text": f"<system>\n{parts[0].get('text', '')}"}
        parts[-1] = {**parts[-1], "text": f"{parts[-1].get('text', '')}\n</system>"}
        self._say(MessageRole.USER, parts, message)

    def _say(self, role: MessageRole, parts: list[GeminiPart], message: Message) -> None:
        self._parts(_MODEL if role is MessageRole.ASSISTANT else _USER).extend(parts)
        self._before = role
        if message.vendor_extensions:
            self._place.extend(self.contents[-1], message.vendor_extensions, self._place.around)

    def _parts(self, role: str) -> list[GeminiPart]:
        """Return the parts of the content that is being written, a new one where the role changes."""
        if not self.contents or self.contents[-1]["role"] != role:
            self.contents.append({"role": role, "parts": []})
        parts: list[GeminiPart] = self.contents[-1]["parts"]
        return parts
