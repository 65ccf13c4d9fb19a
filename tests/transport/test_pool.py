"""Which connection is used next."""

import asyncio

from omnillm.transport.client import TransportLimits

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
    origin = await numbered(wire, read_one)
    client = wire.client(limits=TransportLimits(max_idle=2))
    await several(wire, client, origin, 5)
    assert client.idle_count(origin) == 2


async def test_origins_have_pools_of_their_own(wire, read_one):
    """A connection is only for the origin that it was made to."""
    first, second = await numbered(wire, read_one), await numbered(wire, read_one)
    client = wire.client()
    await several(wire, client, first, 2)
    await several(wire, client, second, 1)
    assert (client.idle_count(first), client.idle_count(second)) == (2, 1)
