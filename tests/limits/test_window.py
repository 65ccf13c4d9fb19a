"""Windows against an exact log: never over the limit in any minute, at most a second late to free."""

from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.limits.window import DAY_BUCKET_S, DAY_BUCKETS, STRIDE, Window, resized

LIMIT = 10
GAPS = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.999, 1.0, 59.0, 59.999, 60.0, 60.001, 61.0, 200.0]), st.floats(0.0, 30.0))


def most_in_any_minute(log):
    """`log`: (moment, amount). The most in any half-open minute that ends at an entry."""
    return max((sum(amount for at, amount in log if end - 60.0 < at <= end) for end, _ in log), default=0)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(GAPS, st.integers(1, LIMIT)), max_size=40), st.floats(0.0, 1e6))
def test_no_minute_ever_holds_more_than_the_limit(steps, start):
    """Whatever is granted and sent at once, an exact log of it never shows a minute over the limit."""
    window, now, log = Window(inf, LIMIT), start, []
    for gap, amount in steps:
        now += gap
        if window.tokens_left(now) >= amount:
            window.charge(amount, now)
            log.append((now, amount))
    assert most_in_any_minute(log) <= LIMIT


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(GAPS, st.integers(1, LIMIT)), min_size=1, max_size=40), st.floats(0.0, 1e6))
def test_room_is_free_at_most_a_second_late(steps, start):
    """What an exact log has room for a second ago is granted."""
    window, now, log = Window(inf, LIMIT), start, []
    for gap, amount in steps:
        now += gap
        if sum(size for at, size in log if now - 61.0 < at) + amount <= LIMIT:
            assert window.tokens_left(now) >= amount
        if window.tokens_left(now) >= amount:
            window.charge(amount, now)
            log.append((now, amount))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(GAPS, st.sampled_from(["reserve", "send", "give_back", "correct"]), st.integers(1, LIMIT), st.integers(0, 7)),
        max_size=60,
    )
)
def test_grants_stamps_and_corrections_keep_every_minute_under_the_limit(steps):
    """Sent late, never sent, or found to be smaller: no minute of what was sent is over the limit, and `used` is never less than it."""
    window, now = Window(inf, LIMIT), 100.0
    pending, sent = [], []  # amounts; [moment, amount]
    for gap, verb, amount, which in steps:
        now += gap
        if verb == "reserve" and window.tokens_left(now) >= amount:
            window.reserve(amount)
            pending.append(amount)
        elif verb == "send" and pending:
            sent.append([now, pending.pop(which % len(pending))])
            window.send(sent[-1][1], now)
        elif verb == "give_back" and pending:
            window.give_back(pending.pop(which % len(pending)))
        elif verb == "correct" and sent:
            entry = sent[which % len(sent)]
            smaller = min(entry[1], amount)
            window.correct(smaller - entry[1], entry[0], now)
            entry[1] = smaller
        used = LIMIT - window.tokens_left(now)
        assert used >= sum(pending) + sum(size for at, size in sent if now - 60.0 < at)
        assert 0 <= used <= LIMIT
    assert most_in_any_minute(sent) <= LIMIT
    assert window.tokens_left(now + 61.0) == LIMIT - sum(pending), "what was sent has slid out, and only that"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(GAPS, st.integers(1, 4)), max_size=20), st.integers(1, LIMIT), GAPS)
def test_the_earliest_moment_is_the_first_with_room(steps, amount, later):
    """At `earliest` there is room, and a moment before there was not."""
    window, now = Window(inf, LIMIT), 50.0
    for gap, size in steps:
        now += gap
        if window.tokens_left(now) >= size:
            window.charge(size, now)
    now += later
    earliest = window.tokens_at(amount, now)
    if window.tokens_left(now) >= amount:
        assert earliest == now
        return
    assert now < earliest <= now + 61.0
    assert window.tokens_left(earliest - 1e-6) < amount
    assert window.tokens_left(earliest) >= amount


def test_what_will_have_slid_out_is_what_is_sent_long_enough_before():
    """To the bucket; what is pending, and what is sent in the second that runs, is not told of."""
    window = Window(inf, 100)
    for now in (10.0, 20.0, 30.5):
        window.charge(5, now)
    window.reserve(50)
    gone = [window.tokens_gone_by(moment, 31.0) for moment in (70.0, 71.0, 80.9, 81.0, 91.0, 1000.0)]
    assert gone == [0, 5, 5, 10, 15, 15]


def test_what_is_pending_never_slides_out():
    """A grant counts in the present until it is sent, and for a minute from then on."""
    window = Window(inf, LIMIT)
    window.reserve(7)
    assert window.tokens_left(1000.0) == 3
    assert window.tokens_left(5000.0) == 3
    window.send(7, 5000.0)
    assert window.tokens_left(5060.9) == 3
    assert window.tokens_left(5061.0) == 10


def test_the_earliest_moment_takes_what_is_pending_to_be_sent_now():
    """Nobody knows when it will be sent: if now, then room is free in 61 seconds at the latest."""
    window = Window(inf, LIMIT)
    window.reserve(10)
    assert window.tokens_at(1, 100.5) == 161.0
    assert window.tokens_at(11, 100.5) == inf


