"""Whole exchanges over sockets: what the caller sees, and what becomes of the connection."""

import asyncio
import gc
import weakref

import pytest

from omnillm.errors import NotSent, StaleConnection, Unavailable, UpstreamLost
from omnillm.transport.client import Origin, TransportLimits
from omnillm.transport.room import Room

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"content-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n"
UNTIL_CLOSE = OK + b"content-type: text/plain\r\n\r\nhello"


async def drained(exchange):
    pieces = []
    while piece := await exchange.read():
        pieces.append(piece)
    return b"".join(pieces)


async def test_one_call_carries_request_and_reply(wire, read_one):
    """Head, length and body go out; status, fields, body and moments come back."""
    seen = []

    async def handler(reader, writer):
        seen.append(await read_one(reader))
        wire.clock.advance(2)
        writer.write(HELLO)
        await reader.read()

    origin = await wire.serve(handler)
    started = wire.clock.now()
    exchange = await wire.client().send(wire.ask(origin, body=b'{"model": "m"}'))
    assert exchange.status == 200
    assert exchange.headers[b"content-type"] == b"text/plain"
    assert (exchange.sent_at, exchange.first_byte_at) == (started, started + 2)
    assert not exchange.is_close_delimited
    assert await exchange.read_all(100) == b"hello"
    head, body = seen[0]
    assert head.startswith(b"POST /v1/chat HTTP/1.1\r\nhost: provider\r\n")
    assert head.endswith(b"content-length: 14\r\n\r\n")
    assert body == b'{"model": "m"}'


async def test_request_without_content_has_no_length(wire, read_one):
    """GET says nothing of a body; POST says that it has none."""
    seen = []

    async def handler(reader, writer):
        while True:
            seen.append((await read_one(reader))[0])
            writer.write(HELLO)

    origin = await wire.serve(handler)
    client = wire.client()
    for method in (b"GET", b"POST"):
        exchange = await client.send(wire.ask(origin, method=method, body=b""))
        await exchange.read_all(100)
    assert b"content-length" not in seen[0]
    assert b"content-length: 0\r\n\r\n" in seen[1]


async def test_small_reply_is_read_without_waiting(wire, replies):
    """A reply that came in one piece wakes its caller once."""
    exchange = await wire.client().send(wire.ask(await wire.serve(replies(HELLO))))
    reading = exchange.read_all(100)
    with pytest.raises(StopIteration) as result:
        reading.send(None)
    assert result.value.value == b"hello"


