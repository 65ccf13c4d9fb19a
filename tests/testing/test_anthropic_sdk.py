"""The official anthropic client, with strict validation, against the fake provider."""

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from tests.in_turn import in_turn

from omnillm.testing import Behaviour, FakeProvider, Fault, ThreadedFakeProvider

ASK = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hello there"}]}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
ASK_TOOL = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "[[tool]] please"}], "tools": [TOOL]}


@pytest.fixture
async def provider():
    keys = {"sk-good": Behaviour(), "sk-cache": Behaviour(cached_tokens=1, cache_write_tokens=1, reasoning_tokens=3)}
    async with FakeProvider(keys=keys) as provider:
        yield provider


def connect(provider, key="sk-good"):
    return AsyncAnthropic(api_key=key, base_url=provider.base_url, max_retries=0, _strict_response_validation=True)


@pytest.fixture
async def client(provider):
    async with connect(provider) as client:
        yield client


async def test_message_plain_and_streamed_agree(client):
    """The accumulator's final message is the plain one."""
    plain = await client.messages.create(**ASK)
    assert plain.content[0].text.startswith("You said: hello there")
    assert (plain.usage.input_tokens, plain.usage.output_tokens, plain.stop_reason) == (3, 20, "end_turn")
    async with client.messages.stream(**ASK) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_message()
    assert final.content[0].text == plain.content[0].text
    assert final.usage.output_tokens == 20
    assert kinds.count("text") == 20


async def test_cache_stands_outside_the_input(provider):
    """Cache reads and writes are not part of input_tokens; thinking is part of the output."""
    async with connect(provider, "sk-cache") as client:
        usage = (await client.messages.create(**ASK)).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (1, 1, 1)
    assert (usage.output_tokens, usage.output_tokens_details.thinking_tokens) == (23, 3)


async def test_cap_is_honoured(client):
    """max_tokens cuts the reply and says so."""
    reply = await client.messages.create(**ASK | {"max_tokens": 2})
    assert (reply.content[0].text, reply.stop_reason, reply.usage.output_tokens) == ("You said:", "max_tokens", 2)


async def test_tool_call_plain_and_streamed(client):
    """A marked prompt gets tool_use, its input in pieces when streamed."""
    plain = await client.messages.create(**ASK_TOOL)
    async with client.messages.stream(**ASK_TOOL) as stream:
        final = await stream.get_final_message()
    assert plain.content[0].input == final.content[0].input == {"city": "heron"}
    assert (plain.stop_reason, final.stop_reason) == ("tool_use", "tool_use")


async def test_tool_call_that_does_not_fit_is_text(client):
    """A cap below the arguments gets text cut at the cap."""
    reply = await client.messages.create(**ASK_TOOL | {"max_tokens": 1})
    assert (reply.content[0].type, reply.stop_reason, reply.usage.output_tokens) == ("text", "max_tokens", 1)


async def test_tokens_are_counted_without_a_bill(provider, client):
    """count_tokens needs no cap, agrees with the usage, and costs nothing."""
    counted = await client.messages.count_tokens(model="m", messages=ASK["messages"])
    assert counted.input_tokens == 3
    assert provider.invoice.lines == []


async def test_models_are_listed_in_the_protocols_form(client):
    """The same path as OpenAI's list, told apart by the version header."""
    assert [model.id async for model in client.models.list()] == ["fake-small", "fake-large"]


async def test_headers_look_like_the_real_ones(client):
    """Limits with RFC 3339 resets, the request's id, the organisation."""
    headers = (await client.messages.with_raw_response.create(**ASK)).headers
    assert headers["anthropic-ratelimit-requests-reset"] == "2025-10-09T08:53:20Z"
    assert headers["request-id"].startswith("req_")
    assert headers["anthropic-organization-id"]


@in_turn(
    ("fault", "kind"),
    [
        (Fault.status(401), anthropic.AuthenticationError),
        (Fault.status(403), anthropic.PermissionDeniedError),
        (Fault.status(429), anthropic.RateLimitError),
        (Fault.status(529), anthropic.APIStatusError),
    ],
)
async def test_errors_become_the_sdks_own(provider, client, fault, kind):
    """Every status is the exception that the SDK has for it."""
    provider.enqueue(fault)
    with pytest.raises(kind) as raised:
        await client.messages.create(**ASK)
    assert raised.value.body["type"] == "error"


async def test_error_event_reaches_the_sdk(client):
    """An overloaded error event before any content is an exception."""
    marked = ASK | {"messages": [{"role": "user", "content": "[[fault:error_before_content]]"}]}
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        async with client.messages.stream(**marked) as stream:
            await stream.get_final_message()


def test_synchronous_client_in_a_thread():
    """The provider runs in a thread of its own for synchronous clients."""
    provider = FakeProvider()
    with ThreadedFakeProvider(provider), Anthropic(api_key="k", base_url=provider.base_url, _strict_response_validation=True) as client:
        assert client.messages.create(**ASK).usage.output_tokens == 20
        with client.messages.stream(**ASK) as stream:
            assert "".join(stream.text_stream).startswith("You said: hello there")
