"""What a call would cost and take, without making it: the quote alone, which holds nothing."""

import msgspec
from msgspec.structs import replace

from omnillm.errors import BadRequest, BudgetExceeded
from omnillm.gateway.bridges.bridge import Bridge
from omnillm.gateway.bridges.family_bridge import FamilyBridge
from omnillm.gateway.call import Call
from omnillm.gateway.quotes.quoter import Quoter
from omnillm.money import format_usd
from omnillm.providers.native import Metering, Operation
from omnillm.providers.registry import metering_of
from omnillm.routing.target import Plan

WHOEVER = ("",)
"""A budget for callers without one, because a quote has an upper bound only where a budget needs it."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a call would take of the limits and, at most, of the budgets."""

    estimated_prompt_tokens: int = 0
    """About 25 % more or less than the provider counts, of text."""
    estimated_tokens: int = 0
    """What the call reserves of a TPM: its prompt, and its output cap (or `default_output_tokens`) times the number of choices."""
    budget_class: Metering
    """By what it is paid: `tokens`, `units` (images, sound), `priced` (both, or time); `zero` and `storage` are free."""
    estimated_cost_nanousd: int | None
    """What a budget reserves for one attempt: as much as it can cost at the dearest target. None: no price or no bound is known, so that
    a call with a budget is refused; or nobody knows before it is sent (a batch)."""

    @property
    def estimated_cost_usd(self) -> str | None:
        """Exact decimal USD."""
        return None if self.estimated_cost_nanousd is None else format_usd(self.estimated_cost_nanousd)


def estimate_call(quoter: Quoter, call: Call, plan: Plan, bridge: Bridge | FamilyBridge | None) -> Estimate:
    """BadRequest, BudgetExceeded: whoever asked, the call would be refused."""
    budgets = call.caller.budgets or WHOEVER
    try:
        quote, _ = quoter.quote(_drawing_on(call, budgets), plan, bridge)
        cost: int | None = quote.amount_nanousd
    except (BadRequest, BudgetExceeded):
        quote, _ = quoter.quote(_drawing_on(call, ()), plan, bridge)
        cost = None
    return Estimate(
        estimated_prompt_tokens=quote.tokens - (0 if call.peek.output_cap == 0 else quote.output_bound),
        estimated_tokens=quote.tokens,
        budget_class=metering_of(call.operation),
        estimated_cost_nanousd=cost,
    )


def estimate_operation(operation: Operation) -> Estimate:
    """Of a native call: it reserves no money."""
    return Estimate(budget_class=operation.metering, estimated_cost_nanousd=0 if operation.metering.is_free else None)


def _drawing_on(call: Call, budgets: tuple[str, ...]) -> Call:
    return replace(call, caller=replace(call.caller, budgets=budgets))
