"""Steps of a stream, written while they grow."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omnillm.model.media import InlineSource
from omnillm.model.message import Audio, Citation, MessagePart, Opaque, Reasoning, Refusal, Text, ToolCall
from omnillm.protocols import base64_text
from omnillm.protocols.differences.arguments import object_of
from omnillm.protocols.gemini_generate_content.media_types import type_of_format
from omnillm.protocols.gemini_interactions.citations import write_annotations
from omnillm.protocols.gemini_interactions.emit.frames import TEXT_TAIL, Wire, encode, text_head
from omnillm.protocols.gemini_interactions.emit.parts import emit_content
from omnillm.protocols.gemini_interactions.emit.results import Step
from omnillm.protocols.gemini_interactions.emit.steps import carrier_step, steps_of, thought_step
from omnillm.protocols.gemini_interactions.place import Place

_OUTPUT = {"type": "model_output"}


class OpenStep:
    """What the events of a part may ask of the step that is written for it; most parts are whole at once."""

    def __init__(self, wire: Wire, place: Place) -> None:
        self.wire = wire
        self.place = place
        self.opaque: Opaque | None = None

    def say(self, text: str) -> None:
        """Add to a text, a refusal or a call's arguments."""

    def reason(self, text: str, summary_index: int | None) -> None:
        """Add to reasoning."""

    def sound(self, data: bytes, transcript: str) -> None:
        """Add to a sound."""

    def cite(self, citation: Citation) -> None:
        """Add a source of a text."""

    def end(self) -> None:
        """Write what is left to be said."""


class _Text(OpenStep):
    def __init__(self, wire: Wire, place: Place, part: Text) -> None:
        super().__init__(wire, place)
        self.opaque = part.signature
        self._index = -1
        self._head = b""
        self._pieces: list[str] = []
        self._citations = list(part.citations)
        content = {"type": "text", "text": part.text}
        place.finish(content, part)
        if len(content) > 2:
            self._start({**_OUTPUT, "content": [content]})
            self._pieces.append(part.text)
        elif part.text:
            self.say(part.text)

    def _start(self, step: Step) -> None:
        self._index = self.wire.start_step(step)
        self._head = text_head(self._index)

    def say(self, text: str) -> None:
        if self._index < 0:
            self._start(_OUTPUT)
        self._pieces.append(text)
        self.wire.write_raw(self._head + encode(text) + TEXT_TAIL)

    def cite(self, citation: Citation) -> None:
        self._citations.append(citation)

    def end(self) -> None:
        if self._index < 0 and self.opaque is None:
            self.place.drop("", "an empty text")
            return
        if self._index < 0:
            self.say("")
        text = "".join(self._pieces)
        if annotations := write_annotations(self._citations, text, self.place):
            self.wire.grow(self._index, {"type": "text_annotation_delta", "annotations": annotations})
        self.wire.stop_step(self._index)
        if self.opaque is not None:
            self.wire.whole(carrier_step(self.opaque, "text"))


class _Refusal(_Text):
    def __init__(self, wire: Wire, place: Place, part: Refusal) -> None:
        super().__init__(wire, place, Text(text=part.text, cache_control=part.cache_control, vendor_extensions=part.vendor_extensions))

    def end(self) -> None:
        if self._index < 0:
            self.place.drop("", "an empty refusal")
        else:
            self.place.approximate("", "a refusal is said as text")
            self.wire.stop_step(self._index)


