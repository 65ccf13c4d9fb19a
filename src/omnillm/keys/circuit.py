"""The state machine behind every kind of health: closed -> open until a moment -> half-open with one probe at a time -> closed.

A 429 cooldown, a dead key, a denied model, a tripped breaker and a provider that is set aside are all circuits. They differ in what opens
them and for how long.
"""

import enum

from msgspec import Struct

from omnillm.keys.terms import Dice

PROBE_S = 10.0
"""How long a probe keeps other calls away. After that the next call may probe as well; the first probe may still succeed."""


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
        return whole * (1.0 - self.jitter * dice.random())


class Circuit:
    """`probes` are the grants that are trying it out; `strikes` counts how often it opened since it was last well."""

    width = 1
    """How many of them keep others away."""

    __slots__ = ("patience_s", "probe_until", "probes", "state", "strikes", "until")

    def __init__(self, patience_s: float = PROBE_S) -> None:
        self.state = CLOSED
        self.until = 0.0
        self.strikes = 0
        self.probes: tuple[object, ...] = ()
        self.probe_until = 0.0
        """Until when the newest of them keeps others away."""
        self.patience_s = patience_s

    def admits(self, now: float) -> bool:
        """Whether one more attempt may go: when closed any, when half-open `width` at a time."""
        if self.state is CLOSED:
            return True
        if self.state is OPEN and now >= self.until:
            self._move(COOLED)
        return self.state is HALF_OPEN and (len(self.probes) < self.width or now >= self.probe_until)

    def take(self, grant: object, now: float) -> bool:
        """Make `grant` a probe, if the circuit is half-open and wants one. Returns whether it is."""
        if self.state is not HALF_OPEN or not self.admits(now):
            return False
        self.probes += (grant,)
        self.probe_until = now + self.patience_s
        return True

    def delay(self, backoff: Backoff, dice: Dice) -> float:
        """How long to stay open. Failures while it is open count with the strike that opened it, so a burst is one strike."""
        return backoff.delay(self.strikes - (self.state is OPEN), dice)

    @property
    def is_in_vain(self) -> bool:
        """It was opened again right after a rest, so the rest was too short."""
        return self.strikes > (self.state is OPEN)

    def fail(self, until: float) -> None:
        """Opens, or stays open for longer; never for shorter."""
        if self.state is not OPEN:
            self.strikes += 1
            self.probes = ()
        self.until = max(self.until, until)
        self._move(FAILED)

    def passed(self, grant: object) -> None:
        """`grant` went well: closes when it was a probe."""
        if grant in self.probes:
            self.probes = ()
            self.strikes = 0
            self._move(PASSED)

    def free(self, grant: object) -> None:
        """`grant` ended without telling anything, so the next one may probe."""
        if grant in self.probes:
            if grant is self.probes[-1] and len(self.probes) > self.width:
                self.probe_until = 0.0
            self._forget(grant)

    def revive(self) -> None:
        """Well again, because an administrator or a new secret says so."""
        self._move(REVIVED)
        self.until = 0.0
        self.strikes = 0
        self.probes = ()

    def rest_s(self, now: float) -> float:
        """Seconds until it may be tried again; 0: now."""
        return max(0.0, self.until - now) if self.state is OPEN else 0.0

    def _forget(self, grant: object) -> None:
        self.probes = tuple([each for each in self.probes if each is not grant])

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]


class Ramp(Circuit):
    """Of a limit: that one call was let in says nothing of the hundred that wait. Each lets two more follow, until no more want to.

    Limits refuse at once, so a probe that has been silent for its patience was let in.
    """

    __slots__ = ("_is_full", "width")

    def __init__(self, patience_s: float) -> None:
        super().__init__(patience_s)
        self.width = 1
        self._is_full = False
        """As many came as it lets through, the last time that one did."""

    def take(self, grant: object, now: float) -> bool:
        if not super().take(grant, now):
            return False
        self._is_full = len(self.probes) >= self.width
        return True

    def is_lone(self, grant: object) -> bool:
        """It is the first since the rest, and no other may follow yet."""
        return self.probes == (grant,) and self.width == 1

    def fail(self, until: float) -> None:
        """Whatever was let in before, it begins anew."""
        super().fail(until)
        self.width = 1

    def passed(self, grant: object) -> None:
        """The probe `grant` was let in, so the rest was long enough. Closes if more might have come and did not."""
        self.strikes = 0
        if self._is_full:
            self.width += 1
            self._forget(grant)
        else:
            super().passed(grant)

    def heed_silence(self, now: float) -> None:
        """If the newest probe has been silent for long, all were let in. Else calls that take long would be refused for ever longer."""
        if self.state is not HALF_OPEN or not self.probes or now < self.probe_until:
            return
        self.strikes = 0
        if self._is_full:
            self.width = 2 * len(self.probes) + 1
            self.probe_until = now + self.patience_s
        else:
            super().passed(self.probes[-1])
