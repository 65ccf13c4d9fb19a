"""Parts of content, read: of messages in both directions, and of the outputs of tools."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omnillm.model.media import FileSource, InlineSource, MediaSource, UrlSource
from omnillm.model.message import (
    Audio,
    Citation,
    File,
    ImageBase64,
    ImageFile,
    ImageUrl,
    MessagePart,
    Native,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    VendorExtensions,
)
from omnillm.protocols.base64_text import decode, read_data_url
from omnillm.protocols.openai_chat.citations import read_citation
from omnillm.protocols.openai_chat.prompt_cache import BREAKPOINT, breakpoint_of
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.shapes import (
    array,
    each_with,
    mapping,
    optional_array,
    optional_mapping,
    optional_text,
    rest,
    text,
)

IN_MESSAGE: VendorExtensions = {"place": "message"}
"""On a Native part: it is content of a message, not an item of its own."""
_TEXT_MEMBERS = frozenset({"type", "text", "annotations", BREAKPOINT})
_IMAGE_MEMBERS = frozenset({"type", "image_url", "file_id", "detail", BREAKPOINT})
_FILE_MEMBERS = frozenset({"type", "file_data", "file_id", "file_url", "filename", "detail", BREAKPOINT})
_REFUSAL_MEMBERS = frozenset({"type", "refusal", BREAKPOINT})
_AUDIO_MEMBERS = frozenset({"type", "input_audio", BREAKPOINT})
_URL_CITATION = frozenset({"type", "url", "title", "start_index", "end_index"})


def read_parts(content: Any, path: str, item_id: str = "") -> tuple[MessagePart, ...]:
    """Read content, a string or an array; `item_id` is that of the message."""
    if type(content) is str:
        return (Text(text=content, item_id=item_id),)
    return tuple(each_with(item_id, array(content, path), path, read_part))


def read_part(part: Any, item_id: str = "") -> MessagePart:
    read = _READERS.get(text(mapping(part, "").get("type"), "type"))
    return _read_native(part) if read is None else read(part, item_id)


def _read_text(part: dict[str, Any], item_id: str) -> Text:
    said = text(part.get("text"), "text")
    if len(part) == 2:
        return Text(text=said, item_id=item_id)
    return Text(
        text=said,
        citations=read_annotations(part),
        item_id=item_id,
        cache_control=breakpoint_of(part),
        vendor_extensions=_without_empty_logprobs(rest(part, _TEXT_MEMBERS)),
    )


def _without_empty_logprobs(extensions: VendorExtensions) -> VendorExtensions:
    if extensions.get("logprobs") == []:
        del extensions["logprobs"]
    return extensions


def read_annotations(part: dict[str, Any]) -> tuple[Citation, ...]:
    return tuple([read_annotation(annotation, f"annotations[{n}]") for n, annotation in enumerate(optional_array(part, "annotations"))])


def read_annotation(annotation: Any, path: str) -> Citation:
    """`native` only where the typed members do not say it all."""
    kind = mapping(annotation, path).get("type")
    if kind != "url_citation":
        title = annotation.get("filename")
        return Citation(title=title if type(title) is str else "", protocol=NAME, native=annotation)
    is_plain = annotation.keys() == _URL_CITATION and None not in annotation.values()
    return read_citation(annotation, path, NAME, None if is_plain else annotation)


def _read_refusal(part: dict[str, Any], item_id: str) -> Refusal:
    return Refusal(text=text(part.get("refusal"), "refusal"), item_id=item_id, vendor_extensions=rest(part, _REFUSAL_MEMBERS))


def _read_image(part: dict[str, Any], _: str) -> MessagePart:
    url, file_id = optional_text(part, "image_url"), optional_text(part, "file_id")
    detail, mark, more = optional_text(part, "detail"), breakpoint_of(part), rest(part, _IMAGE_MEMBERS)
    if url and file_id:
        more["file_id"] = file_id
    if url.startswith("data:"):
        content, media_type = read_data_url(url, "image_url")
        return ImageBase64(data=content, media_type=media_type, detail=detail, cache_control=mark, vendor_extensions=more)
    if url:
        return ImageUrl(url=url, detail=detail, cache_control=mark, vendor_extensions=more)
    if file_id:
        return ImageFile(file_id=file_id, protocol=NAME, detail=detail, cache_control=mark, vendor_extensions=more)
    return _read_native(part)


def _read_file(part: dict[str, Any], _: str) -> MessagePart:
    source, member = _source_of(part)
    if source is None:
        return _read_native(part)
    more = rest(part, _FILE_MEMBERS)
    for name in ("file_data", "file_url", "file_id"):
        if name != member and part.get(name) is not None:
            more[name] = part[name]
    return File(
        source=source,
        filename=optional_text(part, "filename"),
        detail=optional_text(part, "detail"),
        cache_control=breakpoint_of(part),
        vendor_extensions=more,
    )


def _source_of(part: dict[str, Any]) -> tuple[MediaSource | None, str]:
    """Return where the file is, and which member said so. Base64 without a media type is no data: URL."""
    data, url, file_id = (optional_text(part, name) for name in ("file_data", "file_url", "file_id"))
    if data.startswith("data:"):
        content, media_type = read_data_url(data, "file_data")
        return InlineSource(data=content, media_type=media_type), "file_data"
    if data:
        return InlineSource(data=decode(data, "file_data")), "file_data"
    if url:
        return UrlSource(url=url), "file_url"
    if file_id:
        return FileSource(file_id=file_id, protocol=NAME), "file_id"
    return None, ""


def _read_audio(part: dict[str, Any], _: str) -> MessagePart:
    sound = optional_mapping(part, "input_audio")
    if sound is None or sound.keys() != {"data", "format"}:
        return _read_native(part)
    word = text(sound["format"], "input_audio.format")
    content = decode(text(sound["data"], "input_audio.data"), "input_audio.data")
    return Audio(
        source=InlineSource(data=content, media_type=f"audio/{word}"),
        format=word,
        cache_control=breakpoint_of(part),
        vendor_extensions=rest(part, _AUDIO_MEMBERS),
    )


def _read_native(part: dict[str, Any]) -> Native:
    return Native(protocol=NAME, kind=part["type"], value=part, vendor_extensions=IN_MESSAGE)


_READERS: dict[str, Callable[[dict[str, Any], str], MessagePart]] = {
    "input_text": _read_text,
    "output_text": _read_text,
    "text": _read_text,
    "refusal": _read_refusal,
    "input_image": _read_image,
    "input_file": _read_file,
    "input_audio": _read_audio,
}


ITEM = "item"
"""Among the extensions of a message's first part: members of the item that it stood in (its phase, a status)."""
_ITEM_MEMBERS = frozenset({"type", "role", "content", "id"})
_CALL_MEMBERS = {
    "function": frozenset({"type", "id", "call_id", "name", "arguments"}),
    "custom": frozenset({"type", "id", "call_id", "name", "input"}),
}
ARGUMENTS = {"function": "arguments", "custom": "input"}
"""What a call of each kind is given."""
_REASONING_MEMBERS = frozenset({"type", "id", "summary", "content", "encrypted_content"})


