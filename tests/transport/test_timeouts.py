"""One sweep instead of a timer a call."""

from functools import partial

import pytest

from omnillm.transport.timeouts import Deadlines, do_all


class Item:
    def __init__(self, due):
        self.due = due
        self.expired = []

    def expire(self, now):
        self.expired.append(now)


def test_sweep_expires_what_is_due_and_nothing_else():
    """At its very moment; infinity never comes."""
    deadlines = Deadlines()
    early, late, never = Item(10.0), Item(20.0), Item(float("inf"))
    for item in (early, late, never):
        deadlines.add(item)
    deadlines.sweep(9.9)
    assert early.expired == []
    deadlines.sweep(10.0)
    assert (early.expired, late.expired, never.expired) == ([10.0], [], [])


def test_deadline_moves_by_assignment():
    """Nobody has to be told."""
    deadlines = Deadlines()
    item = Item(10.0)
    deadlines.add(item)
    item.due = 30.0
    deadlines.sweep(20.0)
    assert item.expired == []


def test_items_may_leave_while_the_sweep_expires_them():
    """Expiring usually ends an item's life."""
    deadlines = Deadlines()

    class Leaving(Item):
        def expire(self, now):
            super().expire(now)
            deadlines.discard(self)

    items = [Leaving(1.0) for _ in range(5)]
    for item in items:
        deadlines.add(item)
    deadlines.sweep(2.0)
    deadlines.sweep(3.0)
    assert all(item.expired == [2.0] for item in items)
    deadlines.discard(items[0])


def test_one_that_fails_keeps_no_other_from_its_end():
    """All that are due expire, whatever their order, and the failure is told."""
    deadlines = Deadlines()

    class Broken(Item):
        def expire(self, now):
            raise KeyError

    items = [Item(1.0) for _ in range(20)]
    for item in (*items[:10], Broken(1.0), *items[10:]):
        deadlines.add(item)
    with pytest.raises(KeyError):
        deadlines.sweep(2.0)
    assert all(item.expired == [2.0] for item in items)


def test_of_two_that_fail_neither_is_lost():
    """The last failure is raised, and the one before it is its context; what stands between and behind them is done."""
    done = []
    acts = (partial(int, "first"), partial(done.append, 1), partial(int, "second"), partial(done.append, 2))
    with pytest.raises(ValueError, match="second") as caught:
        do_all(acts)
    assert "first" in str(caught.value.__context__)
    assert done == [1, 2]
