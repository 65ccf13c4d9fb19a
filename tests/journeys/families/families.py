"""A gateway with a route for each family's models, priced as the fake provider bills them."""

import base64
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import openai
from tests.journeys.running import VIRTUAL_KEY, Running, configuration

from omnillm.assemble import SystemClock
from omnillm.testing import Behaviour, FakeProvider

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
"""One dot."""
PRICES = {
    "fake-small": {"input": 400_000_000, "output": 1_600_000_000},
    "gpt-image-1": {"input": 5_000_000_000, "output": 20_000_000_000, "input_image": 10_000_000_000, "output_image": 40_000_000_000},
    "dall-e-3": {"input": 0, "output": 0, "image": 80_000_000_000_000, "image hd/1024x1792": 120_000_000_000_000},
    "tts-1": {"input": 0, "output": 0, "character": 15_000_000_000},
    "gpt-4o-mini-tts": {"input": 600_000_000, "output": 2_400_000_000, "output_audio": 12_000_000_000},
    "whisper-1": {"input": 0, "output": 0, "audio_ms": 100_000_000},
    "gpt-4o-transcribe": {"input": 2_500_000_000, "output": 10_000_000_000, "input_audio": 6_000_000_000},
}
OVERRIDES = """
    openai/gpt-image-1: {input: 5, output: 20, input_image: 10, output_image: 40, max_output: 6250}
    openai/dall-e-3: {input: 0, output: 0, per_image: 0.08, per_image_of: {standard/1024x1024: 0.08, hd/1024x1792: 0.12}}
    openai/tts-1: {input: 0, output: 0, characters: 15}
    openai/gpt-4o-mini-tts: {input: 0.6, output: 2.4, output_audio: 12}
    openai/whisper-1: {input: 0, output: 0, per_second: 0.0001}
    openai/gpt-4o-transcribe: {input: 2.5, output: 10, input_audio: 6, max_output: 2000, context: 16000}
"""


@asynccontextmanager
async def provider_of_families() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(keys={"sk-good": Behaviour(), "sk-other": Behaviour()}, prices=PRICES, clock=SystemClock()) as provider:
        yield provider


def family_configuration(provider: FakeProvider, **options: str) -> str:
    """Further `limits` of the server are the option of that name."""
    limits = options.pop("limits", "")
    text = configuration(provider, keys={"a": "key: sk-good", "b": "key: sk-other"}, **options) + OVERRIDES.lstrip("\n")
    return text.replace("drain: 2s", f"drain: 2s, limits: {{{limits}}}") if limits else text


def sdk(gateway: Running) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0)


def wav(seconds: float, *, rate: int = 16_000) -> bytes:
    """Silence: 16 bit, one channel."""
    content = bytes(int(rate * seconds) * 2)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(content), b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data", len(content)
    )
    return head + content
