"""The provider of a live session goes, or refuses it: another key hides it, or the client is told."""

import json

import pytest
import websockets
from tests.journeys.live import LIVE, SETUP, Talk, began, began_live, handshake
from tests.journeys.realtime.sessions import ASK, TURN, check_free
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.wire import ask, exchange
from websockets.asyncio.server import Request, Response, ServerConnection

from omnillm.testing import FakeProvider, Fault

LOSSES = {
    "reset": Fault.reset(after_events=4),
    "cut": Fault.cut(after_events=4),
    "garbage": Fault(name="garbage", inserted=b"\xf7\x05hello", after=4),
    "a masked frame": Fault(name="masked", inserted=b"\x81\x82\x00\x00\x00\x00{}", after=4),
    "an oversized message": Fault(name="huge", comment_bytes=16 * 1024 * 1024 + 1, after=4),
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_provider_that_breaks_off_is_told_as_that(gateway: Running, fake: FakeProvider, loss: str) -> None:
    """An error event and 1011, or 1014 for what is no WebSocket; what was said before arrives, and is paid for."""
    fake.enqueue(LOSSES[loss])
    talk = await began(gateway.port)
    talk.say(ASK)
    code, reason, messages = await talk.end()
    is_lost = loss in {"reset", "cut"}
    assert (code, reason.partition(":")[0]) == ((1011, "upstream_lost") if is_lost else (1014, "garbled_reply"))
    *said, error = [json.loads(message) for message in messages]
    assert error["type"] == "error"
    assert error["error"]["code"] == reason.partition(":")[0]
    assert [event["type"] for event in said[:1]] == ["response.created"] or not is_lost
    request, [attempt] = await gateway.last()
    assert (request.status, attempt.verdict, attempt.is_estimated) == (502, "lost", True)
    await check_free(gateway, fake)


async def test_a_provider_that_says_farewell_is_repeated(gateway: Running, fake: FakeProvider) -> None:
    """Its code and its reason, after all that it has said."""
    fake.enqueue(Fault(name="bye", close_code=4321, message="see you", after=3))
    talk = await began(gateway.port)
    talk.say(ASK)
    code, reason, messages = await talk.end()
    assert (code, reason, len(messages)) == (4321, "see you", 2)
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (101, "provider_closed_4321")
    await check_free(gateway, fake)


REFUSED = {
    "openai": [Fault.status(401), Fault.status(429), Fault.status(500), Fault.reset(), Fault(name="no", close_code=1013, message="busy")],
    "gemini": [Fault.status(503), Fault(name="key", close_code=1007, message="API key not valid. Please pass a valid API key.", after=0)],
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_refused_handshake_is_hidden_by_another_key(serve: Serve, fake: FakeProvider, kind: str) -> None:
    """While nothing has been relayed, every refusal costs an attempt and nobody sees it."""
    faults = REFUSED[kind]
    keys = {f"k{number}": f"key: sk-{number}" for number in range(len(faults) + 1)}
    gateway = await serve(configuration(fake, keys=keys))
    fake.enqueue(*faults)
    talk = await (began(gateway.port) if kind == "openai" else began_live(gateway.port))
    talk.say(ASK if kind == "openai" else TURN)
    assert await talk.hear()
    await talk.close()
    await until(lambda: gateway.in_flight == 0)
    request, attempts = await gateway.last()
    assert (request.outcome, request.attempts) == ("success", len(faults) + 1)
    assert "success" not in {attempt.verdict for attempt in attempts[:-1]}
    assert len({attempt.key for attempt in attempts}) == len(attempts)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_model_without_sessions_sets_no_key_aside(serve: Serve, fake: FakeProvider, status: int) -> None:
    """Whoever asks for one must not be able to take the model from all others: the next target is tried, and calls go on."""
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}))
    fake.enqueue(Fault.status(status))
    talk = await Talk.open(gateway.port)
    assert await talk.answer() >= 400
    _, [attempt] = await gateway.last()
    assert (attempt.verdict, attempt.status, attempt.cost_nanousd) == ("caller_fault", status, 0)
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
    await (await began(gateway.port)).close()


