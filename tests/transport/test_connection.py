"""Deadlines and backpressure of one connection."""

import asyncio
import tracemalloc

import pytest

from omnillm.errors import UpstreamLost, UpstreamTimeout
from omnillm.transport.client import TransportLimits

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"content-length: 5\r\n\r\nhello"
STREAM = OK + b"transfer-encoding: chunked\r\n\r\n"


@pytest.fixture
def provider(read_one):
    """A server that says what the test puts into its queue; None closes."""

    class Provider:
        def __init__(self):
            self.says = asyncio.Queue()
            self.asked = asyncio.Event()
            self.gone = asyncio.Event()

        async def __call__(self, reader, writer):
            try:
                await read_one(reader)
                self.asked.set()
                while (piece := await self.says.get()) is not None:
                    writer.write(piece)
                    await writer.drain()
            finally:
                self.gone.set()

    return Provider()


async def drained(exchange):
    while await exchange.read():
        pass


async def timed_out(awaitable):
    with pytest.raises(UpstreamTimeout) as caught:
        await awaitable
    return caught.value.phase


async def test_stream_that_does_not_begin_runs_into_first_byte(wire, provider):
    """At the second, not before; the connection is cut."""
    origin = await wire.serve(provider)
    client = wire.client()
    call = asyncio.create_task(client.send(wire.ask(origin, is_stream=True, first_byte_s=60, total_s=600)))
    await provider.asked.wait()
    wire.pass_time(59.9)
    await wire.settle()
    assert not call.done()
    wire.pass_time(0.1)
    assert await timed_out(call) == "first_byte"
    assert client.idle_count(origin) == 0


