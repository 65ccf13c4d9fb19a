"""What each verdict means: for which key, for which models, and for how long."""

import pytest
from tests.in_turn import in_turn
from tests.keys.desk import Desk, key

from omnillm.keys.judgement import JUDGEMENTS
from omnillm.outcome import FAILOVERS, RETRIES, Headroom, Verdict

GROUPED = (key("a", group="g"), key("b", group="g"), key("c"))
EVERY = [(label, model) for label in "abc" for model in ("m", "n")]

RESTING = {
    Verdict.SUCCESS: set(),
    Verdict.CALLER_FAULT: set(),
    Verdict.ABORTED: set(),
    Verdict.STALE: set(),
    Verdict.NOT_SENT: set(),
    Verdict.RATE_LIMITED: {("a", "m"), ("b", "m")},
    Verdict.QUOTA_EXHAUSTED: {("a", "m"), ("b", "m")},
    Verdict.KEY_DEAD: {("a", "m"), ("a", "n")},
    Verdict.DENIED: set(),
    Verdict.NOT_FOUND: set(),
    Verdict.OVERLOADED: set(),
    Verdict.SERVER_FAULT: set(),
    Verdict.TIMEOUT: set(),
    Verdict.LOST: set(),
}
"""After one of them for model m on key a, which shares a quota group with b: what rests."""


def resting(desk):
    return {(label, model) for label, model in EVERY if not desk.is_leasable(label, model)}


def test_every_verdict_has_a_judgement():
    """Success has its own short way."""
    assert set(JUDGEMENTS) == set(Verdict) - {Verdict.SUCCESS}
    assert set(RESTING) == set(Verdict)


@in_turn("verdict", Verdict)
def test_a_verdict_rests_its_own_scope_and_nothing_else(verdict):
    """Group x model, or key; a single fault of a provider rests nobody, nor does a single refusal of the model."""
    desk = Desk(*GROUPED)
    desk.call(verdict, on="a")
    assert resting(desk) == RESTING[verdict]


@in_turn("verdict", sorted(RETRIES))
def test_faults_of_the_provider_trip_the_breaker_of_their_key(verdict):
    """The fifth in a row opens it, for every model; the other keys are well."""
    desk = Desk(*GROUPED)
    for _ in range(4):
        desk.call(verdict, on="a", model="m")
    assert resting(desk) == set()
    desk.call(verdict, on="a", model="n")
    assert resting(desk) == {("a", "m"), ("a", "n")}
    assert 0.75 < desk.rest_of("a") <= 1.0


@in_turn("verdict", sorted(set(Verdict) - RETRIES - {Verdict.SUCCESS}))
def test_nothing_else_counts_for_the_breaker_or_resets_it(verdict):
    """A 429, a caller's mistake or an aborted call says nothing about 5xx."""
    desk = Desk(*GROUPED)
    breaker = desk.pool.keys["a"].breaker
    for _ in range(4):
        desk.call(Verdict.SERVER_FAULT, on="a")
    for _ in range(20):
        grant = desk.lease("n", pinned="a")
        if grant is not None:
            desk.end(grant, verdict)
        desk.now += 0.1
    assert breaker.consecutive == 4
    desk.now += 4000.0
    desk.call(Verdict.SERVER_FAULT, on="a")
    assert breaker.circuit.rest_s(desk.now) > 0.0


def test_a_late_refusal_does_not_tell_why_a_model_rests():
    """It failed while others did well: that it is refused to a call from before is news of nothing."""
    desk = Desk(key("a"))
    late = desk.lease()
    for _ in range(5):
        desk.call(model="n")
        desk.call(Verdict.SERVER_FAULT)
    trouble = desk.pool.keys["a"].troubles["m"]
    until = trouble.circuit.until
    desk.end(late, Verdict.DENIED)
    assert (trouble.refusal, trouble.circuit.until) == (None, until)
    desk.wait_for("a")
    desk.call(Verdict.DENIED)
    assert trouble.refusal is Verdict.DENIED


def test_who_did_well_speaks_for_a_model_as_long_as_somebody_else_is_refused():
    """A caller that comes seldom does not have to prove it anew, because each of its calls goes well."""
    desk = Desk(key("a"))
    for turn in range(6):
        if turn:
            desk.call()
        for _ in range(7 if turn else 4):
            grant = desk.lease()
            assert grant is not None, turn
            grant.caller = "other"
            desk.end(grant, Verdict.NOT_FOUND)
            desk.now += 3.0


def test_success_resets_the_count():
    """Five in a row means in a row."""
    desk = Desk(key("a"))
    for _ in range(4):
        desk.call(Verdict.TIMEOUT)
    desk.call()
    assert desk.pool.keys["a"].breaker.consecutive == 0


