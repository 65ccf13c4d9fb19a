"""A program leaves a call at any suspension of it, however it waits: nothing is held, no money is lost, and it is told that it was cancelled.

`SOAK=2 pytest tests/leaving` tries every suspension on every loop, and 100 bytes of each message; otherwise a few of them by chance.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests import soak
from tests.journeys.running import until
from tests.leaving import calls
from tests.leaving.held import check_ledger, check_left, revive
from tests.leaving.stepping import LOOPS, moments, on, run

from omnillm import Gateway, GenerationConfig, OmniError
from omnillm.errors import CallerFault
from omnillm.testing import FAULTS, FakeProvider, Fault

Make = Callable[[Gateway], Coroutine[Any, Any, Any]]
CONDITIONS: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "relaxed": ("plain", (), {}),
    "strict": ("debug", (), {"durability": "strict"}),
    "failing over": ("uvloop", ("status_500", "status_401"), {}),
    "strict, lost and drained": ("plain", ("lost_reply",), {"durability": "strict", "calls": "on_abort: drain"}),
}
"""(the loop that it is tried on, what the provider does to the first attempts, the configuration)."""


def everywhere(names: Any) -> Any:
    """Each on its own loop, under SOAK on each."""
    return [(name, loop) for name in names for loop in LOOPS if soak.FACTOR > 1 or loop == CONDITIONS.get(name, ("uvloop",))[0]]


@asynccontextmanager
async def opened(path: Path, **options: str) -> AsyncIterator[tuple[Gateway, FakeProvider]]:
    """A gateway in a program, and its provider."""
    async with calls.provider() as fake:
        if options.get("durability") == "strict":
            options["store"] = f"sqlite:///{path}/ledger.db"
        (path / "omnillm.yaml").write_text(calls.configured(fake, **options))
        async with Gateway.from_config(path / "omnillm.yaml", env={}) as gateway:
            yield gateway, fake


async def leave(gateway: Gateway, fake: FakeProvider, make: Make, *, at: int = 0, is_late: bool = False) -> int:
    """Make the call and leave it at that suspension, by default at none; returns how often it was suspended."""
    before = asyncio.all_tasks()
    ran = await run(make(gateway), at=at, is_late=is_late)
    if ran.has_acted:
        assert ran.task.cancelled(), "the cancellation was swallowed"
    await check_left(gateway._program, fake)
    await until(lambda: asyncio.all_tasks() <= before)
    if not ran.has_acted:
        ran.task.result()
    return ran.steps


@pytest.mark.parametrize(("condition", "loop"), everywhere(CONDITIONS))
def test_a_call_that_is_left_holds_nothing(tmp_path: Path, condition: str, loop: str) -> None:
    """At any of its suspensions, of every public method that calls; and the next call is answered on the same connections."""
    _, faults, options = CONDITIONS[condition]

    async def each() -> None:
        async with opened(tmp_path, **options) as (gateway, fake):
            for make in calls.CALLS.values():
                steps = await leave(gateway, fake, make) + 2 * len(faults)
                for at, is_late in moments(steps, usual=2):
                    fake.enqueue(*(FAULTS[fault] for fault in faults))
                    with suppress(*(OmniError,) * bool(faults)):  # an upload is not repeated
                        await leave(gateway, fake, make, at=at, is_late=is_late)
                    fake.script.queue.clear()
                    revive(gateway._program)
            await check_ledger(gateway._program, fake)

    on(loop, each)


# Ways to leave a stream


async def leave_early(gateway: Gateway) -> None:
    async with gateway.stream(calls.asked("fast")) as events:
        async for _ in events:
            break


async def leave_by_an_error(gateway: Gateway) -> None:
    with suppress(KeyError):
        async with gateway.primitive_stream(calls.raw(stream=True)) as events:
            async for event in events:
                raise KeyError(event)


async def forget(gateway: Gateway) -> None:
    """Nobody closes the block, and nobody has it any more."""
    block = gateway.stream(calls.asked("claude"))
    async for _ in await block.__aenter__():
        break
    del block
    gc.collect()


async def close_from_elsewhere(gateway: Gateway) -> None:
    """Another task leaves the block; whoever reads on is told."""
    block = gateway.stream(calls.asked("fast"))
    events = await block.__aenter__()
    await anext(events)
    await asyncio.create_task(block.__aexit__(None, None, None))
    with suppress(RuntimeError, StopAsyncIteration):
        while True:
            await anext(events)


async def have_no_time(gateway: Gateway) -> None:
    """By `asyncio.timeout`; Python 3.11's `wait_for` may swallow a cancellation itself."""
    for limit_s in (0.0, 0.0005, 0.001, 0.002, 0.004):
        for call in (calls.CALLS["stream"], calls.CALLS["call"]):
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await call(gateway)


