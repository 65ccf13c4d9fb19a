"""Images and documents of the Messages API, read. A source that has no canonical home makes its block a `Native`: None here."""

from collections.abc import Callable
from typing import Any

from omnillm.model.media import FileSource, InlineSource, MediaSource, TextSource, UrlSource
from omnillm.model.message import File, ImageBase64, ImageFile, ImageUrl
from omnillm.protocols.anthropic_messages.place import NAME
from omnillm.protocols.base64_text import decode
from omnillm.protocols.shapes import Unfit, mapping, optional_flag, optional_mapping, optional_text, text

PLAIN = "text/plain"
_ENABLED = frozenset({"enabled"})
_SOURCES = {
    "base64": frozenset({"type", "media_type", "data"}),
    "text": frozenset({"type", "media_type", "data"}),
    "url": frozenset({"type", "url"}),
    "file": frozenset({"type", "file_id"}),
}
"""Sources that are read, and what may stand in them."""


def parse_image(block: dict[str, Any]) -> ImageBase64 | ImageUrl | ImageFile | None:
    source = _source(block)
    if isinstance(source, InlineSource):
        return ImageBase64(data=source.data, media_type=source.media_type)
    if isinstance(source, UrlSource):
        return ImageUrl(url=source.url)
    return ImageFile(file_id=source.file_id, protocol=NAME) if isinstance(source, FileSource) else None


def parse_document(block: dict[str, Any]) -> File | None:
    source = _source(block)
    citations = optional_mapping(block, "citations") or {}
    if source is None or not _ENABLED.issuperset(citations):
        return None
    return File(
        source=source,
        title=optional_text(block, "title"),
        context=optional_text(block, "context"),
        has_citations=optional_flag(citations, "enabled", "citations"),
    )


def _source(block: dict[str, Any]) -> MediaSource | None:
    source = mapping(block.get("source"), "source")
    kind = text(source.get("type"), "source.type")
    known = _SOURCES.get(kind)
    return None if known is None or not source.keys() <= known else _READ[kind](source)


def _read_base64(source: dict[str, Any]) -> InlineSource:
    return InlineSource(
        data=decode(text(source.get("data"), "source.data"), "source.data"), media_type=optional_text(source, "media_type", "source")
    )


def _read_text(source: dict[str, Any]) -> TextSource:
    return TextSource(text=text(source.get("data"), "source.data"), media_type=optional_text(source, "media_type", "source") or PLAIN)


def _read_url(source: dict[str, Any]) -> MediaSource:
    url = text(source.get("url"), "source.url")
    if not url.startswith("data:"):
        return UrlSource(url=url)
    head, _, data = url[len("data:") :].partition(",")
    if not head.endswith(";base64"):
        raise Unfit("source.url", "an address or base64 data")
    return InlineSource(data=decode(data, "source.url"), media_type=head.removesuffix(";base64").partition(";")[0])


_READ: dict[str, Callable[[dict[str, Any]], MediaSource]] = {
    "base64": _read_base64,
    "text": _read_text,
    "url": _read_url,
    "file": lambda source: FileSource(file_id=text(source.get("file_id"), "source.file_id"), protocol=NAME),
}
