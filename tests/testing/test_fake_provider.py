"""The server: connections, the log, keys, aborts, its life."""

import asyncio
import json
import ssl

import httpx2
import msgspec
import pytest
import trustme
import uvloop

from omnillm.testing import FAULTS, Behaviour, FakeProvider, Fault, ManualClock, ThreadedFakeProvider


@pytest.fixture
async def provider():
    async with FakeProvider(keys={"sk-good": Behaviour()}, clock=ManualClock(now=7.0)) as provider:
        yield provider


async def test_log_tells_everything_of_a_request(provider, ask):
    """One frozen record a request, complete with headers, body and outcome."""
    await ask(provider, "gemini_generate_content", stream=True)
    (record,) = provider.log
    assert (record.number, record.connection, record.arrived_at, record.method) == (1, 1, 7.0, "POST")
    assert (record.path, record.query) == ("/v1beta/models/m:streamGenerateContent", "alt=sse")
    assert (record.key, record.protocol, record.model, record.is_stream) == ("sk-good", "gemini_generate_content", "m", True)
    assert (record.status, record.fault, record.is_ended, record.completed, record.aborted_by_client) == (200, "", True, True, False)
    assert record.headers[b"anthropic-version"] == b"2023-06-01"
    assert json.loads(record.body)["contents"]
    with pytest.raises(AttributeError):
        record.status = 500
    assert msgspec.json.encode(record.headers[b"host"].decode())


async def test_record_stands_in_the_log_while_the_reply_stalls(provider, wire):
    """A request is visible on arrival and its record is replaced when it ends."""
    provider.enqueue(FAULTS["stall_before_head"])
    with wire.connect(provider) as client:
        client.sendall(wire.request_bytes())
        await provider.arrived(1)
        assert (provider.log[0].is_ended, provider.log[0].status, provider.log[0].fault) == (False, 0, "stall_before_head")
        provider.gate("stall_before_head").set()
        await provider.ended(1)
        seen = await wire.receive(client, lambda: True)
    assert seen.is_whole
    assert (provider.log[0].completed, provider.log[0].status) == (True, 200)


async def test_hang_up_ends_a_stalled_reply_at_once(provider, wire):
    """A client that leaves is seen although nothing is being written."""
    provider.enqueue(Fault.stall(after_events=2))
    with wire.connect(provider) as client:
        client.sendall(wire.request_bytes(stream=True))
        await wire.receive(client, lambda: bool(provider.log))
    await provider.ended(1)
    await provider.idle()
    assert (provider.log[0].aborted_by_client, provider.log[0].completed, provider.log[0].status) == (True, False, 200)


async def test_reset_and_cut_are_not_the_clients_abort(provider, ask):
    """Who broke off is told apart."""
    for name in ("reset_mid_body", "cut_mid_body", "reset_before_head", "truncated_length", "truncated_chunked"):
        await ask(provider, text=f"[[fault:{name}]]", stream=True)
    assert {(record.completed, record.aborted_by_client) for record in provider.log} == {(False, False)}


async def test_connection_serves_many_requests_in_order(provider, wire):
    """Keep-alive and pipelining: answers come in the order of the questions, also after a slow one."""
    provider.enqueue(Fault(name="yields", delay_s=0.0))
    with wire.connect(provider) as client:
        client.sendall(b"".join(wire.request_bytes(text=f"number {i}") for i in range(5)))
        await provider.ended(5)
        seen = await wire.receive(client, lambda: True)
    assert [seen.raw.find(b"number %d " % i) for i in range(5)] == sorted(seen.raw.find(b"number %d " % i) for i in range(5))
    assert seen.raw.count(b"HTTP/1.1 200 OK") == 5
    assert {record.connection for record in provider.log} == {1}
    assert provider.accepted == 1


async def test_connection_close_is_obeyed(provider, wire):
    """A client that asks to close gets the reply, the field and the end."""
    with wire.connect(provider) as client:
        client.sendall(wire.request_bytes().replace(b"host: x", b"host: x\r\nconnection: close"))
        seen = await wire.receive(client, lambda: False)
    assert (seen.ending, seen.fields["connection"], seen.is_whole) == ("fin", "close", True)


