"""`annotations` of a text: citations at their offsets, which are counted in bytes here and in characters in the canonical model."""

from collections.abc import Sequence
from typing import Any

from omnillm.model.message import Citation
from omnillm.protocols.gemini_interactions.place import NAME, Place
from omnillm.protocols.shapes import mapping, optional_text
from omnillm.protocols.text_offsets import Offsets

_URL_MEMBERS = frozenset({"type", "url", "title", "start_index", "end_index"})


def read_annotations(annotations: list[Any], text: str) -> tuple[Citation, ...]:
    """Read the annotations of the whole text, or of what is there of it when they come."""
    if not annotations:
        return ()
    offsets = Offsets(text)
    return tuple(_citation(mapping(each, f"annotations[{number}]"), offsets) for number, each in enumerate(annotations))


def _citation(annotation: dict[str, Any], offsets: Offsets) -> Citation:
    start, end = _place(annotation.get("start_index"), annotation.get("end_index"), offsets)
    source = optional_text(annotation, "url", "annotations") or optional_text(annotation, "document_uri", "annotations")
    titles = (optional_text(annotation, name, "annotations") for name in ("title", "file_name", "name"))
    title = next(filter(None, titles), "")
    is_plain = annotation.get("type") == "url_citation" and _URL_MEMBERS.issuperset(annotation)
    is_plain = is_plain and (end is not None or "end_index" not in annotation) and (start is not None or "start_index" not in annotation)
    return Citation(url=source, title=title, start=start, end=end, protocol=NAME, native=None if is_plain else annotation)


def _place(start: Any, end: Any, offsets: Offsets) -> tuple[int | None, int | None]:
    """Return where it begins and ends in characters; None: it is not said, or not in this text."""
    if end is None:
        return _character(start, offsets), None
    begins, ends = _character(0 if start is None else start, offsets), _character(end, offsets)
    return (None, None) if begins is None or ends is None or begins > ends else (begins, ends)


def _character(index: Any, offsets: Offsets) -> int | None:
    return offsets.character(index) if type(index) is int else None


def write_annotations(citations: Sequence[Citation], text: str, place: Place) -> list[dict[str, Any]]:
    """Write the citations of `text` that Interactions can say."""
    if not citations:
        return []
    offsets = Offsets(text)
    written = [_annotation(citation, text, offsets, place) for citation in citations]
    return [annotation for annotation in written if annotation is not None]


def _annotation(citation: Citation, text: str, offsets: Offsets, place: Place) -> dict[str, Any] | None:
    if citation.protocol == NAME and type(citation.native) is dict:
        native: dict[str, Any] = citation.native
        return native
    if not citation.url:
        place.drop(".citations", "Gemini cites what has an address")
        return None
    if citation.cited_text:
        place.drop(".citations.cited_text", "Gemini quotes no source")
    if citation.native is not None:
        place.approximate(".citations", "said as the citation of an address")
    written: dict[str, Any] = {"type": "url_citation", "url": citation.url}
    if citation.title:
        written["title"] = citation.title
    return written | _written_place(citation, text, offsets, place)


def _written_place(citation: Citation, text: str, offsets: Offsets, place: Place) -> dict[str, int]:
    start, end = citation.start, citation.end
    if not 0 <= (start or 0) <= (len(text) if end is None else end) <= len(text):
        place.drop(".citations.start", "it is no place in the text")
        return {}
    if start is None and end is None:
        return {}
    written = {"start_index": offsets.byte(start or 0)}
    return written if end is None else {**written, "end_index": offsets.byte(end)}
