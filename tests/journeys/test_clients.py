"""Other people's clients: curl, h11, wrk, and bytes by hand; and requests that two parsers could read differently."""

import asyncio
import json
import shutil
import ssl
from contextlib import suppress
from pathlib import Path

import h11
import pytest
import trustme
from tests.journeys.running import VIRTUAL_KEY, Running, Serve, configuration

from omnillm.testing import FakeProvider

BODY = json.dumps({"model": "fast", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}).encode()
FIELDS = f"host: x\r\nauthorization: Bearer {VIRTUAL_KEY}\r\n".encode()


@pytest.fixture
async def gateway(serve: Serve, provider: FakeProvider) -> Running:
    return await serve(configuration(provider))


async def talk(gateway: Running, sent: bytes) -> bytes:
    """Everything that is answered until the gateway closes, or is done and the client closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(sent)
    async with asyncio.timeout(10):
        got = await reader.read()
    writer.close()
    return got


async def run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("extra", [[], ["--http1.0"], ["-H", "expect: 100-continue"], ["-H", "transfer-encoding: chunked"]])
async def test_curl(gateway: Running, extra: list[str]) -> None:
    """Sized, chunked, expecting and of the old version."""
    command = ["curl", "-sS", *extra, "-H", f"authorization: Bearer {VIRTUAL_KEY}", "-d", BODY.decode()]
    code, out = await run(*command, f"{gateway.base_url}/v1/chat/completions")
    assert code == 0
    assert json.loads(out)["object"] == "chat.completion"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_head(gateway: Running) -> None:
    """Some clients knock before they speak."""
    code, out = await run("curl", "-sS", "-I", gateway.base_url)
    assert (code, out.splitlines()[0]) == (0, "HTTP/1.1 200 OK")


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
async def test_wrk(gateway: Running, tmp_path) -> None:
    """A second of load, every reply a success, and nothing held afterwards."""
    script = tmp_path / "post.lua"
    lines = ['wrk.method="POST"', f"wrk.body={json.dumps(BODY.decode())}", f'wrk.headers["authorization"]="Bearer {VIRTUAL_KEY}"']
    script.write_text("\n".join(lines))
    code, out = await run("wrk", "-t1", "-c8", "-d1s", "-s", str(script), f"{gateway.base_url}/v1/chat/completions")
    assert code == 0
    assert "Non-2xx" not in out
    async with asyncio.timeout(10):
        while (await gateway.books())[2]:
            await asyncio.sleep(0)


async def test_h11(gateway: Running) -> None:
    """Two requests on one connection, by another implementation of the protocol."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    client = h11.Connection(h11.CLIENT)
    for _ in range(2):
        fields = [("host", "x"), ("authorization", f"Bearer {VIRTUAL_KEY}"), ("content-length", str(len(BODY)))]
        writer.write(client.send(h11.Request(method="POST", target="/v1/chat/completions", headers=fields)))
        writer.write(client.send(h11.Data(data=BODY)) + client.send(h11.EndOfMessage()))
        status, body = 0, b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                client.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
        assert (status, json.loads(body)["object"]) == (200, "chat.completion")
        client.start_next_cycle()
    writer.close()


