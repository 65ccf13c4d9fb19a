"""Streams of streamGenerateContent, read to canonical events.

There is no terminal event: the stream is whole when every candidate has its finishReason, or the prompt was blocked, and the connection
then ends. What comes after a finishReason (sources, usage) still belongs to the answer, so candidates end with the stream.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from omnillm.framing.sse import Frame
from omnillm.model.events import Completed, Failed, LlmStreamEvent, ResponseStarted, UsageReported
from omnillm.model.message import Issuer
from omnillm.protocols.gemini_generate_content.failure import failure_of
from omnillm.protocols.gemini_generate_content.parse.candidate import Events, OpenCandidate
from omnillm.protocols.gemini_generate_content.parse.parts import ReplyReader
from omnillm.protocols.gemini_generate_content.parse.reply import REPLY, blocks_prompt, id_source, known_members
from omnillm.protocols.gemini_generate_content.place import NAME
from omnillm.protocols.gemini_generate_content.shapes_of_replies import OF_REPLY
from omnillm.protocols.gemini_generate_content.usage import count_searches, read_usage_object
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, inside, optional_array, optional_integer, optional_mapping, optional_text

_decode = msgspec.json.Decoder().decode
_MOST_CANDIDATES = 128


class GenerateContentDecoder:
    """Several candidates may grow at once; each is known by its index."""

    def __init__(self, issuer: Issuer, losses: Losses) -> None:
        self._issuer = issuer
        self._losses = losses
        self._reader: ReplyReader | None = None
        self._candidates: dict[int, OpenCandidate] = {}
        self._usage: dict[str, Any] | None = None
        self._searches: dict[int, int] = {}
        self._extensions: dict[str, Any] = {}
        self._is_blocked = False
        self._is_over = False

    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        if not frame.data or self._is_over:
            return ()
        decoded = _decode(frame.data)
        events: Events = []
        if type(decoded) is not list:
            self._take(decoded, events)
            return events
        for chunk in decoded:
            if not self._is_over:
                self._take(chunk, events)
        return events

    def finish(self) -> Sequence[LlmStreamEvent]:
        if self._is_over:
            return ()
        is_finished = bool(self._candidates) and all(candidate.is_finished for candidate in self._candidates.values())
        if not is_finished and not self._is_blocked:
            raise Unfit("stream", "complete")
        self._is_over = True
        events: Events = []
        for candidate in self._candidates.values():
            candidate.end(events)
        if self._usage is not None:
            usage = read_usage_object(self._usage, sum(self._searches.values()))
            events += [] if usage is None else [UsageReported(usage=usage, raw=self._usage)]
        events.append(Completed(vendor_extensions=self._extensions))
        return events

    def _take(self, chunk: Any, events: Events) -> None:
        if type(chunk) is not dict:
            raise Unfit("", "an object")
        if chunk.get("error") is not None:
            self._fail(chunk["error"], events)
            return
        reader = self._reader or self._start(chunk, events)
        if "usageMetadata" in chunk and (usage := optional_mapping(chunk, "usageMetadata")) is not None:
            self._note_usage(usage)
        if not REPLY.issuperset(chunk):
            self._extensions.update(known_members(chunk, REPLY, OF_REPLY, self._losses, ""))
            self._is_blocked = self._is_blocked or blocks_prompt(chunk)
        for position, candidate in enumerate(optional_array(chunk, "candidates")):
            if type(candidate) is not dict:
                raise Unfit(f"candidates[{position}]", "an object")
            try:
                self._take_candidate(candidate, reader, events)
            except Unfit as error:
                raise inside(error, f"candidates[{position}]") from error

    def _start(self, chunk: dict[str, Any], events: Events) -> ReplyReader:
        usage = chunk.get("usageMetadata")
        self._reader = reader = ReplyReader(self._issuer, id_source(chunk))
        events.append(
            ResponseStarted(
                id=optional_text(chunk, "responseId"),
                model=optional_text(chunk, "modelVersion"),
                usage=None if usage is None else read_usage_object(usage),
                protocol=NAME,
            )
        )
        return reader

    def _note_usage(self, usage: dict[str, Any]) -> None:
        """Every report holds all usage up to it, but one without counts (Vertex: the traffic type alone) takes nothing back."""
        if self._usage is None or "promptTokenCount" in usage or "candidatesTokenCount" in usage:
            self._usage = usage

    def _take_candidate(self, candidate: dict[str, Any], reader: ReplyReader, events: Events) -> None:
        number = candidate.get("index")
        if number is None:
            number = 0
        elif type(number) is not int or not 0 <= number < _MOST_CANDIDATES:
            number = optional_integer(candidate, "index", lowest=0) or 0
            if number >= _MOST_CANDIDATES:
                raise Unfit("index", f"an integer below {_MOST_CANDIDATES}")
        found = self._candidates.get(number)
        if found is None:
            found = self._candidates[number] = OpenCandidate(number, reader, self._losses)
        if "groundingMetadata" in candidate:
            self._searches[number] = max(self._searches.get(number, 0), count_searches(candidate))
        found.take(candidate, events)

    def _fail(self, error: Any, events: Events) -> None:
        """Tell the error; whatever comes after it is nothing."""
        self._is_over = True
        failure = failure_of(200, error)
        code = error.get("code") if type(error) is dict else None
        status = code if type(code) is int and 400 <= code < 600 else 500
        events.append(Failed(code=failure.code, message=failure.message, status=status))
