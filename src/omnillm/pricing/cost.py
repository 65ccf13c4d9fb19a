"""Prices and what usage costs at them: integers only, one rounding, upwards. Estimate and settlement are the same arithmetic.

A rate is integer nano-USD per 1,000,000 units, so 0.4 USD per million tokens is 400,000,000.
"""

from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import force_setattr

from omnillm.usage import Usage

MAX_COST_NANOUSD: Final = 2**53
"""About 9 million USD an attempt. More can only come from a wrong usage, and sums of it would not fit an int64."""
MILLION: Final = 1_000_000
MOST: Final = MAX_COST_NANOUSD * MILLION


class Price(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Every rate of one model under the terms of one call. Build it with `Price.of`, which knows what an unstated rate is."""

    input: int
    output: int
    cache_read: int
    cache_write_short: int
    cache_write_long: int
    reasoning: int
    input_audio: int
    cache_read_audio: int
    output_audio: int
    input_image: int
    """Per million tokens; so are all above and the next three."""
    cache_read_image: int
    output_image: int
    input_video: int
    output_video: int
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
    thinks: bool = True
    """Whether the model may reason, and bill it, without showing it."""
    is_uncapped: bool = False
    """A request cannot say how often the model may call the provider's tools."""
    is_unbounded: bool = False
    """Nor how much is read and written for it."""
    version: str = "configured"
    """Names the figures and the terms, so that a row's cost can be computed again (`pricing/reference.py`)."""
    steps: tuple[tuple[int, "Price"], ...] = ()
    """A prompt of more tokens than this costs these rates throughout; the thresholds rise."""
    dearest_input: int = 0
    """The highest of the rates that a prompt token can cost; and `dearest_output` of a completion token. Derived."""
    dearest_output: int = 0

    @classmethod
    def of(cls, **stated: Any) -> "Price":
        """From the fields that are stated, at least `input` and `output`.

        An unstated rate is that of what it is a kind of: cache reads and writes and whatever comes in cost as input, a write for an hour at
        least as one for five minutes, reasoning and whatever goes out as output; images and tool calls are then free. Sound and pictures
        that come from a cache cost as text from there, unless uncached ones are dearer than text: then as uncached, because nobody has
        said that the provider takes less.
        """
        fresh, said = stated["input"], stated["output"]
        cached = stated.get("cache_read", fresh)
        seen = max(stated.get("input_image", fresh), stated.get("input_video", fresh))
        unstated: dict[str, Any] = {
            **dict.fromkeys(("cache_read", "cache_write_short", "input_audio", "input_image", "input_video"), fresh),
            "cache_write_long": max(stated.get("cache_write_short", fresh), fresh),
            "cache_read_audio": _uncached(stated.get("input_audio", fresh), fresh, cached),
            "cache_read_image": _uncached(seen, fresh, cached),
            **dict.fromkeys(("reasoning", "output_audio", "output_image", "output_video"), said),
            **dict.fromkeys(("image", "tool_call"), 0),
        }
        return cls(**(unstated | stated))

    def __post_init__(self) -> None:
        texts = (self.input, self.cache_read, self.cache_write_short, self.cache_write_long)
        sounds = (self.input_audio, self.cache_read_audio)
        sights = (self.input_image, self.cache_read_image, self.input_video)
        force_setattr(self, "dearest_input", max(texts + sounds + sights))
        force_setattr(self, "dearest_output", max(self.output, self.reasoning, self.output_audio, self.output_image, self.output_video))


def _uncached(rate: int, text: int, cached_text: int) -> int:
    """What a token of sound or picture costs from a cache, where nobody states it."""
    return max(rate, cached_text) if rate > text else cached_text


def cost(usage: Usage, price: Price) -> int:
    """nano-USD of one attempt, rounded up once, at most `MAX_COST_NANOUSD`."""
    rates = price
    if price.steps:
        prompt = usage.prompt_tokens
        for above, dearer in price.steps:
            if prompt > above:
                rates = dearer
    total = usage.input * rates.input + usage.output * rates.output + usage.reasoning * rates.reasoning + price.request
    # Most calls have few of these, and a test takes half as long as to multiply and add.
    if usage.cache_read or usage.cache_write_short or usage.cache_write_long:
        total += usage.cache_read * rates.cache_read
        total += usage.cache_write_short * rates.cache_write_short + usage.cache_write_long * rates.cache_write_long
    if usage.input_audio or usage.cache_read_audio or usage.output_audio:
        total += usage.input_audio * rates.input_audio
        total += usage.cache_read_audio * rates.cache_read_audio + usage.output_audio * rates.output_audio
    if usage.input_image or usage.cache_read_image or usage.output_image or usage.input_video or usage.output_video:
        total += usage.input_image * rates.input_image + usage.input_video * rates.input_video
        total += usage.cache_read_image * rates.cache_read_image
        total += usage.output_image * rates.output_image + usage.output_video * rates.output_video
    if usage.tool_calls or usage.images or usage.characters or usage.audio_ms:
        total += usage.tool_calls * rates.tool_call + usage.images * rates.image
        total += usage.characters * rates.character + usage.audio_ms * rates.audio_ms
    return MAX_COST_NANOUSD if total > MOST else -(-total // MILLION)


def cost_of_many(usage: Usage, price: Price, *, requests: int, longest: int) -> int:
    """As `cost`, of what so many requests used together, none of whose prompts is longer than `longest` tokens."""
    rates = _rates_for(longest, price)
    return cost(usage, msgspec.structs.replace(rates, request=price.request * requests, steps=()))


def _rates_for(prompt_tokens: int, price: Price) -> Price:
    return next((dearer for above, dearer in reversed(price.steps) if prompt_tokens > above), price)


class Units(NamedTuple):
    """Upper bounds of what is no token."""

    tool_calls: int = 0
    images: int = 0
    characters: int = 0
    audio_ms: int = 0


NO_UNITS: Final = Units()


def bound(input_tokens: int, output_tokens: int, price: Price, units: Units = NO_UNITS) -> int:
    """nano-USD that no usage of at most so many prompt tokens, completion tokens and units can exceed."""
    total = input_tokens * price.dearest_input + output_tokens * price.dearest_output
    if units is not NO_UNITS:
        total += _of_units(units, price)
    for above, rates in price.steps:
        if input_tokens > above:
            dearer = input_tokens * rates.dearest_input + output_tokens * rates.dearest_output + _of_units(units, rates)
            total = max(total, dearer)
    most = -(-(total + price.request) // MILLION)
    return most if most < MAX_COST_NANOUSD else MAX_COST_NANOUSD


def bound_behind(prompt: Usage, output_tokens: int, price: Price, tool_calls: int = 0) -> int:
    """nano-USD of a prompt whose usage is known, and of at most so many completion tokens and calls of tools behind it."""
    rates = _rates_for(prompt.prompt_tokens, price)
    whole = msgspec.structs.replace(prompt, output=output_tokens, tool_calls=tool_calls)
    return cost(whole, msgspec.structs.replace(rates, output=rates.dearest_output, request=price.request, steps=()))


def _of_units(units: Units, rates: Price) -> int:
    """Millionths of a nano-USD."""
    made = units.tool_calls * rates.tool_call + units.images * rates.image
    return made + units.characters * rates.character + units.audio_ms * rates.audio_ms
