"""`groundingMetadata`: sources, and which bytes of the answer each supports; citations at their texts elsewhere."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from omnillm.model.message import Citation
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.shapes_of_replies import Grounding, GroundingChunk, Segment
from omnillm.protocols.loss import Losses
from omnillm.protocols.text_offsets import Offsets

_MOST_CITED: Final = 16 * 1024 * 1024
"""Characters that the citations of one answer take, each at least `_CITATION`."""
_CITATION: Final = 128
_MOST_QUOTED: Final = 1024 * 1024
"""Characters of an answer that its supports repeat."""


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
    """Return the citations of an answer, given the text of each of its parts; what cannot be mapped is left to its own protocol.

    So is what comes behind `_MOST_CITED`: an index of two bytes repeats an address of any length. `metadata` is a `Grounding`.
    """
    grounding = msgspec.convert(metadata, Grounding)
    found: list[Cited] = []
    room = _MOST_CITED
    for cited in _cited(grounding, texts):
        room -= _CITATION + len(cited.citation.url) + len(cited.citation.title)
        if room < 0:
            break
        found.append(cited)
    return found


def _cited(grounding: Grounding, texts: Sequence[str | None]) -> Iterator[Cited]:
    chunks = grounding.grounding_chunks or []
    spoken = [number for number, text in enumerate(texts) if text is not None]
    offsets: dict[int, Offsets] = {}
    for support in grounding.grounding_supports or ():
        segment = support.segment or Segment()
        part = _part_of(segment, texts, spoken)
        if part is None:
            continue
        if part not in offsets:
            offsets[part] = Offsets(texts[part] or "")
        place = _characters(segment, offsets[part])
        if place is None:
            continue
        for number in support.grounding_chunk_indices or ():
            citation = _citation(chunks[number], *place) if 0 <= number < len(chunks) else None
            if citation is not None:
                yield Cited(part, citation)


def _part_of(segment: Segment, texts: Sequence[str | None], spoken: Sequence[int]) -> int | None:
    """Thoughts before the answer are counted by some models and not by others. `spoken`: the parts that are texts."""
    number = segment.part_index or 0
    if 0 <= number < len(texts) and texts[number] is not None:
        return number
    return spoken[0] if len(spoken) == 1 else None


def _characters(segment: Segment, offsets: Offsets) -> tuple[int | None, int | None] | None:
    """Return where the segment begins and ends in characters; None: it is not in this text."""
    end = segment.end_index
    if end is None:
        return None, None
    first, last = offsets.character(segment.start_index or 0), offsets.character(end)
    return None if first is None or last is None or first > last else (first, last)


def _citation(chunk: GroundingChunk, start: int | None, end: int | None) -> Citation | None:
    source = chunk.web or chunk.retrieved_context or chunk.maps
    if source is None:
        return None
    return Citation(url=source.uri or "", title=source.title or "", start=start, end=end, protocol=NAME)


def write_grounding(cites: Sequence[Cites], losses: Losses, number: int) -> dict[str, Any] | None:
    """Write citations of other protocols. Of texts that are quoted again and again the last ones' offsets are told alone."""
    offsets: dict[str, Offsets] = {}
    room = _MOST_QUOTED
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
        if text not in offsets:
            offsets[text] = Offsets(text)
        segment: dict[str, Any] = {"partIndex": part} if part else {}
        start, end = citation.start or 0, citation.end
        if end is not None and 0 <= start <= end <= len(text):
            segment |= {"startIndex": offset + offsets[text].byte(start), "endIndex": offset + offsets[text].byte(end)}
            room -= end - start
            if room >= 0:
                segment["text"] = text[start:end]
        supports.append({"segment": segment, "groundingChunkIndices": [seen[source]]})
    return {"groundingChunks": chunks, "groundingSupports": supports} if chunks else None