async def test_an_expecting_client_is_told_to_go_on(gateway: Running) -> None:
    """100 before the body is sent, and before that the credential has been looked at."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = b"POST /v1/chat/completions HTTP/1.1\r\n%bexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
    writer.write(head % (FIELDS, len(BODY)))
    async with asyncio.timeout(10):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(BODY)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()
    refused = await talk(gateway, head % (FIELDS.replace(b"Bearer ", b"Bearer x"), len(BODY)))
    assert refused.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("is_stream", [False, True])
async def test_an_old_client_is_answered_in_its_version(gateway: Running, is_stream: bool) -> None:
    """HTTP/1.0 without a host: no chunks, and the end of the connection is the end of a stream."""
    body = BODY[:-1] + b', "stream": %b}' % (b"true" if is_stream else b"false")
    fields = FIELDS.partition(b"\r\n")[2]
    got = await talk(gateway, b"POST /v1/chat/completions HTTP/1.0\r\n%bcontent-length: %d\r\n\r\n%b" % (fields, len(body), body))
    head, _, answer = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in head
    assert b"chunked" not in head
    assert answer.endswith(b"data: [DONE]\n\n") if is_stream else json.loads(answer)["object"] == "chat.completion"


async def test_an_old_client_gets_a_stream_as_it_comes(gateway: Running) -> None:
    """What its provider says piece by piece is passed on without chunks around it, and nothing is lost or told twice."""
    body = BODY.replace(b"Hello", b"Hello [[fault:one_byte]]")[:-1] + b', "stream": true}'
    got = await talk(gateway, b"POST /v1/chat/completions HTTP/1.0\r\n%bcontent-length: %d\r\n\r\n%b" % (FIELDS, len(body), body))
    events = got.partition(b"\r\n\r\n")[2].split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    said = [json.loads(event.removeprefix(b"data: "))["choices"] for event in events[:-2]]
    words = "".join(choices[0]["delta"].get("content") or "" for choices in said if choices)
    assert words.startswith("You said: Hello")
    assert words.count("You said") == 1


async def test_a_body_may_come_in_chunks(gateway: Running, provider: FakeProvider) -> None:
    """A byte each, with an extension and a trailer; the provider gets one body of known size."""
    chunks = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in BODY)
    sent = b"POST /v1/chat/completions HTTP/1.1\r\n%bconnection: close\r\ntransfer-encoding: chunked\r\n\r\n" % FIELDS
    got = await talk(gateway, sent + chunks + b"0\r\nx-trailer: 1\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(provider.log[0].body)["messages"] == json.loads(BODY)["messages"]
    assert {b"transfer-encoding", b"x-trailer"}.isdisjoint(provider.log[0].headers)


async def test_tls(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """With a certificate of its own the gateway speaks TLS, and nothing else on that port."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = f"tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}"
    gateway = await serve(configuration(provider).replace("drain: 2s", f"drain: 2s, {tls}"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, ssl=context, server_hostname="localhost")
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\n%bconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (FIELDS, len(BODY), BODY))
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()
    with suppress(ConnectionError):
        assert await talk(gateway, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n") == b""
    assert len(provider.log) == 1


async def test_pipelined_requests_are_answered_in_order(gateway: Running, provider: FakeProvider) -> None:
    """Three at once, one after the other."""
    sent = b""
    for number in range(3):
        body = BODY.replace(b"Hello", b"number %d" % number)
        close = b"connection: close\r\n" if number == 2 else b""
        sent += b"POST /v1/chat/completions HTTP/1.1\r\n%b%bcontent-length: %d\r\n\r\n%b" % (FIELDS, close, len(body), body)
    got = await talk(gateway, sent)
    places = [got.index(b"number %d" % number) for number in range(3)]
    assert places == sorted(places)
    assert len(provider.log) == 3


SMUGGLING = {
    "both lengths": b"content-length: %d\r\ntransfer-encoding: chunked\r\n",
    "two lengths": b"content-length: %d\r\ncontent-length: 5\r\n",
    "the same length twice": b"content-length: %d\r\ncontent-length: 83\r\n",
    "a length with a sign": b"content-length: +%d\r\n",
    "a list of codings": b"transfer-encoding: gzip, chunked\r\n",
    "an unknown coding": b"transfer-encoding: xchunked\r\n",
    "a folded line": b"content-length: %d\r\nx-a: b\r\n c\r\n",
    "a bare line feed": b"content-length: %d\nx-a: b\r\n",
    "a control character": b"content-length: %d\r\nx-a: b\x00c\r\n",
    "a blank before the colon": b"content-length : %d\r\n",
    "a second host": b"content-length: %d\r\nhost: y\r\n",
    "the coding twice": b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    "two codings": b"transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n",
    "a coding behind a tab": b"transfer-encoding:\tchunked\x0b\r\n",
    "a length in hexadecimal": b"content-length: 0x%d\r\n",
    "an empty length": b"content-length: \r\n",
    "a length beyond all bounds": b"content-length: 99999999999999999999\r\n",
    "chunks that are none": b"transfer-encoding: chunked\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_what_two_parsers_could_read_differently_is_refused(gateway: Running, provider: FakeProvider, name: str) -> None:
    """Answered with a 4xx or 5xx and closed; the provider never hears of it, nor of what was hidden behind it."""
    field = SMUGGLING[name]
    field = field % len(BODY) if b"%d" in field else field
    hidden = b"POST /v1/messages HTTP/1.1\r\n" + FIELDS + b"content-length: 0\r\n\r\n"
    got = await talk(gateway, b"POST /v1/chat/completions HTTP/1.1\r\n" + FIELDS + field + b"\r\n" + BODY + hidden)
    assert got.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert got.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in got
    assert not provider.log
