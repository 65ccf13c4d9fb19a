"""Keeps each budget in its current period. The controller never looks at a calendar: it is told when a period begins, and with what.

The wall clock says which period a moment belongs to. How long a bucket of a rolling budget counts is measured by the monotonic clock. So if
somebody sets the wall clock, no bucket stops counting too early, and none counts for too long.
"""

from collections import deque
from collections.abc import Callable, Iterable
from math import inf

import msgspec

from omnillm.gateway.budgets.periods import Period, bucket_at, bucket_of, period_at
from omnillm.records import Balance


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    period: str
    """day, week, month, total, or "rolling 24h"."""
    zone: str
    window_s: int = 0
    """Of a rolling budget; 0: it follows the calendar."""


class Closed(msgspec.Struct, frozen=True):
    """A bucket that still counts and is no longer reserved in."""

    id: str
    due: float
    """When it slides out, monotonic seconds."""


LONGEST_LOOK_S = 3600
"""From one look at the calendar to the next, at most: a clock may be set, and a time zone change its rules."""
WRONG_S = 3600
"""A clock that steps back by more was wrong before, and what it had begun too early is left again. By less, it brings no period back."""
Renew = Callable[[str, str, int, float], None]
"""(budget, period id, settled nano-USD, Unix seconds at which it counts no more, or 0)."""
Expire = Callable[[str, str], None]
"""(budget, id of a bucket that has slid out)."""


