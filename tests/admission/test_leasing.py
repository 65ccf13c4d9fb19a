"""From a need to a key: targets in order, providers that are passed over, keys that were tried, and why nobody can."""

import pytest
from tests.admission.desk import Desk, caller, key, pool
from tests.in_turn import in_turn

from omnillm.admission.asks import Lease, Refusal, Wait
from omnillm.keys.terms import BreakerConfigured
from omnillm.keys.witnesses import LATELY_S
from omnillm.outcome import FAILOVERS, RETRIES, Verdict

TWO = ("p/m", "q/n")


def two(*p_keys, q_keys=()):
    return Desk(pool(*p_keys, provider="p"), pool(*q_keys, provider="q"))


def broken(desk, provider="p", labels="a"):
    """Sets the provider aside: calls on all of its keys fail at once."""
    leases = [desk.lease(targets=(f"{provider}/m",), pinned=label) for label in labels for _ in range(3)]
    for lease in leases:
        desk.release(lease, Verdict.LOST)
    for label in labels:
        desk.release(desk.lease(targets=(f"{provider}/m",), pinned=label), Verdict.NOT_SENT)


def test_a_lease_names_all_that_the_sender_needs():
    """And nothing live."""
    desk = Desk(pool(key("a"), provider="p"))
    assert desk.ask_lease("x", targets=("p/gpt",), tokens=30) == Lease(lease_id=1, case_id="x", provider="p", key="a", model="gpt")


def test_targets_are_tried_in_order():
    """The second takes what the first has no room for."""
    desk = two(key("a", max_concurrency=1), q_keys=(key("b", max_concurrency=1),))
    assert [desk.lease(targets=TWO).provider for _ in range(2)] == ["p", "q"]
    refusal = desk.ask_lease(targets=TWO)
    assert (refusal.code, refusal.status, refusal.retry_after_s) == ("all_keys_limited", 429, 1.0)


def test_a_target_whose_provider_is_not_configured_is_skipped():
    """A changed configuration may have taken it away."""
    desk = two(key("a"), q_keys=(key("b"),))
    assert desk.lease(targets=("gone/x", "q/n")).provider == "q"
    assert desk.ask_lease(targets=("gone/x",)) == Refusal(case_id="case-2", code="no_key_serves_model", status=503)
    assert desk.ask_lease(targets=()) == Refusal(case_id="case-3", code="no_key_serves_model", status=503)


@in_turn("verdict", sorted(FAILOVERS))
def test_a_failover_has_another_key_and_never_the_same_again(verdict):
    """Each key once; then the caller answers with its last error."""
    desk = Desk(pool(key("a"), key("b"), key("c")))
    case = desk.ticket()
    tried = ()
    for _ in range(3):
        lease = desk.lease(case, tried=tried)
        desk.release(lease, verdict, retry_after_s=0.0)
        tried += (("p", lease.key),)
    assert len(set(tried)) == 3
    refusal = desk.ask_lease(case, tried=tried, queue=60.0)
    assert (refusal.code, refusal.status) == ("all_keys_tried", 503)


@in_turn("verdict", sorted(RETRIES))
def test_a_retry_prefers_another_key_and_has_the_same_rather_than_none(verdict):
    """A fault of the provider is no reason to leave its only key for good."""
    desk = Desk(pool(key("a"), key("b")))
    case = desk.ticket()
    first = desk.lease(case)
    desk.release(first, verdict)
    tried = (("p", first.key),)
    second = desk.lease(case, tried=tried, retry_of="p")
    assert second.key != first.key
    desk.release(second, verdict)
    third = desk.lease(case, tried=(*tried, ("p", second.key)), retry_of="p")
    desk.release(third)


def test_a_retry_does_not_have_a_key_that_the_call_left_for_good():
    """A 401 stays a 401."""
    desk = Desk(pool(key("a"), key("b", models=("other",))))
    case = desk.ticket()
    desk.release(desk.lease(case), Verdict.NOT_FOUND)
    answer = desk.ask_lease(case, tried=(("p", "a"),), retry_of="p", queue=600.0)
    assert answer == Refusal(case_id=case, code="all_keys_tried", status=503, retry_after_s=1.0)


