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
    """What a call may cost, and the prices used for that. The call is charged by the same prices, even if others come into force."""

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
    tool_caps: Members = {}
    """Members that replace the call's own, which do not limit calls of tools that are paid by the call (`protocols/tool_caps.py`)."""
    fixed_nanousd: int = 0
    """Of a batch: what the whole of it may cost, and is charged until its provider tells."""
    uncapped_choices: int = 0
    """Answers of a call without a cap: each may be as long as the model's own maximum. 0: `output_bound` bounds them all."""
    extras: Mapping[tuple[str, str], Extras] = {}
    """(provider, model) -> what it is asked beyond tokens; most calls ask nothing."""

    is_charged: bool = True
    """False: counting tokens, which is free, and native calls, which settle themselves."""
    is_paid_by_piece: bool = True
    """A stream that was given up costs what was seen of it. False: families, and what goes on in the background, are paid whole."""

    def price(self, target: tuple[str, str]) -> Price | None:
        """The price of an attempt at a target. If the call's terms have no price of their own, the standard price."""
        if not self.extras:
            return self.prices.find(target)
        terms = self.extras.get(target, NO_EXTRAS).terms
        return self.prices.find(target, terms) or self.prices.find(target)

    def served(self, target: tuple[str, str], told: Any) -> Price | None:
        """The price of an attempt that was served under other terms than the call asked for. None: it was not, or there is no such price.

        For example, a busy provider may serve a call for priority as a standard one, and the settings of a project may do the reverse, or
        have all of its calls served in one country.
        """
        asked = self.extras.get(target, NO_EXTRAS).terms
        word, place = told if isinstance(told, Served) else (told, asked.place)
        tier = served_tier(word)
        served = replace(asked, tier=asked.tier if tier is None else tier, place=place)
        if served == asked:
            return None
        return self.prices.find(target, served) or self.prices.find(target, replace(served, place=asked.place))

    def counted(self, target: tuple[str, str], price: Price) -> Usage | None:
        """The usage that the request alone tells: the characters to be spoken, if those are paid."""
        characters = self.extras[target].units.characters if target in self.extras else 0
        return Usage(characters=characters) if characters and price.character else None

    def completed(self, target: tuple[str, str], price: Price, usage: Usage) -> Usage:
        """The usage of a reply, completed by what only the request tells: searches of Chat Completions, and Bedrock's guardrails.

        They are added only if they are paid apart, at a known price.
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
        """Whether the whole prompt was read before the first word. Then the usage that a stream tells at its beginning is complete.

        `calls`: how many calls of the provider's own tools were shown; None: the stream does not show them.
        """
        asked = self.extras.get(target, NO_EXTRAS).asked
        is_single = calls == 0 or (asked.turns == asked.output_turns == 1 and not asked.calls)
        return self.is_paid_by_piece and is_single and not asked.compactions and not asked.more_output

    def most_nanousd(self, target: tuple[str, str], price: Price) -> int:
        """nano-USD that an attempt at this target can cost at most."""
        if not self.extras:  # `bounds` without a call, in the path of every call with a budget
            return bound(self.prompt_bound, price.max_output * self.uncapped_choices or self.output_bound, price)
        prompt, completion, units = self.bounds(target, price)
        return bound(prompt, completion, price, units)
