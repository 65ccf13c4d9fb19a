"""Bad input gets a clear 4xx in the client's protocol: never a 500, never a hang, and nothing of it reaches the provider."""

import asyncio
import gzip
from collections.abc import Mapping

import pytest
from tests.in_turn import in_turn
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration, until
from tests.journeys.wire import DIALECTS, PATHS, Question, Reply, exchange

from omnillm.testing import FakeProvider

PATH = {name: path.format("gemini", "generateContent") for name, path in PATHS.items()}
MESSAGES = b'"messages":[{"role":"user","content":"x"}]'
GOOD = {
    "openai_chat": {b"model": b'"fast"', b"messages": b'[{"role":"user","content":"x"}]', b"max_tokens": b"5"},
    "openai_responses": {b"model": b'"fast"', b"input": b'"x"', b"max_output_tokens": b"5"},
    "anthropic_messages": {b"model": b'"claude"', b"max_tokens": b"5", b"messages": b'[{"role":"user","content":"x"}]'},
    "gemini": {b"contents": b'[{"parts":[{"text":"x"}]}]', b"generationConfig": b'{"maxOutputTokens":5}'},
    "gemini_interactions": {b"model": b'"gemini"', b"input": b'"x"', b"generation_config": b'{"max_output_tokens":5}'},
}
"""A body of each protocol that is answered, by its members."""
NUMBERS = (b"-1", b"0", b"1.5", b"1e400", b"1e30", b"9223372036854775808", b"9" * 5000, b"true", b'"5"', b"[5]", b"{}")
NO_LISTS = (b"5", b"true", b"null", b"{}", b'{"0":"x"}')
NO_FLAGS = (b'"yes"', b"1", b"0", b"[]", b"{}")
NO_NAMES = (b'""', b"5", b"null", b"true", b"[]", b"{}", b'"' + b"m" * 300 + b'"')
WRONG: dict[str, dict[bytes, tuple[bytes, ...]]] = {
    "openai_chat": {
        b"model": NO_NAMES,
        b"messages": (*NO_LISTS, b'"x"'),
        b"stream": NO_FLAGS,
        b"max_tokens": NUMBERS,
        b"max_completion_tokens": NUMBERS,
        b"n": (*NUMBERS, b"129", b"100000"),
    },
    "openai_responses": {
        b"model": NO_NAMES,
        b"input": NO_LISTS,
        b"stream": NO_FLAGS,
        b"max_output_tokens": NUMBERS,
        b"tools": (b"5", b"{}", b'["x"]'),
    },
    "anthropic_messages": {
        b"model": NO_NAMES,
        b"messages": (*NO_LISTS, b'"x"'),
        b"stream": NO_FLAGS,
        b"max_tokens": NUMBERS,
        b"tools": (b"5", b"{}", b'["x"]'),
    },
    "gemini": {
        b"contents": (*NO_LISTS, b'"x"'),
        b"generationConfig": (
            *(b"5", b"[]", b'"x"', b"true"),
            *(b'{"maxOutputTokens":' + number + b"}" for number in NUMBERS),
            *(b'{"candidateCount":' + number + b"}" for number in NUMBERS),
            b'{"maxOutputTokens":5,"max_output_tokens":500000}',
        ),
        b"generation_config": (b'{"maxOutputTokens":500000}',),
        b"tools": (b"5", b"{}", b'["x"]'),
    },
    "gemini_interactions": {
        b"model": NO_NAMES,
        b"agent": (b'"a"', b"5", b"[]"),
        b"input": (b"5", b"true", b"null"),
        b"stream": NO_FLAGS,
        b"generation_config": (
            *(b"5", b"[]", b'"x"', b"true"),
            *(b'{"max_output_tokens":' + number + b"}" for number in NUMBERS),
        ),
        b"tools": (b"5", b"{}", b'["x"]'),
    },
}
"""Of each member that is read: values that it must not have."""
NEEDED = {
    "openai_chat": (b"model", b"messages"),
    "openai_responses": (b"model", b"input"),
    "anthropic_messages": (b"model", b"messages"),
    "gemini": (b"contents",),
    "gemini_interactions": (b"model", b"input"),
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


def written(members: Mapping[bytes, bytes]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % each for each in members.items()) + b"}"


async def refuse(gateway: Running, dialect: str, body: bytes) -> None:
    """Send a body that must be answered with a 400 that says why, in the protocol's own shape."""
    reply = await answer(gateway, dialect, request(PATH[dialect], body))
    assert reply.status == 400, body[:200]
    assert reply.error["message"], body[:200]


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configuration(provider))