def test_a_retry_waits_for_its_only_key():
    """The same key counts for a retry when it is limited, too."""
    desk = Desk(pool(key("a", max_concurrency=1)))
    case = desk.ticket()
    desk.release(desk.lease(case), Verdict.TIMEOUT)
    other = desk.lease()
    assert desk.ask_lease(case, tried=(("p", "a"),), retry_of="p", queue=5.0) == Wait(case_id=case, until=desk.now + 5.0)
    desk.release(other)
    assert isinstance(desk.served[case], Lease)


def test_the_retry_budget_binds_while_most_keys_fail():
    """3, and a fifth of the calls; a failover or a first try is not counted."""
    desk = Desk(pool(key("a"), key("b")))
    for label in "aaaabbbb":
        desk.release(desk.lease(pinned=label), Verdict.SERVER_FAULT)
    for _ in range(2):
        desk.release(desk.lease(), Verdict.CALLER_FAULT)
    answers = [desk.ask_lease(tried=(("p", "a"),), retry_of="p") for _ in range(6)]
    assert [isinstance(answer, Lease) for answer in answers] == [True] * 5 + [False]
    assert answers[-1] == Refusal(case_id=answers[-1].case_id, code="retry_budget", status=503, scope="p")
    assert isinstance(desk.ask_lease(), Lease)


def test_another_provider_takes_every_retry_of_one_that_fails():
    """A burst meets the end of the first: whatever budget that has, the second works, and hides the failure from all of them."""
    desk = two(key("a"), key("b"), q_keys=(key("c"),))
    leases = [desk.lease(desk.ticket(), targets=TWO) for _ in range(60)]
    for lease in leases:
        desk.release(lease, Verdict.SERVER_FAULT)
        answer = desk.ask_lease(lease.case_id, targets=TWO, tried=(("p", lease.key),), retry_of="p")
        assert isinstance(answer, Lease)
        desk.release(answer, Verdict.SUCCESS if answer.provider == "q" else Verdict.SERVER_FAULT)
    assert desk.order == []


def test_retries_are_bounded_where_both_providers_fail():
    """20 % of the calls of each, and 3 each: whichever of them the failed attempt was."""
    never = BreakerConfigured(failures=1000, window_min=1000)
    desk = Desk(pool(key("a"), provider="p", breaker=never), pool(key("b"), provider="q", breaker=never))
    retries = 0
    for _ in range(50):
        lease = desk.lease(desk.ticket(), targets=TWO)
        desk.release(lease, Verdict.LOST)
        tried = ((lease.provider, lease.key),)
        while isinstance(again := desk.ask_lease(lease.case_id, targets=TWO, tried=tried, retry_of=lease.provider), Lease):
            desk.release(again, Verdict.LOST)
            retries, lease = retries + 1, again
            tried += ((lease.provider, lease.key),)
        assert again.code in {"retry_budget", "all_keys_tried"}
    assert 10 <= retries <= 0.2 * 50 + 6


def test_a_retry_that_one_provider_cannot_afford_waits_for_the_other():
    """In line, as any call would, and it is not told of a budget that is not the other's."""
    desk = two(key("a"), q_keys=(key("b", max_concurrency=1),))
    case = desk.ticket()
    desk.release(desk.lease(case, targets=TWO), Verdict.LOST)
    for _ in range(3):
        desk.release(desk.lease(tried=(("p", "x"),), retry_of="p"), Verdict.LOST)
    other = desk.lease(targets=("q/n",))
    assert isinstance(desk.ask_lease(case, targets=TWO, tried=(("p", "a"),), retry_of="p", queue=5.0), Wait)
    desk.release(other)
    assert desk.served[case].provider == "q"


def test_one_bad_key_costs_no_retry_budget():
    """Its calls are retried on the good ones, every one."""
    desk = Desk(pool(key("a"), key("b"), key("c")))
    for label in "bc":
        desk.release(desk.lease(pinned=label))
    desk.release(desk.lease(pinned="a"), Verdict.SERVER_FAULT)
    for _ in range(50):
        desk.release(desk.lease(tried=(("p", "a"),), retry_of="p"))


def test_a_provider_that_is_set_aside_is_passed_over():
    """While another can take the call."""
    desk = two(key("a"), key("b"), q_keys=(key("c", max_concurrency=1),))
    broken(desk, labels="ab")
    assert desk.lease(targets=TWO).provider == "q"


def test_a_provider_that_is_set_aside_is_used_rather_than_none():
    """When the other is full, or when there is no other: the last candidate is never set aside."""
    desk = two(key("a"), key("b"), q_keys=(key("c", max_concurrency=1),))
    broken(desk, labels="ab")
    desk.lease(targets=TWO)
    assert desk.lease(targets=TWO).provider == "p"
    assert desk.lease(targets=("p/m",)).provider == "p"


