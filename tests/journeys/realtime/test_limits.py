"""What a live session may do, how long it lasts, and how it ends with the gateway."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.journeys.ledgers import locked
from tests.journeys.live import LIVE, Talk, began, handshake
from tests.journeys.realtime.sessions import ASK, DROP, ONE_KEY, check_free
from tests.journeys.running import Running, Serve, configuration, until

from omnillm.testing import FakeProvider, ManualClock

FIRST = {
    "no setup": ({"clientContent": {}}, "missing_setup"),
    "no model": ({"setup": {"model": ""}}, "missing_model"),
    "an unknown model": ({"setup": {"model": "models/nobody"}}, "model_not_found"),
    "not JSON": (b"{", "invalid_json"),
    "a tool without a limit": ({"setup": {"model": "models/gemini", "tools": [{"googleSearch": {}}]}}, "unbounded_cost"),
    "two models": (b'{"setup":{"model":"models/gemini","model":"models/fast"}}', "repeated_member"),
    "nothing": (b"", "request_timeout"),
}


@pytest.mark.parametrize("first", FIRST)
async def test_a_setup_that_cannot_be_served_is_told(
    gateway: Running, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """1008 and why, also of one that does not come; the provider is never asked."""
    message, word = FIRST[first]
    if not message:
        monkeypatch.setattr("omnillm.server.realtime.SETUP_S", 0.01)
    talk = await Talk.open(gateway.port, handshake(LIVE))
    await talk.answer()
    if message:
        talk.say(message)
    code, reason, _ = await talk.end()
    assert (code, reason.partition(":")[0]) == (1008, word)
    assert fake.log == []


async def test_a_session_holds_its_slot(gateway: Running, fake: FakeProvider) -> None:
    """The virtual key's only one: the second session is refused until the first is over."""
    first = await began(gateway.port)
    second = await Talk.open(gateway.port)
    assert await second.answer() == 429
    assert json.loads(second.body)["error"]["code"] == "concurrency_limit"
    await first.close()
    await check_free(gateway, fake)


@pytest.mark.parametrize(("limit", "code"), [("idle: 5s", "session_idle"), ("stream: 30s", "session_expired")])
async def test_limits_of_time(serve: Serve, fake: FakeProvider, limit: str, code: str) -> None:
    """Silence of both sides, or the whole length: an error event and 1008."""
    clock = ManualClock()
    gateway = await serve(configuration(fake, keys=ONE_KEY, pool=f"timeouts: {{{limit}}}"), clock=clock)
    talk = await began(gateway.port)
    [session] = fake.sessions
    for turn in range(8):
        clock.advance(4.0)
        gateway.program.deadlines.sweep(clock.now())
        if gateway.in_flight == 0:
            break
        if code == "session_expired" or turn < 2:
            heard = len(session.heard)
            talk.say({"type": "input_audio_buffer.clear"})
            await until(lambda heard=heard: len(session.heard) > heard)
    assert clock.now() == 1000 + (16 if code == "session_idle" else 32)
    told, reason, messages = await talk.end()
    assert (told, reason.partition(":")[0]) == (1008, code)
    assert json.loads(messages[-1])["error"]["code"] == code
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (408, code)


async def test_a_peer_that_answers_no_ping_is_gone(serve: Serve, fake: FakeProvider) -> None:
    """A client whose network has vanished without a word is noticed, and its session ends."""
    clock = ManualClock()
    gateway = await serve(configuration(fake, keys=ONE_KEY), clock=clock)
    talk = await began(gateway.port)  # it reads no more, so it answers nothing
    for _ in range(3):
        clock.advance(20.5)
        gateway.program.deadlines.sweep(clock.now())
        for _ in range(100):  # the provider's answer comes
            await asyncio.sleep(0)
    await until(lambda: gateway.in_flight == 0)
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (499, "aborted")
    talk.reset()


