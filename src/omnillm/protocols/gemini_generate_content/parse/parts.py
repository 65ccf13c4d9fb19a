"""Parts of a content, read to canonical parts: of requests, of replies, of streams.

Paths of `Unfit` are relative to the part; who walks the parts puts their place before them.
"""

from collections.abc import Callable
from typing import Any, Protocol

from msgspec.structs import replace

from omnillm.model.message import Issuer, MessagePart, Native, Opaque, Reasoning, Text, ToolCall, ToolResult
from omnillm.protocols.differences.arguments import text_of
from omnillm.protocols.gemini_generate_content.call_ids import ReplyCalls, RequestCalls
from omnillm.protocols.gemini_generate_content.carrier import CARRIED, REDACTED, STAND_INS, SUMMARY, carried_in, unpack
from omnillm.protocols.gemini_generate_content.function_results import read_response
from omnillm.protocols.gemini_generate_content.parse.media import parse_file, parse_inline
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.shapes import Unfit, array, each_with, mapping, optional_mapping, optional_text, rest, text

_TEXT = frozenset({"text", "thought", "thoughtSignature"})
_CALL_PART = frozenset({"functionCall", "thoughtSignature"})
_CALL = frozenset({"id", "name", "args"})
_RESULT_PART = frozenset({"functionResponse"})
_RESULT = frozenset({"id", "name", "response", "parts"})
_BESIDE = frozenset(
    {
        *("text", "thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution"),
        *("mediaProcessing", "speechMetadata", "documentMetadata", "spreadsheetMetadata", "audioMetadata"),
    }
)
"""Members that are no content by themselves."""


class PartReader(Protocol):
    """What the reading of parts depends on: who signed them, and the ids of calls that have none."""

    calls: ReplyCalls | RequestCalls

    def opaque(self, value: str) -> tuple[Opaque, str]: ...

    def call_signature(self, value: str) -> Opaque | None: ...


class RequestReader:
    """A client brings back what it was given, envelopes of ours among it."""

    __slots__ = ("calls", "carried")

    def __init__(self) -> None:
        self.calls: ReplyCalls | RequestCalls = RequestCalls()
        self.carried: tuple[Reasoning, ...] = ()
        """The reasoning that came with the call that was read last. Whoever takes it clears it."""

    def opaque(self, value: str) -> tuple[Opaque, str]:
        return unpack(value)

    def call_signature(self, value: str) -> Opaque | None:
        if value in STAND_INS:
            return None
        opaque, word = unpack(value)
        if word == CARRIED:
            self.carried = carried_in(opaque)
            return None
        return opaque


class ReplyReader:
    """Everything opaque is the issuer's own."""

    __slots__ = ("_issuer", "calls")

    def __init__(self, issuer: Issuer, reply_id: str) -> None:
        self._issuer = issuer
        self.calls: ReplyCalls | RequestCalls = ReplyCalls(reply_id)

    def opaque(self, value: str) -> tuple[Opaque, str]:
        return Opaque(value=value, issuer=self._issuer), ""

    def call_signature(self, value: str) -> Opaque | None:
        return Opaque(value=value, issuer=self._issuer)


def parse_parts(parts: list[Any], reader: PartReader, place: str) -> list[MessagePart]:
    return list(filter(None, each_with(reader, parts, place, parse_part)))


def parse_part(part: Any, reader: PartReader) -> MessagePart | None:
    """Return None for a part that says nothing."""
    if type(part) is not dict:
        raise Unfit("", "an object")
    if len(part) == 1 and type(words := part.get("text")) is str:
        return Text(text=words)
    part = camel(part)
    for name, value in part.items():
        if value is not None:
            read = _KINDS.get(name)
            if read is not None:
                return read(value, part, reader)
    return _other(part, reader)


def _opaque(part: dict[str, Any], reader: PartReader) -> tuple[Opaque | None, str]:
    value = optional_text(part, "thoughtSignature")
    return reader.opaque(value) if value else (None, "")


def _text(value: Any, part: dict[str, Any], reader: PartReader) -> MessagePart:
    words = text(value, "text")
    opaque, word = _opaque(part, reader)
    extensions = rest(part, _TEXT)
    if part.get("thought") is not True:
        return Text(text=words, signature=opaque, vendor_extensions=extensions)
    if word == REDACTED:
        return Reasoning(opaque=opaque, is_redacted=True, vendor_extensions=extensions)
    if word == SUMMARY:
        return Reasoning(summary=(words,), opaque=opaque, vendor_extensions=extensions)
    return Reasoning(text=words, opaque=opaque, vendor_extensions=extensions)


