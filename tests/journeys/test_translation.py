"""Every client protocol over every provider protocol: the official SDKs, strict, never see which one answers."""

import asyncio
from itertools import permutations
from typing import Any

import anthropic
import openai
import pytest
from google.genai import _interactions as interactions
from google.genai import errors
from tests.in_turn import in_turn
from tests.journeys.families.families import PNG
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve
from tests.journeys.talking import CLIENTS, Wish
from tests.journeys.wire import DIALECTS, Line, ask, exchange, send

from omnillm.assemble import SystemClock
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault

CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, drain: 2s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  chat: {{kind: openai_compatible, base_url: {base_url}, keys: [{{label: good, key: sk-good}}]}}
  responses: {{kind: openai, protocol: responses, base_url: {base_url}, keys: [{{label: good, key: sk-good}}]}}
  anthropic: {{kind: anthropic, base_url: {base_url}, keys: [{{label: good, key: sk-good}}]}}
  gemini: {{kind: gemini, protocol: gemini_generate_content, base_url: {base_url}, keys: [{{label: good, key: sk-good}}]}}
  interactions: {{kind: gemini, protocol: gemini_interactions, base_url: {base_url}, keys: [{{label: good, key: sk-good}}]}}
models:
  openai_chat: {{targets: [chat/fake-small]}}
  openai_responses: {{targets: [responses/fake-small]}}
  anthropic_messages: {{targets: [anthropic/fake-small]}}
  gemini_generate_content: {{targets: [gemini/fake-small]}}
  gemini_interactions: {{targets: [interactions/fake-small]}}
budgets: [{{name: everything, limit_usd: "1000", period: total, hard: true}}]
virtual_keys: [{{name: journey, key: {virtual_key}}}]
pricing:
  overrides:
    {{chat/fake-small: {price}, responses/fake-small: {price}, anthropic/fake-small: {price}, gemini/fake-small: {price},
      interactions/fake-small: {price}}}
"""
PRICE = "{input: 0.4, output: 1.6}"
TOOL_FINISH = {
    "openai_chat": "tool_calls",
    "openai_responses": "completed",
    "anthropic_messages": "tool_use",
    "gemini_generate_content": "STOP",
    "gemini_interactions": "requires_action",
}
LENGTH_FINISH = {
    "openai_chat": "length",
    "openai_responses": "max_output_tokens",
    "anthropic_messages": "max_tokens",
    "gemini_generate_content": "MAX_TOKENS",
    "gemini_interactions": "incomplete",
}
clients = pytest.mark.parametrize("client", CLIENTS)
upstreams_in_turn = in_turn("upstream", CLIENTS)


def wishes(client: str, upstream: str, **wish: Any) -> tuple[Wish, Wish]:
    """That of the odd turns of a conversation and that of the even ones: one is streamed. Each client and each provider begins in both ways."""
    order = [*CLIENTS]
    is_stream = (order.index(client) + order.index(upstream)) % 2 == 1
    return Wish(is_stream=is_stream, **wish), Wish(is_stream=not is_stream, **wish)


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(CONFIG.format(base_url=provider.base_url, virtual_key=VIRTUAL_KEY, price=PRICE))


@clients
@upstreams_in_turn
async def test_text_over_several_turns(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """System text, a turn, its history, another turn; usage counts what the provider counted."""
    begun = len(provider.log)
    odd, even = wishes(client, upstream)
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        talk.system("You are a heron.")
        first = await talk.ask("How deep is the lake?", odd)
        assert first.text.startswith("You said: How deep is the lake?")
        assert first.output_tokens > 0
        second = await talk.ask("And how wide?", even)
        assert second.text.startswith("You said: And how wide?")
        assert second.prompt_tokens > first.prompt_tokens
    assert b"You are a heron." in provider.log[begun + 1].body
    assert b"said:" in provider.log[begun + 1].body  # the history; Gemini's client sends each piece of a stream as a part
    await gateway.agrees_with(provider)


@clients
@upstreams_in_turn
async def test_length_and_cached_tokens(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """A reply that was cut says so in the client's own word; tokens from a cache are counted once."""
    provider.script.behave("sk-good", Behaviour(cached_tokens=4))
    wish, _ = wishes(client, upstream, max_tokens=16)
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        said = await talk.ask("How deep is the lake, and how many herons stand at its edge?", wish)
    assert said.finish == LENGTH_FINISH[client]
    assert (said.output_tokens, said.cached_tokens) == (16, 4)
    await gateway.agrees_with(provider)


