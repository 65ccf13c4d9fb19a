"""Probes, outlooks, and a changed configuration."""

from math import inf

import pytest
from tests.in_turn import in_turn
from tests.keys.desk import Desk, key

from omnillm.keys.terms import BreakerConfigured, ModelLimits
from omnillm.outcome import RETRIES, Verdict


def test_a_first_try_probes_a_key_that_has_rested():
    """It may still be hidden by another key if the probe fails."""
    desk = Desk(key("a"), key("b"), key("c"))
    desk.call(Verdict.KEY_DEAD, on="b")
    desk.wait_for("b")
    grant = desk.lease()
    assert grant.key.label == "b"
    assert grant.probes


def test_a_call_that_failed_before_probes_only_when_no_ready_key_has_room():
    """It is not risked again."""
    desk = Desk(key("a", max_concurrency=1), key("b"))
    desk.call(Verdict.KEY_DEAD, on="b")
    desk.wait_for("b")
    tried = (("p", "x"),)
    assert desk.lease(tried=tried).key.label == "a"
    assert desk.lease(tried=tried).key.label == "b"


def test_a_probe_that_fails_rests_its_key_again_and_another_may_be_probed():
    """Each in its turn."""
    desk = Desk(key("a"), key("b"), key("c"))
    for label in "ab":
        desk.call(Verdict.KEY_DEAD, on=label)
    desk.wait_for("b")
    probes = [desk.lease(), desk.lease()]
    assert {grant.key.label for grant in probes} == {"a", "b"}
    assert desk.lease().key.label == "c"
    desk.end(probes[0], Verdict.KEY_DEAD)
    desk.end(probes[1])
    assert not desk.is_leasable(probes[0].key.label)
    assert not desk.lease(pinned=probes[1].key.label).probes


def test_a_resting_key_that_is_also_limited_does_not_hide_the_next():
    """The probes take turns."""
    keys = [key(f"k{number}", rpm=1) for number in range(6)]
    desk = Desk(*keys, key("last"))
    for each in (*keys, key("last")):
        desk.call(Verdict.KEY_DEAD, on=each.label)
    desk.now += 60.0
    assert desk.lease().key.label == "last"


def test_a_resting_key_that_is_also_limited_does_not_hide_the_next_behind_a_ready_one():
    """While there is a ready key only two are looked at each time, and the next time two others."""
    keys = [key(f"k{number}", rpm=1) for number in range(4)]
    desk = Desk(*keys, key("last"), key("ready"))
    for each in (*keys, key("last")):
        desk.call(Verdict.KEY_DEAD, on=each.label)
    desk.now += 60.0
    assert [desk.lease().key.label for _ in range(3)] == ["ready", "ready", "last"]


def test_a_probe_of_a_limit_is_judged_as_one_though_its_key_has_just_succeeded():
    """For another model: what is only counted is a success that tells nothing new."""
    desk = Desk(key("a"))
    desk.call(Verdict.RATE_LIMITED, retry_after_s=1.0)
    desk.wait_for("a")
    desk.call(model="n")
    desk.call()
    desk.call()
    assert not desk.lease().probes
    assert desk.lease() is not None


def test_a_tripped_key_returns_with_one_probe():
    """The breaker's half-open, seen from outside."""
    desk = Desk(key("a"))
    for grant in [desk.lease() for _ in range(5)]:
        desk.end(grant, Verdict.SERVER_FAULT)
    assert desk.lease() is None
    desk.wait_for("a")
    probe = desk.lease()
    assert desk.lease() is None
    desk.end(probe)
    assert desk.lease() is not None


