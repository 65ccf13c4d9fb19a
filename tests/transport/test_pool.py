"""Which connection is used next."""

import asyncio
import socket

from omnillm.transport.client import Origin, TransportLimits

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"


async def several(wire, client, origin, count):
    """Open `count` connections at once and return them all to the pool, first to last."""
    exchanges = await asyncio.gather(*[client.send(wire.ask(origin)) for _ in range(count)])
    for exchange in exchanges:
        await exchange.read_all(10)


async def numbered(wire, read_one):
    """A server whose connections answer with their number."""
    numbers = iter(range(10))

    async def handler(reader, writer):
        number = next(numbers)
        while True:
            await read_one(reader)
            writer.write(HELLO + b"%d" % number)

    return await wire.serve(handler)


async def test_last_used_connection_is_used_next(wire, read_one):
    """So that the others grow old and leave."""
    origin = await numbered(wire, read_one)
    client = wire.client()
    await several(wire, client, origin, 3)
    last = await (await client.send(wire.ask(origin))).read_all(10)
    for _ in range(3):
        wire.pass_time(10)
        assert await (await client.send(wire.ask(origin))).read_all(10) == last
    assert client.idle_count(origin) == 1


async def test_idle_connections_are_capped(wire, read_one):
    """A burst does not leave its sockets behind."""
    connected = []

    async def handler(reader, writer):
        connected.append(writer)
        try:
            await read_one(reader)
            writer.write(HELLO + b"1")
            await reader.read()
        finally:
            connected.remove(writer)

    origin = await wire.serve(handler)
    client = wire.client(limits=TransportLimits(max_idle=2))
    await several(wire, client, origin, 5)
    assert client.idle_count(origin) == 2
    await wire.until(lambda: len(connected) == 2)


async def test_origins_have_pools_of_their_own(wire, read_one):
    """A connection is only for the origin that it was made to."""
    first, second = await numbered(wire, read_one), await numbered(wire, read_one)
    client = wire.client()
    await several(wire, client, first, 2)
    await several(wire, client, second, 1)
    assert (client.idle_count(first), client.idle_count(second)) == (2, 1)


async def test_a_connection_that_is_never_idle_is_renewed_all_the_same(wire, read_one, monkeypatch):
    """A provider that moves to another address is followed, however busy its connections are; those made together do not end together."""
    old, new = await numbered(wire, read_one), await numbered(wire, read_one)
    ports, real = [old.port], socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, _port, **more: real("127.0.0.1", ports[0], **more))
    origin, limits = Origin("http", "provider.test", 80), TransportLimits(longest_life_s=1600.0, keepalive_expiry_s=60.0)
    client = wire.client(limits=limits)
    await several(wire, client, origin, 2)
    ports[0] = new.port
    lives = []
    for life_s in range(0, 1700, 5):
        await several(wire, client, origin, 2)
        wire.pass_time(5)
        lives += [life_s] * (2 - client.idle_count(origin))
    assert wire.connections == 4
    assert len(lives) == len(set(lives)) == 2
    assert all(1200 <= life_s <= 1600 for life_s in lives)


async def test_the_pools_of_origins_that_are_not_asked_any_more_are_forgotten(wire, read_one):
    """Configurations come and go; what is under way, or idle, is kept."""
    client, kept = wire.client(), await numbered(wire, read_one)
    for _ in range(20):
        origin = await numbered(wire, read_one)
        await several(wire, client, origin, 1)
        wire.pass_time(16)
        await wire.until(lambda origin=origin: not client._pools[origin]._leaving)
    open_exchange = await client.send(wire.ask(kept))
    await several(wire, client, await numbered(wire, read_one), 1)
    assert len(client._pools) == 2
    assert client._pools.keys() >= {kept}
    assert await open_exchange.read_all(10) == b"0"
