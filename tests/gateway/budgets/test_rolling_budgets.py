"""A rolling budget, machine and calendar together, against an exact log of every grant."""

from random import Random

import pytest
from tests.soak import rounds

from omnillm.gateway.budgets.budget_calendar import BudgetCalendar, Scheduled
from omnillm.gateway.budgets.periods import bucket_at, bucket_of
from omnillm.limits.budget import Budget
from omnillm.records import Balance

HOUR = 3_600.0
WINDOW_S = 6 * 3600
WIDTH_S = 300
TICK_S = 20.0
"""The longest from one look at the clock to the next: far more than in a running program."""
LIMIT = 1000
NOON = 20_782 * 86_400.0 + 12 * HOUR
"""2026-11-25, 12:00 UTC."""


class Grant:
    """One call: when it was given how much, and what it cost in the end (None: it is open)."""

    def __init__(self, wall, amount, period):
        self.amounts = [(wall, amount)]
        self.period = period
        self.bucket = period.pair[1]
        self.cost = None

    @property
    def reserved(self):
        return sum(amount for _, amount in self.amounts)

    def spent(self):
        """(when, how much) of its cost: the money that it was given first is spent first."""
        left = self.cost
        for wall, amount in self.amounts:
            yield wall, min(left, amount)
            left -= min(left, amount)


class Trace:
    """Random calls on one rolling budget, over restarts."""

    def __init__(self, seed, *, window_s=WINDOW_S):
        self.dice = Random(seed)
        self.window_s = window_s
        self.width_s = bucket_of(bucket_at(window_s, NOON).id)[1]
        self.wall = NOON
        self.now = 5000.0
        self.ledger = {}
        self.open = []
        self.log = []
        self.refused = self.extended = 0
        self.late_s = self.width_s + TICK_S
        self.start()

    def start(self):
        self.budget = Budget("b", LIMIT, is_hard=True, window="rolling 6h")
        self.calendar = BudgetCalendar(
            [Scheduled(name="b", period="rolling 6h", zone="UTC", window_s=self.window_s)],
            lambda _, *period: self.budget.renew(*period),
            lambda _, period: self.budget.expire(period),
        )
        balances = [Balance(budget="b", period=bucket, settled_nanousd=settled) for bucket, settled in self.ledger.items()]
        self.dice.shuffle(balances)
        self.calendar.load(balances, self.wall, self.now)

    def kill(self):
        """What is open is settled in full, in the bucket where it was reserved; then it starts again."""
        for grant in self.open:
            grant.cost = grant.reserved
            self.ledger[grant.bucket] = self.ledger.get(grant.bucket, 0) + grant.cost
        self.open = []
        self.late_s = 2 * self.width_s + TICK_S
        self.start()

    def look(self, *, ahead_s=0.0):
        """At a wall clock that may be wrong."""
        self.calendar.roll(self.wall + ahead_s, self.now)

    def wait(self, seconds):
        """And look once, when it is over."""
        self.wall += seconds
        self.now += seconds
        self.look()

    def pass_time(self, seconds):
        """In looks at the clock that are never more than a tick apart, and calls between them."""
        until = self.wall + seconds
        while self.wall < until:
            step = min(until - self.wall, self.dice.choice([1.0, TICK_S]) if seconds < 600 else TICK_S)
            self.wall += step
            self.now += step
            if self.dice.random() < 0.9 or seconds >= 600:
                self.look()
        self.look(ahead_s=-self.dice.choice([0.0, TICK_S]))

    def reserve(self, amount):
        period = self.budget.current
        if not period.has_room(amount):
            self.refused += 1
            exact = self.counted(self.window_s + self.late_s)
            assert exact + amount > LIMIT, f"{exact} of {LIMIT} are spent or held, and {amount} found no room"
            return
        period.reserve(amount)
        grant = Grant(self.wall, amount, period)
        self.open.append(grant)
        self.log.append(grant)
        self.check()

    def extend(self, amount):
        """As a retry does, soon after it was granted: within a bucket's width."""
        recent = [grant for grant in self.open if self.wall - grant.amounts[0][0] < self.width_s]
        if recent and self.budget.current.has_room(amount):
            grant = self.dice.choice(recent)
            grant.period = grant.period.latest
            grant.period.reserve(amount)
            grant.amounts.append((self.wall, amount))
            self.extended += 1
            self.check()

    def settle(self):
        if self.open:
            grant = self.open.pop(self.dice.randrange(len(self.open)))
            grant.cost = self.dice.choice([0, self.dice.randrange(grant.reserved + 1), grant.reserved])
            grant.period.settle(grant.reserved, grant.cost)
            self.ledger[grant.bucket] = self.ledger.get(grant.bucket, 0) + grant.cost

    def counted(self, span_s):
        """Exactly what is held, and was spent in the last `span_s`. Money of one call counts from its last grant in the latter case."""
        held = sum(grant.reserved for grant in self.open)
        return held + sum(grant.cost for grant in self.log if grant.cost is not None and grant.amounts[-1][0] > self.wall - span_s)

    def check(self):
        """Right after a grant: what is held and what was spent in the window before this moment is within the limit."""
        held = sum(grant.reserved for grant in self.open)
        since = self.wall - self.window_s
        spent = sum(amount for grant in self.log if grant.cost is not None for wall, amount in grant.spent() if wall > since)
        assert held + spent <= LIMIT

    def check_every_window(self):
        """In no span of the window's length, wherever it begins, was more spent than the limit."""
        spent = sorted(pair for grant in self.log if grant.cost is not None for pair in grant.spent())
        first = total = 0
        for wall, amount in spent:
            total += amount
            while spent[first][0] <= wall - self.window_s:
                total -= spent[first][1]
                first += 1
            assert total <= LIMIT