@in_turn("verdict", [Verdict.SERVER_FAULT, Verdict.KEY_DEAD, Verdict.RATE_LIMITED, Verdict.NOT_FOUND])
def test_a_probe_that_goes_on_for_long_does_not_keep_its_key_from_others(verdict):
    """A live session that has been opened has answered the question; how it ends is judged then, as any call is."""
    desk = Desk(key("a"))
    for grant in [desk.lease() for _ in range(5)]:
        desk.end(grant, verdict)
    assert desk.lease() is None
    desk.now += 3700.0
    session = desk.lease()
    assert desk.lease() is None
    assert desk.prove(session)
    assert desk.lease().probes == () or verdict is Verdict.RATE_LIMITED
    assert not desk.prove(session)
    desk.end(session, Verdict.LOST)
    assert desk.pool.keys["a"].breaker.consecutive == 1


@in_turn("verdict", sorted(RETRIES))
def test_a_model_that_fails_alone_rests_alone(verdict):
    """It is overloaded, or hangs; what else the key is asked for goes well, and goes on. It comes back with one probe."""
    desk = Desk(key("a"))
    desk.call(model="good")
    for _ in range(5):
        desk.call(verdict, model="bad")
    assert desk.pool.keys["a"].breaker.consecutive == 0
    assert desk.lease("bad") is None
    assert 0.0 < desk.outlook("bad").wakes_at - desk.now <= 1.0
    assert desk.outlook("bad").is_broken
    desk.call(model="good")
    desk.wait_for("a", "bad")
    desk.call(verdict, model="bad")
    assert 1.5 <= desk.rest_of("a", "bad") <= 2.0
    desk.wait_for("a", "bad")
    probe = desk.lease("bad")
    assert desk.lease("bad") is None
    desk.end(probe)
    desk.call(model="bad")
    assert not desk.lease("bad").probes
    assert desk.pool.keys["a"].breaker.consecutive == 0
    assert not desk.pool.keys["a"].is_choosy


def test_a_model_that_fails_more_often_than_not_rests_though_some_of_its_calls_go_well():
    """As a key does: a success among its failures has none of them forgotten, while others do well."""
    desk = Desk(key("a"))
    for _ in range(6):
        assert desk.is_leasable("a", "bad")
        for verdict, model in [(Verdict.SUCCESS, "good"), (Verdict.SUCCESS, "bad"), (Verdict.LOST, "bad")]:
            desk.call(verdict, model=model)
    assert 0.0 < desk.rest_of("a", "bad") <= 1.0
    assert desk.is_leasable("a", "good")


def test_a_model_that_does_well_again_is_no_witness_against_the_key():
    """Nor one that nobody has asked for lately: another that fails by then fails alone."""
    for calls, pause in ((1, 0.0), (0, 31.0)):
        desk = Desk(key("a"))
        for verdict, model in [(Verdict.SUCCESS, "good"), (Verdict.LOST, "bad"), *[(Verdict.SUCCESS, "bad")] * calls]:
            desk.call(verdict, model=model)
        desk.now += pause
        desk.call(model="good")
        desk.call(Verdict.LOST, model="worse")
        assert desk.pool.keys["a"].breaker.consecutive == 0, pause


def test_a_model_that_fails_while_no_other_does_well_trips_the_key():
    """Another did well ten seconds ago: whatever ails the key, it would meet it as well."""
    desk = Desk(key("a"))
    desk.call(model="good")
    desk.now += 10.0
    for _ in range(5):
        desk.call(Verdict.LOST, model="bad")
    assert not desk.is_leasable("a", "good")
    desk.wait_for("a", "bad")
    desk.call(Verdict.LOST, model="bad")
    assert desk.rest_of("a", "good") > 1.0


def test_models_that_fail_in_turn_while_the_others_do_well_trip_the_key():
    """Each has calls that go well, of which none would say of another's failure that it is the key's."""
    desk = Desk(key("a"))
    for _ in range(3):
        assert desk.is_leasable("a", "third")
        for verdict in [Verdict.SUCCESS, Verdict.LOST, Verdict.LOST]:
            desk.call(verdict, model="first")
            desk.call(verdict, model="second")
    assert not desk.is_leasable("a", "third")


