"""A stream of canonical events, written as that of the Interactions API: one part after the other, a step each."""

from collections.abc import Callable
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
from omnillm.model.message import ToolCall
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.differences.part_order import PART_EVENTS, PartOrder
from omnillm.protocols.gemini_interactions.emit.frames import DONE, Wire
from omnillm.protocols.gemini_interactions.emit.open_parts import OpenStep, open_step
from omnillm.protocols.gemini_interactions.emit.reply import interaction_id, note_unsaid, tier_of
from omnillm.protocols.gemini_interactions.finish import write_finish
from omnillm.protocols.gemini_interactions.moment import write_moment
from omnillm.protocols.gemini_interactions.place import NAME, Place
from omnillm.protocols.gemini_interactions.usage import write_usage
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_responses.finish import unfinished
from omnillm.usage import Usage


class InteractionsEncoder:
    next_sequence: ClassVar = 0
    response_id: ClassVar = ""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._place = Place(losses, is_reply=True, names=context.names)
        self._wire = Wire()
        self._order = PartOrder()
        self._step: OpenStep
        """Of the part that began last: `PartOrder` gives nothing of another."""
        self._interaction: dict[str, Any] = {}
        self._has_parts = self._has_call = False
        self._usage: Usage | None = None
        self._raw_usage: Any = None
        self._finished: Finished | None = None
        self._is_done = False

    def feed(self, event: LlmStreamEvent) -> bytes:
        if self._is_done:
            return b""
        if type(event) in PART_EVENTS and event.candidate:  # type: ignore[union-attr]  # by its kind
            self._losses.drop(f"candidates[{event.candidate}]", "Interactions gives one answer")  # type: ignore[union-attr]  # likewise
        elif type(event) in PART_EVENTS:
            for due in self._order.feed(event):
                self._FEED[type(due)](self, due)
        else:
            self._FEED[type(event)](self, event)
        return self._wire.take()

    def _start(self, event: ResponseStarted) -> None:
        context = self._context
        self._place.is_own = event.protocol == NAME
        self._usage, self._raw_usage = event.usage, None
        self._interaction = {
            "id": interaction_id(event.id, event.protocol, context),
            "status": "in_progress",
            "object": "interaction",
            "model": event.model or context.model,
            "created": write_moment(context.created if event.created is None else event.created),
        }
        if tier := tier_of(event.service_tier, self._losses):
            self._interaction["service_tier"] = tier
        self._wire.write("interaction.created", {"interaction": self._interaction})
        update = {"interaction_id": self._interaction["id"], "status": "in_progress"}
        self._wire.write("interaction.status_update", update)

    def _begin(self, event: PartStarted) -> None:
        self._place.part = event.index
        self._has_parts = True
        self._has_call = self._has_call or type(event.part) is ToolCall
        self._step = open_step(event.part, self._wire, self._place)

    def _say(self, event: TextDelta | RefusalDelta) -> None:
        if type(event) is TextDelta and event.logprobs is not None:
            self._losses.drop("candidates[0].logprobs", "Interactions tells none")
        if event.text:
            self._step.say(event.text)

    def _argue(self, event: ToolCallDelta) -> None:
        if event.arguments:
            self._step.say(event.arguments)

    def _sign(self, event: OpaqueAdded) -> None:
        self._step.opaque = event.opaque

    def _report(self, event: UsageReported) -> None:
        self._usage, self._raw_usage = event.usage, event.raw

    def _finish(self, event: Finished) -> None:
        if event.candidate:
            self._losses.drop(f"candidates[{event.candidate}]", "Interactions gives one answer")
        else:
            self._finished = event
            note_unsaid(event, self._losses)

    def _complete(self, event: Completed) -> None:
        if not self._interaction:
            self._start(ResponseStarted())
        for due in self._order.finish():
            self._FEED[type(due)](self, due)
        is_own = self._place.is_own
        finished = self._finished or unfinished(self._losses, has_parts=self._has_parts)
        status = write_finish(finished.reason, finished.native_reason, self._losses, is_own=is_own, has_call=self._has_call)
        interaction = {**self._interaction, "status": status, "updated": self._interaction["created"]}
        if self._usage is not None:
            interaction["usage"] = write_usage(self._usage, self._raw_usage if is_own else None, self._losses)
        self._place.extend(interaction, event.vendor_extensions, lambda member: member[1:])
        self._wire.write("interaction.completed", {"interaction": interaction})
        self._wire.write_raw(DONE)
        self._is_done = True

    def _fail(self, event: Failed) -> None:
        self._wire.write("error", {"error": {"code": event.code, "message": event.message}})
        self._is_done = True

    _FEED: ClassVar[dict[type, Callable[["InteractionsEncoder", Any], None]]] = {
        ResponseStarted: _start,
        PartStarted: _begin,
        TextDelta: _say,
        RefusalDelta: _say,
        ToolCallDelta: _argue,
        ReasoningDelta: lambda self, event: self._step.reason(event.text, event.summary_index),
        AudioDelta: lambda self, event: self._step.sound(event.data, event.transcript),
        CitationAdded: lambda self, event: self._step.cite(event.citation),
        OpaqueAdded: _sign,
        PartEnded: lambda self, _: self._step.end(),
        NativeEvent: lambda self, event: self._losses.drop(f"events.{event.protocol}", "progress that only its own protocol knows"),
        UsageReported: _report,
        Finished: _finish,
        Completed: _complete,
        Failed: _fail,
    }
