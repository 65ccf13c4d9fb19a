"""Requests and replies as they are meant to be."""

import asyncio
import socket

import h11
import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, Unauthenticated
from omnillm.server.front.head_reader import peer_of

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /v1/chat HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"POST /v1/chat HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\nx: y\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def test_a_request_reaches_the_application_as_it_was_meant(house):
    """Names are lower-cased, repeated fields joined, surrounding spaces dropped, the path is decoded once."""
    app = await house.open()
    client = await house.dial(
        b"POST /a%2Fb%2541?q=%41&r HTTP/1.1\r\nHost: example.com:80\r\nX-One: 1 \t\r\nx-one:2\r\nEmpty:\r\nContent-Length: 2 \r\n\r\n{}"
    )
    assert (await client.reply())[0] == 200
    (request,) = app.asked
    assert (request.method, request.target, request.path, request.query) == ("POST", b"/a%2Fb%2541?q=%41&r", "/a/b%41", "q=%41&r")
    assert request.headers == {b"host": b"example.com:80", b"x-one": b"1, 2", b"empty": b""}
    assert request.length == 2
    assert (request.body, request.http_minor, request.context) == (b"{}", 1, "context")
    assert request.peer == f"127.0.0.1:{client.writer.get_extra_info('sockname')[1]}"


async def test_a_client_without_an_address_has_no_name():
    """One that has gone before it was looked at, as a Unix socket."""
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=ours)
    assert peer_of(transport) == ""
    transport.abort()
    theirs.close()


async def test_a_reply_is_one_head_and_one_body_with_our_fields(house):
    """Length and date are written by the front."""
    await house.open()
    reply = await (await house.dial(POST)).reply()
    date = b"Thu, 09 Oct 2025 08:53:20 GMT"
    assert reply == (200, {b"date": date, b"content-type": b"text/plain", b"content-length": b"2"}, b"ok")


async def test_the_date_moves_once_a_second(house):
    """It is written anew by the sweep, not by a request."""
    await house.open()
    client = await house.dial(GET)
    await client.reply()
    house.pass_time(1)
    client.send(GET)
    assert (await client.reply())[1][b"date"] == b"Thu, 09 Oct 2025 08:53:21 GMT"


async def test_requests_follow_one_another_on_a_connection(house):
    """Keep-alive is the rule of HTTP/1.1, whatever kind of body came before."""
    app = await house.open()
    client = await house.dial()
    for data in (POST, GET, CHUNKED, GET, POST, CHUNKED):
        client.send(data)
        assert (await client.reply())[0] == 200
    assert [request.body for request in app.asked] == [b"hello", b"", b"hello", b"", b"hello", b"hello"]
    assert house.front.open_connections == 1


@in_turn("data", [GET, POST, CHUNKED], ids=["GET", "sized", "chunked"])
async def test_a_request_may_come_in_any_two_pieces(house, data):
    """Split at every byte."""
    app = await house.open()
    client = await house.dial()
    client.writer.transport.set_write_buffer_limits(0)
    connections = house.front._crowd.connections
    for at in range(1, len(data)):
        client.send(data[:at])
        for _ in range(3):
            await asyncio.sleep(0)
        client.send(data[at:])
        assert (await client.reply())[0] == 200
    assert {request.body for request in app.asked} == {b"" if data is GET else b"hello"}
    assert len(connections) == 1


async def test_a_request_may_come_byte_by_byte(house):
    """The same bytes, one at a time."""
    app = await house.open()
    client = await house.dial()
    for at in range(len(CHUNKED)):
        client.send(CHUNKED[at : at + 1])
        await asyncio.sleep(0)
    assert (await client.reply())[0] == 200
    assert app.asked[0].body == b"hello"


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(house, scripted):
    """The second is not begun before the first has been answered."""
    running = []

    async def answer(request, reply):
        running.append(request.path)
        assert len(running) == 1
        await asyncio.sleep(0)
        running.remove(request.path)
        reply.send(200, b"", request.path.encode() + request.body)

    await house.open(scripted(answer))
    bodies = await house.say(
        b"".join(b"POST /%d HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n%d" % (n, n) for n in range(9)) + CHUNKED + LAST
    )
    assert [line for line in bodies.split(b"\r\n") if line.startswith(b"/")] == [
        *[b"/%d%dHTTP/1.1 200 OK" % (n, n) for n in range(9)],
        b"/v1/chathelloHTTP/1.1 200 OK",
        b"/last",
    ]


async def test_pipelined_input_behind_a_running_call_is_bounded(house, scripted):
    """Up to the limit it is kept; then the connection is cut and the call cancelled."""
    app = await house.open(scripted(lambda request, reply: asyncio.Event().wait()))
    client = await house.dial(POST)
    await house.until(lambda: app.asked)
    client.send(b"x" * 64 * 1024)
    await house.until(lambda: len(next(iter(house.front._crowd.connections))._heads.input) == 64 * 1024)
    assert app.cancelled == 0
    client.send(b"x")
    assert await client.rest() == b""
    await house.until(lambda: app.cancelled == 1)