def test_a_key_whose_probe_fails_rests_again_whatever_other_models_did():
    """The probe was to tell of the key; the model's own trouble is told as well, or it would stay half-open."""
    desk = Desk(key("a"))
    slow = desk.lease("good")
    for _ in range(5):
        desk.call(Verdict.LOST, model="bad")
    desk.end(slow)
    desk.wait_for("a", "bad")
    desk.call(Verdict.LOST, model="bad")
    assert desk.rest_of("a", "good") > 1.0
    desk.wait_for("a", "good")
    desk.call(model="good")
    assert desk.is_leasable("a", "good")


def let_in(desk):
    """How many calls follow at once."""
    grants = []
    while len(grants) < 100 and (grant := desk.lease()) is not None:
        grants.append(grant)
    return grants


def test_a_limit_that_lets_one_in_lets_in_twice_as_many_each_time():
    """Not the hundred that wait, of which nearly all would be refused again; until fewer come than it would let in."""
    desk = Desk(key("a"))
    desk.call(Verdict.RATE_LIMITED)
    desk.wait_for("a")
    for count in (1, 2, 4):
        grants = let_in(desk)
        desk.end(grants.pop(), Verdict.ABORTED)
        grants += let_in(desk)
        assert len(grants) == count
        for grant in grants:
            desk.end(grant)
    desk.end(desk.lease(), Verdict.ABORTED)
    assert len(let_in(desk)) == 8
    desk.call(Verdict.RATE_LIMITED, model="n")
    desk.now += 1.0
    desk.call(Verdict.SUCCESS, model="n")
    desk.call(Verdict.SUCCESS, model="n")
    assert desk.lease("n").probes == ()


def test_a_limit_that_refuses_while_it_widens_begins_anew():
    """With one probe; and as one was let in before, its rest is that of a first refusal."""
    desk = Desk(key("a"))
    for _ in range(3):
        desk.call(Verdict.RATE_LIMITED)
        desk.wait_for("a")
    desk.call()
    one, other = let_in(desk)
    desk.end(one)
    desk.end(other, Verdict.RATE_LIMITED)
    assert desk.rest_of("a") <= 1.0
    desk.wait_for("a")
    assert len(let_in(desk)) == 1


@in_turn(("refused_after_s", "patience_s"), [(0.0, 0.5), (0.4, 0.8), (5.0, 3.0)])
def test_a_silent_probe_of_a_limit_was_let_in(refused_after_s, patience_s):
    """A limit refuses at once, or as fast as last time: after a silence more follow, and a 429 to one of them is the first again."""
    desk = Desk(key("a"))
    first = desk.lease()
    desk.now += refused_after_s
    desk.end(first, Verdict.RATE_LIMITED, retry_after_s=30.0)
    desk.wait_for("a")
    probe = desk.lease()
    desk.now += patience_s - 0.1
    assert desk.lease() is None
    assert desk.outlook().wakes_at == pytest.approx(desk.now + 0.1)
    desk.now += 0.2
    others = let_in(desk)
    assert len(others) == 2
    desk.end(others[0], Verdict.RATE_LIMITED)
    assert desk.rest_of("a") <= 1.0
    for grant in (probe, others[1]):
        desk.end(grant)
    assert desk.lease() is None


def test_a_limit_whose_probes_are_silent_is_over_once_nobody_more_has_come():
    """All that wanted to were let in, however they end: a 429 after that is the first again."""
    desk = Desk(key("a"))
    for _ in range(3):
        desk.call(Verdict.RATE_LIMITED)
        desk.wait_for("a")
    probe = desk.lease()
    desk.now += 0.6
    desk.lease()
    desk.now += 0.6
    assert len(let_in(desk)) == 100
    desk.end(probe, Verdict.RATE_LIMITED)
    assert desk.rest_of("a") <= 1.0


def test_an_exhausted_quota_whose_probe_is_let_in_is_exhausted_no_more():
    """A 429 after that is one of a minute."""
    desk = Desk(key("a"))
    desk.call(Verdict.QUOTA_EXHAUSTED)
    desk.wait_for("a")
    probe = desk.lease()
    desk.prove(probe)
    desk.call(Verdict.RATE_LIMITED)
    assert not desk.pool.keys["a"].group.class_of("m", desk.now).is_exhausted
    desk.end(probe)


