"""An assistant's message, written, in a conversation or in a reply: what it says, what it refuses, what it calls."""

from collections.abc import Callable
from typing import Any

import msgspec

from omnillm.model.media import InlineSource
from omnillm.model.message import Audio, ImageBase64, ImageUrl, Json, MessagePart, Native, Reasoning, Refusal, Text, ToolCall
from omnillm.protocols import base64_text
from omnillm.protocols.differences.custom_tools import ARGUMENT
from omnillm.protocols.openai_chat.citations import write_annotations
from omnillm.protocols.openai_chat.emit import reasoning
from omnillm.protocols.openai_chat.emit.parts import (
    add_extensions,
    drop_marks,
    json_text,
    with_common,
    write_image,
    write_json,
    write_native,
    write_text,
    written_content,
)
from omnillm.protocols.openai_chat.emit.reasoning import written_opaque
from omnillm.protocols.openai_chat.parse.assistant import GOOGLE, SIGNATURE
from omnillm.protocols.openai_chat.place import Place


def write_call(call: ToolCall, place: Place) -> dict[str, Any]:
    name = place.names.get(call.name, call.name)
    call_id, arguments = place.written_id(call.call_id), call.arguments
    if call.kind == "custom" and not place.takes_free_text:
        place.losses.approximate(place.here(".kind"), "free text is the one argument of a function")
        written = {"id": call_id, "type": "function", "function": {"name": name, "arguments": json_text({ARGUMENT: arguments})}}
    elif call.kind == "custom":
        written = {"id": call_id, "type": "custom", "custom": {"name": name, "input": arguments}}
    else:
        if not arguments and not place.is_reply and not place.is_own:
            arguments = "{}"  # hosts read them as JSON
        written = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    if call.signature is not None and (signature := written_signature(call, place)) is not None:
        written["extra_content"] = extra_content(signature)
    if call.item_id:
        place.drop_item_id()
    if call.cache_control is not None:
        place.drop(".cache_control", "Chat has no mark on a call")
    if call.vendor_extensions:
        add_extensions(written, call, place)
    return written


def written_signature(call: ToolCall, place: Place) -> str | None:
    if place.is_openai:
        place.drop(".signature", "OpenAI's Chat has no signature of a call")
        return None
    return written_opaque(call.signature, ".signature", place)


def extra_content(signature: str) -> dict[str, Any]:
    return {GOOGLE: {SIGNATURE: signature}}


class Spoken(msgspec.Struct, eq=False):
    """What is said of a message so far, by the members that hold it. A plain message has it all at once, a stream takes it part by part."""

    contents: list[dict[str, Any]] = []
    """Text and refusal parts, and parts of this protocol alone, in their order."""
    refusals: int = 0
    length: int = 0
    """Of the text so far, in characters."""
    annotations: list[dict[str, Any]] = []
    reasonings: list[tuple[int, Reasoning]] = []
    images: list[dict[str, Any]] = []
    audio: dict[str, Any] | None = None
    calls: list[dict[str, Any]] = []
    rank: int = 0
    """The highest so far: Chat has one order of parts."""

    def seat(self, part: MessagePart, place: Place) -> "_Put | None":
        """Return what puts a part to its member; None: it has none, which is noted, as is a part that others should have come before."""
        known = _PUT.get(type(part))
        if known is None:
            place.drop("", f"an assistant's message has no place for a part of type {part.__struct_config__.tag}")
            return None
        if type(part) is Native and write_native(part, place) is None:
            return None
        rank, put = known
        if rank < self.rank:
            place.losses.move(place.around(f".{place.member}"), "Chat has one order of reasoning, text and calls")
        else:
            self.rank = rank
        return put

    def say(self, written: dict[str, Any]) -> None:
        """Add a part of type text."""
        self.length += len(written["text"])
        self.contents.append(written)

    def add_members(self, message: dict[str, Any]) -> None:
        """Add what stands beside the content."""
        if self.annotations:
            message["annotations"] = self.annotations
        if self.audio is not None:
            message["audio"] = self.audio
        if self.images:
            message["images"] = self.images
        if self.calls:
            message["tool_calls"] = self.calls

    def take(self) -> dict[str, Any]:
        """Return the members of the part that was put last, and forget them."""
        members = {_MEMBERS[written["type"]]: said for written in self.contents if (said := written[written["type"]])}
        self.add_members(members)
        self.contents, self.annotations, self.images, self.calls = [], [], [], []
        return members

    @property
    def texts(self) -> list[str]:
        return [written["text"] for written in self.contents if written.get("type") == "text"]

    @property
    def refused(self) -> list[str]:
        return [written["refusal"] for written in self.contents if written.get("type") == "refusal"]


_MEMBERS = {"text": "content", "refusal": "refusal"}


