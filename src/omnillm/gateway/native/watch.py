"""The usage and the end of a native stream, read while its bytes pass."""

from omnillm.errors import UpstreamLost
from omnillm.framing.eventstream import CONTENT_TYPE
from omnillm.framing.sse import SseReader
from omnillm.protocols.bedrock_converse.frames import EXCEPTION, EventFrames
from omnillm.protocols.bedrock_converse.stream import failure_in
from omnillm.protocols.protocol import Failure
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.profiles.bedrock_invoke import streamed_usage
from omnillm.usage import Usage

EVENTS = b"text/event-stream"
UNREAD = "malformed_event"
"""The code of a watch for an event that its protocol does not know; here it may be another family's."""


class MessageWatch:
    """Follows an event stream of AWS's: whole messages go on, so that an error can follow them; the last one counts the tokens."""

    __slots__ = ("_frames", "failure", "usage")

    def __init__(self) -> None:
        self._frames = EventFrames()
        self.usage: Usage | None = None
        self.failure: Failure | None = None

    def feed(self, piece: bytes) -> bytes:
        """Look at what came; return what may go on. UpstreamLost: it is damaged."""
        frames = self._frames.feed(piece)
        for frame in frames:
            if frame.event.startswith(EXCEPTION):
                self.failure = failure_in(frame)
            else:
                self.usage = streamed_usage(frame) or self.usage
        return b"".join(frame.raw for frame in frames)

    @property
    def is_whole(self) -> bool:
        """Whether the last event was complete."""
        return self._frames.finish()


class NativeWatch:
    """Follows server-sent events in all protocols that the provider speaks: images, speech and the like report usage in their words too."""

    __slots__ = ("_endpoint", "_reader", "_usage", "_watches", "failure")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._reader: SseReader | None = SseReader()
        self._watches = [PROTOCOLS[name].watch(False) for name in endpoint.words]
        self._usage: Usage | None = None
        self.failure: Failure | None = None
        """An event that tells of an error: the stream ended, but not well."""

    def feed(self, piece: bytes) -> bytes:
        self._look_at(piece)
        return piece

    def _look_at(self, piece: bytes) -> None:
        if self._reader is None:
            return
        try:
            frames = self._reader.feed(piece)
        except UpstreamLost:
            self._reader = None  # an event too large to be looked at is still the client's
            return
        for frame in frames:
            if not frame.data:
                continue
            for watch in self._watches:
                watch.see(frame)
                if watch.failure is not None and watch.failure.code != UNREAD:
                    self.failure = watch.failure
            if b"_tokens" in frame.data:
                self._usage = usage_of(self._endpoint, frame.data) or self._usage

    @property
    def usage(self) -> Usage | None:
        """The last usage that was told; None: there was none."""
        reported = [watch.usage for watch in self._watches if watch.usage is not None and watch.usage.total_tokens]
        return reported[0] if reported else self._usage

    @property
    def total(self) -> Usage | None:
        """What was told with a last event of its protocol's; None: what was told until then is not all."""
        return next((watch.usage for watch in self._watches if watch.usage is not None and watch.at_end_of_stream()), None)

    @property
    def tier(self) -> object:
        """The tier that it is served under, in the provider's words; None: it was not told."""
        return next((watch.tier for watch in self._watches if watch.tier is not None), None)

    @property
    def is_whole(self) -> bool:
        """Whether the last event was complete."""
        return self._reader is None or self._reader.finish()


def watch_of(endpoint: Endpoint, content_type: bytes) -> MessageWatch | NativeWatch | None:
    """None: it is no stream of events."""
    if content_type.startswith(EVENTS):
        return NativeWatch(endpoint)
    return MessageWatch() if content_type.startswith(CONTENT_TYPE) else None


def usage_of(endpoint: Endpoint, body: bytes) -> Usage | None:
    """What a reply, or an event, says of tokens, in the words of a protocol that the provider speaks."""
    for name in endpoint.words:
        usage = PROTOCOLS[name].peek_reply(body).usage
        if usage is not None:
            return usage
    return None
