"""A model's entry in a price list, with all its rates. With the terms of one call it becomes a `Price`."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from omnillm.pricing.cost import Price
from omnillm.pricing.terms import Terms

MAX_RATE: Final = 10**15
"""nano-USD per million tokens: one USD a token. More is a slip of the pen, and is refused."""
MAX_FEE: Final = 10**18
"""nano-USD per million images, tool calls or attempts: 1,000 USD each."""
MAX_TOKENS: Final = 10**9

Rate = Annotated[int, msgspec.Meta(ge=0, le=MAX_RATE)]
Fee = Annotated[int, msgspec.Meta(ge=0, le=MAX_FEE)]
Tokens = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]
Permille = Annotated[int, msgspec.Meta(ge=1000, le=10_000)]

NEVER_DEARER: Final = frozenset({"flex", "batch"})
"""Tiers that cost at most what the standard one does: without figures of its own such a tier is charged as standard."""
THOUSAND: Final = 1000


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Rates of one tier, or above one length of prompt. None: the model's own rate."""

    input: Rate | None = None
    output: Rate | None = None
    cache_read: Rate | None = None
    cache_write_short: Rate | None = None
    cache_write_long: Rate | None = None
    reasoning: Rate | None = None
    input_audio: Rate | None = None
    cache_read_audio: Rate | None = None
    output_audio: Rate | None = None
    input_image: Rate | None = None
    cache_read_image: Rate | None = None
    output_image: Rate | None = None
    input_video: Rate | None = None
    output_video: Rate | None = None
    image: Fee | None = None
    character: Rate | None = None
    audio_ms: Rate | None = None


class Tier(Rates, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    steps: dict[str, Rates] = {}


class Listing(Rates, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """nano-USD per million units."""

    steps: dict[str, Rates] = {}
    """Above so many prompt tokens -> other rates."""
    tiers: dict[str, Tier] = {}
    """Service tier -> other rates. A tier has its own steps, or none."""
    tools: dict[str, Fee] = {}
    """The provider's tool -> fee of a call."""
    tool_call: Fee | None = None
    """Fee of a call of any tool that `tools` does not name."""
    uplifts: dict[str, Permille] = {}
    """Place of inference -> thousandths that every token costs there."""
    images: dict[str, Fee] = {}
    """Quality and size, "hd/1024x1792" -> fee of such an image; one that is not named here costs as the dearest."""
    request: Fee = 0
    max_output: Tokens = 0
    context: Tokens = 0
    thinks: bool | None = None
    """Whether the model may reason without showing it; None: nobody has said so, and it may."""
    uncapped: bool = False
    """A request cannot say how often the model may call the provider's tools: it does not heed what bounds them elsewhere."""
    unbounded: bool = False
    """Nothing in a request says how much may be read and written for it: several work on one answer, and the work of all is billed."""

    def price(self, terms: Terms, version: str, *, is_folded: bool = False) -> Price | None:
        """The price under these terms; None: it is not known. `is_folded`: for usage that does not tell image tokens apart (`_folded`)."""
        tier = self.tiers.get(terms.tier)
        uplift = self.uplifts.get(terms.place) if terms.place else THOUSAND
        fee = self._fee(terms.tools)
        if uplift is None or fee is None or (terms.tier and tier is None and terms.tier not in NEVER_DEARER):
            return None
        own = _stated(self)
        if self.images:
            own["image"] = self.images.get(terms.image, max(self.images.values()))
        base = own if tier is None else own | _stated(tier)
        steps = self.steps if tier is None else tier.steps
        of = _folded if is_folded else _uplifted
        common: dict[str, Any] = {"tool_call": fee, "request": self.request, "version": f"{version}{terms}"}
        return Price.of(
            **of(base, uplift),
            **common,
            max_output=self.max_output,
            context=self.context,
            thinks=self.thinks is not False,
            is_uncapped=self.uncapped,
            is_unbounded=self.unbounded,
            steps=tuple(
                (int(above), Price.of(**of(own | _stated(rates), uplift), **common))
                for above, rates in sorted(steps.items(), key=lambda each: int(each[0]))
            ),
        )

    def _fee(self, tools: tuple[str, ...]) -> int | None:
        """The fee of the dearest of these tools; if none is named, of the dearest that there is."""
        if not tools:
            return max((*self.tools.values(), self.tool_call or 0))
        fees = [self.tools.get(tool, self.tool_call) for tool in tools]
        return None if None in fees else max(fee for fee in fees if fee is not None)


_NAMES: Final = Rates.__struct_fields__


def _stated(rates: Rates) -> dict[str, int]:
    return {name: amount for name in _NAMES if (amount := getattr(rates, name)) is not None}


def _uplifted(rates: Mapping[str, int], uplift: int) -> dict[str, int]:
    """The rates of a `Price`, rounded up."""
    return {name: -(-amount * uplift // THOUSAND) for name, amount in rates.items()}


def _folded(rates: Mapping[str, int], uplift: int) -> dict[str, int]:
    """The rates with a single one for text and image tokens of a side: the dearer of the two."""
    folded = _uplifted(rates, uplift)
    for name, image in (("input", "input_image"), ("output", "output_image")):
        folded[name] = max(folded.get(name, 0), folded.pop(image, 0))
    for name in ("cache_write_short", "cache_write_long"):
        if name in folded and "input_image" in rates:
            folded[name] = max(folded[name], folded["input"])
    return folded
