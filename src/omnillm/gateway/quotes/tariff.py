"""What the targets of a plan cost, and so how much one attempt can cost at most."""

from collections.abc import Sequence

import msgspec

from omnillm.gateway.quotes.quote import Quote
from omnillm.pricing.cost import Price

Pairs = tuple[tuple[str, str], ...]


class Tariff(msgspec.Struct, frozen=True, gc=False):
    """(provider, model) of the targets that may be tried, and what those cost that have a price."""

    targets: Pairs
    prices: tuple[tuple[tuple[str, str], Price], ...]
    has_open_end: bool
    """How long the output of one of them can become is not known."""

    @classmethod
    def of(cls, priced: Sequence[tuple[tuple[str, str], Price | None]]) -> "Tariff":
        prices = tuple((target, price) for target, price in priced if price is not None)
        return cls(tuple(target for target, _ in priced), prices, not all(price.max_output for _, price in prices))

    def most_nanousd(self, quote: Quote) -> int:
        """nano-USD of one attempt, at the dearest target."""
        most = 0
        for target, price in self.prices:
            amount = quote.most_nanousd(target, price)
            if amount > most:
                most = amount
        return most
