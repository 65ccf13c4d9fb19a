"""One request that is being answered. It takes the steps of its delivery, and tells once how it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from omnillm.testing.delivery import Step

AT_ONCE = 1 << 18
"""Bytes. A larger reply is written step by step, so that it is only complete once the client took it."""


class Line(Protocol):
    """What an exchange, or a live session, needs of its connection."""

    def write(self, raw: bytes) -> None: ...
    async def drain(self) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...
    def free(self) -> None:
        """The next request may be answered."""
        ...


class Exchange:
    """`on_end(exchange)` is called exactly once, synchronously, before the connection is closed or reset."""

    __slots__ = ("_gate", "_line", "_on_end", "_pause", "_task", "generated", "has_sent", "is_aborted", "is_ended", "number", "steps")

    def __init__(self, number: int, steps: list[Step], *, gate: asyncio.Event, on_end: Callable[["Exchange"], None]) -> None:
        self.number = number
        self.steps = steps
        self.generated = 0
        """Output tokens so far."""
        self.has_sent = False
        self.is_ended = False
        self.is_aborted = False
        """By the client."""
        self._gate = gate
        self._on_end = on_end
        self._task: asyncio.Task[None] | None = None

    def begin(self, line: Line, pause: Callable[[], Awaitable[None]] | None) -> None:
        """Delivers at once when nothing has to wait, else in a task of its own. `pause` is awaited before each step."""
        steps = self.steps
        is_plain = pause is None and not any(step.action for step in steps)
        raw = b"".join([step.raw for step in steps]) if is_plain else b""
        if is_plain and len(raw) <= AT_ONCE:
            line.write(raw)
            self.has_sent = True
            self.generated = steps[-1].output_tokens
            self._end()
            line.free()
        else:
            self._task = asyncio.get_running_loop().create_task(self._deliver(line, pause))

    async def _deliver(self, line: Line, pause: Callable[[], Awaitable[None]] | None) -> None:
        for step in self.steps:
            if step.raw:
                if pause is not None:
                    await pause()
                line.write(step.raw)
                self.has_sent = True
                self.generated = step.output_tokens
                await line.drain()
            if step.action == "stall":
                await self._gate.wait()
            elif step.action:
                self._end()
                (line.reset if step.action == "reset" else line.close)()
                return
        self._end()
        line.free()

    def abandon(self) -> None:
        """The client is gone."""
        if not self.is_ended:
            self.is_aborted = True
            self._end()
        if self._task is not None:
            self._task.cancel()

    def _end(self) -> None:
        if not self.is_ended:
            self.is_ended = True
            self._on_end(self)
