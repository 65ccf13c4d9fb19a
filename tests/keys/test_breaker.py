"""A key's breaker: failures in a row, a share of failures in a window, and how it comes back."""

from random import Random

from tests.in_turn import in_turn

from omnillm.keys.breaker import Breaker
from omnillm.keys.circuit import CLOSED, HALF_OPEN, OPEN
from omnillm.keys.terms import BreakerConfigured

PROBE = object()


class Watch:
    """A breaker with a clock."""

    def __init__(self, **terms):
        self.breaker = Breaker(BreakerConfigured(**terms))
        self.dice = Random(1)
        self.now = 1000.0

    @property
    def state(self):
        return self.breaker.circuit.state

    def outcomes(self, marks, gap=0.0):
        """`x` fails, `.` succeeds."""
        for mark in marks:
            self.now += gap
            if mark == "x":
                self.breaker.failed(None, self.now, self.dice)
            else:
                self.breaker.succeeded(None, self.now)

    def rest(self):
        return self.breaker.circuit.rest_s(self.now)

    def probe(self, *, is_good):
        """Waits out the rest, and ends one probe."""
        self.now += self.rest()
        assert self.breaker.circuit.admits(self.now)
        assert self.breaker.circuit.take(PROBE, self.now)
        if is_good:
            self.breaker.succeeded(PROBE, self.now)
        else:
            self.breaker.failed(PROBE, self.now, self.dice)


@in_turn(
    ("marks", "gap", "is_open"),
    [
        ("xxxx", 0.0, False),
        ("xxxxx", 0.0, True),
        ("xxxxx", 100.0, True),
        ("xxxx.xxxx.", 0.0, False),
        ("xxxx.xxx.x", 0.0, True),  # 8 of 10
        (".....xxxx", 0.0, False),  # 4 of 9
        ("x.x.x.x.x", 0.0, False),  # 5 of 9: too few to tell
        (".x.x.x.x.x", 0.0, True),  # 5 of 10
        ("......x.x.x.x", 0.0, False),  # 4 of 13
        (".x.x.x.x.x", 4.0, False),  # 10 in 40 s: never 10 in 30 s
        (".x.x.x.x.x", 3.0, True),
        (".x.x.x.x.x", 3.3, True),  # 10 in 29.7 s
    ],
)
def test_what_trips_it(marks, gap, is_open):
    """Five in a row, or at least half of at least ten within 30 seconds."""
    watch = Watch()
    watch.outcomes(marks[:-1], gap)
    assert watch.state is CLOSED
    watch.outcomes(marks[-1], gap)
    assert (watch.state is OPEN) == is_open


def test_successes_from_before_the_window_do_not_dilute():
    """Only the last 30 seconds count."""
    watch = Watch()
    watch.outcomes("." * 100)
    watch.now += 31.0
    watch.outcomes("x.x.x.x.x")
    assert watch.state is CLOSED
    watch.outcomes(".x")
    assert watch.state is OPEN


def test_it_opens_twice_as_long_each_time_a_probe_fails_and_never_longer_than_ten_seconds():
    """1 s x 2^k, less up to a quarter of it."""
    watch = Watch()
    watch.outcomes("xxxxx")
    rests = [watch.rest()]
    for _ in range(9):
        watch.probe(is_good=False)
        rests.append(watch.rest())
    assert watch.breaker.consecutive == 5 + 9
    for k, rest in enumerate(rests):
        whole = min(10.0, 2.0**k)
        assert 0.75 * whole < rest <= whole


def test_failures_that_arrive_while_it_is_open_change_nothing():
    """They began before it tripped."""
    watch = Watch()
    watch.outcomes("xxxxx")
    rest, strikes = watch.rest(), watch.breaker.circuit.strikes
    watch.outcomes("xxxxx")
    assert (watch.rest(), watch.breaker.circuit.strikes) == (rest, strikes)


def test_half_open_only_the_probe_decides():
    """Older attempts that end now are heard neither way."""
    watch = Watch()
    watch.outcomes("xxxxx")
    watch.now += 60.0
    assert watch.breaker.circuit.admits(watch.now)
    assert watch.breaker.circuit.take(PROBE, watch.now)
    watch.outcomes("xx..")
    assert (watch.state, watch.breaker.consecutive) == (HALF_OPEN, 5)
    watch.breaker.succeeded(PROBE, watch.now)
    assert watch.state is CLOSED


def test_a_good_probe_begins_the_counts_anew():
    """Failures from before it tripped do not trip it again."""
    watch = Watch()
    watch.outcomes("xxxxx")
    watch.probe(is_good=True)
    assert watch.breaker.consecutive == 0
    watch.outcomes("xxxx")
    assert watch.state is CLOSED
    watch.outcomes("x")
    assert watch.state is OPEN


def test_a_trip_right_after_a_good_probe_rests_it_as_long_as_a_first_one():
    """Whatever failed since, half of what it is asked may go well: failures often come sooner than what went well beside them."""
    watch = Watch()
    watch.outcomes("xxxxx")
    for _ in range(4):
        watch.probe(is_good=False)
    assert watch.rest() > 7.0
    watch.probe(is_good=True)
    watch.outcomes("xxxxx")
    assert 0.75 <= watch.rest() <= 1.0


def test_revived_it_is_as_new():
    """Counts and strikes are gone."""
    watch = Watch()
    watch.outcomes("xxxxx")
    watch.breaker.revive()
    watch.outcomes("xxxx")
    assert watch.state is CLOSED


def test_other_terms_are_kept():
    """Failures, first and longest rest as configured."""
    watch = Watch(failures=2, open_s=8.0, max_open_s=10.0)
    watch.outcomes("xx")
    assert 6.0 < watch.rest() <= 8.0
    watch.probe(is_good=False)
    assert 7.5 < watch.rest() <= 10.0
