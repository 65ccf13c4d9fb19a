"""The content blocks of a stream, one open at a time: what each kind of part says at its start, in its deltas and at its end."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from omnillm.model.events import AudioDelta, CitationAdded, OpaqueAdded, PartEnded, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta
from omnillm.model.message import Audio, Citation, MessagePart, Native, Opaque, Reasoning, Refusal, Text, ToolCall
from omnillm.protocols.anthropic_messages.emit.parts import call_id_of, citations_of, emit_block
from omnillm.protocols.anthropic_messages.emit.reply import LATE_SIGNATURE, NO_LOGPROBS, carried, carrier, reply_reasoning, shown, unsigned
from omnillm.protocols.anthropic_messages.place import UNKNOWN, Place
from omnillm.protocols.differences.arguments import object_of
from omnillm.protocols.differences.turns import Block

_encode = msgspec.json.Encoder().encode
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%s}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%s'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'


class OpenBlock:
    """One part on its way. `number` is the index of the next block on the wire."""

    delta_head = b""
    """How the delta of this block's words begins."""

    def __init__(self, part: Any, number: int, place: Place) -> None:
        self.index = place.part
        self.part = part
        self.next_number = number
        self.place = place
        self.is_open = False
        self._delta = b""

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

    def sign(self, opaque: Opaque) -> bytes:  # noqa: ARG002 - only where there is a place for it
        self.place.drop(".signature", "no block can carry it")
        return b""

    def end(self) -> bytes:
        return self.close() if self.is_open else b""

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


_OWN_MEMBERS = frozenset({"caller", "toolset_name"})
"""What a `tool_use` of this protocol's own says beyond the call."""


class _TextBlock(OpenBlock):
    delta_head = b'{"type":"text_delta","text":'

    def begin(self) -> bytes:
        part: Text = self.part
        written = b"" if part.signature is None else self.sign(part.signature)
        if part.text:
            written += self._opened() + self.words(part.text)
        for citation in part.citations:
            written += self.cite(citation)
        return written

    def say(self, event: TextDelta) -> bytes:
        if event.logprobs is not None:
            self.place.losses.drop("candidates[0].logprobs", NO_LOGPROBS)
        if not event.text:
            return b""
        return self.words(event.text) if self.is_open else self._opened() + self.words(event.text)

    def cite(self, citation: Citation) -> bytes:
        natives = citations_of((citation,), self.place)
        if not natives:
            return b""
        return self._opened() + self.delta({"type": "citations_delta", "citation": natives[0]})

    def sign(self, opaque: Opaque) -> bytes:
        """Carry a signature before the text, while that has not begun."""
        self.part = replace(self.part, signature=opaque)
        return b""

    def end(self) -> bytes:
        if self.part.signature is not None:
            self.place.drop(".signature", LATE_SIGNATURE)
        return super().end()

    def _opened(self) -> bytes:
        if self.is_open:
            return b""
        signature = self.part.signature
        if signature is None:
            return self.open({"type": "text", "text": ""})
        self.part = replace(self.part, signature=None)
        return self.whole(carrier(signature)) + self.open({"type": "text", "text": ""})


class _ThinkingBlock(OpenBlock):
    delta_head = b'{"type":"thinking_delta","thinking":'

    def __init__(self, part: Any, number: int, place: Place) -> None:
        super().__init__(part, number, place)
        self._opaque: Opaque | None = part.opaque
        self._summary: int | None = None
        self._has_summary = False

    def begin(self) -> bytes:
        part: Reasoning = self.part
        if part.is_redacted or not (part.text or part.summary):
            return b""
        written = self._opened() + self.words("\n\n".join((part.text, *part.summary) if part.text else part.summary))
        if part.summary:
            self._note_summary()
            self._summary = len(part.summary) - 1
        return written

    def say(self, event: ReasoningDelta) -> bytes:
        text = event.text
        if event.summary_index != self._summary:
            text = f"\n\n{text}" if self.is_open and text else text
            self._summary = event.summary_index
            if event.summary_index is not None:
                self._note_summary()
        return self._opened() + self.words(text) if text else b""

    def sign(self, opaque: Opaque) -> bytes:
        self._opaque = opaque
        return b""

    def end(self) -> bytes:
        part = replace(self.part, opaque=self._opaque)
        if not self.is_open:
            block = reply_reasoning(replace(part, text="", summary=()), self.place)
            if block is None or block["type"] == "redacted_thinking":
                return b"" if block is None else self.whole(block)
            self._opaque = part.opaque
        opened = self._opened()
        signature = unsigned(self.place) if self._opaque is None else carried(self._opaque)
        return opened + self.delta({"type": "signature_delta", "signature": signature}) + self.close()

    def _opened(self) -> bytes:
        return b"" if self.is_open else self.open({"type": "thinking", "thinking": "", "signature": ""})

    def _note_summary(self) -> None:
        if not self._has_summary:
            self._has_summary = True
            self.place.approximate(".summary", "summaries are said as thinking")


