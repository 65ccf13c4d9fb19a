"""Raw servers on real sockets, a manual clock, and both event loops."""

import asyncio
import ssl

import pytest
import trustme
import uvloop

from omnillm.testing.clock import ManualClock
from omnillm.transport.client import HttpClient, Origin, Outgoing
from omnillm.transport.timeouts import Deadlines, Timeouts

FIELDS = b"host: provider\r\naccept-encoding: identity\r\n"


def pytest_asyncio_loop_factories(config, item):
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


class Wire:
    """One side is the client under test, the other any number of scripted servers."""

    def __init__(self):
        self.clock = ManualClock()
        self.deadlines = Deadlines()
        self.connections = 0
        self._servers, self._clients, self._tasks = [], [], set()

    async def serve(self, handler, *, tls=None, host="127.0.0.1", name=None):
        """Start a server; `handler(reader, writer)` is run for each connection. Returns its origin."""

        async def run(reader, writer):
            self.connections += 1
            try:
                await handler(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass  # the client is free to hang up
            finally:
                writer.transport.abort()

        def accept(reader, writer):
            task = asyncio.get_running_loop().create_task(run(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(accept, host, 0, ssl=tls)
        self._servers.append(server)
        return Origin("https" if tls else "http", name or host, server.sockets[0].getsockname()[1])

    def client(self, **options):
        client = HttpClient(clock=self.clock, deadlines=self.deadlines, **options)
        self._clients.append(client)
        return client

    def ask(self, origin, *, method=b"POST", body=b"{}", is_stream=False, **timeouts):
        head = b"%b /v1/chat HTTP/1.1\r\n%b" % (method, FIELDS)
        return Outgoing(origin=origin, method=method, head=head, body=body, timeouts=Timeouts(**timeouts), is_stream=is_stream)

    def pass_time(self, seconds):
        self.clock.advance(seconds)
        self.deadlines.sweep(self.clock.now())

    async def settle(self):
        """Let whatever is on its way arrive."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def until(self, condition):
        for _ in range(20_000):
            if condition():
                return
            await asyncio.sleep(0)
        pytest.fail("it never came to pass")

    async def aclose(self):
        for client in self._clients:
            await client.aclose()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            server.close()
            await server.wait_closed()
        await self.settle()
        assert not self.deadlines, "a connection is still watched"


@pytest.fixture
async def wire():
    wire = Wire()
    yield wire
    await wire.aclose()


@pytest.fixture
def replies():
    """A handler that answers each request of a connection with the next of these bytes, then stays silent or closes."""

    def make(*scripts, then="silence"):
        async def handler(reader, writer):
            for script in scripts:
                await read_request(reader)
                writer.write(script)
            await writer.drain()
            if then == "silence":
                await reader.read()
            elif then == "reset":
                await asyncio.sleep(0)
                writer.transport.get_extra_info("socket").setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")  # SO_LINGER 0: close sends RST
            elif then == "close":
                writer.close()
                await writer.wait_closed()

        return handler

    return make


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head, await reader.readexactly(length)


@pytest.fixture
def read_one():
    return read_request


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def identity(authority):
    def make(*names, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names, **options).configure_cert(context)
        return context

    return make
