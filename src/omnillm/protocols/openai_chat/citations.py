"""Citations, which Chat calls annotations of a message."""

from typing import Any

from omnillm.model.message import Citation, Text
from omnillm.protocols.openai_chat.place import NAME, Place
from omnillm.protocols.shapes import mapping, optional_integer, optional_text

_MEMBERS = {"url", "title", "start_index", "end_index"}


def read_annotation(annotation: Any, path: str) -> Citation:
    cited = mapping(annotation, path).get("url_citation")
    if type(cited) is not dict:
        return Citation(protocol=NAME, native=annotation)
    path += ".url_citation"
    is_whole = len(annotation) == 2 and cited.keys() == _MEMBERS
    return Citation(
        url=optional_text(cited, "url", path),
        title=optional_text(cited, "title", path),
        start=optional_integer(cited, "start_index", path),
        end=optional_integer(cited, "end_index", path),
        protocol="" if is_whole else NAME,
        native=None if is_whole else annotation,
    )


def write_annotations(part: Text, offset: int, place: Place) -> list[dict[str, Any]]:
    """Write the citations of a text that begins at `offset` of the whole content."""
    return [
        written
        for number, citation in enumerate(part.citations)
        if (written := write_annotation(citation, offset, len(part.text), (place, number))) is not None
    ]


def write_annotation(citation: Citation, offset: int, length: int, where: tuple[Place, int]) -> dict[str, Any] | None:
    """`length`: of the text that is cited for, where the citation names no place in it."""
    place, number = where
    native = citation.native if citation.protocol == NAME else None
    if type(native) is dict and (not place.is_reply or (not offset and _is_known(native))):
        return native
    if not citation.url:
        place.drop(f".citations[{number}]", "Chat cites URLs only")
        return None
    if citation.cited_text:
        place.drop(f".citations[{number}].cited_text", "Chat does not repeat the cited text")
    if citation.native is not None and native is None:
        place.losses.approximate(place.here(f".citations[{number}]"), "said as a url_citation")
    start, end = citation.start, citation.end
    if start is None or end is None:
        place.losses.default(place.here(f".citations[{number}].start"), "Chat needs a place: the whole text")
        start, end = 0, length
    cited = {"start_index": start + offset, "end_index": end + offset, "title": citation.title, "url": citation.url}
    return {"type": "url_citation", "url_citation": cited}


def _is_known(annotation: dict[str, Any]) -> bool:
    """Tell whether the SDK's type, which is closed, knows it."""
    cited = annotation.get("url_citation")
    if annotation.get("type") != "url_citation" or type(cited) is not dict:
        return False
    are_texts = type(cited.get("url")) is str and type(cited.get("title")) is str
    return are_texts and type(cited.get("start_index")) is int and type(cited.get("end_index")) is int