def test_the_probe_of_a_breaker_tells_nothing_of_a_quota_or_a_secret():
    """It was sent before the one was exhausted and the other refused."""
    desk = Desk(key("a"))
    slow, slower, *grants = [desk.lease() for _ in range(7)]
    for grant in grants:
        desk.end(grant, Verdict.LOST)
    desk.wait_for("a")
    probe = desk.lease()
    desk.end(slow, Verdict.QUOTA_EXHAUSTED)
    desk.end(slower, Verdict.KEY_DEAD)
    desk.end(probe)
    assert desk.pool.keys["a"].group.class_of("m", desk.now).is_exhausted
    assert desk.pool.keys["a"].dead.rest_s(desk.now)
    assert desk.lease() is None


@in_turn("verdict", [Verdict.SERVER_FAULT, Verdict.KEY_DEAD, Verdict.NOT_FOUND])
@in_turn("first", [0, 1], ids=["the older", "the newer"])
def test_a_silent_probe_of_a_broken_key_leaves_room_for_another(verdict, first):
    """One more every 10 s, and no sooner; the first that goes well, whichever it is, opens the key for all."""
    desk = Desk(key("a"))
    for grant in [desk.lease() for _ in range(5)]:
        desk.end(grant, verdict)
    desk.wait_for("a")
    probes = [desk.lease()]
    assert probes[0].probes
    desk.now += 9.9
    assert desk.lease() is None
    desk.now += 0.2
    probes.append(desk.lease())
    assert probes[1].probes
    assert desk.lease() is None
    desk.end(probes[first])
    assert not desk.lease().probes
    desk.end(probes[1 - first])
    assert desk.pool.keys["a"].is_ready


def test_a_silent_probe_that_fails_late_rests_its_key_again():
    """Though another tries it by now."""
    desk = Desk(key("a"))
    for grant in [desk.lease() for _ in range(5)]:
        desk.end(grant, Verdict.TIMEOUT)
    desk.wait_for("a")
    hung = desk.lease()
    desk.now += 10.0
    newer = desk.lease()
    desk.end(hung, Verdict.TIMEOUT)
    assert desk.lease() is None
    desk.end(newer)
    assert desk.lease() is None
    desk.wait_for("a")
    desk.call()
    assert desk.pool.keys["a"].is_ready


def test_a_key_dead_and_tripped_at_once_rests_for_the_longer():
    """And one probe answers for both."""
    desk = Desk(key("a"))
    grants = [desk.lease() for _ in range(6)]
    for grant in grants[:5]:
        desk.end(grant, Verdict.SERVER_FAULT)
    desk.end(grants[5], Verdict.KEY_DEAD)
    assert desk.rest_of("a") == 60.0
    desk.now += 30.0
    assert desk.lease() is None
    desk.now += 30.0
    desk.call()
    assert desk.pool.keys["a"].is_closed


def test_a_key_that_rests_for_longer_than_another_comes_back_all_the_same():
    """Whoever comes back first, and whatever else is wrong with it: the other is not forgotten."""
    desk = Desk(key("a", max_concurrency=1), key("b", max_concurrency=1))
    for _ in range(5):
        desk.call(Verdict.SERVER_FAULT, on="b")
    desk.pool.outage.circuit.revive()
    desk.wait_for("b")
    dying = desk.lease(pinned="b")
    desk.call(Verdict.KEY_DEAD, on="a")
    desk.now += 30.0
    desk.end(dying, Verdict.KEY_DEAD)
    desk.now += 30.0
    assert [grant and grant.key.label for grant in (desk.lease(), desk.lease())] == ["a", None]
    desk.now += 30.0
    assert desk.lease().key.label == "b"


