"""The clouds' own clients, unmodified, below `/providers`: boto3 with a virtual key for its Bedrock API key."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import boto3
import pytest
import trustme
from anthropic import AsyncAnthropicBedrock
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from msgspec.structs import replace
from tests.journeys.clouds.clouds import BEARER, CLAUDE, NOVA, PROFILE, RATES, SIGNED
from tests.journeys.clouds.clouds import configuration as clouds
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, until

from omnillm.assemble import SystemClock
from omnillm.framing.eventstream import event
from omnillm.testing import Behaviour, FakeProvider, Fault

WRONG = "AKIAFAKE0000:another-secret"
LLAMA = "us.meta.llama4-maverick-17b-instruct-v1:0"
IMPORTED = "arn:aws:bedrock:us-east-1:1234:imported-model/meta.llama-mine"
TITAN = "amazon.titan-embed-text-v2:0"
INVOKED = json.dumps(
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [{"role": "user", "content": "é  [[think]] hi"}]},
    indent=1,
)
"""Spaced as no encoder of ours would."""
LATER = Fault(name="later", action="stall", point="events", after=3, error_after=5, error_status=429)
"""An exception after three events that the client has seen."""
Do = Callable[..., Awaitable[Any]]


def said(text: str = "hi there") -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an authority and a certificate lie: botocore sends no API key but over TLS."""
    path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(path / "authority.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(path / "both.pem")
    return path


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """It reads the service's model once."""
    return boto3.Session(region_name="us-east-1")


async def turns(_: float) -> None:
    """Time for the gateway to take what was sent."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    keys = {key: Behaviour(cached_tokens=2, cache_write_tokens=1) for key in (BEARER, SIGNED)}
    async with FakeProvider(keys=keys, prices={"*": RATES}, clock=SystemClock(), sleep=turns) as provider:
        yield provider


class Talk:
    """boto3 in front of one gateway, in a thread; what it sent stands in `sent`."""

    def __init__(self, session: boto3.Session, gateway: Running, tls: Path, **credentials: str) -> None:
        self.gateway = gateway
        self.sent: list[bytes] = []
        self.client = session.client(
            "bedrock-runtime",
            endpoint_url=f"https://localhost:{gateway.port}/providers/bedrock",
            verify=str(tls / "authority.pem"),
            config=Config(retries={"max_attempts": 0}, signature_version="v4" if credentials else None),
            **credentials,
        )
        self.client.meta.events.register("before-send", lambda request, **_: self.sent.append(request.body))

    async def ask(self, method: str, **asked: Any) -> Any:
        """The reply, its streams read to their ends."""
        return await asyncio.to_thread(self._ask, method, asked)

    def _ask(self, method: str, asked: dict[str, Any]) -> Any:
        reply = getattr(self.client, method)(**asked)
        for name in ("stream", "body"):
            if name in reply:
                reply[name] = reply[name].read() if hasattr(reply[name], "read") else list(reply[name])
        return reply

    async def refused(self, method: str, **asked: Any) -> tuple[str, int, str]:
        """(code, status, message) of the error that it raises."""
        with pytest.raises(ClientError) as caught:
            await self.ask(method, **asked)
        told = caught.value.response
        return told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Message"]


@pytest.fixture
def talk(serve: Serve, fake: FakeProvider, tls: Path, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Do]:
    """`await talk(*keys, edit=...)`: a gateway with these keys of Bedrock, and boto3 in front of it."""
    opened: list[Talk] = []
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", VIRTUAL_KEY)

    async def begin(*keys: str, edit: Callable[[str], str] = lambda text: text, **credentials: str) -> Talk:
        text = clouds(fake, *(keys or (SIGNED,))).replace("drain: 2s", f'drain: 2s, tls: {{cert: "{tls}/both.pem", key: "{tls}/both.pem"}}')
        opened.append(Talk(session, await serve(edit(text)), tls, **credentials))
        return opened[-1]

    yield begin
    for each in opened:
        each.client.close()


def soft(text: str) -> str:
    """A budget that only counts, and prices of models that go through unread."""
    for model in (LLAMA, IMPORTED, TITAN):
        text += f'    "bedrock/{model}": {{input: 0.4, output: 1.6, cache_read: 0.04, cache_write: 0.5}}\n'
    return text.replace("hard: true", "hard: false")


def without_budgets(text: str) -> str:
    return text.partition("budgets:")[0] + f"virtual_keys: [{{name: journey, key: {VIRTUAL_KEY}}}]\n"


async def test_converse_and_its_stream(talk: Do, fake: FakeProvider) -> None:
    """Bodies go untouched, signed or with an API key; a profile's ARN and colons arrive as one segment; the ledger is the invoice."""
    ledger = 0
    for key in (SIGNED, BEARER):
        bedrock = await talk(key)
        for model in (NOVA, CLAUDE, PROFILE):
            asked = {"modelId": model, "messages": said("[[think]] hi"), "inferenceConfig": {"maxTokens": 500}}
            whole = await bedrock.ask("converse", **asked)
            events = (await bedrock.ask("converse_stream", **asked))["stream"]
            text = "".join(each["contentBlockDelta"]["delta"].get("text", "") for each in events if "contentBlockDelta" in each)
            assert whole["output"]["message"]["content"][-1]["text"] == text
            assert whole["usage"]["cacheReadInputTokens"] == 2
            assert {**events[-1]["metadata"]["usage"]} == whole["usage"]
        assert [logged.body for logged in fake.log if logged.key == key] == bedrock.sent
        ledger += (await bedrock.gateway.books())[0]
    assert ledger == fake.invoice.total_nanousd > 0
    names = {logged.path.split("/")[2] for logged in fake.log}
    assert names == {name.replace(":", "%3A").replace("/", "%2F") for name in (NOVA, CLAUDE, PROFILE)}


async def test_invoke_model_and_its_stream(talk: Do, fake: FakeProvider) -> None:
    """Claude's own words to the last space; counts in the header and in the last chunk; the ledger is the invoice."""
    bedrock = await talk()
    whole = await bedrock.ask("invoke_model", modelId=CLAUDE, body=INVOKED)
    assert json.loads(whole["body"])["content"][0]["type"] == "thinking"
    assert whole["contentType"] == "application/json"
    assert whole["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-output-token-count"] == str(
        fake.invoice.lines[0].usage.completion_tokens
    )
    streamed = await bedrock.ask("invoke_model_with_response_stream", modelId=CLAUDE, body=INVOKED)
    events = [json.loads(each["chunk"]["bytes"]) for each in streamed["body"]]
    assert events[0]["type"] == "message_start"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["cacheReadInputTokenCount"] == 2
    assert [logged.body for logged in fake.log] == [INVOKED.encode()] * 2
    await bedrock.gateway.agrees_with(fake)
    request, _ = await bedrock.gateway.last()
    assert (request.protocol, request.model, request.is_stream) == ("bedrock_invoke", f"bedrock/{CLAUDE}", True)


async def test_tokens_are_counted_free_of_charge(talk: Do, fake: FakeProvider) -> None:
    """Of a body of Converse and of one of InvokeModel; a service that does not let us count lets us generate all the same."""
    bedrock = await talk()
    for asked in ({"converse": {"messages": said()}}, {"invokeModel": {"body": INVOKED}}):
        assert (await bedrock.ask("count_tokens", modelId=CLAUDE, input=asked))["inputTokens"] > 0
    assert await bedrock.gateway.books() == (0, 0, 0)
    assert base64.b64decode(json.loads(fake.log[1].body)["input"]["invokeModel"]["body"]) == INVOKED.encode()
    fake.enqueue(Fault.status(403))
    assert (await bedrock.refused("count_tokens", modelId=CLAUDE, input={"converse": {"messages": said()}}))[:2] == (
        "ServiceUnavailableException",
        503,
    )
    await bedrock.ask("converse", modelId=CLAUDE, messages=said())


async def test_models_of_other_words_go_through_unread(talk: Do, fake: FakeProvider) -> None:
    """Their usage is in the header and in the last chunk; a name with slashes is one segment; the ledger is the invoice."""
    bedrock = await talk(SIGNED, edit=soft)
    body = json.dumps({"prompt": "How deep is the lake?", "max_gen_len": 20})
    for model in (LLAMA, IMPORTED):
        whole = await bedrock.ask("invoke_model", modelId=model, body=body)
        streamed = await bedrock.ask("invoke_model_with_response_stream", modelId=model, body=body)
        chunks = [json.loads(each["chunk"]["bytes"]) for each in streamed["body"]]
        assert "".join(each["generation"] for each in chunks) == json.loads(whole["body"])["generation"]
    vector = await bedrock.ask("invoke_model", modelId=TITAN, body=json.dumps({"inputText": "How deep?"}))
    assert json.loads(vector["body"])["inputTextTokenCount"] == 3
    assert fake.log[2].path == f"/model/{IMPORTED.replace(':', '%3A').replace('/', '%2F')}/invoke"
    assert {logged.body.decode() for logged in fake.log[:4]} == {body}
    assert {logged.key for logged in fake.log} == {SIGNED}
    await bedrock.gateway.agrees_with(fake)


async def test_a_guardrail_of_a_header_is_for_who_has_no_budget(talk: Do, fake: FakeProvider) -> None:
    """It is paid apart, and nobody says what it costs: whoever has a budget asks by Converse, where it has a price."""
    guardrail = {"guardrailIdentifier": "gr-1", "guardrailVersion": "1", "trace": "ENABLED"}
    bedrock = await talk()
    code, status, message = await bedrock.refused("invoke_model", modelId=CLAUDE, body=INVOKED, **guardrail)
    assert (code, status, "x-amzn-bedrock-guardrailidentifier" in message) == ("ValidationException", 400, True)
    assert fake.log == []
    free = await talk(edit=without_budgets)
    await free.ask("invoke_model", modelId=CLAUDE, body=INVOKED, **guardrail)
    assert fake.log[0].headers[b"x-amzn-bedrock-guardrailidentifier"] == b"gr-1"


async def test_what_cannot_be_bounded_takes_no_part_in_a_hard_budget(talk: Do, fake: FakeProvider) -> None:
    """Another model's words, a tool of AWS's, fields that could lift the output cap, a kept prompt: by name, and nothing is sent."""
    bedrock = await talk()
    asked = {"modelId": NOVA, "messages": said(), "inferenceConfig": {"maxTokens": 9}}
    system_tool = {"tools": [{"systemTool": {"name": "nova_grounding"}}]}
    for method, more, named in (
        ("invoke_model", {"modelId": LLAMA, "body": "{}"}, "POST /model/{model}/invoke is billed by tokens"),
        ("converse", asked | {"additionalModelRequestFields": {"max_tokens": 10**6}}, "additionalModelRequestFields.max_tokens"),
        ("converse", asked | {"additionalModelRequestFields": {"inferenceConfig": {"maxTokens": 10**6}}}, "Fields.inferenceConfig"),
        ("converse", asked | {"toolConfig": system_tool}, "systemTool"),
        ("converse", asked | {"promptVariables": {"x": {"text": "y"}}}, "promptVariables"),
    ):
        code, status, message = await bedrock.refused(method, **more)
        assert (code, status) == ("ValidationException", 400)
        assert named in message
    code, status, message = await bedrock.refused("invoke_model", modelId=CLAUDE, body=INVOKED, serviceTier="priority")
    assert (code, status, "x-amzn-bedrock-service-tier" in message) == ("ValidationException", 400, True)
    assert fake.log == []
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "top_k": 5, "anthropic_beta": ["a"]}
    await bedrock.ask("converse", **asked | {"modelId": CLAUDE, "additionalModelRequestFields": thinking})


