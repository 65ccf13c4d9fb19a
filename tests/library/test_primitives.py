"""Raw calls by path: every operation of the path table, on the server's own native engine."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.journeys.families.families import wav
from tests.journeys.hosts import hosting
from tests.library.calling import CHAT, KEYS, PRICE

from omnillm import (
    BadRequest,
    BinaryChunk,
    Completed,
    Forbidden,
    Gateway,
    KeyConfig,
    PrimitiveForm,
    PrimitiveRequest,
    ProviderEndpoint,
    ProviderError,
    RateLimited,
    StreamFrame,
    StreamUsage,
    UpstreamLost,
)
from omnillm.testing import FAULTS, Behaviour, FakeProvider
from omnillm.testing.families.sounds import spoken

IMAGE = {"model": "fake-small", "prompt": "A lake", "stream": True}
FRAMES = (
    b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image","b64_json":"AAAA"}\n\n',
    b'data: {"type":"image_generation.completed","b64_json":"AAAA","usage":{"total_tokens":100,"input_tokens":40,"output_tokens":60}}\n\n',
)
FAILED = b'event: error\ndata: {"type":"error","error":{"message":"no","type":"server_error","code":"server_error"}}\n\n'
FORM = {"purpose": "batch"}
BY_UNITS = """
store: {{url: "memory://"}}
providers: {{openai: {{kind: openai, base_url: {base_url}, keys: [{{label: a, key: key-a}}]}}}}
budgets: [{{name: all, limit_usd: 1}}]
pricing:
  overrides:
    openai/tts-1: {{input: 0, output: 0, characters: 15}}
    openai/whisper-1: {{input: 0, output: 0, per_second: 0.0001}}
"""


@asynccontextmanager
async def streaming(*pieces: bytes, content_type: str = "text/event-stream") -> AsyncIterator[str]:
    """A host that answers every request with these bytes; its base URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        await reader.readexactly(size)
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for piece in (*pieces, b""):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        writer.close()

    async with hosting(answer) as url:
        yield url


def openai(url: str, **more) -> Gateway:
    return Gateway(ProviderEndpoint.openai(url), keys=KEYS, **more)


def opened(url: str, **more) -> Gateway:
    """With a path that only the configuration knows."""
    return Gateway(ProviderEndpoint(kind="openai", base_url=url, passthrough=("/drawings",)), keys=KEYS, **more)


async def test_a_file_goes_up_from_disk_and_comes_down_in_pieces(provider: FakeProvider, tmp_path: Path) -> None:
    """Byte for byte, with the key that has it; the content is a chunk stream with one `Completed`, last."""
    content = os.urandom(3_000_000)
    (tmp_path / "deep.bin").write_bytes(content)
    async with openai(provider.base_url) as gateway:
        form = PrimitiveForm(file=tmp_path / "deep.bin", fields=FORM)
        made = await gateway.primitive_call(PrimitiveRequest(path="/v1/files", body=form))
        told = made.json()
        assert (told["bytes"], told["filename"], told["purpose"]) == (len(content), "deep.bin", "batch")
        request = PrimitiveRequest.get(f"/v1/files/{told['id']}/content")
        async with gateway.primitive_stream(request) as events:
            seen = [event async for event in events]
        assert b"".join(event.data for event in seen if isinstance(event, BinaryChunk)) == content
        assert [type(event) for event in seen[-2:]] == [BinaryChunk, Completed]
        whole = await gateway.primitive_call(request)
        assert (whole.body, whole.key, whole.cost_nanousd) == (content, made.key, 0)
        assert whole.headers["content-type"] == "application/octet-stream"


