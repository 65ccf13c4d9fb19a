"""Idempotency keys in the ledger: written before the call, kept over a restart, and while it is away."""

import asyncio
from hashlib import blake2b
from pathlib import Path

import pytest
from tests.journeys.idempotency.once import KEPT, KEY, check_once, check_refused, code_of, once
from tests.journeys.ledgers import locked, rows
from tests.journeys.running import Serve, configuration, until
from tests.journeys.served import forked
from tests.journeys.wire import Line, ask, exchange

from omnillm.config.load import parse
from omnillm.records import ClaimState
from omnillm.stores import claims
from omnillm.testing import FakeProvider, Fault, ManualClock


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
    if durability == "relaxed":
        await gateway.program.store.flush()
    [(state, fingerprint)] = rows(path, "SELECT state, fingerprint FROM claims")
    assert state == 0
    body = once().raw.partition(b"\r\n\r\n")[2]
    assert fingerprint != blake2b(b"fast\0False\0" + body, digest_size=32).hexdigest()
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


async def test_key_that_is_known_to_be_free_cannot_be_kept_by_a_ledger_that_is_down(
    serve: Serve, provider: FakeProvider, tmp_path: Path
) -> None:
    """Nor is a call made that has no budget, where nothing else would be asked of the ledger first."""
    path = tmp_path / "ledger.db"
    text = configuration(provider, store=f"sqlite:///{path}")
    gateway = await serve(text.replace(text[text.index("budgets: [{name") : text.index("virtual_keys")], ""))
    provider.enqueue(Fault.status(400))
    assert (await exchange(gateway.port, once())).status == 400
    path.rename(tmp_path / "elsewhere.db")
    assert (await exchange(gateway.port, ask("openai_chat", "hello"))).is_answer
    await until(lambda: not gateway.program.store.is_healthy)
    reply = await exchange(gateway.port, once())
    assert (reply.status, code_of(reply)) == (503, "ledger_unavailable")
    assert len(provider.log) == 2
    (tmp_path / "elsewhere.db").rename(path)


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
    kept = rows(path, "SELECT state, length(reply) FROM claims")
    assert kept == [(ClaimState.FINISHED, 0)], "replies would fill the memory until it is back"


async def test_reply_that_is_on_its_way_to_the_disk_is_waited_for(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """It was written behind, and a repetition that comes at once gets it all the same."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(provider, store=f"sqlite:///{path}", durability="strict", calls=KEPT))
    provider.enqueue(Fault.stall())
    line = await Line.open(gateway.port, once())
    await provider.arrived(1)
    with locked(path):
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


async def test_rules_follow_a_changed_configuration_and_keys_outlive_it(serve: Serve, provider: FakeProvider) -> None:
    """A reload forgets no key; from then on replies are kept."""
    gateway = await serve(configuration(provider))
    assert (await exchange(gateway.port, once())).is_answer
    gateway.service._read_settings = lambda: parse(configuration(provider, calls=KEPT), {})
    await gateway.service.reload()
    check_refused(await exchange(gateway.port, once()), 409, "idempotency_finished")
    first = await exchange(gateway.port, once(key="later"))
    assert (await exchange(gateway.port, once(key="later"))).body == first.body