@clients
@upstreams_in_turn
async def test_parallel_tool_calls_and_their_results(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """Two calls with streamed arguments, answered in the next turn, each result at its call."""
    begun = len(provider.log)
    odd, even = wishes(client, upstream, tools=True)
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        asked = await talk.ask("[[tools]] How deep is the lake?", odd)
        assert [(call.name, call.arguments) for call in asked.calls] == [("search", {"query": "heron"}), ("look_up", {"query": "heron"})]
        assert len({call.call_id for call in asked.calls}) == 2
        assert asked.finish == TOOL_FINISH[client]
        results = {call.call_id: f"result of {call.name}" for call in asked.calls}
        told = await talk.answer(results, even)
        assert not told.calls
        assert told.text
        again = await talk.ask("Thank you.", odd)
        assert again.text.startswith("You said: Thank you.")
    for name in ("search", "look_up"):
        assert f"result of {name}".encode() in provider.log[begun + 1].body
    await gateway.agrees_with(provider)


@clients
@upstreams_in_turn
async def test_structured_output(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """The schema reaches the provider, and its JSON the client."""
    wish, _ = wishes(client, upstream, schema=True)
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        said = await talk.ask("[[json]] Find it.", wish)
    assert said.text == '{"query":"heron"}'
    await gateway.agrees_with(provider)


@clients
@upstreams_in_turn
async def test_image(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """Its bytes arrive whole."""
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        said = await talk.ask("What is this?", image=PNG)
    assert f"an image of {len(PNG)} bytes" in said.text
    await gateway.agrees_with(provider)


@clients
@upstreams_in_turn
async def test_reasoning_and_its_signature_come_back(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """The reasoning is shown, and what only its issuer can read returns to it: the provider refuses what it never signed."""
    odd, even = wishes(client, upstream, tools=True, reasons=True)
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        asked = await talk.ask("[[think]] [[tools]] How deep is the lake?", odd)
        assert asked.reasoning
        assert len(asked.calls) == 2
        told = await talk.answer({call.call_id: "149 m" for call in asked.calls}, even)
        assert told.text
        again = await talk.ask("Thank you.", odd)
        assert again.text.startswith("You said: Thank you.")
    await gateway.agrees_with(provider)


STOPS = {"openai_chat": "stop", "anthropic_messages": "end_turn", "gemini_generate_content": "STOP", "gemini_interactions": "completed"}


@in_turn("client", STOPS)
@in_turn("upstream", STOPS)
async def test_stop_sequence_reaches_the_provider(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """Responses has none. Anthropic alone says which one it was."""
    begun = len(provider.log)
    wish, _ = wishes(client, upstream, stop="edge")
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        said = await talk.ask("[[stop]] How deep is the lake?", wish)
    says_which = client == upstream == "anthropic_messages"
    assert said.finish == ("stop_sequence" if says_which else STOPS[client])
    assert b'"edge"' in provider.log[begun].body
    await gateway.agrees_with(provider)


REFUSALS = {
    "openai_chat": {"stop", "content_filter"},
    "openai_responses": {"completed", "content_filter"},
    "anthropic_messages": {"refusal"},
    "gemini_generate_content": {"STOP", "SAFETY"},
    "gemini_interactions": {"completed", "incomplete"},
}


@clients
@upstreams_in_turn
async def test_refusal_is_said_in_the_clients_words(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """With a text of its own where the provider gave one; never an error."""
    wish, _ = wishes(client, upstream)
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        said = await talk.ask("[[refuse]] How deep is the lake?", wish)
    untold = {"end_turn"} if upstream == "gemini_interactions" else set()  # it ends as if all were said
    assert said.finish in REFUSALS[client] | untold
    assert not said.calls
    await gateway.agrees_with(provider)


@clients
@upstreams_in_turn
async def test_redacted_reasoning_makes_the_round(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """What nobody but its issuer can read goes back to it through any client: the provider refuses what it did not seal."""
    begun = len(provider.log)
    odd, even = wishes(client, upstream, tools=True, reasons=True)
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        asked = await talk.ask("[[redacted]] [[tools]] How deep is the lake?", odd)
        told = await talk.answer({call.call_id: "149 m" for call in asked.calls}, even)
        assert told.text
    if upstream == "anthropic_messages":
        assert b'"type":"redacted_thinking"' in provider.log[begun + 1].body.replace(b": ", b":")
    await gateway.agrees_with(provider)


STATUS_ERRORS = (openai.APIStatusError, anthropic.APIStatusError, errors.APIError, interactions.APIStatusError)
BAD_REQUESTS = (openai.BadRequestError, anthropic.BadRequestError, errors.ClientError, interactions.BadRequestError)


@clients
@upstreams_in_turn
async def test_errors_are_the_sdks_own_classes(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """A provider's refusal of the request, and its failure, each as the client's SDK knows it."""
    for fault, status in (("context_length", 400), ("status_500", 502)):
        provider.script.behave("sk-good", Behaviour(fault=FAULTS[fault]))
        async with CLIENTS[client](gateway.base_url, upstream) as talk:
            with pytest.raises(STATUS_ERRORS) as caught:
                await talk.ask("How deep is the lake?")
        assert status_of(caught.value) == status
        if status == 400:
            assert isinstance(caught.value, BAD_REQUESTS)


def status_of(error: Any) -> int:
    return error.code if isinstance(error, errors.APIError) else error.status_code


@clients
@upstreams_in_turn
async def test_broken_stream_is_an_error_in_the_clients_protocol(
    gateway: Running, provider: FakeProvider, client: str, upstream: str
) -> None:
    """A provider's stream that breaks after content never ends as success."""
    provider.script.behave("sk-good", Behaviour(fault=FAULTS["error_after_content"]))
    async with CLIENTS[client](gateway.base_url, upstream) as talk:
        with pytest.raises(
            (openai.APIError, anthropic.APIError, errors.APIError, interactions.APIError, openai.LengthFinishReasonError, RuntimeError)
        ):
            await talk.ask("How deep is the lake?", Wish(is_stream=True))


PROVIDERS = {
    "openai_chat": "chat",
    "openai_responses": "responses",
    "anthropic_messages": "anthropic",
    "gemini_generate_content": "gemini",
    "gemini_interactions": "interactions",
}
BAD_FIELDS = {
    "openai_chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    "openai_responses": ("/v1/responses", {"input": [{"role": "user", "content": 7}]}, "input[0].content"),
    "anthropic_messages": ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    "gemini_generate_content": ("/v1/models/{}:generateContent", {"contents": [{"parts": [{"text": 7}]}]}, "contents[0].parts[0].text"),
    "gemini_interactions": ("/v1beta/interactions", {"input": [{"type": "user_input", "content": 7}]}, "input[0].content"),
}


@in_turn(("client", "upstream"), list(permutations(CLIENTS, 2)))
async def test_wrong_field_is_named_by_its_path(gateway: Running, provider: FakeProvider, client: str, upstream: str) -> None:
    """400 in the client's own shape, as its provider would have said it, and nothing is sent. Of its own protocol the provider says it itself."""
    path, body, field = BAD_FIELDS[client]
    dialect = "gemini" if client == "gemini_generate_content" else client
    reply = await send(gateway, "POST", path.format(upstream), {"model": upstream, **body}, dialect=dialect)
    assert reply.status == 400
    assert f"`{field}`" in reply.error["message"]
    if client.startswith("openai"):
        assert (reply.error["param"], reply.error["code"]) == (field, "invalid_value")
    assert not provider.log


@pytest.mark.parametrize("upstream", CLIENTS)
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_garbled_reply_is_a_502_with_the_providers_name(serve: Serve, upstream: str, is_stream: bool) -> None:
    """Whole, or broken off before any content: retried, and then an error that names who failed."""
    garbled = Behaviour(fault=FAULTS["malformed_event" if is_stream else "truncated_json"])
    async with FakeProvider(keys={"sk-good": garbled}, prices=PRICES, clock=SystemClock()) as provider:
        gateway = await serve(CONFIG.format(base_url=provider.base_url, virtual_key=VIRTUAL_KEY, price=PRICE))
        client = next(name for name in CLIENTS if name != upstream)
        async with CLIENTS[client](gateway.base_url, upstream) as talk:
            with pytest.raises((openai.APIError, anthropic.APIError, errors.APIError)) as caught:
                await talk.ask("How deep is the lake?", Wish(is_stream=is_stream))
    if not is_stream:
        assert status_of(caught.value) == 502
        assert f"'{PROVIDERS[upstream]}'" in str(caught.value)


@in_turn("dialect", DIALECTS)
async def test_a_translated_stream_is_shown_as_it_comes(gateway: Running, provider: FakeProvider, dialect: str) -> None:
    """Its first words are with the client while the provider still writes the others."""
    for place, upstream in enumerate(CLIENTS):
        fault = f"later-{place}-{dialect}"
        provider.enqueue(Fault(name=fault, action="stall", point="events", after=4))
        async with asyncio.timeout(5):
            line = await Line.open(gateway.port, ask(dialect, "one two three four five six", model=upstream, is_stream=True))
            assert await line.head() == 200
            seen = b""
            while b"one" not in seen:
                seen += await line.piece()
            provider.gate(fault).set()
            assert (await line.rest()).is_answer
        line.reset()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_fault_before_the_first_words_of_a_translated_stream_is_hidden(
    gateway: Running, provider: FakeProvider, dialect: str
) -> None:
    """Whatever the provider has said until then: of it the client has seen nothing."""
    for upstream in CLIENTS:
        heard = len(provider.log)
        provider.enqueue(Fault(name="odd", error_after=1, error_status=529), None)
        reply = await exchange(gateway.port, ask(dialect, "one two three", model=upstream, is_stream=True))
        assert (reply.is_answer, len(provider.log)) == (True, heard + 2), upstream
