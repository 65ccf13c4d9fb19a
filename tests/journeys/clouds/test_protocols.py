"""Bedrock and Vertex AI behind every client protocol: the official SDKs never see which cloud answers, and the ledger is its invoice."""

import json
from base64 import b64decode
from urllib.parse import quote

import pytest
from tests.in_turn import in_turn
from tests.journeys.clouds.clouds import BEARER, CLAUDE, EXPIRING, GEMINI, PROFILE, RATES, SIGNED, VERTEX_CLAUDE, configuration, put
from tests.journeys.running import Running, Serve
from tests.journeys.talking import CLIENTS, Wish
from tests.journeys.wire import exchange, question, send

from omnillm.framing.eventstream import event
from omnillm.testing import Behaviour, FakeProvider, Fault

CLOUDS = ("nova", "bedrock_claude", "gemini", "vertex_claude")


@in_turn("client", CLIENTS)
@in_turn("cloud", CLOUDS)
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


COUNT_PATH = "/v1/messages/count_tokens"
HI = [{"role": "user", "content": "hi"}]


async def test_tokens_are_counted_by_vertex(gateway: Running, cloud_provider: FakeProvider) -> None:
    """By Claude's own count, its model in the body."""
    counted = await send(gateway, "POST", COUNT_PATH, {"model": "vertex_claude", "messages": HI})
    assert counted.json == {"input_tokens": 1}
    assert cloud_provider.log[0].path.endswith("/publishers/anthropic/models/count-tokens:rawPredict")
    assert json.loads(cloud_provider.log[0].body)["model"] == VERTEX_CLAUDE


THINKING = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
TOOLS = [{"name": "depth", "description": "of a lake", "input_schema": {"type": "object"}}]


async def test_claudes_tokens_are_counted_by_bedrock(gateway: Running, cloud_provider: FakeProvider) -> None:
    """In Claude's own words, by the model behind its inference profile, signed; free, and a row all the same."""
    asked = {"model": "bedrock_claude", "system": "Be brief.", "messages": HI, "tools": TOOLS, **THINKING}
    counted = await send(gateway, "POST", COUNT_PATH, asked)
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


@in_turn("model", ["bedrock_claude", "nova"])
@in_turn(
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
    counted = await send(gateway, "POST", path.replace("MODEL", model), asked)
    assert (counted.status, counted.json[told] >= 1) == (200, True)
    is_own = dialect == "anthropic_messages" and model == "bedrock_claude"
    [(form, said)] = json.loads(cloud_provider.log[-1].body)["input"].items()
    assert form == ("invokeModel" if is_own else "converse")
    if "generateContentRequest" in asked:
        assert said["system"] == [{"text": "Be brief."}]
        assert said["toolConfig"]["tools"][0]["toolSpec"]["name"] == "depth"
    assert (await gateway.books())[0] == 0


async def test_a_count_that_is_none_is_no_success(gateway: Running, cloud_provider: FakeProvider) -> None:
    """A refusal comes in the client's own words; a reply without a number is a fault, and another attempt hides it."""
    asked = question("POST", "/v1beta/models/nova:countTokens", {"contents": GEMINI_ASKED["contents"]})
    cloud_provider.enqueue(Fault.status(400, message="The provided model doesn't support counting tokens."))
    refused = await exchange(gateway.port, asked)
    assert (refused.status, refused.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert "doesn't support counting" in refused.json["error"]["message"]
    cloud_provider.enqueue(Fault(name="odd", http_status=200, body=b'{"outputTokens": 1}'))
    counted = await exchange(gateway.port, asked)
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


@pytest.mark.parametrize("cloud", CLOUDS)
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
    assert await gateway.spent() >= cloud_provider.invoice.total_nanousd


async def test_exception_before_the_first_word_is_hidden(serve: Serve, cloud_provider: FakeProvider) -> None:
    """Throttled inside a 200: another key answers, and the client sees one whole stream."""
    for model in ("nova", "bedrock_claude"):
        gateway = await serve(configuration(cloud_provider, BEARER, SIGNED))
        cloud_provider.enqueue(Fault(name="exception", error_after=0, error_status=429))
        reply = await put(gateway, model, dialect="anthropic_messages", is_stream=True)
        assert reply.is_answer
        _, attempts = await gateway.last()
        assert [attempt.verdict for attempt in attempts] == ["rate_limited", "success"]


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


@pytest.mark.parametrize("is_stream", [False, True])
async def test_guardrail_passes_and_is_paid(serve: Serve, cloud_provider: FakeProvider, *, is_stream: bool) -> None:
    """A client of any protocol can name Bedrock's guardrail. Nobody reports its fee: a call pays what is configured, on top of its tokens."""
    gateway = await serve(configuration(cloud_provider).replace("max_output: 4000", "max_output: 4000, per_tool: {guardrail: 0.002}"))
    guardrail = {"guardrailIdentifier": "gr-1", "guardrailVersion": "1"}
    assert (await put(gateway, "nova", more={"guardrailConfig": guardrail}, is_stream=is_stream)).is_answer
    assert json.loads(cloud_provider.log[0].body)["guardrailConfig"] == guardrail
    assert await gateway.spent() == cloud_provider.invoice.total_nanousd + 2_000_000


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
