"""Follows one stream of streamGenerateContent. Every chunk is decoded: that costs as much as two searches and cannot be fooled by text."""

from typing import ClassVar

import msgspec

from omnillm.framing.sse import Frame
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.gemini_generate_content.failure import failure_of
from omnillm.protocols.gemini_generate_content.finish import UNSPECIFIED
from omnillm.protocols.gemini_generate_content.peek import has_content, is_blocked
from omnillm.protocols.gemini_generate_content.usage import read_usage, searches_of
from omnillm.protocols.gemini_generate_content.wire import Candidate, Chunk
from omnillm.protocols.protocol import MALFORMED_EVENT, Failure, Sight
from omnillm.usage import Usage

_CHUNK: msgspec.json.Decoder[Chunk | list[Chunk]] = msgspec.json.Decoder(Chunk | list[Chunk])
_decode = _CHUNK.decode
# Bound once: `see` is called for every event.
_NOTHING, _CONTENT, _FAILED = Sight.NOTHING, Sight.CONTENT, Sight.FAILED
_NEWLINE = ord("\n")
_RETURN = ord("\r")
_BEGINNING, _BEYOND = b"data: ", b"data:!"
"""Between them lies, in the order of bytes, whatever begins with the first."""


class GenerateContentWatch:
    """There is no terminal event: the stream is whole when every candidate that was seen has its finishReason."""

    __slots__ = ("_finished", "_has_content", "_is_blocked", "_metadata", "_opening", "_reported", "_searches", "_started", "failure")
    next_sequence: ClassVar = 0
    response_id: ClassVar = ""
    tier: ClassVar = None

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self._has_content = False
        self._is_blocked = False
        self._started: set[int] = set()
        self._finished: set[int] = set()
        self._metadata = self._opening = msgspec.Raw()
        self._reported: Usage | None = None
        self._searches = 0

    @property
    def usage(self) -> Usage | None:
        """Every chunk reports all usage up to it, so only the last report is read, and not before it is wanted."""
        return read_usage(self._metadata, self._searches) or self._reported

    @property
    def opening(self) -> Usage | None:
        """What the chunks have told until the first content; what was thought by then is no part of the prompt."""
        return read_usage(self._opening, 0)

    def see(self, frame: Frame) -> int:
        data = frame.data
        return self._look(data) if data else _NOTHING

    def skims(self, piece: bytes) -> bool:
        """One event of one line, behind content: its chunk is taken as `see` takes it, and only the frame is never made.

        One that fails is not skimmed, and taken once more: what it told the first time it tells again.
        """
        if not (self._has_content and _BEGINNING <= piece < _BEYOND):
            return False
        if piece[-4:] == b"\r\n\r\n":  # as Google ends its lines
            data = piece[len(_BEGINNING) : -4]
        elif piece[-2:] == b"\n\n":
            data = piece[len(_BEGINNING) : -2]
        else:
            return False
        return bool(data) and not (_NEWLINE in data or _RETURN in data) and self._look(data) == _CONTENT

    def at_end_of_stream(self) -> bool:
        return self._is_blocked or (bool(self._finished) and self._started <= self._finished)

    def _look(self, data: bytes) -> int:
        try:
            decoded = _decode(data)
        except UNREADABLE:
            self.failure = MALFORMED_EVENT
            return _FAILED
        if isinstance(decoded, Chunk):
            self._take(decoded)
        else:
            for chunk in decoded:
                self._take(chunk)
        if self.failure is not None:
            return _FAILED
        if not self._has_content:
            self._has_content = has_content(data)
            self._opening = self._metadata
        return _CONTENT if self._has_content else _NOTHING

    def _take(self, chunk: Chunk) -> None:
        if chunk.error is not None:
            self.failure = failure_of(200, chunk.error)
        if chunk.prompt_feedback is not None:
            self._is_blocked = self._is_blocked or is_blocked(chunk)
        for candidate in chunk.candidates or ():
            self._started.add(candidate.index or 0)
            if candidate.finish_reason is not None or candidate.grounding_metadata is not None:
                self._take_last_words(candidate)
        metadata = chunk.usage_metadata
        if metadata:
            if len(metadata) < len(self._metadata):
                # Reports only grow. A shorter one may name no counts at all (Vertex: the traffic type), so the longer is read first.
                self._reported = self.usage
            self._metadata = metadata

    def _take_last_words(self, candidate: Candidate) -> None:
        if candidate.finish_reason not in {None, UNSPECIFIED}:
            self._finished.add(candidate.index or 0)
        self._searches = max(self._searches, searches_of((candidate,)))
