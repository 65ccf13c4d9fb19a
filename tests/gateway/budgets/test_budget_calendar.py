"""Budgets follow the calendar, and go back in it only where the clock was wrong."""

from hypothesis import given
from hypothesis import strategies as st

from omnillm.gateway.budgets.budget_calendar import WRONG_S, BudgetCalendar, Scheduled
from omnillm.gateway.budgets.periods import period_at
from omnillm.records import Balance

DAY, HOUR = 86_400.0, 3_600.0
NOON = 20_782 * DAY + 12 * HOUR
"""2026-11-25, 12:00 UTC."""


class Renewed(list):
    """What the calendar told: (budget, period, settled, end)."""

    def __call__(self, budget: str, period: str, settled_nanousd: int, ends_wall: float) -> None:
        self.append((budget, period, settled_nanousd, ends_wall))

    def expire(self, budget: str, period: str) -> None:
        self.append((budget, period, "slid out"))

    @property
    def periods(self) -> list[str]:
        return [period for _, period, _, _ in self]


def scheduled(name: str = "b", period: str = "day", zone: str = "UTC") -> Scheduled:
    return Scheduled(name=name, period=period, zone=zone)


def calendar(*budgets: Scheduled, balances: tuple[Balance, ...] = (), wall: float = NOON) -> tuple[BudgetCalendar, Renewed]:
    renewed = Renewed()
    made = BudgetCalendar(budgets, renewed, renewed.expire)
    made.load(balances, wall, 0.0)
    return made, renewed


def test_a_start_brings_back_what_was_spent_in_this_period() -> None:
    """Of this day and of the total; another day's balance is history."""
    balances = (
        Balance(budget="b", period="2026-11-25", settled_nanousd=7),
        Balance(budget="b", period="2026-11-24", settled_nanousd=100),
        Balance(budget="all", period="total", settled_nanousd=900),
    )
    _, renewed = calendar(scheduled(), scheduled("all", "total"), balances=balances)
    midnight = NOON + 12 * HOUR
    assert renewed == [("b", "2026-11-25", 7, midnight), ("all", "total", 900, 0.0)]


def test_a_period_is_renewed_at_its_end_and_not_before() -> None:
    """At midnight, once, with nothing spent."""
    made, renewed = calendar(scheduled())
    seen = []
    for wall in (NOON + 1, NOON + 12 * HOUR - 0.001, NOON + 12 * HOUR, NOON + 12 * HOUR + 1, NOON + 13 * HOUR):
        made.roll(wall, 0.0)
        seen.append(len(renewed) - 1)
    assert seen == [0, 0, 1, 1, 1]
    assert renewed[1:] == [("b", "2026-11-26", 0, NOON + 36 * HOUR)]


def test_a_clock_that_steps_back_brings_no_period_back() -> None:
    """Nor does it renew the later one again when it passes midnight a second time."""
    made, renewed = calendar(scheduled())
    midnight = NOON + 12 * HOUR
    for wall in (midnight + 5, midnight - HOUR + 5, midnight - 1, midnight + 5, midnight + 10, midnight + DAY):
        made.roll(wall, 0.0)
    assert renewed.periods == ["2026-11-25", "2026-11-26", "2026-11-27"]


def test_a_clock_that_leaps_forward_skips_what_it_slept_through() -> None:
    """A machine that was suspended for a week is in the period of now."""
    made, renewed = calendar(scheduled(), scheduled("m", "month"))
    made.roll(NOON + 7 * DAY, 0.0)
    assert renewed.periods == ["2026-11-25", "2026-11", "2026-12-02", "2026-12"]


def test_a_clock_that_was_years_ahead_is_followed_back() -> None:
    """No day of years to come is the current one until then, as calls would be refused for years once it is spent; also in a reload."""
    budgets = [scheduled(), scheduled("m", "month"), scheduled("all", "total")]
    made, renewed = calendar(*budgets)
    made.roll(NOON + 1500 * DAY, 0.0)
    made.roll(NOON + 1500 * DAY + 60, 0.0)
    made.reschedule([*budgets, scheduled("new", "month")], NOON + 120, 0.0)
    made.roll(NOON + DAY, 0.0)
    ahead, back = ["2031-01-03", "2031-01"], ["2026-11-25", "2026-11", "2026-11"]
    assert renewed.periods == ["2026-11-25", "2026-11", "total", *ahead, *back, "2026-11-26"]


