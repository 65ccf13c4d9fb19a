"""`Gateway.call` and `Gateway.stream`: one request in no protocol's words, whatever the provider speaks."""

import asyncio
import json
import re
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from tests.journeys.hosts import hosting
from tests.library.calling import PRICE, PRICES

import omnillm.model
from omnillm import (
    BadRequest,
    CapabilitySet,
    Completed,
    FinishReason,
    Gateway,
    GenerationConfig,
    KeyConfig,
    LlmRequest,
    PrimitiveForm,
    PrimitiveRequest,
    PromptCachePolicy,
    ProtocolError,
    ProviderEndpoint,
    ProviderError,
    ToolDefinition,
    TranscriptionRequest,
    UpstreamLost,
    user,
)
from omnillm.model import (
    Audio,
    Finished,
    ImageBase64,
    InlineSource,
    Message,
    MessageRole,
    PartStarted,
    Reasoning,
    ReasoningCapability,
    ResponseStarted,
    StructuredOutputConfig,
    Text,
    TextDelta,
    ToolResult,
)
from omnillm.testing import FAULTS, Behaviour, FakeProvider

KEYS = [KeyConfig(label="a", key="key-a")]
PROTOCOLS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content")
KINDS = {"anthropic_messages": "anthropic", "gemini_generate_content": "gemini"}
SEARCH = ToolDefinition(name="search", input_schema={"type": "object", "properties": {"query": {"type": "string"}}})
everywhere = pytest.mark.parametrize("protocol", PROTOCOLS)


def gateway_to(provider: FakeProvider, protocol: str) -> Gateway:
    endpoint = ProviderEndpoint(kind=KINDS.get(protocol, "openai"), base_url=provider.base_url, protocol=protocol)
    return Gateway(endpoint, keys=KEYS, budget_limit_usd=1, prices=PRICE)


def ask(text: str, *items: object, **capabilities: object) -> LlmRequest:
    return LlmRequest(
        model="fake-small",
        input=(user(text), *items),
        capabilities=CapabilitySet(**capabilities),
        generation=GenerationConfig(max_output_tokens=60),
    )


@everywhere
async def test_call_is_answered_in_the_canonical_model(provider: FakeProvider, protocol: str) -> None:
    """With what it cost, who answered, and nothing lost."""
    async with gateway_to(provider, protocol) as gateway:
        reply = await gateway.call(ask("How deep is the lake?"))
        assert reply.content_text.startswith("You said: How deep is the lake?")
        assert reply.finish_reason is FinishReason.STOP
        assert reply.cost_nanousd == provider.invoice.total_nanousd > 0
        assert gateway.budget_used_usd() == Decimal(reply.cost_usd)
        assert (reply.provider, reply.key, reply.attempts, len(reply.request_id)) == ("default", "a", 1, 32)
        assert reply.usage.total == reply.usage.total_tokens > 0
        assert not reply.loss_reasons


async def test_a_reply_whose_provider_counts_nothing_has_counts_all_the_same(provider: FakeProvider) -> None:
    """Zeros, as at the end of a stream: a program that adds up tokens does not fail at a reply that is paid for. It costs its bound."""
    asked = ask("[[fault:usage_missing]] How deep is the lake?")
    async with gateway_to(provider, "openai_chat") as gateway:
        reply = await gateway.call(asked)
        async with gateway.stream(asked) as events:
            *_, end = [event async for event in events]
    assert (reply.usage.total, end.usage.total, end.response.usage.total) == (0, 0, 0)
    assert reply.cost_nanousd == end.cost_nanousd > provider.invoice.total_nanousd / 2


@everywhere
async def test_stream_ends_with_the_whole_reply(provider: FakeProvider, protocol: str) -> None:
    """Exactly one `Completed`, last, whichever of its two names it is looked for by; its text is what the deltas said."""
    async with gateway_to(provider, protocol) as gateway, gateway.stream(ask("How deep is the lake?")) as events:
        seen = [event async for event in events]
    assert isinstance(seen[0], ResponseStarted)
    for name in (Completed, omnillm.model.Completed):
        assert [isinstance(event, name) for event in seen].count(True) == 1
    end = seen[-1]
    assert isinstance(end, Completed)
    assert end.text == "".join(event.text for event in seen if isinstance(event, TextDelta))
    assert end.response is not None
    assert end.response.finish_reason is FinishReason.STOP
    assert any(isinstance(event, Finished) for event in seen)
    assert end.cost_nanousd == provider.invoice.total_nanousd > 0
    told = end.response
    assert (end.provider, end.key, end.request_id, end.attempts) == (told.provider, told.key, told.request_id, told.attempts)
    assert (end.provider, end.model, end.attempts) == ("default", "fake-small", 1)


