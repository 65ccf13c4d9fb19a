"""Images, documents, sound and video, written as Converse blocks: inline, or at an S3 address. Anything else is a loss."""

import re
from collections.abc import Callable
from typing import Any

from omnillm.model.media import AS_USUAL, FileSource, InlineSource, TextSource, UrlSource
from omnillm.model.message import Audio, File, ImageBase64, ImageFile, ImageUrl, Video
from omnillm.protocols.anthropic_messages.emit.media import kind_of
from omnillm.protocols.base64_text import encode
from omnillm.protocols.bedrock_converse.parse.reply import MEDIA_TYPES
from omnillm.protocols.bedrock_converse.place import Place
from omnillm.protocols.differences.turns import Block

_IMAGES = {media_type: form for form, media_type in MEDIA_TYPES.items()} | {"image/jpg": "jpeg"}
DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
VIDEOS = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
SOUNDS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "mp4",
    "audio/ogg": "ogg",
    "audio/webm": "webm",
}
_UNNAMEABLE = re.compile(r"[^a-zA-Z0-9\-()\[\] ]+")
_S3 = "s3://"
_LONGEST_NAME = 200


def emit_image_base64(part: ImageBase64, place: Place) -> Block | None:
    _drop_detail(part, place)
    if part.signature is not None:
        place.drop(".signature", "a signature on an image is another protocol's")
    media_type = part.media_type or kind_of(part.data)
    if media_type not in _IMAGES:
        place.drop("", "images are JPEG, PNG, GIF or WebP")
        return None
    if not part.media_type:
        place.default(".media_type", "told by the first bytes")
    return {"image": {"format": _IMAGES[media_type], "source": {"bytes": encode(part.data)}}}


def emit_image_url(part: ImageUrl, place: Place) -> Block | None:
    _drop_detail(part, place)
    media_type = part.media_type or _type_by_ending(part.url, _IMAGES)
    if not part.url.startswith(_S3) or media_type not in _IMAGES:
        place.drop("", "Converse fetches images from S3 alone")
        return None
    return {"image": {"format": _IMAGES[media_type], "source": _s3(part.url)}}


def emit_image_file(_: ImageFile | FileSource, place: Place) -> None:
    place.drop("", "the file is kept by another provider")


def _drop_detail(part: ImageBase64 | ImageUrl, place: Place) -> None:
    if part.detail not in AS_USUAL:
        place.drop(".detail", "Converse has no detail")


def emit_file(part: File, place: Place) -> Block | None:
    if part.detail not in AS_USUAL:
        place.drop(".detail", "Converse has no detail")
    written = _SOURCES[type(part.source)](part.source, place)
    if written is None or "image" in written:
        return written
    if part.filename and part.title:
        place.drop(".filename", "a document has one name")
    written["name"] = _document_name(part.title or part.filename, place)
    if part.context:
        written["context"] = part.context
    if part.has_citations and not place.cites:
        place.drop(".has_citations", "the model cites nothing")
    elif part.has_citations is not None and place.cites:
        written["citations"] = {"enabled": part.has_citations}
    return {"document": written}


def _document_name(asked: str, place: Place) -> str:
    """Return a name in the letters that Bedrock allows, once in a request."""
    plain = " ".join(_UNNAMEABLE.sub("-", asked).split())[:_LONGEST_NAME]
    if asked and plain != asked:
        place.approximate(".filename", "a document's name has letters, digits, blanks, hyphens and brackets")
    elif not asked:
        place.default(".filename", "Converse names every document")
    taken = place.documents
    name = first = plain or "document"
    while name in taken:
        taken[first] += 1
        name = f"{first} {taken[first]}"
    taken[name] = 1
    return name


def _inline_file(source: InlineSource, place: Place) -> Block | None:
    media_type = source.media_type or kind_of(source.data)
    if not source.media_type:
        place.default(".source.media_type", "told by the first bytes")
    if media_type in _IMAGES:
        place.approximate("", "said as an image")
        return {"image": {"format": _IMAGES[media_type], "source": {"bytes": encode(source.data)}}}
    form = DOCUMENTS.get(media_type)
    if form is None and media_type.startswith("text/"):
        place.approximate(".source.media_type", "said as plain text")
        form = "txt"
    if form is None:
        place.drop("", "Converse has no documents of this type")
        return None
    return {"format": form, "source": {"bytes": encode(source.data)}}


def _text_file(source: TextSource, place: Place) -> Block:
    form = DOCUMENTS.get(source.media_type)
    if form is None:
        place.approximate(".source.media_type", "said as plain text")
    return {"format": form or "txt", "source": {"bytes": encode(source.text.encode("utf-8", "surrogatepass"))}}


def _url_file(source: UrlSource, place: Place) -> Block | None:
    media_type = source.media_type or _type_by_ending(source.url, DOCUMENTS)
    if not source.url.startswith(_S3) or media_type not in DOCUMENTS:
        place.drop("", "Converse fetches documents from S3 alone")
        return None
    return {"format": DOCUMENTS[media_type], "source": _s3(source.url)}


def emit_audio(part: Audio, place: Place) -> Block | None:
    if isinstance(part.source, InlineSource) and not place.result:
        form = SOUNDS.get(part.source.media_type, part.format)
        if form in SOUNDS.values():
            return {"audio": {"format": form, "source": {"bytes": encode(part.source.data)}}}
    if not part.transcript:
        place.drop("", "Converse has no such sound there")
        return None
    place.approximate("", "the transcript in place of the sound")
    return {"text": part.transcript}


def emit_video(part: Video, place: Place) -> Block | None:
    if part.metadata:
        place.drop(".metadata", "Converse takes a video whole")
    source = part.source
    if isinstance(source, InlineSource) and source.media_type in VIDEOS:
        return {"video": {"format": VIDEOS[source.media_type], "source": {"bytes": encode(source.data)}}}
    if isinstance(source, UrlSource) and source.url.startswith(_S3):
        media_type = source.media_type or _type_by_ending(source.url, VIDEOS)
        if media_type in VIDEOS:
            return {"video": {"format": VIDEOS[media_type], "source": _s3(source.url)}}
    place.drop("", "Converse takes videos inline or from S3, in eight formats")
    return None


def _type_by_ending(url: str, formats: dict[str, str]) -> str:
    ending = url.rpartition(".")[2].lower()
    ending = "jpeg" if ending == "jpg" else ending
    return next((media_type for media_type, form in formats.items() if form == ending), "")


def _s3(url: str) -> dict[str, Any]:
    return {"s3Location": {"uri": url}}


_SOURCES: dict[type, Callable[[Any, Place], Block | None]] = {
    InlineSource: _inline_file,
    TextSource: _text_file,
    UrlSource: _url_file,
    FileSource: emit_image_file,
}
