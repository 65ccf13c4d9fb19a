"""Transcription and translation of speech. OpenAI's wire format is the only one; the audio is a file in a form."""

from math import ceil, isfinite
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from omnillm.endpoints.audio import AudioWatch, TranscriptionRequest, TranscriptionResponse, read_framed
from omnillm.endpoints.format import ABSENT, TRANSCRIPTIONS, TRANSLATIONS, Format, is_there, openai_protocol, text_alone, text_weight
from omnillm.endpoints.forms import Flag, Part, UploadedFile
from omnillm.endpoints.images import detail
from omnillm.endpoints.shapes import ModelName, Shape, misfit
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.extras import Asked
from omnillm.protocols.loss import Losses
from omnillm.protocols.openai_chat.failure import read_failure
from omnillm.protocols.protocol import NOT_A_REPLY, Members, ReplyPeek, RequestPeek
from omnillm.usage import NO_USAGE, Usage, count

UNBOUNDED_AUDIO: Final = "the length of the audio, which only WAV and MP3 bound by their size (send one of these)"


class WireTranscription(Struct, frozen=True):
    """The fields of a form: all are text."""

    file: UploadedFile
    model: ModelName
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = "json"
    stream: Flag = "false"
    language: str = ""
    prompt: str = ""
    temperature: Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")] | None = None
    timestamp_granularities: list[Literal["word", "segment"]] = []


HEARD: Final = Shape(WireTranscription)
_TEXT = ord('"')


def _read(members: Members) -> WireTranscription:
    file = members.get("file")
    if "url" in members or (file is not None and memoryview(file)[0] == _TEXT):
        raise misfit("file", "it must be the file itself: nobody's audio is fetched from a URL")
    return HEARD.read(members)


def _peek_transcription(members: Members) -> RequestPeek:
    asked = _read(members)
    return RequestPeek(model=asked.model, is_stream=asked.stream == "true")


def _transcription_asks(members: Members) -> Asked:
    longest = _read(members).file.longest_ms
    return Asked(
        audio_ms=longest or 0,
        unbounded_audio="" if longest else UNBOUNDED_AUDIO,
        unbounded_output="the length of the text (max_output of the model under pricing.overrides says how many tokens it has at most)",
        has_unseen_input=True,
    )


def emit_transcription(request: TranscriptionRequest, losses: Losses) -> dict[str, Any]:
    """The members of the form."""
    members: dict[str, Any] = {"file": request.file, "model": request.model, "response_format": request.response_format}
    members |= {"prompt": request.prompt, "temperature": request.temperature, "language": request.language}
    if request.timestamp_granularities:
        members["timestamp_granularities[]"] = request.timestamp_granularities
    if request.is_stream:
        members["stream"] = True
    if request.is_translation:
        for name in ("language", "timestamp_granularities[]", "stream"):
            if members.pop(name, None):
                losses.drop(name, "a translation has no such member")
    return {name: value for name, value in members.items() if value not in ("", None)} | request.vendor_extensions


class _Heard(Struct, frozen=True):
    text: str
    language: str = ""
    duration: float | None = None
    segments: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    usage: Any = None


class _Seen(Struct, frozen=True):
    text: Raw = ABSENT
    duration: Any = None
    usage: Any = None
    error: Raw = ABSENT


def usage_of(counts: Any, duration: Any = None) -> Usage | None:
    """Of a usage object: tokens, or seconds; else the duration that a verbose reply tells."""
    told = counts if isinstance(counts, dict) else {}
    seconds = told.get("seconds") if told.get("type") == "duration" else None if told else duration
    if seconds is None:
        return _tokens(told)
    milliseconds = count(ceil(seconds * 1000)) if isinstance(seconds, int | float) and isfinite(seconds) else 0
    return Usage(audio_ms=milliseconds) if milliseconds else None


def _tokens(told: dict[str, Any]) -> Usage | None:
    """Tokens that are not told to be of text are of sound, the dearer kind."""
    prompt = count(told.get("input_tokens"))
    text = min(detail(told, "input_token_details", "text_tokens"), prompt)
    found = Usage(input=text, input_audio=prompt - text, output=count(told.get("output_tokens")))
    return found if found != NO_USAGE else None


def peek_transcription(body: bytes) -> ReplyPeek:
    """Peek at JSON, or at any text: subtitles report no usage."""
    if not body.strip() or body.lstrip()[:5].lower() in {b"<html", b"<!doc"}:
        return NOT_A_REPLY
    try:
        seen = msgspec.json.decode(body, type=_Seen)
    except UNREADABLE:
        return ReplyPeek(usage=None, is_complete=not body.lstrip().startswith(b"{"))
    if is_there(seen.error):
        return ReplyPeek(usage=None, is_complete=False, failure=read_failure(200, {}, body, 0.0))
    return ReplyPeek(usage=usage_of(seen.usage, seen.duration), is_complete=is_there(seen.text))


def parse_response(body: bytes) -> TranscriptionResponse:
    """From JSON, or a text as it is."""
    if not body.lstrip().startswith(b"{"):
        return TranscriptionResponse(text=body.decode())
    heard = msgspec.json.decode(body, type=_Heard)
    return TranscriptionResponse(
        text=heard.text,
        language=heard.language,
        duration_s=heard.duration,
        segments=tuple(heard.segments),
        words=tuple(heard.words),
        usage=usage_of(heard.usage, heard.duration) or NO_USAGE,
    )


def emit_response(response: TranscriptionResponse, _: TranscriptionRequest, __: Losses) -> dict[str, Any]:
    members = {"language": response.language, "duration": response.duration_s, "segments": response.segments, "words": response.words}
    return {"text": response.text} | {name: value for name, value in members.items() if value}


_HEARD_PARTS: Final[Part] = {
    "peek_request": _peek_transcription,
    "peek_reply": peek_transcription,
    "watch": lambda _: AudioWatch(usage_of, peek_transcription),
    "reader": lambda headers: read_framed(headers, (b"text/html",)),
    "weigh": text_alone(lambda members: text_weight([_read(members).prompt])),
    "asks": _transcription_asks,
}
OPENAI_TRANSCRIPTIONS: Final = Format(
    protocol=openai_protocol("openai_transcriptions", **_HEARD_PARTS),
    operation=TRANSCRIPTIONS,
    emit_request=emit_transcription,
    parse_response=parse_response,
    emit_response=emit_response,
)
OPENAI_TRANSLATIONS: Final = Format(
    protocol=openai_protocol("openai_translations", **_HEARD_PARTS),
    operation=TRANSLATIONS,
    emit_request=emit_transcription,
    parse_response=parse_response,
    emit_response=emit_response,
)
