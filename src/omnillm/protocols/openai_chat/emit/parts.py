"""Content parts, written."""

from collections.abc import Callable
from typing import Any

import msgspec

from omnillm.model.media import AS_USUAL, FileSource, InlineSource, TextSource, UrlSource
from omnillm.model.message import Audio, File, ImageBase64, ImageUrl, Json, Native, Text
from omnillm.protocols import base64_text
from omnillm.protocols.differences.tool_references import AS_TEXT, named_tool
from omnillm.protocols.openai_chat.parse.parts import media_type_of
from omnillm.protocols.openai_chat.place import NAME, Place
from omnillm.protocols.openai_chat.prompt_cache import write_mark

_encode_json = msgspec.json.Encoder().encode
_FORMAT_OF_MEDIA = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_OPENAI_FORMATS = frozenset({"wav", "mp3"})


def json_text(value: Any) -> str:
    return _encode_json(value).decode()


def write_part(part: Any, place: Place) -> dict[str, Any] | None:
    """Write a part of a user's message; None, with a loss told, where Chat has none."""
    write = _WRITERS.get(type(part))
    if write is None:
        place.drop("", f"a Chat message has no place for a part of type {part.__struct_config__.tag}")
        return None
    if type(part) is Text and part.citations:
        place.drop(".citations", "only an answer has citations")
    written: dict[str, Any] | None = write(part, place)
    if written is not None and (part.cache_control is not None or part.vendor_extensions):
        with_common(written, part, place)
    return written


def with_common(written: dict[str, Any], part: Any, place: Place) -> None:
    """Add what any part may have: the mark, and members of this protocol that have no field."""
    if part.cache_control is not None:
        write_mark(written, part.cache_control, place)
    if part.vendor_extensions:
        add_extensions(written, part, place)


def add_extensions(written: dict[str, Any], part: Any, place: Place) -> None:
    for name, value in part.vendor_extensions.items():
        present = written.get(name)
        if not place.has_own_extensions:
            place.drop(f".vendor_extensions.{name}", "a member of another protocol")
        elif present is None:
            written[name] = value
        elif type(present) is dict and type(value) is dict:
            written[name] = {**value, **present}
        else:
            place.drop(f".vendor_extensions.{name}", "a typed field says it")


def drop_marks(part: Any, place: Place) -> None:
    """Tell what is lost of a part that is written as no part of its own."""
    if part.cache_control is not None:
        place.drop(".cache_control", "Chat has no place for the mark")
    for name in part.vendor_extensions:
        place.drop(f".vendor_extensions.{name}", "Chat has no place for it")


def write_text(part: Text, place: Place) -> dict[str, Any]:
    """Write a text without its citations: only an answer has a place for them, beside it."""
    if part.signature is not None:
        place.drop(".signature", "Chat has no place for a signature of text")
    if part.item_id:
        place.drop_item_id()
    return {"type": "text", "text": part.text}


def write_image(part: ImageUrl | ImageBase64, place: Place) -> dict[str, Any]:
    if type(part) is ImageBase64:
        if part.signature is not None:
            place.drop(".signature", "Chat has no place for a signature of an image")
        url = base64_text.data_url(part.data, part.media_type)
    else:
        url = part.url  # type: ignore[union-attr]  # by its kind
        if part.media_type:
            place.drop(".media_type", "Chat has no media type beside a URL")
    return {"type": "image_url", "image_url": {"url": url, "detail": part.detail} if part.detail else {"url": url}}


def _write_audio(part: Audio, place: Place) -> dict[str, Any] | None:
    source = part.source
    if type(source) is not InlineSource:
        place.drop("", "Chat takes sound as base64 only")
        return None
    written = part.format or _FORMAT_OF_MEDIA.get(source.media_type) or source.media_type.removeprefix("audio/")
    if place.is_openai and written not in _OPENAI_FORMATS:
        place.drop("", "OpenAI takes wav and mp3 only")
        return None
    if source.media_type != media_type_of(written):
        place.losses.approximate(place.here(".source.media_type"), "said as a format")
    if part.transcript or part.audio_id or part.expires_at is not None or part.signature is not None:
        place.drop(".transcript", "only sound of the model has a transcript and an id")
    return {"type": "input_audio", "input_audio": {"data": base64_text.encode(source.data), "format": written}}


