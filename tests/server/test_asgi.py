"""Starlette behind the bridge, on a real socket."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.in_turn import in_turn

from omnillm.errors import OmniError
from omnillm.server.asgi import AsgiBridge, render_fields


@pytest.fixture
def open_house(house, scripted):
    async def start(*routes, **options):
        await house.open(scripted(AsgiBridge(Starlette(routes=routes), **options).respond))
        return house

    return start


async def ask(house, line=b"GET /", fields=b"", body=b""):
    framing = b"content-length: %d\r\n" % len(body) if body else b""
    client = await house.dial(line + b" HTTP/1.1\r\nhost: x\r\n" + fields + framing + b"\r\n" + body)
    return await client.reply("HEAD" if line.startswith(b"HEAD") else "GET")


async def test_a_request_becomes_a_scope(open_house):
    """Path, query, headers, peer and body arrive; what the operator configured stands beside them."""

    async def tell(request: Request):
        scope = request.scope
        return JSONResponse({
            "method": request.method,
            "path": scope["path"],
            "raw_path": scope["raw_path"].decode(),
            "query": dict(request.query_params),
            "header": request.headers["x-one"],
            "host": request.client.host,
            "scheme": request.url.scheme,
            "version": scope["http_version"],
            "body": await request.json(),
        })  # fmt: skip

    house = await open_house(Route("/a/{rest:path}", tell, methods=["POST"]), scheme="https")
    status, fields, body = await ask(house, b"POST /a/b%20c?d=%20e", b"X-One: 1\r\n", b'{"f": 1}')
    assert (status, fields[b"content-type"]) == (200, b"application/json")
    assert body == (
        b'{"method":"POST","path":"/a/b c","raw_path":"/a/b%20c","query":{"d":" e"},"header":"1","host":"127.0.0.1",'
        b'"scheme":"https","version":"1.1","body":{"f":1}}'
    )


async def test_a_reply_has_one_length_and_keeps_its_fields(open_house):
    """What the front writes is not written twice."""

    async def tell(request):
        return PlainTextResponse("hello", 201, headers={"x-two": "2", "connection": "close", "date": "never"})

    house = await open_house(Route("/", tell))
    client = await house.dial(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    raw = await client.reader.readuntil(b"hello")
    assert raw.count(b"content-length: 5\r\n") == 1
    assert raw.count(b"date: ") == 1
    assert b"connection" not in raw
    assert b"x-two: 2\r\n" in raw
    assert raw.startswith(b"HTTP/1.1 201 Created\r\n")


async def test_head_and_empty_replies(open_house):
    """HEAD has GET's head; 204 has no body."""

    async def tell(request):
        return PlainTextResponse("hello") if request.url.path == "/" else Response(status_code=204)

    house = await open_house(Route("/", tell), Route("/none", tell))
    status, fields, body = await ask(house, b"HEAD /")
    assert (status, fields[b"content-length"], body) == (200, b"5", b"")
    assert (await ask(house, b"GET /none"))[::2] == (204, b"")


async def test_unknown_paths_are_answered_by_the_app(open_house):
    """The bridge has no opinion."""
    house = await open_house()
    assert (await ask(house, b"GET /nowhere"))[0] == 404


async def test_a_stream_is_relayed_piece_by_piece(open_house):
    """The second piece is made only after the first was read."""
    go = asyncio.Event()

    async def tell(request):
        async def pieces():
            yield b"one"
            await go.wait()
            yield b""
            yield b"two"

        return StreamingResponse(pieces(), media_type="text/event-stream")

    house = await open_house(Route("/", tell))
    client = await house.dial(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    raw = await client.reader.readuntil(b"3\r\none\r\n")
    assert b"transfer-encoding: chunked\r\n" in raw
    go.set()
    assert await client.reader.readuntil(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"


async def test_a_client_that_leaves_a_stream_ends_it(open_house):
    """The app is cancelled, its cleanup runs."""
    ended = []

    async def tell(request):
        async def pieces():
            try:
                while True:
                    yield b"x"
                    await asyncio.sleep(0)
            finally:
                ended.append(True)

        return StreamingResponse(pieces())

    house = await open_house(Route("/", tell))
    client = await house.dial(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await client.reader.readuntil(b"x")
    client.reset()
    await house.until(lambda: ended)


async def test_an_app_that_asks_is_told_of_the_end(open_house):
    """Not before: `is_disconnected` is False while the client is there; after the reply comes the disconnect."""
    heard = []

    async def app(scope, receive, send):
        request = Request(scope, receive)
        await request.body()
        heard.append(await request.is_disconnected())
        await PlainTextResponse("hello")(scope, receive, send)
        heard.append((await receive())["type"])

    house = await open_house()
    house.app._answer = AsgiBridge(app).respond
    assert (await ask(house))[2] == b"hello"
    await house.until(lambda: len(heard) == 2)
    assert heard == [False, "http.disconnect"]


async def test_a_background_task_runs_behind_the_reply(open_house):
    """The client does not wait for it."""
    go, done = asyncio.Event(), []

    async def later():
        await go.wait()
        done.append(True)

    async def tell(request):
        return PlainTextResponse("hello", background=BackgroundTask(later))

    house = await open_house(Route("/", tell))
    assert (await ask(house))[2] == b"hello"
    go.set()
    await house.until(lambda: done)


async def test_an_error_of_the_app_is_a_500(open_house, caplog):
    """Starlette answers, the front logs."""

    async def tell(request):
        raise ValueError(request.headers["host"] * 5)

    house = await open_house(Route("/", tell))
    assert (await ask(house))[0] == 500
    await house.until(lambda: "ValueError" in caplog.text)
    assert "xxxxx" not in caplog.text


async def test_an_app_that_forgets_its_reply_is_a_500(open_house):
    """Nobody waits for ever."""

    async def app(scope, receive, send):
        pass

    house = await open_house()
    house.app._answer = AsgiBridge(app).respond
    assert (await ask(house))[0] == 500


@in_turn("field", [(b"a", b"b\r\nset-cookie: c"), (b"a", b"b\nc: d"), (b"a\r\nb", b"c"), (b"a", b"b\rc"), (b"a", b"b\0")])
def test_a_line_break_in_a_field_is_an_error(field):
    """It would be a second field, or a second reply."""
    with pytest.raises(OmniError):
        render_fields([(b"x", b"y"), field])


async def test_host_has_no_say_in_the_path(open_house):
    """`Host: a/?x=` is refused, and the scope's path never comes from a header."""

    async def tell(request):
        return PlainTextResponse(request.scope["path"])

    house = await open_house(Route("/admin", tell), Route("/public", tell))
    client = await house.dial(b"GET /public HTTP/1.1\r\nhost: x/admin?\r\n\r\n")
    assert (await client.reply())[0] == 400
    assert (await ask(house, b"GET /public", b"x-forwarded-host: y\r\nx-original-url: /admin\r\n"))[2] == b"/public"
