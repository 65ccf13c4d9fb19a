"""An assistant's message, read, of a conversation or of a reply: what it says, what it refuses, what it calls."""

from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.model.media import InlineSource
from omnillm.model.message import Audio, MessagePart, Native, Refusal, Text, ToolCall
from omnillm.protocols import base64_text
from omnillm.protocols.openai_chat.citations import read_annotation
from omnillm.protocols.openai_chat.parse import reasoning
from omnillm.protocols.openai_chat.parse.parts import read_content, read_part
from omnillm.protocols.openai_chat.parse.reasoning import OpaqueOf
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.shapes import (
    array,
    each,
    each_with,
    mapping,
    optional_array,
    optional_integer,
    optional_mapping,
    optional_text,
    rest,
    text,
)

_MEMBERS = reasoning.MEMBERS | {"role", "content", "refusal", "audio", "images", "annotations", "tool_calls", "function_call", "name"}
LEGACY_CALL_ID = "call_legacy"
"""Of a `function_call`, which has no id: its result names the function, and always follows it."""


def read_message(message: dict[str, Any], opaque_of: OpaqueOf) -> tuple[tuple[MessagePart, ...], dict[str, Any]]:
    """Read everything that the message holds, in the one order that Chat knows; and the members that no part has taken."""
    parts = read_content(message.get("content"))
    said: list[str] = []
    extensions: dict[str, Any] = {}
    for name, value in message.items():
        if value is None or name in _PLAIN:
            continue
        if name not in _MEMBERS:
            extensions[name] = value
        if value:  # most are written as null or empty
            said.append(name)
    return _with_further(parts, said, message, opaque_of) if said else parts, extensions


def _with_further(parts: tuple[MessagePart, ...], said: list[str], message: dict[str, Any], opaque_of: OpaqueOf) -> tuple[MessagePart, ...]:
    """`said`: the members beside the content that say something."""
    if not _THINKING.isdisjoint(said):
        parts = (*reasoning.read_reasoning(message, opaque_of), *parts)
    if _FURTHER.isdisjoint(said):
        return parts
    if message.get("annotations"):
        parts = _cited(parts, array(message["annotations"], "annotations"))
    return (*parts, *_beside(message, opaque_of))


_PLAIN = frozenset({"role", "content"})
_THINKING = reasoning.MEMBERS | {"reasoning_details"}
_FURTHER = frozenset({"annotations", "refusal", "audio", "images", "tool_calls", "function_call"})


def _beside(message: dict[str, Any], opaque_of: OpaqueOf) -> list[MessagePart]:
    """Read what the members beside the content hold."""
    parts: list[MessagePart] = []
    if refusal := optional_text(message, "refusal"):
        parts.append(Refusal(text=refusal))
    if (audio := message.get("audio")) is not None:
        parts.append(_read_audio(mapping(audio, "audio")))
    if "images" in message:  # OpenRouter's member for images that the model made
        parts += each(optional_array(message, "images"), "images", read_part)
    if (calls := message.get("tool_calls")) is not None:
        parts += read_calls(calls, opaque_of)
    if (legacy := message.get("function_call")) is not None:
        parts.append(_read_legacy_call(mapping(legacy, "function_call")))
    return parts


def _cited(parts: tuple[MessagePart, ...], annotations: list[Any]) -> tuple[MessagePart, ...]:
    """Annotations are of the whole content, which here is one text."""
    citations = tuple(read_annotation(annotation, f"annotations[{number}]") for number, annotation in enumerate(annotations))
    for number, part in enumerate(parts):
        if type(part) is Text:
            return (*parts[:number], replace(part, citations=citations), *parts[number + 1 :])
    return (*parts, Text(text="", citations=citations))


def _read_audio(audio: dict[str, Any]) -> Audio:
    data = optional_text(audio, "data", "audio")
    return Audio(
        source=InlineSource(data=base64_text.decode(data, "audio.data")) if data else None,
        transcript=optional_text(audio, "transcript", "audio"),
        audio_id=optional_text(audio, "id", "audio"),
        expires_at=optional_integer(audio, "expires_at", "audio") or None,
    )


def _read_legacy_call(call: dict[str, Any]) -> ToolCall:
    name = text(call.get("name"), "function_call.name")
    return ToolCall(call_id=LEGACY_CALL_ID, name=name, arguments=arguments_of(call, "function_call"))


_CALL_MEMBERS = frozenset({"id", "type", "function", "custom", "index", "extra_content"})
GOOGLE = "google"
SIGNATURE = "thought_signature"


def read_calls(calls: Any, opaque_of: OpaqueOf) -> list[ToolCall | Native]:
    return each_with(opaque_of, array(calls, "tool_calls"), "tool_calls", _read_call)


def _read_call(call: Any, opaque_of: OpaqueOf) -> ToolCall | Native:
    kind = optional_text(mapping(call, ""), "type") or "function"
    if kind == "custom":
        custom = mapping(call.get("custom"), "custom")
        name, arguments = text(custom.get("name"), "custom.name"), optional_text(custom, "input", "custom")
    elif kind == "function":
        function = mapping(call.get("function"), "function")
        name, arguments = text(function.get("name"), "function.name"), arguments_of(function, "function")
    else:
        return Native(protocol=NAME, kind=kind, value=call)
    call_id = optional_text(call, "id")
    if len(call) == 3 and "id" in call and "type" in call:
        return ToolCall(call_id=call_id, name=name, arguments=arguments, kind=kind)  # type: ignore[arg-type]  # checked above
    extra = optional_mapping(call, "extra_content") or {}
    signature = signature_in(extra)
    extensions = rest(call, _CALL_MEMBERS)
    if (other := _without_signature(extra)) != {}:
        extensions["extra_content"] = other
    return ToolCall(
        call_id=call_id,
        name=name,
        arguments=arguments,
        kind=kind,  # type: ignore[arg-type]  # checked above
        signature=opaque_of(signature) if signature else None,
        vendor_extensions=extensions,
    )


def arguments_of(function: dict[str, Any], path: str) -> str:
    """Read the arguments; some hosts write the object itself in place of its text."""
    arguments = function.get("arguments")
    if type(arguments) is dict:
        return msgspec.json.encode(arguments).decode()
    return optional_text(function, "arguments", path)


def signature_in(extra: Any) -> str:
    """Google's own member for the signature of a call, which its clients bring back."""
    google = extra.get(GOOGLE) if type(extra) is dict else None
    signature = google.get(SIGNATURE) if type(google) is dict else None
    return signature if type(signature) is str else ""


def _without_signature(extra: dict[str, Any]) -> dict[str, Any]:
    if not signature_in(extra):
        return extra
    google = {name: value for name, value in extra[GOOGLE].items() if name != SIGNATURE}
    others = {name: value for name, value in extra.items() if name != GOOGLE}
    return {**others, GOOGLE: google} if google else others
