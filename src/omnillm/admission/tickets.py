"""Admits a call: the caller's limits and the money of one attempt, all or nothing."""

from math import inf
from typing import Final

from omnillm.admission.allowance import Allowance
from omnillm.admission.asks import Ask, BudgetConfigured, CallerConfigured, Refusal, Ticket
from omnillm.admission.holdings import Holdings
from omnillm.limits.budget import Budget, Period

HELD_RETRY_S = 1.0
MOST_RETIRED: Final = 1024
"""How many retired callers, or idle ones that are no longer configured, are remembered. No call of an older one can still wait."""
Pairs = tuple[tuple[str, str], ...]


class Tickets:
    """The allowances of all callers, and all budgets. What is granted to a case is kept in `holdings`, the controller's dict."""

    def __init__(self, holdings: dict[str, Holdings]) -> None:
        self._holdings = holdings
        self._nobody = Allowance(CallerConfigured(name=""))
        """Stands for every caller that was never configured. It has no limits."""
        self._allowances: dict[str, Allowance] = {}
        """Callers that are no longer configured are kept: they may come back, and some of their calls may still wait."""
        self.budgets: dict[str, Budget] = {}
        self.listed: frozenset[str] = frozenset()
        """The configured budgets, which are shown. Others stay in `budgets` for calls that draw on them, and because they may come back."""
        self._retired: dict[str, str] = {}
        """Callers that will not come back, the oldest first, each with the name of its own budget."""
        self._current: dict[tuple[str, ...], tuple[tuple[Period, ...], Pairs]] = {}
        """By an ask's budgets: their current periods, and those as (budget, period id)."""

    def configure(self, callers: tuple[CallerConfigured, ...], budgets: tuple[BudgetConfigured, ...], now: float) -> None:
        """State is kept by name."""
        for configured in callers:
            self._follow(configured)
        names = {configured.name for configured in callers}
        idle = [name for name, allowance in self._allowances.items() if name not in names and allowance.is_idle(now)]
        for name in idle[:-MOST_RETIRED]:
            del self._allowances[name]
        for name in self.listed:
            self.budgets[name].is_hard = False
        self.listed = frozenset()
        self._set(budgets)

    def enrol(self, configured: CallerConfigured, budget: BudgetConfigured | None) -> None:
        """One more, or one that has changed."""
        self._follow(configured)
        self._set((budget,) if budget is not None else ())

    def retire(self, caller: str, budget: str) -> None:
        """The caller and its own budget will not come back. They still bind the calls under way, until many others were retired."""
        self.listed -= {budget}
        self._retired[caller] = budget
        if len(self._retired) > MOST_RETIRED:
            oldest = next(iter(self._retired))
            self._allowances.pop(oldest, None)
            self.budgets.pop(self._retired.pop(oldest), None)
            self._current.clear()

    def _follow(self, configured: CallerConfigured) -> None:
        allowance = self._allowances.get(configured.name)
        if allowance is None:
            self._allowances[configured.name] = Allowance(configured)
        else:
            allowance.configure(configured)

    def _set(self, budgets: tuple[BudgetConfigured, ...]) -> None:
        for terms in budgets:
            budget = self.budgets.get(terms.name)
            if budget is None or budget.window != terms.window:
                budget = self.budgets[terms.name] = Budget(terms.name, terms.limit_nanousd, is_hard=terms.is_hard, window=terms.window)
            budget.limit = terms.limit_nanousd
            budget.is_hard = terms.is_hard
        self.listed |= {terms.name for terms in budgets}
        self._current.clear()

    def renew(self, budget: str, period: str, settled: int, resets_at_wall: float) -> None:
        """A new period, or the balance of the running one."""
        self.budgets[budget].renew(period, settled, resets_at_wall)
        self._current.clear()

    def expire(self, budget: str, period: str) -> None:
        """A bucket of a rolling budget has slid out."""
        self.budgets[budget].expire(period)

    def adjust(self, budget: str, period: str, amount: int) -> None:
        """A budget that is not there any more has nothing to adjust."""
        if budget in self.budgets:
            self.budgets[budget].adjust(period, amount)

    def admit(self, ask: Ask, now: float) -> Ticket | Refusal | float:
        """Opens a case, or says why not; inf: it is worth waiting for money that is only held. A case that is open keeps its ticket.

        A caller that was never configured has no limits; a budget that is not there has nothing to spend.
        """
        before = self._holdings.get(ask.case_id)
        if before is not None and not before.is_settled:
            return before.ticket
        allowance = self._allowances.get(ask.caller, self._nobody)
        refusal = allowance.refuse(ask, now)
        if refusal is not None:
            return refusal
        periods, pairs = self._current.get(ask.budgets) or self._look_up(ask.budgets)
        amount = ask.amount_nanousd
        for period in periods:
            if not period.has_room(amount):
                is_hopeful = now < ask.queue_until and not self.is_spent(ask, amount)
                return inf if is_hopeful else budget_refusal(ask.case_id, amount, periods)
        for period in periods:
            period.reserve(amount)
        ticket = allowance.take(ask, pairs)
        held = Holdings(
            ask=ask, ticket=ticket, allowance=allowance, charged=allowance.window, periods=periods, reserved=amount, opened_at=now
        )
        if before is not None:
            held.leases, held.failed_over = before.leases, before.failed_over
        self._holdings[ask.case_id] = held
        return ticket

    def refuse(self, ask: Ask, now: float) -> Refusal | None:
        """Why `ask` would be refused even if nobody stood before it; None: it may wait."""
        allowance = self._allowances.get(ask.caller, self._nobody)
        refusal = allowance.refuse(ask, now)
        if refusal is not None:
            return refusal
        amount = ask.amount_nanousd
        return budget_refusal(ask.case_id, amount, self._periods(ask)) if self.is_spent(ask, amount) else None

    def is_spent(self, ask: Ask, amount: int) -> bool:
        """Whether one of the ask's budgets has spent so much that there is no room for `amount`. Then it is useless to wait."""
        return any(period.is_spent(amount) for period in self._periods(ask))

    def _periods(self, ask: Ask) -> tuple[Period, ...]:
        periods, _ = self._current.get(ask.budgets) or self._look_up(ask.budgets)
        return periods

    def _look_up(self, budgets: tuple[str, ...]) -> tuple[tuple[Period, ...], Pairs]:
        """A budget that is named twice counts once."""
        known = self.budgets
        periods = tuple((known.get(name) or Budget(name, 0, is_hard=True)).current for name in dict.fromkeys(budgets))
        found = self._current[budgets] = (periods, tuple(period.pair for period in periods))
        return found


def budget_refusal(case_id: str, amount: int, periods: tuple[Period, ...], *, is_more: bool = False) -> Refusal:
    """Money that is spent speaks before money that is only held: waiting helps against the second alone.

    `is_more`: for a case that holds some already. That may be what stands in its way, so it is not told to wait.
    """
    spent = [period for period in periods if period.is_spent(amount)]
    period = spent[0] if spent else next(period for period in periods if not period.has_room(amount))
    is_final = bool(spent) or is_more
    return Refusal(
        case_id=case_id,
        code="budget_exceeded" if is_final else "budget_held",
        status=402,
        retry_after_s=None if is_final else HELD_RETRY_S,
        scope=period.budget.name,
        limit=period.budget.limit,
        needed=amount,
        used=period.span.settled,
        held=period.span.reserved,
        resets_at_wall=period.eases_at_wall(amount),
    )