class BudgetCalendar:
    """Tells the controller of new periods. A bucket of a rolling budget counts for the window's length after its last moment."""

    def __init__(self, scheduled: Iterable[Scheduled], renew: Renew, expire: Expire) -> None:
        self._scheduled: dict[str, Scheduled] = {}
        self._renew = renew
        self._expire = expire
        self._kinds: dict[str, str] = {}
        self._current: dict[str, Period] = {}
        self._closed: dict[str, deque[Closed]] = {}
        """Of rolling budgets, oldest first."""
        self._settled: dict[str, dict[str, int]] = {}
        """What the ledger said at the start and nobody has asked for yet, by budget and period."""
        self._next_wall = 0.0
        """When the next period ends, as the clock stands; and when the next bucket slides out."""
        self._next_due = inf
        self._latest_wall = 0.0
        """The latest moment that the clock told, since it was last found wrong."""
        self._schedule(scheduled)

    def load(self, balances: Iterable[Balance], wall: float, now: float) -> None:
        """Begin, with what the ledger says was settled in each period. `wall`, here and below: Unix seconds; `now`: monotonic ones."""
        for balance in balances:
            self._settled.setdefault(balance.budget, {})[balance.period] = balance.settled_nanousd
        self.roll(wall, now)

    def reschedule(self, scheduled: Iterable[Scheduled], wall: float, now: float) -> None:
        """Follow a changed configuration. A budget whose period stays the same keeps its balance."""
        self._scheduled.clear()
        self._schedule(scheduled)
        self._next_wall = 0.0
        self.roll(wall, now)

    def add(self, scheduled: Scheduled, wall: float, now: float) -> None:
        """One budget more."""
        self._schedule([scheduled])
        self._follow(scheduled, wall, now)

    def remove(self, name: str) -> None:
        """It begins no new period, unless it comes back."""
        self._scheduled.pop(name, None)

    def forget(self, name: str) -> None:
        """It comes back no more."""
        for known in (self._scheduled, self._kinds, self._current, self._closed, self._settled):
            known.pop(name, None)

    def roll(self, wall: float, now: float) -> None:
        """Renew every budget whose period is over, or was begun by a clock that was wrong, and let slide out what is due."""
        was_wrong = wall < self._latest_wall - WRONG_S
        if was_wrong or wall > self._latest_wall:
            self._latest_wall = wall
        if wall < self._next_wall and now < self._next_due and not was_wrong:
            return
        self._next_wall, self._next_due = wall + LONGEST_LOOK_S, inf
        for each in self._scheduled.values():
            if was_wrong and each.name in self._current:
                self._go_back(each, self._current[each.name], wall, now)
            self._follow(each, wall, now)

    def _go_back(self, each: Scheduled, current: Period, wall: float, now: float) -> None:
        """Leave a period that is still to come; the machine has kept what was spent in the one before it."""
        soon = wall + WRONG_S
        if not each.window_s:
            period = period_at(each.period, each.zone, wall)
            if period.ends_wall and period_at(each.period, each.zone, soon).ends_wall < current.ends_wall:
                self._begin(each, period, period.ends_wall)
        elif bucket_at(each.window_s, soon).ends_wall < current.ends_wall:
            self._next_bucket(each, current, wall, now)

    def _schedule(self, scheduled: Iterable[Scheduled]) -> None:
        """A budget that comes back with another kind of period begins anew."""
        for each in scheduled:
            if self._kinds.get(each.name, each.period) != each.period:
                del self._current[each.name]
            self._kinds[each.name] = each.period
            self._scheduled[each.name] = each

    def _follow(self, each: Scheduled, wall: float, now: float) -> None:
        if each.window_s:
            self._slide(each, wall, now)
            return
        period = period_at(each.period, each.zone, wall)
        current = self._current.get(each.name)
        if current is None or (current.id != period.id and (current.ends_wall <= wall or not current.ends_wall)):
            self._begin(each, current := period, period.ends_wall)
        if current.ends_wall:
            self._next_wall = min(self._next_wall, current.ends_wall)

    def _begin(self, each: Scheduled, period: Period, resets_at_wall: float) -> None:
        self._current[each.name] = period
        self._renew(each.name, period.id, self._settled.get(each.name, {}).pop(period.id, 0), resets_at_wall)

    def _next_bucket(self, each: Scheduled, current: Period, wall: float, now: float) -> Period:
        """The bucket of this moment. One that was begun too early, by a clock that was ahead, goes on."""
        bucket = bucket_at(each.window_s, wall)
        closed = deque(one for one in self._closed[each.name] if one.id != bucket.id)
        # It slides out a window after this moment, not after its end: calls have reserved in it until now.
        closed.append(Closed(current.id, now + each.window_s))
        self._closed[each.name] = closed
        self._begin(each, bucket, bucket.ends_wall + each.window_s)
        return bucket

    def _slide(self, each: Scheduled, wall: float, now: float) -> None:
        current = self._current.get(each.name)
        if current is None:
            current = self._remember(each, wall, now)
        elif current.ends_wall <= wall:
            current = self._next_bucket(each, current, wall, now)
        closed = self._closed[each.name]
        while closed and closed[0].due <= now:
            self._expire(each.name, closed.popleft().id)
        self._next_wall = min(self._next_wall, current.ends_wall)
        if closed:
            self._next_due = min(self._next_due, closed[0].due)

    def _remember(self, each: Scheduled, wall: float, now: float) -> Period:
        """The buckets of earlier runs that still count, whatever their width; then the current one, which is never before those.

        Each counts for a width longer: nobody knows how late it was closed, nor what a call was granted after it. What lies in times to
        come counts from now: the clock was wrong when it was spent, or is wrong now.
        """
        named = map(bucket_of, self._settled.get(each.name, ()))
        counted = sorted(
            [one for one in named if one is not None and one[0].ends_wall + one[1] + each.window_s > wall],
            key=lambda one: (one[0].ends_wall, one[1]),
        )
        current = bucket_at(each.window_s, wall)
        if counted and current.ends_wall <= counted[-1][0].ends_wall <= bucket_at(each.window_s, wall + WRONG_S).ends_wall:
            current = counted.pop()[0]
        self._closed[each.name] = closed = deque[Closed]()
        for bucket, width_s in counted:
            if bucket.id == current.id:
                continue
            left_s = min(bucket.ends_wall - wall, 0.0) + width_s + each.window_s
            self._begin(each, bucket, wall + left_s)
            closed.append(Closed(bucket.id, now + left_s))
        self._begin(each, current, current.ends_wall + each.window_s)
        return current
