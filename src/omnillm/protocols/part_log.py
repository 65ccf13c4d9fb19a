"""What the events of a stream say, while it is read: in protocols whose parts have no numbers of their own."""

from omnillm.model.events import LlmStreamEvent, PartEnded, PartStarted
from omnillm.model.message import MessagePart


class PartLog:
    """Whoever reads an event sets `events` to a new list first."""

    __slots__ = ("_parts", "events", "kinds")

    def __init__(self) -> None:
        self.events: list[LlmStreamEvent] = []
        """Of the event that is being read."""
        self.kinds: set[type] = set()
        """Of all parts so far."""
        self._parts = 0

    def add(self, event: LlmStreamEvent) -> None:
        self.events.append(event)

    def start(self, part: MessagePart) -> int:
        """Start the next part; return its number."""
        index = self._parts
        self._parts += 1
        self.kinds.add(type(part))
        self.events.append(PartStarted(index=index, part=part))
        return index

    def end(self, index: int) -> None:
        self.events.append(PartEnded(index=index))

    def whole(self, part: MessagePart) -> None:
        self.end(self.start(part))
