"""Prices and what usage costs at them: integers only, one rounding, upwards.

A rate is integer nano-USD per 1,000,000 units, so 0.4 USD per million tokens is 400,000,000.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from omnillm.usage import Usage

MAX_COST_NANOUSD: Final = 2**53
"""About 9 million USD an attempt. More is a provider's lie about its usage, and would make sums leave an int64."""
MILLION: Final = 1_000_000


class Price(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Every rate of one model. Build it with `Price.of`, which knows what an unstated rate is."""

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
    """Per million calls."""
    max_output: int = 0
    """Tokens; 0: unknown. So is `context`."""
    context: int = 0
    version: str = "configured"
    """Which list it is from: with it, a row's cost can be computed again."""
    long_prompt: int = 0
    """A call with more prompt tokens than this costs `long` throughout; 0: there is no such step."""
    long: "Price | None" = None
    dearest_input: int = 0
    """The highest of the rates that a prompt token can cost; and `dearest_output` of a completion token. Derived."""
    dearest_output: int = 0

    @classmethod
    def of(cls, **stated: int) -> "Price":
        """From the fields that are stated, at least `input` and `output`.

        An unstated rate is that of what it is a kind of: cache reads and writes and audio in cost as input, reasoning and audio out as
        output; images and tool calls are then free.
        """
        unstated: dict[str, Any] = {
            **dict.fromkeys(("cache_read", "cache_write_short", "cache_write_long", "input_audio"), stated["input"]),
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
    if price.long is not None and usage.prompt_tokens > price.long_prompt:
        price = price.long
    total = (
        usage.input * price.input
        + usage.cache_read * price.cache_read
        + usage.cache_write_short * price.cache_write_short
        + usage.cache_write_long * price.cache_write_long
        + usage.output * price.output
        + usage.reasoning * price.reasoning
        + usage.input_audio * price.input_audio
        + usage.output_audio * price.output_audio
        + usage.images * price.image
        + usage.tool_calls * price.tool_call
    )
    return min(-(-total // MILLION), MAX_COST_NANOUSD)


def bound(input_tokens: int, output_tokens: int, price: Price) -> int:
    """nano-USD that no usage of at most so many prompt and completion tokens can exceed; images and tool calls come on top."""
    total = input_tokens * price.dearest_input + output_tokens * price.dearest_output
    if price.long is not None and input_tokens > price.long_prompt:
        total = max(total, input_tokens * price.long.dearest_input + output_tokens * price.long.dearest_output)
    return min(-(-total // MILLION), MAX_COST_NANOUSD)
