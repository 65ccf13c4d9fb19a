"""Live sessions at Azure OpenAI and Vertex AI: each at its own address, with its own credential, and its invoice is the ledger."""

import json
import ssl
from pathlib import Path

import pytest
import trustme
from google import genai
from google.oauth2.credentials import Credentials
from msgspec.structs import replace
from openai import AsyncAzureOpenAI, AsyncOpenAI
from tests.credentials.test_google import TokenServer, account, private_key, server
from tests.journeys.live import Talk, handshake
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve, until

from omnillm import Gateway, KeyConfig, PriceConfig, PrimitiveRequest, ProviderEndpoint
from omnillm.assemble import SystemClock
from omnillm.config.load import parse
from omnillm.config.settings import TlsSettings
from omnillm.testing import Behaviour, FakeProvider

__all__ = ["account", "private_key", "server"]

PRICE = "{input: 0.4, output: 1.6, context: 8000, max_output: 1000}"
CONFIG = """
server: {{port: 0, auth: required, native: {{openai: legacy}}}}
store: {{url: "memory://", durability: strict}}
providers:
  legacy: {{kind: azure_openai, base_url: {base_url}, api_version: 2025-04-01-preview, keys: [{{label: good, key: "{key}"}}]}}
  azure: {{kind: azure_openai, base_url: {base_url}, keys: [{{label: good, key: "{key}"}}]}}
  vertex: {{kind: vertex_ai, base_url: "{base_url}/v1/projects/p/locations/europe-west4", keys: [{{label: good, key: "{key}"}}]}}
models:
  old: {{targets: [legacy/fake-small]}}
  new: {{targets: [azure/fake-small]}}
  gemini: {{targets: [vertex/fake-small]}}
budgets: [{{name: everything, limit_usd: 5}}]
virtual_keys: [{{name: journey, key: {virtual_key}}}]
pricing: {{overrides: {{legacy/fake-small: {price}, azure/fake-small: {price}, vertex/fake-small: {price}}}}}
"""
TEXT = {"generationConfig": {"responseModalities": ["TEXT"]}}
PLACED = "projects/p/locations/europe-west4/publishers/google/models/fake-small"
ASKED = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "How deep is the lake?"}]}], "turnComplete": True}}
VERTEX_PATH = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
STUDIO_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def configuration(fake: FakeProvider, key: str = "sk-good") -> str:
    return CONFIG.format(base_url=fake.base_url, virtual_key=VIRTUAL_KEY, price=PRICE, key=key)


def cloud(kind: str, **keys: Behaviour) -> FakeProvider:
    return FakeProvider(keys=keys or {"sk-good": Behaviour()}, prices=PRICES, clock=SystemClock(), poses_as=kind)


async def check_books(gateway: Running, fake: FakeProvider) -> None:
    await until(lambda: gateway.in_flight == 0)
    await gateway.agrees_with(fake)


async def talked(client: AsyncOpenAI, model: str) -> None:
    async with client.realtime.connect(model=model) as session:
        assert (await session.recv()).type == "session.created"
        await session.response.create()
        async for event in session:
            if event.type == "response.done":
                break


async def test_a_session_at_either_address_of_azure(serve: Serve) -> None:
    """The newer one names the model, the older one the deployment and its version; the key stands where Azure wants it."""
    async with cloud("azure_openai") as fake:
        gateway = await serve(configuration(fake))
        async with AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
            await talked(client, "new")
            await talked(client, "old")
        assert [(logged.path, logged.query) for logged in fake.log] == [
            ("/openai/v1/realtime", "model=fake-small"),
            ("/openai/realtime", "api-version=2025-04-01-preview&deployment=fake-small"),
        ]
        assert [logged.headers[b"api-key"] for logged in fake.log] == [b"sk-good"] * 2
        await check_books(gateway, fake)


@pytest.mark.parametrize("root", ["/providers/legacy/openai", "/openai"])
async def test_azures_own_client_holds_a_session(serve: Serve, root: str) -> None:
    """It names a deployment; below the provider's name, or the prefix that stands for it."""
    async with cloud("azure_openai") as fake:
        gateway = await serve(configuration(fake))
        client = AsyncAzureOpenAI(
            azure_endpoint=gateway.base_url,
            api_version="2024-10-21",
            api_key=VIRTUAL_KEY,
            max_retries=0,
            websocket_base_url=f"ws://127.0.0.1:{gateway.port}{root}",
        )
        async with client:
            await talked(client, "fake-small")
        assert fake.log[0].query == "api-version=2025-04-01-preview&deployment=fake-small"
        await check_books(gateway, fake)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (STUDIO_PATH, "models/gemini"),
        (VERTEX_PATH, PLACED.replace("fake-small", "gemini")),
        (f"/providers/vertex{VERTEX_PATH}", PLACED),
    ],
)
async def test_a_session_at_vertex(serve: Serve, path: str, named: str) -> None:
    """Whichever address the client knows: the setup names the model in its place, and what was said is counted as candidates."""
    async with cloud("") as fake:
        gateway = await serve(configuration(fake))
        talk = await Talk.open(gateway.port, handshake(path))
        assert await talk.answer() == 101
        talk.say({"setup": {"model": named, **TEXT}})
        assert "setupComplete" in await talk.event()
        for _ in range(2):
            talk.say(ASKED)
            while "turnComplete" not in (event := await talk.event()).get("serverContent", {}):
                pass
            assert event["usageMetadata"]["candidatesTokenCount"] == 20
        await talk.close()
        [logged] = fake.log
        assert logged.path == "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
        assert logged.headers[b"authorization"] == b"Bearer sk-good"
        assert json.loads(fake.sessions[0].heard[0])["setup"] == {"model": PLACED, **TEXT}
        await check_books(gateway, fake)
        request, [attempt] = await gateway.last()
        assert (attempt.provider, attempt.model, attempt.usage.output, request.is_estimated) == ("vertex", "fake-small", 40, False)


