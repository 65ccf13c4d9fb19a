"""Whatever two readers could understand in two ways is refused, answered in the path's protocol, and the connection closed."""

import asyncio

from tests.in_turn import every_case, in_turn

BEHIND = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
HOST = b"host: x\r\n"


def post(fields, body=b"", line=b"POST /v1/chat HTTP/1.1"):
    return line + b"\r\n" + HOST + fields + b"\r\n" + body


def get(line=b"GET / HTTP/1.1", fields=HOST):
    return line + b"\r\n" + fields + b"\r\n"


TE = b"transfer-encoding: chunked\r\n"
REFUSED = {
    # both framings, and lengths that are none
    "length and coding": (400, post(b"content-length: 5\r\n" + TE, b"0\r\n\r\n")),
    "coding and length": (400, post(TE + b"content-length: 5\r\n", b"0\r\n\r\n")),
    "two lengths": (400, post(b"content-length: 5\r\ncontent-length: 6\r\n", b"hello!")),
    "the same length twice": (400, post(b"content-length: 5\r\nContent-Length: 5\r\n", b"hello")),
    "list of lengths": (400, post(b"content-length: 5, 5\r\n", b"hello")),
    "signed length": (400, post(b"content-length: +5\r\n", b"hello")),
    "negative length": (400, post(b"content-length: -5\r\n", b"hello")),
    "hexadecimal length": (400, post(b"content-length: 0x5\r\n", b"hello")),
    "fractional length": (400, post(b"content-length: 5.0\r\n", b"hello")),
    "length with underscore": (400, post(b"content-length: 1_0\r\n", b"0123456789")),
    "length of other digits": (400, post(b"content-length: \xd9\xa5\r\n", b"hello")),
    "spaced length": (400, post(b"content-length: 5 5\r\n", b"hello")),
    "empty length": (400, post(b"content-length:\r\n")),
    "length beyond any integer": (400, post(b"content-length: 99999999999999999999999\r\n", b"hello")),
    "length above the limit": (413, post(b"content-length: 68719476736\r\n", b"hello")),
    # transfer codings
    "gzip, chunked": (400, post(b"transfer-encoding: gzip, chunked\r\n", b"0\r\n\r\n")),
    "chunked, gzip": (400, post(b"transfer-encoding: chunked, gzip\r\n", b"0\r\n\r\n")),
    "chunked, chunked": (400, post(b"transfer-encoding: chunked, chunked\r\n", b"0\r\n\r\n")),
    "chunked with an empty member": (400, post(b"transfer-encoding: chunked,\r\n", b"0\r\n\r\n")),
    "chunked with a parameter": (400, post(b"transfer-encoding: chunked;q=1\r\n", b"0\r\n\r\n")),
    "identity": (400, post(b"transfer-encoding: identity\r\n")),
    "xchunked": (400, post(b"transfer-encoding: xchunked\r\n", b"0\r\n\r\n")),
    "quoted chunked": (400, post(b'transfer-encoding: "chunked"\r\n', b"0\r\n\r\n")),
    "vertical tab before chunked": (400, post(b"transfer-encoding: \x0bchunked\r\n", b"0\r\n\r\n")),
    "form feed behind chunked": (400, post(b"transfer-encoding: chunked\x0c\r\n", b"0\r\n\r\n")),
    "no coding": (400, post(b"transfer-encoding:\r\n", b"0\r\n\r\n")),
    "coding twice": (400, post(TE + TE, b"0\r\n\r\n")),
    "gzip and chunked in two fields": (400, post(b"transfer-encoding: gzip\r\n" + TE, b"0\r\n\r\n")),
    "coding in HTTP/1.0": (400, post(TE, b"0\r\n\r\n", b"POST / HTTP/1.0")),
    "coding in HTTP/1.0 with keep-alive": (400, post(TE + b"connection: keep-alive\r\n", b"0\r\n\r\n", b"POST / HTTP/1.0")),
    "upgrade with both framings": (400, post(b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 5\r\n" + TE, b"0\r\n\r\n")),
    "upgrade with gzip, chunked": (400, post(b"connection: upgrade\r\nupgrade: h2c\r\ntransfer-encoding: gzip, chunked\r\n", b"0\r\n\r\n")),
    # lines
    "folded field": (400, post(b"a: b\r\n c: d\r\n")),
    "folded with a tab": (400, post(b"a: b\r\n\tc: d\r\n")),
    "folded length": (400, post(b"content-length:\r\n 5\r\n", b"hello")),
    "space before the first field": (400, get(fields=b" host: x\r\n")),
    "bare LF between fields": (400, post(b"a: b\nc: d\r\n")),
    "bare LF behind the request line": (400, b"GET / HTTP/1.1\nhost: x\r\n\r\n"),
    "bare LF before the empty line": (400, b"GET / HTTP/1.1\r\nhost: x\n\r\n\r\n"),
    "only bare LF": (400, b"GET / HTTP/1.1\nhost: x\n\n"),
    "bare LF as the empty line": (400, b"GET / HTTP/1.1\r\nhost: x\r\n\n"),
    "bare CR between fields": (400, post(b"a: b\rc: d\r\n")),
    "bare CR in a value": (400, post(b"a: b\rc\r\n")),
    "CR CR LF": (400, post(b"a: b\r\r\n")),
    "two empty lines before": (400, b"\r\n\r\n" + get()),
    "LF before": (400, b"\n" + get()),
    # names and values
    "space before the colon": (400, post(b"content-length : 5\r\n", b"hello")),
    "tab before the colon": (400, post(b"content-length\t: 5\r\n", b"hello")),
    "space in a name": (400, post(b"content length: 5\r\n", b"hello")),
    "no name": (400, post(b": x\r\n")),
    "no colon": (400, post(b"content-length\r\n")),
    "NUL in a name": (400, post(b"a\0b: c\r\n")),
    "control character in a name": (400, post(b"a\x01b: c\r\n")),
    "other letters in a name": (400, post(b"a\xe9b: c\r\n")),
    "brackets in a name": (400, post(b"a[b]: c\r\n")),
    "NUL in a value": (400, post(b"a: b\0c\r\n")),
    "control character in a value": (400, post(b"a: b\x01c\r\n")),
    "DEL in a value": (400, post(b"a: b\x7fc\r\n")),
    # hosts
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, get(fields=b"host: x\r\nhost: y\r\n")),
    "the same host twice": (400, get(fields=b"host: x\r\nhost: x\r\n")),
    "two hosts in HTTP/1.0": (400, get(b"GET / HTTP/1.0", b"host: x\r\nhost: y\r\n")),
    "empty host": (400, get(fields=b"host:\r\n")),
    "list of hosts": (400, get(fields=b"host: x, y\r\n")),
    "host with a path": (400, get(fields=b"host: a/?x=\r\n")),
    "host with a user": (400, get(fields=b"host: a@b\r\n")),
    "host with a space": (400, get(fields=b"host: a b\r\n")),
    "host with a fragment": (400, get(fields=b"host: a#b\r\n")),
    "host with a word for a port": (400, get(fields=b"host: a:b\r\n")),
    "host with two ports": (400, get(fields=b"host: a:1:2\r\n")),
    "host with half a bracket": (400, get(fields=b"host: [::1\r\n")),
    "host of other letters": (400, get(fields=b"host: \xc3\xa9\r\n")),
    # request lines
    "two spaces before the target": (400, get(b"GET  / HTTP/1.1")),
    "two spaces behind the target": (400, get(b"GET /  HTTP/1.1")),
    "space in the target": (400, get(b"GET /a b HTTP/1.1")),
    "space behind the version": (400, get(b"GET / HTTP/1.1 ")),
    "tab instead of a space": (400, get(b"GET\t/\tHTTP/1.1")),
    "space before the method": (400, get(b" GET / HTTP/1.1")),
    "no version": (400, get(b"GET /")),
    "a field for a version": (400, b"GET /\r\na: HTTP/1.1\r\nhost: x\r\n\r\n"),
    "no target": (400, get(b"GET HTTP/1.1")),
    "only spaces": (400, get(b"GET  HTTP/1.1")),
    "small version": (400, get(b"GET / http/1.1")),
    "other protocol": (400, get(b"GET / RTSP/1.0")),
    "version of two digits": (400, get(b"GET / HTTP/1.10")),
    "NUL in the target": (400, get(b"GET /\0 HTTP/1.1")),
    "control character in the target": (400, get(b"GET /\x01 HTTP/1.1")),
    "DEL in the target": (400, get(b"GET /\x7f HTTP/1.1")),
    "other letters in the target": (400, get(b"GET /\xc3\xa9 HTTP/1.1")),
    "fragment in the target": (400, get(b"GET /a#b HTTP/1.1")),
    "escape of nothing": (400, get(b"GET /%zz HTTP/1.1")),
    "half an escape": (400, get(b"GET /%4 HTTP/1.1")),
    "escaped NUL": (400, get(b"GET /%00 HTTP/1.1")),
    "escaped line break": (400, get(b"GET /%0d%0a HTTP/1.1")),
    "escaped bytes that are not UTF-8": (400, get(b"GET /%ff HTTP/1.1")),
    "authority for a target": (400, get(b"GET example.com:80 HTTP/1.1")),
    "asterisk for a target": (400, get(b"GET * HTTP/1.1")),
    "word for a target": (400, get(b"GET a HTTP/1.1")),
    "other scheme": (400, get(b"GET ftp://a/b HTTP/1.1")),
    "scheme without a host": (400, get(b"GET http:///b HTTP/1.1")),
    "CONNECT": (400, get(b"CONNECT example.com:443 HTTP/1.1")),
    "unknown method": (501, get(b"BREW / HTTP/1.1")),
    "small method": (501, get(b"get / HTTP/1.1")),
    "TLS in place of HTTP, endless": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(100))),
    # versions
    "preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2.0": (505, get(b"GET / HTTP/2.0")),
    "HTTP/1.2": (505, get(b"GET / HTTP/1.2")),
    "HTTP/0.9": (505, get(b"GET / HTTP/0.9")),
    # chunks: the table of test_body.py has the rest
    "bare LF in chunk framing": (400, post(TE, b"5\nhello\r\n0\r\n\r\n")),
    "oversized extension": (400, post(TE, b"5;" + b"a" * 1000 + b"\r\nhello\r\n0\r\n\r\n")),
    "chunks above the limit": (413, post(TE, b"ffffffff\r\n")),
    # sizes
    "too many fields": (431, post(b"".join(b"a%d: b\r\n" % n for n in range(101)))),
    "too many times the same field": (431, post(b"a: b\r\n" * 101)),
    "head too large": (431, post(b"a: " + b"b" * 66_000 + b"\r\n")),
    "head too large and endless": (431, b"GET / HTTP/1.1\r\na: " + b"b" * 66_000),
    "target too long": (414, get(b"GET /" + b"a" * 66_000 + b" HTTP/1.1")),
    "target endless": (414, b"GET /" + b"a" * 66_000),
}