def test_a_provider_that_is_set_aside_comes_back_with_one_probe():
    """The others still pass it over until that one has ended well."""
    desk = two(key("a"), key("b"), q_keys=(key("c"),))
    broken(desk, labels="ab")
    desk.now += 1.0
    probe = desk.lease(targets=TWO)
    assert (probe.provider, desk.is_probe(probe)) == ("p", True)
    assert desk.lease(targets=TWO).provider == "q"
    desk.release(probe)
    answer = desk.lease(targets=TWO)
    assert (answer.provider, desk.is_probe(answer)) == ("p", False)


# -- refusals and waits


def test_limited_keys_refuse_with_the_exact_wait():
    """429, and then there is room."""
    desk = Desk(pool(key("a", rpm=1), key("b", rpm=1)))
    for _ in range(2):
        desk.release(desk.lease())
        desk.now += 7.0
    refusal = desk.ask_lease()
    assert (refusal.code, refusal.status, refusal.retry_after_s) == ("all_keys_limited", 429, 47.0)
    desk.now += 47.0
    desk.lease()


@pytest.mark.parametrize("others", [(), (key("c", rpm=1),)], ids=["tried alone", "one never tried"])
def test_keys_that_were_tried_are_told_by_the_first_to_be_free(others):
    """Whichever was asked last, and whether or not another one is at its limit, too: another call may have the first of them."""
    desk = Desk(pool(key("a"), key("b"), *others))
    case = desk.ticket()
    for other in others:
        desk.release(desk.lease(pinned=other.label))
    for label, hint_s in (("a", 5.0), ("b", 50.0)):
        desk.release(desk.lease(case, pinned=label), Verdict.RATE_LIMITED, retry_after_s=hint_s)
    refusal = desk.ask_lease(case, tried=(("p", "a"), ("p", "b")))
    assert refusal.code == ("all_keys_limited" if others else "all_keys_tried")
    assert 5.0 <= refusal.retry_after_s <= 5.25
    desk.now += refusal.retry_after_s
    assert desk.lease().key == "a"


def test_broken_keys_refuse_with_the_exact_wait():
    """503, and then one may be probed."""
    desk = Desk(pool(key("a"), key("b")))
    for label in "ab":
        desk.release(desk.lease(pinned=label), Verdict.KEY_DEAD)
        desk.now += 7.0
    refusal = desk.ask_lease()
    assert (refusal.code, refusal.status, refusal.retry_after_s) == ("all_keys_broken", 503, 46.0)
    desk.now += 46.0
    assert desk.is_probe(desk.lease())


def test_one_limited_key_among_broken_ones_is_429():
    """Something works, it is only busy."""
    desk = Desk(pool(key("a"), key("b", max_concurrency=1)))
    desk.release(desk.lease(pinned="a"), Verdict.KEY_DEAD)
    desk.lease(pinned="b")
    assert desk.ask_lease().status == 429


def test_a_call_larger_than_every_limit_is_400_at_once():
    """Never queued."""
    desk = Desk(pool(key("a", tpm=100), key("b", tpm=200)))
    assert desk.ask_lease(tokens=201, queue=60.0) == Refusal(case_id="case-1", code="call_too_large", status=400, needed=201)
    assert desk.lease(tokens=200).key == "b"


def test_a_call_larger_than_every_limit_is_400_while_others_wait():
    """Though it would stand behind them."""
    desk = Desk(pool(key("a", tpm=100)))
    desk.lease(tokens=100)
    assert isinstance(desk.ask_lease(tokens=50, queue=60.0), Wait)
    assert desk.ask_lease(tokens=101, queue=60.0).code == "call_too_large"


def test_a_model_that_no_key_serves():
    """Configuration, not health: no wait is named."""
    desk = Desk(pool(key("a", models=("gpt-*",))))
    assert desk.ask_lease(queue=60.0) == Refusal(case_id="case-1", code="no_key_serves_model", status=503)


def test_no_wait_when_the_earliest_key_is_later_than_the_call_would_wait():
    """Refused at once, with the moment."""
    desk = Desk(pool(key("a", rpm=1)))
    desk.lease()
    assert desk.ask_lease(queue=60.0).retry_after_s == 61.0
    assert isinstance(desk.ask_lease(queue=61.0), Wait)


