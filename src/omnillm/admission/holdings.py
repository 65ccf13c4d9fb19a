"""What the controller has granted to one case: its ticket, its reservations, and its leases."""

from collections.abc import Collection

from msgspec import Struct

from omnillm.admission.allowance import Allowance
from omnillm.admission.asks import Ask, CallerConfigured, Ticket
from omnillm.limits.budget import Period
from omnillm.limits.window import Window

Tried = Collection[tuple[str, str]]
"""(provider, label) of keys."""


class Holdings(Struct, kw_only=True, eq=False):
    """What the controller has granted to one case. Made by `admit`, or by a bare `lease`; forgotten when settled and without a lease."""

    ask: Ask
    ticket: Ticket
    allowance: Allowance
    charged: Window | None = None
    """The window that the ask's tokens were charged to, whatever the caller's limits are later."""
    periods: tuple[Period, ...] = ()
    reserved: int = 0
    opened_at: float = 0.0
    is_settled: bool = False
    leases: list[int] = []
    """Those that are out."""
    failed_over: tuple[tuple[str, str], ...] = ()
    """(provider, label) of the keys that this call left for good."""

    def extend(self, amount: int) -> bool:
        """More money in every budget of the ticket, all or nothing. In a rolling one, all that the case holds counts from now on.

        The caller has seen that it is not settled.
        """
        if not all(period.has_room(amount) for period in self.periods):
            return False
        self.periods = tuple([period.latest for period in self.periods])
        for period in self.periods:
            period.reserve(amount)
        self.reserved += amount
        return True

    def settle(self, cost: int, tokens: int | None, now: float) -> None:
        """Replaces everything reserved by `cost`, once, and gives the caller's concurrency back. `tokens` None: all stay charged."""
        self.is_settled = True
        reserved, charged = self.reserved, self.charged
        for period in self.periods:
            period.settle(reserved, cost)
        self.allowance.in_use -= 1
        if charged is not None and tokens is not None:
            charged.correct(tokens - self.ask.tokens, self.opened_at, now)


def labels_of(tried: Tried, provider: str) -> frozenset[str]:
    """The labels among `tried` that are the provider's."""
    return frozenset([label for name, label in tried if name == provider])


def bare(case_id: str) -> Holdings:
    """Of a case that was never admitted: it holds leases and nothing else."""
    nobody = Allowance(CallerConfigured(name=""))
    return Holdings(ask=Ask(case_id=case_id), ticket=Ticket(case_id=case_id), allowance=nobody, is_settled=True)
