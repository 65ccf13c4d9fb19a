"""The HTTP/1.1 front: it listens, counts its connections, and lets them end. What a connection does stands in `connection.py`."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from email.utils import formatdate

from omnillm.clock import Clock
from omnillm.server.front.application import Application
from omnillm.server.front.connection import Connection
from omnillm.server.front.crowd import Crowd, FrontLimits
from omnillm.transport.timeouts import Deadlines

BACKLOG = 4096
LAST_S = 1.0
"""Seconds from the end of a drain's grace to the cut, where somebody answers what still runs."""


class Front:
    """Serves one application on any number of listening sockets. Watched by the deadlines: it writes the date anew, and ends a drain."""

    def __init__(self, application: Application, *, clock: Clock, deadlines: Deadlines, limits: FrontLimits | None = None) -> None:
        self._crowd = Crowd(application, clock, deadlines, limits or FrontLimits())
        self._server: asyncio.Server | None = None
        self._ends_at = float("inf")
        self._on_over: Callable[[], None] | None = None
        self.due = float("inf")

    @property
    def open_connections(self) -> int:
        return len(self._crowd.connections)

    @property
    def held_bytes(self) -> int:
        """Bytes of request bodies that are being received or answered."""
        return self._crowd.held_bytes

    @property
    def spooled_bytes(self) -> int:
        """As `held_bytes`, on disk."""
        return self._crowd.spooled_bytes

    async def listen(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, sock: socket.socket | None = None
    ) -> tuple[str, int]:
        """Accept connections on `host:port`, or on `sock`, open and bound already; once. Answers the address."""
        crowd = self._crowd
        crowd.deadlines.add(self)
        self.expire(crowd.clock.now())
        loop = asyncio.get_running_loop()
        handshake_s = crowd.limits.header_deadline_s if tls else None
        if sock is None:
            self._server = await loop.create_server(
                lambda: Connection(crowd), host, port, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=handshake_s
            )
        else:
            self._server = await loop.create_server(
                lambda: Connection(crowd), sock=sock, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=handshake_s
            )
        address = self._server.sockets[0].getsockname()
        return address[0], address[1]

    def end_connections(self) -> None:
        """Serve and accept as before, but let each reply be the last of its connection."""
        self._crowd.ends_connections = True

    async def drain(self, grace_s: float, *, on_over: Callable[[], None] | None = None) -> None:
        """Accept nothing more, close what is idle, let running requests end within `grace_s`, then cut them. Returns when all are gone.

        `on_over` is called when the grace is over, so that what still runs can be answered; whatever has not ended `LAST_S` later is cut.
        """
        crowd = self._crowd
        self._on_over = on_over
        self._stop_listening()
        crowd.is_draining = crowd.ends_connections = True
        self._ends_at = crowd.clock.now() + grace_s
        self.due = min(self.due, self._ends_at)
        for connection in tuple(crowd.connections):
            connection.retire()
        await self._gone()
        crowd.deadlines.discard(self)

    def forget_heads(self) -> None:
        """The application answers from something else now (a new configuration): forget what heads led to, on every connection."""
        self._crowd.heads.forget()
        for connection in self._crowd.connections:
            connection.forget_head()

    def close(self) -> None:
        """Cut everything now."""
        self._stop_listening()
        self._crowd.deadlines.discard(self)
        self._cut_all()

    def expire(self, now: float) -> None:
        """Write the date anew, once a second; end the grace of a drain when it is over."""
        crowd = self._crowd
        crowd.date_field = f"date: {formatdate(crowd.clock.wall(), usegmt=True)}\r\n".encode()
        if now >= self._ends_at:
            self._end_grace(now)
        self.due = min(now + 1.0, self._ends_at)

    def _end_grace(self, now: float) -> None:
        on_over, self._on_over = self._on_over, None
        if on_over is None:
            self._ends_at = float("inf")
            self._cut_all()
        else:
            self._ends_at = now + LAST_S
            on_over()

    async def _gone(self) -> None:
        crowd = self._crowd
        if crowd.gone is None:
            crowd.gone = asyncio.get_running_loop().create_future()
        crowd.check_gone()
        await asyncio.shield(crowd.gone)

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _cut_all(self) -> None:
        for connection in tuple(self._crowd.connections):
            connection.hang_up()