async def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_read(house):
    """One answer, told by the application, then the end."""
    app = await house.open()
    with every_case() as case:
        for name, (status, data) in REFUSED.items():
            app.faults.clear()
            app.asked.clear()
            with case(name):
                raw = await house.say(data if "endless" in name else data + BEHIND)  # which would end it
                assert raw.startswith(b"HTTP/1.1 %d " % status)
                assert raw.count(b"\r\ncontent-length: ") == 1
                assert (b"greeted in TLS" in raw) == ("TLS" in name)
                assert b"\r\nconnection: close\r\n" in raw
                assert [error.status for _, error in app.faults] == [status]
                assert app.asked == []


async def test_it_is_refused_behind_a_request_that_was_none(house):
    """A connection that knows a head well reads another one as strictly as its first."""
    app = await house.open()
    with every_case() as case:
        for name, (status, data) in REFUSED.items():
            app.asked.clear()
            with case(name):
                client = await house.dial(post(b"content-length: 5\r\n", b"hello"))
                assert (await client.reply())[0] == 200
                client.send(data if "endless" in name else data + BEHIND)
                assert (await client.rest()).startswith(b"HTTP/1.1 %d " % status)
                assert len(app.asked) == 1


@in_turn("name", ["length and coding", "gzip, chunked", "bare LF between fields", "no host", "a field for a version"])
async def test_the_same_is_refused_however_it_comes(house, name):
    """Byte by byte."""
    app = await house.open()
    status, data = REFUSED[name]
    client = await house.dial()
    for at in range(len(data)):
        client.send(data[at : at + 1])
        await asyncio.sleep(0)
    assert (await client.rest()).startswith(b"HTTP/1.1 %d " % status)
    assert app.asked == []


