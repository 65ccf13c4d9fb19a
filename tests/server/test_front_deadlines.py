"""Slow peers, under a clock that the test moves."""

import asyncio
import socket

import pytest

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
MEGABYTE = b"x" * 1_000_000


def only(house):
    (connection,) = house.front._crowd.connections
    return connection


async def drip(house, client, data, *, every, until):
    """A byte at a time, time passing between them, until the front has had enough."""
    for at in range(len(data)):
        if not house.front.open_connections or only(house)._state == 3:
            break
        client.send(data[at : at + 1])
        await house.until(lambda at=at: not house.front.open_connections or received(house) > at or only(house)._state != 0)
        house.pass_time(every)
    assert house.clock.now() - 1000 == pytest.approx(until, abs=every)


def received(house):
    return len(only(house)._heads.input)


async def test_a_head_that_drips_is_timed_out_however_it_drips(house):
    """The deadline counts from the first byte; the next ones do not move it."""
    app = await house.open()
    client = await house.dial()
    await house.until(lambda: house.front.open_connections)
    await drip(house, client, b"GET / HTTP/1.1\r\nhost: " + b"x" * 100, every=1, until=10)
    raw = await client.rest()
    assert raw.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close\r\n" in raw
    assert app.opened == []


@pytest.mark.parametrize("head", [HEAD, CHUNKED + b"ff\r\n"], ids=["sized", "chunked"])
async def test_a_body_that_drips_is_timed_out(house, head):
    """The whole body has one deadline."""
    app = await house.open()
    client = await house.dial(head)
    await house.until(lambda: app.opened)
    for _ in range(59):
        client.send(b"x")
        await asyncio.sleep(0)
        house.pass_time(1)
    await house.until(lambda: house.front.held_bytes == 59)
    house.pass_time(1)
    assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
    assert app.asked == []
    assert house.front.held_bytes == 0


