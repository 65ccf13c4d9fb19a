"""WebSockets to a provider: the handshake past proxies and under TLS, and the socket's own limits. The server is `websockets`' sans-io one."""

import asyncio
import gc

import pytest
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from omnillm.errors import NotSent, StaleConnection, UpstreamLost, UpstreamTimeout
from omnillm.transport.client import Exchange, Proxies
from omnillm.transport.handshake import accept_of
from omnillm.transport.message import is_sendable, shortened
from omnillm.transport.websocket import Message, WebSocket


async def shake(reader, writer, *, answer=b"", first=b""):
    """Answer a handshake (or with `answer`), and send `first` in the same write; the request's head."""
    head = await reader.readuntil(b"\r\n\r\n")
    key = head.split(b"sec-websocket-key: ")[1].split(b"\r\n")[0]
    accepted = (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %b\r\n\r\n"
        % accept_of(key)
    )
    writer.write((answer.replace(b"ACCEPT", accept_of(key)) or accepted) + first)
    return head


def frame(text):
    return b"\x81" + bytes([len(text)]) + text


class Echo:
    """A server that says back what it hears, and remembers the heads of its handshakes."""

    def __init__(self, first=b""):
        self.heads, self.ended, self._first = [], [], first

    async def __call__(self, reader, writer):
        self.heads.append(await shake(reader, writer, first=self._first))
        protocol = ServerProtocol(state=State.OPEN)
        while data := await reader.read(65536):
            protocol.receive_data(data)
            for event in protocol.events_received():
                if event.opcode in {Opcode.TEXT, Opcode.BINARY}:
                    (protocol.send_text if event.opcode is Opcode.TEXT else protocol.send_binary)(event.data)
                elif event.opcode is Opcode.CLOSE:
                    self.ended.append(protocol.close_rcvd)
            for piece in protocol.data_to_send():
                if not piece:
                    return
                writer.write(piece)


def ask(wire, origin, **timeouts):
    return wire.ask(origin, method=b"GET", body=b"", **timeouts)


async def open_socket(wire, client, origin):
    begun = []
    socket = await client.switch(ask(wire, origin), on_begin=begun.append)
    assert isinstance(socket, WebSocket)
    assert begun == [wire.clock.now()]
    return socket


async def test_messages_go_both_ways(wire):
    """Texts and bytes, the empty and the large; then a farewell that is returned."""
    server = Echo()
    socket = await open_socket(wire, wire.client(), await wire.serve(server))
    for message in (Message(b"hello"), Message(b"\x00\xff", is_text=False), Message(b""), Message("é".encode() * 40_000)):
        socket.write(message)
        await socket.drain()
        assert await socket.read() == message
    socket.close(1000, "done")
    assert await socket.read() is None
    await wire.until(lambda: socket.is_gone)
    assert (server.ended[0].code, server.ended[0].reason) == (1000, "done")
    [head] = server.heads
    assert b"sec-websocket-version: 13\r\n" in head
    assert b"sec-websocket-extensions" not in head
    assert head.startswith(b"GET /v1/chat HTTP/1.1\r\n")


async def test_what_comes_with_the_answer_is_heard(wire):
    """A provider speaks first, in the segment of its 101."""
    socket = await open_socket(wire, wire.client(), await wire.serve(Echo(first=frame(b"hello") + frame(b"again")[:3])))
    assert await socket.read() == Message(b"hello")
    socket.cut()
    await wire.until(lambda: socket.is_gone)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_past_a_proxy_it_goes_through_a_tunnel(wire, authority, trusting, identity, scheme):
    """CONNECT, also to a provider without TLS: proxies forward no upgrade."""
    asked = []
    server = Echo()
    origin = await wire.serve(server, tls=identity("provider.test") if scheme == "https" else None, name="provider.test")

    async def proxy(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        there, back = await asyncio.open_connection("127.0.0.1", origin.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(source, sink):
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, back), pump(there, writer))

    through = await wire.serve(proxy)
    proxies = Proxies.from_env({f"{scheme}_proxy": f"http://127.0.0.1:{through.port}"})
    socket = await open_socket(wire, wire.client(proxies=proxies, tls=trusting), origin)
    socket.write(Message(b"hello"))
    assert await socket.read() == Message(b"hello")
    assert asked == [b"CONNECT provider.test:%d HTTP/1.1" % origin.port]
    socket.close(1000)
    await wire.until(lambda: socket.is_gone)


