"""Whose word counts for health: what one caller alone meets, where others do well, may be of that caller's own making."""

from typing import Final

LATELY_S: Final = 10.0
MOST: Final = 2
"""Two different callers are enough to know that one of them is another."""


class Witnesses:
    """Of one key, or of all keys of a provider. Successes are told now and then: that a caller does well is all that is asked."""

    __slots__ = ("_well", "_who_failed")

    def __init__(self) -> None:
        self._well: dict[str, float] = {}
        """When callers did well, the latest last."""
        self._who_failed: str | None = None
        """In the last failure that was told."""

    def did_well(self, caller: str, now: float) -> None:
        self._well.pop(caller, None)
        self._well[caller] = now
        if len(self._well) > MOST:
            del self._well[next(iter(self._well))]

    def is_believed(self, caller: str, now: float) -> bool:
        """Whether a failure tells of more than its caller. Of one caller's in a row, while others do well, only the first does."""
        is_again, self._who_failed = caller == self._who_failed, caller
        return not (is_again and any(who != caller and now - at < LATELY_S for who, at in self._well.items()))
