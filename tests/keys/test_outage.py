"""A provider is set aside when its failures span most of its keys; until then one bad key is only that."""

from tests.in_turn import in_turn
from tests.keys.desk import Desk, key

from omnillm.keys.circuit import CLOSED, HALF_OPEN, OPEN
from omnillm.outcome import RETRIES, Verdict

KEYS = [key(label) for label in "abcd"]


def state(desk):
    return desk.pool.outage.circuit.state


@in_turn("verdict", sorted(RETRIES))
def test_failures_of_most_keys_set_it_aside(verdict):
    """More than half of those that answered lately, and more than one."""
    desk = Desk(*KEYS)
    desk.call(on="d")
    for label in "ab":
        desk.call(verdict, on=label)
        if label == "a":
            assert state(desk) is CLOSED
    assert state(desk) is OPEN
    assert 0.75 < desk.pool.outage.circuit.rest_s(desk.now) <= 1.0


def test_one_bad_key_among_good_ones_does_not():
    """However often it fails."""
    desk = Desk(*KEYS)
    for label in "bcd":
        desk.call(on=label)
    for grant in [desk.lease(pinned="a") for _ in range(50)]:
        desk.end(grant, Verdict.SERVER_FAULT)
    assert state(desk) is CLOSED
    assert not desk.pool.outage.spans_most(desk.now)


def test_half_of_the_keys_is_not_most():
    """Two good and two bad."""
    desk = Desk(*KEYS)
    for label in "cd":
        desk.call(on=label)
    for label in "ab":
        desk.call(Verdict.TIMEOUT, on=label)
    assert state(desk) is CLOSED


def test_one_key_alone_speaks_for_the_provider_only_when_it_is_unreachable():
    """A 500 may be the key's; a refused connection is nobody's key."""
    desk = Desk(key("a"))
    desk.call(Verdict.SERVER_FAULT)
    assert state(desk) is CLOSED
    desk = Desk(key("a"))
    desk.call(Verdict.NOT_SENT)
    assert state(desk) is OPEN


@in_turn("verdict", sorted(set(Verdict) - RETRIES - {Verdict.NOT_SENT}))
def test_answers_that_are_no_failures_never_set_it_aside(verdict):
    """A provider that says 401 or 429 works."""
    desk = Desk(*KEYS)
    for label in "abcd":
        desk.call(verdict, on=label)
    assert state(desk) is CLOSED


def test_what_was_long_ago_does_not_count():
    """This and the previous ten seconds."""
    desk = Desk(*KEYS)
    desk.call(Verdict.LOST, on="a")
    desk.now += 20.0
    desk.call(Verdict.LOST, on="b")
    assert state(desk) is CLOSED
    desk.now += 10.0
    desk.call(Verdict.LOST, on="c")
    assert state(desk) is OPEN


def test_what_took_long_is_an_answer_of_when_it_came():
    """Two keys that answered in the previous ten seconds stand against the two that fail now, whenever they were asked."""
    desk = Desk(*KEYS)
    slow = [desk.lease(pinned=label) for label in "cd"]
    desk.now += 10.0
    for grant in slow:
        desk.end(grant)
    desk.now += 10.0
    for label in "ab":
        desk.call(Verdict.LOST, on=label)
    assert state(desk) is CLOSED


def test_a_key_counts_once_by_its_latest_answer():
    """Failed and then well is well."""
    desk = Desk(*KEYS)
    desk.call(Verdict.LOST, on="a")
    desk.call(on="a")
    desk.now += 10.0
    desk.call(Verdict.LOST, on="b")
    assert state(desk) is CLOSED
    assert not desk.pool.outage.spans_most(desk.now)


def test_a_key_that_fails_in_two_spans_counts_once():
    """It is one of two keys, not two of three."""
    desk = Desk(*KEYS)
    desk.call(Verdict.LOST, on="a")
    desk.call(on="b")
    desk.now += 10.0
    desk.call(Verdict.LOST, on="a")
    assert not desk.pool.outage.spans_most(desk.now)


