"""Calls of the endpoint families, in their canonical types or in bytes, and the exchanges that they would be with a provider."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from omnillm.endpoints import transcode
from omnillm.endpoints.api import ApiRequest, ApiResponse, called_in
from omnillm.endpoints.audio import ACCEPTED, SpeechRequest, SpeechResponse, TranscriptionRequest
from omnillm.endpoints.embedding_gemini import gemini_resource
from omnillm.endpoints.format import FORM_OPERATIONS
from omnillm.endpoints.forms import File
from omnillm.endpoints.images import ImageRequest
from omnillm.endpoints.registry import FORMATS
from omnillm.errors import ProtocolError, UpstreamLost
from omnillm.framing.multipart import Field, write_form
from omnillm.gateway.form import Form
from omnillm.gateway.replies.relay import Relay
from omnillm.library.arguments import encoded
from omnillm.library.bodies import open_body
from omnillm.library.primitive import PrimitiveRequest
from omnillm.library.response import Priced
from omnillm.library.streams import Stream, known_of
from omnillm.protocols.loss import Losses, LossReason
from omnillm.protocols.members import read_members
from omnillm.protocols.protocol import Members
from omnillm.providers.families import FAMILY_PATHS
from omnillm.replay import BinaryBody, JsonBody, TextBody, TransportRequest, TransportResponse
from omnillm.transport.sending import slices_of
from omnillm.usage import Usage

ResponseT = TypeVar("ResponseT", bound=ApiResponse)


class ApiReply(Priced, msgspec.Struct, Generic[ResponseT], frozen=True, kw_only=True):
    """What a provider answered, and what it cost."""

    response: ResponseT
    """In the type that belongs to the request's: an `EmbeddingResponse` to an `EmbeddingRequest`."""
    usage: Usage
    cost_nanousd: int
    request_id: str
    provider: str
    model: str
    key: str
    """Label of the provider key that answered."""
    attempts: int
    loss_reasons: tuple[LossReason, ...] = ()


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it enters the gateway."""

    wire_format: str
    body: bytes
    members: Members
    form: Form | None = None


def write(request: ApiRequest) -> Written:
    """A request in the wire format of its family. BadRequest names a member that does not fit."""
    wire_format = called_in(request)
    emitted = FORMATS[wire_format].emit_request(request, Losses())
    if FORMATS[wire_format].operation not in FORM_OPERATIONS:
        body = encoded(emitted)
        return Written(wire_format=wire_format, body=body, members=read_members(body))
    parts, content_type = form_of(emitted)
    form = Form(content_type.encode())
    for piece in parts:
        form += piece
    form.finish()
    return Written(wire_format=wire_format, body=form.digest, members=form.members, form=form)


async def read(request: PrimitiveRequest, dice: Random) -> Written:
    """A raw request in the wire format that its path asks for, in whichever form its body is; nothing of it changes.

    BadRequest: it is no request of a family, or its file cannot be read.
    """
    body, content_type = open_body(request.body, dice)
    if request.operation not in FORM_OPERATIONS:
        read = b"".join([piece async for piece in slices_of(body)])
        return Written(wire_format=request.protocol, body=read, members=read_members(read))
    form = Form(request.wire_headers().get(b"content-type", content_type))
    async for piece in slices_of(body):
        form += piece
    form.finish()
    return Written(wire_format=request.protocol, body=form.digest, members=form.members, form=form)


def accepted(request: ApiRequest) -> str:
    """The value of the `accept` field."""
    if is_stream(request) and not (isinstance(request, SpeechRequest) and not request.is_events):
        return "text/event-stream"
    if isinstance(request, SpeechRequest):
        return ACCEPTED[request.audio_format]
    return ACCEPTED.get(request.response_format, "application/json") if isinstance(request, TranscriptionRequest) else "application/json"


def is_stream(request: ApiRequest) -> bool:
    """Whether its reply comes in pieces. Speech always does. TypeError: it is no request of a family."""
    if not isinstance(request, ApiRequest):
        raise TypeError(f"this takes a request of an endpoint family, such as an EmbeddingRequest, not a {type(request).__name__}")
    return isinstance(request, SpeechRequest) or (isinstance(request, TranscriptionRequest | ImageRequest) and request.is_stream)


def form_of(members: Mapping[str, Any]) -> tuple[list[bytes], str]:
    """(pieces of the body, content type). The boundary is a digest of the members, in which it must not occur."""
    fields = [field for name, value in members.items() for field in _fields(name, value)]
    digest = blake2b(digest_size=16)
    for field in fields:
        digest.update(field.content)
    boundary = f"omnillm-{digest.hexdigest()}"
    return write_form(boundary, fields), f"multipart/form-data; boundary={boundary}"


def _fields(name: str, value: Any) -> Iterator[Field]:
    if isinstance(value, File):
        yield Field(name=name, content=value.content, filename=value.filename, content_type=value.content_type)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _fields(name, each)
    elif isinstance(value, bytes | Path):
        raise TypeError(f"`{name}` must be a File(filename=..., content=...), not a {type(value).__name__}")
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield Field(name=name, content=text.encode())


def pieces(relay: Relay) -> Stream[bytes]:
    return Stream(relay, relay.read, lambda piece: (piece,) if piece else ())


async def read_reply(relay: Relay, request: ApiRequest) -> ApiReply[Any]:
    """The family's canonical reply. UpstreamLost: the provider's is none of this family."""
    body = b"".join([piece async for piece in pieces(relay)])
    case = relay.case
    response: ApiResponse
    if isinstance(request, SpeechRequest):
        content_type = relay.upstream_headers.get(b"content-type", b"").decode("latin-1")
        response = SpeechResponse(audio=body, content_type=content_type, usage=case.usage)
    else:
        response = transcode.parse_api_response(called_in(request), body)
    return ApiReply(response=response, **known_of(case), model=case.last_lease.model, loss_reasons=case.losses)


# Exchanges


def emit_transport_request(wire_format: str, request: ApiRequest, *, base_url: str) -> TransportRequest:
    """The HTTP request that says it to a provider at `base_url`, without a credential. ProtocolError: the format cannot say it."""
    spoken = transcode.format_of(wire_format)
    losses = Losses()
    emitted = spoken.emit_request(request, losses)
    path = FAMILY_PATHS.get((wire_format, spoken.operation))
    if path is None:
        raise ProtocolError(f"No provider is asked in {wire_format}.", reason="unsupported_wire_format")
    name = gemini_resource(request.model) if wire_format.startswith("gemini_") else quote(request.model, safe="")
    url = base_url.rstrip("/") + path.replace("{model}", name)
    accept = accepted(request)
    if spoken.operation not in FORM_OPERATIONS:
        headers = (("content-type", "application/json"), ("accept", accept))
        return TransportRequest(method="POST", url=url, headers=headers, body=JsonBody(msgspec.to_builtins(emitted)))
    parts, content_type = form_of(emitted)
    headers = (("content-type", content_type), ("accept", accept))
    return TransportRequest(method="POST", url=url, headers=headers, body=BinaryBody(b"".join(parts)))


def parse_transport_response(wire_format: str, response: TransportResponse) -> ApiResponse:
    """Read a provider's whole reply. UpstreamLost: it is an error, or no reply of this format."""
    headers = {name.lower(): value for name, value in response.headers}
    if response.status != 200:
        raise UpstreamLost(f"The provider answered {response.status}.", code="upstream_failed")
    match response.body:
        case JsonBody(value):
            body = msgspec.json.encode(value)
        case TextBody(text):
            body = text.encode()
        case BinaryBody(data):
            body = data
        case _:
            raise UpstreamLost("The provider's reply has no body that could be read.", code="garbled_reply")
    if transcode.format_of(wire_format).operation == "speech":
        return SpeechResponse(audio=body, content_type=headers.get("content-type", ""))
    return transcode.parse_api_response(wire_format, body)
