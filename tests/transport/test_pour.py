"""A body that is poured: pieces handed on from the socket's own callback."""

import asyncio
import zlib
from contextlib import suppress

import pytest

from omnillm.errors import UpstreamLost, UpstreamTimeout
from omnillm.transport.limits import TransportLimits
from omnillm.transport.turns import FULL_READ

STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Provider:
    """Says what the test puts into its queue; None closes."""

    def __init__(self, read_one):
        self.says = asyncio.Queue()
        self._read_one = read_one

    async def __call__(self, reader, writer):
        await self._read_one(reader)
        while (piece := await self.says.get()) is not None:
            writer.write(piece)
            await writer.drain()


@pytest.fixture
async def stream(wire, read_one):
    """An exchange, its provider, and what was poured of it; "three" is refused."""

    class Stream:
        def __init__(self):
            self.seen = []

        async def open(self, head=STREAM):
            self.provider = Provider(read_one)
            self.provider.says.put_nowait(head)
            ask = wire.ask(await wire.serve(self.provider), is_stream=True, idle_s=30, total_s=600)
            self.exchange = await wire.client().send(ask)

        def pour(self):
            return asyncio.create_task(self.exchange.pour(self.take))

        def take(self, piece):
            self.seen.append(piece)
            return piece != b"three"

        async def say(self, *pieces):
            for piece in pieces:
                before = len(self.seen)
                self.provider.says.put_nowait(piece)
                await wire.until(lambda: len(self.seen) > before)  # noqa: B023 - awaited at once

    stream = Stream()
    await stream.open()
    return stream


async def test_pieces_reach_the_sink_until_it_wants_no_more(stream):
    """What comes behind the refused one is read as ever, and so is the end."""
    pouring = stream.pour()
    await stream.say(b"3\r\ntwo\r\n", b"2\r\nth\r\n")
    assert not pouring.done()
    await stream.say(b"5\r\nthree\r\n")
    await pouring
    stream.provider.says.put_nowait(b"4\r\nfour\r\n0\r\n\r\n")
    assert await stream.exchange.read() == b"four"
    assert await stream.exchange.read() == b""
    assert stream.seen == [b"two", b"th", b"three"]


async def test_nothing_is_poured_while_something_waits_to_be_read(stream, wire):
    """The order is kept: the reader reads first."""
    stream.provider.says.put_nowait(b"3\r\none\r\n")
    await wire.settle()
    await stream.exchange.pour(stream.take)
    assert await stream.exchange.read() == b"one"
    assert stream.seen == []


@pytest.mark.parametrize("news", [b"3\r\none\r\n", b"0\r\n\r\n", b"nonsense\r\n"])
async def test_what_can_be_read_at_once_is_known(stream, wire, news):
    """A piece, the end, a failure; before it comes there is nothing, and behind the end nobody waits either."""
    assert not stream.exchange.is_readable
    stream.provider.says.put_nowait(news)
    await wire.settle()
    assert stream.exchange.is_readable
    with suppress(UpstreamLost):
        await stream.exchange.read()
    assert not stream.exchange.is_readable


@pytest.mark.parametrize("last", [b"3\r\ntwo\r\n0\r\n\r\n", b"0\r\n\r\n"])
async def test_the_end_ends_the_pouring(stream, last):
    """With its last piece or alone; it is the reader's to see."""
    pouring = stream.pour()
    await stream.say(b"3\r\none\r\n")
    stream.provider.says.put_nowait(last)
    await pouring
    assert await stream.exchange.read() == b""
    assert stream.seen == [b"one", b"two"][: 1 + (b"two" in last)]


@pytest.mark.parametrize("last", [None, b"nonsense\r\n"])
async def test_a_stream_that_breaks_off_is_told_by_the_next_read(stream, last):
    """Cut or garbled."""
    pouring = stream.pour()
    await stream.say(b"3\r\none\r\n")
    stream.provider.says.put_nowait(last)
    await pouring
    with pytest.raises(UpstreamLost):
        await stream.exchange.read()


async def test_a_sink_that_cannot_read_a_piece_fails_the_exchange(stream):
    """Its own words are what the reader is told."""

    def refuse(piece):
        raise UpstreamLost(f"{len(piece)} bytes of nonsense", code="nonsense")

    pouring = asyncio.create_task(stream.exchange.pour(refuse))
    await asyncio.sleep(0)
    stream.provider.says.put_nowait(b"3\r\none\r\n")
    await pouring
    with pytest.raises(UpstreamLost, match="3 bytes of nonsense"):
        await stream.exchange.read()


@pytest.mark.parametrize("last", [b"3\r\ntwo\r\n", b"3\r\ntwo\r\n0\r\n\r\n"])
async def test_what_a_sink_raises_is_the_readers(stream, last, caplog):
    """Whatever it is, and though the reply was whole with that piece. The loop has nothing to log."""

    def raise_here(piece):
        raise KeyError(piece)

    pouring = asyncio.create_task(stream.exchange.pour(raise_here))
    stream.provider.says.put_nowait(last)
    await pouring
    with pytest.raises(KeyError, match="two"):
        await stream.exchange.read()
    assert caplog.records == []


