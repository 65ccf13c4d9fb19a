"""What a native stream says of its cost and its end, read on the side while its bytes go through."""

from omnillm.errors import UpstreamLost
from omnillm.framing.sse import SseReader
from omnillm.protocols.protocol import Failure
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint
from omnillm.usage import Usage

EVENTS = b"text/event-stream"
UNREAD = "malformed_event"
"""How a watch calls an event that its protocol does not know; here it may be another family's."""


class NativeWatch:
    """Follows server-sent events in all protocols that the provider speaks: images, speech and the like report usage in their words too."""

    __slots__ = ("_endpoint", "_reader", "_usage", "_watches", "failure")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._reader: SseReader | None = SseReader()
        self._watches = [PROTOCOLS[name].watch(False) for name in endpoint.protocols]
        self._usage: Usage | None = None
        self.failure: Failure | None = None
        """An event that tells of an error: the stream ended, but not well."""

    def take(self, piece: bytes) -> None:
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
        """The last that was told; None: nothing was."""
        told = [watch.usage for watch in self._watches if watch.usage is not None and watch.usage.total_tokens]
        return told[0] if told else self._usage

    @property
    def is_whole(self) -> bool:
        """Whether the last event was complete."""
        return self._reader is None or self._reader.finish()


def usage_of(endpoint: Endpoint, body: bytes) -> Usage | None:
    """What a reply, or an event, says of tokens, in the words of a protocol that the provider speaks."""
    for name in endpoint.protocols:
        usage = PROTOCOLS[name].peek_reply(body).usage
        if usage is not None:
            return usage
    return None