def test_a_refund_goes_to_the_bucket_that_was_charged():
    """Room is there at once, and does not come twice when the bucket slides out."""
    window = Window(inf, LIMIT)
    window.charge(10, 100.0)
    window.correct(-6, 100.0, 130.0)
    assert window.tokens_left(130.0) == 6
    assert window.tokens_left(161.0) == 10


def test_a_refund_of_a_bucket_that_is_gone_is_dropped():
    """It was given back by time already."""
    window = Window(inf, LIMIT)
    window.charge(10, 100.0)
    window.correct(-6, 100.0, 161.0)
    assert window.tokens_left(161.0) == 10


def test_a_surplus_is_debt_that_blocks():
    """More than was reserved is charged all the same, in its own bucket while that lives."""
    window = Window(inf, LIMIT)
    window.charge(10, 100.0)
    window.correct(5, 100.0, 110.0)
    assert window.tokens_left(110.0) == -5
    assert window.tokens_at(1, 110.0) == 161.0
    assert window.tokens_left(161.0) == 10


def test_a_surplus_of_a_bucket_that_is_gone_is_charged_now():
    """A long stream's true size is never forgotten."""
    window = Window(inf, LIMIT)
    window.charge(10, 100.0)
    window.correct(15, 100.0, 300.0)
    assert window.tokens_left(300.0) == -5
    assert window.tokens_left(360.9) == -5
    assert window.tokens_left(361.0) == 10


def test_no_count_of_a_provider_is_too_large():
    """Whatever it says, however often in one second: it blocks for a minute, and then no more."""
    window, absurd = Window(inf, LIMIT), 12 * 2**53
    for _ in range(200):
        window.charge(absurd, 100.0)
    for now in (101.0, 102.0, 103.0):
        for _ in range(100):
            window.correct(absurd, 100.0, now)
        assert window.tokens_left(now) < -(2**61)
    assert window.tokens_left(164.0) == LIMIT


def test_a_day_counts_in_quarters_of_an_hour():
    """Requests a day: full until the first quarter of yesterday slides out."""
    window = Window(3, inf, buckets=DAY_BUCKETS, width_s=DAY_BUCKET_S)
    for at in (0.0, 10.0, 40_000.0):
        window.charge(500, at)
    assert window.requests_left(86_400.0) == 0
    assert window.request_at(86_400.0) == 87_300.0
    assert window.requests_left(87_299.0) == 0
    assert window.requests_left(87_300.0) == 2


def test_what_was_not_sent_is_taken_back_from_its_quarter_of_an_hour():
    """It does not come back a second time when that quarter slides out, nor does that of another."""
    window = Window(3, inf, buckets=DAY_BUCKETS, width_s=DAY_BUCKET_S)
    for at in (100.0, 2_000.0):
        window.charge(0, at)
    window.take_back(0, 100.0)
    assert [window.requests_left(now) for now in (4_000.0, 87_300.0, 89_099.0, 89_100.0)] == [2, 2, 2, 3]


def test_what_is_pending_outlives_a_long_silence():
    """Only what was sent is forgotten."""
    window = Window(inf, LIMIT)
    window.charge(4, 10.0)
    window.reserve(3)
    assert window.tokens_left(1000.0) == 7
    window.send(3, 1000.0)
    assert window.tokens_left(1060.9) == 7
    assert window.tokens_left(1061.0) == 10


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(GAPS, st.sampled_from(["charge", "reserve", "send", "give_back", "take_back", "look"]), st.integers(0, 7)), max_size=60
    )
)
def test_requests_are_counted_as_tokens_are(steps):
    """Where every request has one token the two are never apart: granted, sent, taken back, slid out, and when there is room again."""
    window, now = Window(LIMIT, LIMIT), 100.0
    pending, sent = 0, []
    for gap, verb, which in steps:
        now += gap
        if verb == "charge":
            window.charge(1, now)
            sent.append(now)
        elif verb == "reserve":
            window.reserve(1)
            pending += 1
        elif verb == "send" and pending:
            window.send(1, now)
            pending -= 1
            sent.append(now)
        elif verb == "give_back" and pending:
            window.give_back(1)
            pending -= 1
        elif verb == "take_back" and sent:
            window.take_back(1, sent.pop(which % len(sent)))
        assert window.requests_left(now) == window.tokens_left(now)
        assert window.request_at(now) == window.tokens_at(1, now)
        assert window.requests >= pending + sum(now - 60.0 < at for at in sent)
    assert window.requests_left(now + 61.0) == LIMIT - pending


def test_what_was_not_sent_after_all_counts_no_more():
    """Its request and its tokens, in the bucket of its moment; once that is gone, there is nothing to take back."""
    window = Window(LIMIT, 100)
    window.charge(30, 100.0)
    window.charge(40, 130.0)
    window.take_back(30, 100.0)
    assert (window.requests_left(140.0), window.tokens_left(140.0)) == (LIMIT - 1, 60)
    assert window.requests_left(191.0) == LIMIT
    window.take_back(40, 130.0)
    assert (window.requests_left(191.0), window.tokens_left(191.0)) == (LIMIT, 100)


