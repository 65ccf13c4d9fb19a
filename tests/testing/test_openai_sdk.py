"""The official openai client, with strict validation, against the fake provider."""

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from tests.in_turn import in_turn

from omnillm.testing import Behaviour, FakeProvider, Fault, Hint, ThreadedFakeProvider

MESSAGES = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello there"}]
TOOL_MESSAGES = [{"role": "user", "content": "weather? [[tool]]"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}]
RESPONSES_TOOLS = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
ARGUMENTS = '{"city":"heron","days":7}'


@pytest.fixture
async def provider():
    async with FakeProvider(keys={"sk-good": Behaviour(), "sk-thinks": Behaviour(cached_tokens=2, reasoning_tokens=5)}) as provider:
        yield provider


@pytest.fixture
async def client(provider):
    async with connect(provider) as client:
        yield client


def connect(provider, key="sk-good"):
    return AsyncOpenAI(api_key=key, base_url=f"{provider.base_url}/v1", max_retries=0, _strict_response_validation=True)


async def test_chat_echoes_the_prompt_in_twenty_words_with_true_usage(client):
    """A plain chat reply is complete, and its counts follow the documented tokenizer."""
    reply = await client.chat.completions.create(model="m", messages=MESSAGES)
    assert reply.choices[0].message.content.startswith("You said: hello there")
    assert len(reply.choices[0].message.content.split()) == 20
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (5, 20, 25)


async def test_chat_is_deterministic(client):
    """The same request gets the same words."""
    first, second = [await client.chat.completions.create(model="m", messages=MESSAGES) for _ in range(2)]
    assert first.choices == second.choices
    assert first.id != second.id


async def test_chat_stream_accumulates_to_the_plain_reply(client):
    """The SDK's accumulator rebuilds from the chunks what a plain call says."""
    plain = await client.chat.completions.create(model="m", messages=MESSAGES)
    options = {"include_usage": True}
    async with client.chat.completions.stream(model="m", messages=MESSAGES, stream_options=options) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == plain.choices[0].message.content
    assert final.usage == plain.usage
    assert len([event for event in events if event.type == "content.delta" and event.delta]) == 20


async def test_chat_usage_chunk_comes_only_on_request(client):
    """Without include_usage no chunk mentions usage."""
    chunks = [chunk async for chunk in await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)]
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 21 + ["stop"]


async def test_chat_honours_the_cap(client):
    """max_tokens cuts the reply and says so."""
    for cap in ({"max_tokens": 3}, {"max_completion_tokens": 3}):
        reply = await client.chat.completions.create(model="m", messages=MESSAGES, **cap)
        assert reply.choices[0].finish_reason == "length"
        assert reply.usage.completion_tokens == 3


async def test_chat_tells_cached_and_reasoning_tokens(provider):
    """Scripted details stand in the usage: cached inside the prompt, reasoning inside the completion."""
    async with connect(provider, "sk-thinks") as client:
        reply = await client.chat.completions.create(model="m", messages=MESSAGES)
    assert reply.usage.prompt_tokens_details.cached_tokens == 2
    assert reply.usage.completion_tokens_details.reasoning_tokens == 5
    assert reply.usage.prompt_tokens == 5
    assert reply.usage.completion_tokens == 25


async def test_chat_calls_the_first_tool_when_the_prompt_asks(client):
    """A marked prompt gets a tool call whose arguments fit the schema, plain and streamed."""
    reply = await client.chat.completions.create(model="m", messages=TOOL_MESSAGES, tools=CHAT_TOOLS)
    call = reply.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments, reply.choices[0].finish_reason) == ("weather", ARGUMENTS, "tool_calls")
    async with client.chat.completions.stream(model="m", messages=TOOL_MESSAGES, tools=CHAT_TOOLS) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.arguments == ARGUMENTS
    assert final.choices[0].message.tool_calls[0].id.startswith("call_")


async def test_chat_gives_as_many_choices_as_asked(client):
    """n choices are n times the output."""
    reply = await client.chat.completions.create(model="m", messages=MESSAGES, n=3)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert reply.usage.completion_tokens == 60


async def test_responses_plain_and_streamed_agree(client):
    """The Responses accumulator sees a complete lifecycle and ends with the plain reply's output."""
    plain = await client.responses.create(model="m", input="hello there", instructions="be brief")
    assert plain.output_text.startswith("You said: hello there")
    async with client.responses.stream(model="m", input="hello there", instructions="be brief") as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert final.output_text == plain.output_text
    assert final.usage == plain.usage
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


