"""The opening handshake of a WebSocket, good and bad, and whose the connection is afterwards."""

import asyncio
import base64
import gc
import ssl
import sys
from collections import deque

import trustme
from tests.in_turn import in_turn
from tests.journeys.live import KEY, Talk, handshake
from tests.server.conftest import Scripted

from omnillm.errors import Unauthenticated
from omnillm.transport.websocket import Message, WebSocket

OPENAI_OFFER = "realtime, openai-insecure-api-key.sk-browser, openai-beta.realtime-v1"


class Echo(Scripted):
    """Takes WebSocket on /live, and says back what it hears."""

    def __init__(self, check=None):
        super().__init__(accept=self._take)
        self.sockets, self._check, self.ended = [], check, []

    def _take(self, request):
        request.takes_websocket = request.path == "/live"
        if self._check:
            self._check(request)
        return "context"

    async def respond(self, request, reply):
        self.asked.append(request)
        if not request.accept:
            reply.send(200, b"", b"ok")
            return
        socket = reply.switch(b"x-own: 1\r\n")
        self.sockets.append(socket)
        try:
            while (message := await socket.read()) is not None:
                socket.write(message)
                await socket.drain()
        finally:
            self.ended.append(socket.ended)


def opening(fields=None, **more):
    return handshake("/live", fields, **more)


async def open_talk(house, raw=None):
    talk = await Talk.open(house.address[1], opening() if raw is None else raw)
    await talk.answer()
    return talk


@in_turn(
    "fields",
    [
        {},
        {"upgrade": "h2c, WebSocket", "connection": "keep-alive, upgrade"},
        {"sec-websocket-extensions": "permessage-deflate; client_max_window_bits"},
        {"sec-websocket-protocol": "chat, superchat"},
        {"content-length": "0"},
        {"origin": "https://example.com"},
    ],
)
async def test_a_handshake_is_answered(house, fields):
    """101 with what its key proves; no extension is taken, and no protocol that is not spoken."""
    app = await house.open(Echo())
    talk = await open_talk(house, opening(fields))
    assert (talk.status, talk.headers["x-own"], talk.headers["connection"], talk.headers["upgrade"]) == (101, "1", "Upgrade", "websocket")
    assert {"sec-websocket-extensions", "sec-websocket-protocol"}.isdisjoint(talk.headers)
    talk.say({"hello": "you"}, fragments=3)
    assert await talk.event() == {"hello": "you"}
    await talk.close(4000)
    await house.until(lambda: app.ended)
    assert app.ended[0].code == 4000


