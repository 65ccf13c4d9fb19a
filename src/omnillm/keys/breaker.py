"""A key's breaker opens after several failures in a row, or if too many calls of a window fail. 429s and callers' faults do not count."""

from math import inf

from omnillm.keys.circuit import CLOSED, HALF_OPEN, Backoff, Circuit
from omnillm.keys.terms import BreakerConfigured, Dice
from omnillm.limits.window import Window

JITTER = 0.25


class Breaker:
    """Counts while closed; while half-open only the probe decides. Its rests double until a probe goes well."""

    __slots__ = ("_backoff", "circuit", "consecutive", "sure_until", "terms", "window")

    def __init__(self, terms: BreakerConfigured) -> None:
        self.circuit = Circuit()
        self.consecutive = 0
        self.configure(terms)

    def configure(self, terms: BreakerConfigured) -> None:
        """New terms; the counts of the window start anew."""
        self.terms = terms
        self._backoff = Backoff(first_s=terms.open_s, most_s=terms.max_open_s, jitter=JITTER)
        self._clear()

    def succeeded(self, grant: object, now: float) -> None:
        circuit = self.circuit
        if circuit.state is not CLOSED:
            circuit.passed(grant)
            if circuit.state is not CLOSED:
                return
            self._clear()
        self.consecutive = 0
        self.window.charge(0, now)

    def failed(self, grant: object, now: float, dice: Dice, rest: Backoff | None = None) -> None:
        """`rest`: for how long it opens, where that is not the configured time."""
        self.sure_until = 0.0
        circuit = self.circuit
        if circuit.state is CLOSED:
            self.consecutive += 1
            self.window.charge(1, now)
            if self._is_tripped:
                self._open(now, dice, rest)
        elif circuit.state is HALF_OPEN and grant in circuit.probes:
            self.consecutive += 1
            self._open(now, dice, rest)

    def revive(self) -> None:
        self.circuit.revive()
        self.consecutive = 0
        self._clear()

    def is_failing(self, now: float) -> bool:
        """Its last call failed, and it has not been resting for longer than its window."""
        if now >= self.window.ends:
            self.window.advance(now)
        return self.consecutive > 0 and self.window.tokens > 0

    @property
    def _is_tripped(self) -> bool:
        terms = self.terms
        if self.consecutive >= terms.failures:
            return True
        window = self.window
        return window.requests >= terms.window_min and window.tokens >= terms.window_ratio * window.requests

    def _open(self, now: float, dice: Dice, rest: Backoff | None) -> None:
        self.circuit.fail(now + self.circuit.delay(rest or self._backoff, dice))

    def _clear(self) -> None:
        self.window = Window(inf, inf, buckets=int(self.terms.window_s) + 1)
        """Of calls, in which a failure weighs one token."""
        self.sure_until = 0.0
        """Until then a success that is no probe's changes nothing but a count: whoever knows that counts it in the window by itself."""
