"""The official SDKs, strict, complete chat and streaming through the gateway without noticing it."""

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration

from omnillm.testing import FakeProvider


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configuration(provider))


@pytest.fixture
async def openai_client(gateway: Running):
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
async def anthropic_client(gateway: Running):
    async with anthropic.AsyncAnthropic(
        base_url=gateway.base_url, api_key=VIRTUAL_KEY, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


MESSAGES = [{"role": "user", "content": "Hello there"}]


async def test_chat_is_answered_and_priced(openai_client, gateway: Running, provider: FakeProvider) -> None:
    """A plain chat completion comes through, its cost in the header, and the books agree with the invoice."""
    raw = await openai_client.chat.completions.with_raw_response.create(model="fast", messages=MESSAGES, max_completion_tokens=50)
    completion = raw.parse()
    assert completion.choices[0].message.content
    assert raw.headers["x-omnillm-key"] == "good"
    assert raw.headers["x-omnillm-attempts"] == "1"
    assert "set-cookie" not in raw.headers
    assert "openai-organization" not in raw.headers
    assert float(raw.headers["x-omnillm-cost-usd"]) * 1e9 == pytest.approx(await gateway.agrees_with(provider))


async def test_chat_streams(openai_client, gateway: Running, provider: FakeProvider) -> None:
    """A stream arrives chunk by chunk; usage is asked for upstream but its frame is withheld from a client that did not ask."""
    text = ""
    async for chunk in await openai_client.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
        assert chunk.choices, "the usage frame was not asked for"
        text += chunk.choices[0].delta.content or ""
    assert text
    assert b'"include_usage":true' in provider.log[0].body
    ledger, _, reserved = await gateway.books()
    assert ledger == provider.invoice.total_nanousd > 0
    assert reserved == 0


async def test_chat_stream_with_usage(openai_client) -> None:
    """A client that asks for usage gets its frame."""
    stream = await openai_client.chat.completions.create(
        model="fast", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    assert [chunk.usage for chunk in [chunk async for chunk in stream] if chunk.usage]


async def test_responses(openai_client, gateway: Running, provider: FakeProvider) -> None:
    """The Responses API, plain."""
    response = await openai_client.responses.create(model="fast", input="Hello there", max_output_tokens=50)
    assert response.output_text
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_responses_stream(openai_client, gateway: Running, provider: FakeProvider) -> None:
    """The Responses API, streamed through the SDK's strict accumulator."""
    async with openai_client.responses.stream(model="fast", input="Hello there") as stream:
        async for _ in stream:
            pass
        response = await stream.get_final_response()
    assert response.output_text
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_messages(anthropic_client, gateway: Running, provider: FakeProvider) -> None:
    """Anthropic's Messages, plain, and the count of tokens, which costs nothing."""
    message = await anthropic_client.messages.create(model="claude", max_tokens=50, messages=MESSAGES)
    assert message.content[0].text
    before = (await gateway.books())[0]
    assert before == provider.invoice.total_nanousd > 0
    count = await anthropic_client.messages.count_tokens(model="claude", messages=MESSAGES)
    assert count.input_tokens > 0
    assert (await gateway.books())[0] == before


async def test_messages_stream(anthropic_client, gateway: Running, provider: FakeProvider) -> None:
    """Anthropic's Messages, streamed."""
    async with anthropic_client.messages.stream(model="claude", max_tokens=50, messages=MESSAGES) as stream:
        text = "".join([piece async for piece in stream.text_stream])
    assert text
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_a_call_is_known_by_its_id_here_and_by_the_providers(openai_client, anthropic_client, gateway: Running) -> None:
    """SDKs show the id under which log and ledger have the call, and every attempt keeps the id that the provider's support asks for."""
    raw = await openai_client.chat.completions.with_raw_response.create(model="fast", messages=MESSAGES)
    request, [attempt] = await gateway.last()
    assert raw.request_id == raw.parse()._request_id == raw.headers["x-omnillm-request-id"] == request.request_id
    assert raw.headers["x-omnillm-upstream-request-id"] == attempt.upstream_request_id == "req_fake000000000001"

    message = await anthropic_client.messages.create(model="claude", max_tokens=50, messages=MESSAGES)
    request, [attempt] = await gateway.last()
    assert (message._request_id, attempt.upstream_request_id) == (request.request_id, "req_fake000000000002")

    failing = [{"role": "user", "content": "[[fault:status_500]]"}]
    with pytest.raises(openai.InternalServerError) as raised:
        await openai_client.chat.completions.create(model="fast", messages=failing)
    request, attempts = await gateway.last()
    assert raised.value.request_id == request.request_id
    assert [each.upstream_request_id for each in attempts] == [f"req_fake{3 + number:012}" for number in range(len(attempts))]


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_gemini(gateway: Running, provider: FakeProvider, version: str) -> None:
    """google-genai: plain, streamed and counting, under both API versions."""
    client = genai.Client(api_key=VIRTUAL_KEY, http_options=types.HttpOptions(base_url=gateway.base_url, api_version=version))
    reply = await client.aio.models.generate_content(model="gemini", contents="Hello there")
    assert reply.text
    pieces = [chunk.text async for chunk in await client.aio.models.generate_content_stream(model="gemini", contents="Hello there")]
    assert "".join(piece or "" for piece in pieces)
    counted = await client.aio.models.count_tokens(model="gemini", contents="Hello there")
    assert counted.total_tokens > 0
    await client.aio.aclose()
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_each_sdk_lists_models(openai_client, anthropic_client, gateway: Running) -> None:
    """One path, three lists: each SDK reads the one that is its own."""
    assert "fast" in [model.id async for model in openai_client.models.list()]
    assert "claude" in [model.id async for model in anthropic_client.models.list()]
    client = genai.Client(api_key=VIRTUAL_KEY, http_options=types.HttpOptions(base_url=gateway.base_url))
    assert "models/gemini" in [model.name async for model in await client.aio.models.list()]
    await client.aio.aclose()


async def test_errors_are_the_sdks_own_classes(gateway: Running) -> None:
    """A wrong key, an unknown model and a bad body raise what the SDK raises at the provider."""
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key="sk-wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="fast", messages=MESSAGES)
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="nothing-such", messages=MESSAGES)
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="fast", messages=MESSAGES, max_tokens=-1)
    async with anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key="sk-wrong", max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(model="claude", max_tokens=5, messages=MESSAGES)


