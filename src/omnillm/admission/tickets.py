"""Admission: the caller's limits and the money of one attempt, all or nothing."""

from omnillm.admission.asks import Ask, BudgetConfigured, CallerConfigured, Refusal
from omnillm.admission.callers import Caller
from omnillm.admission.case import Case
from omnillm.limits.budget import Budget, Standing

HELD_RETRY_S = 1.0


class Tickets:
    """All callers and budgets."""

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}
        self.budgets: dict[str, Budget] = {}
        self.is_listed: frozenset[str] = frozenset()
        """Budgets that are configured; one that no longer is binds nobody, and stays until the process ends for the calls that know it."""

    def configure(self, callers: tuple[CallerConfigured, ...], budgets: tuple[BudgetConfigured, ...]) -> None:
        """State is kept by name."""
        before, self._callers = self._callers, {}
        for configured in callers:
            caller = self._callers[configured.name] = before.get(configured.name) or Caller(configured)
            caller.configure(configured)
        self.is_listed = frozenset(configured.name for configured in budgets)
        for budget in self.budgets.values():
            budget.is_hard = False
        for terms in budgets:
            budget = self.budgets.setdefault(terms.name, Budget(terms.name, terms.limit_nanousd, is_hard=terms.is_hard))
            budget.limit = terms.limit_nanousd
            budget.is_hard = terms.is_hard

    def admit(self, ask: Ask, now: float) -> Case | Refusal:
        """Opens a case, or says why not. A caller that is not configured has no limits; a budget that never was is a KeyError."""
        caller = self._callers.get(ask.caller)
        if caller is not None:
            refusal = caller.refuse(ask, now)
            if refusal is not None:
                return refusal
        budgets = tuple([self.budgets[name] for name in ask.budgets])
        if len(budgets) > 1:
            budgets = tuple(dict.fromkeys(budgets))
        amount = ask.amount_nanousd
        for budget in budgets:
            period = budget.current
            if budget.is_hard and period.settled + period.reserved + amount > budget.limit:
                return _refuse(ask, budgets)
        case = Case(ask.case_id)
        case.open(ask, caller, budgets, now)
        return case


def _refuse(ask: Ask, budgets: tuple[Budget, ...]) -> Refusal:
    """Money that is spent speaks before money that is only held: waiting helps against the second alone."""
    standings = [(budget, budget.standing(ask.amount_nanousd, budget.current)) for budget in budgets]
    short = [budget for budget, standing in standings if standing is Standing.EXCEEDED]
    is_exceeded = bool(short)
    budget = short[0] if short else next(budget for budget, standing in standings if standing is Standing.HELD)
    return Refusal(
        case_id=ask.case_id,
        code="budget_exceeded" if is_exceeded else "budget_held",
        status=402,
        retry_after_s=None if is_exceeded else HELD_RETRY_S,
        scope=budget.name,
        limit=budget.limit,
        used=budget.current.settled,
        held=budget.current.reserved,
        resets_at_wall=budget.current.resets_at_wall,
    )
