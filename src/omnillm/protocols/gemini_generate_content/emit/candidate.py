"""Canonical events of one candidate, written as parts of its chunks.

Gemini's parts follow each other and have no numbers: while one is open, the events of all others wait. Texts and thoughts go out as
they come; a function call goes out whole. A signature stands on an empty text after what it signs.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from msgspec.structs import replace

from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    OpaqueAdded,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omnillm.model.media import InlineSource
from omnillm.model.message import Audio, Citation, MessagePart, Opaque, Reasoning, Refusal, Text, ToolCall
from omnillm.protocols.differences.part_order import PartOrder
from omnillm.protocols.gemini_generate_content.carrier import Cargo, pack
from omnillm.protocols.gemini_generate_content.citations import Cites
from omnillm.protocols.gemini_generate_content.emit.parts import GeminiPart, emit_part, word_of
from omnillm.protocols.gemini_generate_content.logprobs import write_logprobs
from omnillm.protocols.gemini_generate_content.media_types import type_of_format
from omnillm.protocols.gemini_generate_content.place import Place

Parts = list[GeminiPart]


class CandidateWriter:
    """`feed` the events of its parts; it returns the parts that can be written now."""

    def __init__(self, number: int, place: Place) -> None:
        self.number = number
        self.cites: list[Cites] = []
        self.has_call = False
        self.has_refusal = False
        self.logprobs: dict[str, Any] | None = None
        """Of the tokens in the parts that `feed` just returned."""
        self._place = place
        self._parts: Parts = []
        """Those that can be written now."""
        self._order = PartOrder()
        self._part: MessagePart | None = None
        self._pieces: list[str] = []
        self._has_sound = False
        self._is_summed_up = False
        """The last words of a reasoning were its summary's."""
        self._summaries: set[int] = set()
        self._opaque: Opaque | None = None
        self._citations: list[Citation] = []
        self._said: type | None = None
        """What a reader goes on with: Text, Reasoning, or None at the end of a part."""
        self._cargo = Cargo()
        self._wire_index = -1
        self._offset = 0
        """Bytes of the texts that the reader joins with the current one."""

    def feed(self, event: Any) -> Parts:
        self.logprobs = None
        return self._written(self._order.feed(event))

    def is_plain_text(self, event: TextDelta) -> bool:
        """Tell whether it is one more piece of a text that is being written, with nothing beside it."""
        return event.index == self._order.open and self._said is Text and type(self._part) is Text and event.logprobs is None

    def add_plain_text(self, text: str) -> None:
        self._pieces.append(text)

    def rest(self) -> Parts:
        """Return what still waits: parts that never ended."""
        return self._written(self._order.finish())

    def _written(self, events: Iterator[Any]) -> Parts:
        self._parts = []
        for event in events:
            self._place.number, self._place.part = self.number, event.index
            self._WRITE[type(event)](self, event)
        return self._parts

    def _start(self, event: PartStarted) -> None:
        part = self._part = event.part
        self._pieces, self._citations, self._summaries, self._opaque = [], [], set(), None
        self._has_sound = self._is_summed_up = False
        self._START.get(type(part), CandidateWriter._start_whole)(self, part)

    def _start_whole(self, part: MessagePart) -> None:
        written = emit_part(part, self._place)
        self._cargo.see(part, written)
        if written is not None:
            self._append(written)

    def _start_text(self, part: Text) -> None:
        self._opaque, self._citations = part.signature, list(part.citations)
        self._begin(part)

    def _begin(self, part: Text | Reasoning) -> None:
        """Write what is there already of a text or a thought, along with what stands beside it."""
        written: GeminiPart = {"text": part.text} if type(part) is Text else {"text": part.text, "thought": True}
        bare = len(written)
        self._place.finish(written, part)
        if len(written) > bare:
            self._append(written)
            self._pieces.append(part.text)
        elif part.text:
            self._say(type(part), part.text)

    def _start_reasoning(self, part: Reasoning) -> None:
        if part.is_redacted or (part.summary and part.opaque is not None):
            self._start_whole(part)
            self._part = None
            return
        self._opaque = part.opaque
        self._begin(part)
        for number, text in enumerate(part.summary):
            self._summarize(number, text)

    def _start_call(self, part: ToolCall) -> None:
        self.has_call = True
        self._pieces.append(part.arguments)

    def _start_audio(self, part: Audio) -> None:
        """Write sound that is there already; what follows comes in pieces."""
        if part.source is None:
            return
        self._start_whole(replace(part, transcript="", audio_id=""))
        self._has_sound = True

    def _start_refusal(self, part: Refusal) -> None:
        self.has_refusal = True
        if part.text:
            self._say(Text, part.text)

    def _text(self, event: TextDelta) -> None:
        if event.text:
            self._say(Text, event.text)
            if event.logprobs is not None:
                self.logprobs = write_logprobs(event.logprobs, self._place.losses, self.number)
        elif event.logprobs is not None:
            self._place.drop(".logprobs", "they came without a text")

    def _refusal(self, event: RefusalDelta) -> None:
        if event.text:
            self._say(Text, event.text)

    def _reasoning(self, event: ReasoningDelta) -> None:
        if event.summary_index is not None:
            self._summarize(event.summary_index, event.text)
        elif event.text:
            self._say(Reasoning, f"\n\n{event.text}" if self._is_summed_up else event.text)
            self._is_summed_up = False

    def _summarize(self, number: int, text: str) -> None:
        self._is_summed_up = True
        if number not in self._summaries:
            self._summaries.add(number)
            if self._pieces:
                text = f"\n\n{text}"
        if text:
            self._say(Reasoning, text)

    def _audio(self, event: AudioDelta) -> None:
        part = self._part
        if event.transcript:
            self._pieces.append(event.transcript)
        if event.data and type(part) is Audio:
            media_type = part.source.media_type if isinstance(part.source, InlineSource) else ""
            source = InlineSource(data=event.data, media_type=media_type or type_of_format(part.format))
            written = emit_part(Audio(source=source), self._place)
            self._has_sound = True
            if written is not None:
                self._append(written)

    def _sign(self, event: OpaqueAdded) -> None:
        self._opaque = event.opaque

    def _end(self, _: PartEnded) -> None:
        part, self._part = self._part, None
        end = self._END.get(type(part))
        if end is not None:
            end(self, part)

    def _end_text(self, _: Text) -> None:
        text = "".join(self._pieces)
        if self._citations:
            self.cites += [Cites(self._wire_index, text, self._offset, citation) for citation in self._citations]
        self._offset += len(text.encode())
        if self._opaque is not None:
            self._append({"text": "", "thoughtSignature": pack(self._opaque)}, goes_on=bool(text))
        elif not text:
            self._place.drop("", "an empty text")

    def _end_reasoning(self, part: Reasoning) -> None:
        said = bool(self._pieces)
        text = "".join(self._pieces)
        whole = Reasoning(summary=(text,), opaque=self._opaque) if self._summaries else Reasoning(text=text, opaque=self._opaque)
        self._cargo.see(whole, None)
        word = word_of(whole)
        if self._opaque is not None:
            self._append({"text": "", "thought": True, "thoughtSignature": pack(self._opaque, word)}, goes_on=said)
        elif not said and not self._summaries and not part.vendor_extensions:
            self._place.drop("", "reasoning without content")
        if len(self._summaries) > 1 or (self._summaries and not word):
            self._place.approximate(".summary", "a summary is said as a thought")

    def _end_call(self, part: ToolCall) -> None:
        signature = self._opaque if self._opaque is not None else part.signature
        self._start_whole(replace(part, arguments="".join(self._pieces), signature=signature))

    def _end_audio(self, part: Audio) -> None:
        if self._pieces or part.transcript:
            self._place.drop(".transcript", "Gemini has the sound alone")
        if part.audio_id:
            self._place.drop(".audio_id", "Gemini has the sound alone")
        if not self._has_sound:
            self._place.drop("", "Gemini keeps no sound")

    def _end_refusal(self, _: Refusal) -> None:
        if self._pieces:
            self._place.approximate("", "a refusal is said as text")
        else:
            self._place.drop("", "an empty refusal")

    def _say(self, kind: type, text: str) -> None:
        if self._said is not kind:
            self._said = kind
            self._wire_index += 1
            self._offset = 0
        self._pieces.append(text)
        self._parts.append({"text": text} if kind is Text else {"text": text, "thought": True})

    def _append(self, written: GeminiPart, *, goes_on: bool = False) -> None:
        """Write a part that a reader takes by itself; `goes_on`: or as the end of the one before it."""
        if not goes_on:
            self._wire_index += 1
            self._offset = 0
        self._said = None
        self._parts.append(written)

    _WRITE: ClassVar[dict[type, Callable[["CandidateWriter", Any], None]]] = {
        PartStarted: _start,
        TextDelta: _text,
        ReasoningDelta: _reasoning,
        RefusalDelta: _refusal,
        ToolCallDelta: lambda self, event: self._pieces.append(event.arguments),
        AudioDelta: _audio,
        OpaqueAdded: _sign,
        CitationAdded: lambda self, event: self._citations.append(event.citation),
        PartEnded: _end,
    }

    _START: ClassVar[dict[type, Callable[["CandidateWriter", Any], None]]] = {
        Text: _start_text,
        Reasoning: _start_reasoning,
        ToolCall: _start_call,
        Audio: _start_audio,
        Refusal: _start_refusal,
    }
    _END: ClassVar[dict[type, Callable[["CandidateWriter", Any], None]]] = {
        Text: _end_text,
        Reasoning: _end_reasoning,
        ToolCall: _end_call,
        Audio: _end_audio,
        Refusal: _end_refusal,
    }
