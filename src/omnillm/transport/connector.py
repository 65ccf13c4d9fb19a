"""How a connection is made: name, socket, proxy, TLS. If anything fails here, the request was not sent."""

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence

import aiohappyeyeballs

from omnillm.clock import Clock
from omnillm.errors import NotSent, Unavailable
from omnillm.transport.burst import Burst
from omnillm.transport.connection import Connection
from omnillm.transport.limits import TransportLimits
from omnillm.transport.names import Address, Names
from omnillm.transport.outgoing import Origin, Outgoing
from omnillm.transport.pool import Pool
from omnillm.transport.proxy import Proxies, Proxy
from omnillm.transport.timeouts import Deadlines, Timeouts
from omnillm.transport.tls import system_trust

HEAD_START_S = 0.25
"""How long the first address is tried alone (RFC 8305)."""
FAREWELL_S = 1.0
"""How long a closing TLS connection waits for the other side's farewell."""
OUR_OWN_LIMITS = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Of this process or its machine: no key of the provider's is to rest for them."""
UNHURRIED = Timeouts(total_s=float("inf"))


def _reason(error: OSError | UnicodeError) -> str:
    """In the system's words, without the address: callers are told them."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted, {error.verify_message}"
    if isinstance(error, socket.gaierror | ssl.SSLError):
        return error.strerror or type(error).__name__
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__


class Connector:
    """Makes connections. TLS is verified, always."""

    def __init__(self, *, clock: Clock, limits: TransportLimits, tls: ssl.SSLContext | None, proxies: Proxies | None) -> None:
        self._clock = clock
        self._limits = limits
        self._tls = tls
        self._burst = Burst()
        self._proxies = proxies
        self._names = Names(clock)
        self._under_way: set[asyncio.Timeout] = set()

    def close(self) -> None:
        """Everybody who waits for a connection is refused."""
        now = asyncio.get_running_loop().time()
        for limit in self._under_way:
            if not limit.expired():
                limit.reschedule(now)

    def proxy(self, origin: Origin) -> Proxy | None:
        return None if self._proxies is None else self._proxies.find(origin)

    async def connect(self, origin: Origin, *, pool: Pool, timeout_s: float, is_tunnel: bool = False) -> Connection:
        """Connect within `timeout_s` seconds, for `pool`; `is_tunnel`: past a proxy to http, too.

        Raises NotSent, from its cause; Unavailable `overloaded` where this process, or its machine, can open nothing more.
        """
        try:
            async with asyncio.timeout(timeout_s) as limit:
                self._under_way.add(limit)
                try:
                    return await self._connect(origin, pool, is_tunnel=is_tunnel)
                finally:
                    self._under_way.discard(limit)
        except TimeoutError as error:
            raise NotSent(f"No connection to the provider within {timeout_s:g} s.") from error
        except (OSError, UnicodeError) as error:
            if isinstance(error, OSError) and error.errno in OUR_OWN_LIMITS:
                raise Unavailable(
                    f"No connection to the provider can be opened: the gateway is at a limit of its own system ({error.strerror}).",
                    code="overloaded",
                    retry_after_s=1.0,
                ) from error
            raise NotSent(f"No connection to the provider: {_reason(error)}.") from error

    async def _connect(self, origin: Origin, pool: Pool, *, is_tunnel: bool) -> Connection:
        proxy = self.proxy(origin)
        connection = Connection(pool, clock=self._clock, limits=self._limits, burst=self._burst)
        if proxy is None:
            await self._open(origin, connection)
        elif origin.scheme == "https":
            tunnel = await self._tunnel(origin, proxy)
            await self._secure(tunnel, connection, origin)
        elif is_tunnel:
            tunnel = await self._tunnel(origin, proxy)
            tunnel.set_protocol(connection)
            connection.connection_made(tunnel)
        else:
            await self._open(proxy.origin, connection)
        return connection

    async def _open(self, origin: Origin, connection: Connection) -> None:
        """TCP, and TLS for https."""
        loop = asyncio.get_running_loop()
        addresses = await self._resolve(origin)
        raw = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=HEAD_START_S, loop=loop)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if origin.scheme == "http":
                await loop.create_connection(lambda: connection, sock=raw)
            else:
                await loop.create_connection(
                    lambda: connection, sock=raw, ssl=self._context(), server_hostname=origin.host, ssl_shutdown_timeout=FAREWELL_S
                )
        except BaseException:
            connection.abandon()
            raw.close()
            raise

    async def _resolve(self, origin: Origin) -> Sequence[Address]:
        try:
            version = ipaddress.ip_address(origin.host).version
        except ValueError:
            return await self._names.find(origin.host, origin.port)
        if version == 4:
            return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (origin.host, origin.port))]
        return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (origin.host, origin.port, 0, 0))]

    async def _tunnel(self, origin: Origin, proxy: Proxy) -> asyncio.Transport:
        """A connection through `proxy` to `origin`, as its bare transport."""
        pool = Pool(deadlines=Deadlines(), limits=self._limits, proxy=None)
        tunnel = Connection(pool, clock=self._clock, limits=self._limits, burst=self._burst)
        await self._open(proxy.origin, tunnel)
        head = proxy.connect_head(origin)
        ask = Outgoing(origin=proxy.origin, method=b"CONNECT", head=head, body=b"", timeouts=UNHURRIED, is_stream=False)
        try:
            if tunnel.is_open:
                tunnel.begin(ask, self._clock.now())
                await tunnel.arrival(is_patient=False)
            _check_tunnel(tunnel)
            return tunnel.switch()[0]
        except BaseException:
            tunnel.close()
            raise

    async def _secure(self, tunnel: asyncio.Transport, connection: Connection, origin: Origin) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                tunnel, connection, self._context(), server_hostname=origin.host, ssl_shutdown_timeout=FAREWELL_S
            )
        except BaseException:
            tunnel.abort()
            raise
        if transport is None:
            raise ConnectionResetError
        connection.connection_made(transport)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = system_trust()
        return self._tls


def _check_tunnel(tunnel: Connection) -> None:
    """NotSent: the proxy refused."""
    reader = tunnel.reader
    if reader.status // 100 != 2 or reader.has_surplus:
        status = f"the proxy answered {reader.status}" if reader.has_head else "the proxy closed the connection"
        raise NotSent(f"No tunnel to the provider: {status}.") from tunnel.fault
