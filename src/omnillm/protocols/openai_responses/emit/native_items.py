"""Native items of a stream that is being written: announced as they came, followed by their progress, finished when they are whole."""

from typing import Any

from omnillm.protocols.openai_responses.emit.frames import Wire
from omnillm.protocols.openai_responses.emit.output_items import Item

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
