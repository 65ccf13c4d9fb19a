"""Where one found no room, a larger one is not tried; whoever asks for less is, whatever stands before it."""

from math import inf

from omnillm.admission.asks import Lease
from omnillm.admission.queue import Queue, Waiter
from omnillm.keys.terms import Need


class Room:
    """One lane of a queue, and room for so many tokens."""

    def __init__(self):
        self.tokens = 0
        self.served = []
        self.queue = Queue(self.attempt, lambda *_: None, self.served.append)

    def attempt(self, need, _now):
        if need.tokens > self.tokens:
            return inf
        self.tokens -= need.tokens
        return Lease(lease_id=1, case_id=need.case_id, provider="p", key="a", model="m")

    def wait(self, caller, tokens):
        """A case, named after both, that waits."""
        need = Need(case_id=f"{caller}-{tokens}", targets=(), tokens=tokens, queue_until=100.0)
        assert self.queue.join(Waiter(need, caller, ("lane",), tokens), 0.0) is None

    def serve(self, tokens):
        """Who is served when there is room for so many."""
        self.tokens = tokens
        self.served.clear()
        self.queue.stir()
        self.queue.serve(0.0)
        return [answer.case_id for answer in self.served]


def test_a_smaller_call_that_came_forward_is_tried_behind_a_larger_one_in_vain():
    """The large one before it has left; the other caller's, whose turn it is, is still too large."""
    room = Room()
    for caller, tokens in (("other", 50), ("own", 100), ("own", 10)):
        room.wait(caller, tokens)
    assert not room.serve(5)
    room.queue.leave("own-100")
    assert room.serve(20) == ["own-10"]


def test_a_newcomer_in_vain_speaks_for_nobody_who_waits_for_less():
    """It alone was tried when it came."""
    room = Room()
    room.wait("own", 10)
    room.wait("own", 11)
    assert room.serve(10) == ["own-10"]
    room.wait("other", 50)
    assert room.serve(20) == ["own-11"]


def test_a_round_that_ended_early_speaks_for_nobody_behind():
    """The smallest that was tried in vain is not the smallest that waits."""
    room = Room()
    for caller, tokens in (("a", 30), ("b", 20), ("c", 10)):
        room.wait(caller, tokens)
    assert not room.serve(5)
    assert room.serve(15) == ["c-10"]
    room.wait("c", 12)
    assert room.serve(15) == ["c-12"]
    assert room.serve(50) == ["a-30", "b-20"]


def test_nothing_is_kept_of_those_who_wait_no_more():
    """Lanes have the names of cases, and there are ever new ones."""
    room = Room()
    for caller, tokens in (("a", 30), ("a", 31), ("b", 20)):
        room.wait(caller, tokens)
    assert room.serve(30) == ["a-30"]
    for case in ("a-31", "b-20", "b-20"):
        room.queue.leave(case)
    queue = room.queue
    assert not any((queue.waiters, queue._lines, queue._order, queue._sizes, queue._left_off))
