"""The cost of a ledger's row, computed again from the row and the figures that it names.

A row's `price_version` is `<figures>:<section>/<model><terms><bound>`, as in `2026-11-28:openai/gpt-5;tier=priority`, where figures that a
list announced for a later day are `2026-11-29@2027-01-01`. A row that was
charged by its bound, because nobody reported a usage, names it: `;bound=5123+1024+0`, tokens of prompt and completion and tool calls, and
for the endpoint families images, characters and milliseconds of audio. `;bound=told+1024` is that of a completion alone, and
`;bound=told+1024+1` of a call of a tool as well: the usage of the row is that of the prompt.
"""

from collections.abc import Callable

from omnillm.pricing.cost import Price, Units, bound, bound_behind, cost
from omnillm.pricing.listing import Listing
from omnillm.pricing.terms import Terms
from omnillm.usage import NO_USAGE, Usage

BOUND = ";bound="
TOLD = f"{BOUND}told+"

_LAST_FOLDED = "2026-11-28"
"""The last list by which image tokens were charged together with text, at the dearer rate of the two. (Configured figures sort behind.)"""

ListingOf = Callable[[str, str, str], Listing | None]
"""(figures, section or provider, model) -> the entry."""


def bounded(version: str, prompt: int, completion: int, units: Units) -> str:
    """The version of a row that was charged by its bound."""
    told = units if any(units[1:]) else units[:1]
    return f"{version}{BOUND}{'+'.join(map(str, (prompt, completion, *told)))}"


def bounded_behind(version: str, completion: int, tool_calls: int) -> str:
    """The version of a row whose prompt was told, and whose completion and calls of tools were charged by their bounds."""
    return f"{version}{TOLD}{completion}+{tool_calls}" if tool_calls else f"{version}{TOLD}{completion}"


class Reference:
    """Computes costs of rows. It remembers the prices of versions, because a ledger has many rows of each."""

    def __init__(self, find: ListingOf) -> None:
        self._find = find
        self._prices: dict[str, Price] = {}

    def cost(self, price_version: str, usage: Usage | None) -> int:
        """nano-USD.

        `usage`: None where the row says that it is not known, unless it is told of the prompt: without a bound such an attempt was free.

        ValueError: the version does not have this form. LookupError: its figures are not known.
        """
        if not price_version or (usage is None and BOUND not in price_version):
            return 0
        version, _, counts = price_version.partition(BOUND)
        price = self._known(version)
        if price_version.startswith(TOLD, len(version)):
            _, said, *calls = counts.split("+")
            return bound_behind(usage or NO_USAGE, int(said), price, sum(map(int, calls)))
        if not counts:
            return cost(usage or NO_USAGE, price)
        prompt, completion, *units = map(int, counts.split("+"))
        if len(units) > len(Units._fields):
            raise ValueError(f"not the version of a price: {price_version!r}")
        return bound(prompt, completion, price, Units(*units))

    def least(self, version: str, usage: Usage) -> int:
        """The least nano-USD of a session of many turns, by their usage together. 0 where rates depend on the length of each turn.

        Raises as `cost`.
        """
        price = self._known(version)
        return 0 if price.steps else cost(usage, price)

    def _known(self, version: str) -> Price:
        price = self._prices.get(version)
        if price is None:
            price = self._prices[version] = self._price(version)
        return price

    def _price(self, version: str) -> Price:
        figures, _, rest = version.partition(":")
        place, _, terms = rest.partition(";")
        section, slash, model = place.partition("/")
        if not slash:
            raise ValueError(f"not the version of a price: {version!r}")
        listing = self._find(figures, section, model)
        is_folded = figures <= _LAST_FOLDED
        price = None if listing is None else listing.price(Terms.parse(terms), "", is_folded=is_folded)
        if price is None:
            raise LookupError(f"no such figures: {version!r}")
        return price
