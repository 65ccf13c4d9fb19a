"""Frames of a stream that is being written, numbered without gaps; and the items of the response, finished or not."""

from typing import Any

import msgspec

from omnillm.model.message import Opaque
from omnillm.protocols.carrier import Purpose
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.openai_responses.emit.output_items import Item, carrier_item, item_id_of

encode = msgspec.json.Encoder().encode


class Wire:
    """Frames wait in it until they are taken."""

    __slots__ = ("_frames", "context", "output", "sequence")

    def __init__(self, context: ReplyContext) -> None:
        self.context = context
        self.sequence = 0
        self.output: list[Item] = []
        self._frames: list[bytes] = []

    def take(self) -> bytes:
        written = b"".join(self._frames)
        self._frames.clear()
        return written

    def write(self, kind: str, members: dict[str, Any]) -> None:
        event = {"type": kind, "sequence_number": self.sequence, **members}
        self._frames.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), encode(event)))
        self.sequence += 1

    def write_delta(self, head: bytes, delta: str, tail: bytes = b"") -> None:
        """Write a delta between its prepared pieces."""
        self._frames.append(b'%b%b%b,"sequence_number":%d}\n\n' % (head, encode(delta), tail, self.sequence))
        self.sequence += 1

    def write_raw(self, frames: bytes, count: int) -> None:
        """Take over frames that bear the next numbers already."""
        self._frames.append(frames)
        self.sequence += count

    def add_item(self, added: Item) -> int:
        """Announce an item; return its index. It is `added` until `finish_item` says what it became."""
        index = len(self.output)
        self.output.append(added)
        self.write("response.output_item.added", {"output_index": index, "item": added})
        return index

    def finish_item(self, index: int, item: Item) -> None:
        self.output[index] = item
        self.write("response.output_item.done", {"output_index": index, "item": item})

    def whole_item(self, item: Item) -> None:
        self.finish_item(self.add_item(item), item)

    def carry(self, opaque: Opaque, purpose: Purpose, target: str) -> None:
        self.whole_item(carrier_item(opaque, purpose, target, self.context, len(self.output)))

    def item_id(self, kind: str, given: str) -> str:
        return item_id_of(kind, given, self.context, len(self.output))


def head_of(kind: str, place: dict[str, Any]) -> bytes:
    """Prepare what all deltas of one part begin with."""
    opened = encode({"type": kind, **place})[:-1]
    return b'event: %b\ndata: %b,"delta":' % (kind.encode(), opened)


ADDED = "response.output_item.added"
_NUMBERED_ANEW = frozenset({"type", "sequence_number"})


class NativeItems:
    __slots__ = ("_indexes", "_open", "_wire")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._indexes: dict[int, int] = {}
        """Of items here, by those that they had there."""
        self._open: list[int] = []

    def announce(self, added: dict[str, Any]) -> None:
        ours = self._wire.add_item(added["item"])
        self._open.append(ours)
        there = added.get("output_index")
        if type(there) is int:
            self._indexes[there] = ours

    def progress(self, event: dict[str, Any]) -> None:
        members = {name: value for name, value in event.items() if name not in _NUMBERED_ANEW}
        there = event.get("output_index")
        if type(there) is int:
            members["output_index"] = self._indexes.get(there, there)
        self._wire.write(event["type"], members)

    def finish(self, item: Item) -> None:
        """Write a whole item, at the place where it was announced if it was."""
        ours = self._announced(item)
        if ours is None:
            self._wire.whole_item(item)
        else:
            self._open.remove(ours)
            self._wire.finish_item(ours, item)

    def finish_all(self) -> None:
        """Finish what the stream left open, as it was announced."""
        for ours in self._open:
            self._wire.finish_item(ours, self._wire.output[ours])

    def _announced(self, item: Item) -> int | None:
        """Look for it by its id, else (some hosts change it) take the first of its type."""
        for name in ("id", "type"):
            for ours in self._open:
                if item.get(name) is not None and self._wire.output[ours].get(name) == item[name]:
                    return ours
        return None
