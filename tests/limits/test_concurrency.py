"""How many at a time."""

from omnillm.limits.concurrency import Concurrency


def test_full_at_its_limit_and_free_again_when_one_is_given_back():
    """An exact count."""
    slots = Concurrency(2)
    slots.in_use += 1
    assert not slots.is_full
    slots.in_use += 1
    assert slots.is_full
    slots.in_use -= 1
    assert not slots.is_full


def test_without_a_limit_it_counts_all_the_same():
    """0 = no limit."""
    slots = Concurrency(0)
    for _ in range(100):
        slots.in_use += 1
    assert not slots.is_full
    assert slots.in_use == 100


def test_a_lowered_limit_fills_it_until_enough_are_given_back():
    """Nobody is thrown out."""
    slots = Concurrency(3)
    for _ in range(3):
        slots.in_use += 1
    slots.limit = 1
    slots.in_use -= 1
    assert slots.is_full
    slots.in_use -= 1
    slots.in_use -= 1
    assert not slots.is_full
