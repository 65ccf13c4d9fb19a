"""Bad input gets a clear 4xx in the client's protocol: never a 500, never a hang, and nothing of it reaches the provider."""

import asyncio

import pytest
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration
from tests.journeys.wire import DIALECTS, PATHS, Question, Reply, exchange

from omnillm.testing import FakeProvider

PATH = {name: path.format("gemini", "generateContent") for name, path in PATHS.items()}
MESSAGES = b'"messages":[{"role":"user","content":"x"}]'
BODIES: dict[str, dict[str, bytes]] = {
    "openai_chat": {
        "no model": b"{" + MESSAGES + b"}",
        "empty model": b'{"model":"",' + MESSAGES + b"}",
        "model is a number": b'{"model":5,' + MESSAGES + b"}",
        "model is too long": b'{"model":"' + b"m" * 300 + b'",' + MESSAGES + b"}",
        "no messages": b'{"model":"fast"}',
        "messages is a string": b'{"model":"fast","messages":"x"}',
        "stream is a string": b'{"model":"fast","stream":"yes",' + MESSAGES + b"}",
        "negative cap": b'{"model":"fast","max_tokens":-1,' + MESSAGES + b"}",
        "float cap": b'{"model":"fast","max_tokens":1.5,' + MESSAGES + b"}",
        "infinite cap": b'{"model":"fast","max_tokens":1e400,' + MESSAGES + b"}",
        "cap beyond int64": b'{"model":"fast","max_completion_tokens":9223372036854775808,' + MESSAGES + b"}",
        "cap is true": b'{"model":"fast","max_tokens":true,' + MESSAGES + b"}",
        "n is zero": b'{"model":"fast","n":0,' + MESSAGES + b"}",
        "n is huge": b'{"model":"fast","n":100000,' + MESSAGES + b"}",
        "options is a list": b'{"model":"fast","stream":true,"stream_options":[],' + MESSAGES + b"}",
        "a member twice": b'{"model":"fast","max_tokens":5,"max_tokens":500000,' + MESSAGES + b"}",
    },
    "openai_responses": {
        "no model": b'{"input":"x"}',
        "no input": b'{"model":"fast"}',
        "input is a number": b'{"model":"fast","input":5}',
        "negative cap": b'{"model":"fast","input":"x","max_output_tokens":-5}',
        "cap is a string": b'{"model":"fast","input":"x","max_output_tokens":"many"}',
    },
    "anthropic_messages": {
        "no model": b'{"max_tokens":5,' + MESSAGES + b"}",
        "messages is an object": b'{"model":"claude","max_tokens":5,"messages":{}}',
        "negative cap": b'{"model":"claude","max_tokens":-5,' + MESSAGES + b"}",
        "cap is a string": b'{"model":"claude","max_tokens":"5",' + MESSAGES + b"}",
    },
    "gemini": {
        "no contents": b"{}",
        "contents is a string": b'{"contents":"x"}',
        "negative cap": b'{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":-1}}',
        "config is a list": b'{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":[]}',
        "candidates is huge": b'{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"candidateCount":1e30}}',
    },
}
ANY_BODY = {
    "nothing": b"",
    "not JSON": b"hello",
    "half of it": b'{"model":"fast","messages":[{"ro',
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "NaN": b'{"model":NaN}',
    "invalid UTF-8": b'{"model":"\xff\xfe"}',
    "deep brackets": b'{"model":"fast","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "trailing words": b'{"model":"fast"} and more',
}


def request(path: str, body: bytes, *fields: str, method: str = "POST", key: str = VIRTUAL_KEY) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "host: gateway", *(fields or (f"authorization: Bearer {key}",)), f"content-length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def answer(gateway: Running, dialect: str, raw: bytes) -> Reply:
    async with asyncio.timeout(10):
        return await exchange(gateway.port, Question(dialect, raw))


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configuration(provider))


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_bad_body_is_a_400(gateway: Running, provider: FakeProvider, dialect: str) -> None:
    """Each member that is read is read strictly; the error names what is wrong, in the protocol's own shape."""
    for name, body in {**ANY_BODY, **BODIES[dialect]}.items():
        reply = await answer(gateway, dialect, request(PATH[dialect], body))
        assert reply.status == 400, name
        assert reply.error["message"], name
    assert not provider.log
    assert (await gateway.books())[1:] == (0, 0)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_bad_credential_is_a_401_before_the_body_is_read(gateway: Running, provider: FakeProvider, dialect: str) -> None:
    """Wherever it stands; an unknown key and none at all are told apart from nothing."""
    for field in ("authorization: Bearer sk-wrong", "x-api-key: sk-wrong", "x-goog-api-key: sk-wrong", "api-key: sk-wrong", "x-nothing: 1"):
        reply = await answer(gateway, dialect, request(PATH[dialect], b"not even JSON", field))
        assert reply.status == 401
        assert reply.error["message"]
    assert not provider.log


