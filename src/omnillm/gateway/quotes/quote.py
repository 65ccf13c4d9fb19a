"""What a call may cost before it is sent: tokens for the limits, a provable upper bound for the budgets."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.errors import BadRequest, BudgetExceeded
from omnillm.gateway.bridges.bridge import Bridge
from omnillm.gateway.bridges.family_bridge import FamilyBridge
from omnillm.gateway.call import Call, has_ambiguous_body
from omnillm.gateway.quotes.extras import NO_EXTRAS, Extras, extras_of
from omnillm.gateway.quotes.price_book import NO_PRICES, PriceBook
from omnillm.gateway.quotes.weights import weigh, weigh_all
from omnillm.gateway.sessions.turns import LONGEST_CONTEXT, turn_bound
from omnillm.pricing.cost import NO_UNITS, Price, Units, bound
from omnillm.pricing.terms import PLAIN, has_tools
from omnillm.protocols.extras import Served
from omnillm.protocols.priced import served_tier
from omnillm.protocols.protocol import Members
from omnillm.protocols.sessions.registry import SESSIONS
from omnillm.protocols.tool_caps import tool_caps
from omnillm.providers.paths import GENERATE, REALTIME
from omnillm.routing.target import Plan, Target
from omnillm.usage import Usage

Pairs = tuple[tuple[str, str], ...]
MOST_TARIFFS = 4096
LONGEST_TERMS = 128
"""Characters that an error repeats of what a caller asked for."""


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


class Quoter:
    """Quotes calls; `unknown` is what happens without a price: refuse_if_budgeted, refuse or allow."""

    def __init__(
        self,
        prices: PriceBook,
        *,
        default_output_tokens: int,
        default_tool_calls: int,
        unknown: str,
        apart_fields: frozenset[bytes] = frozenset(),
    ) -> None:
        """`apart_fields`: of a request's head, that ask for what is paid apart, at a price that nobody knows."""
        self.prices = prices
        self._free = Quote(prices=prices, is_charged=False)
        self._apart_fields = apart_fields
        self._default_output_tokens = default_output_tokens
        self._default_tool_calls = default_tool_calls
        self._unknown = unknown
        self._tariffs: dict[tuple[Target, ...], Tariff] = {}
        """Of calls that ask for tokens alone, by the targets of their plans. Model names can come from strangers."""

    def on(self, day: str) -> "Quoter":
        """The quoter of an ISO day in UTC: this one, if it is its own."""
        prices = self.prices.on(day)
        if prices is self.prices:
            return self
        return Quoter(
            prices,
            default_output_tokens=self._default_output_tokens,
            default_tool_calls=self._default_tool_calls,
            unknown=self._unknown,
            apart_fields=self._apart_fields,
        )

    def quote(self, call: Call, plan: Plan, bridge: Bridge | FamilyBridge | None = None) -> tuple[Quote, Pairs]:
        """The quote, and (provider, model) of the targets that may be tried: one without a price is none for a caller with a budget."""
        if call.operation != GENERATE and not call.protocol.family:
            return self._quote_session(call, plan) if call.operation == REALTIME else (self._free, plan.pairs)
        if (call.caller.budgets or call.caller.models) and has_ambiguous_body(call):
            raise BadRequest("A member stands twice in the body, or in odd letters; what is asked must be sure.", code="repeated_member")
        if self._apart_fields and call.caller.budgets and not self._apart_fields.isdisjoint(call.headers):
            raise self._paid_apart(call)
        if bridge is None:
            text = call.outline or call
            estimate, prompt_bound = weigh(call.protocol, text.members, len(call.body) - len(text.body))
            peek, extras = call.peek, {}
            if peek.price_members or call.protocol.asks is not None:
                extras = extras_of(plan.targets, [call] * len(plan.targets))
        else:
            sent = [bridge.find(target) or call for target in plan.targets]
            estimate, prompt_bound, peek = weigh_all(sent or [call])
            extras = extras_of(plan.targets, sent)
        caps = None
        if extras and call.caller.budgets and not call.protocol.family:
            extras, caps = self._with_capped_tools(call, plan, bridge)
        cap = peek.output_cap
        output = (cap or self._default_output_tokens) * peek.n
        needs_price = call.caller.budgets or self._unknown == "refuse"
        quote = Quote(
            prices=self.prices,
            tokens=estimate if cap == 0 else estimate + output,  # a family whose reply is no text: vectors, scores
            prompt_bound=prompt_bound,
            output_bound=output,
            choices=peek.n,
            uncapped_choices=peek.n if cap is None and needs_price else 0,
            extras=extras,
            tool_caps=caps,
            is_paid_by_piece=not (call.protocol.family or (extras and any(each.asked.goes_on for each in extras.values()))),
        )
        return self._bounded(call, plan.targets, quote, bridge) if needs_price else (quote, plan.pairs)

    def _paid_apart(self, call: Call) -> BadRequest:
        named = b", ".join(sorted(self._apart_fields & call.headers.keys())).decode()
        return BadRequest(
            f"The call has a budget, and what the header {named} asks for is paid apart: ask by the body instead, in an operation whose "
            "body can say it.",
            code="unbounded_cost",
        )

    def _with_capped_tools(
        self, call: Call, plan: Plan, bridge: Bridge | FamilyBridge | None
    ) -> tuple[dict[tuple[str, str], Extras], Members | None]:
        """What the targets are asked once each is told how often it may call tools, and the members in which its own body says it."""
        caps = tool_caps(call.protocol.name, call.members, self._default_tool_calls)
        own = replace(call, members=call.members | caps) if caps else call
        if bridge is None:
            return extras_of(plan.targets, [own] * len(plan.targets)), caps or None
        if isinstance(bridge, Bridge):
            bridge.cap_tools(self._default_tool_calls)
        return extras_of(plan.targets, [bridge.find(target) or own for target in plan.targets]), caps or None

    def _quote_session(self, call: Call, plan: Plan) -> tuple[Quote, Pairs]:
        """Of a live session: its first turn. What comes after is reserved as it comes."""
        quote = Quote(prices=self.prices, tokens=self._default_output_tokens)
        if not call.caller.budgets and self._unknown != "refuse":
            return quote, plan.pairs
        session = SESSIONS[call.protocol.name]
        watch = session.watch()
        if call.body:
            watch.to_provider(call.body)
            unbounded = session.unbounded_cost(call.body)
            if unbounded and call.caller.budgets:
                raise BadRequest(f"The session has a budget, and its cost has no upper bound: {unbounded}.", code="unbounded_cost")
        priced = self._priced(call, plan.targets, quote)
        if call.caller.budgets:
            most = max((turn_bound(watch, price) for _, price in priced if price is not None), default=0)
            quote = replace(quote, amount_nanousd=most)
        return quote, tuple(target for target, _ in priced)

    def _bounded(self, call: Call, targets: tuple[Target, ...], quote: Quote, bridge: Bridge | FamilyBridge | None) -> tuple[Quote, Pairs]:
        """The quote with the money of the dearest target, and the cap that makes it a bound; and the targets whose price is known."""
        is_budgeted = bool(call.caller.budgets)
        # What is asked for beyond tokens is each call's own; else the targets alone decide, and are looked up at once.
        tariff = None if quote.extras else self._tariffs.get(targets)
        if tariff is None:
            tariff = self._tariff(call, targets, quote)
        if quote.uncapped_choices and tariff.has_open_end and call.protocol.output_cap_member:
            quote = replace(quote, injected_cap=self._default_output_tokens)
            if isinstance(bridge, Bridge):
                bridge.cap(self._default_output_tokens)
        return replace(quote, amount_nanousd=tariff.most_nanousd(quote)) if is_budgeted else quote, tariff.targets

    def _tariff(self, call: Call, targets: tuple[Target, ...], quote: Quote) -> "Tariff":
        tariff = Tariff.of(self._priced(call, targets, quote))
        if not quote.extras:
            if len(self._tariffs) >= MOST_TARIFFS:
                self._tariffs.clear()
            self._tariffs[targets] = tariff
        return tariff

    def _priced(self, call: Call, targets: tuple[Target, ...], quote: Quote) -> Sequence[tuple[tuple[str, str], Price | None]]:
        """(provider, model) of the targets that may be tried, with their prices; where there are none, says why."""
        priced: list[tuple[tuple[str, str], Price | None]] = []
        unbounded, code = "", ""
        for target in targets:
            key = (target.provider, target.model)
            extras = quote.extras.get(key, NO_EXTRAS)
            price = self.prices.find(key, extras.terms)
            if price is None:
                if self._unknown == "allow":
                    priced.append((key, quote.price(key)))
            elif call.caller.budgets and (why := extras.why_unbounded(price)):
                unbounded, code = unbounded or why, code or extras.asked.unbounded_code
            else:
                priced.append((key, price))
        if priced:
            return priced
        if unbounded:
            raise BadRequest(f"The call has a budget, and its cost has no upper bound: {unbounded}.", code=code or "unbounded_cost")
        raise BudgetExceeded(
            f"Model {call.model!r} has no known price{_terms_named(quote)}, and what it costs must be known: an administrator can add the "
            "price under pricing.overrides.",
            code="price_unknown",
        )


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


def _terms_named(quote: Quote) -> str:
    """The terms that were asked for, as they are named in a price's version, as far as they go."""
    named = next((str(extras.terms)[:LONGEST_TERMS] for extras in quote.extras.values() if extras.terms != PLAIN), "")
    return f" under these terms ({named.removeprefix(';').replace(';', ', ')})" if named else ""
