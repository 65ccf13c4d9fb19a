"""Admission: the caller's limits and the money of one attempt, all or nothing."""

from random import Random

import pytest
from tests.admission.desk import Desk, budget, caller
from tests.soak import rounds

from omnillm.admission.asks import Refusal, Ticket, Wait
from omnillm.admission.tickets import MOST_RETIRED


def money_desk(limit=1000, **terms):
    desk = Desk(budgets=(budget(limit=limit, **terms),))
    desk.renew(resets_at_wall=5000.0)
    return desk


# -- the caller's limits


def test_a_caller_without_limits_is_admitted():
    """Also one that nobody configured, and nobody at all."""
    desk = Desk(callers=(caller("c"),))
    for name in ("c", "stranger", ""):
        assert desk.admit(caller=name, tokens=10**9) == Ticket(case_id=f"case-{desk._last_id}")


def test_the_ticket_tells_what_is_left():
    """For `x-ratelimit-*`."""
    desk = Desk(callers=(caller(rpm=3, tpm=1000),))
    desk.ticket(caller="c", tokens=300)
    answer = desk.admit(caller="c", tokens=300)
    assert answer == Ticket(case_id="case-2", requests_limit=3, requests_left=1, tokens_limit=1000, tokens_left=400)
    desk = Desk(callers=(caller("requests", rpm=3), caller("tokens", tpm=1000)))
    assert desk.admit(caller="requests", tokens=300) == Ticket(case_id="case-1", requests_limit=3, requests_left=2)
    assert desk.admit(caller="tokens", tokens=300) == Ticket(case_id="case-2", tokens_limit=1000, tokens_left=700)


def test_requests_a_minute():
    """Refused with the exact wait, and admitted then."""
    desk = Desk(callers=(caller(rpm=2),))
    desk.ticket(caller="c")
    desk.now += 10.0
    desk.settle(desk.ticket(caller="c"))
    refusal = desk.admit(caller="c", queue=600.0)
    assert refusal == Refusal(case_id="case-3", code="requests_limit", status=429, retry_after_s=51.0, scope="c", limit=2, used=2)
    desk.now += 50.999
    assert isinstance(desk.admit(caller="c"), Refusal)
    desk.now += 0.001
    desk.ticket(caller="c")
    assert isinstance(desk.admit(caller="c"), Refusal)


def test_tokens_a_minute_count_what_was_used():
    """Reserved by estimate, corrected at the end, in the bucket of admission."""
    desk = Desk(callers=(caller(tpm=100),))
    case = desk.ticket(caller="c", tokens=80)
    refusal = desk.admit(caller="c", tokens=30)
    assert (refusal.code, refusal.status, refusal.retry_after_s) == ("tokens_limit", 429, 61.0)
    assert (refusal.limit, refusal.used) == (100, 80)
    desk.now += 5.0
    assert desk.admit(caller="c", tokens=30).code == "tokens_limit"
    desk.settle(case, tokens=60)
    desk.ticket(caller="c", tokens=40)
    assert desk.admit(caller="c", tokens=1).code == "tokens_limit"
    desk.now += 56.0
    assert {desk.admit(caller="c", tokens=tokens).code for tokens in (61, 100)} == {"tokens_limit"}
    desk.ticket(caller="c", tokens=60)


def test_tokens_that_nobody_reported_stay_charged():
    """Unknown is not nothing."""
    desk = Desk(callers=(caller(tpm=100),))
    desk.settle(desk.ticket(caller="c", tokens=80), tokens=None)
    assert desk.admit(caller="c", tokens=30).code == "tokens_limit"


def test_more_tokens_than_reserved_are_debt():
    """It blocks until the minute is over."""
    desk = Desk(callers=(caller(tpm=100),))
    desk.settle(desk.ticket(caller="c", tokens=80), tokens=500)
    assert desk.admit(caller="c", tokens=1).retry_after_s == 61.0


def test_a_call_larger_than_the_whole_limit_is_refused_for_good():
    """400: it will never fit, so no wait is named."""
    desk = Desk(callers=(caller(tpm=100),))
    assert desk.admit(caller="c", tokens=101, queue=60.0) == Refusal(
        case_id="case-1", code="call_too_large", status=400, scope="c", limit=100, needed=101
    )


