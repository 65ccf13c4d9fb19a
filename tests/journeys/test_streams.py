"""Streams arrive as they came, whole event by whole event, and one that fails says so in the client's own protocol."""

import asyncio

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types
from msgspec.structs import replace
from tests.in_turn import in_turn
from tests.journeys.running import PRICES, VIRTUAL_KEY, Running, Serve, configuration, long_text, still, until
from tests.journeys.wire import DIALECTS, MARKS, Line, Reply, ask, exchange

from omnillm.assemble import SystemClock
from omnillm.config.load import parse
from omnillm.secret import Secret
from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, ManualClock

MESSAGES = [{"role": "user", "content": "hello"}]
IDLE = "timeouts: {idle: 100ms}"
BREAKS_LATER = Fault(name="later", action="stall", point="events", after=3, error_after=5, error_status=500)
"""Three content events, silence until the gate opens, two more, and an error event."""


async def begun(gateway: Running, dialect: str, **how) -> tuple[Line, bytes]:
    """A stream, once its first events were read."""
    line = await Line.open(gateway.port, ask(dialect, "hello", is_stream=True, **how))
    assert await line.head() == 200
    return line, await line.piece()


class Chatterer:
    """A provider that shows one word, and then says at each `chatter` that it is still there, without end."""

    HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    WORD = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}\n\n'

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}}")
        writer.write(self.HEAD + self.WORD)
        self.writers.append(writer)

    def chatter(self, text: bytes) -> None:
        self.writers[0].write(text)


@pytest.mark.parametrize("text", [b": keep-alive\n\n", b"\n\n", b"event: ping\ndata: {}\n\n"], ids=["comments", "empty", "pings"])
async def test_a_provider_that_only_says_that_it_is_there_is_given_up(serve: Serve, text: bytes) -> None:
    """However lively the stream is: after `timeouts.stream` it is an error event, the provider is let go, and the books are closed."""
    chatterer, clock = Chatterer(), ManualClock()
    async with FakeProvider(prices=PRICES) as fake, await asyncio.start_server(chatterer.answer, "127.0.0.1", 0) as server:
        settings = parse(configuration(fake, pool="timeouts: {idle: 30s, stream: 60s}"), {})
        at = Secret(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        providers = settings.providers | {"openai": replace(settings.providers["openai"], base_url=at)}
        gateway = await serve(replace(settings, providers=providers), clock=clock)
        line, first = await begun(gateway, "openai_chat")
        for _ in range(2):
            clock.advance(29)
            chatterer.chatter(text)
            if text.strip():
                assert await line.piece() == text
            else:
                await asyncio.sleep(0)
            gateway.program.deadlines.sweep(clock.now())
        clock.advance(2)
        gateway.program.deadlines.sweep(clock.now())
        reply = await line.rest()
        line.reset()
        reply = Reply("openai_chat", 200, line.headers, first + reply.body, reply.is_whole)
        assert (reply.is_whole, reply.is_answer, reply.error["code"]) == (True, False, "upstream_timeout")
        request, [attempt] = await gateway.last()
        assert (request.outcome, attempt.verdict, request.is_estimated) == ("upstream_timeout", "timeout", True)
        assert (await gateway.books())[2] == 0
        chatterer.writers[0].close()


@in_turn("name", ["error", "reset", "cut", "malformed", "idle", "no_terminal"])
@in_turn("dialect", DIALECTS)
async def test_fault_after_content_is_an_error_event(serve: Serve, dialect: str, name: str) -> None:
    """Content was shown, then the provider fails in some way: one error event of the client's protocol, and nothing that means success."""
    faults = {
        "error": BREAKS_LATER,
        "reset": Fault(name="later", action="reset", point="events", after=3, delay_s=0.0),
        "cut": Fault(name="later", action="close", point="events", after=3, delay_s=0.0),
        "malformed": Fault(name="later", action="stall", point="events", after=3, truncates_json=True),
        "idle": Fault(name="never", action="stall", point="events", after=3),
        "no_terminal": Fault(name="later", action="stall", point="events", after=3, missing="finish"),
    }
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, pool=IDLE if name == "idle" else ""))
        fake.enqueue(faults[name])
        line, first = await begun(gateway, dialect)
        fake.gate("later").set()
        reply = await line.rest()
        line.reset()
        whole = Reply(dialect, 200, line.headers, first + reply.body, reply.is_whole)
        assert whole.is_whole
        assert not whole.is_answer
        assert not any(mark in whole.body for mark in MARKS[dialect])
        assert whole.error["message"]
        assert whole.body.endswith(b"\n\n")
        if dialect == "openai_responses":
            assert len({whole.events[at]["response"]["id"] for at in (0, -1)}) == 1, "its last words are of the response that began"
        assert len(fake.log) == 1
        request, [attempt] = await gateway.last()
        assert request.outcome == attempt.error != "success"
        assert (request.status, attempt.is_estimated) == (504 if name == "idle" else 502, True)
        assert await gateway.spent() >= fake.invoice.total_nanousd


