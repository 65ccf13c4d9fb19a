"""One client connection: bytes in, one request after the other, bytes out. Every way of ending passes through `cut` or `_close`.

    HEAD  ->  BODY  ->  CALL  ->  HEAD ...           a request refused, the last one, or silence:  -> CLOSING
      └─ whole request in one read ─┘                the client hangs up, takes nothing, or floods: cut, the task cancelled
                         └─ 101 ->  SWITCHED         the socket is a `WebSocket`'s from here on, and the task's; its loss cancels the task

The connection never stops reading during a call, because the end of the input is how a hang-up shows.
"""

import asyncio
from typing import Final, cast

from websockets.frames import CloseCode

from omnillm.errors import OmniError, RequestTimeout, TooLarge, Unavailable
from omnillm.gateway.faults import report_defect, report_unforeseen
from omnillm.server.front.arriving import Arriving, poured
from omnillm.server.front.crowd import Crowd, open_websocket
from omnillm.server.front.head import CHUNKED
from omnillm.server.front.head_reader import HeadReader, peer_of
from omnillm.server.front.outflow import Outflow
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request
from omnillm.server.front.share import Share
from omnillm.transport.turns import FULL_READ, give_way
from omnillm.transport.websocket import WebSocket

HEAD, BODY, CALL, CLOSING, SWITCHED = range(5)
NEVER: Final = float("inf")
LINGER_S = 5.0
"""How long input is still read and dropped behind a refusal: closing at once would reset the connection, and the client lose the answer.
So long, too, an idle client has to return TLS's farewell."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UNREADABLE = Request(method="", path="", http_minor=1, is_last=True)
"""Stands for a request whose head could not be read: something has to be answered."""


class Connection(asyncio.Protocol):
    """`due` is the one deadline that the connection has at a time; `Deadlines` calls `expire` when it has passed."""

    # fmt: off
    __slots__ = (
        "_arriving", "_crowd", "_heads", "_loop", "_outflow", "_reply", "_share", "_socket", "_state", "_task", "_transport", "due",
    )
    # fmt: on
    _loop: asyncio.AbstractEventLoop
    _transport: asyncio.Transport
    _arriving: Arriving
    _heads: HeadReader
    _outflow: Outflow

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._state = HEAD
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._socket: WebSocket | None = None
        self._share = Share(crowd)
        self.due = NEVER

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        crowd = self._crowd
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._loop = asyncio.get_running_loop()
        self._heads = HeadReader(crowd, peer_of(transport))
        self._outflow = Outflow(crowd, self._transport)
        self.due = crowd.clock.now() + crowd.limits.header_deadline_s
        surplus = crowd.enter(self)
        if crowd.is_draining or surplus > crowd.limits.connections // 8:
            self.cut()
        elif surplus > 0:
            self._refuse(Unavailable("Too many connections.", code="overloaded", retry_after_s=1.0))

    def data_received(self, data: bytes) -> None:
        state = self._state
        try:
            if state == HEAD:
                self._take_head(data)
            elif state == BODY:
                self._take_body(data)
                if len(data) >= FULL_READ:
                    give_way(self._transport, self._may_read)
            elif state == CALL:
                self._keep(data)
        except (OmniError, MemoryError) as error:
            self._refuse(error if isinstance(error, OmniError) else report_unforeseen(error))

    def eof_received(self) -> bool:
        """The client hangs up. Only a reply that is already complete is still sent; True keeps the transport open as long as that takes."""
        is_answered = self._reply is None or self._reply.is_ended
        self._cancel()
        if is_answered:
            self._close(lingers=False)
        else:
            self.cut()
        return self._transport.can_write_eof() and not self._transport.is_closing()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # a reset and a close are the same to us
        self._state = CLOSING
        self.due = NEVER
        self._cancel()
        self._share.release()
        self._crowd.leave(self)

    def pause_writing(self) -> None:
        self._outflow.pause()
        self.due = self._crowd.clock.now() + self._crowd.limits.write_stall_s

    def resume_writing(self) -> None:
        if not self._outflow.resume():
            return
        if self._state == CALL:
            self.due = NEVER
        elif self._state == HEAD:
            self._await_head()

    def _may_read(self) -> bool:
        return self._state != SWITCHED  # then the transport is another's

    # a request comes in

    def _take_head(self, data: bytes) -> None:
        if self._outflow.is_paused:  # replies lie unread, and nothing more is begun
            self._keep(data)
            return
        heads = self._heads
        is_first = not heads.input
        request = heads.feed(data)
        limits = self._crowd.limits
        if request is None:
            if is_first and heads.input:
                self.due = self._crowd.clock.now() + limits.header_deadline_s
            return
        length, rest = request.length, heads.input
        most = limits.upload_bytes if request.is_spooled else limits.body_bytes
        if length > most:
            raise TooLarge(f"The body is larger than {most} bytes.")
        if CHUNKED < length <= len(rest):
            if length:
                self._share.hold(length)
            heads.input = rest[length:]
            self._call(request, rest[:length] if request.sink is None else poured(request.sink, rest[:length]))
        else:
            self._expect_body(request, rest, most)

    def _expect_body(self, request: Request, rest: bytes, most: int) -> None:
        self._state = BODY
        self._heads.input = b""
        self._arriving = Arriving(request, most)
        self.due = self._crowd.clock.now() + self._crowd.limits.body_deadline_s
        if rest:
            self._take_body(rest)
        elif request.expects_continue:
            self._outflow.write(CONTINUE)

    def _take_body(self, piece: bytes) -> None:
        arriving = self._arriving
        surplus = arriving.feed(piece)
        self._share.hold(arriving.held)
        self._share.spool(arriving.spooled)
        if surplus is not None:
            self._heads.input = surplus
            del self._arriving
            self._call(arriving.request, arriving.finish())
        elif arriving.has_advanced():
            self.due = self._crowd.clock.now() + self._crowd.limits.body_deadline_s

    def _keep(self, data: bytes) -> None:
        """Pipelined input behind a running call, or while replies lie unread."""
        self._heads.input += data
        if len(self._heads.input) > self._crowd.limits.pipelined_bytes:
            self.hang_up()

    # a call runs

    def _call(self, request: Request, body: bytes) -> None:
        request.body = body
        self._state = CALL
        self.due = NEVER
        self._reply = reply = Reply(request, self._outflow, self)
        # named, because the default name is a formatted counter: a quarter of a microsecond
        self._task = asyncio.Task(self._serve(request, reply), loop=self._loop, name="call")

    async def _serve(self, request: Request, reply: Reply) -> None:
        # No name here may outlive its error: error, traceback and this frame would be a cycle, and hold the body until a collection.
        try:
            try:
                await self._crowd.application.respond(request, reply)
            except OmniError as error:
                report_defect(error)
                self._finish(reply, error)
            except Exception as error:  # noqa: BLE001  # the server's last resort: logged, and answered with a 500
                self._finish(reply, report_unforeseen(error))
            else:
                self._finish(reply, None)
        finally:
            if self._heads.request is request:  # cancelled by somebody else, or even the problem could not be told
                self.cut()

    def _finish(self, reply: Reply, failure: OmniError | None) -> None:
        if self._state != CALL:
            if self._state == SWITCHED:
                self._task = self._heads.request = self._reply = None
                assert self._socket is not None
                self._socket.close(CloseCode.INTERNAL_ERROR)  # unless who served it has closed it already
            return
        if not reply.is_ended:
            if reply.is_out:
                self.cut()
                return
            self._tell(failure)
        heads = self._heads
        self._task = heads.request = self._reply = None
        self._share.release()
        if self._outflow.closes or self._crowd.is_draining:
            self._close(lingers=bool(heads.input))
        else:
            self._await_head()

    def _await_head(self) -> None:
        self._state = HEAD
        if not self._outflow.is_paused:
            crowd, heads = self._crowd, self._heads
            self.due = crowd.clock.now() + crowd.limits.keepalive_s
            if heads.input:
                data, heads.input = heads.input, b""
                self.data_received(data)

    # what a reply asks for

    def switch(self, head: bytes) -> WebSocket:
        """Another protocol takes the socket over. What the client sent ahead of the answer is its first input."""
        crowd = self._crowd
        self._state = SWITCHED
        self.due = NEVER
        surplus, self._heads.input = self._heads.input, b""
        self._outflow.write(b"%b%b\r\n" % (head, crowd.date_field))
        crowd.burst.flush()
        self._socket = socket = open_websocket(crowd, on_lost=self.connection_lost, on_hold=self._share.count)
        socket.adopt(self._transport, surplus, is_write_paused=self._outflow.is_paused)
        if crowd.is_draining:
            socket.retire()
        return socket

    def cut(self) -> None:
        self._state = CLOSING
        self.due = NEVER
        if self._socket is not None:
            self._socket.cut(reason="the gateway is shutting down")
        else:
            self._outflow.cut()

    # ends

    def _tell(self, error: OmniError | None) -> None:
        rendered = self._crowd.application.problem(self._heads.request, error or OmniError("The gateway failed to answer."))
        Reply(self._heads.request or UNREADABLE, self._outflow, self).send(rendered.status, rendered.fields, rendered.body)

    def _refuse(self, error: OmniError | None) -> None:
        """Answer a request that will not be read to its end."""
        if self._state == BODY:
            del self._arriving
        self._outflow.closes = True
        self._tell(error)
        self._share.release()
        self._close(lingers=True)

    def _close(self, *, lingers: bool) -> None:
        """Close when all is sent. Lingering, the client is told that nothing more comes, and may finish what it was sending."""
        self.due = self._crowd.clock.now() + (LINGER_S if lingers or self._state == HEAD else self._crowd.limits.write_stall_s)
        self._state = CLOSING
        self._outflow.end(lingers=lingers)

    def retire(self) -> None:
        """The front drains: an idle connection ends now, a busy one after its request."""
        if self._state == HEAD and not self._heads.input:
            self._close(lingers=False)
        elif self._socket is not None:
            self._socket.retire()

    def hang_up(self) -> None:
        self._cancel()
        self.cut()

    def forget_head(self) -> None:
        """Forget what the newest head led to: the next one is read anew, even if it is the same."""
        self._heads.forget()

    def _cancel(self) -> None:
        """Cancel the task, once. The front waits for what it still does."""
        task = self._task
        self._task = self._heads.request = self._reply = None
        if task is not None:
            self._crowd.cancel(task)

    def expire(self, now: float) -> None:
        if self._state == CLOSING or self._outflow.is_paused:
            if self._outflow.has_advanced():
                self.due = now + self._crowd.limits.write_stall_s
            else:
                self.hang_up()
        elif self._state == HEAD and not self._heads.input:
            self._close(lingers=False)
        else:
            self._refuse(RequestTimeout("The request did not arrive in time."))
