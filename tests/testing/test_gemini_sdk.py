"""The official google-genai client against the fake provider."""

import pytest
from google import genai
from google.genai import errors, types
from tests.in_turn import in_turn

from omnillm.testing import Behaviour, FakeProvider, ThreadedFakeProvider

TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="weather", parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}})
    ]
)


@pytest.fixture
def provider():
    keys = {"k-good": Behaviour(), "k-thinks": Behaviour(cached_tokens=1, reasoning_tokens=4)}
    with ThreadedFakeProvider(FakeProvider(keys=keys)) as provider:
        yield provider


def connect(provider, key="k-good", version=None):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=provider.base_url, api_version=version))


@pytest.mark.parametrize("version", [None, "v1beta"])
def test_reply_plain_and_streamed_agree(provider, version):
    """Both versions of the path answer, and the chunks add up to the plain reply."""
    with connect(provider, version=version) as client:
        plain = client.models.generate_content(model="m", contents="hello there")
        chunks = list(client.models.generate_content_stream(model="m", contents="hello there"))
    assert plain.text.startswith("You said: hello there")
    assert "".join(chunk.text or "" for chunk in chunks) == plain.text
    assert chunks[-1].usage_metadata == plain.usage_metadata
    assert (plain.usage_metadata.prompt_token_count, plain.usage_metadata.candidates_token_count) == (3, 20)
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


def test_thoughts_stand_outside_the_candidates(provider):
    """Cached tokens are inside the prompt, thoughts outside the candidates."""
    with connect(provider, "k-thinks") as client:
        usage = client.models.generate_content(model="m", contents="hello there").usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (3, 1)
    assert (usage.candidates_token_count, usage.thoughts_token_count, usage.total_token_count) == (20, 4, 27)


def test_cap_is_honoured(provider):
    """maxOutputTokens cuts the reply and says so."""
    with connect(provider) as client:
        reply = client.models.generate_content(model="m", contents="hello", config=types.GenerateContentConfig(max_output_tokens=2))
    assert (reply.text, reply.candidates[0].finish_reason) == ("You said:", types.FinishReason.MAX_TOKENS)


def test_tool_call_plain_and_streamed(provider):
    """A marked prompt gets a functionCall with a signature in standard base64."""
    config = types.GenerateContentConfig(tools=[TOOL])
    with connect(provider) as client:
        plain = client.models.generate_content(model="m", contents="[[tool]]", config=config)
        chunks = list(client.models.generate_content_stream(model="m", contents="[[tool]]", config=config))
    assert plain.function_calls[0].args == chunks[0].function_calls[0].args == {"city": "heron"}
    assert plain.candidates[0].content.parts[0].thought_signature


def test_tokens_are_counted(provider):
    """countTokens agrees with the usage."""
    with connect(provider) as client:
        assert client.models.count_tokens(model="m", contents="hello there").total_tokens == 3


def test_models_are_listed_in_the_protocols_form(provider):
    """The same path as OpenAI's list, told apart by the key's header."""
    with connect(provider) as client:
        assert [model.name for model in client.models.list()] == ["models/fake-small", "models/fake-large"]


@in_turn(
    ("name", "code"), [("status_401", 401), ("status_403", 403), ("rate_retry_info", 429), ("quota_per_day", 429), ("status_500", 500)]
)
def test_errors_become_the_sdks_own(provider, name, code):
    """Every status is an APIError that carries it."""
    with connect(provider) as client, pytest.raises(errors.APIError) as raised:
        client.models.generate_content(model="m", contents=f"[[fault:{name}]]")
    assert raised.value.code == code


def test_unknown_key_is_a_bad_request_as_at_google(provider):
    """Gemini answers a bad key with 400 API_KEY_INVALID."""
    with connect(provider, "k-nobody") as client, pytest.raises(errors.ClientError) as raised:
        client.models.generate_content(model="m", contents="hello")
    assert raised.value.code == 400
    assert raised.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


async def test_asynchronous_client():
    """The async client streams too."""
    async with FakeProvider() as provider:
        client = connect(provider)
        stream = await client.aio.models.generate_content_stream(model="m", contents="hello there")
        text = "".join([chunk.text or "" async for chunk in stream])
        await client.aio.aclose()
        client.close()
    assert text.startswith("You said: hello there")