def test_calls_at_a_time():
    """Given back when the call is settled or cancelled."""
    desk = Desk(callers=(caller(max_concurrency=2),))
    cases = [desk.ticket(caller="c"), desk.ticket(caller="c")]
    refusal = desk.admit(caller="c")
    assert (refusal.code, refusal.status, refusal.retry_after_s, refusal.limit, refusal.used) == ("concurrency_limit", 429, 1.0, 2, 2)
    desk.settle(cases[0])
    third = desk.ticket(caller="c")
    desk.cancel(cases[1])
    desk.ticket(caller="c")
    assert desk.admit(caller="c").code == "concurrency_limit"
    desk.cancel(third)
    desk.ticket(caller="c")


def test_callers_do_not_share_limits():
    """Each virtual key has its own."""
    desk = Desk(callers=(caller("c", rpm=1), caller("d", rpm=1)))
    desk.ticket(caller="c")
    desk.ticket(caller="d")
    assert isinstance(desk.admit(caller="c"), Refusal)


# -- all or nothing


@pytest.mark.parametrize("limits", [{"rpm": 1}, {"tpm": 10}, {"max_concurrency": 1}], ids=str)
def test_a_refused_caller_holds_no_money(limits):
    """Nothing of a refused ask is kept."""
    desk = Desk(callers=(caller(**limits),), budgets=(budget(),))
    desk.ticket(100, caller="c", tokens=10, budgets=("b",))
    assert isinstance(desk.admit(100, caller="c", tokens=10, budgets=("b",)), Refusal)
    assert desk.money() == (0, 100)


def test_a_refused_budget_takes_no_slot():
    """Neither of the caller's limits nor of the budgets that had room."""
    desk = Desk(callers=(caller(rpm=2, tpm=100, max_concurrency=2),), budgets=(budget("wide", 10**6), budget("narrow", 10)))
    refusal = desk.admit(11, caller="c", tokens=100, budgets=("wide", "narrow"))
    assert (refusal.code, refusal.scope) == ("budget_exceeded", "narrow")
    assert desk.money("wide") == desk.money("narrow") == (0, 0)
    desk.ticket(10, caller="c", tokens=50, budgets=("wide", "narrow"))
    desk.ticket(0, caller="c", tokens=50, budgets=("wide", "narrow"))
    assert desk.money("wide") == desk.money("narrow") == (0, 10)


# -- money


def test_the_ticket_names_the_period_of_each_reservation():
    """So that a settle is booked to the period of its reserve. A budget named twice counts once."""
    desk = Desk(budgets=(budget("b"), budget("d")))
    desk.renew("b", "2026-11")
    desk.renew("d", "2026-W48")
    assert desk.admit(10, budgets=("b", "d", "b")).periods == (("b", "2026-11"), ("d", "2026-W48"))
    assert desk.money("b") == desk.money("d") == (0, 10)


def test_money_that_does_not_fit_is_refused_at_once():
    """402, without a wait, whatever the call's patience."""
    desk = money_desk()
    desk.settle(desk.ticket(900, budgets=("b",)), 900)
    held = desk.ticket(50, budgets=("b",))
    refusal = desk.admit(101, budgets=("b",), queue=60.0)
    assert refusal == Refusal(
        case_id="case-3",
        code="budget_exceeded",
        status=402,
        scope="b",
        limit=1000,
        needed=101,
        used=900,
        held=50,
        resets_at_wall=5000.0,
    )
    desk.cancel(held)


def test_money_that_is_only_held_is_waited_for():
    """And had when it comes back."""
    desk = money_desk()
    first = desk.ticket(1000, budgets=("b",))
    answer = desk.admit(500, budgets=("b",), queue=10.0)
    assert answer == Wait(case_id="case-2", until=desk.now + 10.0)
    desk.settle(first, 400)
    assert isinstance(desk.served["case-2"], Ticket)
    assert desk.money() == (400, 500)


