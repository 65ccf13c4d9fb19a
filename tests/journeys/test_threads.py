"""Conversations that Anthropic keeps: its SDK makes them by itself where it runs an application's tools."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve
from tests.journeys.talking import CLIENTS

from omnillm.assemble import SystemClock
from omnillm.testing import Behaviour, FakeProvider

OTHER_KEY = "sk-omni-other-0123456789abcdef"
CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, drain: 2s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  chat: {{kind: openai_compatible, base_url: {base_url}, keys: [{{label: a, key: sk-a}}]}}
  responses: {{kind: openai, protocol: responses, base_url: {base_url}, keys: [{{label: a, key: sk-a}}]}}
  anthropic: {{kind: anthropic, base_url: {base_url}, keys: [{{label: a, key: sk-a}}, {{label: b, key: sk-b}}, {{label: c, key: sk-c}}]}}
  gemini: {{kind: gemini, base_url: {base_url}, keys: [{{label: a, key: sk-a}}]}}
  interactions: {{kind: gemini, protocol: gemini_interactions, base_url: {base_url}, keys: [{{label: a, key: sk-a}}]}}
models:
  openai_chat: {{targets: [chat/fake-small]}}
  openai_responses: {{targets: [responses/fake-small]}}
  anthropic_messages: {{targets: [anthropic/fake-small]}}
  gemini_generate_content: {{targets: [gemini/fake-small]}}
  gemini_interactions: {{targets: [interactions/fake-small]}}
virtual_keys: [{{name: journey, key: {virtual_key}}}, {{name: budgeted, key: {other}, budget: {{limit_usd: "1000", period: total}}}}]
pricing: {{overrides: {{anthropic/fake-small: {{input: 0.4, output: 1.6}}}}}}
"""
BETA = ["message-threads-2026-08-12"]
CREATE = {"type": "create"}


@anthropic.beta_async_tool
async def search(query: str) -> str:
    """Search the manual.

    Args:
        query: What for.
    """
    return f"found: {query}"


@pytest.fixture
async def accounts() -> AsyncIterator[FakeProvider]:
    """Three: what one of them keeps, the others do not know."""
    keys = {key: Behaviour() for key in ("sk-a", "sk-b", "sk-c")}
    async with FakeProvider(keys=keys, prices=PRICES, clock=SystemClock()) as fake:
        yield fake


@pytest.fixture
async def gateway(serve: Serve, accounts: FakeProvider) -> Running:
    return await serve(CONFIG.format(base_url=accounts.base_url, virtual_key=VIRTUAL_KEY, other=OTHER_KEY))


def client(gateway: Running, key: str = VIRTUAL_KEY) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=key, max_retries=0, _strict_response_validation=True)


async def ask(sdk: anthropic.AsyncAnthropic, words: str, thread: Any, *, is_stream: bool = False) -> tuple[str, str]:
    """The reply's id, and the label of the key that answered."""
    asked = {"model": "anthropic_messages", "max_tokens": 50, "messages": [{"role": "user", "content": words}], "betas": BETA}
    raw = await sdk.beta.messages.with_raw_response.create(**asked, thread=thread, stream=is_stream)  # type: ignore[call-overload]
    if not is_stream:
        return (await raw.parse()).id, raw.headers["x-omnillm-key"]
    started = [event async for event in await raw.parse() if event.type == "message_start"]
    return started[0].message.id, raw.headers["x-omnillm-key"]


def goes_on(message_id: str) -> dict[str, str]:
    return {"type": "continue", "previous_message_id": message_id}


@pytest.mark.parametrize(("upstream", "key"), [*((upstream, VIRTUAL_KEY) for upstream in CLIENTS), ("anthropic_messages", OTHER_KEY)])
async def test_tools_are_run_whoever_keeps_the_conversation(gateway: Running, accounts: FakeProvider, upstream: str, key: str) -> None:
    """Where nobody does, or nobody can say what it costs, the SDK is told so, and sends all of it."""
    async with client(gateway, key) as sdk:
        runner = sdk.beta.messages.tool_runner(
            model=upstream, max_tokens=200, messages=[{"role": "user", "content": "[[tool]] Find it."}], tools=[search]
        )
        said = await runner.until_done()
    assert said.content[0].type == "text"
    last = json.loads(accounts.log[-1].body)
    assert len(accounts.log) == 2, "what is refused is not sent"
    is_kept = upstream == "anthropic_messages" and key == VIRTUAL_KEY
    assert ("thread" in last) is is_kept
    assert ("Find it." in json.dumps(last)) is not is_kept
    assert "found: heron" in json.dumps(last)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_thread_goes_back_to_its_key(gateway: Running, is_stream: bool) -> None:
    """Turn after turn: another key's account would not know it."""
    async with client(gateway) as sdk:
        used = set()
        for number in range(6):
            first, key = await ask(sdk, f"How deep is lake {number}?", CREATE, is_stream=is_stream)
            second, again = await ask(sdk, "And how wide?", goes_on(first), is_stream=is_stream)
            _, last = await ask(sdk, "And how old?", goes_on(second), is_stream=is_stream)
            assert key == again == last
            used.add(key)
        assert len(used) > 1, "the keys were not all used, so nothing was shown"


async def test_thread_of_another_virtual_key_is_not_found(gateway: Running, accounts: FakeProvider) -> None:
    """404, before anything is sent; one that nobody here made goes to the provider, which says what it is."""
    async with client(gateway) as sdk, client(gateway, OTHER_KEY) as stranger:
        first, _ = await ask(sdk, "How deep is the lake?", CREATE)
        sent = len(accounts.log)
        with pytest.raises(anthropic.NotFoundError):
            await ask(stranger, "And how wide?", goes_on(first))
        assert len(accounts.log) == sent
        with pytest.raises(anthropic.NotFoundError) as unknown:
            await ask(sdk, "And how wide?", goes_on("msg_nobodys"))
        assert unknown.value.body["error"]["details"]["error_code"] == "thread_not_found"  # type: ignore[index, call-overload]


async def test_budgeted_call_does_not_go_on_with_what_it_does_not_show(gateway: Running, accounts: FakeProvider) -> None:
    """The conversation that is kept is paid for again, and nobody can say how long it is."""
    async with client(gateway, OTHER_KEY) as sdk:
        first, _ = await ask(sdk, "How deep is the lake?", CREATE)
        with pytest.raises(anthropic.BadRequestError) as refused:
            await ask(sdk, "And how wide?", goes_on(first))
    assert refused.value.body["error"]["details"]["error_code"] == "thread_unsupported_request"  # type: ignore[index, call-overload]
    assert len(accounts.log) == 1
