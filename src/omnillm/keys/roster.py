"""Where each key of a pool stands: ready for any call, waiting to be probed by one, or resting until a moment.

A key is ready if all of its circuits are closed. A key that rests lies in a heap, ordered by the moment of its return, and then waits for
its probe.
"""

from collections.abc import Collection, Iterable
from heapq import heappop, heappush
from itertools import islice

from omnillm.keys.circuit import OPEN
from omnillm.keys.key import Key
from omnillm.keys.selection import Ready


class Roster:
    """Keys that were removed are nowhere in it."""

    __slots__ = ("_tie", "awaiting", "ready", "resting")

    def __init__(self, keys: Iterable[Key]) -> None:
        self.ready = Ready()
        self.awaiting: dict[str, Key] = {}
        """By label, in the order in which they are to be probed."""
        self.resting: list[tuple[float, int, Key]] = []
        """A heap of (moment of the return, tie, key)."""
        self._tie = 0
        """Orders keys that return at the same moment."""
        for key in keys:
            key.is_ready = False
            self.place(key)

    def place(self, key: Key) -> None:
        """Puts the key where its circuits say."""
        if key.is_closed:
            if not key.is_ready:
                key.is_ready = True
                self.ready.join(key)
                self.awaiting.pop(key.label, None)
            return
        if key.is_ready:
            key.is_ready = False
            self.ready.remove(key)
        circuits = (key.dead, key.breaker.circuit)
        moments = [circuit.until for circuit in circuits if circuit.state is OPEN]
        moments = moments or [circuit.probe_until for circuit in circuits if circuit.probes]
        if moments:
            self.awaiting.pop(key.label, None)
            self._tie += 1
            heappush(self.resting, (max(moments), self._tie, key))
        else:
            self.awaiting[key.label] = key

    def wake(self, now: float) -> None:
        """Keys that have rested enough await a probe. An entry whose key has to rest for longer has a later twin, and is dropped."""
        while self.resting and self.resting[0][0] <= now:
            key = heappop(self.resting)[2]
            if not key.is_ready and key.can_probe(now):
                self.awaiting[key.label] = key

    def probe(self, model: str, tokens: int, passed: Collection[str], now: float, *, most: int) -> Key | None:
        """A key that awaits the call, among the `most` whose turn is next. Those that do not fit go behind the others."""
        for label in tuple(islice(self.awaiting, most)):
            key = self.awaiting[label]
            if key.fits(model, tokens, passed, now):
                return key
            self.awaiting[label] = self.awaiting.pop(label)
        return None
