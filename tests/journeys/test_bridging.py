"""What a bridge must never do: cost more than it said, refuse for a neighbour's sake, mix up whose loss or whose secret something is."""

import base64
import json
from itertools import product
from typing import Any

import msgspec
import openai
import pytest
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve
from tests.journeys.wire import Reply, send

from omnillm import BadRequest, BudgetExceeded, Gateway, GenerationConfig, KeyConfig, LlmRequest, PriceConfig, ProviderEndpoint, user
from omnillm.assemble import SystemClock
from omnillm.protocols.envelope import MARK
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault

PRICE = "{input: 0.4, output: 1.6}"
OTHER_KEY = "sk-omni-other-0123456789abcdef"
CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, drain: 2s}}
calls: {{queue: 0s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  chat: {{kind: openai_compatible, base_url: {base_url}, keys: {keys}}}
  responses: {{kind: openai, protocol: responses, base_url: {base_url}, keys: {keys}}}
  anthropic: {{kind: anthropic, base_url: {base_url}, keys: {keys}}}
  gemini: {{kind: gemini, base_url: {base_url}, keys: {keys}}}
models:
  chat: {{targets: [chat/fake-small]}}
  responses: {{targets: [responses/fake-small]}}
  anthropic: {{targets: [anthropic/fake-small]}}
  mixed: {{targets: [chat/fake-small, anthropic/fake-small]}}
  reversed: {{targets: [anthropic/fake-small, chat/fake-small]}}
budgets: [{{name: everything, limit_usd: "{limit}", period: total, hard: true}}]
virtual_keys: [{{name: journey, key: {virtual_key}}}, {{name: other, key: {other}}}]
pricing: {{overrides: {{chat/fake-small: {price}, responses/fake-small: {price}, anthropic/fake-small: {price}, gemini/fake-small: {price}}}}}
"""
ONE_KEY = "[{label: good, key: sk-good}]"
THREE_KEYS = "[{label: a, key: sk-a}, {label: b, key: sk-b}, {label: c, key: sk-c}]"
SEALED = MARK.decode()


def configuration(provider: FakeProvider, *, limit: str = "1000", keys: str = ONE_KEY) -> str:
    return CONFIG.format(base_url=provider.base_url, limit=limit, keys=keys, virtual_key=VIRTUAL_KEY, other=OTHER_KEY, price=PRICE)


async def post(
    gateway: Running, path: str, body: dict[str, Any], *, key: str = VIRTUAL_KEY, headers: dict[str, str] | None = None, escaped: str = ""
) -> Reply:
    """`escaped`: a word whose first letter is written as an escape."""
    text = json.dumps(body)
    sent = (text.replace(escaped, f"\\u{ord(escaped[0]):04x}{escaped[1:]}") if escaped else text).encode()
    dialect = "gemini" if "models/" in path else "anthropic_messages" if "messages" in path else "openai_chat"
    return await send(gateway, "POST", path, sent, key=key, dialect=dialect, headers=headers)


@pytest.mark.parametrize("spelling", ["candidateCount", "candidate_count", "candidate_Count", "CandidateCount"])
async def test_no_spelling_hides_an_answer_from_the_budget(serve: Serve, provider: FakeProvider, spelling: str) -> None:
    """Eight answers cost eight, whatever the member is called: refused, or one answer."""
    provider.script.behave("sk-good", Behaviour(words=1000))
    gateway = await serve(configuration(provider, limit="0.002"))
    body = {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {spelling: 8, "maxOutputTokens": 1000}}
    reply = await post(gateway, "/v1/models/chat:generateContent", body)
    assert reply.status in {200, 400, 402}
    assert await gateway.spent() == provider.invoice.total_nanousd <= 2_000_000


@pytest.mark.parametrize(
    ("generation", "extensions"),
    [
        ({"max_output_tokens": 1000}, {"n": 8}),
        ({"max_output_tokens": 1000}, {"max_completion_tokens": 100_000}),
        ({}, {"max_tokens": 100_000}),
        ({"max_output_tokens": -5}, {}),
        ({"max_output_tokens": 10**30}, {}),
        ({"n": -3, "max_output_tokens": 1000}, {}),
    ],
)
async def test_no_member_of_a_library_call_escapes_its_budget(generation: dict[str, Any], extensions: dict[str, Any]) -> None:
    """The body that is sent is read again before it is paid for."""
    async with FakeProvider(keys={"key-a": Behaviour(words=1000)}, prices=PRICES) as provider:
        endpoint = ProviderEndpoint.openai_compatible(provider.base_url)
        prices = {"fake-small": PriceConfig(input="0.4", output="1.6")}
        async with Gateway(endpoint, keys=[KeyConfig(label="a", key="key-a")], budget_limit_usd="0.002", prices=prices) as gateway:
            request = LlmRequest(
                model="fake-small", input=(user("hi"),), generation=GenerationConfig(**generation), vendor_extensions=extensions
            )
            try:
                await gateway.call(request)
            except (BadRequest, BudgetExceeded):
                assert not provider.log
            assert gateway.budget_remaining_usd() is not None
            assert gateway.budget_remaining_usd() >= 0  # type: ignore[operator]
        assert provider.invoice.total_nanousd <= 2_000_000


@pytest.mark.parametrize("odd", [{"metadata": {"a": 1}}, {"user": 5}, {"reasoning_effort": 5}])
async def test_native_target_answers_what_a_foreign_one_could_not_be_asked(
    serve: Serve, provider: FakeProvider, odd: dict[str, Any]
) -> None:
    """A foreign fallback makes nothing stricter."""
    gateway = await serve(configuration(provider))
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, **odd}
    for model, status in (("chat", 200), ("mixed", 200), ("reversed", 200), ("anthropic", 400)):
        assert (await post(gateway, "/v1/chat/completions", {"model": model, **body})).status == status


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_what_a_reply_loses_is_in_its_row(serve: Serve, provider: FakeProvider, is_stream: bool) -> None:
    """Of a stream too, whose head was written before anybody knew."""
    odds = {"content": [{"token": "hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}], "refusal": None}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    said = {"index": 0, "logprobs": odds, "finish_reason": "stop"}
    told, content_type = (
        json.dumps(head | {"choices": [said | {"message": {"role": "assistant", "content": "hi"}}], "usage": usage}),
        "application/json",
    )
    if is_stream:
        head["object"], content_type = "chat.completion.chunk", "text/event-stream"
        chunks = (head | {"choices": [said | {"delta": {"role": "assistant", "content": "hi"}}]}, head | {"choices": [], "usage": usage})
        told = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    provider.enqueue(Fault(http_status=200, body=told.encode(), fields=(("content-type", content_type),)))
    gateway = await serve(configuration(provider))
    asked = {"model": "chat", "max_tokens": 50, "stream": is_stream, "messages": [{"role": "user", "content": "hello"}]}
    assert (await post(gateway, "/v1/messages", asked)).status == 200
    request, _ = await gateway.last()
    assert [(loss["kind"], loss["path"]) for loss in json.loads(request.loss)] == [("dropped", "candidates[0].logprobs")]


async def test_losses_are_those_of_the_attempt_that_answered(serve: Serve, provider: FakeProvider) -> None:
    """A foreign target that failed lost nothing: the native one that answered got everything."""
    gateway = await serve(configuration(provider))
    body = {"model": "reversed", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "seed": 7, "stream": True}
    provider.enqueue(*[FAULTS["error_before_content"]] * 6)
    reply = await post(gateway, "/v1/chat/completions", body)
    request, attempts = await gateway.last()
    assert request.provider == "chat"
    assert len(attempts) > 1
    assert "x-omnillm-loss" not in reply.headers
    assert request.loss == ""
    direct = await post(gateway, "/v1/chat/completions", {**body, "model": "anthropic", "stream": False})
    assert "dropped:generation.seed" in direct.headers["x-omnillm-loss"]


async def test_what_opens_a_translated_stream_is_held_back(serve: Serve, provider: FakeProvider) -> None:
    """When nothing but that has come of it, the next attempt answers, and the client sees one stream, however its events come."""
    gateway = await serve(configuration(provider))
    paths = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "anthropic": "/v1/messages"}
    words = {"chat": b'"chat.completion.chunk"', "responses": b"event: response.", "anthropic": b"event: content_block"}
    for model, (speaks, path) in product(paths, paths.items()):
        provider.enqueue(FAULTS["cut_before_content"], Fault(name="apart", delay_s=0.0))
        asked = {"input": "hi"} if speaks == "responses" else {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
        reply = await post(gateway, path, {"model": model, "stream": True, **asked})
        assert (reply.status, reply.headers.get("x-omnillm-attempts")) == (200, "2"), (model, path)
        assert [name for name, word in words.items() if word in reply.body] == [speaks], (model, path)
        assert (await gateway.last())[0].outcome == "success", (model, path)


async def thinking_turn(gateway: Running, model: str = "anthropic") -> list[dict[str, Any]]:
    """A Chat conversation whose answer carries a sealed signature."""
    messages = [{"role": "user", "content": "[[think]] How deep?"}]
    reply = await post(
        gateway, "/v1/chat/completions", {"model": model, "messages": messages, "reasoning_effort": "low", "max_tokens": 4000}
    )
    message = reply.json["choices"][0]["message"]
    assert SEALED in json.dumps(message)
    return [*messages, message, {"role": "user", "content": "And how wide?"}]


async def test_headers_of_the_clients_protocol_go_with_an_unsealed_body(serve: Serve, provider: FakeProvider) -> None:
    """An Anthropic client whose history was once answered elsewhere keeps its betas; a translated call says that it lost them."""
    gateway = await serve(configuration(provider))
    beta = {"anthropic-beta": "context-1m-2025-08-07", "anthropic-version": "2023-06-01"}
    asked = {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    first = await post(
        gateway, "/v1/messages", {"model": "responses", "messages": [{"role": "user", "content": "[[think]] Hi"}], **asked}, headers=beta
    )
    assert "dropped:headers.anthropic-beta" in first.headers["x-omnillm-loss"]
    history = [
        {"role": "user", "content": "[[think]] Hi"},
        {"role": "assistant", "content": json.loads(first.body)["content"]},
        {"role": "user", "content": "And?"},
    ]
    assert SEALED in json.dumps(history)
    await post(gateway, "/v1/messages", {"model": "anthropic", "messages": history, "max_tokens": 9}, headers=beta)
    assert provider.log[-1].headers[b"anthropic-beta"].decode() == beta["anthropic-beta"]
    assert SEALED.encode() not in provider.log[-1].body


async def test_tokens_of_a_sealed_history_are_counted(serve: Serve, provider: FakeProvider) -> None:
    """The counter, too, is given what is inside, and nothing that only a generation takes."""
    gateway = await serve(configuration(provider))
    asked = {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    first = await post(gateway, "/v1/messages", {"model": "responses", "messages": [{"role": "user", "content": "[[think]] Hi"}], **asked})
    history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": json.loads(first.body)["content"]}]
    counted = await post(
        gateway, "/v1/messages/count_tokens", {"model": "anthropic", "messages": [*history, {"role": "user", "content": "And?"}]}
    )
    assert counted.status == 200
    sent = json.loads(provider.log[-1].body)
    assert sent.keys() == {"model", "messages"}
    assert SEALED not in json.dumps(sent)


@pytest.mark.parametrize("escaped", ["", SEALED])
async def test_seal_of_another_caller_is_nobodys(serve: Serve, provider: FakeProvider, escaped: str) -> None:
    """Nor is a forged one, however it is spelt: what is inside goes nowhere, and it leads nowhere."""
    gateway = await serve(configuration(provider))
    messages = await thinking_turn(gateway)
    asked = {"model": "anthropic", "messages": messages, "reasoning_effort": "low", "max_tokens": 4000}
    own = await post(gateway, "/v1/chat/completions", asked)
    assert b'"signature"' in provider.log[-1].body
    strange = await post(gateway, "/v1/chat/completions", asked, key=OTHER_KEY, escaped=escaped)
    assert own.status == strange.status == 200
    assert b'"signature"' not in provider.log[-1].body
    assert "dropped:input[1].parts[0]" in strange.headers["x-omnillm-loss"]
    forged = msgspec.json.encode(["c2ln", "anthropic_messages", "anthropic", "good", "fake-small", ""])
    messages[1]["thinking_blocks"] = [
        {"type": "thinking", "thinking": "x", "signature": base64.b64encode(base64.b64decode(MARK) + forged).decode()}
    ]
    assert (await post(gateway, "/v1/chat/completions", {**asked, "messages": messages}, escaped=escaped)).status == 200
    assert b"c2ln" not in provider.log[-1].body


async def test_reasoning_of_two_keys_never_goes_to_a_third(serve: Serve) -> None:
    """Each attempt is sent what its own key can read, however many keys were tried before."""
    keys = {f"sk-{label}": Behaviour() for label in "abc"}
    async with FakeProvider(keys=keys, prices=PRICES, clock=SystemClock()) as provider:
        gateway = await serve(configuration(provider, keys=THREE_KEYS))
        turns: dict[str, list[dict[str, Any]]] = {}
        for _ in range(30):
            turn = (await thinking_turn(gateway, "responses"))[:2]
            turns[(await gateway.last())[0].key] = turn
        history = [*turns["a"], *turns["b"]]
        provider.script.behave("sk-a", Behaviour(fault=FAULTS["status_401"]))
        provider.script.behave("sk-b", Behaviour(fault=FAULTS["status_429"]))
        provider.script.behave("sk-c", Behaviour())
        asked = {"model": "responses", "reasoning_effort": "low", "max_tokens": 4000}
        reply = await post(gateway, "/v1/chat/completions", {**asked, "messages": [*history, {"role": "user", "content": "And?"}]})
        assert reply.status in {200, 429, 503}
        assert not any(logged.status == 400 for logged in provider.log if hasattr(logged, "status"))


async def test_conversation_that_a_provider_keeps_is_not_left_out(serve: Serve, provider: FakeProvider) -> None:
    """Without it the answer would be to another question: 400, and nothing is sent."""
    gateway = await serve(configuration(provider))
    for kept in (
        {"conversation": "conv_1"},
        {"prompt": {"id": "pmpt_1"}},
        {"background": True},
        {"input": [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "And?"}]},
    ):
        reply = await post(gateway, "/v1/responses", {"model": "anthropic", "input": "Hi", **kept})
        assert reply.status == 400, kept
        assert (b"where `store` is set to false" in reply.body) == ("input" in kept), kept
    assert not provider.log
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        with pytest.raises(openai.BadRequestError, match="where `store` is set to false"):
            await client.responses.create(model="anthropic", input="And?", previous_response_id="resp_1")


async def test_fault_in_a_call_that_is_held_back_is_hidden(serve: Serve) -> None:
    """A custom tool's input is shown when it is whole: until then the client has seen nothing, and another key may answer."""
    keys = {"sk-a": Behaviour(first=(FAULTS["error_after_content"],)), "sk-b": Behaviour(first=(FAULTS["error_after_content"],))}
    async with FakeProvider(keys=keys, prices=PRICES, clock=SystemClock()) as provider:
        gateway = await serve(configuration(provider, keys="[{label: a, key: sk-a}, {label: b, key: sk-b}]"))
        tool = {"type": "custom", "custom": {"name": "shell", "description": "Run it."}}
        body = {"model": "anthropic", "messages": [{"role": "user", "content": "[[tool]] ls"}], "tools": [tool], "max_tokens": 50}
        reply = await post(gateway, "/v1/chat/completions", {**body, "stream": True})
        assert reply.status == 200
        assert b"data: [DONE]" in reply.body
        assert b'"error"' not in reply.body
        request, attempts = await gateway.last()
        assert (request.outcome, len(attempts)) == ("success", 3)
        assert await gateway.spent() >= provider.invoice.total_nanousd


async def test_a_native_target_beside_a_foreign_one_gets_the_clients_own_bytes(serve: Serve, provider: FakeProvider) -> None:
    """The call was emitted for the other one; this one is sent what was written."""
    gateway = await serve(configuration(provider))
    said = b'[{"role":"user" ,"content":"hi"}]'
    body = b'{"model":"mixed","messages":%b,"max_tokens":9}' % said
    assert (await send(gateway, "POST", "/v1/chat/completions", body)).status == 200
    assert b'"messages":%b' % said in provider.log[-1].body
