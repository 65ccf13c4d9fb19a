"""Azure OpenAI: both of its addresses, both of its credentials, its own SDK client, and what its replies have beside OpenAI's."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from openai import APIStatusError, AsyncAzureOpenAI, AsyncOpenAI, BadRequestError
from tests.journeys.hosts import hosting
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve

from omnillm.assemble import SystemClock
from omnillm.config.load import parse
from omnillm.testing import Behaviour, FakeProvider
from omnillm.testing.faults import Fault

CONFIG = """
server: {{port: 0, auth: required}}
store: {{url: "memory://"}}
providers:
  legacy: {{kind: azure_openai, base_url: {base_url}, api_version: 2024-10-21, keys: [{{label: good, key: sk-good}}]}}
  azure: {{kind: azure_openai, base_url: {base_url}, keys: [{{label: good, key: sk-good}}]}}
  static: {{kind: azure_openai, base_url: {base_url}, auth: bearer, keys: [{{label: good, key: sk-good}}]}}
models: {{fast: {{targets: [legacy/fake-small]}}, "azure/*": {{targets: [legacy/*]}}}}
budgets: [{{name: everything, limit_usd: 5}}]
virtual_keys: [{{name: journey, key: {virtual_key}}}]
pricing:
  overrides:
    legacy/fake-small: {{input: 0.4, output: 1.6}}
    azure/fake-small: {{input: 0.4, output: 1.6}}
    static/fake-small: {{input: 0.4, output: 1.6}}
"""
VERSION = "2024-10-21"
ASKED = {"model": "fake-small", "messages": [{"role": "user", "content": "How deep is the lake?"}], "max_completion_tokens": 9}
FILTERED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True, "severity": "high"}}},
    }
}


@pytest.fixture
async def azure() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(keys={"sk-good": Behaviour()}, prices=PRICES, clock=SystemClock(), poses_as="azure_openai") as fake:
        yield fake


@pytest.fixture
async def gateway(azure: FakeProvider, serve: Serve) -> Running:
    return await serve(CONFIG.format(base_url=azure.base_url, virtual_key=VIRTUAL_KEY))


def azure_client(gateway: Running, provider: str) -> AsyncAzureOpenAI:
    return AsyncAzureOpenAI(
        azure_endpoint=f"{gateway.base_url}/providers/{provider}", api_version=VERSION, api_key=VIRTUAL_KEY, max_retries=0
    )


@pytest.mark.parametrize(
    ("model", "path", "query"),
    [
        ("fast", "/openai/deployments/fake-small/chat/completions", f"api-version={VERSION}"),
        ("legacy/fake-small", "/openai/deployments/fake-small/chat/completions", f"api-version={VERSION}"),
        ("static/fake-small", "/openai/v1/chat/completions", ""),
    ],
)
async def test_openai_clients_reach_a_deployment(azure: FakeProvider, gateway: Running, model: str, path: str, query: str) -> None:
    """By a model's name or the deployment's own; the key where Azure looks for it, and no field of the client's credential."""
    async with AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        reply = await client.chat.completions.create(**ASKED | {"model": model})
    assert reply.choices[0].message.content
    [logged] = azure.log
    assert (logged.path, logged.query) == (path, query)
    is_bearer = model.startswith("static")
    credentials = (logged.headers.get(b"api-key"), logged.headers.get(b"authorization"))
    assert credentials == ((None, b"Bearer sk-good") if is_bearer else (b"sk-good", None))
    assert (await gateway.books())[1] == azure.invoice.total_nanousd > 0


@pytest.mark.parametrize("provider", ["legacy", "azure"])
async def test_azures_own_client(azure: FakeProvider, gateway: Running, provider: str) -> None:
    """`AzureOpenAI` with its endpoint changed, plain and streamed: answered by that provider, whatever the models say."""
    async with azure_client(gateway, provider) as client:
        whole = await client.chat.completions.with_raw_response.create(**ASKED)
        stream = await client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True})
        pieces = [chunk async for chunk in stream]
    assert whole.headers["x-omnillm-provider"] == provider
    assert whole.parse().choices[0].message.content
    assert pieces[0].choices == []
    assert pieces[0].model_extra["prompt_filter_results"]
    assert pieces[-1].usage.completion_tokens == 9
    assert (await gateway.books())[1] == azure.invoice.total_nanousd > 0


async def test_a_responses_call_names_its_deployment_in_the_body(azure: FakeProvider, gateway: Running) -> None:
    """Also where the version is dated."""
    async with azure_client(gateway, "legacy") as client:
        reply = await client.responses.create(model="fake-small", input="How deep is the lake?")
    assert reply.output_text
    assert [(logged.path, logged.query) for logged in azure.log] == [("/openai/responses", f"api-version={VERSION}")]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_filtered_prompt_is_told_as_azure_tells_it(azure: FakeProvider, gateway: Running, is_stream: bool) -> None:
    """Verbatim, details and all, and not a mark against the key."""
    azure.enqueue(Fault(name="filtered", http_status=400, body=json.dumps(FILTERED).encode()))
    async with AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        with pytest.raises(BadRequestError) as refused:
            await client.chat.completions.create(**ASKED | {"model": "fast"}, stream=is_stream)
    assert refused.value.code == "content_filter"
    assert refused.value.body == FILTERED["error"]
    assert gateway.keys("legacy")["good"].state == "ready"
    assert (await gateway.books())[1:] == (0, 0)


@pytest.mark.parametrize("provider", ["legacy", ""])
async def test_embeddings_of_a_deployment_are_priced(azure: FakeProvider, serve: Serve, provider: str) -> None:
    """The older path names the deployment; its cost has a bound, so a hard budget allows it. Below the drop-in prefix too."""
    text = CONFIG.format(base_url=azure.base_url, virtual_key=VIRTUAL_KEY)
    gateway = await serve(text.replace("auth: required", "auth: required, native: {openai: legacy}"))
    endpoint = f"{gateway.base_url}/providers/{provider}" if provider else gateway.base_url
    async with AsyncAzureOpenAI(azure_endpoint=endpoint, api_version=VERSION, api_key=VIRTUAL_KEY, max_retries=0) as client:
        assert (await client.embeddings.create(model="fake-small", input="How deep?")).data
        assert (await client.chat.completions.create(**ASKED)).choices
    assert [logged.path for logged in azure.log] == [
        f"/openai/deployments/fake-small/{operation}" for operation in ("embeddings", "chat/completions")
    ]
    assert (await gateway.books())[0] == azure.invoice.total_nanousd > 0


async def test_filter_results_pass_a_translated_stream(azure: FakeProvider, gateway: Running) -> None:
    """A first chunk without choices is none of the answer's."""
    from anthropic import AsyncAnthropic

    async with AsyncAnthropic(base_url=gateway.base_url, api_key=VIRTUAL_KEY, max_retries=0) as client:
        async with client.messages.stream(model="fast", max_tokens=20, messages=ASKED["messages"]) as stream:
            assert await stream.get_final_text()


async def test_a_body_need_not_repeat_the_deployment(azure: FakeProvider, gateway: Running) -> None:
    """The older path names it; the body goes through as it came."""
    body = {"messages": ASKED["messages"], "max_tokens": 5}
    path = f"/deployments/fake-small/chat/completions?api-version={VERSION}"
    async with AsyncOpenAI(base_url=f"{gateway.base_url}/providers/legacy/openai", api_key=VIRTUAL_KEY, max_retries=0) as client:
        await client.post(path, cast_to=object, body=body)
    assert json.loads(azure.log[-1].body) == body
    request, [attempt] = await gateway.last()
    assert (request.model, attempt.model, request.outcome) == ("legacy/fake-small", "fake-small", "success")


class Identity:
    """The machine's identity endpoint, as App Service has it: gives out `tokens` in their order, the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.tokens = ["sk-good"]
        self.is_broken = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        told = {"access_token": token, "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}
        body = json.dumps({"error": "no identity"} if self.is_broken else told).encode()
        status = b"400 Bad Request" if self.is_broken else b"200 OK"
        writer.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
            % (status, len(body), body)
        )
        writer.close()


@pytest.fixture
async def identity(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Identity]:
    given = Identity()
    async with hosting(given.serve) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        yield given


def entra(azure: FakeProvider, more: str = "") -> str:
    return (
        f'server: {{port: 0, auth: none}}\nstore: {{url: "memory://"}}\n'
        f"providers:\n  azure: {{kind: azure_openai, base_url: {azure.base_url}, auth: entra}}\n{more}"
    )


async def ask(gateway: Running, model: str = "azure/fake-small") -> None:
    async with AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key="any", max_retries=0) as client:
        await client.chat.completions.create(**ASKED | {"model": model})


async def test_a_token_that_azure_refuses_is_fetched_anew(azure: FakeProvider, identity: Identity, serve: Serve) -> None:
    """The real `azure-identity` asks the machine's identity endpoint, off the loop; the same call is sent again: also an upload, in Azure's own words."""
    identity.tokens = ["sk-revoked", "sk-good"]
    gateway = await serve(entra(azure))
    await ask(gateway)
    assert b"cognitiveservices.azure.com" in identity.asked[0]
    assert [logged.headers[b"authorization"] for logged in azure.log] == [b"Bearer sk-revoked", b"Bearer sk-good"]
    assert not any(b"api-key" in logged.headers for logged in azure.log)
    async with AsyncOpenAI(base_url=f"{gateway.base_url}/providers/azure/openai/v1", api_key="any", max_retries=0) as client:
        await client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert azure.log[-1].headers[b"authorization"] == b"Bearer sk-good"
    assert len(identity.asked) == 2


async def test_without_a_token_another_target_answers_and_the_health_says_why(
    azure: FakeProvider, identity: Identity, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is sent without one, and alone the provider is a 503."""
    identity.is_broken = True
    more = f"  other: {{kind: azure_openai, base_url: {azure.base_url}, keys: [{{label: good, key: sk-good}}]}}\n"
    gateway = await serve(entra(azure, more + "models: {fast: {targets: [azure/fake-small, other/fake-small]}}"))
    await ask(gateway, "fast")
    assert [logged.headers.get(b"api-key") for logged in azure.log] == [b"sk-good"]
    [key] = gateway.keys("azure").values()
    assert key.state == "dead"
    assert "provider azure: Microsoft Entra ID gave no token" in caplog.text
    assert "is refused by its provider" not in caplog.text
    with pytest.raises(APIStatusError) as refused:
        await ask(gateway)
    assert refused.value.status_code == 503
    assert len(azure.log) == 1


async def test_a_reload_keeps_the_token_and_ends_it_with_its_provider(azure: FakeProvider, identity: Identity, serve: Serve) -> None:
    """Nobody fetches for a provider that is gone; one that comes back begins anew."""
    gateway = await serve(entra(azure))
    program = gateway.program
    await ask(gateway)
    program.apply(parse(entra(azure, "models: {fast: {targets: [azure/fake-small]}}"), {}))
    await ask(gateway)
    assert len(identity.asked) == 1
    program.apply(parse(entra(azure).replace("auth: entra", "keys: [{label: a, key: sk-good}]"), {}))
    assert not program.credentials.found
    await ask(gateway)
    assert len(identity.asked) == 1
    program.apply(parse(entra(azure), {}))
    await ask(gateway)
    assert len(identity.asked) == 2
