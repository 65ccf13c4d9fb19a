"""How many texts of tags a caller's calls may have in a day."""

from hypothesis import given
from hypothesis import strategies as st

from omnillm.gateway.tag_sets import OTHER, TagSets


@given(st.lists(st.tuples(st.sampled_from(["ada", "bob"]), st.integers(0, 9)), max_size=60), st.integers(1, 4))
def test_a_caller_has_so_many_and_no_other_callers_are_spent(calls: list[tuple[str, int]], most: int) -> None:
    """The first that came, for the whole day; whatever comes beyond keeps its virtual key's own, and says so."""
    sets = TagSets(most)
    first: dict[str, list[int]] = {"ada": [], "bob": []}
    for caller, number in calls:
        mine = first[caller]
        if number not in mine and len(mine) < most:
            mine.append(number)
        expected = f"run={number},env=prod" if number in mine else f"env=prod,{OTHER}"
        assert sets.kept(f"run={number},env=prod", caller, "env=prod", "2026-11-29") == expected


def test_a_new_day_begins_anew_and_a_late_call_of_the_old_one_does_not() -> None:
    """A call has the day on which it began: one that ends after midnight begins no day again."""
    sets = TagSets(1)
    told = [sets.kept(tags, "ada", "", day) for tags, day in (("a=1", "2026-11-28"), ("a=2", "2026-11-28"), ("a=2", "2026-11-29"))]
    assert told == ["a=1", OTHER, "a=2"]
    assert [sets.kept(tags, "ada", "", day) for tags, day in (("a=3", "2026-11-28"), ("a=4", "2026-11-29"))] == [OTHER, OTHER]


def test_a_clock_that_was_ahead_spends_no_later_day() -> None:
    """Of the years to come for a moment: the days until then have their own texts all the same."""
    sets = TagSets(1)
    days = ("2026-11-29", "2031-01-03", "2026-11-29", "2026-11-30", "2026-12-01", "2031-01-03")
    assert [sets.kept(f"a={number}", "ada", "", day) for number, day in enumerate(days)] == ["a=0", "a=1", OTHER, "a=3", "a=4", "a=5"]


def test_the_keys_own_tags_are_its_operators_and_always_kept() -> None:
    """They are no more than keys."""
    sets = TagSets(1)
    assert sets.kept("a=1", "ada", "env=prod", "2026-11-29") == "a=1"
    assert sets.kept("env=prod", "ada", "env=prod", "2026-11-29") == "env=prod"
