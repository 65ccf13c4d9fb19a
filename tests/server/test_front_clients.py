"""Other people's clients, and bytes that are nobody's."""

import asyncio
import shutil
import socket
import subprocess

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.in_turn import in_turn

curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def url_of(house):
    host, port = house.address
    return f"http://{host}:{port}/"


async def run_curl(house, *arguments):
    """What curl prints: the body, then the status and how many connections it made."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "5", "-w", "|%{http_code}|%{num_connects}", *arguments, f"{url_of(house)}v1/chat?a=b",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return (await process.communicate())[0].decode()


async def echo(request, reply):
    if request.headers.get(b"x-stream"):
        reply.start(200, b"")
        for at in range(0, len(request.body), 1000):
            reply.write(request.body[at : at + 1000])
            await reply.drain()
        reply.end()
    else:
        reply.send(200, b"", b"%b %d" % (request.method.encode(), len(request.body)))


@curl
@in_turn(
    ("arguments", "printed"),
    [
        ([], "GET 0|200|1"),
        (["--http1.0"], "GET 0|200|1"),
        (["-d", "hello"], "POST 5|200|1"),
        (["-d", "x" * 5000, "-H", "expect: 100-continue"], "POST 5000|200|1"),
        (["-d", "hello", "-H", "transfer-encoding: chunked"], "POST 5|200|1"),
        (["-d", "hello", "-H", "x-stream: 1"], "hello|200|1"),
        (["-d", "hello", "-H", "x-stream: 1", "--http1.0"], "hello|200|1"),
        (["-d", "hello", "--http2"], "POST 5|200|1"),
        (["-X", "DELETE"], "DELETE 0|200|1"),
        (["-H", "content-length: 1_0"], "bad_request: The head is malformed: Invalid character in Content-Length.|400|1"),
    ],
)
async def test_curl_is_served(house, scripted, arguments, printed):
    """With its own ideas of Expect, Upgrade and chunks."""
    await house.open(scripted(echo))
    assert await run_curl(house, *arguments) == printed


@curl
async def test_curl_keeps_its_connection(house, scripted):
    """Two requests, one connection."""
    await house.open(scripted(echo))
    assert await run_curl(house, url_of(house), "-d", "hello") == "POST 5|200|1POST 5|200|0"


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["POST", "PUT", "GET", "PATCH"]),
        st.lists(st.binary(min_size=1, max_size=3000), max_size=4),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


async def converse(reader, writer, exchanges, seed):
    client = h11.Connection(h11.CLIENT)
    for method, pieces, is_chunked, is_stream in exchanges:
        framing = ("transfer-encoding", "chunked") if is_chunked else ("content-length", str(sum(map(len, pieces))))
        headers = [("Host", "x"), framing] + [("X-Stream", "1")] * is_stream
        events = [h11.Request(method=method, target="/", headers=headers), *[h11.Data(data=piece) for piece in pieces], h11.EndOfMessage()]
        wire = b"".join(client.send(event) for event in events)
        while wire:
            size = seed.randint(1, len(wire))
            writer.write(wire[:size])
            wire = wire[size:]
            await asyncio.sleep(0)
        body = b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                client.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Data):
                body += event.data
        assert body == (b"".join(pieces) if is_stream else b"%b %d" % (method.encode(), sum(map(len, pieces))))
        client.start_next_cycle()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(exchanges=REQUESTS, seed=st.randoms(use_true_random=False))
def test_h11_and_the_front_understand_each_other(stage, scripted, exchanges, seed):
    """Any requests, sized or chunked, written in any pieces, answered sized or chunked."""

    async def scenario(house):
        await house.open(scripted(echo))
        client = await house.dial()
        await converse(client.reader, client.writer, exchanges, seed)

    stage(scenario)


WORDS = st.sampled_from([
    b"GET", b"POST", b" ", b"/", b" / ", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b":", b"host: x\r\n",
    b"content-length: 5\r\n", b"content-length: 0\r\n", b"transfer-encoding: chunked\r\n", b"connection: close\r\n", b"expect: 100-continue\r\n",
    b"upgrade: h2c\r\nconnection: upgrade\r\n", b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n", b"ffffffffffff\r\n", b"a: b\r\n", b" c\r\n", b"%", b"\xff",
    b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello",
])  # fmt: skip
NOISE = st.lists(st.one_of(WORDS, WORDS, WORDS, st.binary(max_size=20)), max_size=12)


async def say_noise(house, pieces):
    """Send it, let all deadlines pass, and return the statuses of what was answered."""
    client = await house.dial()
    await house.until(lambda: house.front.open_connections)
    for piece in pieces:
        client.send(piece)
        await asyncio.sleep(0)
    raw = asyncio.ensure_future(client.rest())
    for _ in range(4):
        for _ in range(10):
            await asyncio.sleep(0)
        house.pass_time(76)
    statuses = [reply[:3] for reply in (await raw).split(b"HTTP/1.1 ")[1:]]
    await house.until(lambda: not house.front.open_connections)
    return statuses


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=NOISE)
def test_any_bytes_are_answered_or_closed(stage, scripted, pieces):
    """Nothing crashes, nothing hangs: when its time is over, every connection has ended, and no failure was unforeseen."""

    async def scenario(house):
        unforeseen = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: unforeseen.append(context))
        await house.open(scripted(echo))
        statuses = await say_noise(house, pieces)
        assert set(statuses) <= {b"100", b"200", b"400", b"408", b"413", b"501", b"505"}
        assert house.front.held_bytes == 0
        assert unforeseen == []

    stage(scenario)


async def test_a_request_from_a_blocking_client_is_served(house):
    """A plain socket in a thread."""
    await house.open()

    def ask():
        with socket.create_connection(house.address) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return b"".join(iter(lambda: sock.recv(4096), b""))

    assert (await asyncio.to_thread(ask)).endswith(b"\r\n\r\nok")
