"""Audio through the gateway: spoken in pieces, written down from uploads that are not held in memory, never a success when cut."""

import asyncio
import gc
import json
from pathlib import Path

import openai
import pytest
from tests.in_turn import in_turn
from tests.journeys.families.families import family_configuration, sdk, wav
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, until
from tests.journeys.wire import Question, exchange, send

from omnillm.testing import FakeProvider, Fault
from omnillm.testing.families.sounds import heard, spoken

TEXT = "The lake is calm. " * 10


async def test_speech_arrives_byte_for_byte_and_is_paid_by_characters(gateway: Running, provider: FakeProvider) -> None:
    """Streamed as it comes, with the provider's content type, a fault of the first key hidden."""
    provider.enqueue(Fault.status(500), None)
    async with (
        sdk(gateway) as client,
        client.audio.speech.with_streaming_response.create(model="openai/tts-1", input=TEXT, voice="alloy", response_format="wav") as reply,
    ):
        audio = b"".join([piece async for piece in reply.iter_bytes(1000)])
        assert reply.headers["content-type"] == "audio/wav"
    assert audio == spoken(TEXT)
    request, attempts = await gateway.last()
    assert (request.usage.characters, request.is_estimated) == (len(TEXT), False)
    assert [attempt.verdict for attempt in attempts] == ["server_fault", "success"]
    await gateway.agrees_with(provider)


async def test_speech_as_events(serve: Serve, provider: FakeProvider) -> None:
    """Server-sent events, whose last one tells the tokens."""
    gateway = await serve(family_configuration(provider).replace("output_audio: 12}", "output_audio: 12, max_output: 2000}"))
    asked = {"model": "openai/gpt-4o-mini-tts", "input": TEXT, "voice": "alloy", "stream_format": "sse"}
    reply = await send(gateway, "POST", "/v1/audio/speech", asked)
    assert reply.body.rstrip().rsplit(b"data: ", 1)[1].startswith(b'{"type":"speech.audio.done"')
    await gateway.agrees_with(provider)


async def test_cut_speech_is_no_success(gateway: Running, provider: FakeProvider) -> None:
    """Plain audio has no word for an error: the connection is cut, so that no client takes it for whole."""
    provider.enqueue(Fault.reset(after_bytes=9000))
    reply = await send(gateway, "POST", "/v1/audio/speech", {"model": "openai/tts-1", "input": TEXT, "voice": "alloy"})
    assert not reply.is_whole
    request, _ = await gateway.last()
    assert request.outcome == "upstream_lost"
    assert (await gateway.books())[0] == provider.invoice.total_nanousd > 0


async def test_audio_of_unknown_end_is_no_success(gateway: Running, provider: FakeProvider) -> None:
    """A body that ends where its connection does: nobody could say that it was whole, so it is not begun."""
    provider.enqueue(*[Fault(framing="close")] * 8)
    reply = await send(gateway, "POST", "/v1/audio/speech", {"model": "openai/tts-1", "input": TEXT, "voice": "alloy"})
    assert reply.status == 502


async def test_speech_of_unknown_length_needs_a_bound(gateway: Running, provider: FakeProvider) -> None:
    """A model that is paid by tokens of audio."""
    async with sdk(gateway) as client:
        with pytest.raises(openai.BadRequestError, match="length of the speech"):
            await client.audio.speech.create(model="openai/gpt-4o-mini-tts", input=TEXT, voice="alloy")
    assert provider.log == []


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe"])
async def test_speech_is_written_down(gateway: Running, provider: FakeProvider, model: str) -> None:
    """By the second or by tokens; the upload is the same for both keys that were tried."""
    provider.enqueue(Fault.status(429), None)
    audio = wav(2.5)
    async with sdk(gateway) as client:
        reply = await client.audio.transcriptions.create(model=f"openai/{model}", file=("a.wav", audio, "audio/wav"), language="en")
    assert reply.text == heard(audio)
    first, second = (logged.body for logged in provider.log)
    assert first == second
    request, _ = await gateway.last()
    assert (request.operation, request.is_estimated) == ("transcriptions", False)
    await gateway.agrees_with(provider)


