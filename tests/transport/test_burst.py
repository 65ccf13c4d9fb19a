"""The writes of one turn of the event loop."""

import asyncio
import socket

import pytest

from omnillm.transport.burst import LARGE_BYTES, MOST, Burst


class Pair:
    """A socket of ours, as a transport, and the other end of it, which is only read when a test looks."""

    def __init__(self, transport, far):
        self.transport, self._far = transport, far

    def come(self):
        """What has come to the far end since the last look; b"" stands for nothing yet and for the end alike."""
        try:
            return self._far.recv(1_000_000)
        except BlockingIOError:
            return b""


@pytest.fixture
async def pair():
    """Makes pairs, as many as a test wants."""
    pairs = []

    async def make():
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
        pairs.append((transport, far))
        return Pair(transport, far)

    yield make
    for transport, far in pairs:
        transport.abort()
        far.close()


async def turn():
    """Let the turn of the event loop end."""
    await asyncio.sleep(0)


async def test_the_first_piece_of_a_turn_is_sent_at_once_and_the_others_at_its_end(pair):
    """A call that is alone waits for nothing."""
    burst, one, other = Burst(), await pair(), await pair()
    burst.write(one.transport, b"first")
    burst.write(other.transport, b"second")
    burst.write(one.transport, b"third")
    assert (one.come(), other.come()) == (b"first", b"")
    await turn()
    assert (one.come(), other.come()) == (b"third", b"second")
    burst.write(other.transport, b"fourth")
    assert other.come() == b"fourth"


async def test_a_socket_gets_its_pieces_in_order(pair):
    """Also where the socket itself is written to, once what waits is sent."""
    burst, one = Burst(), await pair()
    for number in range(5):
        burst.write(one.transport, b"%d" % number)
    burst.flush()
    one.transport.write(b"direct")
    burst.write(one.transport, b"5")
    await turn()
    assert one.come() == b"01234direct5"


async def test_a_burst_is_bounded(pair):
    """The pieces that wait are sent when there are too many of them, or one is large; and they wait again behind that."""
    burst, one = Burst(), await pair()
    for _ in range(MOST):
        burst.write(one.transport, b"x")
    assert one.come() == b"x"
    burst.write(one.transport, b"x")
    assert one.come() == b"x" * MOST
    burst.write(one.transport, b"x" * (LARGE_BYTES + 1))
    assert one.come() == b"x" * (LARGE_BYTES + 1)
    burst.write(one.transport, b"y")
    assert one.come() == b""
    await turn()
    assert one.come() == b"y"


async def test_what_waits_for_a_socket_that_closes_is_dropped(pair):
    """And the others get what is theirs."""
    burst, one, other = Burst(), await pair(), await pair()
    burst.write(one.transport, b"first")
    burst.write(one.transport, b"lost")
    burst.write(other.transport, b"kept")
    one.transport.abort()
    await turn()
    burst.write(one.transport, b"late")
    await turn()
    assert (one.come(), other.come()) == (b"first", b"kept")


async def test_a_socket_whose_reader_is_slow_says_so_when_the_burst_is_sent(pair):
    """Backpressure comes from the transport, at the latest with the end of the turn."""
    burst, one, slow = Burst(), await pair(), await pair()
    said = []

    class Told(asyncio.Protocol):
        def pause_writing(self):
            said.append("paused")
            burst.write(one.transport, b" in answer")  # whoever is told may write

    slow.transport.set_protocol(Told())
    burst.write(one.transport, b"first")
    for _ in range(MOST // 2):
        burst.write(slow.transport, b"x" * LARGE_BYTES)
    burst.write(one.transport, b" behind")
    assert not said
    await turn()
    await turn()
    assert said == ["paused"]
    assert one.come() == b"first behind in answer"


async def test_a_socket_that_fails_takes_nobody_elses_piece_with_it(pair):
    """The loop is told of the defect, and the rest is sent with the next turn."""
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(type(context["exception"])))
    burst, one, broken, other = Burst(), await pair(), await pair(), await pair()
    burst.write(one.transport, b"first")
    burst.write(broken.transport, b"never")
    burst.write(other.transport, b"kept")
    broken.transport.write_eof()
    await turn()
    await turn()
    assert (told, other.come()) == ([RuntimeError], b"kept")
    burst.write(one.transport, b"second")
    assert one.come() == b"firstsecond"
