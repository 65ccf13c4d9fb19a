"""Tokens of sound and pictures, cached or not: the ledger is the provider's invoice to the nano-dollar, streamed and not, translated and not."""

import base64
import json
from pathlib import Path

import openai
import pytest
from tests.journeys.families.families import PNG, family_configuration, provider_of_families, wav
from tests.journeys.running import VIRTUAL_KEY, Serve, configuration
from tests.journeys.wire import Reply, ask, exchange

from omnillm.assemble import SystemClock
from omnillm.testing import Behaviour, FakeProvider
from omnillm.usage import Usage

RATES = {
    "input": 4_000_000_000,
    "cache_read": 400_000_000,
    "output": 16_000_000_000,
    "input_audio": 32_000_000_000,
    "cache_read_audio": 500_000_000,
    "input_image": 5_000_000_000,
    "cache_read_image": 600_000_000,
    "output_image": 30_000_000_000,
}
UNSTATED = {name: RATES[name] for name in RATES if name not in {"cache_read_audio", "cache_read_image"}}
"""What nobody states is charged in full, by both sides."""
PACKED = base64.b64encode(PNG).decode()
PARTS = {
    "openai_chat": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look!"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PACKED}"}},
                ],
            }
        ]
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Look!"}, {"inlineData": {"mimeType": "image/png", "data": PACKED}}]}]},
    "anthropic_messages": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look!"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PACKED}},
                ],
            }
        ]
    },
}
TEXT, IMAGE, HEARD, DRAWN = 2, 100, 50, 70


def price(rates: dict[str, int]) -> str:
    return "{" + ", ".join(f"{name}: {rate / 1_000_000_000}" for name, rate in rates.items()) + "}"


async def asked(serve: Serve, dialect: str, model: str, cached: int, rates: dict[str, int], *, store: str = "memory://") -> list[Usage]:
    """The usages of one plain and one streamed call, once the books agree."""
    behaviour = Behaviour(words=6, cached_tokens=cached, heard_tokens=HEARD, drawn_tokens=DRAWN)
    async with FakeProvider(keys={"sk-good": behaviour}, prices={"fake-small": rates}, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, price=price(rates), store=store))
        found = []
        for is_stream in (False, True):
            reply = await exchange(gateway.port, ask(dialect, "", is_stream=is_stream, model=model, more=PARTS[dialect]))
            assert reply.is_answer
            check_told(reply, dialect)
            request, [attempt] = await gateway.last()
            assert request.usage == attempt.usage == fake.invoice.lines[-1].usage
            assert attempt.cost_nanousd == fake.invoice.lines[-1].cost_nanousd
            found.append(attempt.usage)
        await gateway.agrees_with(fake)
    return found


def check_told(reply: Reply, dialect: str) -> None:
    """The client learns of every token, in its own words."""
    told = json.dumps(reply.events if reply.headers["content-type"].startswith("text/event-stream") else reply.json)
    if dialect == "gemini":
        assert f'"promptTokenCount": {TEXT + IMAGE + HEARD}' in told
        assert f'{{"modality": "AUDIO", "tokenCount": {HEARD}}}' in told
        assert f'{{"modality": "IMAGE", "tokenCount": {DRAWN}}}' in told


@pytest.mark.parametrize(
    ("cached", "prompt"),
    [
        (0, Usage(input=TEXT, input_image=IMAGE, input_audio=HEARD)),
        (TEXT + 60, Usage(cache_read=TEXT, input_image=40, cache_read_image=60, input_audio=HEARD)),
        (TEXT + IMAGE + 20, Usage(cache_read=TEXT, cache_read_image=IMAGE, input_audio=30, cache_read_audio=20)),
    ],
)
@pytest.mark.parametrize("dialect", ["openai_chat", "gemini"])
async def test_every_kind_of_token_is_charged_as_the_provider_bills_it(serve: Serve, dialect: str, cached: int, prompt: Usage) -> None:
    """Text, picture and sound, each with a part that came from the cache; a picture in the reply; the stream as the plain reply."""
    model = "gemini" if dialect == "gemini" else "fast"
    expected = prompt + Usage(output=6, output_image=DRAWN)
    assert await asked(serve, dialect, model, cached, RATES) == [expected, expected]


@pytest.mark.parametrize(("dialect", "model"), [("gemini", "fast"), ("openai_chat", "gemini"), ("anthropic_messages", "gemini")])
async def test_a_translated_call_is_charged_by_what_the_provider_told(serve: Serve, dialect: str, model: str, tmp_path: Path) -> None:
    """Whatever the client's protocol can say of it; the unstated rates are those of what is not cached."""
    usages = await asked(serve, dialect, model, TEXT + IMAGE + 20, UNSTATED, store=f"sqlite:///{tmp_path / 'omnillm.db'}")
    assert [(each.cache_read_image, each.cache_read_audio, each.output_image) for each in usages] == [(IMAGE, 20, DRAWN)] * 2


async def test_images_and_audio_at_a_providers_own_path_are_charged_as_such(serve: Serve) -> None:
    """Below /providers a reply is read in the words of its family too: pictures, sound that is made, sound that is heard, by tokens or seconds."""
    async with provider_of_families() as fake:
        text = family_configuration(fake, hard=False).replace("output_audio: 12}", "output_audio: 12, max_output: 2000}")
        gateway = await serve(text)
        base_url = f"{gateway.base_url}/providers/openai/v1"
        expected = []
        async with openai.AsyncOpenAI(base_url=base_url, api_key=VIRTUAL_KEY, max_retries=0) as client:
            await client.images.generate(model="gpt-image-1", prompt="a lake", quality="low")
            async for _ in await client.images.generate(model="gpt-image-1", prompt="a lake", quality="low", stream=True):
                pass
            expected += [Usage(input=2, output_image=272)] * 2
            await client.images.edit(model="gpt-image-1", prompt="a lake", quality="low", image=("a.png", PNG))
            expected.append(Usage(input=4, input_image=323, output_image=272))
            spoken = client.audio.speech.with_streaming_response.create(
                model="gpt-4o-mini-tts", input="Seven herons.", voice="alloy", stream_format="sse"
            )
            async with spoken as reply:
                await reply.read()
            expected.append(Usage(input=4, output_audio=13))
            await client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", wav(1)))
            expected.append(Usage(input_audio=11, output=8))
            await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(1)))
            expected.append(Usage(audio_ms=1002))
        ledger, settled, _ = await gateway.books()
        assert [line.usage for line in fake.invoice.lines] == expected
        assert ledger == settled == fake.invoice.total_nanousd
