"""Canonical parts, written as content blocks of the Messages API: of requests, of replies, of streams.

Ids of Responses items, and the name of a result's tool where its call is there to tell, are handles and no content: leaving them out is
no loss.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from omnillm.model.media import FileSource, InlineSource, TextSource, UrlSource
from omnillm.model.message import (
    Audio,
    CacheControl,
    Citation,
    File,
    ImageBase64,
    ImageFile,
    ImageUrl,
    Json,
    Native,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    VendorExtensions,
    Video,
)
from omnillm.protocols.anthropic_messages.media import IMAGE_TYPES, PDF, PLAIN, base64_source, kind_of
from omnillm.protocols.anthropic_messages.parse_blocks import NAME
from omnillm.protocols.envelope import is_readable
from omnillm.protocols.loss import Losses
from omnillm.protocols.tool_names import plain_id

Block = dict[str, Any]
Place = tuple[str, int, str, int]
"""Where a part stands: ("input", 2, "parts", 0) is input[2].parts[0]."""

TTLS = frozenset({"", "5m", "1h"})
_decode = msgspec.json.decode


def path_of(place: Place, member: str = "") -> str:
    outer, item, inner, part = place
    path = f"{outer}[{item}].{inner}[{part}]"
    return f"{path}.{member}" if member else path


class BlockWriter:
    """What writing the blocks of one request or reply needs, and the cache marks that it sets."""

    __slots__ = ("calls", "is_own", "losses", "marks", "provider")

    def __init__(self, losses: Losses, *, is_own: bool, provider: str = "") -> None:
        self.losses = losses
        self.is_own = is_own
        """Whether vendor extensions are this protocol's words."""
        self.provider = provider
        self.marks: list[tuple[dict[str, Any], str]] = []
        """Every object that bears a cache mark, in the order of the prompt, with its path."""
        self.calls: dict[str, str] = {}
        """Names of the tools that were called so far, by call."""

    def block(self, part: Any, place: Place) -> Block | None:
        """Write one part; None where nothing is left of it, which is in the losses then."""
        block = _BLOCKS[type(part)](part, place, self)
        if block is not None and (part.cache_control is not None or part.vendor_extensions):
            self._extend(block, part, place)
        return block

    def blocks(self, parts: Any, outer: str, item: int, inner: str) -> list[Block]:
        write = self.block
        written = [write(part, (outer, item, inner, number)) for number, part in enumerate(parts)]
        return [block for block in written if block is not None]

    def extend(self, owner: dict[str, Any], extensions: VendorExtensions, path: str) -> None:
        """Add members that have no canonical home. A member that is written already keeps what it has."""
        for name, value in extensions.items():
            if not self.is_own:
                self.losses.drop(f"{path}.vendor_extensions.{name}", "the Messages API does not know it")
                continue
            written = owner.setdefault(name, value)
            if written is not value and type(written) is dict and type(value) is dict:
                owner[name] = {**value, **written}

    def mark(self, owner: dict[str, Any], mark: CacheControl, path: str) -> None:
        ttl = mark.ttl
        if ttl not in TTLS:
            self.losses.approximate(f"{path}.cache_control.ttl", "the Messages API caches for 5m or 1h")
            ttl = "1h"
        owner["cache_control"] = {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}
        self.marks.append((owner, path))

    def _extend(self, block: Block, part: Any, place: Place) -> None:
        path = path_of(place)
        if part.cache_control is not None:
            if block["type"] in _UNMARKED:
                self.losses.drop(f"{path}.cache_control", "a thinking block bears no mark")
            else:
                self.mark(block, part.cache_control, path)
        self.extend(block, part.vendor_extensions, path)

    def drop(self, place: Place, detail: str, member: str = "") -> None:
        self.losses.drop(path_of(place, member), detail)

    def approximate(self, place: Place, detail: str, member: str = "") -> None:
        self.losses.approximate(path_of(place, member), detail)


_UNMARKED = frozenset({"thinking", "redacted_thinking"})


def object_of(arguments: str) -> dict[str, Any] | None:
    """Read a call's arguments as the object that the Messages API wants; None: they are none."""
    if not arguments:
        return {}
    try:
        value = _decode(arguments)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return value if type(value) is dict else None


def citations_of(citations: tuple[Citation, ...], place: Place, writer: BlockWriter) -> list[Any]:
    natives = [citation.native for citation in citations if citation.protocol == NAME and type(citation.native) is dict]
    if len(natives) < len(citations):
        writer.drop(place, "a citation points into a document or result of the Messages API", "citations")
    return natives


def call_id_of(call_id: str, place: Place, writer: BlockWriter) -> str:
    plain = plain_id(call_id)
    if plain != call_id:
        writer.approximate(place, "ids of tool calls are letters, digits, _ and -", "call_id")
    return plain


