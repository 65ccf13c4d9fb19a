"""Reasoning as an effort, as a budget of tokens, or not at all. A translation between these is always an approximation."""

from collections.abc import Sequence

from msgspec.structs import replace

from omnillm.model.capabilities import ReasoningCapability
from omnillm.protocols.dialects import OpenAiDialect
from omnillm.protocols.loss import Losses

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32768}
SMALLEST_BUDGET = 1024


def budget_of(effort: str) -> int:
    """Tokens for an effort; 0 for "none"."""
    return 0 if effort == "none" else BUDGETS.get(effort, BUDGETS["medium"])


def effort_of(budget_tokens: int) -> str:
    """Return the smallest effort whose budget holds `budget_tokens`; "none" for 0, "medium" for a negative one (automatic)."""
    if budget_tokens == 0:
        return "none"
    if budget_tokens < 0:
        return "medium"
    return next((effort for effort, budget in BUDGETS.items() if budget_tokens <= budget), "max")


def nearest(effort: str, efforts: Sequence[str] | None) -> str:
    """Return the one of `efforts` that is nearest to `effort`, the higher one of two; "": there is none. None: any is taken."""
    if efforts is None or effort in efforts:
        return effort
    steps = list(BUDGETS)
    near = [known for known in efforts if known in BUDGETS] if effort in BUDGETS else []
    return min(near, key=lambda known: (abs(steps.index(known) - steps.index(effort)), -steps.index(known)), default="")


def is_off(wanted: ReasoningCapability) -> bool:
    """Tell whether no reasoning is asked for."""
    return wanted.mode == "disabled" or wanted.effort == "none" or (wanted.budget_tokens == 0 and not wanted.effort)


def as_taken(wanted: ReasoningCapability, dialect: OpenAiDialect, losses: Losses) -> ReasoningCapability | None:
    """Return what is said to a model in OpenAI's protocols; None: nothing."""
    if dialect.efforts == ():
        if not is_off(wanted):
            losses.drop("capabilities.reasoning", "the model takes no word on it")
        return None
    if dialect.rests and wanted.mode not in {"", "disabled"} and not wanted.effort and wanted.budget_tokens is None:
        losses.default("capabilities.reasoning.effort", "the model reasons only if it is told how much")
        return replace(wanted, effort="medium")
    return wanted
