"""Embeddings through the gateway: the official SDKs unchanged, either format in front of either provider, and the books as the invoice."""

import json
import struct
from base64 import b64decode

import openai
import pytest
from google import genai
from google.genai import errors, types
from tests.in_turn import in_turn
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.wire import send

from omnillm.testing import Behaviour, FakeProvider, Fault
from omnillm.testing.families.vectors import vector


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configuration(provider))


@pytest.fixture
async def client(gateway: Running):
    """Not strict: the SDK asks for base64, and its own strict reading then refuses it."""
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
async def gemini(gateway: Running):
    sdk = genai.Client(api_key=VIRTUAL_KEY, http_options=types.HttpOptions(base_url=gateway.base_url))
    yield sdk.aio.models
    await sdk.aio.aclose()


async def test_vectors_whose_usage_cannot_be_read_are_vectors(gateway: Running, provider: FakeProvider) -> None:
    """They are charged once, by their bound; asking again would be paid again."""
    told = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "usage": "none"}
    provider.enqueue(Fault(http_status=200, body=json.dumps(told).encode(), fields=(("content-type", "application/json"),)))
    assert (await send(gateway, "POST", "/v1/embeddings", {"model": "fast", "input": "x"})).status == 200
    _, [attempt] = await gateway.last()
    assert (attempt.verdict, attempt.is_usage_known, len(provider.log)) == ("success", False, 1)
    assert attempt.cost_nanousd == (await gateway.books())[0] > 0


async def test_texts_become_vectors_and_are_priced(client, gateway: Running, provider: FakeProvider) -> None:
    """The SDK asks for base64 on its own; the bytes go through as they came, and the ledger is the invoice."""
    reply = await client.embeddings.create(model="fast", input=["one small text", "and another"], dimensions=4)
    assert [each.embedding for each in reply.data] == [vector("one small text", 4), vector("and another", 4)]
    assert b'"encoding_format":"base64"' in provider.log[0].body
    await gateway.agrees_with(provider)
    request, [attempt] = await gateway.last()
    assert (request.operation, request.protocol, request.is_estimated) == ("embeddings", "openai_embeddings", False)
    assert attempt.usage.input == reply.usage.prompt_tokens


async def test_tokens_are_embedded(client, gateway: Running, provider: FakeProvider) -> None:
    """A list of tokens is one input, and each of them is counted."""
    reply = await client.embeddings.create(model="fast", input=[[1, 2, 3], [4, 5]], encoding_format="float")
    assert len(reply.data) == 2
    assert reply.usage.prompt_tokens == 5
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_an_openai_client_is_answered_by_gemini(client, gateway: Running, provider: FakeProvider) -> None:
    """The batch is said in Gemini's words, the vectors come back in the encoding that the client asked for."""
    raw = await client.embeddings.with_raw_response.create(
        model="gemini", input=["one", "two"], dimensions=3, encoding_format="base64", user="somebody"
    )
    reply = json.loads(raw.content)
    packed = [b64decode(each["embedding"]) for each in reply["data"]]
    assert [list(struct.unpack("<3f", each)) for each in packed] == [vector("one", 3), vector("two", 3)]
    assert reply["model"] == "gemini"
    assert provider.log[0].path.endswith(":batchEmbedContents")
    assert raw.headers["x-omnillm-loss"] == "dropped:user"
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_tokens_cannot_be_said_to_gemini(client, gateway: Running, provider: FakeProvider) -> None:
    """What cannot be translated is refused before anything is sent or held."""
    with pytest.raises(openai.BadRequestError, match="list of tokens"):
        await client.embeddings.create(model="gemini", input=[1, 2, 3])
    assert provider.log == []
    assert await gateway.books() == (0, 0, 0)


