"""Contents of a step, read to canonical parts: text, pictures, sound, films and documents.

Paths of `Unfit` are relative to the content; who walks the contents puts their place before them.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from omnillm.model.media import FileSource, InlineSource, MediaSource, TextSource, UrlSource
from omnillm.model.message import Audio, File, ImageBase64, ImageFile, ImageUrl, MessagePart, Native, Text, VendorExtensions, Video
from omnillm.protocols import base64_text
from omnillm.protocols.gemini_generate_content.media_types import audio_format
from omnillm.protocols.gemini_interactions.citations import read_annotations
from omnillm.protocols.gemini_interactions.place import NAME, OF_CONTENT
from omnillm.protocols.shapes import Unfit, array, each, mapping, optional_array, optional_text, rest, text

_TEXT = frozenset({"type", "text", "annotations"})
_MEDIUM = frozenset({"type", "data", "uri", "mime_type"})
_INLINE = _MEDIUM - {"uri"}
_DETAILS = {"low": "low", "high": "high", "ultra_high": "original"}
_OWN_FILES = ("https://generativelanguage.googleapis.com/", "files/")


def read_contents(value: Any, place: str) -> list[MessagePart]:
    """Read an array of contents, or the only one."""
    if value is None:
        return []
    return each([value] if type(value) is dict else array(value, place), place, read_content)


def read_content(content: Any) -> MessagePart:
    kind = text(mapping(content, "").get("type"), "type")
    read = _READERS.get(kind)
    return Native(protocol=NAME, kind=OF_CONTENT + kind, value=content) if read is None else read(content)


def _text(content: dict[str, Any]) -> MessagePart:
    words = text(content.get("text"), "text")
    if len(content) == 2:
        return Text(text=words)
    citations = read_annotations(optional_array(content, "annotations"), words)
    return Text(text=words, citations=citations, vendor_extensions=rest(content, _TEXT))


def _source(content: dict[str, Any]) -> MediaSource:
    media_type, uri = optional_text(content, "mime_type"), optional_text(content, "uri")
    if content.get("data") is not None:
        return InlineSource(data=base64_text.decode(text(content["data"], "data"), "data"), media_type=media_type)
    if uri.startswith("data:"):
        data, written = base64_text.read_data_url(uri, "uri")
        return InlineSource(data=data, media_type=media_type or written)
    if not uri:
        raise Unfit("data", "given")
    if uri.startswith(_OWN_FILES):
        return FileSource(file_id=uri, protocol=NAME, media_type=media_type)
    return UrlSource(url=uri, media_type=media_type)


def _image(content: dict[str, Any]) -> MessagePart:
    source, extensions = _source(content), _beside(content)
    resolution = optional_text(content, "resolution")
    extensions.pop("resolution", None)
    detail = _DETAILS.get(resolution, "")
    if resolution and not detail:
        extensions["resolution"] = resolution
    if isinstance(source, InlineSource):
        return ImageBase64(data=source.data, media_type=source.media_type, detail=detail, vendor_extensions=extensions)
    if isinstance(source, FileSource):
        file_id, media_type = source.file_id, source.media_type
        return ImageFile(file_id=file_id, protocol=NAME, media_type=media_type, detail=detail, vendor_extensions=extensions)
    assert isinstance(source, UrlSource)
    return ImageUrl(url=source.url, media_type=source.media_type, detail=detail, vendor_extensions=extensions)


def _audio(content: dict[str, Any]) -> MessagePart:
    source, media_type = _source(content), optional_text(content, "mime_type")
    return Audio(source=source, format=audio_format(media_type), vendor_extensions=_beside(content))


def _document(content: dict[str, Any]) -> MessagePart:
    source = _source(content)
    if isinstance(source, InlineSource) and source.media_type == "text/plain":
        with suppress(UnicodeDecodeError):
            source = TextSource(text=source.data.decode())
    return File(source=source, vendor_extensions=_beside(content))


def _beside(content: dict[str, Any]) -> VendorExtensions:
    """An address beside the bytes is one more member: the bytes are what is shown."""
    return rest(content, _MEDIUM if content.get("data") is None else _INLINE)


_READERS: dict[str, Callable[[dict[str, Any]], MessagePart]] = {
    "text": _text,
    "image": _image,
    "audio": _audio,
    "video": lambda content: Video(source=_source(content), vendor_extensions=_beside(content)),
    "document": _document,
}
