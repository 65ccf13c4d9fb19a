"""Prices and what usage costs at them: integers only, one rounding, upwards. Estimate and settlement are the same arithmetic.

A rate is integer nano-USD per 1,000,000 units, so 0.4 USD per million tokens is 400,000,000.
"""

from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import force_setattr

from omnillm.usage import Usage

MAX_COST_NANOUSD: Final = 2**53
"""About 9 million USD an attempt. More is a provider's lie about its usage, and would make sums leave an int64."""
MILLION: Final = 1_000_000


class Price(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Every rate of one model under the terms of one call. Build it with `Price.of`, which knows what an unstated rate is."""

    input: int
    output: int
    cache_read: int
    cache_write_short: int
    cache_write_long: int
    reasoning: int
    input_audio: int
    output_audio: int
    image: int
    """Per million images."""
    tool_call: int
    """Per million calls of the dearest tool that the call may use."""
    character: int = 0
    """Per million characters of a text that is spoken."""
    audio_ms: int = 0
    """Per million milliseconds of audio that is read."""
    request: int = 0
    """Per million attempts: of models that search in every call."""
    max_output: int = 0
    """Tokens; 0: unknown. So is `context`."""
    context: int = 0
    version: str = "configured"
    """Which figures these are, under which terms: with it, a row's cost can be computed again (`pricing/reference.py`)."""
    steps: tuple[tuple[int, "Price"], ...] = ()
    """A prompt of more tokens than this costs these rates throughout; the thresholds rise."""
    dearest_input: int = 0
    """The highest of the rates that a prompt token can cost; and `dearest_output` of a completion token. Derived."""
    dearest_output: int = 0

    @classmethod
    def of(cls, **stated: Any) -> "Price":
        """From the fields that are stated, at least `input` and `output`.

        An unstated rate is that of what it is a kind of: cache reads and writes and audio in cost as input, a write for an hour at least as
        one for five minutes, reasoning and audio out as output; images and tool calls are then free.
        """
        written = stated.get("cache_write_short", stated["input"])
        unstated: dict[str, Any] = {
            **dict.fromkeys(("cache_read", "cache_write_short", "input_audio"), stated["input"]),
            "cache_write_long": max(written, stated["input"]),
            **dict.fromkeys(("reasoning", "output_audio"), stated["output"]),
            **dict.fromkeys(("image", "tool_call"), 0),
        }
        return cls(**(unstated | stated))

    def __post_init__(self) -> None:
        inputs = (self.input, self.cache_read, self.cache_write_short, self.cache_write_long, self.input_audio)
        force_setattr(self, "dearest_input", max(inputs))
        force_setattr(self, "dearest_output", max(self.output, self.reasoning, self.output_audio))


def cost(usage: Usage, price: Price) -> int:
    """nano-USD of one attempt, rounded up once, at most `MAX_COST_NANOUSD`."""
    rates = price
    if price.steps:
        prompt = usage.prompt_tokens
        for above, dearer in price.steps:
            if prompt > above:
                rates = dearer
    total = (
        usage.input * rates.input
        + usage.cache_read * rates.cache_read
        + usage.cache_write_short * rates.cache_write_short
        + usage.cache_write_long * rates.cache_write_long
        + usage.output * rates.output
        + usage.reasoning * rates.reasoning
        + usage.input_audio * rates.input_audio
        + usage.output_audio * rates.output_audio
        + usage.images * rates.image
        + usage.tool_calls * rates.tool_call
        + usage.characters * rates.character
        + usage.audio_ms * rates.audio_ms
        + price.request
    )
    return min(-(-total // MILLION), MAX_COST_NANOUSD)


class Units(NamedTuple):
    """Upper bounds of what is no token."""

    tool_calls: int = 0
    images: int = 0
    characters: int = 0
    audio_ms: int = 0


NO_UNITS: Final = Units()


def bound(input_tokens: int, output_tokens: int, price: Price, units: Units = NO_UNITS) -> int:
    """nano-USD that no usage of at most so many prompt tokens, completion tokens and units can exceed."""
    total = _most(input_tokens, output_tokens, price, units)
    for above, rates in price.steps:
        if input_tokens > above:
            total = max(total, _most(input_tokens, output_tokens, rates, units))
    return min(-(-(total + price.request) // MILLION), MAX_COST_NANOUSD)


def _most(input_tokens: int, output_tokens: int, rates: Price, units: Units) -> int:
    """Millionths of a nano-USD."""
    tokens = input_tokens * rates.dearest_input + output_tokens * rates.dearest_output
    made = units.tool_calls * rates.tool_call + units.images * rates.image
    return tokens + made + units.characters * rates.character + units.audio_ms * rates.audio_ms
