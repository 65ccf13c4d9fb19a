"""Hang-ups, limits, drains and storms: how connections end, and that nothing stays behind."""

import asyncio
import gc
import socket
import ssl
import weakref

import pytest
from tests.in_turn import in_turn
from tests.server.conftest import Scripted

from omnillm.errors import BadRequest

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"


async def wait_for_ever(request, reply):
    await asyncio.Event().wait()


@in_turn("how", ["end of input", "reset"])
async def test_a_hang_up_cancels_the_call(house, scripted, how):
    """At once, and nothing is written."""
    app = await house.open(scripted(wait_for_ever))
    client = await house.dial(POST)
    await house.until(lambda: app.asked)
    if how == "reset":
        client.reset()
    else:
        client.writer.write_eof()
        assert await client.rest() == b""
    await house.until(lambda: app.cancelled == 1 and not house.front.open_connections)
    assert house.front.held_bytes == 0


async def test_a_hang_up_during_a_stream_cancels_it(house, scripted):
    """Half of the reply has left; the rest is not made."""

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"half")
        await asyncio.Event().wait()

    app = await house.open(scripted(answer))
    client = await house.dial(GET)
    await client.reader.readuntil(b"half")
    client.writer.write_eof()
    await house.until(lambda: app.cancelled == 1)
    assert b"0\r\n\r\n" not in await client.rest()


async def test_a_cancelled_call_may_clean_up_and_is_cancelled_once(house, scripted):
    """What it writes is dropped, what it awaits is waited for."""
    steps, go = [], asyncio.Event()

    async def answer(request, reply):
        try:
            await asyncio.Event().wait()
        finally:
            reply.send(200, b"", b"too late")
            await go.wait()
            steps.append("clean")

    await house.open(scripted(answer))
    client = await house.dial(GET)
    await house.until(lambda: house.front._crowd.connections and next(iter(house.front._crowd.connections))._task)
    client.reset()
    await house.until(lambda: not house.front.open_connections)
    assert steps == []
    assert len(house.front._crowd.ending) == 1
    go.set()
    await house.until(lambda: not house.front._crowd.ending)
    assert steps == ["clean"]


async def test_a_client_that_ends_its_input_behind_an_answered_call_gets_the_answer(house, scripted):
    """The reply was complete; only the task was not done yet."""

    async def answer(request, reply):
        reply.send(200, b"", b"x" * 10_000_000)
        await asyncio.Event().wait()

    await house.open(scripted(answer))
    client = await house.dial(GET)
    await client.reader.readuntil(b"\r\n\r\n")
    client.writer.write_eof()
    assert len(await client.rest()) == 10_000_000


async def test_a_call_cancelled_by_somebody_else_takes_its_connection_along(house, scripted):
    """Nobody is left to answer."""

    async def answer(request, reply):
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    await house.open(scripted(answer))
    assert await house.say(GET) == b""
    await house.until(lambda: not house.front.open_connections)


@in_turn("data", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nhello"])
async def test_the_end_of_input_inside_a_request_closes(house, data):
    """Half a request is none."""
    app = await house.open()
    client = await house.dial(data)
    client.writer.write_eof()
    assert await client.rest() == b""
    await house.until(lambda: not house.front.open_connections)
    assert app.asked == []


async def test_a_drain_that_times_out_in_the_application_leaves_the_reply_usable(house, scripted):
    """The waiting can be given up and taken up again."""

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"x" * 20_000_000)
        waiting = asyncio.ensure_future(reply.drain())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await reply.drain()
        reply.end()

    await house.open(scripted(answer))
    client = await house.dial(GET)
    assert len((await client.reply())[2]) == 20_000_000


async def test_connections_above_the_limit_are_told_so(house):
    """503 with a hint, and room again when one has left."""
    app = await house.open(connections=8)
    clients = [await house.dial(GET) for _ in range(8)]
    for client in clients:
        assert (await client.reply())[0] == 200
    surplus = await house.dial(GET)
    status, fields, _ = await surplus.reply()
    assert (status, fields[b"retry-after"], fields[b"connection"]) == (503, b"1", b"close")
    assert app.faults[0][0] is None
    surplus.reset()
    clients[0].reset()
    await house.until(lambda: house.front.open_connections == 7)
    assert (await (await house.dial(GET)).reply())[0] == 200