@pytest.mark.parametrize(
    "setup",
    [
        {"model": "projects/other/locations/europe-west4/endpoints/1"},
        {"model": PLACED, "tools": [{"retrieval": {"vertexRagStore": {"ragCorpora": ["projects/other/locations/x/ragCorpora/1"]}}}]},
    ],
)
async def test_a_session_reaches_no_other_project(serve: Serve, setup: dict[str, object]) -> None:
    """Whatever its first message names is of the provider's own project, or nothing is said with its credentials."""
    async with cloud("") as fake:
        gateway = await serve(configuration(fake).replace("budgets: [{name: everything, limit_usd: 5}]\n", ""))
        talk = await Talk.open(gateway.port, handshake(f"/providers/vertex{VERTEX_PATH}"))
        assert await talk.answer() == 101
        talk.say({"setup": setup})
        _, reason, _ = await talk.end()
        assert "names something of another project" in reason
        assert fake.log == []
        await until(lambda: gateway.in_flight == 0)


async def test_googles_own_client_holds_a_session_at_vertex(serve: Serve, tmp_path: Path) -> None:
    """As it connects to Vertex AI itself, by TLS and with a token: ours."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    tls = TlsSettings(cert=str(tmp_path / "both.pem"), key=str(tmp_path / "both.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with cloud("") as fake:
        settings = parse(configuration(fake), {})
        gateway = await serve(replace(settings, server=replace(settings.server, tls=tls)))
        client = genai.Client(
            vertexai=True,
            project="p",
            location="europe-west4",
            credentials=Credentials(token=VIRTUAL_KEY),
            http_options={"base_url": f"https://127.0.0.1:{gateway.port}", "async_client_args": {"ssl": context}},
        )
        async with client.aio.live.connect(model="gemini", config={"response_modalities": ["TEXT"]}) as session:
            await session.send_client_content(turns={"role": "user", "parts": [{"text": "How deep?"}]}, turn_complete=True)
            heard = [message async for message in session.receive()]
        assert heard[-1].usage_metadata.response_token_count == 20
        await check_books(gateway, fake)
        await client.aio.aclose()


async def test_a_token_that_a_session_finds_expired_is_renewed(serve: Serve, account: Path, server: TokenServer) -> None:
    """The handshake is repeated with the next one, on the same key, and nothing of it was billed."""
    async with cloud("", t2=Behaviour()) as fake:
        gateway = await serve(configuration(fake, f"service_account:{account}"))
        talk = await Talk.open(gateway.port, handshake(STUDIO_PATH))
        assert await talk.answer() == 101
        talk.say({"setup": {"model": "models/gemini", **TEXT}})
        assert "setupComplete" in await talk.event()
        talk.say(ASKED)
        while "turnComplete" not in (await talk.event()).get("serverContent", {}):
            pass
        await talk.close()
        assert [logged.key for logged in fake.log] == ["t1", "t2"]
        await check_books(gateway, fake)
        _, attempts = await gateway.last()
        assert [attempt.verdict for attempt in attempts] == ["stale", "success"]
        assert (server.given, gateway.keys("vertex")["good"].state) == (2, "ready")


async def test_a_session_without_a_token_is_not_begun(serve: Serve, account: Path, server: TokenServer) -> None:
    """Nothing is sent to the provider, and its client is told why."""
    server.is_broken = True
    async with cloud("") as fake:
        gateway = await serve(configuration(fake, f"service_account:{account}"))
        talk = await Talk.open(gateway.port, handshake(STUDIO_PATH))
        assert await talk.answer() == 101
        talk.say({"setup": {"model": "models/gemini", **TEXT}})
        code, reason, [message] = await talk.end()
        assert (code, reason.partition(":")[0]) == (1011, "no_available_key")
        assert "Google's credentials cannot be had" in json.loads(message)["message"]
        assert fake.log == []
        assert await gateway.books() == (0, 0, 0)


async def test_the_library_holds_a_session_at_vertex() -> None:
    """The setup is the request's body."""
    async with cloud("") as fake:
        endpoint = ProviderEndpoint(kind="vertex_ai", base_url=f"{fake.base_url}/v1/projects/p/locations/europe-west4")
        prices = {"fake-small": PriceConfig(input="0.4", output="1.6", max_output=1000)}
        async with Gateway(endpoint, keys=[KeyConfig(label="a", key="sk-good")], prices=prices, budget_limit_usd="5") as gateway:
            setup = PrimitiveRequest.json({"setup": {"model": "models/fake-small", **TEXT}}, protocol="gemini_generate_content")
            async with gateway.primitive_realtime(setup) as session:
                await session.send(ASKED)
                async for message in session:
                    if "turnComplete" in message.json().get("serverContent", {}):
                        break
            assert session.cost_nanousd == fake.invoice.total_nanousd > 0
