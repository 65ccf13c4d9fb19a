"""What a raw provider-native call is made of and answered with: bodies go through untouched, usage is taken on the side."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from omnillm.errors import BadRequest
from omnillm.framing.sse import Frame
from omnillm.library.arguments import check_kind, check_text, encoded
from omnillm.library.response import GatewayResponse, Priced
from omnillm.model import events
from omnillm.protocols.counts import UNREADABLE
from omnillm.usage import Usage

StreamMode = Literal["", "none", "sse", "binary", "eventstream", "websocket", "webrtc"]
"""How the reply is to come; "": as the method that is called returns it."""
JSON_TYPE: Final = b"application/json"


class PrimitiveForm(msgspec.Struct, frozen=True, kw_only=True):
    """A body of multipart/form-data: its fields, then one file, which is streamed from where it lies."""

    file: bytes | Path
    fields: Mapping[str, str] = {}
    name: str = "file"
    """Of the file's field."""
    filename: str = ""
    """"": the path's last part."""
    content_type: str = "application/octet-stream"


class PrimitiveRequest(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A request in a provider's own words: a body for its inference, or any operation of its path table by `path`."""

    body: bytes | Path | PrimitiveForm = b""
    """A `Path` is a file that is streamed from disk. Of a live session: what is said first, if anything."""
    protocol: str = ""
    """A wire protocol's name in any known spelling; "": the own one of `provider`, or of the first. A path says its own."""
    model: str = ""
    """For protocols whose body names none (Gemini)."""
    operation: str = "generate"
    """generate or count_tokens."""
    path: str = ""
    """As the provider's own clients write it: `/v1/files`, `/batches/batch_1`. A whole URL must be of the provider's origin."""
    method: str = "POST"
    query: Mapping[str, str] | str = ""
    """A `str` goes as it stands."""
    provider: str = ""
    """Who is asked; "": by a path the gateway's only provider, else whoever the model's route names."""
    stream: StreamMode = ""
    """How the reply is to come; the method of another kind refuses it."""
    headers: Mapping[str, str] = {}
    """Passed on if the allowlist has them; with a path, all but credentials and fields of a single hop."""
    session: str = ""
    tags: str = ""
    idempotency_key: str = ""
    """The call is done once, however often it is sent: see `Gateway.call`. A header of that name would go to the provider instead."""

    @classmethod
    def json(
        cls,
        body: Mapping[str, Any] | bytes,
        *,
        protocol: str = "",
        model: str = "",
        path: str = "",
        method: str = "POST",
        provider: str = "",
    ) -> "PrimitiveRequest":
        """From JSON bytes, sent as they are, or from a mapping."""
        return cls(
            body=body if isinstance(body, bytes) else encoded(body),
            protocol=protocol,
            model=model,
            path=path,
            method=method,
            provider=provider,
        )

    @classmethod
    def get(cls, path: str, *, query: Mapping[str, str] | str = "", provider: str = "") -> "PrimitiveRequest":
        """A GET of a path: a model, a file's content, a batch, a list."""
        return cls(path=path, method="GET", query=query, provider=provider)

    def with_path(self, path: str) -> "PrimitiveRequest":
        return msgspec.structs.replace(self, path=path)

    def with_method(self, method: str) -> "PrimitiveRequest":
        return msgspec.structs.replace(self, method=method)

    def with_query(self, query: Mapping[str, str] | str) -> "PrimitiveRequest":
        return msgspec.structs.replace(self, query=query)

    def with_body(self, body: bytes | Path | PrimitiveForm) -> "PrimitiveRequest":
        return msgspec.structs.replace(self, body=body)

    def with_stream(self, mode: StreamMode) -> "PrimitiveRequest":
        return msgspec.structs.replace(self, stream=mode)

    def with_headers(self, headers: Mapping[str, str]) -> "PrimitiveRequest":
        """A copy with these header fields added."""
        return msgspec.structs.replace(self, headers={**self.headers, **headers})

    def with_header(self, name: str, value: str) -> "PrimitiveRequest":
        return self.with_headers({name: value})

    def with_idempotency_key(self, key: str) -> "PrimitiveRequest":
        return msgspec.structs.replace(self, idempotency_key=key)

    def with_session(self, session: str) -> "PrimitiveRequest":
        return msgspec.structs.replace(self, session=session)

    def with_tags(self, tags: str) -> "PrimitiveRequest":
        return msgspec.structs.replace(self, tags=tags)

    def wire_headers(self) -> dict[bytes, bytes]:
        """BadRequest for a field that cannot be sent: a line break in a value would begin another field."""
        for name, value in self.headers.items():
            check_text(name, "a header's name")
            check_text(value, f"the header {name[:64]!r}")
            if not (name.isascii() and name.isprintable() and value.isascii() and value.isprintable()):
                raise BadRequest(f"The header {name[:64]!r} is not printable ASCII.", code="bad_header")
        return {name.lower().encode(): value.encode() for name, value in self.headers.items()}


def check_request(request: PrimitiveRequest) -> None:
    """TypeError: it is none, but a dict of a provider's own members; or one holds a file's name, a dict, a list of headers."""
    if not isinstance(request, PrimitiveRequest):
        raise TypeError(f"this takes a PrimitiveRequest, not a {type(request).__name__}: PrimitiveRequest.json(...) makes one")
    if isinstance(request.body, PrimitiveForm):
        check_kind(request.body.file, bytes | Path, "PrimitiveForm.file must be bytes or a Path")
    else:
        check_kind(request.body, bytes | Path, "body must be bytes (PrimitiveRequest.json(...) makes them), a Path or a PrimitiveForm")
    check_kind(request.headers, Mapping, "headers must be a mapping")
    check_text(request.model, "model")


def unknown_provider(known: Iterable[str]) -> BadRequest:
    return BadRequest(f"PrimitiveRequest.provider must name one of: {', '.join(known)}.")


def body_of(request: PrimitiveRequest) -> bytes:
    """The body of an inference call, or what a live session says first. BadRequest: it is not bytes."""
    if not isinstance(request.body, bytes):
        raise BadRequest("Inference is sent JSON bytes; files and forms are for paths that take them.")
    return request.body


class PrimitiveReply(Priced, msgspec.Struct, frozen=True, kw_only=True):
    """A provider's reply, as it came, and what it cost."""

    status: int
    body: bytes
    usage: Usage
    cost_nanousd: int
    request_id: str
    provider: str
    model: str
    key: str
    """Label of the provider key that answered."""
    attempts: int
    headers: Mapping[str, str] = {}
    """The header fields of the provider's reply that a client may see."""
    is_replay: bool = False
    """The reply of an earlier call with the same idempotency key, whose `request_id` this is. It cost nothing this time."""

    def json(self) -> Any:
        """The body, decoded. Raises msgspec.DecodeError when it is no JSON (audio, a file's content)."""
        return msgspec.json.decode(self.body)

    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()


class StreamFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a stream: its bytes as they came, its name, its data."""

    raw: bytes
    event: str
    data: bytes

    def json(self) -> Any:
        """The data, decoded. Raises msgspec.DecodeError where it is no JSON: OpenAI's last is `[DONE]`."""
        return msgspec.json.decode(self.data)


class BinaryChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a reply that is no event stream, as it came: audio, a file's content, a batch's results."""

    data: bytes


class StreamUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The usage that the frame before it reported, verbatim."""

    raw_usage: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.raw_usage)


