"""What the fake provider would bill: computed from its own counts, never from what it told a client."""

from collections.abc import Mapping

import msgspec

from omnillm.usage import Usage

Rates = Mapping[str, int]
"""nano-USD per million tokens: input and output; optional cache_read, cache_write, input_audio, input_image and input_video (like input),
reasoning, output_audio, output_image and output_video (like output), cache_read_audio and cache_read_image (like their uncached ones where
those are stated, else like cache_read); per million too: search (units), image, character, audio_ms."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One billed request."""

    number: int
    """Of its record in the log, from 1."""
    key: str
    model: str
    usage: Usage
    cost_nanousd: int
    is_partial: bool
    """The client hung up before the end."""


class Invoice:
    """The lines, in the order in which the requests ended. A model without a price costs nothing; `*` prices every other model.

    What was served in a tier costs as `MODEL;tier=TIER`, where there is such a price.
    """

    def __init__(self, prices: Mapping[str, Rates]) -> None:
        self._prices = dict(prices)
        self.lines: list[Line] = []

    def add(self, *, number: int, key: str, model: str, usage: Usage, is_partial: bool, variant: str = "") -> None:
        """`variant`: a service tier, where `MODEL;tier=TIER` has prices; size and quality of images, where `image VARIANT` is a rate."""
        rates = self._prices.get(f"{model};tier={variant}") or self._prices.get(model) or self._prices.get("*") or {}
        if f"image {variant}" in rates:
            rates = {**rates, "image": rates[f"image {variant}"]}
        cost = bill(usage, rates)
        self.lines.append(Line(number=number, key=key, model=model, usage=usage, cost_nanousd=cost, is_partial=is_partial))

    @property
    def total_nanousd(self) -> int:
        return sum(line.cost_nanousd for line in self.lines)

    @property
    def by_key(self) -> dict[str, int]:
        """nano-USD by key."""
        totals: dict[str, int] = {}
        for line in self.lines:
            totals[line.key] = totals.get(line.key, 0) + line.cost_nanousd
        return totals

    @property
    def models(self) -> tuple[str, ...]:
        """The priced models by name."""
        return tuple(model for model in self._prices if model != "*" and ";tier=" not in model)


def bill(usage: Usage, rates: Rates) -> int:
    """nano-USD, rounded up once."""
    if not rates:
        return 0
    fresh, said = rates["input"], rates["output"]
    cached = rates.get("cache_read", fresh)
    micro = (
        usage.input * fresh
        + usage.cache_read * cached
        + usage.cache_write_short * rates.get("cache_write", fresh)
        + usage.output * said
        + usage.reasoning * rates.get("reasoning", said)
        + usage.input_audio * rates.get("input_audio", fresh)
        + usage.cache_read_audio * rates.get("cache_read_audio", rates.get("input_audio", cached))
        + usage.output_audio * rates.get("output_audio", said)
        + usage.input_image * rates.get("input_image", fresh)
        + usage.cache_read_image * rates.get("cache_read_image", rates.get("input_image", cached))
        + usage.output_image * rates.get("output_image", said)
        + usage.input_video * rates.get("input_video", fresh)
        + usage.output_video * rates.get("output_video", said)
        + usage.tool_calls * rates.get("search", 0)
        + usage.images * rates.get("image", 0)
        + usage.characters * rates.get("character", 0)
        + usage.audio_ms * rates.get("audio_ms", 0)
    )
    whole, rest = divmod(micro, 1_000_000)
    return whole + (rest > 0)
