"""What a call may cost before it is sent: tokens for the limits, a provable upper bound for the budgets."""

from collections.abc import Sequence

import msgspec

from omnillm.errors import BadRequest, BudgetExceeded
from omnillm.gateway.bridge import Bridge
from omnillm.gateway.call import GENERATE, Call, has_repeated_members, read_members, spelling
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.cost import Price, bound
from omnillm.pricing.estimate import bounded_prompt_tokens, estimated_prompt_tokens
from omnillm.protocols.protocol import Members, Protocol
from omnillm.routing.target import Plan, Target


class Quote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    tokens: int = 0
    """TPM to reserve: estimated prompt + output cap."""
    prompt_bound: int = 0
    output_bound: int = 0
    """Output cap x n; by default when the call has no cap."""
    amount_nanousd: int = 0
    """Bound of one attempt, of the dearest target; 0 when no budget is drawn on."""
    injected_cap: int | None = None
    """An output cap to send because the call has none and the model's own maximum is not known."""


FREE = Quote()


class PriceBook:
    """The price of each target, looked up once."""

    def __init__(self, catalog: Catalog, kinds: dict[str, str]) -> None:
        self._catalog = catalog
        self._kinds = kinds
        self._found: dict[tuple[str, str], Price | None] = {}

    def find(self, provider: str, model: str) -> Price | None:
        try:
            return self._found[provider, model]
        except KeyError:
            price = self._catalog.find(provider, self._kinds[provider], model)
            if len(self._found) < 10_000:
                self._found[provider, model] = price
            return price


class Quoter:
    """Quotes calls; `unknown` is what happens without a price: refuse_if_budgeted, refuse or allow."""

    def __init__(self, prices: PriceBook, *, default_output_tokens: int, unknown: str) -> None:
        self.prices = prices
        self._default_output_tokens = default_output_tokens
        self._unknown = unknown

    def quote(self, call: Call, plan: Plan, bridge: Bridge | None = None) -> tuple[Quote, tuple[Target, ...]]:
        """The quote and the targets that may be tried: one without a price is none for a caller with a budget."""
        if call.operation != GENERATE:
            return FREE, plan.targets
        peek = call.peek
        cap = peek.output_cap
        output = (self._default_output_tokens if cap is None else cap) * peek.n
        prompt_tokens, prompt_bound = _weigh(call.protocol, call.members)
        if bridge is not None:
            prompt_tokens, prompt_bound = _heaviest(plan.targets, bridge, prompt_tokens, prompt_bound)
        tokens = prompt_tokens + output
        if not call.caller.budgets and self._unknown != "refuse":
            return Quote(tokens=tokens, prompt_bound=prompt_bound, output_bound=output), plan.targets
        if call.caller.budgets and _is_ambiguous(call):
            raise BadRequest("A member stands twice in the request body; a budgeted call must be unambiguous.", code="repeated_member")
        priced = self._priced(call, plan)
        quote = self._bounded(call, priced, Quote(tokens=tokens, prompt_bound=prompt_bound, output_bound=output))
        if quote.injected_cap is not None and bridge is not None:
            bridge.cap(quote.injected_cap)
        return quote, plan.targets if len(priced) == len(plan.targets) else tuple(target for target, _ in priced)

    def _bounded(self, call: Call, priced: Sequence[tuple[Target, Price | None]], quote: Quote) -> Quote:
        """The quote with the money of the dearest target, and the cap that makes it a bound."""
        output, n, is_capped = quote.output_bound, call.peek.n, call.peek.output_cap is not None
        amount, output_bound, injected = 0, output, None
        for _, price in priced:
            if price is None:
                continue
            at_most = output
            if not is_capped:
                at_most = price.max_output * n or output
                injected = injected if price.max_output else self._default_output_tokens
            if call.caller.budgets:
                amount = max(amount, bound(quote.prompt_bound, at_most, price))
            output_bound = max(output_bound, at_most)
        return Quote(
            tokens=quote.tokens,
            prompt_bound=quote.prompt_bound,
            output_bound=output_bound,
            amount_nanousd=amount,
            injected_cap=injected,
        )

    def _priced(self, call: Call, plan: Plan) -> Sequence[tuple[Target, Price | None]]:
        """The targets that may be tried, with their prices. Raises BudgetExceeded when none has one, unless unknown prices are allowed."""
        priced = [(target, self.prices.find(target.provider, target.model)) for target in plan.targets]
        if self._unknown != "allow":
            priced = [each for each in priced if each[1] is not None]
        if not priced:
            raise BudgetExceeded(
                f"Model {call.model!r} has no known price, and what it costs must be known: an administrator can add the price under "
                "pricing.overrides.",
                code="price_unknown",
            )
        return priced


def _weigh(protocol: Protocol, members: Members) -> tuple[int, int]:
    """(tokens by estimate, tokens at most) of a body's prompt."""
    text, media = protocol.text_bytes(members), protocol.media_tokens(members)
    return estimated_prompt_tokens(text, media, protocol.name), bounded_prompt_tokens(text, media, protocol.name)


def _heaviest(targets: tuple[Target, ...], bridge: Bridge, tokens: int, most: int) -> tuple[int, int]:
    """The larger of what the client wrote and of what is written for any of the targets: they count in their own way."""
    for target in targets:
        bridged = bridge.find(target)
        if bridged is not None:
            estimated, bounded = _weigh(bridged.protocol, bridged.members)
            tokens, most = max(tokens, estimated), max(most, bounded)
    return tokens, most


def _is_ambiguous(call: Call) -> bool:
    """Whether a member stands twice where two readers may differ: at the top level, or in the object that holds the output cap (Gemini)."""
    if has_repeated_members(call.body, call.members):
        return True
    holder, dot, _ = call.protocol.output_cap_member.partition(".")
    raw = call.members.get(spelling(call.members, holder)) if dot else None
    return raw is not None and bytes(raw) != b"null" and has_repeated_members(bytes(raw), read_members(bytes(raw)))
