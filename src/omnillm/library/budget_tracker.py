"""A budget for a program's own spending, with the rules of the gateway's budgets."""

from decimal import Decimal
from typing import Final

from omnillm.errors import ConfigError
from omnillm.library.prices import Usd, read_usd, usd
from omnillm.limits.budget import Budget

NAME: Final = "tracker"


class BudgetTracker:
    """Hold the worst cost before something is bought, and replace it by the real cost afterwards.

    What is granted never exceeds the limit. For one event loop or thread. Amounts are decimal USD (Decimal, str or int), counted in
    integer nano-USD. ValueError: an amount is not such a number, or is below zero. A wrong limit is a ConfigError.
    """

    def __init__(self, limit_usd: Usd) -> None:
        self._budget = Budget(NAME, read_usd(limit_usd, "limit_usd"), is_hard=True)

    def __repr__(self) -> str:
        return f"BudgetTracker(limit_usd={self.limit_usd}, used_usd={self.used_usd}, held_usd={self.held_usd})"

    def try_reserve(self, amount_usd: Usd) -> bool:
        """Hold so much if it fits beside what is used and held; False: it does not, and nothing has changed."""
        amount, period = _nanousd(amount_usd, "amount_usd"), self._budget.current
        has_room = period.has_room(amount)
        if has_room:
            period.reserve(amount)
        return has_room

    def settle(self, reserved_usd: Usd, cost_usd: Usd) -> None:
        """Replace what was reserved by what it has cost, once; 0 gives it back. ValueError: so much is not reserved."""
        reserved, cost, period = _nanousd(reserved_usd, "reserved_usd"), _nanousd(cost_usd, "cost_usd"), self._budget.current
        if reserved > period.span.reserved:
            raise ValueError(f"reserved_usd: only {self.held_usd} USD are reserved")
        period.settle(reserved, cost)

    @property
    def limit_usd(self) -> Decimal:
        """What may be spent in all."""
        return usd(self._budget.limit)

    @property
    def used_usd(self) -> Decimal:
        """Settled so far."""
        return usd(self._budget.current.span.settled)

    @property
    def held_usd(self) -> Decimal:
        """Reserved, and not settled yet."""
        return usd(self._budget.current.span.reserved)

    @property
    def remaining_usd(self) -> Decimal:
        """Neither used nor held; below zero where something has cost more than was reserved for it."""
        return self.limit_usd - self.used_usd - self.held_usd


def _nanousd(amount: Usd, name: str) -> int:
    try:
        return read_usd(amount, name)
    except ConfigError as error:
        raise ValueError(str(error)) from error
