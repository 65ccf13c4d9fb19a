"""The open file of one call: what it was admitted with, and the leases that it holds now."""

from omnillm.admission.asks import Ask, Ticket
from omnillm.admission.callers import Caller
from omnillm.keys.grant import Grant
from omnillm.limits.budget import Budget, Period


class Case:
    """Opened by `admit` (with a ticket) or by a bare `lease`; forgotten once it is settled and its last lease released."""

    __slots__ = (
        "admitted_at",
        "budgets",
        "caller",
        "caller_name",
        "case_id",
        "failed_over",
        "grants",
        "is_settled",
        "periods",
        "reserved",
        "ticket",
        "tokens",
    )

    def __init__(self, case_id: str) -> None:
        self.case_id = case_id
        self.grants: list[Grant] = []
        self.failed_over: tuple[tuple[str, str], ...] = ()
        """(provider, label) of the keys that this call left for good."""
        self.caller: Caller | None = None
        self.caller_name = ""
        self.is_settled = True
        self.ticket: Ticket | None = None
        self.budgets: tuple[Budget, ...] = ()
        self.periods: tuple[Period, ...] = ()
        self.reserved = 0
        self.tokens = 0
        self.admitted_at = 0.0

    def open(self, ask: Ask, caller: Caller | None, budgets: tuple[Budget, ...], now: float) -> Ticket:
        """Holds what the ask asks for: its money in the current period of every budget, and its grants of the caller's limits."""
        amount = ask.amount_nanousd
        self.caller = caller
        self.caller_name = ask.caller
        self.is_settled = False
        self.budgets = budgets
        self.periods = tuple([budget.current for budget in budgets])
        self.reserved = amount
        self.tokens = ask.tokens
        self.admitted_at = now
        for period in self.periods:
            period.reserved += amount
        pairs = tuple([period.pair for period in self.periods])
        self.ticket = Ticket(case_id=self.case_id, periods=pairs) if caller is None else caller.take(ask, pairs, now)
        return self.ticket

    def extend(self, amount: int) -> bool:
        """More money in every budget's period of the ticket, all or nothing."""
        for budget, period in zip(self.budgets, self.periods, strict=True):
            if budget.is_hard and period.settled + period.reserved + amount > budget.limit:
                return False
        for period in self.periods:
            period.reserve(amount)
        self.reserved += amount
        return True

    def settle(self, cost: int, tokens: int | None, now: float) -> None:
        """Replaces everything reserved by `cost`, once, and gives the caller's concurrency back."""
        if self.is_settled:
            return
        self.is_settled = True
        for period in self.periods:
            period.settle(self.reserved, cost)
        self.reserved = 0
        if self.caller is not None:
            self.caller.give_back(self.tokens, tokens, admitted_at=self.admitted_at, now=now)