async def test_more_errors_are_the_sdks_own_classes(serve: Serve, provider: FakeProvider) -> None:
    """What each SDK raises at its provider for the same mistake."""
    limited = configuration(provider, caller="models: [fast, gemini, nothing-such]").replace(
        "drain: 2s", "drain: 2s, limits: {body: 64KiB}"
    )
    gateway = await serve(limited)
    question = [{"role": "user", "content": "x"}]
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        with pytest.raises(openai.PermissionDeniedError):
            await client.chat.completions.create(model="claude", messages=question)
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(model="fast", input="x", max_output_tokens=-1)
        with pytest.raises(openai.APIStatusError) as large:
            await client.responses.create(model="fast", input="x" * 70_000)
        assert large.value.status_code == 413
    async with anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=VIRTUAL_KEY, max_retries=0) as client:
        with pytest.raises(anthropic.PermissionDeniedError):
            await client.messages.create(model="claude", max_tokens=5, messages=question)
        with pytest.raises(anthropic.BadRequestError):
            await client.messages.create(model="fast", max_tokens=0, messages=question)
        with pytest.raises(anthropic.APIStatusError) as large:
            await client.messages.create(model="claude", max_tokens=5, messages=[{"role": "user", "content": "x" * 70_000}])
        assert large.value.status_code == 413
    client = genai.Client(api_key=VIRTUAL_KEY, http_options=types.HttpOptions(base_url=gateway.base_url))
    for model, config, status in (("nothing-such", None, 404), ("gemini", {"max_output_tokens": -1}, 400)):
        with pytest.raises(errors.ClientError) as wrong:
            await client.aio.models.generate_content(model=model, contents="x", config=config)
        assert wrong.value.code == status
    await client.aio.aclose()
    assert not provider.log