@pytest.mark.parametrize("raw", [HELLO, CHUNKED, OK + b"content-length: 0\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_complete_reply_gives_its_connection_back(wire, replies, raw, is_stream):
    """Read to the end, the exchange has closed itself; the next call uses the same connection."""
    origin = await wire.serve(replies(raw, raw, raw))
    client = wire.client()
    bodies = set()
    for _ in range(3):
        exchange = await client.send(wire.ask(origin, is_stream=is_stream))
        bodies.add(await drained(exchange) if is_stream else await exchange.read_all(100))
        assert await exchange.read() == b""
        assert client.idle_count(origin) == 1
        exchange.close()
        exchange.close()
        assert client.idle_count(origin) == 1
    assert len(bodies) == 1
    assert wire.connections == 1


async def test_complete_reply_that_nobody_reads_gives_its_connection_back(wire, replies):
    """A caller that only looks at the status closes the exchange, and that is enough."""
    origin = await wire.serve(replies(HELLO, CHUNKED))
    client = wire.client()
    exchange = await client.send(wire.ask(origin))
    exchange.close()
    assert client.idle_count(origin) == 1
    exchange = await client.send(wire.ask(origin))
    assert await exchange.read_all(100) == b"hello world"


async def test_exchange_closed_early_cuts_its_connection(wire, read_one):
    """What is half read cannot be reused, and reading on says so."""
    gone = asyncio.Event()

    async def handler(reader, writer):
        await read_one(reader)
        writer.write(OK + b"content-length: 500\r\n\r\nhello")
        await reader.read()
        gone.set()

    origin = await wire.serve(handler)
    client = wire.client()
    exchange = await client.send(wire.ask(origin))
    exchange.close()
    assert client.idle_count(origin) == 0
    with pytest.raises(UpstreamLost):
        await exchange.read()
    with pytest.raises(UpstreamLost):
        await exchange.read_all(1000)
    await gone.wait()


@pytest.mark.parametrize(
    "raw",
    [
        HELLO + b"x",
        HELLO + HELLO,
        CHUNKED + b"0\r\n\r\n",
        OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    ],
)
async def test_connection_that_cannot_be_trusted_is_not_reused(wire, replies, raw):
    """Surplus bytes, a farewell, or a server that knows no keep-alive."""
    origin = await wire.serve(replies(raw))
    client = wire.client()
    exchange = await client.send(wire.ask(origin))
    assert (await exchange.read_all(100)).startswith(b"hello")
    assert client.idle_count(origin) == 0


async def test_bytes_on_an_idle_connection_close_it(wire, read_one):
    """A reply to nothing must not become the reply to the next request."""
    more = asyncio.Event()

    async def handler(reader, writer):
        await read_one(reader)
        writer.write(HELLO)
        await more.wait()
        writer.write(HELLO)
        await reader.read()

    origin = await wire.serve(handler)
    client = wire.client()
    await (await client.send(wire.ask(origin))).read_all(100)
    assert client.idle_count(origin) == 1
    more.set()
    await wire.until(lambda: client.idle_count(origin) == 0)


async def test_head_is_answered_without_a_body(wire, replies):
    """The length of a HEAD reply is not waited for, and its connection not reused."""
    origin = await wire.serve(replies(OK + b"content-length: 500\r\n\r\n"))
    client = wire.client()
    exchange = await client.send(wire.ask(origin, method=b"HEAD", body=b""))
    assert exchange.headers[b"content-length"] == b"500"
    assert await exchange.read_all(10) == b""
    assert client.idle_count(origin) == 0


async def test_redirect_is_only_a_status(wire, replies):
    """Nothing is followed."""
    origin = await wire.serve(replies(b"HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n"))
    exchange = await wire.client().send(wire.ask(origin))
    assert exchange.status == 302
    assert await exchange.read_all(10) == b""


async def test_body_without_framing_is_complete_at_the_end_of_the_connection(wire, replies):
    """The only framing that HTTP/1.0 had; the exchange says that it was so."""
    origin = await wire.serve(replies(UNTIL_CLOSE, then="close"))
    for read in (lambda exchange: exchange.read_all(100), drained):
        exchange = await wire.client().send(wire.ask(origin))
        assert exchange.is_close_delimited
        assert await read(exchange) == b"hello"


async def test_body_without_framing_is_lost_by_a_reset(wire, replies):
    """A reset is no end."""
    origin = await wire.serve(replies(UNTIL_CLOSE, then="reset"))
    with pytest.raises(UpstreamLost):
        await (await wire.client().send(wire.ask(origin))).read_all(100)


@pytest.mark.parametrize("raw", [HELLO, CHUNKED])
async def test_reply_cut_at_any_byte_is_never_a_success(wire, raw, read_one):
    """Neither a short length nor a truncated chunked body passes, whether read whole or in pieces."""
    cuts = iter([cut for cut in range(len(raw)) for _ in range(2)])

    async def handler(reader, writer):
        await read_one(reader)
        writer.write(raw[: next(cuts)])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    origin = await wire.serve(handler)
    client = wire.client()
    for _ in range(len(raw)):
        for read in (lambda exchange: exchange.read_all(100), drained):
            with pytest.raises(UpstreamLost) as caught:
                await read(await client.send(wire.ask(origin)))
            assert type(caught.value) is UpstreamLost
    assert next(cuts, None) is None


@pytest.mark.parametrize("raw", [HELLO, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO])
async def test_reply_split_at_any_byte_is_the_same(wire, raw, read_one):
    """Over a socket too."""
    cuts = iter(range(1, len(raw)))

    async def handler(reader, writer):
        while True:
            await read_one(reader)
            cut = next(cuts)
            writer.write(raw[:cut])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            writer.write(raw[cut:])

    origin = await wire.serve(handler)
    client = wire.client()
    seen = set()
    for _ in range(1, len(raw)):
        exchange = await client.send(wire.ask(origin, is_stream=True))
        seen.add((exchange.status, tuple(exchange.headers.items()), await drained(exchange)))
    assert len(seen) == 1
    assert wire.connections == 1


async def test_what_came_before_a_cut_is_read_before_it_is_told(wire, replies):
    """A stream's last pieces are not lost with its end."""
    origin = await wire.serve(replies(CHUNKED[:-20], then="close"))
    exchange = await wire.client().send(wire.ask(origin, is_stream=True))
    assert (await exchange.read()).startswith(b"hello")
    with pytest.raises(UpstreamLost):
        await drained(exchange)


async def test_garbled_body_after_a_good_head_is_told_by_read(wire, replies):
    """The head stands, however the network splits; the body is lost."""
    origin = await wire.serve(replies(OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"))
    exchange = await wire.client().send(wire.ask(origin))
    assert exchange.status == 200
    with pytest.raises(UpstreamLost):
        await exchange.read_all(100)


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_reused_connection_that_dies_unanswered_is_stale(wire, read_one, then):
    """The caller may send again; a connection that is new is simply lost."""

    async def handler(reader, writer):
        await read_one(reader)
        writer.write(HELLO)
        await read_one(reader)
        if then == "reset":
            writer.transport.get_extra_info("socket").setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")
        writer.transport.abort()

    origin = await wire.serve(handler)
    client = wire.client()
    await (await client.send(wire.ask(origin))).read_all(100)
    with pytest.raises(StaleConnection):
        await client.send(wire.ask(origin))
    assert client.idle_count(origin) == 0


async def test_reused_connection_that_dies_in_the_reply_is_lost(wire, replies):
    """Once a byte of the reply has come, the request was seen."""
    origin = await wire.serve(replies(HELLO, HELLO[:3], then="close"))
    client = wire.client()
    await (await client.send(wire.ask(origin))).read_all(100)
    with pytest.raises(UpstreamLost) as caught:
        await client.send(wire.ask(origin))
    assert type(caught.value) is UpstreamLost


async def test_fresh_connection_that_dies_unanswered_is_lost(wire, replies):
    """Nobody knows what became of the request."""
    origin = await wire.serve(replies(b"", then="close"))
    with pytest.raises(UpstreamLost) as caught:
        await wire.client().send(wire.ask(origin))
    assert type(caught.value) is UpstreamLost


async def test_connection_closed_while_idle_is_passed_over(wire, replies):
    """The next call opens another and notices nothing."""
    origin = await wire.serve(replies(HELLO, then="close"))
    client = wire.client()
    for _ in range(3):
        assert await (await client.send(wire.ask(origin))).read_all(100) == b"hello"
        await wire.until(lambda: client.idle_count(origin) == 0)
    assert wire.connections == 3


async def test_replies_that_are_read_whole_share_a_room(wire):
    """Each is within its own limit; the one that would be too much for all is refused, and what each held is given back, however it ends."""
    halves = [asyncio.Event() for _ in range(3)]

    async def half(reader, writer):
        number = wire.connections - 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n" + b"x" * 100)
        await halves[number].wait()
        writer.write(b"x" * 100)
        await reader.read()

    client, room = wire.client(), Room(350)
    origin = await wire.serve(half)
    exchanges = [await client.send(wire.ask(origin)) for _ in range(3)]
    reading = [asyncio.create_task(exchange.read_all(1000, room)) for exchange in exchanges]
    await wire.until(lambda: room.held_bytes == 300)
    halves[0].set()
    with pytest.raises(Unavailable, match="Too much of providers' replies") as refused:
        await reading[0]
    assert (refused.value.code, refused.value.status, refused.value.retry_after_s) == ("overloaded", 503, 1.0)
    assert not isinstance(refused.value, UpstreamLost)
    assert room.held_bytes == 200
    halves[1].set()
    assert await reading[1] == b"x" * 200
    assert room.held_bytes == 100
    reading[2].cancel()
    await asyncio.wait(reading)
    assert room.held_bytes == 0
    for exchange in exchanges:
        exchange.close()


async def test_body_above_the_callers_limit_is_refused(wire, replies):
    """Whether its length was told or not."""
    origin = await wire.serve(replies(HELLO))
    told = await wire.serve(replies(OK + b"content-length: 1000000\r\n\r\nhello"))
    chunks = await wire.serve(replies(OK + b"transfer-encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n" * 100_000))
    client = wire.client()
    for server in (origin, told, chunks):
        exchange = await client.send(wire.ask(server))
        with pytest.raises(UpstreamLost) as caught:
            await exchange.read_all(4)
        assert caught.value.code == "upstream_too_large"


@pytest.mark.parametrize("size", [65_536, 65_537, 262_144, 262_145, 20_000_001])
async def test_large_bodies_arrive_whole_both_ways(wire, read_one, size):
    """Beyond every buffer on the way."""
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def handler(reader, writer):
        while True:
            _, got = await read_one(reader)
            writer.write(OK + b"content-length: %d\r\n\r\n%b" % (len(got), got))

    origin = await wire.serve(handler)
    client = wire.client()
    for _ in range(2):
        exchange = await client.send(wire.ask(origin, body=body))
        assert await exchange.read_all(size) == body
    assert wire.connections == 1


async def test_reply_may_come_before_the_request_is_out(wire):
    """A provider that refuses early is heard, and the half-sent connection is not reused."""

    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge")
        await writer.drain()
        await asyncio.Event().wait()

    origin = await wire.serve(handler)
    client = wire.client()
    exchange = await client.send(wire.ask(origin, body=b"x" * 32_000_000))
    assert exchange.status == 413
    assert await exchange.read_all(100) == b"large"
    assert client.idle_count(origin) == 0


async def test_cancelled_send_closes_its_connection(wire, read_one):
    """Nothing leaks, and the next call is not answered by the last one's reply."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def handler(reader, writer):
        await read_one(reader)
        asked.set()
        await reader.read()
        gone.set()

    origin = await wire.serve(handler)
    client = wire.client()
    call = asyncio.create_task(client.send(wire.ask(origin)))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await gone.wait()
    assert client.idle_count(origin) == 0


async def test_cancelled_read_can_be_read_again(wire, read_one):
    """A cancelled wait loses no byte; closing is the opener's."""
    more = asyncio.Event()

    async def handler(reader, writer):
        await read_one(reader)
        writer.write(OK + b"content-length: 5\r\n\r\n")
        await more.wait()
        writer.write(b"hello")
        await reader.read()

    origin = await wire.serve(handler)
    exchange = await wire.client().send(wire.ask(origin))
    for read in (exchange.read, lambda: exchange.read_all(100)):
        waiting = asyncio.create_task(read())
        await wire.settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    more.set()
    assert await exchange.read() == b"hello"
    assert await exchange.read() == b""


async def test_cancel_and_failure_at_once_leave_no_unseen_exception(wire, replies, recwarn):
    """Futures carry no exceptions, so none can be forgotten."""
    problems = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    origin = await wire.serve(replies(b"garbage", then="close"))
    client = wire.client()
    for steps in range(30):
        call = asyncio.create_task(client.send(wire.ask(origin)))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises((asyncio.CancelledError, UpstreamLost)):
            await call
    gc.collect()
    assert problems == []
    assert not recwarn.list


async def test_exchange_closed_under_a_waiting_read_ends_it(wire, replies):
    """A reader in another task is told, not left behind, and takes nothing from the connection's next exchange."""
    origin = await wire.serve(replies(OK + b"content-length: 5\r\n\r\n"))
    exchange = await wire.client().send(wire.ask(origin))
    waiting = asyncio.create_task(exchange.read())
    await wire.settle()
    exchange.close()
    with pytest.raises(UpstreamLost):
        await waiting


async def test_concurrent_calls_have_a_connection_each(wire, read_one):
    """One exchange at a time on each, all kept afterwards."""
    gate = asyncio.Event()

    async def handler(reader, writer):
        while True:
            _, body = await read_one(reader)
            await gate.wait()
            writer.write(OK + b"content-length: %d\r\n\r\n%b" % (len(body), body))

    origin = await wire.serve(handler)
    client = wire.client()

    async def call(number):
        exchange = await client.send(wire.ask(origin, body=b"%d" % number))
        return await exchange.read_all(100)

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(call(number)) for number in range(40)]
        await wire.until(lambda: wire.connections == 40)
        gate.set()
    assert [task.result() for task in calls] == [b"%d" % number for number in range(40)]
    assert client.idle_count(origin) == 40


async def test_connections_are_capped_where_configured(wire, read_one):
    """One more is not sent, whether the others are at work or still connecting; an idle one is used."""
    gate = asyncio.Event()

    async def handler(reader, writer):
        while True:
            await read_one(reader)
            await gate.wait()
            writer.write(HELLO)

    origin = await wire.serve(handler)
    client = wire.client(limits=TransportLimits(max_open=2))
    calls = [asyncio.create_task(client.send(wire.ask(origin))) for _ in range(3)]
    with pytest.raises(NotSent) as caught:
        await calls[2]
    assert caught.value.code == "upstream_connections"
    await wire.until(lambda: wire.connections == 2)
    with pytest.raises(NotSent):
        await client.send(wire.ask(origin))
    gate.set()
    for call in calls[:2]:
        await (await call).read_all(100)
    await (await client.send(wire.ask(origin))).read_all(100)


async def test_closed_client_fails_what_is_open_and_sends_no_more(wire, replies, monkeypatch):
    """Idle connections are closed, running exchanges fail, new calls are not sent; no provider is blamed for it, and no farewell missed."""
    monkeypatch.setattr("omnillm.transport.client.FAREWELL_S", 3600.0)
    origin = await wire.serve(replies(HELLO))
    stuck = await wire.serve(replies(b""))
    client = wire.client()
    await (await client.send(wire.ask(origin))).read_all(100)
    call = asyncio.create_task(client.send(wire.ask(stuck)))
    await wire.until(lambda: wire.connections == 2)
    await wire.settle()
    await client.aclose()
    for sent in (call, client.send(wire.ask(origin))):
        with pytest.raises(Unavailable) as raised:
            await sent
        assert raised.value.code == "shutting_down"
    assert client.idle_count(origin) == 0
    await client.aclose()


async def test_client_knows_nothing_of_an_origin_it_never_saw(wire):
    """An empty count, not an error."""
    assert wire.client().idle_count(Origin("http", "nowhere", 80)) == 0


class Caller:
    """Whatever a caller's frame holds: a body, a case."""


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"], ids=["before the head", "in the body"])
async def test_a_call_that_was_lost_is_freed_at_once(wire, replies, raw):
    """Without the cycle collector: its connection does not keep the error, whose traceback has every frame down to the connection."""
    origin, client, callers = await wire.serve(replies(raw, then="close")), wire.client(), []

    async def is_lost():
        caller = Caller()
        callers.append(weakref.ref(caller))
        try:
            exchange = await client.send(wire.ask(origin))
            await exchange.read_all(100)
        except UpstreamLost:
            return True
        return False

    gc.disable()
    try:
        assert await is_lost()
        assert [caller() for caller in callers] == [None]
    finally:
        gc.enable()
