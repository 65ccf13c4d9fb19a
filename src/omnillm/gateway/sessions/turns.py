"""What one turn of a live session may cost at most."""

from typing import Final

from omnillm.pricing.cost import Price, bound
from omnillm.protocols.sessions.session import Watch

LONGEST_CONTEXT: Final = 2**21
"""Tokens of context, for a model whose own limit is not known."""
LONGEST_OUTPUT: Final = 65_536
"""Tokens of output in one turn, for such a model."""


def turn_bound(watch: Watch, price: Price) -> int:
    """The most that one turn costs, in nano-USD."""
    return bound(prompt_bound(watch, price), longest_output(price), price)


def prompt_bound(watch: Watch, price: Price) -> int:
    longest = price.context or LONGEST_CONTEXT
    return longest if watch.is_unbounded else min(watch.prompt_tokens, longest)


def longest_output(price: Price) -> int:
    return price.max_output or price.context or LONGEST_OUTPUT