async def test_gemini_client_embeds(gemini, gateway: Running, provider: FakeProvider) -> None:
    """google-genai's own batch goes through as it came, but for the model's name, which stands in every request of it."""
    reply = await gemini.embed_content(
        model="gemini", contents=["one", "two"], config=types.EmbedContentConfig(output_dimensionality=2, task_type="CLUSTERING")
    )
    assert [each.values for each in reply.embeddings] == [vector("onetwo", 2)], "the SDK joins them for a newer model"
    assert b'"models/fake-small"' in provider.log[0].body
    assert b"CLUSTERING" in provider.log[0].body
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_a_gemini_client_is_answered_by_openai(gemini, gateway: Running, provider: FakeProvider) -> None:
    """The other way round: what the vectors are for is lost, and said."""
    reply = await gemini.embed_content(
        model="fast", contents=["one", "two"], config=types.EmbedContentConfig(output_dimensionality=2, task_type="CLUSTERING")
    )
    assert [each.values for each in reply.embeddings] == [vector("one", 2), vector("two", 2)]
    request, _ = await gateway.last()
    assert "taskType" in request.loss
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_embed_content_of_one_text(gateway: Running, provider: FakeProvider) -> None:
    """The method for a single text, in front of both providers."""
    for model in ("gemini", "fast"):
        question = f"/v1beta/models/{model}:embedContent", {"content": {"parts": [{"text": "one"}]}, "outputDimensionality": 2}
        reply = await send(gateway, "POST", *question)
        assert reply.status == 200
        assert reply.json["embedding"]["values"] == vector("one", 2)


async def test_another_key_hides_a_fault(serve: Serve, provider: FakeProvider) -> None:
    """A limited key and a broken reply are failovers and retries here as for every call."""
    provider.script.behave("sk-other", Behaviour())
    gateway = await serve(configuration(provider, keys={"a": "key: sk-good", "b": "key: sk-other"}))
    provider.enqueue(Fault.status(429), Fault(truncates_json=True), None)
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as sdk:
        reply = await sdk.embeddings.with_raw_response.create(model="fast", input="one text", encoding_format="float")
    assert reply.headers["x-omnillm-attempts"] == "3"
    _, attempts = await gateway.last()
    assert [attempt.verdict for attempt in attempts] == ["rate_limited", "server_fault", "success"]
    assert await gateway.spent() >= provider.invoice.total_nanousd > 0


async def test_a_provider_without_the_family_is_refused_by_name(client, provider: FakeProvider) -> None:
    """400, naming what the provider has, before anything is reserved."""
    with pytest.raises(openai.BadRequestError, match=r"no embeddings: anthropic \(anthropic\) has generate"):
        await client.embeddings.create(model="claude", input="one")
    assert provider.log == []


@in_turn(
    ("body", "param"),
    [
        ({"model": "fast"}, "input"),
        ({"model": "fast", "input": ["one", {"text": "two"}]}, "input[1]"),
        ({"model": "fast", "input": []}, "input"),
        ({"model": "fast", "input": ["one", []]}, "input[1]"),
        ({"model": "fast", "input": "one", "dimensions": "many"}, "dimensions"),
        ({"input": "one"}, "model"),
    ],
)
async def test_a_misfit_is_named_by_its_path(gateway: Running, provider: FakeProvider, body: object, param: str) -> None:
    """Wrong types and missing members are 400 in the client's own error, with the member's path."""
    reply = await send(gateway, "POST", "/v1/embeddings", body)
    error = reply.json["error"]
    assert (reply.status, error["param"]) == (400, param)
    assert provider.log == []


async def test_a_gemini_misfit_is_a_gemini_error(gateway: Running) -> None:
    """The same in Google's shape."""
    reply = await send(gateway, "POST", "/v1beta/models/gemini:embedContent", {"content": {"parts": [{"text": 5}]}})
    assert reply.status == 400
    assert "content.parts[0].text" in reply.json["error"]["message"]


async def test_a_gemini_sdk_raises_its_own_error(gemini) -> None:
    """A model that does not exist is the SDK's ClientError."""
    with pytest.raises(errors.ClientError, match="no model"):
        await gemini.embed_content(model="unknown", contents="one")


