"""How live sessions end, and what is held afterwards: nothing. Whoever ends one, at whatever moment, the ledger is not below the invoice."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import websockets
from tests.forks import FORKS
from tests.journeys import serving_process
from tests.journeys.live import LIVE, SETUP, Talk, began, began_live, handshake
from tests.journeys.running import PRICES, Running, Serve, configuration, still, until
from tests.journeys.wire import ask, exchange
from websockets.asyncio.server import Request, Response, ServerConnection

from omnillm.assemble import SystemClock
from omnillm.gateway.attempts.attempt import UNSEEN_TOKENS_A_SECOND
from omnillm.records import EntryKind
from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock

LAG_TOKENS = 16
ONE_KEY = {"a": "key: sk-a, max_concurrency: 1"}
ASK = {"type": "response.create", "response": {"output_modalities": ["text"]}}
SPEAK = {"type": "response.create", "response": {"output_modalities": ["audio"]}}
TURN = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hello"}]}], "turnComplete": True}}
DROP = Fault(name="stall", action="stall", point="events", after=4)
"""Silence in the middle of a turn: the session's first message, the turn's beginning and two words have been said."""


@pytest.fixture
async def fake() -> FakeProvider:
    """It generates, and bills, 16 more tokens after a client has gone."""
    async with FakeProvider(prices=PRICES, clock=SystemClock(), billing_lag_tokens=LAG_TOKENS) as provider:
        yield provider


@pytest.fixture
async def gateway(serve: Serve, fake: FakeProvider) -> Running:
    return await serve(configuration(fake, keys=ONE_KEY, caller="max_concurrency: 1"))


async def check_free(gateway: Running, fake: FakeProvider) -> None:
    """Nothing is held, and the next session finds the one key and the one slot free."""
    await until(lambda: gateway.in_flight == 0)
    async with asyncio.timeout(5):
        await fake.ended(len(fake.log))
    ledger, settled, reserved = await gateway.books()
    assert reserved == 0
    assert ledger == settled >= fake.invoice.total_nanousd
    fake.gate("stall").set()
    talk = await began(gateway.port)
    await talk.close()


# the client goes


async def test_before_the_provider_has_answered(gateway: Running, fake: FakeProvider) -> None:
    """The handshake waits for the provider's first message."""
    fake.enqueue(Fault.stall())
    talk = await Talk.open(gateway.port)
    await fake.arrived(1)
    talk.reset()
    await until(lambda: gateway.in_flight == 0)
    request, [attempt] = await gateway.last()
    assert (request.status, request.outcome, attempt.verdict, request.cost_nanousd) == (499, "aborted", "aborted", 0)
    await check_free(gateway, fake)


async def test_before_it_has_said_what_it_wants(gateway: Running, fake: FakeProvider) -> None:
    """Gemini's handshake, and no setup: no call was made of it."""
    talk = await Talk.open(gateway.port, handshake(LIVE))
    assert await talk.answer() == 101
    talk.reset()
    await check_free(gateway, fake)
    assert len(fake.log) == 1


@pytest.mark.parametrize("ending", ["reset", "vanish", "farewell"])
@pytest.mark.parametrize("kind", ["openai", "gemini"])
async def test_in_the_middle_of_a_turn(gateway: Running, fake: FakeProvider, kind: str, ending: str) -> None:
    """What was generated is paid for by estimate, never below what the provider bills."""
    fake.enqueue(DROP)
    talk = await (began(gateway.port) if kind == "openai" else began_live(gateway.port))
    talk.say(ASK if kind == "openai" else TURN)
    for _ in range(3):
        assert await talk.hear()
    if ending == "farewell":
        await talk.close()
    elif ending == "vanish":
        talk.writer.close()
    else:
        talk.reset()
    await until(lambda: gateway.in_flight == 0)
    request, [attempt] = await gateway.last()
    assert (request.status, request.outcome) == ((101, "success") if ending == "farewell" else (499, "aborted"))
    assert (attempt.is_estimated, attempt.is_usage_known) == (True, False)
    async with asyncio.timeout(5):
        await fake.ended(1)
    assert request.cost_nanousd >= fake.invoice.total_nanousd > 0
    await check_free(gateway, fake)


