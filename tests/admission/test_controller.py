"""Closing is idempotent and complete, in every order."""

from itertools import permutations

import pytest
from tests.admission.desk import Desk, budget, caller, key, pool
from tests.in_turn import in_turn

from omnillm.admission.asks import Lease, Ticket, Wait
from omnillm.outcome import Outcome, Verdict


def full_desk():
    """Every limit there is, and a call that holds some of each."""
    desk = Desk(
        pool(key("a", rpm=10, tpm=1000, max_concurrency=5)),
        callers=(caller(rpm=10, tpm=1000, max_concurrency=5),),
        budgets=(budget("b"), budget("d")),
    )
    case = desk.ticket(100, caller="c", tokens=50, budgets=("b", "d"))
    return desk, case, desk.lease(case, tokens=50)


def is_empty(desk):
    return (
        not desk.controller._holdings
        and not desk.controller._leasing.grants
        and desk.key().in_flight == 0
        and desk.key().tpm_inflight == 0
        and desk.money("b")[1] == desk.money("d")[1] == 0
        and desk.controller._tickets._allowances["c"].in_use == 0
    )


CLOSES = {
    "release": lambda desk, case, lease: desk.release(lease, used=30),
    "settle": lambda desk, case, lease: desk.settle(case, 70, tokens=30),
    "cancel": lambda desk, case, lease: desk.cancel(case),
}


@in_turn("order", [*permutations(["release", "settle", "cancel"]), *permutations(["release", "settle"])], ids="-".join)
def test_in_every_order_each_thing_is_given_back_once(order):
    """And twice over changes nothing more."""
    desk, case, lease = full_desk()
    for name in order:
        CLOSES[name](desk, case, lease)
    assert is_empty(desk)
    money, tokens = desk.money(), desk.key().tpm_used
    for name in (*order, *reversed(order)):
        CLOSES[name](desk, case, lease)
    assert is_empty(desk)
    assert (desk.money(), desk.key().tpm_used) == (money, tokens)
    assert money == ((70, 0) if order.index("settle") < (order.index("cancel") if "cancel" in order else 9) else (0, 0))


def test_cancel_alone_gives_everything_back():
    """Ticket, leases, and a place in the queue."""
    desk, case, _ = full_desk()
    desk.lease(case)
    desk.lease(pinned="a")
    desk.ask_lease(case, tokens=900, queue=50.0)
    desk.cancel(case)
    assert [out.case_id for out in desk.controller._leasing.grants.values()] == ["case-2"]
    desk.cancel("case-2")
    assert is_empty(desk)
    desk.tick(100.0)
    assert desk.served == {}


def test_a_case_lives_until_its_last_lease_is_released():
    """Settled first, as when a stream is drained after its client left."""
    desk, case, lease = full_desk()
    desk.settle(case, 70)
    assert desk.controller._holdings.keys() == {case}
    desk.release(lease)
    assert is_empty(desk)


def test_asking_twice_for_admission_is_answered_once():
    """The same ticket; nothing is taken again."""
    desk, case, _ = full_desk()
    again = desk.admit(100, caller="c", case=case, tokens=50, budgets=("b", "d"))
    assert isinstance(again, Ticket)
    assert desk.money() == (0, 100)
    assert desk.controller._tickets._allowances["c"].in_use == 1


def test_a_lease_from_before_the_admission_belongs_to_the_case():
    """Cancel finds it, and release finds its case."""
    desk = Desk(budgets=(budget(),))
    first, second = desk.lease("x"), desk.lease("x")
    desk.ticket(10, case="x", budgets=("b",))
    desk.release(first)
    desk.cancel("x")
    desk.release(second)
    assert desk.key().in_flight == 0
    assert desk.money() == (0, 0)
    assert not desk.controller._holdings


def test_a_settled_case_that_is_admitted_again_reserves_again():
    """Otherwise the second call would spend money that nobody holds."""
    desk, case, lease = full_desk()
    desk.settle(case, 70)
    desk.ticket(100, caller="c", case=case, tokens=50, budgets=("b",))
    assert desk.money() == (70, 100)
    desk.release(lease)
    desk.settle(case, 10)
    assert desk.money() == (80, 0)
    assert is_empty(desk)


def test_what_nobody_knows_is_nothing():
    """Ids of long ago, or of another process."""
    desk = Desk()
    desk.controller.sent(77, desk.now)
    desk.controller.release(77, Outcome(verdict=Verdict.KEY_DEAD), desk.now)
    desk.controller.settle("nobody", 5, desk.now)
    desk.controller.cancel("nobody", desk.now)
    assert desk.controller.extend("nobody", 5, desk.now) is not None
    desk.controller.tick(desk.now)
    assert not desk.served


@pytest.mark.parametrize("end", ["refused", "served", "cancelled"])
def test_a_wait_without_a_ticket_leaves_nothing_behind(end):
    """However it ends."""
    desk = Desk(pool(key("a", max_concurrency=1)))
    running = desk.lease()
    assert isinstance(desk.ask_lease("x", queue=5.0), Wait)
    if end == "refused":
        desk.tick(5.0)
    elif end == "served":
        desk.release(running)
        desk.release(desk.served["x"])
    desk.cancel("x")
    desk.cancel(running.case_id)
    assert not desk.controller._holdings
    assert not desk.controller._needs.waiters
    assert desk.key().in_flight == 0


def test_a_call_may_be_settled_while_it_waits_for_a_key():
    """The wait ends as it would; nothing is lost or raised."""
    desk = Desk(pool(key("a", max_concurrency=1)), budgets=(budget(),))
    desk.lease()
    case = desk.ticket(10, budgets=("b",))
    desk.ask_lease(case, queue=5.0)
    desk.settle(case, 0)
    desk.tick(5.0)
    assert desk.served[case].code == "all_keys_limited"
    assert desk.money() == (0, 0)


def test_a_full_queue_leaves_nothing_behind():
    """Not even the case."""
    desk = Desk(pool(key("a", max_concurrency=1)), queue_depth=0)
    desk.lease("running")
    desk.ask_lease("x", queue=5.0)
    assert desk.controller._holdings.keys() == {"running"}


def test_lease_ids_are_never_used_twice():
    """Also after everything was given back."""
    desk = Desk()
    seen = set()
    for _ in range(50):
        lease = desk.lease()
        seen.add(lease.lease_id)
        desk.cancel(lease.case_id)
    assert len(seen) == 50


def test_a_stale_connection_keeps_its_lease():
    """Sent again on the same one, and counted once."""
    desk = Desk(pool(key("a", rpm=10, tpm=100)))
    lease = desk.lease(tokens=40)
    desk.now += 2.0
    desk.controller.sent(lease.lease_id, desk.now)
    assert (desk.key().rpm_used, desk.key().tpm_used) == (1, 40)
    desk.release(lease, used=10)
    assert (desk.key().rpm_used, desk.key().tpm_used) == (1, 10)
    assert isinstance(desk.ask_lease(), Lease)