@everywhere
async def test_a_fake_provider_says_what_it_is_told_to(protocol: str) -> None:
    """Word for word, in a reply and in a stream: what a program does with an answer can be tested."""
    words = '  {"depth": 149,\n "unit": "m"}\n'
    async with FakeProvider(keys={"*": Behaviour(says=words)}) as provider, gateway_to(provider, protocol) as gateway:
        assert (await gateway.call(ask("How deep is the lake?"))).content_text == words
        async with gateway.stream(ask("How deep is the lake?")) as events:
            end = [event async for event in events][-1]
    assert end.text == words


@everywhere
async def test_reasoning_and_tools_make_the_round(provider: FakeProvider, protocol: str) -> None:
    """The reply goes back as it is; the provider refuses a signature that is not its own."""
    wish = {"tools": (SEARCH,), "reasoning": ReasoningCapability(effort="low", summary="auto")}
    async with gateway_to(provider, protocol) as gateway:
        question = ask("[[think]] [[tools]] How deep is the lake?", **wish)
        asked = await gateway.call(question)
        assert asked.finish_reason is FinishReason.TOOL_CALL
        assert any(isinstance(part, Reasoning) for part in asked.message.parts)
        results = [ToolResult(call_id=call.call_id, name=call.name, content=(Text(text="149 m"),)) for call in asked.message.tool_calls]
        told = await gateway.call(ask("[[think]] [[tools]] How deep is the lake?", asked.message, *results, **wish))
        assert told.content_text
        assert not told.message.tool_calls


PICTURE = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("kind", [ImageBase64, Audio])
async def test_a_signed_picture_or_sound_goes_back_to_its_issuer(tmp_path: Path, kind: type) -> None:
    """As signed text does: whoever made it goes on with it, and to anybody else its signature would be lost."""
    async with FakeProvider(keys={"*": Behaviour()}) as provider:
        path = tmp_path / "omnillm.yaml"
        spoken = f"kind: gemini, base_url: {provider.base_url}"
        path.write_text(
            f"providers: {{one: {{{spoken}, keys: [{{label: a, key: key-a}}]}}, other: {{{spoken}, keys: [{{label: b, key: key-b}}]}}}}\n"
            "models: {drawn: {targets: [one/fake-small, other/fake-small]}}\nstore: {url: 'memory://'}\n"
        )
        async with Gateway.from_config(path, env={}) as gateway:
            thinking = CapabilitySet(reasoning=ReasoningCapability(effort="low", summary="auto"))
            thought = await gateway.call(LlmRequest(model="other/fake-small", input=(user("[[think]] Hi"),), capabilities=thinking))
            signature = next(
                found for part in thought.message.parts if (found := getattr(part, "opaque", getattr(part, "signature", None)))
            )
            made = (
                ImageBase64(data=PICTURE, media_type="image/png", signature=signature)
                if kind is ImageBase64
                else Audio(source=InlineSource(data=PICTURE, media_type="audio/wav"), format="wav", signature=signature)
            )
            turns = (user("Draw a lake."), Message(role=MessageRole.ASSISTANT, parts=(made,)), user("Now with a boat."))
            reply = await gateway.call(LlmRequest(model="drawn", input=turns))
        assert (reply.provider, reply.loss_reasons) == ("other", ())
        sent = msgspec.json.decode(provider.log[-1].body)
        assert sent["contents"][1]["parts"][0]["thoughtSignature"] == signature.value


@everywhere
async def test_what_is_lost_is_told(provider: FakeProvider, protocol: str) -> None:
    """A seed is carried by some."""
    async with gateway_to(provider, protocol) as gateway:
        request = LlmRequest(model="fake-small", input=(user("Hi"),), generation=GenerationConfig(max_output_tokens=20, seed=7))
        reply = await gateway.call(request)
        lost = {(loss.kind, loss.path) for loss in reply.loss_reasons}
        has_seed = protocol in {"openai_chat", "gemini_generate_content"}
        assert lost == (set() if has_seed else {("dropped", "generation.seed")})


async def test_required_cache_is_refused_before_anything_is_sent(provider: FakeProvider) -> None:
    """Gemini promises none."""
    async with gateway_to(provider, "gemini_generate_content") as gateway:
        with pytest.raises(ProtocolError) as refused:
            await gateway.call(ask("Hi", prompt_cache=PromptCachePolicy.required()))
        assert refused.value.reason == "unsupported_feature"
        assert gateway.budget_used_usd() == 0
    assert not provider.log


@everywhere
async def test_cut_stream_raises_and_never_completes(protocol: str) -> None:
    """After content."""
    async with FakeProvider(keys={"key-a": Behaviour(fault=FAULTS["cut_mid_body"])}, prices=PRICES) as provider:
        async with gateway_to(provider, protocol) as gateway, gateway.stream(ask("How deep is the lake?")) as events:
            seen = []
            with pytest.raises(UpstreamLost):
                async for event in events:
                    seen.append(event)
    assert any(isinstance(event, PartStarted) for event in seen)
    assert not any(isinstance(event, Completed) for event in seen)