@pytest.mark.parametrize("seed", range(rounds(6)))
def test_no_window_holds_more_than_the_limit_and_money_is_free_a_bucket_late_at_most(seed):
    """Random calls, retries, settlements, waits and restarts, against the exact log."""
    trace = Trace(seed, window_s=[WINDOW_S, 3600, 2 * 86_400][seed % 3])
    dice = trace.dice
    for _ in range(1500):
        choice = dice.randrange(100)
        if choice < 40:
            trace.reserve(dice.choice([1, 50, dice.randrange(1, 400), LIMIT]))
        elif choice < 45:
            trace.extend(dice.randrange(1, 200))
        elif choice < 70:
            trace.settle()
        elif choice < 99:
            trace.pass_time(dice.choice([0.0, 1.0, 30.0, trace.width_s, trace.window_s / 7]))
        elif dice.random() < 0.5:
            trace.pass_time(trace.window_s * 1.5)
        else:
            trace.kill()
    while trace.open:
        trace.settle()
    trace.check_every_window()
    assert trace.refused > 50
    assert trace.extended > 10


def test_a_call_that_is_open_over_the_windows_edge_counts_until_it_settles():
    """Its bucket is long gone: what it holds blocks as before, what it cost no more."""
    trace = Trace(1)
    trace.reserve(700)
    trace.pass_time(WINDOW_S + 2 * WIDTH_S)
    assert (trace.budget.current.has_room(400), trace.budget.current.is_spent(400)) == (False, False)
    [grant] = trace.open
    grant.period.settle(700, 650)
    assert trace.budget.current.has_room(LIMIT)


def test_more_money_for_an_old_call_counts_from_now():
    """A retry long after the first attempt: all that the call holds slides out with the bucket of the retry."""
    trace = Trace(2)
    trace.reserve(300)
    [grant] = trace.open
    trace.pass_time(WINDOW_S / 2)
    later = grant.period.latest
    later.reserve(200)
    later.settle(500, 450)
    trace.pass_time(WINDOW_S / 2 + 2 * WIDTH_S)
    assert trace.budget.current.is_spent(551)
    trace.pass_time(WINDOW_S / 2)
    assert trace.budget.current.has_room(LIMIT)


def test_a_refusal_knows_when_enough_slides_out():
    """The moment at which the call would fit; for one that never does, when the next money slides out."""
    trace = Trace(3)
    began = trace.wall
    for amount in (300, 600):
        trace.reserve(amount)
        trace.pass_time(HOUR)
    for grant in trace.open:
        grant.period.settle(grant.reserved, grant.reserved)
    current = trace.budget.current
    assert current.is_spent(150)
    # `began` is the first moment of its bucket.
    assert current.eases_at_wall(150) == pytest.approx(began + WIDTH_S + WINDOW_S, abs=TICK_S)
    assert current.eases_at_wall(500) == pytest.approx(began + HOUR + WIDTH_S + WINDOW_S, abs=WIDTH_S + TICK_S)
    assert current.eases_at_wall(LIMIT + 1) == current.eases_at_wall(150)
    trace.pass_time(began + WIDTH_S + WINDOW_S - TICK_S - trace.wall)
    assert not trace.budget.current.has_room(150)
    trace.pass_time(2 * TICK_S)
    assert trace.budget.current.has_room(150)


@pytest.mark.parametrize("is_killed", [False, True], ids=["running", "restarted"])
def test_a_bucket_that_was_closed_late_slides_out_late(is_killed):
    """A call that came after its bucket's end, before anybody looked at the clock, counts for a whole window all the same."""
    trace = Trace(9)
    late_s = WIDTH_S + TICK_S - 1
    trace.wall += late_s
    trace.now += late_s
    trace.reserve(LIMIT)
    trace.open[0].period.settle(LIMIT, LIMIT)
    if is_killed:
        trace.ledger = {trace.open[0].bucket: LIMIT}
        trace.start()
    trace.open.clear()
    trace.wait(1)
    trace.wait(WINDOW_S - 1.5)
    assert not trace.budget.current.has_room(1)
    trace.wait(0.5 + (2 if is_killed else 1) * WIDTH_S)
    assert trace.budget.current.has_room(LIMIT)


