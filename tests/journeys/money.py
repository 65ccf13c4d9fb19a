"""What tests about money measure: what a call holds, and that a limit holds at every moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.journeys.running import Running, Serve, configuration
from tests.journeys.wire import Question, exchange

from omnillm.testing import FakeProvider, Fault

NANO = 1_000_000_000


def usd(nanousd: int) -> str:
    return f"{nanousd // NANO}.{nanousd % NANO:09d}"


async def held_by_one(serve: Serve, fake: FakeProvider, question: Question) -> int:
    """nano-USD that one such call holds while it runs."""
    gateway = await serve(configuration(fake))
    fake.enqueue(Fault.stall(name="measure"))
    task = asyncio.get_running_loop().create_task(exchange(gateway.port, question))
    await fake.arrived(len(fake.log) + 1)
    held = (await gateway.books())[2]
    fake.gate("measure").set()
    assert (await task).is_answer
    return held


@asynccontextmanager
async def watched(gateway: Running, limit_nanousd: int) -> AsyncIterator[None]:
    """Looks at the budget in every turn of the loop: what is settled and held is never beyond the limit."""

    async def watch() -> None:
        while True:
            [budget] = gateway.program.controller.budgets()
            assert budget.settled_nanousd + budget.reserved_nanousd <= limit_nanousd
            await asyncio.sleep(0)

    watcher = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