async def test_another_key_hides_dead_ones(talk: Do, fake: FakeProvider) -> None:
    """A wrong secret, a throttled key: the third serves every operation, and the client notices nothing."""
    bedrock = await talk(WRONG, SIGNED, BEARER, edit=lambda text: soft(text).replace("region:", "selection: priority, region:"))
    fake.script.behave(SIGNED, Behaviour(fault=Fault.status(429)))
    await bedrock.ask("converse", modelId=NOVA, messages=said())
    _, attempts = await bedrock.gateway.last()
    assert [attempt.verdict for attempt in attempts] == ["key_dead", "rate_limited", "success"]
    other = await talk(WRONG, SIGNED, BEARER, edit=lambda text: soft(text).replace("region:", "selection: priority, region:"))
    await other.ask("invoke_model", modelId=LLAMA, body='{"prompt": "hi"}')
    _, attempts = await other.gateway.last()
    assert [attempt.error for attempt in attempts] == ["InvalidSignatureException", "ThrottlingException", ""]


async def test_refusals_are_raised_by_the_services_own_names(talk: Do, fake: FakeProvider) -> None:
    """An empty budget 402 with our message, a model nobody prices, one that the key may not use, a wrong turn, no key left."""
    poor = await talk(edit=lambda text: text.replace('limit_usd: "1000"', 'limit_usd: "0.000001"'))
    code, status, message = await poor.refused("converse", modelId=NOVA, messages=said())
    assert (code, status) == ("ServiceQuotaExceededException", 402)
    assert "everything" in message
    bedrock = await talk(edit=lambda text: text.replace("name: journey,", f'name: journey, models: ["bedrock/{NOVA}", "bedrock/no*"],'))
    code, status, message = await bedrock.refused("converse", modelId="nothing.v1:0", messages=said())
    assert (code, status, "no known price" in message) == ("ServiceQuotaExceededException", 402, True)
    for method, more in (("converse", {"messages": said()}), ("invoke_model", {"body": INVOKED})):
        code, status, message = await bedrock.refused(method, modelId=CLAUDE, **more)
        assert (code, status) == ("AccessDeniedException", 403)
        assert CLAUDE in message
    assert fake.log == []
    code, status, message = await bedrock.refused("converse", modelId=NOVA, messages=said() * 2)
    assert (code, status, "alternate" in message) == ("ValidationException", 400, True)
    fake.enqueue(Fault.status(429))
    assert (await bedrock.refused("converse", modelId=NOVA, messages=said()))[:2] == ("ThrottlingException", 429)
    unpriced = await talk(edit=without_budgets)
    fake.enqueue(Fault.status(404))
    assert (await unpriced.refused("converse", modelId="nothing.v1:0", messages=said()))[:2] == ("ResourceNotFoundException", 404)