async def test_while_the_model_thinks_in_a_turn(serve: Serve, fake: FakeProvider) -> None:
    """Thoughts are billed and not shown: the longer a turn was open, the more of them may there have been."""
    costs = []
    for seconds in (0.0, 0.5):
        clock = ManualClock()
        gateway = await serve(configuration(fake, keys=ONE_KEY), clock=clock)
        fake.enqueue(DROP)
        talk = await began(gateway.port)
        clock.advance(5.0)
        talk.say(ASK)
        for _ in range(3):
            assert await talk.hear()
        clock.advance(seconds)
        talk.reset()
        await until(lambda gateway=gateway: gateway.in_flight == 0)
        request, [attempt] = await gateway.last()
        assert attempt.is_estimated
        costs.append(request.cost_nanousd)
    assert costs[1] == costs[0] + UNSEEN_TOKENS_A_SECOND // 2 * 1_600


async def test_between_two_turns(gateway: Running, fake: FakeProvider) -> None:
    """Everything is metered: the cost is exact."""
    talk = await began(gateway.port)
    talk.say(ASK)
    await talk.until("response.done")
    talk.reset()
    await until(lambda: gateway.in_flight == 0)
    request, [attempt] = await gateway.last()
    assert (request.outcome, attempt.is_estimated, attempt.cost_nanousd) == ("aborted", False, fake.invoice.total_nanousd)
    await check_free(gateway, fake)


async def test_before_the_reservation_is_on_disk(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """The provider is never asked, and what was reserved is void."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, store=f"sqlite:///{path}", durability="strict"))
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    talk = await Talk.open(gateway.port)
    await until(lambda: gateway.in_flight == 1)
    talk.reset()
    await until(lambda: gateway.in_flight == 0)
    lock.rollback()
    assert await gateway.books() == (0, 0, 0)
    assert lock.execute("SELECT kind FROM entries ORDER BY kind").fetchall() == [(EntryKind.RESERVE,), (EntryKind.VOID,)]
    lock.close()
    assert fake.log == []


async def test_a_slow_reader_holds_the_provider_back(serve: Serve) -> None:
    """Memory is bounded both ways, and when the reader goes the session is over at once."""
    written = 0

    async def count(_: float) -> None:
        nonlocal written
        written += 1
        await asyncio.sleep(0)

    # Spoken: a few thousand words fill all buffers on the way.
    async with FakeProvider(keys={"*": Behaviour(words=6000, delay_s=0.0)}, prices=PRICES, sleep=count) as fake:
        longest = "{input: 0.4, output: 1.6, max_output: 6000}"  # no bill is above what a turn can be at most
        gateway = await serve(configuration(fake, keys=ONE_KEY, price=longest))
        talk = await began(gateway.port, limit=1024)
        talk.say(SPEAK)
        talk.writer.transport.pause_reading()
        await still(lambda: written)
        assert not fake.log[0].is_ended
        talk.reset()
        await until(lambda: gateway.in_flight == 0)
        async with asyncio.timeout(5):
            await fake.ended(1)
        ledger, settled, reserved = await gateway.books()
        assert ledger == settled >= fake.invoice.total_nanousd > 0
        assert reserved == 0


# the client breaks the protocol

MASKED = b"\x80\x00\x00\x00\x00"
BROKEN = {
    "unmasked": (b"\x81\x02{}", 1002),
    "reserved bits": (b"\xc1" + MASKED, 1002),
    "no such opcode": (b"\x83" + MASKED, 1002),
    "a continuation of nothing": (b"\x80" + MASKED, 1002),
    "a long ping": (b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + bytes(126), 1002),
    "a text in a text": (b"\x01" + MASKED + b"\x81" + MASKED, 1002),
    "text that is not UTF-8": (b"\x81\x82\x00\x00\x00\x00\xc3\x28", 1007),
    "half a letter": (b"\x01\x81\x00\x00\x00\x00\xc3" + b"\x80" + MASKED, 1007),
    "a large message": (b"\x81\xff" + (16 * 1024 * 1024 + 1).to_bytes(8, "big") + bytes(4), 1009),
    "many large fragments": (
        (b"\x01\xff" + (9 * 1024 * 1024).to_bytes(8, "big") + bytes(4) + b"x" * 9 * 1024 * 1024)
        + b"\x00\xff"
        + (9 * 1024 * 1024).to_bytes(8, "big")
        + bytes(4),
        1009,
    ),
}


@pytest.mark.parametrize("raw", BROKEN)
async def test_a_client_that_breaks_the_protocol_is_told(gateway: Running, fake: FakeProvider, raw: str) -> None:
    """A close frame with the code for it; the provider's side ends in good order, and nothing is held."""
    sent, code = BROKEN[raw]
    talk = await began(gateway.port)
    talk.writer.write(sent)
    assert (await talk.end())[0] == code
    await until(lambda: gateway.in_flight == 0)
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (101, f"closed_{code}")
    async with asyncio.timeout(5):
        await fake.ended(1)
    assert fake.sessions[0].close_code == 1000
    await check_free(gateway, fake)


# the provider goes

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


# what a session may do

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
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 900_000}]}})
        await until(lambda: bool(journal._waiting))
        gateway.program.interrupt()
        lock.execute("ROLLBACK")
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
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        said = 0
        while not journal._waiting:
            talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 20_000}]}})
            said += 1
            await until(lambda: bool(journal._waiting) or len(fake.sessions[0].heard) == said)  # noqa: B023  before the next
        [ahead] = journal._waiting
        assert ahead.get_name() == "advance"
        gateway.program.interrupt()
        await until(ahead.done)
        lock.execute("ROLLBACK")
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