def assistant_parts(item: dict[str, Any]) -> tuple[MessagePart, ...]:
    """Read a message of the assistant. One without content stays an item as it is."""
    item_id = optional_text(item, "id")
    parts = read_parts(item.get("content"), "content", item_id)
    more = item_members(item)
    if not parts or (more and type(parts[0]) is Native):
        return (Native(protocol=NAME, kind="message", value=item),)
    if more:
        first = parts[0]
        return (replace(first, vendor_extensions={**first.vendor_extensions, ITEM: more}), *parts[1:])
    return parts


def item_members(item: dict[str, Any]) -> VendorExtensions:
    """Return what a message's item says beside its content. That it is completed goes without saying."""
    return unless_completed(rest(item, _ITEM_MEMBERS))


def unless_completed(more: VendorExtensions) -> VendorExtensions:
    if more.get("status") == "completed":
        del more["status"]
    return more


def call_of(item: dict[str, Any], kind: Any = "function") -> ToolCall:
    member = ARGUMENTS[kind]
    known = _CALL_MEMBERS[kind]
    return ToolCall(
        call_id=text(item.get("call_id"), "call_id"),
        name=text(item.get("name"), "name"),
        arguments=optional_text(item, member),
        kind=kind,
        item_id=optional_text(item, "id"),
        vendor_extensions=unless_completed(rest(item, known)) if len(item) > 4 else {},
    )


def custom_call_of(item: dict[str, Any]) -> ToolCall:
    return call_of(item, "custom")


def reasoning_of(item: dict[str, Any], opaque: Opaque | None) -> Reasoning:
    """Several pieces of reasoning text are kept as they were, beside the whole."""
    content = optional_array(item, "content")
    more = unless_completed(rest(item, _REASONING_MEMBERS))
    if len(content) > 1 or any(type(piece) is not dict or piece.keys() != {"type", "text"} for piece in content):
        more["content"] = content
    return Reasoning(
        text="".join(texts(content, "content")),
        summary=tuple(texts(optional_array(item, "summary"), "summary")),
        opaque=opaque,
        item_id=optional_text(item, "id"),
        vendor_extensions=more,
    )


def texts(pieces: list[Any], path: str) -> list[str]:
    return [text(mapping(piece, f"{path}[{n}]").get("text"), f"{path}[{n}].text") for n, piece in enumerate(pieces)]