def _text(part: Text, place: Place, writer: BlockWriter) -> Block | None:
    if part.signature is not None:
        writer.drop(place, "a signature on text is another protocol's", "signature")
    if not part.text:
        writer.drop(place, "an empty text")
        return None
    block: Block = {"type": "text", "text": part.text}
    if part.citations and (citations := citations_of(part.citations, place, writer)):
        block["citations"] = citations
    return block


def _reasoning(part: Reasoning, place: Place, writer: BlockWriter) -> Block | None:
    opaque = part.opaque
    if opaque is None:
        writer.drop(place, "reasoning without a signature")
        return None
    if not is_readable(opaque, NAME, writer.provider):
        writer.drop(place, "its signature is another provider's")
        return None
    return reasoning_block(part, opaque.value, place, writer)


def reasoning_block(part: Reasoning, value: str, place: Place, writer: BlockWriter) -> Block:
    """Write reasoning with a signature (or redacted data) that is text already."""
    if part.is_redacted:
        return {"type": "redacted_thinking", "data": value}
    if part.summary:
        writer.approximate(place, "summaries are said as thinking", "summary")
    pieces = (part.text, *part.summary) if part.text else part.summary
    return {"type": "thinking", "thinking": "\n\n".join(pieces), "signature": value}


def _tool_call(part: ToolCall, place: Place, writer: BlockWriter) -> Block:
    if part.signature is not None:
        writer.drop(place, "a signature on a tool call is another protocol's", "signature")
    writer.calls[part.call_id] = part.name
    return {"type": "tool_use", "id": call_id_of(part.call_id, place, writer), "name": part.name, "input": _input_of(part, place, writer)}


def _input_of(part: ToolCall, place: Place, writer: BlockWriter) -> dict[str, Any]:
    if part.kind == "custom":
        writer.approximate(place, "free text is the one argument of a function", "kind")
        return {"input": part.arguments}
    arguments = object_of(part.arguments)
    if arguments is None:
        writer.approximate(place, "arguments that are no JSON object stand in _raw", "arguments")
        return {"_raw": part.arguments}
    return arguments


def _tool_result(part: ToolResult, place: Place, writer: BlockWriter) -> Block:
    """As a part of a message, where the normal form does not have it."""
    return tool_result_block(part, place[1], writer)


def tool_result_block(result: ToolResult, item: int, writer: BlockWriter) -> Block:
    path = f"input[{item}]"
    call_id = plain_id(result.call_id)
    if call_id != result.call_id:
        writer.losses.approximate(f"{path}.call_id", "ids of tool calls are letters, digits, _ and -")
    if result.kind == "custom":
        writer.losses.approximate(f"{path}.kind", "free text is the one argument of a function")
    if result.name and writer.calls.get(result.call_id) != result.name:
        writer.losses.drop(f"{path}.name", "a result names its call alone")
    block: Block = {"type": "tool_result", "tool_use_id": call_id}
    content = writer.blocks(result.content, "input", item, "content") if result.content else None
    if content:
        block["content"] = lone_text(content)
    if result.is_error is not None:
        block["is_error"] = result.is_error
    if result.cache_control is not None:
        writer.mark(block, result.cache_control, path)
    if result.vendor_extensions:
        writer.extend(block, result.vendor_extensions, path)
    return block


def lone_text(blocks: list[Block]) -> list[Block] | str:
    """Write content that is one plain text as a string."""
    if len(blocks) == 1 and len(blocks[0]) == 2 and "text" in blocks[0]:
        words: str = blocks[0]["text"]
        return words
    return blocks


def _image_base64(part: ImageBase64, place: Place, writer: BlockWriter) -> Block | None:
    _drop_image_words(part, place, writer)
    if part.signature is not None:
        writer.drop(place, "a signature on an image is another protocol's", "signature")
    media_type = "image/jpeg" if part.media_type == "image/jpg" else part.media_type
    if media_type not in IMAGE_TYPES:
        found = kind_of(part.data) if not media_type else ""
        if found not in IMAGE_TYPES:
            writer.drop(place, "images are JPEG, PNG, GIF or WebP")
            return None
        writer.losses.default(path_of(place, "media_type"), "told by the first bytes")
        media_type = found
    elif media_type != part.media_type:
        writer.approximate(place, "its usual name", "media_type")
    return {"type": "image", "source": base64_source(part.data, media_type)}


def _image_url(part: ImageUrl, place: Place, writer: BlockWriter) -> Block:
    _drop_image_words(part, place, writer)
    if part.media_type:
        writer.drop(place, "an image at an address has no media type", "media_type")
    return {"type": "image", "source": {"type": "url", "url": part.url}}


def _image_file(part: ImageFile, place: Place, writer: BlockWriter) -> Block | None:
    _drop_image_words(part, place, writer)
    if part.protocol not in {"", NAME}:
        writer.drop(place, "the file is kept by another provider")
        return None
    if part.media_type:
        writer.drop(place, "an image in a file has no media type", "media_type")
    return {"type": "image", "source": {"type": "file", "file_id": part.file_id}}