async def test_connections_far_above_the_limit_are_cut_unheard(house):
    """Those that are being told do not pile up either."""
    await house.open(connections=8)
    clients = [await house.dial() for _ in range(9)]
    await house.until(lambda: house.front.open_connections == 9)
    assert await (await house.dial()).rest() == b""
    await house.until(lambda: house.front.open_connections == 9)
    assert len(clients) == 9


async def test_all_bodies_together_are_bounded(house, scripted):
    """What is being received and what is being answered; the one that is too much is told 503."""
    app = await house.open(scripted(wait_for_ever), buffered_bytes=1000)
    first = await house.dial(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 600\r\n\r\n" + b"x" * 600)
    await house.until(lambda: app.asked)
    assert house.front.held_bytes == 600
    for framing in (b"content-length: 900\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n384\r\n", b"content-length: 500\r\n\r\n"):
        client = await house.dial(b"POST / HTTP/1.1\r\nhost: x\r\n" + framing + b"x" * 500)
        status, fields, _ = await client.reply()
        assert (status, fields[b"retry-after"]) == (503, b"1")
        assert house.front.held_bytes == 600
    first.reset()
    await house.until(lambda: house.front.held_bytes == 0)


async def test_all_bodies_on_disk_together_are_bounded(house, scripted):
    """Whoever may upload could fill the disk that the ledger lies on, with bodies that nobody has looked at yet."""

    def spool(request):
        request.is_spooled = True

    app = await house.open(scripted(wait_for_ever, accept=spool), spooled_bytes=5 * 1024 * 1024)
    size = 3 * 1024 * 1024
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size
    first = await house.dial(head + b"x" * size)
    await house.until(lambda: app.asked)
    assert house.front.spooled_bytes == size
    second = await house.dial(head + b"x" * (size - 1))
    status, fields, body = await second.reply()
    assert (status, fields[b"retry-after"], body) == (503, b"1", b"overloaded: Too much of request bodies lies on the disk.")
    assert house.front.spooled_bytes == size
    first.reset()
    await house.until(lambda: house.front.spooled_bytes == 0)


async def test_an_answered_connection_holds_no_body(house):
    """Neither in the count nor in memory."""
    await house.open()
    client = await house.dial(POST)
    await client.reply()
    connection = next(iter(house.front._crowd.connections))
    assert house.front.held_bytes == 0
    assert (connection._heads.request, connection._reply, connection._task) == (None, None, None)


class Context:
    """Of one request; goes with it."""


@in_turn("error", [BadRequest("No."), KeyError("a defect")], ids=["refused", "broken"])
async def test_a_request_that_failed_is_freed_at_once(house, error):
    """Without the cycle collector, which looks seldom: each would hold its whole body until then."""
    contexts = []

    def accept(request):
        context = Context()
        contexts.append(weakref.ref(context))
        return context

    async def answer(request, reply):
        raise type(error)(*error.args)

    app = await house.open(Scripted(answer, accept))
    gc.disable()
    try:
        assert (await house.say(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))[9:12] in {b"400", b"500"}
        for kept in (app.opened, app.asked, app.faults):
            kept.clear()
        assert [context() for context in contexts] == [None]
    finally:
        gc.enable()


async def test_a_storm_of_resets_leaves_nothing(house, scripted):
    """Connections cut in every state."""
    app = await house.open(scripted(wait_for_ever))
    states = (b"", b"GET / HT", POST[:-2], POST, POST + POST, b"nonsense\r\n\r\n")
    for n in range(300):
        sock = socket.create_connection(house.address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.sendall(states[n % len(states)])
        if n % 3 == 0:
            await asyncio.sleep(0)
        sock.close()
    await house.until(lambda: not house.front.open_connections and not house.front._crowd.ending)
    assert app.cancelled == len(app.asked)
    assert house.front.held_bytes == 0
    assert len(house.deadlines) == 1, "only the front itself is watched"


async def test_a_drain_closes_the_idle_and_lets_the_busy_end(house, scripted):
    """A running call is answered, told to close, and then the front is empty."""
    go = asyncio.Event()

    async def answer(request, reply):
        if request.path == "/slow":
            await go.wait()
        reply.send(200, b"", b"done")

    app = await house.open(scripted(answer))
    idle, fresh, busy, half = await house.dial(GET), await house.dial(), await house.dial(), await house.dial(b"GET / HT")
    await idle.reply()
    busy.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
    await house.until(lambda: len(app.asked) == 2 and house.front.open_connections == 4)
    draining = asyncio.ensure_future(house.front.drain(30))
    assert await idle.rest() == await fresh.rest() == b""
    with pytest.raises(OSError):
        await asyncio.open_connection(*house.address)
    half.send(b"TP/1.1\r\nhost: x\r\n\r\n")
    assert b"connection: close\r\n" in await half.rest()
    assert not draining.done()
    go.set()
    assert b"connection: close\r\n" in await busy.rest()
    await draining
    assert house.front.open_connections == 0


async def test_a_drain_ends_a_stream_that_had_begun(house, scripted):
    """Its head had promised to keep the connection; it is closed all the same."""
    go = asyncio.Event()

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"one")
        await go.wait()
        reply.write(b"two")
        reply.end()

    await house.open(scripted(answer))
    client = await house.dial(GET)
    await client.reader.readuntil(b"one")
    draining = asyncio.ensure_future(house.front.drain(30))
    await asyncio.sleep(0)
    go.set()
    assert (await client.rest()).endswith(b"3\r\ntwo\r\n0\r\n\r\n")
    await draining


async def test_a_drain_cuts_what_outlasts_its_grace(house, scripted):
    """And waits until the cancelled calls have ended."""
    app = await house.open(scripted(wait_for_ever))
    client = await house.dial(GET)
    await house.until(lambda: app.asked)
    draining = asyncio.ensure_future(house.front.drain(30))
    await asyncio.sleep(0)
    house.pass_time(29.9)
    assert not draining.done()
    house.pass_time(0.1)
    await draining
    assert app.cancelled == 1
    assert await client.rest() == b""


async def test_the_end_of_the_grace_is_told_before_it_cuts(house, scripted):
    """Who can end in its own words has a second for it; who does not is cut."""
    told = asyncio.Event()

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"one")
        await (told if request.path == "/" else asyncio.Event()).wait()
        reply.write(b"the end")
        reply.end()

    app = await house.open(scripted(answer))
    obedient, deaf = await house.dial(GET), await house.dial(GET.replace(b"/ ", b"/deaf "))
    await house.until(lambda: len(app.asked) == 2)
    draining = asyncio.ensure_future(house.front.drain(30, on_over=told.set))
    await asyncio.sleep(0)
    house.pass_time(30)
    assert (await obedient.rest()).endswith(b"7\r\nthe end\r\n0\r\n\r\n")
    house.pass_time(0.9)
    assert not draining.done()
    house.pass_time(0.1)
    await draining
    assert (await deaf.rest()).endswith(b"one\r\n")


