"""A clock that stands still until a test moves it."""


class ManualClock:
    """Satisfies `omnillm.clock.Clock`."""

    __slots__ = ("_now", "_wall")

    def __init__(self, now: float = 1000.0, wall: float = 1_760_000_000.0) -> None:
        self._now = now
        self._wall = wall

    def now(self) -> float:
        """Monotonic seconds."""
        return self._now

    def wall(self) -> float:
        """Unix seconds."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Lets time pass: both readings move. Seconds are never negative."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        self._now += seconds
        self._wall += seconds

    def step_wall(self, seconds: float) -> None:
        """Sets the wall clock forward or back, as NTP does; the monotonic reading does not notice."""
        self._wall += seconds