@in_turn(
    ("line", "field", "is_kept"),
    [
        (b"GET / HTTP/1.1", b"", True),
        (b"GET / HTTP/1.1", b"connection: keep-alive\r\n", True),
        (b"GET / HTTP/1.1", b"Connection: Keep-Alive, TE\r\n", True),
        (b"GET / HTTP/1.1", b"connection: close\r\n", False),
        (b"GET / HTTP/1.1", b"Connection: TE, Close\r\n", False),
        (b"GET / HTTP/1.1", b"connection: keep-alive\r\nconnection: close\r\n", False),
        (b"GET / HTTP/1.0", b"", False),
        (b"GET / HTTP/1.0", b"connection: close\r\n", False),
        (b"GET / HTTP/1.0", b"connection: Keep-Alive\r\n", True),
    ],
)
async def test_the_client_says_whether_the_connection_is_kept(house, line, field, is_kept):
    """And is told what becomes of it."""
    await house.open()
    client = await house.dial(line + b"\r\nhost: x\r\n" + field + b"\r\n")
    status, fields, body = await client.reply()
    assert (status, body) == (200, b"ok")
    if is_kept:
        assert fields.get(b"connection") == (b"keep-alive" if b"1.0" in line else None)
        client.send(line + b"\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await client.rest()).endswith(b"ok")
    else:
        assert fields[b"connection"] == b"close"
        assert await client.rest() == b""


async def test_http_1_0_needs_no_host(house):
    """It had none."""
    await house.open()
    assert (await house.say(b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")


async def stream(request, reply):
    reply.start(200, b"content-type: text/event-stream\r\n")
    for piece in (b"one", b"", b"two"):
        reply.write(piece)
        await reply.drain()
    reply.end()


async def test_a_stream_is_chunked_and_the_connection_kept(house, scripted):
    """Its head leaves with the first piece, one write a piece."""
    await house.open(scripted(stream))
    client = await house.dial(GET)
    assert (await client.reply())[2] == b"onetwo"
    client.send(LAST)
    raw = await client.rest()
    assert raw.endswith(
        b"connection: close\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    )


@in_turn(
    ("ask", "body"),
    [(LAST, b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), (b"GET / HTTP/1.0\r\n\r\n", b"onetwo"), (LAST.replace(b"GET", b"HEAD"), b"")],
    ids=["1.1", "1.0", "HEAD"],
)
async def test_the_last_piece_of_a_stream_may_come_with_its_end(house, scripted, ask, body):
    """However the stream is framed, it is the same as if the piece had come before."""

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"one")
        reply.end(b"two")

    await house.open(scripted(answer))
    assert (await house.say(ask)).partition(b"\r\n\r\n")[2] == body


async def test_a_stream_to_http_1_0_ends_with_the_connection(house, scripted):
    """There are no chunks in HTTP/1.0, even if it asks for keep-alive."""
    await house.open(scripted(stream))
    raw = await house.say(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    assert body == b"onetwo"
    assert b"connection: close" in head
    assert b"transfer-encoding" not in head


async def test_a_stream_to_http_1_0_that_breaks_off_does_not_end(house, scripted):
    """nginx asks so unless told otherwise, and takes the end of the connection for that of the reply: it is reset instead."""

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"one")
        await reply.drain()
        reply.abort()

    await house.open(scripted(answer))
    for ask, error in ((b"GET / HTTP/1.0\r\n\r\n", ConnectionResetError), (GET, h11.RemoteProtocolError)):
        client = await house.dial(ask)
        with pytest.raises(error):
            await client.reply()


async def test_a_stream_to_http_1_0_may_break_off_behind_its_client(house, scripted):
    """Its socket is gone by then, and there is nobody to be told anything."""
    gone = asyncio.Event()

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"one")
        try:
            await gone.wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            reply.abort()

    app = await house.open(scripted(answer))
    client = await house.dial(b"GET / HTTP/1.0\r\n\r\n")
    await client.reader.readuntil(b"one")
    client.writer.transport.abort()
    await house.until(lambda: not house.front._crowd.ending and not house.front.open_connections)
    assert app.cancelled == 1


async def test_an_empty_stream_is_a_reply(house, scripted):
    """Its head leaves with its end."""

    async def answer(request, reply):
        reply.start(200, b"")
        reply.end()

    await house.open(scripted(answer))
    assert (await (await house.dial(GET)).reply())[::2] == (200, b"")


@in_turn("answer", [None, stream], ids=["whole", "stream"])
async def test_head_gets_no_body(house, scripted, answer):
    """But the head that GET would get, as far as it is known; the connection stays usable."""
    await house.open(scripted(answer))
    client = await house.dial(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
    status, fields, body = await client.reply("HEAD")
    assert (status, body) == (200, b"")
    assert fields.get(b"content-length") == (None if answer else b"2")
    client.send(LAST)
    assert (await client.rest()).endswith(b"0\r\n\r\n" if answer else b"ok")


@in_turn("status", [204, 304])
async def test_a_status_without_body_has_none(house, scripted, status):
    """Neither bytes nor a length."""

    async def answer(request, reply):
        reply.send(status, b"", b"nothing to see")

    await house.open(scripted(answer))
    client = await house.dial(GET + LAST)
    raw = await client.rest()
    assert raw.count(b"HTTP/1.1 %d " % status) == 2
    assert b"content-length" not in raw
    assert b"nothing" not in raw


async def test_a_large_reply_comes_whole(house, scripted):
    """Above the size that is copied into one piece."""

    async def answer(request, reply):
        reply.send(200, b"", b"x" * 3_000_000)

    await house.open(scripted(answer))
    assert len((await (await house.dial(GET)).reply())[2]) == 3_000_000


async def test_every_status_of_a_provider_has_a_line(house, scripted):
    """Also those that no registry knows."""

    async def answer(request, reply):
        reply.send(529, b"", b"overloaded")

    await house.open(scripted(answer))
    assert (await (await house.dial(GET)).reply())[::2] == (529, b"overloaded")


async def test_continue_is_said_only_after_the_application_has_accepted(house):
    """A client that asks first gets its go-ahead, then its reply."""
    app = await house.open()
    client = await house.dial(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-Continue\r\ncontent-length: 5\r\n\r\n")
    assert await client.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert app.opened
    assert not app.asked
    client.send(b"hello")
    assert (await client.reply())[0] == 200
    assert app.asked[0].body == b"hello"


async def test_a_refusing_application_is_heard_before_the_body_is_sent(house, scripted):
    """No go-ahead, and the connection ends."""

    def refuse(request):
        raise Unauthenticated("who?")

    app = await house.open(scripted(accept=refuse))
    raw = await house.say(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"connection: close\r\n" in raw
    assert raw.endswith(b"invalid_api_key: who?")
    assert app.faults[0][0].path == "/"


async def test_a_refusal_reaches_a_client_that_is_still_sending(house, scripted):
    """Its body is read and dropped for a while, so that no reset overtakes the answer."""

    def refuse(request):
        raise Unauthenticated("who?")

    await house.open(scripted(accept=refuse))
    client = await house.dial(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 30000000\r\n\r\n")
    for _ in range(30):
        client.send(b"x" * 1_000_000)
    await client.writer.drain()
    assert (await client.reply())[0] == 401
    assert house.front.held_bytes == 0


async def test_other_expectations_fail(house):
    """417."""
    await house.open()
    assert (await house.say(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: the-worst\r\ncontent-length: 5\r\n\r\n")).startswith(b"HTTP/1.1 417 ")


async def test_an_offer_of_http_2_is_ignored(house):
    """A stock JDK client makes it with every request, with and without a body."""
    app = await house.open()
    client = await house.dial()
    offer = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    for data in (GET, POST, CHUNKED):
        client.send(data.replace(b"host: x\r\n", b"host: x\r\n" + offer))
        assert (await client.reply())[0] == 200
    assert [request.body for request in app.asked] == [b"", b"hello", b"hello"]


async def test_a_websocket_is_refused_after_the_application_was_asked(house):
    """501, told in the protocol of the path."""
    app = await house.open()
    raw = await house.say(b"GET /v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 501 Not Implemented\r\n")
    assert [request.path for request in app.opened] == ["/v1/realtime"]


@in_turn(
    ("line", "path", "query"),
    [
        (b"GET http://example.com/a/b?c=d HTTP/1.1", "/a/b", "c=d"),
        (b"GET HTTPS://example.com:443?c HTTP/1.1", "/", "c"),
        (b"GET http://example.com HTTP/1.1", "/", ""),
        (b"OPTIONS * HTTP/1.1", "*", ""),
        (b"OPTIONS /a HTTP/1.1", "/a", ""),
        (b"GET /a/../b//c?d?e HTTP/1.1", "/a/../b//c", "d?e"),
        (b"GET /v1/models/%C3%A9%20x HTTP/1.1", "/v1/models/é x", ""),
    ],
)
async def test_forms_of_the_target(house, line, path, query):
    """Only the path and the query of it count; nothing is normalised."""
    app = await house.open()
    assert (await (await house.dial(line + b"\r\nhost: x\r\n\r\n")).reply())[0] == 200
    assert (app.asked[0].path, app.asked[0].query) == (path, query)


async def test_an_empty_line_before_a_request_is_forgiven(house):
    """Old clients send one behind a body; in any pieces."""
    app = await house.open()
    client = await house.dial(POST)
    await client.reply()
    for data in (b"\r\n" + GET, b"\r", b"\n" + GET, b"\r\n", GET):
        client.send(data)
        if GET in data:
            assert (await client.reply())[0] == 200
        else:
            await asyncio.sleep(0)
    assert len(app.asked) == 4


async def test_a_fault_of_the_caller_is_told_and_the_connection_kept(house, scripted):
    """The request had been read to its end."""

    async def answer(request, reply):
        raise BadRequest("no such thing", code="nope")

    await house.open(scripted(answer))
    client = await house.dial(POST)
    for _ in range(2):
        assert (await client.reply())[::2] == (400, b"nope: no such thing")
        client.send(POST)


async def test_an_unforeseen_failure_is_a_500_and_logged_without_its_message(house, scripted, caplog):
    """A message may quote the request; type and place do not."""

    async def answer(request, reply):
        raise KeyError(request.body)

    await house.open(scripted(answer))
    assert (await (await house.dial(POST)).reply())[::2] == (500, b"internal_error: The gateway failed to answer.")
    assert "KeyError" in caplog.text
    assert "in answer" in caplog.text
    assert "hello" not in caplog.text


@pytest.mark.parametrize("when", ["open", "respond"])
async def test_who_finds_no_memory_left_is_told_to_come_again(house, scripted, caplog, when):
    """503, in one line of the log, and the next one is served."""

    def accept(request):
        if when == "open" and request.method == "POST":
            raise MemoryError

    async def answer(request, reply):
        if request.method == "POST":
            raise MemoryError
        reply.send(200, b"", b"ok")

    await house.open(scripted(answer, accept))
    status, fields, body = await (await house.dial(POST)).reply()
    assert (status, fields[b"retry-after"], body) == (503, b"1", b"overloaded: The gateway has no memory left for this call.")
    assert [record.getMessage() for record in caplog.records] == ["A request was refused: no memory is left for it"]
    assert (await (await house.dial(GET)).reply())[0] == 200


async def test_a_forgotten_reply_is_a_500(house, scripted):
    """Also when it was started and no byte has left."""

    async def answer(request, reply):
        if request.method == "GET":
            reply.start(200, b"")

    await house.open(scripted(answer))
    client = await house.dial(POST)
    assert (await client.reply())[0] == 500
    client.send(GET)
    assert (await client.reply())[0] == 500


@in_turn("failure", [None, BadRequest("late"), ValueError("late")], ids=["forgotten", "told", "unforeseen"])
async def test_a_stream_that_cannot_end_is_cut(house, scripted, failure):
    """Never a last chunk that the reply does not deserve."""

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"half")
        if failure:
            raise failure

    await house.open(scripted(answer))
    raw = await house.say(GET)
    assert not raw.endswith(b"0\r\n\r\n")
    await house.until(lambda: not house.front.open_connections)


async def test_an_aborted_reply_cuts_the_connection_and_not_its_task(house, scripted):
    """The application goes on to clean up."""
    done = []

    async def answer(request, reply):
        reply.start(200, b"")
        reply.write(b"half")
        reply.abort()
        done.append(request)

    app = await house.open(scripted(answer))
    assert b"0\r\n\r\n" not in await house.say(GET)
    assert done
    assert app.cancelled == 0


@in_turn(
    "misuse",
    [
        lambda reply: reply.write(b"x"),
        lambda reply: reply.end(),
        lambda reply: (reply.send(200, b"", b""), reply.send(200, b"", b"")),
        lambda reply: (reply.send(200, b"", b""), reply.start(200, b"")),
        lambda reply: (reply.start(200, b""), reply.end(), reply.write(b"x")),
        lambda reply: (reply.start(200, b""), reply.end(), reply.end()),
    ],
)
async def test_a_reply_out_of_order_is_an_error_of_the_program(house, scripted, misuse):
    """Nothing of it reaches the client but one whole reply."""
    raised = []

    async def answer(request, reply):
        with pytest.raises(RuntimeError) as caught:
            misuse(reply)
        raised.append(caught)

    await house.open(scripted(answer))
    assert (await house.say(LAST)).count(b"HTTP/1.1") == 1
    assert raised


async def test_an_open_that_fails_unforeseen_cuts_its_connection_only(house, scripted):
    """The loop reports it; nothing is left behind, others are served."""
    reports = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context["exception"]))

    def fail(request):
        if request.path == "/bad":
            raise ZeroDivisionError

    await house.open(scripted(accept=fail))
    assert await house.say(b"GET /bad HTTP/1.1\r\nhost: x\r\n\r\n") == b""
    assert [type(report) for report in reports] == [ZeroDivisionError]
    assert (await (await house.dial(GET)).reply())[0] == 200