def test_money_that_turns_out_to_be_spent_ends_the_wait():
    """At once, not at the end of its patience."""
    desk = money_desk()
    first = desk.ticket(1000, budgets=("b",))
    desk.admit(500, budgets=("b",), queue=10.0)
    desk.settle(first, 700)
    assert desk.served["case-2"].code == "budget_exceeded"


def test_money_held_too_long_is_refused_with_a_hint():
    """402 `budget_held`: retry after a second."""
    desk = money_desk()
    desk.ticket(1000, budgets=("b",))
    desk.admit(500, budgets=("b",), queue=10.0)
    desk.tick(9.9)
    assert desk.served == {}
    desk.tick(0.1)
    refusal = desk.served["case-2"]
    assert (refusal.code, refusal.status, refusal.retry_after_s, refusal.used, refusal.held) == ("budget_held", 402, 1.0, 0, 1000)
    assert isinstance(desk.admit(500, budgets=("b",)), Refusal)


def test_spent_speaks_before_held():
    """Waiting for one budget is no use while another has nothing left."""
    desk = Desk(budgets=(budget("held", 100), budget("spent", 100)))
    desk.settle(desk.ticket(90, budgets=("spent",)), 90)
    desk.ticket(90, budgets=("held",))
    refusal = desk.admit(50, budgets=("held", "spent"), queue=10.0)
    assert (refusal.code, refusal.scope) == ("budget_exceeded", "spent")


def test_a_doomed_call_does_not_stand_behind_one_that_waits():
    """Whoever is first in line, what does not fit is refused at once."""
    desk = money_desk()
    desk.ticket(1000, budgets=("b",))
    assert isinstance(desk.admit(500, budgets=("b",), queue=10.0), Wait)
    assert desk.admit(1001, budgets=("b",), queue=10.0).code == "budget_exceeded"
    assert isinstance(desk.admit(100, budgets=("b",), queue=10.0), Wait)


def test_a_call_that_will_not_wait_is_not_made_to():
    """While others do."""
    desk = money_desk()
    desk.ticket(900, budgets=("b",))
    assert isinstance(desk.admit(500, budgets=("b",), queue=10.0), Wait)
    assert desk.admit(500, budgets=("b",)).code == "budget_held"
    desk.ticket(100, budgets=("b",))


@pytest.mark.parametrize("ease", ["expire", "adjust", "enrol"])
def test_who_waits_for_money_is_served_when_less_of_it_is_spent_or_there_is_more(ease):
    """A bucket has slid out, a batch has cost less than it was booked with, or a virtual key may spend more."""
    desk = Desk(budgets=(budget(limit=1000, window="rolling 24h"),))
    desk.renew(period="1", settled=600)
    desk.renew(period="2")
    desk.ticket(300, budgets=("b",))
    waiting = desk.admit(200, budgets=("b",), queue=100.0)
    assert isinstance(waiting, Wait)
    desk.tick(1.0)
    assert not desk.served
    if ease == "expire":
        desk.controller.expire("b", "1")
    elif ease == "adjust":
        desk.controller.adjust("b", "1", -100)
    else:
        desk.controller.enrol(caller("new"), budget(limit=1100, window="rolling 24h"))
    desk.tick(1.0)
    assert isinstance(desk.served[waiting.case_id], Ticket)


def test_calls_without_that_budget_pass_those_that_wait_for_it():
    """They want something else."""
    desk = Desk(budgets=(budget("b"), budget("d")), queue_depth=1)
    desk.ticket(1000, budgets=("b",))
    assert isinstance(desk.admit(500, budgets=("b",), queue=10.0), Wait)
    desk.ticket(1000, budgets=("d",))
    desk.ticket(queue=10.0)


def test_a_full_queue_refuses_who_would_have_to_wait():
    """And nobody else."""
    desk = Desk(budgets=(budget("b"),), queue_depth=2)
    desk.ticket(1000, budgets=("b",))
    for _ in range(2):
        assert isinstance(desk.admit(500, budgets=("b",), queue=10.0), Wait)
    refusal = desk.admit(500, budgets=("b",), queue=10.0)
    assert (refusal.code, refusal.status, refusal.retry_after_s) == ("queue_full", 503, 1.0)
    assert desk.admit(1001, budgets=("b",), queue=10.0).code == "budget_exceeded"


