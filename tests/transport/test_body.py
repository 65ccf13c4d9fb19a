"""Replies that were compressed unasked."""

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import UpstreamLost
from omnillm.transport.body import MOST_MEMBERS, Inflater
from omnillm.transport.limits import TransportLimits

TEXT = b'{"text": "' + bytes(range(256)) * 20 + b'"}'
LIMITS = TransportLimits()


def bare(body):
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(body) + machine.flush()


CODINGS = {
    "gzip": (b"gzip", gzip.compress(TEXT)),
    "x-gzip": (b"X-GZIP", gzip.compress(TEXT)),
    "gzip in members": (b"gzip", gzip.compress(TEXT[:1000]) + gzip.compress(b"") + gzip.compress(TEXT[1000:])),
    "deflate": (b"deflate", zlib.compress(TEXT)),
    "bare deflate": (b"deflate", bare(TEXT)),
}


def inflated(coding, pieces, limits=LIMITS, sizes=None):
    inflater = Inflater.for_reply({b"content-encoding": coding}, limits=limits)
    body = []
    for piece in pieces:
        output = inflater.inflate(piece)
        while output:
            body.append(output)
            if sizes is not None:
                sizes.append(len(output))
            output = inflater.inflate(b"")
    inflater.finish()
    return b"".join(body)


@in_turn("name", CODINGS)
@in_turn("size", [1, 2, 3, 100, 1_000_000])
def test_inflates_however_the_pieces_fall(name, size):
    """gzip of one or more members, deflate with and without its wrapper."""
    coding, packed = CODINGS[name]
    assert inflated(coding, [packed[start : start + size] for start in range(0, len(packed), size)]) == TEXT


@pytest.mark.parametrize("name", ["gzip", "deflate", "bare deflate"])
def test_cut_anywhere_is_lost(name):
    """A compressed body knows its own end."""
    coding, packed = CODINGS[name]
    for cut in range(1, len(packed)):
        with pytest.raises(UpstreamLost):
            inflated(coding, [packed[:cut]])


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_corruption_never_yields_another_text(at, flip):
    """Either it is noticed, or it fell where it changes nothing."""
    packed = bytearray(CODINGS["gzip"][1])
    packed[at % len(packed)] ^= flip
    with contextlib.suppress(UpstreamLost):
        assert inflated(b"gzip", [bytes(packed)]) == TEXT


@pytest.mark.parametrize(("coding", "rest"), [(b"gzip", b"garbage"), (b"deflate", b"garbage"), (b"deflate", zlib.compress(b"again"))])
def test_bytes_after_the_end_are_corrupt(coding, rest):
    """Only gzip may go on, and only with gzip."""
    packed = gzip.compress(TEXT) if coding == b"gzip" else zlib.compress(TEXT)
    for pieces in ([packed + rest], [packed, rest]):
        with pytest.raises(UpstreamLost):
            inflated(coding, pieces)


def test_body_of_no_bytes_is_empty():
    """Some servers say gzip of nothing."""
    assert inflated(b"gzip", []) == b""


def test_bomb_is_stopped_step_by_step():
    """A step yields at most 256 KiB, and the ratio or the sum ends it; a short repetitive reply is no bomb."""
    packed = gzip.compress(b"x" * 50_000_000)
    for limits in (TransportLimits(max_inflate_ratio=100), TransportLimits(max_inflated_bytes=3_000_000, max_inflate_ratio=10_000)):
        sizes = []
        with pytest.raises(UpstreamLost) as caught:
            inflated(b"gzip", [packed], limits, sizes)
        assert caught.value.code == "upstream_too_large"
        assert max(sizes) <= 262_144
        assert sum(sizes) < 8_000_000
    assert inflated(b"gzip", [gzip.compress(b"x" * 1_000_000)]) == b"x" * 1_000_000


@in_turn("coding", [b"br", b"zstd", b"gzip, gzip", b"gzip, br", b"compress"])
def test_other_codings_are_refused(coding):
    """By name, before a byte is read."""
    with pytest.raises(UpstreamLost) as caught:
        Inflater.for_reply({b"content-encoding": coding}, limits=LIMITS)
    assert caught.value.code == "upstream_encoding"