async def test_a_list_is_of_all_keys(provider: FakeProvider) -> None:
    """And what is named in a path goes to the key that made it."""
    async with openai(provider.base_url) as gateway:
        replies = [
            await gateway.primitive_call(PrimitiveRequest(path="/files", body=PrimitiveForm(file=b"x", fields=FORM))) for _ in range(24)
        ]
        assert {reply.key for reply in replies} == {"a", "b"}
        listed = await gateway.primitive_call(PrimitiveRequest.get("/v1/files", query={"limit": "100"}))
        assert {each["id"] for each in listed.json()["data"]} == {reply.json()["id"] for reply in replies}
        for reply in replies:
            deleted = await gateway.primitive_call(PrimitiveRequest(path=f"/v1/files/{reply.json()['id']}", method="DELETE"))
            assert (deleted.json()["deleted"], deleted.key) == (True, reply.key)


async def test_an_upload_in_steps_goes_on_with_its_key(provider: FakeProvider) -> None:
    """Gemini names the URL to go on at; it is of the provider's origin, and leads to the key that began."""
    async with Gateway(ProviderEndpoint.gemini(provider.base_url), keys=KEYS) as gateway:
        for _ in range(4):
            start = PrimitiveRequest.json({"file": {"mimeType": "text/plain"}}, path="/upload/v1beta/files")
            begun = await gateway.primitive_call(start.with_header("x-goog-upload-command", "start"))
            onward = PrimitiveRequest(path=begun.headers["x-goog-upload-url"], body=b"deep")
            ended = await gateway.primitive_call(onward.with_header("x-goog-upload-command", "upload, finalize"))
            assert (ended.json()["file"]["sizeBytes"], ended.key) == ("4", begun.key)


@pytest.mark.parametrize(
    ("kind", "path", "body", "model"),
    [
        ("openai", "/v1/chat/completions", CHAT, ""),
        ("openai", "/responses", {"model": "fake-small", "input": "Hello"}, ""),
        ("anthropic", "/v1/messages", CHAT, ""),
        ("gemini", "/v1beta/models/fake-small:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}, ""),
    ],
)
async def test_an_inference_path_is_an_ordinary_call(provider: FakeProvider, kind: str, path: str, body: dict, model: str) -> None:
    """In the protocol that the path says, with cost and usage of any call."""
    async with Gateway(getattr(ProviderEndpoint, kind)(provider.base_url), keys=KEYS, prices=PRICE, budget_limit_usd=1) as gateway:
        reply = await gateway.primitive_call(PrimitiveRequest.json(body, path=path))
        assert reply.usage.total_tokens > 0
        assert reply.cost_nanousd > 0


@pytest.mark.parametrize("fault", ["status_429", "status_401"])
async def test_a_refusal_goes_to_another_key(provider: FakeProvider, fault: str) -> None:
    """And a provider's own 404 comes as it was."""
    provider.enqueue(FAULTS[fault])
    async with openai(provider.base_url) as gateway:
        reply = await gateway.primitive_call(PrimitiveRequest(path="/v1/files", body=PrimitiveForm(file=b"x", fields=FORM)))
        assert (reply.status, reply.attempts) == (200, 2)
        with pytest.raises(ProviderError) as missing:
            await gateway.primitive_call(PrimitiveRequest.get("/files/file-nobodys"))
        assert missing.value.status == 404
        assert b"No such object" in missing.value.raw_body


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/organization/users", "path_not_allowed"),
        ("/v1/realtime/calls", "path_not_allowed"),
        ("/v1/files/../models", "ambiguous_path"),
        ("/v1/files/%2e%2e", "ambiguous_path"),
        ("//elsewhere.example/v1/files", "wrong_origin"),
        ("https://elsewhere.example/v1/files", "wrong_origin"),
        ("v1/files", "invalid_path"),
        ("/v1/files\r\nx: y", "invalid_path"),
        ("/v1/files#x", "invalid_path"),
    ],
)
async def test_a_path_that_leads_elsewhere_never_leaves(provider: FakeProvider, path: str, code: str) -> None:
    """Same origin, in the table, read in one way only."""
    async with openai(provider.base_url) as gateway:
        with pytest.raises((BadRequest, Forbidden)) as refused:
            await gateway.primitive_call(PrimitiveRequest.get(path))
        assert refused.value.code == code
    assert provider.log == []