async def test_a_refusal_is_a_reply_to_read(wire):
    """With its body, on a connection that is kept; nothing is upgraded."""

    async def refuse(reader, writer):
        await shake(reader, writer, answer=b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}")
        await reader.read()

    client = wire.client()
    answer = await client.switch(ask(wire, await wire.serve(refuse)), on_begin=lambda now: None)
    assert isinstance(answer, Exchange)
    assert (answer.status, await answer.read_all(100)) == (401, b"{}")


GARBLED = {
    "another key's": b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n",
    "none": b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 x\r\nupgrade: h2c\r\nconnection: upgrade\r\nsec-websocket-accept: ACCEPT\r\n\r\n",
    "an extension": (
        b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ACCEPT\r\n"
        b"sec-websocket-extensions: permessage-deflate\r\n\r\n"
    ),
    "a subprotocol": (
        b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ACCEPT\r\nsec-websocket-protocol: x\r\n\r\n"
    ),
    "no HTTP": b"hello\r\n\r\n",
    "an end": b"",
}


@pytest.mark.parametrize("case", GARBLED)
async def test_an_answer_that_is_none_is_refused(wire, case):
    """UpstreamLost, and the connection is cut."""

    async def answer(reader, writer):
        if GARBLED[case]:
            await shake(reader, writer, answer=GARBLED[case])
            await reader.read()
        else:
            await reader.readuntil(b"\r\n\r\n")

    with pytest.raises(UpstreamLost) as caught:
        await wire.client().switch(ask(wire, await wire.serve(answer)), on_begin=lambda now: None)
    assert not isinstance(caught.value, NotSent | StaleConnection)


async def test_a_provider_that_does_not_answer_in_time(wire):
    """The first byte's timeout holds for the handshake."""

    async def silent(reader, writer):
        await reader.read()

    origin = await wire.serve(silent)
    asking = asyncio.create_task(wire.client().switch(ask(wire, origin, first_byte_s=3.0), on_begin=lambda now: None))
    await wire.until(lambda: wire.connections == 1)
    await wire.settle()
    wire.pass_time(3.5)
    with pytest.raises(UpstreamTimeout):
        await asking