EXTENSIONS = {
    "openai_chat": {"type": "invalid_request_error", "param": None},
    "openai_responses": {"type": "invalid_request_error", "param": None},
    "anthropic_messages": {"type": "invalid_request_error", "request_id": "req_fakeprovider"},
    "gemini_generate_content": {"status": "INVALID_ARGUMENT"},
}
"""What the providers' errors say beside code and message."""


@everywhere
async def test_providers_refusal_is_its_error(provider: FakeProvider, protocol: str) -> None:
    """With its code, its own words, and what it says beside them."""
    async with gateway_to(provider, protocol) as gateway:
        with pytest.raises(ProviderError) as refused:
            await gateway.call(ask("[[fault:context_length]] Hi"))
        assert (refused.value.status, refused.value.protocol) == (400, protocol)
        assert refused.value.raw_body
        assert refused.value.extensions == EXTENSIONS[protocol]


async def _nested(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A provider of the Messages API whose reply is a call: its input is as deep as the name of the model says."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = re.search(rb"content-length: (\d+)", head)
    assert size is not None
    depth = int(json.loads(await reader.readexactly(int(size[1])))["model"])
    block = b'{"type":"tool_use","id":"t","name":"f","input":%b1%b}' % (b'{"a":' * depth, b"}" * depth)
    body = b'{"id":"m","type":"message","role":"assistant","model":"m","stop_reason":"tool_use","content":[%b],' % block
    body += b'"usage":{"input_tokens":1,"output_tokens":1}}'
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    writer.close()


async def test_reply_that_is_nested_too_deeply_is_the_providers_fault() -> None:
    """Wherever on its way the depth is met, which differs by what is wrapped around: it is answered, or the provider is named."""
    outcomes = []
    async with hosting(_nested) as url:
        endpoint = ProviderEndpoint(kind="anthropic", base_url=url)
        for depth in (*range(900, 1000, 5), 20_000):  # Python 3.13 reads ten times as deep as 3.11
            async with Gateway(endpoint, keys=KEYS) as gateway:
                try:
                    outcomes.append((await gateway.call(LlmRequest(model=str(depth), input=(user("Hi"),)))).finish_reason.value)
                except UpstreamLost as error:
                    outcomes.append(error.code)
    answered = outcomes.count("tool_call")
    assert outcomes[:answered] == ["tool_call"] * answered
    assert {"upstream_failed"} <= set(outcomes[answered:]) <= {"upstream_failed", "garbled_reply"}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (LlmRequest(model="fake-small", input=(user("\ud800"),)), "half a surrogate pair"),
        (LlmRequest(model="fake-small", input="hi"), '`input` must be a tuple of messages, such as (user("Hello"),), not a str.'),
        (LlmRequest(model="fake-small", input=(5,)), "`input[0]` must be an object."),
        (LlmRequest(model=None, input=(user("x"),)), "`model` must be a string."),
        (LlmRequest(model="fake-small", input=(user("x"),), generation=None), "`generation` must be an object."),
    ],
)
async def test_what_no_request_can_hold_is_the_callers_mistake(provider: FakeProvider, request_: LlmRequest, words: str) -> None:
    """An OmniError with its place, for a text that is no Unicode as for a wrong type."""
    async with gateway_to(provider, "openai_chat") as gateway:
        with pytest.raises(BadRequest) as refused:
            await gateway.call(request_)
    assert words in refused.value.message
    assert not provider.log


async def test_what_no_row_can_hold_is_refused_before_it_is_paid(provider: FakeProvider, tmp_path) -> None:
    """A call that the ledger could not take would be in no book, and one of a wrong type took the ledger's thread with it."""
    endpoint = ProviderEndpoint.openai(provider.base_url)
    async with Gateway(endpoint, keys=KEYS, prices=PRICE, store=f"sqlite:///{tmp_path}/ledger.db") as gateway:
        for name in ("session", "tags"):
            with pytest.raises(BadRequest, match=f"`{name}` holds half a surrogate pair"):
                await gateway.call(ask("x"), **{name: "\ud800"})
            with pytest.raises(TypeError, match=f"{name} must be a str, not a dict"):
                await gateway.call(ask("x"), **{name: {"team": "a"}})
            with pytest.raises(TypeError, match=f"{name} must be a str, not a dict"):
                await gateway.primitive_call(PrimitiveRequest(path="/v1/models", method="GET", **{name: {"team": "a"}}))
        assert not provider.log
        await gateway.call(ask("x"), session="s", tags="team=" + "é" * 1000)
        await gateway._program.store.flush()
        [row] = await gateway._program.store.requests(limit=10, before="")
    assert (row.session, row.tags) == ("s", "team=" + "é" * 509)


