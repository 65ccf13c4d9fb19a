"""What strangers write about waiting and limits is read, or is None; it never raises."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.outcome import Verdict
from omnillm.protocols.hints import duration_s, http_date_s, int_or_none, limit_or_none, retry_hint_s, rfc3339_s, verdict_of_status

WALL = 1_795_000_000.0


@in_turn(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("250us", 0.00025),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1m30.5s", 90.5),
        ("34.4s", 34.4),
        ("2m59.56s", 179.56),
        ("1h0m0s", 3600.0),
        ("2d", 172800.0),
        ("7", 7.0),
        (" 7.5 ", 7.5),
        (b"1h", 3600.0),
        *((text, None) for text in ("", " ", "x", "s", "1sx", "-1s", "1e9s", "nan", "inf", "1s2m", "1..5s", "²s", "9" * 99, None)),
    ],
)
def test_duration_is_seconds_or_unknown(text, seconds):
    """Every spelling that providers use, and nothing else."""
    assert duration_s(text) == pytest.approx(seconds) if seconds is not None else duration_s(text) is None


@in_turn(
    ("headers", "seconds"),
    [
        ({b"retry-after-ms": b"1500", b"retry-after": b"9"}, 1.5),
        ({b"retry-after-ms": b"soon", b"retry-after": b"9"}, 9.0),
        ({b"retry-after": b"0"}, 0.0),
        ({b"retry-after": b"2.5"}, 2.5),
        ({b"retry-after": b"1000000000"}, 1e9),
        ({b"retry-after": b"Sun, 06 Nov 1994 08:49:37 GMT", b"date": b"Sun, 06 Nov 1994 08:49:30 GMT"}, 7.0),
        ({b"retry-after": b"Sun, 06 Nov 1994 08:49:30 GMT", b"date": b"Sun, 06 Nov 1994 08:49:37 GMT"}, None),
        *(({b"retry-after": text}, None) for text in (b"-1", b"nan", b"inf", b"1e9", b"1_0", b"", b"tomorrow", b"9" * 400)),
        ({}, None),
    ],
)
def test_retry_hint_is_seconds_or_unknown(headers, seconds):
    """Milliseconds win over seconds, a date counts from the reply's own clock, nonsense is unknown."""
    assert retry_hint_s(headers, WALL) == seconds


def test_retry_date_without_a_date_header_counts_from_our_clock():
    """Without the provider's clock, ours is the best there is."""
    assert retry_hint_s({b"retry-after": b"Sun, 06 Nov 1994 08:49:37 GMT"}, 784111770.0) == 7.0


@in_turn("text", [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"])
def test_http_date_is_read_in_its_three_forms(text):
    """RFC 9110 asks for all three."""
    assert http_date_s(text) == 784111777.0


@given(st.integers(0, 32_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_dates_agree_with_the_calendar(seconds, offset_minutes):
    """Any moment, in either notation and any zone, is the Unix time that the standard library says."""
    moment = dt.datetime.fromtimestamp(seconds, dt.timezone(dt.timedelta(minutes=offset_minutes)))
    assert rfc3339_s(moment.isoformat()) == seconds
    assert http_date_s(moment.astimezone(dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").encode()) == seconds


@in_turn(
    ("text", "seconds"),
    [
        ("1970-01-02T00:00:01Z", 86401.0),
        ("1970-01-01t00:00:00.25z", 0.25),
        ("1970-01-01T01:00:00+01:00", 0.0),
        *(
            (text, None)
            for text in ("1970-01-01T00:00:00+2:00", "1970-01-01T00:00:00*02:00", "1970-01-01T00:00:00+02:xx", "1970-01-01T00:00:00+99:00")
        ),
        *(
            (text, None)
            for text in ("1970-01-01", "1970-13-01T00:00:00Z", "1970-01-01T25:00:00Z", "1970-01-01T00:00:00", "x" * 25, "", None)
        ),
    ],
)
def test_moment_is_unix_seconds_or_unknown(text, seconds):
    """A zone is required; a month or an hour that does not exist is unknown."""
    assert rfc3339_s(text) == seconds


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_no_text_makes_a_reader_raise(text):
    """Readers of headers and bodies never raise."""
    duration_s(text)
    rfc3339_s(text)
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    retry_hint_s({b"retry-after-ms": raw, b"retry-after": raw, b"date": raw}, WALL)
    int_or_none(raw)


def test_counts_of_headers_are_read_with_their_commas():
    """A limit of zero or less is unknown, while zero left is zero."""
    assert [int_or_none(text) for text in (b"30,000", b"0", b" 7 ", b"-1", b"many", b"", None)] == [30000, 0, 7, None, None, None, None]
    assert [limit_or_none(text) for text in (b"30,000", b"0", b"-1", None)] == [30000, None, None, None]


@in_turn(
    ("statuses", "verdict"),
    [
        ((400, 405, 413, 415, 422), Verdict.CALLER_FAULT),
        ((401,), Verdict.KEY_DEAD),
        ((402,), Verdict.QUOTA_EXHAUSTED),
        ((403,), Verdict.DENIED),
        ((404,), Verdict.NOT_FOUND),
        ((429,), Verdict.RATE_LIMITED),
        ((498, 529), Verdict.OVERLOADED),
        ((101, 200, 302, 408, 409, 425, 500, 502, 503, 504, 520), Verdict.SERVER_FAULT),
    ],
)
def test_status_alone_has_a_verdict(statuses, verdict):
    """The table of what a status means when the body is silent."""
    assert {verdict_of_status(status) for status in statuses} == {verdict}
