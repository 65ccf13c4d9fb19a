"""Raw calls by path, on the engine that `/providers/{name}` of the server has: same table, keys, limits, bindings and ledger."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import msgspec
from msgspec.structs import replace

from omnillm.assemble import Program
from omnillm.errors import BadRequest, Forbidden, UpstreamLost
from omnillm.framing.sse import SseReader
from omnillm.gateway.bindings import Pin
from omnillm.gateway.call import Call, Caller
from omnillm.gateway.case import Case
from omnillm.gateway.native.asks import NativeAsk, check_written, read_asked, without_credentials
from omnillm.gateway.native.relay import NativeRelay
from omnillm.library.arguments import ledger_text
from omnillm.library.bodies import asks_for_events, open_body
from omnillm.library.current_span import current_span
from omnillm.library.primitive import Completed, PrimitiveReply, PrimitiveRequest, check_request, unknown_provider
from omnillm.library.streams import RawEvent, Stream, completed, known_of, raw_stream
from omnillm.protocols.bedrock_converse.frames import EventFrames
from omnillm.protocols.protocol import RequestPeek
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint, OwnPath
from omnillm.providers.families import FAMILIES, STREAMS
from omnillm.providers.heads import NATIVE_RETURNED, RETURNED
from omnillm.providers.native import UNLISTED, UPLOAD, Operation, PathAsk
from omnillm.providers.own_paths import operation_at
from omnillm.providers.paths import REALTIME, UPLOADS

METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})
UPLOAD_URL: Final = "x-goog-upload-url"
CALLS: Final = frozenset({"", "none"})
STREAMED: Final = frozenset({"", "sse", "binary", "eventstream"})


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request with a path goes."""

    provider: str
    endpoint: Endpoint
    path: str
    """Decoded."""
    written: str
    """Not decoded."""
    query: str
    """Without credentials."""


def place_of(request: PrimitiveRequest, program: Program) -> Place:
    """BadRequest: no provider is named among several, or the path or its query is none, or of another origin."""
    endpoints = program.endpoints
    name = request.provider or (next(iter(endpoints)) if len(endpoints) == 1 else "")
    if name not in endpoints:
        raise unknown_provider(endpoints)
    endpoint = endpoints[name]
    query = request.query if isinstance(request.query, str) else urlencode(request.query)
    if not all(text.isascii() and text.isprintable() and " " not in text for text in (request.path, query)):
        raise BadRequest("PrimitiveRequest.path and query must be printable ASCII without spaces.", code="invalid_path")
    url = urlsplit(request.path)
    if (url.scheme or url.netloc) and f"{url.scheme}://{url.netloc}" != endpoint.origin_url:
        raise BadRequest(f"The path is of another origin than provider {name!r}.", code="wrong_origin")
    if not url.path.startswith("/") or url.fragment or request.method not in METHODS:
        raise BadRequest("A path begins with a slash and has no fragment; a method is GET, POST, ... in capitals.", code="invalid_path")
    joined = "&".join(part for part in (url.query, query) if part)
    check_written(endpoint, unquote(url.path), url.path)
    return Place(provider=name, endpoint=endpoint, path=unquote(url.path), written=url.path, query=without_credentials(joined))


def placed(request: PrimitiveRequest, program: Program, *, is_stream: bool | None) -> tuple[PrimitiveRequest, Place | None]:
    """The request as one for inference, or an endpoint family, if it asks for that; else where it goes.

    `is_stream`: what the method that was called returns; None: it is only estimated, and nothing will be read.
    """
    if not request.path:
        return request, None
    place = place_of(request, program)
    found = operation_at(place.endpoint, place.path) if request.method == "POST" else None
    if found is None or found.operation == REALTIME:
        return request, place
    place.endpoint.check_request(request.wire_headers(), found.location)
    if is_stream is not None:
        _check_inference(request, place, found, is_stream=is_stream)
    model = found.model or request.model
    return replace(request, protocol=found.protocol, operation=found.operation, model=model, provider=place.provider), None


def _check_inference(request: PrimitiveRequest, place: Place, found: OwnPath, *, is_stream: bool) -> None:
    is_said = ":" in place.path or PROTOCOLS[found.protocol].is_native_only if found.protocol in PROTOCOLS else False
    if found.operation in FAMILIES:
        asked = Operation(method="POST", path=place.path, family=found.operation, stream=STREAMS.get(found.operation, ""))
        check_mode(request, asked, place.query, is_stream=is_stream)
    elif found.is_stream != is_stream and is_said:
        raise _wrong_mode("This path answers with a stream" if found.is_stream else "This path answers whole", is_stream=is_stream)