async def test_a_drain_of_an_empty_front_returns_at_once(house):
    """There is nothing to wait for."""
    await house.open()
    await house.front.drain(30)


async def test_close_cuts_everything_now(house, scripted):
    """Calls are cancelled, connections reset, the port is free."""
    app = await house.open(scripted(wait_for_ever))
    clients = [await house.dial(GET) for _ in range(3)]
    await house.until(lambda: len(app.asked) == 3)
    house.front.close()
    for client in clients:
        assert await client.rest() == b""
    await house.until(lambda: app.cancelled == 3)


async def test_an_open_socket_is_accepted_for_listening(house):
    """As a supervisor hands it over."""
    sock = socket.create_server(("127.0.0.1", 0))
    address = sock.getsockname()
    await house.open(sock=sock)
    assert house.address == address
    assert (await (await house.dial(GET)).reply())[0] == 200


async def test_small_replies_are_not_held_back_by_the_kernel(house):
    """TCP_NODELAY is on for every accepted connection."""
    await house.open()
    client = await house.dial(GET)
    await client.reply()
    sock = next(iter(house.front._crowd.connections))._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.fixture(scope="session")
def authority():
    import trustme

    return trustme.CA()


@pytest.fixture
def tls(authority):
    """The contexts of a server and of a client that trusts it."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


async def test_requests_over_tls(house, scripted, tls):
    """Plain replies, large ones, streams; then a refusal, which closes without a half-close."""

    async def answer(request, reply):
        reply.start(200, b"")
        for _ in range(10):
            reply.write(b"x" * 200_000)
            await reply.drain()
        reply.end()

    await house.open(scripted(answer), tls=tls[0])
    client = await house.dial(POST, ssl=tls[1])
    for _ in range(3):
        assert len((await client.reply())[2]) == 2_000_000
        client.send(POST)
    client = await house.dial(b"nonsense\r\n\r\n", ssl=tls[1])
    assert (await client.reply())[0] == 400
    house.pass_time(5)
    assert await client.rest() == b""


async def test_a_drain_waits_seconds_for_idle_clients_that_say_no_farewell(house, tls):
    """Whoever keeps a connection of TLS for later does not look at it meanwhile, and would hold the drain for all of its grace."""
    await house.open(tls=tls[0])
    client = await house.dial(GET, ssl=tls[1])
    await client.reply()
    client.writer.transport.pause_reading()
    draining = asyncio.ensure_future(house.front.drain(30))
    await asyncio.sleep(0)
    house.pass_time(4.9)
    assert not draining.done()
    house.pass_time(0.1)
    await draining
    client.writer.transport.resume_reading()
    assert await client.rest() == b""


@in_turn("is_tls", [True, False])
async def test_the_last_reply_is_not_cut_while_it_is_taken(house, scripted, tls, is_tls):
    """TLS gives what is unsent half a minute once its connection is closed: it is closed when nothing is. It ends once."""
    defects = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: defects.append(context))

    async def answer(request, reply):
        reply.send(200, b"", b"x" * 20_000_000)

    await house.open(scripted(answer), tls=tls[0] if is_tls else None)
    client = await house.dial(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", **({"ssl": tls[1]} if is_tls else {}))
    await client.reader.readuntil(b"\r\n\r\n")
    [connection] = house.front._crowd.connections
    for _ in range(3):
        left = connection._outflow._count_unsent()
        await client.reader.readexactly(3_000_000)
        await house.until(lambda left=left: connection._outflow._count_unsent() < left)
        house.pass_time(59)
        assert not connection._transport.is_closing()
    assert len(await client.rest()) == 11_000_000
    await house.until(lambda: not house.front.open_connections)
    assert defects == []


async def test_a_large_last_reply_is_whole_before_input_that_nobody_reads(house, scripted):
    """The client is told that nothing more comes behind it, and not in the middle."""

    async def answer(request, reply):
        reply.send(200, b"", b"x" * 20_000_000)

    await house.open(scripted(answer))
    client = await house.dial(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\nmore")
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert len(await client.rest()) == 20_000_000, head
    assert house.front.open_connections == 1
    for _ in range(2):  # what it had taken before counts once
        house.pass_time(60)
    await house.until(lambda: not house.front.open_connections)


async def test_a_hang_up_over_tls_cancels_the_call(house, scripted, tls):
    """The same as without."""
    app = await house.open(scripted(wait_for_ever), tls=tls[0])
    client = await house.dial(POST, ssl=tls[1])
    await house.until(lambda: app.asked)
    client.reset()
    await house.until(lambda: app.cancelled == 1 and not house.front.open_connections)


async def test_plain_http_on_a_tls_port_is_nobody(house, tls):
    """No handshake, no connection."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    await house.open(tls=tls[0])
    await house.say(GET)
    await house.until(lambda: not house.front.open_connections)


