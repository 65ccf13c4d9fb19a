"""Vertex AI's own clients, unmodified, below `/providers`: Google's SDK and Anthropic's, with a virtual key for their token."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropicVertex
from google import genai
from google.genai import _interactions as interactions
from google.genai import errors, types
from google.genai.client import AsyncClient
from google.oauth2.credentials import Credentials
from tests.in_turn import in_turn
from tests.journeys.clouds.clouds import GEMINI, RATES, VERTEX_CLAUDE
from tests.journeys.clouds.clouds import configuration as clouds
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, until
from tests.journeys.wire import Reply, send

from omnillm.assemble import SystemClock
from omnillm.testing import Behaviour, FakeProvider, Fault

TOKEN = "ya29.token"
PLACE = "/v1/projects/p/locations/global"
CAP = types.GenerateContentConfig(max_output_tokens=50)
ASK: dict[str, Any] = {"model": VERTEX_CLAUDE, "max_tokens": 50, "messages": [{"role": "user", "content": "[[think]] hi"}]}


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    keys = {key: Behaviour(cached_tokens=2) for key in (TOKEN, "ya29.other")}
    async with FakeProvider(keys=keys, prices={"*": RATES}, clock=SystemClock()) as provider:
        yield provider


@pytest.fixture
async def gateway(serve: Serve, fake: FakeProvider) -> Running:
    return await serve(configuration(fake))


def configuration(fake: FakeProvider, *dead: str) -> str:
    keys = "".join(f"{{label: {key}, key: {key}}}, " for key in dead)
    return clouds(fake).replace("keys: [{label: good, key: ya29", f"selection: priority, keys: [{keys}{{label: good, key: ya29")


def google(gateway: Running, *, key: str = VIRTUAL_KEY, location: str = "global") -> AsyncClient:
    """As its users make it, but for the address."""
    return genai.Client(
        vertexai=True,
        project="somebody-elses",
        location=location,
        credentials=Credentials(token=key),
        http_options=types.HttpOptions(base_url=f"{gateway.base_url}/providers/vertex"),
    ).aio


def claude(gateway: Running, *, region: str = "global") -> AsyncAnthropicVertex:
    return AsyncAnthropicVertex(
        region=region,
        project_id="somebody-elses",
        access_token=VIRTUAL_KEY,
        base_url=f"{gateway.base_url}/providers/vertex/v1",
        max_retries=0,
    )


async def refusal(opened: AsyncClient, model: str = GEMINI, config: types.GenerateContentConfig = CAP) -> tuple[int, str]:
    """(status, message) of what Google's SDK raises."""
    async with opened as client:
        with pytest.raises(errors.ClientError) as caught:
            await client.models.generate_content(model=model, contents="hi", config=config)
    return caught.value.code, caught.value.message or ""


async def post(gateway: Running, path: str, body: object) -> Reply:
    """A reply to what no SDK writes."""
    return await send(gateway, "POST", f"/providers/vertex{path}", body, dialect="gemini")


async def test_googles_sdk(gateway: Running, fake: FakeProvider) -> None:
    """Plain, streamed and counted, with a token or with a key of express mode; the ledger is the invoice."""
    address = types.HttpOptions(base_url=f"{gateway.base_url}/providers/vertex")
    express = genai.Client(vertexai=True, api_key=VIRTUAL_KEY, http_options=address).aio
    for opened in (google(gateway), express):
        async with opened as client:
            asked = {"model": GEMINI, "contents": "hi there"}
            whole = await client.models.generate_content(**asked, config=CAP)
            pieces = [each async for each in await client.models.generate_content_stream(**asked, config=CAP)]
            assert "".join(each.text or "" for each in pieces) == whole.text
            assert pieces[-1].usage_metadata.candidates_token_count == whole.usage_metadata.candidates_token_count
            assert (await client.models.count_tokens(**asked)).total_tokens == 2
    # The project is the provider's own, whoever asked; the version is the client's.
    place = PLACE.replace("/v1/", "/v1beta1/")
    methods = ("generateContent", "streamGenerateContent", "countTokens") * 2
    assert [logged.path for logged in fake.log] == [f"{place}/publishers/google/models/{GEMINI}:{method}" for method in methods]
    assert {logged.key for logged in fake.log} == {TOKEN}
    await gateway.agrees_with(fake)


