"""Reasoning said as an effort, as a budget of tokens, or not at all: a bridge that is always an approximation."""

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
