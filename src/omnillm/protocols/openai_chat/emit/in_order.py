"""Events of a candidate, put in an order in which a client that joins what it gets under a member reads them right."""

from typing import Any

from omnillm.model.events import PartEnded, PartStarted
from omnillm.model.message import ToolCall


class InOrder:
    """Calls may grow side by side: their index tells them apart. Of the other parts one grows at a time; events about others wait."""

    __slots__ = ("_waiting", "growing")

    def __init__(self) -> None:
        self.growing: int | None = None
        """The part, no call, that is open."""
        self._waiting: list[Any] = []

    def let(self, event: Any) -> list[Any]:
        """Return the events that may be written now."""
        if self.growing is None:
            if type(event) is PartStarted and type(event.part) is not ToolCall:
                self.growing = event.index
            return [event]
        if event.index != self.growing:
            self._waiting.append(event)
            return []
        if type(event) is not PartEnded:
            return [event]
        self.growing = None
        return [event, *self._resumed()]

    def rest(self) -> list[Any]:
        """Return what still waits, whether or not its turn has come."""
        released: list[Any] = []
        while self._waiting:
            self.growing = None
            released += self._resumed()
        return released

    def _resumed(self) -> list[Any]:
        waiting, self._waiting = self._waiting, []
        return [let for event in waiting for let in self.let(event)]