async def test_responses_are_incomplete_at_the_cap(client):
    """A cut Responses reply is incomplete for max_output_tokens."""
    reply = await client.responses.create(model="m", input="hello", max_output_tokens=4)
    assert (reply.status, reply.incomplete_details.reason, reply.usage.output_tokens) == ("incomplete", "max_output_tokens", 4)
    events = [event async for event in await client.responses.create(model="m", input="hello", max_output_tokens=4, stream=True)]
    assert events[-1].type == "response.incomplete"


async def test_parallel_calls_follow_each_other(client):
    """The SDK parses the arguments of a strict tool once the next call begins."""

    class Weather(BaseModel):
        city: str

    class Tide(BaseModel):
        days: int

    tools = [openai.pydantic_function_tool(Weather), openai.pydantic_function_tool(Tide)]
    asked = [{"role": "user", "content": "[[tools]]"}]
    async with client.chat.completions.stream(model="m", messages=asked, tools=tools) as stream:
        done = [event.parsed_arguments async for event in stream if event.type == "tool_calls.function.arguments.done"]
    assert done == [Weather(city="heron"), Tide(days=7)]


async def test_responses_call_tools(client):
    """Plain and streamed function calls carry the same arguments."""
    asked = [{"role": "user", "content": [{"type": "input_text", "text": "weather? [[tool]]"}]}]
    plain = await client.responses.create(model="m", input=asked, tools=RESPONSES_TOOLS)
    async with client.responses.stream(model="m", input=asked, tools=RESPONSES_TOOLS) as stream:
        final = await stream.get_final_response()
    assert plain.output[0].arguments == final.output[0].arguments == ARGUMENTS
    assert plain.output[0].call_id


async def test_models_are_listed(client):
    """The list of models parses."""
    assert [model.id async for model in client.models.list()] == ["fake-small", "fake-large"]


async def test_headers_look_like_the_real_ones(client):
    """Limits, the request's id, the organisation and a cookie are told, so that a test can see what leaks."""
    reply = await client.chat.completions.with_raw_response.create(model="m", messages=MESSAGES)
    for name in ("x-ratelimit-remaining-requests", "x-request-id", "openai-organization", "openai-processing-ms"):
        assert reply.headers[name]
    assert "__cf_bm" in reply.headers["set-cookie"]


@in_turn(
    ("fault", "kind"),
    [
        (Fault.status(400), openai.BadRequestError),
        (Fault.status(401), openai.AuthenticationError),
        (Fault.status(403), openai.PermissionDeniedError),
        (Fault.status(404), openai.NotFoundError),
        (Fault.status(422), openai.UnprocessableEntityError),
        (Fault.status(429, hint=Hint(form="ms", seconds=1)), openai.RateLimitError),
        (Fault.status(500), openai.InternalServerError),
    ],
)
async def test_errors_become_the_sdks_own(provider, client, fault, kind):
    """Every status is the exception that the SDK has for it."""
    provider.enqueue(fault)
    with pytest.raises(kind) as raised:
        await client.chat.completions.create(model="m", messages=MESSAGES)
    assert raised.value.body["message"]


async def test_error_events_reach_the_sdk(client):
    """An error in mid-stream is an exception for chat, and a failed response for Responses."""
    marked = [{"role": "user", "content": "[[fault:error_after_content]]"}]
    with pytest.raises(openai.APIError):
        _ = [chunk async for chunk in await client.chat.completions.create(model="m", messages=marked, stream=True)]
    with pytest.raises(openai.APIError):
        _ = [event async for event in await client.responses.create(model="m", input="[[fault:error_before_content]]", stream=True)]


async def test_unknown_key_is_401(provider):
    """A key that nobody scripted is refused in the protocol's own form."""
    async with connect(provider, "sk-nobody") as client:
        with pytest.raises(openai.AuthenticationError) as raised:
            await client.chat.completions.create(model="m", messages=MESSAGES)
    assert raised.value.code == "invalid_api_key"


def test_synchronous_client_in_a_thread():
    """The provider runs in a thread of its own for synchronous clients."""
    with ThreadedFakeProvider(FakeProvider()) as provider:
        with OpenAI(api_key="k", base_url=f"{provider.base_url}/v1", _strict_response_validation=True) as client:
            assert client.chat.completions.create(model="m", messages=MESSAGES).usage.total_tokens == 25
            with client.responses.stream(model="m", input="hello") as stream:
                assert stream.get_final_response().output_text.startswith("You said: hello")
        assert [record.completed for record in provider.log] == [True, True]
