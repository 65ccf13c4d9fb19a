"""B11: client retries and replays with the same idempotency key are never charged twice, and never refused for nothing."""

import asyncio
import gc
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from types import FrameType

import anthropic
import openai
import pytest
from tests.compositions.asking import post
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration, until
from tests.journeys.served import forked
from tests.journeys.wire import DIALECTS, Line, Question, Reply, ask, ask_count, exchange
from tests.ports import free_port

from omnillm.config.load import parse
from omnillm.records import ClaimState
from omnillm.stores import claims
from omnillm.testing import FakeProvider, Fault, Hint, ManualClock

KEY = "4c1f6a0e-order-17"
KEPT = "idempotency: {store_replies: true}"
OTHER_KEY = "sk-omni-other-0123456789abcdef"
OTHER = f"{{name: other, key: {OTHER_KEY}}}"


def once(dialect: str = "openai_chat", prompt: str = "hello", *, key: str = KEY, caller: str = VIRTUAL_KEY, **how) -> Question:
    return ask(dialect, prompt, headers={"idempotency-key": key}, key=caller, **how)


def code_of(reply: Reply) -> object:
    error = reply.error
    match reply.dialect:
        case "anthropic_messages":
            return error["details"]["error_code"]
        case "gemini":
            return error["details"][0]["reason"]
        case _:
            return error["code"]


async def check_once(gateway: Running, fake: FakeProvider, *, calls: int = 1) -> None:
    """The provider was asked, and paid, so often; the ledger says the same, and nothing is held or in flight."""
    assert len(fake.log) == calls
    ledger, settled, reserved = await gateway.books()
    assert ledger == settled == fake.invoice.total_nanousd
    assert reserved == 0
    assert gateway.program._idempotency.claims._in_flight == {}


def check_refused(reply: Reply, status: int, code: str, *, should_retry: bool = False) -> None:
    assert (reply.status, code_of(reply)) == (status, code)
    assert reply.headers["x-should-retry"] == str(should_retry).lower()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_b11_reply_that_is_kept_is_told_again(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """Status, body and content type as before; it costs nothing, is no call, and names the one that was."""
    gateway = await serve(configuration(provider, calls=KEPT, caller="rpm: 1"))
    first = await exchange(gateway.port, once(dialect))
    again = await exchange(gateway.port, once(dialect))
    assert first.is_answer
    assert (again.status, again.body, again.headers["content-type"]) == (200, first.body, first.headers["content-type"])
    assert again.headers["x-omnillm-idempotent-replay"] == "true"
    assert again.headers["x-omnillm-cost-usd"] == "0"
    original = first.headers["x-omnillm-request-id"]
    assert again.headers["x-omnillm-request-id"] == again.headers["x-omnillm-original-request-id"] == original
    assert again.headers["request-id" if dialect == "anthropic_messages" else "x-request-id"] == original
    assert "x-omnillm-idempotent-replay" not in first.headers
    assert [row.request_id for row in await gateway.program.store.requests(limit=9, before="")] == [original]
    await check_once(gateway, provider)


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_b11_reply_that_is_not_kept_is_not_made_again(serve: Serve, provider: FakeProvider, dialect: str, is_stream: bool) -> None:
    """A stream never is, and a plain reply only when the configuration says so: the ledger has what can be known of it."""
    gateway = await serve(configuration(provider, calls=KEPT if is_stream else ""))
    first = await exchange(gateway.port, once(dialect, is_stream=is_stream))
    assert first.is_answer
    again = await exchange(gateway.port, once(dialect, is_stream=is_stream))
    check_refused(again, 409, "idempotency_finished")
    assert again.headers["x-omnillm-original-request-id"] == first.headers["x-omnillm-request-id"]
    assert first.headers["x-omnillm-request-id"] in again.error["message"]
    await check_once(gateway, provider)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_other_body_is_refused(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """A key is for one call: while that is under way, and after."""
    gateway = await serve(configuration(provider, calls=KEPT))
    provider.enqueue(Fault.stall())
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, once(dialect)))
    await provider.arrived(1)
    check_refused(await exchange(gateway.port, once(dialect, "goodbye")), 422, "idempotency_mismatch")
    provider.gate("stall").set()
    assert (await task).is_answer
    check_refused(await exchange(gateway.port, once(dialect, "goodbye")), 422, "idempotency_mismatch")
    await check_once(gateway, provider)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_repetition_of_a_call_under_way_waits_for_it(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """It is told to come again, reserves nothing, and then gets the reply."""
    clock = ManualClock()
    gateway = await serve(configuration(provider, calls=KEPT), clock=clock)
    provider.enqueue(Fault.stall())
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, once(dialect)))
    await provider.arrived(1)
    [held] = gateway.program.controller.budgets()
    again = await exchange(gateway.port, once(dialect))
    check_refused(again, 409, "idempotency_in_flight", should_retry=True)
    assert (again.headers["retry-after"], again.headers["retry-after-ms"]) == ("1", "1000")
    for seconds, told in ((7, "7000"), (40, "30000")):  # as long as it has taken so far
        clock.advance(seconds)
        assert (await exchange(gateway.port, once(dialect))).headers["retry-after-ms"] == told
    assert gateway.program.controller.budgets() == [held]
    provider.gate("stall").set()
    first = await task
    assert (await exchange(gateway.port, once(dialect))).body == first.body
    await check_once(gateway, provider)


