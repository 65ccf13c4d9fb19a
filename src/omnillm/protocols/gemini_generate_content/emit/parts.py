"""Canonical parts, written as parts of a content: of requests and of replies."""

from collections.abc import Callable, Iterable
from typing import Any

from omnillm.model.message import (
    Audio,
    File,
    ImageBase64,
    ImageFile,
    ImageUrl,
    Json,
    MessagePart,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from omnillm.protocols.differences.arguments import input_of
from omnillm.protocols.differences.tool_references import AS_TEXT, named_tool
from omnillm.protocols.envelope import is_readable
from omnillm.protocols.gemini_generate_content.carrier import REDACTED, SUMMARY, UNCHECKED, pack
from omnillm.protocols.gemini_generate_content.emit.media import (
    emit_audio,
    emit_file,
    emit_image_base64,
    emit_image_file,
    emit_image_url,
    emit_video,
)
from omnillm.protocols.gemini_generate_content.function_results import json_text, write_response
from omnillm.protocols.gemini_generate_content.place import NAME, Place
from omnillm.protocols.gemini_generate_content.shapes_of_replies import OF_NATIVE

GeminiPart = dict[str, Any]
_FOREIGN = "its signature is another provider's"
_WITHIN_RESULTS = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
_NO_ARGUMENTS = frozenset({"", "null"})


def emit_parts(parts: Iterable[MessagePart], place: Place) -> list[GeminiPart]:
    """Write the parts of the item that `place` stands at."""
    written: list[GeminiPart] = []
    for number, part in enumerate(parts):
        place.part = number
        block = emit_part(part, place)
        if block is not None:
            written.append(block)
    return with_media(written, place)


def with_media(written: list[GeminiPart], place: Place) -> list[GeminiPart]:
    """Add the media of results, where they stand beside them."""
    if place.media:
        written += place.media
        place.media = []
    return written


def emit_part(part: MessagePart, place: Place) -> GeminiPart | None:
    written = _PARTS[type(part)](part, place)
    if written is not None and (part.cache_control is not None or part.vendor_extensions) and type(part) is not ToolResult:
        place.finish(written, part)
    return written


def _arguments(call: ToolCall, place: Place) -> dict[str, Any]:
    """Read a call's arguments as the object that Gemini needs; null is none."""
    if call.arguments.strip() in _NO_ARGUMENTS and call.kind == "function":
        return {}
    return input_of(call, lambda member, became: place.approximate(f".{member}", became))


def _sign(written: GeminiPart, opaque: Opaque, member: str, place: Place, word: str = "") -> None:
    """Add a signature where it can be read. `word`: what a client's envelope must say of it."""
    if place.is_reply:
        written["thoughtSignature"] = pack(opaque, word)
    elif is_readable(opaque, NAME, place.dialect.provider):
        written["thoughtSignature"] = opaque.value
    else:
        place.drop(member, _FOREIGN)


def _text(part: Text, place: Place) -> GeminiPart | None:
    written: GeminiPart = {"text": part.text}
    if part.signature is not None:
        _sign(written, part.signature, ".signature", place)
    if not part.text and len(written) == 1 and not place.is_own:
        place.drop("", "an empty text")
        return None
    if part.citations and not place.is_reply:
        place.drop(".citations", "Gemini reads no citations")
    return written


def _reasoning(part: Reasoning, place: Place) -> GeminiPart | None:
    opaque, text = part.opaque, _thought(part)
    written: GeminiPart = {"text": text, "thought": True}
    if opaque is not None:
        _sign(written, opaque, ".opaque" if text else "", place, word_of(part))
        if not text and len(written) == 2:
            return None
    elif not text and not place.is_own:
        place.drop("", "reasoning without content")
        return None
    if part.summary and (len(part.summary) > 1 or not place.is_reply or opaque is None or word_of(part) != SUMMARY):
        place.approximate(".summary", "a summary is said as a thought")
    return written


def _thought(part: Reasoning) -> str:
    if not part.summary:
        return part.text
    return "\n\n".join((part.text, *part.summary) if part.text else part.summary)


def word_of(part: Reasoning) -> str:
    """Return what the envelope of its opaque value must say of it."""
    if part.is_redacted:
        return REDACTED
    opaque = part.opaque
    return SUMMARY if part.summary and not part.text and opaque is not None and opaque.issuer.protocol != NAME else ""


def _tool_call(part: ToolCall, place: Place) -> GeminiPart:
    call: dict[str, Any] = {"id": part.call_id} if place.shows_id(part.call_id) else {}
    call["name"] = place.names.get(part.name, part.name)
    call["args"] = _arguments(part, place)
    written: GeminiPart = {"functionCall": call}
    place.calls[part.call_id] = part.name
    is_first, place.awaits_call = place.awaits_call, False
    signature = part.signature
    if signature is not None and (not is_first or is_readable(signature, NAME, place.dialect.provider)):
        _sign(written, signature, ".signature", place)
    elif is_first:
        if signature is not None:
            place.approximate(".signature", f"{_FOREIGN}: Gemini is told not to check")
        written["thoughtSignature"] = UNCHECKED
    return written


def emit_result(part: ToolResult, place: Place) -> GeminiPart:
    """Write the one response, with the media beside it."""
    value, media = _answer(part, place)
    response: dict[str, Any] = {} if value is None else write_response(value[0], is_error=bool(part.is_error))
    result: dict[str, Any] = {"id": part.call_id} if place.shows_id(part.call_id) else {}
    result["name"] = part.name or place.calls.get(part.call_id, part.call_id)
    result["response"] = response
    if media:
        _add_media(media, result, place)
    if part.kind == "custom":
        place.losses.approximate(place.around(".kind"), "free text is the one argument of a function")
    written = {"functionResponse": result}
    if part.cache_control is not None or part.vendor_extensions:
        place.finish(written, part, place.around)
    return written


def _add_media(media: list[GeminiPart], result: GeminiPart, place: Place) -> None:
    within: list[GeminiPart] = []
    behind: list[GeminiPart] = []
    for medium in media:
        (within if _is_taken_within(medium, place) else behind).append(medium)
    if within:
        result["parts"] = within
    if behind:
        place.losses.move(place.around(".content"), "what a result cannot hold stands after the results")
        place.media += behind


def _is_taken_within(medium: GeminiPart, place: Place) -> bool:
    """Tell whether a function's response may hold it: at an address, or of another type, it is refused."""
    if place.is_own:
        return True
    return place.dialect.joins_tools and "inlineData" in medium and medium["inlineData"]["mimeType"] in _WITHIN_RESULTS


def emit_stray_result(result: ToolResult, place: Place) -> list[GeminiPart]:
    """Say a result without a call as the user would."""
    value, media = _answer(result, place)
    said = "" if value is None else value[0] if type(value[0]) is str else json_text(value[0])
    mark = "tool_error" if result.is_error else "tool_result"
    place.losses.approximate(place.around(), "the call that it answers is not there: said as text")
    place.losses.drop_said(result, ("cache_control", "vendor_extensions"), place.around("."), "it is said as text")
    return [{"text": f"<{mark}>\n{said}\n</{mark}>"}, *media]


def _answer(result: ToolResult, place: Place) -> tuple[tuple[Any] | None, list[GeminiPart]]:
    """Return the value of the response, if there is one, and the media."""
    values: list[Any] = []
    media: list[GeminiPart] = []
    for part in place.within(result.content):
        if type(part) is Text or type(part) is Json:
            _note_lost(part, place)
            values.append(part.text if isinstance(part, Text) else part.value)
            if media:
                place.losses.move(place.around(".content"), "what is no medium comes first")
        elif type(part) is Native and (named := named_tool(part)):
            place.approximate("", AS_TEXT)
            values.append(named)
        elif (block := emit_part(part, place)) is not None:
            media.append(block)
    if result.is_error and not values:
        place.losses.default(place.around(".content"), "an error must say something")
        values.append("")
    if len(values) > 1:
        place.losses.approximate(place.around(".content"), "several texts are one result")
        values = ["\n\n".join(value if type(value) is str else json_text(value) for value in values)]
    return ((values[0],) if values else None), media


def _note_lost(part: Text | Json, place: Place) -> None:
    if part.cache_control is not None:
        place.losses.drop(place.around(".content.cache_control"), "Gemini caches by itself")
    if part.vendor_extensions:
        place.losses.drop_extensions(part.vendor_extensions, place.around(".content."), "a text is the result itself")
    if type(part) is Text and (part.citations or part.signature is not None):
        place.losses.drop(place.around(".content"), "a result has neither citations nor a signature")


def _json(part: Json, place: Place) -> GeminiPart:
    place.approximate(".value", "JSON is said as text")
    return {"text": json_text(part.value)}


def _refusal(part: Refusal, place: Place) -> GeminiPart | None:
    if not part.text:
        place.drop("", "an empty refusal")
        return None
    place.approximate("", "a refusal is said as text")
    return {"text": part.text}


def _native(part: Native, place: Place) -> GeminiPart | None:
    if part.protocol != NAME or type(part.value) is not dict or not part.value:
        place.drop("", "only its own protocol knows it")
        return None
    if not place.is_reply:
        return dict(part.value)
    written: GeminiPart = {}
    place.extend(written, part.value, lambda member: place.here(member.replace(".vendor_extensions", ".value")), OF_NATIVE)
    return written if part.kind in written else None


def _audio(part: Audio, place: Place) -> GeminiPart | None:
    written = emit_audio(part, place)
    return None if written is None else _signed(written, part, place)


def _signed(written: GeminiPart, part: ImageBase64 | Audio, place: Place) -> GeminiPart:
    if part.signature is not None:
        _sign(written, part.signature, ".signature", place)
    return written


_PARTS: dict[type, Callable[[Any, Place], GeminiPart | None]] = {
    Text: _text,
    Reasoning: _reasoning,
    ToolCall: _tool_call,
    ToolResult: lambda part, place: place.as_holder(emit_result, part),  # finished there, as one beside the messages is
    ImageBase64: lambda part, place: _signed(emit_image_base64(part, place), part, place),
    ImageUrl: emit_image_url,
    ImageFile: emit_image_file,
    Audio: _audio,
    Video: emit_video,
    File: emit_file,
    Json: _json,
    Refusal: _refusal,
    Native: _native,
}
