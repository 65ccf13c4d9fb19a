"""Calls that wait, and which of them is next: fair between callers, in turn between the lanes of one, first come first served in a lane.

Each caller has a line, and the line has a lane for each thing that calls can wait for (the same targets, the same budgets). A call that
waits for one provider must not hold up another call that could have a different one.

The line that was given the fewest tokens so far goes first. For calls of one size that is round-robin. A line that begins to wait starts
level with the line that was served last, or where it left off if that is further. So no caller gains anything by not calling for some time,
or by leaving and coming back.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable
from math import inf
from operator import attrgetter
from typing import Generic, TypeVar

from omnillm.admission.asks import Ask, Lease, Refusal, Ticket
from omnillm.admission.earmarks import Earmarks
from omnillm.keys.terms import Need

QuestionT = TypeVar("QuestionT", bound=Ask | Need)
AnswerT = TypeVar("AnswerT", bound=Ticket | Lease)
GIVEN = attrgetter("given")
Lane = tuple[Hashable, ...]
"""What a call waits for. For money: the names of its budgets."""


class Waiter(Generic[QuestionT]):
    """One question that stands in the queue; `size` is in tokens or nano-USD, `until` is when it is refused at the latest."""

    __slots__ = ("caller", "case_id", "lane", "question", "size", "until")

    def __init__(self, question: QuestionT, caller: str, lane: Lane, size: int) -> None:
        self.question = question
        self.case_id = question.case_id
        self.caller = caller
        self.lane = lane
        self.size = size
        self.until = question.queue_until


class Line(Generic[QuestionT]):
    """The waiters of one caller."""

    __slots__ = ("given", "lanes")

    def __init__(self) -> None:
        self.lanes: dict[Lane, deque[Waiter[QuestionT]]] = {}
        self.given = 0
        """Tokens or nano-USD. The line that was given least is next."""


class Queue(Generic[QuestionT, AnswerT]):
    """Questions that wait, and the functions that answer them.

    - `attempt` answers a question. If the question may wait, it returns the moment before which another try is useless (unless `stir` is
      called).
    - `refuse` says why a question would be refused even if nobody stood before it, without answering it.
    - `dooms` says whether there will never be room for a question of this size.

    If one question found no room, a larger one of the same lane finds none either, and is not tried. But if it is doomed it is tried, and
    thereby refused.
    """

    def __init__(
        self,
        attempt: Callable[[QuestionT, float], AnswerT | Refusal | float],
        refuse: Callable[[QuestionT, float], Refusal | None],
        deliver: Callable[[AnswerT | Refusal], None],
        *,
        dooms: Callable[[QuestionT, int], bool] | None = None,
        earmarks: Earmarks | None = None,
    ) -> None:
        self.waiters: dict[str, Waiter[QuestionT]] = {}
        self._attempt = attempt
        self._refuse = refuse
        self._deliver = deliver
        self._dooms = dooms
        self._earmarks = earmarks
        self._lines: dict[str, Line[QuestionT]] = {}
        self._order: list[Line[QuestionT]] = []
        """All lines. The first one is served next."""
        self._left_off: dict[str, int] = {}
        """How much callers who no longer wait were given. It is kept until nobody waits."""
        self._level = 0
        """How much the line that was served last had been given before that."""
        self._sizes: dict[Lane, list[int]] = {}
        """By lane: the sizes of the questions that stand first in it, one for each line; sorted."""
        self._is_stirred = False
        self._stirred: set[Hashable] = set()
        """Names of what there may be more room for now, or less for good."""
        self._wakes_at = inf
        self._next_until = inf

    def join(self, waiter: Waiter[QuestionT], now: float) -> AnswerT | Refusal | None:
        """The answer, if the question can be served without passing another one, or must not wait. None: it waits.

        A case waits for one thing at a time, so its new question replaces an older one.
        """
        self.leave(waiter.case_id)
        self.serve(now)
        self.waiters[waiter.case_id] = waiter
        self._next_until = min(self._next_until, waiter.until)
        line = self._lines.get(waiter.caller)
        if line is None:
            line = self._lines[waiter.caller] = Line()
            self._stand(line, max(self._level, self._left_off.pop(waiter.caller, 0)))
        lane = line.lanes.setdefault(waiter.lane, deque())
        lane.append(waiter)
        is_first = lane[0] is waiter
        if is_first:
            self._come_forward(waiter)
        if is_first or waiter.until <= now:
            answer = self._ask(waiter, now)
            if answer is None:
                self._keep(waiter, now)
            return answer
        refusal = self._refuse(waiter.question, now)
        if refusal is not None:
            self._take_out(waiter)
        return refusal

    def leave(self, case_id: str) -> None:
        """Idempotent."""
        waiter = self.waiters.get(case_id)
        if waiter is not None:
            self._is_stirred = self._take_out(waiter) or self._is_stirred

    def stir(self, names: Collection[Hashable] | None = None) -> None:
        """Something has changed for those who wait for one of these; None: perhaps for all of them."""
        if names is None:
            self._is_stirred = True
        elif self.waiters:
            self._stirred.update(names)

    def serve(self, now: float) -> None:
        """Answers every waiter that can be answered, in fair order."""
        if self._earmarks is not None:
            self._earmarks.renew(now)
        if now >= self._wakes_at:
            self._is_stirred = True
        while self._is_stirred or self._stirred:
            lanes: Iterable[Lane] = self._sizes
            if self._is_stirred:
                self._wakes_at = inf
            else:
                lanes = [lane for lane in lanes if not self._stirred.isdisjoint(lane)]
            self._is_stirred, self._stirred = False, set()
            self._serve_lanes(lanes, now)

    def expire(self, now: float) -> None:
        """Answers everybody whose time is over. Call `serve` before, so that those who can be served are, and again afterwards."""
        if now < self._next_until:
            return
        for waiter in [waiter for waiter in self.waiters.values() if waiter.until <= now]:
            self._is_stirred = True
            answer = self._ask(waiter, now)
            if answer is not None:
                self._deliver(answer)
        self._next_until = min((waiter.until for waiter in self.waiters.values()), default=inf)

    def _serve_lanes(self, lanes: Iterable[Lane], now: float) -> None:
        """Tries the first question of each lane, and those that come forward."""
        hope = dict.fromkeys(lanes, inf)
        """By lane: a question of a smaller size than this may still be served."""
        at = 0
        while hope and at < len(self._order):
            for name, lane in self._order[at].lanes.items():
                waiter = lane[0]
                if waiter.size < hope.get(name, 0):
                    answer = self._ask(waiter, now)
                    if answer is not None:
                        self._deliver(answer)
                        self._refuse_behind(waiter, now)
                        break
                    self._lower(hope, waiter, now)
            else:
                at += 1

    def _refuse_behind(self, served: Waiter[QuestionT], now: float) -> None:
        """Refuse those that come forward behind `served` and are doomed. Otherwise they might not be tried."""
        while self._dooms is not None and served.caller in self._lines and served.lane in self._lines[served.caller].lanes:
            waiter = self._lines[served.caller].lanes[served.lane][0]
            refusal = self._refuse(waiter.question, now)
            if refusal is None:
                return
            self._take_out(waiter)
            self._deliver(refusal)

    def _lower(self, hope: dict[Lane, float], waiter: Waiter[QuestionT], now: float) -> None:
        """It was tried in vain, so larger ones of its lane need not be tried."""
        if hope[waiter.lane] == inf:
            self._keep(waiter, now)
        sizes = self._sizes[waiter.lane]
        if self._dooms is None or not self._dooms(waiter.question, sizes[-1]):
            hope[waiter.lane] = waiter.size
            if sizes[0] >= waiter.size:
                del hope[waiter.lane]

    def _keep(self, waiter: Waiter[QuestionT], now: float) -> None:
        if self._earmarks is not None and isinstance(waiter.question, Need):
            self._earmarks.keep(waiter.question, now)

    def _ask(self, waiter: Waiter[QuestionT], now: float) -> AnswerT | Refusal | None:
        """Try a question. With an answer it leaves the queue; None: it goes on waiting."""
        answer = self._attempt(waiter.question, now)
        if isinstance(answer, float):
            self._wakes_at = min(self._wakes_at, answer)
            return None
        if not isinstance(answer, Refusal):
            line = self._lines[waiter.caller]
            self._level = max(self._level, line.given)
            self._order.remove(line)
            self._stand(line, line.given + max(1, waiter.size))
            line.lanes[waiter.lane] = line.lanes.pop(waiter.lane)  # the line's other lanes are next
        self._take_out(waiter)
        return answer

    def _stand(self, line: Line[QuestionT], given: int) -> None:
        """Put a line in its place: behind those that were given as much."""
        line.given = given
        insort(self._order, line, key=GIVEN)

    def _take_out(self, waiter: Waiter[QuestionT]) -> bool:
        """Remove it, and give up the room that was kept for it. True: the one behind it in its lane comes forward."""
        del self.waiters[waiter.case_id]
        if self._earmarks is not None and self._earmarks.drop(waiter.case_id):
            self._is_stirred = True
        line = self._lines[waiter.caller]
        lane = line.lanes[waiter.lane]
        is_first = lane[0] is waiter
        lane.remove(waiter)
        if is_first:
            self._step_back(waiter)
        if lane:
            if is_first:
                self._come_forward(lane[0])
            return is_first
        del line.lanes[waiter.lane]
        if not line.lanes:
            del self._lines[waiter.caller]
            self._order.remove(line)
            self._left_off[waiter.caller] = line.given
        if not self.waiters:
            self._left_off.clear()
        return False

    def _come_forward(self, waiter: Waiter[QuestionT]) -> None:
        insort(self._sizes.setdefault(waiter.lane, []), waiter.size)

    def _step_back(self, waiter: Waiter[QuestionT]) -> None:
        sizes = self._sizes[waiter.lane]
        sizes.remove(waiter.size)
        if not sizes:
            del self._sizes[waiter.lane]
