"""Steps of a stream while they grow: which part each of them is, and how much of it was said."""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    NativeEvent,
    OpaqueAdded,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from omnillm.model.media import InlineSource
from omnillm.model.message import Audio, Issuer, MessagePart, Opaque, Reasoning, Text
from omnillm.protocols.differences.arguments import object_of
from omnillm.protocols.gemini_interactions.citations import read_annotations
from omnillm.protocols.gemini_interactions.parse.parts import read_content
from omnillm.protocols.gemini_interactions.parse.steps import issued_by, read_call, read_output, read_thought, reply_part
from omnillm.protocols.gemini_interactions.place import NAME
from omnillm.protocols.gemini_interactions.usage import searches_in
from omnillm.protocols.part_log import PartLog
from omnillm.protocols.shapes import Unfit, inside, mapping, optional_array, optional_mapping, optional_text, text

Json = dict[str, Any]


class Log(PartLog):
    __slots__ = ("searches",)

    def __init__(self) -> None:
        super().__init__()
        self.searches = 0
        """Of the web, so far."""


class OpenStep:
    """`grow` by each delta; `close` says what is still unsaid."""

    def __init__(self, step: Json, issuer: Issuer, log: Log) -> None:
        self._log = log
        self._issuer = issuer
        self._begin(step)

    def grow(self, delta: Json, event: Json) -> None:
        kind = text(delta.get("type"), "delta.type")
        try:
            if not self._take(kind, delta):
                self._log.add(NativeEvent(protocol=NAME, value=event))
        except Unfit as error:
            raise inside(error, "delta") from error

    def close(self) -> None:
        pass

    def _begin(self, step: Json) -> None:
        pass

    def _take(self, kind: str, delta: Json) -> bool:  # noqa: ARG002 - kinds of steps override it
        """Whether the step can grow by it."""
        return True


class _Output(OpenStep):
    """Pieces of a text go on with the open text, those of a sound with the open sound; anything else is a part by itself."""

    def _begin(self, step: Json) -> None:
        self._index = -1
        self._open: type | None = None
        self._pieces: list[str] = []
        self._media_type = ""
        for part in read_output(step):
            if type(part) is Text and not part.vendor_extensions:
                self._say(part.text)
                self._cite(part.citations)
            else:
                self._whole(part)

    def _take(self, kind: str, delta: Json) -> bool:
        if kind == "text":
            if words := text(delta.get("text"), "text"):
                self._say(words)
        elif kind == "text_annotation_delta":
            self._cite(read_annotations(optional_array(delta, "annotations"), "".join(self._pieces)))
        elif kind in _MEDIA:
            part = read_content(delta)
            if isinstance(part, Audio):
                self._sound(part)
            else:
                self._whole(part)
        else:
            return False
        return True

    def _say(self, words: str) -> None:
        if self._open is not Text:
            self.close()
            self._pieces = []
            self._index, self._open = self._log.start(Text(text="")), Text
        self._pieces.append(words)
        self._log.add(TextDelta(index=self._index, text=words))

    def _cite(self, citations: Any) -> None:
        if citations and self._open is not Text:
            raise Unfit("annotations", "of a text that was said")
        self._log.events += [CitationAdded(index=self._index, citation=citation) for citation in citations]

    def _sound(self, part: Audio) -> None:
        source = part.source
        if not isinstance(source, InlineSource):
            self._whole(part)
        elif self._open is Audio and self._media_type == source.media_type:
            self._log.add(AudioDelta(index=self._index, data=source.data))
        else:
            self.close()
            self._index, self._open, self._media_type = self._log.start(part), Audio, source.media_type

    def _whole(self, part: MessagePart) -> None:
        self.close()
        self._log.whole(part)

    def close(self) -> None:
        if self._open is not None:
            self._log.end(self._index)
            self._open = None


class _Thought(OpenStep):
    """One that says nothing, and is not signed, is no part."""

    def _begin(self, step: Json) -> None:
        self._signature = optional_text(step, "signature")
        self._index = -1
        part = read_thought(step, None)
        if part != _NOTHING:
            self._index = self._log.start(part)

    def _begun(self) -> int:
        if self._index < 0:
            self._index = self._log.start(_NOTHING)
        return self._index

    def _take(self, kind: str, delta: Json) -> bool:
        if kind == "thought_signature":
            self._signature += optional_text(delta, "signature")
        elif kind == "thought_summary":
            content = optional_mapping(delta, "content") or {}
            if content.get("type") != "text":
                return not content
            if words := text(content.get("text"), "content.text"):
                self._log.add(ReasoningDelta(index=self._begun(), text=words))
        else:
            return False
        return True

    def close(self) -> None:
        if self._signature:
            self._log.add(OpaqueAdded(index=self._begun(), opaque=Opaque(value=self._signature, issuer=self._issuer)))
        if self._index >= 0:
            self._log.end(self._index)


_NOTHING = Reasoning()


class _Call(OpenStep):
    def _begin(self, step: Json) -> None:
        call = read_call(step, issued_by(self._issuer))
        self._whole = call.arguments
        """To be said at the end where no piece says anything."""
        self._has_pieces = False
        self._index = self._log.start(msgspec.structs.replace(call, arguments=""))

    def _take(self, kind: str, delta: Json) -> bool:
        if kind == "arguments_delta":
            piece = optional_text(delta, "arguments")
            if piece:
                self._has_pieces = True
                self._log.add(ToolCallDelta(index=self._index, arguments=piece))
        elif kind == "thought_signature":
            value = optional_text(delta, "signature")
            if value:
                self._log.add(OpaqueAdded(index=self._index, opaque=Opaque(value=value, issuer=self._issuer)))
        else:
            return False
        return True

    def close(self) -> None:
        if not self._has_pieces:
            self._log.add(ToolCallDelta(index=self._index, arguments=self._whole))
        self._log.end(self._index)


class _Native(OpenStep):
    """A tool that Google runs, or a result: the deltas are members of the step."""

    _SAYS_NOTHING: ClassVar[tuple[Any, ...]] = (None, "", [], {})

    def _begin(self, step: Json) -> None:
        self._step = dict(step)
        self._arguments: list[str] = []

    def _take(self, kind: str, delta: Json) -> bool:
        if kind == "arguments_delta":
            self._arguments.append(optional_text(delta, "arguments"))
        elif kind == self._step["type"] or kind == "thought_signature":
            for name, value in delta.items():
                if name not in self._step or value not in self._SAYS_NOTHING:
                    known = self._step.get(name)
                    self._step[name] = [*known, *value] if type(known) is list and type(value) is list else value
        else:
            return False
        return True

    def close(self) -> None:
        if self._arguments and (arguments := object_of("".join(self._arguments))) is not None:
            self._step["arguments"] = arguments
        parts = reply_part(self._step, self._issuer)
        self._log.searches += searches_in(parts)
        for part in parts:
            self._log.whole(part)


_MEDIA = frozenset({"image", "audio", "video", "document"})
_OPENERS: dict[str, Callable[[Json, Issuer, Log], OpenStep]] = {
    "model_output": _Output,
    "thought": _Thought,
    "function_call": _Call,
    "user_input": OpenStep,
}


def open_step(step: Any, issuer: Issuer, log: Log) -> OpenStep:
    kind = text(mapping(step, "step").get("type"), "step.type")
    try:
        return _OPENERS.get(kind, _Native)(step, issuer, log)
    except Unfit as error:
        raise inside(error, "step") from error