@in_turn("dialect", DIALECTS)
async def test_what_is_no_json_object_is_a_400(gateway: Running, provider: FakeProvider, dialect: str) -> None:
    """Nothing, half of something, another thing, another coding, a hundred thousand brackets."""
    for body in ANY_BODY.values():
        await refuse(gateway, dialect, body)
    assert not provider.log
    assert (await gateway.books())[1:] == (0, 0)


@in_turn("dialect", DIALECTS)
async def test_a_compressed_body_is_told_to_be_one(gateway: Running, provider: FakeProvider, dialect: str) -> None:
    """As aiohttp sends it with `compress=`: not that it is no UTF-8, which nobody finds."""
    fields = (f"authorization: Bearer {VIRTUAL_KEY}", "content-encoding: gzip")
    reply = await answer(gateway, dialect, request(PATH[dialect], gzip.compress(written(GOOD[dialect])), *fields))
    assert (reply.status, "compressed (content-encoding: gzip)" in reply.error["message"]) == (415, True)
    assert not provider.log


@in_turn("dialect", DIALECTS)
async def test_each_member_that_is_read_is_read_strictly(gateway: Running, provider: FakeProvider, dialect: str) -> None:
    """A wrong type, an absurd number, an empty name: the caller's mistake, never a guess and never a 500."""
    await until(lambda: gateway.in_flight == 0)
    before = (len(provider.log), await gateway.books())
    for member, wrong in WRONG[dialect].items():
        for value in wrong:
            await refuse(gateway, dialect, written(GOOD[dialect] | {member: value}))
    for member in NEEDED[dialect]:
        await refuse(gateway, dialect, written({name: value for name, value in GOOD[dialect].items() if name != member}))
    assert (len(provider.log), await gateway.books()) == before
    assert (await answer(gateway, dialect, request(PATH[dialect], written(GOOD[dialect])))).status == 200


async def test_a_body_without_a_model_is_told_so_in_one_code(gateway: Running) -> None:
    """Wherever the body names it."""
    codes = {"openai_chat": "code", "openai_responses": "code", "anthropic_messages": "details"}
    for dialect, member in codes.items():
        reply = await answer(gateway, dialect, request(PATH[dialect], b"{}"))
        assert (reply.status, reply.error[member]) == (400, {"error_code": "missing_model"} if member == "details" else "missing_model")


@in_turn("dialect", DIALECTS)
async def test_a_member_that_stands_twice_is_refused_where_money_is_at_stake(
    gateway: Running, provider: FakeProvider, dialect: str
) -> None:
    """Gateway and provider could read different ones; also when the second is spelt with an escape."""
    good = written(GOOD[dialect])
    for name in GOOD[dialect]:
        again = b'"\\u%04x%b"' % (name[0], name[1:])
        for spelt in (b'"%b"' % name, again):
            await refuse(gateway, dialect, good[:-1] + b"," + spelt + b":" + GOOD[dialect][name] + b"}")
    assert not provider.log


@in_turn("dialect", DIALECTS)
async def test_a_patience_that_is_none_is_a_400(gateway: Running, provider: FakeProvider, dialect: str) -> None:
    """`x-omnillm-timeout-ms` is a whole number of milliseconds, at least one."""
    for patience in ("0", "-1", "1.5", "soon", "1e3", "\xb2", "9" * 10, ""):
        fields = (f"authorization: Bearer {VIRTUAL_KEY}", f"x-omnillm-timeout-ms: {patience}")
        reply = await answer(gateway, dialect, request(PATH[dialect], written(GOOD[dialect]), *fields))
        assert (reply.status, bool(reply.error["message"])) == (400, True)
    assert not provider.log


async def test_options_of_a_stream_are_an_object(gateway: Running, provider: FakeProvider) -> None:
    """They decide whether usage is told."""
    for options in (b"[]", b"5", b'"x"', b'{"include_usage":"yes"}', b'{"include_usage":1}'):
        await refuse(gateway, "openai_chat", written(GOOD["openai_chat"] | {b"stream": b"true", b"stream_options": options}))
    assert not provider.log


@in_turn("dialect", DIALECTS)
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


