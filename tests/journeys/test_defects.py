"""What nobody foresaw, in the middle of a call: the reply and the log name the call that the ledger has."""

import pytest
from tests.journeys.live import began
from tests.journeys.running import PRICES, Running, Serve, configuration, until
from tests.journeys.wire import DIALECTS, PROVIDERS, Line, Question, ask, exchange, question

from omnillm.gateway.native.relay import NativeRelay
from omnillm.gateway.replies.answer import Answer
from omnillm.gateway.sessions.meter import Meter
from omnillm.server import inference
from omnillm.testing import Behaviour, FakeProvider, Fault
from omnillm.usage import NO_USAGE

QUOTED = "sk-canary-of-a-defect"
FILES = "/providers/openai/v1/files"
FORM = b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\ndeep\r\n--x--\r\n'


async def broken(*_: object) -> None:
    raise KeyError(QUOTED)


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configuration(provider, durability="strict"))


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_defect_is_answered_and_logged_with_the_id_of_its_call(
    gateway: Running, is_stream: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The id in the reply is the one of the row; type and place are logged, and not the message, which may quote the request."""
    monkeypatch.setattr(gateway.program.store, "post_durably", broken)
    reply = await exchange(gateway.port, ask("openai_chat", "hello", is_stream=is_stream))
    assert (reply.status, reply.json["error"]["code"]) == (500, "internal_error")
    request, attempts = await gateway.last()
    assert (request.status, request.outcome, attempts) == (500, "internal_error", [])
    assert reply.headers["x-omnillm-request-id"] == request.request_id
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.getMessage().startswith(f"Call {request.request_id} failed with KeyError:")
    assert "in broken" in record.getMessage()
    assert QUOTED not in caplog.text
    assert gateway.in_flight == 0


async def exhausted(*_: object) -> None:
    raise MemoryError


async def test_a_call_for_which_no_memory_is_left_is_shed(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """That is no defect: 503, to come again, and nothing stays held."""
    with monkeypatch.context() as patch:
        patch.setattr(gateway.program.store, "post_durably", exhausted)
        reply = await exchange(gateway.port, ask("openai_chat", "hello"))
    assert (reply.status, reply.json["error"]["code"], reply.headers["retry-after"]) == (503, "overloaded", "1")
    assert (await gateway.last())[0].outcome == "overloaded"
    assert "failed with" not in caplog.text
    assert (await gateway.books())[2] == gateway.in_flight == 0
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer


async def test_a_reply_for_which_there_is_no_room_is_shed(serve: Serve) -> None:
    """A provider that writes more than all replies may take of the memory together costs its own call, which it may bill, and nobody's health."""
    async with FakeProvider(keys={"sk-good": Behaviour(words=200_000)}, prices=PRICES) as fake:
        text = configuration(fake).replace("drain: 2s}", "drain: 2s, limits: {buffered: 256KiB}}")
        gateway = await serve(text)
        for dialect in DIALECTS:
            reply = await exchange(gateway.port, ask(dialect, "hello", cap=400_000))
            assert (reply.status, reply.headers["x-omnillm-attempts"], reply.headers["retry-after"]) == (503, "1", "1")
            request, [attempt] = await gateway.last()
            assert (request.outcome, attempt.verdict, attempt.is_estimated) == ("overloaded", "aborted", True)
            assert gateway.keys(attempt.provider)["good"].state == "ready"
        ledger, settled, reserved = await gateway.books()
        assert ledger == settled >= fake.invoice.total_nanousd
        assert (reserved, gateway.in_flight, gateway.program._room.held_bytes) == (0, 0, 0)
        fake.script.behave("sk-good", Behaviour())
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer


def broken_at_once(*_: object, **__: object) -> bytes:
    raise KeyError(QUOTED)


def native(method: str, path: str, body: bytes = b"") -> Question:
    return question(method, path, body, headers={"content-type": "multipart/form-data; boundary=x"})


def check_log(caplog: pytest.LogCaptureFixture, request_id: str) -> None:
    """One record, with type and place, and nothing of the message."""
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.getMessage().startswith(f"Call {request_id} failed with KeyError:")
    assert "in broken_at_once" in record.getMessage()
    assert QUOTED not in caplog.text


async def begun(gateway: Running, provider: FakeProvider, dialect: str, *, error_after: int | None = None) -> Line:
    """A stream whose first three events have been read, and whose rest waits for the gate."""
    provider.enqueue(Fault(name="later", action="stall", point="events", after=3, error_after=error_after))
    line = await Line.open(gateway.port, ask(dialect, "hello", is_stream=True))
    assert await line.head() == 200
    await line.piece()
    return line


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_defect_in_a_stream_that_has_begun_is_told_in_it_with_the_id_of_its_call(
    gateway: Running, provider: FakeProvider, dialect: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error event; it is no fault of the provider, whose key stays as it was, and what was generated is charged."""
    line = await begun(gateway, provider, dialect)
    monkeypatch.setattr(Answer, "feed", broken_at_once)
    provider.gate("later").set()
    reply = await line.rest()
    line.reset()
    request, [attempt] = await gateway.last()
    assert reply.is_whole
    assert request.request_id in reply.error["message"]
    assert line.headers["x-omnillm-request-id"] == request.request_id
    assert (request.status, request.outcome, attempt.verdict) == (500, "internal_error", "aborted")
    check_log(caplog, request.request_id)
    assert {key.state for key in gateway.keys(PROVIDERS[dialect]).values()} == {"ready"}
    assert await gateway.spent() > 0
    gateway.close_log()
    assert gateway.log.getvalue().count(request.request_id.encode()) == 1, "one call, told of once"


async def test_a_defect_that_cuts_a_stream_is_logged_with_the_id_of_its_call(
    gateway: Running, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even the provider's error can be told: the connection is cut, and the log says of which call it was."""
    line = await begun(gateway, provider, "openai_chat", error_after=5)
    monkeypatch.setattr(inference, "fault_of", broken_at_once)
    provider.gate("later").set()
    reply = await line.rest()
    line.reset()
    request, _ = await gateway.last()
    assert not reply.is_whole
    assert request.outcome == "stream_failed"
    check_log(caplog, request.request_id)
    assert gateway.in_flight == 0


async def test_a_defect_behind_a_whole_reply_is_told_with_the_id_of_its_call(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The provider has answered, and is paid: the row has its cost. The client's error names it, and asks for no repetition."""
    monkeypatch.setattr(inference, "call_fields", broken_at_once)
    reply = await exchange(gateway.port, ask("openai_chat", "hello"))
    request, _ = await gateway.last()
    assert (reply.status, reply.json["error"]["code"], request.outcome) == (500, "internal_error", "internal_error")
    assert request.cost_nanousd == 32_800
    assert reply.headers["x-omnillm-request-id"] == request.request_id
    assert reply.headers["x-should-retry"] == "false"
    check_log(caplog, request.request_id)


async def test_a_defect_while_an_abandoned_stream_is_drained_is_logged_with_the_id_of_its_call(
    serve: Serve, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is there to be told."""
    gateway = await serve(configuration(provider, calls="on_abort: drain"))
    line = await begun(gateway, provider, "openai_chat")
    line.reset()
    await until(lambda: bool(gateway.program.drains._tasks))
    monkeypatch.setattr(Answer, "feed", broken_at_once)
    provider.gate("later").set()
    await until(lambda: gateway.in_flight == 0)
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (500, "internal_error")
    check_log(caplog, request.request_id)


async def test_a_defect_in_a_native_reply_bears_the_id_of_its_call(
    gateway: Running, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before its first piece has left it is an error like any other."""
    monkeypatch.setattr(NativeRelay, "_look_at", broken_at_once)
    made = await exchange(gateway.port, native("POST", FILES, FORM))
    reply = await exchange(gateway.port, native("GET", f"{FILES}/{made.json['id']}/content"))
    request, _ = await gateway.last()
    assert (reply.status, reply.json["error"]["code"], request.outcome) == (500, "internal_error", "internal_error")
    assert reply.headers["x-omnillm-request-id"] == request.request_id
    check_log(caplog, request.request_id)
    assert gateway.in_flight == 0


async def test_a_defect_in_a_live_session_bears_the_id_of_its_call(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Told as a message of its protocol, and in the close frame."""
    talk = await began(gateway.port)
    monkeypatch.setattr(Meter, "from_provider", broken_at_once)
    talk.say({"type": "response.create", "response": {"output_modalities": ["text"]}})
    told = await talk.until("error")
    request, _ = await gateway.last()
    assert request.request_id in told["error"]["message"]
    assert talk.headers["x-omnillm-request-id"] == request.request_id
    assert (request.status, request.outcome) == (500, "internal_error")
    check_log(caplog, request.request_id)
    talk.reset()
    assert gateway.in_flight == 0


@pytest.mark.parametrize("verbs", [("from_provider",), ("from_provider", "close")], ids=["on the way", "at the settlement, too"])
async def test_a_defect_in_a_live_session_is_charged_what_was_metered_before(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, verbs: tuple[str, ...]
) -> None:
    """Whatever stands in the way of its settlement: the turns that were had are paid."""
    talk = await began(gateway.port)
    for _ in range(2):
        talk.say({"type": "response.create", "response": {"output_modalities": ["text"]}})
        await talk.until("response.done" if _ == 0 else "error")
        for verb in verbs:
            monkeypatch.setattr(Meter, verb, broken_at_once)
    request, [attempt] = await gateway.last()
    assert request.cost_nanousd == attempt.cost_nanousd > 0
    assert request.usage == attempt.usage != NO_USAGE
    assert attempt.price_version.endswith(";metered")
    talk.reset()
