"""The client of a live session goes, or breaks the protocol: nothing is held, and the ledger is not below the invoice."""

import asyncio
from pathlib import Path

import pytest
from tests.journeys.ledgers import locked, rows
from tests.journeys.live import LIVE, Talk, began, began_live, handshake
from tests.journeys.realtime.sessions import ASK, DROP, ONE_KEY, TURN, check_free
from tests.journeys.running import PRICES, Running, Serve, configuration, still, until

from omnillm.gateway.attempts.attempt import UNSEEN_TOKENS_A_SECOND
from omnillm.records import EntryKind
from omnillm.testing import Behaviour, FakeProvider, Fault, ManualClock

SPEAK = {"type": "response.create", "response": {"output_modalities": ["audio"]}}


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
    with locked(path):
        talk = await Talk.open(gateway.port)
        await until(lambda: gateway.in_flight == 1)
        talk.reset()
        await until(lambda: gateway.in_flight == 0)
    assert await gateway.books() == (0, 0, 0)
    assert rows(path, "SELECT kind FROM entries ORDER BY kind") == [(EntryKind.RESERVE,), (EntryKind.VOID,)]
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
        assert await gateway.spent() >= fake.invoice.total_nanousd > 0


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
