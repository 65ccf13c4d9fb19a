"""Moderation and rerank through the gateway: judged, ordered, and priced by their own units."""

import openai
from tests.journeys.running import VIRTUAL_KEY, Serve, configuration
from tests.journeys.wire import send

from omnillm.testing import FakeProvider

UNITS = {"cohere-rerank": {"input": 0, "output": 0, "search": 2_000_000_000_000}}
DOCUMENTS = ["a boat", "the lake is calm", "a calm lake"]


async def test_moderation_is_free(serve: Serve, provider: FakeProvider) -> None:
    """The SDK moderates through a hard budget: OpenAI's own price for it is nothing, and that is known."""
    gateway = await serve(configuration(provider, limit_usd="0.000000001"))
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0, _strict_response_validation=True
    ) as sdk:
        reply = await sdk.moderations.create(model="openai/omni-moderation-latest", input=["calm", "violence"])
    assert [each.flagged for each in reply.results] == [False, True]
    assert await gateway.books() == (0, 0, 0)
    request, _ = await gateway.last()
    assert (request.operation, request.outcome) == ("moderations", "success")


async def test_documents_are_ordered_and_their_tokens_paid(serve: Serve, provider: FakeProvider) -> None:
    """An OpenAI-compatible host counts the query anew with every document; the bytes go through as they came."""
    gateway = await serve(configuration(provider).replace("kind: openai,", "kind: openai_compatible,"))
    asked = {"model": "fast", "query": "calm lake", "documents": DOCUMENTS, "top_n": 2, "return_documents": True}
    reply = await send(gateway, "POST", "/v1/rerank", asked)
    results = reply.json["results"]
    assert [(each["index"], each["document"]["text"]) for each in results] == [(1, DOCUMENTS[1]), (2, DOCUMENTS[2])]
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_search_units_are_paid(serve: Serve) -> None:
    """A host that bills searches is paid by them, within their bound."""
    async with FakeProvider(prices=UNITS) as provider:
        text = configuration(provider).replace("kind: openai,", "kind: openai_compatible,")
        price = "openai/fake-large: {input: 0, output: 0}\n    openai/cohere-rerank: {input: 0, output: 0, per_tool_call: 0.002}"
        gateway = await serve(text.replace("openai/fake-large: {input: 0.4, output: 1.6}", price))
        asked = {"model": "openai/cohere-rerank", "query": "calm lake", "documents": DOCUMENTS * 50}
        reply = await send(gateway, "POST", "/v1/rerank", asked)
        assert reply.status == 200
        assert provider.invoice.total_nanousd == 2 * 2_000_000
        assert (await gateway.books())[0] == provider.invoice.total_nanousd


async def test_openai_itself_has_no_rerank(serve: Serve, provider: FakeProvider) -> None:
    """A family that a provider does not have is refused before anything is sent."""
    gateway = await serve(configuration(provider))
    reply = await send(gateway, "POST", "/v1/rerank", {"model": "fast", "query": "q", "documents": ["d"]})
    assert reply.status == 400
    assert "has generate, embeddings, moderations" in reply.json["error"]["message"]
    assert provider.log == []
