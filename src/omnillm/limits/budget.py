"""A budget: the money that is settled and the money that is reserved, by period. Reserved money counts at once.

A ticket keeps the `Period` in which it reserved, and settles there. So a call over midnight is counted once, in the older period.

Of calendar periods only the current one counts. The last few are kept, in case a clock was ahead. The periods of a rolling budget are
buckets; each counts until `expire` is called for it. What open calls hold counts until they settle, in whichever period they reserved it.
"""

from typing import Final

MOST_COUNTED: Final = 2**62
"""nano-USD that count together in a soft budget. The other half of an int64 is for what calls cost beyond what they reserved."""
MOST_LEFT: Final = 4
"""Periods of the calendar that are over and remembered."""


class Span:
    """nano-USD that count against the limit together: those of one calendar period, or of all buckets that have not slid out."""

    __slots__ = ("reserved", "settled")

    def __init__(self) -> None:
        self.settled = 0
        self.reserved = 0


class Period:
    """One period of one budget, in nano-USD. `pair` is (budget, period id)."""

    __slots__ = ("budget", "has_slid_out", "pair", "resets_at_wall", "settled", "span")

    def __init__(self, budget: "Budget", period: str, span: Span, settled: int = 0, resets_at_wall: float = 0.0) -> None:
        self.budget = budget
        self.pair = (budget.name, period)
        self.span = span
        self.settled = settled
        """What was settled in this very period: its part of the span."""
        self.resets_at_wall = resets_at_wall
        """Until when it counts, as far as is known now."""
        self.has_slid_out = False
        span.settled += settled

    def has_room(self, amount: int) -> bool:
        """Whether `amount` may be reserved. A soft budget refuses only what no ledger could add up."""
        span = self.span
        total = span.settled + span.reserved + amount
        return total <= self.budget.limit or (total <= MOST_COUNTED and not self.budget.is_hard)

    def is_spent(self, amount: int) -> bool:
        """Whether what is settled leaves no room for `amount`, whatever open calls give back."""
        total = self.span.settled + amount
        return total > self.budget.limit and (self.budget.is_hard or total > MOST_COUNTED)

    def reserve(self, amount: int) -> None:
        """Holds `amount`. The caller has asked `has_room`."""
        self.span.reserved += amount

    def settle(self, reserved: int, cost: int) -> None:
        """Replaces `reserved` by the real `cost`, even where that is larger."""
        span = self.span
        span.reserved -= reserved
        self.settled += cost
        if not self.has_slid_out:
            span.settled += cost

    def eases_at_wall(self, amount: int) -> float:
        """When enough of what is settled counts no more for `amount` to fit, or else when the next of it does; 0: never."""
        return self.budget.slides_at_wall(amount) if self.budget.window else self.resets_at_wall

    @property
    def latest(self) -> "Period":
        """Where more is reserved for a call that reserved here: money of a rolling budget counts from when it was granted."""
        return self.budget.current if self.budget.window else self


class Budget:
    """`limit` nano-USD a period; with `window`, which is its name for people ("rolling 24h"), in any span of that length."""

    __slots__ = ("_older", "current", "is_hard", "limit", "name", "window")

    def __init__(self, name: str, limit: int, *, is_hard: bool, window: str = "") -> None:
        self.name = name
        self.limit = limit
        self.is_hard = is_hard
        self.window = window
        self.current = Period(self, "", Span())
        self._older: dict[str, Period] = {}
        """By id, oldest first: the buckets that still count beside the current one, or the periods that were left last."""

    def renew(self, period: str, settled: int, resets_at_wall: float) -> None:
        """A new period, or the balance of the running one as the ledger knows it. What is reserved stays in its own period.

        Of a rolling budget: a new bucket. Those before it count on. One that was there before is as it was left, whatever `settled` says.
        """
        before = self.current
        if before.pair[1] == period:
            before.span.settled += settled - before.settled
            before.settled = settled
            before.resets_at_wall = resets_at_wall
            return
        if before.pair[1]:
            self._older[before.pair[1]] = before
        found = self._older.pop(period, None)
        if found is not None:
            found.resets_at_wall = resets_at_wall
        self.current = found or Period(self, period, before.span if self.window else Span(), settled, resets_at_wall)
        if not self.window and len(self._older) > MOST_LEFT:
            del self._older[next(iter(self._older))]

    def expire(self, period: str) -> None:
        """A bucket has slid out. What calls that reserved there still hold counts until they settle."""
        bucket = self._older.pop(period)
        bucket.has_slid_out = True
        bucket.span.settled -= bucket.settled

    def adjust(self, period: str, amount: int) -> None:
        """More, or (negative) less, was spent in a period than was settled there; nothing happens for a period not known any more."""
        found = self.current if self.current.pair[1] == period else self._older.get(period)
        if found is not None:
            found.settle(0, amount)

    def slides_at_wall(self, amount: int) -> float:
        """`Period.eases_at_wall` of a rolling budget."""
        excess, first = self.current.span.settled + amount - self.limit, 0.0
        for bucket in (*self._older.values(), self.current):
            if bucket.settled:
                first = first or bucket.resets_at_wall
                excess -= bucket.settled
                if excess <= 0:
                    return bucket.resets_at_wall
        return first
