"""Which idempotency keys are taken. This is decided in memory, at once, so that only one of two calls with the same key goes on.

A key that memory does not know is claimed first, and the ledger is asked afterwards. A call that comes in between finds the key in flight.
"""

import enum
from collections import OrderedDict
from typing import Final

import msgspec
from msgspec.structs import replace

from omnillm.records import ClaimRow

MOST_ENDED: Final = 16_384
"""Keys whose calls have ended, about 10 MB. Of older ones the ledger knows; those in flight are as many as there are calls."""


class Decision(enum.Enum):
    GRANTED = "granted"
    UNKNOWN = "unknown"
    """Granted as far as memory goes: the ledger has to be asked, and `learn` be told."""
    IN_FLIGHT = "in_flight"
    FINISHED = "finished"
    MISMATCH = "mismatch"
    """The key was used with another body."""


class InFlight(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    fingerprint: str
    since_wall_ms: int
    is_sure: bool
    """False: the ledger has not answered yet."""


class Claims:
    def __init__(self, *, most_ended: int = MOST_ENDED) -> None:
        self._most_ended = most_ended
        self._in_flight: dict[str, InFlight] = {}
        self._ended: OrderedDict[str, ClaimRow | None] = OrderedDict()  # the oldest key of a plain dict is found by a search
        """By key, the oldest first. None: it is free, even if the ledger does not say so yet."""

    def claim(self, scope: str, fingerprint: str, wall_ms: int) -> Decision:
        """GRANTED or UNKNOWN: the key is the caller's, who ends that with `finish` or `release`."""
        other = self._in_flight.get(scope)
        if other is not None:
            is_mismatch = other.is_sure and other.fingerprint != fingerprint
            return Decision.MISMATCH if is_mismatch else Decision.IN_FLIGHT
        ended = self._ended.get(scope)
        if ended is not None and ended.expires_wall_ms > wall_ms:
            return _decision(ended, fingerprint)
        is_known = scope in self._ended
        self._ended.pop(scope, None)
        self._in_flight[scope] = InFlight(fingerprint=fingerprint, since_wall_ms=wall_ms, is_sure=is_known)
        return Decision.GRANTED if is_known else Decision.UNKNOWN

    def learn(self, scope: str, found: ClaimRow | None) -> Decision:
        """What the ledger says of a key that was UNKNOWN; None: nothing. Unless GRANTED, the claim is over."""
        claimed = self._in_flight[scope]
        if found is None:
            self._in_flight[scope] = replace(claimed, is_sure=True)
            return Decision.GRANTED
        self.finish(found)  # whatever its state: if its call were under way, it would stand here
        return _decision(found, claimed.fingerprint)

    def finish(self, row: ClaimRow) -> None:
        """The call may have been billed: until it expires the key is used up."""
        self._in_flight.pop(row.scope, None)
        self._end(row.scope, replace(row, reply=b""))

    def release(self, scope: str) -> None:
        """Nothing was billed: the key is free. One of which the ledger was not asked is unknown again."""
        if self._in_flight.pop(scope).is_sure:
            self._end(scope, None)

    def finished(self, scope: str) -> ClaimRow:
        """Of a FINISHED key, without the reply."""
        row = self._ended[scope]
        assert row is not None
        return row

    def elapsed_s(self, scope: str, wall_ms: int) -> float:
        """How long a key has been in flight."""
        return max(0, wall_ms - self._in_flight[scope].since_wall_ms) / 1000

    def _end(self, scope: str, row: ClaimRow | None) -> None:
        self._ended[scope] = row
        if len(self._ended) > self._most_ended:
            del self._ended[next(iter(self._ended))]


def _decision(ended: ClaimRow, fingerprint: str) -> Decision:
    return Decision.FINISHED if ended.fingerprint == fingerprint else Decision.MISMATCH