async def test_anthropics_sdk_for_bedrock(serve: Serve, fake: FakeProvider) -> None:
    """With a virtual key for its API key; a model that the key may not use is refused in a class of its own."""
    gateway = await serve(clouds(fake).replace("name: journey,", f'name: journey, models: ["bedrock/{CLAUDE}"],'))
    async with AsyncAnthropicBedrock(
        api_key=VIRTUAL_KEY, aws_region="us-east-1", base_url=f"{gateway.base_url}/providers/bedrock", max_retries=0
    ) as client:
        asked: dict[str, Any] = {"max_tokens": 50, "messages": [{"role": "user", "content": "[[think]] hi"}]}
        whole = await client.messages.create(model=CLAUDE, **asked)
        async with client.messages.stream(model=CLAUDE, **asked) as stream:
            final = await stream.get_final_message()
        assert [block.type for block in whole.content] == [block.type for block in final.content] == ["thinking", "text"]
        with pytest.raises(anthropic.PermissionDeniedError, match="may not use the model"):
            await client.messages.create(model=CLAUDE.replace("4-5", "9-9"), **asked)
    await gateway.agrees_with(fake)


async def test_paths_that_an_administrator_opened_are_signed(talk: Do, fake: FakeProvider) -> None:
    """Whatever they are for; another's are refused by name, and what can be read in two ways is."""
    bedrock = await talk(edit=lambda text: soft(text).replace("kind: bedrock,", 'kind: bedrock, passthrough: ["/guardrail/*"],'))
    guarded = {"guardrailIdentifier": "g", "guardrailVersion": "1", "source": "INPUT", "content": [{"text": {"text": "hi"}}]}
    assert (await bedrock.refused("apply_guardrail", **guarded))[:2] == ("ResourceNotFoundException", 404)  # the fake has none
    assert (fake.log[-1].path, fake.log[-1].key) == ("/guardrail/g/version/1/apply", SIGNED)
    arn = "arn:aws:bedrock:us-east-1:1:guardrail/g"
    assert (await bedrock.refused("apply_guardrail", **guarded | {"guardrailIdentifier": arn}))[1] == 400
    closed = await talk(edit=soft)
    code, status, message = await closed.refused("apply_guardrail", **guarded)
    assert (code, status, "planned" in message) == ("AccessDeniedException", 403, True)
    assert len(fake.log) == 1


