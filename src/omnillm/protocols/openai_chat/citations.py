"""Citations, which OpenAI calls annotations: in Chat of a message, in Responses of a text."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.message import Citation, Text
from omnillm.protocols.openai_chat.place import NAME, Place
from omnillm.protocols.position import Position
from omnillm.protocols.shapes import mapping, optional_integer, optional_text

_MEMBERS = {"url", "title", "start_index", "end_index"}


def read_annotation(annotation: Any, path: str) -> Citation:
    cited = mapping(annotation, path).get("url_citation")
    if type(cited) is not dict:
        return Citation(protocol=NAME, native=annotation)
    is_whole = len(annotation) == 2 and cited.keys() == _MEMBERS
    return read_citation(cited, f"{path}.url_citation", NAME, None if is_whole else annotation)


def read_citation(cited: dict[str, Any], path: str, protocol: str, native: Any) -> Citation:
    """`native`: the whole as it came; None: the members say it all."""
    return Citation(
        url=optional_text(cited, "url", path),
        title=optional_text(cited, "title", path),
        start=optional_integer(cited, "start_index", path),
        end=optional_integer(cited, "end_index", path),
        protocol="" if native is None else protocol,
        native=native,
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
    if native is not None:
        citation = replace(citation, native=None)  # what it says beside its fields is Chat's own, and no loss to tell
    cited = cited_place(citation, number, length, place, "Chat")
    if cited is None:
        return None
    start, end = cited
    written = {"start_index": start + offset, "end_index": end + offset, "title": citation.title, "url": citation.url}
    return {"type": "url_citation", "url_citation": written}


def cited_place(citation: Citation, number: int, length: int, place: Position[Any], host: str) -> tuple[int, int] | None:
    """Return which piece is cited of a text of this length; None: no URL is cited. `host`: what people call the protocol."""
    member = f".citations[{number}]"
    if not citation.url:
        place.drop(member, f"{host} cites URLs only")
        return None
    if citation.cited_text:
        place.drop(f"{member}.cited_text", f"{host} does not repeat the cited text")
    if citation.native is not None:
        place.approximate(member, "said as a url_citation")
    if citation.start is None or citation.end is None:
        place.default(f"{member}.start", f"{host} needs a place: the whole text")
        return 0, length
    return citation.start, citation.end


def _is_known(annotation: dict[str, Any]) -> bool:
    """Tell whether the SDK's type, which is closed, knows it."""
    cited = annotation.get("url_citation")
    if annotation.get("type") != "url_citation" or type(cited) is not dict:
        return False
    are_texts = type(cited.get("url")) is str and type(cited.get("title")) is str
    return are_texts and type(cited.get("start_index")) is int and type(cited.get("end_index")) is int
