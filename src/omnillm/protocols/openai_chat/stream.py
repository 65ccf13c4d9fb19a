"""Follows one stream of Chat Completions."""

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from omnillm.framing.sse import Frame
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.openai_chat.peek import failed
from omnillm.protocols.openai_chat.usage import usage_of
from omnillm.protocols.openai_chat.wire import Chunk, ChunkChoice
from omnillm.protocols.protocol import MALFORMED_EVENT, Failure, Sight
from omnillm.usage import Usage

_CHUNK = msgspec.json.Decoder(Chunk)
_BRACE = ord("{")
_NEWLINE = ord("\n")
_RETURN = ord("\r")
_BEGINNING, _BEYOND = b"data: {", b"data: |"
"""Between them lies, in the order of bytes, whatever begins with the first: two comparisons cost less than one slice."""


class ChatWatch:
    """Until the first content every chunk is decoded; from then on only one that names token counts or an error."""

    __slots__ = ("_has_content", "_is_complete", "_withholds", "failure", "tier", "usage")
    opening: ClassVar = None
    next_sequence: ClassVar = 0
    response_id: ClassVar = ""

    def __init__(self, withholds: bool) -> None:  # noqa: FBT001 - the signature of `Protocol.watch`
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self.tier: Any = None
        self._withholds = withholds
        self._has_content = False
        self._is_complete = False

    def see(self, frame: Frame) -> int:
        data = frame.data
        # rpartition is the fastest search that CPython has for a word, and what is looked for stands near the end.
        if (
            self._has_content
            and data
            and data[0] == _BRACE
            and not data.rpartition(b'_tokens"')[1]
            and not data.rpartition(b'"error"')[1]
            and not frame.event
        ):
            return Sight.NOTHING
        return self._look(data.strip(), frame.event) if data and not self._is_complete else Sight.NOTHING

    def skims(self, piece: bytes) -> bool:
        """Events of one line each, `data: {...`: as many line ends as that makes, and none of the words that `see` looks for."""
        lines, _, rest = piece.rpartition(b"\n\n")
        return (
            self._has_content
            and not rest
            and _BEGINNING <= lines < _BEYOND
            and not lines.rpartition(b'_tokens"')[1]
            and not lines.rpartition(b'"error"')[1]
            and _RETURN not in lines
            and (_NEWLINE not in lines or lines.count(b"\n") == 2 * lines.count(b"\n\ndata: {"))
        )

    def at_end_of_stream(self) -> bool:
        return self._is_complete

    def _look(self, data: bytes, event: bytes) -> int:
        if data == b"[DONE]":
            self._is_complete = True
            return Sight.END
        try:
            chunk = decode_lenient(_CHUNK, data)
        except UNREADABLE:
            return self._fail(MALFORMED_EVENT)
        self._report(chunk)
        choices = chunk.choices or ()
        failure = failed(chunk.error if chunk.error is not None or event != b"error" else {}, chunk.choices)
        if failure is None and chunk.x_groq is not None:
            failure = failed(chunk.x_groq.error, None)
        if failure is not None:
            return self._fail(failure)
        if self._withholds and not choices and chunk.usage is not None:
            return Sight.WITHHOLD
        if self._has_content or not _has_content(choices):
            return Sight.NOTHING
        self._has_content = True
        return Sight.CONTENT

    def _report(self, chunk: Chunk) -> None:
        self.tier = chunk.service_tier or self.tier
        reported = chunk.usage
        if reported is None and chunk.x_groq is not None:
            reported = chunk.x_groq.usage
        if reported is not None:
            self.usage = usage_of(reported) or self.usage

    def _fail(self, failure: Failure) -> int:
        self.failure = msgspec.structs.replace(failure, usage=self.usage)
        return Sight.FAILED


def _has_content(choices: Sequence[ChunkChoice]) -> bool:
    return any(choice.text or (choice.delta is not None and choice.delta.has_content()) for choice in choices)
