"""What the events of a stream say, while it is read: in protocols whose parts have no numbers of their own."""

from omnillm.model.events import LlmStreamEvent, PartEnded, PartStarted
from omnillm.model.message import MessagePart


class PartLog:
    """Of one candidate. Whoever reads an event sets `events` to a new list first."""

    __slots__ = ("candidate", "count", "events", "kinds")

    def __init__(self, candidate: int = 0) -> None:
        self.candidate = candidate
        self.events: list[LlmStreamEvent] = []
        """Of the event that is being read."""
        self.count = 0
        """Of the parts so far, and so the number of the next one."""
        self.kinds: set[type] = set()
        """Of the parts so far."""

    def add(self, event: LlmStreamEvent) -> None:
        self.events.append(event)

    def start(self, part: MessagePart) -> int:
        """Start the next part; return its number."""
        number = self.count
        self.count += 1
        self.kinds.add(type(part))
        self.events.append(PartStarted(index=number, part=part, candidate=self.candidate))
        return number

    def end(self, number: int) -> None:
        self.events.append(PartEnded(index=number, candidate=self.candidate))

    def whole(self, part: MessagePart) -> None:
        self.end(self.start(part))


class OpenParts(PartLog):
    """Parts that grow one after the other; calls may grow beside them."""

    __slots__ = ("kind", "number")

    def __init__(self, candidate: int) -> None:
        super().__init__(candidate)
        self.kind: type | None = None
        """Of the open part that is no call, whose number is `number`."""
        self.number = 0

    def start(self, part: MessagePart) -> int:
        """Start a part; what was open before, calls apart, ends."""
        self.end_open()
        return super().start(part)

    def open(self, part: MessagePart) -> int:
        """Return the number of the open part, which is a new one where that is of another type."""
        kind = type(part)
        if self.kind is not kind:
            self.number = self.start(part)
            self.kind = kind
        return self.number

    def end_open(self) -> None:
        if self.kind is not None:
            self.end(self.number)
            self.kind = None