async def test_what_is_beyond_the_budget_is_refused(serve: Serve, provider: FakeProvider) -> None:
    """The bound of a text is its bytes: a budget below it refuses the call, and nothing is sent."""
    gateway = await serve(configuration(provider, limit_usd="0.00001"))
    reply = await send(gateway, "POST", "/v1/embeddings", {"model": "fast", "input": "x" * 100})
    assert reply.status == 402
    assert provider.log == []


async def test_a_missing_family_does_not_set_the_model_aside(serve: Serve, provider: FakeProvider) -> None:
    """A host that has no embeddings, or not of this model, says 404 or 403: it still generates with that model and those keys."""
    provider.script.behave("sk-other", Behaviour())
    gateway = await serve(configuration(provider, keys={"a": "key: sk-good", "b": "key: sk-other"}))
    provider.enqueue(Fault.status(404), Fault.status(403))
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as sdk:
        with pytest.raises(openai.APIStatusError):
            await sdk.embeddings.create(model="fast", input="one")
        assert len(provider.log) == 2, "both keys were asked"
        for _ in range(4):
            assert (await sdk.chat.completions.create(model="fast", messages=[{"role": "user", "content": "hello"}])).choices


BEDROCK = """
server: {{port: 0, auth: required}}
store: {{url: "memory://"}}
providers: {{bedrock: {{kind: bedrock, region: us-east-1, base_url: "{base_url}", keys: [{{label: a, key: "{key}"}}]}}}}
models:
  titan: {{targets: ["bedrock/amazon.titan-embed-text-v2:0"]}}
  cohere: {{targets: ["bedrock/cohere.embed-v4:0"]}}
  claude: {{targets: ["bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"]}}
budgets: [{{name: everything, limit_usd: "1000", period: total, hard: true}}]
virtual_keys: [{{name: journey, key: {virtual_key}}}]
pricing:
  overrides:
    "bedrock/amazon.titan-embed-text-v2:0": {{input: 0.4, output: 0}}
    "bedrock/cohere.embed-v4:0": {{input: 0.4, output: 0}}
"""


async def test_models_of_bedrock_embed_each_in_its_own_words(serve: Serve) -> None:
    """Signed, asked with InvokeModel. Titan counts and is charged exactly; Cohere's models do not count there, and are charged by the bound."""
    key = "AKIAFAKE0000:secret/with+signs"
    async with FakeProvider(keys={key: Behaviour()}, prices={"*": {"input": 400_000_000, "output": 0}}) as cloud:
        gateway = await serve(BEDROCK.format(base_url=cloud.base_url, key=key, virtual_key=VIRTUAL_KEY))
        async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as sdk:
            titan = await sdk.embeddings.create(model="titan", input="one", dimensions=4)
            assert titan.data[0].embedding == vector("one", 4)
            ledger, _, _ = await gateway.books()
            assert ledger == cloud.invoice.total_nanousd > 0
            cohere = await sdk.embeddings.create(model="cohere", input=["one", "two"])
            assert [each.embedding for each in cohere.data] == [vector("one", None), vector("two", None)]
            with pytest.raises(openai.BadRequestError, match="Titan embeds one text a call"):
                await sdk.embeddings.create(model="titan", input=["one", "two"])
            with pytest.raises(openai.BadRequestError, match="have no embeddings"):
                await sdk.embeddings.create(model="claude", input="one")
        assert [logged.path for logged in cloud.log] == [
            "/model/amazon.titan-embed-text-v2%3A0/invoke",
            "/model/cohere.embed-v4%3A0/invoke",
        ]
        _, [attempt] = await gateway.last()
        assert await gateway.spent() >= cloud.invoice.total_nanousd
    assert attempt.is_estimated


async def test_a_key_with_a_small_limit_embeds(serve: Serve, provider: FakeProvider) -> None:
    """Vectors are no tokens: of the key's TPM only the texts are reserved."""
    gateway = await serve(configuration(provider, keys={"a": "key: sk-good, tpm: 500"}))
    reply = await send(gateway, "POST", "/v1/embeddings", {"model": "fast", "input": "one text"})
    assert reply.status == 200