async def test_client_that_signs_is_told_what_to_do(talk: Do, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """401 with the name of the variable; so is a virtual key that nobody gave out, by its own words."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "sk-omni-nobody")
    assert (await (await talk()).refused("converse", modelId=NOVA, messages=said()))[:2] == ("UnrecognizedClientException", 401)
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK")
    signing = await talk(aws_access_key_id="AKIA0", aws_secret_access_key="secret")
    code, status, message = await signing.refused("converse", modelId=NOVA, messages=said())
    assert (code, status) == ("UnrecognizedClientException", 401)
    assert "AWS_BEARER_TOKEN_BEDROCK" in message
    assert fake.log == []


STREAMS = {
    "converse": ("converse_stream", "stream", {"modelId": CLAUDE, "messages": said(), "inferenceConfig": {"maxTokens": 64}}),
    "claude": ("invoke_model_with_response_stream", "body", {"modelId": CLAUDE, "body": INVOKED.replace("[[think]] ", "")}),
    "llama": ("invoke_model_with_response_stream", "body", {"modelId": LLAMA, "body": '{"prompt": "hi there"}'}),
}
DAMAGED = bytes([*event("contentBlockDelta", b"{}")[:-1], 0])


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize(
    "fault",
    [LATER, Fault(name="damaged", inserted=DAMAGED, delay_s=0), replace(Fault.cut(after_events=4), delay_s=0)],
    ids=lambda fault: fault.name,
)
async def test_stream_that_fails_ends_with_an_exception(talk: Do, fake: FakeProvider, kind: str, fault: Fault) -> None:
    """An exception of the service's after what was seen, a message whose checksum is wrong, an end too early: botocore raises; it is settled."""
    bedrock = await talk(edit=soft)
    method, member, asked = STREAMS[kind]
    fake.enqueue(fault)
    loop = asyncio.get_running_loop()

    def read() -> None:
        with closing(getattr(bedrock.client, method)(**asked)[member]) as stream:
            events = iter(stream)
            next(events)
            loop.call_soon_threadsafe(fake.gate("later").set)
            with pytest.raises(EventStreamError, match=r"modelStreamErrorException|throttlingException"):
                list(events)

    await asyncio.to_thread(read)
    request, [attempt] = await bedrock.gateway.last()
    told = {"later": ("stream_failed", "rate_limited"), "damaged": ("garbled_reply", "lost")}
    assert (request.outcome, attempt.verdict) == told.get(fault.name, ("upstream_lost", "lost"))
    assert bedrock.gateway.in_flight == 0
    ledger = await bedrock.gateway.spent()
    if kind != "llama":  # bound, or counted; what goes through unread is charged by what was told of it
        assert ledger >= fake.invoice.total_nanousd


async def test_stream_that_fails_before_its_first_message_is_refused(talk: Do, fake: FakeProvider) -> None:
    """As nothing was streamed, it is an error like any other, although messages of such a stream could tell one."""
    bedrock = await talk(edit=soft)
    method, _, asked = STREAMS["llama"]
    fake.enqueue(replace(Fault.cut(after_events=0), delay_s=0))
    code, status, _ = await bedrock.refused(method, **asked)
    assert (code, status) == ("InternalServerException", 502)
    request, [attempt] = await bedrock.gateway.last()
    assert (request.outcome, attempt.verdict) == ("upstream_lost", "lost")


@pytest.mark.parametrize("kind", STREAMS)
async def test_hang_up_in_mid_stream_releases_everything(talk: Do, fake: FakeProvider, kind: str) -> None:
    """The provider notices, nothing stays held, and the row says who left."""
    bedrock = await talk(edit=soft)
    method, member, asked = STREAMS[kind]
    fake.enqueue(Fault.stall(after_events=2))

    def leave() -> None:
        stream = getattr(bedrock.client, method)(**asked)[member]
        next(iter(stream))
        stream.close()

    await asyncio.to_thread(leave)
    await until(lambda: bedrock.gateway.in_flight == 0)
    async with asyncio.timeout(5):
        await fake.ended(1)
    request, [attempt] = await bedrock.gateway.last()
    assert fake.log[0].aborted_by_client
    assert (request.status, request.outcome, attempt.verdict) == (499, "aborted", "aborted")
    ledger = await bedrock.gateway.spent()
    if kind != "llama":
        assert attempt.is_estimated
        assert ledger >= fake.invoice.total_nanousd > 0