def test_a_period_that_begins_within_the_hour_is_not_left_for_it() -> None:
    """A clock that was hours ahead is set right shortly before midnight: the day that it had begun goes on, and is begun once."""
    made, renewed = calendar(scheduled())
    midnight = NOON + 12 * HOUR
    for wall in (midnight + 5 * HOUR, midnight - 60, midnight + 1):
        made.roll(wall, 0.0)
    assert renewed.periods == ["2026-11-25", "2026-11-26"]


def test_a_changed_zone_is_no_step_of_the_clock() -> None:
    """Also where it is another day there, and while the clock is being corrected by minutes."""
    made, renewed = calendar(scheduled(), wall=NOON - 10 * HOUR)
    made.reschedule([scheduled(zone="America/New_York")], NOON - 10 * HOUR - 600, 0.0)
    made.roll(NOON - 9 * HOUR, 0.0)
    assert renewed.periods == ["2026-11-25"]


@given(st.lists(st.floats(-WRONG_S, 3 * DAY), max_size=40))
def test_no_period_comes_twice_while_the_clock_steps_back_by_minutes(steps: list[float]) -> None:
    """However often: the periods of a budget only go forward."""
    made, renewed = calendar(scheduled())
    latest = NOON
    for step in steps:
        made.roll(latest + step, 0.0)
        latest = max(latest, latest + step)
    assert renewed.periods == sorted(set(renewed.periods))


@given(st.lists(st.floats(-3 * DAY, 3 * DAY), max_size=40))
def test_whatever_the_clock_does_the_day_is_near(steps: list[float]) -> None:
    """A budget's day is the clock's, or for two hours that of the day before which the clock stepped back."""
    made, renewed = calendar(scheduled())
    wall = NOON
    for step in steps:
        wall += step
        made.roll(wall, 0.0)
        days = [period_at("day", "UTC", moment).id for moment in (wall, wall + 2 * WRONG_S)]
        assert days[0] <= renewed.periods[-1] <= days[1]


def test_a_reload_keeps_a_period_that_stays() -> None:
    """The budget is not told again, so that its balance is the machine's own."""
    made, renewed = calendar(scheduled())
    made.reschedule([scheduled()], NOON + 60, 0.0)
    assert renewed.periods == ["2026-11-25"]


def test_a_new_budget_begins_at_the_reload() -> None:
    """One that is gone is not renewed any more."""
    made, renewed = calendar(scheduled("old"))
    made.reschedule([scheduled("new", "month")], NOON, 0.0)
    made.roll(NOON + 2 * DAY, 0.0)
    assert [budget for budget, *_ in renewed] == ["old", "new"]


def test_a_changed_zone_ends_the_day_at_its_own_midnight() -> None:
    """The day goes on under its name, and ends when it is over there."""
    made, renewed = calendar(scheduled())
    made.reschedule([scheduled(zone="America/New_York")], NOON, 0.0)
    made.roll(NOON + 12 * HOUR, 0.0)
    assert renewed.periods == ["2026-11-25"]
    made.roll(NOON + 17 * HOUR, 0.0)
    assert renewed.periods == ["2026-11-25", "2026-11-26"]


def test_one_budget_more_begins_with_what_it_has_spent() -> None:
    """As the ledger knew it at the start; from then on it follows the calendar with the others, and a removed one no more."""
    balances = (Balance(budget="key:a", period="2026-11-25", settled_nanousd=7),)
    made, renewed = calendar(scheduled(period="month"), balances=balances)
    made.add(scheduled("key:a"), NOON, 0.0)
    made.add(scheduled("key:c", "total"), NOON, 0.0)
    assert renewed[1:] == [("key:a", "2026-11-25", 7, NOON + 12 * HOUR), ("key:c", "total", 0, 0.0)]
    made.roll(NOON + 12 * HOUR, 0.0)
    assert renewed[-1] == ("key:a", "2026-11-26", 0, NOON + 36 * HOUR)
    made.remove("key:a")
    made.remove("key:none")
    made.roll(NOON + 3 * DAY, 0.0)
    assert renewed.periods == ["2026-11", "2026-11-25", "total", "2026-11-26"]
