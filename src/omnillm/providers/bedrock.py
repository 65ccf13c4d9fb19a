"""https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html.

Every model that writes speaks Converse, those that embed have formats of their own. Claude also speaks its own Messages API through
InvokeModel: a client of that protocol stays in it. Its stream comes as event-stream chunks, each with one event in base64.
"""

import binascii
import re
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from omnillm.errors import UpstreamLost
from omnillm.framing.eventstream import CONTENT_TYPE
from omnillm.framing.sse import Frame
from omnillm.outcome import Verdict
from omnillm.protocols.bedrock_converse.failure import failure_of
from omnillm.protocols.bedrock_converse.frames import EXCEPTION, EventFrames
from omnillm.protocols.counts import UNREADABLE, Count
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, BEDROCK_CONVERSE, BEDROCK_INVOKE
from omnillm.providers.anthropic_body import AnthropicBody
from omnillm.providers.bedrock_count import COUNTER
from omnillm.providers.endpoint import Endpoint, OwnPath, Streaming
from omnillm.secret import Secret
from omnillm.usage import Usage

_HOST_REGION = re.compile(r"\bbedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
_CLAUDE = re.compile(r"anthropic\.claude")
_OWN = re.compile(r"/model/(.{1,2048})/(converse|converse-stream|count-tokens|invoke|invoke-with-response-stream)")
"""Of a decoded path: an ARN has slashes."""
_ERROR_TYPES = {
    Verdict.CALLER_FAULT: "invalid_request_error",
    Verdict.RATE_LIMITED: "rate_limit_error",
    Verdict.QUOTA_EXHAUSTED: "rate_limit_error",
    Verdict.OVERLOADED: "overloaded_error",
}


class _Chunk(msgspec.Struct, frozen=True, gc=False):
    bytes: str


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str


_chunk = msgspec.json.Decoder(_Chunk).decode
_event = msgspec.json.Decoder(_Event).decode


class InvokeFrames:
    """Bytes of an InvokeModelWithResponseStream in; the Messages API's own events out, framed as server-sent ones."""

    __slots__ = ("_frames",)
    is_told_as_it_came: ClassVar = False
    """Whether a frame's bytes are the message's own, for a client that reads event streams itself."""

    def __init__(self) -> None:
        self._frames = EventFrames()

    def feed(self, piece: bytes) -> list[Frame]:
        """The frames that this piece completes. Raises UpstreamLost where a message, or what is in it, is damaged."""
        told = [self._read(frame) for frame in self._frames.feed(piece)]
        return [frame for frame in told if frame is not None]

    def _read(self, frame: Frame) -> Frame | None:
        """None: it tells nothing, and is not passed on."""
        if frame.event == b"chunk" or frame.event.startswith(EXCEPTION):
            read = _own(frame)
            return Frame(frame.raw, read.data, read.event) if self.is_told_as_it_came else read
        return Frame(frame.raw, b"") if self.is_told_as_it_came else None

    def finish(self) -> bool:
        return self._frames.finish()


class InvokedFrames(InvokeFrames):
    """The same events, each with the bytes of its message, for clients that read event streams."""

    __slots__ = ()
    is_told_as_it_came: ClassVar = True


def _own(frame: Frame) -> Frame:
    if frame.event != b"chunk":
        return _sent("error", _error(frame))
    try:
        event = binascii.a2b_base64(_chunk(frame.data).bytes)
        kind = _event(event).type
        return _sent(kind, event if b"\n" not in event and b"\r" not in event else msgspec.json.format(event, indent=-1))
    except (*UNREADABLE, ValueError) as error:
        raise UpstreamLost("The provider sent a damaged stream event: its chunk holds no event.", code="garbled_reply") from error


def _sent(kind: str, event: bytes) -> Frame:
    name = kind.encode("ascii", "replace")
    return Frame(b"event: %b\ndata: %b\n\n" % (name, event), event, name)


def _error(frame: Frame) -> bytes:
    """An exception of the service as the Messages API's error event."""
    try:
        told = msgspec.json.decode(frame.data or b"{}", type=dict[str, object])
    except UNREADABLE:
        told = {}
    failure = failure_of(frame.event.removeprefix(EXCEPTION).decode("utf-8", "replace"), told)
    kind = _ERROR_TYPES.get(failure.verdict, "api_error")
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": failure.message}})


class _Metrics(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    input_token_count: Count | None = None
    output_token_count: Count | None = None
    cache_read_input_token_count: Count | None = None
    cache_write_input_token_count: Count | None = None


class _Last(msgspec.Struct, frozen=True, gc=False):
    metrics: _Metrics | None = msgspec.field(default=None, name="amazon-bedrock-invocationMetrics")


_last = msgspec.json.Decoder(_Last).decode
_COUNTS = {
    "inputTokenCount": b"x-amzn-bedrock-input-token-count",
    "outputTokenCount": b"x-amzn-bedrock-output-token-count",
    "cacheReadInputTokenCount": b"x-amzn-bedrock-cache-read-input-token-count",
    "cacheWriteInputTokenCount": b"x-amzn-bedrock-cache-write-input-token-count",
}


def read_usage(headers: Mapping[bytes, bytes]) -> Usage | None:
    """The usage in the header fields of InvokeModel's reply, which are the same for all models; None: there is none."""
    try:
        told = {name: int(headers[field]) for name, field in _COUNTS.items() if headers.get(field, b"").isdigit()}
        return _usage(msgspec.convert(told, _Metrics)) if told else None
    except (*UNREADABLE, ValueError):
        return None


def streamed_usage(frame: Frame) -> Usage | None:
    """The usage in a frame of InvokeModelWithResponseStream, for all models the same: the last chunk has it."""
    try:
        metrics = _last(binascii.a2b_base64(_chunk(frame.data).bytes)).metrics if frame.event == b"chunk" else None
    except (*UNREADABLE, ValueError):
        return None
    return None if metrics is None else _usage(metrics)


def _usage(metrics: _Metrics) -> Usage | None:
    if metrics.input_token_count is None and metrics.output_token_count is None:
        return None
    return Usage(
        input=metrics.input_token_count or 0,
        cache_read=metrics.cache_read_input_token_count or 0,
        cache_write_short=metrics.cache_write_input_token_count or 0,
        output=metrics.output_token_count or 0,
    )


def region_of(host: str) -> str:
    """The region in the name of one of Bedrock's own hosts, "" in another's."""
    found = _HOST_REGION.search(host)
    return "" if found is None else found[1]


def _own_path(endpoint: Endpoint, path: str) -> OwnPath | None:
    """What a path of AWS's SDKs asks for. InvokeModel only for Claude: the bodies of other models are not known here."""
    found = _OWN.fullmatch(path)
    if found is None:
        return None
    model, action = found[1], found[2]
    if action == "count-tokens":
        return OwnPath(protocol=BEDROCK_CONVERSE, operation="count_tokens", model=model)
    is_claude = bool(_CLAUDE.search(model)) or endpoint.protocols == (ANTHROPIC_MESSAGES,)
    if action.startswith("invoke") and not is_claude:
        return None
    protocol = BEDROCK_CONVERSE if action.startswith("converse") else BEDROCK_INVOKE
    return OwnPath(protocol=protocol, operation="generate", model=model, is_stream=action.endswith("stream"))


BEDROCK = Endpoint(
    kind="bedrock",
    protocols=(BEDROCK_CONVERSE, ANTHROPIC_MESSAGES),
    base_url=Secret(""),
    version="",
    cloud_paths={
        (BEDROCK_CONVERSE, "generate", False): "/model/{model}/converse",
        (BEDROCK_CONVERSE, "generate", True): "/model/{model}/converse-stream",
        (BEDROCK_CONVERSE, "count_tokens", False): "/model/{model}/count-tokens",
        (BEDROCK_INVOKE, "generate", False): "/model/{model}/invoke",
        (BEDROCK_INVOKE, "generate", True): "/model/{model}/invoke-with-response-stream",
        (ANTHROPIC_MESSAGES, "generate", False): "/model/{model}/invoke",
        (ANTHROPIC_MESSAGES, "generate", True): "/model/{model}/invoke-with-response-stream",
        (ANTHROPIC_MESSAGES, "count_tokens", False): "/model/{model}/count-tokens",
        ("titan_embed", "embeddings", False): "/model/{model}/invoke",
        ("bedrock_cohere_embed", "embeddings", False): "/model/{model}/invoke",
    },
    serves={
        ANTHROPIC_MESSAGES: _CLAUDE,
        "titan_embed": re.compile(r"amazon\.titan-embed"),
        "bedrock_cohere_embed": re.compile(r"cohere\.embed"),
    },
    streams={
        BEDROCK_CONVERSE: Streaming(CONTENT_TYPE, EventFrames),
        ANTHROPIC_MESSAGES: Streaming(CONTENT_TYPE, InvokeFrames),
        BEDROCK_INVOKE: Streaming(CONTENT_TYPE, InvokedFrames),
    },
    bodies={ANTHROPIC_MESSAGES: AnthropicBody(version="bedrock-2023-05-31", left_out=("model", "stream"), has_betas=True)},
    counter=COUNTER,
    error_protocol=lambda _protocol, _body: BEDROCK_CONVERSE,
    unsent=("accept", "anthropic-beta", "anthropic-version", "openai-beta"),
    passed=(
        *("x-amzn-bedrock-trace", "x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion"),
        "x-amzn-bedrock-request-metadata",
    ),
    dearer_fields={
        "x-amzn-bedrock-service-tier": frozenset({"default"}),
        "x-amzn-bedrock-performanceconfig-latency": frozenset({"standard"}),
    },
    apart_fields=("x-amzn-bedrock-guardrailidentifier",),
    own_protocols=(BEDROCK_CONVERSE, BEDROCK_INVOKE),
    own_path=_own_path,
    read_usage=read_usage,
    credentials="aws",
)
