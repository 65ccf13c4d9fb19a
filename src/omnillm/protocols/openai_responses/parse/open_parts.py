"""Items of a stream while they grow: which part each of them is, and how much of it was said."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omnillm.model.events import (
    CitationAdded,
    LlmStreamEvent,
    OpaqueAdded,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omnillm.model.message import Issuer, Native, Refusal, Text, ToolCall
from omnillm.protocols.openai_responses.logprobs import chat_logprobs
from omnillm.protocols.openai_responses.parse.parts import (
    ITEM,
    call_of,
    custom_call_of,
    item_members,
    read_annotations,
    read_part,
    reasoning_of,
    texts,
)
from omnillm.protocols.openai_responses.parse.reply import opaque_of
from omnillm.protocols.openai_responses.place import NAME
from omnillm.protocols.part_log import PartLog
from omnillm.protocols.shapes import Unfit, integer, optional_array, optional_text, text

Json = dict[str, Any]
_KINDS: dict[Any, type[Text | Refusal]] = {"output_text": Text, "text": Text, "refusal": Refusal}
_MEMBERS: dict[type, str] = {Text: "text", Refusal: "refusal"}


class Track:
    __slots__ = ("citations", "index", "is_open", "kind", "length")

    def __init__(self, index: int, kind: type, length: int = 0) -> None:
        self.index = index
        self.kind = kind
        self.length = length
        """Characters said."""
        self.citations = 0
        self.is_open = True

    def say_rest(self, whole: str, log: PartLog, logprobs: Any = None) -> None:
        """Say what of the whole has not been said. `logprobs`: the whole's; they are said with nothing less."""
        more = whole[self.length :]
        if more:
            said = chat_logprobs(logprobs) if logprobs and not self.length else None
            self.length += len(more)
            log.add(piece(self.index, self.kind, more, said))

    def end(self, log: PartLog) -> None:
        if self.is_open:
            self.is_open = False
            log.end(self.index)


class OpenItem:
    """What an event may ask of an item; of an item of another kind it is a mistake."""

    is_native = False

    def __init__(self, item: Json, issuer: Issuer, log: PartLog) -> None:
        self.item = item
        self.issuer = issuer
        self.log = log
        self.is_closed = False

    def track(self, number: Any, kind: type) -> Track:  # noqa: ARG002 - kinds of items override it
        raise Unfit("output_index", f"that of an item with a {kind.__name__.lower()}")

    def add_part(self, number: int, part: Json) -> None:
        """Some hosts announce parts of items that have none."""

    def end_part(self, number: int, part: Json) -> None:
        pass

    def reason(self, summary: int | None, number: Any, words: str) -> None:  # noqa: ARG002 - likewise
        raise Unfit("output_index", "that of an item with reasoning")

    def say_summary(self, number: int, whole: str) -> None:
        pass

    def say_reasoning(self, number: Any, whole: str) -> None:
        pass

    def close(self, done: Json) -> None:
        """Say what the finished item says beyond its events. `done` is empty where the stream ended without it."""
        raise NotImplementedError


class _MessageItem(OpenItem):
    def __init__(self, item: Json, issuer: Issuer, log: PartLog) -> None:
        super().__init__(item, issuer, log)
        self._tracks: dict[int, Track] = {}
        self._id = optional_text(item, "id")
        self._more = item_members(item)
        self._more.pop("status", None)

    def track(self, number: Any, kind: type) -> Track:
        if type(number) is not int:
            number = integer(number, "content_index", 0)
        track = self._tracks.get(number)
        if track is None:
            return self._start(integer(number, "content_index", 0), kind(text="", item_id=self._id))
        if track.kind is not kind:
            raise Unfit("content_index", f"that of a {kind.__name__.lower()}")
        return track

    def _start(self, number: int, part: Any) -> Track:
        if self._more:
            part = replace(part, vendor_extensions={**part.vendor_extensions, ITEM: self._more})
            self._more = {}
        track = Track(self.log.start(part), type(part), len(part.text))
        self._tracks[number] = track
        return track

    def add_part(self, number: int, part: Json) -> None:
        kind = _KINDS.get(text(part.get("type"), "part.type"))
        if kind is None or number in self._tracks:
            return
        self._start(number, kind(text=optional_text(part, _MEMBERS[kind], "part"), item_id=self._id))

    def end_part(self, number: int, part: Json) -> None:
        kind = _KINDS.get(text(part.get("type"), "part.type"))
        if kind is None:
            self._say_native(number, part)
            return
        track = self.track(number, kind)
        if not track.is_open:
            return
        track.say_rest(optional_text(part, _MEMBERS[kind], "part"), self.log, part.get("logprobs"))
        if kind is Text:
            for citation in read_annotations(part)[track.citations :]:
                self.log.add(CitationAdded(index=track.index, citation=citation))
        track.end(self.log)

    def _say_native(self, number: int, part: Json) -> None:
        if number not in self._tracks:
            track = Track(self.log.start(read_part(part, self._id)), Native)
            self._tracks[number] = track
            track.end(self.log)

    def close(self, done: Json) -> None:
        self.is_closed = True
        content = optional_array(done, "content", "item")
        for number, part in enumerate(content):
            if type(part) is not dict:
                raise Unfit(f"item.content[{number}]", "an object")
            self.end_part(number, part)
        for track in self._tracks.values():
            track.end(self.log)
        if done and not self._tracks:
            self.log.whole(Native(protocol=NAME, kind="message", value=done))


