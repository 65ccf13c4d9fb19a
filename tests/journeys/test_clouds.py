"""Bedrock and Vertex AI behind every client protocol: the official SDKs never see which cloud answers, and the ledger is its invoice."""

import json
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve
from tests.journeys.talking import CLIENTS, Wish
from tests.journeys.wire import Question, Reply, ask, exchange, question, send

from omnillm import (
    BadRequest,
    Completed,
    Gateway,
    GenerationConfig,
    KeyConfig,
    LlmRequest,
    NoAvailableKey,
    PriceConfig,
    PrimitiveRequest,
    ProtocolError,
    ProviderEndpoint,
    StreamFrame,
    user,
)
from omnillm.framing.eventstream import event
from omnillm.records import EntryKind
from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock

BEARER = "bedrock-api-key"
SIGNED = "AKIAFAKE0000:secret/with+signs"
EXPIRING = "ASIAFAKE0000:other-secret:session-token"
NOVA, CLAUDE = "us.amazon.nova-2-lite-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:1234:application-inference-profile/abc"
GEMINI, VERTEX_CLAUDE = "gemini-3-flash", "claude-sonnet-4-5@20250929"
CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, drain: 2s}}
calls: {{queue: 0s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  bedrock: {{kind: bedrock, region: us-east-1, base_url: "{base_url}", keys: {keys}}}
  vertex: {{kind: vertex_ai, base_url: "{base_url}/v1/projects/p/locations/global", keys: [{{label: good, key: ya29.token}}]}}
models:
  nova: {{targets: ["bedrock/{nova}"]}}
  profile: {{targets: ["bedrock/{profile}"]}}
  bedrock_claude: {{targets: ["bedrock/{claude}"]}}
  gemini: {{targets: [vertex/{gemini}]}}
  vertex_claude: {{targets: ["vertex/{vertex_claude}"]}}
budgets: [{{name: everything, limit_usd: "1000", period: total, hard: true}}]
virtual_keys: [{{name: journey, key: {virtual_key}}}]
pricing:
  overrides:
    "bedrock/{nova}": {price}
    "bedrock/{profile}": {price}
    "bedrock/{claude}": {price}
    vertex/{gemini}: {price}
    "vertex/{vertex_claude}": {price}
"""
clients = pytest.mark.parametrize("client", CLIENTS)
clouds = pytest.mark.parametrize("cloud", ["nova", "bedrock_claude", "gemini", "vertex_claude"])


def configuration(provider: FakeProvider, *keys: str) -> str:
    listed = ", ".join(f'{{label: k{number}, key: "{key}"}}' for number, key in enumerate(keys or (SIGNED,)))
    return CONFIG.format(
        base_url=provider.base_url,
        keys=f"[{listed}]",
        nova=NOVA,
        profile=PROFILE,
        claude=CLAUDE,
        gemini=GEMINI,
        vertex_claude=VERTEX_CLAUDE,
        virtual_key=VIRTUAL_KEY,
        price="{input: 0.4, output: 1.6, cache_read: 0.04, cache_write: 0.5, max_output: 4000}",
    )


RATES = {**PRICES["fake-small"], "cache_read": 40_000_000, "cache_write": 500_000_000}


@pytest.fixture
async def cloud_provider() -> AsyncIterator[FakeProvider]:
    keys = {key: Behaviour(cached_tokens=2, cache_write_tokens=1) for key in (BEARER, SIGNED, EXPIRING)}
    keys["ya29.token"] = Behaviour(cached_tokens=2)  # Gemini has no word for what it writes to a cache
    async with FakeProvider(keys=keys, prices={"*": RATES}) as fake:
        yield fake


@pytest.fixture
async def gateway(serve: Serve, cloud_provider: FakeProvider) -> Running:
    return await serve(configuration(cloud_provider))


async def put(gateway: Running, model: str, prompt: str = "hi", *, dialect: str = "openai_chat", **more: Any) -> Reply:
    return await exchange(gateway.port, ask(dialect, prompt, model=model, cap=64, **more))


@clients
@clouds
async def test_tools_reasoning_and_usage_over_several_turns(
    gateway: Running, cloud_provider: FakeProvider, client: str, cloud: str
) -> None:
    """Streamed and not: signed reasoning is shown and comes back to its issuer, calls are answered, usage is what the cloud counted."""
    stream, plain = [Wish(is_stream=is_stream, tools=True, reasons=True, max_tokens=3000) for is_stream in (True, False)]
    async with CLIENTS[client](gateway.base_url, cloud) as talk:
        talk.system("You are a heron.")
        for first, second in ((stream, plain), (plain, stream)):
            asked = await talk.ask("[[think]] [[tools]] How deep is the lake?", first)
            assert asked.reasoning
            assert [(call.name, call.arguments) for call in asked.calls] == [
                ("search", {"query": "heron"}),
                ("look_up", {"query": "heron"}),
            ]
            assert asked.cached_tokens == 2
            assert asked.output_tokens > 0
            told = await talk.answer({call.call_id: "149 m" for call in asked.calls}, second)
            assert told.text
    assert all(b"You are a heron." in logged.body for logged in cloud_provider.log)
    await gateway.agrees_with(cloud_provider)


async def test_each_model_is_asked_where_and_how_its_cloud_wants(gateway: Running, cloud_provider: FakeProvider) -> None:
    """ARNs and colons are one encoded segment; a client of Claude's own protocol stays in it; the model stands in no body."""
    for model in ("nova", "profile", "bedrock_claude", "gemini", "vertex_claude"):
        for dialect in ("openai_chat", "anthropic_messages"):
            for is_stream in (False, True):
                reply = await put(gateway, model, dialect=dialect, is_stream=is_stream, headers={"anthropic-beta": "a-1,b-2"})
                assert reply.is_answer, reply.body
                kind = "text/event-stream" if is_stream else "application/json"
                assert reply.headers["content-type"].startswith(kind)
    nova, arn, claude = "us.amazon.nova-2-lite-v1%3A0", PROFILE.replace(":", "%3A").replace("/", "%2F"), CLAUDE.replace(":", "%3A")
    google = "/v1/projects/p/locations/global/publishers"
    converse = [f"/model/{name}/{method}" for name in (nova, arn) for method in ["converse", "converse-stream"] * 2]
    assert [logged.path for logged in cloud_provider.log] == [
        *converse,
        *[f"/model/{claude}/{method}" for method in ("converse", "converse-stream", "invoke", "invoke-with-response-stream")],
        *[f"{google}/google/models/{GEMINI}:{method}" for method in ["generateContent", "streamGenerateContent"] * 2],
        *[f"{google}/anthropic/models/{VERTEX_CLAUDE}:{method}" for method in ["rawPredict", "streamRawPredict"] * 2],
    ]
    bodies = [json.loads(logged.body) for logged in cloud_provider.log]
    assert all("model" not in body for body in bodies)
    assert bodies[10]["anthropic_version"] == "bedrock-2023-05-31"
    assert bodies[10]["anthropic_beta"] == ["a-1", "b-2"]
    assert "anthropic_beta" not in bodies[8]
    assert bodies[18]["anthropic_version"] == "vertex-2023-10-16"
    assert cloud_provider.log[18].headers[b"anthropic-beta"] == b"a-1,b-2"
    assert b"anthropic-beta" not in cloud_provider.log[16].headers
    await gateway.agrees_with(cloud_provider)


async def test_claudes_own_client_sees_claudes_own_reply(gateway: Running) -> None:
    """What InvokeModel and rawPredict answer goes to an Anthropic client byte for byte, framed as it expects."""
    for model in ("bedrock_claude", "vertex_claude"):
        reply = await put(gateway, model, dialect="anthropic_messages")
        assert reply.json["model"] in {CLAUDE, VERTEX_CLAUDE}
        assert "x-omnillm-loss" not in reply.headers
        stream = await put(gateway, model, dialect="anthropic_messages", is_stream=True)
        assert stream.events[0]["message"]["id"].startswith("msg_fake")
        assert stream.body.startswith(b"event: message_start\ndata: {")


def counting(dialect: str, path: str, body: object) -> Question:
    return question("POST", path, body, dialect=dialect)


COUNT_PATH = "/v1/messages/count_tokens"
HI = [{"role": "user", "content": "hi"}]


async def test_tokens_are_counted_by_vertex(gateway: Running, cloud_provider: FakeProvider) -> None:
    """By Claude's own count, its model in the body."""
    counted = await exchange(gateway.port, counting("anthropic_messages", COUNT_PATH, {"model": "vertex_claude", "messages": HI}))
    assert counted.json == {"input_tokens": 1}
    assert cloud_provider.log[0].path.endswith("/publishers/anthropic/models/count-tokens:rawPredict")
    assert json.loads(cloud_provider.log[0].body)["model"] == VERTEX_CLAUDE


THINKING = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
TOOLS = [{"name": "depth", "description": "of a lake", "input_schema": {"type": "object"}}]


async def test_claudes_tokens_are_counted_by_bedrock(gateway: Running, cloud_provider: FakeProvider) -> None:
    """In Claude's own words, by the model behind its inference profile, signed; free, and a row all the same."""
    asked = {"model": "bedrock_claude", "system": "Be brief.", "messages": HI, "tools": TOOLS, **THINKING}
    counted = await exchange(gateway.port, counting("anthropic_messages", COUNT_PATH, asked))
    assert counted.json["input_tokens"] >= 4
    assert "x-omnillm-loss" not in counted.headers
    [logged] = cloud_provider.log
    assert logged.path == f"/model/{quote(CLAUDE.removeprefix('us.'), safe='')}/count-tokens"
    invoked = json.loads(b64decode(json.loads(logged.body)["input"]["invokeModel"]["body"]))
    sent = {name: value for name, value in asked.items() if name != "model"}
    assert invoked == {**sent, "anthropic_version": "bedrock-2023-05-31", "max_tokens": 2001}
    request, _ = await gateway.last()
    assert (request.operation, request.cost_nanousd, request.outcome) == ("count_tokens", 0, "success")


GEMINI_ASKED = {
    "contents": [{"role": "user", "parts": [{"text": "hi there"}]}],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"functionDeclarations": [{"name": "depth", "description": "of a lake"}]}],
}


