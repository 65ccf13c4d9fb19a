"""A ConverseStream, read to canonical events. Blocks of text and of reasoning have no start of their own: their first delta is it."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec

from omnillm.framing.sse import Frame
from omnillm.model.events import (
    CitationAdded,
    Completed,
    Failed,
    Finished,
    LlmStreamEvent,
    OpaqueAdded,
    ReasoningDelta,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from omnillm.model.message import ImageBase64, Issuer, MessagePart, Native, Opaque, Reasoning, Text, ToolCall
from omnillm.protocols.base64_text import decode, encode
from omnillm.protocols.bedrock_converse.failure import STATUSES
from omnillm.protocols.bedrock_converse.finish import read_finish
from omnillm.protocols.bedrock_converse.frames import EXCEPTION
from omnillm.protocols.bedrock_converse.parse.reply import MEDIA_TYPES, begun_call, parse_citation
from omnillm.protocols.bedrock_converse.place import NAME
from omnillm.protocols.bedrock_converse.stream import failure_in
from omnillm.protocols.bedrock_converse.usage import usage_of_counts
from omnillm.protocols.loss import Losses
from omnillm.protocols.part_log import PartLog
from omnillm.protocols.shapes import Unfit, integer, mapping, optional_mapping, optional_text, rest, text

_decode = msgspec.json.Decoder().decode
_METADATA = frozenset({"usage", "metrics", "serviceTier", "p"})
_STOP = frozenset({"stopReason", "p"})
"""`p` is padding, in every event, against eavesdroppers who measure."""


class _Block:
    """A content block that is open. `index` is its part's; -1: no part was started for it yet."""

    __slots__ = ("form", "index", "kind", "lacks_arguments", "picture", "redacted", "signature")

    def __init__(self) -> None:
        self.index = -1
        self.kind: type | None = None
        self.lacks_arguments = False
        self.form = ""
        """Of an image."""
        self.picture: list[bytes] = []
        self.signature: list[str] = []
        self.redacted: list[bytes] = []


