"""Who waits, and who is next: fair between callers, first come first served within one.

A caller's line has a lane for each thing that can be waited for (the same targets, the same budgets), because a call that waits for one
provider must not hold up another that could have a different one. Between lines the one that was given the fewest tokens goes first, which
is round-robin for calls of one size. A line that begins to wait starts level with the line served last: nobody saves up, nobody is owed.
"""

from collections import deque
from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from math import inf

from omnillm.admission.asks import Ask, Lease, Need, Refusal, Served, Ticket

Answer = Ticket | Lease | Refusal


class Waiter:
    """One question that stands in the queue; `size` is in tokens or nano-USD, `until` is when it is refused at the latest."""

    __slots__ = ("caller", "case_id", "lane", "question", "size", "until")

    def __init__(self, question: Ask | Need, caller: str, lane: Hashable, size: int) -> None:
        self.question = question
        self.case_id = question.case_id
        self.caller = caller
        self.lane = lane
        self.size = size
        self.until = question.queue_until


class Line:
    """The waiters of one caller."""

    __slots__ = ("lanes", "spent", "turn")

    def __init__(self, spent: int, turn: int) -> None:
        self.lanes: dict[Hashable, deque[Waiter]] = {}
        self.spent = spent
        self.turn = turn


class Queue:
    """`attempt` answers a waiter, or says before which moment it is no use to ask again unless `stir` is called."""

    def __init__(self, attempt: Callable[[Waiter, float], Answer | float]) -> None:
        self.waiters: dict[str, Waiter] = {}
        self._attempt = attempt
        self._lines: dict[str, Line] = {}
        self._fresh: dict[str, Line] = {}
        """Lines whose head nobody has tried yet."""
        self._is_stirred = False
        self._wakes_at = inf
        self._next_until = inf
        self._level = 0
        self._turn = 0

    def join(self, waiter: Waiter) -> None:
        """A case waits for one thing at a time: a later question takes the place of an earlier one."""
        self.leave(waiter.case_id)
        self.waiters[waiter.case_id] = waiter
        line = self._lines.get(waiter.caller)
        if line is None:
            self._turn += 1
            line = self._lines[waiter.caller] = Line(self._level, self._turn)
        line.lanes.setdefault(waiter.lane, deque()).append(waiter)
        self._fresh[waiter.caller] = line
        self._next_until = min(self._next_until, waiter.until)

    def leave(self, case_id: str) -> None:
        """Idempotent."""
        waiter = self.waiters.pop(case_id, None)
        if waiter is None:
            return
        line = self._lines[waiter.caller]
        lane = line.lanes[waiter.lane]
        lane.remove(waiter)
        if not lane:
            del line.lanes[waiter.lane]
        if line.lanes:
            self._fresh[waiter.caller] = line
        else:
            del self._lines[waiter.caller]
            self._fresh.pop(waiter.caller, None)

    def stir(self) -> None:
        """Something changed that may serve, or doom, any waiter."""
        self._is_stirred = True

    def serve(self, now: float) -> list[Served]:
        """Answers every waiter that can be answered, in fair order."""
        if self._is_stirred or now >= self._wakes_at:
            lines = list(self._lines.values())
            self._wakes_at = inf
            self._is_stirred = False
        else:
            lines = list(self._fresh.values())
        self._fresh.clear()
        order = [(line.spent, line.turn, line) for line in lines]
        heapify(order)
        served: list[Served] = []
        while order:
            line = heappop(order)[2]
            answer = self._serve_one(line, now)
            if answer is not None:
                served.append(answer)
                if line.lanes:
                    heappush(order, (line.spent, line.turn, line))
        self._fresh.clear()
        return served

    def _serve_one(self, line: Line, now: float) -> Served | None:
        """The first of the line's lanes whose head can be answered."""
        for lane in line.lanes.values():
            waiter = lane[0]
            answer = self._attempt(waiter, now)
            if isinstance(answer, float):
                self._wakes_at = min(self._wakes_at, answer)
                continue
            self.leave(waiter.case_id)
            if not isinstance(answer, Refusal):
                self._level = line.spent
                line.spent += max(1, waiter.size)
                self._turn += 1
                line.turn = self._turn
            return Served(case_id=waiter.case_id, answer=answer)
        return None

    def expire(self, now: float) -> list[Waiter]:
        """Takes out whoever is out of time."""
        if now < self._next_until:
            return []
        expired = [waiter for waiter in self.waiters.values() if waiter.until <= now]
        for waiter in expired:
            self.leave(waiter.case_id)
        self._next_until = min((waiter.until for waiter in self.waiters.values()), default=inf)
        return expired
