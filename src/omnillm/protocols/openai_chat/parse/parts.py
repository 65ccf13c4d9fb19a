"""Content parts, read."""

from collections.abc import Callable
from typing import Any

from omnillm.model.media import FileSource, InlineSource, UrlSource
from omnillm.model.message import Audio, File, ImageBase64, ImageUrl, MessagePart, Native, Reasoning, Refusal, Text
from omnillm.protocols import base64_text
from omnillm.protocols.envelope import unseal
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.openai_chat.prompt_cache import MARKS, mark_of
from omnillm.protocols.shapes import Unfit, array, each, mapping, optional_array, optional_text, rest, text

_MEDIA_OF_FORMAT = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def read_content(content: Any) -> tuple[MessagePart, ...]:
    """Read a string or a list of parts. An empty string has no parts."""
    if type(content) is str:
        return (Text(text=content),) if content else ()
    if content is None:
        return ()
    return tuple(each(array(content, "content"), "content", read_part))


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
    "refusal": lambda part: Refusal(text=text(part.get("refusal"), "refusal"), **_common(part, "refusal")),
    "thinking": _read_thinking,
}