# money

BOUNDED = "{input: 0.4, output: 1.6, context: 4000, max_output: 100}"


@pytest.mark.parametrize("durability", ["relaxed", "strict"])
async def test_a_session_is_cut_when_its_budget_is(serve: Serve, durability: str) -> None:
    """Reserved a turn ahead, never over the limit: the turn that does not fit is never asked of the provider."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        gateway = await serve(configuration(fake, keys=ONE_KEY, price=BOUNDED, limit_usd="0.01", durability=durability))
        talk = await began(gateway.port)
        turns = 0
        while True:
            talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 3000}]}})
            talk.say(ASK)
            while (heard := await talk.hear()) is not None and (event := json.loads(heard[0]))["type"] not in {"response.done", "error"}:
                pass
            if event["type"] == "error":
                break
            turns += 1
        assert event["error"]["code"] == "budget_exceeded"
        assert (await talk.end())[0] == 1008
        assert turns > 3
        ledger, settled, reserved = await gateway.books()
        assert ledger == settled == fake.invoice.total_nanousd
        assert 5_000_000 < settled <= 10_000_000
        assert reserved == 0
        request, [attempt] = await gateway.last()
        assert (request.status, request.outcome, attempt.is_estimated) == (402, "budget_exceeded", False)


async def test_every_slice_is_on_disk_before_it_is_used(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """An entry each, given back when the session settles; while the disk is busy, the question does not leave."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, keys=ONE_KEY, store=f"sqlite:///{path}", durability="strict"))
    lock = sqlite3.connect(path, isolation_level=None)
    talk = await began(gateway.port)
    talk.say(ASK)
    await talk.until("response.done")
    lock.execute("BEGIN IMMEDIATE")
    talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 900_000}]}})
    for _ in range(2000):
        await asyncio.sleep(0)
    assert len(fake.sessions[0].heard) == 1
    lock.rollback()
    await talk.until("conversation.item.added")
    reserved = lock.execute(
        "SELECT attempt, amount_nanousd FROM entries WHERE kind = 0 AND budget = 'everything' ORDER BY attempt"
    ).fetchall()
    assert [attempt for attempt, _ in reserved] == list(range(1, len(reserved) + 1))
    assert len(reserved) > 2
    assert sum(amount for _, amount in reserved) == (await gateway.books())[2]
    await talk.close()
    await until(lambda: gateway.in_flight == 0)
    assert (await gateway.books())[2] == 0
    closed = lock.execute("SELECT attempt, kind FROM entries WHERE kind <> 0 AND budget = 'everything' ORDER BY attempt").fetchall()
    assert closed == [(1, EntryKind.SETTLE), *((attempt, EntryKind.VOID) for attempt, _ in reserved[1:])]
    lock.close()


