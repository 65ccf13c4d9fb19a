"""A front on a real socket under a manual clock, an application that a test scripts, and raw clients."""

import asyncio

import h11
import pytest
import uvloop

from omnillm.server.front.application import Rendered
from omnillm.server.front.crowd import FrontLimits
from omnillm.server.front.front import Front
from omnillm.testing.clock import ManualClock
from omnillm.transport.timeouts import Deadlines


class Scripted:
    """An application whose verbs a test replaces; answers `ok` to everything else, and remembers what it was asked."""

    def __init__(self, answer=None, accept=None):
        self.asked, self.opened, self.faults, self.cancelled = [], [], [], 0
        self._answer, self._accept = answer, accept

    def is_current(self, context):
        return False

    def open(self, request):
        self.opened.append(request)
        return self._accept(request) if self._accept else "context"

    async def respond(self, request, reply):
        self.asked.append(request)
        try:
            if self._answer:
                await self._answer(request, reply)
            else:
                reply.send(200, b"content-type: text/plain\r\n", b"ok")
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def problem(self, request, error):
        self.faults.append((request, error))
        fields = b"content-type: text/plain\r\n"
        if error.retry_after_s:
            fields += b"retry-after: %d\r\n" % error.retry_after_s
        return Rendered(status=error.status, fields=fields, body=f"{error.code}: {error.message}".encode())


class Client:
    """A raw connection to the front."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self._h11 = h11.Connection(h11.CLIENT)

    def send(self, data):
        self.writer.write(data)

    async def rest(self):
        """Everything up to the end of the connection, however it ends."""
        pieces = []
        try:
            while piece := await self.reader.read(65536):
                pieces.append(piece)
        except ConnectionError:
            pass
        return b"".join(pieces)

    async def reply(self, method="GET"):
        """The next reply, read by h11: status, fields, body."""
        if self._h11.our_state is h11.IDLE:
            self._h11.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
            self._h11.send(h11.EndOfMessage())
        status, fields, pieces = 0, {}, []
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(await self.reader.read(65536))
            elif isinstance(event, h11.Response):
                status, fields = event.status_code, dict(event.headers)
            elif isinstance(event, h11.Data):
                pieces.append(event.data)
            elif isinstance(event, h11.EndOfMessage):
                if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
                    self._h11.start_next_cycle()
                return status, fields, b"".join(pieces)

    def reset(self):
        self.writer.transport.abort()


class House:
    def __init__(self):
        self.clock, self.deadlines = ManualClock(), Deadlines()
        self.front = self.app = self.address = None
        self._clients = []

    async def open(self, app=None, *, tls=None, sock=None, **limits):
        """A front for that application. One that was opened before is closed: a test in turn has one for each case."""
        await self.aclose()
        self.app = app or Scripted()
        self.front = Front(self.app, clock=self.clock, deadlines=self.deadlines, limits=FrontLimits(**limits))
        self.address = await self.front.listen("127.0.0.1", 0, tls=tls, sock=sock)
        return self.app

    async def dial(self, data=b"", **options):
        reader, writer = await asyncio.open_connection(*self.address, **options)
        client = Client(reader, writer)
        self._clients.append(client)
        if data:
            client.send(data)
        return client

    async def say(self, data):
        """Send bytes on a new connection; the bytes that come back until the front closes it."""
        return await (await self.dial(data)).rest()

    def pass_time(self, seconds):
        self.clock.advance(seconds)
        self.deadlines.sweep(self.clock.now())

    async def until(self, condition):
        for _ in range(50_000):
            if condition():
                return
            await asyncio.sleep(0)
        pytest.fail("it never came to pass")

    async def aclose(self):
        for client in self._clients:
            client.reset()
        if self.front is None:
            return
        self.front.close()
        crowd = self.front._crowd
        await self.until(lambda: not self.front.open_connections and not crowd.ending)
        assert self.front.held_bytes == 0, "a body is still counted"
        assert not self.deadlines, "something is still watched"


@pytest.fixture
async def house():
    house = House()
    yield house
    await house.aclose()


@pytest.fixture
def stage():
    """Runs a scenario with a house and a loop of its own: for tests with many examples."""

    def run(scenario):
        async def play():
            house = House()
            try:
                await scenario(house)
            finally:
                await house.aclose()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(play())

    return run


@pytest.fixture
def scripted():
    return Scripted