def test_a_soft_budget_counts_and_never_refuses():
    """Somebody else warns."""
    desk = money_desk(is_hard=False)
    desk.settle(desk.ticket(5000, budgets=("b",)), 4000)
    desk.ticket(5000, budgets=("b",))
    assert desk.money() == (4000, 5000)


@pytest.mark.parametrize("seed", range(rounds(5)))
def test_a_thousand_asks_with_money_for_exactly_k_get_exactly_k_tickets(seed):
    """And the money is held to the last nano-dollar; none of the others holds any."""
    dice = Random(seed)
    amount, k = dice.randrange(1, 10**9), dice.randrange(1, 999)
    desk = Desk(budgets=(budget(limit=amount * k + dice.randrange(amount)),))
    answers = [desk.admit(amount, budgets=("b",), queue=dice.choice([0.0, 10.0])) for _ in range(1000)]
    assert sum(isinstance(answer, Ticket) for answer in answers) == k
    assert desk.money() == (0, amount * k)
    desk.tick(10.0)
    assert desk.money() == (0, amount * k)
    assert all(isinstance(answer, Refusal) for answer in desk.served.values())


def test_a_budget_that_is_not_there_has_nothing_to_spend():
    """Never silently unlimited, and no defect: who names it may have come long ago, by a key that was revoked since."""
    refused = Desk().admit(1, budgets=("nobody",))
    assert (refused.code, refused.scope, refused.limit) == ("budget_exceeded", "nobody", 0)


# -- extend


def test_another_attempt_is_reserved_for_in_every_budget_or_in_none():
    """Each of which must have room."""
    desk = Desk(budgets=(budget("wide", 1000), budget("narrow", 30)))
    case = desk.ticket(10, budgets=("wide", "narrow"))
    assert desk.controller.extend(case, 20, desk.now) is None
    refusal = desk.controller.extend(case, 1, desk.now)
    assert (refusal.scope, refusal.needed, refusal.limit, refusal.held) == ("narrow", 1, 30, 30)
    assert (refusal.code, refusal.retry_after_s) == ("budget_exceeded", None), "what is held is its own: nothing to wait for"
    assert desk.money("wide") == desk.money("narrow") == (0, 30)
    desk.settle(case, 25)
    assert desk.money("wide") == desk.money("narrow") == (25, 0)


def test_extending_what_is_not_open_reserves_nothing():
    """Unknown, settled, or never admitted: there would be nobody to settle it."""
    desk = Desk(budgets=(budget(),))
    case = desk.ticket(10, budgets=("b",))
    lease = desk.lease(case)
    desk.settle(case, 5)
    bare = desk.lease()
    for each in (case, bare.case_id, "nobody"):
        assert desk.controller.extend(each, 10, desk.now) is not None
    assert desk.money() == (5, 0)
    desk.release(lease)


# -- periods


def test_what_is_extended_in_a_rolling_budget_counts_from_then_on():
    """All that the case holds does: its cost leaves the window with the bucket of the extension, not with the one before."""
    desk = Desk(budgets=(budget(limit=1000, window="rolling 24h"),))
    desk.renew(period="1")
    case = desk.ticket(400, budgets=("b",))
    desk.renew(period="2")
    assert desk.controller.extend(case, 300, desk.now) is None
    desk.controller.expire("b", "1")
    desk.settle(case, 650)
    assert desk.money() == (650, 0)


def test_a_call_over_midnight_settles_in_the_period_of_its_reserve():
    """And extends there, against that period's own limit."""
    desk = money_desk()
    case = desk.ticket(600, budgets=("b",))
    desk.renew(period="2026-12")
    assert desk.money() == (0, 0)
    desk.ticket(1000, budgets=("b",))
    assert desk.controller.extend(case, 400, desk.now) is None
    assert desk.controller.extend(case, 1, desk.now) is not None
    desk.settle(case, 900)
    assert desk.money() == (0, 1000)


