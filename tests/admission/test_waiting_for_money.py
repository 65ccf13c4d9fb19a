"""Who waits for money that is held: served once there is enough, refused once there never will be, and left alone in between."""

from random import Random

import pytest
from tests.admission.desk import Desk, budget, caller, pool
from tests.soak import rounds

from omnillm.admission.asks import Ticket, Wait


def waiting(*budgets, held):
    """A desk whose budgets are held to the full by a call each, whose cases are returned too."""
    desk = Desk(pool(), callers=tuple(caller(name) for name in "xyz"), budgets=tuple(budget(name, limit=1000) for name in budgets))
    return desk, {name: desk.ticket(held, budgets=(name,)) for name in budgets}


def test_money_of_one_budget_is_had_by_who_needs_no_other():
    """Whoever stands before it, and is short of another one as well, holds nobody up."""
    desk, held = waiting("all", "team", held=900)
    assert isinstance(desk.admit(200, caller="x", case="both", budgets=("all", "team"), queue=10.0), Wait)
    assert isinstance(desk.admit(300, caller="y", case="large", budgets=("all",), queue=10.0), Wait)
    assert isinstance(desk.admit(150, caller="z", case="small", budgets=("all",), queue=10.0), Wait)
    desk.settle(held["all"], 700)
    assert desk.order == ["large"]
    desk.settle("large", 0)
    assert desk.order == ["large", "small"]
    desk.settle(held["team"], 0)
    assert desk.order == ["large", "small"], "all: 700 spent and 150 held"
    desk.settle("small", 0)
    assert desk.order == ["large", "small", "both"]


def test_who_is_doomed_is_told_at_once_and_only_they():
    """What is spent is gone for good: the calls that no longer fit hear of it, the largest first, wherever they stand."""
    desk, held = waiting("b", "other", held=900)
    for number, (name, amount) in enumerate((("x", 200), ("y", 500), ("z", 400), ("z", 600))):
        assert isinstance(desk.admit(amount, caller=name, case=f"{number}", budgets=("b",), queue=10.0), Wait)
    assert isinstance(desk.admit(990, caller="x", case="elsewhere", budgets=("other",), queue=10.0), Wait)
    desk.settle(desk.ticket(50, budgets=("b",)), 50)
    assert not desk.order
    desk.settle(held["b"], 650)
    assert {case: desk.served[case].code for case in ("1", "2", "3")} == dict.fromkeys("123", "budget_exceeded")
    assert isinstance(desk.served["0"], Ticket)
    assert sorted(desk.order) == ["0", "1", "2", "3"]


def test_money_that_comes_back_elsewhere_wakes_nobody():
    """No waiter draws on that budget: nobody is asked."""
    desk, held = waiting("b", "other", held=1000)
    assert isinstance(desk.admit(1, caller="x", case="x", budgets=("b",), queue=10.0), Wait)
    asked = []
    attempt = desk.controller._asks._attempt
    desk.controller._asks._attempt = lambda ask, now: asked.append(ask.case_id) or attempt(ask, now)
    desk.settle(held["other"], 0)
    assert not asked
    desk.settle(held["b"], 0)
    assert (asked, desk.order) == (["x"], ["x"])


@pytest.mark.parametrize("seed", range(rounds(30)))
def test_nobody_waits_who_could_be_served_or_is_doomed(seed):
    """Whoever stands first in a line: many callers, amounts and budgets, and money that comes back bit by bit, or is spent."""
    dice = Random(seed)
    names = [f"c{number}" for number in range(40)]
    budgets = ("all", "red", "blue")
    desk = Desk(pool(), callers=tuple(map(caller, names)), budgets=tuple(budget(name, limit=10_000) for name in budgets), queue_depth=1000)
    held = [(desk.ticket(500, budgets=(name,)), name) for name in budgets for _ in range(20)]
    waits = {}
    for number in range(70):
        drawn, amount = dice.choice([("all",), ("all", "red"), ("all", "blue"), ("blue",)]), dice.randrange(1, 4000)
        case = desk.ask(amount, caller=dice.choice(names), case=f"w{number}", budgets=drawn, queue=1e6)
        if isinstance(desk.controller.admit(case, desk.now), Wait):
            waits[case.case_id] = case
    dice.shuffle(held)
    for case, _ in held:
        desk.settle(case, dice.choice([0, 100, 450, 500]))
        served = {each: desk.served[each] for each in desk.order if each in waits}
        for each in served:
            del waits[each]
        snapshots = {each.name: each for each in desk.controller.budgets()}
        heads = {}
        for ask in waits.values():
            heads.setdefault((ask.caller, ask.budgets), ask)
        for ask in heads.values():
            lefts = [snapshots[name].limit_nanousd - snapshots[name].settled_nanousd for name in ask.budgets]
            assert all(left >= ask.amount_nanousd for left in lefts), "it is doomed, and still waits"
            rooms = [snapshots[name].left_nanousd for name in ask.budgets]
            assert any(room < ask.amount_nanousd for room in rooms), "there is room for it, and it still waits"
        for each, answer in served.items():
            if isinstance(answer, Ticket) and dice.random() < 0.5:
                desk.settle(each, 0)


def test_who_comes_forward_is_asked_although_money_of_others_has_moved_meanwhile():
    """A waiter has left, and the next one of its line is not overlooked because a batch of another budget was settled just before."""
    desk, held = waiting("b", "other", held=900)
    assert isinstance(desk.admit(900, caller="x", case="first", budgets=("b",), queue=10.0), Wait)
    assert isinstance(desk.admit(50, caller="x", case="second", budgets=("b",), queue=10.0), Wait)
    assert isinstance(desk.admit(900, caller="y", case="third", budgets=("other",), queue=10.0), Wait)
    desk.controller.adjust("other", desk.controller.budgets()[1].period, 10)
    desk.cancel("first")
    assert desk.order == ["second"]
    assert held


@pytest.mark.parametrize("is_asked_first", [False, True])
def test_who_comes_forward_and_is_doomed_is_told_so_at_once(is_asked_first):
    """Also where another has just found, or finds later, that there is no room for less; and who stands behind it is asked."""
    desk = Desk(pool(), callers=(caller("x"), caller("y")), budgets=(budget("b", limit=1000),))
    held = desk.ticket(400, budgets=("b",))
    desk.ticket(500, budgets=("b",))
    waits = [("first", "x", 300), ("second", "x", 950), ("fourth", "x", 50)]
    for case, name, amount in sorted([*waits, ("third", "y", 800)], key=lambda each: (each[1] == "x") == is_asked_first):
        assert isinstance(desk.admit(amount, caller=name, case=case, budgets=("b",), queue=10.0), Wait)
    desk.settle(held, 100)
    assert desk.order == ["first", "second", "fourth"]
    assert (desk.served["second"].code, type(desk.served["fourth"])) == ("budget_exceeded", Ticket)


def test_a_newcomer_that_is_doomed_is_told_so_behind_one_that_waits_for_less():
    """Not only when it would be its turn."""
    desk, _ = waiting("b", held=900)
    desk.settle(desk.ticket(100, budgets=("b",)), 100)
    assert isinstance(desk.admit(800, caller="x", budgets=("b",), queue=10.0), Wait)
    assert desk.admit(950, caller="x", budgets=("b",), queue=10.0).code == "budget_exceeded"
    assert desk.admit(950, caller="y", budgets=("b",), queue=10.0).code == "budget_exceeded"
