"""Live sessions through the gateway, with the official SDKs and to the last token: the ledger is the provider's invoice."""

import asyncio
import base64
import json
import ssl
from pathlib import Path

import openai
import pytest
import trustme
from google import genai
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.journeys.live import LIVE, SETUP, Talk, began, began_live, handshake
from tests.journeys.running import VIRTUAL_KEY, Serve, configuration, until

from omnillm.assemble import SystemClock
from omnillm.config.load import parse
from omnillm.config.settings import TlsSettings
from omnillm.testing import Behaviour, FakeProvider

AUDIO_RATES = {"input": 4_000_000_000, "cache_read": 400_000_000, "output": 16_000_000_000, "input_audio": 32_000_000_000}
AUDIO_RATES |= {"cache_read_audio": 500_000_000}
AUDIO_PRICES = {
    "fake-small": AUDIO_RATES | {"output_audio": 64_000_000_000},
    "whisper-small": {"input": 2_000_000_000, "output": 1_000_000},
}
AUDIO_PRICE = "{input: 4, cache_read: 0.4, output: 16, input_audio: 32, cache_read_audio: 0.5, output_audio: 64, %s}"
AUDIO_PRICE %= "context: 32000, max_output: 4096"


async def test_the_openai_sdk_holds_a_session_of_text(serve: Serve, provider: FakeProvider) -> None:
    """A model by the gateway's name for it, in and out."""
    gateway = await serve(configuration(provider))
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        async with client.realtime.connect(model="fast") as session:
            assert (await session.recv()).session.model == "fake-small"
            await session.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            assert (await session.recv()).type == "session.updated"
            content = [{"type": "input_text", "text": "Say hello!"}]
            await session.conversation.item.create(item={"type": "message", "role": "user", "content": content})
            await session.response.create()
            text = ""
            async for event in session:
                if event.type == "response.output_text.delta":
                    text += event.delta
                elif event.type == "response.done":
                    break
    assert text.startswith("You said: Say hello!")
    assert event.response.usage.output_tokens == 20
    await gateway.agrees_with(provider)
    request, [attempt] = await gateway.last()
    assert (request.status, request.outcome, request.operation, attempt.verdict) == (101, "success", "realtime", "success")
    assert attempt.usage == provider.invoice.lines[0].usage


async def test_the_openai_sdk_holds_a_session_of_speech(serve: Serve) -> None:
    """Audio both ways, turns that the provider begins itself, cached text and sound: every kind of token has its rate."""
    keys = {"sk-good": Behaviour(words=5, cached_tokens=8)}
    async with FakeProvider(keys=keys, prices=AUDIO_PRICES, clock=SystemClock()) as provider:
        gateway = await serve(configuration(provider, price=AUDIO_PRICE))
        heard = b""
        async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
            async with client.realtime.connect(model="fast") as session:
                audio = {"input": {"turn_detection": {"type": "server_vad"}}}
                await session.session.update(session={"type": "realtime", "instructions": "Be brief, please.", "audio": audio})
                for _ in range(2):
                    await session.input_audio_buffer.append(audio=base64.b64encode(bytes(24_000)).decode())
                turns = 0
                async for event in session:
                    if event.type == "response.output_audio.delta":
                        heard += base64.b64decode(event.delta)
                    turns += event.type == "response.done"
                    if turns == 2:
                        break
        assert len(heard) == 2 * 5 * 2400
        ledger, settled, _ = await gateway.books()
        assert ledger == settled == provider.invoice.total_nanousd > 0
        _, [attempt] = await gateway.last()
        assert attempt.usage == provider.invoice.lines[0].usage + provider.invoice.lines[1].usage
        heard = (attempt.usage.cache_read, attempt.usage.input_audio, attempt.usage.cache_read_audio)
        assert min(*heard, attempt.usage.output_audio) > 0


