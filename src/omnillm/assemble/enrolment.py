"""The virtual keys that the ledger keeps, and what is in force for each of them: its limits and its own budget."""

from collections.abc import Iterable

from omnillm.admission.controller import AdmissionController
from omnillm.assemble.parts import scheduled
from omnillm.clock import Clock
from omnillm.config import configured
from omnillm.config.settings import VirtualKeyTerms
from omnillm.gateway.budgets.alerts import BudgetAlerts
from omnillm.gateway.budgets.budget_calendar import BudgetCalendar


class Enrolment:
    """`keys`: those in force, by name. They stay when the file changes."""

    def __init__(self, controller: AdmissionController, calendar: BudgetCalendar, alerts: BudgetAlerts, clock: Clock) -> None:
        self.keys: dict[str, VirtualKeyTerms] = {}
        self._controller = controller
        self._calendar = calendar
        self._alerts = alerts
        self._clock = clock

    def enrol(self, key: VirtualKeyTerms) -> None:
        """Put a key's limits and own budget in force."""
        self.keys[key.name] = key
        self._controller.enrol(configured.caller(key), configured.budget(key))
        if key.budget is not None:
            budget = configured.own_budget(key.name)
            self._alerts.add(budget, key.budget.warn_permille)
            self._calendar.add(scheduled(budget, key.budget), self._clock.wall(), self._clock.now())

    def bring_back(self, keys: Iterable[VirtualKeyTerms]) -> None:
        """Suspended keys count again with the configuration that is being applied: the controller is told of them with all others."""
        for key in keys:
            self.keys[key.name] = key
            if key.budget is not None:
                self._alerts.add(configured.own_budget(key.name), key.budget.warn_permille)

    def suspend(self, name: str) -> None:
        """A key that makes no calls for now: its limits bind those under way, and it finds them when it comes back."""
        budget = configured.own_budget(name)
        self.keys.pop(name, None)
        self._controller.suspend(budget)
        self._calendar.remove(budget)

    def retire(self, name: str) -> None:
        """As `suspend`, of a key that comes back no more: nothing of it is kept for longer than a call may need it."""
        budget = configured.own_budget(name)
        self.keys.pop(name, None)
        self._controller.retire(name, budget)
        self._calendar.forget(budget)
        self._alerts.remove(budget)
