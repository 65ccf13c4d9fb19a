"""Images, documents, sound and video, written as content blocks: what the Messages API cannot show is a loss."""

from collections.abc import Callable
from typing import Any

from omnillm.model.media import AS_USUAL, FileSource, InlineSource, TextSource, UrlSource
from omnillm.model.message import Audio, File, ImageBase64, ImageFile, ImageUrl, Video
from omnillm.protocols.anthropic_messages.parse.media import PLAIN
from omnillm.protocols.anthropic_messages.place import NAME, Place
from omnillm.protocols.base64_text import encode
from omnillm.protocols.differences.turns import Block

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"
_FIRST_BYTES = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"%PDF", _PDF))


def kind_of(data: bytes) -> str:
    """Tell the media type of an image or a PDF by its first bytes; "" for what the API does not take."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _FIRST_BYTES if data.startswith(start)), "")


def _inline(kind: str, data: bytes, media_type: str) -> Block:
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": encode(data)}}


def emit_image_base64(part: ImageBase64, place: Place) -> Block | None:
    _drop_image_words(part, place)
    if part.signature is not None:
        place.drop(".signature", "a signature on an image is another protocol's")
    media_type = "image/jpeg" if part.media_type == "image/jpg" else part.media_type
    if media_type not in _IMAGE_TYPES:
        found = kind_of(part.data) if not media_type else ""
        if found not in _IMAGE_TYPES:
            place.drop("", "images are JPEG, PNG, GIF or WebP")
            return None
        place.default(".media_type", "told by the first bytes")
        media_type = found
    elif media_type != part.media_type:
        place.approximate(".media_type", "its usual name")
    return _inline("image", part.data, media_type)


def emit_image_url(part: ImageUrl, place: Place) -> Block:
    _drop_image_words(part, place)
    if part.media_type:
        place.drop(".media_type", "an image at an address has no media type")
    return {"type": "image", "source": {"type": "url", "url": part.url}}


def emit_image_file(part: ImageFile, place: Place) -> Block | None:
    _drop_image_words(part, place)
    if part.protocol not in {"", NAME}:
        place.drop("", "the file is kept by another provider")
        return None
    if part.media_type:
        place.drop(".media_type", "an image in a file has no media type")
    return {"type": "image", "source": {"type": "file", "file_id": part.file_id}}


def _drop_image_words(part: ImageBase64 | ImageUrl | ImageFile, place: Place) -> None:
    if part.detail not in AS_USUAL:
        place.drop(".detail", "the Messages API has no detail")


def emit_file(part: File, place: Place) -> Block | None:
    if part.detail not in AS_USUAL:
        place.drop(".detail", "the Messages API has no detail")
    block = _SOURCES[type(part.source)](part.source, place)
    if block is None or block["type"] != "document":
        return block
    title = part.title
    if part.filename and title:
        place.drop(".filename", "a document has a title")
    elif part.filename:
        place.approximate(".filename", "said as the title")
        title = part.filename
    if title:
        block["title"] = title
    if part.context:
        block["context"] = part.context
    if part.has_citations is not None:
        block["citations"] = {"enabled": part.has_citations}
    return block


def _inline_file(source: InlineSource, place: Place) -> Block | None:
    media_type = source.media_type or kind_of(source.data)
    if not source.media_type:
        place.default(".source.media_type", "told by the first bytes")
    if media_type == _PDF:
        return _inline("document", source.data, _PDF)
    if media_type in _IMAGE_TYPES:
        place.approximate("", "said as an image")
        return _inline("image", source.data, media_type)
    try:
        words = source.data.decode() if media_type.startswith("text/") or media_type in _TEXTUAL else ""
    except UnicodeDecodeError:
        words = ""
    if not words:
        place.drop("", "documents are PDF or text")
        return None
    place.approximate(".source", "said as plain text")
    return {"type": "document", "source": {"type": "text", "media_type": PLAIN, "data": words}}


def _text_file(source: TextSource, place: Place) -> Block:
    if source.media_type != PLAIN:
        place.approximate(".source.media_type", "said as plain text")
    return {"type": "document", "source": {"type": "text", "media_type": PLAIN, "data": source.text}}


def _url_file(source: UrlSource, place: Place) -> Block:
    if source.media_type:
        place.drop(".source.media_type", "a document at an address has no media type")
    return {"type": "document", "source": {"type": "url", "url": source.url}}


def _kept_file(source: FileSource, place: Place) -> Block | None:
    if source.protocol not in {"", NAME}:
        place.drop("", "the file is kept by another provider")
        return None
    if source.media_type:
        place.drop(".source.media_type", "a document in a file has no media type")
    return {"type": "document", "source": {"type": "file", "file_id": source.file_id}}


def emit_audio(part: Audio, place: Place) -> Block | None:
    if not part.transcript:
        place.drop("", "the Messages API has no sound")
        return None
    place.approximate("", "the transcript in place of the sound")
    return {"type": "text", "text": part.transcript}


def emit_video(_: Video, place: Place) -> None:
    place.drop("", "the Messages API has no video")


_TEXTUAL = frozenset({"application/json", "application/xml", "application/x-yaml", "application/yaml"})
_SOURCES: dict[type, Callable[[Any, Place], Block | None]] = {
    InlineSource: _inline_file,
    TextSource: _text_file,
    UrlSource: _url_file,
    FileSource: _kept_file,
}
