"""A canonical reply, written as a response with everything that strict readers ask for."""

from collections.abc import Callable
from typing import Any, ClassVar

from msgspec.structs import replace

from omnillm.model.message import ImageBase64, Message, MessageRole, Opaque, Reasoning, Text, ToolCall
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.protocols.carrier import Purpose
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses import logprobs
from omnillm.protocols.openai_responses.emit.envelope import end_response, envelope_of
from omnillm.protocols.openai_responses.emit.output_items import (
    CALL_KINDS,
    Item,
    call_item,
    carrier_item,
    image_item,
    item_id_of,
    message_item,
    reasoning_item,
    wants_summary,
    with_issuer,
)
from omnillm.protocols.openai_responses.emit.parts import write_output_text
from omnillm.protocols.openai_responses.emit.turn import Turn
from omnillm.protocols.openai_responses.finish import note_unsaid, write_finish
from omnillm.protocols.openai_responses.place import NAME, Place

_NOTHING = Candidate(message=Message(role=MessageRole.ASSISTANT), finish_reason=FinishReason.CONTENT_FILTER)
FAILED = {"code": "server_error", "message": "The provider could not finish this answer."}


def emit_reply(response: LlmResponse, context: ReplyContext, losses: Losses) -> dict[str, Any]:
    """Write the first candidate; the rest is a loss."""
    is_own = response.protocol == NAME
    candidate = response.candidates[0] if response.candidates else _NOTHING
    if not response.candidates:
        losses.approximate("candidates", "no answer, as one that was filtered")
    for number in range(1, len(response.candidates)):
        losses.drop(f"candidates[{number}]", "Responses gives one answer")
    turn = _Output(context, Place(losses, protocol=response.protocol, is_own=is_own, is_reply=True))
    turn.write(candidate.message.parts)
    output = turn.items
    _write_logprobs(candidate, output, losses)
    kinds: set[type] = set(map(type, candidate.message.parts))
    status, reason = write_finish(candidate.finish_reason, candidate.native_finish_reason if is_own else "", kinds, losses)
    out = envelope_of(response, context, losses).response(status, output, **ending(status, reason))
    end_response(out, response.usage, response.raw_usage if is_own else None, response.vendor_extensions, losses)
    _note_unsaid(candidate, losses)
    for name, value in response.vendor_extensions.items():
        if not is_own:
            losses.drop(f"vendor_extensions.{name}", "not a member of a response here")
        elif out.get(name) is None or name == "error":
            out[name] = value
    return out


def ending(status: str, reason: str) -> dict[str, Any]:
    """Return the members that say why an answer is not complete."""
    if status == "incomplete":
        return {"incomplete_details": {"reason": reason} if reason else {}}
    return {"error": FAILED} if status == "failed" else {}


def _note_unsaid(candidate: Candidate, losses: Losses) -> None:
    note_unsaid(candidate, losses)
    if candidate.message.name:
        losses.drop("candidates[0].message.name", "Responses has no names of participants")
    losses.drop_extensions(candidate.message.vendor_extensions, "candidates[0].message.", "a message is no member here")


def _write_logprobs(candidate: Candidate, output: list[Item], losses: Losses) -> None:
    given = candidate.logprobs
    if given is None:
        return
    tokens = logprobs.tokens_of(given)
    texts = [part for item in output if item.get("type") == "message" for part in item["content"] if part.get("type") == "output_text"]
    if not tokens or not texts:
        losses.drop("candidates[0].logprobs", "there is no text that they belong to")
        return
    if type(given) is dict and given.get("refusal"):
        losses.drop("candidates[0].logprobs.refusal", "Responses has none of a refusal")
    logprobs.note_spelling(given, losses)
    for part, share in zip(texts, logprobs.split(tokens, [part["text"] for part in texts]), strict=True):
        if share:
            part["logprobs"] = share


class _Output(Turn):
    """The items of a reply: each has an id, and what was signed has a carrier behind or before it."""

    __slots__ = ("_context", "_signed")
    UNSAID = "an answer has no"
    UNHEARD = "Responses does not speak"

    def __init__(self, context: ReplyContext, place: Place) -> None:
        super().__init__(place)
        self._context = context
        self._signed: list[tuple[int, Opaque]] = []
        """Signatures of texts of the open message, with their numbers in it."""

    def _id_of(self, kind: str, given: str) -> str:
        return item_id_of(kind, given, self._context, len(self.items))

    def _carry(self, opaque: Opaque, purpose: Purpose, target: str) -> None:
        self.items.append(carrier_item(opaque, purpose, target, self._context, len(self.items)))

    def begin_message(self, item_id: str) -> Item:
        return message_item(item_id_of("message", item_id, self._context, len(self.items)), self._content)

    def close_message(self) -> None:
        for number, opaque in self._signed:
            self._carry(opaque, "text", str(number))
        self._signed.clear()

    def say(self, part: Text) -> None:
        content = self.content_of(part)
        if part.signature is not None:
            self._signed.append((len(content), part.signature))
        content.append(write_output_text(part, self.place))

    def call(self, part: ToolCall) -> None:
        self.end_message()
        if part.signature is not None:
            self._carry(part.signature, "call", part.call_id)
        self.add(call_item(part, self._id_of(CALL_KINDS[part.kind], part.item_id), self._context), part)

    def reason(self, part: Reasoning) -> None:
        self.end_message()
        purpose: Purpose = ""
        if not self.place.is_own:
            part = with_issuer(part, self.place.protocol, self._context)
            if part.text and not part.summary and wants_summary(self._context):
                part, purpose = replace(part, text="", summary=(part.text,)), "shown"
        self.add(reasoning_item(part, self._id_of("reasoning", part.item_id), self.place, purpose), part)

    def draw(self, part: ImageBase64) -> None:
        self.end_message()
        self.items.append(image_item(part, self._id_of("image_generation_call", ""), self.place))

    WRITERS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **Turn.WRITERS,
        Text: say,
        ToolCall: call,
        Reasoning: reason,
        ImageBase64: draw,
    }