def _function_call(value: Any, part: dict[str, Any], reader: PartReader) -> MessagePart:
    call = camel(mapping(value, "functionCall"))
    name = text(call.get("name"), "functionCall.name")
    signature = optional_text(part, "thoughtSignature")
    extensions = rest(part, _CALL_PART)
    if not _CALL.issuperset(call) and (more := rest(call, _CALL)):
        extensions["functionCall"] = more
    return ToolCall(
        call_id=reader.calls.call_id(optional_text(call, "id", "functionCall"), name),
        name=name,
        arguments=text_of(optional_mapping(call, "args", "functionCall") or {}),
        signature=reader.call_signature(signature) if signature else None,
        vendor_extensions=extensions,
    )


def _function_response(value: Any, part: dict[str, Any], reader: PartReader) -> MessagePart:
    result = camel(mapping(value, "functionResponse"))
    name = text(result.get("name"), "functionResponse.name")
    answered = read_response(optional_mapping(result, "response", "functionResponse") or {})
    content: tuple[Any, ...] = () if answered.content is None else (answered.content,)
    media = result.get("parts")
    if media is not None:
        content += _media(media, reader)
    extensions = rest(part, _RESULT_PART)
    if not _RESULT.issuperset(result) and (more := rest(result, _RESULT)):
        extensions["functionResponse"] = more
    return ToolResult(
        call_id=reader.calls.result_id(optional_text(result, "id", "functionResponse"), name),
        name=name,
        content=content,
        is_error=True if answered.is_error else None,
        vendor_extensions=extensions,
    )


def _media(value: Any, reader: PartReader) -> tuple[Any, ...]:
    """Read the parts of a result; calls and thoughts are none."""
    place = "functionResponse.parts"
    parts = parse_parts(array(value, place), reader, place)
    if any(type(part) is Reasoning or type(part) is ToolCall or type(part) is ToolResult for part in parts):
        raise Unfit(place, "media")
    return tuple(parts)


def _other(part: dict[str, Any], reader: PartReader) -> MessagePart | None:
    said = {name: value for name, value in part.items() if value is not None}
    kind = next((name for name in said if name not in _BESIDE), None)
    if kind is not None:
        return Native(protocol=NAME, kind=kind, value=said)
    return _text("", part, reader) if said.get("thoughtSignature") else None


def as_said_by_user(part: MessagePart) -> MessagePart:
    """A user has no thoughts: a text so marked is a text."""
    if type(part) is not Reasoning:
        return part
    return Text(text=part.text, signature=part.opaque, vendor_extensions={**part.vendor_extensions, "thought": True})


def reunited(parts: tuple[MessagePart, ...]) -> tuple[MessagePart, ...]:
    """Put reasoning together again that a stream told in pieces: texts, and at the end the signature, if another protocol gave one."""
    if len(parts) < 2 or Reasoning not in map(type, parts):
        return parts
    whole: list[MessagePart] = []
    pieces: list[Reasoning] = []
    for part in parts:
        if type(part) is Reasoning and part.opaque is None and not part.vendor_extensions:
            pieces.append(part)
            continue
        if pieces and type(part) is Reasoning and not part.is_redacted and _is_foreign(part):
            whole.append(_joined(pieces, part))
        else:
            whole += [*_one(pieces), part]
        pieces = []
    return (*whole, *_one(pieces))


def _one(pieces: list[Reasoning]) -> list[Reasoning]:
    return [Reasoning(text="".join([piece.text for piece in pieces]))] if len(pieces) > 1 else pieces


def _is_foreign(part: Reasoning) -> bool:
    return part.opaque is not None and part.opaque.issuer.protocol != NAME


def _joined(pieces: list[Reasoning], end: Reasoning) -> Reasoning:
    said = "".join([piece.text for piece in pieces])
    if end.summary:
        return replace(end, summary=(said + end.summary[0],))
    return replace(end, text=said + end.text)


_KINDS: dict[str, Callable[[Any, dict[str, Any], PartReader], MessagePart]] = {
    "text": _text,
    "functionCall": _function_call,
    "functionResponse": _function_response,
    "inlineData": lambda value, part, reader: parse_inline(value, part, _opaque(part, reader)[0]),
    "fileData": lambda value, part, reader: parse_file(value, part, _opaque(part, reader)[0]),
}
