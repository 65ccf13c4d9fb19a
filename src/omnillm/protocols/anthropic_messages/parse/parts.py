"""Content blocks of the Messages API, read to canonical parts: of requests, of replies, of streams.

Paths of `Unfit` are relative to the block; who walks the blocks puts their place before them. The Gemini signatures that an envelope
carried through an Anthropic client are given back to their parts: a `redacted_thinking` with one belongs to the text or tool call right
after it, an empty `thinking` with one to the text right before it (written no more, but conversations of old hold such).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from omnillm.model.message import (
    CacheControl,
    Citation,
    MessagePart,
    Native,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    VendorExtensions,
)
from omnillm.protocols.anthropic_messages.parse.media import parse_document, parse_image
from omnillm.protocols.anthropic_messages.place import NAME
from omnillm.protocols.anthropic_messages.retrieved import BLOCK, words_of
from omnillm.protocols.differences.arguments import text_of
from omnillm.protocols.shapes import (
    Unfit,
    each,
    each_with,
    mapping,
    optional_array,
    optional_flag,
    optional_mapping,
    optional_text,
    rest,
    text,
)

GEMINI = "gemini_generate_content"
ReadOpaque = Callable[[str], Opaque]

_CACHE_CONTROL = frozenset({"type", "ttl"})
_TEXT = frozenset({"type", "text", "citations", "cache_control"})
_THINKING = frozenset({"type", "thinking", "signature"})
_REDACTED = frozenset({"type", "data"})
_TOOL_USE = frozenset({"type", "id", "name", "input", "cache_control"})
_TOOL_RESULT = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_MEDIA = frozenset({"type", "source", "cache_control", "title", "context", "citations"})
_IMAGE = frozenset({"type", "source", "cache_control"})


def parse_block(block: Any, known: "Known") -> MessagePart:
    """Read a block; one whose kind is not known becomes a `Native`."""
    if type(block) is not dict:
        raise Unfit("", "an object")
    kind = block.get("type")
    if type(kind) is not str:
        raise Unfit("type", "a string")
    return known.kinds.get(kind, _native)(block, known.read)


def reunited(parts: list[MessagePart]) -> list[MessagePart]:
    """Give Gemini's signatures back to the parts that they were taken from."""
    if not any(type(part) is Reasoning and _is_carrier(part) for part in parts):
        return parts
    whole: list[MessagePart] = []
    waiting: Reasoning | None = None
    for part in parts:
        if waiting is not None:
            signed = _signed(part, waiting)
            whole += [waiting, part] if signed is None else [signed]
            waiting = None
        elif type(part) is not Reasoning or not _is_carrier(part):
            whole.append(part)
        elif part.is_redacted:
            waiting = part
        else:
            signed = _signed(whole[-1], part) if whole and type(whole[-1]) is Text else None
            whole[len(whole) - (signed is not None) :] = [part if signed is None else signed]
    return whole if waiting is None else [*whole, waiting]


def _is_carrier(part: Reasoning) -> bool:
    return part.opaque is not None and part.opaque.issuer.protocol == GEMINI and not part.text


def _signed(part: MessagePart, carrier: Reasoning) -> MessagePart | None:
    if type(part) is Text or type(part) is ToolCall:
        return None if part.signature is not None else replace(part, signature=carrier.opaque)
    return None


def parse_cache_control(owner: dict[str, Any], extensions: VendorExtensions) -> CacheControl | None:
    """Read the mark of a block or a tool; members of it that are not known go to `extensions`."""
    mark = optional_mapping(owner, "cache_control")
    if mark is None:
        return None
    if not _CACHE_CONTROL.issuperset(mark):
        extensions["cache_control"] = rest(mark, _CACHE_CONTROL)
    return CacheControl(ttl=optional_text(mark, "ttl", "cache_control"))


def parse_citation(value: Any) -> Citation:
    native = mapping(value, "")
    return Citation(
        url=_word(native, "url"),
        title=_word(native, "title") or _word(native, "document_title"),
        cited_text=_word(native, "cited_text"),
        protocol=NAME,
        native=native,
    )


def _word(owner: dict[str, Any], name: str) -> str:
    value = owner.get(name)
    return value if type(value) is str else ""


