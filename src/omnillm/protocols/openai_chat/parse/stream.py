"""A provider's stream, read: chunks to canonical events.

Chat's chunks name no parts, so they are made here. Reasoning, text, refusal and sound follow one another: one of them is open at a time.
Calls are told apart by their index and may interleave: they stay open until the end. A candidate is finished at the end of the stream and
not with its `finish_reason`, because some hosts say that early or twice.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from omnillm.framing.sse import Frame
from omnillm.model.events import Completed, Failed, LlmStreamEvent, ResponseStarted, UsageReported
from omnillm.model.message import Issuer
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.failure import failed_of
from omnillm.protocols.openai_chat.parse.candidate import OpenCandidate
from omnillm.protocols.openai_chat.parse.open_parts import ChatParts
from omnillm.protocols.openai_chat.place import NAME
from omnillm.protocols.openai_chat.usage import usage_in
from omnillm.protocols.shapes import Unfit, inside, integer, mapping, optional_array, optional_integer, optional_text, rest

_decode = msgspec.json.Decoder().decode
_MEMBERS = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier", "obfuscation", "error", "system_fingerprint"})


class ChatDecoder:
    __slots__ = ("_candidates", "_extensions", "_is_over", "_is_started", "_issuer", "_losses", "_reply_id")

    def __init__(self, issuer: Issuer, losses: Losses) -> None:
        self._issuer = issuer
        self._losses = losses
        self._candidates: dict[int, OpenCandidate] = {}
        self._extensions: dict[str, Any] = {}
        self._reply_id = ""
        self._is_started = False
        self._is_over = False

    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        data = frame.data.strip()
        if not data or self._is_over:
            return ()
        if data == b"[DONE]":
            return self._complete()
        chunk = mapping(_decode(data), "")
        if (fingerprint := chunk.get("system_fingerprint")) is not None:
            self._extensions["system_fingerprint"] = fingerprint
        return self._read(chunk, is_error=frame.event == b"error")

    def _read(self, chunk: dict[str, Any], *, is_error: bool) -> list[LlmStreamEvent]:
        error, usage = chunk.get("error") or None, chunk.get("usage")
        if not _MEMBERS.issuperset(chunk):
            self._extensions |= rest(chunk, _MEMBERS)
            if type(groq := chunk.get("x_groq")) is dict:
                error, usage = error or groq.get("error"), groq.get("usage") if usage is None else usage
        events: list[LlmStreamEvent] = []
        choices = optional_array(chunk, "choices")
        if is_error:
            error = error or chunk
        elif choices and error is None:
            if not self._is_started:
                events.append(self._started(chunk))
            error = self._read_choices(choices, events)
        if error is not None:
            return [self._failed(error)]
        if usage is not None:
            self._read_usage(usage, chunk, events)
        return events

    def _read_choices(self, choices: list[Any], events: list[LlmStreamEvent]) -> Any:
        """Read them; return the error that one of them holds (OpenRouter), None where there is none."""
        for number, choice in enumerate(choices):
            if type(choice) is not dict:
                raise Unfit(f"choices[{number}]", "an object")
            if choice.get("finish_reason") == "error" or choice.get("error"):
                return choice.get("error") or {}
            index = choice.get("index")
            try:
                candidate = self._candidates.get(index) if type(index) is int else None
                (candidate or self._candidate(index)).read(choice, events)
            except Unfit as error:
                raise inside(error, f"choices[{number}]") from error
        return None

    def finish(self) -> Sequence[LlmStreamEvent]:
        if not self._is_over:
            raise Unfit("stream", "complete")
        return ()

    def _started(self, chunk: dict[str, Any]) -> ResponseStarted:
        self._is_started = True
        self._reply_id = optional_text(chunk, "id")
        return ResponseStarted(
            id=self._reply_id,
            protocol=NAME,
            model=optional_text(chunk, "model"),
            created=optional_integer(chunk, "created"),
            service_tier=optional_text(chunk, "service_tier"),
        )

    def _candidate(self, index: Any) -> OpenCandidate:
        index = 0 if index is None else integer(index, "index", 0)
        if index not in self._candidates:
            self._candidates[index] = OpenCandidate(ChatParts(index, self._reply_id, self._issuer, self._losses))
        return self._candidates[index]

    def _read_usage(self, raw: Any, chunk: dict[str, Any], events: list[LlmStreamEvent]) -> None:
        usage = usage_in({"usage": raw})
        if usage is not None:
            if not self._is_started:
                events.append(self._started(chunk))
            events.append(UsageReported(usage=usage, raw=raw))

    def _failed(self, error: Any) -> Failed:
        self._is_over = True
        return failed_of(error)

    def _complete(self) -> list[LlmStreamEvent]:
        self._is_over = True
        events: list[LlmStreamEvent] = [] if self._is_started else [ResponseStarted()]
        for index in sorted(self._candidates):
            self._candidates[index].finish(events)
        events.append(Completed(vendor_extensions=self._extensions))
        return events