async def test_a_pattern_of_the_endpoint_opens_a_path(provider: FakeProvider) -> None:
    """As `passthrough` of the configuration does; whoever asks for it without one is told where it would stand."""
    async with openai(provider.base_url) as gateway:
        with pytest.raises(Forbidden, match=r"in ProviderEndpoint\(passthrough="):
            await gateway.primitive_call(PrimitiveRequest.get("/v1/vector_stores/vs_1"))
    endpoint = ProviderEndpoint(kind="openai", base_url=provider.base_url, passthrough=("/vector_stores*",))
    async with Gateway(endpoint, keys=KEYS) as gateway:
        with pytest.raises(ProviderError) as missing:
            await gateway.primitive_call(PrimitiveRequest.get("/v1/vector_stores/vs_1"))
        assert missing.value.status == 404
    assert [logged.path for logged in provider.log] == ["/v1/vector_stores/vs_1"]


async def test_a_whole_url_of_the_provider_is_its_path(provider: FakeProvider) -> None:
    """Its query is kept, and what `query` says is added."""
    async with openai(provider.base_url) as gateway:
        await gateway.primitive_call(PrimitiveRequest.get(f"{provider.base_url}/v1/models?a=1").with_query({"b": "x y"}))
    assert provider.log[0].query == "a=1&b=x+y"


@pytest.mark.parametrize(
    ("request_", "is_stream"),
    [
        (PrimitiveRequest.json(IMAGE, path="/v1/images/generations"), False),
        (PrimitiveRequest.json({**IMAGE, "stream": False}, path="/v1/images/generations"), True),
        (PrimitiveRequest.get("/v1/models"), True),
        (PrimitiveRequest.get("/v1/responses/resp_1", query={"stream": "true"}), False),
        (PrimitiveRequest.get("/v1/responses/resp_1"), True),
        (PrimitiveRequest.get("/v1/models").with_stream("sse"), False),
        (PrimitiveRequest.get("/v1/files/x/content").with_stream("websocket"), True),
        (PrimitiveRequest.json({**CHAT, "stream": True}, path="/v1/chat/completions"), False),
    ],
)
async def test_a_wrong_stream_mode_reserves_nothing(provider: FakeProvider, request_: PrimitiveRequest, is_stream: bool) -> None:
    """The method called is not the one that the reply needs: refused before anything is held or sent."""
    async with openai(provider.base_url) as gateway:
        with pytest.raises(BadRequest) as refused:
            if is_stream:
                async with gateway.primitive_stream(request_):
                    pass
            else:
                await gateway.primitive_call(request_)
        assert refused.value.code == "wrong_stream_mode"
    assert provider.log == []


async def test_webrtc_is_refused_by_name(provider: FakeProvider) -> None:
    """It is planned, and says so."""
    async with openai(provider.base_url) as gateway:
        with pytest.raises(Forbidden, match="WebRTC sessions are planned") as refused:
            await gateway.primitive_call(PrimitiveRequest.get("/v1/models").with_stream("webrtc"))
        assert refused.value.code == "webrtc_not_supported"


async def test_the_usage_of_a_native_stream_is_read_on_the_side() -> None:
    """The frames as they came, each followed by its usage verbatim; the cost is in `Completed`."""
    async with streaming(FRAMES[0] + FRAMES[1][:40], FRAMES[1][40:]) as url, opened(url, prices=PRICE) as gateway:
        async with gateway.primitive_stream(PrimitiveRequest.json(IMAGE, path="/v1/drawings")) as events:
            seen = [event async for event in events]
    assert [type(event) for event in seen] == [StreamFrame, StreamFrame, StreamUsage, Completed]
    assert b"".join(event.raw for event in seen if isinstance(event, StreamFrame)) == b"".join(FRAMES)
    assert seen[2].raw_usage == b'{"total_tokens":100,"input_tokens":40,"output_tokens":60}'
    assert (seen[3].usage.prompt_tokens, seen[3].usage.completion_tokens, seen[3].cost_nanousd) == (40, 60, 40 * 400 + 60 * 1600)


