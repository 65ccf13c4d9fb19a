"""A budget: money settled and money held, by period. Reserved money counts against the limit at the moment of the reserve.

A ticket keeps the `Period` in which it reserved and settles there, so a call over midnight is counted once, in the older period.
"""

import enum


class Standing(enum.Enum):
    FITS = "fits"
    HELD = "held"  # settled + amount fits; only what open calls hold stands in the way
    EXCEEDED = "exceeded"


class Period:
    """One period of one budget, in nano-USD. `pair` is (budget, period id)."""

    __slots__ = ("budget", "pair", "reserved", "resets_at_wall", "settled")

    def __init__(self, budget: "Budget", period: str, settled: int = 0, resets_at_wall: float = 0.0) -> None:
        self.budget = budget
        self.pair = (budget.name, period)
        self.settled = settled
        self.reserved = 0
        self.resets_at_wall = resets_at_wall

    def has_room(self, amount: int) -> bool:
        """Whether `amount` may be reserved. Only a hard budget refuses."""
        return self.settled + self.reserved + amount <= self.budget.limit or not self.budget.is_hard

    def standing(self, amount: int) -> Standing:
        """How `amount` would stand: `has_room`, and if not, whether waiting may help."""
        if self.has_room(amount):
            return Standing.FITS
        return Standing.EXCEEDED if self.settled + amount > self.budget.limit else Standing.HELD

    def settle(self, reserved: int, cost: int) -> None:
        """Replaces `reserved` by the real `cost`, whichever is larger: the truth is recorded."""
        self.reserved -= reserved
        self.settled += cost


class Budget:
    """`limit` nano-USD a period."""

    __slots__ = ("current", "is_hard", "limit", "name")

    def __init__(self, name: str, limit: int, *, is_hard: bool) -> None:
        self.name = name
        self.limit = limit
        self.is_hard = is_hard
        self.current = Period(self, "")

    def renew(self, period: str, settled: int, resets_at_wall: float) -> None:
        """A new period, or the balance of the running one as the ledger knows it. What is reserved stays in its own period."""
        if self.current.pair[1] == period:
            self.current.settled = settled
            self.current.resets_at_wall = resets_at_wall
        else:
            self.current = Period(self, period, settled, resets_at_wall)