class NativeCalls:
    """Serves raw calls by path, for one caller."""

    def __init__(self, program: Program, caller: Caller) -> None:
        self._program = program
        self._caller = caller

    def asked(self, request: PrimitiveRequest, place: Place) -> PathAsk:
        """Forbidden: the path is in no table."""
        allowed = self._program.settings.providers[place.provider].passthrough
        return read_asked(place.provider, place.endpoint, request.method, place.path, written=place.written, allowed=allowed)

    async def call(self, request: PrimitiveRequest, place: Place) -> PrimitiveReply:
        call, ask = await self._read(request, place, is_stream=False)
        if ask.asked.operation.lists and ask.method == "GET":
            case, page = await self._program.native_lists.serve(call, ask)
            return read_reply(case, page, headers={"content-type": "application/json"}, model=ask.asked.model)
        relay = await self._program.native_engine.serve(call, ask)
        try:
            body = await self._whole(relay)
        finally:
            relay.close()
        headers = visible_headers(relay.headers)
        self._note_upload(call, relay, headers)
        return read_reply(relay.case, body, headers=headers, status=relay.status, model=ask.asked.model)

    async def stream(self, request: PrimitiveRequest, place: Place) -> NativeRelay:
        """To be closed by whoever reads it."""
        call, ask = await self._read(request, place, is_stream=True)
        return await self._program.native_engine.serve(call, ask)

    async def _whole(self, relay: NativeRelay) -> bytes:
        if relay.whole is not None:
            return relay.whole
        most, pieces, size = self._program.settings.server.limits.body_bytes, list[bytes](), 0
        while piece := await relay.read():
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise UpstreamLost(f"The reply is over {most} bytes: primitive_stream gives it in pieces.", code="upstream_too_large")
        return b"".join(pieces)

    async def _read(self, request: PrimitiveRequest, place: Place, *, is_stream: bool) -> tuple[Call, NativeAsk]:
        asked = self.asked(request, place)
        if request.idempotency_key:
            raise BadRequest(
                "An idempotency_key is for inference; what a path does once is the provider's to say, by a header.",
                code="invalid_idempotency_key",
            )
        headers = request.wire_headers()
        body, content_type = open_body(request.body, self._program.dice)
        if content_type:
            headers.setdefault(b"content-type", content_type)
        check_mode(request, asked.operation, place.query, is_stream=is_stream)
        now, program = self._program.clock.now(), self._program
        call = Call(
            protocol=PROTOCOLS[place.endpoint.protocols[0]],
            operation=asked.operation.family,
            caller=self._caller,
            model=place.provider,
            is_stream=is_stream,
            peek=RequestPeek(model=asked.model),
            headers=headers,
            started_at=now,
            wall=program.clock.wall(),
            deadline=now + program.settings.calls.deadline_s,
            provider=place.provider,
            session=ledger_text(request.session, "session"),
            tags=ledger_text(request.tags, "tags"),
            trace=current_span() if program.is_traced else None,
        )
        pin = await self._begun(call, place)
        return call, NativeAsk(
            provider=place.provider, endpoint=place.endpoint, asked=asked, method=request.method, query=place.query, body=body, pin=pin
        )

    async def _begun(self, call: Call, place: Place) -> Pin | None:
        """The key that began the upload which a request goes on with."""
        found = parse_qs(place.query).get("upload_id") if UPLOADS in place.path else None
        return await self._program.bindings.pin(call, ((UPLOAD, found[0]),)) if found else None

    def _note_upload(self, call: Call, relay: NativeRelay, headers: Mapping[str, str]) -> None:
        """Where an upload goes on is known to this process, as long as it is one of those begun lately."""
        url = headers.get(UPLOAD_URL)
        found = parse_qs(urlsplit(url).query).get("upload_id") if url else None
        if found:
            self._program.bindings.make(call, relay.lease, ((UPLOAD, found[0]),))


def check_mode(request: PrimitiveRequest, operation: Operation, query: str, *, is_stream: bool) -> None:
    """Before anything is reserved. BadRequest: the method that was called cannot return this reply."""
    asks_events = asks_for_events(request, query)
    what = f"{operation.method} {operation.path}"
    if operation.family == UNLISTED:
        return  # nobody knows how it answers
    if not is_stream and operation.stream == "eventstream":
        raise _wrong_mode(f"{what} answers with a stream", is_stream=False)
    if not is_stream and asks_events:
        raise _wrong_mode(f"This {what} asks for a stream", is_stream=False)
    if is_stream and not operation.stream:
        raise _wrong_mode(f"{what} answers whole", is_stream=True)
    if is_stream and operation.stream == "sse" and asks_events is False:
        raise _wrong_mode(f"This {what} does not ask for a stream", is_stream=True)


def check_stream(request: PrimitiveRequest, *, is_stream: bool) -> None:
    """BadRequest: `request.stream` belongs to another method, or is not supported yet."""
    check_request(request)
    if request.stream == "webrtc":
        raise Forbidden("WebRTC sessions are planned, and not served in this version: use websocket.", code="webrtc_not_supported")
    if request.stream not in (STREAMED if is_stream else CALLS):
        raise _wrong_mode(f"The request says stream={request.stream!r}", is_stream=is_stream)


def _wrong_mode(what: str, *, is_stream: bool) -> BadRequest:
    called = "primitive_stream" if is_stream else "primitive_call"
    return BadRequest(f"{what}, which is not for {called}.", code="wrong_stream_mode")


def read_native_events(relay: NativeRelay) -> Stream[RawEvent]:
    """Frames of an event stream, chunks of anything else; the last is `Completed`, or it raises."""
    whole = None if relay.whole is None else iter((relay.whole,))

    async def read() -> bytes:
        return await relay.read() if whole is None else next(whole, b"")

    def end(case: Case) -> Completed:
        failure = relay.failure
        if failure is not None:
            error = UpstreamLost(f"The provider's stream failed: {failure.code}.", code="stream_failed")
            error.note_call(case.request_id, case.attempts)
            raise error
        return completed(case)

    return raw_stream(relay, read, SseReader() if relay.is_events else EventFrames() if relay.takes_fault else None, end)


def visible_headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """The header fields of a provider's reply that its client may see."""
    names = (*RETURNED, *NATIVE_RETURNED, UPLOAD_URL)
    return {name: value.decode("latin-1") for name in names if (value := headers.get(name.encode())) is not None}


def read_reply(case: Case, body: bytes, *, headers: Mapping[str, str], status: int = 200, model: str = "") -> PrimitiveReply:
    """`model`: what the call named, where no lease names one."""
    return PrimitiveReply(status=status, body=body, **known_of(case), model=case.last_lease.model or model, headers=headers)
