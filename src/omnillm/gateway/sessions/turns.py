"""What one turn of a live session may cost at most."""

from typing import Final

from omnillm.pricing.cost import Price, bound
from omnillm.protocols.sessions.session import Watch

LONGEST_CONTEXT: Final = 2**21
"""Tokens, of a model whose own is not known."""
LONGEST_OUTPUT: Final = 65_536
"""Of one turn, likewise."""


def turn_bound(watch: Watch, price: Price) -> int:
    """nano-USD of one turn at most."""
    return bound(prompt_bound(watch, price), longest_output(price), price)


def prompt_bound(watch: Watch, price: Price) -> int:
    longest = price.context or LONGEST_CONTEXT
    return longest if watch.is_unbounded else min(watch.prompt_tokens, longest)


def longest_output(price: Price) -> int:
    return price.max_output or price.context or LONGEST_OUTPUT
