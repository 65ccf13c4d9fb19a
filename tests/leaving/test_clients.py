"""A client hangs up behind any byte that it says or hears: nothing is held, and nothing is lost."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from tests import soak
from tests.leaving import calls
from tests.leaving.held import check_ledger
from tests.leaving.serving import check_gone, served
from tests.leaving.stepping import LOOPS, on, strata
from tests.leaving.wires import How, leave

HOW: tuple[How, ...] = ("close", "reset", "half")
ALL = 1 << 20
CONDITIONS = {"plain": ("relaxed", "cancel"), "uvloop": ("strict", "drain")}
"""loop -> (durability, on_abort)."""


def chosen() -> tuple[How, ...]:
    return HOW if soak.FACTOR > 1 else (random.choice(HOW),)


@pytest.mark.parametrize("loop", LOOPS if soak.FACTOR > 1 else CONDITIONS)
def test_a_client_that_hangs_up_leaves_nothing(tmp_path: Path, loop: str) -> None:
    """Plain, streamed, translated, native, uploads, lists, live sessions; and a request behind another."""
    durability, on_abort = CONDITIONS.get(loop, ("relaxed", "cancel"))

    async def each() -> None:
        async with calls.provider() as fake:
            options = {"durability": durability, "calls": f"on_abort: {on_abort}", "store": f"sqlite:///{tmp_path}/ledger.db"}
            async with served(calls.configured(fake, **options)) as gateway:
                before: set[asyncio.Task[Any]] = asyncio.all_tasks()
                for name, said in calls.REQUESTS.items():
                    heard = await leave(gateway.port, said, "close", after=ALL)
                    assert heard[:12] in {b"HTTP/1.1 200", b"HTTP/1.1 101"}, name
                    for size in strata(len(said) - 1, usual=1):
                        for how in chosen():
                            await leave(gateway.port, said[:size], how)
                            await check_gone(gateway, fake, before)
                    for size in strata(len(heard), usual=1):
                        for how in chosen():
                            await leave(gateway.port, said, how, after=size)
                            await check_gone(gateway, fake, before)
                await check_ledger(gateway.program, fake)

    on(loop, each)
