"""Events of parts that grow side by side, put one part after the other.

Anthropic's blocks, OpenAI's items and Gemini's parts never interleave, and their clients rely on it.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)

PART_EVENTS = frozenset(
    {PartStarted, TextDelta, ReasoningDelta, ToolCallDelta, RefusalDelta, AudioDelta, OpaqueAdded, CitationAdded, PartEnded}
)


class PartOrder:
    """Holds back the events of all parts but the open one."""

    __slots__ = ("_waiting", "open")

    def __init__(self) -> None:
        self.open: int | None = None
        """The number of the open part."""
        self._waiting: dict[int, deque[Any]] = {}
        """Events of the other parts, by part, in the order of their start."""

    def feed(self, event: Any) -> Iterator[Any]:
        """Give the events whose turn it is; one of a part that was never begun has none."""
        if self.open is None and type(event) is not PartStarted:
            return
        if self.open is not None and event.index != self.open:
            self._waiting.setdefault(event.index, deque()).append(event)
            return
        yield self._passed(event)
        yield from self._due()

    def finish(self) -> Iterator[Any]:
        """Give all that waits; a part without an end ends here."""
        while self.open is not None:
            yield self._passed(PartEnded(index=self.open))
            yield from self._due()

    def _passed(self, event: Any) -> Any:
        if type(event) is PartStarted:
            self.open = event.index
        elif type(event) is PartEnded:
            self.open = None
        return event

    def _due(self) -> Iterator[Any]:
        while self.open is None and self._waiting:
            for event in self._waiting.pop(next(iter(self._waiting))):
                yield self._passed(event)