@pytest.mark.parametrize("model", ["bedrock_claude", "nova"])
@pytest.mark.parametrize(
    ("dialect", "path", "body", "told"),
    [
        ("gemini", "/v1beta/models/MODEL:countTokens", {"contents": GEMINI_ASKED["contents"]}, "totalTokens"),
        ("gemini", "/v1beta/models/MODEL:countTokens", {"generateContentRequest": {"model": "models/x", **GEMINI_ASKED}}, "totalTokens"),
        ("openai_responses", "/v1/responses/input_tokens", {"model": "MODEL", "input": "hi there"}, "input_tokens"),
        ("anthropic_messages", COUNT_PATH, {"model": "MODEL", "messages": HI}, "input_tokens"),
    ],
)
async def test_every_clients_tokens_are_counted_by_bedrock(
    gateway: Running, cloud_provider: FakeProvider, model: str, dialect: str, path: str, body: object, told: str
) -> None:
    """What has other words is said as a conversation of Converse, and the number comes back in the client's."""
    asked = json.loads(json.dumps(body).replace("MODEL", model))
    counted = await exchange(gateway.port, counting(dialect, path.replace("MODEL", model), asked))
    assert (counted.status, counted.json[told] >= 1) == (200, True)
    is_own = dialect == "anthropic_messages" and model == "bedrock_claude"
    [(form, said)] = json.loads(cloud_provider.log[0].body)["input"].items()
    assert form == ("invokeModel" if is_own else "converse")
    if "generateContentRequest" in asked:
        assert said["system"] == [{"text": "Be brief."}]
        assert said["toolConfig"]["tools"][0]["toolSpec"]["name"] == "depth"
    assert (await gateway.books())[0] == 0


