"""Bodies, fed in any pieces."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, OmniError, TooLarge
from omnillm.server.front.body import ChunkedBody, SizedBody

BEHIND = b"GET / HTTP/1.1\r\n"
MALFORMED = {
    "bare LF behind a size": b"5\nhello\r\n0\r\n\r\n",
    "bare LF behind a chunk": b"5\r\nhello\n0\r\n\r\n",
    "bare LF as the last line": b"0\r\n\n",
    "bare CR in a size line": b"5\r\r\nhello\r\n0\r\n\r\n",
    "LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a\0\r\nhello\r\n0\r\n\r\n",
    "space behind a size": b"5 \r\nhello\r\n0\r\n\r\n",
    "space before a size": b" 5\r\nhello\r\n0\r\n\r\n",
    "hexadecimal prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "empty size": b"\r\nhello\r\n0\r\n\r\n",
    "size of too many digits": b"0000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk longer than its size": b"4\r\nhello\r\n0\r\n\r\n",
    "chunk shorter than its size": b"6\r\nhello\r\n0\r\n\r\n",
    "endless extension": b"5;" + b"a" * 300,
    "long extension": b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n",
    "endless size": b"0" * 300,
    "trailer without colon": b"0\r\nabc\r\n\r\n",
    "trailer with a space in its name": b"0\r\na : b\r\n\r\n",
    "folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
    "trailer with NUL": b"0\r\na: \0\r\n\r\n",
    "too many trailers": b"0\r\n" + b"a: b\r\n" * 3000 + b"\r\n",
    "one endless trailer": b"0\r\na: " + b"b" * 10_000,
}


def feed_all(body, pieces):
    for index, piece in enumerate(pieces):
        surplus = body.feed(piece)
        if surplus is not None:
            return surplus + b"".join(pieces[index + 1 :])
    return None


def cut(data, places):
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=20))
def test_a_sized_body_ends_at_its_length_however_it_is_cut(content, places):
    """What comes behind the length is handed back untouched."""
    if content:
        gathered = bytearray()
        assert feed_all(SizedBody(len(content), gathered), cut(content + BEHIND, places)) == BEHIND
        assert gathered == content


@given(
    st.lists(st.binary(min_size=1, max_size=50), max_size=8),
    st.sampled_from([b"", b";a=b", b';q="x y"']),
    st.sampled_from([b"", b"x-sum: 1\r\n", b"a: b\r\nc: %b\r\n" % (b"d" * 300)]),
    st.lists(st.integers(0, 10_000), max_size=20),
)
def test_a_chunked_body_is_joined_however_it_is_cut(chunks, extension, trailers, places):
    """Extensions and trailers are dropped; what comes behind the last line is handed back."""
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n" + BEHIND
    gathered = bytearray()
    assert feed_all(ChunkedBody(1000, gathered), cut(wire, places)) == BEHIND
    assert gathered == b"".join(chunks)


@in_turn("wire", MALFORMED.values(), ids=MALFORMED)
@in_turn("is_split", [False, True], ids=["at once", "by the byte"])
def test_a_malformed_chunked_body_is_refused(wire, is_split):
    """Wherever two readers could disagree on the end of a chunk there is no body."""
    pieces = [wire[at : at + 1] for at in range(len(wire))] if is_split else [wire]
    with pytest.raises(OmniError) as caught:
        feed_all(ChunkedBody(1000, bytearray()), pieces)
    assert caught.value.status == 400


def test_a_chunked_body_above_the_limit_is_refused_before_it_is_read():
    """The size line alone decides."""
    body = ChunkedBody(10, bytearray())
    assert body.feed(b"8\r\n12345678\r\n") is None
    with pytest.raises(OmniError) as caught:
        body.feed(b"3\r\n")
    assert caught.value.status == 413


@given(st.binary(max_size=200))
def test_any_bytes_are_a_body_an_unfinished_one_or_refused(wire):
    """The decoder neither crashes nor keeps more than a line."""
    body = ChunkedBody(1000, bytearray())
    with suppress(BadRequest, TooLarge):
        body.feed(wire)
    assert len(body._kept) <= 8 * 1024
