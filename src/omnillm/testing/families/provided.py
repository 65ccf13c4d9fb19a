"""What one request of a family gets: a value that the families' modules give the judge."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from omnillm.testing.replies.speaker import Piece
from omnillm.testing.request import Request
from omnillm.usage import NO_USAGE, Usage


class Provided(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    body: bytes = b""
    pieces: tuple[bytes, ...] = ()
    """Of a stream, or of a binary reply that comes in pieces; the last one ends it."""
    content_type: str = "application/json"
    fields: Mapping[str, str] = {}
    """Further header fields."""
    usage: Usage = NO_USAGE
    """The truth, which is billed."""
    unit: str = ""
    """What an image is priced by, beside being one: "hd/1024x1792"."""

    @property
    def is_stream(self) -> bool:
        return bool(self.pieces)

    def delivered(self) -> list[Piece]:
        if not self.pieces:
            return [Piece(self.body, 0, "terminal")]
        *content, last = self.pieces
        return [*(Piece(raw) for raw in content), Piece(last, 0, "terminal")]


Family = Callable[[Request], Provided]
"""Raises Malformed."""


def in_json(model: str, reply: Any, usage: Usage = NO_USAGE) -> Provided:
    return Provided(model=model, body=msgspec.json.encode(reply), usage=usage)
