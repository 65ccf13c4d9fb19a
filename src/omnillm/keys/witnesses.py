"""Which failures count for health. A caller that fails alone, while others succeed, may have caused its failures itself."""

from math import inf
from typing import Final

LATELY_S: Final = 10.0
NOW_S: Final = 1.0
"""Who did well within this time need not be told of again."""


class Witnesses:
    """Callers of one key, or of all keys of a provider; or models of one key.

    Not every success is told, because who does well is all that is asked.
    """

    __slots__ = ("_before", "_before_at", "_latest_at", "_who_failed", "are_two", "latest")

    def __init__(self) -> None:
        self.latest = self._before = ""
        """The two callers that did well last, and when."""
        self._latest_at = self._before_at = -inf
        self.are_two = False
        """Both did so just now: whoever fails, there is another."""
        self._who_failed: str | None = None
        """In the last failure that was told."""

    def did_well(self, caller: str, now: float) -> None:
        if caller != self.latest:
            self._before, self._before_at = self.latest, self._latest_at
            self.latest = caller
        self._latest_at = now
        self.are_two = now - self._before_at < NOW_S

    def is_believed(self, caller: str, now: float) -> bool:
        """Whether a failure counts. If one caller fails several times in a row while others do well, only the first failure counts."""
        return not (self.is_again(caller) and self.others_did_well(caller, now))

    def is_again(self, caller: str) -> bool:
        """Whether who fails is the one that failed before."""
        is_again, self._who_failed = caller == self._who_failed, caller
        return is_again

    def others_did_well(self, caller: str, now: float, within_s: float = LATELY_S) -> bool:
        """Lately, or so long ago at most."""
        return now - (self._before_at if caller == self.latest else self._latest_at) < within_s