@pytest.mark.parametrize(("way", "loop"), everywhere([leave_early, leave_by_an_error, forget, close_from_elsewhere, have_no_time]))
def test_a_stream_that_is_left_holds_nothing(tmp_path: Path, way: Make, loop: str) -> None:
    """Whichever way, and cancelled at any moment of it."""

    async def each() -> None:
        async with opened(tmp_path) as (gateway, fake):
            for at, is_late in [(0, False), *moments(await leave(gateway, fake, way), usual=2)]:
                await leave(gateway, fake, way, at=at, is_late=is_late)
            await check_ledger(gateway._program, fake)

    on(loop, each)


# Calls that wait

LONG = replace(calls.asked("fast"), generation=GenerationConfig(max_output_tokens=100_000))
"""Holds 0.16 USD."""
SCARCE = {
    "key": {"keys": {"a": "key: sk-a, max_concurrency: 1"}},
    "money": {"limit_usd": "0.25", "hard": "true"},
}


async def leave_behind_another(gateway: Gateway, fake: FakeProvider, *, at: int, is_late: bool) -> int:
    """The other one has what both need, until this one waits for it."""
    stall = Fault.stall(name=f"stall {len(fake.log)}")
    fake.enqueue(stall)
    first = asyncio.create_task(calls.read(gateway.stream(LONG)))
    await fake.arrived(len(fake.log) + 1)

    async def serve() -> None:
        await until(lambda: bool(gateway._program.admission._waiting))
        fake.gate(stall.name).set()

    serving = asyncio.create_task(serve())
    ran = await run(calls.read(gateway.stream(LONG)), at=at, is_late=is_late)
    serving.cancel()
    fake.gate(stall.name).set()
    await asyncio.wait([first, serving])
    assert ran.task.cancelled() if ran.has_acted else ran.task.exception() is None
    await check_left(gateway._program, fake)
    return ran.steps


@pytest.mark.parametrize(("durability", "loop"), everywhere(["relaxed", "strict"]))
@pytest.mark.parametrize("scarce", SCARCE)
def test_a_call_that_is_left_in_a_queue_holds_no_place(tmp_path: Path, scarce: str, durability: str, loop: str) -> None:
    """Before it stands there, while it does, and when it was served and does not know of it yet."""

    async def each() -> None:
        async with opened(tmp_path, durability=durability, **SCARCE[scarce]) as (gateway, fake):
            steps = await leave_behind_another(gateway, fake, at=0, is_late=False)
            for at, is_late in [(1, True), *moments(steps, usual=2)]:
                await leave_behind_another(gateway, fake, at=at, is_late=is_late)
            await check_ledger(gateway._program, fake)

    on(loop, each)


@pytest.mark.parametrize(("condition", "loop"), everywhere(CONDITIONS))
def test_a_key_of_a_call_that_was_left_is_free_or_used_up(tmp_path: Path, condition: str, loop: str) -> None:
    """Never in flight: its repetition is answered, or is told that the call may have been billed. A stream that is drained ends it later."""
    options = CONDITIONS[condition][2]

    async def each() -> None:
        async with opened(tmp_path, **options) as (gateway, fake):
            numbers = count()
            for make in (gateway.call, lambda *a, **k: calls.read(gateway.stream(*a, **k))):
                steps = (await run(make(calls.asked("fast"), idempotency_key=f"k{next(numbers)}"))).steps
                for at, is_late in moments(steps, usual=2):
                    once = partial(make, calls.asked("fast"), idempotency_key=f"k{next(numbers)}")
                    await leave(gateway, fake, lambda _, once=once: once(), at=at, is_late=is_late)
                    try:
                        await once()
                    except CallerFault as error:
                        assert error.code == "idempotency_finished"  # noqa: PT017  it need not be raised
            await check_ledger(gateway._program, fake)

    on(loop, each)
