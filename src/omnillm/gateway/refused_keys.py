"""Provider keys that only a person can repair: the provider refuses them, or their account has no money left. They are logged."""

import logging
from collections.abc import Iterable
from typing import Final

from omnillm.clock import Clock
from omnillm.outcome import Verdict
from omnillm.records import AttemptRow

QUIET_S: Final = 60.0
"""After that such a key is tried again, at the earliest. Until then calls that had left before tell nothing new."""
_TROUBLE: Final = {Verdict.KEY_DEAD.value: "is refused by its provider", Verdict.QUOTA_EXHAUSTED.value: "has no credit or quota left"}
_log = logging.getLogger("omnillm.keys")


class RefusedKeys:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_at: dict[tuple[str, str, str], float] = {}

    def observe(self, attempts: Iterable[AttemptRow]) -> None:
        """Look at all attempts of a call. Credentials that could not even be had are told where they are fetched."""
        for attempt in attempts:
            trouble = _TROUBLE.get(attempt.verdict)
            if trouble is not None and attempt.status:
                self._tell(attempt, trouble)

    def _tell(self, attempt: AttemptRow, trouble: str) -> None:
        now, told = self._clock.now(), (attempt.provider, attempt.key, trouble)
        if now < self._told_at.get(told, now - QUIET_S) + QUIET_S:
            return
        self._told_at[told] = now
        _log.warning("key %s/%s %s (%d %s): it rests, and is tried again by itself", *told, attempt.status, attempt.error)
