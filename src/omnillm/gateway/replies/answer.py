"""`Answer`: an attempt that answered, with its exchange still open. Of a stream it has what was held back."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from omnillm.errors import ReplyTooLarge, UpstreamLost
from omnillm.framing.sse import Frame, FrameReader, SseReader
from omnillm.gateway.attempts.upstream import Upstream
from omnillm.gateway.quotes.tool_calls import ToolCalls
from omnillm.outcome import Verdict
from omnillm.protocols.codec import StreamEncoder
from omnillm.protocols.protocol import Failure, ReplyPeek, Sight, StreamWatch
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.transport.client import Exchange

UNREPORTED: Final = ReplyPeek(usage=None, is_complete=True)
"""The report of a reply that is no generation: there is none."""
# Bound once: they are asked for at every event.
_CONTENT, _END, _FAILED = Sight.CONTENT, Sight.END, Sight.FAILED
_RARE: Final = Sight.END | Sight.FAILED | Sight.WITHHOLD
"""What makes a frame more than something to forward."""


class Answer(msgspec.Struct, kw_only=True, eq=False):
    """A plain reply has `body`, a stream `reader` and `watch`."""

    exchange: Exchange
    upstream: Upstream
    report: ReplyPeek | StreamWatch = UNREPORTED
    """Where its usage and its service tier are reported."""
    body: bytes | None = None
    reader: FrameReader | None = None
    watch: StreamWatch | None = None
    translator: StreamTranscoder | None = None
    """Of a stream whose client speaks another protocol."""
    tools: ToolCalls | None = None
    """Counts the calls of the provider's own tools, if the stream shows each of them."""
    final: bytes = b""
    """What the provider said last: its plain reply, or the last event of its stream."""
    seen: int = Sight.NOTHING
    """Everything the watch has seen so far."""
    is_ended_well: bool = False
    _held: list[bytes] = []
    _garbled: Failure | None = None
    """What the translator could not read although the watch saw nothing wrong."""
    _see_frame: Callable[[Frame], int] | None = None
    _skims: Callable[[bytes], bool] | None = None
    _sse: Any = None
    """The reader: an `SseReader`, where there is something to skim."""

    @classmethod
    def of_stream(
        cls,
        exchange: Exchange,
        upstream: Upstream,
        *,
        reader: FrameReader,
        watch: StreamWatch,
        translator: StreamTranscoder | None = None,
        tools: ToolCalls | None = None,
    ) -> "Answer":
        skims = watch.skims if translator is None and tools is None and isinstance(reader, SseReader) else None
        return cls(
            exchange=exchange,
            upstream=upstream,
            report=watch,
            reader=reader,
            watch=watch,
            translator=translator,
            tools=tools,
            _see_frame=watch.see if tools is None else tools.see,
            _skims=skims,
            _sse=reader,
        )

    def __repr__(self) -> str:
        """Without what was said."""
        return f"Answer({'plain' if self.watch is None else 'stream'})"

    def feed(self, piece: bytes) -> int:
        """Read one piece of a stream (b"" is its end). Its whole frames are held; returns what was seen in them."""
        assert self.reader is not None
        assert self.watch is not None
        if not piece:
            self.is_ended_well = self.reader.finish() and self.watch.at_end_of_stream()
            if self.is_ended_well and self.translator is not None:
                self.hold(self.translator.finish())
            return Sight.NOTHING
        if self.translator is not None:
            return self._translate(self.reader.feed(piece), self.translator)
        return self._see(self.reader.feed(piece))

    def _translate(self, frames: Iterable[Frame], translator: StreamTranscoder) -> int:
        """As `_see`, and translate the frames. A frame that cannot be read is a failure; those before it are forwarded.

        CONTENT is returned only when the client would see some. Until then a fault can still be hidden, whatever the provider has said.
        """
        assert self._see_frame is not None
        see, feed, free_text, hold = self._see_frame, translator.feed_frame, translator.free_text, self._held.append
        shown: int = Sight.NOTHING
        seen = self.seen
        for frame in frames:
            sight = see(frame)
            seen |= sight
            shown |= sight & ~_CONTENT
            if sight & _FAILED:
                break
            try:
                piece = feed(frame)
                if piece:
                    hold(piece)
                    if seen & _CONTENT and (free_text is None or not free_text.is_holding):
                        shown |= _CONTENT
                if sight & _END:
                    self.final = frame.data
                    self.hold(translator.finish())
                    self.is_ended_well = True
                    break
            except ReplyTooLarge:  # which its caller has asked for: no key is to rest for it, nor is it to be paid again
                raise
            except UpstreamLost as error:
                self._garbled = Failure(verdict=Verdict.SERVER_FAULT, status=200, code=error.code, message=error.message)
                seen |= _FAILED
                shown |= _FAILED
                break
        self.seen = seen
        return shown

    def hold(self, piece: bytes) -> None:
        if piece:
            self._held.append(piece)

    @property
    def held_bytes(self) -> int:
        return sum(map(len, self._held))

    @property
    def is_at_rest(self) -> bool:
        """Of a stream: it goes on, and all that has come is forwarded."""
        return not self._held and self.is_running

    @property
    def is_running(self) -> bool:
        """Of a stream: neither its terminal event nor a failure was seen."""
        return not (self.is_ended_well or self.seen & Sight.FAILED)

    @property
    def is_told(self) -> bool:
        """Of a stream: it ended well, and nothing of it waits to be forwarded."""
        return self.is_ended_well and not self._held

    def skims(self) -> Callable[[bytes], bool] | None:
        """A function that tells whether a piece is whole events that only have to be forwarded. None: the next piece must be read."""
        return None if self._skims is None or self._sse.is_open else self._skims

    def _see(self, frames: Iterable[Frame]) -> int:
        assert self._see_frame is not None
        see, held = self._see_frame, self._held
        seen = 0
        for frame in frames:
            sight = see(frame)
            seen |= sight
            if not sight & _RARE:
                held.append(frame.raw)
            elif self._note(frame, sight):
                break
        self.seen |= seen
        return seen

    def _note(self, frame: Frame, sight: int) -> bool:
        """Take a frame that is more than something to forward. Returns whether the stream ends with it."""
        if sight & Sight.FAILED:
            return True  # nothing of a failed frame, or after it, is forwarded
        if not sight & Sight.WITHHOLD:
            self._held.append(frame.raw)
        if sight & Sight.END:
            self.final = frame.data
            self.is_ended_well = True
            return True
        return False

    @property
    def client_view(self) -> StreamWatch | StreamEncoder | None:
        """What knows which part of the stream the client was told: the watch or the encoder. None for a plain reply."""
        return self.watch if self.translator is None else self.translator.encoder

    def release(self) -> bytes:
        """The whole frames that wait to be forwarded."""
        held = self._held
        if not held:
            return b""
        joined = held[0] if len(held) == 1 else b"".join(held)
        held.clear()
        return joined

    def failure(self) -> Failure:
        """Of a stream in which one was seen."""
        assert self.watch is not None
        failure = self.watch.failure or self._garbled
        assert failure is not None
        return failure
