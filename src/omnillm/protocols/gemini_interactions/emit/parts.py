"""Canonical parts, written as contents of a step: text, pictures, sound, films and documents."""

from collections.abc import Callable
from typing import Any

from omnillm.model.media import AS_USUAL, FileSource, InlineSource, MediaSource, TextSource, UrlSource
from omnillm.model.message import Audio, File, ImageBase64, ImageFile, ImageUrl, Json, Native, Refusal, Text, Video
from omnillm.protocols import base64_text
from omnillm.protocols.differences.tool_references import AS_TEXT, named_tool
from omnillm.protocols.gemini_generate_content.function_results import json_text
from omnillm.protocols.gemini_generate_content.media_types import type_of_format
from omnillm.protocols.gemini_interactions.citations import write_annotations
from omnillm.protocols.gemini_interactions.place import NAME, OF_CONTENT, Place

Content = dict[str, Any]
_FOREIGN_FILE = "a file's id means something to its own provider alone"
_DEFAULTS = {"image": "image/jpeg", "audio": "audio/wav", "video": "video/mp4", "document": "application/pdf"}
_RESOLUTIONS = {"low": "low", "high": "high", "original": "ultra_high"}


def emit_content(part: Any, place: Place) -> Content | None:
    """Write a part that is content; None: it cannot be said."""
    written = CONTENTS[type(part)](part, place)
    if written is not None and (part.cache_control is not None or part.vendor_extensions):
        place.finish(written, part)
    return written


def _text(part: Text, place: Place) -> Content | None:
    if not part.text and not place.is_own and not place.is_reply:
        place.drop("", "an empty text")
        return None
    written: Content = {"type": "text", "text": part.text}
    if part.citations and not place.is_reply:
        place.drop(".citations", "Gemini reads no citations")
    elif part.citations:
        written["annotations"] = write_annotations(part.citations, part.text, place)
    return written


def _refusal(part: Refusal, place: Place) -> Content | None:
    if not part.text:
        place.drop("", "an empty refusal")
        return None
    place.approximate("", "a refusal is said as text")
    return {"type": "text", "text": part.text}


def _json(part: Json, place: Place) -> Content:
    place.approximate(".value", "JSON is said as text")
    return {"type": "text", "text": json_text(part.value)}


def _native(part: Native, place: Place) -> Content | None:
    if part.protocol == NAME and part.kind.startswith(OF_CONTENT) and type(part.value) is dict:
        return dict(part.value)
    if named := named_tool(part):
        place.approximate("", AS_TEXT)
        return {"type": "text", "text": named}
    place.drop("", "only its own protocol knows it")
    return None


def _image_file(part: ImageFile, place: Place) -> Content | None:
    written = _own_file("image", part.file_id, part.protocol, part.media_type, place)
    return None if written is None else _resolved(written, part.detail, place)


def _resolved(written: Content, detail: str, place: Place) -> Content:
    if detail in _RESOLUTIONS:
        written["resolution"] = _RESOLUTIONS[detail]
    elif detail not in AS_USUAL:
        place.drop(".detail", "Interactions has other resolutions")
    return written


def _audio(part: Audio, place: Place) -> Content | None:
    place.drop_said(part, ("transcript", "audio_id"), "Gemini has the sound alone")
    if part.source is None:
        place.drop("", "Gemini keeps no sound")
        return None
    return _medium("audio", part.source, place, type_of_format(part.format))


def _video(part: Video, place: Place) -> Content | None:
    for name in part.metadata:
        place.drop(f".metadata.{name}", "Interactions has other words for it")
    return _medium("video", part.source, place)


def _file(part: File, place: Place) -> Content | None:
    if part.detail not in AS_USUAL:
        place.drop(".detail", "Gemini has the document alone")
    place.drop_said(part, ("filename", "title", "context"), "Gemini has the document alone")
    if part.has_citations is not None:
        place.drop(".has_citations", "Gemini cannot be told to cite")
    if type(part.source) is TextSource:
        return _inline("document", part.source.text.encode(), part.source.media_type, place)
    return _medium("document", part.source, place)


def _medium(kind: str, source: MediaSource, place: Place, media_type: str = "") -> Content | None:
    """`media_type`: where the source has none."""
    if isinstance(source, InlineSource):
        return _inline(kind, source.data, source.media_type or media_type, place, ".source.media_type")
    if isinstance(source, UrlSource):
        return _address(kind, source.url, source.media_type or media_type)
    if isinstance(source, FileSource):
        return _own_file(kind, source.file_id, source.protocol, source.media_type, place)
    place.drop(".source", "a text is no such medium")
    return None


def _address(kind: str, url: str, media_type: str) -> Content:
    return {"type": kind, "uri": url, "mime_type": media_type} if media_type else {"type": kind, "uri": url}


def _own_file(kind: str, file_id: str, protocol: str, media_type: str, place: Place) -> Content | None:
    if protocol not in {"", NAME}:
        place.drop("", _FOREIGN_FILE)
        return None
    return _address(kind, file_id, media_type)


def _inline(kind: str, data: bytes, media_type: str, place: Place, member: str = ".media_type") -> Content:
    if not media_type and not place.is_own:
        place.default(member, "Gemini must be told the media type")
        media_type = _DEFAULTS[kind]
    written: Content = {"type": kind, "data": base64_text.encode(data)}
    if media_type:
        written["mime_type"] = media_type
    return written


CONTENTS: dict[type, Callable[[Any, Place], Content | None]] = {
    Text: _text,
    Refusal: _refusal,
    Json: _json,
    Native: _native,
    ImageBase64: lambda part, place: _resolved(_inline("image", part.data, part.media_type, place), part.detail, place),
    ImageUrl: lambda part, place: _resolved(_address("image", part.url, part.media_type), part.detail, place),
    ImageFile: _image_file,
    Audio: _audio,
    Video: _video,
    File: _file,
}