@in_turn(
    ("verdict", "hint", "least", "most"),
    [
        (Verdict.RATE_LIMITED, None, 0.75, 1.0),
        (Verdict.RATE_LIMITED, 12.5, 12.5, 12.5 * 1.05),
        (Verdict.RATE_LIMITED, 7200.0, 3600.0, 3600.0),
        (Verdict.RATE_LIMITED, 1e9, 3600.0, 3600.0),
        (Verdict.QUOTA_EXHAUSTED, None, 600.0, 600.0),
        (Verdict.QUOTA_EXHAUSTED, 39.0, 600.0, 600.0),
        (Verdict.QUOTA_EXHAUSTED, 1800.0, 1800.0, 1800.0 * 1.05),
        (Verdict.QUOTA_EXHAUSTED, 90_000.0, 3600.0, 3600.0),
        (Verdict.KEY_DEAD, None, 60.0, 60.0),
        (Verdict.KEY_DEAD, 5.0, 5.0, 5.0),
    ],
)
def test_how_long_it_rests(verdict, hint, least, most):
    """The provider's hint, a little later and at most `max_cooldown_s`; without one the first step of a backoff."""
    desk = Desk(*GROUPED)
    desk.call(verdict, on="a", retry_after_s=hint)
    assert least - 1e-6 <= desk.rest_of("a") <= most + 1e-6


@pytest.mark.parametrize("hint", [0.0, -5.0])
def test_a_hint_of_no_wait_leaves_one_probe_at_a_time(hint):
    """Right away again, but not everybody at once."""
    desk = Desk(*GROUPED)
    desk.call(Verdict.RATE_LIMITED, on="a", retry_after_s=hint)
    probe = desk.lease(pinned="a")
    assert probe is not None
    assert desk.lease(pinned="b") is None
    assert desk.lease("n", pinned="b") is not None


@pytest.mark.parametrize("hint", [0.0, 0.2])
def test_a_hint_that_proves_wrong_again_and_again_is_doubted(hint):
    """Obeyed the first time; then 2 s, 4 s, and 5 s at most: a provider that always says "now" is not asked without a pause."""
    desk = Desk(*GROUPED)
    rests = []
    for _ in range(5):
        for grant in [desk.lease(pinned="a", is_sent=True) for _ in range(3)]:
            if grant is not None:
                desk.end(grant, Verdict.RATE_LIMITED, retry_after_s=hint)
        rests.append(desk.rest_of("a"))
        desk.wait_for("a")
    assert hint <= rests[0] <= hint * 1.05 + 1e-6
    for rest, whole in zip(rests[1:], (2.0, 4.0, 5.0, 5.0), strict=True):
        assert 0.75 * whole <= rest <= whole + 1e-6
    desk.call(on="a")
    desk.call(Verdict.RATE_LIMITED, on="a", retry_after_s=hint)
    assert desk.rest_of("a") <= hint * 1.05 + 1e-6


def test_a_doubted_hint_that_is_long_is_obeyed():
    """Whatever it was before."""
    desk = Desk(*GROUPED)
    for _ in range(3):
        desk.call(Verdict.RATE_LIMITED, on="a", retry_after_s=20.0)
        assert 20.0 < desk.rest_of("a") <= 21.0
        desk.wait_for("a")


@in_turn(
    ("verdict", "first", "most"),
    [
        (Verdict.RATE_LIMITED, 1.0, 10.0),
        (Verdict.QUOTA_EXHAUSTED, 600.0, 3600.0),
        (Verdict.KEY_DEAD, 60.0, 3600.0),
        (Verdict.DENIED, 1.0, 60.0),
    ],
)
def test_each_failed_probe_doubles_the_rest(verdict, first, most):
    """first x 2^k, up to the most; a probe that goes well begins anew."""
    desk = Desk(*GROUPED)
    lead = 4 if verdict is Verdict.DENIED else 0
    for _ in range(lead):
        desk.call(verdict, on="a")
    for k in range(10):
        desk.call(verdict, on="a")
        whole = min(most, first * 2.0**k)
        assert 0.75 * whole <= desk.rest_of("a") <= whole + 1e-6
        desk.wait_for("a")
    for _ in range(2):
        desk.call(on="a")
    for _ in range(lead + 1):
        desk.call(verdict, on="a")
    assert 0.75 * first <= desk.rest_of("a") <= first + 1e-6


@in_turn(
    ("verdict", "first"),
    [(Verdict.RATE_LIMITED, 1.0), (Verdict.QUOTA_EXHAUSTED, 600.0), (Verdict.KEY_DEAD, 60.0), (Verdict.DENIED, 1.0)],
)
def test_a_burst_counts_once(verdict, first):
    """Attempts that were out together and fail together are one strike."""
    desk = Desk(*GROUPED)
    for grant in [desk.lease(pinned="a") for _ in range(5)]:
        desk.end(grant, verdict)
    assert 0.75 * first <= desk.rest_of("a") <= first + 1e-6


def test_five_failures_at_once_open_the_breaker_for_its_first_rest():
    """The rest of the burst finds it open."""
    desk = Desk(*GROUPED)
    for grant in [desk.lease(pinned="a") for _ in range(20)]:
        desk.end(grant, Verdict.SERVER_FAULT)
    assert 0.75 < desk.rest_of("a") <= 1.0