async def test_silence_is_counted_from_the_last_piece(stream, wire):
    """While it is poured, and when reading goes on after it was given up."""
    pouring = stream.pour()
    for _ in range(3):
        wire.pass_time(29)
        await stream.say(b"3\r\none\r\n")
    wire.clock.advance(29)  # no sweep may move the deadline that was left behind
    await wire.settle()
    assert not pouring.done()
    pouring.cancel()
    await asyncio.wait([pouring])
    reading = asyncio.create_task(stream.exchange.read())
    wire.pass_time(0)
    await wire.settle()
    assert not reading.done()
    wire.pass_time(1)
    with pytest.raises(UpstreamTimeout) as caught:
        await reading
    assert caught.value.phase == "idle"


async def test_a_sweep_between_the_last_poured_piece_and_the_reader_finds_no_silence(stream, wire):
    """Pieces that are poured move no deadline, so the one that ends it does."""
    wire.pass_time(29)

    def refuse(piece):
        stream.take(piece)
        asyncio.get_running_loop().call_soon(wire.pass_time, 0)
        return False

    pouring = asyncio.create_task(stream.exchange.pour(refuse))
    await asyncio.sleep(0)
    wire.clock.advance(1)
    await stream.say(b"3\r\none\r\n")
    await pouring
    stream.provider.says.put_nowait(b"4\r\nfour\r\n")
    assert await stream.exchange.read() == b"four"


async def test_the_time_in_which_nobody_read_is_no_silence(wire, read_one):
    """A pouring given up behind it leaves the provider its whole time."""
    provider = Provider(read_one)
    provider.says.put_nowait(STREAM + b"c8\r\n" + b"x" * 200 + b"\r\n")
    ask = wire.ask(await wire.serve(provider), is_stream=True, idle_s=30, total_s=600)
    exchange = await wire.client(limits=TransportLimits(max_unread_bytes=100)).send(ask)
    await wire.until(lambda: exchange._connection._is_paused)
    wire.pass_time(100)
    assert len(await exchange.read()) == 200
    assert exchange._connection.due == wire.clock.now() + 30  # it may be silent from now on, too
    pouring = asyncio.create_task(exchange.pour(bool))
    await wire.settle()
    pouring.cancel()
    await asyncio.wait([pouring])
    reading = asyncio.create_task(exchange.read())
    await wire.settle()
    wire.pass_time(29)
    provider.says.put_nowait(b"4\r\nfour\r\n")
    assert await reading == b"four"


@pytest.mark.parametrize(("seconds", "phase"), [([30], "idle"), ([29] * 20 + [20], "total")])
async def test_a_poured_stream_runs_into_its_timeouts(stream, wire, seconds, phase):
    """Silence, or the whole time however lively it is."""
    pouring = stream.pour()
    for lasting in seconds:
        await stream.say(b"3\r\none\r\n")
        wire.pass_time(lasting)
    await pouring
    with pytest.raises(UpstreamTimeout) as caught:
        await stream.exchange.read()
    assert caught.value.phase == phase


async def test_who_gives_up_is_handed_nothing_more(stream, wire):
    """From the cancellation on pieces wait to be read."""
    pouring = stream.pour()
    await stream.say(b"3\r\none\r\n")
    pouring.cancel()
    await asyncio.wait([pouring])
    stream.provider.says.put_nowait(b"3\r\ntwo\r\n")
    await wire.settle()
    assert await stream.exchange.read() == b"two"
    assert stream.seen == [b"one"]


async def test_a_compressed_body_is_read_instead(stream):
    """Pouring it ends at once."""
    packed = zlib.compress(b"hello", wbits=31)
    await stream.open(STREAM[:-2] + b"content-encoding: gzip\r\n\r\n%x\r\n%b\r\n" % (len(packed), packed))
    await stream.exchange.pour(stream.take)
    assert await stream.exchange.read() == b"hello"
    assert stream.seen == []


async def test_a_stream_is_read_once_a_turn(stream):
    """A provider that says more than the loop's buffer holds does not keep it from everybody else."""
    pouring = stream.pour()
    await asyncio.sleep(0)
    connection = stream.exchange._connection
    connection.data_received(b"%x\r\n%b\r\n" % (FULL_READ, bytes(FULL_READ)))
    assert len(b"".join(stream.seen)) == FULL_READ
    assert not connection._transport.is_reading()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert connection._transport.is_reading()
    await stream.say(b"4\r\nmore\r\n")
    pouring.cancel()


async def test_a_reader_that_is_slow_is_not_read_for_in_the_next_turn_either(stream):
    """What waits unread pauses the socket until it is taken."""
    connection = stream.exchange._connection
    size = 2 * connection._limits.max_unread_bytes
    connection.data_received(b"%x\r\n%b\r\n" % (size, bytes(size)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not connection._transport.is_reading()
    assert len(await stream.exchange.read()) == size
    assert connection._transport.is_reading()
