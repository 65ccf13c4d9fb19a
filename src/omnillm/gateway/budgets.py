"""Keeps each budget in its current period: the machine is told what a new period begins with, it never looks at a calendar."""

from collections.abc import Callable, Iterable

import msgspec

from omnillm.gateway.periods import Period, period_at
from omnillm.records import Balance


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    period: str
    """day, week, month or total."""
    zone: str


Renew = Callable[[str, str, int, float], None]
"""(budget, period id, settled nano-USD, Unix seconds of its end or 0)."""


class BudgetCalendar:
    def __init__(self, scheduled: Iterable[Scheduled], renew: Renew) -> None:
        self._scheduled = {each.name: each for each in scheduled}
        self._renew = renew
        self._current: dict[str, Period] = {}
        self._settled: dict[tuple[str, str], int] = {}
        self._next_wall = 0.0

    def load(self, balances: Iterable[Balance], wall: float) -> None:
        """Begin, with what the ledger says was settled in each period."""
        self._settled = {(balance.budget, balance.period): balance.settled_nanousd for balance in balances}
        self.roll(wall)

    def reschedule(self, scheduled: Iterable[Scheduled], wall: float) -> None:
        """Follow a changed configuration. A budget whose period stays the same keeps its balance."""
        self._scheduled = {each.name: each for each in scheduled}
        self._next_wall = 0.0
        self.roll(wall)

    def add(self, scheduled: Scheduled, wall: float) -> None:
        """One budget more."""
        self._scheduled[scheduled.name] = scheduled
        self._follow(scheduled, wall)

    def remove(self, name: str) -> None:
        """It begins no new period."""
        self._scheduled.pop(name, None)

    def roll(self, wall: float) -> None:
        """Renew every budget whose period is over. A clock that steps back never brings a period back."""
        if wall < self._next_wall:
            return
        self._next_wall = wall + 3600
        for each in self._scheduled.values():
            self._follow(each, wall)

    def _follow(self, each: Scheduled, wall: float) -> None:
        period = period_at(each.period, each.zone, wall)
        current = self._current.get(each.name)
        if current is None or (current.id != period.id and (current.ends_wall <= wall or not current.ends_wall)):
            self._current[each.name] = current = period
            self._renew(each.name, period.id, self._settled.pop((each.name, period.id), 0), period.ends_wall)
        if current.ends_wall:
            self._next_wall = min(self._next_wall, current.ends_wall)
