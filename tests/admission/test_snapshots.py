"""What people and metrics see of keys and budgets."""

import pytest
from tests.admission.desk import Desk, budget, key, pool
from tests.in_turn import in_turn

from omnillm.admission.asks import BudgetSnapshot
from omnillm.keys.terms import ModelLimits
from omnillm.outcome import Headroom, Verdict


def test_a_key_at_rest():
    """Ready, with room, and no limits: 0 is none. Without a group it is its own."""
    shown = Desk().key()
    assert (shown.state, shown.is_available, shown.group) == ("ready", True, "a")
    assert (shown.rpm_limit, shown.tpm_limit, shown.max_concurrency, shown.in_flight) == (0, 0, 0, 0)
    assert (shown.cool_down_s, shown.failure_cool_down_s, shown.consecutive_failures) == (0.0, 0.0, 0)


def test_what_a_key_has_under_way_and_used():
    """Tokens in flight are those reserved by open calls; used ones are in the minute's window."""
    desk = Desk(pool(key("a", group="g", rpm=10, tpm=1000, max_concurrency=5)))
    desk.release(desk.lease(tokens=100), used=40, first_byte_s=0.5)
    desk.lease(tokens=200)
    shown = desk.key()
    assert (shown.group, shown.in_flight, shown.max_concurrency) == ("g", 1, 5)
    assert (shown.tpm_inflight, shown.tpm_used, shown.tpm_limit) == (200, 240, 1000)
    assert (shown.rpm_used, shown.rpm_limit) == (2, 10)
    assert shown.latency_ewma_s == 0.5
    desk.now += 61.0
    assert (desk.key().rpm_used, desk.key().tpm_used) == (0, 0)


@in_turn(
    ("verdict", "count", "state", "cool_down_s", "failure_cool_down_s"),
    [
        (Verdict.KEY_DEAD, 1, "dead", 0.0, 60.0),
        (Verdict.SERVER_FAULT, 5, "open", 0.0, 1.0),
        (Verdict.RATE_LIMITED, 1, "cooling", 1.0, 0.0),
        (Verdict.QUOTA_EXHAUSTED, 1, "cooling", 600.0, 0.0),
    ],
)
def test_a_key_that_rests(verdict, count, state, cool_down_s, failure_cool_down_s):
    """Its state, the seconds left, and half-open or ready when they are over, without any traffic."""
    desk = Desk()
    for _ in range(count):
        desk.release(desk.lease(), verdict)
    shown = desk.key()
    assert (shown.state, shown.is_available) == (state, False)
    assert shown.cool_down_s == pytest.approx(cool_down_s, rel=0.26)
    assert shown.failure_cool_down_s == pytest.approx(failure_cool_down_s, rel=0.26)
    assert shown.consecutive_failures == (5 if verdict is Verdict.SERVER_FAULT else 0)
    desk.now += 601.0
    shown = desk.key()
    assert (shown.cool_down_s, shown.failure_cool_down_s, shown.is_available) == (0.0, 0.0, True)
    assert shown.state == ("ready" if state == "cooling" else "half_open")


def test_health_by_model():
    """A class that cools or is exhausted, a model that the key was denied, one that alone fails; the rest is ready."""
    desk = Desk(pool(key("a", limits=(ModelLimits(pattern="gpt-*", rpm=9, tpm=90),))))
    desk.release(desk.lease(targets=("p/gpt-4",), tokens=30))
    desk.release(desk.lease(targets=("p/slow",)), Verdict.RATE_LIMITED, retry_after_s=30.0)
    desk.release(desk.lease(targets=("p/dear",)), Verdict.QUOTA_EXHAUSTED)
    for _ in range(5):
        desk.release(desk.lease(targets=("p/secret",)), Verdict.DENIED)
        desk.release(desk.lease(targets=("p/broken",)), Verdict.OVERLOADED)
    shown = {(each.model, each.state): each for each in desk.key().models}
    assert {("gpt-*", "ready"), ("slow", "cooling"), ("dear", "exhausted"), ("secret", "denied")} <= shown.keys()
    assert 0.75 <= shown["secret", "denied"].until_s <= 1.0
    assert 0.75 <= shown["broken", "open"].until_s <= 1.0
    assert 30.0 <= shown["slow", "cooling"].until_s <= 31.5
    ready = shown["gpt-*", "ready"]
    assert (ready.rpm_used, ready.rpm_limit, ready.tpm_used, ready.tpm_limit) == (1, 9, 30, 90)
    assert desk.key().is_available


def test_a_full_key_is_not_available():
    """By calls at a time, requests or tokens."""
    for limits in ({"max_concurrency": 1}, {"rpm": 1}, {"tpm": 1}):
        desk = Desk(pool(key("a", **limits)))
        assert desk.key().is_available
        desk.lease()
        assert not desk.key().is_available


def test_looking_changes_nothing():
    """A snapshot at any moment leaves the same leases to be had."""
    looked, unseen = Desk(pool(key("a"), key("b"))), Desk(pool(key("a"), key("b")))
    answers = []
    for desk in (looked, unseen):
        got = []
        for step in range(60):
            if desk is looked:
                desk.controller.keys(desk.now)
            lease = desk.ask_lease()
            verdict = [Verdict.SUCCESS, Verdict.KEY_DEAD, Verdict.SERVER_FAULT, Verdict.RATE_LIMITED][step % 4]
            if hasattr(lease, "lease_id"):
                desk.release(lease, verdict, headroom=Headroom(requests_left=50))
            got.append(lease)
            desk.now += 3.0
        answers.append(got)
    assert answers[0] == answers[1]


def test_budgets():
    """In their current period; those that are configured."""
    desk = Desk(budgets=(budget("b", 1000), budget("soft", 5, is_hard=False)))
    desk.renew("b", "2026-11", settled=100, resets_at_wall=99.0)
    desk.ticket(30, budgets=("b",))
    assert desk.controller.budgets() == [
        BudgetSnapshot(
            name="b",
            period="2026-11",
            limit_nanousd=1000,
            settled_nanousd=100,
            reserved_nanousd=30,
            is_hard=True,
            resets_at_wall=99.0,
        ),
        BudgetSnapshot(name="soft", period="", limit_nanousd=5, settled_nanousd=0, reserved_nanousd=0, is_hard=False, resets_at_wall=0.0),
    ]