async def test_chunked_request_and_expectation(provider, wire):
    """A chunked body is read, and 100-continue is answered before it."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: sk-good\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    with wire.connect(provider) as client:
        client.sendall(head)
        interim = await wire.receive(client, lambda: provider.open_connections == 1)
        client.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        await provider.ended(1)
        seen = await wire.receive(client, lambda: True)
    assert (interim.raw, seen.status) == (b"HTTP/1.1 100 Continue\r\n\r\n", 200)
    assert provider.log[0].body == body


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"])
async def test_unreadable_request_is_refused(provider, raw, wire):
    """What is not a request is 400 and the end of the connection."""
    with wire.connect(provider) as client:
        client.sendall(raw)
        seen = await wire.receive(client, lambda: False)
    assert (seen.status, seen.ending) == (400, "fin")


@pytest.mark.parametrize(
    ("headers", "query"),
    [({"authorization": "Bearer k"}, ""), ({"x-api-key": "k"}, ""), ({"x-goog-api-key": "k"}, ""), ({"api-key": "k"}, ""), ({}, "?key=k")],
)
async def test_key_is_found_wherever_an_sdk_puts_it(headers, query):
    """Four header fields and the query."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    async with FakeProvider(keys={"k": Behaviour()}) as provider, httpx2.AsyncClient() as client:
        reply = await client.post(f"{provider.base_url}/v1/chat/completions{query}", json=body, headers=headers)
        assert reply.status_code == 200
        assert provider.log[0].key == "k"


@pytest.mark.parametrize(
    ("method", "path", "headers", "message"),
    [
        ("GET", "/v1/nowhere", {}, "Unknown request URL."),
        ("POST", "/v1/v1/messages", {"anthropic-version": "1"}, "Not found"),
        ("POST", "/v1beta/models/m:predict", {}, "The model is not found for API version v1."),
        ("GET", "/v1/chat/completions", {}, "Unknown request URL."),
    ],
)
async def test_unknown_path_is_404_in_the_callers_protocol(provider, method, path, headers, message):
    """A wrongly joined URL is never answered as if it were right."""
    async with httpx2.AsyncClient() as client:
        reply = await client.request(method, provider.base_url + path, headers={"x-api-key": "sk-good"} | headers)
        head = await client.head(provider.base_url + path, headers={"x-api-key": "sk-good"} | headers)
    assert (reply.status_code, reply.json()["error"]["message"]) == (404, message)
    assert (head.status_code, head.content) == (404, b"")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/v1/chat/completions", b"{", "We could not parse the JSON body of your request."),
        ("/v1/chat/completions", b"[]", "The body is not a JSON object."),
        ("/v1/chat/completions", b'{"model":"m","messages":[]}', "messages: not a valid list"),
        ("/v1/chat/completions", b'{"messages":[{"role":"user","content":"x"}]}', "model: Field required"),
        (
            "/v1/chat/completions",
            b'{"model":"m","messages":["x"],"max_tokens":0}',
            "max_completion_tokens: must be an integer from 1 to 2147483648",
        ),
        ("/v1/responses", b'{"model":"m"}', "Missing required parameter: 'input'."),
        ("/v1/messages", b'{"model":"m","messages":["x"],"max_tokens":1}', "anthropic-version: header is required"),
        ("/v1/models/m:generateContent", b"{}", "contents: Field required"),
    ],
)
async def test_malformed_request_is_400(provider, path, body, message):
    """What a real provider would refuse is refused, so that a gateway's mistakes show."""
    async with httpx2.AsyncClient() as client:
        reply = await client.post(provider.base_url + path, content=body, headers={"x-api-key": "sk-good"})
    assert (reply.status_code, reply.json()["error"]["message"]) == (400, message)