class _ReasoningItem(OpenItem):
    def __init__(self, item: Json, issuer: Issuer, log: PartLog) -> None:
        super().__init__(item, issuer, log)
        part = reasoning_of({name: value for name, value in item.items() if name not in _GROWING}, None)
        self._index = log.start(part)
        self._summary: dict[int, int] = {}
        self._content: dict[int, int] = {}
        """Characters said of each piece."""

    def reason(self, summary: int | None, number: Any, words: str) -> None:
        """Say more of a piece of the summary, or of the reasoning itself."""
        said, piece_number = (self._content, _index(number)) if summary is None else (self._summary, summary)
        said[piece_number] = said.get(piece_number, 0) + len(words)
        self.log.add(ReasoningDelta(index=self._index, text=words, summary_index=summary))

    def say_summary(self, number: int, whole: str) -> None:
        if more := whole[self._summary.get(number, 0) :]:
            self.reason(number, None, more)

    def say_reasoning(self, number: Any, whole: str) -> None:
        if more := whole[self._content.get(_index(number), 0) :]:
            self.reason(None, number, more)

    def add_part(self, number: int, part: Json) -> None:
        self.say_reasoning(number, optional_text(part, "text", "part"))

    end_part = add_part

    def close(self, done: Json) -> None:
        self.is_closed = True
        for number, whole in enumerate(texts(optional_array(done, "summary", "item"), "item.summary")):
            self.say_summary(number, whole)
            if number not in self._summary:
                self.log.add(ReasoningDelta(index=self._index, text="", summary_index=number))
        for number, whole in enumerate(texts(optional_array(done, "content", "item"), "item.content")):
            self.say_reasoning(number, whole)
        opaque = opaque_of(done, self.issuer)
        if opaque is not None:
            self.log.add(OpaqueAdded(index=self._index, opaque=opaque))
        self.log.end(self._index)


class _CallItem(OpenItem):
    def __init__(self, item: Json, issuer: Issuer, log: PartLog) -> None:
        super().__init__(item, issuer, log)
        call = replace((call_of if item["type"] == "function_call" else custom_call_of)(item), arguments="")
        more = call.vendor_extensions
        if "status" in more:
            call = replace(call, vendor_extensions={name: value for name, value in more.items() if name != "status"})
        self._track = Track(log.start(call), ToolCall)

    def track(self, number: Any, kind: type) -> Track:
        return self._track if kind is ToolCall else super().track(number, kind)

    def close(self, done: Json) -> None:
        self.is_closed = True
        self._track.say_rest(arguments_in(done, "item"), self.log)
        self._track.end(self.log)


class _NativeItem(OpenItem):
    is_native = True

    def close(self, done: Json) -> None:
        self.is_closed = True
        item = done or self.item
        self.log.whole(Native(protocol=NAME, kind=text(item.get("type"), "item.type"), value=item))


_GROWING = frozenset({"summary", "content", "encrypted_content", "status"})
_OPENERS: dict[str, Callable[[Json, Issuer, PartLog], OpenItem]] = {
    "message": _MessageItem,
    "reasoning": _ReasoningItem,
    "function_call": _CallItem,
    "custom_tool_call": _CallItem,
}


def open_item(item: Json, issuer: Issuer, log: PartLog) -> OpenItem:
    return _OPENERS.get(text(item.get("type"), "item.type"), _NativeItem)(item, issuer, log)


def piece(index: int, kind: type, words: str, logprobs: Any = None) -> LlmStreamEvent:
    """Return the event by which a text, a refusal or a call's arguments grow."""
    if kind is ToolCall:
        return ToolCallDelta(index=index, arguments=words)
    return TextDelta(index=index, text=words, logprobs=logprobs) if kind is Text else RefusalDelta(index=index, text=words)


def arguments_in(value: Json, path: str = "") -> str:
    """Return what a call of either kind is given, as an item or the event at its end has it."""
    return optional_text(value, "arguments", path) or optional_text(value, "input", path)


def _index(number: Any) -> int:
    return number if type(number) is int else 0
