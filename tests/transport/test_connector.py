"""How connections come to be, and all the ways in which they do not: nothing of the request has left then."""

import asyncio
import datetime as dt
import os
import resource
import socket
import ssl

import pytest
from tests.leaving.stepping import run
from tests.ports import free_port

from omnillm.errors import NotSent, Unavailable, UpstreamLost
from omnillm.transport.client import Origin

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"content-length: 5\r\n\r\nhello"


async def not_sent(client, outgoing):
    with pytest.raises(NotSent) as caught:
        await client.send(outgoing)
    assert caught.value.__cause__ is not None
    assert client.idle_count(outgoing.origin) == 0
    return caught.value


async def test_refused_connection_is_not_sent(wire):
    """And says why, in the system's words, but no address: callers are told."""
    fault = await not_sent(wire.client(), wire.ask(Origin("http", "127.0.0.1", free_port())))
    assert str(fault) == "No connection to the provider: Connection refused."


async def test_a_process_without_a_file_left_blames_no_provider(wire, replies):
    """What is missing is ours: the call is told so, and no key of the provider's is to rest for it."""
    origin = await wire.serve(replies(HELLO))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        with pytest.raises(Unavailable) as raised:
            await wire.client().send(wire.ask(origin))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (raised.value.code, raised.value.status, raised.value.retry_after_s) == ("overloaded", 503, 1.0)


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 64 + ".invalid", ".."])
async def test_name_that_does_not_resolve_is_not_sent(wire, host):
    """Unknown, or no name at all; it is not repeated."""
    fault = await not_sent(wire.client(), wire.ask(Origin("http", host, 80)))
    assert str(fault).startswith("No connection to the provider: ")
    assert host not in str(fault)


async def test_name_is_resolved_and_all_its_addresses_tried(wire, replies):
    """`localhost` may be ::1 first, where nobody listens."""
    origin = await wire.serve(replies(HELLO), name="localhost")
    assert await (await wire.client().send(wire.ask(origin))).read_all(10) == b"hello"


async def test_ipv6_literal_is_connected(wire, replies):
    """Without a resolver."""
    try:
        origin = await wire.serve(replies(HELLO), host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    assert await (await wire.client().send(wire.ask(origin))).read_all(10) == b"hello"


async def test_nagle_is_off(wire, replies):
    """A head does not wait for an acknowledgement."""
    origin = await wire.serve(replies(OK + b"content-length: 5\r\n\r\n"))
    exchange = await wire.client().send(wire.ask(origin))
    raw = exchange._connection._transport.get_extra_info("socket")
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_tls_call(wire, replies, trusting, identity):
    """Verified by name and chain, kept alive, closed with a farewell."""
    origin = await wire.serve(replies(HELLO, HELLO), tls=identity("localhost", "127.0.0.1"), name="localhost")
    client = wire.client(tls=trusting)
    for _ in range(2):
        assert await (await client.send(wire.ask(origin))).read_all(10) == b"hello"
    assert wire.connections == 1
    assert client.idle_count(origin) == 1


async def test_tls_by_address(wire, replies, trusting, identity):
    """A certificate may name an address."""
    origin = await wire.serve(replies(HELLO), tls=identity("127.0.0.1"))
    assert await (await wire.client(tls=trusting).send(wire.ask(origin))).read_all(10) == b"hello"


async def test_server_name_is_indicated(wire, replies, trusting, identity):
    """Shared hosts choose their certificate by it."""
    names = []
    context = identity("localhost")
    context.sni_callback = lambda _, name, __: names.append(name)
    origin = await wire.serve(replies(HELLO), tls=context, name="localhost")
    await (await wire.client(tls=trusting).send(wire.ask(origin))).read_all(10)
    assert names == ["localhost"]


PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("names", "lifetime", "is_known", "told"),
    [
        (["example.com"], {}, True, "Hostname mismatch"),
        (["localhost"], {"not_before": PAST, "not_after": PAST + dt.timedelta(days=30)}, True, "certificate has expired"),
        (["localhost"], {}, False, "unable to get local issuer certificate"),
    ],
    ids=["another host", "expired", "unknown authority"],
)
async def test_what_is_not_trusted_is_not_sent_to(wire, replies, trusting, identity, names, lifetime, is_known, told):
    """The key never reaches it. The system's trust store is what counts when none is given."""
    origin = await wire.serve(replies(HELLO), tls=identity(*names, **lifetime), name="localhost")
    fault = await not_sent(wire.client(tls=trusting) if is_known else wire.client(), wire.ask(origin))
    assert isinstance(fault.__cause__, ssl.SSLCertVerificationError)
    assert str(fault).startswith(f"No connection to the provider: its certificate is not trusted, {told}")


