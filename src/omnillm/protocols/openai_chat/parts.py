"""Content parts, read and written."""

from collections.abc import Callable
from typing import Any

import msgspec

from omnillm.model.media import FileSource, InlineSource, TextSource, UrlSource
from omnillm.model.message import (
    Audio,
    File,
    ImageBase64,
    ImageUrl,
    Json,
    MessagePart,
    Native,
    Reasoning,
    Refusal,
    Text,
)
from omnillm.protocols.envelope import unseal
from omnillm.protocols.openai_chat import base64_text
from omnillm.protocols.openai_chat.place import NAME, Place, inside
from omnillm.protocols.openai_chat.prompt_cache import MARKS, mark_of, write_mark
from omnillm.protocols.shapes import Unfit, array, mapping, optional_array, optional_text, rest, text

_encode_json = msgspec.json.Encoder().encode
_MEDIA_OF_FORMAT = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_FORMAT_OF_MEDIA = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_OPENAI_FORMATS = frozenset({"wav", "mp3"})


def json_text(value: Any) -> str:
    return _encode_json(value).decode()


def read_content(content: Any) -> tuple[MessagePart, ...]:
    """Read a string or a list of parts. An empty string has no parts."""
    if type(content) is str:
        return (Text(text=content),) if content else ()
    if content is None:
        return ()
    parts: list[MessagePart] = []
    for number, part in enumerate(array(content, "content")):
        try:
            parts.append(read_part(part))
        except Unfit as error:
            raise inside(error, f"content[{number}]") from error
    return tuple(parts)


def read_part(part: Any) -> MessagePart:
    kind = text(mapping(part, "").get("type"), "type")
    read = _READERS.get(kind)
    return Native(protocol=NAME, kind=kind, value=part) if read is None else read(part)


def _common(part: dict[str, Any], own: str, inner: dict[str, Any] | None = None) -> dict[str, Any]:
    """The fields of any part: its mark, and members that no field takes."""
    if len(part) == 2 and not inner:
        return {}
    extensions = {name: value for name, value in part.items() if name not in {"type", own} and name not in MARKS and value is not None}
    if inner:
        extensions[own] = inner
    return {"cache_control": mark_of(part), "vendor_extensions": extensions}


def _read_text(part: dict[str, Any]) -> Text:
    said = text(part.get("text"), "text")
    return Text(text=said) if len(part) == 2 else Text(text=said, **_common(part, "text"))


def _read_image(part: dict[str, Any]) -> ImageUrl | ImageBase64:
    image = part.get("image_url")
    if type(image) is str:  # Mistral's own clients
        image = {"url": image}
    image = mapping(image, "image_url")
    url = text(image.get("url"), "image_url.url")
    detail = optional_text(image, "detail", "image_url")
    common = _common(part, "image_url", rest(image, _IMAGE_MEMBERS) if len(image) > 1 else None)
    if url.startswith("data:"):
        data, media_type = base64_text.read_data_url(url, "image_url.url")
        return ImageBase64(data=data, media_type=media_type, detail=detail, **common)
    return ImageUrl(url=url, detail=detail, **common)


def _read_audio(part: dict[str, Any]) -> Audio:
    audio = mapping(part.get("input_audio"), "input_audio")
    data = base64_text.decode(text(audio.get("data"), "input_audio.data"), "input_audio.data")
    common = _common(part, "input_audio", rest(audio, _AUDIO_MEMBERS))
    form = optional_text(audio, "format", "input_audio")
    return Audio(source=InlineSource(data=data, media_type=media_type_of(form)), format=form, **common)


def media_type_of(form: str) -> str:
    """Return the media type of one of OpenAI's audio formats."""
    return _MEDIA_OF_FORMAT.get(form) or (f"audio/{form}" if form else "")


def _read_file(part: dict[str, Any]) -> File:
    file = mapping(part.get("file"), "file")
    filename = optional_text(file, "filename", "file")
    common = _common(part, "file", rest(file, _FILE_MEMBERS))
    encoded = optional_text(file, "file_data", "file")
    if not encoded:
        return File(source=FileSource(file_id=text(file.get("file_id"), "file.file_id"), protocol=NAME), filename=filename, **common)
    if file.get("file_id"):
        raise Unfit("file", "an object with file_data or file_id, not both")
    if encoded.startswith("data:"):
        data, media_type = base64_text.read_data_url(encoded, "file.file_data")
    elif encoded.startswith(("https://", "http://")):  # OpenRouter
        return File(source=UrlSource(url=encoded), filename=filename, **common)
    else:
        data, media_type = base64_text.decode(encoded, "file.file_data"), ""
    return File(source=InlineSource(data=data, media_type=media_type), filename=filename, **common)