def test_a_new_period_serves_those_who_wait_for_money():
    """At the next tick."""
    desk = money_desk()
    desk.ticket(1000, budgets=("b",))
    desk.admit(500, budgets=("b",), queue=10.0)
    desk.renew(period="2026-12")
    desk.tick()
    assert desk.served["case-2"].periods == (("b", "2026-12"),)


def test_the_balance_at_start_counts():
    """What the ledger says was settled before."""
    desk = money_desk()
    desk.renew(settled=950)
    assert desk.admit(51, budgets=("b",)).code == "budget_exceeded"
    desk.ticket(50, budgets=("b",))


def test_a_lowered_limit_refuses_and_makes_nothing_negative():
    """Open calls settle as they would have."""
    desk = money_desk()
    case = desk.ticket(600, budgets=("b",))
    desk.configure(*desk.configured.pools, budgets=(budget(limit=100),))
    assert desk.admit(1, budgets=("b",), queue=10.0) == Wait(case_id="case-2", until=desk.now + 10.0)
    assert desk.admit(101, budgets=("b",)).code == "budget_exceeded"
    desk.settle(case, 550)
    assert desk.money() == (550, 0)
    assert desk.served["case-2"].code == "budget_exceeded"


def test_a_raised_limit_serves_those_who_wait():
    """The new configuration says so at once."""
    desk = money_desk()
    desk.ticket(1000, budgets=("b",))
    desk.admit(500, budgets=("b",), queue=10.0)
    desk.configure(*desk.configured.pools, budgets=(budget(limit=1500),))
    assert isinstance(desk.served["case-2"], Ticket)


def test_a_budget_that_is_no_longer_configured_binds_nobody():
    """Calls that know it still settle in it; when it comes back it knows what was spent."""
    desk = money_desk()
    desk.settle(desk.ticket(900, budgets=("b",)), 900)
    desk.configure(*desk.configured.pools)
    assert desk.controller.budgets() == []
    desk.settle(desk.ticket(5000, budgets=("b",)), 50)
    desk.configure(*desk.configured.pools, budgets=(budget(),))
    assert desk.money() == (950, 0)
    assert desk.admit(51, budgets=("b",)).code == "budget_exceeded"


def test_changed_limits_of_a_caller_keep_what_is_counted():
    """By name."""
    desk = Desk(callers=(caller(rpm=5, max_concurrency=5),))
    for _ in range(3):
        desk.ticket(caller="c")
    desk.configure(*desk.configured.pools, callers=(caller(rpm=4, max_concurrency=9),))
    desk.ticket(caller="c")
    assert desk.admit(caller="c").code == "requests_limit"


def test_a_caller_that_comes_back_finds_what_it_has_under_way_and_has_used():
    """A bad file is applied and taken back within a minute: nobody has twice its limits for it."""
    desk = Desk(callers=(caller(rpm=3, max_concurrency=2),))
    first, _ = desk.ticket(caller="c"), desk.ticket(caller="c")
    desk.configure(*desk.configured.pools)
    desk.configure(*desk.configured.pools)
    desk.configure(*desk.configured.pools, callers=(caller(rpm=3, max_concurrency=2),))
    assert desk.admit(caller="c").code == "concurrency_limit"
    desk.settle(first)
    desk.settle(desk.ticket(caller="c"))
    desk.configure(*desk.configured.pools)
    desk.controller.enrol(caller(rpm=3, max_concurrency=2), None)
    assert desk.admit(caller="c").code == "requests_limit"


def test_calls_that_wait_for_money_keep_the_limits_of_a_caller_that_is_removed():
    """Whatever reloads come meanwhile: a key that is taken away does not call without limits in its last moments."""
    desk = Desk(callers=(caller(max_concurrency=1),), budgets=(budget(),))
    desk.renew()
    held = desk.ticket(900, budgets=("b",))
    for case in ("x", "y"):
        desk.admit(200, caller="c", case=case, budgets=("b",), queue=9.0)
    for _ in range(2):
        desk.configure(*desk.configured.pools, budgets=(budget(),))
    desk.settle(held, 0)
    assert isinstance(desk.served["x"], Ticket)
    assert desk.served["y"].code == "concurrency_limit"