def test_a_breaker_that_opens_while_the_probe_of_a_dead_key_is_out():
    """The key comes back when both have had their answer."""
    desk = Desk(key("a"))
    old = [desk.lease() for _ in range(6)]
    desk.end(old[0], Verdict.KEY_DEAD)
    desk.now += 60.0
    probe = desk.lease()
    for grant in old[1:]:
        desk.end(grant, Verdict.TIMEOUT)
    desk.now += 5.0
    assert desk.lease() is None
    desk.end(probe)
    desk.wait_for("a")
    desk.call()
    assert desk.pool.keys["a"].is_closed
    assert desk.pool.keys["a"].is_ready


# -- outlook


def test_the_outlook_of_limits_is_the_moment_of_the_earliest_key():
    """Each key's tightest limit, and of those the first to make room."""
    desk = Desk(key("a", rpm=1), key("b", rpm=1, tpm=10))
    desk.call(on="b")
    desk.now += 10.0
    desk.call(on="a")
    view = desk.outlook(tokens=10)
    assert (view.is_limited, view.is_broken) == (True, False)
    assert view.wakes_at == view.possible_at == 1061.0


def test_what_is_in_flight_may_come_back_sooner_than_time_tells():
    """A reservation in tokens may turn out smaller, a concurrent call may end; a request stays a request."""
    desk = Desk(key("a", tpm=10))
    desk.lease(tokens=10)
    view = desk.outlook(tokens=5)
    assert (view.possible_at, view.wakes_at) == (1000.0, 1061.0)
    desk = Desk(key("a", max_concurrency=1))
    desk.lease()
    assert (desk.outlook().possible_at, desk.outlook().wakes_at) == (1000.0, inf)
    desk = Desk(key("a", rpm=1))
    desk.lease()
    assert (desk.outlook().possible_at, desk.outlook().wakes_at) == (1061.0, 1061.0)


def test_the_outlook_of_broken_keys_is_the_end_of_their_rest():
    """Broken and not limited; a probe that is out may end at any moment."""
    desk = Desk(key("a"), key("b"))
    for label in "ab":
        desk.call(Verdict.KEY_DEAD, on=label)
        desk.now += 5.0
    view = desk.outlook()
    assert (view.is_limited, view.is_broken, view.wakes_at) == (False, True, 1060.0)
    desk.now = 1060.0
    desk.lease()
    view = desk.outlook()
    assert (view.is_broken, view.possible_at, view.wakes_at) == (True, 1060.0, 1065.0)


def test_one_limited_key_makes_it_limited():
    """429 when one is only limited, 503 when all are broken."""
    desk = Desk(key("a"), key("b", rpm=1))
    desk.call(Verdict.KEY_DEAD, on="a")
    desk.call(on="b")
    assert (desk.outlook().is_limited, desk.outlook().is_broken) == (True, True)


def test_a_call_larger_than_every_limit_is_told_apart_even_after_a_smaller_one_found_no_room():
    """What is remembered of a search is for calls of that size."""
    desk = Desk(key("a", tpm=100))
    desk.lease(tokens=100)
    assert desk.lease(tokens=50) is None
    assert desk.outlook(tokens=50).is_limited
    view = desk.outlook(tokens=101)
    assert (view.is_too_large, view.is_limited) == (True, False)
    assert desk.outlook(tokens=100).wakes_at == 1061.0


def test_a_larger_call_has_its_own_moment():
    """More of the window has to slide out."""
    desk = Desk(key("a", tpm=100))
    for _ in range(10):
        desk.end(desk.lease(tokens=10))
        desk.now += 1.0
    assert desk.outlook(tokens=10).wakes_at == 1061.0
    assert desk.outlook(tokens=50).wakes_at == 1065.0
    assert desk.outlook(tokens=10).wakes_at == 1061.0


def test_a_search_in_vain_is_not_repeated_until_time_or_a_release_makes_room():
    """And then it is."""
    desk = Desk(key("a", tpm=100, rpm=2))
    grant = desk.lease(tokens=100)
    assert desk.lease(tokens=60) is None
    desk.outlook(tokens=60)
    assert desk.lease(tokens=60) is None
    assert desk.lease(tokens=60, pinned="a") is None
    desk.end(grant, Verdict.NOT_SENT)
    assert desk.lease(tokens=60) is not None
    desk.outlook(tokens=60)
    desk.now += 61.0
    assert desk.lease(tokens=60) is not None


