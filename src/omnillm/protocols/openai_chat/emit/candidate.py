"""One candidate of a stream, written: what each event about its parts becomes in its deltas."""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    Finished,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omnillm.model.media import InlineSource
from omnillm.model.message import Audio, Json, Reasoning, Refusal, Text, ToolCall
from omnillm.protocols.openai_chat.citations import write_annotation
from omnillm.protocols.openai_chat.emit.assistant import Spoken, drop_from_audio, extra_content, write_call, written_audio
from omnillm.protocols.openai_chat.emit.open_parts import InOrder, OpenPart
from omnillm.protocols.openai_chat.emit.reasoning import block, text_of, written_opaque
from omnillm.protocols.openai_chat.finish import note_unsaid, write_finish
from omnillm.protocols.openai_chat.place import Place

_encode = msgspec.json.Encoder().encode
_END = b',"logprobs":null,"finish_reason":null}]}\n\n'
_TEXT_END = b"}" + _END
_FIRST: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
_SILENT = frozenset({ToolCall, Reasoning})
"""What OpenAI's own first chunk has null for content before: clients begin a text wherever it is a string."""
_JOINED: dict[type, type] = {Text: Text, Json: Text, Refusal: Refusal, Audio: Audio}
"""Parts that a client reads as one with others before, and as what."""