def test_an_untouched_budget_waits_for_nothing():
    """Nothing is spent, so nothing slides out."""
    assert Trace(4).budget.current.eases_at_wall(LIMIT + 1) == 0.0


def test_a_soft_rolling_budget_never_refuses():
    """It counts what is in the window."""
    trace = Trace(5)
    trace.budget.is_hard = False
    assert trace.budget.current.has_room(10 * LIMIT)


def test_a_start_counts_the_buckets_of_earlier_runs_whatever_their_width():
    """A window that was changed between two runs forgets nothing; what is older than it is history, and calendar periods are others'."""
    trace = Trace(6)
    trace.ledger = {
        bucket_at(86_400, NOON - 2 * HOUR).id: 100,
        bucket_at(WINDOW_S, NOON - 3 * HOUR).id: 20,
        bucket_at(WINDOW_S, NOON - 7 * HOUR).id: 5000,
        bucket_at(WINDOW_S, NOON).id: 3,
        "2026-11-25": 7000,
        "total": 9000,
    }
    trace.start()
    assert trace.budget.current.span.settled == 123
    assert trace.budget.current.pair == ("b", bucket_at(WINDOW_S, NOON).id)


def test_a_clock_that_steps_back_frees_nothing_and_brings_no_bucket_back():
    """Neither within a run nor over a restart: the latest bucket stays the current one until the clock has passed its end."""
    trace = Trace(7)
    trace.pass_time(HOUR)
    trace.reserve(400)
    [grant] = trace.open
    grant.period.settle(400, 400)
    latest = trace.budget.current.pair
    trace.ledger = {latest[1]: 400}
    trace.look(ahead_s=-HOUR)
    assert trace.budget.current.pair == latest
    trace.open.clear()
    trace.wall -= HOUR
    trace.start()
    assert (trace.budget.current.pair, trace.budget.current.span.settled) == (latest, 400)
    trace.pass_time(HOUR + WIDTH_S)
    assert trace.budget.current.pair != latest
    assert trace.budget.current.span.settled == 400


def test_a_clock_that_was_years_ahead_is_followed_back():
    """What was spent meanwhile counts for a window from then on, also over a restart, and not until those years have come."""
    trace = Trace(7)
    trace.look(ahead_s=24_000 * HOUR)
    ahead = trace.budget.current
    ahead.reserve(400)
    ahead.settle(400, 400)
    trace.ledger = {ahead.pair[1]: 400}
    trace.look()
    assert trace.budget.current.pair == ("b", bucket_at(WINDOW_S, trace.wall).id)
    for is_restarted in (False, True):
        if is_restarted:
            trace.start()
        assert trace.budget.current.span.settled == 400
        trace.wait(WINDOW_S - 1)
        assert trace.budget.current.span.settled == 400
        trace.wait(1 + WIDTH_S * is_restarted)
        assert trace.budget.current.span.settled == 0


def spend(trace, amount):
    trace.budget.current.reserve(amount)
    trace.budget.current.settle(amount, amount)


@pytest.mark.parametrize("ahead_s", [-100 * HOUR, -3 * HOUR, 2 * HOUR, 100 * HOUR])
def test_a_clock_that_is_wrong_for_a_while_lets_nothing_slide_out(ahead_s):
    """Set back or forward, and set right again: all that was spent, meanwhile too, counts for the window that it would have counted for."""
    trace = Trace(7)
    spend(trace, 400)
    trace.pass_time(HOUR)
    spend(trace, 300)
    trace.look(ahead_s=ahead_s)
    assert trace.budget.current.span.settled == 700
    trace.wall += ahead_s
    for _ in range(4):
        spend(trace, 50)
        trace.pass_time(HOUR / 4)
    trace.wall -= ahead_s
    trace.look()
    assert trace.budget.current.span.settled == 900
    trace.pass_time(4 * HOUR - 60)
    assert trace.budget.current.span.settled == 900
    trace.pass_time(60 + 2 * WIDTH_S)
    assert trace.budget.current.span.settled == 500
    trace.pass_time(5 * HOUR)
    assert trace.budget.current.span.settled == 0


def test_a_start_by_a_clock_that_is_behind_forgets_nothing_when_it_is_set_right():
    """A machine without a battery for its clock: what was spent an hour ago lies in times to come, and counts all the same."""
    trace = Trace(7)
    trace.ledger = {bucket_at(WINDOW_S, trace.wall - HOUR).id: 900}
    trace.wall -= 24_000 * HOUR
    trace.start()
    assert trace.budget.current.span.settled == 900
    trace.wall += 24_000 * HOUR
    trace.look()
    assert trace.budget.current.span.settled == 900
    trace.pass_time(WINDOW_S + 2 * WIDTH_S)
    assert trace.budget.current.span.settled == 0