async def test_interim_replies_and_half_a_head_do_not_stretch_first_byte(wire, provider):
    """Only a whole head counts as a beginning."""
    origin = await wire.serve(provider)
    call = asyncio.create_task(wire.client().send(wire.ask(origin, is_stream=True, first_byte_s=60)))
    await provider.asked.wait()
    for piece in (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n"):
        wire.pass_time(25)
        provider.says.put_nowait(piece)
        await wire.settle()
        assert not call.done()
    wire.pass_time(10)
    assert await timed_out(call) == "first_byte"


async def test_plain_reply_has_the_whole_time(wire, provider):
    """Neither first byte nor idle apply to it: a long answer comes at once, late."""
    origin = await wire.serve(provider)
    call = asyncio.create_task(wire.client().send(wire.ask(origin, first_byte_s=1, idle_s=1, total_s=600)))
    await provider.asked.wait()
    wire.pass_time(599)
    provider.says.put_nowait(OK + b"content-length: 5\r\n\r\n")
    exchange = await call
    reading = asyncio.create_task(exchange.read_all(100))
    await wire.settle()
    assert not reading.done()
    wire.pass_time(1)
    assert await timed_out(reading) == "total"


async def test_silence_within_a_stream_runs_into_idle(wire, provider):
    """Each piece starts it anew."""
    origin = await wire.serve(provider)
    provider.says.put_nowait(STREAM + b"5\r\nhello\r\n")
    exchange = await wire.client().send(wire.ask(origin, is_stream=True, first_byte_s=60, idle_s=30, total_s=600))
    assert await exchange.read() == b"hello"
    for _ in range(3):
        wire.pass_time(29)
        provider.says.put_nowait(b"5\r\nagain\r\n")
        assert await exchange.read() == b"again"
    reading = asyncio.create_task(exchange.read())
    await wire.settle()
    wire.pass_time(29)
    await wire.settle()
    assert not reading.done()
    wire.pass_time(1)
    assert await timed_out(reading) == "idle"


async def test_stream_ends_with_its_total_time(wire, provider):
    """However lively it is."""
    origin = await wire.serve(provider)
    provider.says.put_nowait(STREAM)
    exchange = await wire.client().send(wire.ask(origin, is_stream=True, idle_s=30, total_s=60))
    for _ in range(2):
        wire.pass_time(29)
        provider.says.put_nowait(b"5\r\nhello\r\n")
        assert await exchange.read() == b"hello"
    wire.pass_time(2)
    assert await timed_out(exchange.read()) == "total"


async def test_timeout_without_a_waiting_reader_is_told_at_the_next_read(wire, provider):
    """What came before is read first."""
    origin = await wire.serve(provider)
    provider.says.put_nowait(STREAM + b"5\r\nhello\r\n")
    exchange = await wire.client().send(wire.ask(origin, is_stream=True, idle_s=30))
    wire.pass_time(30)
    assert await exchange.read() == b"hello"
    assert await timed_out(exchange.read()) == "idle"


async def test_complete_reply_that_nobody_closes_is_given_up_at_its_total(wire, replies):
    """It can still be read; its connection is not held for ever."""
    origin = await wire.serve(replies(HELLO))
    client = wire.client()
    exchange = await client.send(wire.ask(origin, total_s=60))
    assert len(wire.deadlines) == 1
    wire.pass_time(60)
    assert not wire.deadlines
    assert await exchange.read_all(100) == b"hello"
    assert client.idle_count(origin) == 0


async def test_idle_connection_grows_old(wire, replies):
    """The sweep closes it."""
    origin = await wire.serve(replies(HELLO, HELLO))
    client = wire.client(limits=TransportLimits(keepalive_expiry_s=15))
    await (await client.send(wire.ask(origin))).read_all(100)
    wire.pass_time(14.9)
    assert client.idle_count(origin) == 1
    wire.pass_time(0.1)
    assert client.idle_count(origin) == 0


async def test_old_idle_connection_is_not_used_before_the_sweep_comes(wire, replies):
    """Its age is looked at when it is taken, too."""
    origin = await wire.serve(replies(HELLO, HELLO))
    client = wire.client(limits=TransportLimits(keepalive_expiry_s=15))
    await (await client.send(wire.ask(origin))).read_all(100)
    wire.clock.advance(15)
    await (await client.send(wire.ask(origin))).read_all(100)
    assert wire.connections == 2


@pytest.fixture
def flood(read_one):
    """A server that sends without end, and counts."""

    class Flood:
        sent = 0

        async def __call__(self, reader, writer):
            await read_one(reader)
            writer.write(STREAM)
            piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
            while True:
                writer.write(piece)
                await writer.drain()
                self.sent += len(piece)

    return Flood()


async def quiet(wire, flood):
    """Turn the loop until the server is stuck."""
    sent = -1
    while sent != flood.sent:
        sent = flood.sent
        for _ in range(50):
            await asyncio.sleep(0)


async def test_slow_reader_stops_the_provider(wire, flood):
    """What waits unread is bounded, in the process and so in the sockets; reading goes on where it was."""
    origin = await wire.serve(flood)
    exchange = await wire.client().send(wire.ask(origin, is_stream=True))
    await quiet(wire, flood)
    tracemalloc.start()
    before = flood.sent
    taken = 0
    while taken < 3_000_000:
        await quiet(wire, flood)
        piece = await exchange.read()
        assert len(piece) <= 262_144 * 2
        taken += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
    assert flood.sent - before < taken + 20_000_000
    exchange.close()


async def test_paused_stream_is_not_idle(wire, flood):
    """Our own slowness is not the provider's silence; its total time still runs."""
    origin = await wire.serve(flood)
    exchange = await wire.client().send(wire.ask(origin, is_stream=True, idle_s=30, total_s=600))
    await quiet(wire, flood)
    wire.pass_time(300)
    assert await exchange.read()
    await quiet(wire, flood)
    wire.pass_time(300)
    assert await timed_out(drained(exchange)) == "total"


async def test_complete_reply_behind_a_pause_gives_back_a_reading_connection(wire, read_one):
    """Released unread, it still notices when the server closes."""
    hang_up = asyncio.Event()

    async def handler(reader, writer):
        await read_one(reader)
        writer.write(OK + b"content-length: 100\r\n\r\n" + b"x" * 90)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writer.write(b"x" * 10)
        await hang_up.wait()

    origin = await wire.serve(handler)
    client = wire.client(limits=TransportLimits(max_unread_bytes=50))
    exchange = await client.send(wire.ask(origin))
    assert await exchange.read_all(100) == b"x" * 100
    assert client.idle_count(origin) == 1
    hang_up.set()
    await wire.until(lambda: client.idle_count(origin) == 0)


async def test_close_while_paused_cuts_the_connection(wire, flood):
    """A reader that leaves does not have to drain first."""
    origin = await wire.serve(flood)
    client = wire.client()
    exchange = await client.send(wire.ask(origin, is_stream=True))
    await quiet(wire, flood)
    exchange.close()
    assert client.idle_count(origin) == 0
    assert not wire.deadlines


async def test_request_that_the_provider_does_not_take_times_out(wire):
    """A large body is sent as the socket takes it, and its deadline runs meanwhile."""
    accepted = asyncio.Event()

    async def handler(reader, writer):
        accepted.set()
        await asyncio.Event().wait()

    origin = await wire.serve(handler)
    call = asyncio.create_task(wire.client().send(wire.ask(origin, body=b"x" * 64_000_000, total_s=600)))
    await accepted.wait()
    await wire.settle()
    wire.pass_time(600)
    assert await timed_out(call) == "total"


async def test_provider_that_hangs_up_under_a_large_request_is_lost(wire):
    """However much of it was written."""

    async def handler(reader, writer):
        await reader.readexactly(100_000)
        writer.transport.abort()

    origin = await wire.serve(handler)
    with pytest.raises(UpstreamLost):
        await wire.client().send(wire.ask(origin, body=b"x" * 64_000_000))


async def test_stream_that_lingers_keeps_its_connection(wire, provider):
    """After a stream's last event only its last chunk is still to come: it is waited for, unseen."""
    origin = await wire.serve(provider)
    client = wire.client()
    provider.says.put_nowait(STREAM + b"5\r\nhello\r\n")
    exchange = await client.send(wire.ask(origin, is_stream=True))
    assert await exchange.read() == b"hello"
    exchange.linger()
    exchange.linger()
    exchange.close()
    assert client.idle_count(origin) == 0
    provider.says.put_nowait(b"5\r\nagain\r\n0\r\n\r\n")
    await wire.until(lambda: client.idle_count(origin) == 1)


async def test_stream_lingers_for_a_second(wire, provider):
    """A provider that does not end it loses the connection."""
    origin = await wire.serve(provider)
    provider.says.put_nowait(STREAM + b"5\r\nhello\r\n")
    exchange = await wire.client().send(wire.ask(origin, is_stream=True))
    exchange.linger()
    wire.pass_time(0.9)
    assert wire.deadlines
    wire.pass_time(0.1)
    assert not wire.deadlines
    with pytest.raises(UpstreamLost):
        await exchange.read()


async def test_complete_stream_does_not_linger(wire, replies):
    """Its connection is kept at once."""
    origin = await wire.serve(replies(STREAM + b"5\r\nhello\r\n0\r\n\r\n"))
    client = wire.client()
    exchange = await client.send(wire.ask(origin, is_stream=True))
    exchange.linger()
    assert client.idle_count(origin) == 1


async def test_paused_stream_that_lingers_reads_on(wire, provider):
    """What waited unread is dropped with what still comes."""
    origin = await wire.serve(provider)
    client = wire.client(limits=TransportLimits(max_unread_bytes=100))
    provider.says.put_nowait(STREAM + b"c8\r\n" + b"x" * 200 + b"\r\n")
    exchange = await client.send(wire.ask(origin, is_stream=True))
    await wire.settle()
    provider.says.put_nowait(b"0\r\n\r\n")
    await wire.settle()
    exchange.linger()
    await wire.until(lambda: client.idle_count(origin) == 1)