ACCEPTED = {
    "coding in capitals": post(b"Transfer-Encoding: CHUNKED\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    "spaces around the coding": post(b"transfer-encoding: \t chunked \r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    "spaces around the length": post(b"content-length: \t 5 \t\r\n", b"hello"),
    "leading zeros of the length": post(b"content-length: 0005\r\n", b"hello"),
    "IPv6 host": get(fields=b"host: [::1]:4000\r\n"),
    "host and port": get(fields=b"host: localhost:4000\r\n"),
    "latin value": post(b"a: caf\xe9\r\n"),
    "hundred fields": post(b"".join(b"a%d: b\r\n" % n for n in range(99))),
}


@in_turn("data", ACCEPTED.values(), ids=ACCEPTED)
async def test_unusual_but_clear_requests_are_served(house, data):
    """And what comes behind them is the next request."""
    app = await house.open()
    client = await house.dial(data + BEHIND)
    assert (await client.reply())[0] == 200
    assert (await client.reply())[0] == 200
    assert app.asked[1].path == "/smuggled"


@in_turn("body", [b"", b"hello"])
async def test_the_application_is_told_which_path_was_refused(house, body):
    """As soon as the head could be read, so that the error has the right form."""
    app = await house.open()
    await house.say(post(b"transfer-encoding: gzip, chunked\r\n", body))
    assert app.faults[0][0].path == "/v1/chat"
    await house.say(b"\0\r\n\r\n")
    assert app.faults[1][0] is None
