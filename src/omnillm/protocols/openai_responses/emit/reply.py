"""A canonical reply, written as a response with everything that strict readers ask for."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omnillm.model.message import Audio, ImageBase64, Message, MessageRole, Native, Reasoning, Refusal, Text, ToolCall
from omnillm.model.response import Candidate, FinishReason, LlmResponse
from omnillm.protocols.base64_text import encode
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
from omnillm.protocols.openai_responses.emit.parts import item_members_of, write_native, write_output_text, write_refusal
from omnillm.protocols.openai_responses.finish import note_unsaid, write_finish
from omnillm.protocols.openai_responses.parse.parts import IN_MESSAGE
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
    output = OutputWriter(context, Place(losses, protocol=response.protocol, is_own=is_own, is_reply=True)).write(candidate.message)
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


class OutputWriter:
    """Writes the parts of one message as items."""

    __slots__ = ("_content", "_context", "_item_id", "_message", "_signed", "items", "place")

    def __init__(self, context: ReplyContext, place: Place) -> None:
        self._context = context
        self.place = place
        self.items: list[Item] = []
        self._message: Item | None = None
        self._content: list[Item] = []
        self._item_id = ""
        self._signed: list[tuple[int, Text]] = []
        """Texts of the open message that have a signature, with their numbers in it."""

    def write(self, message: Message) -> list[Item]:
        place = self.place
        for place.part, part in enumerate(message.parts):
            write = _WRITERS.get(type(part))
            if write is None:
                place.drop("", f"an answer has no {part.__struct_config__.tag} in Responses")
            else:
                write(self, part)
        self._end_message()
        return self.items

    def say(self, part: Text) -> None:
        content = self._content_of(part)
        if part.signature is not None:
            self._signed.append((len(content), part))
        content.append(write_output_text(part, self.place))

    def refuse(self, part: Refusal) -> None:
        self._content_of(part).append(write_refusal(part, self.place))

    def _content_of(self, part: Any) -> list[Item]:
        item_id = part.item_id if type(part) is not Native else self._item_id
        if self._message is None or item_id != self._item_id:
            self._end_message()
            self._item_id, self._content = item_id, []
            self._message = message_item(item_id_of("message", item_id, self._context, len(self.items)), self._content)
            self.items.append(self._message)
        if part.vendor_extensions:
            extend_item(self._message, item_members_of(part), self.place)
        return self._content

    def _end_message(self) -> None:
        self._message = None
        for number, part in self._signed:
            assert part.signature is not None
            self.items.append(carrier_item(part.signature, "text", str(number), self._context, len(self.items)))
        self._signed.clear()

    def call(self, part: ToolCall) -> None:
        self._end_message()
        if part.signature is not None:
            self.items.append(carrier_item(part.signature, "call", part.call_id, self._context, len(self.items)))
        kind = CALL_KINDS[part.kind]
        self._add(call_item(part, item_id_of(kind, part.item_id, self._context, len(self.items)), self._context), part)

    def reason(self, part: Reasoning) -> None:
        self._end_message()
        purpose: Purpose = ""
        if not self.place.is_own:
            part = with_issuer(part, self.place.protocol, self._context)
            if part.text and not part.summary and wants_summary(self._context):
                part, purpose = replace(part, text="", summary=(part.text,)), "shown"
        item = reasoning_item(part, item_id_of("reasoning", part.item_id, self._context, len(self.items)), purpose)
        if self.place.is_own and "content" in part.vendor_extensions:
            item.pop("content", None)
        self._add(item, part)

    def _add(self, item: Item, part: Any) -> None:
        if part.vendor_extensions:
            extend_item(item, part.vendor_extensions, self.place)
        self.items.append(item)

    def draw(self, part: ImageBase64) -> None:
        self._end_message()
        place = self.place
        place.approximate("", "said as a call of the image generation tool")
        if part.signature is not None:
            place.drop(".signature", "an image has no signature here")
        self.items.append(image_item(item_id_of("image_generation_call", "", self._context, len(self.items)), encode(part.data)))

    def sound(self, part: Audio) -> None:
        if not part.transcript:
            self.place.drop("", "Responses does not speak")
            return
        self.place.approximate("", "sound, as its transcript")
        self.say(Text(text=part.transcript))

    def native(self, part: Native) -> None:
        written = write_native(part, self.place)
        if written is None:
            return
        if part.vendor_extensions == IN_MESSAGE:
            self._content_of(part).append(written)
        else:
            self._end_message()
            self.items.append(written)


def extend_item(item: Item, more: dict[str, Any], place: Place) -> None:
    """Add what an item says beside its typed members; its status may be another than completed."""
    if place.is_own and "status" in more:
        item["status"] = more["status"]
        more = {name: value for name, value in more.items() if name != "status"}
    place.extend(item, more)


_WRITERS: dict[type, Callable[[OutputWriter, Any], None]] = {
    Text: OutputWriter.say,
    Refusal: OutputWriter.refuse,
    ToolCall: OutputWriter.call,
    Reasoning: OutputWriter.reason,
    ImageBase64: OutputWriter.draw,
    Audio: OutputWriter.sound,
    Native: OutputWriter.native,
}