@in_turn("status", [400, 401, 403, 404, 429, 529])
@in_turn("is_shown", [True, False])
@in_turn("dialect", DIALECTS)
async def test_refusal_in_the_middle_of_a_stream_is_not_free(serve: Serve, dialect: str, is_shown: bool, status: int) -> None:
    """What a provider would not bill as a reply it does bill behind content: the attempt is charged by estimate, shown or held back."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}))
        later = Fault(name="later", action="stall", point="events", after=3, error_after=5, error_status=status)
        fake.enqueue(later if is_shown else Fault(name="later", error_after=5, error_status=status))
        if is_shown:
            line, _ = await begun(gateway, dialect)
            fake.gate("later").set()
            assert not (await line.rest()).is_answer
            line.reset()
        else:
            await exchange(gateway.port, ask(dialect, "hello", is_stream=True))
        _, attempts = await gateway.last()
        assert attempts[0].is_estimated
        assert await gateway.spent() >= fake.invoice.total_nanousd > 0
        assert attempts[0].cost_nanousd >= fake.invoice.lines[0].cost_nanousd > 0


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_official_sdk_raises_in_the_middle_of_a_stream(serve: Serve, dialect: str) -> None:
    """The SDK yields what came and then raises its own class; it never ends the loop as if all were well."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake))
        fake.enqueue(BREAKS_LATER)
        seen = []

        def saw(event: object) -> None:
            seen.append(event)
            fake.gate("later").set()

        with pytest.raises((openai.APIError, anthropic.APIError, errors.APIError)) as raised:
            await SDKS[dialect](gateway.base_url, saw)
        assert seen
        assert "provider" in str(raised.value).lower()


async def read_chat(base_url: str, saw) -> None:
    async with openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        async for chunk in await client.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
            saw(chunk)


async def read_responses(base_url: str, saw) -> None:
    async with openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key=VIRTUAL_KEY, max_retries=0) as client:
        async for event in await client.responses.create(model="fast", input="hello", stream=True):
            saw(event)


async def read_messages(base_url: str, saw) -> None:
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key=VIRTUAL_KEY, max_retries=0) as client:
        async with client.messages.stream(model="claude", max_tokens=50, messages=MESSAGES) as stream:
            async for event in stream:
                saw(event)


async def read_gemini(base_url: str, saw) -> None:
    client = genai.Client(api_key=VIRTUAL_KEY, http_options=types.HttpOptions(base_url=base_url))
    try:
        async for chunk in await client.aio.models.generate_content_stream(model="gemini", contents="hello"):
            saw(chunk)
    finally:
        await client.aio.aclose()


async def read_interactions(base_url: str, saw) -> None:
    """This SDK hands the error on as an event, and leaves it to its user what to do about it."""
    client = genai.Client(api_key=VIRTUAL_KEY, http_options=types.HttpOptions(base_url=base_url))
    try:
        async for event in await client.aio.interactions.create(model="gemini", input="hello", stream=True):
            saw(event)
            if event.event_type == "error":
                raise errors.APIError(502, {"error": {"message": event.error.message}})
    finally:
        await client.aio.aclose()