@pytest.mark.parametrize(
    ("model", "usage", "most"),
    [
        ("gpt-4o-transcribe", {"type": "duration", "seconds": 2}, 10**9),
        ("whisper-1", {"type": "tokens", "input_tokens": 9, "output_tokens": 2}, 201_000),
        ("whisper-1", {"type": "duration", "seconds": 2**31}, 201_000),
    ],
    ids=["seconds for tokens", "tokens for seconds", "68 years"],
)
async def test_speech_whose_count_means_nothing_is_charged_by_its_bound(
    gateway: Running, provider: FakeProvider, model: str, usage: dict[str, object], most: int
) -> None:
    """Seconds of a model that is paid by tokens, the reverse, or more than any recording has: an estimate, by the two seconds that it took."""
    told = json.dumps({"text": "the lake", "usage": usage}).encode()
    provider.enqueue(Fault(http_status=200, body=told, fields=(("content-type", "application/json"),)))
    async with sdk(gateway) as client:
        await client.audio.transcriptions.create(model=f"openai/{model}", file=("a.wav", wav(2.0)))
    _, [attempt] = await gateway.last()
    assert (attempt.verdict, attempt.is_usage_known, attempt.is_estimated) == ("success", False, True)
    assert 200_000 <= attempt.cost_nanousd == (await gateway.books())[1] < most


async def test_words_have_their_times(gateway: Running, provider: FakeProvider) -> None:
    """`timestamp_granularities[]` stands as often as there are of them."""
    async with sdk(gateway) as client:
        reply = await client.audio.transcriptions.create(
            model="openai/whisper-1", file=("a.wav", wav(1)), response_format="verbose_json", timestamp_granularities=["word", "segment"]
        )
    assert [word.word for word in reply.words] == heard(wav(1)).split()
    await gateway.agrees_with(provider)


async def test_subtitles_are_text_and_charged_by_their_bound(gateway: Running, provider: FakeProvider) -> None:
    """They report no cost, and a WAV's header bounds it: the bound is within a few bytes of the invoice."""
    async with sdk(gateway) as client:
        text = await client.audio.transcriptions.create(model="openai/whisper-1", file=("a.wav", wav(3)), response_format="srt")
    assert text.strip() == heard(wav(3))
    assert provider.invoice.total_nanousd <= await gateway.spent() <= provider.invoice.total_nanousd * 1.01


async def test_text_of_unknown_end_is_no_success(gateway: Running, provider: FakeProvider) -> None:
    """As audio: subtitles that end where their connection does could be half of them. JSON tells its own end."""
    async with sdk(gateway) as client:
        provider.enqueue(*[Fault(framing="close")] * 8)
        with pytest.raises(openai.InternalServerError, match="502"):
            await client.audio.transcriptions.create(model="openai/whisper-1", file=("a.wav", wav(1)), response_format="srt")
        whole = await client.audio.transcriptions.create(model="openai/whisper-1", file=("a.wav", wav(1)))
    assert whole.text == heard(wav(1))


async def test_a_transcript_is_streamed(gateway: Running, provider: FakeProvider) -> None:
    """Deltas and an end with the usage; and a model that does not stream answers whole, which is passed on and paid all the same."""
    async with sdk(gateway) as client:
        stream = await client.audio.transcriptions.create(model="openai/gpt-4o-transcribe", file=("a.wav", wav(1)), stream=True)
        events = [event async for event in stream]
        assert events[-1].text == heard(wav(1))
    await gateway.agrees_with(provider)
    provider.invoice.lines.clear()
    asks_stream = MODEL.replace(b'"model"', b'"stream"').replace(b"openai/whisper-1", b"true")
    reply = await exchange(gateway.port, form("/v1/audio/transcriptions", FILE + MODEL + asks_stream + b"--b--\r\n"))
    assert reply.json["text"] == heard(wav(0.1))
    request, _ = await gateway.last()
    assert request.cost_nanousd == provider.invoice.total_nanousd > 0


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
async def test_speech_is_translated(gateway: Running, provider: FakeProvider) -> None:
    """The same upload at another path."""
    async with sdk(gateway) as client:
        reply = await client.audio.translations.create(model="openai/whisper-1", file=("a.wav", wav(1)))
    assert reply.text == heard(wav(1))
    await gateway.agrees_with(provider)


async def test_audio_of_unknown_length_is_refused_to_a_budget(gateway: Running, provider: FakeProvider) -> None:
    """Silence takes no room in most formats: only WAV and MP3 bound their length by their size."""
    async with sdk(gateway) as client:
        with pytest.raises(openai.BadRequestError, match="only WAV and MP3"):
            await client.audio.transcriptions.create(model="openai/whisper-1", file=("a.ogg", b"OggS" + bytes(100)))
        assert (await client.audio.transcriptions.create(model="openai/whisper-1", file=("a.mp3", b"\xff\xfb" + bytes(100)))).text
    assert len(provider.log) == 1


def form(path: str, body: bytes, *, content_type: str = "multipart/form-data; boundary=b", chunks: int = 0) -> Question:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {VIRTUAL_KEY}\r\ncontent-type: {content_type}\r\n"
    if not chunks:
        return Question("openai_chat", f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(body[at : at + chunks]), body[at : at + chunks]) for at in range(0, len(body), chunks))
    return Question("openai_chat", f"{head}transfer-encoding: chunked\r\n\r\n".encode() + pieces + b"0\r\n\r\n")