async def test_googles_sdk_for_interactions(gateway: Running, fake: FakeProvider) -> None:
    """Plain and streamed, with a token or with a key of express mode; what Google keeps there is not served yet, and said so."""
    address = types.HttpOptions(base_url=f"{gateway.base_url}/providers/vertex")
    for opened in (google(gateway), genai.Client(vertexai=True, api_key=VIRTUAL_KEY, http_options=address).aio):
        async with opened as client:
            asked: dict[str, Any] = {"model": GEMINI, "input": "hi there", "generation_config": {"max_output_tokens": 50}}
            whole = await client.interactions.create(**asked)
            events = [each async for each in await client.interactions.create(**asked, stream=True)]
            assert events[-1].interaction.usage.total_output_tokens == whole.usage.total_output_tokens
            with pytest.raises(interactions.PermissionDeniedError, match="it is planned"):
                await client.interactions.get(whole.id)
    assert [logged.path for logged in fake.log] == [f"{PLACE.replace('/v1/', '/v1beta1/')}/interactions"] * 4
    await gateway.agrees_with(fake)


async def test_anthropics_sdk(gateway: Running, fake: FakeProvider) -> None:
    """Plain, streamed and counted; its body goes as it came; the ledger is the invoice."""
    async with claude(gateway) as client:
        whole = await client.messages.create(**ASK)
        async with client.messages.stream(**ASK) as stream:
            final = await stream.get_final_message()
        assert [block.type for block in whole.content] == [block.type for block in final.content] == ["thinking", "text"]
        assert whole.usage.output_tokens == final.usage.output_tokens
        assert (await client.messages.count_tokens(model=VERTEX_CLAUDE, messages=ASK["messages"])).input_tokens > 0
    models = f"{PLACE}/publishers/anthropic/models"
    asked = [f"{models}/{VERTEX_CLAUDE}:rawPredict", f"{models}/{VERTEX_CLAUDE}:streamRawPredict", f"{models}/count-tokens:rawPredict"]
    assert [logged.path for logged in fake.log] == asked
    await gateway.agrees_with(fake)


async def test_another_key_hides_a_dead_one(serve: Serve, fake: FakeProvider) -> None:
    """A token that nobody takes any more is tried once; the next serves."""
    gateway = await serve(configuration(fake, "ya29.gone", "ya29.other"))
    fake.script.behave("ya29.other", Behaviour(fault=Fault.status(429)))
    async with google(gateway) as client:
        assert (await client.models.generate_content(model=GEMINI, contents="hi", config=CAP)).text
    _, attempts = await gateway.last()
    assert [attempt.verdict for attempt in attempts] == ["key_dead", "rate_limited", "success"]
    async with claude(gateway) as client:
        assert (await client.messages.create(**ASK)).stop_reason == "end_turn"


async def test_refusals_are_raised_by_the_sdks_own_classes(serve: Serve, fake: FakeProvider) -> None:
    """A stranger's key, an empty budget, a model that the key may not use, one that nobody prices: each in the client's own form."""
    text = configuration(fake)
    gateway = await serve(text.replace("name: journey,", 'name: journey, models: ["vertex/gemini-*"],'))
    assert (await refusal(google(gateway, key="sk-omni-nobody")))[0] == 401
    status, message = await refusal(google(gateway), model="gemini-unheard-of")
    assert (status, "no known price" in message) == (402, True)
    async with claude(gateway) as client:
        with pytest.raises(anthropic.PermissionDeniedError, match="may not use the model"):
            await client.messages.create(**ASK)
    poor = await serve(text.replace('limit_usd: "1000"', 'limit_usd: "0.000001"'))
    status, message = await refusal(google(poor))
    assert (status, "everything" in message) == (402, True)
    async with claude(poor) as client:
        with pytest.raises(anthropic.APIStatusError, match="everything") as refused:
            await client.messages.create(**ASK)
        assert refused.value.status_code == 402
    assert fake.log == []


async def test_another_location_is_refused_with_the_right_ones_name(gateway: Running, fake: FakeProvider) -> None:
    """Where something is computed, a caller relies on: it is never quietly another place."""
    status, message = await refusal(google(gateway, location="europe-west1"))
    assert (status, "set the client's location (region) to global" in message) == (400, True)
    async with claude(gateway, region="europe-west1") as client:
        with pytest.raises(anthropic.BadRequestError, match="set the client's location"):
            await client.messages.create(**ASK)
    assert fake.log == []


