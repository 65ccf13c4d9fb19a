"""Budgets that have spent a share of their limit. The log tells it once a period, and each reply to a caller that draws on them.

What a rolling budget has spent can also fall. A threshold is told again only after the spending has fallen below 90 % of it; otherwise
spending that stays near the threshold would be told again and again.
"""

from collections.abc import Iterable, Mapping

import msgspec

from omnillm.admission.asks import BudgetSnapshot

DEFAULT_PERMILLE = (800, 1000)
REARM_PERCENT = 90


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A budget has passed one of its thresholds."""

    budget: BudgetSnapshot
    permille: int
    """The highest threshold passed."""


class BudgetAlerts:
    """Looks at the budgets now and then; `reached` is what a reply can be told at once."""

    def __init__(self) -> None:
        self.reached: dict[str, int] = {}
        """Budget -> the highest threshold that it has passed, in thousandths of its limit."""
        self._thresholds: dict[str, tuple[int, ...]] = {}
        self._periods: dict[str, str] = {}
        self._told: dict[str, int] = {}

    def configure(self, thresholds: Mapping[str, tuple[int, ...]]) -> None:
        """Follow a changed configuration: these are the budgets, each with its thresholds."""
        for name in self._thresholds.keys() - thresholds.keys():
            self.remove(name)
        self._thresholds.update(thresholds)

    def add(self, name: str, thresholds: tuple[int, ...]) -> None:
        """One budget more, or other thresholds for one."""
        self._thresholds[name] = thresholds

    def remove(self, name: str) -> None:
        """It is told of no more."""
        for known in (self._thresholds, self._periods, self._told, self.reached):
            known.pop(name, None)

    def update(self, budgets: Iterable[BudgetSnapshot]) -> list[Alert]:
        """Return what is new since the last look."""
        alerts = []
        for budget in budgets:
            if self._periods.get(budget.name) != budget.period:
                self._periods[budget.name] = budget.period
                self._told.pop(budget.name, None)
            passed = self._passed(budget, 100)
            if passed:
                self.reached[budget.name] = passed
            else:
                self.reached.pop(budget.name, None)
            told = min(self._told.get(budget.name, 0), self._passed(budget, REARM_PERCENT))
            if passed > told:
                alerts.append(Alert(budget=budget, permille=passed))
            self._told[budget.name] = max(told, passed)
        return alerts

    def _passed(self, budget: BudgetSnapshot, percent: int) -> int:
        """The highest threshold of which `percent` per cent are spent."""
        thresholds = self._thresholds.get(budget.name, DEFAULT_PERMILLE)
        spent = budget.settled_nanousd * 100_000
        return max((permille for permille in thresholds if spent >= budget.limit_nanousd * permille * percent), default=0)

    def header(self, budgets: tuple[str, ...]) -> str:
        """Name the budgets of a caller that have passed a threshold, "everything=80%, team=100%"; "" for none."""
        reached = self.reached
        return ", ".join(f"{name}={reached[name] / 10:g}%" for name in budgets if name in reached) if reached else ""
