"""Whether a reply or a chunk of a stream says something."""

import msgspec

from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.gemini_generate_content.wire import ContentChunk

_PARTS: msgspec.json.Decoder[ContentChunk | list[ContentChunk]] = msgspec.json.Decoder(ContentChunk | list[ContentChunk])
_SILENT = frozenset({"text", "thought", "thoughtSignature", "partMetadata"})
"""A part with other members than these is content by itself; one with these alone if it has some text."""


def has_content(data: bytes) -> bool:
    """Tell whether a chunk says something: text, thoughts included, a function call, a picture; not a signature alone."""
    try:
        decoded = _PARTS.decode(data)
    except UNREADABLE:
        return True  # parts of an unknown shape are shown to the client, not hidden behind a retry
    for chunk in decoded if isinstance(decoded, list) else (decoded,):
        for candidate in chunk.candidates or ():
            parts = candidate.content.parts if candidate.content is not None else None
            if any(_says_something(part) for part in parts or ()):
                return True
    return False


def _says_something(part: dict[str, msgspec.Raw]) -> bool:
    text = part.get("text")
    return (text is not None and bytes(text) not in {b'""', b"null"}) or not _SILENT.issuperset(part)
