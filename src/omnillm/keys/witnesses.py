"""Whose word counts for health: what one caller alone meets, where others do well, may be of that caller's own making."""

from math import inf
from typing import Final

LATELY_S: Final = 10.0


class Witnesses:
    """Of one key, or of all keys of a provider. Successes are told now and then: that a caller does well is all that is asked."""

    __slots__ = ("_before", "_before_at", "_latest", "_latest_at", "_who_failed")

    def __init__(self) -> None:
        self._latest = self._before = ""
        """The two callers that did well last, and when."""
        self._latest_at = self._before_at = -inf
        self._who_failed: str | None = None
        """In the last failure that was told."""

    def did_well(self, caller: str, now: float) -> None:
        if caller != self._latest:
            self._before, self._before_at = self._latest, self._latest_at
            self._latest = caller
        self._latest_at = now

    def is_believed(self, caller: str, now: float) -> bool:
        """Whether a failure tells of more than its caller. Of one caller's in a row, while others do well, only the first does."""
        is_again, self._who_failed = caller == self._who_failed, caller
        others_at = self._before_at if caller == self._latest else self._latest_at
        return not is_again or now - others_at >= LATELY_S
