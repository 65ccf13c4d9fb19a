"""The face of the transport."""

import asyncio
import base64
import secrets
import ssl
from collections.abc import Callable

import msgspec
from websockets.protocol import Side

from omnillm.clock import Clock
from omnillm.errors import NotSent, UpstreamLost, shutting_down
from omnillm.transport.connection import Connection
from omnillm.transport.connector import Connector
from omnillm.transport.exchange import Exchange
from omnillm.transport.handshake import ASK, SWITCHING, check_switch
from omnillm.transport.limits import DEFAULT_LIMITS, TransportLimits
from omnillm.transport.outgoing import Origin, Outgoing
from omnillm.transport.pool import Pool
from omnillm.transport.proxy import Proxies
from omnillm.transport.timeouts import Deadlines
from omnillm.transport.websocket import WebSocket

__all__ = ["Exchange", "HttpClient", "Origin", "Outgoing", "Proxies", "TransportLimits"]

FAREWELL_S = 1.0


class HttpClient:
    """Sends requests over pooled connections. Redirects, cookies and retries are not its business.

    Without `tls` the system's trust store is read at the first https connection.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        deadlines: Deadlines,
        limits: TransportLimits = DEFAULT_LIMITS,
        tls: ssl.SSLContext | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self._clock = clock
        self._deadlines = deadlines
        self._limits = limits
        self._connector = Connector(clock=clock, limits=limits, tls=tls, proxies=proxies)
        self._pools: dict[Origin, Pool] = {}
        self._sockets: set[WebSocket] = set()
        self._is_closed = False

    async def send(self, outgoing: Outgoing, *, on_begin: Callable[[float], None] | None = None) -> Exchange:
        """Send, and return at the reply's head. Raises NotSent, StaleConnection, UpstreamLost, UpstreamTimeout or Unavailable.

        `on_begin` is told the moment when the first byte is about to leave: until then a cancelled call has cost nobody anything.
        """
        pool = self._pools.get(outgoing.origin) or self._open_pool(outgoing.origin)
        now = self._clock.now()
        connection = None if outgoing.needs_new_connection else pool.take(now)
        if connection is None:
            connection = await self._connect(outgoing, pool)
            now = self._clock.now()
        if pool.proxy is not None:
            outgoing = pool.proxy.absolute(outgoing)
        if on_begin is not None:
            on_begin(now)
        try:
            connection.begin(outgoing, now)
            await connection.arrival(is_patient=False)
            if not connection.reader.has_head:
                connection.raise_fault()
            return Exchange.of(connection, now, self._limits)
        except BaseException:
            connection.fail(UpstreamLost("The exchange was given up."))
            raise

    async def switch(self, outgoing: Outgoing, *, on_begin: Callable[[float], None]) -> WebSocket | Exchange:
        """Open a WebSocket, on a connection of its own; or the reply with which the provider refuses one. Raises as `send` does.

        `outgoing` is a GET without the handshake's own fields.
        """
        key = base64.b64encode(secrets.token_bytes(16))
        asked = msgspec.structs.replace(outgoing, head=outgoing.head + ASK % key, is_stream=True, is_upgrade=True)
        pool = self._pools.get(outgoing.origin) or self._open_pool(outgoing.origin)
        connection = await self._connect(asked, pool, is_tunnel=True)
        now = self._clock.now()
        on_begin(now)
        try:
            connection.begin(asked, now)
            await connection.arrival(is_patient=False)
            reader = connection.reader
            if not reader.has_head:
                connection.raise_fault()
            if reader.status != SWITCHING:
                return Exchange.of(connection, self._clock.now(), self._limits)
            check_switch(reader.headers, key)
        except BaseException:
            connection.fail(UpstreamLost("The handshake was given up."))
            raise
        return self._adopt(connection)

    def _adopt(self, connection: Connection) -> WebSocket:
        socket = WebSocket(Side.CLIENT, clock=self._clock, deadlines=self._deadlines, on_lost=lambda _: self._sockets.discard(socket))
        self._sockets.add(socket)
        socket.adopt(*connection.switch())
        return socket

    def idle_count(self, origin: Origin) -> int:
        pool = self._pools.get(origin)
        return 0 if pool is None else pool.idle_count

    def interrupt(self) -> list[Connection]:
        """Close every connection: exchanges that are open, and those that wait for one, fail with `shutting_down`. Idempotent.

        Returns the connections whose sockets are still there. WebSockets stay open: their owners end them.
        """
        self._is_closed = True
        self._connector.close()
        return [connection for pool in self._pools.values() for connection in pool.close()]

    async def aclose(self) -> None:
        """As `interrupt`, with WebSockets, and wait a moment until TLS connections are closed in good order."""
        for socket in tuple(self._sockets):
            socket.cut()
        closing = self.interrupt()
        gone = [connection.arrival(is_patient=True) for connection in closing]
        if gone:
            await asyncio.wait(gone, timeout=FAREWELL_S)

    def _open_pool(self, origin: Origin) -> Pool:
        """Those of origins that are not asked any more go: there may be many configurations in a process's life."""
        self._pools = {known: pool for known, pool in self._pools.items() if not pool.is_unused}
        proxy = self._connector.proxy(origin) if origin.scheme == "http" else None
        pool = self._pools[origin] = Pool(deadlines=self._deadlines, limits=self._limits, proxy=proxy)
        return pool

    async def _connect(self, outgoing: Outgoing, pool: Pool, *, is_tunnel: bool = False) -> Connection:
        self._check_open()
        pool.reserve()
        timeout_s = min(outgoing.timeouts.connect_s, max(outgoing.deadline - self._clock.now(), 0.0))
        try:
            connection = await self._connector.connect(outgoing.origin, pool=pool, timeout_s=timeout_s, is_tunnel=is_tunnel)
        except NotSent:
            self._check_open()
            raise
        finally:
            pool.unreserve()
        if self._is_closed or not connection.is_open:
            connection.close()
            self._check_open()
            raise NotSent("The new connection to the provider is closed already.")
        pool.join(connection, self._clock.now())
        return connection

    def _check_open(self) -> None:
        if self._is_closed:
            raise shutting_down()
