"""Parts of content, written: what users, systems and tools say, and what the assistant said."""

from collections.abc import Callable
from typing import Any

import msgspec

from omnillm.model.media import FileSource, InlineSource, UrlSource
from omnillm.model.message import (
    Audio,
    CacheControl,
    Citation,
    File,
    ImageBase64,
    ImageFile,
    ImageUrl,
    Json,
    MessagePart,
    Native,
    Refusal,
    Text,
)
from omnillm.protocols.base64_text import data_url, encode
from omnillm.protocols.differences.tool_references import AS_TEXT, named_tool
from omnillm.protocols.openai_chat.citations import cited_place
from omnillm.protocols.openai_chat.prompt_cache import BREAKPOINT, written_breakpoint
from omnillm.protocols.openai_responses.parse.parts import ITEM
from omnillm.protocols.openai_responses.place import NAME, Place

Part = dict[str, Any]
NO_MEMBER = "Responses has no such member here"
_DOCUMENT = "document"
_IMAGE_TYPE = "image/png"


def write_input(part: MessagePart, place: Place) -> Part | None:
    """Write a part of a user's or a system's message, or of a tool's output. None: it cannot be said there, which is noted."""
    write = _WRITERS.get(type(part))
    if write is None:
        place.drop("", f"a {part.__struct_config__.tag} part has no place there")
        return None
    out = write(part, place)
    if out is None or type(part) is Native:
        return out
    if part.cache_control is not None:
        _mark(out, part.cache_control, place)
    if part.vendor_extensions:
        place.add_extensions(out, part.vendor_extensions, place.here("."), NO_MEMBER)
    return out


def plain(content: list[Part], *, is_message: bool = False) -> Any:
    """Write one plain text as a string; of a result, an empty string would be no text at all."""
    if len(content) == 1 and len(content[0]) == 2 and content[0]["type"] == "input_text" and (is_message or content[0]["text"]):
        return content[0]["text"]
    return content


def _mark(out: Part, mark: CacheControl, place: Place) -> None:
    if not place.takes_marks:
        place.drop(".cache_control", "the prompt cache is disabled")
        return
    out[BREAKPOINT] = written_breakpoint(mark, place)


def _write_text(part: Text, place: Place) -> Part:
    if part.citations:
        place.drop(".citations", "only an answer has citations in Responses")
    drop_signature(part, place)
    return {"type": "input_text", "text": part.text}


def drop_signature(part: Any, place: Place) -> None:
    if part.signature is not None:
        place.drop(".signature", "of another protocol")


def _with_detail(out: Part, detail: str) -> Part:
    if detail:
        out["detail"] = detail
    return out


def _picture(member: str, where: str, detail: str, place: Place) -> Part:
    """Write a picture. Responses takes one without a detail as "auto"; hosts that check a body by OpenAI's types refuse it."""
    return _with_detail({"type": "input_image", member: where}, detail or ("" if place.is_own else "auto"))


def _write_image_url(part: ImageUrl, place: Place) -> Part:
    if part.media_type:
        place.drop(".media_type", "Responses has none beside a URL")
    return _picture("image_url", part.url, part.detail, place)


def _write_image(part: ImageBase64, place: Place) -> Part:
    drop_signature(part, place)
    media_type = part.media_type
    if not media_type and not place.is_own:
        place.losses.default(place.here(".media_type"), "a data: URL needs one")
        media_type = _IMAGE_TYPE
    return _picture("image_url", data_url(part.data, media_type), part.detail, place)


def _write_image_file(part: ImageFile, place: Place) -> Part | None:
    if part.protocol not in {"", NAME}:
        place.drop("", "the file is another provider's")
        return None
    if part.media_type:
        place.drop(".media_type", "Responses has none beside a file's id")
    return _picture("file_id", part.file_id, part.detail, place)


