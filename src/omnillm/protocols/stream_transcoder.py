"""Streams from one protocol to another, event by event.

An event alone says little: its index, its id, whether its block is open depend on those before it. So the functions here take the state of
their stream as their first argument.
"""

from collections.abc import Sequence

from omnillm.framing.sse import Frame
from omnillm.model.events import LlmStreamEvent
from omnillm.model.message import Issuer
from omnillm.protocols.bulk import LONG_BODY, check_event
from omnillm.protocols.codec import ReplyContext, StreamDecoder, StreamEncoder
from omnillm.protocols.codecs import CODECS, provider_mistake
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.differences.custom_tools import FreeTextStream, custom_names
from omnillm.protocols.loss import ConversionReport, Losses
from omnillm.protocols.shapes import Unfit


class StreamTranscoder:
    """Translates one stream: bytes of a provider's stream in, bytes of the client's out.

    `feed(b"")` tells the end of the provider's stream. UpstreamLost: it was garbled, or ended before it was complete. `losses` grows
    with the stream.
    """

    def __init__(self, source: str, target: str, *, context: ReplyContext, issuer: Issuer | None = None) -> None:
        codec, own = CODECS[source], CODECS[target]
        self.losses: Losses = Losses()
        self.target: str = own.name
        self.is_bridged: bool = codec is not own
        self._issuer = issuer or Issuer(protocol=codec.name)
        self._decoder = codec.decoder(self._issuer, self.losses)
        self.encoder: StreamEncoder = own.encoder(context, self.losses)
        self._reader = codec.reader()
        custom = custom_names(context)
        self.free_text: FreeTextStream | None = FreeTextStream(custom) if custom else None
        """None: no call waits until it is whole."""

    def feed(self, piece: bytes) -> bytes:
        """Translate what has come, cut anywhere; b"" says that no more will."""
        if piece:
            return b"".join([self.feed_frame(frame) for frame in self._reader.feed(piece)])
        if not self._reader.finish():
            raise provider_mistake(Unfit("stream", "whole"), self._issuer)
        return self.finish()

    def feed_frame(self, frame: Frame) -> bytes:
        """Translate one event, framed already."""
        if len(frame.data) > LONG_BODY:
            check_event(frame.data)
        try:
            return self._emit(self._decoder.feed(frame))
        except (Unfit, *UNREADABLE) as error:
            raise provider_mistake(error, self._issuer) from error

    def finish(self) -> bytes:
        """Translate the end, after the last `feed_frame`."""
        try:
            return self._emit(self._decoder.finish())
        except (Unfit, *UNREADABLE) as error:
            raise provider_mistake(error, self._issuer) from error

    def _emit(self, events: Sequence[LlmStreamEvent]) -> bytes:
        if self.free_text is not None:
            events = tuple(self.free_text.feed(events))
        if len(events) == 1:
            return self.encoder.feed(events[0])
        return b"".join(map(self.encoder.feed, events))


def stream_decoder(protocol: str, *, issuer: Issuer | None = None) -> StreamDecoder:
    """Make the decoder of one stream."""
    codec = CODECS[protocol]
    return codec.decoder(issuer or Issuer(protocol=codec.name), Losses())


def stream_encoder(protocol: str, *, context: ReplyContext) -> StreamEncoder:
    """Make the encoder of one stream."""
    return CODECS[protocol].encoder(context, Losses())


def parse_stream_event(decoder: StreamDecoder, frame: Frame) -> Sequence[LlmStreamEvent]:
    """Read one event of a provider's stream: none, one or several canonical ones. UpstreamLost: it is garbled."""
    try:
        return decoder.feed(frame)
    except (Unfit, *UNREADABLE) as error:
        raise provider_mistake(error, None) from error


def emit_stream_event(encoder: StreamEncoder, event: LlmStreamEvent) -> bytes:
    """Write one canonical event as whole SSE frames of the client's protocol; b"" where it has nothing to say yet."""
    return encoder.feed(event)


def transcode_stream_event(transcoder: StreamTranscoder, frame: Frame) -> ConversionReport[bytes]:
    """Translate one event of a stream. The report has every loss of the stream so far."""
    value = transcoder.feed_frame(frame)
    return ConversionReport(
        value=value, wire_format=transcoder.target, bridged=transcoder.is_bridged, loss_reasons=transcoder.losses.reasons
    )