async def test_b11_of_a_hundred_at_once_one_is_sent(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """All of them come before the ledger has said whether it knows the key."""
    gateway = await serve(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict"))
    lines = [await Line.open(gateway.port, once()) for _ in range(100)]
    replies = [await line.rest() for line in lines]
    assert [reply.is_answer for reply in replies].count(True) == 1
    assert {code_of(reply) for reply in replies if not reply.is_answer} <= {"idempotency_in_flight", "idempotency_finished"}
    for line in lines:
        line.reset()
    await check_once(gateway, provider)


async def test_key_is_its_callers_and_its_routes_own(serve: Serve, provider: FakeProvider) -> None:
    """Another virtual key, and another path, do not meet it; a drop-in prefix is the same path."""
    gateway = await serve(configuration(provider, callers=OTHER))
    for question in (once(), once(caller=OTHER_KEY), once("openai_responses"), once("anthropic_messages"), once("gemini")):
        assert (await exchange(gateway.port, question)).is_answer
    prefixed = Question("openai_chat", once().raw.replace(b"POST /v1/", b"POST /openai/v1/"))
    check_refused(await exchange(gateway.port, prefixed), 409, "idempotency_finished")
    await check_once(gateway, provider, calls=5)


async def test_anonymous_callers_share_a_scope(serve: Serve, provider: FakeProvider) -> None:
    """With `auth: none` nobody is told from anybody."""
    gateway = await serve(configuration(provider).replace("auth: required", "auth: none"))
    assert (await exchange(gateway.port, once(caller="one"))).is_answer
    check_refused(await exchange(gateway.port, once(caller="two")), 409, "idempotency_finished")


@pytest.mark.parametrize("value", ["", "x" * 256, "two words", "caf\xe9", "tab\there"], ids=["empty", "long", "space", "latin", "tab"])
async def test_key_that_is_none_is_refused(serve: Serve, provider: FakeProvider, value: str) -> None:
    """1 to 255 visible ASCII characters, and nothing was sent."""
    gateway = await serve(configuration(provider))
    question = once()
    raw = question.raw.replace(KEY.encode(), value.encode("latin-1"))
    reply = await exchange(gateway.port, Question("openai_chat", raw))
    assert (reply.status, code_of(reply)) == (400, "invalid_idempotency_key")
    assert provider.log == []
    twice = Question("openai_chat", question.raw.replace(b"\r\n\r\n", b"\r\nidempotency-key: again\r\n\r\n", 1))
    assert (await exchange(gateway.port, twice)).status == 400
    assert (await exchange(gateway.port, once(key="x" * 255))).is_answer


@pytest.mark.parametrize("dialect", ["anthropic_messages", "gemini"])
async def test_counting_tokens_is_free_so_its_key_means_nothing(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """It may be asked as often as one likes."""
    gateway = await serve(configuration(provider))
    for _ in range(2):
        reply = await exchange(gateway.port, ask_count(dialect, "hello", headers={"idempotency-key": KEY}))
        assert (reply.status, {"input_tokens", "totalTokens"} & reply.json.keys() != set()) == (200, True)
    assert len(provider.log) == 2


# What did not cost anything may be asked again.

FREE: Mapping[str, tuple[Fault, int, str]] = {
    "400": (Fault.status(400), 400, ""),
    "401": (Fault.status(401), 503, "all_keys_broken"),
    "403": (Fault.status(403), 503, ""),
    "404": (Fault.status(404), 404, ""),
    "422": (Fault.status(422), 422, ""),
    "429": (Fault.status(429, hint=Hint(form="seconds", seconds=30)), 429, "all_keys_limited"),
    "quota": (Fault.status(429, code="insufficient_quota"), 503, "all_keys_limited"),
}
"""What the provider says, what the first call is told, and, where the only provider key rests then, the code of the second."""
USED_UP: Mapping[str, tuple[Fault, int]] = {
    "500": (Fault.status(500), 502),
    "529": (Fault.status(529), 503),
    "reset": (Fault.reset(), 502),
    "cut": (Fault.cut(after_events=2), 502),
    "garbled": (Fault(truncates_json=True), 502),
}


@pytest.mark.parametrize("name", FREE)
async def test_what_the_provider_refused_may_be_asked_again(serve: Serve, provider: FakeProvider, name: str) -> None:
    """No provider bills a refusal, so the key is free, in memory and on disk."""
    fault, status, code = FREE[name]
    gateway = await serve(configuration(provider, calls=KEPT))
    provider.enqueue(fault)
    assert (await exchange(gateway.port, once(prompt="Hi"))).status == status
    assert len(provider.log) == 1
    again = await exchange(gateway.port, once(prompt="Hello"))  # free is free for another body too
    assert again.is_answer if not code else code_of(again) == code
    assert gateway.program._idempotency.claims._in_flight == {}


async def test_provider_that_is_not_reached_leaves_the_key_free(serve: Serve, provider: FakeProvider) -> None:
    """No byte has left."""
    port = free_port()
    text = configuration(provider, calls=KEPT).replace(provider.base_url, f"http://127.0.0.1:{port}")
    gateway = await serve(text)
    for _ in range(2):
        reply = await exchange(gateway.port, once())
        assert reply.status in {502, 503}
        assert code_of(reply) in {"upstream_failed", "all_keys_broken"}
    assert await gateway.books() == (0, 0, 0)


@pytest.mark.parametrize("refused", ["model", "budget", "limit", "shape", "permission"])
async def test_what_the_gateway_refused_may_be_asked_again(serve: Serve, provider: FakeProvider, refused: str) -> None:
    """404, 402, 429, 400 and 403 of our own: nothing was sent, and the key is not used up."""
    changes = {"budget": {"limit_usd": "0.000001"}, "limit": {"caller": "rpm: 1"}, "permission": {"caller": "models: [fast]"}}
    how = changes.get(refused, {})
    gateway = await serve(configuration(provider, **how))
    if refused == "limit":
        assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
    questions = {"model": once(model="nobody"), "shape": once(more={"n": "many"}), "permission": once(model="claude")}
    statuses = {"model": 404, "budget": 402, "limit": 429, "shape": 400, "permission": 403}
    for _ in range(2):
        reply = await exchange(gateway.port, questions.get(refused, once()))
        assert reply.status == statuses[refused]
    assert gateway.program._idempotency.claims._in_flight == {}
    if refused in questions:
        assert (await exchange(gateway.port, once())).is_answer


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "not_kept"])
@pytest.mark.parametrize("name", USED_UP)
async def test_failure_that_may_be_billed_uses_the_key_up(serve: Serve, provider: FakeProvider, name: str, keeps: bool) -> None:
    """The provider may have generated: the call is not done again, and its error is told again where replies are kept."""
    fault, status = USED_UP[name]
    gateway = await serve(configuration(provider, calls=KEPT if keeps else ""))
    provider.enqueue(*[fault] * 4)
    first = await exchange(gateway.port, once())
    assert first.status == status
    sent = len(provider.log)
    again = await exchange(gateway.port, once())
    if keeps:
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["x-omnillm-idempotent-replay"] == "true"
        assert again.headers["x-omnillm-request-id"] == first.headers["x-omnillm-request-id"]
        assert again.headers["x-should-retry"] == "false"
    else:
        check_refused(again, 409, "idempotency_finished")
    assert len(provider.log) == sent
    assert (await gateway.books())[2] == 0


async def test_refusal_after_a_failure_that_may_be_billed_uses_the_key_up(serve: Serve, provider: FakeProvider) -> None:
    """The last attempt was free, the first was perhaps not."""
    gateway = await serve(configuration(provider))
    provider.enqueue(Fault.reset(after_events=1), Fault.status(400))
    assert (await exchange(gateway.port, once())).status == 400
    check_refused(await exchange(gateway.port, once()), 409, "idempotency_finished")
    assert len(provider.log) == 2


async def test_timeout_uses_the_key_up(serve: Serve, provider: FakeProvider) -> None:
    """Nobody knows what the provider did meanwhile. Its time passes when the provider has the call: before, the key would be free."""
    clock = ManualClock()
    gateway = await serve(configuration(provider), clock=clock)
    provider.enqueue(Fault.stall())
    headers = {"idempotency-key": KEY, "x-omnillm-timeout-ms": "60000"}
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, ask("openai_chat", "hello", headers=headers)))
    await provider.arrived(1)
    clock.advance(60)
    assert (await task).status == 504
    check_refused(await exchange(gateway.port, once()), 409, "idempotency_finished")
    assert len(provider.log) == 1


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
async def test_stream_that_broke_off_uses_the_key_up(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """Half an answer was shown, and billed."""
    gateway = await serve(configuration(provider, calls=KEPT))
    provider.enqueue(Fault.reset(after_events=3))
    first = await exchange(gateway.port, once(dialect, is_stream=True))
    assert not first.is_answer
    check_refused(await exchange(gateway.port, once(dialect, is_stream=True)), 409, "idempotency_finished")
    assert len(provider.log) == 1


@pytest.mark.parametrize("when", ["plain", "stream", "drained"])
async def test_client_that_hangs_up_leaves_no_key_in_flight(serve: Serve, provider: FakeProvider, when: str) -> None:
    """Its call may be billed: the key is used up once the case is settled."""
    gateway = await serve(configuration(provider, calls=f"{KEPT}, on_abort: {'drain' if when == 'drained' else 'cancel'}"))
    is_stream = when != "plain"
    provider.enqueue(Fault.stall(after_events=2) if is_stream else Fault.stall())
    line = await Line.open(gateway.port, once(is_stream=is_stream))
    await provider.arrived(1)
    if is_stream:
        await line.head()
    line.reset()
    if when == "drained":
        await until(lambda: bool(gateway.program.drains._tasks))
        check_refused(await exchange(gateway.port, once(is_stream=True)), 409, "idempotency_in_flight", should_retry=True)
        provider.gate("stall").set()
    await until(lambda: gateway.in_flight == 0)
    check_refused(await exchange(gateway.port, once(is_stream=is_stream)), 409, "idempotency_finished")
    assert len(provider.log) == 1


async def test_client_that_hangs_up_before_anything_is_sent_frees_the_key(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """The claim was on its way to the disk: it is written, and taken back."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(provider, store=f"sqlite:///{path}", durability="strict"))
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    line = await Line.open(gateway.port, once())
    await until(lambda: gateway.in_flight == 1)
    line.reset()
    await until(lambda: gateway.in_flight == 0)
    lock.rollback()
    await gateway.program.store.flush()
    assert lock.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    lock.close()
    assert (await exchange(gateway.port, once())).is_answer
    await check_once(gateway, provider)


@pytest.mark.parametrize("durability", ["strict", "relaxed"])
async def test_claim_is_written_before_the_call_is_sent(serve: Serve, provider: FakeProvider, tmp_path: Path, durability: str) -> None:
    """With the reservation, in one transaction; in `strict` it is on disk when the provider hears of the call, also without a budget.

    Whoever reads the ledger cannot try out what was asked: its fingerprint needs the pepper, of whatever length that is.
    """
    path = tmp_path / "ledger.db"
    text = configuration(provider, store=f"sqlite:///{path}", durability=f"{durability}, pepper: {'canary-pepper-' * 5}1")
    gateway = await serve(text.replace(text[text.index("budgets: [{name") : text.index("virtual_keys")], ""))
    provider.enqueue(Fault.stall())
    line = await Line.open(gateway.port, once())
    await provider.arrived(1)
    reader = sqlite3.connect(path)
    if durability == "relaxed":
        await gateway.program.store.flush()
    [(state, fingerprint)] = reader.execute("SELECT state, fingerprint FROM claims").fetchall()
    assert state == 0
    body = once().raw.partition(b"\r\n\r\n")[2]
    assert fingerprint != blake2b(b"fast\0False\0" + body, digest_size=32).hexdigest()
    reader.close()
    commits = gateway.program.store.commits
    provider.gate("stall").set()
    assert (await line.rest()).is_answer
    line.reset()
    await gateway.program.store.flush()
    assert gateway.program.store.commits <= commits + 2


async def test_reservation_and_claim_share_one_commit(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """A key does not make a budgeted call wait for the disk a second time."""
    gateway = await serve(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict"))
    waits = []
    for headers in ({}, {"idempotency-key": KEY}):
        await gateway.program.store.flush()
        before = gateway.program.store.commits
        provider.enqueue(Fault.stall())
        seen = len(provider.log)
        line = await Line.open(gateway.port, ask("openai_chat", "hello", headers=headers))
        await provider.arrived(seen + 1)
        waits.append(gateway.program.store.commits - before)
        provider.gate("stall").set()
        assert (await line.rest()).is_answer
        line.reset()
        provider.gate("stall").clear()
    assert waits == [1, 1]


async def test_ledger_remembers_what_memory_forgot(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """After a restart in good order the reply is told again, byte for byte, to the same body, and the time to live goes on."""
    clock = ManualClock()
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict", calls=KEPT)
    gateway = await serve(text, clock=clock)
    assert (await exchange(gateway.port, once(key="other"))).is_answer
    first = await exchange(gateway.port, once())
    await gateway.service.aclose()
    gateway = await serve(text, clock=clock)
    check_refused(await exchange(gateway.port, once(prompt="goodbye", key="other")), 422, "idempotency_mismatch")
    clock.advance(86_399)
    again = await exchange(gateway.port, once())
    assert (again.status, again.body) == (200, first.body)
    clock.advance(1)
    assert (await exchange(gateway.port, once())).headers["x-omnillm-request-id"] != first.headers["x-omnillm-request-id"]
    assert len(provider.log) == 3


async def test_key_is_free_when_its_time_is_over(serve: Serve, provider: FakeProvider) -> None:
    """`ttl` from its first use; a reply above `max_reply` is not kept until then."""
    clock = ManualClock()
    calls = "idempotency: {store_replies: true, ttl: 60s, max_reply: 300B}"
    gateway = await serve(configuration(provider, calls=calls), clock=clock)
    assert (await exchange(gateway.port, once())).is_answer
    clock.advance(59)
    check_refused(await exchange(gateway.port, once()), 409, "idempotency_finished")
    clock.advance(1)
    assert (await exchange(gateway.port, once(prompt="something else"))).is_answer
    assert len(provider.log) == 2


@pytest.mark.parametrize(("short_by", "status"), [(0, 200), (1, 409)])
async def test_a_reply_of_just_the_largest_size_is_kept(serve: Serve, provider: FakeProvider, short_by: int, status: int) -> None:
    """`max_reply` is the last size that is kept."""
    size = len((await exchange((await serve(configuration(provider))).port, once())).body)
    gateway = await serve(configuration(provider, calls=f"idempotency: {{store_replies: true, max_reply: {size - short_by}B}}"))
    assert (await exchange(gateway.port, once())).is_answer
    assert (await exchange(gateway.port, once())).status == status


async def test_kill_in_the_middle_of_a_call_uses_the_key_up(provider: FakeProvider, tmp_path: Path) -> None:
    """kill -9 while the provider generates: after the restart the call is not done again, and a key that was not used still works."""
    text = configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db", durability="strict", calls=KEPT)
    async with forked(text) as (_, port):
        answered = await exchange(port, once(key="answered"))
        provider.enqueue(Fault.stall())
        line = await Line.open(port, once())
        await provider.arrived(2)
    line.reset()
    async with forked(text) as (_, port):
        check_refused(await exchange(port, once()), 409, "idempotency_finished")
        again = await exchange(port, once(key="answered"))
        assert (again.status, again.body) == (200, answered.body)  # written behind, but before the claim that was waited for
        assert len(provider.log) == 2
        assert (await exchange(port, once(key="new"))).is_answer


@pytest.mark.parametrize("durability", ["strict", "relaxed"])
async def test_ledger_that_is_down_keeps_no_key(serve: Serve, provider: FakeProvider, tmp_path: Path, durability: str) -> None:
    """A call that cannot be kept is not made, and its key stays free; nor is one of which cannot be known whether it was made before."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(provider, store=f"sqlite:///{path}", durability=durability))
    moved = path.rename(tmp_path / "elsewhere.db")
    reply = await exchange(gateway.port, once())
    assert (reply.status, code_of(reply)) == (503, "ledger_unavailable")
    assert provider.log == []
    moved.rename(path)
    await until(lambda: gateway.program.store.is_healthy)
    assert (await exchange(gateway.port, once())).is_answer
    await check_once(gateway, provider)


async def test_outage_that_is_allowed_leaves_keys_to_memory(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """With `when_down: allow` a call is made once as long as the process lives."""
    path = tmp_path / "ledger.db"
    text = configuration(provider, store=f"sqlite:///{path}", durability="strict", calls=KEPT)
    gateway = await serve(text.replace("durability: strict", "durability: strict, when_down: allow"))
    moved = path.rename(tmp_path / "elsewhere.db")
    assert (await exchange(gateway.port, once())).is_answer
    await until(lambda: not gateway.program.store.is_healthy)
    check_refused(await exchange(gateway.port, once()), 409, "idempotency_finished")
    moved.rename(path)
    assert len(provider.log) == 1
    await until(lambda: gateway.program.store.is_healthy)
    await gateway.program.store.flush()
    with closing(sqlite3.connect(path)) as ledger:
        kept = ledger.execute("SELECT state, length(reply) FROM claims").fetchall()
    assert kept == [(ClaimState.FINISHED, 0)], "replies would fill the memory until it is back"


async def test_reply_that_is_on_its_way_to_the_disk_is_waited_for(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """It was written behind, and a repetition that comes at once gets it all the same."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(provider, store=f"sqlite:///{path}", durability="strict", calls=KEPT))
    provider.enqueue(Fault.stall())
    line = await Line.open(gateway.port, once())
    await provider.arrived(1)
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        provider.gate("stall").set()
        first = await line.rest()
        line.reset()
        again = asyncio.get_running_loop().create_task(exchange(gateway.port, once()))
        await until(lambda: gateway.program.store._writer._is_awaited)
        assert not again.done()
    assert (await again).body == first.body


async def test_reply_that_memory_had_no_room_for_is_not_made_again(
    serve: Serve, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`memory://` forgets the oldest replies before their keys: such a key is used up, as one whose reply was never kept."""
    monkeypatch.setattr(claims, "MOST_REPLY_BYTES", 10)
    gateway = await serve(configuration(provider, calls=KEPT))
    assert (await exchange(gateway.port, once())).is_answer
    check_refused(await exchange(gateway.port, once()), 409, "idempotency_finished")
    assert len(provider.log) == 1


@pytest.mark.parametrize("dialect", ["anthropic_messages", "gemini"])
async def test_translated_reply_is_told_again_in_the_clients_words(serve: Serve, provider: FakeProvider, dialect: str) -> None:
    """As the client got it, not as the provider gave it."""
    gateway = await serve(configuration(provider, calls=KEPT))
    replies = [await exchange(gateway.port, once(dialect, model="fast")) for _ in range(2)]
    assert replies[0].is_answer
    assert replies[0].body == replies[1].body
    await check_once(gateway, provider)


async def test_sdk_of_openai_waits_and_gets_the_first_reply(serve: Serve, provider: FakeProvider) -> None:
    """Its own retry, after its own wait, is enough; what is used up for good it does not repeat."""
    gateway = await serve(configuration(provider, calls=KEPT))
    provider.enqueue(Fault.stall())
    headers = {"idempotency-key": KEY}
    async with openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=VIRTUAL_KEY, max_retries=2) as client:

        async def create(content: str = "hello", **more):
            return await client.chat.completions.create(
                model="fast", messages=[{"role": "user", "content": content}], extra_headers=headers, **more
            )

        first = asyncio.get_running_loop().create_task(create())
        await provider.arrived(1)
        second = asyncio.get_running_loop().create_task(create())
        await until(lambda: gateway.program.counters.refusals.get("idempotency_in_flight") == 1)
        provider.gate("stall").set()
        assert (await first).id == (await second).id
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            await create("goodbye")
        assert caught.value.code == "idempotency_mismatch"
    await check_once(gateway, provider)


async def test_sdk_of_anthropic_does_not_repeat_what_is_used_up(serve: Serve, provider: FakeProvider) -> None:
    """It is told so once."""
    gateway = await serve(configuration(provider))
    async with anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=VIRTUAL_KEY, max_retries=2) as client:

        async def create():
            return await client.messages.create(
                model="claude", max_tokens=64, messages=[{"role": "user", "content": "hello"}], extra_headers={"idempotency-key": KEY}
            )

        assert (await create()).content
        with pytest.raises(anthropic.ConflictError, match="see request"):
            await create()
    assert gateway.program.counters.refusals["idempotency_finished"] == 1
    await check_once(gateway, provider)


async def test_rules_follow_a_changed_configuration_and_keys_outlive_it(serve: Serve, provider: FakeProvider) -> None:
    """A reload forgets no key; from then on replies are kept."""
    gateway = await serve(configuration(provider))
    assert (await exchange(gateway.port, once())).is_answer
    gateway.service._read_settings = lambda: parse(configuration(provider, calls=KEPT), {})
    await gateway.service.reload()
    check_refused(await exchange(gateway.port, once()), 409, "idempotency_finished")
    first = await exchange(gateway.port, once(key="later"))
    assert (await exchange(gateway.port, once(key="later"))).body == first.body


def left_behind() -> list[str]:
    """Functions of the gateway whose frames nothing but the cycle collector would free."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        frames = [each.f_code for each in gc.garbage if isinstance(each, FrameType)]
        return sorted({code.co_qualname for code in frames if "omnillm/gateway" in code.co_filename})
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


async def test_what_is_refused_or_kept_from_a_target_is_freed_at_once(serve: Serve, provider: FakeProvider) -> None:
    """Without the cycle collector, which looks seldom: each call would hold its whole body until then.

    A target that cannot be told all that is asked stands behind one that can, or alone; a family's; and a key that is used up.
    """
    twin = configuration(provider).replace("[openai/fake-small]", "[openai/fake-small, anthropic/fake-small]")
    gateway = await serve(twin)

    async def statuses() -> list[int]:
        kept = ask("openai_responses", "hello", more={"background": True})
        alone = ask("openai_responses", "hello", model="claude", more={"background": True})
        ranked = Question("openai_chat", post("/v1/embeddings", {"model": "anthropic/fake-small", "input": "x"}, VIRTUAL_KEY, {}))
        return [(await exchange(gateway.port, question)).status for question in (kept, alone, ranked, once(), once())]

    assert await statuses() == [200, 400, 400, 200, 409]
    left_behind()
    gc.disable()
    try:
        assert await statuses() == [200, 400, 400, 409, 409]
        assert left_behind() == []
    finally:
        gc.enable()