async def test_a_provider_that_is_none_is_the_callers_mistake(provider: FakeProvider) -> None:
    """With a path and without."""
    async with gateway_to(provider, "openai_chat") as gateway:
        for path in ("", "/v1/chat/completions"):
            with pytest.raises(BadRequest, match="provider must name one of: default"):
                await gateway.primitive_call(PrimitiveRequest(body=b"{}", path=path, provider="nobody"))
            with pytest.raises(BadRequest, match="provider must name one of: default"):
                await gateway.primitive_realtime(PrimitiveRequest(path=path, provider="nobody", model="m")).__aenter__()


async def test_a_protocol_that_is_none_is_the_callers_mistake(provider: FakeProvider) -> None:
    """As `transcode_request` tells it; the gateway's configuration is not to blame."""
    async with gateway_to(provider, "openai_chat") as gateway:
        asked = PrimitiveRequest.json({"model": "fake-small", "messages": []}, protocol="opnai")
        for ask_ in (gateway.primitive_call, gateway.estimate, lambda asked: gateway.primitive_realtime(asked).__aenter__()):
            with pytest.raises(ProtocolError, match="no protocol 'opnai'; there are openai_chat") as refused:
                await ask_(asked)
            assert (refused.value.status, refused.value.code) == (400, "unsupported_wire_format")


async def test_what_is_no_request_is_told_by_its_type(provider: FakeProvider) -> None:
    """A body of a provider's own is for `primitive_call`, and is made a PrimitiveRequest."""
    body = {"model": "fake-small", "messages": []}
    async with gateway_to(provider, "openai_chat") as gateway:
        with pytest.raises(TypeError, match="takes an LlmRequest, not a dict; for"):
            await gateway.call(body)
        with pytest.raises(TypeError, match="takes an LlmRequest, not a dict"):
            await gateway.stream(body).__aenter__()
        with pytest.raises(TypeError, match=r"takes a PrimitiveRequest, not a dict: PrimitiveRequest.json\(\.\.\.\)"):
            await gateway.primitive_call(body)
        with pytest.raises(TypeError, match="takes a PrimitiveRequest, not a dict"):
            await gateway.primitive_realtime(body).__aenter__()
        with pytest.raises(TypeError, match="takes a request of an endpoint family, such as an EmbeddingRequest, not a dict"):
            await gateway.api_call(body)
        with pytest.raises(TypeError, match="takes a request of an endpoint family"):
            await gateway.api_stream(body).__aenter__()
        for argument, words in ARGUMENTS:
            with pytest.raises(TypeError, match=words):
                await gateway.call(ask("Hello"), **argument)
        with pytest.raises(TypeError, match="the header 'x-trace' must be a str, not a int"):
            await gateway.primitive_call(PrimitiveRequest.json(body).with_header("x-trace", 5))
        for wrong, words in (
            ({"body": body}, r"body must be bytes \(PrimitiveRequest.json\(\.\.\.\) makes them\), a Path .*, not a dict"),
            ({"body": "{}", "path": "/v1/files"}, "body must be bytes .*, not a str"),
            ({"body": PrimitiveForm(file="in.jsonl"), "path": "/v1/files"}, "PrimitiveForm.file must be bytes or a Path, not a str"),
            ({"body": b"{}", "headers": [("x-trace", "5")]}, "headers must be a mapping, not a list"),
            ({"body": b"{}", "model": 5}, "model must be a str, not a int"),
        ):
            for asked in (gateway.primitive_call, gateway.estimate):
                with pytest.raises(TypeError, match=words):
                    await asked(PrimitiveRequest(**wrong))
        for file in (b"RIFF", Path("a.wav")):
            with pytest.raises(TypeError, match=r"`file` must be a File\(filename=\.\.\., content=\.\.\.\), not a "):
                await gateway.api_call(TranscriptionRequest(model="fake-small", file=file))
        schema = CapabilitySet(structured_output=StructuredOutputConfig(schema=FakeProvider))
        with pytest.raises(TypeError, match=r"no value of JSON's \(.*\): a schema is a dict"):
            await gateway.call(LlmRequest(model="fake-small", input=(user("Hello"),), capabilities=schema))
    assert not provider.log
    with pytest.raises(BadRequest, match="half a surrogate pair"):
        PrimitiveRequest.json({"model": "\ud800"})


ARGUMENTS = (
    ({"idempotency_key": UUID(int=7)}, "^idempotency_key must be a str, not a UUID$"),
    ({"session": 5}, "^session must be a str, not a int$"),
    ({"tags": {"team": "a"}}, "^tags must be a str, not a dict: they are written 'team=a,env=prod'$"),
)
