"""A coroutine whose suspensions are counted, so that something can happen at exactly the k-th of them."""

import asyncio
import gc
import random
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, Final

import uvloop
from tests import soak

LOOPS: Mapping[str, Mapping[str, Any]] = {"plain": {}, "debug": {"debug": True}, "uvloop": {"loop_factory": uvloop.new_event_loop}}


class Stepped:
    """To be awaited once. At suspension `at` (the first is 1; 0: never) `act` is called.

    Early, before whatever the coroutine waits for can wake it; late, when that has come and the coroutine does not know of it yet: what it
    was given then is given to nobody.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], act: Callable[[], object], *, at: int, is_late: bool) -> None:
        self.steps = 0
        self._coroutine = coroutine
        self._act = act
        self._at = at
        self._is_late = is_late

    @property
    def has_acted(self) -> bool:
        return 0 < self._at <= self.steps

    def __await__(self) -> Generator[Any, None, Any]:
        resume: Callable[[Any], Any] = self._coroutine.send
        given: BaseException | None = None
        while True:
            try:
                awaited = resume(given)
            except StopIteration as end:
                return end.value
            self.steps += 1
            if self.steps == self._at:
                self._strike(awaited)
            try:
                yield awaited
                resume, given = self._coroutine.send, None
            except BaseException as error:  # noqa: BLE001  whatever it is, it is the coroutine's
                resume, given = self._coroutine.throw, error

    def _strike(self, awaited: Any) -> None:
        if awaited is None:  # it only lets others run
            self._act()
        elif self._is_late:
            awaited.add_done_callback(lambda _: self._act())  # before the task's own
        else:
            asyncio.get_running_loop().call_soon(self._act)


class Ran:
    """A coroutine that was run: its task, which is done, and how often it was suspended."""

    def __init__(self, task: asyncio.Task[Any], stepped: Stepped) -> None:
        self.task = task
        self.steps = stepped.steps
        self.has_acted = stepped.has_acted


async def run(coroutine: Coroutine[Any, Any, Any], act: Callable[[], object] | None = None, *, at: int = 0, is_late: bool = False) -> Ran:
    """Without an `act` its task is cancelled at that suspension."""

    async def whole() -> Any:
        return await stepped

    task = asyncio.create_task(whole())
    stepped = Stepped(coroutine, act or task.cancel, at=at, is_late=is_late)
    await asyncio.wait([task])
    return Ran(task, stepped)


MOST: Final = 100
"""Positions that are tried under SOAK."""


def strata(count: int, usual: int) -> list[int]:
    """Positions from 0 to `count`: one by chance from each of so many parts; under SOAK all, or as many as can be had in minutes."""
    parts = MOST if soak.FACTOR > 1 else usual
    if count < parts:
        return list(range(count + 1))
    return [random.randrange(count * part // parts, count * (part + 1) // parts + 1) for part in range(parts)]


def moments(steps: int, usual: int) -> list[tuple[int, bool]]:
    """(a suspension, whether late) of so many; under SOAK all."""
    found = [(at, is_late) for at in range(1, steps + 1) for is_late in (False, True)]
    return [found[place] for place in dict.fromkeys(strata(len(found) - 1, usual))] if found else []


def on(loop: str, whole: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it on a loop of that kind, which is told of nothing: neither of an error that nobody took, nor of a task or socket left behind."""
    told: list[Mapping[str, Any]] = []
    with asyncio.Runner(**LOOPS[loop]) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: told.append(context))
        runner.run(whole())
        gc.collect()
        runner.run(asyncio.sleep(0))
    assert told == []
