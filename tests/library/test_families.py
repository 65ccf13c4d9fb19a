"""The endpoint families through the library: canonical requests in, canonical replies out, whichever format the provider has."""

from collections.abc import AsyncIterator

import pytest
from tests.journeys.families.families import PRICES, wav

from omnillm import (
    BadRequest,
    EmbeddingRequest,
    File,
    Gateway,
    ImageRequest,
    KeyConfig,
    ModerationRequest,
    PriceConfig,
    ProviderEndpoint,
    RerankRequest,
    SpeechRequest,
    TranscriptionRequest,
    UpstreamLost,
)
from omnillm.testing import FakeProvider, Fault
from omnillm.testing.families.sounds import heard, spoken
from omnillm.testing.families.vectors import vector

PRICE = PriceConfig(input="0.4", output="1.6", max_output=6250)


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(prices=PRICES) as fake:
        yield fake


def gateway(endpoint: ProviderEndpoint) -> Gateway:
    return Gateway(endpoint, keys=[KeyConfig(label="a", key="sk-a"), KeyConfig(label="b", key="sk-b")], prices={"fake-small": PRICE})


async def test_embeddings_in_either_format(provider: FakeProvider) -> None:
    """One request, two providers, the same vectors and the invoice's cost; what one cannot say is told."""
    request = EmbeddingRequest(model="fake-small", inputs=("one", "two"), dimensions=3, task="CLUSTERING")
    for endpoint, lost in ((ProviderEndpoint.openai(provider.base_url), ["taskType"]), (ProviderEndpoint.gemini(provider.base_url), [])):
        async with gateway(endpoint) as gate:
            reply = await gate.api_call(request)
        assert reply.response.vectors == (tuple(vector("one", 3)), tuple(vector("two", 3)))
        assert [each.path for each in reply.loss_reasons] == lost
        assert reply.cost_nanousd == provider.invoice.lines[-1].cost_nanousd > 0


async def test_every_other_family(provider: FakeProvider) -> None:
    """Judged, ranked, drawn, edited, spoken, written down and translated: each through a fault that is hidden."""
    file = File(filename="a.wav", content=wav(1), content_type="audio/wav")
    cases = (
        *(
            (ModerationRequest(model="fake-small", texts=("violence",)), lambda reply: reply.results[0].is_flagged),
            (RerankRequest(model="fake-small", query="b", documents=("a", "b")), lambda reply: reply.results[0].index == 1),
            (ImageRequest(model="fake-small", prompt="a lake", quality="low"), lambda reply: reply.images[0].content == b"a lake:0"),
            (ImageRequest(model="fake-small", prompt="sunny", images=(file, file)), lambda reply: reply.images[0].content),
            (ImageRequest(model="fake-small", images=(file,)), lambda reply: reply.images),
            (SpeechRequest(model="fake-small", text="Hello", voice="v"), lambda reply: reply.audio == spoken("Hello")),
            (TranscriptionRequest(model="fake-small", file=file), lambda reply: reply.text == heard(wav(1))),
            (TranscriptionRequest(model="fake-small", file=file, is_translation=True), lambda reply: reply.text == heard(wav(1))),
        ),
    )
    for request, told in cases:
        provider.enqueue(Fault.status(429), None)
        async with gateway(ProviderEndpoint.openai_compatible(provider.base_url)) as gate:
            reply = await gate.api_call(request)
        assert told(reply.response)
        assert reply.attempts == 2


async def test_speech_and_events_stream(provider: FakeProvider) -> None:
    """Audio as its bytes come, a transcript as whole events; a cut raises."""
    async with gateway(ProviderEndpoint.openai(provider.base_url)) as gate:
        async with gate.api_stream(SpeechRequest(model="fake-small", text="Hello", voice="v")) as pieces:
            assert b"".join([piece async for piece in pieces]) == spoken("Hello")
        request = TranscriptionRequest(model="fake-small", file=File(filename="a.wav", content=wav(1)), is_stream=True)
        async with gate.api_stream(request) as pieces:
            assert b"transcript.text.done" in b"".join([piece async for piece in pieces])
        provider.enqueue(Fault.reset(after_bytes=5000))
        with pytest.raises(UpstreamLost):
            async with gate.api_stream(SpeechRequest(model="fake-small", text="Hello " * 50, voice="v")) as pieces:
                [piece async for piece in pieces]
        with pytest.raises(BadRequest, match="api_stream"):
            await gate.api_call(request)


async def test_a_family_that_the_provider_lacks(provider: FakeProvider) -> None:
    """Named, with what it has, before anything is sent."""
    async with gateway(ProviderEndpoint.anthropic(provider.base_url)) as gate:
        with pytest.raises(BadRequest, match="have no embeddings"):
            await gate.api_call(EmbeddingRequest(model="fake-small", inputs=("a",)))
    assert provider.log == []


async def test_a_call_is_written_down_under_its_session_and_tags(provider: FakeProvider) -> None:
    """Whole or in pieces: reports are made by tags."""
    async with gateway(ProviderEndpoint.openai_compatible(provider.base_url)) as gate:
        await gate.api_call(EmbeddingRequest(model="fake-small", inputs=("one",)), session="whole", tags="team=a")
        async with gate.api_stream(SpeechRequest(model="fake-small", text="Hello", voice="v"), session="pieces", tags="team=b") as pieces:
            assert b"".join([piece async for piece in pieces])
        rows = await gate._program.store.requests(limit=9, before="")
    assert {(row.operation, row.session, row.tags) for row in rows} == {("embeddings", "whole", "team=a"), ("speech", "pieces", "team=b")}