async def test_nothing_of_another_project_is_reached(serve: Serve, fake: FakeProvider) -> None:
    """What a body names there is refused, however it is spelled, also by a Gemini client's own path; what it only talks of is not."""
    gateway = await serve(configuration(fake).replace("budgets: [{", "budgets: [{scope: named, "))
    asked = {"contents": [{"role": "user", "parts": [{"text": "projects/other/x"}]}], "generationConfig": {"maxOutputTokens": 9}}
    path = f"/v1/projects/x/locations/global/publishers/google/models/{GEMINI}:generateContent"
    store = {"retrieval": {"vertexAiSearch": {"datastore": "projects/other/locations/global/collections/c/dataStores/d"}}}
    cached = {"cachedContent": "projects/123/locations/global/cachedContents/1"}
    hidden = json.dumps(asked | {"cached_content": "projects/other/y/z"}).replace('"projects/other/y', '"\\u0070rojects\\/other/y')
    for body in (asked | cached, asked | {"tools": [store]}, hidden.encode()):
        reply = await post(gateway, path, body)
        assert (reply.status, reply.error["details"][0]["reason"]) == (400, "foreign_project")
    there = {"model": GEMINI, "input": "projects/other/x", "previous_interaction_id": "projects/other/interactions/1"}
    refused = await post(gateway, "/v1/projects/x/locations/global/interactions", there)
    assert (refused.status, refused.json["error"]["code"]) == (400, "foreign_project")
    direct = genai.Client(api_key=VIRTUAL_KEY, http_options=types.HttpOptions(base_url=f"{gateway.base_url}/gemini")).aio
    named = types.GenerateContentConfig(cached_content="projects/other/locations/global/cachedContents/1")
    assert "another project" in (await refusal(direct, model="gemini", config=named))[1]
    assert fake.log == []
    described = {"functionDeclarations": [{"name": "f", "description": "projects/other/x is a path"}]}
    assert (await post(gateway, path, asked | {"tools": [described]})).status == 200
    described = {"type": "function", "name": "f", "description": "projects/other/x is a path"}
    talks = {"model": GEMINI, "input": "projects/other/x", "tools": [described], "generation_config": {"max_output_tokens": 9}}
    assert (await post(gateway, "/v1/projects/x/locations/global/interactions", talks)).status == 200


@in_turn(
    ("path", "told"),
    [
        ("/publishers/google/models/text-embedding-005:predict", "planned"),
        ("/cachedContents", "planned"),
        ("/batchPredictionJobs", "planned"),
        ("/publishers/mistralai/models/m:rawPredict", "is not passed through"),
        ("/endpoints/1:predict", "is not passed through"),
    ],
)
async def test_what_is_not_served_is_refused_by_name(gateway: Running, fake: FakeProvider, path: str, told: str) -> None:
    """Nothing of it goes upstream."""
    reply = await post(gateway, f"/v1beta1/projects/p/locations/global{path}", {"instances": []})
    assert reply.status == 403
    assert told in reply.error["message"]
    assert fake.log == []


@pytest.mark.parametrize("who", ["google", "anthropic"])
async def test_hang_up_in_mid_stream_releases_everything(gateway: Running, fake: FakeProvider, who: str) -> None:
    """The provider notices, and the ledger is not below the invoice."""
    fake.enqueue(Fault.stall(after_events=2))
    seen = asyncio.Event()

    async def leave() -> None:
        if who == "google":
            async with google(gateway) as client:
                async for _ in await client.models.generate_content_stream(model=GEMINI, contents="hi", config=CAP):
                    seen.set()
        async with claude(gateway) as other, other.messages.stream(**ASK) as stream:
            async for _ in stream:
                seen.set()

    task = asyncio.get_running_loop().create_task(leave())
    async with asyncio.timeout(5):
        await seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: gateway.in_flight == 0)
    async with asyncio.timeout(5):
        await fake.ended(1)
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (499, "aborted")
    ledger = await gateway.spent()
    assert ledger >= fake.invoice.total_nanousd
