"""What uses an idempotency key up, and what leaves it free."""

import asyncio
import gc
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import pytest
from tests.journeys.idempotency.once import KEPT, KEY, check_once, check_refused, code_of, once
from tests.journeys.ledgers import locked, rows
from tests.journeys.running import Serve, configuration, until
from tests.journeys.wire import Line, ask, exchange, question
from tests.ports import free_port

from omnillm.testing import FakeProvider, Fault, Hint, ManualClock

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
    with locked(path):
        line = await Line.open(gateway.port, once())
        await until(lambda: gateway.in_flight == 1)
        line.reset()
        await until(lambda: gateway.in_flight == 0)
    await gateway.program.store.flush()
    assert rows(path, "SELECT count(*) FROM claims") == [(0,)]
    assert (await exchange(gateway.port, once())).is_answer
    await check_once(gateway, provider)


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
        ranked = question("POST", "/v1/embeddings", {"model": "anthropic/fake-small", "input": "x"})
        return [(await exchange(gateway.port, each)).status for each in (kept, alone, ranked, once(), once())]

    assert await statuses() == [200, 400, 400, 200, 409]
    left_behind()
    gc.disable()
    try:
        assert await statuses() == [200, 400, 400, 409, 409]
        assert left_behind() == []
    finally:
        gc.enable()