def test_no_wait_behind_others_either():
    """Whoever stands before it: the key would come too late for this one."""
    desk = Desk(pool(key("a", rpm=1)))
    desk.lease()
    assert isinstance(desk.ask_lease(queue=70.0), Wait)
    refusal = desk.ask_lease(queue=30.0)
    assert (refusal.code, refusal.retry_after_s) == ("all_keys_limited", 61.0)


def test_a_wait_ends_with_the_moment_of_the_key():
    """At the first tick from then on."""
    desk = Desk(pool(key("a", rpm=1)))
    desk.lease()
    desk.ask_lease("x", queue=90.0)
    desk.tick(60.9)
    assert desk.served == {}
    desk.tick(0.1)
    assert desk.served["x"].key == "a"


def test_a_wait_ends_with_the_release_of_a_key():
    """In the answer of that release."""
    desk = Desk(pool(key("a", max_concurrency=1)))
    lease = desk.lease()
    desk.ask_lease("x", queue=90.0)
    desk.release(lease)
    assert desk.served["x"].key == "a"


def test_a_wait_ends_with_the_moment_of_its_call():
    """Refused with what is true then."""
    desk = Desk(pool(key("a", max_concurrency=1)))
    desk.lease()
    desk.ask_lease("x", queue=9.0)
    desk.tick(8.9)
    assert desk.served == {}
    desk.tick(0.1)
    assert (desk.served["x"].code, desk.served["x"].status) == ("all_keys_limited", 429)


def test_a_wait_that_has_become_hopeless_ends_at_once():
    """The key that it waits for died."""
    desk = Desk(pool(key("a", max_concurrency=1)))
    lease = desk.lease()
    desk.ask_lease("x", queue=9.0)
    desk.release(lease, Verdict.KEY_DEAD)
    assert (desk.served["x"].code, desk.served["x"].retry_after_s) == ("all_keys_broken", 60.0)


def test_a_wait_for_a_provider_that_is_taken_away_ends_at_once():
    """With the configuration's own words."""
    desk = two(key("a", max_concurrency=1), q_keys=(key("b"),))
    desk.lease()
    desk.ask_lease("x", queue=9.0)
    desk.configure(pool(key("b"), provider="q"))
    assert desk.served["x"].code == "no_key_serves_model"


def test_a_key_that_is_added_serves_those_who_wait():
    """With the configuration that adds it."""
    desk = Desk(pool(key("a", max_concurrency=1)))
    desk.lease()
    desk.ask_lease("x", queue=9.0)
    desk.configure(pool(key("a", max_concurrency=1), key("b")))
    assert desk.served["x"].key == "b"


def test_a_lease_that_leaves_after_its_key_was_moved_counts_from_then_on():
    """It was granted before, and connects for a while: until a minute after it has left its new group has no more room than the old one."""
    desk = Desk(pool(key("a", rpm=1)))
    lease = desk.ask_lease()
    desk.configure(pool(key("a", group="g", rpm=1), key("b", group="g", rpm=1)))
    desk.now += 30.0
    assert isinstance(desk.ask_lease(), Refusal)
    desk.controller.sent(lease.lease_id, desk.now)
    desk.now += 59.0
    assert isinstance(desk.ask_lease(), Refusal)
    desk.now += 2.0
    assert isinstance(desk.ask_lease(), Lease)


def calls(desk, marks, model="m", verdict=Verdict.SERVER_FAULT, **outcome):
    """One after the other, each of the caller that its letter names; a capital fails."""
    for mark in marks:
        case = desk.ticket(caller=mark.lower())
        lease = desk.lease(case, targets=(f"p/{model}",))
        desk.release(lease, *([verdict] if mark.isupper() else []), **(outcome if mark.isupper() else {}))
        desk.settle(case)


@in_turn(
    ("marks", "is_open"),
    [
        ("AAAAA", True),  # nobody else is there
        ("aAAAAA", True),
        ("bAAAAAAAAAAAAAAAAAAAA", False),  # what it asks for may be why
        ("bAAAABAAAABA", True),  # another meets it, too
        ("bABABA", True),
        ("bcABAB", False),  # four
        ("bcABCBA", True),
        ("bAAAbAAAbAAAbAAAbAAAbAAAbAAA", False),
    ],
)
def test_one_callers_failures_do_not_close_a_key_to_others(marks, is_open):
    """Of its failures in a row the first alone counts, while others do well with the key: it could send what no provider survives."""
    desk = Desk(pool(key("a")), callers=(caller("a"), caller("b"), caller("c")))
    calls(desk, marks)
    assert (desk.key("a").state == "open") is is_open


