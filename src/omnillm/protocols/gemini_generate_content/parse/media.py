"""`inlineData` and `fileData` of a part, read to images, sound, videos and documents."""

from typing import Any

from omnillm.model.media import FileSource, InlineSource, MediaSource, TextSource, UrlSource
from omnillm.model.message import Audio, File, ImageBase64, ImageFile, ImageUrl, MessagePart, Opaque, VendorExtensions, Video
from omnillm.protocols import base64_text
from omnillm.protocols.gemini_generate_content.media_types import audio_format, family, guess, is_youtube
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.shapes import Unfit, mapping, optional_mapping, optional_text, rest, text

_INLINE = frozenset({"mimeType", "data"})
_FILE = frozenset({"mimeType", "fileUri"})
_OWN_FILES = "https://generativelanguage.googleapis.com/"


def parse_inline(value: Any, part: dict[str, Any], signature: Opaque | None) -> MessagePart:
    blob = camel(mapping(value, "inlineData"))
    media_type = optional_text(blob, "mimeType", "inlineData")
    data = base64_text.decode(text(blob.get("data"), "inlineData.data"), "inlineData.data")
    return _inline(data, media_type, _Beside(part, "inlineData", rest(blob, _INLINE), signature))


def parse_file(value: Any, part: dict[str, Any], signature: Opaque | None) -> MessagePart:
    blob = camel(mapping(value, "fileData"))
    uri = text(blob.get("fileUri"), "fileData.fileUri")
    media_type = optional_text(blob, "mimeType", "fileData")
    beside = _Beside(part, "fileData", rest(blob, _FILE), signature)
    if uri.startswith("data:"):
        head, _, payload = uri[5:].partition(";base64,")
        return _inline(base64_text.decode(payload, "fileData.fileUri"), media_type or head, beside)
    is_own = uri.startswith((_OWN_FILES, "files/"))
    kind = family(media_type or guess(uri))
    if kind == "image":
        return _image(uri, media_type, beside, is_own=is_own)
    source = FileSource(file_id=uri, protocol=NAME, media_type=media_type) if is_own else UrlSource(url=uri, media_type=media_type)
    if kind == "video" or is_youtube(uri):
        return beside.video(source)
    return beside.audio(source, media_type) if kind == "audio" else beside.file(source)


def _image(uri: str, media_type: str, beside: "_Beside", *, is_own: bool) -> MessagePart:
    if is_own:
        return ImageFile(file_id=uri, protocol=NAME, media_type=media_type, vendor_extensions=beside.extensions())
    return ImageUrl(url=uri, media_type="" if media_type == guess(uri) else media_type, vendor_extensions=beside.extensions())


def _inline(data: bytes, media_type: str, beside: "_Beside") -> MessagePart:
    kind = family(media_type)
    if kind == "image":
        signature = beside.taken_signature()
        return ImageBase64(data=data, media_type=media_type, signature=signature, vendor_extensions=beside.extensions())
    if kind == "audio":
        return beside.audio(InlineSource(data=data, media_type=media_type), media_type)
    if kind == "video":
        return beside.video(InlineSource(data=data, media_type=media_type))
    if media_type == "text/plain":
        try:
            return beside.file(TextSource(text=data.decode()))
        except UnicodeDecodeError:
            pass
    return beside.file(InlineSource(data=data, media_type=media_type))


class _Beside:
    """What a part says beside the address or the bytes of its medium."""

    __slots__ = ("_known", "_more", "_part", "_signature", "_word")

    def __init__(self, part: dict[str, Any], word: str, more: VendorExtensions, signature: Opaque | None) -> None:
        self._part = part
        self._word = word
        self._more = more
        self._signature = signature
        self._known = {word}

    def taken_signature(self) -> Opaque | None:
        self._known.add("thoughtSignature")
        return self._signature

    def extensions(self) -> VendorExtensions:
        if not self._more and self._part.keys() <= self._known:
            return {}
        extensions = rest(self._part, frozenset(self._known))
        if self._more:
            extensions[self._word] = self._more
        return extensions

    def audio(self, source: MediaSource, media_type: str) -> Audio:
        signature = self.taken_signature()
        return Audio(source=source, format=audio_format(media_type), signature=signature, vendor_extensions=self.extensions())

    def video(self, source: MediaSource) -> Video:
        self._known.add("videoMetadata")
        return Video(source=source, metadata=optional_mapping(self._part, "videoMetadata") or {}, vendor_extensions=self.extensions())

    def file(self, source: MediaSource) -> File:
        filename = self._more.pop("displayName", "")
        if type(filename) is not str:
            raise Unfit(f"{self._word}.displayName", "a string")
        return File(source=source, filename=filename, vendor_extensions=self.extensions())
