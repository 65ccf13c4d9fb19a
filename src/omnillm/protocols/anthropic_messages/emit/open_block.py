"""A content block of a stream that is open: how its start, its deltas and its end are written, whatever its kind."""

from typing import Any

import msgspec

from omnillm.model.events import CitationAdded, OpaqueAdded, PartEnded
from omnillm.model.message import Citation, Opaque
from omnillm.protocols.anthropic_messages.place import Place
from omnillm.protocols.differences.turns import Block

_encode = msgspec.json.Encoder().encode
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%s}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%s'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'


class OpenBlock:
    """One part on its way. `number` is the index of the next block on the wire."""

    delta_head = b""
    """How the delta of this block's words begins."""

    def __init__(self, part: Any, number: int, place: Place) -> None:
        self.index = place.part
        self.part = part
        self.next_number = number
        self.place = place
        self.is_open = False
        self._delta = b""

    def begin(self) -> bytes:
        """Say what the part holds at its start."""
        return b""

    def feed(self, event: Any) -> bytes:
        kind = type(event)
        if kind is PartEnded:
            return self.end()
        if kind is OpaqueAdded:
            return self.sign(event.opaque)
        if kind is CitationAdded:
            return self.cite(event.citation)
        return self.say(event)

    def say(self, event: Any) -> bytes:  # noqa: ARG002 - most kinds of parts have no deltas
        return b""

    def cite(self, citation: Citation) -> bytes:  # noqa: ARG002 - only a text cites
        return b""

    def sign(self, opaque: Opaque) -> bytes:  # noqa: ARG002 - only where there is a place for it
        self.place.drop(".signature", "no block can carry it")
        return b""

    def end(self) -> bytes:
        return self.close() if self.is_open else b""

    def open(self, block: Block) -> bytes:
        self.is_open = True
        number = self.next_number
        self._delta = _DELTA % (number, self.delta_head)
        return _START % (number, _encode(block))

    def words(self, text: str) -> bytes:
        return self._delta + _encode(text) + b"}}\n\n"

    def delta(self, delta: dict[str, Any]) -> bytes:
        return (_DELTA + b"}\n\n") % (self.next_number, _encode(delta))

    def close(self) -> bytes:
        self.is_open = False
        number = self.next_number
        self.next_number += 1
        return _STOP % number

    def written(self) -> bytes:
        """Write a part that its start holds whole."""
        return self.begin() + self.end()

    def whole(self, block: Block) -> bytes:
        """Write a block that has no deltas."""
        return self.open(block) + self.close()
