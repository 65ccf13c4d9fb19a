"""Messages and tool results, written as `system_instruction` and `input`."""

from typing import Any

from omnillm.model.message import SYSTEM_ROLES, Message, MessageRole, Text, ToolResult
from omnillm.model.request import LlmRequest
from omnillm.protocols.differences.turns import ASKED_TO_GO_ON, GO_ON
from omnillm.protocols.gemini_generate_content.emit.results import as_given, results_first
from omnillm.protocols.gemini_interactions.emit.parts import CONTENTS, Content, emit_content
from omnillm.protocols.gemini_interactions.emit.results import Step, emit_result, emit_stray_result
from omnillm.protocols.gemini_interactions.emit.steps import emit_steps
from omnillm.protocols.gemini_interactions.place import Place


def emit_conversation(request: LlmRequest, place: Place, body: dict[str, Any]) -> None:
    writer = _Conversation(place)
    start = writer.begin(request)
    is_whole = not (place.is_own or request.previous_response_id)
    for number, item, is_stray in results_first(request.input, start, place.losses) if is_whole else as_given(request.input, start):
        place.number = number
        if type(item) is not ToolResult:
            writer.add(item)
        elif is_stray:
            writer.answer(emit_stray_result(item, place))
        else:
            writer.answer(emit_result(item, place))
    if writer.system and not writer.steps and not request.previous_response_id:
        place.losses.move("input[0]", "said by the user, for there is nobody else's word")
        writer.steps.append({"type": "user_input", "content": [{"type": "text", "text": text} for text in writer.system]})
    elif writer.system:
        body["system_instruction"] = "\n\n".join(writer.system)
    if not (place.is_own or place.dialect.takes_last_word) and writer.steps and writer.steps[-1]["type"] == "model_output":
        place.losses.approximate(place.around(), ASKED_TO_GO_ON)
        writer.steps.append({"type": "user_input", "content": [{"type": "text", "text": GO_ON}]})
    body["input"] = writer.steps


class _Conversation:
    __slots__ = ("_place", "_was_model", "steps", "system")

    def __init__(self, place: Place) -> None:
        self.system: list[str] = []
        self.steps: list[Step] = []
        self._place = place
        self._was_model = False
        """Whether the last item was a message of the model."""

    def begin(self, request: LlmRequest) -> int:
        """Take the instructions, and the system messages at the start. Return the number of the first item that is neither."""
        place = self._place
        if request.instructions:
            self.system.append(request.instructions)
            place.losses.move("instructions", "said as the first system text")
        for number, item in enumerate(request.input):
            if type(item) is not Message or item.role not in SYSTEM_ROLES:
                return number
            place.number = number
            if number:
                place.losses.move(f"input[{number}]", "joined with the system text before it")
            texts = self._system_texts(item)
            if len(texts) > 1:
                place.losses.move(place.around(".parts"), "the system's texts are one")
            self.system += texts
            self._drop_members(item)
        return len(request.input)

    def add(self, message: Message) -> None:
        place = self._place
        if message.name:
            place.losses.drop(place.around(".name"), "Gemini has no names of participants")
        if message.role is MessageRole.ASSISTANT:
            self._add_model(message)
            return
        is_user = message.role is MessageRole.USER
        content = self._contents(message) if is_user else self._said_by_user(message)
        if not content and not (place.is_own and is_user):
            if not message.parts:
                place.losses.drop(place.around(), "a message without content")
            return
        step: Step = {"type": "user_input", "content": content}
        place.extend(step, message.vendor_extensions, place.around)
        self.answer(step)

    def answer(self, step: Step) -> None:
        self.steps.append(step)
        self._was_model = False

    def _add_model(self, message: Message) -> None:
        place = self._place
        steps = emit_steps(message.parts, place)
        self._drop_members(message)
        if not message.parts:
            place.losses.drop(place.around(), "a message without content")
        if steps and self._was_model:
            place.losses.move(place.around(), "joined with the message before it")
        self.steps += steps
        self._was_model = self._was_model or bool(steps)

    def _drop_members(self, message: Message) -> None:
        self._place.losses.drop_extensions(message.vendor_extensions, self._place.around("."), "what is said here is no step of its own")

    def _contents(self, message: Message) -> list[Content]:
        content = []
        for self._place.part, part in enumerate(message.parts):
            if type(part) is Text and part.signature is not None:
                self._place.drop(".signature", "the user signs nothing")
            if (written := _user_content(part, self._place)) is not None:
                content.append(written)
        return content

    def _said_by_user(self, message: Message) -> list[Content]:
        """Write a system message amid the conversation."""
        texts = self._system_texts(message)
        if not texts:
            return []
        self._place.losses.move(self._place.around(), "said by the user, inside <system>")
        return [{"type": "text", "text": "\n".join(("<system>", "\n\n".join(texts), "</system>"))}]

    def _system_texts(self, message: Message) -> list[str]:
        place = self._place
        if message.role is MessageRole.DEVELOPER:
            place.losses.approximate(place.around(".role"), "said as system")
        if message.name:
            place.losses.drop(place.around(".name"), "Gemini has no names of participants")
        texts = []
        for place.part, part in enumerate(message.parts):
            if type(part) is not Text or not part.text:
                place.drop("", "system text is text alone")
                continue
            if part.cache_control is not None:
                place.drop(".cache_control", "Gemini caches by itself")
            if part.citations or part.signature is not None or part.vendor_extensions:
                place.drop("", "system text is words alone")
            texts.append(part.text)
        return texts


def _user_content(part: Any, place: Place) -> Content | None:
    if type(part) not in CONTENTS:
        place.drop("", "the user says no such thing")
        return None
    return emit_content(part, place)