def test_room_that_time_makes_elsewhere_is_not_forgotten_when_a_call_ends():
    """What ends gives too little back, and its own key has more later than the other."""
    desk = Desk(key("a", tpm=100), key("b", tpm=100))
    desk.lease(tokens=100, pinned="a")
    desk.now += 20.0
    ending = desk.lease(tokens=100, pinned="b")
    assert desk.lease(tokens=10) is None
    assert desk.outlook(tokens=10).wakes_at == 1061.0
    desk.end(ending, tokens=85)
    assert desk.lease(tokens=30) is None
    assert desk.outlook(tokens=30, is_bound_enough=True).wakes_at == 1061.0


def test_a_smaller_call_is_looked_for_all_the_same():
    """A search for 60 in vain says nothing about 40."""
    desk = Desk(key("a", tpm=100))
    desk.lease(tokens=50)
    assert desk.lease(tokens=60) is None
    desk.outlook(tokens=60)
    assert desk.lease(tokens=40) is not None


def test_nobody_serves_the_model():
    """Not limited, not broken: there is none."""
    desk = Desk(key("a", models=("n*",)))
    view = desk.outlook()
    assert not any((view.is_limited, view.is_broken, view.is_tried, view.is_too_large))


def test_keys_passed_over_only_say_that_they_were_tried():
    """Their limits do not matter to this call."""
    desk = Desk(key("a", rpm=1), key("b", models=("n",)))
    desk.call(on="a")
    view = desk.outlook(passed={"a", "b"})
    assert (view.is_tried, view.is_limited) == (True, False)


# -- configuration


def test_state_is_kept_by_label():
    """Windows, calls in flight and health, whatever else changes, also the terms of its breakers."""
    desk = Desk(key("a", rpm=9), key("b"))
    for _ in range(5):
        desk.call(Verdict.DENIED, on="a", model="denied")
    for _ in range(3):
        desk.lease(pinned="a")
    desk.call(Verdict.KEY_DEAD, on="b")
    desk.configure(key("b", weight=7), key("a", rpm=10, max_concurrency=4), breaker=BreakerConfigured(failures=7))
    assert not desk.is_leasable("b")
    assert not desk.is_leasable("a", "denied")
    assert desk.lease().key.label == "a"
    assert desk.lease() is None
    assert desk.pool.keys["a"].in_use == 4


def test_a_changed_secret_starts_the_keys_health_anew():
    """It is another credential; its account may well be the same, so its windows count on."""
    desk = Desk(key("a", rpm=9))
    desk.call(Verdict.DENIED)
    desk.call(Verdict.RATE_LIMITED, model="n", retry_after_s=500.0)
    desk.call(Verdict.KEY_DEAD, model="o")
    changed = key("a", rpm=9)
    desk.configure(type(changed)(label="a", secret_id="another", rpm=9))
    assert all(desk.is_leasable("a", model) for model in ("m", "n", "o"))
    assert desk.pool.keys["a"].group.window.requests_left(desk.now) == 6


def test_a_changed_secret_in_a_group_leaves_the_groups_cooldown():
    """The account is the group's, not the key's."""
    desk = Desk(key("a", group="g"), key("b", group="g"))
    desk.call(Verdict.RATE_LIMITED, on="a", retry_after_s=500.0)
    desk.configure(type(key("a"))(label="a", secret_id="another", group="g"), key("b", group="g"))
    assert not desk.is_leasable("a")


@in_turn("verdict", [Verdict.SUCCESS, Verdict.KEY_DEAD])
def test_a_removed_key_takes_no_more_calls_and_is_forgotten_at_its_last_release(verdict):
    """What it has under way ends as it would."""
    desk = Desk(key("a"), key("b"))
    grants = [desk.lease(pinned="a"), desk.lease(pinned="a")]
    desk.configure(key("b"))
    assert {desk.lease().key.label for _ in range(20)} == {"b"}
    assert desk.lease(pinned="a") is None
    assert [each.label for each in desk.pool.removed] == ["a"]
    desk.end(grants[0], verdict)
    assert [each.label for each in desk.pool.removed] == ["a"]
    desk.end(grants[1])
    assert desk.pool.removed == []