def test_a_bucket_that_was_left_too_early_is_gone_on_with():
    """A clock that was ahead by less than the window has let nothing slide out, and what it spent is not lost either."""
    trace = Trace(7)
    trace.budget.current.reserve(100)
    trace.budget.current.settle(100, 100)
    before = trace.budget.current
    trace.look(ahead_s=2 * HOUR)
    trace.budget.current.reserve(50)
    trace.budget.current.settle(50, 50)
    trace.wait(60)
    assert trace.budget.current is before
    assert trace.budget.current.span.settled == 150
    trace.pass_time(WINDOW_S - 60)
    assert trace.budget.current.span.settled == 150
    trace.pass_time(2 * WIDTH_S)
    assert trace.budget.current.span.settled == 50
    trace.pass_time(2 * HOUR)
    assert trace.budget.current.span.settled == 0


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_bucket_that_was_begun_too_early_is_current_when_its_time_comes(is_restarted):
    """What was spent in it by the clock that was ahead and what is spent then slide out together, once."""
    trace = Trace(7)
    trace.look(ahead_s=2 * HOUR)
    early = trace.budget.current
    early.reserve(50)
    early.settle(50, 50)
    if is_restarted:
        trace.ledger = {early.pair[1]: 50}
        trace.start()
    trace.pass_time(2 * HOUR + 60)
    assert trace.budget.current.pair == early.pair
    assert trace.budget.current.span.settled == 50
    trace.pass_time(WINDOW_S)
    assert trace.budget.current.span.settled == 50
    trace.pass_time(2 * WIDTH_S)
    assert trace.budget.current.span.settled == 0
    trace.pass_time(WINDOW_S)
    assert len(trace.budget._older) <= WINDOW_S / WIDTH_S + 2


@pytest.mark.parametrize("seed", range(rounds(10)))
def test_whatever_the_clock_does_each_bucket_counts_once(seed):
    """Over steps of minutes and of days, both ways, and over restarts: what the calendar has open is what the budget counts."""
    trace = Trace(seed)
    for _ in range(100):
        trace.wall += trace.dice.choice([60.0, 600.0, HOUR, -60.0, -HOUR, -2 * HOUR, 2 * WINDOW_S, -2 * WINDOW_S])
        if trace.dice.random() < 0.05:
            trace.kill()
        trace.now += trace.dice.choice([60.0, HOUR, 2 * WINDOW_S])
        trace.look()
        trace.budget.current.reserve(7)
        trace.budget.current.settle(7, 7)
        trace.ledger[trace.budget.current.pair[1]] = trace.ledger.get(trace.budget.current.pair[1], 0) + 7
        closed = [one.id for one in trace.calendar._closed["b"]]
        assert sorted(closed) == sorted(set(closed)) == sorted(trace.budget._older)
        counted = (*trace.budget._older.values(), trace.budget.current)
        assert trace.budget.current.span.settled == sum(bucket.settled for bucket in counted)
        assert bucket_of(trace.budget.current.pair[1])[0].ends_wall > trace.wall


def test_a_machine_that_slept_wakes_with_an_empty_window():
    """Whatever it slept through has slid out."""
    trace = Trace(8)
    trace.reserve(900)
    trace.settle()
    trace.wait(10 * WINDOW_S)
    trace.wait(2 * WINDOW_S)
    assert trace.budget.current.span.settled == 0


def test_a_budget_that_comes_back_with_another_period_begins_anew():
    """Taken out of the configuration and put back, by day before and rolling now: no bucket of the other kind is looked for."""
    told = []
    calendar = BudgetCalendar(
        [Scheduled(name="b", period="day", zone="UTC")], lambda *period: told.append(period), lambda *gone: told.append(gone)
    )
    calendar.load([], NOON, 0.0)
    calendar.reschedule([], NOON, 0.0)
    rolling = Scheduled(name="b", period="rolling 6h", zone="UTC", window_s=WINDOW_S)
    calendar.reschedule([rolling], NOON, 0.0)
    calendar.roll(NOON + WIDTH_S, 0.0)
    calendar.remove("b")
    calendar.add(rolling, NOON + WIDTH_S + 1, 0.0)
    assert [period for _, period, *_ in told] == ["2026-11-25", "2026-11-25T12:00Z/PT5M", "2026-11-25T12:05Z/PT5M"]
    calendar.reschedule([Scheduled(name="b", period="month", zone="UTC")], NOON, 0.0)
    assert told[-1][1] == "2026-11"
