"""What a call costs, in interpreter instructions: the same on every machine, however busy it is."""

import sys
from random import Random

import pytest
from tests.admission.desk import Desk, budget, caller, key, pool

from omnillm.admission.asks import Lease, Wait
from omnillm.outcome import Outcome, Verdict

OUTCOME = Outcome(verdict=Verdict.SUCCESS, tokens=150, first_byte_s=0.01)


def instructions(work):
    """How many the interpreter executes for `work()`."""
    count = 0

    def on_instruction(frame, event, _argument):
        nonlocal count
        count += event == "opcode"
        return on_instruction

    def on_call(frame, _event, _argument):
        frame.f_trace_opcodes = True
        return on_instruction

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def busy_desk(keys):
    """Limits everywhere, none of them reached."""
    limits = {"rpm": 10**9, "tpm": 10**12}
    return Desk(
        pool(*[key(f"k{number}", **limits) for number in range(keys)]),
        callers=(caller(**limits, max_concurrency=1000),),
        budgets=(budget(limit=10**18),),
    )


def cycle(desk):
    """One call from admission to settlement, its questions made beforehand."""
    ask = desk.ask(1000, caller="c", budgets=("b",), tokens=300, queue=10.0)
    need = desk.need(ask.case_id, tokens=300, queue=10.0)
    verbs, now = desk.controller, desk.now

    def work():
        verbs.admit(ask, now)
        lease = verbs.lease(need, now)
        verbs.sent(lease.lease_id, now)
        verbs.release(lease.lease_id, OUTCOME, now)
        verbs.settle(ask.case_id, 500, now, 150)

    return work


def cost_of_a_call(keys):
    desk = busy_desk(keys)
    for _ in range(12 * keys):
        cycle(desk)()
    return sum(instructions(cycle(desk)) for _ in range(50)) / 50


def test_a_call_costs_the_same_with_a_thousand_keys():
    """Within five per cent; and the whole of it stays below what it was when this was written."""
    few = cost_of_a_call(4)
    assert few < 1230
    assert cost_of_a_call(1000) < 1.05 * few


def cost_of_a_release(keys, callers, *, sizes=(200, 400), each=3):
    """In overload: all keys taken, and calls of many sizes waiting, so many of each caller."""
    desk = Desk(
        pool(*[key(f"k{number}", max_concurrency=1, tpm=10**9) for number in range(keys)]),
        callers=tuple(caller(f"c{number}") for number in range(callers)),
        queue_depth=each * callers,
    )
    dice = Random(1)
    out = [desk.lease() for _ in range(keys)]
    for number in range(each * callers):
        case = desk.ticket(caller=f"c{number % callers}")
        assert isinstance(desk.ask_lease(case, tokens=dice.randrange(*sizes), queue=1000.0), Wait)
    costs = []
    for _ in range(10):
        lease = out.pop()
        before = len(desk.order)
        costs.append(instructions(lambda lease=lease: desk.controller.release(lease.lease_id, OUTCOME, desk.now)))
        [served] = [desk.served[case] for case in desk.order[before:]]
        assert isinstance(served, Lease)
        out.insert(0, served)
    return sum(costs) / len(costs)


@pytest.mark.parametrize(("keys", "callers"), [(300, 4), (4, 100), (100, 30)])
def test_in_overload_a_release_looks_at_few_keys_and_few_waiters(keys, callers):
    """Not at every key, nor for every caller that waits."""
    assert cost_of_a_release(keys, callers) < 1.3 * cost_of_a_release(4, 4) + 60 * callers


def test_a_wake_up_ends_with_the_last_who_can_hope():
    """A thousand callers wait for as much: whoever comes behind one that asked in vain is not looked at."""
    assert cost_of_a_release(4, 1000, sizes=(200, 201), each=1) < 1.1 * cost_of_a_release(4, 100, sizes=(200, 201), each=1)


def cost_of_money_that_comes_back(callers, shared):
    """For each who is served. So many callers wait for money of one budget, each for another amount, and it comes back bit by bit.

    `shared`: those who wait draw on that budget alone; else each has one of its own, too.
    """
    names = [f"c{number}" for number in range(callers)]
    own = [] if shared else [budget(name, limit=10**9) for name in names]
    desk = Desk(pool(), callers=tuple(map(caller, names)), budgets=(budget("b", limit=100_000), *own), queue_depth=callers)
    held = [desk.ticket(1000, budgets=("b",)) for _ in range(100)]
    for number, name in enumerate(names):
        assert isinstance(desk.admit(200 + number * 997 % 5000, caller=name, budgets=("b",) if shared else ("b", name), queue=10.0), Wait)
    costs = [instructions(lambda case=case: desk.settle(case, 200)) for case in held[:20]]
    assert len(desk.order) > 10
    return sum(costs) / len(desk.order)


@pytest.mark.parametrize(("shared", "each"), [(True, 100), (False, 700)])
def test_money_that_comes_back_is_offered_to_few(shared, each):
    """Of those who draw on the same budgets, whoever needs more than there is is not asked: it costs few instructions more."""
    assert cost_of_money_that_comes_back(200, shared) < cost_of_money_that_comes_back(100, shared) + 100 * each
