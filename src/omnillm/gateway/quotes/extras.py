"""What a call asks of each target besides the tokens in its body (tools, tiers, images). It is read before the call is priced."""

from collections.abc import Sequence

import msgspec

from omnillm.gateway.bridges.bridge import Bridged
from omnillm.gateway.call import Call
from omnillm.pricing.cost import NO_UNITS, Price, Units
from omnillm.pricing.terms import PLAIN, Terms
from omnillm.protocols.extras import Asked
from omnillm.protocols.priced import read_asked
from omnillm.routing.target import Target


class Extras(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a call asks of one target beyond tokens that its body shows, as it was read and as prices call it. Counts are upper bounds."""

    asked: Asked
    terms: Terms = PLAIN
    units: Units = NO_UNITS

    @property
    def context_reads(self) -> int:
        """How often the whole context may be read as prompt; 0: only the body is."""
        return self.asked.turns if self.asked.has_unseen_input or self.asked.turns > 1 else 0

    def why_unbounded(self, price: Price) -> str:
        """What has no bound at this price; nothing: all of it has one."""
        asked = self.asked
        if price.is_unbounded:
            return "the model (several work on one answer, and all that they read and write is billed)"
        if asked.unbounded_output and price.dearest_output and not price.max_output:
            return asked.unbounded_output
        if price.is_uncapped and (self.terms.tools or self.units.tool_calls):
            return "tools (this provider lets no request bound how often its own are called)"
        return asked.unbounded or (asked.unbounded_audio if price.audio_ms else "")


NO_EXTRAS = Extras(asked=Asked())


def extras_of(targets: Sequence[Target], sent: Sequence[Call | Bridged]) -> dict[tuple[str, str], Extras]:
    """`sent`: the body of each target, as it reads it itself: money rests on that."""
    found: dict[tuple[str, str], Extras] = {}
    for target, body in zip(targets, sent, strict=True):
        protocol, peek = body.protocol, body.peek
        if protocol.asks is not None:
            found[target.provider, target.model] = _of_asked(protocol.asks(body.members))
        elif peek.price_members:
            found[target.provider, target.model] = _of_asked(read_asked(protocol.name, body.members, peek.price_members, peek.n))
    return found


def _of_asked(asked: Asked) -> Extras:
    return Extras(
        asked=asked,
        terms=Terms(tier=asked.tier, place=asked.place, tools=tuple(sorted(asked.tools)), image=asked.image),
        units=Units(asked.calls, asked.images, asked.characters, asked.audio_ms),
    )
