"""Who waits, and who is next: fair between callers, first come first served within one.

A caller's line has a lane for each thing that can be waited for (the same targets, the same budgets), because a call that waits for one
provider must not hold up another that could have a different one. Between lines the one that was given the fewest tokens goes first, which
is round-robin for calls of one size. A line that begins to wait starts level with the line served last, or where it left off, if that is
further: nobody saves up, and nobody is owed anything for coming back.

All lines stand in that order all the time, and those who are first are known by size, too. So a wake-up looks at those whom it concerns,
and at none of them once nobody is left who asks for less than there is no room for.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from math import inf
from typing import Final, Generic, Protocol, TypeVar

from omnillm.admission.asks import Ask, Lease, Refusal, Ticket
from omnillm.admission.line import Head, Line, Place, QuestionT, Sources, Waiter
from omnillm.keys.terms import Need

AskedT_contra = TypeVar("AskedT_contra", bound=Ask | Need, contravariant=True)
AnswerT = TypeVar("AnswerT", bound=Ticket | Lease)
FEW: Final = 8
"""If fewer than one in so many of a round can still hope, they alone are asked."""


class Earmarks(Protocol[AskedT_contra]):
    """Room that is kept for some of those who wait. `attempt` does not count what is kept for the one that asks."""

    def keep(self, question: AskedT_contra, now: float, /) -> None: ...

    def renew(self, now: float) -> None: ...

    def drop(self, case_id: str) -> bool:
        """Of a case that no longer waits. True: room was kept for it, which others may have now."""


class Queue(Generic[QuestionT, AnswerT]):
    """`attempt` answers a question or, while it may wait, returns the moment before which asking again is no use (unless `stir` is called).

    `refuse` says why a question would be refused even if nobody stood before it, without answering it. Where one question found no room, a
    larger one that draws on the same source will find none either, and is not tried. `lack` says which source that is, and the least that
    it has no room for; without it that is the lane, and the size that was asked for. What is lacking then may be gone for good, for the
    largest first, and who waits for it is refused.
    """

    def __init__(
        self,
        attempt: Callable[[QuestionT, float], AnswerT | Refusal | float],
        refuse: Callable[[QuestionT, float], Refusal | None],
        *,
        lack: Callable[[QuestionT], tuple[Hashable, int]] | None = None,
        earmarks: Earmarks[QuestionT] | None = None,
    ) -> None:
        self.waiters: dict[str, Waiter[QuestionT]] = {}
        self._attempt = attempt
        self._refuse = refuse
        self._lack = lack
        self._earmarks = earmarks
        self._lines: dict[str, Line[QuestionT]] = {}
        self._order: list[Place[QuestionT]] = []
        """Of all lines, the next one first."""
        self._lanes: dict[Hashable, int] = {}
        """How many wait in lanes of each name."""
        self._sources: Sources[QuestionT] = Sources()
        self._hopeful: set[Hashable] = set()
        """In a round: lanes in which somebody may ask for less than there is no room for."""
        self._few: list[Head[QuestionT]] = []
        """In a round: all who can still hope, if they are few of those whom it asks, which are `_asked`."""
        self._asked = 0
        self._vain: dict[Hashable, int] = {}
        """In a round: the least that a source has no room for, or a lane."""
        self._fresh: dict[str, Line[QuestionT]] = {}
        """Lines with a head that has not been tried yet."""
        self._spent: dict[str, int] = {}
        """Where the lines of callers who wait no more left off, until nobody waits."""
        self._is_stirred = False
        self._stirred: set[Hashable] = set()
        """Sources that may have more room, or less for good."""
        self._number = 0
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
        self._number += 1
        waiter.number = self._number
        self._lanes[waiter.lane] = self._lanes.get(waiter.lane, 0) + 1
        lane = line.lanes.setdefault(waiter.lane, deque())
        lane.append(waiter)
        if lane[0] is waiter:
            self._sources.come_forward(waiter)
            self._hopeful.add(waiter.lane)
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
        self._take_out(waiter, line)
        if line.lanes:
            self._fresh[waiter.caller] = line
        else:
            del self._lines[waiter.caller]
            self._displace(line)
            self._fresh.pop(waiter.caller, None)
            self._spent[waiter.caller] = line.spent
        if not self.waiters:
            self._spent.clear()

    def _take_out(self, waiter: Waiter[QuestionT], line: Line[QuestionT]) -> None:
        """Out of its lane; who stood behind it comes forward."""
        name = waiter.lane
        lane = line.lanes[name]
        is_first = lane[0] is waiter
        lane.remove(waiter)
        if is_first:
            self._sources.step_back(waiter)
        if not lane:
            del line.lanes[name]
        elif is_first:
            self._sources.come_forward(lane[0])
            self._hopeful.add(name)
        self._lanes[name] -= 1
        if not self._lanes[name]:
            del self._lanes[name]
            self._hopeful.discard(name)
            self._sources.forget_lane(waiter)

    def turn_away(self, waiter: Waiter[QuestionT], now: float) -> AnswerT | Refusal | None:
        """Of a waiter that `serve` did not serve: its answer if it cannot or will not wait, and then it has left. None: it stays."""
        if waiter.until <= now:
            return self._last_answer(waiter, now)
        if self._lack is None and self._lines[waiter.caller].lanes[waiter.lane][0] is waiter:
            return None  # tried a moment ago
        refusal = self._refuse(waiter.question, now)
        if refusal is not None:
            self.leave(waiter.case_id)
        return refusal

    def stir(self, sources: Iterable[Hashable] | None = None) -> None:
        """Something changed that may serve, or doom, whoever draws on one of the sources; None: any waiter."""
        if sources is None:
            self._is_stirred = True
        else:
            self._stirred.update([name for name in sources if name in self._sources])

    def serve(self, now: float) -> list[AnswerT | Refusal]:
        """Answers every waiter that can be answered, in fair order."""
        served = self._serve_all(now)
        while self._is_stirred or self._stirred:
            served += self._serve_all(now)
        return served

    def _serve_all(self, now: float) -> list[AnswerT | Refusal]:
        """One round. Whoever leaves the queue in it may make room for others, which the next round finds."""
        if self._earmarks is not None:
            self._earmarks.renew(now)
        served: list[AnswerT | Refusal] = []
        self._vain.clear()
        order = self._to_ask(now, served)
        self._asked = len(order)
        at = 0
        while self._hopeful and at < len(order):
            line = order[at][2]
            answer = self._serve_one(line, now)
            if answer is None:
                at += 1
                if self._few:
                    order, at = self._lines_of(self._few), 0
                    self._few = []
                continue
            served.append(answer)
            if order is not self._order:
                del order[at]
                if line.lanes:
                    insort(order, (line.spent, line.turn, line))
        self._fresh.clear()
        return served

    def _to_ask(self, now: float, served: list[AnswerT | Refusal]) -> list[Place[QuestionT]]:
        """The lines of this round: all of them, in the list in which whoever is served, or leaves, changes place; or the fresh ones.

        Whose wait has become hopeless is refused before.
        """
        fresh = self._fresh.values()
        if self._is_stirred or now >= self._wakes_at:
            self._wakes_at = inf
            self._hopeful = set(self._lanes)
            sources = tuple(self._sources)
        else:
            self._hopeful = {name for line in fresh for name in line.lanes}
            if not self._stirred:
                return sorted((line.spent, line.turn, line) for line in fresh)
            sources = tuple(name for name in self._stirred if name in self._sources)
            self._hopeful.update(*[self._sources[name].lanes for name in sources])
        self._is_stirred = False
        self._stirred.clear()
        if self._lack is not None:
            served += self._doomed(sources, now)
        return self._order

    def _doomed(self, sources: Iterable[Hashable], now: float) -> Iterator[Refusal]:
        """Those for whom there will be no room any more, the largest first."""
        for name in sources:
            while name in self._sources:
                refusal = self._refuse(self._sources[name].heads[-1][2].question, now)
                if refusal is None:
                    break
                self.leave(refusal.case_id)
                yield refusal

    def _displace(self, line: Line[QuestionT]) -> None:
        del self._order[bisect_left(self._order, (line.spent, line.turn))]

    def _serve_one(self, line: Line[QuestionT], now: float) -> AnswerT | Refusal | None:
        """The first of the line's lanes whose head can be answered."""
        vain = self._vain
        for name, lane in line.lanes.items():
            waiter = lane[0]
            if waiter.size >= vain.get(name, inf) or name not in self._hopeful or self._is_vain(waiter):
                continue
            answer = self._ask(waiter, line, now)
            if answer is not None:
                return answer
        return None

    def _is_vain(self, waiter: Waiter[QuestionT]) -> bool:
        """One of its sources has no room for as much, as somebody in another lane has found."""
        return self._lack is not None and any(waiter.size >= self._vain.get(name, inf) for name in waiter.sources)

    def _ask(self, waiter: Waiter[QuestionT], line: Line[QuestionT], now: float) -> AnswerT | Refusal | None:
        """Its answer, and then it has left; None: it goes on waiting."""
        answer = self._attempt(waiter.question, now)
        if isinstance(answer, float):
            self._wakes_at = min(self._wakes_at, answer)
            self._note_vain(waiter, now)
            return None
        if not isinstance(answer, Refusal):
            self._level = max(self._level, line.spent)
            self._displace(line)
            line.spent += max(1, waiter.size)
            self._turn += 1
            line.turn = self._turn
            insort(self._order, (line.spent, line.turn, line))
        self.leave(waiter.case_id)
        return answer

    def _note_vain(self, waiter: Waiter[QuestionT], now: float) -> None:
        """It was asked for in vain: whoever asks for more of the same need not try, and where all do there is no hope."""
        if self._earmarks is not None and waiter.lane not in self._vain:
            self._earmarks.keep(waiter.question, now)
        name, least = (waiter.lane, waiter.size) if self._lack is None else self._lack(waiter.question)
        self._vain[name] = self._vain[waiter.lane] = least
        source = self._sources[name]
        few = bisect_left(source.heads, (least,))
        if not few:
            self._hopeful -= source.lanes
        elif few * FEW < self._asked and len(source.lanes) == len(self._lanes):
            self._few, self._asked = source.heads[:few], few

    def _lines_of(self, heads: list[Head[QuestionT]]) -> list[Place[QuestionT]]:
        lines = [self._lines[waiter.caller] for _, _, waiter in heads]
        return sorted({(line.spent, line.turn, line) for line in lines})

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
