"""What one call may cost before it is sent: tokens for the limits, a provable upper bound for the budgets."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.gateway.quotes.extras import NO_EXTRAS, Extras
from omnillm.gateway.quotes.price_book import NO_PRICES, PriceBook
from omnillm.gateway.sessions.turns import LONGEST_CONTEXT
from omnillm.pricing.cost import NO_UNITS, Price, Units, bound
from omnillm.pricing.terms import has_tools
from omnillm.protocols.extras import Served
from omnillm.protocols.priced import served_tier
from omnillm.protocols.protocol import Members
from omnillm.usage import Usage


class Quote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a call may cost, and the prices that it was reckoned by. It is charged by those, whatever has come into force since."""

    prices: PriceBook = NO_PRICES
    tokens: int = 0
    """TPM to reserve: estimated prompt + output cap."""
    prompt_bound: int = 0
    output_bound: int = 0
    """Output cap x n; the default cap where the call has none."""
    choices: int = 1
    """How many answers are asked for (n)."""
    amount_nanousd: int = 0
    """Bound of one attempt, of the dearest target; 0 when no budget is drawn on."""
    injected_cap: int | None = None
    """An output cap to send because the call has none and the model's own maximum is not known."""
    tool_caps: Members | None = None
    """Members to send in the place of the call's own, because it caps no calls of tools that are paid so (`protocols/tool_caps.py`)."""
    fixed_nanousd: int = 0
    """Of a batch: what the whole of it may cost, and is charged until its provider tells."""
    uncapped_choices: int = 0
    """Answers of a call without a cap: each may be as long as the model's own maximum. 0: `output_bound` bounds them all."""
    extras: Mapping[tuple[str, str], Extras] = {}
    """(provider, model) -> what it is asked beyond tokens; most calls ask nothing."""

    is_charged: bool = True
    """False: counting tokens, which is free, and native calls, which settle themselves."""
    is_paid_by_piece: bool = True
    """A stream that was given up costs what was seen of it. An endpoint family is made, and paid, as a whole, and so is what goes on."""

    def price(self, target: tuple[str, str]) -> Price | None:
        """What an attempt at a target costs. Terms without a price, where nothing must be kept, cost the standard one."""
        if not self.extras:
            return self.prices.find(target)
        terms = self.extras.get(target, NO_EXTRAS).terms
        return self.prices.find(target, terms) or self.prices.find(target)

    def served(self, target: tuple[str, str], told: Any) -> Price | None:
        """What an attempt costs that was served under other terms than the call asked for; None: it was not, or nobody knows the price.

        A busy provider serves a call that asks for priority as a standard one, and a project's setting may do the reverse, or have all of
        its calls served in one country.
        """
        asked = self.extras.get(target, NO_EXTRAS).terms
        word, place = told if isinstance(told, Served) else (told, asked.place)
        tier = served_tier(word)
        served = replace(asked, tier=asked.tier if tier is None else tier, place=place)
        if served == asked:
            return None
        return self.prices.find(target, served) or self.prices.find(target, replace(served, place=asked.place))

    def counted(self, target: tuple[str, str], price: Price) -> Usage | None:
        """What a call has used as far as its request alone tells: the characters to be spoken, where those are what is paid."""
        characters = self.extras[target].units.characters if target in self.extras else 0
        return Usage(characters=characters) if characters and price.character else None

    def completed(self, target: tuple[str, str], price: Price, usage: Usage) -> Usage:
        """The usage of a reply, completed by what only the request tells: the searches of Chat Completions, where they are paid apart.

        And Bedrock's guardrails; neither where its price is not known.
        """
        calls = self.extras[target].asked.untold_calls if target in self.extras else 0
        is_paid = calls and not (usage.tool_calls or price.request) and has_tools(price.version)
        return replace(usage, tool_calls=calls) if is_paid else usage

    def bounds(self, target: tuple[str, str], price: Price) -> tuple[int, int, Units]:
        """(tokens of prompt and of completion, units) that an attempt at this target can take at most."""
        output = price.max_output * self.uncapped_choices or self.output_bound
        extras = self.extras.get(target) if self.extras else None
        if extras is None:
            return self.prompt_bound, output, NO_UNITS
        prompt = max(self.prompt_bound, (price.context or LONGEST_CONTEXT) * extras.context_reads)
        return prompt, output * extras.asked.output_turns + extras.asked.more_output, extras.units

    def reads_once(self, target: tuple[str, str], calls: int | None = None) -> bool:
        """Whether all of the prompt was read before the first word: what was told of it then is the whole.

        `calls`: of the provider's own tools, that were shown; None: they are not.
        """
        asked = self.extras.get(target, NO_EXTRAS).asked
        is_single = calls == 0 or (asked.turns == asked.output_turns == 1 and not asked.calls)
        return self.is_paid_by_piece and is_single and not asked.compactions and not asked.more_output

    def most_nanousd(self, target: tuple[str, str], price: Price) -> int:
        """nano-USD that an attempt at this target can cost at most."""
        prompt, completion, units = self.bounds(target, price)
        return bound(prompt, completion, price, units)
