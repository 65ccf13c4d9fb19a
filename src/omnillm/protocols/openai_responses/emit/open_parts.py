"""Items of a stream, written while they grow. What each says at its end is what a plain reply would have said."""

from typing import Any

from msgspec.structs import replace

from omnillm.model.events import CitationAdded, OpaqueAdded, ReasoningDelta
from omnillm.model.message import Opaque, Reasoning, Refusal, Text, ToolCall
from omnillm.protocols.carrier import Purpose
from omnillm.protocols.openai_responses.emit.frames import Wire, encode, head_of
from omnillm.protocols.openai_responses.emit.output_items import (
    CALL_KINDS,
    Item,
    call_item,
    message_item,
    reasoning_item,
    reasoning_piece,
    summary_piece,
    wants_summary,
    with_issuer,
)
from omnillm.protocols.openai_responses.emit.parts import write_annotation, write_output_text, write_refusal
from omnillm.protocols.openai_responses.emit.turn import extend_item
from omnillm.protocols.openai_responses.logprobs import note_spelling, tokens_of
from omnillm.protocols.openai_responses.parse.parts import ARGUMENTS
from omnillm.protocols.openai_responses.place import Place

_SHOWN = -(2**30)
"""The number of the piece of a summary that is the reasoning's own text."""


class OpenMessage:
    """A message's item: it grows until a part comes that does not belong to it."""

    __slots__ = ("_content", "_index", "_is_left", "_item", "_open", "_signed", "_wire", "given_id", "item_id")

    def __init__(self, wire: Wire, given_id: str, more: Item, place: Place) -> None:
        self._wire = wire
        self.given_id = given_id
        self.item_id = wire.item_id("message", given_id)
        self._content: list[Item] = []
        self._item = message_item(self.item_id, self._content)
        extend_item(self._item, more, place)
        self._open = 0
        self._is_left = False
        self._signed: list[tuple[int, Opaque]] = []
        self._index = wire.add_item({**self._item, "status": "in_progress", "content": []})

    def open_part(self, part: Item) -> dict[str, Any]:
        """Announce a part; return where it stands."""
        place = {"item_id": self.item_id, "output_index": self._index, "content_index": len(self._content)}
        self._content.append(part)
        self._open += 1
        self._wire.write("response.content_part.added", {**place, "part": part})
        return place

    def end_part(self, place: dict[str, Any], part: Item, signature: Opaque | None = None) -> None:
        number = place["content_index"]
        self._content[number] = part
        if signature is not None:
            self._signed.append((number, signature))
        self._wire.write("response.content_part.done", {**place, "part": part})
        self._open -= 1
        if self._is_left and not self._open:
            self._finish()

    def leave(self) -> None:
        """Note that no more parts come."""
        self._is_left = True
        if not self._open:
            self._finish()

    def _finish(self) -> None:
        self._wire.finish_item(self._index, self._item)
        for number, opaque in sorted(self._signed, key=lambda signed: signed[0]):
            self._wire.carry(opaque, "text", str(number))


class OpenText:
    """A text or a refusal inside a message."""

    __slots__ = ("_annotations", "_head", "_length", "_logprobs", "_message", "_part", "_pieces", "_place", "_where", "_wire")

    def __init__(self, wire: Wire, message: OpenMessage, part: Text | Refusal, place: Place) -> None:
        self._wire = wire
        self._message = message
        self._part = part
        self._place = place
        self._pieces: list[str] = []
        self._length = 0
        self._annotations: list[Item] = []
        self._logprobs: list[Item] = []
        if type(part) is Text:
            self._where = message.open_part({"type": "output_text", "text": "", "annotations": [], "logprobs": []})
            self._head = head_of("response.output_text.delta", self._where)
        else:
            self._where = message.open_part({"type": "refusal", "refusal": ""})
            self._head = head_of("response.refusal.delta", self._where)
        if part.text:
            self.add(part.text)
        for citation in part.citations if type(part) is Text else ():
            self.cite(CitationAdded(index=0, citation=citation))

    def add(self, text: str, logprobs: Any = None) -> None:
        self._pieces.append(text)
        self._length += len(text)
        if type(self._part) is Refusal:
            self._wire.write_delta(self._head, text)
        elif logprobs is None:
            self._wire.write_delta(self._head, text, b',"logprobs":[]')
        else:
            note_spelling(logprobs, self._place.losses)
            tokens = tokens_of(logprobs)
            self._logprobs += tokens
            self._wire.write_delta(self._head, text, b',"logprobs":' + encode(tokens))

    def cite(self, event: CitationAdded) -> None:
        annotation = write_annotation(event.citation, self._length, len(self._annotations), self._place)
        if annotation is None:
            return
        number = len(self._annotations)
        self._annotations.append(annotation)
        more = {"annotation_index": number, "annotation": annotation}
        self._wire.write("response.output_text.annotation.added", {**self._where, **more})

    def sign(self, event: OpaqueAdded) -> None:
        if type(self._part) is Text:
            self._part = replace(self._part, signature=event.opaque)

    def end(self) -> None:
        whole = "".join(self._pieces)
        part = self._part
        if type(part) is Refusal:
            self._wire.write("response.refusal.done", {**self._where, "refusal": whole})
            self._message.end_part(self._where, write_refusal(replace(part, text=whole), self._place))
            return
        assert type(part) is Text
        self._wire.write("response.output_text.done", {**self._where, "text": whole, "logprobs": self._logprobs})
        out = write_output_text(replace(part, text=whole, citations=()), self._place)
        out["annotations"] = self._annotations
        if self._logprobs:
            out["logprobs"] = self._logprobs
        self._message.end_part(self._where, out, part.signature)


