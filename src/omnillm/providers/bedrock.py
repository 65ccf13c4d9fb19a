"""https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html.

Every model that writes speaks Converse, those that embed have formats of their own. Claude also speaks its own Messages API through
InvokeModel: a client of that protocol stays in it. Its stream comes as event-stream chunks, each with one event in base64.
"""

import binascii
import re

import msgspec

from omnillm.errors import UpstreamLost
from omnillm.framing.eventstream import CONTENT_TYPE
from omnillm.framing.sse import Frame
from omnillm.outcome import Verdict
from omnillm.protocols.bedrock_converse.failure import failure_of
from omnillm.protocols.bedrock_converse.frames import EXCEPTION, EventFrames
from omnillm.protocols.counts import UNREADABLE
from omnillm.providers.anthropic_body import AnthropicBody
from omnillm.providers.bedrock_count import COUNTER
from omnillm.providers.endpoint import Endpoint, Streaming
from omnillm.providers.protocol_names import ANTHROPIC_MESSAGES, BEDROCK_CONVERSE
from omnillm.secret import Secret

_HOST_REGION = re.compile(r"\bbedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
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

    def __init__(self) -> None:
        self._frames = EventFrames()

    def feed(self, piece: bytes) -> list[Frame]:
        """The frames that this piece completes. Raises UpstreamLost where a message, or what is in it, is damaged."""
        return [_own(frame) for frame in self._frames.feed(piece) if frame.event == b"chunk" or frame.event.startswith(EXCEPTION)]

    def finish(self) -> bool:
        return self._frames.finish()


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


def region_of(host: str) -> str:
    """The region in the name of one of Bedrock's own hosts, "" in another's."""
    found = _HOST_REGION.search(host)
    return "" if found is None else found[1]


BEDROCK = Endpoint(
    kind="bedrock",
    protocols=(BEDROCK_CONVERSE, ANTHROPIC_MESSAGES),
    base_url=Secret(""),
    version="",
    cloud_paths={
        (BEDROCK_CONVERSE, "generate", False): "/model/{model}/converse",
        (BEDROCK_CONVERSE, "generate", True): "/model/{model}/converse-stream",
        (BEDROCK_CONVERSE, "count_tokens", False): "/model/{model}/count-tokens",
        (ANTHROPIC_MESSAGES, "generate", False): "/model/{model}/invoke",
        (ANTHROPIC_MESSAGES, "generate", True): "/model/{model}/invoke-with-response-stream",
        (ANTHROPIC_MESSAGES, "count_tokens", False): "/model/{model}/count-tokens",
        ("titan_embed", "embeddings", False): "/model/{model}/invoke",
        ("bedrock_cohere_embed", "embeddings", False): "/model/{model}/invoke",
    },
    serves={
        ANTHROPIC_MESSAGES: re.compile(r"anthropic\.claude"),
        "titan_embed": re.compile(r"amazon\.titan-embed"),
        "bedrock_cohere_embed": re.compile(r"cohere\.embed"),
    },
    streams={
        BEDROCK_CONVERSE: Streaming(CONTENT_TYPE, EventFrames),
        ANTHROPIC_MESSAGES: Streaming(CONTENT_TYPE, InvokeFrames),
    },
    anthropic_body=AnthropicBody(version="bedrock-2023-05-31", left_out=("model", "stream"), has_betas=True),
    counter=COUNTER,
    error_protocol=lambda _protocol, _body: BEDROCK_CONVERSE,
    unsent=("accept", "anthropic-beta", "anthropic-version", "openai-beta"),
    credentials="aws",
)