@in_turn(
    ("marks", "is_doubtful", "is_denied"),
    [
        ("AAAAA", False, True),  # nobody else is there
        ("AAAAaAAAA", False, False),
        (f"Ab{'A' * 63}", False, False),
        (f"Ab{'A' * 64}", False, True),  # the key may have lost the model since
        ("AbABABAB", False, True),  # another meets it, too
        ("AAAAAAAAAAAAAAAAAAAAAA", True, False),
        ("ABABA", True, True),
        ("ABABaABA", True, False),
    ],
)
def test_one_callers_refusals_do_not_close_a_model_to_others(marks, is_doubtful, is_denied):
    """Five in a row deny it, if they are not one caller's while another does well with it; or of one that names what may be refused."""
    desk = Desk(pool(key("a")), callers=(caller("a"), caller("b")))
    for mark in marks:
        desk.now += LATELY_S
        calls(desk, mark, verdict=Verdict.NOT_FOUND, is_doubtful=is_doubtful)
    assert isinstance(desk.ask_lease(), Refusal) is is_denied
    for rest_s in (1.0, 2.0) if is_denied else ():
        desk.now += rest_s
        calls(desk, "A", verdict=Verdict.NOT_FOUND, is_doubtful=is_doubtful)  # as a probe it counts, if it is not doubtful
    assert isinstance(desk.ask_lease(), Refusal) is (is_denied and not is_doubtful)


def test_a_model_that_fails_whoever_asks_for_it_rests_though_others_do_well_with_other_models():
    """Only who did well with that model is a witness for it."""
    desk = Desk(pool(key("a")), callers=(caller("a"), caller("b")))
    calls(desk, "b", "good")
    for _ in range(5):
        calls(desk, "A", "bad")
        calls(desk, "b", "good")
    assert isinstance(desk.ask_lease(targets=("p/bad",)), Refusal)
    desk.now += 1.0
    calls(desk, "bAbAbAbAbAbA", "bad")
    assert isinstance(desk.ask_lease(targets=("p/bad",)), Lease)


def test_who_did_well_long_ago_is_no_witness():
    """The key may have broken since."""
    desk = Desk(pool(key("a")), callers=(caller("a"), caller("b")))
    calls(desk, "bAAAAAAAA")
    desk.now += LATELY_S
    calls(desk, "AAAA")
    assert desk.key("a").state == "open"


def test_who_does_well_right_behind_another_is_a_witness():
    """Successes are counted in one go within a second, whoever's they are; that there is another with the key is not to be missed."""
    desk = Desk(pool(key("a")), callers=(caller("a"), caller("b")))
    for _ in range(int(LATELY_S) + 2):
        calls(desk, "aba")
        desk.now += 1.0
    calls(desk, "AAAAA")
    assert desk.key("a").state == "ready"


def test_one_callers_failures_on_all_keys_do_not_set_their_provider_aside():
    """Each is tried again with the next key, so that all keys meet it."""
    desk = two(key("a"), key("b"), key("c"), q_keys=(key("d"),))
    for label in "abc":
        desk.release(desk.lease(desk.ticket(caller="b"), targets=("p/m",), pinned=label))
    for _ in range(2):
        for label in "abc":
            lease = desk.ask_lease(desk.ticket(caller="a"), targets=("p/m",), pinned=label)
            desk.release(lease, Verdict.SERVER_FAULT)
    assert desk.lease(desk.ticket(caller="b"), targets=("p/m", "q/m")).provider == "p"


def test_a_revived_key_serves_those_who_wait_at_the_next_tick():
    """An administrator's word."""
    desk = Desk(pool(key("a")))
    desk.release(desk.lease(), Verdict.KEY_DEAD)
    desk.ask_lease("x", queue=90.0)
    assert desk.controller.revive("p", "a", desk.now)
    desk.tick()
    assert desk.served["x"].key == "a"
    assert not desk.controller.revive("p", "nobody", desk.now)
    assert not desk.controller.revive("nobody", "a", desk.now)


def test_a_removed_provider_ends_with_its_last_release():
    """Its keys are shown as removed until then."""
    desk = two(key("a"), q_keys=(key("b"),))
    lease = desk.lease()
    desk.configure(pool(key("b"), provider="q"))
    assert desk.key("a").state == "removed"
    assert not desk.key("a").is_available
    desk.release(lease, Verdict.SERVER_FAULT)
    assert [each.label for each in desk.controller.keys(desk.now)] == ["b"]


