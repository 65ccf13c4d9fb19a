"""InvokeModel's replies: its stream as the events of the Messages API, and the usage that it tells of any model.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
"""

import binascii
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from omnillm.errors import UpstreamLost
from omnillm.framing.sse import Frame
from omnillm.outcome import Verdict
from omnillm.protocols.bedrock_converse.failure import failure_of
from omnillm.protocols.bedrock_converse.frames import EXCEPTION, EventFrames
from omnillm.protocols.counts import UNREADABLE, Count
from omnillm.usage import Usage

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
