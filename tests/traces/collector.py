"""A collector on a socket: what it is sent is read with OpenTelemetry's own classes."""

import asyncio
import ssl
from typing import Any, Self

import h11
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

PROTOBUF = "application/x-protobuf"


def answer(status: int = 200, *, rejected: int = 0, **fields: str) -> tuple[int, dict[str, str], bytes]:
    """One, as a collector's are; field names with underscores."""
    body = ExportTraceServiceResponse()
    if rejected:
        body.partial_success.rejected_spans = rejected
    return status, {"content-type": PROTOBUF} | {name.replace("_", "-"): value for name, value in fields.items()}, body.SerializeToString()


def values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


class Collector:
    """`answers` are given in turn, then 200, and None hangs up; while `is_silent` is set none is. `requests` are (target, fields)."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.answers: list[tuple[int, dict[str, str], bytes] | None] = []
        self.is_silent = False
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.batches: list[Any] = []
        self.connections = 0
        self.came = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Any]:
        """All that came, in order."""
        return [span for batch in self.batches for each in batch.resource_spans for scope in each.scope_spans for span in scope.spans]

    def tree(self) -> list[tuple[str, list[str]]]:
        """(name of a call's span, names of the spans within it), in order."""
        ours = {span.span_id for span in self.spans}
        calls = [span for span in self.spans if span.parent_span_id not in ours]
        return [(call.name, [span.name for span in self.spans if span.parent_span_id == call.span_id]) for call in calls]

    def told(self, name: str) -> dict[str, Any]:
        """The attributes of the only span with this name."""
        [span] = [span for span in self.spans if span.name == name]
        return values(span.attributes)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        connection = h11.Connection(h11.SERVER)
        try:
            while (request := await self._request(connection, reader)) is not None:
                target, fields, body = request
                self.requests.append((target, fields))
                if not self.is_silent:
                    given = self.answers.pop(0) if self.answers else answer()
                    if given is None:
                        return
                    status, told, text = given
                    if status == 200:
                        self.batches.append(ExportTraceServiceRequest.FromString(body))
                    head = h11.Response(status_code=status, headers=[*told.items(), ("content-length", str(len(text)))])
                    for event in (head, h11.Data(data=text), h11.EndOfMessage()):
                        writer.write(connection.send(event) or b"")
                self.came.set()
                if self.is_silent:
                    await asyncio.Event().wait()
                connection.start_next_cycle()
        except asyncio.CancelledError:
            pass  # the collector closes: asyncio would log it
        finally:
            writer.close()

    async def _request(self, connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes] | None:
        head, body = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                fields = {name.decode(): value.decode() for name, value in head.headers}
                return head.target.decode(), fields, body
            else:
                return None
