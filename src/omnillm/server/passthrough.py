"""Native calls: paths below `/providers/{name}`, and paths of a drop-in prefix or of the root that are not inference.

A path that two readers could read differently is never sent to a provider. Neither is a path that the provider's table does not have.
"""

import re
from typing import Final
from urllib.parse import quote

import msgspec

from omnillm.clock import Clock
from omnillm.errors import OmniError, UpstreamLost
from omnillm.gateway.bindings import Pin
from omnillm.gateway.call import Call, Caller
from omnillm.gateway.faults import fault_of, report_defect
from omnillm.gateway.native.asks import NativeAsk, read_asked, without_credentials
from omnillm.gateway.native.redirects import REDIRECTS
from omnillm.gateway.native.relay import NativeRelay
from omnillm.protocols.protocol import RequestPeek
from omnillm.providers.auth_scheme import Query
from omnillm.providers.endpoint import SIGNING, Endpoint
from omnillm.providers.heads import reply_fields
from omnillm.providers.native import PathAsk, ask
from omnillm.providers.own_paths import native_path
from omnillm.providers.paths import UPLOADS
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request
from omnillm.server.paths import PREFIXES, protocol_of, split_provider
from omnillm.server.reply_fields import native_fields
from omnillm.server.request_fields import session_of, tags_of, timeout_s
from omnillm.server.uploads import Upload
from omnillm.server.wiring import Wiring

ROOTS: Final[tuple[tuple[str, str], ...]] = (
    ("/v1/messages/batches", "anthropic"),
    ("/v1/files", "openai"),
    ("/v1/batches", "openai"),
    ("/v1/uploads", "openai"),
    ("/v1/conversations", "openai"),
    ("/v1/responses/", "openai"),
    ("/v1/interactions/", "gemini"),
    ("/v1beta/interactions/", "gemini"),
    ("/v1beta/files", "gemini"),
    ("/v1beta/cachedContents", "gemini"),
    ("/v1beta/batches", "gemini"),
    ("/upload/", "gemini"),
    ("/download/", "gemini"),
)
"""Paths without a prefix -> the prefix that they stand for, unless the header fields are those of another SDK."""
VERSIONS: Final[tuple[tuple[str, str], ...]] = (("/v1/", "openai"), ("/v1beta/", "gemini"))
"""As `ROOTS`, for every other path that is in the provider's table or that its `passthrough` opens."""
RESULTS_URL: Final = re.compile(rb'("results_url"\s*:\s*")https?://[^/"]+')
UPLOAD_URL: Final = b"x-goog-upload-url"


class Native(msgspec.Struct, frozen=True, gc=False):
    """What `open` found out of a native call before its body came."""

    provider: str
    endpoint: Endpoint
    asked: PathAsk
    caller: Caller
    holder: bytes
    """How the caller is known when an upload goes on that this call begins (`Authenticator.holder`)."""
    wiring: Wiring
    upload: Upload | None = None


class Place(msgspec.Struct, frozen=True, gc=False):
    """A provider, and a path as its own clients write it."""

    provider: str
    path: str


def place_of(request: Request, wiring: Wiring) -> Place | None:
    """The provider whose own path this is; None: it is nobody's, or the configuration names no provider for it."""
    path = request.path
    below = split_provider(path)
    if below is not None:
        return Place(below[0], below[1]) if below[0] in wiring.endpoints else None
    for prefix in PREFIXES:
        if path.startswith(f"{prefix}/"):
            provider = wiring.native.get(prefix[1:])
            return Place(provider, path[len(prefix) :]) if provider and len(path) > len(prefix) + 1 else None
    for root, prefix in ROOTS:
        if path == root or path.startswith(root if root.endswith("/") else f"{root}/"):
            provider = wiring.native.get(_spoken(request) or prefix)
            return Place(provider, path) if provider else None
    for version, prefix in VERSIONS:
        if path.startswith(version):
            provider = wiring.native.get(_spoken(request) or prefix)
            return Place(provider, path) if provider and _is_known(request, provider, wiring) else None
    return None


def _spoken(request: Request) -> str:
    """The prefix of the SDK that sent it, by its own header fields (`/v1/files` is a path of all three); "": that they do not tell."""
    headers = request.headers
    if b"anthropic-version" in headers:
        return "anthropic"
    return "gemini" if b"x-goog-api-key" in headers or b"x-goog-api-client" in headers else ""


def _is_known(request: Request, provider: str, wiring: Wiring) -> bool:
    endpoint = wiring.endpoints[provider]
    return ask(endpoint, request.method, native_path(endpoint, request.path), wiring.passthrough.get(provider, ())) is not None


def upload_of(request: Request, wiring: Wiring) -> Upload | None:
    """The upload that a request goes on with: its URL, which only who began it was told, stands for the credential."""
    return wiring.uploads.find(request.query) if UPLOADS in request.path else None


def open_native(request: Request, place: Place, caller: Caller, wiring: Wiring) -> Native:
    """Raises BadRequest for a path that could be read in two ways, Forbidden for one that is in no table."""
    endpoint = wiring.endpoints[place.provider]
    written, allowed = request.target.partition(b"?")[0].decode("latin-1"), wiring.passthrough.get(place.provider, ())
    asked = read_asked(place.provider, endpoint, request.method, place.path, written=written, allowed=allowed)
    # What is signed is hashed whole before its first byte leaves: it stays in memory, and within that limit.
    request.is_spooled = request.method not in {"GET", "HEAD", "DELETE"} and endpoint.credentials != SIGNING
    return Native(place.provider, endpoint, asked, caller, wiring.authenticator.holder(request.headers, request.query), wiring)


