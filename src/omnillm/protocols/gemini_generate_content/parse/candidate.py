"""One candidate of a stream as it grows: parts of its chunks to canonical events."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

from omnillm.model.events import (
    AudioDelta,
    CitationAdded,
    Finished,
    LlmStreamEvent,
    OpaqueAdded,
    ReasoningDelta,
    TextDelta,
)
from omnillm.model.media import InlineSource
from omnillm.model.message import Audio, MessagePart, Opaque, Reasoning, Text, ToolCall
from omnillm.protocols.gemini_generate_content.citations import read_citations
from omnillm.protocols.gemini_generate_content.finish import UNSPECIFIED, read_finish
from omnillm.protocols.gemini_generate_content.logprobs import read_logprobs, says_all
from omnillm.protocols.gemini_generate_content.parse.partial_args import PartialCall
from omnillm.protocols.gemini_generate_content.parse.parts import ReplyReader, parse_part
from omnillm.protocols.gemini_generate_content.parse.reply import CANDIDATE, known_members, lone_signature
from omnillm.protocols.gemini_generate_content.shapes_of_replies import OF_CANDIDATE
from omnillm.protocols.gemini_generate_content.spelling import camel
from omnillm.protocols.loss import Losses
from omnillm.protocols.part_log import OpenParts
from omnillm.protocols.shapes import Unfit, inside, mapping, optional_array, optional_mapping, optional_text

_CALL_PART = frozenset({"functionCall", "thoughtSignature"})
_EMPTY: dict[type, Text | Reasoning] = {Text: Text(text=""), Reasoning: Reasoning()}
Events = list[LlmStreamEvent]


class OpenCandidate:
    """Pieces of one kind go on with the open part; a piece of another kind, or a signature, ends it."""

    def __init__(self, number: int, reader: ReplyReader, losses: Losses) -> None:
        self.number = number
        self.is_finished = False
        self._reader = reader
        self._losses = losses
        self._native = ""
        self._extensions: dict[str, Any] = {}
        self._partial: PartialCall | None = None
        self._parts = OpenParts(number)
        self._audio_type = ""
        """Of the open sound."""
        self._texts: defaultdict[int, list[str]] = defaultdict(list)
        """The pieces of each text, by its number, for citations that count bytes."""

    def take(self, candidate: dict[str, Any], events: Events) -> None:
        self._parts.events = events
        content = optional_mapping(candidate, "content")
        logprobs = None if CANDIDATE.issuperset(candidate) else self._take_more(candidate)
        begin = len(events)
        for number, part in enumerate(() if content is None else optional_array(content, "parts", "content")):
            try:
                self._take_part(part)
            except Unfit as error:
                raise inside(error, f"content.parts[{number}]") from error
        if logprobs is not None:
            self._attach(logprobs, events, begin)
        native = candidate.get("finishReason")
        if native is not None and native != UNSPECIFIED:
            self._native = optional_text(candidate, "finishReason")
            self.is_finished = True

    def end(self, events: Events) -> None:
        """End what is open, and the candidate."""
        self._parts.events = events
        if self._partial is not None:
            self._end_call()
        if "groundingMetadata" in self._extensions:
            self._cite()
        self._parts.end_open()
        reason, native = read_finish(self._native, has_call=ToolCall in self._parts.kinds)
        events.append(Finished(reason=reason, candidate=self.number, native_reason=native, vendor_extensions=self._extensions))

    def _take_more(self, candidate: dict[str, Any]) -> dict[str, Any] | None:
        more = known_members(candidate, CANDIDATE, OF_CANDIDATE, self._losses, f"candidates[{self.number}].")
        logprobs = more.pop("logprobsResult", None)
        self._extensions.update(more)
        if logprobs is None:
            return None
        read = read_logprobs(logprobs)
        if not says_all(read, logprobs):
            self._losses.drop(f"candidates[{self.number}].logprobsResult", "of each token its text and probability alone are told")
        return read

    def _attach(self, logprobs: dict[str, Any], events: Events, begin: int) -> None:
        """Add the log probabilities of a chunk to its first piece of text; where it has none, to the text that is being said."""
        for at in range(begin, len(events)):
            event = events[at]
            if type(event) is TextDelta:
                events[at] = TextDelta(index=event.index, text=event.text, candidate=self.number, logprobs=logprobs)
                return
        if self._parts.kind is Text:
            events.append(TextDelta(index=self._parts.number, text="", candidate=self.number, logprobs=logprobs))
        else:
            self._losses.drop(f"candidates[{self.number}].logprobs", "they came without a text")

    def _take_part(self, part: Any) -> None:
        if type(part) is dict:
            words = part.get("text")
            if type(words) is str and (len(part) == 1 or (len(part) == 2 and part.get("thought") is True)):
                if words:
                    self._grow(Text if len(part) == 1 else Reasoning, words)
                return
            part = camel(part)
            call = part.get("functionCall")
            if call is not None and self._take_call(camel(mapping(call, "functionCall")), part):
                return
        read = parse_part(part, self._reader)
        if read is not None:
            self._TAKE.get(type(read), OpenCandidate._take_whole)(self, read)

    def _take_call(self, call: dict[str, Any], part: dict[str, Any]) -> bool:
        """Take a call that comes in pieces. Whether it was one."""
        name, will_continue = call.get("name"), call.get("willContinue") is True
        if self._partial is not None and not name:
            self._partial.add(call)
            self._partial.signature = self._partial.signature or self._signature(part)
            if not will_continue:
                self._end_call()
            return True
        if self._partial is not None:
            self._end_call()
        if not will_continue and call.get("partialArgs") is None:
            return not name and _CALL_PART.issuperset(part) and not call
        self._partial = PartialCall(call, self._signature(part))
        if not will_continue:
            self._end_call()
        return True

    def _signature(self, part: dict[str, Any]) -> Opaque | None:
        value = optional_text(part, "thoughtSignature")
        return self._reader.opaque(value)[0] if value else None

    def _end_call(self) -> None:
        partial, self._partial = self._partial, None
        if partial is not None:
            call_id = self._reader.calls.call_id(partial.given_id, partial.name)
            arguments = partial.arguments()
            self._take_whole(ToolCall(call_id=call_id, name=partial.name, arguments=arguments, signature=partial.signature))

    def _grow(self, kind: type[Text | Reasoning], words: str) -> None:
        parts = self._parts
        number = parts.number if parts.kind is kind else parts.open(_EMPTY[kind])
        if kind is Text:
            parts.events.append(TextDelta(index=number, text=words, candidate=self.number))
            self._texts[number].append(words)
        else:
            parts.events.append(ReasoningDelta(index=number, text=words, candidate=self.number))

    def _take_text(self, part: Text | Reasoning) -> None:
        if part.vendor_extensions:
            self._take_whole(part)
            return
        parts = self._parts
        signature = lone_signature(part)
        goes_on = parts.kind is type(part) or (signature is not None and parts.kind is Reasoning)
        if part.text:
            self._grow(type(part), part.text)
            signature = part.signature if isinstance(part, Text) else part.opaque
        elif not goes_on:
            if signature is not None:
                self._take_whole(part)
            return
        if signature is not None:
            parts.add(OpaqueAdded(index=parts.number, opaque=signature, candidate=self.number))
            parts.end_open()

    def _take_audio(self, part: Audio) -> None:
        """Sound comes in pieces of one media type."""
        source, parts = part.source, self._parts
        if not isinstance(source, InlineSource) or part.signature is not None or part.vendor_extensions:
            self._take_whole(part)
        elif parts.kind is Audio and self._audio_type == source.media_type:
            parts.add(AudioDelta(index=parts.number, data=source.data, candidate=self.number))
        else:
            parts.end_open()
            parts.open(part)
            self._audio_type = source.media_type

    def _take_whole(self, part: MessagePart) -> None:
        if type(part) is Text:
            self._texts[self._parts.count] = [part.text]
        self._parts.whole(part)

    def _cite(self) -> None:
        """Add the citations of the text that is still open: those of others are in the candidate's own members alone."""
        parts = self._parts
        texts = ["".join(self._texts[number]) if number in self._texts else None for number in range(parts.count)]
        for number, citation in read_citations(self._extensions["groundingMetadata"], texts):
            if number == parts.number and parts.kind is Text:
                parts.add(CitationAdded(index=number, citation=citation, candidate=self.number))

    _TAKE: ClassVar[dict[type, Callable[["OpenCandidate", Any], None]]] = {
        Text: _take_text,
        Reasoning: _take_text,
        Audio: _take_audio,
    }