def put_parts(parts: tuple[MessagePart, ...], place: Place) -> Spoken:
    spoken = Spoken()
    for place.part, part in enumerate(parts):
        put = spoken.seat(part, place)
        if put is not None:
            put(part, spoken, place)
    return spoken


def _put_text(part: Text, spoken: Spoken, place: Place) -> None:
    written = write_text(part, place)
    if part.citations:
        if not (place.takes_more or place.is_own):
            place.drop(".citations", "a request has no annotations")
        else:
            spoken.annotations += write_annotations(part, spoken.length, place)
    if part.cache_control is not None or part.vendor_extensions:
        if place.is_reply:
            drop_marks(part, place)
        else:
            with_common(written, part, place)
    spoken.length += len(part.text)  # as `say` does, without a call: nearly every answer is a text
    spoken.contents.append(written)


def _put_refusal(part: Refusal, spoken: Spoken, place: Place) -> None:
    if part.item_id:
        place.drop_item_id()
    drop_marks(part, place)
    spoken.refusals += 1
    spoken.contents.append({"type": "refusal", "refusal": part.text})


def _put_image(part: ImageUrl | ImageBase64, spoken: Spoken, place: Place) -> None:
    if not place.takes_more:
        place.drop("", "the host's Chat has no images of an assistant")
        return
    drop_marks(part, place)
    spoken.images.append(write_image(part, place))


def _put_audio(part: Audio, spoken: Spoken, place: Place) -> None:
    drop_from_audio(part, place)
    if spoken.audio is None and (place.is_reply or part.audio_id):
        spoken.audio = written_audio(part, place) if place.is_reply else _named_audio(part, place)
    elif part.transcript:
        place.losses.approximate(place.here(), "sound, as its transcript")
        spoken.say({"type": "text", "text": part.transcript})
    else:
        place.drop("", "Chat names earlier sound by its id only")


def drop_from_audio(part: Audio, place: Place) -> None:
    if part.signature is not None:
        place.drop(".signature", "Chat has no place for a signature of sound")
    drop_marks(part, place)


def _named_audio(part: Audio, place: Place) -> dict[str, Any]:
    if part.source is not None or part.transcript or part.expires_at is not None or part.format:
        place.losses.approximate(place.here(), "sound, as its id")
    return {"id": part.audio_id}


def written_audio(part: Audio, place: Place) -> dict[str, Any]:
    """Write sound that answers; every member is required there."""
    source = part.source
    if part.format or (type(source) is InlineSource and source.media_type):
        place.drop(".format", "a Chat answer does not say the format")
    if source is not None and type(source) is not InlineSource:
        place.drop(".source", "Chat answers sound as base64")
    return {
        "id": _audio_id(part, place),
        "data": base64_text.encode(source.data) if type(source) is InlineSource else "",
        "expires_at": part.expires_at or 0,
        "transcript": part.transcript,
    }


def _audio_id(part: Audio, place: Place) -> str:
    if not part.audio_id:
        place.losses.default(place.here(".audio_id"), "Chat needs one")
    return part.audio_id or f"audio_{place.number}"


def _put_native(part: Native, spoken: Spoken, place: Place) -> None:
    value = write_native(part, place)
    if type(value) is not dict:
        return
    if place.is_reply:
        place.drop("", "an answer of Chat has text and calls of two kinds only")
    elif "id" in value and part.kind in value:
        spoken.calls.append(value)
    else:
        spoken.contents.append(value)


_Put = Callable[[Any, Spoken, Place], None]
_PUT: dict[type, tuple[int, _Put]] = {
    Reasoning: (0, lambda part, spoken, place: spoken.reasonings.append((place.part, part))),
    Text: (1, _put_text),
    Json: (1, lambda part, spoken, place: spoken.say(write_json(part, place))),
    Native: (1, _put_native),
    Refusal: (1, _put_refusal),
    Audio: (2, _put_audio),
    ImageUrl: (3, _put_image),
    ImageBase64: (3, _put_image),
    ToolCall: (4, lambda part, spoken, place: spoken.calls.append(write_call(part, place))),
}


def write_message(parts: tuple[MessagePart, ...], place: Place) -> dict[str, Any]:
    """Write a message of a request's conversation."""
    spoken = put_parts(parts, place)
    message: dict[str, Any] = {"role": "assistant"}
    contents = spoken.contents
    if spoken.refusals == 1 and contents[-1].get("type") == "refusal":
        message["refusal"] = contents.pop()["refusal"]
    if contents:
        message["content"] = written_content(contents)
    elif spoken.calls or spoken.audio is not None or "refusal" in message:
        message["content"] = None
    else:
        message["content"] = ""
    if spoken.reasonings:
        reasoning.write_reasoning(spoken.reasonings, message, place)
    spoken.add_members(message)
    return message
