"""Live sessions and money: slices are reserved ahead, and no session is paid beyond its budget."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.forks import FORKS
from tests.journeys import serving_process
from tests.journeys.ledgers import locked, rows
from tests.journeys.live import Talk, began
from tests.journeys.realtime.sessions import ASK, ONE_KEY
from tests.journeys.running import PRICES, Serve, configuration, until

from omnillm.assemble import SystemClock
from omnillm.records import EntryKind
from omnillm.testing import Behaviour, FakeProvider

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
        assert 5_000_000 < await gateway.agrees_with(fake) <= 10_000_000
        request, [attempt] = await gateway.last()
        assert (request.status, request.outcome, attempt.is_estimated) == (402, "budget_exceeded", False)


async def test_every_slice_is_on_disk_before_it_is_used(serve: Serve, fake: FakeProvider, tmp_path: Path) -> None:
    """An entry each, given back when the session settles; while the disk is busy, the question does not leave."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(fake, keys=ONE_KEY, store=f"sqlite:///{path}", durability="strict"))
    talk = await began(gateway.port)
    talk.say(ASK)
    await talk.until("response.done")
    with locked(path):
        talk.say({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": "w" * 900_000}]}})
        for _ in range(2000):
            await asyncio.sleep(0)
        assert len(fake.sessions[0].heard) == 1
    await talk.until("conversation.item.added")
    reserved = rows(path, "SELECT attempt, amount_nanousd FROM entries WHERE kind = 0 AND budget = 'everything' ORDER BY attempt")
    assert [attempt for attempt, _ in reserved] == list(range(1, len(reserved) + 1))
    assert len(reserved) > 2
    assert sum(amount for _, amount in reserved) == (await gateway.books())[2]
    await talk.close()
    await until(lambda: gateway.in_flight == 0)
    assert (await gateway.books())[2] == 0
    closed = rows(path, "SELECT attempt, kind FROM entries WHERE kind <> 0 AND budget = 'everything' ORDER BY attempt")
    assert closed == [(1, EntryKind.SETTLE), *((attempt, EntryKind.VOID) for attempt, _ in reserved[1:])]


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
        assert await gateway.spent() >= fake.invoice.total_nanousd > 0
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
        assert 8_000_000 >= await gateway.spent() >= fake.invoice.total_nanousd > 0


async def test_a_budget_without_room_for_a_turn_opens_nothing(serve: Serve, fake: FakeProvider) -> None:
    """402 before the provider is asked."""
    gateway = await serve(configuration(fake, keys=ONE_KEY, limit_usd="0.0001"))
    talk = await Talk.open(gateway.port)
    assert await talk.answer() == 402
    assert fake.log == []
