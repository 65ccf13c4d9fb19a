"""What one call was admitted with, and the leases that it holds now."""

from collections.abc import Collection

from msgspec import Struct

from omnillm.admission.asks import Ask, CallerConfigured, Ticket
from omnillm.admission.callers import Caller
from omnillm.limits.budget import Period
from omnillm.limits.window import Window

Tried = Collection[tuple[str, str]]
"""(provider, label) of keys."""


class Case(Struct, kw_only=True, eq=False):
    """Opened by `admit`, or by a bare `lease`; forgotten once it is settled and its last lease released."""

    ask: Ask
    ticket: Ticket
    caller: Caller
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
        self.caller.in_use -= 1
        if charged is not None and tokens is not None:
            charged.correct(tokens - self.ask.tokens, self.opened_at, now)


def labels_of(tried: Tried, provider: str) -> frozenset[str]:
    """The labels among `tried` that are the provider's."""
    return frozenset([label for name, label in tried if name == provider])


def bare(case_id: str) -> Case:
    """A case that was never admitted: it holds leases and nothing else."""
    nobody = Caller(CallerConfigured(name=""))
    return Case(ask=Ask(case_id=case_id), ticket=Ticket(case_id=case_id), caller=nobody, is_settled=True)
