"""Makes the quotes of calls: weighs what is asked, finds the prices, and refuses what has none or cannot be bounded."""

from collections.abc import Sequence

from msgspec.structs import replace

from omnillm.errors import BadRequest, BudgetExceeded
from omnillm.gateway.bridges.bridge import Bridge
from omnillm.gateway.bridges.family_bridge import FamilyBridge
from omnillm.gateway.call import Call, has_ambiguous_body
from omnillm.gateway.quotes.extras import NO_EXTRAS, Extras, extras_of
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.quotes.tariff import Pairs, Tariff
from omnillm.gateway.quotes.weights import weigh, weigh_all
from omnillm.gateway.sessions.turns import turn_bound
from omnillm.pricing.cost import Price
from omnillm.pricing.terms import PLAIN
from omnillm.protocols.protocol import Members
from omnillm.protocols.sessions.registry import SESSIONS
from omnillm.protocols.tool_caps import tool_caps
from omnillm.providers.paths import GENERATE, REALTIME
from omnillm.routing.target import Plan, Target

MOST_TARIFFS = 4096
LONGEST_TERMS = 128
"""Characters that an error repeats of what a caller asked for."""


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
        """`apart_fields`: header fields that ask for something that is paid apart, at an unknown price."""
        self.prices = prices
        self._free = Quote(prices=prices, is_charged=False)
        self._apart_fields = apart_fields
        self._default_output_tokens = default_output_tokens
        self._default_tool_calls = default_tool_calls
        self._unknown = unknown
        self._tariffs: dict[tuple[Target, ...], Tariff] = {}
        """Kept for calls that ask for tokens alone, by the targets of their plans. Model names can come from strangers."""

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
        """The quote, and (provider, model) of the targets that may be tried. A caller with a budget cannot use one without a price."""
        if call.operation != GENERATE and not call.protocol.family:
            return self._quote_session(call, plan) if call.operation == REALTIME else (self._free, plan.pairs)
        budgets = call.caller.budgets
        if (budgets or call.caller.models) and (bridge is None or not bridge.rewrites_all) and has_ambiguous_body(call):
            raise BadRequest("A member stands twice in the body, or in odd letters; what is asked must be sure.", code="repeated_member")
        if budgets and not self._apart_fields.isdisjoint(call.headers):
            raise self._paid_apart(call)
        if bridge is None:
            outline = call.outline
            if outline is None:
                estimate, prompt_bound = weigh(call.protocol, call.members)
            else:
                estimate, prompt_bound = weigh(call.protocol, outline.members, len(call.body) - len(outline.body))
            peek, extras = call.peek, {}
            if peek.price_members or call.protocol.asks is not None:
                extras = extras_of(plan.targets, [call] * len(plan.targets))
        else:
            sent = [bridge.find(target) or call for target in plan.targets]
            estimate, prompt_bound, peek = weigh_all(sent or [call])
            extras = extras_of(plan.targets, sent)
        caps: Members = {}
        if extras and budgets:
            extras, caps = self._with_capped_tools(call, plan, bridge)
        cap = peek.output_cap
        output = (cap or self._default_output_tokens) * peek.n
        needs_price = budgets or self._unknown == "refuse"
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
    ) -> tuple[dict[tuple[str, str], Extras], Members]:
        """The extras once each body limits its calls of tools, and the members that add this limit to the client's own body."""
        caps = tool_caps(call.protocol.name, call.members, self._default_tool_calls)
        own = replace(call, members=call.members | caps) if caps else call
        if bridge is None:
            return extras_of(plan.targets, [own] * len(plan.targets)), caps
        if isinstance(bridge, Bridge):
            bridge.cap_tools(self._default_tool_calls)
        return extras_of(plan.targets, [bridge.find(target) or own for target in plan.targets]), caps

    def _quote_session(self, call: Call, plan: Plan) -> tuple[Quote, Pairs]:
        """For a live session: its first turn. Later turns are reserved as they come."""
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
        """The quote with the money of its dearest target, and a cap if it needs one to have a bound; and the targets with a known price."""
        is_budgeted = bool(call.caller.budgets)
        # If a call asks for tokens alone, its targets decide what it costs, so the tariff is kept by them.
        tariff = None if quote.extras else self._tariffs.get(targets)
        if tariff is None:
            tariff = self._tariff(call, targets, quote)
        if quote.uncapped_choices and tariff.has_open_end and call.protocol.output_cap_member:
            quote = replace(quote, injected_cap=self._default_output_tokens)
            if isinstance(bridge, Bridge):
                bridge.cap(self._default_output_tokens)
        return replace(quote, amount_nanousd=tariff.most_nanousd(quote)) if is_budgeted else quote, tariff.targets

    def _tariff(self, call: Call, targets: tuple[Target, ...], quote: Quote) -> Tariff:
        tariff = Tariff.of(self._priced(call, targets, quote))
        if not quote.extras:
            if len(self._tariffs) >= MOST_TARIFFS:
                self._tariffs.clear()
            self._tariffs[targets] = tariff
        return tariff

    def _priced(self, call: Call, targets: tuple[Target, ...], quote: Quote) -> Sequence[tuple[tuple[str, str], Price | None]]:
        """(provider, model) of the targets that may be tried, with their prices. If there is none, raises why."""
        priced: list[tuple[tuple[str, str], Price | None]] = []
        unbounded: list[tuple[str, str]] = []
        for target in targets:
            key = (target.provider, target.model)
            extras = quote.extras.get(key, NO_EXTRAS)
            price = self.prices.find(key, extras.terms)
            if price is None:
                if self._unknown == "allow":
                    priced.append((key, quote.price(key)))
            elif call.caller.budgets and (why := extras.why_unbounded(price)):
                unbounded.append((why, extras.asked.unbounded_code or "unbounded_cost"))
            else:
                priced.append((key, price))
        if priced:
            return priced
        if unbounded:
            why, code = unbounded[0]
            raise BadRequest(f"The call has a budget, and its cost has no upper bound: {why}.", code=code)
        raise BudgetExceeded(
            f"Model {call.model!r} has no known price{_terms_named(quote)}, and what it costs must be known: an administrator can add the "
            "price under pricing.overrides, a program in Gateway(prices=...).",
            code="price_unknown",
        )


def _terms_named(quote: Quote) -> str:
    """The terms that were asked for, as they are named in a price's version, as far as they go."""
    named = next((str(extras.terms)[:LONGEST_TERMS] for extras in quote.extras.values() if extras.terms != PLAIN), "")
    return f" under these terms ({named.removeprefix(';').replace(';', ', ')})" if named else ""
