"""`input` and `system_instruction`, read to messages and tool results in the normal form."""

from collections.abc import Callable
from typing import Any, ClassVar

from msgspec.structs import replace

from omnillm.model.message import Audio, ImageBase64, Message, MessagePart, MessageRole, Native, Opaque, RequestItem, Text, ToolCall
from omnillm.protocols import carrier
from omnillm.protocols.carrier import Carried
from omnillm.protocols.envelope import unseal
from omnillm.protocols.gemini_generate_content.carrier import STAND_INS
from omnillm.protocols.gemini_interactions.parse.parts import read_content
from omnillm.protocols.gemini_interactions.parse.steps import read_call, read_output, read_result, read_thought, summary_of
from omnillm.protocols.gemini_interactions.place import NAME
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, inside, mapping, optional_array, optional_text, rest, text

_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})
_USER_INPUT = frozenset({"type", "content"})
_SIGNED = frozenset({Text, ImageBase64, Audio})
"""What the signature of a text may be of."""
_LOOKED_BACK = 256
"""Parts of a turn that are looked through for what a signature is of: it stands beside that."""


def parse_conversation(body: dict[str, Any], losses: Losses) -> tuple[RequestItem, ...]:
    system = optional_text(body, "system_instruction")
    reader = _Conversation(losses)
    value = body.get("input")
    if type(value) is str:
        reader.hear(Text(text=value))
    else:
        for number, step in enumerate([value] if type(value) is dict else optional_array(body, "input")):
            try:
                reader.read(step)
            except Unfit as error:
                raise inside(error, f"input[{number}]" if type(value) is list else "input") from error
    return (*((Message.text(MessageRole.SYSTEM, system),) if system else ()), *reader.end())


class _Conversation:
    """`read` the steps one by one; `end` says what they were."""

    __slots__ = ("_losses", "_said", "_signatures", "_user", "items")

    def __init__(self, losses: Losses) -> None:
        self.items: list[RequestItem] = []
        self._losses = losses
        self._said: list[MessagePart] = []
        """What the model did since the last item."""
        self._user: list[MessagePart] = []
        """Contents of the user that stand in no step: together they are one message."""
        self._signatures: dict[str, Opaque] = {}
        """Of calls that are to come, by their ids."""

    def read(self, step: Any) -> None:
        kind = text(mapping(step, "").get("type"), "type")
        if kind in _CONTENTS:
            self.hear(read_content(step))
        else:
            self._READERS.get(kind, _Conversation._native)(self, step)

    def hear(self, part: MessagePart) -> None:
        self._end_turn()
        self._user.append(part)

    def end(self) -> list[RequestItem]:
        self._end_turn()
        self._end_user()
        return self.items

    def _say(self, *parts: MessagePart) -> None:
        self._end_user()
        self._said += parts

    def _add(self, item: RequestItem) -> None:
        self._end_user()
        self._end_turn()
        self.items.append(item)

    def _end_user(self) -> None:
        if self._user:
            self.items.append(Message(role=MessageRole.USER, parts=tuple(self._user)))
            self._user.clear()

    def _end_turn(self) -> None:
        if self._signatures:
            self._losses.drop(f"input[{len(self.items)}].parts", "the tool call of a signature is gone")
            self._signatures.clear()
        if self._said:
            self.items.append(Message(role=MessageRole.ASSISTANT, parts=tuple(self._said)))
            self._said.clear()

    def _user_input(self, step: dict[str, Any]) -> None:
        """Read what the user says; some clients put the results of functions among it."""
        parts: list[MessagePart] = []
        more = rest(step, _USER_INPUT)
        for number, content in enumerate(optional_array(step, "content")):
            try:
                if type(content) is dict and content.get("type") == "function_result":
                    self._heard(parts)
                    self._result(content)
                else:
                    parts.append(read_content(content))
            except Unfit as error:
                raise inside(error, f"content[{number}]") from error
        if parts or more or not optional_array(step, "content"):
            self._add(Message(role=MessageRole.USER, parts=tuple(parts), vendor_extensions=more))

    def _heard(self, parts: list[MessagePart]) -> None:
        if parts:
            self._add(Message(role=MessageRole.USER, parts=tuple(parts)))
            parts.clear()

    def _thought(self, step: dict[str, Any]) -> None:
        signature = optional_text(step, "signature")
        if not signature or signature in STAND_INS:
            if step.get("summary") or not signature:
                self._say(read_thought(step, None))
            return
        carried = carrier.unpack(signature, NAME)
        if carried.purpose in {"call", "text"}:
            self._sign(carried)
            return
        opaque = carried.opaque if carried.opaque.value else None
        part = read_thought(step, opaque)
        if carried.purpose == "redacted":
            part = replace(part, is_redacted=True)
        elif carried.purpose == "summary":
            part = replace(part, text="", summary=tuple(summary_of(step)[0]))
        self._say(part)

    def _sign(self, carried: Carried) -> None:
        """Give a carried signature to its call, which may be yet to come, or to what was said before it."""
        for number in range(len(self._said) - 1, max(len(self._said) - _LOOKED_BACK, 0) - 1, -1):
            part = self._said[number]
            if carried.purpose == "call" and type(part) is ToolCall and part.call_id == carried.target:
                self._said[number] = replace(part, signature=carried.opaque)
                return
            if carried.purpose == "text" and type(part) in _SIGNED:
                self._said[number] = replace(part, signature=carried.opaque)
                return
        if carried.purpose == "call":
            self._signatures[carried.target] = carried.opaque
        else:
            self._losses.drop(f"input[{len(self.items)}].parts", "the text of a signature is gone")

    def _call(self, step: dict[str, Any]) -> None:
        call = read_call(step, lambda value: unseal(value, NAME))
        signature = self._signatures.pop(call.call_id, None)
        self._say(call if signature is None else replace(call, signature=signature))

    def _result(self, step: dict[str, Any]) -> None:
        self._add(read_result(step))

    def _native(self, step: dict[str, Any]) -> None:
        self._say(Native(protocol=NAME, kind=text(step.get("type"), "type"), value=step))

    _READERS: ClassVar[dict[str, Callable[["_Conversation", dict[str, Any]], None]]] = {
        "user_input": _user_input,
        "model_output": lambda self, step: self._say(*read_output(step)),
        "thought": _thought,
        "function_call": _call,
        "function_result": _result,
    }
