"""One end of an open WebSocket: whole messages in and out, over `websockets`' sans-io protocol, which begins open.

    open -> closing (a close frame is out, or one has come) -> gone
    anything unexpected -> `ended` says what, the socket is closed or aborted -> gone

Frames become messages here and messages frames: boundaries and kinds are kept, fragments are put together, nothing is compressed. Too
large a message closes with 1009, what is not the protocol with 1002, text that is not UTF-8 with 1007. A slow reader pauses the socket.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from omnillm.clock import Clock
from omnillm.transport.inbox import Inbox
from omnillm.transport.message import DEFAULT_LIMITS, LOST, Ended, Message, WebSocketLimits, is_sendable, shortened
from omnillm.transport.timeouts import Deadlines
from omnillm.transport.turns import TURN_BYTES, Turns

__all__ = ["DEFAULT_LIMITS", "LOST", "Ended", "Message", "WebSocket", "WebSocketLimits"]

NEVER: Final = float("inf")
HIGH_WATER: Final = 262_144
QUIET: Final = logging.Logger("websocket", level=logging.CRITICAL)  # noqa: LOG001  outside of the tree, whose levels are the user's
"""The library's own log lines would hold what was said."""


class WebSocket(asyncio.Protocol):
    """One task reads, any may write. `close` and `cut` are synchronous and idempotent. `due` and `expire` keep it alive with pings."""

    # fmt: off
    __slots__ = (
        "_clock", "_deadlines", "_inbox", "_is_alive", "_is_paused", "_is_write_paused", "_limits", "_loop", "_on_lost",
        "_ponged", "_protocol", "_reader", "_room", "_transport", "_turns", "_unsent", "due", "ended", "is_gone", "on_hold", "on_retire",
    )
    # fmt: on

    def __init__(
        self,
        side: Side,
        *,
        clock: Clock,
        deadlines: Deadlines,
        limits: WebSocketLimits = DEFAULT_LIMITS,
        on_lost: Callable[[Exception | None], None] | None = None,
    ) -> None:
        self._clock = clock
        self._deadlines = deadlines
        self._limits = limits
        self._on_lost = on_lost
        self._protocol = Protocol(side, state=State.OPEN, max_size=limits.message_bytes, logger=QUIET)
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox()
        self._turns = Turns()
        """What has come and is read in later turns; until then nothing more comes."""
        self._ponged = 0
        """Bytes of pongs that the peer has not taken; with too many of them it counts as lost."""
        self._unsent = 0
        self._reader: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._is_alive = True
        self._is_paused = self._is_write_paused = False
        self.due = NEVER
        self.ended: Ended | None = None
        self.is_gone = False
        self.on_retire: Callable[[], None] | None = None
        """Called when the listener drains. If there is none the socket closes itself."""
        self.on_hold: Callable[[int], bool] | None = None
        """Called with the bytes of the messages that wait here, whole or not. False: too much, and the peer is told to try later."""

    def adopt(self, transport: asyncio.Transport, surplus: bytes = b"", *, is_write_paused: bool = False) -> None:
        """Take a connection over, with what came behind the handshake."""
        self._transport = transport
        self._is_write_paused = is_write_paused
        transport.set_protocol(self)
        if transport.is_closing():
            self.connection_lost(None)
            return
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self.due = self._clock.now() + self._limits.ping_s
        self._deadlines.add(self)
        if surplus:
            self.data_received(surplus)

    # called by its user

    async def read(self) -> Message | None:
        """The next message; None after the last, when `ended` says why."""
        inbox = self._inbox
        while not inbox:
            if self.ended is not None:
                return None
            self._reader = self._loop.create_future()
            await self._reader
        message = inbox.pop()
        self._count_held()
        if self._is_paused and inbox.unread_bytes <= self._limits.unread_bytes // 2:
            self._is_paused = False
            self._read_on()
        return message

    def write(self, message: Message) -> None:
        """Send it; dropped when the socket is closing."""
        if self._protocol.state is State.OPEN:
            (self._protocol.send_text if message.is_text else self._protocol.send_binary)(message.data)
            self._flush()

    async def drain(self) -> None:
        """Wait while more than the high-water mark is unsent."""
        while self._is_write_paused and not self.is_gone:
            if self._room is None or self._room.done():
                self._room = self._loop.create_future()
            await self._room

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame, and wait `close_s` for the peer's. What has come and was not read is dropped."""
        self._end(Ended(code=code, reason=reason, is_ours=True))
        if self._protocol.state is State.OPEN:
            if is_sendable(code):
                self._protocol.send_close(code, shortened(reason))
            else:
                self._protocol.send_close()
            self._flush()
        self._part()

    def cut(self, code: int = CloseCode.GOING_AWAY, reason: str = "") -> None:
        """Close now; the close frame is sent if the kernel takes it."""
        self.close(code, reason)
        if self.is_gone:
            return
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def retire(self) -> None:
        """The listener drains: tell the user of the socket, who closes it as soon as it can."""
        if self.on_retire is not None:
            self.on_retire()
        else:
            self.close(CloseCode.GOING_AWAY, "the gateway is shutting down")

    @property
    def unread(self) -> tuple[Message, ...]:
        """What has come and was not read."""
        return self._inbox.unread

    # called by asyncio

    def data_received(self, data: bytes) -> None:
        turns = self._turns
        if not turns and len(data) <= TURN_BYTES:
            self._receive(data)
            return
        if not turns:  # else it is paused, and TLS had this already
            self._transport.pause_reading()
        turns.add(data, self._receive, self._read_on)

    def _read_on(self) -> None:
        if not (self._turns or self._is_paused or self._transport.is_closing()):
            self._transport.resume_reading()

    def _receive(self, data: bytes) -> None:
        self._is_alive = True
        protocol = self._protocol
        if protocol.state is State.CLOSED:
            return
        protocol.receive_data(data)
        for frame in protocol.events_received():
            self._take(cast("Frame", frame))
        answered = self._flush()
        self._ponged = self._ponged + answered if self._is_write_paused else 0
        if self._ponged > HIGH_WATER:
            self._lose()
        if protocol.parser_exc is not None:
            sent = protocol.close_sent
            self._end(Ended(code=LOST if sent is None else sent.code, reason="" if sent is None else sent.reason, is_ours=True))
            self._part()
        self._count_held()

    def eof_received(self) -> None:
        """Without a close frame before it, the peer is gone."""
        if self._turns:  # TLS tells of the end, too, while nothing is read
            self._receive(self._turns.drain())
        self._end(Ended(code=LOST))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Ended(code=LOST))
        self.is_gone = True
        self._turns.drain()
        self.due = NEVER
        self._deadlines.discard(self)
        self._wake_writer()
        on_lost, self._on_lost = self._on_lost, None
        self.on_hold = self.on_retire = None  # whoever these call holds this socket, and a transport is a quarter of a megabyte
        if on_lost is not None:
            on_lost(exc)

    def pause_writing(self) -> None:
        self._is_write_paused = True
        self._unsent = self._transport.get_write_buffer_size()
        self._await(self._limits.write_stall_s)

    def resume_writing(self) -> None:
        self._is_write_paused = False
        self._is_alive = True
        self._await(self._limits.ping_s)
        self._wake_writer()

    def expire(self, now: float) -> None:
        limits = self._limits
        if self._protocol.state is not State.OPEN:
            self._transport.abort()
            return
        if self._is_write_paused:
            unsent = self._transport.get_write_buffer_size()
            is_stalled, self._unsent = unsent >= self._unsent, unsent
            self.due = now + limits.write_stall_s
        elif self._is_paused:  # its pongs lie unread, and that is our own slowness
            is_stalled, self.due = False, now + limits.ping_s
        else:
            is_stalled, self._is_alive = not self._is_alive, False
            self.due = now + limits.ping_s
            self._protocol.send_ping(b"")
            self._flush()
        if is_stalled:
            self._lose()

    # within

    def _lose(self) -> None:
        self._end(Ended(code=LOST))
        self._transport.abort()

    def _take(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.CLOSE:
            told = self._protocol.close_rcvd
            assert told is not None
            self._end(Ended(code=told.code, reason=told.reason))
            self._part()
        elif opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT} and self.ended is None:
            self._keep(frame)

    def _keep(self, frame: Frame) -> None:
        inbox = self._inbox
        try:
            is_whole = inbox.add(frame)
        except UnicodeDecodeError:
            self.close(CloseCode.INVALID_DATA, "text that is not UTF-8")
            return
        if not is_whole:
            return
        if inbox.unread_bytes > self._limits.unread_bytes and not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()
        self._wake_reader()

    def _count_held(self) -> None:
        if self.on_hold is not None:
            held = len(self._protocol.reader.buffer) + self._inbox.held_bytes + len(self._turns)
            if not self.on_hold(held):
                self._inbox.drop_partial()
                self.close(CloseCode.TRY_AGAIN_LATER, "too many messages are being held")

    def _flush(self) -> int:
        """Return how many bytes left."""
        transport, sent = self._transport, 0
        for piece in self._protocol.data_to_send():
            if transport.is_closing():
                break
            sent += len(piece)
            if piece:
                transport.write(piece)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()
        return sent

    def _await(self, most_s: float) -> None:
        if self._protocol.state is State.OPEN:
            self.due = self._clock.now() + most_s

    def _part(self) -> None:
        """The closing handshake has begun: read on for its other half, but not for long."""
        self.due = min(self.due, self._clock.now() + self._limits.close_s)
        self._is_paused = False
        self._read_on()

    def _end(self, ended: Ended) -> None:
        """The first end stands. What was said before the peer's own farewell is still read."""
        if self.ended is None:
            self.ended = ended
            if ended.is_ours:
                self._inbox.clear()
            self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writer(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
