"""What a model did, written as steps: of requests and of replies."""

from collections.abc import Iterable
from typing import Any

from omnillm.model.message import Audio, ImageBase64, MessagePart, Native, Opaque, Reasoning, Text, ToolCall, ToolResult
from omnillm.protocols import carrier
from omnillm.protocols.carrier import Purpose
from omnillm.protocols.differences.arguments import input_of
from omnillm.protocols.envelope import is_readable
from omnillm.protocols.gemini_generate_content.carrier import UNCHECKED
from omnillm.protocols.gemini_interactions.emit.parts import emit_content
from omnillm.protocols.gemini_interactions.emit.results import Step, emit_result
from omnillm.protocols.gemini_interactions.place import NAME, OF_CONTENT, Place

_FOREIGN = "its signature is another provider's"


def emit_steps(parts: Iterable[MessagePart], place: Place) -> list[Step]:
    """Write the parts of one message; contents that follow each other in a request are one step."""
    writer = _StepWriter(place)
    for place.part, part in enumerate(parts):
        writer.write(part)
    return writer.steps


def steps_of(part: MessagePart, place: Place) -> list[Step]:
    """Write the part of a reply at which `place` stands: its step last, and before or behind it what carries a signature."""
    writer = _StepWriter(place)
    writer.write(part)
    return writer.steps


class _StepWriter:
    __slots__ = ("_awaits_call", "_place", "steps")

    def __init__(self, place: Place) -> None:
        self.steps: list[Step] = []
        self._place = place
        self._awaits_call = not place.is_reply
        """Whether the next call is the first of its step, which Gemini wants signed."""

    def write(self, part: MessagePart) -> None:
        if type(part) is Reasoning:
            self._think(part)
        elif type(part) is ToolCall:
            self._call(part)
        elif type(part) is ToolResult:
            self.steps.append(self._place.as_holder(emit_result, part))
        elif type(part) is Native and not part.kind.startswith(OF_CONTENT):
            self._native(part)
        else:
            self._say(part)

    def _say(self, part: MessagePart) -> None:
        content = emit_content(part, self._place)
        if content is None:
            return
        last = self.steps[-1] if self.steps else None
        if last is not None and last.keys() == _OUTPUT and last["type"] == "model_output" and not self._place.is_reply:
            last["content"].append(content)
        else:
            self.steps.append({"type": "model_output", "content": [content]})
        if isinstance(part, Text | ImageBase64 | Audio) and part.signature is not None:
            self._sign(part.signature)

    def _sign(self, signature: Opaque) -> None:
        if self._place.is_reply:
            self.steps.append(carrier_step(signature, "text"))
        else:
            self._place.drop(".signature", _FOREIGN)

    def _think(self, part: Reasoning) -> None:
        written = thought_step(part, self._place)
        if written is not None:
            self.steps.append(written)

    def _call(self, part: ToolCall) -> None:
        place = self._place
        place.calls[part.call_id] = part.name
        is_first, self._awaits_call = self._awaits_call, False
        signature = part.signature
        written = call_step(part, place)
        if signature is not None and place.is_reply and signature.issuer.protocol != NAME:
            self.steps.append(carrier_step(signature, "call", part.call_id))
        elif signature is not None and (place.is_reply or is_readable(signature, NAME, place.dialect.provider)):
            written["signature"] = signature.value
        elif signature is not None and not is_first:
            place.drop(".signature", _FOREIGN)
        elif is_first and not self._is_signed():
            if signature is not None:
                place.approximate(".signature", f"{_FOREIGN}: Gemini is told not to check")
            self.steps.append({"type": "thought", "signature": UNCHECKED})
        self.steps.append(written)

    def _is_signed(self) -> bool:
        """Whether a thought of Gemini's own comes before the call: it bears the signature."""
        return any(step["type"] == "thought" and "signature" in step for step in self.steps)

    def _native(self, part: Native) -> None:
        if part.protocol == NAME and type(part.value) is dict:
            self.steps.append(part.value)
        else:
            self._say(part)


_OUTPUT = {"type", "content"}


def thought_step(part: Reasoning, place: Place) -> Step | None:
    signature = _signature(part, place)
    written: Step = {"type": "thought", "signature": signature} if signature else {"type": "thought"}
    if summary := _summary(part, place):
        written["summary"] = summary
    if len(written) == 1 and not (place.is_own and part.opaque is None):
        place.drop("", "reasoning without content" if part.opaque is None else _FOREIGN)
        return None
    if part.opaque is not None and not signature:
        place.drop(".opaque", _FOREIGN)
    if part.summary and not (place.is_reply and _purpose_of(part) == "summary"):
        place.approximate(".summary", "a summary is said as a thought")
    place.finish(written, part)
    return written


def _summary(part: Reasoning, place: Place) -> list[dict[str, Any]]:
    """Write the texts, and the pictures that came with them."""
    texts = (part.text, *part.summary) if part.text else part.summary
    pictures = part.vendor_extensions.get("summary") if place.is_own else None
    return [*({"type": "text", "text": text} for text in texts), *(pictures if type(pictures) is list else ())]


def _signature(part: Reasoning, place: Place) -> str:
    """Return what signs a thought, as it can be read; "": nothing."""
    opaque = part.opaque
    if opaque is None:
        return ""
    if place.is_reply:
        return carrier.pack(opaque, NAME, _purpose_of(part))
    return opaque.value if is_readable(opaque, NAME, place.dialect.provider) else ""


def _purpose_of(part: Reasoning) -> Purpose:
    """Return what the envelope of its opaque value must say of it."""
    if part.is_redacted:
        return "redacted"
    is_foreign = part.opaque is not None and part.opaque.issuer.protocol != NAME
    return "summary" if is_foreign and part.summary and not part.text else ""


def call_step(part: ToolCall, place: Place) -> Step:
    arguments = input_of(part, lambda member, became: place.approximate(f".{member}", became))
    written: Step = {
        "type": "function_call",
        "id": part.call_id,
        "name": place.names.get(part.name, part.name),
        "arguments": arguments,
    }
    place.finish(written, part)
    return written


def carrier_step(opaque: Opaque, purpose: Purpose, target: str = "") -> Step:
    """Write a signature that has no place of its own: it belongs to a call, or to what was said before it."""
    return {"type": "thought", "signature": carrier.pack(opaque, NAME, purpose, target)}