async def test_a_kill_leaves_all_slices_counted(serve: Serve, tmp_path: Path) -> None:
    """kill -9 of a gateway that holds a session: what was reserved is settled in full, so it is not below what the provider bills."""
    async with FakeProvider(prices=PRICES, clock=SystemClock()) as fake:
        path = tmp_path / "ledger.db"
        text = configuration(fake, keys=ONE_KEY, store=f"sqlite:///{path}", durability="strict", price=BOUNDED)
        ours, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=serving_process.serve_until_killed, args=(text, theirs))
        with ours:
            await asyncio.to_thread(process.start)
            theirs.close()
            talk = await began(await asyncio.to_thread(ours.recv))
            for _ in range(5):
                talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 3000}]}})
                talk.say(ASK)
                await talk.until("response.done")
            process.kill()
            await asyncio.to_thread(process.join)
        process.close()
        talk.reset()
        await fake.ended(1)
        gateway = await serve(text)
        ledger, settled, reserved = await gateway.books()
        assert reserved == 0
        assert ledger == settled >= fake.invoice.total_nanousd > 0
        request, attempts = await gateway.last()
        assert request.outcome == "process_lost"
        assert len(attempts) > 2


async def test_turns_of_the_providers_own_are_covered_too(serve: Serve) -> None:
    """Nobody asks for them: one is always reserved ahead, so that the limit holds although the provider hears of it late."""
    async with FakeProvider(keys={"*": Behaviour(words=50)}, prices=PRICES, clock=SystemClock()) as fake:
        price = "{input: 0.4, output: 1.6, context: 2000, max_output: 200}"
        gateway = await serve(configuration(fake, keys=ONE_KEY, price=price, limit_usd="0.008"))
        talk = await began(gateway.port)
        talk.say({"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}})
        sentence = {"type": "input_audio_buffer.append", "audio": "A" * 32_000}
        turns = 0
        while talk.code == 0 and turns < 100:
            talk.say(sentence)
            while (heard := await talk.hear()) is not None and b"response.done" not in heard[0]:
                pass
            turns += heard is not None
        code, reason, _ = await talk.end()
        assert 5 < turns < 100
        assert (code, reason.partition(":")[0]) == (1008, "budget_exceeded")
        await until(lambda: gateway.in_flight == 0)
        async with asyncio.timeout(5):
            await fake.ended(1)
        ledger, settled, reserved = await gateway.books()
        assert ledger == settled <= 8_000_000
        assert reserved == 0
        assert settled >= fake.invoice.total_nanousd > 0


async def test_a_budget_without_room_for_a_turn_opens_nothing(serve: Serve, fake: FakeProvider) -> None:
    """402 before the provider is asked."""
    gateway = await serve(configuration(fake, keys=ONE_KEY, limit_usd="0.0001"))
    talk = await Talk.open(gateway.port)
    assert await talk.answer() == 402
    assert fake.log == []


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


async def test_no_session_is_listened_to_on_the_side(gateway: Running, fake: FakeProvider) -> None:
    """A WebSocket beside a call of WebRTC (`call_id`): nobody could meter what is said in that call."""
    talk = await Talk.open(gateway.port, handshake("/v1/realtime?call_id=rtc_1"))
    assert await talk.answer() == 403
    assert json.loads(talk.body)["error"]["code"] == "webrtc_not_supported"
    assert fake.log == []


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


async def test_a_farewell_without_a_code_is_repeated_without_one(gateway: Running, fake: FakeProvider) -> None:
    """A client may close and say nothing of why: 1005, which no frame can hold, goes to its provider as it came."""
    talk = await began(gateway.port)
    talk.protocol.send_close()
    talk.flush()
    code, _, _ = await talk.end()
    assert code == 1005
    await until(lambda: gateway.in_flight == 0)
    request, _ = await gateway.last()
    assert (request.status, request.outcome) == (101, "success")
    await check_free(gateway, fake)