SDKS = {
    "openai_chat": read_chat,
    "openai_responses": read_responses,
    "anthropic_messages": read_messages,
    "gemini": read_gemini,
    "gemini_interactions": read_interactions,
}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_fault_before_content_is_retried_unseen(serve: Serve, dialect: str) -> None:
    """What opens a stream is held back: when an error follows it, another key answers, and not a byte of the first is shown."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}))
        fake.enqueue(Fault(name="early", action="stall", point="events", after=0, error_after=0, error_status=529))
        fake.gate("early").set()
        reply = await exchange(gateway.port, ask(dialect, "hello", is_stream=True))
        assert reply.is_answer
        assert reply.headers["x-omnillm-attempts"] == "2"
        assert b"fake000000000001" not in reply.body
        assert len(fake.log) == 2


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
async def test_hold_back_ends_with_its_time(serve: Serve, dialect: str) -> None:
    """A stream that opens and then thinks for long is shown as it stands, and goes on; from then on a fault is seen."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, calls="hold_back: {time: 50ms}"))
        fake.enqueue(Fault.stall(after_events=0, name="thinks"))
        line, first = await begun(gateway, dialect)
        assert first.endswith(b"\n\n")
        fake.gate("thinks").set()
        reply = await line.rest()
        line.reset()
        assert Reply(dialect, 200, line.headers, first + reply.body, reply.is_whole).is_answer
        assert (await gateway.books())[0] == fake.invoice.total_nanousd


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
async def test_hold_back_ends_with_the_deadline(serve: Serve, dialect: str) -> None:
    """By the call's deadline a stream has begun, however long it could be held back."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, calls="hold_back: {time: 60s}"))
        fake.enqueue(Fault.stall(after_events=0, name="thinks"))
        async with asyncio.timeout(5):
            line, _ = await begun(gateway, dialect, headers={"x-omnillm-timeout-ms": "300"})
        fake.gate("thinks").set()
        assert (await line.rest()).is_whole
        line.reset()


@pytest.mark.parametrize("hold_back", ["10ms", "60s"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_stream_without_an_event_by_the_deadline_is_a_504(serve: Serve, dialect: str, hold_back: str) -> None:
    """A head and then silence: there is nothing to show, so the call ends in time, and the provider is let go."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, calls=f"hold_back: {{time: {hold_back}}}"))
        fake.enqueue(Fault(name="never", action="stall", point="bytes", after=0))
        async with asyncio.timeout(5):
            reply = await exchange(gateway.port, ask(dialect, "hello", is_stream=True, headers={"x-omnillm-timeout-ms": "300"}))
        assert reply.status == 504
        assert reply.error
        async with asyncio.timeout(5):
            await fake.ended(1)
        assert fake.log[0].aborted_by_client
        assert await gateway.spent() >= fake.invoice.total_nanousd


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_silence_is_held_back_beyond_the_time(serve: Serve, dialect: str) -> None:
    """When nothing came by the end of the hold-back nothing was shown, so an error after it is retried unseen all the same."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}, calls="hold_back: {time: 1ms}"))
        fake.enqueue(Fault(name="thinks", action="stall", point="bytes", after=0, error_after=0, error_status=500))
        line = await Line.open(gateway.port, ask(dialect, "hello", is_stream=True))
        await fake.arrived(1)
        waits_until = gateway.program.clock.now() + 0.02
        await until(lambda: gateway.program.clock.now() > waits_until)
        fake.gate("thinks").set()
        reply = await line.rest()
        line.reset()
        assert reply.is_answer
        assert reply.headers["x-omnillm-attempts"] == "2"


async def test_hold_back_ends_with_its_size(serve: Serve) -> None:
    """More opening bytes than may be held are shown."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, calls="hold_back: {size: 100B}"))
        fake.enqueue(Fault.stall(after_events=0, name="thinks"))
        line, first = await begun(gateway, "openai_responses")
        assert len(first) >= 100
        fake.gate("thinks").set()
        assert (await line.rest()).is_whole
        line.reset()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_first_content_is_shown_when_it_comes(serve: Serve, dialect: str) -> None:
    """Nothing waits for more: the first words are there while the provider is silent."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake))
        fake.enqueue(Fault.stall(after_events=1))
        line, first = await begun(gateway, dialect)
        assert b"You" in first
        fake.gate("stall").set()
        assert (await line.rest()).is_whole
        line.reset()


@in_turn("name", ["", "crlf", "comments", "one_byte", "gzip", "trailers", "usage_cumulative"])
@in_turn("dialect", DIALECTS)
async def test_bytes_are_the_providers_own(serve: Serve, dialect: str, name: str) -> None:
    """The same stream, asked of the provider and through the gateway, is the same to the byte, and is cut between events only."""
    options = {"stream_options": {"include_usage": True}} if dialect == "openai_chat" else {}
    bodies = []
    pieces = []
    for is_direct in (True, False):
        async with FakeProvider(prices=PRICES) as fake:
            gateway = await serve(configuration(fake))
            fake.enqueue(FAULTS[name] if name and not (is_direct and name in {"one_byte", "gzip"}) else None)
            headers = {"anthropic-version": "2023-06-01", "x-api-key": "sk-good"} if is_direct else {}
            model = "fake-small" if is_direct else ""
            question = ask(dialect, "hello", is_stream=True, model=model, cap=64, more=options, headers=headers)
            port = int(fake.base_url.rpartition(":")[2]) if is_direct else gateway.port
            line = await Line.open(port, question)
            assert await line.head() == 200
            pieces = []
            while piece := await line.piece():
                pieces.append(piece)
            bodies.append(b"".join(pieces))
            line.reset()
    assert bodies[0] == bodies[1]
    end = b"\r\n\r\n" if name == "crlf" or dialect == "gemini" else b"\n\n"
    assert all(piece.endswith(end) for piece in pieces)


async def test_slow_reader_holds_back_its_provider_and_nobody_else(serve: Serve) -> None:
    """A client that takes nothing stops its own stream at the provider's socket; others are answered, and it gets all once it reads."""
    written = 0

    async def count(_: float) -> None:
        nonlocal written
        written += 1
        await asyncio.sleep(0)

    words = 5000
    async with FakeProvider(keys={"*": Behaviour(says=long_text(words), delay_s=0.0)}, prices=PRICES, sleep=count) as fake:
        gateway = await serve(configuration(fake))
        line = await Line.open(gateway.port, ask("openai_chat", "hello", is_stream=True, cap=words), limit=1024)
        line.writer.transport.pause_reading()
        await still(lambda: written)
        assert written < words
        assert not fake.log[0].is_ended
        fake.script.behave("*", Behaviour(delay_s=0.0))
        quick = [exchange(gateway.port, ask("openai_chat", "hello", is_stream=True, cap=20)) for _ in range(20)]
        assert all(reply.is_answer for reply in await asyncio.gather(*quick))
        assert not fake.log[0].is_ended
        line.writer.transport.resume_reading()
        reply = await line.rest()
        assert reply.is_answer
        assert reply.body.count(b'"delta":{"content"') == words
        line.reset()
        await until(lambda: gateway.in_flight == 0)
        assert (await gateway.books())[0] == fake.invoice.total_nanousd


async def test_many_streams_at_once(serve: Serve) -> None:
    """400 streams in four protocols, interleaved piece by piece: each is whole and nobody's words are in another's."""
    async with FakeProvider(keys={"*": Behaviour(delay_s=0.0)}, prices=PRICES) as fake:
        gateway = await serve(configuration(fake))
        questions = [ask(DIALECTS[number % 4], f"caller-{number}-of-many", is_stream=True) for number in range(400)]
        replies = await asyncio.gather(*(exchange(gateway.port, question) for question in questions))
        assert all(reply.is_answer for reply in replies)
        for number, reply in enumerate(replies):
            assert f"caller-{number}-of-many".encode() in reply.body
            assert reply.body.count(b"-of-many") == replies[number % 4].body.count(b"-of-many")
        await fake.ended(len(fake.log))
        assert (await gateway.books())[0] == fake.invoice.total_nanousd