def test_a_call_on_its_way_in_has_the_limits_of_its_caller_that_is_removed():
    """Its head was read before the reload, its body came after it. Of those that are idle the newest are remembered."""
    desk = Desk(callers=(caller(max_concurrency=1),))
    desk.configure(*desk.configured.pools)
    desk.settle(desk.ticket(caller="c"))
    desk.ticket(caller="c")
    assert desk.admit(caller="c").code == "concurrency_limit"
    desk.configure(*desk.configured.pools, callers=tuple(caller(f"n{number}") for number in range(MOST_RETIRED + 1)))
    for _ in range(2):
        desk.configure(*desk.configured.pools)
    assert desk.controller._tickets._allowances.keys() == {"c", *(f"n{number}" for number in range(1, MOST_RETIRED + 1))}


def test_a_limit_that_came_after_the_call_is_not_given_what_the_call_never_took():
    """Otherwise the limit would be higher than it is."""
    desk = Desk(callers=(caller(),))
    case = desk.ticket(caller="c", tokens=500)
    desk.configure(*desk.configured.pools, callers=(caller(tpm=100),))
    desk.settle(case, tokens=10)
    desk.ticket(caller="c", tokens=100)
    assert desk.admit(caller="c", tokens=1).code == "tokens_limit"


# -- callers that come and go one by one


def enrolled(name="new", rpm=2, limit=1000):
    desk = Desk(callers=(caller(rpm=2),))
    desk.controller.enrol(caller(name, rpm=rpm), budget(f"key:{name}", limit=limit))
    desk.controller.renew(f"key:{name}", "total", 0, 0.0)
    return desk


def test_an_enrolled_caller_has_its_limits_and_disturbs_nobody():
    """Its own window and budget; everybody else's count on."""
    desk = Desk(callers=(caller(rpm=2),))
    desk.ticket(caller="c")
    desk.controller.enrol(caller("new", rpm=1), None)
    desk.ticket(caller="new")
    assert desk.admit(caller="new").code == "requests_limit"
    desk.ticket(caller="c")
    assert desk.admit(caller="c").code == "requests_limit"


def test_an_enrolled_caller_may_get_other_limits():
    """What its window counted stays."""
    desk = enrolled(rpm=1)
    desk.ticket(caller="new")
    desk.controller.enrol(caller("new", rpm=2), budget("key:new", limit=5))
    desk.ticket(caller="new")
    assert desk.admit(caller="new").code == "requests_limit"
    assert [found.limit_nanousd for found in desk.controller.budgets()] == [5]


def test_a_retired_budget_binds_the_calls_that_know_it():
    """It is shown no more, but holds to the end, also over another configuration."""
    desk = enrolled(limit=1000)
    case = desk.ticket(caller="new", budgets=("key:new",), amount=600)
    desk.controller.retire("new", "key:new")
    assert desk.controller.budgets() == []
    desk.configure()
    assert desk.controller.extend(case, 600, desk.now) is not None
    assert desk.controller.extend(case, 400, desk.now) is None


def test_who_was_retired_is_forgotten_in_time():
    """Keys that are made and revoked for weeks leave nothing behind, but for the latest: a call that waits may name one of them."""
    desk = Desk(callers=(caller(rpm=2),))
    for number in range(MOST_RETIRED + 100):
        name = f"key-{number}"
        desk.controller.enrol(caller(name, rpm=1), budget(f"key:{name}", limit=1000))
        desk.controller.renew(f"key:{name}", "total", 0, 0.0)
        desk.controller.retire(name, f"key:{name}")
    tickets = desk.controller._tickets
    assert (len(tickets.budgets), len(tickets._allowances), len(tickets._retired)) == (MOST_RETIRED, MOST_RETIRED + 1, MOST_RETIRED)
    assert desk.admit(1, caller="key-99", budgets=("key:key-99",)).code == "budget_exceeded"
    desk.ticket(caller="key-100", budgets=("key:key-100",), amount=1)
    assert desk.admit(caller="key-100").code == "requests_limit"
    desk.controller.retire("one more", "")
    assert desk.admit(1, budgets=("key:key-100",)).code == "budget_exceeded"