@pytest.mark.parametrize(("end", "code"), [(FAILED, "stream_failed"), (FRAMES[1][:60], "stream_cut")])
async def test_a_native_stream_that_did_not_end_well_raises(end: bytes, code: str) -> None:
    """An error event, or half an event before an end in good order: never `Completed`."""
    async with streaming(FRAMES[0], end) as url, opened(url) as gateway:
        async with gateway.primitive_stream(PrimitiveRequest.json(IMAGE, path="/v1/drawings")) as events:
            with pytest.raises(UpstreamLost) as lost:
                async for event in events:
                    assert not isinstance(event, Completed)
        assert (lost.value.code, lost.value.attempts) == (code, 1)
        assert all(key.in_flight == 0 for key in gateway.pool_status())


async def test_tokens_are_reserved_by_estimate_and_settled_to_what_was_reported(provider: FakeProvider) -> None:
    """A key's TPM counts native calls too; one that is larger than the whole limit is refused before it is sent."""
    keys = [KeyConfig(label="a", key="key-a", tpm=200)]
    async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=keys) as gateway:
        small = PrimitiveRequest.json({"model": "fake-small", "input": "How deep is the lake?"}, path="/v1/embeddings")
        reply = await gateway.primitive_call(small)
        told = reply.json()["usage"]["total_tokens"]
        assert [key.tpm_used for key in gateway.pool_status()] == [told] == [reply.usage.total_tokens]
        large = PrimitiveRequest.json({"model": "fake-small", "input": "deep " * 1000}, path="/v1/embeddings")
        with pytest.raises((BadRequest, RateLimited)) as refused:
            await gateway.primitive_call(large)
        assert refused.value.code == "call_too_large"
    assert len(provider.log) == 1


async def test_a_family_by_its_path_is_priced_by_its_units(tmp_path: Path) -> None:
    """A form from disk, audio in pieces, JSON as it stands: what the provider would bill is what it cost."""
    rates = {
        "tts-1": {"input": 0, "output": 0, "character": 15_000_000_000},
        "whisper-1": {"input": 0, "output": 0, "audio_ms": 100_000_000},
    }
    (tmp_path / "a.wav").write_bytes(wav(1.5))
    async with FakeProvider(keys={"key-a": Behaviour()}, prices=rates) as fake:
        (tmp_path / "omnillm.yaml").write_text(BY_UNITS.format(base_url=fake.base_url))
        async with Gateway.from_config(tmp_path / "omnillm.yaml") as gateway:
            form = PrimitiveForm(file=tmp_path / "a.wav", fields={"model": "whisper-1"}, content_type="audio/wav")
            heard = await gateway.primitive_call(PrimitiveRequest(path="/v1/audio/transcriptions", body=form))
            assert (heard.usage.audio_ms, bool(heard.json()["text"])) == (1502, True)
            asked = PrimitiveRequest.json({"model": "tts-1", "input": "Hello", "voice": "alloy"}, path="/v1/audio/speech")
            whole = await gateway.primitive_call(asked)
            async with gateway.primitive_stream(asked) as events:
                *pieces, last = [event async for event in events]
            assert b"".join(piece.data for piece in pieces) == whole.body == spoken("Hello")
            assert whole.headers["content-type"] == "audio/mpeg"
            assert isinstance(last, Completed)
            assert gateway.budget_used_usd() * 1_000_000_000 == fake.invoice.total_nanousd > 0


async def test_a_file_that_cannot_be_read_is_told(provider: FakeProvider, tmp_path: Path) -> None:
    """By its name, before anything is held."""
    async with openai(provider.base_url) as gateway:
        with pytest.raises(BadRequest, match=r"'none\.bin' cannot be read") as refused:
            await gateway.primitive_call(PrimitiveRequest(path="/v1/files", body=tmp_path / "none.bin"))
        assert refused.value.code == "unreadable_file"


DEEP = b'data: {"x_tokens":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n"


