"""Room that is kept for calls that wait, so that smaller ones do not pass them until their time is up (decision 0027).

Room is kept for the first of each lane in fair order, where time alone will make enough room before its call is refused.
"""

from collections.abc import Mapping

from omnillm.admission.holdings import labels_of
from omnillm.keys.key import Key
from omnillm.keys.pool import Pool
from omnillm.keys.terms import Need

MOST_S = 60.0
"""What is granted from now on slides out of a window after this time. An earmark that looked further ahead would count on it."""


class Earmark:
    """Tokens that are kept for one call in the windows of one key: they count there like a grant, so that others find less room.

    What will have slid out of a window by the moment `at` is not kept: others may use it before, at no cost to the call.
    """

    __slots__ = ("_at", "_kept", "_pool", "_tokens", "_windows", "group")

    def __init__(self, pool: Pool, key: Key, need: Need, model: str, at: float, now: float) -> None:
        self.group = key.group
        self.group.is_earmarked = True
        self._pool = pool
        self._windows = key.group.class_of(model, now).windows
        self._tokens = need.tokens
        self._at = at
        self._kept: list[int] = []
        """Tokens, by window; empty while nothing is kept."""
        self.renew(now)

    def renew(self, now: float) -> None:
        """Keep what has slid out since as well: the room that others have stays the same."""
        self._give_back()
        for window in self._windows:
            kept = max(0, self._tokens - window.tokens_gone_by(self._at, now))
            window.reserve(kept)
            self._kept.append(kept)

    def lift(self) -> None:
        """Keep nothing until the next `renew`: its call is about to ask."""
        self._give_back()
        self._pool.stir(self.group)

    def _give_back(self) -> None:
        for window, kept in zip(self._windows, self._kept, strict=False):
            window.give_back(kept)
        self._kept.clear()


class Earmarks:
    """The earmarks, by case. A retry has none: which keys it may have is different for each, and changes while it waits."""

    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self._pools = pools
        self._made: dict[str, Earmark] = {}

    def keep(self, need: Need, now: float) -> None:
        """Keep room at the first target that will have it in time."""
        if need.case_id in self._made or need.retry_of:
            return
        until = min(need.queue_until, now + MOST_S)
        for provider, model in need.targets:
            pool = self._pools.get(provider)
            at, key = pool.soonest(need, model, labels_of(need.tried, provider), now) if pool is not None else (0.0, None)
            if pool is not None and key is not None and now < at <= until:
                self._made[need.case_id] = Earmark(pool, key, need, model, max(at, (now + until) / 2), now)
                return

    def renew(self, now: float) -> None:
        """What slides out of the windows is added to the room that is kept, and not to what others may have."""
        for earmark in self._made.values():
            earmark.renew(now)

    def lift(self, case_id: str) -> Earmark | None:
        """Its call is about to ask: until the earmark is renewed, nothing is kept from it. None: it has none."""
        earmark = self._made.get(case_id)
        if earmark is not None:
            earmark.lift()
        return earmark

    def drop(self, case_id: str) -> bool:
        """Its call no longer waits. False: it had none."""
        earmark = self._made.pop(case_id, None)
        if earmark is None:
            return False
        earmark.lift()
        earmark.group.is_earmarked = False
        return True

    def drop_all(self) -> None:
        """Before keys and limits change: they are made anew."""
        for case_id in tuple(self._made):
            self.drop(case_id)
