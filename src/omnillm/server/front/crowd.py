"""What the connections of one front share: limits, deadlines, and the list of those that are open."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from websockets.protocol import Side

from omnillm.clock import Clock
from omnillm.config.settings import LimitSettings
from omnillm.server.front.application import Application
from omnillm.server.front.known_heads import KnownHeads
from omnillm.transport.burst import Burst
from omnillm.transport.timeouts import Deadlines, Watched
from omnillm.transport.websocket import WebSocket, WebSocketLimits


class FrontLimits(LimitSettings, frozen=True, kw_only=True):
    """Those of the configuration, and what it does not say. Sizes in bytes, times in seconds."""

    keepalive_s: float = 75.0
    pipelined_bytes: int = 64 * 1024


class Member(Watched, Protocol):
    """A connection, seen by its front."""

    def retire(self) -> None: ...
    def hang_up(self) -> None: ...
    def forget_head(self) -> None: ...


class Crowd:
    """What the connections of one front share, and what they hold together."""

    # fmt: off
    __slots__ = (
        "application", "burst", "clock", "connections", "date_field", "deadlines", "ending", "ends_connections", "gone", "heads",
        "held_bytes", "is_draining", "limits", "spooled_bytes",
    )
    # fmt: on

    def __init__(self, application: Application, clock: Clock, deadlines: Deadlines, limits: FrontLimits) -> None:
        self.application = application
        self.clock = clock
        self.deadlines = deadlines
        self.limits = limits
        self.burst = Burst()
        self.connections: set[Member] = set()
        self.ending: set[asyncio.Task[None]] = set()
        """Cancelled tasks whose connection is gone while they still clean up."""
        self.heads = KnownHeads(longest=limits.header_bytes)
        self.held_bytes = self.spooled_bytes = 0
        self.is_draining = False
        self.ends_connections = False
        """Each reply is the last of its connection, and says so."""
        self.date_field = b""
        self.gone: asyncio.Future[None] | None = None
        """Done when nothing is left; made by whoever waits for that."""

    def enter(self, member: Member) -> int:
        """Count one more; returns by how many there are too many now."""
        self.connections.add(member)
        self.deadlines.add(member)
        return len(self.connections) - self.limits.connections

    def leave(self, member: Member) -> None:
        self.deadlines.discard(member)
        self.connections.discard(member)
        self.check_gone()

    def cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel a task whose connection goes away. Whoever waits for the end of the front waits for what it still does."""
        self.ending.add(task)
        task.add_done_callback(self.forget_task)
        task.cancel()

    def forget_task(self, task: asyncio.Task[None]) -> None:
        self.ending.discard(task)
        self.check_gone()

    def check_gone(self) -> None:
        if self.gone is not None and not self.gone.done() and not self.connections and not self.ending:
            self.gone.set_result(None)


def open_websocket(crowd: Crowd, *, on_lost: Callable[[Exception | None], None], on_hold: Callable[[int], bool]) -> WebSocket:
    """The server's end of a WebSocket, to be given a connection's socket (`adopt`)."""
    socket = WebSocket(
        Side.SERVER,
        clock=crowd.clock,
        deadlines=crowd.deadlines,
        limits=WebSocketLimits(write_stall_s=crowd.limits.write_stall_s),
        on_lost=on_lost,
    )
    socket.on_hold = on_hold
    return socket
