"""A stream that is poured: the provider's connection calls this with each piece, and this calls the client's connection."""

from collections.abc import Callable

from omnillm.gateway.replies.answer import Answer

Outlet = Callable[[bytes], bool]
"""Where whole events go as they come; False, and nothing is written, when there is no room."""


class Pouring:
    """One pouring, from its beginning to where the relay has to look again. It never suspends."""

    # A class of Python: a struct's attributes take more than twice as long to set, and one is set for each event.
    __slots__ = ("_answer", "_outlet", "_skims", "observed_bytes")

    def __init__(self, answer: Answer, outlet: Outlet) -> None:
        self._answer = answer
        self._outlet = outlet
        self._skims = answer.skims()
        self.observed_bytes = 0
        """What has come, to be added to what the attempt has observed."""

    def forward(self, piece: bytes) -> bool:
        """Read a piece of the stream and forward its whole events; False ends the pouring: no room, the stream's end, or its failure."""
        self.observed_bytes += len(piece)
        skims = self._skims
        if skims is None or not skims(piece):
            return self._read(piece)
        if self._outlet(piece):
            return True
        self._answer.hold(piece)
        return False

    def _read(self, piece: bytes) -> bool:
        """Event by event. The last ones stay held: whoever forwards them knows whether the client was still there."""
        answer = self._answer
        answer.feed(piece)
        if not answer.is_running:
            return False
        self._skims = answer.skims()
        ready = answer.release()
        if ready and not self._outlet(ready):
            answer.hold(ready)
            return False
        return True
