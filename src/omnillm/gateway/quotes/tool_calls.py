"""A stream in which the model may call the provider's own tools: what it can have used so far, by the calls that were shown."""

from collections.abc import Hashable
from typing import Final

from omnillm.framing.sse import Frame
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.sessions.turns import LONGEST_CONTEXT
from omnillm.pricing.cost import Price, Units
from omnillm.protocols.protocol import Protocol, StreamWatch

TOOLS_PROMPT: Final = 2**14
"""Tokens that a provider's own tools add to a prompt before any of them is called: their descriptions have a few thousand."""


class ToolCalls:
    """Sees each event before the stream's watch does. A model reads its context anew behind each call, and not before."""

    __slots__ = ("_protocol", "_shown", "_watch")

    def __init__(self, watch: StreamWatch, protocol: Protocol) -> None:
        self._watch = watch
        self._protocol = protocol
        self._shown: set[Hashable] = set()

    @classmethod
    def of(cls, watch: StreamWatch, protocol: Protocol, quote: Quote, target: tuple[str, str]) -> "ToolCalls | None":
        """None: there is nothing to count, or the protocol does not show each call when it begins."""
        extras = quote.extras.get(target)
        return cls(watch, protocol) if extras is not None and extras.asked.turns > 1 and protocol.shown_call is not None else None

    @property
    def count(self) -> int:
        """The calls that were shown."""
        return len(self._shown)

    def see(self, frame: Frame) -> int:
        """As `StreamWatch.see`."""
        assert self._protocol.shown_call is not None
        call = self._protocol.shown_call(frame.data)
        if call is not None:
            self._shown.add(call)
        return self._watch.see(frame)

    def bounds(self, quote: Quote, target: tuple[str, str], price: Price, observed_bytes: int) -> tuple[int, Units]:
        """(tokens of prompt, units) at most: a turn and one behind each call that was shown, and a call that may be on its way.

        What a further turn reads beyond the first, its answers and what the tools gave, stands in the stream, or may fill the context.
        """
        most, _, units = quote.bounds(target, price)
        asked = quote.extras[target].asked
        context = price.context or LONGEST_CONTEXT
        first = context if asked.has_unseen_input else quote.prompt_bound + TOOLS_PROMPT
        again = min(first + observed_bytes, context) if self._protocol.shows_results else context
        prompt = first + max(first, again) * (self.count + asked.compactions)
        return min(prompt, most), units._replace(tool_calls=min(self.count + 1, units.tool_calls))