def test_a_key_that_comes_back_under_its_label_is_a_new_one():
    """The old one's calls end on the old one."""
    desk = Desk(key("a"), key("b"))
    old = desk.lease(pinned="a")
    desk.configure(key("b"))
    desk.configure(key("a"), key("b"))
    desk.end(old, Verdict.KEY_DEAD)
    assert desk.is_leasable("a")
    assert desk.pool.removed == []


def test_a_pool_without_keys_and_calls_is_empty():
    """So that its owner may forget it."""
    desk = Desk(key("a"))
    grant = desk.lease()
    desk.configure()
    assert desk.lease() is None
    assert not desk.pool.is_empty
    desk.end(grant)
    assert desk.pool.is_empty


def test_windows_are_those_of_the_moment_of_the_lease():
    """A limit that is taken away and given again begins empty, and what was leased before does not make it negative."""
    desk = Desk(key("a", tpm=100))
    grant = desk.lease(tokens=80)
    desk.configure(key("a"))
    desk.configure(key("a", tpm=100))
    desk.end(grant, Verdict.NOT_SENT)
    assert desk.pool.keys["a"].group.window.tokens_left(desk.now) == 100


def test_a_limit_that_comes_beside_another_holds_for_the_minute_before_too():
    """The provider has counted those tokens, whether anybody limited them here or not."""
    desk = Desk(key("a", rpm=10))
    grant = desk.lease(tokens=80)
    desk.configure(key("a", rpm=10, tpm=100))
    assert desk.lease(tokens=30) is None
    desk.end(grant, Verdict.NOT_SENT)
    assert desk.lease(tokens=30) is not None


def test_limits_of_a_class_follow_the_configuration():
    """A lowered limit blocks at once, its content stays."""
    desk = Desk(key("a", limits=(ModelLimits(pattern="m", rpm=5),)))
    for _ in range(3):
        desk.call()
    desk.configure(key("a", limits=(ModelLimits(pattern="m", rpm=3),)))
    assert desk.lease() is None
    desk.configure(key("a", limits=(ModelLimits(pattern="m", rpm=4),)))
    assert desk.lease() is not None
    assert desk.lease() is None


def test_what_a_breaker_has_counted_outlives_a_configuration_with_the_same_terms():
    """Somebody reloads for another reason: half of ten failed, and that trips it."""
    desk = Desk(key("a"))
    for verdict in (Verdict.SUCCESS, Verdict.SERVER_FAULT) * 4:
        desk.call(verdict)
    desk.call()
    desk.configure(key("a"))
    desk.call(Verdict.SERVER_FAULT)
    assert desk.lease() is None


def test_breaker_terms_follow_the_configuration_and_an_open_breaker_stays_open():
    """Only its counts begin anew."""
    desk = Desk(key("a"))
    for _ in range(4):
        desk.call(Verdict.LOST)
    desk.configure(key("a"), breaker=BreakerConfigured(failures=2, open_s=30.0, max_open_s=30.0))
    for grant in [desk.lease(), desk.lease()]:
        desk.end(grant, Verdict.LOST)
    rest = desk.rest_of("a")
    assert rest > 20.0
    desk.configure(key("a"), breaker=BreakerConfigured())
    assert desk.rest_of("a") == rest


@in_turn("selection", ["priority", "weighted", "random_first_fit", "power_of_two"])
def test_selection_follows_the_configuration(selection):
    """Without touching anything else."""
    desk = Desk(key("a"), key("b"))
    desk.configure(key("a"), key("b"), selection=selection)
    labels = {desk.call().key.label for _ in range(50)}
    assert labels == ({"a"} if selection == "priority" else {"a", "b"})