def test_keys_that_answer_again_are_the_same_keys():
    """Three that were well ten seconds ago are not three more beside the two that fail now."""
    desk = Desk(*KEYS)
    for label in "abc":
        desk.call(on=label)
    desk.now += 10.0
    for label in "ab":
        desk.call(Verdict.LOST, on=label)
    assert state(desk) is OPEN


@in_turn("pause", [10.0, 100.0])
def test_a_key_that_fails_on_is_one_that_fails(pause):
    """In the next ten seconds and long after: two of three."""
    desk = Desk(*KEYS)
    desk.call(on="c")
    desk.call(Verdict.LOST, on="a")
    desk.now += pause
    for label, verdict in (("c", Verdict.SUCCESS), ("a", Verdict.LOST), ("b", Verdict.LOST)):
        assert state(desk) is CLOSED
        desk.call(verdict, on=label)
    assert state(desk) is OPEN


def test_a_probe_that_reaches_nobody_sets_it_aside_again():
    """As one that is answered badly does."""
    desk = Desk(*KEYS)
    circuit = desk.pool.outage.circuit
    desk.call(Verdict.NOT_SENT, on="a")
    desk.now = circuit.until
    assert circuit.admits(desk.now)
    desk.end(desk.lease(pinned="b"), Verdict.NOT_SENT)
    assert circuit.rest_s(desk.now) > 1.0


def test_it_returns_with_one_probe_whose_success_ends_it():
    """And whose failure sets it aside for twice as long, half a minute at most."""
    desk = Desk(*KEYS)
    circuit = desk.pool.outage.circuit
    for label in "ab":
        desk.call(Verdict.SERVER_FAULT, on=label)
    for k in range(1, 8):
        desk.now = circuit.until
        assert circuit.admits(desk.now)
        probe = desk.lease(pinned="c")
        assert circuit in probe.probes
        assert not circuit.admits(desk.now)
        desk.end(probe, Verdict.SERVER_FAULT)
        whole = min(30.0, 2.0**k)
        assert 0.75 * whole < circuit.rest_s(desk.now) <= whole
        desk.pool.keys["c"].breaker.revive()
    desk.now = circuit.until
    assert circuit.admits(desk.now)
    assert circuit.state is HALF_OPEN
    desk.call(on="c")
    assert (circuit.state, circuit.strikes) == (CLOSED, 0)


def test_any_success_ends_it():
    """Somebody got through."""
    desk = Desk(*KEYS)
    early = desk.lease(pinned="d")
    for label in "ab":
        desk.call(Verdict.SERVER_FAULT, on=label)
    desk.end(early)
    assert state(desk) is CLOSED


def test_retries_are_bounded_only_while_most_keys_fail():
    """20 % of the calls of these ten seconds, and 3."""
    desk = Desk(*KEYS)
    outage = desk.pool.outage
    for _ in range(100):
        outage.retry(desk.now)
    assert outage.has_retry(desk.now)
    desk.now += 10.0
    for label in "aaaabbbb":
        desk.call(Verdict.TIMEOUT, on=label)
    for _ in range(2):
        desk.lease(pinned="c")
    allowed = 0
    while outage.has_retry(desk.now) and allowed < 100:
        outage.retry(desk.now)
        allowed += 1
    assert allowed == 3 + 2
    desk.now += 20.0
    assert outage.has_retry(desk.now)


def test_retries_are_not_bounded_while_most_attempts_go_well():
    """A single key has always failed last when its call asks for a retry; that one attempt in three fails is no outage."""
    desk = Desk(key("a"))
    for _ in range(20):
        desk.call()
        desk.call()
        desk.call(Verdict.OVERLOADED)
        assert desk.pool.outage.has_retry(desk.now)
        desk.pool.outage.retry(desk.now)
