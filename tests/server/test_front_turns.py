"""A peer that sends as fast as it can is not read again before everybody else has had a turn: libuv would take eight megabytes at once."""

import asyncio

from tests.server.test_front_websocket import Deaf, open_talk

from omnillm.transport.turns import FULL_READ
from omnillm.transport.websocket import TURN_BYTES


async def test_a_body_is_read_once_a_turn(house):
    """Whatever it is made of; what does not fill the loop's buffer is all there was."""
    await house.open()
    client = await house.dial(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    await house.until(lambda: house.app.opened)
    [connection] = house.front._crowd.connections
    chunks = b"1\r\na\r\n" * (FULL_READ // 6 + 1)
    connection.data_received(chunks)
    assert not connection._transport.is_reading()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert connection._transport.is_reading()
    connection.data_received(chunks[: FULL_READ // 2 // 6 * 6])
    assert connection._transport.is_reading()
    client.send(b"0\r\n\r\n")
    assert (await client.reply("POST"))[0] == 200
    assert house.app.asked[0].body == b"a" * (FULL_READ // 6 + 1 + FULL_READ // 2 // 6)


async def test_frames_are_read_a_few_thousand_a_turn(house):
    """Each costs as much as a thousand bytes of a body: two megabytes of pings held up everybody for two seconds."""
    app = await house.open(Deaf())
    talk = await open_talk(house)
    [socket] = app.sockets
    parts = b"".join(b"\x00\x81\0\0\0\0%c" % (number % 26 + 65) for number in range(TURN_BYTES))
    socket.data_received(b"\x01\x80\0\0\0\0" + parts[:-7])
    socket.data_received(parts[-7:])  # as TLS does, which had it already
    turns = 0
    while socket._turns:
        assert not socket._transport.is_reading()
        await asyncio.sleep(0)
        turns += 1
    assert turns >= len(parts) // TURN_BYTES
    assert socket._transport.is_reading()
    talk.writer.write(b"\x80\x80\0\0\0\0")
    await house.until(lambda: socket.unread)
    assert socket.unread[0].data == bytes(number % 26 + 65 for number in range(TURN_BYTES))
    talk.reset()
    await house.until(lambda: app.ended)


async def test_a_lost_peers_frames_are_forgotten(house):
    """Those that were for later turns."""
    app = await house.open(Deaf())
    talk = await open_talk(house)
    [socket] = app.sockets
    socket.data_received(b"\x89\x80\0\0\0\0" * TURN_BYTES)
    assert socket._turns
    talk.reset()
    socket._transport.abort()
    await house.until(lambda: app.ended)
    assert not socket._turns


async def test_what_has_come_is_read_before_the_end(house):
    """TLS tells of the end while the frames before it wait for their turns: what was said counts, and the farewell."""
    app = await house.open(Deaf())
    talk = await open_talk(house)
    [socket] = app.sockets
    socket.data_received(b"\x89\x80\0\0\0\0" * TURN_BYTES + b"\x81\x82\0\0\0\0Hi" + b"\x88\x82\0\0\0\0\x03\xe8")
    assert socket._turns
    socket.eof_received()
    assert [message.data for message in socket.unread] == [b"Hi"]
    assert socket.ended.code == 1000
    talk.reset()
    await house.until(lambda: app.ended)
