"""`Answer`: an attempt that answered, its exchange still open; a stream with what was held back of it."""

from collections.abc import Iterable
from typing import Any

from omnillm.errors import UpstreamLost
from omnillm.framing.sse import Frame, FrameReader
from omnillm.gateway.translation import Upstream
from omnillm.outcome import Verdict
from omnillm.protocols.codec import StreamEncoder
from omnillm.protocols.protocol import Failure, Sight, StreamWatch
from omnillm.protocols.stream_transcoder import StreamTranscoder
from omnillm.transport.client import Exchange
from omnillm.usage import Usage


class Answer:
    """A plain reply has `body`, a stream `reader` and `watch`."""

    __slots__ = (
        "_garbled",
        "_held",
        "_tier",
        "body",
        "exchange",
        "final",
        "held_bytes",
        "is_ended_well",
        "reader",
        "seen",
        "translator",
        "upstream",
        "usage",
        "watch",
    )

    def __init__(  # noqa: PLR0913  what a plain reply needs, and what a stream needs
        self,
        *,
        exchange: Exchange,
        upstream: Upstream,
        body: bytes | None = None,
        usage: Usage | None = None,
        tier: Any = None,
        reader: FrameReader | None = None,
        watch: StreamWatch | None = None,
        translator: StreamTranscoder | None = None,
        final: bytes = b"",
    ) -> None:
        self.exchange = exchange
        self.upstream = upstream
        self.body = body
        self.usage = usage
        self._tier = tier
        self.reader = reader
        self.watch = watch
        self.translator = translator
        """Of a stream whose client speaks another protocol."""
        self.final = final
        """What the provider said last: its plain reply, or the last event of its stream."""
        self.seen = Sight.NOTHING
        """Everything the watch has seen so far."""
        self.is_ended_well = False
        self.held_bytes = 0
        self._held: list[bytes] = []
        self._garbled: Failure | None = None
        """What the translator could not read, where the watch saw nothing wrong."""

    def take(self, piece: bytes) -> int:
        """Read one piece of a stream (b"": its end) into whole frames; tell what stood in them."""
        assert self.reader is not None
        assert self.watch is not None
        if not piece:
            self.is_ended_well = self.reader.finish() and self.watch.at_end_of_stream()
            if self.is_ended_well and self.translator is not None:
                self._hold(self.translator.finish())
            return Sight.NOTHING
        if self.translator is not None:
            return self._translate(self.reader.feed(piece), self.translator)
        return self._see(self.reader.feed(piece))

    def _translate(self, frames: Iterable[Frame], translator: StreamTranscoder) -> int:
        """As `_see`, in the client's words. What cannot be read is a failure, and what came before it is forwarded.

        What is told is content once the client would see some: until then a fault can still be hidden, whatever the provider has said.
        """
        assert self.watch is not None
        seen = told = 0
        for frame in frames:
            sight = self.watch.see(frame)
            seen |= sight
            told |= sight & ~Sight.CONTENT
            if sight & Sight.FAILED:
                break
            try:
                piece = translator.feed_frame(frame)
                self._hold(piece)
                if piece and (self.seen | seen) & Sight.CONTENT and not translator.is_holding:
                    told |= Sight.CONTENT
                if sight & Sight.END:
                    self.final = frame.data
                    self._hold(translator.finish())
                    self.is_ended_well = True
                    break
            except UpstreamLost as error:
                self._garbled = Failure(verdict=Verdict.SERVER_FAULT, status=200, code=error.code, message=error.message)
                seen |= Sight.FAILED
                told |= Sight.FAILED
                break
        self.seen |= seen
        return told

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._held.append(piece)
            self.held_bytes += len(piece)

    def _see(self, frames: Iterable[Frame]) -> int:
        assert self.watch is not None
        see, held = self.watch.see, self._held
        seen = 0
        for frame in frames:
            sight = see(frame)
            seen |= sight
            if sight & Sight.FAILED:
                break  # nothing of a failed frame, or after it, is forwarded
            if not sight & Sight.WITHHOLD:
                held.append(frame.raw)
                self.held_bytes += len(frame.raw)
            if sight & Sight.END:
                self.final = frame.data
                self.is_ended_well = True
                break
        self.seen |= seen
        return seen

    @property
    def tier(self) -> Any:
        """The service tier that the provider names."""
        return self._tier if self.watch is None else self.watch.tier

    @property
    def told(self) -> StreamWatch | StreamEncoder | None:
        """Who knows what the client has been told of the stream; None for a plain reply."""
        return self.watch if self.translator is None else self.translator.encoder

    def release(self) -> bytes:
        """The whole frames that wait to be forwarded."""
        held = self._held
        if not held:
            return b""
        joined = held[0] if len(held) == 1 else b"".join(held)
        held.clear()
        self.held_bytes = 0
        return joined

    def failure(self) -> Failure:
        assert self.watch is not None
        failure = self.watch.failure or self._garbled
        return failure or Failure(verdict=Verdict.SERVER_FAULT, status=200, code="stream_failed", message="")