class ConverseDecoder:
    def __init__(self, issuer: Issuer, losses: Losses) -> None:
        self._issuer = issuer
        self._losses = losses
        self._open: dict[int, _Block] = {}
        self._closed = -1
        """The highest number of a block that was closed: none begins anew."""
        self._log = PartLog()
        self._has_started = False
        self._finished: Finished | None = None
        self._is_done = False

    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        if self._is_done:
            return ()
        name = frame.event
        if name.startswith(EXCEPTION):
            return self._failed(frame)
        read = self._EVENTS.get(name)
        if read is None:
            self._losses.drop("events", "an event that the gateway does not know")
            return ()
        event = mapping(_decode(frame.data), "")
        if not self._has_started and name != b"messageStart":
            raise Unfit("stream", "one that begins with messageStart")
        if self._finished is not None and name != b"metadata":
            raise Unfit("stream", "one with nothing but metadata after messageStop")
        self._log.events = []
        read(self, event)
        return self._log.events

    def finish(self) -> Sequence[LlmStreamEvent]:
        if not self._is_done:
            raise Unfit("stream", "complete")
        return ()

    def _message_start(self, event: dict[str, Any]) -> None:
        if self._has_started:
            raise Unfit("messageStart", "the only one of its stream")
        if optional_text(event, "role") not in {"", "assistant"}:
            raise Unfit("role", '"assistant"')
        self._has_started = True
        self._log.add(ResponseStarted(protocol=NAME))

    def _block_start(self, event: dict[str, Any]) -> None:
        start = mapping(event.get("start"), "start")
        block = self._block_of(event, is_new=True)
        call = optional_mapping(start, "toolUse", "start")
        kind = next(iter(start), "text")
        if call is not None:
            part = begun_call(call, "start.toolUse")
            block.lacks_arguments = type(part) is ToolCall
            self._begin(block, part)
        elif kind == "image":
            block.form = text(mapping(start[kind], "start.image").get("format"), "start.image.format")
        elif kind != "text":
            self._begin(block, Native(protocol=NAME, kind=kind, value=start))

    def _delta(self, event: dict[str, Any]) -> None:
        block = self._block_of(event)
        delta = mapping(event.get("delta"), "delta")
        for kind, read in self._DELTAS.items():
            if kind in delta:
                read(self, block, delta[kind])
                return
        self._losses.drop("events", "a delta that the gateway does not know")

    def _text_delta(self, block: _Block, value: Any) -> None:
        words = text(value, "delta.text")
        self._open_with(block, Text(text=""))
        if words:
            self._log.add(TextDelta(index=block.index, text=words))

    def _tool_delta(self, block: _Block, value: Any) -> None:
        if block.kind is Native:
            return
        if block.kind is not ToolCall:
            raise Unfit("contentBlockIndex", "that of a tool call")
        piece = text(mapping(value, "delta.toolUse").get("input"), "delta.toolUse.input")
        if piece:
            block.lacks_arguments = False
            self._log.add(ToolCallDelta(index=block.index, arguments=piece))

    def _reasoning_delta(self, block: _Block, value: Any) -> None:
        content = mapping(value, "delta.reasoningContent")
        if "redactedContent" in content:
            path = "delta.reasoningContent.redactedContent"
            block.redacted.append(decode(text(content["redactedContent"], path), path))
            return
        self._open_with(block, Reasoning())
        if "signature" in content:
            block.signature.append(text(content["signature"], "delta.reasoningContent.signature"))
        elif words := optional_text(content, "text", "delta.reasoningContent"):
            self._log.add(ReasoningDelta(index=block.index, text=words))

    def _citation_delta(self, block: _Block, value: Any) -> None:
        self._open_with(block, Text(text=""))
        self._log.add(CitationAdded(index=block.index, citation=parse_citation(mapping(value, "delta.citation"))))

    def _image_delta(self, block: _Block, value: Any) -> None:
        """An image is told when it is whole: no event grows one."""
        if not block.form:
            raise Unfit("contentBlockIndex", "that of an image")
        path = "delta.image.source"
        source = optional_mapping(mapping(value, "delta.image"), "source", "delta.image") or {}
        if "bytes" in source:
            block.picture.append(decode(text(source["bytes"], f"{path}.bytes"), f"{path}.bytes"))
        else:  # it is kept elsewhere, or an error stands in its place
            self._losses.drop("events", "a picture that is not here")

    def _open_with(self, block: _Block, part: MessagePart) -> None:
        """Start the part, if that is the first delta of its block."""
        if block.kind is None:
            self._begin(block, part)
        elif block.kind is not type(part):
            raise Unfit("delta", "of its block's own kind")

    def _begin(self, block: _Block, part: MessagePart) -> None:
        block.kind = type(part)
        block.index = self._log.start(part)

    def _block_stop(self, event: dict[str, Any]) -> None:
        block = self._block_of(event)
        number = event["contentBlockIndex"]
        del self._open[number]
        self._closed = max(self._closed, number)
        if block.redacted:
            if block.kind is not None:
                raise Unfit("delta", "of its block's own kind")
            opaque = Opaque(value=encode(b"".join(block.redacted)), issuer=self._issuer)
            self._begin(block, Reasoning(opaque=opaque, is_redacted=True))
        if block.picture:
            self._begin(block, ImageBase64(data=b"".join(block.picture), media_type=MEDIA_TYPES.get(block.form, "")))
        if block.kind is None:
            return  # a text without a word
        if block.signature:
            self._log.add(OpaqueAdded(index=block.index, opaque=Opaque(value="".join(block.signature), issuer=self._issuer)))
        if block.lacks_arguments:
            self._log.add(ToolCallDelta(index=block.index, arguments="{}"))
        self._log.end(block.index)

    def _block_of(self, event: dict[str, Any], *, is_new: bool = False) -> _Block:
        number = integer(event.get("contentBlockIndex"), "contentBlockIndex", 0)
        block = self._open.get(number)
        if block is None and number > self._closed:
            block = self._open[number] = _Block()
        elif block is None or is_new:
            raise Unfit("contentBlockIndex", "that of a new block" if is_new else "that of an open block")
        return block

    def _message_stop(self, event: dict[str, Any]) -> None:
        if self._open:
            raise Unfit("stream", "one whose blocks are all closed")
        reason, native = read_finish(text(event.get("stopReason"), "stopReason"))
        self._finished = Finished(reason=reason, native_reason=native, vendor_extensions=rest(event, _STOP))

    def _metadata(self, event: dict[str, Any]) -> None:
        if self._finished is None:
            raise Unfit("stream", "one whose metadata comes last")
        self._is_done = True
        usage = optional_mapping(event, "usage")
        counted = None if usage is None else usage_of_counts(usage)
        if counted is not None:
            self._log.add(UsageReported(usage=counted, raw=usage))
        self._log.add(self._finished)
        self._log.add(Completed(vendor_extensions=rest(event, _METADATA)))

    def _failed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        self._is_done = True
        failure = failure_in(frame)
        return (Failed(code=failure.code, message=failure.message, status=STATUSES.get(failure.verdict, 500)),)

    _EVENTS: ClassVar[dict[bytes, Callable[["ConverseDecoder", dict[str, Any]], None]]] = {
        b"contentBlockDelta": _delta,
        b"contentBlockStart": _block_start,
        b"contentBlockStop": _block_stop,
        b"messageStart": _message_start,
        b"messageStop": _message_stop,
        b"metadata": _metadata,
    }
    _DELTAS: ClassVar[dict[str, Callable[["ConverseDecoder", _Block, Any], None]]] = {
        "text": _text_delta,
        "toolUse": _tool_delta,
        "reasoningContent": _reasoning_delta,
        "citation": _citation_delta,
        "image": _image_delta,
    }