@pytest.mark.parametrize(("first", "second"), [(30.0, 2.0), (30.0, None), (30.0, 0.0)])
def test_a_shorter_429_never_shortens_a_cooldown(first, second):
    """The longer one holds."""
    desk = Desk(*GROUPED)
    one, other = desk.lease(pinned="a"), desk.lease(pinned="b")
    desk.end(one, Verdict.RATE_LIMITED, retry_after_s=first)
    desk.end(other, Verdict.RATE_LIMITED, retry_after_s=second)
    assert desk.rest_of("a") >= first


def test_a_429_ends_no_quota_rest():
    """Exhausted is longer than limited."""
    desk = Desk(*GROUPED)
    one, other = desk.lease(pinned="a"), desk.lease(pinned="b")
    desk.end(one, Verdict.QUOTA_EXHAUSTED)
    desk.end(other, Verdict.RATE_LIMITED, retry_after_s=1.0)
    assert desk.rest_of("a") == pytest.approx(600.0)
    assert desk.pool.keys["a"].group.class_of("m", desk.now).is_exhausted


def test_breaker_and_cooldown_block_each_alone():
    """The later of the two moments counts."""
    desk = Desk(key("a"))
    grants = [desk.lease() for _ in range(6)]
    for grant in grants[:5]:
        desk.end(grant, Verdict.SERVER_FAULT)
    desk.end(grants[5], Verdict.RATE_LIMITED, retry_after_s=10.0)
    assert desk.rest_of("a") >= 10.0
    assert desk.rest_of("a", "n") <= 1.0


def test_max_cooldown_bounds_every_cooldown_but_not_a_dead_keys_rest():
    """An administrator may want to hear of recovered limits sooner; a dead key is re-probed rarely."""
    desk = Desk(*GROUPED, max_cooldown_s=5.0)
    desk.call(Verdict.QUOTA_EXHAUSTED, on="a")
    assert desk.rest_of("a") == pytest.approx(5.0)
    desk.call(Verdict.KEY_DEAD, on="c")
    assert desk.rest_of("c") == pytest.approx(60.0)


@in_turn("verdict", [Verdict.KEY_DEAD, Verdict.DENIED, Verdict.RATE_LIMITED, Verdict.QUOTA_EXHAUSTED])
def test_what_returns_has_one_probe_in_flight(verdict):
    """And the probe's success opens it for all, for every rest; after a limit once fewer ask than it lets in."""
    desk = Desk(*GROUPED)
    for grant in [desk.lease(pinned="a") for _ in range(5)]:
        desk.end(grant, verdict)
    desk.wait_for("a")
    probe = desk.lease(pinned="a")
    assert probe.probes
    assert desk.lease(pinned="a") is None
    desk.end(probe)
    desk.call(on="a")
    assert not desk.lease(pinned="a").probes
    assert not desk.lease(pinned="a").probes


def test_a_key_that_was_dead_and_came_back_is_as_new():
    """A later 401 rests it as long as a first one."""
    desk = Desk(key("a"))
    for _ in range(3):
        desk.call(Verdict.KEY_DEAD)
        desk.wait_for("a")
    desk.call()
    desk.call(Verdict.KEY_DEAD)
    assert desk.rest_of("a") == pytest.approx(60.0)


@pytest.mark.parametrize("verdict", [Verdict.CALLER_FAULT, Verdict.ABORTED, Verdict.RATE_LIMITED])
def test_a_probe_without_an_answer_is_taken_by_the_next_call(verdict):
    """Half-open never stays half-open for want of a verdict."""
    desk = Desk(key("a"))
    desk.call(Verdict.KEY_DEAD)
    desk.wait_for("a")
    desk.call(verdict, model="n")
    grant = desk.lease()
    assert grant is not None
    assert grant.probes
    desk.end(grant)
    assert desk.pool.keys["a"].is_closed


def test_an_administrator_revives_a_key_for_every_model():
    """Dead, denied, tripped and cooling."""
    desk = Desk(key("a"))
    ends = [*[Verdict.SERVER_FAULT] * 5, *[Verdict.DENIED] * 5, Verdict.KEY_DEAD, Verdict.RATE_LIMITED, Verdict.QUOTA_EXHAUSTED]
    for grant, verdict in zip([desk.lease() for _ in ends], ends, strict=True):
        desk.end(grant, verdict)
    assert not desk.is_leasable("a")
    desk.pool.revive("a")
    assert [desk.lease() is not None for _ in range(3)] == [True] * 3
    desk.call(Verdict.KEY_DEAD)
    assert desk.rest_of("a") == pytest.approx(60.0)


def test_failovers_and_retries_are_apart():
    """A verdict is answered by another key at once, or counts for the breaker, or is the caller's."""
    assert not FAILOVERS & RETRIES
    assert set(Verdict) - FAILOVERS - RETRIES == {Verdict.SUCCESS, Verdict.CALLER_FAULT, Verdict.ABORTED, Verdict.STALE}


def test_headers_of_any_verdict_are_heard():
    """A refused request tells what is left, too."""
    desk = Desk(key("a"))
    desk.call(Verdict.CALLER_FAULT, headroom=Headroom(requests_left=0, requests_reset_s=5.0))
    assert desk.lease() is None
    desk.now += 5.0
    assert desk.lease() is not None
