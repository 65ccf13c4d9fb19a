"""The connections to one origin."""

from typing import Final

from omnillm.errors import NotSent, shutting_down
from omnillm.transport.connection import Connection
from omnillm.transport.limits import TransportLimits
from omnillm.transport.proxy import Proxy
from omnillm.transport.timeouts import Deadlines

LIVES: Final = 64
"""Connections that were made together do not end together: the longest of so many lives is a third longer than the shortest."""


class Pool:
    """The open connections of one origin. Of the idle ones the last used is taken first, so that the others grow old and are closed."""

    __slots__ = ("_connecting", "_deadlines", "_idle", "_joined", "_leaving", "_limits", "_open", "proxy")

    def __init__(self, *, deadlines: Deadlines, limits: TransportLimits, proxy: Proxy | None) -> None:
        self.proxy = proxy
        """The proxy for requests to http origins, which it reads. Tunnels are made by the connector."""
        self._deadlines = deadlines
        self._limits = limits
        self._idle: dict[Connection, None] = {}
        self._open: set[Connection] = set()
        self._leaving: set[Connection] = set()
        self._connecting = 0
        self._joined = 0

    @property
    def idle_count(self) -> int:
        return len(self._idle)

    @property
    def is_unused(self) -> bool:
        """Nothing is lost when it is forgotten."""
        return not (self._open or self._leaving or self._connecting)

    def take(self, now: float) -> Connection | None:
        """Give out an idle connection that is neither too old nor closed; those are closed on the way."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.due > now and connection.is_open:
                return connection
            connection.close()
        return None

    def reserve(self) -> None:
        """Make room for a connection that is being made; raises NotSent when the origin has all it may have."""
        limit = self._limits.max_open
        if limit is not None and len(self._open) + self._connecting >= limit:
            raise NotSent(f"All {limit} connections to the provider are in use.", code="upstream_connections")
        self._connecting += 1

    def unreserve(self) -> None:
        self._connecting -= 1

    def join(self, connection: Connection, now: float) -> None:
        self._joined += 1
        connection.old_at = now + self._limits.longest_life_s * (1 - self._joined % LIVES / LIVES / 4)
        self._open.add(connection)
        self._deadlines.add(connection)

    def keep(self, connection: Connection) -> None:
        if len(self._idle) < self._limits.max_idle:
            self._idle[connection] = None
        else:
            connection.close()

    def forget(self, connection: Connection) -> None:
        """It is closing, and no longer counts."""
        self._idle.pop(connection, None)
        self._deadlines.discard(connection)
        if connection in self._open:
            self._open.discard(connection)
            self._leaving.add(connection)

    def leave(self, connection: Connection) -> None:
        self.forget(connection)
        self._leaving.discard(connection)

    def close(self) -> list[Connection]:
        """Close all; returns those whose sockets are still there."""
        for connection in list(self._open):
            if connection in self._idle:
                connection.close()
            else:
                connection.fail(shutting_down())
        return list(self._leaving)