def test_those_who_wait_are_served_when_a_probe_has_been_silent_for_long():
    """One 429 does not hold everybody up for as long as the first call after it takes."""
    desk = Desk(pool(key("a")))
    desk.release(desk.lease(), Verdict.RATE_LIMITED, retry_after_s=1.0)
    desk.tick(1.1)
    probe = desk.lease()
    cases = [desk.ticket() for _ in range(5)]
    assert all(isinstance(desk.ask_lease(case, queue=10.0), Wait) for case in cases)
    desk.tick(0.4)
    assert not desk.served
    desk.tick(0.2)
    assert desk.order == cases[:2]
    desk.tick(0.6)
    assert desk.order == cases
    assert all(isinstance(answer, Lease) for answer in desk.served.values())
    desk.release(probe)


def test_forty_calls_at_once_are_all_served_by_a_key_that_takes_five_a_second():
    """Its limit is not configured. They come in the order of their turns, and what is refused goes to the end of the line."""
    desk = Desk(pool(key("a")))
    under_way, refused, level = [], 0, 10.0
    for case in [desk.ticket() for _ in range(40)]:
        answer = desk.ask_lease(case, queue=10.0)
        under_way += [(0.0, answer)] if isinstance(answer, Lease) else []
    for _ in range(80):
        desk.tick(0.1)
        level = min(level + 0.5, 10.0)
        under_way += [(desk.now, answer) for answer in desk.served.values()]
        desk.served.clear()
        for sent_at, lease in under_way[:]:
            if sent_at + 0.2 > desk.now:
                continue
            under_way.remove((sent_at, lease))
            level -= 1.0
            desk.release(lease, Verdict.SUCCESS if level >= 0.0 else Verdict.RATE_LIMITED)
            if level < 0.0:
                level, refused = 0.0, refused + 1
                desk.ask_lease(lease.case_id, queue=10.0)
    assert (under_way, desk.controller._needs.waiters) == ([], {})
    assert refused < 60


def test_those_who_wait_are_served_when_a_probe_is_proven():
    """A stream that has begun need not end first."""
    desk = Desk(pool(key("a")))
    for lease in [desk.lease() for _ in range(5)]:
        desk.release(lease, Verdict.LOST)
    desk.tick(1.1)
    probe = desk.lease()
    case = desk.ticket()
    assert isinstance(desk.ask_lease(case, queue=10.0), Wait)
    desk.controller.prove(probe.lease_id, desk.now)
    assert isinstance(desk.served[case], Lease)


def test_a_model_that_no_provider_knows_is_404_until_it_is_asked_again():
    """Whoever asks next is told the same, not that the keys are broken."""
    desk = two(key("a"), q_keys=(key("b"), key("c", models=("other",))))
    for target in TWO * 5:
        desk.release(desk.lease(targets=(target,)), Verdict.NOT_FOUND)
    refusal = desk.ask_lease(targets=TWO)
    assert (refusal.code, refusal.status) == ("model_not_found", 404)
    assert 0.75 <= refusal.retry_after_s <= 1.0
    assert isinstance(desk.ask_lease(targets=("p/other",)), Lease)
    desk.tick(1.0)
    assert isinstance(desk.ask_lease(targets=TWO), Lease)


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.DENIED, "all_keys_broken"), (Verdict.RATE_LIMITED, "all_keys_limited")])
def test_a_model_that_one_key_may_know_is_no_404(verdict, code):
    """Another key is only forbidden to use it, or limited."""
    desk = Desk(pool(key("a"), key("b")))
    for lease, end in [(desk.lease(pinned=label), end) for label, end in [("a", Verdict.NOT_FOUND), ("b", verdict)] for _ in range(5)]:
        desk.release(lease, end, retry_after_s=50.0)
    assert desk.ask_lease().code == code


def test_a_dead_key_that_did_not_know_the_model_still_tells_of_the_model():
    """What is wrong beside that changes nothing for who asks."""
    desk = Desk(pool(key("a")))
    for _ in range(5):
        desk.release(desk.lease(), Verdict.NOT_FOUND)
    desk.release(desk.lease(targets=("p/other",)), Verdict.KEY_DEAD)
    assert desk.ask_lease().code == "model_not_found"