def _drop_image_words(part: ImageBase64 | ImageUrl | ImageFile, place: Place, writer: BlockWriter) -> None:
    if part.detail:
        writer.drop(place, "the Messages API has no detail", "detail")


def _file(part: File, place: Place, writer: BlockWriter) -> Block | None:
    if part.detail:
        writer.drop(place, "the Messages API has no detail", "detail")
    block = _SOURCES[type(part.source)](part.source, place, writer)
    if block is None or block["type"] != "document":
        return block
    title = part.title
    if part.filename and title:
        writer.drop(place, "a document has a title", "filename")
    elif part.filename:
        writer.approximate(place, "said as the title", "filename")
        title = part.filename
    if title:
        block["title"] = title
    if part.context:
        block["context"] = part.context
    if part.has_citations is not None:
        block["citations"] = {"enabled": part.has_citations}
    return block


def _inline_file(source: InlineSource, place: Place, writer: BlockWriter) -> Block | None:
    media_type = source.media_type or kind_of(source.data)
    if not source.media_type:
        writer.losses.default(path_of(place, "source.media_type"), "told by the first bytes")
    if media_type == PDF:
        return {"type": "document", "source": base64_source(source.data, PDF)}
    if media_type in IMAGE_TYPES:
        writer.approximate(place, "said as an image")
        return {"type": "image", "source": base64_source(source.data, media_type)}
    try:
        words = source.data.decode() if media_type.startswith("text/") or media_type in _TEXTUAL else ""
    except UnicodeDecodeError:
        words = ""
    if not words:
        writer.drop(place, "documents are PDF or text")
        return None
    writer.approximate(place, "said as plain text", "source")
    return {"type": "document", "source": {"type": "text", "media_type": PLAIN, "data": words}}


def _text_file(source: TextSource, place: Place, writer: BlockWriter) -> Block:
    if source.media_type != PLAIN:
        writer.approximate(place, "said as plain text", "source.media_type")
    return {"type": "document", "source": {"type": "text", "media_type": PLAIN, "data": source.text}}


def _url_file(source: UrlSource, place: Place, writer: BlockWriter) -> Block:
    if source.media_type:
        writer.drop(place, "a document at an address has no media type", "source.media_type")
    return {"type": "document", "source": {"type": "url", "url": source.url}}


def _kept_file(source: FileSource, place: Place, writer: BlockWriter) -> Block | None:
    if source.protocol not in {"", NAME}:
        writer.drop(place, "the file is kept by another provider")
        return None
    if source.media_type:
        writer.drop(place, "a document in a file has no media type", "source.media_type")
    return {"type": "document", "source": {"type": "file", "file_id": source.file_id}}


def _audio(part: Audio, place: Place, writer: BlockWriter) -> Block | None:
    if not part.transcript:
        writer.drop(place, "the Messages API has no sound")
        return None
    writer.approximate(place, "the transcript in place of the sound")
    return {"type": "text", "text": part.transcript}


def _video(part: Video, place: Place, writer: BlockWriter) -> None:  # noqa: ARG001 - one signature for every part
    writer.drop(place, "the Messages API has no video")


def _json(part: Json, place: Place, writer: BlockWriter) -> Block:
    writer.approximate(place, "JSON is said as text", "value")
    return {"type": "text", "text": msgspec.json.encode(part.value).decode()}


def _refusal(part: Refusal, place: Place, writer: BlockWriter) -> Block | None:
    if not part.text:
        writer.drop(place, "an empty refusal")
        return None
    writer.approximate(place, "a refusal is said as text")
    return {"type": "text", "text": part.text}


def _native(part: Native, place: Place, writer: BlockWriter) -> Block | None:
    value = part.value
    if part.protocol != NAME or type(value) is not dict or type(value.get("type")) is not str:
        writer.drop(place, "only its own protocol knows it")
        return None
    block = dict(value)
    if type(value.get("cache_control")) is dict:
        writer.marks.append((block, path_of(place)))
    return block


_TEXTUAL = frozenset({"application/json", "application/xml", "application/x-yaml", "application/yaml"})
_SOURCES: dict[type, Callable[[Any, Place, BlockWriter], Block | None]] = {
    InlineSource: _inline_file,
    TextSource: _text_file,
    UrlSource: _url_file,
    FileSource: _kept_file,
}
_BLOCKS: dict[type, Callable[[Any, Place, BlockWriter], Block | None]] = {
    Text: _text,
    Reasoning: _reasoning,
    ToolCall: _tool_call,
    ToolResult: _tool_result,
    ImageBase64: _image_base64,
    ImageUrl: _image_url,
    ImageFile: _image_file,
    File: _file,
    Audio: _audio,
    Video: _video,
    Json: _json,
    Refusal: _refusal,
    Native: _native,
}
