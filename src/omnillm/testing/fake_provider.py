"""A scriptable LLM provider on a real loopback socket: five protocols, live sessions, two clouds, every fault, its own log and invoice."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from omnillm.clock import Clock
from omnillm.testing.answer import partial
from omnillm.testing.clock import ManualClock
from omnillm.testing.connection import Arrived, Connection
from omnillm.testing.delivery import plan
from omnillm.testing.exchange import Exchange
from omnillm.testing.faults import Fault
from omnillm.testing.hosts import HOSTS, ITSELF
from omnillm.testing.invoice import Invoice, Rates
from omnillm.testing.judge import Call, Judge
from omnillm.testing.live.gemini_live import VertexSpeaker
from omnillm.testing.live.session import SPEAKERS, LiveSession, Plan
from omnillm.testing.log import Logged
from omnillm.testing.script import Behaviour, Script
from omnillm.testing.shelves import Shelf
from omnillm.usage import Usage

MODELS = ("fake-small", "fake-large")
"""What it lists when no model has a price."""
SWITCHED = 101
NEVER_WHOLE = frozenset({"long_length", "unended_chunks"})


class FakeProvider:
    """`async with FakeProvider(keys={"sk-good": Behaviour()}) as provider:` serves at `provider.base_url` until the block ends.

    Keys: "*" stands for any key; without `keys` every key is good. Prices: nano-USD per million tokens, see `Invoice`. Without a clock, a
    ManualClock stands still. `sleep` is awaited where a fault takes its time. `poses_as` is one of `HOSTS`.
    """

    def __init__(  # noqa: PLR0913  each is a deviation from a plain provider
        self,
        *,
        keys: Mapping[str, Behaviour] | None = None,
        prices: Mapping[str, Rates] | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        billing_lag_tokens: int = 0,
        tls: ssl.SSLContext | None = None,
        poses_as: str = "",
    ) -> None:
        self.clock: Clock = clock or ManualClock()
        self.script: Script = Script({"*": Behaviour()} if keys is None else keys)
        self.invoice: Invoice = Invoice(prices or {})
        self.log: list[Logged] = []
        self.base_url: str = ""
        self.sessions: list[LiveSession] = []
        """The live ones, in the order in which they were opened."""
        self.accepted: int = 0
        """Connections so far."""
        self._judge = Judge(self.script, self.clock, self.invoice.models or MODELS, HOSTS[poses_as] if poses_as else ITSELF)
        self._sleep = sleep
        self._lag = billing_lag_tokens
        """Output tokens that are still generated, and billed, after the client hung up."""
        self._tls = tls
        self._gates: dict[str, asyncio.Event] = {}
        self._connections: set[Connection] = set()
        self._open: dict[int, Call] = {}
        self._watchers: list[asyncio.Future[None]] = []
        self._server: asyncio.Server | None = None

    # what a test holds

    def gate(self, name: str) -> asyncio.Event:
        """Set it, and the stalls of faults of that name go on, now and later."""
        return self._gates.setdefault(name, asyncio.Event())

    def enqueue(self, *faults: Fault | None) -> None:
        """What the next requests get, whatever their key; None is a good reply."""
        self.script.queue.extend(faults)

    def shelf(self, key: str) -> Shelf:
        """What is kept for a key: files, batches and the like, to be looked at or changed."""
        return self._judge.shelves.of(key)

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def arrived(self, count: int) -> None:
        """Returns once so many requests have arrived."""
        while len(self.log) < count:
            await self._change()

    async def ended(self, count: int) -> None:
        """Returns once so many requests were answered, broken off or abandoned."""
        while len(self.log) - len(self._open) < count:
            await self._change()

    async def idle(self) -> None:
        """Returns once no client is connected."""
        while self._connections:
            await self._change()

    # its life

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serves from here on; port 0 is a free one, and `base_url` tells which."""
        self._server = await asyncio.get_running_loop().create_server(self._connect, host, port, ssl=self._tls, backlog=4096)
        bound = self._server.sockets[0].getsockname()[1]
        self.base_url = f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{bound}"

    async def aclose(self) -> None:
        """Stops listening and cuts what is open; the requests that were being answered count as abandoned."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.abort()
        await self.idle()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    # one request

    def _connect(self) -> Connection:
        self.accepted += 1
        return Connection(self.accepted, self._answer, on_made=self._connections.add, on_lost=self._lost)

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._notify()

    def _answer(self, arrived: Arrived, connection: Connection) -> Exchange | LiveSession:
        number = len(self.log) + 1
        call = self._judge.judge(arrived, number)
        call.reply.keeps_alive = arrived.keeps_alive
        call.reply.is_head_only |= arrived.method == "HEAD"
        self.log.append(_logged(arrived, call, number, self.clock.now()))
        self._open[number] = call
        self._notify()
        if call.behaviour is not None and arrived.websocket_key:
            return self._converse(call, number, arrived.websocket_key, connection)
        exchange = Exchange(number, plan(call.reply, call.fault), gate=self.gate(call.fault.name), on_end=self._end)
        delay_s = call.delay_s
        exchange.begin(connection, None if delay_s is None else lambda: self._sleep(delay_s))
        return exchange

    def _converse(self, call: Call, number: int, key: bytes, connection: Connection) -> LiveSession:
        assert call.behaviour is not None
        delay_s = call.delay_s
        protocol = call.route.speaker.protocol
        speaker = (VertexSpeaker if call.route.is_placed else SPEAKERS[protocol])(call.model, f"{number:06d}", call.behaviour)

        def bill(usage: Usage, is_partial: bool) -> None:  # noqa: FBT001  called with what it says
            model = getattr(speaker, "model", "") or call.model
            self.invoice.add(number=number, key=call.key, model=model, usage=usage, is_partial=is_partial)

        session = LiveSession(
            number,
            speaker,
            Plan(
                fault=call.fault,
                gate=self.gate(call.fault.name),
                pause=None if delay_s is None else lambda: self._sleep(delay_s),
                lag_tokens=self._lag,
            ),
            on_bill=bill,
            on_end=self._end,
        )
        self.sessions.append(session)
        session.begin(connection, key)
        return session

    def _end(self, exchange: Exchange | LiveSession) -> None:
        call = self._open.pop(exchange.number)
        place = exchange.number - 1
        is_live = isinstance(exchange, LiveSession)
        self.log[place] = replace(
            self.log[place],
            status=0 if not exchange.has_sent else SWITCHED if is_live else call.reply.status,
            is_ended=True,
            completed=not exchange.is_aborted and _is_whole(call.fault),
            aborted_by_client=exchange.is_aborted,
        )
        if not isinstance(exchange, LiveSession):
            self._bill(exchange, call)
        self._notify()

    def _bill(self, exchange: Exchange, call: Call) -> None:
        generation, fault = call.generation, call.fault
        if call.provided is not None and (fault.is_generated or exchange.is_aborted):
            # Families are billed for what was asked, whether or not it was waited for.
            self._charge(exchange, call, call.provided.usage, call.provided.unit)
        if generation is None or (fault.error_after == 0) or not (fault.is_generated or exchange.is_aborted):
            return
        usage = generation.usage
        if exchange.is_aborted:
            usage = partial(usage, exchange.generated + self._lag)
        elif fault.error_after is not None:
            usage = partial(usage, exchange.generated)
        self._charge(exchange, call, usage, generation.tier)

    def _charge(self, exchange: Exchange, call: Call, usage: Usage, variant: str) -> None:
        is_partial = exchange.is_aborted
        self.invoice.add(number=exchange.number, key=call.key, model=call.model, usage=usage, is_partial=is_partial, variant=variant)

    # those who wait for it

    def _notify(self) -> None:
        if self._watchers:
            watchers, self._watchers = self._watchers, []
            for watcher in watchers:
                if not watcher.done():
                    watcher.set_result(None)

    async def _change(self) -> None:
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await watcher


def _logged(arrived: Arrived, call: Call, number: int, now: float) -> Logged:
    path, _, query = arrived.target.partition("?")
    return Logged(
        number=number,
        arrived_at=now,
        connection=arrived.connection,
        method=arrived.method,
        path=path,
        query=query,
        headers=arrived.headers,
        body=arrived.body,
        key=call.key,
        protocol=call.route.speaker.protocol,
        model=call.model,
        is_stream=call.is_stream,
        fault=call.fault.name,
    )


def _is_whole(fault: Fault) -> bool:
    """Whether the fault lets the reply be delivered in full."""
    is_cut = fault.action in {"reset", "close"} and fault.point != "end"
    return not is_cut and fault.framing not in NEVER_WHOLE
