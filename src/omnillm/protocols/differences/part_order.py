"""Events of parts that grow side by side, put one part after the other.

Anthropic's blocks, OpenAI's items and Gemini's parts never interleave, and their clients rely on it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from omnillm.errors import ReplyTooLarge
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

_MOST_WAITING: Final = 16 * 1024 * 1024
"""All of it may fall due at once."""
_encode = msgspec.json.Encoder().encode


class PartOrder:
    """Holds back the events of all parts but the open one."""

    __slots__ = ("_waited_bytes", "_waiting", "open")

    def __init__(self) -> None:
        self.open: int | None = None
        """The number of the open part."""
        self._waiting: OrderedDict[int, list[Any]] = OrderedDict()
        """Events of the other parts, by part, in the order of their start."""
        self._waited_bytes = 0
        """Of all events that had to wait since none did, as JSON."""

    def feed(self, event: Any) -> Iterator[Any]:
        """Give the events whose turn it is; one of a part that was never begun, or has ended, has none."""
        if self.open is None and type(event) is not PartStarted:
            return
        if self.open is not None and event.index != self.open:
            self._hold_back(event)
            return
        yield self._passed(event)
        yield from self._due()

    def _hold_back(self, event: Any) -> None:
        self._waited_bytes = len(_encode(event)) + (self._waited_bytes if self._waiting else 0)
        if self._waited_bytes > _MOST_WAITING:
            raise ReplyTooLarge(f"In the provider's stream more than {_MOST_WAITING} bytes wait for another part to end: ask for less.")
        self._waiting.setdefault(event.index, []).append(event)

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
            for event in self._waiting.popitem(last=False)[1]:  # the first key of a plain dict is found by a search
                if event.index == self.open or type(event) is PartStarted:
                    yield self._passed(event)
