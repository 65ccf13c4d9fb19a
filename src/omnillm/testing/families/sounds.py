"""Audio: a text is spoken as many bytes as it has, a file is heard as what its digest says.

A model whose name begins with "tts" is billed by characters, one that begins with "whisper" by the second, every other by tokens.
"""

import base64
import hashlib
from math import ceil

import msgspec

from omnillm.testing.families.provided import Provided, in_json
from omnillm.testing.generation import count_tokens
from omnillm.testing.replies.reading import demand
from omnillm.testing.replies.speaker import EVENT_STREAM
from omnillm.testing.replies.writing import sse
from omnillm.testing.request import Request
from omnillm.usage import Usage

BYTES_A_CHARACTER = 100
BYTES_A_SECOND = 32_000
"""Of the 16 kHz, 16 bit, one channel that files are taken for."""
TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm"}


def spoken(text: str) -> bytes:
    return hashlib.shake_256(text.encode()).digest(len(text) * BYTES_A_CHARACTER)


def speech(request: Request) -> Provided:
    body = request.json
    model, text = demand(body, "model", str), demand(body, "input", str)
    audio = spoken(text)
    usage = Usage(characters=len(text)) if model.startswith("tts") else Usage(input=count_tokens((text,)), output_audio=len(text))
    pieces = [audio[at : at + 4096] for at in range(0, len(audio), 4096)]
    kind = TYPES[body.get("response_format") or "mp3"]
    if body.get("stream_format") == "sse":
        counts = {"input_tokens": usage.input, "output_tokens": usage.output_audio, "total_tokens": usage.total_tokens}
        events = [sse({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}) for piece in pieces]
        pieces, kind = [*events, sse({"type": "speech.audio.done", "usage": counts})], EVENT_STREAM
    return Provided(model=model, pieces=tuple(pieces), content_type=kind, usage=usage)


def heard(content: bytes) -> str:
    return f"The file says {hashlib.sha256(content).hexdigest()[:16]}."


def transcription(request: Request) -> Provided:
    form = request.form()
    model, content = form.field("model"), form.file("file").content
    text, seconds = heard(content), ceil(len(content) * 1000 / BYTES_A_SECOND) / 1000
    kind = form.field("response_format", "json")
    is_whisper = model.startswith("whisper")
    usage = Usage(audio_ms=round(seconds * 1000)) if is_whisper else Usage(input_audio=ceil(seconds * 10), output=count_tokens((text,)))
    counts: dict[str, object] = {"type": "duration", "seconds": seconds}
    if not is_whisper:
        counts = {"type": "tokens", "input_tokens": usage.input_audio, "output_tokens": usage.output, "total_tokens": usage.total_tokens}
        counts["input_token_details"] = {"audio_tokens": usage.input_audio, "text_tokens": 0}
    if form.field("stream") == "true" and not is_whisper:
        words = text.split(" ")
        events = [sse({"type": "transcript.text.delta", "delta": f"{word} "}) for word in words]
        events.append(sse({"type": "transcript.text.done", "text": text, "usage": counts}))
        return Provided(model=model, pieces=tuple(events), content_type=EVENT_STREAM, usage=usage)
    if kind in {"text", "srt", "vtt"}:
        return Provided(model=model, body=f"{text}\n".encode(), content_type="text/plain; charset=utf-8", usage=usage)
    if kind == "verbose_json":
        spans = form.fields.get("timestamp_granularities[]", [])
        words_told = [{"word": word, "start": 0.0, "end": seconds} for word in text.split()] if "word" in spans else []
        reply = {"task": "transcribe", "language": "english", "duration": seconds, "text": text, "segments": [], "words": words_told}
        return in_json(model, {**reply, "usage": counts}, usage)
    return in_json(model, {"text": text, "usage": counts}, usage)


def translation(request: Request) -> Provided:
    """A reply of it has no usage."""
    told = transcription(request)
    reply = msgspec.json.decode(told.body) if told.body.startswith(b"{") else None
    return told if reply is None else in_json(told.model, {"text": reply["text"], "duration": reply["usage"].get("seconds")}, told.usage)