def _write_file(part: File, place: Place) -> dict[str, Any] | None:
    place.drop_said(part, ("title", "context"), "Chat has no such member of a file")
    if part.detail not in AS_USUAL:
        place.drop(".detail", "Chat has no such member of a file")
    if part.has_citations is not None:
        place.drop(".has_citations", "Chat has no such member of a file")
    write = _FILE_WRITERS[type(part.source)]
    return write(part, part.source, place)


def _write_file_bytes(part: File, source: InlineSource, place: Place) -> dict[str, Any]:
    media_type, filename = source.media_type, part.filename
    if place.has_documents and not media_type:
        place.losses.default(place.here(".media_type"), "the host takes documents by URL alone, which says it")
        media_type = "application/pdf"
    encoded = base64_text.data_url(source.data, media_type) if media_type else base64_text.encode(source.data)
    if place.has_documents:
        return _document(encoded, filename)
    if not filename and not place.is_own:
        place.losses.default(place.here(".filename"), "OpenAI needs one")
        filename = "document.pdf" if source.media_type == "application/pdf" else "document"
    return {"type": "file", "file": {"file_data": encoded, "filename": filename} if filename else {"file_data": encoded}}


def _document(url: str, filename: str) -> dict[str, Any]:
    written = {"type": "document_url", "document_url": url}
    return {**written, "document_name": filename} if filename else written


def _write_file_id(part: File, source: FileSource, place: Place) -> dict[str, Any] | None:
    if source.protocol not in {"", NAME}:
        place.drop("", "a file id means nothing outside its protocol")
        return None
    if source.media_type:
        place.drop(".source.media_type", "Chat has no media type beside a file id")
    file = {"file_id": source.file_id}
    return {"type": "file", "file": {**file, "filename": part.filename} if part.filename else file}


def _write_file_url(part: File, source: UrlSource, place: Place) -> dict[str, Any] | None:
    if place.has_documents:
        return _document(source.url, part.filename)
    if place.is_openai or not place.has_own_extensions:
        place.drop("", "Chat has no files by URL")
        return None
    if source.media_type:
        place.drop(".source.media_type", "Chat has no media type beside a URL")
    return {"type": "file", "file": {"file_data": source.url, "filename": part.filename} if part.filename else {"file_data": source.url}}


def _write_file_text(part: File, source: TextSource, place: Place) -> dict[str, Any]:
    place.losses.approximate(place.here(".source"), "a document of plain text, as text")
    if part.filename:
        place.drop(".filename", "said as text")
    return {"type": "text", "text": source.text}


_FILE_WRITERS: dict[type, Callable[[Any, Any, Place], dict[str, Any] | None]] = {
    InlineSource: _write_file_bytes,
    FileSource: _write_file_id,
    UrlSource: _write_file_url,
    TextSource: _write_file_text,
}


def write_json(part: Json, place: Place) -> dict[str, Any]:
    place.losses.approximate(place.here(), "a JSON value, as its text")
    return {"type": "text", "text": json_text(part.value)}


def write_native(part: Native, place: Place) -> Any:
    if part.protocol != NAME:
        place.drop("", "a part that only its own protocol knows")
        return None
    return part.value


def _write_native(part: Native, place: Place) -> dict[str, Any] | None:
    if text := named_tool(part):
        place.losses.approximate(place.here(), AS_TEXT)
        return {"type": "text", "text": text}
    value = write_native(part, place)
    return dict(value) if type(value) is dict else None


_WRITERS: dict[type, Callable[[Any, Place], dict[str, Any] | None]] = {
    Text: write_text,
    ImageUrl: write_image,
    ImageBase64: write_image,
    Audio: _write_audio,
    File: _write_file,
    Json: write_json,
    Native: _write_native,
}


def written_content(written: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A single plain text is a string, as every host knows it."""
    if len(written) == 1:
        one = written[0]
        return (one["text"] or written) if len(one) == 2 and one.get("type") == "text" else written
    return written or ""


def joined_text(written: list[dict[str, Any]], between: str, member: str, place: Place) -> str | list[dict[str, Any]]:
    """Write plain texts as the one string that every host takes in a message of the system or of a tool."""
    if any(len(one) != 2 or one.get("type") != "text" for one in written):
        return written_content(written)
    if len(written) > 1:
        place.losses.approximate(place.around(member), "several texts, as one: not every host takes arrays here")
    return between.join([one["text"] for one in written])