async def test_anthropic_demands_a_cap(provider):
    """max_tokens is required there."""
    async with httpx2.AsyncClient() as client:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
        reply = await client.post(
            f"{provider.base_url}/v1/messages", json=body, headers={"x-api-key": "sk-good", "anthropic-version": "2023-06-01"}
        )
    assert (reply.status_code, reply.json()["error"]["message"]) == (400, "max_tokens: Field required")


async def test_delays_go_through_the_given_sleep(ask):
    """A pause before each piece is awaited on `sleep`, so that a test need not wait."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    async with FakeProvider(keys={"sk-good": Behaviour(delay_s=0.5, words=3)}, sleep=sleep) as provider:
        await ask(provider, stream=True)
    assert slept == [0.5] * (1 + 1 + 3 + 1 + 1 + 1)


async def test_close_cuts_what_is_open(wire):
    """Leaving the block ends stalled requests, which count as abandoned, and every connection."""
    async with FakeProvider() as provider:
        provider.enqueue(FAULTS["stall_before_head"])
        client = wire.connect(provider)
        client.sendall(wire.request_bytes())
        await provider.arrived(1)
    with client:
        assert (await wire.receive(client, lambda: True)).ending in {"fin", "reset"}
    assert (provider.open_connections, provider.log[0].is_ended) == (0, True)


def test_thread_tells_that_it_cannot_listen():
    """A provider that cannot serve raises where it was started."""

    class Occupied(FakeProvider):
        async def listen(self, host="127.0.0.1", port=0):
            raise OSError("in use")

    with pytest.raises(OSError, match="in use"), ThreadedFakeProvider(Occupied()):
        pass


def test_gate_opens_from_another_thread():
    """A synchronous test lets a stalled reply go on."""
    threaded = ThreadedFakeProvider(FakeProvider(keys={"k": Behaviour(fault=FAULTS["stall_mid_body"])}))
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    with threaded as provider, httpx2.Client(base_url=provider.base_url, headers={"x-api-key": "k"}) as client:
        reply = client.send(client.build_request("POST", "/v1/chat/completions", json=body), stream=True)
        threaded.open_gate("stall_mid_body")
        assert json.loads(reply.read())["object"] == "chat.completion"
        reply.close()


async def test_tls():
    """With a server's context it speaks https, and its faults still bite."""
    authority = trustme.CA()
    server, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client_side)
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    async with FakeProvider(tls=server) as provider, httpx2.AsyncClient(verify=client_side) as client:
        post = client.post(f"{provider.base_url}/v1/chat/completions", json=body, headers={"x-api-key": "k"})
        assert (await post).status_code == 200
        provider.enqueue(FAULTS["reset_mid_body"])
        with pytest.raises(httpx2.TransportError):
            await client.post(f"{provider.base_url}/v1/chat/completions", json=body, headers={"x-api-key": "k"})


async def test_client_that_leaves_within_the_handshake_was_never_there():
    """It is no open connection, and in nobody's way at the end."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)
    async with FakeProvider(tls=server) as provider, asyncio.timeout(5):
        _, writer = await asyncio.open_connection("127.0.0.1", int(provider.base_url.rpartition(":")[2]))
        while not provider.accepted:
            await asyncio.sleep(0)
        assert provider.open_connections == 0
        writer.transport.abort()


@pytest.mark.parametrize(
    "name", [name for name, fault in FAULTS.items() if fault.action or fault.framing != "natural" or fault.piece_bytes]
)
def test_bytes_are_the_same_under_uvloop(name, wire):
    """Resets, cuts, stalls and framing do not depend on the event loop."""

    async def both():
        async with FakeProvider() as provider:
            provider.gate(name).set()
            with wire.connect(provider) as client:
                client.sendall(wire.request_bytes(text=f"[[fault:{name}]]", stream=True))
                return await wire.receive(client, lambda: bool(provider.log) and provider.log[0].is_ended)

    with asyncio.Runner() as plain, asyncio.Runner(loop_factory=uvloop.new_event_loop) as fast:
        assert plain.run(both()) == fast.run(both())
