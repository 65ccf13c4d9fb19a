"""Who waits, in which line and lane, and what for: what a queue keeps."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from omnillm.admission.asks import Ask
from omnillm.keys.terms import Need

QuestionT = TypeVar("QuestionT", bound=Ask | Need)


class Waiter(Generic[QuestionT]):
    """One question that stands in the queue; `size` is in tokens or nano-USD, `until` is when it is refused at the latest."""

    __slots__ = ("caller", "case_id", "lane", "number", "question", "size", "sources", "until")

    def __init__(self, question: QuestionT, caller: str, lane: Hashable, size: int, *, sources: tuple[Hashable, ...] = ()) -> None:
        """`sources`: names of all that it needs its size of; the lane itself, if none are given."""
        self.question = question
        self.case_id = question.case_id
        self.caller = caller
        self.lane = lane
        self.size = size
        self.sources = sources or (lane,)
        self.number = 0
        """In which order they came."""
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


Head = tuple[int, int, Waiter[QuestionT]]
"""(size, number, waiter): of no two waiters are the first two the same."""


class Source(Generic[QuestionT]):
    """What is waited for a part of, by whomever: the keys of a lane, the money of a budget."""

    __slots__ = ("heads", "lanes")

    def __init__(self) -> None:
        self.heads: list[Head[QuestionT]] = []
        """The first of each line's lane that draws on it, the smallest first."""
        self.lanes: set[Hashable] = set()
        """Names of the lanes that draw on it."""


class Sources(dict[Hashable, Source[QuestionT]]):
    """All that is waited for, by name."""

    def come_forward(self, waiter: Waiter[QuestionT]) -> None:
        """It is the first of its line's lane now."""
        for name in waiter.sources:
            source = self.get(name)
            if source is None:
                source = self[name] = Source()
            insort(source.heads, (waiter.size, waiter.number, waiter))
            source.lanes.add(waiter.lane)

    def step_back(self, waiter: Waiter[QuestionT]) -> None:
        for name in waiter.sources:
            heads = self[name].heads
            del heads[bisect_left(heads, (waiter.size, waiter.number))]

    def forget_lane(self, waiter: Waiter[QuestionT]) -> None:
        """It was the last of all who waited there."""
        for name in waiter.sources:
            source = self[name]
            source.lanes.discard(waiter.lane)
            if not source.lanes:
                del self[name]
