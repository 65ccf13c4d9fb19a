"""One machine for every scope of health: closed -> open until a moment -> half-open with one probe -> closed.

A 429 cooldown, a dead key, a denied model, a tripped breaker and a provider that is set aside differ only in what fails them and how long.
"""

import enum

from msgspec import Struct

from omnillm.keys.demand import Dice


class State(enum.Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(enum.Enum):
    FAILED = "failed"
    COOLED = "cooled"
    PASSED = "passed"
    REVIVED = "revived"


CLOSED, OPEN, HALF_OPEN = State.CLOSED, State.OPEN, State.HALF_OPEN
FAILED, COOLED, PASSED, REVIVED = Event.FAILED, Event.COOLED, Event.PASSED, Event.REVIVED

TRANSITIONS: dict[tuple[State, Event], State] = {
    (CLOSED, FAILED): OPEN,
    (CLOSED, PASSED): CLOSED,
    (CLOSED, REVIVED): CLOSED,
    (OPEN, FAILED): OPEN,
    (OPEN, COOLED): HALF_OPEN,
    (OPEN, PASSED): OPEN,  # an attempt from before says nothing about now
    (OPEN, REVIVED): CLOSED,
    (HALF_OPEN, FAILED): OPEN,
    (HALF_OPEN, PASSED): CLOSED,
    (HALF_OPEN, REVIVED): CLOSED,
}


class Backoff(Struct, frozen=True, kw_only=True):
    """`first_s` x 2^strikes, at most `most_s`, less up to `jitter` of it, so that what broke together does not return together."""

    first_s: float
    most_s: float
    jitter: float = 0.0

    def delay(self, strikes: int, dice: Dice) -> float:
        whole: float = min(self.most_s, self.first_s * 2.0 ** min(strikes, 40))
        return whole * (1.0 - self.jitter * dice.random()) if self.jitter else whole


class Circuit:
    """`probe` is the grant that is trying it out; `strikes` counts how often it opened since it was last well."""

    __slots__ = ("probe", "state", "strikes", "until")

    def __init__(self) -> None:
        self.state = CLOSED
        self.until = 0.0
        self.strikes = 0
        self.probe: object | None = None

    def admits(self, now: float) -> bool:
        """Whether one more attempt may go: when closed any, when half-open one at a time."""
        if self.state is CLOSED:
            return True
        if self.state is OPEN and now >= self.until:
            self._move(COOLED)
        return self.state is HALF_OPEN and self.probe is None

    def delay(self, backoff: Backoff, dice: Dice) -> float:
        """How long to open for. What fails while it is open belongs to the strike that opened it: a burst is one strike."""
        return backoff.delay(self.strikes - (self.state is OPEN), dice)

    @property
    def is_in_vain(self) -> bool:
        """Its rest was over, and whoever tried it then has found that it had been too short."""
        return self.strikes > (self.state is OPEN)

    def fail(self, until: float) -> None:
        """Opens, or stays open for longer; never for shorter."""
        if self.state is not OPEN:
            self.strikes += 1
            self.probe = None
        self.until = max(self.until, until)
        self._move(FAILED)

    def passed(self, grant: object) -> None:
        """`grant` went well: closes when it was the probe."""
        if self.probe is grant:
            self.probe = None
            self._move(PASSED)
            if self.state is CLOSED:
                self.until = 0.0

    def free(self, grant: object) -> None:
        """`grant` ended without an answer to the question: the next one may probe."""
        if self.probe is grant:
            self.probe = None

    def revive(self) -> None:
        """Well again, because an administrator or a new secret says so."""
        self._move(REVIVED)
        self.until = 0.0
        self.strikes = 0
        self.probe = None

    def rest_s(self, now: float) -> float:
        """Seconds until it may be tried again; 0: now."""
        return max(0.0, self.until - now) if self.state is OPEN else 0.0

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]