async def test_a_cancelled_handshake_leaves_nothing(wire):
    """The connection is cut."""

    async def silent(reader, writer):
        await reader.read()

    asking = asyncio.create_task(wire.client().switch(ask(wire, await wire.serve(silent)), on_begin=lambda now: None))
    await wire.until(lambda: wire.connections == 1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await wire.settle()
    assert not wire.deadlines


async def test_a_slow_reader_pauses_the_socket(wire):
    """At most so much is held unread; all of it arrives when it is wanted."""
    sent = 0

    async def flood(reader, writer):
        nonlocal sent
        await shake(reader, writer)
        payload = b"\x82\x7e\xff\xff" + bytes(65535)
        for _ in range(400):
            writer.write(payload)
            await writer.drain()
            sent += 1
        await reader.read()

    socket = await open_socket(wire, wire.client(), await wire.serve(flood))
    before = -1
    while before != sent:
        before = sent
        await wire.settle()
    assert socket._inbox.unread_bytes < 1024 * 1024
    assert sent < 400
    for _ in range(400):
        assert len((await socket.read()).data) == 65535
    socket.cut()
    await wire.until(lambda: socket.is_gone)


async def test_a_peer_that_takes_nothing_is_cut(wire):
    """When nothing of what waits has left within a minute."""

    async def deaf(reader, writer):
        await shake(reader, writer)
        writer.transport.pause_reading()
        await asyncio.get_running_loop().create_future()

    socket = await open_socket(wire, wire.client(), await wire.serve(deaf))
    while not socket._is_write_paused:
        socket.write(Message(bytes(1 << 20), is_text=False))
    waiting = asyncio.create_task(socket.drain())
    wire.pass_time(59)
    assert socket.ended is None
    wire.pass_time(61)
    await waiting
    assert socket.ended.code == 1006


async def test_a_peer_that_is_slow_is_waited_for(wire):
    """Whoever writes waits while too much is unsent, for as long as some of it leaves, and then goes on; all of it arrives."""
    heard, hears = 0, asyncio.Event()

    async def slow(reader, writer):
        nonlocal heard
        await shake(reader, writer)
        await hears.wait()
        protocol = ServerProtocol(state=State.OPEN, max_size=None)
        while data := await reader.read(1 << 20):
            protocol.receive_data(data)
            heard += sum(len(event.data) for event in protocol.events_received() if event.opcode is Opcode.BINARY)

    socket = await open_socket(wire, wire.client(), await wire.serve(slow))
    written = 0
    while not socket._is_write_paused:
        socket.write(Message(bytes(1 << 20), is_text=False))
        written += 1
    waiting = [asyncio.create_task(socket.drain()) for _ in range(2)]
    await wire.settle()
    assert not any(task.done() for task in waiting)
    wire.pass_time(59)
    hears.set()
    await asyncio.gather(*waiting)
    wire.pass_time(2)  # the minute in which nothing might have left is over, and something has
    assert socket.ended is None
    socket.write(Message(b"last", is_text=False))
    await wire.until(lambda: heard == (written << 20) + len(b"last"))
    socket.cut()
    await wire.until(lambda: socket.is_gone)


async def test_a_socket_is_cut_whatever_waits_in_it(wire):
    """What the kernel does not take is dropped, so that a gateway ends though a peer takes nothing; twice is once."""

    async def deaf(reader, writer):
        await shake(reader, writer)
        writer.transport.pause_reading()
        await asyncio.get_running_loop().create_future()

    socket = await open_socket(wire, wire.client(), await wire.serve(deaf))
    while not socket._is_write_paused:
        socket.write(Message(bytes(1 << 20), is_text=False))
    socket.cut()
    await wire.until(lambda: socket.is_gone)
    socket.write(Message(b"too late"))
    socket.cut()
    assert (socket.ended.code, socket.ended.is_ours) == (1001, True)


async def test_a_farewell_may_have_no_code(wire):
    """1005 says that there was none, and stands in no frame."""
    server = Echo()
    socket = await open_socket(wire, wire.client(), await wire.serve(server))
    socket.close(1005)
    assert await socket.read() is None
    await wire.until(lambda: socket.is_gone)
    assert server.ended[0].code == 1005


async def test_the_client_closes_its_sockets(wire):
    """With a farewell."""
    server = Echo()
    client = wire.client()
    socket = await open_socket(wire, client, await wire.serve(server))
    await client.aclose()
    assert await socket.read() is None
    await wire.until(lambda: server.ended)
    assert server.ended[0].code == 1001


async def test_a_socket_that_died_in_the_handshake(wire):
    """101, a farewell and the end in one segment: what was said is still read."""

    async def hasty(reader, writer):
        await shake(reader, writer, first=frame(b"bye") + b"\x88\x02\x03\xe8")
        writer.close()

    socket = await open_socket(wire, wire.client(), await wire.serve(hasty))
    assert await socket.read() == Message(b"bye")
    assert await socket.read() is None
    assert socket.ended.code == 1000
    await wire.until(lambda: socket.is_gone)


def test_what_may_stand_in_a_close_frame():
    """Codes of the standard and private ones; a reason is cut between two letters."""
    assert [code for code in (999, 1000, 1004, 1005, 1006, 1011, 1015, 2999, 3000, 4999, 5000) if is_sendable(code)] == [
        1000,
        1011,
        3000,
        4999,
    ]
    assert shortened("é" * 100) == "é" * 61


def test_nothing_that_was_said_is_shown():
    """Not in a repr."""
    assert "secret" not in repr(Message(b"secret"))


async def test_a_socket_that_is_gone_is_freed_at_once(wire):
    """Without the cycle collector, which looks seldom."""

    def sockets():
        return sum(isinstance(each, WebSocket) for each in gc.get_objects())

    client, origin = wire.client(), await wire.serve(Echo())
    gc.collect()
    gc.disable()
    try:
        before = sockets()
        socket = await open_socket(wire, client, origin)
        socket.close(1000)
        while not socket.is_gone:
            await wire.settle()
        del socket
        await wire.settle()
        assert sockets() == before
    finally:
        gc.enable()
