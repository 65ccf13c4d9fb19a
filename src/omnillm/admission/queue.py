"""Who waits, and who is next: fair between callers, first come first served within one.

A caller's line has a lane for each thing that can be waited for (the same targets, the same budgets), because a call that waits for one
provider must not hold up another that could have a different one. Between lines the one that was given the fewest tokens goes first, which
is round-robin for calls of one size. A line that begins to wait starts level with the line served last, or where it left off, if that is
further: nobody saves up, and nobody is owed anything for coming back.

All lines stand in that order all the time, so that a wake-up costs a look at each line at most, and none at those behind whom there is
nobody left who asks for less than was just asked for in vain.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Hashable
from math import inf
from typing import Generic, Protocol, TypeVar

from omnillm.admission.asks import Ask, Lease, Need, Refusal, Ticket

QuestionT = TypeVar("QuestionT", bound=Ask | Need)
AskedT_contra = TypeVar("AskedT_contra", bound=Ask | Need, contravariant=True)
AnswerT = TypeVar("AnswerT", bound=Ticket | Lease)


class Waiter(Generic[QuestionT]):
    """One question that stands in the queue; `size` is in tokens or nano-USD, `until` is when it is refused at the latest."""

    __slots__ = ("caller", "case_id", "lane", "question", "size", "until")

    def __init__(self, question: QuestionT, caller: str, lane: Hashable, size: int) -> None:
        self.question = question
        self.case_id = question.case_id
        self.caller = caller
        self.lane = lane
        self.size = size
        self.until = question.queue_until


class Line(Generic[QuestionT]):
    """The waiters of one caller."""

    __slots__ = ("lanes", "spent", "turn")

    def __init__(self, spent: int, turn: int) -> None:
        self.lanes: dict[Hashable, deque[Waiter[QuestionT]]] = {}
        self.spent = spent
        self.turn = turn


Place = tuple[int, int, Line[QuestionT]]
"""(spent, turn, line): of no two lines are the first two the same."""


class Lane:
    """All who wait in lanes of one name, whoever they are."""

    __slots__ = ("smallest", "waiters")

    def __init__(self) -> None:
        self.waiters = 0
        self.smallest: float = inf
        """None of those who are the first of their lines' asks for less."""


class Earmarks(Protocol[AskedT_contra]):
    """Room that is kept for some of those who wait. `attempt` does not count what is kept for the one that asks."""

    def keep(self, question: AskedT_contra, now: float, /) -> None: ...

    def renew(self, now: float) -> None: ...

    def drop(self, case_id: str) -> bool:
        """Of a case that no longer waits. True: room was kept for it, which others may have now."""