async def test_draining_ends_a_session_between_two_turns(gateway: Running, fake: FakeProvider) -> None:
    """An idle one at once, one in the middle of a turn when that is over: 1001."""
    fake.enqueue(DROP)
    talk = await began(gateway.port)
    talk.say(ASK)
    assert await talk.hear()
    draining = asyncio.create_task(gateway.service.server.drain())
    await asyncio.sleep(0)
    assert gateway.in_flight == 1
    fake.gate("stall").set()
    code, reason, messages = await talk.end()
    assert (code, reason.partition(":")[0], json.loads(messages[-1])["type"]) == (1001, "shutting_down", "response.done")
    await draining
    request, [attempt] = await gateway.last()
    assert (request.outcome, attempt.is_estimated, request.cost_nanousd) == ("shutting_down", False, fake.invoice.total_nanousd)


async def test_the_end_of_the_grace_cuts_what_is_left(gateway: Running, fake: FakeProvider) -> None:
    """A turn that goes on for too long: 1001 all the same, and the turn is paid for by estimate."""
    fake.enqueue(DROP)
    talk = await began(gateway.port)
    talk.say(ASK)
    for _ in range(3):
        assert await talk.hear()
    gateway.service.server.stop()
    gateway.service.server.stop()
    assert (await talk.end())[0] == 1001
    await until(lambda: gateway.in_flight == 0)
    request, [attempt] = await gateway.last()
    assert (request.status, request.outcome, attempt.is_estimated) == (503, "shutting_down", True)


async def test_who_needs_a_slice_when_the_grace_is_over_is_told_of_the_end(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """Strict: no slice gets on disk any more. The session ends as one that is cut; a slice that was asked for ahead is nobody's error."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, keys=ONE_KEY, store=f"sqlite:///{path}", durability="strict"))
    journal = gateway.program._journal
    talk = await began(gateway.port)
    await until(lambda: not journal._waiting)
    with locked(path):
        talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 900_000}]}})
        await until(lambda: bool(journal._waiting))
        gateway.program.interrupt()
    code, reason, _ = await talk.end()
    assert (code, reason.partition(":")[0]) == (1001, "shutting_down")
    await until(lambda: gateway.in_flight == 0)
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (503, "shutting_down")
    assert (await gateway.books())[2] == 0


async def test_a_slice_that_is_asked_for_ahead_when_the_grace_is_over_is_nobodys_error(
    serve: Serve, fake: FakeProvider, tmp_path: Path
) -> None:
    """Nobody waits for it, so nobody hears of it, and the loop has no exception to tell."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, keys=ONE_KEY, store=f"sqlite:///{path}", durability="strict"))
    journal = gateway.program._journal
    talk = await began(gateway.port)
    await until(lambda: not journal._waiting)
    with locked(path):
        said = 0
        while not journal._waiting:
            talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 20_000}]}})
            said += 1
            await until(lambda: bool(journal._waiting) or len(fake.sessions[0].heard) == said)  # noqa: B023  before the next
        [ahead] = journal._waiting
        assert ahead.get_name() == "advance"
        gateway.program.interrupt()
        await until(ahead.done)
    assert ahead.exception() is None
    talk.reset()
    await until(lambda: gateway.in_flight == 0)
    assert (await gateway.books())[2] == 0


async def test_draining_ends_an_idle_session_at_once(gateway: Running) -> None:
    """Nothing is under way."""
    talk = await began(gateway.port)
    draining = asyncio.create_task(gateway.service.server.drain())
    assert (await talk.end())[0] == 1001
    await draining


async def test_no_session_is_listened_to_on_the_side(gateway: Running, fake: FakeProvider) -> None:
    """A WebSocket beside a call of WebRTC (`call_id`): nobody could meter what is said in that call."""
    talk = await Talk.open(gateway.port, handshake("/v1/realtime?call_id=rtc_1"))
    assert await talk.answer() == 403
    assert json.loads(talk.body)["error"]["code"] == "webrtc_not_supported"
    assert fake.log == []
