"""The parts of a streamed answer that are being written: the order of their events, and what of each waits for more of its own."""

from typing import Any

from omnillm.model.events import PartEnded, PartStarted
from omnillm.model.message import Opaque, ToolCall
from omnillm.protocols import base64_text


class OpenPart:
    __slots__ = ("_pieces", "_sound", "call", "citations", "length", "member", "offset", "opaque", "part", "summary_index")

    def __init__(self, part: Any, offset: int) -> None:
        self.part = part
        self.offset = offset
        """Where a text begins in the whole content, in characters."""
        self.length = 0
        self.citations = 0
        """Of the text so far."""
        self.call = 0
        """A call's index."""
        self.member = "function"
        self.summary_index: int | None = None
        self.opaque: Opaque | None = None
        self._pieces: list[str] = []
        """Of reasoning."""
        self._sound = b""
        """Bytes that make no whole base64 yet: clients join the pieces before they decode them."""

    def think(self, said: str) -> None:
        self._pieces.append(said)

    @property
    def thought(self) -> str:
        """All of its reasoning up to now."""
        return "".join(self._pieces)

    def sound(self, data: bytes) -> str:
        """What of it can be said in whole base64 now; the rest waits."""
        data = self._sound + data
        whole = len(data) // 3 * 3
        self._sound = data[whole:]
        return base64_text.encode(data[:whole]) if whole else ""

    def last_sound(self) -> str:
        """The rest, padded."""
        return base64_text.encode(self._sound) if self._sound else ""


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