def test_a_changed_limit_keeps_the_content():
    """A window is resized in place. A limit that comes beside another finds what was counted; without any the window is taken away."""
    window = Window(inf, LIMIT)
    window.charge(8, 10.0)
    assert resized(window, 0, 5) is window
    assert window.tokens_left(10.0) == -3
    assert resized(window, 3, 5) is window
    assert window.requests_left(10.0) == 2
    assert resized(window, 0, 0) is None
    fresh = resized(None, 0, 20)
    assert fresh is not None
    assert (fresh.requests_left(10.0), fresh.tokens_left(10.0)) == (inf, 20)


@in_turn("idle", [60.0, 61.0, 3600.0, 1e7])
def test_an_idle_window_is_empty(idle):
    """However long nobody asked."""
    window = Window(inf, LIMIT)
    window.charge(10, 0.5)
    assert window.tokens_left(0.5 + idle) == (0 if idle == 60.0 else 10)


def test_a_window_that_nobody_used_for_its_span_keeps_no_buckets():
    """Ten thousand virtual keys have one each, and most of them sleep."""
    window = Window(inf, LIMIT)
    for now in (0.5, 1.5, 2.5):
        window.charge(1, now)
    assert window.tokens_left(3.0) == LIMIT - 3
    assert len(window._past) == 3 * STRIDE
    assert window.tokens_left(62.6) == LIMIT - 1
    assert window.tokens_left(130.0) == LIMIT
    assert not window._past


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(GAPS, st.integers(1, 4)), min_size=1, max_size=20), st.integers(0, 19), st.floats(0.0, 90.0))
def test_a_correction_finds_its_bucket_among_however_many(steps, which, later):
    """Its tokens are back at once while it lives, and not again when it slides out; of one that is gone nothing is left to give."""
    window, now, sent = Window(inf, 1000), 100.0, []
    for gap, amount in steps:
        now += gap
        window.charge(amount, now)
        sent.append((now, amount))
    at, amount = sent[which % len(sent)]
    now += later
    before = window.tokens_left(now)
    window.correct(-amount, at, now)
    is_alive = int(at) > int(now) - 61
    assert window.tokens_left(now) == before + amount * is_alive
    assert window.tokens_left(now + 61.0) == 1000


def test_a_window_brought_up_to_date_rarely_lets_go_of_all_that_has_slid_out():
    """However many buckets it skips at once."""
    window = Window(LIMIT, inf)
    for now in (0.5, 3.5, 3.7, 30.5):
        window.charge(5, now)
    assert [window.requests_left(now) for now in (60.9, 61.0, 63.9, 64.0, 90.9, 91.0)] == [6, 7, 7, 9, 9, 10]


@given(
    st.lists(st.tuples(GAPS, st.booleans(), st.integers(1, LIMIT)), max_size=40),
    st.lists(st.tuples(GAPS, st.integers(1, LIMIT)), max_size=9),
)
def test_a_window_that_absorbs_another_holds_what_both_have_sent(steps, later):
    """For the minute in which each was sent: never more room than an exact log of both has, and all of it a second later."""
    one, other, now, log = Window(inf, 3 * LIMIT), Window(inf, LIMIT), 100.0, []
    for gap, is_one, amount in steps:
        now += gap
        if (one if is_one else other).tokens_left(now) >= amount:
            (one if is_one else other).charge(amount, now)
            log.append((now, amount))
    one.absorb(other.sent(now), now)
    for gap, amount in [(0.0, LIMIT), *later]:
        now += gap
        if sum(size for at, size in log if now - 61.0 < at) + amount <= 3 * LIMIT:
            assert one.tokens_left(now) >= amount
        if one.tokens_left(now) >= amount:
            one.charge(amount, now)
            log.append((now, amount))
            assert sum(size for at, size in log if now - 60.0 < at) <= 3 * LIMIT
    assert one.tokens_left(now + 61.0) == one.tokens_left(now + 122.0) == 3 * LIMIT, "all has slid out, once"


def test_what_is_pending_in_an_absorbed_window_is_left_to_who_holds_it():
    """It leaves at a moment that only its holder knows."""
    one, other = Window(5, 50), Window(5, 50)
    for window in (one, other):
        window.reserve(7)
    other.charge(1, 100.0)
    other.charge(2, 130.0)
    one.absorb(other.sent(130.0), 130.0)
    assert (one.requests_left(130.0), one.tokens_left(130.0)) == (2, 40)
    one.give_back(7)
    assert (one.requests_left(161.0), one.tokens_left(161.0)) == (4, 48)
    assert (one.requests_left(191.0), one.tokens_left(191.0)) == (5, 50)


def test_no_two_counts_of_a_provider_are_too_large_together():
    """Beyond what one second can hold nothing is counted, and nothing is left when it has slid out."""
    one, other = Window(inf, 10), Window(inf, 10)
    for window in (one, other):
        window.charge(2**62, 100.0)
    one.absorb(other.sent(130.0), 130.0)
    assert one.tokens_left(130.0) == 10 - 2**62
    assert one.tokens_left(161.0) == 10