class Completed(events.Completed, Priced, frozen=True, kw_only=True, gc=True, tag="completed"):
    """The last event of a stream that ended well, exactly once. A cut stream raises instead. It is an `omnillm.model.Completed`, too."""

    usage: Usage
    cost_nanousd: int
    request_id: str
    attempts: int
    provider: str = ""
    model: str = ""
    """The provider's own name of it."""
    key: str = ""
    """Label of the provider key that answered."""
    response: GatewayResponse | None = None
    """The whole reply, put together; None for a raw stream, whose events are the provider's own."""

    @property
    def text(self) -> str:
        """The text of the whole reply; "" for a raw stream."""
        return "" if self.response is None else self.response.content_text


ABSENT = msgspec.Raw(b"null")


class _Nested(msgspec.Struct):
    usage: msgspec.Raw = ABSENT


class _Reporting(msgspec.Struct, rename="camel"):
    """The places where the protocols report usage."""

    usage: msgspec.Raw = ABSENT
    usage_metadata: msgspec.Raw = ABSENT
    message: _Nested | None = None
    response: _Nested | None = None


def raw_usage(frame: Frame) -> bytes | None:
    """The usage object of a frame, verbatim; None when it holds none."""
    if b"_tokens" not in frame.data and b"TokenCount" not in frame.data:
        return None
    try:
        found = msgspec.json.decode(frame.data, type=_Reporting)
    except UNREADABLE:
        return None
    nested = found.message or found.response or _Nested()
    reported = (bytes(raw) for raw in (found.usage, found.usage_metadata, nested.usage))
    return next((raw for raw in reported if raw != b"null"), None)
