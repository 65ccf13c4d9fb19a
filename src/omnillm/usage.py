"""What an attempt consumed, as one vector of disjoint counts: nothing in it is counted twice.

Providers differ (OpenAI and Gemini count cached input inside the prompt, Anthropic outside; Gemini counts reasoning outside the
output): each protocol's `peek.py` brings its own numbers to this form.
"""

import msgspec

MAX_COUNT = 2**53
"""A count above this is a lie or a defect; it is clamped, so that sums fit an int64."""


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Counts of one attempt (or their sum). Tokens, but for the last four."""

    input: int = 0
    """Uncached input."""
    cache_read: int = 0
    cache_write_short: int = 0
    """Written to a prompt cache for about 5 minutes (or for the provider's only term)."""
    cache_write_long: int = 0
    """Written to a prompt cache for an hour or more."""
    output: int = 0
    """Visible output, without reasoning."""
    reasoning: int = 0
    input_audio: int = 0
    output_audio: int = 0
    images: int = 0
    tool_calls: int = 0
    """Server-side tool calls that the provider charges for (web searches and the like); of rerank: search units."""
    characters: int = 0
    """Of a text that was spoken, where the provider charges by them."""
    audio_ms: int = 0
    """Length of audio that was read, where the provider charges by it."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=self.input + other.input,
            cache_read=self.cache_read + other.cache_read,
            cache_write_short=self.cache_write_short + other.cache_write_short,
            cache_write_long=self.cache_write_long + other.cache_write_long,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
            input_audio=self.input_audio + other.input_audio,
            output_audio=self.output_audio + other.output_audio,
            images=self.images + other.images,
            tool_calls=self.tool_calls + other.tool_calls,
            characters=self.characters + other.characters,
            audio_ms=self.audio_ms + other.audio_ms,
        )

    @property
    def prompt_tokens(self) -> int:
        return self.input + self.cache_read + self.cache_write_short + self.cache_write_long + self.input_audio

    @property
    def completion_tokens(self) -> int:
        return self.output + self.reasoning + self.output_audio

    @property
    def total_tokens(self) -> int:
        # Spelt out: it is read at the end of every call, and each property would be a call of its own.
        prompt = self.input + self.cache_read + self.cache_write_short + self.cache_write_long + self.input_audio
        return prompt + self.output + self.reasoning + self.output_audio

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