def _extras(block: dict[str, Any], known: frozenset[str]) -> tuple[CacheControl | None, VendorExtensions]:
    extensions: VendorExtensions = {} if block.keys() <= known else rest(block, known)
    return parse_cache_control(block, extensions), extensions


def _text(block: dict[str, Any], _: ReadOpaque) -> Text:
    words = text(block.get("text"), "text")
    if len(block) == 2:
        return Text(text=words)
    mark, extensions = _extras(block, _TEXT)
    citations = each(optional_array(block, "citations"), "citations", parse_citation)
    return Text(text=words, citations=tuple(citations), cache_control=mark, vendor_extensions=extensions)


def _thinking(block: dict[str, Any], read: ReadOpaque) -> Reasoning:
    signature = optional_text(block, "signature")
    opaque = read(signature) if signature else None
    return Reasoning(
        text=text(block.get("thinking"), "thinking"),
        opaque=opaque if opaque is not None and opaque.value else None,  # an empty envelope: nobody signed it
        vendor_extensions=rest(block, _THINKING),
    )


def _redacted(block: dict[str, Any], read: ReadOpaque) -> Reasoning:
    return Reasoning(opaque=read(text(block.get("data"), "data")), is_redacted=True, vendor_extensions=rest(block, _REDACTED))


def _tool_use(block: dict[str, Any], _: ReadOpaque) -> ToolCall:
    mark, extensions = _extras(block, _TOOL_USE)
    return ToolCall(
        call_id=text(block.get("id"), "id"),
        name=text(block.get("name"), "name"),
        arguments=text_of(optional_mapping(block, "input") or {}),
        cache_control=mark,
        vendor_extensions=extensions,
    )


def _tool_result(block: dict[str, Any], read: ReadOpaque) -> ToolResult:
    mark, extensions = _extras(block, _TOOL_RESULT)
    content = block.get("content")
    if type(content) is list:
        parts: list[Any] = each_with(Known(read, RESULT_BLOCKS), content, "content", parse_block)
    else:
        words = optional_text(block, "content")
        parts = [Text(text=words)] if words else []
    return ToolResult(
        call_id=text(block.get("tool_use_id"), "tool_use_id"),
        content=tuple(parts),
        is_error=optional_flag(block, "is_error"),
        cache_control=mark,
        vendor_extensions=extensions,
    )


def _image(block: dict[str, Any], read: ReadOpaque) -> MessagePart:
    image = parse_image(block)
    return _native(block, read) if image is None else _marked(image, block, _IMAGE)


def _document(block: dict[str, Any], read: ReadOpaque) -> MessagePart:
    document = parse_document(block)
    if document is not None:
        marked: MessagePart = _marked(document, block, _MEDIA)
        return marked
    return _retrieved(block, read) if block["source"]["type"] == "content" else _native(block, read)


def _retrieved(block: dict[str, Any], read: ReadOpaque) -> MessagePart:
    words = words_of(block)
    if not words:
        return _native(block, read)
    mark, extensions = _extras(block, frozenset(block))
    block = {name: value for name, value in block.items() if name != "cache_control"} if mark is not None else block
    return Text(text=words, cache_control=mark, vendor_extensions={**extensions, BLOCK: block})


def _marked(part: Any, block: dict[str, Any], known: frozenset[str]) -> Any:
    mark, extensions = _extras(block, known)
    return replace(part, cache_control=mark, vendor_extensions=extensions) if mark is not None or extensions else part


def _native(block: dict[str, Any], _: ReadOpaque) -> Native:
    return Native(protocol=NAME, kind=block["type"], value=block)


Kinds = dict[str, Callable[[dict[str, Any], ReadOpaque], MessagePart]]


class Known(NamedTuple):
    """What blocks there may be, and who reads what is opaque in them."""

    read: ReadOpaque
    kinds: Kinds


RESULT_BLOCKS: Kinds = {"text": _text, "image": _image, "document": _document, "search_result": _retrieved}
"""Of a tool's result."""
REPLY_BLOCKS: Kinds = {"text": _text, "thinking": _thinking, "redacted_thinking": _redacted, "tool_use": _tool_use}
TURN_BLOCKS: Kinds = {**RESULT_BLOCKS, **REPLY_BLOCKS, "tool_result": _tool_result}
