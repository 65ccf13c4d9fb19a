"""Every kind of call, as a program makes it and as a client writes it, over one configuration."""

import json
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.journeys import live
from tests.journeys.families.families import PRICES as FAMILY_PRICES
from tests.journeys.families.families import wav
from tests.journeys.running import PRICES as PLAIN_PRICES
from tests.journeys.running import VIRTUAL_KEY, configuration
from tests.journeys.wire import DIALECTS, ask

from omnillm import (
    EmbeddingRequest,
    File,
    Gateway,
    GenerationConfig,
    ImageRequest,
    LlmRequest,
    PrimitiveForm,
    PrimitiveRequest,
    SpeechRequest,
    TranscriptionRequest,
    user,
)
from omnillm.assemble import SystemClock
from omnillm.framing.multipart import Field, write_form
from omnillm.testing import Behaviour, FakeProvider

PRICES = FAMILY_PRICES | PLAIN_PRICES
OVERRIDES = """
    openai/gpt-image-1: {input: 5, output: 20, input_image: 10, output_image: 40, max_output: 6250}
    openai/tts-1: {input: 0, output: 0, characters: 15}
    openai/whisper-1: {input: 0, output: 0, per_second: 0.0001}
"""
KEYS = {"a": "key: sk-a", "b": "key: sk-b"}


def provider() -> FakeProvider:
    """It writes piece by piece, so that there is something to wait for, and bills a little more than it has shown to who left."""
    return FakeProvider(keys={"*": Behaviour(words=4, delay_s=0.0)}, prices=PRICES, clock=SystemClock(), billing_lag_tokens=8)


def configured(fake: FakeProvider, **options: Any) -> str:
    """A soft budget, so that native calls may be made; it is never spent."""
    terms = {"keys": KEYS, "hard": False, "limit_usd": "1000000"} | options
    return configuration(fake, **terms) + OVERRIDES.lstrip("\n")


# What a program calls

CHAT = {"model": "fake-small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}
BATCHED = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
LINE = json.dumps(BATCHED).encode() + b"\n"
SOUND = File(filename="a.wav", content=wav(0.01), content_type="audio/wav")
TURN = {"type": "response.create", "response": {"output_modalities": ["text"]}}


def asked(model: str) -> LlmRequest:
    return LlmRequest(model=model, input=(user("Hello"),), generation=GenerationConfig(max_output_tokens=20))


def raw(**more: Any) -> PrimitiveRequest:
    return PrimitiveRequest.json(CHAT | more, provider="openai")


def by_path(path: str) -> PrimitiveRequest:
    return PrimitiveRequest.get(path, provider="openai")


async def read(stream: AbstractAsyncContextManager[Any]) -> None:
    """To its end."""
    async with stream as events:
        async for _ in events:
            pass


async def upload(gateway: Gateway) -> str:
    form = PrimitiveForm(file=LINE, filename="in.jsonl", fields={"purpose": "batch"})
    return (await gateway.primitive_call(PrimitiveRequest(path="/v1/files", body=form, provider="openai"))).json()["id"]


async def batch(gateway: Gateway) -> None:
    """Made, told of, listed, and its results read."""
    body = {"input_file_id": await upload(gateway), "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    job = await gateway.primitive_async_job(PrimitiveRequest.json(body, path="/v1/batches", provider="openai"))
    await gateway.primitive_async_job(job.status_request)
    await gateway.primitive_async_job(by_path("/v1/batches"))
    for request in job.result_requests:
        await read(gateway.primitive_stream(request))


async def session(gateway: Gateway) -> None:
    async with gateway.primitive_realtime(PrimitiveRequest(model="fake-small", provider="openai")) as talk:
        await talk.send(TURN)
        async for message in talk:
            if message.json()["type"] == "response.done":
                break


CALLS: dict[str, Callable[[Gateway], Coroutine[Any, Any, Any]]] = {
    "call": lambda gateway: gateway.call(asked("fast")),
    "translated": lambda gateway: gateway.call(asked("claude")),
    "stream": lambda gateway: read(gateway.stream(asked("fast"))),
    "translated stream": lambda gateway: read(gateway.stream(asked("gemini"))),
    "raw": lambda gateway: gateway.primitive_call(raw()),
    "raw stream": lambda gateway: read(gateway.primitive_stream(raw(stream=True))),
    "embeddings": lambda gateway: gateway.api_call(EmbeddingRequest(model="openai/fake-small", inputs=("one",))),
    "images": lambda gateway: gateway.api_call(ImageRequest(model="openai/gpt-image-1", prompt="a lake", quality="low")),
    "speech": lambda gateway: read(gateway.api_stream(SpeechRequest(model="openai/tts-1", text="Hello", voice="v"))),
    "transcription": lambda gateway: gateway.api_call(TranscriptionRequest(model="openai/whisper-1", file=SOUND)),
    "by path": lambda gateway: gateway.primitive_call(by_path("/v1/models")),
    "upload": upload,
    "batch": batch,
    "session": session,
}

# What a client writes


def written(method: str, path: str, body: bytes = b"", **fields: str) -> bytes:
    told = {"host": "gateway", "authorization": f"Bearer {VIRTUAL_KEY}", "content-length": str(len(body))}
    told |= {name.replace("_", "-"): value for name, value in fields.items()}
    return (f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in told.items()) + "\r\n").encode() + body


def form(*fields: Field) -> bytes:
    return b"".join(write_form("x", list(fields)))


def framed(message: Any) -> bytes:
    """A client's text frame, masked with zeros."""
    said = json.dumps(message).encode()
    return b"\x81" + (bytes([0x80 | len(said)]) if len(said) < 126 else b"\xfe" + len(said).to_bytes(2, "big")) + bytes(4) + said


def in_chunks(sized: bytes) -> bytes:
    head, _, body = sized.partition(b"\r\n\r\n")
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(body[at : at + 20]), body[at : at + 20]) for at in range(0, len(body), 20))
    return head.partition(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


MULTIPART = "multipart/form-data; boundary=x"
PLAIN = ask("openai_chat", "hello", cap=20).raw
STREAMED = ask("openai_chat", "hello", cap=20, is_stream=True).raw
SAID = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hi"}]}], "turnComplete": True}}
REQUESTS: dict[str, bytes] = {
    **{f"{dialect}": ask(dialect, "hello", cap=20).raw for dialect in DIALECTS},
    **{f"{dialect} stream": ask(dialect, "hello", cap=20, is_stream=True).raw for dialect in DIALECTS},
    "translated": ask("anthropic_messages", "hello", model="fast", cap=20).raw,
    "translated stream": ask("gemini", "hello", model="claude", cap=20, is_stream=True).raw,
    "chunked": in_chunks(PLAIN),
    "pipelined": STREAMED + PLAIN,
    "native": written("GET", "/providers/openai/v1/models"),
    "list": written("GET", "/providers/openai/v1/batches"),
    "upload": written(
        "POST",
        "/providers/openai/v1/files",
        form(Field(name="purpose", content=b"batch"), Field(name="file", content=LINE, filename="in.jsonl")),
        content_type=MULTIPART,
    ),
    "sound": written(
        "POST",
        "/v1/audio/transcriptions",
        form(Field(name="model", content=b"openai/whisper-1"), Field(name="file", content=SOUND.content, filename="a.wav")),
        content_type=MULTIPART,
    ),
    "live": live.handshake() + framed(TURN),
    "live gemini": live.handshake(live.LIVE) + framed(live.SETUP) + framed(SAID),
}
