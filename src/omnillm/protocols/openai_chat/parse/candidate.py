"""One candidate of a stream, read delta by delta."""

from collections.abc import Callable
from typing import Any, ClassVar

from omnillm.model.events import CitationAdded, Finished, LlmStreamEvent, ReasoningDelta, RefusalDelta, TextDelta
from omnillm.model.message import Reasoning, Refusal, Text
from omnillm.protocols.openai_chat.citations import read_annotation
from omnillm.protocols.openai_chat.finish import read_finish
from omnillm.protocols.openai_chat.logprobs import read_logprobs
from omnillm.protocols.openai_chat.parse.open_parts import ChatParts, OpenAudio, OpenCalls
from omnillm.protocols.openai_chat.parse.parts import read_part
from omnillm.protocols.openai_chat.parse.reasoning import read_block
from omnillm.protocols.shapes import Unfit, array, each, mapping, rest, text

_MEMBERS = frozenset({"index", "delta", "finish_reason", "logprobs", "error"})
_NO_TEXT = Text(text="")
_NO_REASONING = Reasoning()
_NO_REFUSAL = Refusal(text="")
_Read = Callable[["OpenCandidate", Any, dict[str, Any]], object]


class OpenCandidate:
    __slots__ = ("_audio", "_calls", "_extensions", "_finish", "_has_blocks", "_index", "_is_refused", "_parts")

    def __init__(self, parts: ChatParts) -> None:
        self._index = parts.candidate
        self._parts = parts
        self._calls = OpenCalls(self._parts)
        self._audio = OpenAudio(self._parts)
        self._has_blocks = False
        """Whether the open reasoning is said in thinking_blocks alone."""
        self._finish = ""
        self._is_refused = False
        self._extensions: dict[str, Any] = {}

    def read(self, choice: dict[str, Any], events: list[LlmStreamEvent]) -> None:
        self._parts.events = events
        delta = choice.get("delta")
        if type(delta) is dict:
            logprobs = choice.get("logprobs")
            if logprobs is not None:
                logprobs = read_logprobs(logprobs, "logprobs")
            content = delta.get("content")
            if len(delta) > 1 or type(content) is not str:
                self._read_delta(delta, logprobs)
            elif content or (logprobs is not None and logprobs.get("content")):
                self._add_text(content, logprobs)
        elif delta is not None:
            raise Unfit("delta", "an object")
        word = choice.get("finish_reason")
        if word:
            self._finish = text(word, "finish_reason")
        if not _MEMBERS.issuperset(choice):
            self._extensions |= rest(choice, _MEMBERS)

    def finish(self, events: list[LlmStreamEvent]) -> None:
        """End what is open."""
        self._parts.events = events
        self._parts.end_open()
        has_calls = self._calls.end()
        reason, native = read_finish(self._finish, has_calls=has_calls, is_refused=self._is_refused)
        events.append(Finished(reason=reason, candidate=self._index, native_reason=native, vendor_extensions=self._extensions))

    def _add_text(self, said: str, logprobs: Any) -> None:
        parts = self._parts
        number = parts.number if parts.kind is Text else parts.open(_NO_TEXT)
        parts.events.append(TextDelta(index=number, text=said, candidate=self._index, logprobs=logprobs))

    def _read_delta(self, delta: dict[str, Any], logprobs: Any) -> None:
        """Read the members in the order of a message, whatever order the host wrote them in."""
        for name, read in self._BEFORE_CONTENT:
            if value := delta.get(name):
                read(self, value, delta)
        if (content := delta.get("content")) is not None:
            self._read_content(content, logprobs)
        for name, read in self._AFTER_CONTENT:
            if value := delta.get(name):
                read(self, value, delta)
        if not self._DELTA.issuperset(delta):
            self._lose_others(delta)

    def _lose_others(self, delta: dict[str, Any]) -> None:
        """Events have no place for members that nobody knows."""
        for name in delta.keys() - self._DELTA:
            if delta[name]:
                self._parts.lose(f"message.vendor_extensions.{name}", "not a member of Chat's")

    def _read_content(self, content: Any, logprobs: Any) -> None:
        if type(content) is not str:
            self._read_parts(content)
        elif content or (logprobs is not None and logprobs.get("content")):
            self._add_text(content, logprobs)

    def _read_parts(self, content: Any) -> None:
        """Read Mistral's list of parts."""
        for part in each(array(content, "delta.content"), "delta.content", read_part):
            if type(part) is Text:
                self._add_text(part.text, None)
            elif type(part) is Reasoning and part.opaque is None:
                self._add_reasoning(part.text)
            else:
                self._parts.whole(part)

    def _read_other_reasoning(self, said: Any, delta: dict[str, Any]) -> None:
        if not delta.get("reasoning_content"):  # some hosts say it under both names
            self._add_reasoning(text(said, "delta.reasoning"))

    def _add_reasoning(self, said: str) -> None:
        parts = self._parts
        if parts.kind is not Reasoning:
            self._has_blocks = False
            parts.open(_NO_REASONING)
        if said:
            parts.events.append(ReasoningDelta(index=parts.number, text=said, candidate=self._index))

    def _read_blocks(self, blocks: Any, delta: dict[str, Any]) -> None:
        is_said = bool(delta.get("reasoning_content") or delta.get("reasoning"))
        for number, value in enumerate(array(blocks, "delta.thinking_blocks")):
            block = read_block(value, f"delta.thinking_blocks[{number}]", self._parts.opaque_of)
            if block.is_redacted:
                self._parts.whole(block)
            else:
                self._read_block(block, is_said=is_said)

    def _read_block(self, block: Reasoning, *, is_said: bool) -> None:
        """A block's text comes in pieces, beside the chunk's own text or alone; or it repeats, whole, what the chunks said before.

        Its signature ends it, and so does the repetition.
        """
        parts = self._parts
        is_repeated = bool(block.text) and not is_said and parts.kind is Reasoning and not self._has_blocks
        if block.text and not is_said and not is_repeated:
            self._add_reasoning(block.text)
            self._has_blocks = True
        if block.opaque is not None:
            parts.add_opaque(parts.open(_NO_REASONING), block.opaque)
        if block.opaque is not None or is_repeated:
            parts.end_open()

    def _read_details(self, details: Any, delta: dict[str, Any]) -> None:
        """OpenRouter's: their text where it is said nowhere else; events have no place for their signatures."""
        is_said = delta.get("reasoning_content") or delta.get("reasoning")
        for detail in details if type(details) is list else ():
            if type(detail) is not dict:
                continue
            said = detail.get("text") or detail.get("summary")
            if type(said) is str and said and not is_said:
                self._add_reasoning(said)
            if detail.get("signature") or detail.get("data"):
                self._parts.lose("message.reasoning_details", "events have no place for them")

    def _read_refusal(self, said: Any, _: dict[str, Any]) -> None:
        self._is_refused = True
        number = self._parts.open(_NO_REFUSAL)
        self._parts.events.append(RefusalDelta(index=number, text=text(said, "delta.refusal"), candidate=self._index))

    def _read_images(self, images: Any, _: dict[str, Any]) -> None:
        for image in each(array(images, "delta.images"), "delta.images", read_part):
            self._parts.whole(image)

    def _read_annotations(self, annotations: Any, _: dict[str, Any]) -> None:
        parts = self._parts
        for number, annotation in enumerate(array(annotations, "delta.annotations")):
            citation = read_annotation(annotation, f"delta.annotations[{number}]")
            text_number = parts.open(_NO_TEXT)
            parts.events.append(CitationAdded(index=text_number, citation=citation, candidate=self._index))

    _BEFORE_CONTENT: ClassVar[tuple[tuple[str, _Read], ...]] = (
        ("reasoning_content", lambda self, said, _: self._add_reasoning(text(said, "delta.reasoning_content"))),
        ("reasoning", _read_other_reasoning),
        ("reasoning_details", _read_details),
        ("thinking_blocks", _read_blocks),
    )
    _AFTER_CONTENT: ClassVar[tuple[tuple[str, _Read], ...]] = (
        ("annotations", _read_annotations),
        ("refusal", _read_refusal),
        ("audio", lambda self, audio, _: self._audio.read(mapping(audio, "delta.audio"))),
        ("images", _read_images),
        ("tool_calls", lambda self, calls, _: each(array(calls, "delta.tool_calls"), "delta.tool_calls", self._calls.read)),
        ("function_call", lambda self, call, _: self._calls.read({"index": 0, "function": mapping(call, "delta.function_call")})),
    )
    _DELTA: ClassVar[frozenset[str]] = frozenset({"role", "content"} | {name for name, _ in _BEFORE_CONTENT + _AFTER_CONTENT})
