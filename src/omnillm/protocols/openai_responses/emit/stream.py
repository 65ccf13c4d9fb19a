"""A stream of canonical events, written as that of the Responses API."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    Completed,
    Failed,
    Finished,
    LlmStreamEvent,
    NativeEvent,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from omnillm.model.message import Audio, ImageBase64, Native, Reasoning, Refusal, Text, ToolCall
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.differences.part_order import PART_EVENTS, PartOrder
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses.emit.envelope import Envelope, end_response, envelope_of, last_members, response_id
from omnillm.protocols.openai_responses.emit.frames import ADDED, NativeItems, Wire
from omnillm.protocols.openai_responses.emit.open_parts import OpenCall, OpenMessage, OpenReasoning, OpenText
from omnillm.protocols.openai_responses.emit.output_items import image_item
from omnillm.protocols.openai_responses.emit.parts import item_members_of, write_native
from omnillm.protocols.openai_responses.emit.reply import ending
from omnillm.protocols.openai_responses.failure import write_stream_fault
from omnillm.protocols.openai_responses.finish import note_unsaid, unfinished, write_finish
from omnillm.protocols.openai_responses.parse.parts import IN_MESSAGE
from omnillm.protocols.openai_responses.place import NAME, Place
from omnillm.protocols.protocol import Fault
from omnillm.usage import Usage

_ENDS = {"completed": "response.completed", "failed": "response.failed"}


class ResponsesEncoder:
    """One part is written at a time; a message's item stays open until a part comes that is not its own.

    A part with an item's id comes from this protocol, and so do its extensions.
    """

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._wire = Wire(context)
        self._envelope: Envelope | None = None
        self._protocol = ""
        """Of the provider that speaks."""
        self._order = PartOrder()
        self._part: Any = None
        """The part that is being written; a `Place`: it is sound, of which nothing could be said so far."""
        self._kinds: set[type] = set()
        """Of the parts so far."""
        self._message: OpenMessage | None = None
        """The message that the part which began last belongs to."""
        self._natives = NativeItems(self._wire)
        self._usage: Usage | None = None
        self._raw_usage: Any = None
        self._finished: Finished | None = None
        self._is_done = False

    @property
    def next_sequence(self) -> int:
        return self._wire.sequence

    @property
    def response_id(self) -> str:
        return response_id("", "", self._context) if self._envelope is None else self._envelope.id

    def feed(self, event: LlmStreamEvent) -> bytes:
        if self._is_done:
            return b""
        kind = type(event)
        if kind not in PART_EVENTS:
            self._WRITERS[kind](self, event)
        elif event.candidate:  # type: ignore[union-attr]  # by its kind
            self._losses.drop(f"candidates[{event.candidate}]", "Responses gives one answer")  # type: ignore[union-attr]  # likewise
        elif event.index == self._order.open and kind is not PartEnded:  # type: ignore[union-attr]  # likewise
            self._WRITERS[kind](self, event)
        else:
            self._write_parts(self._order.feed(event))
        return self._wire.take()

    def _write_parts(self, events: Iterator[Any]) -> None:
        for event in events:
            self._WRITERS[type(event)](self, event)

    def _start(self, event: ResponseStarted) -> None:
        self._protocol = event.protocol
        self._envelope = envelope = envelope_of(event, self._context, self._losses)
        response = envelope.response("in_progress", [])
        self._wire.write("response.created", {"response": response})
        self._wire.write("response.in_progress", {"response": response})
        if event.usage is not None:
            self._usage, self._raw_usage = event.usage, None

    def _part_started(self, event: PartStarted) -> None:
        part = event.part
        place = Place(self._losses, is_own=bool(getattr(part, "item_id", "")), is_reply=True, part=event.index)
        begin = self._BEGINNINGS.get(type(part))
        if begin is None:
            place.drop("", f"an answer has no {part.__struct_config__.tag} in Responses")
            return
        self._kinds.add(type(part))
        self._part = begin(self, part, place)

    def _begin_text(self, part: Text | Refusal, place: Place) -> OpenText:
        message = self._message
        if message is None or message.given_id != part.item_id:
            self._leave_message()
            self._message = message = OpenMessage(self._wire, part.item_id, item_members_of(part), place)
        return OpenText(self._wire, message, part, place)

    def _leave_message(self) -> None:
        if self._message is not None:
            self._message.leave()
            self._message = None

    def _begin_call(self, part: ToolCall, place: Place) -> OpenCall:
        self._leave_message()
        return OpenCall(self._wire, part, place)

    def _begin_reasoning(self, part: Reasoning, place: Place) -> OpenReasoning:
        self._leave_message()
        return OpenReasoning(self._wire, part, place, None if self._protocol == NAME else self._protocol)

    def _begin_image(self, part: ImageBase64, place: Place) -> None:
        self._leave_message()
        self._wire.whole_item(image_item(part, self._wire.item_id("image_generation_call", ""), place))

    def _begin_sound(self, part: Audio, place: Place) -> Place | OpenText:
        """Only the transcript can be said; it may be yet to come."""
        return self._begin_transcript(part.transcript, place) if part.transcript else place

    def _begin_transcript(self, transcript: str, place: Place) -> OpenText:
        place.approximate("", "sound, as its transcript")
        return self._begin_text(Text(text=transcript), place)

    def _begin_native(self, part: Native, place: Place) -> None:
        item = write_native(part, place)
        if item is None:
            return
        if part.vendor_extensions == IN_MESSAGE:
            message = self._message or OpenMessage(self._wire, "", {}, place)
            self._message = message
            message.end_part(message.open_part(item), item)
            return
        self._leave_message()
        self._natives.finish(item)

    def _say(self, event: TextDelta) -> None:
        if self._part is not None and (event.text or event.logprobs is not None):
            self._part.add(event.text, event.logprobs)

    def _say_more(self, event: RefusalDelta) -> None:
        if self._part is not None and event.text:
            self._part.add(event.text)

    def _argue(self, event: ToolCallDelta) -> None:
        if self._part is not None and event.arguments:
            self._part.add(event.arguments)

    def _reason(self, event: ReasoningDelta) -> None:
        if self._part is not None and (event.text or event.summary_index is not None):
            self._part.add(event)

    def _sound(self, event: AudioDelta) -> None:
        if not event.transcript:
            return
        if isinstance(self._part, Place):
            self._part = self._begin_transcript(event.transcript, self._part)
        elif self._part is not None:
            self._part.add(event.transcript)

    def _cite(self, event: CitationAdded) -> None:
        if isinstance(self._part, OpenText):
            self._part.cite(event)

    def _sign(self, event: OpaqueAdded) -> None:
        if self._part is not None and not isinstance(self._part, Place):
            self._part.sign(event)

    def _part_ended(self, _: PartEnded) -> None:
        part, self._part = self._part, None
        if isinstance(part, Place):
            part.drop("", "Responses does not speak")
        elif part is not None:
            part.end()

    def _native_event(self, event: NativeEvent) -> None:
        value = event.value
        if event.protocol != NAME or type(value) is not dict or type(value.get("type")) is not str:
            self._losses.drop("events", "progress that only its own protocol knows")
            return
        if value["type"] == ADDED and type(value.get("item")) is dict:
            self._leave_message()
            self._natives.announce(value)
        else:
            self._natives.progress(value)

    def _report(self, event: UsageReported) -> None:
        self._usage, self._raw_usage = event.usage, event.raw

    def _finish(self, event: Finished) -> None:
        if event.candidate:
            return
        self._finished = event
        note_unsaid(event, self._losses)

    def _complete(self, event: Completed) -> None:
        self._write_parts(self._order.finish())
        self._leave_message()
        self._natives.finish_all()
        finished = self._finished or unfinished(self._losses, has_parts=bool(self._kinds))
        is_own = self._protocol == NAME
        native = finished.native_reason if is_own else ""
        status, reason = write_finish(finished.reason, native, self._kinds, self._losses)
        brought = last_members(event.vendor_extensions, self._losses, is_own=is_own)
        if self._envelope is None:
            self._start(ResponseStarted())
        assert self._envelope is not None
        response = self._envelope.response(status, self._wire.output, **(ending(status, reason) | brought))
        end_response(response, self._usage, self._raw_usage if is_own else None, brought, self._losses)
        self._wire.write(_ENDS.get(status, "response.incomplete"), {"response": response})
        self._is_done = True

    def _fail(self, event: Failed) -> None:
        fault = Fault(
            status=event.status,
            code=event.code,
            message=event.message,
            request_id=self._context.id,
            details={"response_id": self.response_id},
        )
        self._wire.write_raw(write_stream_fault(fault, self._wire.sequence), 2)
        self._is_done = True

    _BEGINNINGS: ClassVar[dict[type, Callable[["ResponsesEncoder", Any, Place], Any]]] = {
        Text: _begin_text,
        Refusal: _begin_text,
        ToolCall: _begin_call,
        Reasoning: _begin_reasoning,
        ImageBase64: _begin_image,
        Audio: _begin_sound,
        Native: _begin_native,
    }
    _WRITERS: ClassVar[dict[type, Callable[["ResponsesEncoder", Any], None]]] = {
        ResponseStarted: _start,
        PartStarted: _part_started,
        TextDelta: _say,
        RefusalDelta: _say_more,
        ToolCallDelta: _argue,
        ReasoningDelta: _reason,
        AudioDelta: _sound,
        CitationAdded: _cite,
        OpaqueAdded: _sign,
        PartEnded: _part_ended,
        NativeEvent: _native_event,
        UsageReported: _report,
        Finished: _finish,
        Completed: _complete,
        Failed: _fail,
    }