def open_upload(request: Request, upload: Upload, wiring: Wiring, wall: float) -> Native:
    """Raises Unauthenticated where who began it may not call any more."""
    caller = wiring.authenticator.caller_of(upload.holder, wall)
    endpoint = wiring.endpoints[upload.provider]
    asked = read_asked(upload.provider, endpoint, "POST", upload.path, written=upload.path)
    request.is_spooled = True
    return Native(upload.provider, endpoint, asked, caller, upload.holder, wiring, upload)


async def respond(native: Native, request: Request, reply: Reply, clock: Clock) -> None:
    """Serve one call. The relay is closed however this ends; a client that hangs up cancels the task that runs this."""
    wiring = native.wiring
    call = _call(native, request, clock)
    asking = NativeAsk(
        provider=native.provider,
        endpoint=native.endpoint,
        asked=native.asked,
        method=request.method,
        query=without_credentials(request.query) if native.upload is None else native.upload.query,
        body=request.body if request.spool is None else request.spool,
        pin=None if native.upload is None else Pin(provider=native.provider, key=native.upload.key, is_must=True),
        is_named=split_provider(request.path) is not None,
    )
    if native.asked.operation.lists and request.method == "GET":
        case, page = await wiring.native_lists.serve(call, asking)
        reply.send(200, b"content-type: application/json\r\n" + native_fields(case, wiring.alerts), _redirected(page, native, request))
        return
    relay = await wiring.native_engine.serve(call, asking)
    try:
        fields = reply_fields(relay.headers, is_native=True) + native_fields(relay.case, wiring.alerts)
        fields += _upload_field(native, relay, request) + _elsewhere_field(native, relay)
        if relay.whole is not None:
            reply.send(relay.status, fields, _redirected(relay.whole, native, request))
        else:
            await _stream(relay, fields, reply)
    except BaseException as error:
        relay.case.raise_defect(error)
        raise
    finally:
        relay.close()


def _redirected(body: bytes, native: Native, request: Request) -> bytes:
    """Anthropic names the URL of a batch's results, and its clients go there with their key: it must be ours, and lead here."""
    if native.asked.operation.family != "batches" or b'"results_url"' not in body:
        return body
    prefix = request.path.partition("/messages/")[0].removesuffix("/v1")
    return RESULTS_URL.sub(rb"\1" + _here(native, request, prefix).encode(), body)


def _here(native: Native, request: Request, prefix: str) -> str:
    """Our own address, as the client wrote it. What a proxy says of https is believed: only whoever asks is told the result."""
    is_https = native.wiring.scheme == "https" or request.headers.get(b"x-forwarded-proto") == b"https"
    return f"{'https' if is_https else 'http'}://{request.headers.get(b'host', b'').decode('latin-1')}{quote(prefix)}"


async def _stream(relay: NativeRelay, fields: bytes, reply: Reply) -> None:
    """Piece by piece. One that breaks off is cut, unless it is of whole messages, after which an error can be told."""
    try:
        piece = await relay.read()
        reply.start(relay.status, fields, relay.size)
        while piece:
            reply.write(piece)
            await reply.drain()
            piece = await relay.read()
    except OmniError as error:
        if not (reply.is_started and relay.takes_fault):
            raise
        report_defect(error)
        protocol = relay.case.call.protocol
        reply.write(protocol.write_stream_fault(fault_of(error, error.status, relay.case.request_id), 0))
    reply.end()


def _call(native: Native, request: Request, clock: Clock) -> Call:
    now, wiring, asked = clock.now(), native.wiring, native.asked
    patience_s = timeout_s(request.headers, wiring.deadline_s)
    return Call(
        protocol=protocol_of(request.path, request.headers),
        operation=asked.operation.family,
        caller=native.caller,
        model=native.provider,
        peek=RequestPeek(model=asked.model),
        headers=request.headers,
        started_at=now,
        wall=clock.wall(),
        deadline=now + patience_s,
        is_hurried=patience_s < wiring.deadline_s,
        provider=native.provider,
        session=session_of(request.headers),
        tags=tags_of(request.headers, native.caller),
        trace=request.trace,
    )


def _elsewhere_field(native: Native, relay: NativeRelay) -> bytes:
    """Where a redirect leads, if that is to another host: what lies there needs no key. Where a key stands in URLs, nobody is told one."""
    url = relay.headers.get(b"location", b"")
    is_told = relay.status in REDIRECTS and url.startswith((b"https://", b"http://")) and not isinstance(native.endpoint.auth, Query)
    is_elsewhere = is_told and not url.startswith(f"{native.endpoint.origin_url}/".encode())
    return b"location: %b\r\n" % url if is_elsewhere else b""


def _upload_field(native: Native, relay: NativeRelay, request: Request) -> bytes:
    """Where an upload goes on: here, at an address that nobody can guess, and not at the provider, where our client has no key."""
    url = relay.headers.get(UPLOAD_URL)
    if url is None:
        return b""
    upload = Upload.of(url.decode("latin-1"), provider=native.provider, key=relay.lease.key, holder=native.holder)
    if upload is None:
        raise UpstreamLost("The provider names a place for the upload that is none of its own paths.", code="garbled_reply")
    token = native.wiring.uploads.add(upload)
    here = _here(native, request, request.path.partition(UPLOADS)[0])
    return f"x-goog-upload-url: {here}{upload.path}?upload_id={token}&upload_protocol=resumable\r\n".encode()
