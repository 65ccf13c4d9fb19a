"""Look-ups of names: a silent resolver holds up one name, and what was found before stands in."""

import asyncio
import socket
import threading

import pytest

from omnillm.testing.clock import ManualClock
from omnillm.transport.client import Origin
from omnillm.transport.connector import OUR_OWN_LIMITS
from omnillm.transport.names import STAND_IN_S, Names

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


class Resolver:
    """The system's, for the names of a test: silent until `answer`."""

    def __init__(self, real):
        self._real = real
        self._answered = threading.Event()
        self.asked = []
        self.error = None

    def __call__(self, host, port, *args, **options):
        if not host.endswith(".test"):
            return self._real(host, port, *args, **options)
        self.asked.append(host)
        self._answered.wait()
        if self.error:
            raise self.error
        return FOUND

    def answer(self, error=None):
        self.error = error
        self._answered.set()

    def fall_silent(self):
        self._answered.clear()


@pytest.fixture
def resolver(monkeypatch):
    resolver = Resolver(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.answer()


async def test_a_name_without_an_answer_holds_up_no_other(wire, replies, resolver):
    """However many calls ask for it: it is looked up once, and the next provider is reached meanwhile."""
    origin = await wire.serve(replies(HELLO), name="localhost")
    client = wire.client()
    held = [asyncio.create_task(client.send(wire.ask(Origin("http", "silent.test", 80)))) for _ in range(40)]
    await wire.until(lambda: resolver.asked)
    assert await (await client.send(wire.ask(origin))).read_all(10) == b"hello"
    assert len(resolver.asked) == 1
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)


async def test_who_gives_up_takes_the_answer_from_nobody(resolver):
    """It is the others' too."""
    names = Names(ManualClock())
    first, second = (asyncio.create_task(names.find("a.test", 80)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    resolver.answer()
    assert await second == FOUND
    assert first.cancelled()
    assert resolver.asked == ["a.test"]


async def test_what_was_found_stands_in_for_an_hour(resolver):
    """For an answer that is an error, and for one that does not come; each name is asked for anew all the same."""
    clock = ManualClock()
    names = Names(clock, patience_s=0.01)
    resolver.answer()
    assert await names.find("a.test", 80) == FOUND
    resolver.answer(socket.gaierror(socket.EAI_AGAIN, "no answer"))
    assert await names.find("a.test", 80) == FOUND
    resolver.fall_silent()
    assert await asyncio.gather(names.find("a.test", 80), names.find("a.test", 80)) == [FOUND, FOUND]
    assert len(resolver.asked) == 3
    resolver.answer(socket.gaierror(socket.EAI_NONAME, "no such name"))
    clock.advance(STAND_IN_S + 1)
    with pytest.raises(socket.gaierror):
        await names.find("a.test", 80)


@pytest.mark.parametrize("failure", [RuntimeError("can't start new thread"), MemoryError()], ids=["no thread", "no memory"])
async def test_a_look_up_that_cannot_be_begun_is_told_and_the_next_one_begins(resolver, monkeypatch, failure):
    """Nobody waits for an answer that nobody looks for, and the process is told to be at its limit, not the provider."""
    resolver.answer()
    names = Names(ManualClock())

    def refuse(self):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(OSError, match="no thread can be started") as told:
            async with asyncio.timeout(5):
                await names.find("api.test", 80)
    assert told.value.errno in OUR_OWN_LIMITS
    assert await names.find("api.test", 80) == FOUND


async def test_a_look_up_that_finds_no_memory_left_is_told(resolver):
    """And not waited for until the connection takes too long, by this call and by every one after it."""
    names = Names(ManualClock())
    resolver.answer(MemoryError())
    with pytest.raises(OSError, match="no memory is left") as told:
        await asyncio.wait_for(names.find("api.test", 80), 5)
    assert told.value.errno in OUR_OWN_LIMITS
    resolver.answer()
    assert await names.find("api.test", 80) == FOUND
