"""One socket to a provider, carrying one exchange at a time.

    connect -> begin -> head -> pieces -> complete -> release -> idle -> begin ...
    anything unexpected -> failed (`fault` says why, the socket is aborted) -> gone

The waiter is a bare wake-up, made only when somebody must wait: never an exception that nobody retrieves. Who wakes looks at `reader` and
`fault` again.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn, Protocol, cast

from omnillm.clock import Clock
from omnillm.errors import StaleConnection, UpstreamLost, UpstreamTimeout
from omnillm.transport.burst import Burst
from omnillm.transport.limits import TransportLimits
from omnillm.transport.outgoing import Outgoing
from omnillm.transport.reply import ReplyReader
from omnillm.transport.sending import Sending
from omnillm.transport.turns import FULL_READ, give_way

NEVER = float("inf")
ONE_WRITE_BYTES = 65_536
"""A body up to this size is joined to its head, as one piece that can wait in a burst. `sending.py` sends larger ones."""
LINGER_S = 1.0
"""How long the last chunk may follow a stream's terminal event."""
ENDS_AT_HEAD = frozenset({b"HEAD", b"CONNECT"})
WITHOUT_CONTENT = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"CONNECT"})


class Owner(Protocol):
    """What a connection needs of its pool: to return when it is idle, to be forgotten when it closes, to leave when it is gone."""

    def keep(self, connection: "Connection") -> None: ...
    def forget(self, connection: "Connection") -> None: ...
    def leave(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """A Watched item whose `due` is the nearest of its exchange's timeouts, or the end of its idle life."""

    # fmt: off
    __slots__ = (
        "_burst", "_clock", "_idle_s", "_is_busy", "_is_lingering", "_is_patient", "_is_paused", "_is_reused", "_limits", "_loop",
        "_owner", "_sending", "_sink", "_total_due", "_transport", "_unread", "_waiter", "due", "fault", "old_at", "reader", "seen_at",
    )
    # fmt: on

    def __init__(self, owner: Owner, *, clock: Clock, limits: TransportLimits, burst: Burst) -> None:
        self.due = NEVER
        self.old_at = NEVER
        """When it is not to be used any more, however busy it is."""
        self.reader = ReplyReader(limits)
        self.fault: Exception | None = None
        self.seen_at = 0.0
        """When the last bytes came, or reading was resumed."""
        self._owner = owner
        self._clock = clock
        self._burst = burst
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._sink: Callable[[bytes], bool] | None = None
        self._sending = Sending()
        self._unread = 0
        self._idle_s = self._total_due = NEVER
        self._is_busy = self._is_lingering = self._is_paused = self._is_patient = self._is_reused = False

    # Called by the exchange.

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    @property
    def has_news(self) -> bool:
        """Whether there is something to read, if only the end or a failure."""
        reader = self.reader
        return bool(reader.pieces) or reader.is_complete or self.fault is not None

    def abandon(self) -> None:
        """Whoever made it has left: abort at once. Saying TLS's farewell first would go on with a socket that is closed."""
        if hasattr(self, "_transport"):
            self._transport.abort()

    def begin(self, outgoing: Outgoing, now: float) -> None:
        """Send a request. The rest of a large body follows as the socket takes it, whether or not the reply has begun."""
        self._idle_s, self.due, self._total_due = outgoing.dues(now)
        self._is_busy = True
        self._unread = 0
        method, head, body = outgoing.method, outgoing.head, outgoing.body
        self.reader.begin(is_bodiless=method in ENDS_AT_HEAD, is_upgrade=outgoing.is_upgrade)
        head = b"%bcontent-length: %d\r\n\r\n" % (head, len(body)) if body or method not in WITHOUT_CONTENT else head + b"\r\n"
        if isinstance(body, bytes) and len(body) <= ONE_WRITE_BYTES:
            self._burst.write(self._transport, head + body)
        else:
            self._burst.flush()
            self._sending.begin(self._transport, head, body)

    def arrival(self, *, is_patient: bool) -> asyncio.Future[None]:
        """A wake-up at the head and at each piece; if patient, only when the reply is complete, too much waits unread, or it failed."""
        self._is_patient = is_patient
        self._waiter = waiter = self._loop.create_future()
        return waiter

    async def pour(self, sink: Callable[[bytes], bool]) -> None:
        """Hand each piece of the body to `sink` as it comes, until that returns False, the reply is complete, or it failed.

        The sink is called from the socket's own callback: nobody is woken for a piece. What it raises fails the exchange, whose reader
        is told: in the callback nobody would be, and the loop would log the message.
        """
        self._sink = sink
        try:
            await self.arrival(is_patient=False)
        finally:
            self._sink = None
            if self._is_busy:
                self.due = self._due_of_silence()

    def raise_fault(self) -> NoReturn:
        """Raise what went wrong, and forget it: an exception that is kept would hold all frames of its traceback in a cycle."""
        raise self._take_fault() or UpstreamLost("The reply did not begin.")

    def _take_fault(self) -> Exception | None:
        fault, self.fault = self.fault, None
        return fault

    def take(self) -> bytes:
        """All of the body that has come since the last time, joined."""
        reader = self.reader
        if not reader.pieces:
            return b""
        body = reader.take()
        self._unread = 0
        if self._is_paused:
            self._resume()
        return body

    def linger(self) -> None:
        """The exchange has all it wants, but the reply's framing has not ended: give that a moment, unseen, and keep the connection."""
        if self._is_busy:
            self._is_lingering = True
            self.due = self._total_due = self._clock.now() + LINGER_S
            self.take()
        else:
            self.release()

    def release(self) -> None:
        """The exchange is over: keep the connection if its reply was complete and alone, else cut it."""
        reader = self.reader
        if not reader.is_complete:
            self.fail(UpstreamLost("The exchange was closed before its end."))
        elif self._sending.rest is not None or not reader.is_keep_alive:
            self.close()
        elif not self._transport.is_closing():
            self._is_reused = True
            due, old_at = self.seen_at + self._limits.keepalive_expiry_s, self.old_at
            self.due = due if due < old_at else old_at
            self._owner.keep(self)

    def fail(self, fault: Exception) -> None:
        """Cut the connection; idempotent, the first fault stands."""
        if self._is_busy:
            self._is_busy = False
            self.fault = fault
            self._wake()
        self._cut()

    def close(self) -> None:
        """Close it in good order, or at once when bytes of an unfinished body would be flushed first."""
        self._owner.forget(self)
        if self._sending.rest is not None:
            self._cut()
        else:
            self._transport.close()

    def switch(self) -> tuple[asyncio.Transport, bytes]:
        """After 101, or CONNECT: leave the pool, and hand over the transport, for another protocol, and what came behind the head."""
        self._is_busy = False
        self._owner.leave(self)
        return self._transport, self.reader.surplus

    def _cut(self) -> None:
        self._sending.drop()
        self._owner.forget(self)
        self._transport.abort()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = self._sink = None
            if not waiter.done():
                waiter.set_result(None)

    # Called by the deadlines and by the event loop.

    def expire(self, now: float) -> None:
        if not self._is_busy:
            self.close()
            return
        if self._sink is not None:
            # Pieces that are poured move no deadline: `seen_at` tells.
            self.due = self._due_of_silence()
            if self.due > now:
                return
        phase = "total" if now >= self._total_due else "idle" if self.reader.has_head else "first_byte"
        self.fail(UpstreamTimeout(f"The provider did not answer in time ({phase}).", phase=phase))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods and not the base class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        sink = self._sink
        if sink is None and not self._is_busy:
            self._take_unasked(data)
            return
        self.seen_at = self._clock.now()
        reader = self.reader
        try:
            if sink is None:
                reader.feed(data)
            elif (piece := reader.feed_body(data)) and not sink(piece):
                self.due = self._due_of_silence()  # before a sweep can come: who is woken runs later
                self._wake()
        except Exception as fault:  # noqa: BLE001  # not only UpstreamLost: a defect is raised where the reply is read
            self.fail(fault)
            return
        if reader.is_complete:
            self._complete()
        elif sink is None and reader.has_head:
            self._note_unread(len(data))
        if len(data) >= FULL_READ and not self._is_paused:
            give_way(self._transport, self._may_read)

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        # TLS that ends without its own farewell comes here without an eof_received.
        self._end(exc)
        self._owner.leave(self)
        self._wake()

    def pause_writing(self) -> None:
        self._sending.pause()

    def resume_writing(self) -> None:
        self._sending.resume()

    def _take_unasked(self, data: bytes) -> None:
        if self.reader.is_switched:
            self.reader.surplus += data
            return
        # A reply to nothing, or more than the reply: the connection is not to be trusted any more.
        self.reader.note_surplus()
        self._cut()

    def _note_unread(self, size: int) -> None:
        self._unread += size
        if self._unread > self._limits.max_unread_bytes and self.reader.pieces:
            self._pause()
        else:
            self.due = self._due_of_silence()
            if not self._is_patient:
                self._wake()

    def _complete(self) -> None:
        self._is_busy = False
        if self._is_lingering:
            self._is_lingering = False
            self.release()
            return
        # An exchange that nobody closes must not hold its connection for ever.
        self.due = self._total_due
        self._wake()

    def _end(self, cause: Exception | None) -> None:
        if not self._is_busy:
            return
        reader = self.reader
        if cause is None and reader.has_head and reader.is_close_delimited:
            reader.is_complete = True
            self._complete()
            return
        if self._is_reused and not reader.has_begun:
            fault: UpstreamLost = StaleConnection("A reused connection was closed before the reply began.")
        else:
            fault = UpstreamLost("The provider closed the connection before the reply was complete.")
        fault.__cause__ = cause
        self.fail(fault)

    def _may_read(self) -> bool:
        return not self.reader.is_switched  # then the transport is another's

    def _due_of_silence(self) -> float:
        return min(self._total_due, self.seen_at + self._idle_s)

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        # Our own reader is slow; that is not the provider's silence.
        self.due = self._total_due
        self._wake()

    def _resume(self) -> None:
        self._is_paused = False
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        if self._is_busy:
            self.seen_at = self._clock.now()
            self.due = self._due_of_silence()