async def test_a_frame_that_cannot_be_read_has_no_usage() -> None:
    """Whatever it nests, or leaves open: at a path that nobody knows its bytes are the program's, and the stream goes on to its end."""
    async with streaming(b'data: {"x_tokens"\n\n', DEEP, FRAMES[0]) as url:
        endpoint = ProviderEndpoint(kind="openai", base_url=url, passthrough=("/odd*",))
        async with Gateway(endpoint, keys=KEYS) as gateway:
            request = PrimitiveRequest.json({}, path="/v1/odd").with_stream("sse")
            async with gateway.primitive_stream(request) as events:
                told = [event async for event in events]
    assert [type(event) for event in told] == [StreamFrame, StreamFrame, StreamFrame, Completed]


async def test_json_that_is_a_files_content_is_streamed() -> None:
    """A download comes as bytes, also where it is small, and of a type that is read here."""
    content = b'{"lines": 3}'
    async with streaming(content, content_type="application/json") as url, openai(url) as gateway:
        async with gateway.primitive_stream(PrimitiveRequest.get("/v1/files/file-1/content")) as events:
            told = [event async for event in events]
    assert [event.data for event in told[:-1]] == [content]
    assert isinstance(told[-1], Completed)


async def test_a_reply_too_large_to_be_held_is_for_a_stream() -> None:
    """A whole reply has a limit, which is told with the way around it."""
    piece = bytes(1024 * 1024)
    async with streaming(*[piece] * 65, content_type="video/mp4") as url, openai(url) as gateway:
        request = PrimitiveRequest.get("/v1/files/file-1/content")
        with pytest.raises(UpstreamLost, match="primitive_stream gives it in pieces") as refused:
            await gateway.primitive_call(request)
        assert refused.value.code == "upstream_too_large"
        async with gateway.primitive_stream(request) as events:
            assert sum([len(event.data) async for event in events if isinstance(event, BinaryChunk)]) == 65 * len(piece)


async def test_a_batch_that_is_none_is_a_garbled_reply() -> None:
    """What its provider tells of it is read, and has to be JSON."""
    async with streaming(b"{", content_type="application/json") as url, openai(url) as gateway:
        with pytest.raises(UpstreamLost) as lost:
            await gateway.primitive_async_job(PrimitiveRequest.get("/v1/batches/batch_1"))
        assert lost.value.code == "garbled_reply"


@in_turn(
    ("asked", "code", "told"),
    [
        ({"path": "/v1/files", "method": "GET", "idempotency_key": "k"}, "invalid_idempotency_key", "for inference"),
        ({"path": "/v1/chat/completions", "body": Path("x.json")}, "bad_request", "sent JSON bytes"),
        ({"path": "/v1/files", "body": PrimitiveForm(file=b"x", filename='a"b', fields=FORM)}, "bad_request", "head of a form's part"),
        ({"path": "/v1/files", "body": PrimitiveForm(file=b"x", fields={"a\r\nb": "c"})}, "bad_request", "head of a form's part"),
        ({"path": "/v1/chat/completions", "body": b'{"stream":'}, "invalid_json", "not valid JSON"),
        ({"path": "/v1/images/generations", "body": b'{"stream":'}, "invalid_json", "not valid JSON"),
    ],
)
async def test_what_cannot_be_sent_is_told(asked: dict, code: str, told: str) -> None:
    """Before anything is: nobody listens there."""
    async with openai("http://127.0.0.1:1") as gateway:
        with pytest.raises(BadRequest, match=told) as refused:
            await gateway.primitive_call(PrimitiveRequest(**asked))
        assert refused.value.code == code


def test_a_request_is_built_step_by_step() -> None:
    """Each step is a new value."""
    request = PrimitiveRequest.get("/v1/files").with_query({"limit": "2"}).with_header("x-a", "1").with_tags("t").with_session("s")
    request = request.with_method("POST").with_path("/v1/x").with_body(b"{}").with_stream("sse")
    told = (request.path, request.method, request.query, request.headers, request.tags, request.session, request.body, request.stream)
    assert told == ("/v1/x", "POST", {"limit": "2"}, {"x-a": "1"}, "t", "s", b"{}", "sse")
    assert msgspec.structs.replace(request, path="") != request
