"""Images, sound, videos and documents, written as `inlineData` or `fileData`."""

from typing import Any

from omnillm.model.media import AS_USUAL, FileSource, InlineSource, MediaSource, TextSource, UrlSource
from omnillm.model.message import Audio, File, ImageBase64, ImageFile, ImageUrl, Video
from omnillm.protocols import base64_text
from omnillm.protocols.gemini_generate_content.media_types import family, guess, is_youtube, type_of_format
from omnillm.protocols.gemini_generate_content.place import NAME, Place
from omnillm.protocols.gemini_generate_content.shapes_of_replies import VideoMetadata, fitted

_FOREIGN_FILE = "a file's id means something to its own provider alone"
_DEFAULTS = {"image": "image/jpeg", "audio": "audio/wav", "video": "video/mp4", "application": "application/pdf"}


def emit_image_base64(part: ImageBase64, place: Place) -> dict[str, Any]:
    _drop_detail(part.detail, place)
    return _inline(part.data, part.media_type, "image", ".media_type", place)


def emit_image_url(part: ImageUrl, place: Place) -> dict[str, Any]:
    _drop_detail(part.detail, place)
    media_type = part.media_type or guess(part.url)
    if family(media_type) != "image":
        media_type = _default("image", ".media_type", place)
    return {"fileData": {"mimeType": media_type, "fileUri": part.url}}


def emit_image_file(part: ImageFile, place: Place) -> dict[str, Any] | None:
    _drop_detail(part.detail, place)
    return _own_file(part.file_id, part.protocol, part.media_type, place)


def emit_audio(part: Audio, place: Place) -> dict[str, Any] | None:
    place.drop_said(part, ("transcript", "audio_id"), "Gemini has the sound alone")
    if part.source is None:
        place.drop("", "Gemini keeps no sound")
        return None
    return _medium(part.source, "audio", place, type_of_format(part.format))


def emit_video(part: Video, place: Place) -> dict[str, Any] | None:
    written = _medium(part.source, "video", place)
    if written is not None and part.metadata:
        metadata = fitted(part.metadata, VideoMetadata) if place.is_reply else part.metadata
        if metadata is None:
            place.drop(".metadata", "not of the shape that it must have")
        else:
            written["videoMetadata"] = metadata
    return written


def emit_file(part: File, place: Place) -> dict[str, Any] | None:
    if part.detail not in AS_USUAL:
        place.drop(".detail", "Gemini has the document alone")
    place.drop_said(part, ("title", "context"), "Gemini has the document alone")
    if part.has_citations is not None:
        place.drop(".has_citations", "Gemini cannot be told to cite")
    source = part.source
    if type(source) is TextSource:
        written: dict[str, Any] | None = _inline(source.text.encode(), source.media_type, "text", ".source.media_type", place)
    else:
        written = _medium(source, "application", place)
    if written is not None and part.filename:
        if place.is_own:
            written[next(iter(written))]["displayName"] = part.filename
        else:
            place.drop(".filename", "the Gemini API refuses names of files")
    return written


def _medium(source: MediaSource, kind: str, place: Place, media_type: str = "") -> dict[str, Any] | None:
    """`media_type`: where the source has none."""
    if isinstance(source, InlineSource):
        return _inline(source.data, source.media_type or media_type, kind, ".source.media_type", place)
    if isinstance(source, UrlSource):
        return {"fileData": _address(source, kind, place, media_type)}
    if isinstance(source, FileSource):
        return _own_file(source.file_id, source.protocol, source.media_type, place)
    place.drop(".source", "a text is no such medium")
    return None


def _address(source: UrlSource, kind: str, place: Place, media_type: str) -> dict[str, Any]:
    if not source.media_type and (place.is_own or is_youtube(source.url)):
        return {"fileUri": source.url}
    media_type = source.media_type or media_type
    if not media_type:
        guessed = guess(source.url)
        place.default(".source.media_type", "Gemini must be told the media type")
        media_type = guessed if family(guessed) == kind or (kind == "application" and guessed) else _DEFAULTS[kind]
    return {"mimeType": media_type, "fileUri": source.url}


def _own_file(file_id: str, protocol: str, media_type: str, place: Place) -> dict[str, Any] | None:
    if protocol not in {"", NAME}:
        place.drop("", _FOREIGN_FILE)
        return None
    return {"fileData": {"mimeType": media_type, "fileUri": file_id} if media_type else {"fileUri": file_id}}


def _inline(data: bytes, media_type: str, kind: str, member: str, place: Place) -> dict[str, Any]:
    if not place.is_own:
        media_type = _known(media_type, member, place) if media_type else _default(kind, member, place)
    return {"inlineData": {"mimeType": media_type, "data": base64_text.encode(data)}}


def _known(media_type: str, member: str, place: Place) -> str:
    if media_type == "image/jpg":
        place.approximate(member, "its usual name")
        return "image/jpeg"
    return media_type


def _default(kind: str, member: str, place: Place) -> str:
    place.default(member, "Gemini must be told the media type")
    return _DEFAULTS[kind]


def _drop_detail(detail: str, place: Place) -> None:
    if detail not in AS_USUAL:
        place.drop(".detail", "Gemini has no detail of an image")