async def test_each_place_of_a_good_credential_is_accepted(gateway: Running) -> None:
    """Where each SDK puts its key."""
    body = b'{"model":"fast","max_tokens":5,' + MESSAGES + b"}"
    for field in (
        f"x-api-key: {VIRTUAL_KEY}",
        f"x-goog-api-key: {VIRTUAL_KEY}",
        f"api-key: {VIRTUAL_KEY}",
        f"Authorization: bearer {VIRTUAL_KEY}",
    ):
        assert (await answer(gateway, "openai_chat", request("/v1/chat/completions", body, field))).status == 200
    raw = request(f"/v1/chat/completions?key={VIRTUAL_KEY}", body, "x-nothing: 1")
    assert (await answer(gateway, "openai_chat", raw)).status == 200


@pytest.mark.parametrize("model", ["nothing-such", "../../etc/passwd", "openai/", "/x", "a b", "x" * 257, "fast\\u0000", "é"])
async def test_an_unknown_model_is_a_4xx(gateway: Running, provider: FakeProvider, model: str) -> None:
    """Whatever its name holds, it goes nowhere."""
    body = b'{"model":"%b","max_tokens":5,%b}' % (model.encode(), MESSAGES)
    reply = await answer(gateway, "openai_chat", request("/v1/chat/completions", body))
    assert reply.status in {400, 404}
    assert not provider.log


async def test_wrong_paths_and_methods(gateway: Running, provider: FakeProvider) -> None:
    """404 and 405, in the protocol that the path speaks; dots and slashes find no way round."""
    for dialect, path, method, status in (
        ("openai_chat", "/v1/chat/completions", "GET", 405),
        ("anthropic_messages", "/v1/messages", "PUT", 405),
        ("openai_chat", "/v1/chat/completion", "POST", 404),
        ("anthropic_messages", "/v1/messages/nothing", "POST", 404),
        ("gemini", "/v1beta/models/gemini:predict", "POST", 404),
        ("openai_chat", "/v1/../v1/chat/completions", "POST", 404),
        ("openai_chat", "//v1/chat/completions", "POST", 404),
        ("openai_chat", "/v1/files", "GET", 404),
    ):
        reply = await answer(gateway, dialect, request(path, b"{}", method=method))
        assert reply.status == status, path
        assert reply.error["message"]
    assert not provider.log


async def test_a_model_that_the_key_may_not_use_is_a_403(serve: Serve, provider: FakeProvider) -> None:
    """The key is good, the model is not for it; an expired key is a 401."""
    gateway = await serve(
        configuration(provider, caller="models: [claude]", callers="{name: old, key: sk-omni-expired-0123456789, expires: 2020-01-01}")
    )
    body = b'{"model":"fast","max_tokens":5,' + MESSAGES + b"}"
    assert (await answer(gateway, "openai_chat", request("/v1/chat/completions", body))).status == 403
    expired = await answer(gateway, "openai_chat", request("/v1/chat/completions", body, key="sk-omni-expired-0123456789"))
    assert (expired.status, expired.error["code"]) == (401, "expired_api_key")
    assert not provider.log


async def test_a_body_that_is_too_large_is_a_413(serve: Serve, provider: FakeProvider) -> None:
    """By its announced length, before it is sent."""
    gateway = await serve(configuration(provider).replace("drain: 2s", "drain: 2s, limits: {body: 64KiB}"))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {VIRTUAL_KEY}\r\ncontent-length: 70000\r\n\r\n"
    reply = await answer(gateway, "openai_chat", head.encode())
    assert reply.status == 413
    assert not provider.log


async def test_a_truncated_body_calls_nobody(gateway: Running, provider: FakeProvider) -> None:
    """A client that goes away in the middle of its body leaves nothing behind."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request("/v1/chat/completions", b'{"model":"fast",' + MESSAGES + b"}")[:-10])
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    assert not provider.log
    assert (await gateway.books()) == (0, 0, 0)
