"""Speech made from a text. OpenAI's wire format is the only one."""

from typing import Any, Final, Literal

from msgspec import Struct

from omnillm.endpoints.audio import AudioFormat, AudioWatch, SpeechRequest, read_framed
from omnillm.endpoints.format import SPEECH, Format, openai_protocol, text_alone, text_weight
from omnillm.endpoints.shapes import ModelName, Shape, Text
from omnillm.errors import ProtocolError
from omnillm.protocols.extras import Asked
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import NOT_A_REPLY, Members, RequestPeek
from omnillm.usage import NO_USAGE, Usage, count

UNBOUNDED_SPEECH: Final = "the length of the speech (max_output of the model under pricing.overrides says how many tokens it has at most)"


class _Voice(Struct, frozen=True):
    id: str


class WireSpeech(Struct, frozen=True):
    model: ModelName
    input: Text
    voice: str | _Voice
    instructions: str = ""
    response_format: AudioFormat = "mp3"
    speed: float | None = None
    stream_format: Literal["audio", "sse"] = "audio"


SPOKEN: Final = Shape(WireSpeech)


def _speech_text(members: Members) -> int:
    asked = SPOKEN.read(members)
    return text_weight([asked.input, asked.instructions])


def parse_speech(members: Members, *, model: str = "") -> SpeechRequest:
    asked = SPOKEN.read(members)
    return SpeechRequest(
        model=model or asked.model,
        text=asked.input,
        voice=asked.voice if isinstance(asked.voice, str) else asked.voice.id,
        instructions=asked.instructions,
        audio_format=asked.response_format,
        speed=asked.speed,
        is_events=asked.stream_format == "sse",
        vendor_extensions=SPOKEN.rest(members),
    )


def usage_of(counts: Any) -> Usage | None:
    """Of a decoded usage object; None: it counts nothing. What is said is sound."""
    told = counts if isinstance(counts, dict) else {}
    found = Usage(input=count(told.get("input_tokens")), output_audio=count(told.get("output_tokens")))
    return found if found != NO_USAGE else None


def emit_speech(request: SpeechRequest, _: Losses) -> dict[str, Any]:
    members: dict[str, Any] = {"model": request.model, "input": request.text, "voice": request.voice, "speed": request.speed}
    members |= {"instructions": request.instructions, "response_format": request.audio_format}
    if request.is_events:
        members["stream_format"] = "sse"
    return {name: value for name, value in members.items() if value} | request.vendor_extensions


def _no_json(*_: Any) -> Any:
    """Audio is no JSON, so that it is never translated."""
    raise ProtocolError("Speech is told in one wire format only.", reason="unsupported_wire_format")


OPENAI_SPEECH: Final = Format(
    protocol=openai_protocol(
        "openai_speech",
        peek_request=lambda members: RequestPeek(model=SPOKEN.read(members).model, is_stream=True),  # audio is passed on as it comes
        peek_reply=lambda _: NOT_A_REPLY,
        watch=lambda _: AudioWatch(usage_of, None),
        reader=lambda headers: read_framed(headers, (b"application/json", b"text/html")),
        weigh=text_alone(_speech_text),
        asks=lambda members: Asked(characters=len(SPOKEN.read(members).input), unbounded_output=UNBOUNDED_SPEECH),
    ),
    operation=SPEECH,
    parse_request=parse_speech,
    emit_request=emit_speech,
    parse_response=_no_json,
    emit_response=_no_json,
)