async def test_tls_is_never_downgraded(wire, replies, trusting):
    """A server that speaks plainly on that port is no server."""

    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    origin = await wire.serve(plain, name="localhost")
    await not_sent(wire.client(tls=trusting), wire.ask(Origin("https", "localhost", origin.port)))


async def test_stalled_handshake_is_within_the_connect_timeout(wire, trusting):
    """A server that accepts and says nothing."""

    async def stall(reader, writer):
        await reader.read()

    origin = await wire.serve(stall, name="localhost")
    ask = wire.ask(Origin("https", "localhost", origin.port), connect_s=0.05)
    fault = await not_sent(wire.client(tls=trusting), ask)
    assert isinstance(fault.__cause__, TimeoutError)


async def test_cancelled_handshake_leaks_nothing(wire, trusting):
    """The socket is closed with it; an unclosed one would be a warning, and that an error."""
    gone = asyncio.Event()

    async def stall(reader, writer):
        await reader.read()
        gone.set()

    origin = await wire.serve(stall, name="localhost")
    call = asyncio.create_task(wire.client(tls=trusting).send(wire.ask(Origin("https", "localhost", origin.port))))
    await wire.until(lambda: wire.connections)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await gone.wait()


@pytest.mark.parametrize("is_polite", [True, False])
async def test_tls_body_without_framing_ends_with_the_connection(wire, read_one, trusting, identity, is_polite):
    """Many servers cut without TLS's own farewell, so both count as the end."""

    async def handler(reader, writer):
        await read_one(reader)
        writer.write(OK + b"\r\nhello")
        await writer.drain()
        if is_polite:
            writer.close()
            await writer.wait_closed()
        else:
            raw = writer.transport.get_extra_info("socket")
            raw.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)

    origin = await wire.serve(handler, tls=identity("localhost"), name="localhost")
    exchange = await wire.client(tls=trusting).send(wire.ask(origin))
    assert exchange.is_close_delimited
    assert await exchange.read_all(10) == b"hello"


@pytest.mark.parametrize("is_polite", [True, False])
async def test_tls_reply_that_is_cut_is_lost(wire, read_one, trusting, identity, is_polite):
    """A farewell does not make a short body whole."""

    async def handler(reader, writer):
        await read_one(reader)
        writer.write(OK + b"content-length: 500\r\n\r\nhello")
        await writer.drain()
        if is_polite:
            writer.close()
            await writer.wait_closed()
        else:
            writer.transport.abort()

    origin = await wire.serve(handler, tls=identity("localhost"), name="localhost")
    with pytest.raises(UpstreamLost):
        await (await wire.client(tls=trusting).send(wire.ask(origin))).read_all(1000)


async def test_large_bodies_pass_tls_both_ways(wire, read_one, trusting, identity):
    """Records, pauses and all; read in pieces and whole."""

    async def handler(reader, writer):
        while True:
            _, body = await read_one(reader)
            writer.write(OK + b"content-length: %d\r\n\r\n%b" % (len(body), body))

    origin = await wire.serve(handler, tls=identity("localhost"), name="localhost")
    client = wire.client(tls=trusting)
    body = bytes(range(256)) * 10_000
    exchange = await client.send(wire.ask(origin, body=body))
    assert await exchange.read_all(len(body)) == body
    exchange = await client.send(wire.ask(origin, body=body, is_stream=True))
    pieces = []
    while piece := await exchange.read():
        pieces.append(piece)
        await wire.settle()
    assert b"".join(pieces) == body
    assert wire.connections == 1


async def test_client_that_closes_while_connecting_does_not_send(wire, trusting):
    """What is being connected is given up, and a connection that comes too late is closed."""
    asked = []

    async def handler(reader, writer):
        asked.append(await reader.read())

    origin = await wire.serve(handler)
    client = wire.client()
    call = asyncio.create_task(client.send(wire.ask(origin)))
    await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(Unavailable) as raised:
        await call
    assert raised.value.code == "shutting_down"
    await wire.until(lambda: len(asked) == wire.connections)
    assert asked in ([], [b""])


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_who_leaves_while_it_connects_leaves_no_socket_behind(wire, replies, identity, trusting, scheme):
    """At any suspension; and the next connections, which get the same numbers from the system, are nobody else's."""
    tls = identity("localhost") if scheme == "https" else None
    origin = await wire.serve(replies(HELLO, then="close"), tls=tls, name="localhost")
    client = wire.client(tls=trusting)

    async def ask():
        exchange = await client.send(wire.ask(origin))
        assert await exchange.read_all(9) == b"hello"

    steps = (await run(ask())).steps
    for at in range(1, steps + 1):
        for is_late in (False, True):
            left = await run(ask(), at=at, is_late=is_late)
            assert left.task.cancelled()
            again = await asyncio.gather(ask(), ask(), return_exceptions=True)
            assert again == [None, None], (at, is_late)
