"""The content blocks of a stream, one open at a time: what each kind of part says at its start, in its deltas and at its end."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.model.events import CitationAdded, OpaqueAdded, PartEnded, ReasoningDelta, TextDelta, ToolCallDelta
from omnillm.model.message import Audio, Citation, Native, Opaque, Reasoning, Refusal, Text, ToolCall
from omnillm.protocols.anthropic_messages.emit.parts import SUMMARIES, citations_of, emit_block, thoughts_of
from omnillm.protocols.anthropic_messages.emit.reply import LATE_SIGNATURE, NO_LOGPROBS, carrier, reply_reasoning, shown, signature_of
from omnillm.protocols.anthropic_messages.place import Place
from omnillm.protocols.differences.arguments import object_of
from omnillm.protocols.differences.turns import Block

_encode = msgspec.json.Encoder().encode
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%s}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%s'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'


class OpenBlock:
    """One part on its way. `number` is the index of the next block on the wire."""

    delta_head = b'{"type":"text_delta","text":'
    """How the delta of this block's words begins."""
    is_signed = False
    """Whether a signature of the part can stand in a block before this one, while that has not begun."""
    unsigned = "no block can carry it"
    """What becomes of any other signature."""

    def __init__(self, part: Any, number: int, place: Place) -> None:
        self.index = place.part
        self.part = part
        self.next_number = number
        self.place = place
        self.is_open = False
        self._delta = b""
        self._signature: Opaque | None = part.signature if self.is_signed else None

    def begin(self) -> bytes:
        """Say what the part holds at its start."""
        return b""

    def feed(self, event: Any) -> bytes:
        kind = type(event)
        if kind is PartEnded:
            return self.end()
        if kind is OpaqueAdded:
            return self.sign(event.opaque)
        if kind is CitationAdded:
            return self.cite(event.citation)
        return self.say(event)

    def say(self, event: Any) -> bytes:  # noqa: ARG002 - most kinds of parts have no deltas
        return b""

    def cite(self, citation: Citation) -> bytes:  # noqa: ARG002 - only a text cites
        return b""

    def sign(self, opaque: Opaque) -> bytes:
        if self.is_signed and not self.is_open:
            self._signature = opaque
        else:
            self.place.drop(".signature", self.unsigned)
        return b""

    def end(self) -> bytes:
        if self._signature is not None:
            self.place.drop(".signature", self.unsigned)
        return self.close() if self.is_open else b""

    def empty(self) -> Block:
        """Write the block without its words."""
        return {"type": "text", "text": ""}

    def start(self) -> bytes:
        """Begin the block behind its signature, if it has not begun."""
        if self.is_open:
            return b""
        before, signature = b"", self._signature
        if signature is not None:
            self._signature = None
            before = self.whole(carrier(signature))
        block = self.empty()
        if self.part.vendor_extensions:
            self.place.extend(block, self.part.vendor_extensions, self.place.here("."))
        return before + self.open(block)

    def open(self, block: Block) -> bytes:
        self.is_open = True
        number = self.next_number
        self._delta = _DELTA % (number, self.delta_head)
        return _START % (number, _encode(block))

    def words(self, text: str) -> bytes:
        return self._delta + _encode(text) + b"}}\n\n"

    def delta(self, delta: dict[str, Any]) -> bytes:
        return (_DELTA + b"}\n\n") % (self.next_number, _encode(delta))

    def close(self) -> bytes:
        self.is_open = False
        number = self.next_number
        self.next_number += 1
        return _STOP % number

    def written(self) -> bytes:
        """Write a part that its start holds whole."""
        return self.begin() + self.end()

    def whole(self, block: Block) -> bytes:
        """Write a block that has no deltas."""
        return self.open(block) + self.close()


class _TextBlock(OpenBlock):
    is_signed = True
    unsigned = LATE_SIGNATURE

    def begin(self) -> bytes:
        part: Text = self.part
        written = self.start() + self.words(part.text) if part.text else b""
        return written + b"".join(map(self.cite, part.citations))

    def say(self, event: TextDelta) -> bytes:
        if event.logprobs is not None:
            self.place.losses.drop("candidates[0].logprobs", NO_LOGPROBS)
        if not event.text:
            return b""
        return self.words(event.text) if self.is_open else self.start() + self.words(event.text)

    def cite(self, citation: Citation) -> bytes:
        natives = citations_of((citation,), self.place)
        return self.start() + self.delta({"type": "citations_delta", "citation": natives[0]}) if natives else b""


