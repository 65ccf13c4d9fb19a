"""The budget of a program's own."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnillm import BudgetTracker, ConfigError


def test_what_is_held_counts_until_it_is_settled() -> None:
    """The worst case is reserved; the real cost takes its place, and the rest is free again."""
    tracker = BudgetTracker("1.00")
    assert tracker.try_reserve("0.60")
    assert not tracker.try_reserve("0.400000001")
    assert (tracker.held_usd, tracker.used_usd, tracker.remaining_usd) == (Decimal("0.6"), 0, Decimal("0.4"))
    tracker.settle("0.60", "0.25")
    assert (tracker.held_usd, tracker.used_usd, tracker.remaining_usd) == (0, Decimal("0.25"), Decimal("0.75"))
    assert tracker.limit_usd == 1
    assert repr(tracker) == "BudgetTracker(limit_usd=1, used_usd=0.25, held_usd=0)"


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60))))
def test_a_limit_is_never_exceeded_by_what_is_granted(asked: list[tuple[int, int]]) -> None:
    """Whatever is reserved and settled at no more than that."""
    tracker = BudgetTracker(100)
    for amount, cost in asked:
        if tracker.try_reserve(amount):
            assert tracker.used_usd + tracker.held_usd <= tracker.limit_usd
            tracker.settle(amount, min(cost, amount))


def test_what_was_not_reserved_is_not_settled() -> None:
    """A second settlement would count the same money twice; a float, and less than nothing, are no money."""
    tracker = BudgetTracker(1)
    assert tracker.try_reserve("0.5")
    tracker.settle("0.5", "0.6")  # the truth is recorded, though it is above the bound
    assert tracker.remaining_usd == Decimal("0.4")
    with pytest.raises(ValueError, match="reserved"):
        tracker.settle("0.5", 0)
    for wrong in (0.5, "-1", "0.0000000001"):
        with pytest.raises(ValueError, match="amount_usd"):
            tracker.try_reserve(wrong)
        with pytest.raises(ConfigError):
            BudgetTracker(wrong)