async def test_a_count_that_is_none_is_no_success(gateway: Running, cloud_provider: FakeProvider) -> None:
    """A refusal comes in the client's own words; a reply without a number is a fault, and another attempt hides it."""
    question = counting("gemini", "/v1beta/models/nova:countTokens", {"contents": GEMINI_ASKED["contents"]})
    cloud_provider.enqueue(Fault.status(400, message="The provided model doesn't support counting tokens."))
    refused = await exchange(gateway.port, question)
    assert (refused.status, refused.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert "doesn't support counting" in refused.json["error"]["message"]
    cloud_provider.enqueue(Fault(name="odd", http_status=200, body=b'{"outputTokens": 1}'))
    counted = await exchange(gateway.port, question)
    assert (counted.json, counted.headers["x-omnillm-attempts"]) == ({"totalTokens": 2}, "2")


FAULTY = {
    "nova": [Fault.status(429), Fault.status(403, code="invalid_api_key"), Fault.status(404)],
    "bedrock_claude": [Fault.status(429), Fault.status(403, code="expired_token"), Fault.status(503)],
}


@pytest.mark.parametrize("model", ["nova", "bedrock_claude"])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini"])
async def test_another_key_hides_a_refusal(serve: Serve, cloud_provider: FakeProvider, model: str, dialect: str) -> None:
    """Throttling, a dead key, a model that the account lacks: an API key and a signing key stand in for each other."""
    for fault in FAULTY[model]:
        gateway = await serve(configuration(cloud_provider, BEARER, SIGNED, EXPIRING))
        cloud_provider.enqueue(fault)
        reply = await put(gateway, model, dialect=dialect)
        assert reply.is_answer, reply.body
        _, attempts = await gateway.last()
        assert [attempt.status for attempt in attempts] == [fault.http_status, 200]
        assert len({attempt.key for attempt in attempts}) == 2


@clouds
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini"])
async def test_errors_come_in_the_clients_words(gateway: Running, cloud_provider: FakeProvider, cloud: str, dialect: str) -> None:
    """The caller's own mistake keeps its status and the cloud's sentence; a limit is a 429; in whose words it was told nobody sees."""
    cloud_provider.enqueue(Fault.status(400, message="messages: too many"), Fault.status(429))
    mistake = await put(gateway, cloud, dialect=dialect)
    assert mistake.status == 400
    assert mistake.error["message"] == "messages: too many"
    limited = await put(gateway, cloud, dialect=dialect)
    assert limited.status == 429


DAMAGED = bytearray(event("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"x"}}'))
DAMAGED[-1] ^= 1
BREAKS = {
    "exception": Fault(name="exception", error_after=3, error_status=429),
    "bad checksum": Fault(name="bad checksum", inserted=bytes(DAMAGED)),
    "no end": Fault(name="no end", missing="terminal"),
    "no reason": Fault(name="no reason", missing="finish"),
    "cut in a message": Fault.cut(after_bytes=700),
    "cut between messages": Fault.cut(after_events=4),
    "reset": Fault.reset(after_events=4),
}


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("model", ["nova", "bedrock_claude"])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
async def test_broken_event_stream_never_ends_as_success(
    gateway: Running, cloud_provider: FakeProvider, name: str, model: str, dialect: str
) -> None:
    """Whatever breaks it, the client is told by an error event, or by another try, and pays no less than the cloud bills."""
    fault = BREAKS[name]
    cloud_provider.script.behave(SIGNED, Behaviour(fault=fault, delay_s=0))
    reply = await put(gateway, model, dialect=dialect, is_stream=True)
    assert not reply.is_answer
    assert reply.status >= 400 or "error" in json.dumps(reply.events[-1])
    ledger, settled, reserved = await gateway.books()
    assert reserved == 0
    assert ledger == settled >= cloud_provider.invoice.total_nanousd


async def test_exception_before_the_first_word_is_hidden(serve: Serve, cloud_provider: FakeProvider) -> None:
    """Throttled inside a 200: another key answers, and the client sees one whole stream."""
    for model in ("nova", "bedrock_claude"):
        gateway = await serve(configuration(cloud_provider, BEARER, SIGNED))
        cloud_provider.enqueue(Fault(name="exception", error_after=0, error_status=429))
        reply = await put(gateway, model, dialect="anthropic_messages", is_stream=True)
        assert reply.is_answer
        _, attempts = await gateway.last()
        assert [attempt.verdict for attempt in attempts] == ["rate_limited", "success"]


async def test_wrong_secret_sets_its_key_aside(serve: Serve, cloud_provider: FakeProvider) -> None:
    """The service's own word is the attempt's error; the other key serves; alone it is a 503 and not the client's 403."""
    wrong = SIGNED.partition(":")[0] + ":another-secret"
    gateway = await serve(configuration(cloud_provider, wrong))
    reply = await put(gateway, "nova")
    assert (reply.status, reply.error["code"]) == (503, "no_available_key")
    _, [attempt] = await gateway.last()
    assert (attempt.status, attempt.error) == (403, "InvalidSignatureException")
    assert gateway.keys("bedrock")["k0"].state == "dead"
    assert b"another-secret" not in reply.body
    mixed = await serve(configuration(cloud_provider, wrong, BEARER))
    assert (await put(mixed, "nova")).is_answer


async def test_static_credentials_that_expired_are_told_as_such(gateway: Running, cloud_provider: FakeProvider) -> None:
    """Nothing can renew them: one attempt, 503, and the row says why."""
    cloud_provider.script.behave(SIGNED, Behaviour(fault=Fault.status(403, code="expired_token")))
    assert (await put(gateway, "nova")).status == 503
    _, [attempt] = await gateway.last()
    assert attempt.error == "ExpiredTokenException"
    assert gateway.keys("bedrock")["k0"].state == "dead"


GIVE = """
import json, pathlib
path = pathlib.Path({count!r})
number = int(path.read_text()) + 1 if path.exists() else 1
path.write_text(str(number))
print(json.dumps(dict(Version=1, AccessKeyId=f"ASIA{{number}}", SecretAccessKey="s", SessionToken="t")))
"""


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's chain on this machine finds a process that gives out ASIA1, ASIA2, ..."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "give.py").write_text(GIVE.format(count=str(tmp_path / "count")))
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {tmp_path / 'give.py'}\n")


@pytest.mark.usefixtures("chain")
async def test_expired_credentials_are_renewed_and_the_call_sent_again(serve: Serve) -> None:
    """Once, on the same key, free of charge; when the new ones are refused too it is a 503 and the key rests."""
    keys = {"ASIA1:s:t": Behaviour(fault=Fault.status(403, code="expired_token")), "ASIA2:s:t": Behaviour()}
    async with FakeProvider(keys=keys, prices={"*": RATES}) as fake:
        gateway = await serve(configuration(fake, "default"))
        for is_stream in (False, True):
            assert (await put(gateway, "nova", is_stream=is_stream)).is_answer
        assert [logged.key for logged in fake.log] == ["ASIA1:s:t", "ASIA2:s:t", "ASIA2:s:t"]
        await gateway.agrees_with(fake)
        assert gateway.keys("bedrock")["k0"].state == "ready"
        fake.script.behave("ASIA2:s:t", Behaviour(fault=Fault.status(403, code="expired_token")))
        assert (await put(gateway, "nova")).status == 503
        _, [attempt] = await gateway.last()
        assert (attempt.verdict, attempt.error) == ("key_dead", "ExpiredTokenException")
        assert gateway.keys("bedrock")["k0"].state == "dead"
        assert gateway.in_flight == 0


@pytest.mark.usefixtures("chain")
async def test_expired_credentials_are_renewed_for_what_goes_through_unread_too(serve: Serve) -> None:
    """A refusal for them says that nothing was done: the POST is signed anew and sent again, on the same key."""
    keys = {"ASIA1:s:t": Behaviour(fault=Fault.status(403, code="expired_token")), "ASIA2:s:t": Behaviour()}
    async with FakeProvider(keys=keys, prices={"*": RATES}) as fake:
        gateway = await serve(configuration(fake, "default").replace("hard: true", "hard: false"))
        assert (await send(gateway, "POST", "/providers/bedrock/model/meta.llama4/invoke", {"prompt": "hi"})).status == 200
        assert [logged.key for logged in fake.log] == ["ASIA1:s:t", "ASIA2:s:t"]
        _, attempts = await gateway.last()
        assert [attempt.verdict for attempt in attempts] == ["stale", "success"]
        assert gateway.keys("bedrock")["k0"].state == "ready"
        assert gateway.in_flight == 0


@pytest.mark.parametrize("told", [str(2**53), "9" * 30, "9" * 5000])
async def test_a_count_in_a_field_that_no_model_reaches_is_no_count(serve: Serve, told: str) -> None:
    """What goes through unread is charged by what its body says then, and nothing stays held."""
    fault = Fault(fields=(("x-amzn-bedrock-input-token-count", told),))
    async with FakeProvider(keys={"AKIA:s": Behaviour(fault=fault)}, prices={"*": RATES}) as fake:
        text = configuration(fake, "AKIA:s").replace("hard: true", "hard: false")
        gateway = await serve(text.replace("  overrides:\n", "  overrides:\n    bedrock/meta.llama4: {input: 0.4, output: 1.6}\n"))
        assert (await send(gateway, "POST", "/providers/bedrock/model/meta.llama4/invoke", {"prompt": "hi"})).status == 200
        assert gateway.in_flight == 0
        request, [attempt] = await gateway.last()
        assert (request.outcome, attempt.verdict) == ("success", "success")
        assert request.cost_nanousd < 10**6
        assert request.provider == "bedrock"


async def test_credentials_that_cannot_be_had_send_nothing(
    serve: Serve, cloud_provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """503 without a request, the reason in the log and in the error; beside another key nobody notices."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    gateway = await serve(configuration(cloud_provider, "profile:nobody"))
    reply = await put(gateway, "nova")
    assert (reply.status, reply.error["code"]) == (503, "no_available_key")
    assert cloud_provider.log == []
    assert gateway.keys("bedrock")["k0"].state == "dead"
    reason = "key bedrock/k0: AWS's credential chain failed (ProfileNotFound)"
    assert reason in caplog.text
    assert reason in reply.error["message"]
    gateway.program.controller.revive("bedrock", "k0", gateway.program.clock.now())
    again = await put(gateway, "nova")
    assert f"{reason}; asked for again in " in again.error["message"]
    assert caplog.text.count(reason) == 1
    native = PrimitiveRequest(path="/model/meta.llama4/invoke", body=b'{"prompt":"hi"}')
    endpoint = ProviderEndpoint.bedrock("us-east-1", base_url=cloud_provider.base_url)
    async with Gateway(endpoint, keys=[KeyConfig(label="a", key="profile:nobody")]) as library:
        with pytest.raises(NoAvailableKey, match=r"credential chain failed \(ProfileNotFound\)"):
            await library.primitive_call(native)
    assert cloud_provider.log == []
    assert await gateway.books() == (0, 0, 0)
    mixed = await serve(configuration(cloud_provider, "profile:nobody", SIGNED))
    for _ in range(3):
        assert (await put(mixed, "nova")).is_answer


async def test_what_credentials_held_back_and_what_was_sent_after_it_have_a_reservation_each(
    serve: Serve, cloud_provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strict: the first is given back, the second settled, each once, and the row counts what was sent."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    text = configuration(cloud_provider, "profile:nobody", SIGNED).replace("durability: relaxed", "durability: strict")
    text = text.replace("memory://", f"sqlite:///{tmp_path}/ledger.db")
    gateway = await serve(text.replace("{kind: bedrock", "{selection: priority, kind: bedrock"))
    assert (await put(gateway, "nova")).is_answer
    await gateway.agrees_with(cloud_provider)
    request, [attempt] = await gateway.last()
    assert (request.attempts, attempt.attempt) == (1, 2)
    entries = await gateway.program.store.entries(request.request_id)
    assert sorted((entry.attempt, entry.kind) for entry in entries) == [
        *((1, kind) for kind in (EntryKind.RESERVE, EntryKind.VOID)),
        *((2, kind) for kind in (EntryKind.RESERVE, EntryKind.SETTLE)),
    ]


async def test_a_key_serves_again_soon_after_its_credentials_can_be_had(
    serve: Serve, cloud_provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives them out was away for a while: the key rests for a second each time, not for minutes as after a refusal."""
    profile = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    clock = ManualClock()
    gateway = await serve(configuration(cloud_provider, "profile:away"), clock=clock)
    for _ in range(10):
        assert (await put(gateway, "nova")).status == 503
        assert 0.0 < gateway.keys("bedrock")["k0"].failure_cool_down_s <= 1.0
        clock.advance(31.0)
    name, _, secret = SIGNED.partition(":")
    profile.write_text(f"[away]\naws_access_key_id = {name}\naws_secret_access_key = {secret}\n")
    assert (await put(gateway, "nova")).is_answer
    assert gateway.keys("bedrock")["k0"].state == "ready"


async def test_library_reaches_bedrock(cloud_provider: FakeProvider) -> None:
    """By the canonical model, by a body in a client's protocol, or by a path of Bedrock's own."""
    endpoint = ProviderEndpoint.bedrock("us-east-1", base_url=cloud_provider.base_url)
    prices = {CLAUDE: PriceConfig(input="0.4", output="1.6", cache_read="0.04", cache_write="0.5")}
    request = LlmRequest(model=CLAUDE, input=(user("How deep?"),), generation=GenerationConfig(max_output_tokens=50))
    async with Gateway(endpoint, keys=[KeyConfig(label="a", key=SIGNED)], budget_limit_usd="1", prices=prices) as library:
        assert (await library.call(request)).content_text.startswith("You said: How deep?")
        async with library.stream(request) as events:
            assert isinstance([each async for each in events][-1], Completed)
        body = b'{"model":"%b","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}' % CLAUDE.encode()
        raw = await library.primitive_call(PrimitiveRequest(body=body, protocol="anthropic_messages"))
        assert json.loads(raw.body)["type"] == "message"
        with pytest.raises(ProtocolError, match="asked by path"):
            await library.primitive_call(PrimitiveRequest(body=b'{"messages":[]}', model=CLAUDE))
        path, said = f"/model/{CLAUDE.replace(':', '%3A')}", b'{"messages":[{"role":"user","content":[{"text":"hi"}]}]}'
        converse = PrimitiveRequest(path=f"{path}/converse", body=said)
        assert json.loads((await library.primitive_call(converse)).body)["stopReason"] == "end_turn"
        async with library.primitive_stream(converse.with_path(f"{path}/converse-stream")) as events:
            *frames, last = [each async for each in events]
        assert isinstance(last, Completed)
        assert [frame.event for frame in frames if isinstance(frame, StreamFrame)][-1] == "metadata"
        with pytest.raises(BadRequest, match="answers whole"):
            async with library.primitive_stream(converse):
                pass
        assert library.budget_used_usd() * 10**9 == cloud_provider.invoice.total_nanousd
        with pytest.raises(BadRequest, match="no upper bound"):
            await library.primitive_call(PrimitiveRequest(path="/model/meta.llama4/invoke", body=b'{"prompt":"hi"}'))
    methods = ["converse", "converse-stream", "invoke", "converse", "converse-stream"]
    assert [logged.path.rpartition("/")[2] for logged in cloud_provider.log] == methods


async def test_library_reads_event_streams_of_models_that_go_through_unread(cloud_provider: FakeProvider) -> None:
    """Frame by frame; a method that is not the one for the reply is refused."""
    endpoint = ProviderEndpoint.bedrock("us-east-1", base_url=cloud_provider.base_url)
    asked = PrimitiveRequest(path="/model/meta.llama4/invoke-with-response-stream", body=b'{"prompt":"hi"}')
    async with Gateway(endpoint, keys=[KeyConfig(label="a", key=SIGNED)]) as library:
        async with library.primitive_stream(asked.with_stream("eventstream")) as events:
            *frames, last = [each async for each in events]
        assert isinstance(last, Completed)
        assert {frame.event for frame in frames if isinstance(frame, StreamFrame)} == {"chunk"}
        assert last.usage == cloud_provider.invoice.lines[0].usage
        with pytest.raises(BadRequest, match="answers with a stream"):
            await library.primitive_call(asked)


async def test_what_is_signed_is_sent_from_memory(cloud_provider: FakeProvider, tmp_path: Path) -> None:
    """Its signature covers every byte, so a file that lies on the disk is refused before anything is held."""
    path = tmp_path / "prompt.json"
    path.write_bytes(b'{"prompt":"hi"}')
    endpoint = ProviderEndpoint.bedrock("us-east-1", base_url=cloud_provider.base_url)
    async with Gateway(endpoint, keys=[KeyConfig(label="a", key=SIGNED)]) as library:
        with pytest.raises(BadRequest) as refused:
            await library.primitive_call(PrimitiveRequest(path="/model/meta.llama4/invoke", body=path))
        assert refused.value.code == "unsigned_body"
        assert (await library.primitive_call(PrimitiveRequest(path="/model/meta.llama4/invoke", body=path.read_bytes()))).status == 200
    assert len(cloud_provider.log) == 1


@pytest.mark.parametrize("is_stream", [False, True])
async def test_guardrail_passes_and_is_paid(serve: Serve, cloud_provider: FakeProvider, *, is_stream: bool) -> None:
    """A client of any protocol can name Bedrock's guardrail. Nobody reports its fee: a call pays what is configured, on top of its tokens."""
    gateway = await serve(configuration(cloud_provider).replace("max_output: 4000", "max_output: 4000, per_tool: {guardrail: 0.002}"))
    guardrail = {"guardrailIdentifier": "gr-1", "guardrailVersion": "1"}
    assert (await put(gateway, "nova", more={"guardrailConfig": guardrail}, is_stream=is_stream)).is_answer
    assert json.loads(cloud_provider.log[0].body)["guardrailConfig"] == guardrail
    ledger, settled, reserved = await gateway.books()
    assert ledger == settled == cloud_provider.invoice.total_nanousd + 2_000_000
    assert reserved == 0


async def test_a_guardrail_without_a_price_is_for_who_has_no_budget(serve: Serve, cloud_provider: FakeProvider) -> None:
    """With one, an administrator is told what to add; without, it costs what its tokens do, and no other tool's fee."""
    more = {"guardrailConfig": {"guardrailIdentifier": "gr-1", "guardrailVersion": "1"}}
    text = configuration(cloud_provider).replace("max_output: 4000", "max_output: 4000, per_tool: {web_search: 0.01}")
    refused = await put(await serve(text), "nova", more=more)
    assert (refused.status, refused.error["code"], "tools=guardrail" in refused.error["message"]) == (402, "price_unknown", True)
    assert cloud_provider.log == []
    free = await serve(text.replace("hard: true", "hard: true, scope: named"))
    assert (await put(free, "nova", more=more)).is_answer
    await free.program.store.flush()
    assert (await free.books())[0] == cloud_provider.invoice.total_nanousd


async def test_slow_and_split_event_streams_are_whole(gateway: Running, cloud_provider: FakeProvider) -> None:
    """Three bytes a write change nothing."""
    for dialect in ("openai_chat", "anthropic_messages"):
        cloud_provider.enqueue(Fault(name="split", piece_bytes=3))
        reply = await put(gateway, "bedrock_claude", dialect=dialect, is_stream=True)
        assert reply.is_answer
    await cloud_provider.ended(2)  # it bills when its last piece has gone, which is behind the last that is read of it
    await gateway.agrees_with(cloud_provider)
