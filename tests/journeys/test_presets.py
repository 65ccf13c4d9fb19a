"""Each OpenAI-compatible kind against a provider that poses as it, and refuses what the real one refuses."""

import json
from collections.abc import AsyncIterator

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve
from tests.journeys.wire import ask, exchange

from omnillm.assemble import SystemClock
from omnillm.providers.profiles.presets import PRESETS
from omnillm.testing import Behaviour, FakeProvider, Fault
from omnillm.testing.hosts import HOSTS

KINDS = [profile.kind for profile in PRESETS]
KEYLESS = {profile.kind for profile in PRESETS if profile.is_keyless}
REASONING = Behaviour(reasoning_tokens=7, cached_tokens=2)
CONFIG = """
server: {{port: 0, auth: required}}
store: {{url: "memory://"}}
providers: {{host: {{kind: {kind}, base_url: {base_url}{keys}}}}}
budgets: [{{name: everything, limit_usd: 5}}]
virtual_keys: [{{name: journey, key: {virtual_key}}}]
pricing: {{overrides: {{host/fake-small: {{input: 0.4, output: 1.6}}}}}}
"""


@pytest.fixture(params=KINDS)
async def posing(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[tuple[FakeProvider, Running]]:
    """A provider that poses as the kind, and a gateway in front of it."""
    kind = request.param
    keys = "" if kind in KEYLESS else ", keys: [{label: good, key: sk-good}]"
    good = {"keyless" if kind in KEYLESS else "sk-good": REASONING}
    async with FakeProvider(keys=good, prices=PRICES, clock=SystemClock(), poses_as=kind) as fake:
        yield fake, await serve(CONFIG.format(kind=kind, base_url=fake.base_url, keys=keys, virtual_key=VIRTUAL_KEY))


async def test_every_kind_has_a_pose() -> None:
    """A preset without one would be data that nobody has tried."""
    assert {*KINDS, "azure_openai"} == HOSTS.keys()


async def test_chat_plain_and_streamed(posing: tuple[FakeProvider, Running]) -> None:
    """OpenAI's SDK, with the cap that it prefers, and usage asked for: the books agree with the invoice to the token."""
    fake, gateway = posing
    client = AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0)
    asked = {"model": "host/fake-small", "messages": [{"role": "user", "content": "How deep is the lake?"}], "max_completion_tokens": 19}
    async with client:
        whole = await client.chat.completions.create(**asked)
        stream = await client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        pieces = [chunk async for chunk in stream]
    assert "lake" in (whole.choices[0].message.content or "")
    assert pieces[-1].usage is not None
    assert "lake" in "".join(chunk.choices[0].delta.content or "" for chunk in pieces if chunk.choices)
    cost, settled, held = await gateway.books()
    assert (cost, settled, held) == (fake.invoice.total_nanousd, fake.invoice.total_nanousd, 0)
    assert cost > 0
    is_keyless = "authorization" not in {name.decode() for name in fake.log[0].headers}
    assert is_keyless == (fake.log[0].key == "keyless")


async def test_another_protocol(posing: tuple[FakeProvider, Running], ask_messages) -> None:
    """Anthropic's words, of several texts, thoughts and calls: the host is asked in its own, with nothing that it refuses."""
    fake, gateway = posing
    reply = await ask_messages(gateway)
    assert reply.content[-1].text
    cost, settled, held = await gateway.books()
    assert (cost, settled, held) == (fake.invoice.total_nanousd, fake.invoice.total_nanousd, 0)


async def test_forced_calls_and_schemas(posing: tuple[FakeProvider, Running]) -> None:
    """A client that knows nothing of a host's thoughts, and of what it holds answers to, is answered all the same."""
    fake, gateway = posing
    schema = {"type": "object", "properties": {"metres": {"type": "number"}}, "required": ["metres"], "additionalProperties": False}
    asked = {"model": "host/fake-small", "max_tokens": 20, "messages": [{"role": "user", "content": "How deep is the lake?"}]}
    async with AsyncAnthropic(base_url=gateway.base_url, api_key=VIRTUAL_KEY, max_retries=0) as client:
        await client.messages.create(**asked, tools=[{"name": "sound", "input_schema": schema}], tool_choice={"type": "any"})
        await client.messages.create(**asked, output_config={"format": {"type": "json_schema", "schema": schema}})
    cost, settled, held = await gateway.books()
    assert (cost, settled, held) == (fake.invoice.total_nanousd, fake.invoice.total_nanousd, 0)


@pytest.fixture
def ask_messages():
    def call(name: str) -> dict[str, object]:
        return {"type": "tool_use", "id": name, "name": "sound", "input": {}}

    async def ask(gateway: Running):
        async with AsyncAnthropic(base_url=gateway.base_url, api_key=VIRTUAL_KEY, max_retries=0) as client:
            return await client.messages.create(
                model="host/fake-small",
                max_tokens=20,
                system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
                tools=[{"name": "sound", "input_schema": {"type": "object"}}],
                messages=[
                    {"role": "user", "content": [{"type": "text", "text": "How deep"}, {"type": "text", "text": "is the lake?"}]},
                    {
                        "role": "assistant",
                        "content": [{"type": "thinking", "thinking": "A chart may be wrong.", "signature": "c2ln"}, call("1")],
                    },
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "149 m"}]},
                    {"role": "assistant", "content": [call("2")]},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "2", "content": "149 m"}]},
                ],
            )

    return ask


@pytest.mark.parametrize(("kind", "is_about_the_key"), [("fireworks", True), ("openai_compatible", False), ("vllm", False)])
async def test_a_failed_precondition_is_no_lack_of_money_but_where_it_is(serve: Serve, kind: str, is_about_the_key: bool) -> None:
    """Fireworks says so of an account that is suspended: the next key has its turn. At any other host it is about the request."""
    refusal = {"error": {"object": "error", "type": "invalid_request_error", "code": "PRECONDITION_FAILED", "message": "Not like this."}}
    body = json.dumps(refusal).encode()
    keys = ", keys: [{label: first, key: sk-first}, {label: second, key: sk-second}], selection: priority"
    async with FakeProvider(keys={"*": REASONING}, prices=PRICES, clock=SystemClock(), poses_as=kind if kind in HOSTS else "") as fake:
        fake.enqueue(Fault(http_status=412, body=body, is_generated=False))
        gateway = await serve(CONFIG.format(kind=kind, base_url=fake.base_url, keys=keys, virtual_key=VIRTUAL_KEY))
        reply = await exchange(gateway.port, ask("openai_chat", "How deep is the lake?", model="host/fake-small"))
    states = {label: {health.state for health in key.models} for label, key in gateway.keys("host").items()}
    if is_about_the_key:
        assert (reply.status, [logged.key for logged in fake.log]) == (200, ["sk-first", "sk-second"])
        assert states["first"] == {"exhausted"}
    else:
        assert (reply.status, reply.body, len(fake.log)) == (412, body, 1)
        assert "exhausted" not in states["first"]