def _write_file(part: File, place: Place) -> Part | None:
    out: Part = {"type": "input_file"}
    source = part.source
    if isinstance(source, FileSource):
        if source.protocol not in {"", NAME}:
            place.drop("", "the file is another provider's")
            return None
        out["file_id"] = source.file_id
    elif isinstance(source, UrlSource):
        out["file_url"] = source.url
    elif isinstance(source, InlineSource):
        out["file_data"] = data_url(source.data, source.media_type) if source.media_type else encode(source.data)
    else:
        out["file_data"] = data_url(source.text.encode(), source.media_type)
        place.approximate(".source", "a text, as a file")
    if part.filename:
        out["filename"] = part.filename
    elif "file_data" in out and not place.is_own:
        out["filename"] = part.title or _DOCUMENT
        place.losses.default(place.here(".filename"), "Responses needs one")
    _drop_from_file(part, place)
    return _with_detail(out, part.detail)


def _drop_from_file(part: File, place: Place) -> None:
    for name in ("title", "context"):
        if getattr(part, name):
            place.drop(f".{name}", f"Responses has no {name} of a file")
    if part.has_citations is not None:
        place.drop(".has_citations", "Responses cannot be told to cite a file")
    if isinstance(part.source, UrlSource | FileSource) and part.source.media_type:
        place.drop(".source.media_type", "Responses has none beside a URL or an id")


def _write_audio(part: Audio, place: Place) -> Part | None:
    """Sound is a type of content, but no model of this protocol takes it: it returns only where it came from."""
    if not place.is_own or not isinstance(part.source, InlineSource):
        place.drop("", "Responses takes no sound")
        return None
    return {"type": "input_audio", "input_audio": {"data": encode(part.source.data), "format": part.format}}


def _write_json(part: Json, place: Place) -> Part:
    place.approximate("", "a JSON value, as text")
    return {"type": "input_text", "text": msgspec.json.encode(part.value).decode()}


def write_native(part: Native, place: Place) -> Part | None:
    if part.protocol == NAME and type(part.value) is dict:
        return part.value
    if text := named_tool(part):
        place.approximate("", AS_TEXT)
        return {"type": "input_text", "text": text}
    place.drop("", "only its own protocol knows it")
    return None


_WRITERS: dict[type, Callable[[Any, Place], Part | None]] = {
    Text: _write_text,
    ImageUrl: _write_image_url,
    ImageBase64: _write_image,
    ImageFile: _write_image_file,
    File: _write_file,
    Audio: _write_audio,
    Json: _write_json,
    Native: write_native,
}


def write_output_text(part: Text, place: Place) -> Part:
    """Write a text of the assistant, without the members of its item."""
    out: Part = {"type": "output_text", "text": part.text, "annotations": []}
    if part.citations:
        out["annotations"] = write_annotations(part, place)
    _close_output(out, part, place)
    return out


def write_refusal(part: Refusal, place: Place) -> Part:
    out: Part = {"type": "refusal", "refusal": part.text}
    _close_output(out, part, place)
    return out


def _close_output(out: Part, part: Text | Refusal, place: Place) -> None:
    if part.cache_control is not None:
        place.drop(".cache_control", "only what is said to the model bears a mark")
    if part.vendor_extensions:
        more = {name: value for name, value in part.vendor_extensions.items() if name != ITEM or type(value) is not dict}
        place.add_extensions(out, more, place.here("."), NO_MEMBER)


def item_members_of(part: MessagePart) -> Part:
    """Return what the first part of a message says of the item that it stood in."""
    more = part.vendor_extensions.get(ITEM)
    return more if type(more) is dict else {}


def write_annotations(part: Text, place: Place) -> list[Part]:
    written = [write_annotation(citation, len(part.text), number, place) for number, citation in enumerate(part.citations)]
    return [annotation for annotation in written if annotation is not None]


def write_annotation(citation: Citation, length: int, number: int, place: Place) -> Part | None:
    """`length`: of the text that is cited for, where the citation names no place in it."""
    if citation.protocol == NAME and type(citation.native) is dict:
        return citation.native
    cited = cited_place(citation, number, length, place, "Responses")
    if cited is None:
        return None
    return {"type": "url_citation", "url": citation.url, "title": citation.title, "start_index": cited[0], "end_index": cited[1]}
