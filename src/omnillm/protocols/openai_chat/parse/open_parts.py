"""The parts of one candidate while its stream is read: its calls, and its sound."""

from typing import Any

from omnillm.model.events import AudioDelta, OpaqueAdded, ToolCallDelta
from omnillm.model.message import Audio, Issuer, Opaque, ToolCall
from omnillm.protocols import base64_text
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.parse.assistant import arguments_of, signature_in
from omnillm.protocols.openai_chat.parse.reply import made_call_id
from omnillm.protocols.part_log import OpenParts
from omnillm.protocols.shapes import integer, mapping, optional_mapping, optional_text


class ChatParts(OpenParts):
    """The parts of one candidate, with what is known of the reply around them."""

    __slots__ = ("_issuer", "_losses", "reply_id")

    def __init__(self, candidate: int, reply_id: str, issuer: Issuer, losses: Losses) -> None:
        super().__init__(candidate)
        self.reply_id = reply_id
        self._issuer = issuer
        self._losses = losses

    def add_opaque(self, number: int, value: Opaque) -> None:
        self.events.append(OpaqueAdded(index=number, opaque=value, candidate=self.candidate))

    def opaque_of(self, value: str) -> Opaque:
        return Opaque(value=value, issuer=self._issuer)

    def lose(self, member: str, detail: str) -> None:
        self._losses.drop(f"candidates[{self.candidate}].{member}", detail)


_UNKNOWN = ""
"""The kind of a call that is neither a function's nor free text."""


class _OpenCall:
    __slots__ = ("arguments", "call_id", "kind", "name", "number", "signature")

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.kind = "function"
        self.name = ""
        self.number: int | None = None
        """None: its name is not known yet."""
        self.arguments: list[str] = []
        """Those that came before the name."""
        self.signature = ""


class OpenCalls:
    """The calls of a candidate, told apart by their index, or by their id where a host gives every call the same index."""

    __slots__ = ("_by_index", "_calls", "_parts")

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._by_index: dict[int, _OpenCall] = {}
        self._calls: list[_OpenCall] = []

    def read(self, value: Any) -> None:
        delta = mapping(value, "")
        call = self._find(delta)
        if ("type" in delta or "custom" in delta) and not self._is_known(call, delta):
            return
        body = optional_mapping(delta, call.kind)
        if body is None:  # of a kind that is not known, too
            self._read_signature(call, delta)
            return
        more = optional_text(body, "input", "custom") if call.kind == "custom" else arguments_of(body, "function")
        if call.number is None:
            call.name = optional_text(body, "name", call.kind)
            if call.name:
                self._start(call, delta)
        elif "extra_content" in delta:
            self._read_signature(call, delta)
        if more:
            self._add(call, more)

    def _is_known(self, call: _OpenCall, delta: dict[str, Any]) -> bool:
        """Note of which kind a call is, and tell whether it is one of ours."""
        kind = delta.get("type")
        if kind == "custom" or delta.get("custom") is not None:
            call.kind = "custom"
        elif kind and kind != "function" and not call.name and delta.get("function") is None:
            call.kind = _UNKNOWN
            self._parts.lose("message.tool_calls", "a sort of call that only its own protocol knows")
        return call.kind is not _UNKNOWN

    def end(self) -> bool:
        """End them all; tell whether there are any. One that never named its function is none: nobody could make it."""
        numbers = [call.number for call in self._calls if call.number is not None]
        for number in numbers:
            self._parts.end(number)
        if any(call.kind and call.number is None for call in self._calls):
            self._parts.lose("message.tool_calls", "a call that names no function")
        return bool(numbers)

    def _find(self, delta: dict[str, Any]) -> _OpenCall:
        call_id = optional_text(delta, "id")
        index = delta.get("index")
        index = self._index_of(call_id) if index is None else integer(index, "index", 0)
        call = self._by_index.get(index)
        if call is None or (call_id and call.call_id and call.call_id != call_id):
            call = self._by_index[index] = _OpenCall(call_id)
            self._calls.append(call)
        elif call_id and not call.call_id and call.number is None:
            call.call_id = call_id
        return call

    def _index_of(self, call_id: str) -> int:
        """Without an index, an id that is new begins a call, and no id continues the last one."""
        for index, call in self._by_index.items():
            if call_id and call.call_id == call_id:
                return index
        return max(self._by_index, default=-1) + 1 if call_id or not self._by_index else max(self._by_index)

    def _start(self, call: _OpenCall, delta: dict[str, Any]) -> None:
        parts = self._parts
        signature = signature_in(delta.get("extra_content")) or call.signature
        if not call.call_id:
            call.call_id = made_call_id(len(self._calls) - 1, f"{parts.candidate}_{parts.reply_id[-24:]}")
        call.number = parts.start(
            ToolCall(
                call_id=call.call_id,
                name=call.name,
                kind=call.kind,  # type: ignore[arg-type]  # checked above
                signature=parts.opaque_of(signature) if signature else None,
            )
        )

    def _add(self, call: _OpenCall, more: str) -> None:
        if call.number is None:
            call.arguments.append(more)
            return
        if call.arguments:
            more = "".join(call.arguments) + more
            call.arguments.clear()
        if more:
            self._parts.events.append(ToolCallDelta(index=call.number, arguments=more, candidate=self._parts.candidate))

    def _read_signature(self, call: _OpenCall, delta: dict[str, Any]) -> None:
        signature = signature_in(delta.get("extra_content"))
        if not signature:
            return
        if call.number is None:
            call.signature = signature
        else:
            self._parts.add_opaque(call.number, self._parts.opaque_of(signature))


class OpenAudio:
    """Sound of a candidate. Base64 may be cut anywhere: what makes no whole bytes waits."""

    __slots__ = ("_audio_id", "_parts", "_waiting")

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._audio_id = ""
        self._waiting = ""

    def read(self, delta: dict[str, Any]) -> None:
        data, transcript = optional_text(delta, "data", "delta.audio"), optional_text(delta, "transcript", "delta.audio")
        self._audio_id = optional_text(delta, "id", "delta.audio") or self._audio_id
        if delta.get("expires_at") is not None:
            self._parts.lose("message.audio.expires_at", "events have no place for it")
        if not data and not transcript and not delta.get("id"):
            return
        number = self._parts.open(Audio(audio_id=self._audio_id))
        data = self._waiting + data
        whole = len(data) // 4 * 4
        self._waiting = data[whole:]
        if whole or transcript:
            sound = base64_text.decode(data[:whole], "delta.audio.data")
            self._parts.events.append(AudioDelta(index=number, data=sound, transcript=transcript, candidate=self._parts.candidate))