class _ToolBlock(OpenBlock):
    delta_head = b'{"type":"input_json_delta","partial_json":'

    def begin(self) -> bytes:
        self._said: list[str] = []
        return self._opened() + self._pieces(self.part.arguments) if self.part.arguments else b""

    def say(self, event: ToolCallDelta) -> bytes:
        return self._opened() + self._pieces(event.arguments) if event.arguments else b""

    def sign(self, opaque: Opaque) -> bytes:
        if self.is_open:
            return super().sign(opaque)
        self.part = replace(self.part, signature=opaque)
        return b""

    def end(self) -> bytes:
        opened = self._opened()
        ending = b""
        if self.part.kind == "custom":
            ending = self.words('"}')
        elif object_of("".join(self._said)) is None:
            self.place.approximate(".arguments", "a client reads arguments that are no JSON object as it can")
        return opened + ending + self.close()

    def _pieces(self, arguments: str) -> bytes:
        self._said.append(arguments)
        # The free text of a custom tool is the one member of an object: its pieces are pieces of a JSON string.
        return self.words(_encode(arguments)[1:-1].decode() if self.part.kind == "custom" else arguments)

    def _opened(self) -> bytes:
        if self.is_open:
            return b""
        part: ToolCall = self.part
        call_id = call_id_of(part.call_id, self.place.here, self.place)
        block: Block = {"type": "tool_use", "id": call_id, "name": part.name, "input": {}}
        for name, value in part.vendor_extensions.items():
            if name in _OWN_MEMBERS and self.place.is_own:
                block[name] = value
            else:
                self.place.drop(f".vendor_extensions.{name}", UNKNOWN)
        before = b"" if part.signature is None else self.whole(carrier(part.signature))
        opened = before + self.open(block)
        if part.kind == "custom":
            self.place.approximate(".kind", "free text is the one argument of a function")
            opened += self.words('{"input":"')
        return opened


class _SaidAsText(OpenBlock):
    delta_head = b'{"type":"text_delta","text":'
    detail = ""
    """What became of the part."""

    def say_text(self, text: str) -> bytes:
        if not text:
            return b""
        if self.is_open:
            return self.words(text)
        self.place.approximate("", self.detail)
        return self.open({"type": "text", "text": ""}) + self.words(text)


class _RefusalBlock(_SaidAsText):
    detail = "a refusal is said as text"

    def begin(self) -> bytes:
        return self.say_text(self.part.text)

    def say(self, event: RefusalDelta) -> bytes:
        return self.say_text(event.text)


class _AudioBlock(_SaidAsText):
    detail = "the transcript in place of the sound"

    def begin(self) -> bytes:
        return self.say_text(self.part.transcript)

    def say(self, event: AudioDelta) -> bytes:
        return self.say_text(event.transcript)

    def end(self) -> bytes:
        if not self.is_open:
            self.place.drop("", "the Messages API has no sound")
        return super().end()


_SERVER_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})


class _WholeBlock(OpenBlock):
    """A part that its start holds whole."""

    delta_head = b'{"type":"input_json_delta","partial_json":'

    def begin(self) -> bytes:
        part: MessagePart = self.part
        blocks = shown(emit_block(part, self.place), self.place)
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
    Refusal: _RefusalBlock,
    Audio: _AudioBlock,
    Native: _WholeBlock,
}
"""By the type of the part; any other part is written like a `Native`."""