class CandidateWriter:
    # fmt: off
    __slots__ = (
        "_calls", "_open", "_order", "_place", "_prefix", "_seen", "_spoken", "_text_head", "_unmarked", "is_finished", "number",
    )
    # fmt: on

    def __init__(self, number: int, head: bytes, place: Place) -> None:
        self.number = number
        self.is_finished = False
        self._place = place
        self._prefix = b'%b[{"index":%d,"delta":' % (head, number)
        self._text_head = self._prefix + b'{"content":'
        self._open: dict[int, OpenPart] = {}
        self._spoken = Spoken()
        self._calls = 0
        self._seen: set[type] = set()
        self._order = InOrder()
        self._unmarked: str | None = None
        """Reasoning that ended without an opaque value: should more follow at once, a block tells where it ended."""

    def begin(self, first: Any) -> bytes:
        """Say the role, once. `first`: the event that is written next."""
        return self._delta(_FIRST | {"content": None} if type(first) is PartStarted and type(first.part) in _SILENT else _FIRST)

    def write(self, event: Any) -> bytes:
        """Write an event about a part."""
        if self._order.growing == event.index and event.index in self._open and type(event) is not PartEnded:
            return self._WRITERS[type(event)](self, event)
        return self._written(self._order.let(event))

    def _written(self, events: list[Any]) -> bytes:
        """What comes of a part that was left out, or has ended, says nothing."""
        return b"".join([self._WRITERS[type(one)](self, one) for one in events if one.index in self._open or type(one) is PartStarted])

    def finish(self, event: Finished) -> bytes:
        out = self._written(self._order.rest())
        place, path = self._stand(0), self._place.around(".")
        self.is_finished = True
        note_unsaid(event.native_reason, event.stop_sequence, path, place.losses)
        place.losses.drop_extensions(event.vendor_extensions, path, "a chunk of Chat has no such member")
        word = write_finish(event.reason, path, place.losses, has_calls=self._calls > 0, is_refused=Refusal in self._seen)
        return out + self._prefix + b'{},"logprobs":null,"finish_reason":"' + word.encode() + b'"}]}\n\n'

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._prefix + _encode(delta) + _END

    def _stand(self, index: int) -> Place:
        self._place.number = self.number
        self._place.part = index
        return self._place

    def _write_text(self, event: TextDelta) -> bytes:
        part = self._open[event.index]
        size = len(event.text)
        part.length += size
        self._spoken.length += size
        if event.logprobs is None:
            return self._text_head + _encode(event.text) + _TEXT_END
        return b'%b{"content":%b},"logprobs":%b,"finish_reason":null}]}\n\n' % (self._prefix, _encode(event.text), _encode(event.logprobs))

    def _write_reasoning(self, event: ReasoningDelta) -> bytes:
        part = self._open[event.index]
        said = event.text
        if event.summary_index != part.summary_index:
            part.summary_index = event.summary_index
            if event.summary_index is not None:
                place = self._stand(event.index)
                place.losses.approximate(place.here(".summary"), "a summary, as the reasoning itself")
            if part.thought:
                said = "\n\n" + said
        part.think(said)
        return self._prefix + b'{"reasoning_content":' + _encode(said) + b"}" + _END

    def _write_arguments(self, event: ToolCallDelta) -> bytes:
        part = self._open[event.index]
        if part.member == "custom":
            return self._delta({"tool_calls": [{"index": part.call, "custom": {"input": event.arguments}}]})
        arguments = _encode(event.arguments)
        return b'%b{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}%b' % (self._prefix, part.call, arguments, _END)

    def _write_opaque(self, event: OpaqueAdded) -> bytes:
        part = self._open[event.index]
        if type(part.part) is Reasoning:
            part.opaque = event.opaque  # written with the whole text, at the part's end
            return b""
        place = self._stand(event.index)
        if type(part.part) is not ToolCall:
            place.drop(".signature", "Chat has no place for it")
            return b""
        signature = written_opaque(event.opaque, ".signature", place)
        return self._delta({"tool_calls": [{"index": part.call, "extra_content": extra_content(signature or "")}]})

    def _write_citation(self, event: CitationAdded) -> bytes:
        part = self._open[event.index]
        place = self._stand(event.index)
        written = write_annotation(event.citation, part.offset, part.length, (place, part.citations))
        part.citations += 1
        return b"" if written is None else self._delta({"annotations": [written]})

    def _write_sound(self, event: AudioDelta) -> bytes:
        part = self._open[event.index]
        audio: dict[str, Any] = {}
        sound = part.sound(event.data)
        if sound:
            audio["data"] = sound
        if event.transcript:
            audio["transcript"] = event.transcript
        return self._delta({"audio": audio}) if audio else b""

    def _start(self, event: PartStarted) -> bytes:
        part = event.part
        kind = type(part)
        place, spoken = self._stand(event.index), self._spoken
        put = spoken.seat(part, place)
        if put is None:
            return b""
        marker = self._mark_end(kind)
        if kind in _JOINED:
            self._tell_joined(_JOINED[kind], place)
        opened = self._open[event.index] = OpenPart(part, spoken.length)
        start = self._STARTS.get(kind)
        if start is not None:
            return marker + start(self, opened, place)
        put(part, spoken, place)
        opened.length = spoken.length - opened.offset
        return marker + b"".join([self._delta({name: value}) for name, value in spoken.take().items()])

    def _mark_end(self, kind: type) -> bytes:
        unmarked, self._unmarked = self._unmarked, None
        if unmarked is None or kind is not Reasoning:
            return b""
        return self._delta({"thinking_blocks": [block(unmarked, None, is_redacted=False)]})

    def _tell_joined(self, kind: type, place: Place) -> None:
        """A second text is written after the first, and nothing tells where that ended."""
        if kind in self._seen:
            place.losses.approximate(place.around(".message.parts"), "the content of a Chat answer is one text")
        self._seen.add(kind)

    def _start_reasoning(self, opened: OpenPart, place: Place) -> bytes:
        part: Reasoning = opened.part
        opened.opaque = part.opaque
        said = text_of(part, place)
        if not said:
            return b""
        opened.think(said)
        return self._delta({"reasoning_content": said})

    def _start_call(self, opened: OpenPart, place: Place) -> bytes:
        written = write_call(opened.part, place)
        opened.call, opened.member = self._calls, opened.part.kind
        self._calls += 1
        if opened.member == "custom":
            del written["type"]  # the SDK's type of a chunk knows no other than "function"
        return self._delta({"tool_calls": [{"index": opened.call, **written}]})

    def _start_sound(self, opened: OpenPart, place: Place) -> bytes:
        part: Audio = opened.part
        drop_from_audio(part, place)
        source = part.source
        out = self._delta({"audio": {"id": written_audio(part, place)["id"]}})
        if type(source) is InlineSource or part.transcript:
            data = source.data if type(source) is InlineSource else b""
            out += self._write_sound(AudioDelta(index=place.part, data=data, transcript=part.transcript))
        return out

    def _end(self, event: PartEnded) -> bytes:
        opened = self._open.pop(event.index)
        sound = opened.last_sound()
        if sound:
            return self._delta({"audio": {"data": sound}})
        if type(opened.part) is not Reasoning:
            return b""
        if opened.opaque is None:
            self._unmarked = opened.thought
            return b""
        value = written_opaque(opened.opaque, ".opaque", self._stand(event.index))
        return self._delta({"thinking_blocks": [block(opened.thought, value, is_redacted=opened.part.is_redacted)]})

    _STARTS: ClassVar[dict[type, Callable[["CandidateWriter", OpenPart, Place], bytes]]] = {
        Reasoning: _start_reasoning,
        ToolCall: _start_call,
        Audio: _start_sound,
    }
    """Of what is said otherwise in pieces than as a whole."""
    _WRITERS: ClassVar[dict[type, Callable[["CandidateWriter", Any], bytes]]] = {
        PartStarted: _start,
        TextDelta: _write_text,
        RefusalDelta: lambda self, event: self._delta({"refusal": event.text}),
        ReasoningDelta: _write_reasoning,
        ToolCallDelta: _write_arguments,
        OpaqueAdded: _write_opaque,
        CitationAdded: _write_citation,
        AudioDelta: _write_sound,
        PartEnded: _end,
    }