class _Thought(OpenStep):
    def __init__(self, wire: Wire, place: Place, part: Reasoning) -> None:
        super().__init__(wire, place)
        self.opaque = part.opaque
        self._part = part
        self._index = -1
        self._text: list[str] = []
        self._summaries: dict[int, str] = {}
        if part.text:
            self.reason(part.text, None)
        for number, text in enumerate(part.summary):
            self.reason(text, number - len(part.summary))

    def reason(self, text: str, summary_index: int | None) -> None:
        is_next = self._index >= 0 and summary_index is not None and summary_index not in self._summaries
        if summary_index is None:
            self._text.append(text)
        else:
            self._summaries.setdefault(summary_index, text)
        if text:
            content = {"type": "text", "text": f"\n\n{text}" if is_next else text}
            self.wire.grow(self._begun(), {"type": "thought_summary", "content": content})

    def _begun(self) -> int:
        if self._index < 0:
            step: Step = {"type": "thought"}
            self.place.finish(step, self._part)
            self._index = self.wire.start_step(step)
        return self._index

    def end(self) -> None:
        summary = tuple(self._summaries.values())
        step = thought_step(replace(self._part, text="".join(self._text), summary=summary, opaque=self.opaque), self.place)
        if step is not None and "signature" in step:
            self.wire.grow(self._begun(), {"type": "thought_signature", "signature": step["signature"]})
        if self._index >= 0:
            self.wire.stop_step(self._index)
        elif step is not None:
            self.wire.whole(step)


class _Call(OpenStep):
    """Arguments go out as they come; the free text of a custom tool, which is the one argument of a function, at its end."""

    def __init__(self, wire: Wire, place: Place, part: ToolCall) -> None:
        super().__init__(wire, place)
        self._part = part
        self._pieces: list[str] = []
        *carriers, step = steps_of(replace(part, arguments="", kind="function"), place)
        for carrier in carriers:
            wire.whole(carrier)
        self._index = wire.start_step(step)
        if part.arguments:
            self.say(part.arguments)

    def say(self, text: str) -> None:
        self._pieces.append(text)
        if self._part.kind == "function":
            self.wire.grow(self._index, {"type": "arguments_delta", "arguments": text})

    def end(self) -> None:
        arguments = "".join(self._pieces)
        if self._part.kind == "custom":
            self.place.approximate(".kind", "free text is the one argument of a function")
            whole = encode({"input": arguments}).decode()
            self.wire.grow(self._index, {"type": "arguments_delta", "arguments": whole})
        elif object_of(arguments) is None:
            self.place.approximate(".arguments", "arguments that are no JSON object are said as they are")
        self.wire.stop_step(self._index)
        if self.opaque is not None:
            self.wire.whole(carrier_step(self.opaque, "call", self._part.call_id))


class _Sound(OpenStep):
    def __init__(self, wire: Wire, place: Place, part: Audio) -> None:
        super().__init__(wire, place)
        place.finish({}, part)
        self.opaque = part.signature
        self._part = part
        self._index = -1
        source = part.source
        self._media_type = (source.media_type if isinstance(source, InlineSource) else "") or type_of_format(part.format)
        self._has_transcript = bool(part.transcript)
        if source is not None:
            content = emit_content(Audio(source=source, format=part.format), place)
            if content is not None:
                self._grow(content)

    def sound(self, data: bytes, transcript: str) -> None:
        self._has_transcript = self._has_transcript or bool(transcript)
        if data:
            self._grow({"type": "audio", "data": base64_text.encode(data), "mime_type": self._media_type or "audio/wav"})

    def _grow(self, content: dict[str, Any]) -> None:
        if self._index < 0:
            self._index = self.wire.start_step(_OUTPUT)
        self.wire.grow(self._index, content)

    def end(self) -> None:
        if self._has_transcript:
            self.place.drop(".transcript", "Gemini has the sound alone")
        if self._part.audio_id:
            self.place.drop(".audio_id", "Gemini has the sound alone")
        if self._index < 0:
            self.place.drop("", "Gemini keeps no sound")
            return
        self.wire.stop_step(self._index)
        if self.opaque is not None:
            self.wire.whole(carrier_step(self.opaque, "text"))


class _Whole(OpenStep):
    """A part that does not grow."""

    def __init__(self, wire: Wire, place: Place, part: MessagePart) -> None:
        super().__init__(wire, place)
        for step in steps_of(part, place):
            wire.whole(step)


_OPENERS: dict[type, Callable[[Wire, Place, Any], OpenStep]] = {
    Text: _Text,
    Refusal: _Refusal,
    Reasoning: _Thought,
    ToolCall: _Call,
    Audio: _Sound,
}


def open_step(part: MessagePart, wire: Wire, place: Place) -> OpenStep:
    return _OPENERS.get(type(part), _Whole)(wire, place, part)