FILE = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + wav(0.1) + b"\r\n"
MODEL = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nopenai/whisper-1\r\n'


@in_turn("chunks", [1, 7, 1000])
async def test_a_form_may_come_in_chunks(gateway: Running, provider: FakeProvider, chunks: int) -> None:
    """However it is cut; the model's name may stand before the file or behind it."""
    reply = await exchange(gateway.port, form("/v1/audio/transcriptions", FILE + MODEL + b"--b--\r\n", chunks=chunks))
    assert reply.json["text"] == heard(wav(0.1))
    assert provider.log[-1].body == FILE + MODEL.replace(b"openai/", b"") + b"--b--\r\n"


BAD = {
    "no end": (FILE + MODEL, "malformed"),
    "no file": (MODEL + b"--b--\r\n", "`file`: it is required"),
    "no model": (FILE + b"--b--\r\n", "`model`: it is required"),
    "two models": (FILE + MODEL + MODEL + b"--b--\r\n", "`model`: it stands twice"),
    "a text as file": (MODEL + FILE.replace(b'; filename="a.wav"', b"") + b"--b--\r\n", "`file`"),
    "a URL": (
        MODEL + MODEL.replace(b'"model"', b'"url"') + FILE + b"--b--\r\n",
        "not fetched from a URL".replace("not", "nobody's audio is"),
    ),
    "an odd format": (FILE + MODEL + MODEL.replace(b'"model"', b'"response_format"') + b"--b--\r\n", "`response_format`"),
    "another boundary": (b"--c" + FILE[3:] + b"--c--\r\n", "malformed"),
}


@in_turn(("body", "told"), BAD.values(), ids=BAD)
async def test_a_malformed_form_is_refused(gateway: Running, provider: FakeProvider, body: bytes, told: str) -> None:
    """400 in the client's error, and nothing is sent or held."""
    reply = await exchange(gateway.port, form("/v1/audio/transcriptions", body))
    assert reply.status == 400
    assert told in reply.json["error"]["message"]
    assert provider.log == []
    assert await gateway.books() == (0, 0, 0)


async def test_json_is_no_form(gateway: Running) -> None:
    """Said before its body is read."""
    reply = await exchange(gateway.port, form("/v1/audio/transcriptions", b"{}", content_type="application/json"))
    assert (reply.status, reply.json["error"]["code"]) == (400, "unsupported_content_type")


async def test_an_upload_beyond_the_limit_is_refused(serve: Serve, provider: FakeProvider) -> None:
    """By what it announces, and by what it turns out to be."""
    gateway = await serve(family_configuration(provider, limits="upload: 4KiB"))
    whole = FILE + wav(1) + MODEL + b"--b--\r\n"
    for chunks in (0, 1000):
        reply = await exchange(gateway.port, form("/v1/audio/transcriptions", whole, chunks=chunks))
        assert reply.status == 413
    assert provider.log == []


async def test_a_repeated_upload_is_known_by_its_bytes(gateway: Running, provider: FakeProvider) -> None:
    """An idempotency key with another file is another body: 422, and nothing is sent."""
    question = form("/v1/audio/transcriptions", FILE + MODEL + b"--b--\r\n")
    keyed = Question("openai_chat", question.raw.replace(b"\r\nhost: x", b"\r\nhost: x\r\nidempotency-key: once", 1))
    assert (await exchange(gateway.port, keyed)).status == 200
    assert (await exchange(gateway.port, keyed)).status == 409
    other = Question("openai_chat", keyed.raw.replace(wav(0.1), wav(0.1)[:-1] + b"x"))
    assert (await exchange(gateway.port, other)).status == 422
    assert len(provider.log) == 1


async def test_an_upload_that_is_given_up_leaves_nothing(gateway: Running, provider: FakeProvider) -> None:
    """The client is gone in the middle of a file that is on disk already: neither its bytes are held, nor its descriptor."""
    [front] = gateway.service.server._fronts
    before = len(list(Path("/proc/self/fd").iterdir()))
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = form("/v1/audio/transcriptions", b"x" * 5_000_000).raw.partition(b"\r\n\r\n")[0]
    writer.write(head + b"\r\n\r\n" + FILE + bytes(2_000_000))
    await until(lambda: len(list(Path("/proc/self/fd").iterdir())) > before + 1)
    writer.transport.abort()
    await until(lambda: not front._crowd.connections)
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert (front._crowd.held_bytes, provider.log) == (0, [])
