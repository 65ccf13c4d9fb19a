"""A provider breaks off behind any byte of its answer: hidden by another attempt, or told as a failure in the client's protocol, and paid once."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import soak
from tests.journeys.running import PRICES, Running
from tests.journeys.wire import DIALECTS, MODELS, Question, Reply, ask, exchange
from tests.leaving import calls
from tests.leaving.held import check_ledger, check_rest, revive, settled
from tests.leaving.serving import check_gone, served
from tests.leaving.stepping import on, strata
from tests.leaving.wires import Wire, leave

from omnillm.assemble import SystemClock
from omnillm.testing import Behaviour, FakeProvider, Fault
from omnillm.testing.faults import Framing

FRAMINGS: tuple[Framing, ...] = ("natural", "close", "trailers")
"""Sized or chunked; ended by the connection's end; chunked with a trailer."""
FAILED = frozenset({500, 502, 503, 504})


def questions(prompt: str) -> Iterator[Question]:
    """Each protocol to a provider that speaks it, and to one that does not; plain and streamed."""
    pairs = [(dialect, model) for dialect in DIALECTS for model in dict.fromkeys((MODELS[dialect], *MODELS.values()))]
    if soak.FACTOR == 1:
        native = [(dialect, MODELS[dialect]) for dialect in DIALECTS]
        pairs = native + random.sample([pair for pair in pairs if pair not in native], 4)
    return (ask(dialect, prompt, model=model, cap=20, is_stream=is_stream) for dialect, model in pairs for is_stream in (False, True))


async def check_told(gateway: Running, fake: FakeProvider, good: Reply, reply: Reply, before: tuple[int, int, int]) -> None:
    """`before`: attempts that had arrived, what they were billed, what was settled."""
    arrived, billed, paid = (now - then for now, then in zip(standing(gateway, fake), before, strict=True))
    if reply.is_answer:
        assert (len(reply.events), len(reply.body) > 0.9 * len(good.body)) == (len(good.events), True)
    else:
        assert reply.status in FAILED or (reply.status == 200 and not reply.is_whole) or reply.error
    assert 1 <= arrived <= 3
    assert paid >= billed
    assert paid == billed or arrived > 1 or not reply.is_answer
    request, attempts = await gateway.last()
    assert (len(attempts), request.outcome == "success") == (arrived, reply.is_answer)


def standing(gateway: Running, fake: FakeProvider) -> tuple[int, int, int]:
    return len(fake.log), fake.invoice.total_nanousd, settled(gateway.program)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_answer_that_breaks_off_is_no_success(framing: Framing) -> None:
    """Head, chunk header, body and trailer, in good order and by a reset, of every protocol, native and translated."""

    async def each() -> None:
        fake = FakeProvider(keys={"*": Behaviour(words=4)}, prices=PRICES, clock=SystemClock())
        fault = Fault(name=framing, framing=framing)
        async with fake, Wire(int(fake.base_url.rpartition(":")[2])) as wire:
            text = calls.configured(fake).replace(fake.base_url, f"http://127.0.0.1:{wire.port}")
            async with served(text) as gateway:
                for question in questions("hello"):
                    fake.enqueue(fault)
                    wire.cut(None)
                    good = await exchange(gateway.port, question)
                    assert good.is_answer
                    for after in strata(wire.passed, usual=2):
                        for is_reset in (False, True) if soak.FACTOR > 1 else (random.random() < 0.5,):
                            fake.enqueue(fault, fault, fault)
                            wire.cut(after, is_reset=is_reset)
                            before = standing(gateway, fake)
                            reply = await exchange(gateway.port, question)
                            await check_rest(gateway.program)
                            await check_told(gateway, fake, good, reply, before)
                            fake.script.queue.clear()
                            wire.mend()
                            revive(gateway.program)
                await check_ledger(gateway.program, fake)

    on("plain", each)


def test_a_provider_that_breaks_off_by_its_own_path_leaves_nothing(tmp_path: Path) -> None:
    """Files, lists, sound and live sessions: whatever the client is told, it hears the end of it, and nothing is held."""

    async def each() -> None:
        async with calls.provider() as fake, Wire(int(fake.base_url.rpartition(":")[2])) as wire:
            text = calls.configured(fake, durability="strict", store=f"sqlite:///{tmp_path}/ledger.db")
            async with served(text.replace(fake.base_url, f"http://127.0.0.1:{wire.port}")) as gateway:
                before: set[asyncio.Task[Any]] = asyncio.all_tasks()
                for name in ("native", "list", "upload", "sound", "live", "live gemini"):
                    wire.cut(None)
                    await leave(gateway.port, calls.REQUESTS[name], "close", after=1 << 20)
                    for after in strata(wire.passed, usual=2):
                        wire.cut(after, is_reset=random.random() < 0.5)
                        assert await leave(gateway.port, calls.REQUESTS[name], "close", after=1 << 20)
                        wire.mend()
                        revive(gateway.program)
                        await check_gone(gateway, fake, before)
                await check_ledger(gateway.program, fake)

    on("uvloop", each)
