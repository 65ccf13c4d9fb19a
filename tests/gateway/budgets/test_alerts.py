"""Budgets that have spent a share of their limit: told once a period."""

from msgspec.structs import replace

from omnillm.admission.asks import BudgetSnapshot
from omnillm.gateway.budgets.alerts import BudgetAlerts

TEAM = BudgetSnapshot(
    name="team", period="2026-11", limit_nanousd=1000, settled_nanousd=0, reserved_nanousd=900, is_hard=False, resets_at_wall=0.0
)


def spent(nanousd: int, period: str = "2026-11") -> BudgetSnapshot:
    return replace(TEAM, settled_nanousd=nanousd, period=period)


def test_each_threshold_is_told_once() -> None:
    """What is only held has not been spent."""
    alerts = BudgetAlerts()
    told = [[alert.permille for alert in alerts.update([spent(nanousd)])] for nanousd in (0, 799, 800, 801, 999, 1000, 5000)]
    assert told == [[], [], [800], [], [], [1000], []]


def test_a_jump_over_both_tells_the_higher() -> None:
    """One alert."""
    alerts = BudgetAlerts()
    assert [alert.permille for alert in alerts.update([spent(1200)])] == [1000]
    assert alerts.header(("other", "team")) == "team=100%"


def test_a_new_period_begins_anew() -> None:
    """What was reached belongs to the period before."""
    alerts = BudgetAlerts()
    alerts.update([spent(900)])
    assert alerts.header(("team",)) == "team=80%"
    assert alerts.update([spent(0, "2026-12")]) == []
    assert alerts.header(("team",)) == ""
    assert [alert.permille for alert in alerts.update([spent(850, "2026-12")])] == [800]
    assert [alert.permille for alert in alerts.update([spent(850, "2027-01")])] == [800], "one large call may pass it before anybody looks"


def test_what_a_rolling_budget_has_spent_falls_again() -> None:
    """Replies are told how it stands now; a threshold is told anew once it was left well behind, not when it is grazed."""
    alerts = BudgetAlerts()
    seen = []
    for nanousd in (810, 790, 805, 1000, 905, 1000, 899, 1000, 719, 800):
        told = [alert.permille for alert in alerts.update([spent(nanousd, "rolling 24h")])]
        seen.append((told, alerts.header(("team",))))
    assert seen == [
        ([800], "team=80%"),
        ([], ""),
        ([], "team=80%"),
        ([1000], "team=100%"),
        ([], "team=80%"),
        ([], "team=100%"),
        ([], "team=80%"),
        ([1000], "team=100%"),
        ([], ""),
        ([800], "team=80%"),
    ]


def test_thresholds_are_the_budgets_own() -> None:
    """Those that say nothing have the default."""
    alerts = BudgetAlerts()
    alerts.configure({"team": (333,)})
    assert [alert.permille for alert in alerts.update([spent(333)])] == [333]
    assert alerts.header(("team",)) == "team=33.3%"
    assert alerts.header(()) == ""


def test_a_budget_that_is_gone_is_told_of_no_more() -> None:
    """A reload took it out: replies name it no longer, and one of its name that comes later is another."""
    alerts = BudgetAlerts()
    alerts.configure({"team": (500,)})
    assert [alert.permille for alert in alerts.update([spent(600)])] == [500]
    alerts.configure({"team": (500, 900)})
    assert (alerts.header(("team",)), alerts.update([spent(600)])) == ("team=50%", [])
    alerts.configure({})
    assert alerts.header(("team",)) == ""
    alerts.configure({"team": (500,)})
    assert [alert.permille for alert in alerts.update([spent(600)])] == [500]