async def test_the_answer_to_the_example_of_the_standard(house):
    """RFC 6455, section 1.3."""
    await house.open(Echo())
    talk = await open_talk(house, opening({"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}))
    assert talk.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    await talk.close()


async def test_a_browser_says_its_key_among_the_protocols(house):
    """OpenAI's client does; the key is where the application looks for one, and `realtime` is what is answered."""
    app = await house.open(Echo())
    talk = await open_talk(house, opening({"authorization": None, "sec-websocket-protocol": OPENAI_OFFER}))
    assert talk.headers["sec-websocket-protocol"] == "realtime"
    [request] = app.asked
    assert (request.headers[b"authorization"], request.headers[b"openai-beta"]) == (b"Bearer sk-browser", b"realtime=v1")
    await talk.close()


BAD = {
    "no version": ({"sec-websocket-version": None}, 426),
    "an old version": ({"sec-websocket-version": "8"}, 426),
    "two versions": ({"sec-websocket-version": "13, 8"}, 426),
    "no key": ({"sec-websocket-key": None}, 400),
    "an empty key": ({"sec-websocket-key": ""}, 400),
    "a short key": ({"sec-websocket-key": base64.b64encode(bytes(15)).decode()}, 400),
    "a long key": ({"sec-websocket-key": base64.b64encode(bytes(17)).decode()}, 400),
    "no base64": ({"sec-websocket-key": "!" * 24}, 400),
    "two keys": ({"sec-websocket-key": f"{KEY}\r\nsec-websocket-key: {KEY}"}, 400),
    "a body": ({"content-length": "5"}, 400),
    "a chunked body": ({"transfer-encoding": "chunked"}, 400),
    "no host": ({"host": None}, 400),
}


@in_turn("case", BAD)
async def test_a_bad_handshake_gets_an_http_error(house, case):
    """And the connection is closed; the application is not asked to answer."""
    fields, status = BAD[case]
    app = await house.open(Echo())
    raw = await house.say(opening(fields))
    assert raw.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close\r\n" in raw
    assert app.asked == []


@in_turn(
    "fields",
    [{"upgrade": "h2c"}, {"connection": "keep-alive"}, {"upgrade": None}, {"upgrade": "websockets"}],
    ids=["h2c", "none", "no", "odd"],
)
async def test_what_is_no_handshake_is_a_plain_request(house, fields):
    """The offer is free to ignore."""
    app = await house.open(Echo())
    raw = await house.say(opening(fields | {"connection": fields.get("connection", "Upgrade") + ", close"}))
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert app.asked[0].accept == b""


async def test_http_1_0_knows_no_websocket(house):
    """400."""
    await house.open(Echo())
    assert (await house.say(opening().replace(b"HTTP/1.1", b"HTTP/1.0"))).startswith(b"HTTP/1.1 400 ")


async def test_who_may_not_is_told_before_the_handshake_is_looked_at(house):
    """401, also for a bad one."""

    def check(request):
        if b"authorization" not in request.headers:
            raise Unauthenticated("who?")

    await house.open(Echo(check))
    for fields in ({}, {"sec-websocket-version": "1"}):
        assert (await house.say(opening({"authorization": None} | fields))).startswith(b"HTTP/1.1 401 ")


async def test_frames_right_behind_the_handshake_are_heard(house):
    """A client that does not wait for the answer, also within one segment, also split at every byte of its first frame."""
    app = await house.open(Echo())
    frame = b"\x81\x85\x00\x00\x00\x00hello"
    for cut in range(len(frame) + 1):
        app.asked.clear()
        talk = await Talk.open(house.address[1], opening() + frame[:cut])
        await house.until(lambda: app.asked)
        talk.writer.write(frame[cut:])
        assert await talk.answer() == 101
        assert await talk.hear() == (b"hello", True)
        await talk.close()


async def test_a_handshake_behind_another_request(house):
    """On a connection that was kept alive."""
    await house.open(Echo())
    client = await house.dial(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await client.reply())[0] == 200
    talk = Talk(client.reader, client.writer)
    client.send(opening())
    assert await talk.answer() == 101
    talk.say({"a": 1})
    assert await talk.event() == {"a": 1}
    await talk.close()


async def test_pings_are_answered_and_farewells_returned(house):
    """Within the message they interrupt, too."""
    await house.open(Echo())
    talk = await open_talk(house)
    talk.protocol.send_text(b"hal", fin=False)
    talk.protocol.send_ping(b"you?")
    talk.protocol.send_continuation(b"lo", fin=True)
    talk.flush()
    assert await talk.hear() == (b"hallo", True)
    await talk.close(1001)
    assert talk.protocol.close_rcvd.code == 1001


async def test_what_waits_is_counted_with_the_bodies(house):
    """Of all connections together: whoever brings too much is told to try later, and what is gone is counted no more."""
    app = await house.open(Echo(), buffered_bytes=100_000)
    first, second = await open_talk(house), await open_talk(house)
    first.protocol.send_binary(bytes(60_000), fin=False)
    first.flush()
    await house.until(lambda: house.front.held_bytes >= 60_000)
    second.protocol.send_binary(bytes(60_000), fin=False)
    second.flush()
    code, reason, _ = await second.end()
    assert (code, reason) == (1013, "too many messages are being held")
    first.protocol.send_continuation(b"!", fin=True)
    first.flush()
    heard = await first.hear()
    assert heard is not None
    assert len(heard[0]) == 60_001
    assert house.front.held_bytes == 0
    await first.close()
    await house.until(lambda: len(app.ended) == 2)


async def test_a_lost_client_ends_its_task(house):
    """It is cancelled, and what it held is its own to give back."""
    app = await house.open(Echo())
    talk = await open_talk(house)
    talk.reset()
    await house.until(lambda: app.ended)
    assert app.ended[0].code == 1006
    await house.until(lambda: house.front.open_connections == 0)


async def test_a_task_that_ends_closes_its_socket(house):
    """1011: whoever served it did not say why."""

    class Short(Echo):
        async def respond(self, request, reply):
            reply.switch(b"").write(Message(b"bye"))

    await house.open(Short())
    talk = await open_talk(house)
    code, _, messages = await talk.end()
    assert (code, messages) == (1011, [b"bye"])


class Late(Echo):
    """Answers a handshake when it is told to."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()

    async def respond(self, request, reply):
        self.is_asked = True
        await self.gate.wait()
        await super().respond(request, reply)


async def test_a_handshake_that_is_answered_while_draining_is_told_so_at_once(house):
    """Nobody waits for the end of the grace."""
    app = await house.open(Late())
    talk = await Talk.open(house.address[1], opening())
    await house.until(lambda: hasattr(app, "is_asked"))
    draining = asyncio.ensure_future(house.front.drain(60.0))
    await asyncio.sleep(0)
    app.gate.set()
    await talk.answer()
    (code, _, _), _ = await asyncio.gather(talk.end(), draining)
    assert (talk.status, code) == (101, 1001)


async def test_draining_says_that_the_server_goes(house):
    """1001, to a socket whose user has no better idea."""
    await house.open(Echo())
    talk = await open_talk(house)
    draining = house.front.drain(1.0)
    (code, _, _), _ = await asyncio.gather(talk.end(), draining)
    assert code == 1001


async def test_a_peer_that_answers_no_ping_is_cut(house):
    """Two pings' time after its last word."""
    app = await house.open(Echo())
    talk = await open_talk(house)
    talk.writer.transport.pause_reading()
    for _ in range(2):
        house.pass_time(20.5)
    await house.until(lambda: app.ended)
    talk.reset()


async def test_a_peer_that_answers_lives_for_ever(house):
    """Its pongs are enough."""
    app = await house.open(Echo())
    talk = await open_talk(house)
    for turn in range(4):
        house.pass_time(20.5)
        talk.say({"turn": turn})
        assert await talk.event() == {"turn": turn}
    assert not app.ended
    await talk.close()


async def test_a_peer_that_returns_no_farewell_is_not_waited_for(house):
    """Two seconds."""
    app = await house.open(Echo())
    talk = await open_talk(house)
    app.sockets[0].close(1000)
    house.pass_time(2.5)
    await house.until(lambda: house.front.open_connections == 0)
    talk.reset()


async def test_under_tls(house):
    """The same, with a certificate."""
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    app = await house.open(Echo(), tls=server)
    dialled = await house.dial(opening(), ssl=client)
    talk = Talk(dialled.reader, dialled.writer)
    assert await talk.answer() == 101
    talk.say({"a": 1})
    assert await talk.event() == {"a": 1}
    talk.protocol.send_close(1000)
    talk.flush()
    await house.until(lambda: app.ended)
    assert app.ended[0].code == 1000


class Deaf(Echo):
    """Reads nothing."""

    async def respond(self, request, reply):
        self.sockets.append(reply.switch(b""))
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append(self.sockets[-1].ended)


EMPTY, PART, PING = b"\x81\x80\0\0\0\0", b"\x01\x80\0\0\0\0", b"\x89\xfd\0\0\0\0" + bytes(125)


async def test_empty_messages_are_not_for_nothing(house):
    """Each is an object that waits: they count with the bodies, and their sender is told to try later."""
    app = await house.open(Deaf(), buffered_bytes=100_000)
    talk = await open_talk(house)
    talk.writer.write(EMPTY * 5_000)
    assert (await talk.end())[0] == 1013
    talk.reset()
    await house.until(lambda: app.ended)


async def test_a_message_in_many_fragments_costs_what_it_holds(house):
    """Not a list of them, which grows without a byte of data and is added up at each packet."""
    app = await house.open(Echo())
    talk = await open_talk(house)
    talk.writer.write(PART + b"\x00\x80\0\0\0\0" * 20_000)
    talk.writer.write(PING)
    assert (await talk.reader.readexactly(127))[0] == 0x8A
    [socket] = app.sockets
    held = [getattr(socket, name) for name in WebSocket.__slots__]
    assert sum(sys.getsizeof(each) for each in held if isinstance(each, list | deque | bytearray)) < 4096
    talk.writer.write(b"\x80\x82\0\0\0\0{}")
    assert await talk.event() == {}
    await talk.close()


async def test_a_peer_that_pings_and_takes_no_pong_is_lost(house):
    """Its pongs would pile up as fast as it pings, uncounted, until it is found to have stalled."""
    app = await house.open(Deaf())
    talk = await open_talk(house)
    talk.writer.transport.pause_reading()
    most = 0
    while not app.ended:
        talk.writer.write(PING * 100)
        await asyncio.sleep(0)
        for connection in house.front._crowd.connections:
            most = max(most, connection._transport.get_write_buffer_size())
    assert most < 1024 * 1024
    talk.reset()


async def test_a_session_that_ended_is_freed_at_once(house):
    """Without the cycle collector, which looks seldom: its socket has a quarter of a megabyte to read into."""

    def sockets():
        return sum(isinstance(each, WebSocket) for each in gc.get_objects())

    app = await house.open(Echo())
    gc.collect()
    gc.disable()
    try:
        before = sockets()
        talk = await open_talk(house)
        assert sockets() == before + 1
        await talk.close()
        await house.until(lambda: not house.front.open_connections)
        app.sockets.clear()
        await asyncio.sleep(0)
        assert sockets() == before
    finally:
        gc.enable()
