"""The bridge to the Starlette app that serves what is not inference: one ASGI call for a request and its reply."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from omnillm.errors import OmniError
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
OURS = frozenset({b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding"})
"""Fields that the front writes."""


class AsgiBridge:
    """`scheme` is the operator's word: nothing of the scope is taken from `Host`."""

    def __init__(self, app: AsgiApp, *, scheme: str = "http") -> None:
        self._app = app
        self._scheme = scheme

    async def respond(self, request: Request, reply: Reply) -> None:
        exchange = _Exchange(request, reply)
        try:
            await self._app(self._scope(request), exchange.receive, exchange.send)
        finally:
            exchange.over.cancel()

    def _scope(self, request: Request) -> Message:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": f"1.{request.http_minor}",
            "method": request.method,
            "scheme": self._scheme,
            "path": request.path,
            "raw_path": request.target.partition(b"?")[0],
            "query_string": request.query.encode(),
            "root_path": "",
            "headers": list(request.headers.items()),
            "client": _client(request.peer),
            "server": None,
        }


class _Exchange:
    """The two callables of one ASGI call. A client that hangs up cancels the call, so the app hears of it without asking."""

    def __init__(self, request: Request, reply: Reply) -> None:
        self._body: bytes | None = request.body
        self._reply = reply
        self._status = 0
        self._fields = b""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def receive(self) -> Message:
        """The body in one message; after that nothing happens until the reply is complete."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.shield(self.over)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._fields = message["status"], render_fields(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self._write(message.get("body", b""), has_more=message.get("more_body", False))
            await self._reply.drain()

    def _write(self, piece: bytes, *, has_more: bool) -> None:
        reply = self._reply
        if reply.is_started:
            reply.write(piece)
            if not has_more:
                reply.end()
        elif has_more:
            reply.start(self._status, self._fields)
            reply.write(piece)
        else:
            reply.send(self._status, self._fields, piece)
        if not has_more and not self.over.done():
            self.over.set_result(None)


def render_fields(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header lines without those that the front writes. A line break in a name or value would be a second reply: an error."""
    kept = [(name, value) for name, value in headers if name.lower() not in OURS]
    fields = b"".join([b"%b: %b\r\n" % field for field in kept])
    if fields.count(b"\n") != len(kept) or fields.count(b"\r") != len(kept) or b"\0" in fields:
        raise OmniError("A header field of the reply holds a line break.")
    return fields


def _client(peer: str) -> tuple[str, int] | None:
    host, _, port = peer.rpartition(":")
    return (host.strip("[]"), int(port)) if host else None
