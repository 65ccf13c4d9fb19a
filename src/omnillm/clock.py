"""The one source of time. `SystemClock` stands in `assemble/system.py`, `ManualClock` in `testing`."""

from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Monotonic seconds: for durations, windows, deadlines. Its zero means nothing."""
        ...

    def wall(self) -> float:
        """Unix seconds: for what people and other machines read. It may step."""
        ...