@pytest.fixture
async def taking_any(serve: Serve, provider: FakeProvider) -> Running:
    """A gateway with a pattern that takes any name."""
    return await serve(configuration(provider).replace("\nbudgets:", '\n  "*": {targets: [gemini/*]}\nbudgets:'))


@in_turn("model", ["nothing-such", "../../etc/passwd", "openai/", "/x", "a b", "x" * 257, "fast\\u0000", "é", "fast\\r\\nx: y"])
async def test_an_unknown_model_is_a_4xx(gateway: Running, taking_any: Running, provider: FakeProvider, model: str) -> None:
    """Whatever its name holds, it goes nowhere; also where a pattern takes any name: 402, for what nobody knows has no price."""
    for asked, statuses in ((gateway, {400, 404}), (taking_any, {400, 402, 404})):
        for dialect in ("openai_chat", "openai_responses", "anthropic_messages"):
            body = written(GOOD[dialect] | {b"model": b'"%b"' % model.encode()})
            reply = await answer(asked, dialect, request(PATH[dialect], body))
            assert reply.status in statuses
            assert reply.error["message"]
    assert not provider.log


@in_turn("model", ["nothing-such", "..%2F..", "x" * 257, "%C3%A9", "fast%00", "fast%0d%0ax:y", "%ff", "%zz", "a%2"])
async def test_an_odd_model_in_a_path_is_a_4xx(gateway: Running, serve: Serve, provider: FakeProvider, model: str) -> None:
    """Gemini's names stand in the path; what could not stand in the provider's is refused."""
    taking_any = await serve(configuration(provider).replace("\nbudgets:", '\n  "g-*": {targets: [gemini/*]}\nbudgets:'))
    for asked, name in ((gateway, model), (taking_any, f"g-{model}" if model not in {"nothing-such", "..%2F.."} else model)):
        for method in ("generateContent", "streamGenerateContent?alt=sse", "countTokens"):
            raw = request(f"/v1beta/models/{name}:{method}", written(GOOD["gemini"]))
            assert (await answer(asked, "gemini", raw)).status in {400, 404}
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
        assert reply.headers.get("allow") == ("POST" if status == 405 else None)
        assert reply.error["message"]
    assert not provider.log


async def test_a_model_that_the_key_may_not_use_is_a_403(serve: Serve, provider: FakeProvider) -> None:
    """The key is good, the model is not for it; an expired key is a 401."""
    expired = "sk-omni-expired-0123456789"
    text = configuration(provider, caller="models: [other]", callers=f"{{name: old, key: {expired}, expires: 2020-01-01}}")
    gateway = await serve(text)
    for dialect, members in GOOD.items():
        for key, status, word in ((VIRTUAL_KEY, 403, ""), (expired, 401, "expired")):
            refused = await answer(gateway, dialect, request(PATH[dialect], written(members), key=key))
            assert (refused.status, word in refused.error["message"] != "") == (status, True), dialect
    assert not provider.log


async def test_a_body_that_is_too_large_is_a_413(serve: Serve, provider: FakeProvider) -> None:
    """By its announced length before it is sent, or in the middle of its chunks; an SDK reads the answer."""
    gateway = await serve(configuration(provider).replace("drain: 2s", "drain: 2s, limits: {body: 64KiB}"))
    chunks = b"%x\r\n%b\r\n" % (40_000, b"x" * 40_000) * 2
    for dialect in DIALECTS:
        head = f"POST {PATH[dialect]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {VIRTUAL_KEY}\r\n"
        for raw in (
            f"{head}content-length: 70000\r\n\r\n".encode(),
            f"{head}content-length: 9999999999\r\n\r\n".encode(),
            f"{head}transfer-encoding: chunked\r\n\r\n".encode() + chunks,
        ):
            reply = await answer(gateway, dialect, raw)
            assert (reply.status, bool(reply.error["message"])) == (413, True), dialect
    assert not provider.log


@in_turn(
    ("path", "dialect"),
    [(path.format("gemini", "embedContent"), dialect) for dialect, path in PATHS.items()] + [("/v1/models/fast", "openai_chat")],
)
async def test_a_method_that_a_path_does_not_take(gateway: Running, provider: FakeProvider, path: str, dialect: str) -> None:
    """405 or 404, in the path's own protocol: a client that deletes a model is not told that it did."""
    for method in ("DELETE", "PATCH", "PUT", "OPTIONS"):
        reply = await answer(gateway, dialect, request(path, b"", method=method))
        assert reply.status in {404, 405}
        assert reply.error["message"]
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