async def test_replies_of_one_turn_are_whole_however_their_connections_end(house, scripted):
    """They are sent together; a connection that closes, lingers or is cut behind its reply still sends all of it before."""
    gate = asyncio.Event()

    async def answer(request, reply):
        await gate.wait()
        if request.path == "/refused":
            raise BadRequest("No.")
        if request.path == "/cut":
            reply.start(200, b"")
            reply.write(b"half")
            raise BadRequest("Too late.")
        reply.send(200, b"", b"whole")

    app = await house.open(scripted(answer))
    paths = ["/kept", "/close", "/refused", "/cut"] * 4
    clients = []
    for path in paths:
        closes = b"connection: close\r\n" if path == "/close" else b""
        clients.append(await house.dial(b"GET %b HTTP/1.1\r\nhost: x\r\n%b\r\n" % (path.encode(), closes)))
    await house.until(lambda: len(app.asked) == len(paths))
    gate.set()
    for path, client in zip(paths, clients, strict=True):
        if path == "/kept":
            assert (await client.reply())[2] == b"whole"
        elif path == "/refused":
            assert (await client.reply())[2] == b"bad_request: No."
        else:
            told = await client.rest()
            assert told.endswith(b"whole" if path == "/close" else b"4\r\nhalf\r\n"), told
