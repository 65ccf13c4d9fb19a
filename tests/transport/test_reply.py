"""What counts as a reply, and what is refused."""

import contextlib

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import UpstreamLost
from omnillm.transport.limits import TransportLimits
from omnillm.transport.reply import ReplyReader

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

GOOD = {
    "length": (OK + b"Content-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    "length with white space": (OK + b"content-length:  5 \t\r\n\r\nhello", b"hello"),
    "chunked": (CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
    "chunked in capitals": (OK + b"transfer-encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "chunk extensions": (CHUNKED + b'5;a=b;c="d"\r\nhello\r\n000\r\n\r\n', b"hello"),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nx-checksum: 1\r\nx-more: 2\r\n\r\n", b"hello"),
    "empty": (OK + b"content-length: 0\r\n\r\n", b""),
    "empty field": (OK + b"x-empty:\r\ncontent-length: 2\r\n\r\nhi", b"hi"),
    "no content": (b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n", b""),
    "continue first": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 2\r\n\r\nhi", b"hi"),
    "early hints first": (b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" * 3 + OK + b"content-length: 2\r\n\r\nhi", b"hi"),
    "upgrade offered": (OK + b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nhi", b"hi"),
    "no reason phrase": (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi", b"hi"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"hi"),
}

HOSTILE = {
    "length and transfer coding": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "transfer coding and length": OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "length as a trailer": CHUNKED + b"5\r\nhello\r\n0\r\ncontent-length: 7\r\n\r\n",
    "two lengths": OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "list of lengths": OK + b"content-length: 5, 6\r\n\r\nhello!",
    "signed length": OK + b"content-length: +5\r\n\r\nhello",
    "negative length": OK + b"content-length: -5\r\n\r\nhello",
    "hexadecimal length": OK + b"content-length: 0x5\r\n\r\nhello",
    "empty length": OK + b"content-length:\r\n\r\nhello",
    "endless length": OK + b"content-length: 99999999999999999999999\r\n\r\nhello",
    "space before the colon": OK + b"content-length : 5\r\n\r\nhello",
    "gzip, chunked": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, gzip": OK + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
    "identity": OK + b"transfer-encoding: identity\r\n\r\nhello",
    "xchunked": OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "transfer coding under HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "line feed after the status": b"HTTP/1.1 200 OK\ncontent-length: 5\r\n\r\nhello",
    "line feed after a field": OK + b"a: b\ncontent-length: 5\r\n\r\nhello",
    "line feed after the head": OK + b"content-length: 5\r\n\nhello",
    "carriage return in a field": OK + b"a: b\rcontent-length: 5\r\n\r\nhello",
    "folded field": OK + b"a: b\r\n c\r\ncontent-length: 5\r\n\r\nhello",
    "field folded by a tab": OK + b"a: b\r\n\tc\r\ncontent-length: 5\r\n\r\nhello",
    "folded length": OK + b"content-length: 5\r\n 6\r\n\r\nhello",
    "folded transfer coding": OK + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "space before the first field": OK + b" a: b\r\ncontent-length: 5\r\n\r\nhello",
    "NUL in a field": OK + b"a: b\0c\r\ncontent-length: 0\r\n\r\n",
    "NUL in a name": OK + b"a\0: b\r\ncontent-length: 0\r\n\r\n",
    "space in a name": OK + b"a b: c\r\ncontent-length: 0\r\n\r\n",
    "no colon": OK + b"abc\r\ncontent-length: 0\r\n\r\n",
    "no name": OK + b": x\r\ncontent-length: 0\r\n\r\n",
    "chunk size in letters": CHUNKED + b"zz\r\nhello\r\n",
    "negative chunk": CHUNKED + b"-1\r\nhello\r\n",
    "0x chunk": CHUNKED + b"0x5\r\nhello\r\n",
    "endless chunk": CHUNKED + b"fffffffffffffffff\r\n",
    "chunk size before a line feed": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "chunk before a line feed": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "longer chunk than said": CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
    "chunk without its end": CHUNKED + b"5\r\nhello0\r\n\r\n",
    "chunk size and space": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "line feed in an extension": CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "last chunk before a line feed": CHUNKED + b"0\r\n\n",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nabc",
    "unknown interim status": b"HTTP/1.1 104 Hm\r\n\r\n" + OK + b"content-length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n",
    "status 600": b"HTTP/1.1 600 OK\r\ncontent-length: 0\r\n\r\n",
    "status 20": b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
    "status 2000": b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n",
    "small letters": b"http/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\n\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "HTML without a head": b"<html>bad gateway</html>",
    "space before the status line": b" " + OK + b"content-length: 0\r\n\r\n",
}


def reader(*, is_bodiless=False, **limits):
    reader = ReplyReader(TransportLimits(**limits))
    reader.begin(is_bodiless=is_bodiless)
    return reader


def feed_in_pieces(reader, raw, size):
    for start in range(0, len(raw), size):
        reader.feed(raw[start : start + size])


def summary(reader):
    return reader.status, reader.headers, b"".join(reader.pieces), reader.is_complete, reader.is_keep_alive, reader.has_surplus


@in_turn("name", GOOD)
def test_split_at_any_byte_is_the_same_reply(name):
    """Wherever the network cuts, status, fields, body and the fate of the connection are the same."""
    raw, body = GOOD[name]
    whole = reader()
    whole.feed(raw)
    assert whole.is_complete
    assert b"".join(whole.pieces) == body
    for cut in range(1, len(raw)):
        halves = reader()
        halves.feed(raw[:cut])
        assert not halves.is_complete
        halves.feed(raw[cut:])
        assert summary(halves) == summary(whole)


@in_turn("name", HOSTILE)
def test_hostile_reply_is_refused_however_it_is_split(name):
    """What two readers could read differently is nobody's reply; it is refused in one piece and byte by byte."""
    raw = HOSTILE[name]
    for size in (len(raw), 7, 1):
        hostile = reader()
        with pytest.raises(UpstreamLost):
            feed_in_pieces(hostile, raw, size)
        assert not hostile.is_complete


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=8),
    cuts=st.lists(st.integers(1, 60), max_size=40),
    is_chunked=st.booleans(),
    fields=st.dictionaries(st.from_regex(rb"x-[a-z]{1,8}", fullmatch=True), st.from_regex(rb"[!-~]{0,20}", fullmatch=True), max_size=5),
)
def test_any_chunking_yields_the_body(chunks, cuts, is_chunked, fields):
    """Chunks of the provider and pieces of the network fall as they like."""
    body = b"".join(chunks)
    framing = b"transfer-encoding: chunked" if is_chunked else b"content-length: %d" % len(body)
    raw = OK + b"".join(b"%b: %b\r\n" % field for field in fields.items()) + framing + b"\r\n\r\n"
    raw += b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n" if is_chunked else body
    subject = reader()
    for cut in cuts:
        assert not subject.is_complete or not raw
        if raw:
            subject.feed(raw[:cut])
            raw = raw[cut:]
    if raw:
        subject.feed(raw)
    assert subject.is_complete
    assert b"".join(subject.pieces) == body
    assert fields.items() <= subject.headers.items()


def second_opinion(raw):
    """h11's reading of a reply: status and body, or None."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "a"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(raw)
    status, body = 0, b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return status, body
        elif event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return None


@given(
    raw=st.sampled_from([raw for raw, _ in GOOD.values()] + list(HOSTILE.values())),
    edits=st.lists(
        st.tuples(
            st.integers(0, 200), st.integers(0, 3), st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b"0", b"5", b",", b"chunked", b":"])
        )
    ),
    size=st.integers(1, 50),
)
def test_mutilated_reply_is_refused_or_read_as_others_read_it(raw, edits, size):
    """No exception but UpstreamLost; and whatever is complete here and for h11 is the same reply for both."""
    for place, length, insert in edits:
        at = place % (len(raw) + 1)
        raw = raw[:at] + insert + raw[at + length :]
    subject = reader()
    with contextlib.suppress(UpstreamLost):
        feed_in_pieces(subject, raw, size)
    if subject.is_complete:
        with contextlib.suppress(h11.RemoteProtocolError):
            opinion = second_opinion(raw)
            assert opinion is None or opinion == (subject.status, b"".join(subject.pieces))


def pour_in_pieces(reader, raw, size, body=None):
    """As `feed_in_pieces`, the body handed on as it comes, from the piece behind the head on."""
    body = [] if body is None else body
    for start in range(0, len(raw), size):
        piece = raw[start : start + size]
        if reader.has_head and not reader.is_complete:
            body.append(reader.feed_body(piece))
        else:
            reader.feed(piece)
            body.append(reader.take())


def read_on(raw, size, **limits):
    """What a reply comes to whose body is handed on as it comes."""
    subject, body = reader(**limits), []
    with contextlib.suppress(UpstreamLost):
        pour_in_pieces(subject, raw, size, body)
    body.append(subject.take())  # what a refused piece had left
    return subject.status, subject.headers, b"".join(body), subject.is_complete, subject.is_keep_alive, subject.has_surplus


@given(
    raw=st.sampled_from([raw for raw, _ in GOOD.values()] + list(HOSTILE.values()) + [CHUNKED + b"1;%b\r\nx\r\n" % (b"y" * 70) * 5]),
    surplus=st.sampled_from([b"", b"x", OK]),
    place=st.integers(0, 200),
    insert=st.sampled_from([b"", b"", b"\r", b"\n", b" ", b"0", b"5"]),
    size=st.integers(1, 50),
    limit=st.sampled_from([60, 1000]),
)
def test_a_body_handed_on_as_it_comes_is_the_one_that_would_wait(raw, surplus, place, insert, size, limit):
    """The same pieces, the same refusals, the same bounds, the same fate of the connection."""
    raw = raw[:place] + insert + raw[place:] + surplus
    waiting = reader(max_header_bytes=limit)
    with contextlib.suppress(UpstreamLost):
        feed_in_pieces(waiting, raw, size)
    assert read_on(raw, size, max_header_bytes=limit) == summary(waiting)


def test_one_parser_reads_reply_after_reply_without_leftovers():
    """Trailers of one reply are not fields of the next."""
    subject = reader()
    for name in [*GOOD, *GOOD]:
        if name == "HTTP/1.0":
            continue
        raw, body = GOOD[name]
        subject.begin(is_bodiless=False)
        subject.feed(raw)
        assert b"".join(subject.pieces) == body
        assert b"x-checksum" not in subject.headers
        assert not subject.has_surplus


def test_names_are_lowered_and_repeats_joined():
    """Fields are found by one spelling."""
    subject = reader()
    subject.feed(OK + b"X-A: 1\r\nx-b: 2\r\nx-a: 3\r\ncontent-length: 0\r\n\r\n")
    assert subject.headers == {b"x-a": b"1, 3", b"x-b": b"2", b"content-length": b"0"}


@in_turn("surplus", [b"x", b"H", OK + b"content-length: 0\r\n\r\n"])
@in_turn("name", ["length", "chunked", "empty", "HTTP/1.0"])
def test_bytes_after_the_reply_are_noticed(name, surplus):
    """They leave the reply as it is, and mark the connection."""
    raw, body = GOOD[name]
    subject = reader()
    subject.feed(raw + surplus)
    assert subject.is_complete
    assert subject.has_surplus
    assert b"".join(subject.pieces) == body
    assert subject.status == 200


def test_reply_to_head_ends_at_its_head():
    """Its length is that of a body that does not come; one that comes is dropped."""
    subject = reader(is_bodiless=True)
    subject.feed(OK + b"content-length: 500\r\n\r\n")
    assert subject.is_complete
    lying = reader(is_bodiless=True)
    lying.feed(OK + b"content-length: 5\r\n\r\nhello")
    assert lying.is_complete
    assert lying.has_surplus
    assert lying.pieces == []


def test_body_without_framing_lasts_until_the_connection_ends():
    """The reader leaves its end to the connection."""
    subject = reader()
    subject.feed(OK + b"\r\nhel")
    subject.feed(b"lo")
    assert subject.is_close_delimited
    assert not subject.is_keep_alive
    assert not subject.is_complete
    assert b"".join(subject.pieces) == b"hello"


@in_turn(
    ("raw", "is_kept"),
    [
        (OK + b"content-length: 0\r\n\r\n", True),
        (OK + b"connection: close\r\ncontent-length: 0\r\n\r\n", False),
        (OK + b"connection: keep-alive, close\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", True),
    ],
)
def test_connection_is_kept_as_the_reply_says(raw, is_kept):
    """By the rules of its version."""
    subject = reader()
    subject.feed(raw)
    assert subject.is_keep_alive is is_kept


@in_turn(
    "raw",
    [
        OK + b"a: " + b"x" * 2000,
        OK + b"x" * 2000,
        b"HTTP/1.1 200 " + b"x" * 2000,
        OK + b"".join(b"a%d: x\r\n" % number for number in range(200)),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 80,
        CHUNKED + b"5;" + b"x" * 2000,
        CHUNKED + b"5\r\nhello\r\n0\r\na: " + b"x" * 2000,
        CHUNKED + b"5\r\nhello\r\n0\r\n" + b"".join(b"a%d: x\r\n" % number for number in range(300)),
    ],
)
@in_turn("size", [1, 100, 900])
@in_turn("feed", [feed_in_pieces, pour_in_pieces])
def test_head_and_trailers_without_end_are_cut(raw, size, feed):
    """Whatever the parser would gather is bounded, also of a body that is handed on as it comes."""
    subject = reader(max_header_bytes=1000)
    with pytest.raises(UpstreamLost) as caught:
        feed(subject, raw, size)
    assert caught.value.code == "upstream_too_large"


@pytest.mark.parametrize("fields", [b"".join(b"a%d: x\r\n" % n for n in range(11)), b"a: x\r\n" * 12])
def test_too_many_fields_are_refused(fields):
    """Different ones and repeated ones alike."""
    with pytest.raises(UpstreamLost) as caught:
        reader(max_headers=10).feed(OK + fields + b"content-length: 0\r\n\r\n")
    assert caught.value.code == "upstream_too_large"


def test_large_head_and_its_body_in_one_piece_are_measured_apart():
    """Only the head counts against the head's limit."""
    fields = b"a: " + b"x" * 900 + b"\r\n"
    fine = reader(max_header_bytes=1000)
    fine.feed(OK + fields + b"content-length: 5000\r\n\r\n" + b"y" * 5000)
    assert fine.is_complete
    with pytest.raises(UpstreamLost):
        reader(max_header_bytes=1000).feed(OK + fields * 2 + b"content-length: 5000\r\n\r\n" + b"y" * 5000)


def test_long_body_of_tiny_chunks_passes():
    """Overhead of chunks that carry something is not a head without end."""
    subject = reader(max_header_bytes=1000)
    subject.feed(CHUNKED)
    for _ in range(1000):
        subject.feed(b"1;ext=abc\r\nx\r\n")
    subject.feed(b"0\r\n\r\n")
    assert subject.is_complete