async def test_a_large_body_has_its_deadline_for_each_mebibyte(house, scripted):
    """However long the whole takes; what comes behind the last of them is as late as any."""

    def accept(request):
        request.is_spooled = True

    await house.open(scripted(accept=accept))
    client = await house.dial(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4194304\r\n\r\n")
    front = house.front
    for number in range(1, 4):
        client.send(bytes(1_048_576))
        await house.until(lambda number=number: front.held_bytes + front.spooled_bytes == number * 1_048_576)
        house.pass_time(59)
    client.send(b"x" * 1_000)
    await house.until(lambda: front.held_bytes + front.spooled_bytes == 3_146_728)
    house.pass_time(1)
    assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_that_never_says_anything_is_closed_silently(house):
    """There is nothing to answer."""
    await house.open()
    client = await house.dial()
    await house.until(lambda: house.front.open_connections)
    house.pass_time(9.9)
    assert not client.reader.at_eof()
    house.pass_time(0.1)
    assert await client.rest() == b""
    await house.until(lambda: not house.front.open_connections)


async def test_an_idle_connection_is_kept_for_its_time_and_closed_silently(house):
    """The keep-alive time starts with the end of each reply."""
    await house.open()
    client = await house.dial()
    for _ in range(3):
        client.send(GET)
        assert (await client.reply())[0] == 200
        house.pass_time(74)
        assert house.front.open_connections == 1
    house.pass_time(1)
    assert await client.rest() == b""


async def test_the_first_byte_of_a_later_request_ends_the_idle_time(house):
    """From then on the head has its own deadline."""
    await house.open()
    client = await house.dial(GET)
    await client.reply()
    house.pass_time(70)
    client.send(b"GET / HT")
    await house.until(lambda: received(house))
    house.pass_time(9)
    client.send(b"TP/1.1\r\nhost: x\r\n\r\n")
    assert (await client.reply())[0] == 200
    client.send(b"GET")
    await house.until(lambda: received(house))
    house.pass_time(10)
    assert (await client.reply())[0] == 408


async def test_a_call_has_no_deadline_of_the_front(house, scripted):
    """How long an answer may take is the application's to say."""
    go = asyncio.Event()

    async def answer(request, reply):
        await go.wait()
        reply.send(200, b"", b"late")

    app = await house.open(scripted(answer))
    client = await house.dial(GET)
    await house.until(lambda: app.asked)
    house.pass_time(100_000)
    go.set()
    assert (await client.reply())[2] == b"late"


async def dial_slowly(house):
    """A client with a small window that reads nothing by itself."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, house.address)
    return sock


async def flood(request, reply):
    reply.start(200, b"")
    for _ in range(50):
        reply.write(MEGABYTE)
        await reply.drain()
    reply.end()


async def test_a_client_that_takes_nothing_is_cut_and_its_call_cancelled(house, scripted):
    """The stream waits above the high-water mark; then the stall deadline ends it."""
    app = await house.open(scripted(flood))
    sock = await dial_slowly(house)
    await asyncio.get_running_loop().sock_sendall(sock, GET)
    await house.until(lambda: app.asked and only(house)._outflow.is_paused and only(house)._outflow._room)
    house.pass_time(59)
    assert house.front.open_connections == 1
    house.pass_time(1)
    await house.until(lambda: not house.front.open_connections)
    assert app.cancelled == 1
    sock.close()


async def test_a_client_that_takes_a_little_at_a_time_is_served(house, scripted):
    """Slow is not stalled: what counts is that something was taken since the last look."""

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(MEGABYTE * 20)
        await reply.drain()
        reply.end()

    app = await house.open(scripted(answer))
    sock = await dial_slowly(house)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, GET)
    await house.until(lambda: app.asked and only(house)._outflow.is_paused and only(house)._outflow._room)
    total = 0
    for _ in range(5):
        before = only(house)._transport.get_write_buffer_size()
        while only(house)._transport.get_write_buffer_size() >= before:
            total += len(await loop.sock_recv(sock, 65536))
            await asyncio.sleep(0)
        house.pass_time(60)
        assert only(house)._outflow.is_paused
    while total < 20 * len(MEGABYTE):
        total += len(await loop.sock_recv(sock, 1_000_000))
    assert app.cancelled == 0
    sock.close()


async def test_a_reply_nobody_reads_does_not_wait_for_ever(house, scripted):
    """The call is over, the bytes are still here; the stall deadline counts for them too."""

    async def answer(request, reply):
        reply.send(200, b"", MEGABYTE * 20)

    app = await house.open(scripted(answer))
    sock = await dial_slowly(house)
    await asyncio.get_running_loop().sock_sendall(sock, GET + b"GET /next HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    await house.until(lambda: app.asked and only(house)._task is None)
    assert [request.path for request in app.asked] == ["/"], "the next request waits until the reply has been taken"
    house.pass_time(60)
    await house.until(lambda: not house.front.open_connections)
    sock.close()


async def test_the_next_request_is_served_once_the_reply_has_been_taken(house, scripted):
    """Nothing is lost by the wait."""

    async def answer(request, reply):
        reply.send(200, b"", MEGABYTE * 20)

    app = await house.open(scripted(answer))
    client = await house.dial(GET)
    client.reader._transport.pause_reading()
    await house.until(lambda: app.asked and only(house)._task is None)
    assert only(house)._outflow.is_paused
    client.send(GET)
    await house.until(lambda: received(house))
    client.reader._transport.resume_reading()
    for _ in range(2):
        assert len((await client.reply())[2]) == 20 * len(MEGABYTE)


async def test_pipelining_without_reading_is_bounded(house, scripted):
    """Input behind unread replies is kept up to the limit."""

    async def answer(request, reply):
        reply.send(200, b"", MEGABYTE * 20)

    app = await house.open(scripted(answer))
    sock = await dial_slowly(house)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, GET)
    await house.until(lambda: app.asked and only(house)._task is None)
    await loop.sock_sendall(sock, GET * 3000)
    await house.until(lambda: not house.front.open_connections)
    assert len(app.asked) == 1
    sock.close()


async def test_a_refused_client_that_will_not_leave_is_cut(house):
    """Input is dropped for a few seconds behind a refusal, no longer."""
    await house.open()
    client = await house.dial(b"nonsense\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
    for _ in range(4):
        client.send(b"more nonsense")
        house.pass_time(1)
    assert house.front.open_connections == 1
    house.pass_time(1)
    await house.until(lambda: not house.front.open_connections)


async def test_an_idle_connection_with_unread_bytes_is_cut_when_they_are_not_taken(house, scripted):
    """Closing waits for the bytes, and the wait is bounded."""

    async def answer(request, reply):
        reply.send(200, b"", MEGABYTE * 5)

    await house.open(scripted(answer))
    sock = await dial_slowly(house)
    await asyncio.get_running_loop().sock_sendall(sock, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    await house.until(lambda: house.front.open_connections and only(house)._state == 3)
    house.pass_time(60)
    await house.until(lambda: not house.front.open_connections)
    sock.close()