class OpenCall:
    __slots__ = ("_call", "_head", "_index", "_item_id", "_kind", "_late", "_pieces", "_place", "_where", "_wire")

    def __init__(self, wire: Wire, call: ToolCall, place: Place) -> None:
        if call.signature is not None:
            wire.carry(call.signature, "call", call.call_id)
        self._wire = wire
        self._call = call
        self._place = place
        self._late: Opaque | None = None
        """A signature that came when the call had begun already."""
        self._pieces: list[str] = []
        self._kind = "custom_tool_call_input" if call.kind == "custom" else "function_call_arguments"
        self._item_id = wire.item_id(CALL_KINDS[call.kind], call.item_id)
        self._index = wire.add_item({**self._item(""), "status": "in_progress"})
        self._where = {"item_id": self._item_id, "output_index": self._index}
        self._head = head_of(f"response.{self._kind}.delta", self._where)
        if call.arguments:
            self.add(call.arguments)

    def _item(self, arguments: str) -> Item:
        item = call_item(replace(self._call, arguments=arguments), self._item_id, self._wire.context)
        if self._call.vendor_extensions:
            extend_item(item, self._call.vendor_extensions, self._place)
        return item

    def add(self, arguments: str) -> None:
        self._pieces.append(arguments)
        self._wire.write_delta(self._head, arguments)

    def sign(self, event: OpaqueAdded) -> None:
        self._late = event.opaque

    def end(self) -> None:
        item = self._item("".join(self._pieces))
        said = ARGUMENTS[self._call.kind]
        self._wire.write(f"response.{self._kind}.done", {**self._where, "name": item["name"], said: item[said]})
        self._wire.finish_item(self._index, item)
        if self._late is not None:
            self._wire.carry(self._late, "call", item["call_id"])


class OpenReasoning:
    """Reasoning: pieces of a summary one after the other, and the reasoning's own text."""

    # fmt: off
    __slots__ = (
        "_head", "_index", "_is_shown", "_issuer", "_item_id", "_part", "_pieces", "_place", "_purpose", "_summary", "_summary_at",
        "_where", "_wire",
    )
    # fmt: on

    def __init__(self, wire: Wire, part: Reasoning, place: Place, issuer: str | None) -> None:
        """`issuer`: the protocol of another provider that reasons; None: it is this one's own."""
        self._wire = wire
        self._issuer = issuer
        self._is_shown = issuer is not None and wants_summary(wire.context)
        """Whether the reasoning's own text is written as a summary."""
        self._purpose: Purpose = ""
        self._part = part
        self._place = place
        self._item_id = wire.item_id("reasoning", part.item_id)
        self._index = wire.add_item({"id": self._item_id, "type": "reasoning", "summary": []})
        self._where = {"item_id": self._item_id, "output_index": self._index}
        self._pieces: list[str] = []
        self._summary: list[list[str]] = []
        self._summary_at: int | None = None
        """The canonical number of the piece of the summary that is open."""
        self._head = b""
        """Of the open piece's deltas."""
        for number, piece in enumerate(part.summary):
            self._say_summary(number - len(part.summary), piece)
        if part.text:
            self.add(ReasoningDelta(index=0, text=part.text))

    def add(self, event: ReasoningDelta) -> None:
        if event.summary_index is None and self._is_shown:
            self._purpose = "shown"
            self._say_summary(_SHOWN, event.text)
        elif event.summary_index is None:
            self._say(event.text)
        else:
            self._say_summary(event.summary_index, event.text)

    def _say(self, text: str) -> None:
        if self._summary_at is not None or not self._pieces:
            self._close_summary()
            where = {**self._where, "content_index": 0}
            if not self._pieces:
                self._wire.write("response.content_part.added", {**where, "part": reasoning_piece("")})
            self._head = head_of("response.reasoning_text.delta", where)
        self._pieces.append(text)
        self._wire.write_delta(self._head, text)

    def _say_summary(self, number: int, text: str) -> None:
        if number != self._summary_at:
            self._close_summary()
            self._summary_at = number
            where = {**self._where, "summary_index": len(self._summary)}
            self._summary.append([])
            self._wire.write("response.reasoning_summary_part.added", {**where, "part": summary_piece("")})
            self._head = head_of("response.reasoning_summary_text.delta", where)
        if text:
            self._summary[-1].append(text)
            self._wire.write_delta(self._head, text)

    def _close_summary(self) -> None:
        if self._summary_at is None:
            return
        self._summary_at = None
        text = "".join(self._summary[-1])
        where = {**self._where, "summary_index": len(self._summary) - 1}
        self._wire.write("response.reasoning_summary_text.done", {**where, "text": text})
        self._wire.write("response.reasoning_summary_part.done", {**where, "part": summary_piece(text)})

    def sign(self, event: OpaqueAdded) -> None:
        self._part = replace(self._part, opaque=event.opaque)

    def end(self) -> None:
        self._close_summary()
        text = "".join(self._pieces)
        if self._pieces:
            where = {**self._where, "content_index": 0}
            self._wire.write("response.reasoning_text.done", {**where, "text": text})
            self._wire.write("response.content_part.done", {**where, "part": reasoning_piece(text)})
        summary = tuple("".join(pieces) for pieces in self._summary)
        part = replace(self._part, text=text, summary=summary)
        if self._issuer is not None:
            part = with_issuer(part, self._issuer, self._wire.context)
        item = reasoning_item(part, self._item_id, self._place, self._purpose)
        if self._part.vendor_extensions:
            extend_item(item, self._part.vendor_extensions, self._place)
        self._wire.finish_item(self._index, item)
