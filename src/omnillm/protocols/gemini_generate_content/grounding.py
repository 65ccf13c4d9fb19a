"""`groundingMetadata`: sources, and which bytes of the answer each supports; citations at their texts elsewhere."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from omnillm.model.message import Citation
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.shapes_of_replies import Grounding, GroundingChunk, Segment
from omnillm.protocols.loss import Losses


class Cited(NamedTuple):
    part: int
    """The number of the text among the parts of the answer."""
    citation: Citation


class Cites(NamedTuple):
    """A citation of a text that was written as (a piece of) the part with this number, `offset` bytes after its beginning."""

    part: int
    text: str
    offset: int
    citation: Citation


def read_citations(metadata: Any, texts: Sequence[str | None]) -> list[Cited]:
    """Return the citations of an answer, given the text of each of its parts; what cannot be mapped is left to its own protocol."""
    try:
        grounding = msgspec.convert(metadata, Grounding)
    except UNREADABLE:
        return []
    chunks = grounding.grounding_chunks or []
    found: list[Cited] = []
    for support in grounding.grounding_supports or ():
        segment = support.segment or Segment()
        part = _part_of(segment, texts)
        if part is None:
            continue
        place = _characters(segment, texts[part] or "")
        if place is None:
            continue
        for number in support.grounding_chunk_indices or ():
            citation = _citation(chunks[number], *place) if 0 <= number < len(chunks) else None
            if citation is not None:
                found.append(Cited(part, citation))
    return found


def _part_of(segment: Segment, texts: Sequence[str | None]) -> int | None:
    """Thoughts before the answer are counted by some models and not by others."""
    number = segment.part_index or 0
    if 0 <= number < len(texts) and texts[number] is not None:
        return number
    spoken = [number for number, text in enumerate(texts) if text is not None]
    return spoken[0] if len(spoken) == 1 else None


def _characters(segment: Segment, text: str) -> tuple[int | None, int | None] | None:
    """Return where the segment begins and ends in characters; None: it is not in this text."""
    end = segment.end_index
    if end is None:
        return None, None
    start = segment.start_index or 0
    raw = text.encode()
    if not 0 <= start <= end <= len(raw):
        return None
    try:
        return len(raw[:start].decode()), len(raw[:end].decode())
    except UnicodeDecodeError:
        return None


def _citation(chunk: GroundingChunk, start: int | None, end: int | None) -> Citation | None:
    source = chunk.web or chunk.retrieved_context or chunk.maps
    if source is None:
        return None
    return Citation(url=source.uri or "", title=source.title or "", start=start, end=end, protocol=NAME)


def write_grounding(cites: Sequence[Cites], losses: Losses, number: int) -> dict[str, Any] | None:
    """Write citations of other protocols."""
    chunks: list[dict[str, Any]] = []
    supports: list[dict[str, Any]] = []
    seen: dict[tuple[str, str], int] = {}
    for part, text, offset, citation in cites:
        if not citation.url:
            losses.drop(f"candidates[{number}].message.parts.citations", "Gemini cites what has an address")
            continue
        if citation.cited_text:
            losses.drop(f"candidates[{number}].message.parts.citations.cited_text", "Gemini quotes no source")
        source = (citation.url, citation.title)
        if source not in seen:
            seen[source] = len(chunks)
            chunks.append({"web": {"uri": citation.url, "title": citation.title} if citation.title else {"uri": citation.url}})
        supports.append({"segment": _segment(part, text, offset, citation), "groundingChunkIndices": [seen[source]]})
    return {"groundingChunks": chunks, "groundingSupports": supports} if chunks else None


def _segment(part: int, text: str, offset: int, citation: Citation) -> dict[str, Any]:
    segment: dict[str, Any] = {"partIndex": part} if part else {}
    start, end = citation.start, citation.end
    if end is None or not 0 <= (start or 0) <= end <= len(text):
        return segment
    before, cited = text[: start or 0].encode(), text[start or 0 : end]
    begin = offset + len(before)
    return {**segment, "startIndex": begin, "endIndex": begin + len(cited.encode()), "text": cited}
