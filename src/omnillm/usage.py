"""What an attempt consumed, as one vector of disjoint counts: nothing in it is counted twice.

Providers differ (OpenAI and Gemini count cached input inside the prompt, Anthropic outside; Gemini counts reasoning outside the
output): each protocol's `peek.py` brings its own numbers to this form. What a provider does not tell apart is text.
"""

from operator import add

import msgspec
from msgspec.structs import astuple

MAX_COUNT = 2**53
"""A count above this is a lie or a defect; it is clamped, so that sums fit an int64."""
MOST_OF_ONE = 2**31
"""Of one attempt: no model reads or writes so many tokens, in however many turns, and no tool is called so often. More tells nothing."""


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """Counts of one attempt (or their sum): tokens of the prompt, then of the completion, then what is no token."""

    input: int = 0
    """Uncached input that is neither sound nor picture nor film."""
    cache_read: int = 0
    """Likewise, and read from a prompt cache."""
    cache_write_short: int = 0
    """Written to a prompt cache for about 5 minutes (or for the provider's only term)."""
    cache_write_long: int = 0
    """Written to a prompt cache for an hour or more."""
    input_audio: int = 0
    """Uncached, like `input_image` and `input_video`."""
    cache_read_audio: int = 0
    input_image: int = 0
    cache_read_image: int = 0
    """Pictures and film: no price list tells these apart in a cache."""
    input_video: int = 0
    output: int = 0
    """Visible output, without reasoning, that is neither sound nor picture nor film."""
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    output_video: int = 0
    images: int = 0
    """Pictures that are paid by the piece."""
    tool_calls: int = 0
    """Server-side tool calls that the provider charges for (web searches and the like); of rerank: search units."""
    characters: int = 0
    """Of a text that was spoken, where the provider charges by them."""
    audio_ms: int = 0
    """Length of audio that was read, where the provider charges by it."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**dict(zip(self.__struct_fields__, map(add, astuple(self), astuple(other)), strict=True)))

    @property
    def prompt_tokens(self) -> int:
        """All that was read, cached or not."""
        text = self.input + self.cache_read + self.cache_write_short + self.cache_write_long
        return text + self.input_audio + self.cache_read_audio + self.input_image + self.cache_read_image + self.input_video

    @property
    def completion_tokens(self) -> int:
        """All that was written, with what was only thought."""
        return self.output + self.reasoning + self.output_audio + self.output_image + self.output_video

    @property
    def total_tokens(self) -> int:
        """Prompt and completion."""
        # Spelt out: it is read at the end of every call, and each property would be a call of its own.
        text = self.input + self.cache_read + self.cache_write_short + self.cache_write_long + self.output + self.reasoning
        sound = self.input_audio + self.cache_read_audio + self.output_audio
        return text + sound + self.input_image + self.cache_read_image + self.input_video + self.output_image + self.output_video

    @property
    def is_incredible(self) -> bool:
        """A count is beyond all bounds of one attempt, so that none of them tells anything."""
        return max(self.total_tokens, self.tool_calls, self.audio_ms) >= MOST_OF_ONE

    @property
    def total(self) -> int:
        """The ancestor's name of `total_tokens`."""
        return self.total_tokens


NO_USAGE = Usage()


def count(value: object) -> int:
    """A provider's number as a count: negative, absent, boolean or not a number -> 0, absurd -> MAX_COUNT."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return 0
    return int(min(value, MAX_COUNT))
