"""Speech and transcription: the canonical types, and the watch that follows their streams."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Literal

from msgspec import Struct

from omnillm.endpoints.format import EventWatch
from omnillm.endpoints.forms import File
from omnillm.framing.pieces import PIECE, PieceReader
from omnillm.framing.sse import Frame, SseReader
from omnillm.protocols.protocol import Failure, ReplyPeek, Sight
from omnillm.usage import NO_USAGE, Usage

AudioFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
ACCEPTED: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "json": "application/json",
    "verbose_json": "application/json",
    "diarized_json": "application/json",
    "text": "text/plain",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
}
"""Format that is asked for -> the value of `accept`."""
MOST_PLAIN_BYTES: Final = 4 * 1024 * 1024


class SpeechRequest(Struct, frozen=True, kw_only=True, tag="speech", tag_field="family", omit_defaults=True):
    """A text to be spoken."""

    model: str
    text: str
    voice: str
    instructions: str = ""
    audio_format: AudioFormat = "mp3"
    speed: float | None = None
    is_events: bool = False
    """Server-sent events instead of the audio's own bytes."""
    vendor_extensions: dict[str, Any] = {}


class SpeechResponse(Struct, frozen=True, kw_only=True, tag="speech", tag_field="family", omit_defaults=True):
    """What was spoken, as a whole file."""

    audio: bytes
    content_type: str = ""
    usage: Usage = NO_USAGE


class TranscriptionRequest(Struct, frozen=True, kw_only=True, tag="transcriptions", tag_field="family", omit_defaults=True):
    """`is_translation`: what is heard is written in English."""

    model: str
    file: File
    """The audio itself: URLs are not fetched."""
    is_translation: bool = False
    language: str = ""
    prompt: str = ""
    response_format: str = "json"
    temperature: float | None = None
    timestamp_granularities: tuple[Literal["word", "segment"], ...] = ()
    is_stream: bool = False
    vendor_extensions: dict[str, Any] = {}


class TranscriptionResponse(Struct, frozen=True, kw_only=True, tag="transcriptions", tag_field="family", omit_defaults=True):
    """What was heard."""

    text: str
    """The text, or the subtitles that were asked for."""
    language: str = ""
    duration_s: float | None = None
    segments: tuple[dict[str, Any], ...] = ()
    words: tuple[dict[str, Any], ...] = ()
    usage: Usage = NO_USAGE


class AudioWatch:
    """Follows events, or plain bytes, whose end only the transport knows."""

    opening: ClassVar = None
    next_sequence: ClassVar = 0
    skims: ClassVar = None
    response_id: ClassVar = ""
    tier: ClassVar = None

    def __init__(self, read_usage: Callable[[Any], Usage | None], peek_plain: Callable[[bytes], ReplyPeek] | None) -> None:
        """`peek_plain` reads a reply that came whole although a stream was asked for."""
        self._events = EventWatch(read_usage)
        self._peek_plain = peek_plain
        self._has_pieces = False
        self._plain = bytearray()
        self._plain_usage: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        return self._events.usage or self._plain_usage

    @property
    def failure(self) -> Failure | None:
        return self._events.failure

    def see(self, frame: Frame) -> int:
        if frame.event is not PIECE:
            return self._events.see(frame)
        self._has_pieces = True
        if self._peek_plain is not None and len(self._plain) < MOST_PLAIN_BYTES:
            self._plain += frame.data
        return Sight.CONTENT

    def at_end_of_stream(self) -> bool:
        if not self._has_pieces:
            return self._events.at_end_of_stream()
        if self._peek_plain is None:
            return True
        seen = self._peek_plain(bytes(self._plain))
        self._plain_usage = seen.usage
        return seen.is_complete


def read_framed(headers: Mapping[bytes, bytes], refused: tuple[bytes, ...]) -> SseReader | PieceReader | None:
    """The reader of a stream; None: an error under a success status, or a body whose end cannot be told from a cut."""
    kind = headers.get(b"content-type", b"").lower()
    if kind.startswith(b"text/event-stream"):
        return SseReader()
    is_framed = b"content-length" in headers or b"transfer-encoding" in headers
    return PieceReader() if is_framed and not kind.startswith(refused) else None