def _read_refusal(part: dict[str, Any]) -> Refusal:
    return Refusal(text=text(part.get("refusal"), "refusal"), **_common(part, "refusal"))


def _read_thinking(part: dict[str, Any]) -> Reasoning:
    """Mistral's reasoning, a list of text parts; others write it as Anthropic does."""
    thinking = part.get("thinking")
    if type(thinking) is not str:
        pieces = optional_array(part, "thinking")
        thinking = "".join([text(mapping(piece, f"thinking[{n}]").get("text"), f"thinking[{n}].text") for n, piece in enumerate(pieces)])
    signature = optional_text(part, "signature")
    return Reasoning(text=thinking, opaque=unseal(signature, NAME) if signature else None)


_IMAGE_MEMBERS = frozenset({"url", "detail"})
_AUDIO_MEMBERS = frozenset({"data", "format"})
_FILE_MEMBERS = frozenset({"file_data", "file_id", "filename"})
_READERS: dict[str, Callable[[dict[str, Any]], MessagePart]] = {
    "text": _read_text,
    "image_url": _read_image,
    "input_audio": _read_audio,
    "file": _read_file,
    "refusal": _read_refusal,
    "thinking": _read_thinking,
}


def write_part(part: Any, place: Place) -> dict[str, Any] | None:
    """Write a part of a user's message; None, with a loss told, where Chat has none."""
    write = _WRITERS.get(type(part))
    if write is None:
        place.drop("", f"a Chat message has no place for a part of type {part.__struct_config__.tag}")
        return None
    written: dict[str, Any] | None = write(part, place)
    return written if written is None else with_common(written, part, place)


def with_common(written: dict[str, Any], part: Any, place: Place) -> dict[str, Any]:
    """Add what any part may have: the mark, and members of this protocol that have no field."""
    if part.cache_control is not None:
        write_mark(written, part.cache_control, place)
    if part.vendor_extensions:
        add_extensions(written, part, place)
    return written


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
    if part.signature is not None:
        place.drop(".signature", "Chat has no place for a signature of text")
    if part.item_id:
        place.drop_item_id()
    return {"type": "text", "text": part.text}


def _write_plain_text(part: Text, place: Place) -> dict[str, Any]:
    if part.citations:
        place.drop(".citations", "only an answer has citations")
    return write_text(part, place)


def write_image(part: ImageUrl | ImageBase64, place: Place) -> dict[str, Any]:
    if type(part) is ImageBase64:
        if part.signature is not None:
            place.drop(".signature", "Chat has no place for a signature of an image")
        url = base64_text.data_url(part.data, part.media_type)
    else:
        url = part.url  # type: ignore[union-attr]
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
    for name in ("title", "context", "detail"):
        if getattr(part, name):
            place.drop(f".{name}", "Chat has no such member of a file")
    if part.has_citations is not None:
        place.drop(".has_citations", "Chat has no such member of a file")
    write = _FILE_WRITERS[type(part.source)]
    return write(part, part.source, place)


def _write_file_bytes(part: File, source: InlineSource, place: Place) -> dict[str, Any]:
    encoded = base64_text.data_url(source.data, source.media_type) if source.media_type else base64_text.encode(source.data)
    filename = part.filename
    if not filename and not place.is_native:
        place.losses.default(place.here(".filename"), "OpenAI needs one")
        filename = "document.pdf" if source.media_type == "application/pdf" else "document"
    return {"type": "file", "file": {"file_data": encoded, "filename": filename} if filename else {"file_data": encoded}}


def _write_file_id(part: File, source: FileSource, place: Place) -> dict[str, Any] | None:
    if source.protocol not in {"", NAME}:
        place.drop("", "a file id means nothing outside its protocol")
        return None
    if source.media_type:
        place.drop(".source.media_type", "Chat has no media type beside a file id")
    file = {"file_id": source.file_id}
    return {"type": "file", "file": {**file, "filename": part.filename} if part.filename else file}


def _write_file_url(part: File, source: UrlSource, place: Place) -> dict[str, Any] | None:
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
    value = write_native(part, place)
    return dict(value) if type(value) is dict else None


_WRITERS: dict[type, Callable[[Any, Place], dict[str, Any] | None]] = {
    Text: _write_plain_text,
    ImageUrl: write_image,
    ImageBase64: write_image,
    Audio: _write_audio,
    File: _write_file,
    Json: write_json,
    Native: _write_native,
}


def written_content(written: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A single plain text is a string, as every host knows it."""
    if len(written) == 1 and len(written[0]) == 2 and written[0].get("type") == "text" and written[0].get("text"):
        plain: str = written[0]["text"]
        return plain
    return written or ""
