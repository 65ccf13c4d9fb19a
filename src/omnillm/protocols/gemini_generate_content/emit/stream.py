"""A canonical stream, written as the chunks of streamGenerateContent.

Nothing but `data: {json}` and a blank line: Google's SDKs die of event names, comments and [DONE]. The end waits for `Completed`,
because the last chunk holds the reasons of the end and the usage.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from omnillm.model.events import Completed, Failed, Finished, LlmStreamEvent, NativeEvent, ResponseStarted, TextDelta, UsageReported
from omnillm.protocols.codec import ReplyContext
from omnillm.protocols.differences.part_order import PART_EVENTS
from omnillm.protocols.gemini_generate_content.emit.candidate import CandidateWriter, Parts
from omnillm.protocols.gemini_generate_content.emit.reply import body_of, drop_tier, end_candidate, identity_of
from omnillm.protocols.gemini_generate_content.failure import write_stream_fault
from omnillm.protocols.gemini_generate_content.finish import write_finish
from omnillm.protocols.gemini_generate_content.place import NAME, Place
from omnillm.protocols.gemini_generate_content.usage import write_usage
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Fault
from omnillm.usage import Usage

_encode = msgspec.json.Encoder().encode
_HEAD = b'data: {"candidates":[{"content":{"parts":[{"text":'


class GenerateContentEncoder:
    next_sequence: ClassVar = 0
    response_id: ClassVar = ""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._place = Place(losses, is_reply=True, names=context.names)
        self._writers: dict[int, CandidateWriter] = {}
        self._finished: dict[int, Finished] = {}
        self._usage: Usage | None = None
        self._raw: Any = None
        self._identity: dict[str, Any] = {}
        self._tail = b""
        self._tails: dict[int, bytes] = {}
        """What follows the text in a chunk of a candidate."""
        self._identify("", "")

    def feed(self, event: LlmStreamEvent) -> bytes:
        if type(event) is TextDelta:
            writer = self._writers.get(event.candidate)
            if writer is not None and event.text and writer.is_plain_text(event):
                writer.add_plain_text(event.text)
                return _HEAD + _encode(event.text) + self._tails[event.candidate]
        return self._FEED[type(event)](self, event)

    def _identify(self, reply_id: str, model: str) -> None:
        self._identity = identity_of(reply_id, model, self._context)
        self._tail = b"," + _encode(self._identity)[1:] + b"\n\n"

    def _start(self, event: ResponseStarted) -> bytes:
        is_own = event.protocol == NAME
        self._place.is_own = is_own
        self._identify(event.id if is_own else "", event.model)
        self._usage = event.usage
        drop_tier(event.service_tier, self._losses)
        return b""

    def _feed_part(self, event: Any) -> bytes:
        writer = self._writers.get(event.candidate)
        if writer is None:
            writer = self._writers[event.candidate] = CandidateWriter(event.candidate, self._place)
            self._tails[event.candidate] = b'}],"role":"model"},"index":%d}]' % event.candidate + self._tail
        parts = writer.feed(event)
        return self._chunk(self._content(writer.number, parts, writer.logprobs)) if parts else b""

    def _content(self, number: int, parts: Parts, logprobs: dict[str, Any] | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": number}
        return candidate if logprobs is None else {**candidate, "logprobsResult": logprobs}

    def _chunk(self, candidate: dict[str, Any]) -> bytes:
        return b'data: {"candidates":[' + _encode(candidate) + b"]" + self._tail

    def _count(self, event: UsageReported) -> bytes:
        self._usage, self._raw = event.usage, event.raw
        return b""

    def _finish(self, event: Finished) -> bytes:
        self._finished[event.candidate] = event
        return b""

    def _complete(self, event: Completed) -> bytes:
        candidates = [self._last_words(number) for number in sorted({*self._writers, *self._finished})]
        usage = write_usage(self._usage, self._raw if self._place.is_own else None, self._losses)
        return b"data: " + _encode(body_of(candidates, usage, self._identity, event.vendor_extensions, self._place)) + b"\n\n"

    def _last_words(self, number: int) -> dict[str, Any]:
        """Write the end of a candidate. Its content is never empty: Google's chats forget a turn with a chunk that has none."""
        writer, finished = self._writers.get(number), self._finished.get(number)
        parts = [] if writer is None else writer.rest()
        last = self._content(number, parts or [{"text": ""}])
        if finished is None:
            return {**last, "finishReason": "OTHER"}
        last["finishReason"] = write_finish(
            finished.reason,
            finished.native_reason,
            self._losses,
            number,
            has_call=writer is not None and writer.has_call,
            has_refusal=writer is not None and writer.has_refusal,
        )
        self._place.number = number
        end_candidate(last, finished, () if writer is None else writer.cites, self._place)
        return last

    def _fail(self, event: Failed) -> bytes:
        fault = Fault(status=event.status, code=event.code, message=event.message, request_id=self._context.id)
        return write_stream_fault(fault, 0)

    def _native_event(self, event: NativeEvent) -> bytes:
        self._losses.drop(f"events.{event.protocol}", "progress of another protocol's tool")
        return b""

    _FEED: ClassVar[dict[type, Callable[["GenerateContentEncoder", Any], bytes]]] = {
        **dict.fromkeys(PART_EVENTS, _feed_part),
        ResponseStarted: _start,
        UsageReported: _count,
        Finished: _finish,
        Completed: _complete,
        Failed: _fail,
        NativeEvent: _native_event,
    }
