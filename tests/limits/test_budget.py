"""Money settled and money held, by period."""

from hypothesis import given
from hypothesis import strategies as st

from omnillm.limits.budget import MOST_COUNTED, MOST_LEFT, Budget
from omnillm.pricing.cost import MAX_COST_NANOUSD

LIMIT = 100


def budget(*, is_hard=True, settled=0):
    made = Budget("b", LIMIT, is_hard=is_hard)
    made.renew("2026-11", settled, 1000.0)
    return made


def test_money_that_fits_has_room_to_the_last_nano_dollar():
    """The limit itself may be spent."""
    period = budget(settled=60).current
    assert period.has_room(40)
    assert period.is_spent(41)


def test_money_that_only_open_calls_hold_may_come_back():
    """Settled and asked fit: what stands in the way is only reserved."""
    period = budget(settled=60).current
    period.reserve(30)
    assert period.has_room(10)
    assert (period.has_room(11), period.is_spent(11)) == (False, False)
    assert (period.has_room(40), period.is_spent(40)) == (False, False)
    assert period.is_spent(41)


def test_a_soft_budget_never_refuses():
    """It counts, and somebody else warns; only what no ledger could add up is refused."""
    period = budget(is_hard=False, settled=500).current
    assert (period.has_room(10**12), period.is_spent(10**12)) == (True, False)
    almost = budget(is_hard=False, settled=MOST_COUNTED - 1).current
    assert (almost.is_spent(1), almost.is_spent(2)) == (False, True)


def test_settling_replaces_what_was_reserved():
    """By less or by more: the truth is recorded."""
    period = budget().current
    period.reserve(50)
    period.settle(50, 20)
    assert (period.settled, period.span.reserved) == (20, 0)
    period.reserve(50)
    period.settle(50, 90)
    assert (period.settled, period.span.reserved) == (110, 0)
    assert period.is_spent(0)


def test_a_new_period_begins_empty_while_the_older_one_settles():
    """A call over midnight is counted once, in the period of its reserve."""
    made = budget(settled=90)
    older = made.current
    older.reserve(10)
    made.renew("2026-12", 0, 2000.0)
    assert made.current.has_room(100)
    older.settle(10, 7)
    assert (older.settled, older.span.reserved) == (97, 0)
    assert (made.current.settled, made.current.span.reserved) == (0, 0)
    assert made.current.pair == ("b", "2026-12")
    assert made.current.resets_at_wall == 2000.0


def test_the_same_period_renewed_takes_the_balance_and_keeps_what_is_held():
    """The ledger knows better what is settled; reservations are open here."""
    made = budget(settled=1)
    made.current.reserve(5)
    made.renew("2026-11", 40, 3000.0)
    assert (made.current.settled, made.current.span.reserved, made.current.resets_at_wall) == (40, 5, 3000.0)
    assert (made.current.has_room(55), made.current.has_room(56)) == (True, False)


def test_a_lowered_limit_leaves_every_balance_as_it_is():
    """Nothing becomes negative; nothing more fits."""
    made = budget(settled=60)
    made.current.reserve(20)
    made.limit = 50
    assert made.current.is_spent(1)
    made.current.settle(20, 20)
    assert (made.current.settled, made.current.span.reserved) == (80, 0)
    made.limit = 100
    assert made.current.has_room(20)


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 10**9, 2**53 - 1, 2**53]), st.booleans()), max_size=50),
    st.sampled_from([0, 2**61, MOST_COUNTED - 2**54]),
)
def test_what_a_soft_budget_counts_can_be_added_up(calls, settled):
    """However much calls may cost: the most that one can is refused before a ledger's sum of them overflows, and never what is usual."""
    period = budget(is_hard=False, settled=settled).current
    held = []
    for amount, is_settling in calls:
        if is_settling and held:
            reserved = held.pop()
            period.settle(reserved, reserved)
        elif period.has_room(amount):
            period.reserve(amount)
            held.append(amount)
        else:
            assert period.settled + sum(held) + amount > MOST_COUNTED
        assert period.settled + sum(held) <= MOST_COUNTED < 2**63 - 500 * MAX_COST_NANOUSD


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.booleans()), max_size=50))
def test_settled_and_reserved_never_pass_a_hard_limit(calls):
    """As long as no call costs more than it reserved."""
    period = budget().current
    held = []
    for amount, cost, is_settling in calls:
        if is_settling and held:
            reserved = held.pop()
            period.settle(reserved, min(cost, reserved))
        elif period.has_room(amount):
            period.reserve(amount)
            held.append(amount)
        assert period.settled + period.span.reserved <= LIMIT
        assert period.span.reserved == sum(held)


def test_what_was_settled_turns_out_to_be_less() -> None:
    """In its own period, if that still counts; a period that is over changes nothing, and neither does one that nobody knows."""
    budget = Budget("b", 100, is_hard=True)
    budget.renew("1", 80, 0.0)
    budget.adjust("1", -50)
    assert (budget.current.span.settled, budget.current.has_room(70), budget.current.has_room(71)) == (30, True, False)
    budget.renew("2", 0, 0.0)
    budget.adjust("1", -30)
    budget.adjust("0", -30)
    assert budget.current.span.settled == 0


def test_a_bucket_that_still_counts_is_adjusted() -> None:
    """And slides out with what is left of it."""
    budget = Budget("b", 100, is_hard=True, window="rolling 24h")
    budget.renew("1", 80, 0.0)
    budget.renew("2", 10, 0.0)
    budget.adjust("1", -50)
    assert budget.current.span.settled == 40
    budget.expire("1")
    assert budget.current.span.settled == 10


def test_a_period_that_is_begun_again_is_as_it_was_left() -> None:
    """A clock that was ahead gives nobody its money twice: neither that of today, when it is set right, nor that of the day to come."""
    budget = Budget("b", 100, is_hard=True)
    budget.renew("today", 0, 0.0)
    open_call = budget.current
    open_call.reserve(30)
    budget.renew("in years", 0, 0.0)
    budget.current.reserve(60)
    budget.current.settle(60, 60)
    budget.renew("today", 0, 7.0)
    assert budget.current is open_call
    open_call.settle(30, 25)
    budget.adjust("in years", -10)
    assert (budget.current.span.settled, budget.current.span.reserved, budget.current.resets_at_wall) == (25, 0, 7.0)
    budget.renew("in years", 0, 0.0)
    assert budget.current.span.settled == 50


def test_periods_of_the_calendar_are_remembered_for_a_while() -> None:
    """A budget of days that runs for years holds the last few."""
    budget = Budget("b", 100, is_hard=True)
    for day in range(1000):
        budget.renew(str(day), 1, 0.0)
    assert [*budget._older] == [str(day) for day in range(999 - MOST_LEFT, 999)]