class Queue(Generic[QuestionT, AnswerT]):
    """`attempt` answers a question or, while it may wait, returns the moment before which asking again is no use (unless `stir` is called).

    `refuse` says why a question would be refused even if nobody stood before it, without answering it. `is_larger_vain`: where one
    question found no room, a larger one in a lane of the same name will find none either, and is not tried.
    """

    def __init__(
        self,
        attempt: Callable[[QuestionT, float], AnswerT | Refusal | float],
        refuse: Callable[[QuestionT, float], Refusal | None],
        *,
        is_larger_vain: bool = False,
        earmarks: Earmarks[QuestionT] | None = None,
    ) -> None:
        self.waiters: dict[str, Waiter[QuestionT]] = {}
        self._attempt = attempt
        self._refuse = refuse
        self._is_larger_vain = is_larger_vain
        self._earmarks = earmarks
        self._lines: dict[str, Line[QuestionT]] = {}
        self._order: list[Place[QuestionT]] = []
        """Of all lines, the next one first."""
        self._lanes: dict[Hashable, Lane] = {}
        self._hopeful = 0
        """Lanes in which somebody may ask for less than was just asked for in vain."""
        self._fresh: dict[str, Line[QuestionT]] = {}
        """Lines with a head that has not been tried yet."""
        self._spent: dict[str, int] = {}
        """Where the lines of callers who wait no more left off, until nobody waits."""
        self._is_stirred = False
        self._wakes_at = inf
        self._next_until = inf
        self._level = 0
        self._turn = 0

    def join(self, waiter: Waiter[QuestionT]) -> None:
        """A case waits for one thing at a time: a later question takes the place of an earlier one."""
        self.leave(waiter.case_id)
        self.waiters[waiter.case_id] = waiter
        line = self._lines.get(waiter.caller)
        if line is None:
            self._turn += 1
            spent = max(self._level, self._spent.pop(waiter.caller, 0))
            line = self._lines[waiter.caller] = Line(spent, self._turn)
            insort(self._order, (line.spent, line.turn, line))
        everybody = self._lanes.get(waiter.lane)
        if everybody is None:
            everybody = self._lanes[waiter.lane] = Lane()
        everybody.waiters += 1
        if waiter.size < everybody.smallest:
            everybody.smallest = waiter.size
        line.lanes.setdefault(waiter.lane, deque()).append(waiter)
        self._fresh[waiter.caller] = line
        self._next_until = min(self._next_until, waiter.until)

    def leave(self, case_id: str) -> None:
        """Idempotent."""
        waiter = self.waiters.pop(case_id, None)
        if waiter is None:
            return
        if self._earmarks is not None and self._earmarks.drop(case_id):
            self._is_stirred = True
        line = self._lines[waiter.caller]
        lane = line.lanes[waiter.lane]
        everybody = self._lanes[waiter.lane]
        lane.remove(waiter)
        if not lane:
            del line.lanes[waiter.lane]
        elif lane[0].size < everybody.smallest:
            everybody.smallest = lane[0].size
        everybody.waiters -= 1
        if not everybody.waiters:
            del self._lanes[waiter.lane]
        if line.lanes:
            self._fresh[waiter.caller] = line
        else:
            del self._lines[waiter.caller]
            self._displace(line)
            self._fresh.pop(waiter.caller, None)
            self._spent[waiter.caller] = line.spent
        if not self.waiters:
            self._spent.clear()

    def turn_away(self, waiter: Waiter[QuestionT], now: float) -> AnswerT | Refusal | None:
        """Of a waiter that `serve` did not serve: its answer if it cannot or will not wait, and then it has left. None: it stays."""
        if waiter.until <= now:
            return self._last_answer(waiter, now)
        if self._lines[waiter.caller].lanes[waiter.lane][0] is waiter:
            return None  # tried a moment ago
        refusal = self._refuse(waiter.question, now)
        if refusal is not None:
            self.leave(waiter.case_id)
        return refusal

    def stir(self) -> None:
        """Something changed that may serve, or doom, any waiter."""
        self._is_stirred = True

    def serve(self, now: float) -> list[AnswerT | Refusal]:
        """Answers every waiter that can be answered, in fair order."""
        served = self._serve_all(now)
        while self._is_stirred:
            served += self._serve_all(now)
        return served

    def _serve_all(self, now: float) -> list[AnswerT | Refusal]:
        """One round. Whoever leaves the queue in it may make room for others, which the next round finds."""
        if self._earmarks is not None:
            self._earmarks.renew(now)
        order = self._to_ask(now)
        served: list[AnswerT | Refusal] = []
        vain: dict[Hashable, int] = {}
        self._hopeful = len(self._lanes)
        at = 0
        while self._hopeful and at < len(order):
            line = order[at][2]
            answer = self._serve_one(line, vain, now)
            if answer is None:
                at += 1
                continue
            served.append(answer)
            if order is not self._order:
                del order[at]
                if line.lanes:
                    insort(order, (line.spent, line.turn, line))
        if order is self._order:
            for name, size in vain.items():
                self._lanes[name].smallest = size  # nobody who might ask for less was left out
        self._fresh.clear()
        return served

    def _to_ask(self, now: float) -> list[Place[QuestionT]]:
        """The lines of this round: all of them, in the list in which whoever is served, or leaves, changes place; or the fresh ones."""
        if not self._is_stirred and now < self._wakes_at:
            return sorted((line.spent, line.turn, line) for line in self._fresh.values())
        self._wakes_at = inf
        self._is_stirred = False
        return self._order

    def _displace(self, line: Line[QuestionT]) -> None:
        del self._order[bisect_left(self._order, (line.spent, line.turn))]

    def _serve_one(self, line: Line[QuestionT], vain: dict[Hashable, int], now: float) -> AnswerT | Refusal | None:
        """The first of the line's lanes whose head can be answered. `vain`: by lane, the smallest size just asked for in vain."""
        for name, lane in line.lanes.items():
            waiter = lane[0]
            if waiter.size >= vain.get(name, inf):
                continue
            answer = self._attempt(waiter.question, now)
            if isinstance(answer, float):
                self._wakes_at = min(self._wakes_at, answer)
                if self._earmarks is not None and name not in vain:
                    self._earmarks.keep(waiter.question, now)
                if self._is_larger_vain:
                    vain[name] = waiter.size
                    self._hopeful -= waiter.size <= self._lanes[name].smallest
                continue
            if not isinstance(answer, Refusal):
                self._level = max(self._level, line.spent)
                self._displace(line)
                line.spent += max(1, waiter.size)
                self._turn += 1
                line.turn = self._turn
                insort(self._order, (line.spent, line.turn, line))
            self.leave(waiter.case_id)
            return answer
        return None

    def expire(self, now: float) -> list[AnswerT | Refusal]:
        """The last answer of everybody who is out of time."""
        if now < self._next_until:
            return []
        expired = [waiter for waiter in self.waiters.values() if waiter.until <= now]
        answers = [self._last_answer(waiter, now) for waiter in expired]
        self._next_until = min((waiter.until for waiter in self.waiters.values()), default=inf)
        return answers

    def _last_answer(self, waiter: Waiter[QuestionT], now: float) -> AnswerT | Refusal:
        self.leave(waiter.case_id)
        answer = self._attempt(waiter.question, now)
        assert not isinstance(answer, float), "who is out of time does not wait"
        return answer
