"""What headers said is left: a ceiling for the totals of grants, and whether a newer one is looser."""

from hypothesis import given
from hypothesis import strategies as st

from omnillm.keys.cap import RESET_MOST_S, RESET_S, Cap
from omnillm.outcome import Headroom

MOST = 14
LEFT = st.none() | st.integers(0, 6)
RESETS = st.none() | st.sampled_from([-5.0, 0.0, 1.0, 10.0, 60.0, 90.0])
SAID = st.tuples(
    st.builds(Headroom, requests_left=LEFT, requests_reset_s=RESETS, tokens_left=LEFT, tokens_reset_s=RESETS),
    st.integers(0, 6),
    st.integers(0, 6),
)


def holds(cap, now):
    """Until when each total of requests, and of tokens, is held."""
    return [cap.holds_until(total, 0, now) for total in range(MOST)] + [cap.holds_until(0, total, now) for total in range(MOST)]


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 5.0, 30.0, 60.0]), SAID), max_size=8))
def test_it_is_told_when_a_header_lets_somebody_in_sooner(steps):
    """Those who wait are asked again then, and only then: totals that were held are not, or not for as long."""
    cap, now = Cap(), 0.0
    for gap, (headroom, requests, tokens) in steps:
        now += gap
        before = holds(cap, now)
        is_looser = cap.update(headroom, requests, tokens, now)
        after = holds(cap, now)
        assert is_looser == any(then > since for then, since in zip(before, after, strict=True))
        assert not any(holds(cap, cap.until))
        assert cap.until <= now or any(holds(cap, now))


@given(st.permutations([(1.0, 9), (2.0, 3), (3.0, 6)]))
def test_the_latest_header_holds_whenever_it_is_read(order):
    """One that was made earlier and read later changes nothing, of requests or of tokens."""
    cap = Cap()
    for at, left in order:
        cap.update(Headroom(requests_left=left, tokens_left=10 * left), 100, 1000, at)
    assert [cap.holds_until(total, 0, 3.0) for total in (106, 107)] == [0.0, 3.0 + RESET_S]
    assert [cap.holds_until(0, total, 3.0) for total in (1060, 1061)] == [0.0, 3.0 + RESET_S]


def test_a_reset_is_at_most_an_hour_away_and_never_past():
    """Whatever a provider writes."""
    for told, held in ((-5.0, 0.0), (0.0, 0.0), (90.0, 90.0), (RESET_MOST_S + 1, RESET_MOST_S), (1e300, RESET_MOST_S)):
        cap = Cap()
        cap.update(Headroom(requests_left=0, requests_reset_s=told), 0, 0, 50.0)
        assert cap.until == 50.0 + held
        assert cap.holds_until(1, 0, 50.0) == (50.0 + held if held else 0.0)
