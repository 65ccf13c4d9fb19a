"""The section `pricing` of `omnillm.yaml`: the operator's own prices, which come before the built-in list."""

from typing import Literal

from msgspec import Struct, field

from omnillm.config.values import ModelName, Name, NanoUsdEach, Rate, Tokens


class RateSettings(Struct, frozen=True, kw_only=True):
    """nano-USD per million tokens or images; the file gives USD per million tokens, and USD for one image. None: the model's own rate."""

    input: Rate | None = None
    output: Rate | None = None
    cache_read: Rate | None = None
    cache_write_short: Rate | None = field(default=None, name="cache_write")
    cache_write_long: Rate | None = field(default=None, name="cache_write_1h")
    reasoning: Rate | None = None
    input_audio: Rate | None = None
    cache_read_audio: Rate | None = None
    output_audio: Rate | None = None
    input_image: Rate | None = None
    cache_read_image: Rate | None = None
    output_image: Rate | None = None
    input_video: Rate | None = None
    output_video: Rate | None = None
    image: NanoUsdEach | None = field(default=None, name="per_image")
    character: Rate | None = field(default=None, name="characters")
    """USD per million characters of a text that is spoken."""
    audio_second: NanoUsdEach | None = field(default=None, name="per_second")
    """USD per second of audio that is read."""


class StepSettings(RateSettings, frozen=True, kw_only=True):
    """The rates of a call whose prompt has more than so many tokens."""

    tokens: Tokens


class TierSettings(RateSettings, frozen=True, kw_only=True):
    steps: tuple[StepSettings, ...] = field(default=(), name="above")


class PriceSettings(TierSettings, frozen=True, kw_only=True):
    """One model's price."""

    input: Rate
    output: Rate
    tiers: dict[Name, TierSettings] = field(default_factory=dict, name="service_tiers")
    tools: dict[Name, NanoUsdEach] = field(default_factory=dict, name="per_tool")
    """The provider's tool -> USD a call."""
    tool_call: NanoUsdEach | None = field(default=None, name="per_tool_call")
    """USD a call of any other tool."""
    images: dict[ModelName, NanoUsdEach] = field(default_factory=dict, name="per_image_of")
    """Quality and size ("hd/1024x1792") -> USD an image; one that is not named costs as the dearest."""
    request: NanoUsdEach | None = field(default=None, name="per_request")
    max_output: Tokens | None = None
    context: Tokens | None = None
    thinks: bool | None = None
    """False: the model never reasons unseen, which an abandoned stream is charged for."""


class PricingSettings(Struct, frozen=True, kw_only=True):
    unknown: Literal["refuse_if_budgeted", "refuse", "allow"] = "refuse_if_budgeted"
    overrides: dict[ModelName, PriceSettings] = field(default_factory=dict)
    """Keyed by provider/model."""