async def test_a_refusal_is_told_in_its_own_words(serve: Serve, fake: FakeProvider) -> None:
    """Not in those of another key's, before it."""
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a", "b": "key: sk-b"}))
    fake.enqueue(Fault.status(404, message="of the first"), Fault(close_code=1007, message="of the second"))
    talk = await Talk.open(gateway.port)
    assert (await talk.answer(), json.loads(talk.body)["error"]["message"]) == (400, "of the second")


async def test_when_every_key_is_refused_the_client_gets_a_reply(serve: Serve, fake: FakeProvider) -> None:
    """OpenAI's handshake is answered with an HTTP error of its protocol."""
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}))
    fake.enqueue(Fault.status(401))
    talk = await Talk.open(gateway.port)
    assert await talk.answer() == 503
    assert json.loads(talk.body)["error"]["code"] == "no_available_key"


async def test_when_every_key_is_refused_the_live_client_gets_a_message(serve: Serve, fake: FakeProvider) -> None:
    """Gemini's has been answered already: a Status, as its SDK reads it, and a close frame."""
    gateway = await serve(configuration(fake, keys={"a": "key: sk-a"}))
    fake.enqueue(Fault.status(401))
    talk = await Talk.open(gateway.port, handshake(LIVE))
    await talk.answer()
    talk.say(SETUP)
    code, reason, [message] = await talk.end()
    assert (code, reason.partition(":")[0]) == (1011, "no_available_key")
    assert json.loads(message)["code"] == 503


ERROR = {"type": "error", "event_id": "event_1", "error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "Slow down."}}
BEGINNINGS = {"says an error first": "rate_limited", "says nothing": "timeout", "answers as if it were no handshake": "server_fault"}


@pytest.mark.parametrize("beginning", BEGINNINGS)
async def test_a_session_that_does_not_begin_is_hidden_by_another_key(serve: Serve, beginning: str) -> None:
    """Until a provider has said something of the session nothing is relayed, so the client meets the one that does."""
    strange = list(BEGINNINGS).index(beginning)
    asked = 0

    def no_handshake(connection: ServerConnection, _: Request) -> Response | None:
        nonlocal asked
        asked += 1
        return connection.respond(200, "Welcome.") if asked == 1 and strange == 2 else None

    async def begin(connection: ServerConnection) -> None:
        if asked > 1:
            await connection.send(json.dumps({"type": "session.created", "event_id": "event_1", "session": {"type": "realtime"}}))
        elif strange == 0:
            await connection.send(json.dumps(ERROR))
        await connection.wait_closed()

    async with websockets.serve(begin, "127.0.0.1", 0, process_request=no_handshake) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        keys = "[{label: a, key: sk-a}, {label: b, key: sk-b}]"
        gateway = await serve(
            "server: {port: 0, auth: none}\nstore: {url: 'memory://'}\nproviders:\n"
            f"  openai: {{kind: openai, base_url: 'http://127.0.0.1:{port}', keys: {keys}, timeouts: {{first_byte: 100ms}}}}\n"
            "models: {fast: {targets: [openai/fake-small]}}\n"
        )
        talk = await began(gateway.port)
        await talk.close()
        await until(lambda: gateway.in_flight == 0)
    request, attempts = await gateway.last()
    assert (request.status, request.outcome) == (101, "success")
    assert [attempt.verdict for attempt in attempts] == [BEGINNINGS[beginning], "success"]
    assert len({attempt.key for attempt in attempts}) == 2


async def test_an_orderly_farewell_of_the_provider_is_a_success(gateway: Running, fake: FakeProvider) -> None:
    """A session that its provider ends in good order has not failed; its client is told as it was told."""
    fake.enqueue(Fault(name="bye", close_code=1000, message="that is all", after=3))
    talk = await began(gateway.port)
    talk.say(ASK)
    code, reason, _ = await talk.end()
    assert (code, reason) == (1000, "that is all")
    request, [attempt] = await gateway.last()
    assert (request.status, request.outcome, attempt.verdict) == (101, "success", "success")
    await check_free(gateway, fake)
