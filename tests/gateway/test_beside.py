"""Work beside the event loop: one piece at a time, given up at once, and never two of them at it."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from omnillm.gateway.beside import SWITCH_S, Beside


async def test_who_gives_up_goes_at_once_and_the_next_begins_when_the_work_has_ended() -> None:
    """So a crowd that asks and leaves has one piece of work alive, whatever it asked for."""
    beside, began, may_end = Beside(), asyncio.Event(), Event()
    loop, own_s = asyncio.get_running_loop(), sys.getswitchinterval()
    logged: list[object] = []
    loop.set_exception_handler(lambda _, context: logged.append(context))

    def work() -> None:
        loop.call_soon_threadsafe(began.set)
        may_end.wait(20)
        raise ZeroDivisionError

    left = asyncio.create_task(beside.do(work, 60, "a"))
    await began.wait()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    elsewhere = Beside()
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    following = asyncio.create_task(beside.do(may_end.is_set, 60, "a"))
    for _ in range(5):
        await asyncio.sleep(0)
    may_end.set()
    assert await following is True
    await elsewhere.do(may_end.is_set, 60, "a")
    assert sys.getswitchinterval() == pytest.approx(own_s)
    assert logged == [], "nobody is there who could be told of it"


async def test_callers_have_the_turn_in_turn() -> None:
    """However many long bodies one of them has: another waits for two of those, not for all."""
    beside, done = Beside(), list[str]()
    async with asyncio.TaskGroup() as crowd:
        for caller in ["a"] * 5 + ["b"] * 2:
            crowd.create_task(beside.do(lambda caller=caller: done.append(caller), 60, caller))  # type: ignore[misc]
    assert "".join(done) == "aababaa"


async def test_an_error_is_told_to_who_asked_and_ends_the_turn() -> None:
    beside = Beside()
    with pytest.raises(ZeroDivisionError):
        await beside.do(lambda: 1 // 0, 60, "a")
    assert await beside.do(lambda: "done", 60, "a") == "done"


async def test_a_system_that_gives_no_thread_does_not_end_the_turns() -> None:
    beside, own_s = Beside(), sys.getswitchinterval()
    loop, closed = asyncio.get_running_loop(), ThreadPoolExecutor()
    closed.shutdown()
    loop.set_default_executor(closed)
    with pytest.raises(RuntimeError):
        await beside.do(lambda: "done", 60, "a")
    assert sys.getswitchinterval() == pytest.approx(own_s)
    loop.set_default_executor(ThreadPoolExecutor())
    assert await beside.do(lambda: "done", 1, "a") == "done"