async def test_the_google_sdk_holds_a_session(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """`client.aio.live.connect`, which knows TLS only; two turns, of which the second reads the first again."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    settings = parse(configuration(provider), {})
    tls = TlsSettings(cert=str(tmp_path / "both.pem"), key=str(tmp_path / "both.pem"))
    gateway = await serve(replace(settings, server=replace(settings.server, tls=tls)))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    options = {"base_url": f"https://127.0.0.1:{gateway.port}", "async_client_args": {"ssl": context}}
    client = genai.Client(api_key=VIRTUAL_KEY, http_options=options)
    async with client.aio.live.connect(model="gemini", config={"response_modalities": ["TEXT"]}) as session:
        for question in ("How deep is the lake?", "And how wide?"):
            await session.send_client_content(turns={"role": "user", "parts": [{"text": question}]}, turn_complete=True)
            said = "".join([part.text or "" async for part in session.receive()])
            assert said.startswith(f"You said: {question}")
    await until(lambda: gateway.in_flight == 0)
    await gateway.agrees_with(provider)
    request, [attempt] = await gateway.last()
    assert (request.outcome, request.model, request.protocol, attempt.model) == (
        "success",
        "gemini",
        "gemini_generate_content",
        "fake-small",
    )
    assert attempt.usage == provider.invoice.lines[0].usage + provider.invoice.lines[1].usage
    await client.aio.aclose()


async def test_messages_pass_as_they_are(serve: Serve, provider: FakeProvider) -> None:
    """Kinds and boundaries are kept, fragments are put together, and no byte of a message is another."""
    gateway = await serve(configuration(provider))
    talk = await began(gateway.port)
    odd = '{ "type":"conversation.item.create",  "item":{"type":"message","content":[{"type":"input_text","text":"Zürich \\u2028"}]} }'
    sent = [odd.encode(), b"\x00\xffnot JSON at all", b"", b"x" * 70_000]
    talk.protocol.send_text(sent[0])
    for message in sent[1:]:
        talk.protocol.send_binary(message)
    talk.flush()
    talk.say({"type": "input_audio_buffer.clear"}, fragments=7)
    await talk.until("input_audio_buffer.cleared")
    [session] = provider.sessions
    assert session.heard[:-1] == sent
    assert json.loads(session.heard[-1]) == {"type": "input_audio_buffer.clear"}
    await talk.close()


ORIGINS = {
    "none": (None, 101),
    "this machine": ("http://localhost:3000", 101),
    "its address": ("http://[::1]:8080", 101),
    "another host": ("https://evil.example", 403),
    "a name that points here": ("http://gateway", 403),
    "a file": ("null", 403),
    "garbage": ("http://[", 403),
}


@in_turn("case", ORIGINS)
async def test_where_nobody_needs_a_key_pages_of_other_hosts_open_nothing(serve: Serve, provider: FakeProvider, case: str) -> None:
    """A browser says whose page it is; with a virtual key it does not matter."""
    origin, status = ORIGINS[case]
    gateway = await serve(configuration(provider).replace("auth: required", "auth: none"))
    talk = await Talk.open(gateway.port, handshake(fields={"authorization": None, "origin": origin}))
    assert await talk.answer() == status
    talk.reset()
    await until(lambda: gateway.in_flight == 0)
    talk = await Talk.open(gateway.port, handshake(fields={"origin": origin}))
    assert await talk.answer() == 101
    talk.reset()


async def test_a_provider_may_be_asked_by_name(serve: Serve, provider: FakeProvider) -> None:
    """Below `/providers` and the drop-in prefix, with the provider's own name of the model, metered all the same."""
    gateway = await serve(configuration(provider))
    for path in ("/providers/openai/v1/realtime?model=fake-small", "/openai/v1/realtime?model=openai/fake-small"):
        talk = await began(gateway.port, handshake(path))
        talk.say({"type": "response.create"})
        await talk.until("response.done")
        await talk.close()
        request, [attempt] = await gateway.last()
        assert (attempt.provider, attempt.model, request.model) == ("openai", "fake-small", "openai/fake-small")
    ledger, _, reserved = await gateway.books()
    assert (ledger, reserved) == (provider.invoice.total_nanousd, 0)


async def test_a_session_that_only_transcribes_is_asked_for_as_that(serve: Serve, provider: FakeProvider) -> None:
    """The model is for the gateway: OpenAI takes none beside the intent, and wants it in a message. An intent of nobody's is refused."""
    gateway = await serve(configuration(provider))
    talk = await began(gateway.port, handshake("/v1/realtime?model=fast&intent=transcription"))
    await talk.close()
    talk = await began(gateway.port, handshake("/v1/realtime?intent=realtime&model=fast"))
    await talk.close()
    assert [logged.query for logged in provider.log] == ["intent=transcription", "model=fake-small"]
    for query, told in (("intent=transcription", "NAME being the model that transcribes"), ("model=fast&intent=song", "'song'")):
        talk = await Talk.open(gateway.port, handshake(f"/v1/realtime?{query}"))
        assert await talk.answer() == 400
        assert told in talk.body.decode()
    assert len(provider.log) == 2


async def test_the_setup_is_the_clients_own_but_for_the_model(serve: Serve, provider: FakeProvider) -> None:
    """An alias becomes the provider's name; a name that goes through leaves the message untouched."""
    gateway = await serve(configuration(provider))
    (await began_live(gateway.port)).reset()
    plain = {"setup": {"model": "models/gemini/fake-small"}}
    talk = await Talk.open(gateway.port, handshake(LIVE))
    await talk.answer()
    talk.say(plain)
    assert "setupComplete" in await talk.event()
    talk.reset()
    first, second = [json.loads(session.heard[0]) for session in provider.sessions]
    assert first == {"setup": SETUP["setup"] | {"model": "models/fake-small"}}
    assert second == {"setup": {"model": "models/fake-small"}}


@pytest.mark.parametrize(("model", "billed"), [("whisper-small", False), ("whisper-1", True)], ids=["by tokens", "by duration"])
async def test_a_transcription_beside_the_session_is_paid_for(serve: Serve, model: str, billed: bool) -> None:
    """At its own model's price; one that is billed by its duration costs no less than it would as tokens, and is told as an estimate."""
    async with FakeProvider(keys={"sk-good": Behaviour(words=2)}, prices=AUDIO_PRICES, clock=SystemClock()) as provider:
        text = configuration(provider, price=AUDIO_PRICE) + "    openai/whisper-small: {input: 2, output: 0.001}\n"
        gateway = await serve(text)
        talk = await began(gateway.port)
        talk.say({"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": model}}}}})
        talk.say({"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(48_000)).decode()})
        talk.say({"type": "input_audio_buffer.commit"})
        await talk.until("conversation.item.input_audio_transcription.completed")
        await talk.close()
        await until(lambda: gateway.in_flight == 0)
        ledger, settled, _ = await gateway.books()
        request, [attempt] = await gateway.last()
        by_tokens = 10 * 2_000 + 2 * 1
        assert ledger == settled
        assert attempt.price_version.endswith(";metered")
        if billed:
            assert ledger >= 6_000_000 // 60  # 0.006 USD a minute
            assert request.is_estimated
        else:
            assert (ledger, request.is_estimated) == (by_tokens, False)


async def test_a_hundred_sessions_at_once(serve: Serve, provider: FakeProvider) -> None:
    """Each hears its own answers, and all are paid for."""
    gateway = await serve(configuration(provider, durability="strict"))

    async def converse(number: int) -> None:
        talk = await began(gateway.port)
        for turn in range(3):
            text = f"session {number}, turn {turn}"
            talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": text}]}})
            assert (await talk.until("conversation.item.added"))["item"]["content"][0]["text"] == text
        talk.say({"type": "response.create", "response": {"output_modalities": ["text"]}})
        await talk.until("response.done")
        await talk.close()

    await asyncio.gather(*(converse(number) for number in range(100)))
    await until(lambda: gateway.in_flight == 0)
    await gateway.agrees_with(provider)
    assert len(provider.invoice.lines) == 100