class _ThinkingBlock(OpenBlock):
    delta_head = b'{"type":"thinking_delta","thinking":'

    def __init__(self, part: Any, number: int, place: Place) -> None:
        super().__init__(part, number, place)
        self._opaque: Opaque | None = part.opaque
        self._summary: int | None = None

    def begin(self) -> bytes:
        part: Reasoning = self.part
        if part.is_redacted or not (part.text or part.summary):
            return b""
        if part.summary:
            self._summary = len(part.summary) - 1
        return self.start() + self.words(thoughts_of(part, self.place))

    def say(self, event: ReasoningDelta) -> bytes:
        text = event.text
        if event.summary_index != self._summary:
            text = f"\n\n{text}" if self.is_open and text else text
            self._summary = event.summary_index
            if event.summary_index is not None:
                self.place.approximate(".summary", SUMMARIES)
        return self.start() + self.words(text) if text else b""

    def sign(self, opaque: Opaque) -> bytes:
        self._opaque = opaque
        return b""

    def end(self) -> bytes:
        if self.is_open:
            signature = signature_of(self._opaque, self.place)
        else:
            block = reply_reasoning(replace(self.part, text="", summary=(), opaque=self._opaque), self.place)
            if block is None:
                return b""
            if block["type"] == "redacted_thinking":
                return self.whole(block)
            signature = block["signature"]
        return self.start() + self.delta({"type": "signature_delta", "signature": signature}) + self.close()

    def empty(self) -> Block:
        return {"type": "thinking", "thinking": "", "signature": ""}


class _ToolBlock(OpenBlock):
    delta_head = b'{"type":"input_json_delta","partial_json":'
    is_signed = True

    def begin(self) -> bytes:
        self._said: list[str] = []
        return self._pieces(self.part.arguments)

    def say(self, event: ToolCallDelta) -> bytes:
        return self._pieces(event.arguments)

    def end(self) -> bytes:
        ending = self.start()
        if self.part.kind == "custom":
            ending += self.words('"}')
        elif object_of("".join(self._said)) is None:
            self.place.approximate(".arguments", "a client reads arguments that are no JSON object as it can")
        return ending + super().end()

    def empty(self) -> Block:
        return {**(emit_block(replace(self.part, arguments="", signature=None), self.place) or {}), "input": {}}

    def start(self) -> bytes:
        if self.is_open or self.part.kind != "custom":
            return super().start()
        return super().start() + self.words('{"input":"')

    def _pieces(self, arguments: str) -> bytes:
        if not arguments:
            return b""
        self._said.append(arguments)
        # The free text of a custom tool is the one member of an object: its pieces are pieces of a JSON string.
        return self.start() + self.words(_encode(arguments)[1:-1].decode() if self.part.kind == "custom" else arguments)


class _SaidAsText(OpenBlock):
    """A refusal, or sound that has a transcript."""

    def begin(self) -> bytes:
        return self.say(self.part)

    def say(self, event: Any) -> bytes:
        """`event`: a delta, or the part itself."""
        member = _WORDS[type(self.part)]
        words = getattr(event, member)
        if not words:
            return b""
        if not self.is_open:
            self.part = replace(self.part, **{member: words})
        return self.start() + self.words(words)

    def end(self) -> bytes:
        if not self.is_open:
            emit_block(self.part, self.place)  # which tells that it is lost
        return super().end()

    def empty(self) -> Block:
        return {**(emit_block(self.part, self.place) or {}), "text": ""}


_WORDS: dict[type, str] = {Refusal: "text", Audio: "transcript"}
_SERVER_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})


class _WholeBlock(OpenBlock):
    """A part that its start holds whole."""

    delta_head = b'{"type":"input_json_delta","partial_json":'

    def begin(self) -> bytes:
        blocks = shown(emit_block(self.part, self.place), self.place)
        if not blocks:
            return b""
        block = blocks[0]
        if block["type"] in _SERVER_CALLS and block.get("input"):
            opened = self.open({**block, "input": {}})
            return opened + self.words(_encode(block["input"]).decode()) + self.close()
        if block["type"] == "compaction":
            opened = self.open({**block, "content": None})
            return opened + self.delta({"type": "compaction_delta", "content": block.get("content")}) + self.close()
        return self.whole(block)


BLOCKS: dict[type, Callable[[Any, int, Place], OpenBlock]] = {
    Text: _TextBlock,
    Reasoning: _ThinkingBlock,
    ToolCall: _ToolBlock,
    Refusal: _SaidAsText,
    Audio: _SaidAsText,
    Native: _WholeBlock,
}
"""By the type of the part; any other part is written like a `Native`."""