def test_fields_tell_the_inflated_body():
    """Coding and length are no longer true; identity was never one."""
    headers = {b"content-encoding": b"gzip", b"content-length": b"50", b"content-type": b"a/b"}
    assert Inflater.for_reply(headers, limits=LIMITS)
    assert headers == {b"content-type": b"a/b"}
    plain = {b"content-encoding": b"identity", b"content-length": b"50"}
    assert Inflater.for_reply(plain, limits=LIMITS) is None
    assert plain == {b"content-length": b"50"}


def framed(fields, body):
    return b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n%b" % (fields, len(body), body)


@pytest.mark.parametrize("name", CODINGS)
async def test_exchange_reads_inflated(wire, replies, name):
    """Whole or in pieces; the connection is kept."""
    coding, packed = CODINGS[name]
    origin = await wire.serve(replies(*[framed(coding, packed)] * 2))
    client = wire.client()
    exchange = await client.send(wire.ask(origin))
    assert b"content-encoding" not in exchange.headers
    assert b"content-length" not in exchange.headers
    assert await exchange.read_all(len(TEXT)) == TEXT
    exchange = await client.send(wire.ask(origin, is_stream=True))
    pieces = []
    while piece := await exchange.read():
        pieces.append(piece)
    assert b"".join(pieces) == TEXT
    assert await exchange.read() == b""
    assert client.idle_count(origin) == 1


async def test_exchange_limits_the_inflated_size(wire, replies):
    """The caller's limit is on what it gets."""
    origin = await wire.serve(replies(framed(b"gzip", gzip.compress(b"x" * 100_000))))
    exchange = await wire.client().send(wire.ask(origin))
    with pytest.raises(UpstreamLost) as caught:
        await exchange.read_all(99_999)
    assert caught.value.code == "upstream_too_large"


@pytest.mark.parametrize("body", [gzip.compress(TEXT)[:-4], b"not gzip at all", gzip.compress(TEXT) + b"x"])
async def test_exchange_loses_corrupt_replies(wire, replies, body):
    """Framing that is whole does not make a body whole."""
    origin = await wire.serve(replies(framed(b"gzip", body)))
    exchange = await wire.client().send(wire.ask(origin))
    with pytest.raises(UpstreamLost):
        await exchange.read_all(1_000_000)


async def test_the_status_of_an_error_is_told_whatever_its_coding(wire, replies):
    """Only who wants its body is told that nobody can read it."""
    origin = await wire.serve(replies(framed(b"br", b"\x8b\x02\x80hello\x03").replace(b"200 OK", b"429 Too Many")))
    exchange = await wire.client().send(wire.ask(origin))
    assert exchange.status == 429
    with pytest.raises(UpstreamLost):
        await exchange.read_all(100)


async def test_unknown_coding_is_refused_at_the_head(wire, replies):
    """send() says so, and the connection is not kept; a reply without a body may name what it likes."""
    bodiless = b"HTTP/1.1 304 Not Modified\r\ncontent-encoding: br\r\n\r\n"
    origin = await wire.serve(replies(bodiless, framed(b"br", b"hello")))
    client = wire.client()
    assert (await (await client.send(wire.ask(origin))).read_all(10)) == b""
    with pytest.raises(UpstreamLost) as caught:
        await client.send(wire.ask(origin))
    assert caught.value.code == "upstream_encoding"
    assert client.idle_count(origin) == 0


def test_members_of_gzip_are_bounded():
    """Each takes twenty bytes and says nothing: a megabyte of them stood for a second of the processor."""
    few, many = (gzip.compress(b"") * count + gzip.compress(TEXT) for count in (MOST_MEMBERS - 1, MOST_MEMBERS + 1))
    assert inflated(b"gzip", [few]) == TEXT
    with pytest.raises(UpstreamLost, match="too many members"):
        inflated(b"gzip", [many])
