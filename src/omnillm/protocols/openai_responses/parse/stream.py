"""A stream of the Responses API, read event by event.

Items are known by their `output_index` alone: some hosts give an item another id in every event. What an event at the end of a part
says beyond the deltas before it is said then, so that hosts which send no deltas lose nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec

from omnillm.framing.sse import Frame
from omnillm.model.events import (
    CitationAdded,
    Completed,
    Finished,
    LlmStreamEvent,
    NativeEvent,
    ResponseStarted,
    TextDelta,
    UsageReported,
)
from omnillm.model.message import Issuer, Refusal, Text, ToolCall
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.failure import failed_of
from omnillm.protocols.openai_responses.finish import incomplete_reason, read_finish
from omnillm.protocols.openai_responses.logprobs import chat_logprobs
from omnillm.protocols.openai_responses.parse.open_parts import OpenItem, arguments_in, open_item, piece
from omnillm.protocols.openai_responses.parse.parts import read_annotation
from omnillm.protocols.openai_responses.parse.reply import created_of, response_members
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.openai_responses.usage import read_usage
from omnillm.protocols.part_log import PartLog
from omnillm.protocols.shapes import Unfit, integer, mapping, optional_array, optional_mapping, optional_text, text

_DONE = b"[DONE]"
_decode = msgspec.json.Decoder().decode

Event = dict[str, Any]


class ResponsesDecoder:
    def __init__(self, issuer: Issuer, losses: Losses) -> None:  # noqa: ARG002 - the signature of `Codec.decoder`
        self._issuer = issuer
        self._items: dict[int, OpenItem] = {}
        self._log = PartLog()
        self._tier = ""
        self._is_started = False
        self._is_ended = False

    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        data = frame.data
        if not data or self._is_ended or data == _DONE:
            return ()
        event = _decode(data)
        if type(event) is not dict:
            raise Unfit("event", "an object")
        kind = event.get("type")
        if type(kind) is not str:
            kind = "error" if event.get("error") is not None else text(kind, "type")
        events: list[LlmStreamEvent] = []
        self._log.events = events
        self._READERS.get(kind, ResponsesDecoder._native)(self, event)
        return events

    def finish(self) -> Sequence[LlmStreamEvent]:
        if not self._is_ended:
            raise Unfit("stream", "complete")
        return ()

    def _start(self, event: Event) -> None:
        if self._is_started:
            return
        self._is_started = True
        response = optional_mapping(event, "response") or {}
        self._tier = optional_text(response, "service_tier", "response")
        self._log.add(
            ResponseStarted(
                id=optional_text(response, "id", "response"),
                model=optional_text(response, "model", "response"),
                created=created_of(response),
                service_tier=self._tier,
                protocol=NAME,
            )
        )

    def _item(self, event: Event) -> OpenItem:
        """Return the item that an event is about."""
        index = event.get("output_index")
        if type(index) is not int:
            index = integer(index, "output_index", 0)
        item = self._items.get(index)
        if item is None:
            raise Unfit("output_index", "the index of an item that was added")
        return item

    def _item_added(self, event: Event) -> None:
        self._start(event)
        index = integer(event.get("output_index"), "output_index", 0)
        item = open_item(mapping(event.get("item"), "item"), self._issuer, self._log)
        self._items[index] = item
        if item.is_native:
            self._log.add(NativeEvent(protocol=NAME, value=event))

    def _item_done(self, event: Event) -> None:
        index = integer(event.get("output_index"), "output_index", 0)
        self._close_item(index, mapping(event.get("item"), "item"))

    def _close_item(self, index: int, done: dict[str, Any]) -> None:
        self._start({})
        item = self._items.get(index)
        if item is None:
            self._items[index] = item = open_item(done, self._issuer, self._log)
        if not item.is_closed:
            item.close(done)

    def _part_added(self, event: Event) -> None:
        part = mapping(event.get("part"), "part")
        self._item(event).add_part(_content_index(event), part)

    def _part_done(self, event: Event) -> None:
        part = mapping(event.get("part"), "part")
        self._item(event).end_part(_content_index(event), part)

    def _text_delta(self, event: Event) -> None:
        track = self._item(event).track(event.get("content_index"), Text)
        delta = event.get("delta")
        if type(delta) is not str:
            raise Unfit("delta", "a string")
        track.length += len(delta)
        said = event.get("logprobs")
        logprobs = chat_logprobs(said) if said else None
        self._log.events.append(TextDelta(index=track.index, text=delta, logprobs=logprobs))

    def _annotation_added(self, event: Event) -> None:
        annotation = event.get("annotation")
        if annotation is None:
            return
        track = self._item(event).track(event.get("content_index"), Text)
        track.citations += 1
        self._log.add(CitationAdded(index=track.index, citation=read_annotation(annotation, "annotation")))

    def _delta(self, event: Event, kind: type) -> None:
        track = self._item(event).track(event.get("content_index"), kind)
        delta = text(event.get("delta"), "delta")
        track.length += len(delta)
        self._log.add(piece(track.index, kind, delta))

    def _done(self, event: Event, kind: type, whole: str) -> None:
        """Say what the end of a part says beyond its deltas."""
        self._item(event).track(event.get("content_index"), kind).say_rest(whole, self._log, event.get("logprobs"))

    def _summary_delta(self, event: Event) -> None:
        self._reason(event, integer(event.get("summary_index"), "summary_index", 0))

    def _summary_done(self, event: Event) -> None:
        """Of a piece of the summary: its text, or the part that it is."""
        number = integer(event.get("summary_index"), "summary_index", 0)
        part = optional_mapping(event, "part")
        whole = optional_text(event, "text") if part is None else optional_text(part, "text", "part")
        self._item(event).say_summary(number, whole)

    def _reason(self, event: Event, summary: int | None) -> None:
        self._item(event).reason(summary, event.get("content_index"), text(event.get("delta"), "delta"))

    def _reasoning_done(self, event: Event) -> None:
        self._item(event).say_reasoning(event.get("content_index"), optional_text(event, "text"))

    def _native(self, event: Event) -> None:
        self._start({})
        self._log.add(NativeEvent(protocol=NAME, value=event))

    def _nothing(self, event: Event) -> None:
        pass

    def _completed(self, event: Event) -> None:
        self._start(event)
        response = mapping(event.get("response"), "response")
        if not self._items:
            for index, item in enumerate(optional_array(response, "output", "response")):
                self._close_item(index, mapping(item, f"response.output[{index}]"))
        for item in self._items.values():
            if not item.is_closed:
                item.close({})
        self._report_usage(response)
        log = self._log
        reason, native = read_finish(optional_text(response, "status", "response"), incomplete_reason(response), log.kinds)
        log.add(Finished(reason=reason, native_reason=native))
        log.add(Completed(vendor_extensions=self._last_members(response)))
        self._is_ended = True

    def _last_members(self, response: dict[str, Any]) -> dict[str, Any]:
        """Return what only the end says; a tier that was "auto" until then is part of it."""
        members = response_members(response)
        tier = optional_text(response, "service_tier", "response")
        return {**members, "service_tier": tier} if tier and tier != self._tier else members

    def _report_usage(self, response: dict[str, Any]) -> None:
        usage = read_usage(response)
        if usage is not None:
            self._log.add(UsageReported(usage=usage, raw=response["usage"]))

    def _failed(self, event: Event) -> None:
        response = optional_mapping(event, "response") or {}
        self._start(event)
        self._report_usage(response)
        self._fail(response.get("error"))

    def _error(self, event: Event) -> None:
        """Read an error: nested on the wire, flat in the SDKs' types."""
        self._start({})
        self._fail(event.get("error") or {"code": event.get("code"), "message": event.get("message")})

    def _fail(self, error: Any) -> None:
        self._log.add(failed_of(error))
        self._is_ended = True

    _READERS: ClassVar[dict[str, Callable[["ResponsesDecoder", Event], None]]] = {
        "response.created": _start,
        "response.queued": _start,
        "response.in_progress": _start,
        "response.output_item.added": _item_added,
        "response.output_item.done": _item_done,
        "response.content_part.added": _part_added,
        "response.content_part.done": _part_done,
        "response.output_text.delta": _text_delta,
        "response.output_text.done": lambda self, event: self._done(event, Text, optional_text(event, "text")),
        "response.output_text.annotation.added": _annotation_added,
        "response.refusal.delta": lambda self, event: self._delta(event, Refusal),
        "response.refusal.done": lambda self, event: self._done(event, Refusal, optional_text(event, "refusal")),
        "response.reasoning_summary_part.added": _summary_done,
        "response.reasoning_summary_part.done": _summary_done,
        "response.reasoning_summary_text.delta": _summary_delta,
        "response.reasoning_summary_text.done": _summary_done,
        "response.reasoning_text.delta": lambda self, event: self._reason(event, None),
        "response.reasoning_text.done": _reasoning_done,
        "response.function_call_arguments.delta": lambda self, event: self._delta(event, ToolCall),
        "response.function_call_arguments.done": lambda self, event: self._done(event, ToolCall, arguments_in(event)),
        "response.custom_tool_call_input.delta": lambda self, event: self._delta(event, ToolCall),
        "response.custom_tool_call_input.done": lambda self, event: self._done(event, ToolCall, arguments_in(event)),
        "response.completed": _completed,
        "response.incomplete": _completed,
        "response.failed": _failed,
        "error": _error,
        "keepalive": _nothing,
        "ping": _nothing,
    }


def _content_index(event: Event) -> int:
    return integer(event.get("content_index"), "content_index", 0)
