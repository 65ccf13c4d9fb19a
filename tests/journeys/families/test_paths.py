"""Endpoint families at their providers' own paths: the same readers, bounds and prices as at the root, and bytes that nobody touches."""

import json

import httpx2
import openai
import pytest
from google import genai
from google.genai import types
from tests.journeys.families.families import PNG, family_configuration, wav
from tests.journeys.running import VIRTUAL_KEY, Running, Serve
from tests.journeys.wire import send

from omnillm.testing import FakeProvider, Fault
from omnillm.testing.families.sounds import spoken
from omnillm.testing.families.vectors import vector

TEXT = "The lake is calm. "


def configured(provider: FakeProvider, **options: str) -> str:
    text = family_configuration(provider, **options)
    return text.replace("auth: required", "auth: required, native: {openai: openai, gemini: gemini}")


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configured(provider))


@pytest.mark.parametrize("root", ["/providers/openai/v1", "/openai"])
async def test_the_sdk_at_a_providers_own_paths_pays_by_the_same_units(gateway: Running, provider: FakeProvider, root: str) -> None:
    """Tokens, images, characters and seconds; what the provider hears are the bytes that the SDK wrote."""
    said: list[bytes] = []

    async def note(request: httpx2.Request) -> None:
        said.append(await request.aread())

    async with (
        httpx2.AsyncClient(event_hooks={"request": [note]}) as http,
        openai.AsyncOpenAI(base_url=gateway.base_url + root, api_key=VIRTUAL_KEY, max_retries=0, http_client=http) as client,
    ):
        found = await client.embeddings.create(model="fake-small", input=["one", "two"], dimensions=2, encoding_format="float")
        assert [each.embedding for each in found.data] == [vector("one", 2), vector("two", 2)]
        assert (await client.images.generate(model="dall-e-3", prompt="a lake", size="1024x1792", quality="hd")).data
        stream = await client.images.generate(model="gpt-image-1", prompt="a lake", stream=True, partial_images=1)
        assert [event.type async for event in stream][-1] == "image_generation.completed"
        assert (await client.images.edit(model="gpt-image-1", image=("a.png", PNG), prompt="sunny")).data
        audio = await client.audio.speech.create(model="tts-1", input=TEXT, voice="alloy")
        assert audio.content == spoken(TEXT)
        assert (await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(1.5)))).text
        assert (await client.moderations.create(model="omni-moderation-latest", input="hello")).results
    assert [logged.body for logged in provider.log] == said
    await gateway.agrees_with(provider)
    request, [attempt] = await gateway.last()
    assert (request.operation, request.model, attempt.provider) == ("moderations", "openai/omni-moderation-latest", "openai")
    rows = await gateway.program.store.usage(group_by="total", since_day="", until_day="")
    assert (rows[0].requests, rows[0].usage.characters, rows[0].usage.audio_ms) == (7, len(TEXT), 1502)


async def test_geminis_sdk_at_its_own_paths_pays_by_the_same_units(gateway: Running, provider: FakeProvider) -> None:
    """Both methods; a batch that names its model in every request stays as it is."""
    sdk = genai.Client(
        api_key=VIRTUAL_KEY, http_options=types.HttpOptions(base_url=f"{gateway.base_url}/providers/gemini", api_version="v1beta")
    )
    found = await sdk.aio.models.embed_content(model="fake-small", contents=["one", "two"])
    assert found.embeddings
    await sdk.aio.aclose()
    for method in ("embedContent", "batchEmbedContents"):
        one = {"model": "models/fake-small", "content": {"parts": [{"text": "one"}]}}
        body = json.dumps(one if method == "embedContent" else {"requests": [one, one]}, indent=1).encode()
        reply = await send(gateway, "POST", f"/providers/gemini/v1beta/models/fake-small:{method}", body)
        assert (reply.status, provider.log[-1].body) == (200, body)
    await gateway.agrees_with(provider)


async def test_a_fault_of_one_key_is_hidden_at_a_providers_own_path(gateway: Running, provider: FakeProvider) -> None:
    """Two vectors are as good as one: a family's call is repeated, as at the root."""
    provider.enqueue(Fault.status(500), None)
    reply = await send(gateway, "POST", "/providers/openai/v1/embeddings", {"model": "fake-small", "input": "one"})
    assert (reply.status, reply.headers["x-omnillm-attempts"]) == (200, "2")
    assert (await gateway.books())[2] == 0


async def test_what_may_not_be_asked_is_refused_at_a_providers_own_path(serve: Serve, provider: FakeProvider) -> None:
    """A model of others, a bound beyond the budget, and no bound at all; nothing is sent, and nothing stays held."""
    gateway = await serve(configured(provider, limit_usd="0.01", caller='models: ["openai/fake-small", "openai/dall-e-3", "openai/gpt-*"]'))
    root = "/providers/openai/v1"
    for path, body, status, code in (
        ("/audio/speech", {"model": "tts-1", "input": TEXT, "voice": "alloy"}, 403, "model_not_allowed"),
        ("/images/generations", {"model": "dall-e-3", "prompt": "a lake"}, 402, "budget_exceeded"),
        ("/audio/speech", {"model": "gpt-4o-mini-tts", "input": TEXT, "voice": "alloy"}, 400, "unbounded_cost"),
        ("/embeddings", b'{"model":"tts-1","model":"fake-small","input":"one"}', 400, "repeated_member"),
        ("/embeddings", {"model": "fake-small", "input": [{}]}, 400, "invalid_value"),
    ):
        reply = await send(gateway, "POST", root + path, body)
        assert (reply.status, reply.error["code"]) == (status, code)
    assert provider.log == []
    assert await gateway.books() == (0, 0, 0)


async def test_a_family_that_a_provider_does_not_have_stands_in_no_table(gateway: Running, provider: FakeProvider) -> None:
    """Not even unread."""
    reply = await send(gateway, "POST", "/providers/anthropic/v1/embeddings", {"model": "fake-small", "input": "one"})
    assert reply.status == 403
    assert provider.log == []
