"""OpenAI's Realtime API, as far as its SDK and a session's money see it."""

import base64
import binascii
from typing import Any

import msgspec

from omnillm.testing.generation import count_tokens, words_for
from omnillm.testing.live.speaker import PCM_IN_BYTES, PCM_OUT, Ear, Said
from omnillm.testing.replies.reading import texts_in
from omnillm.testing.script import Behaviour
from omnillm.usage import Usage

SPEECH_OUT = base64.b64encode(PCM_OUT).decode()
SENTENCE_BYTES = 24_000
"""With `server_vad`, half a second of audio is a whole sentence."""
Event = dict[str, Any]


class RealtimeSpeaker:
    """Text, audio with a transcript, transcription of the input, and turns that the server begins itself (`server_vad`)."""

    def __init__(self, model: str, session_id: str, behaviour: Behaviour) -> None:
        self._model = model
        self._words = behaviour.words
        self._ear = Ear(behaviour.cached_tokens)
        self._session: Event = {
            "type": "realtime",
            "object": "realtime.session",
            "id": f"sess_{session_id}",
            "model": model,
            "output_modalities": ["audio"],
            "audio": {"input": {"turn_detection": None, "transcription": None}, "output": {"voice": "alloy"}},
        }
        self._id = session_id
        self._count = 0
        self._heard = b""
        self._prompt = ""

    def greet(self) -> list[Said]:
        return [self._say("session.created", session=self._session)]

    def answer(self, message: bytes) -> list[Said]:
        try:
            event = msgspec.json.decode(message)
        except msgspec.DecodeError:
            event = None
        if not isinstance(event, dict):
            return [self._refuse("invalid_json", None)]
        verbs = {
            "session.update": self._update,
            "conversation.item.create": self._add,
            "input_audio_buffer.append": self._listen,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "response.create": self._respond,
        }
        verb = verbs.get(str(event.get("type")))
        return [self._refuse("invalid_value", event.get("event_id"))] if verb is None else verb(event)

    def _say(self, kind: str, **fields: Any) -> Said:
        self._count += 1
        return Said(raw=msgspec.json.encode({"type": kind, "event_id": f"event_{self._id}_{self._count}", **fields}))

    def _refuse(self, code: str, event_id: Any) -> Said:
        error = {"type": "invalid_request_error", "code": code, "message": "Invalid event.", "param": None, "event_id": event_id}
        return self._say("error", error=error)

    def _update(self, event: Event) -> list[Said]:
        wished = event.get("session") or {}
        audio = wished.get("audio") or {}
        heard = {**self._session["audio"]["input"], **(audio.get("input") or {})}
        said = {**self._session["audio"]["output"], **(audio.get("output") or {})}
        self._session = {**self._session, **wished, "audio": {"input": heard, "output": said}}
        self._ear.text += count_tokens([str(wished["instructions"])]) if wished.get("instructions") else 0
        return [self._say("session.updated", session=self._session)]

    def _add(self, event: Event) -> list[Said]:
        item = {"id": f"item_{self._id}_{self._count}", "object": "realtime.item", "status": "completed", **(event.get("item") or {})}
        texts = list(texts_in(item.get("content")))
        self._ear.text += count_tokens(texts)
        self._prompt = " ".join(texts)
        return [self._say("conversation.item.added", item=item, previous_item_id=None)]

    def _listen(self, event: Event) -> list[Said]:
        try:
            self._heard += base64.b64decode(str(event.get("audio")), validate=True)
        except binascii.Error:
            return [self._refuse("invalid_value", event.get("event_id"))]
        detects = self._session["audio"]["input"]["turn_detection"]
        if not detects or len(self._heard) < SENTENCE_BYTES:
            return []
        return [*self._commit(event), *self._respond({})]

    def _clear(self, _: Event) -> list[Said]:
        self._heard = b""
        return [self._say("input_audio_buffer.cleared")]

    def _commit(self, _: Event) -> list[Said]:
        heard, self._heard = self._heard, b""
        tokens = -(-len(heard) // PCM_IN_BYTES)
        self._ear.audio += tokens
        item_id = f"item_{self._id}_{self._count}"
        said = [self._say("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)]
        if transcription := self._session["audio"]["input"]["transcription"]:
            said.append(self._transcribe(item_id, str(transcription.get("model")), tokens))
        return said

    def _transcribe(self, item_id: str, model: str, tokens: int) -> Said:
        """Billed by the duration or by tokens, as the transcribing model is."""
        usage: Event = {"type": "duration", "seconds": tokens / 10}
        if model != "whisper-1":
            details = {"audio_tokens": tokens, "text_tokens": 0}
            usage = {"type": "tokens", "input_tokens": tokens, "output_tokens": 2, "total_tokens": tokens + 2}
            usage["input_token_details"] = details
        kind = "conversation.item.input_audio_transcription.completed"
        return self._say(kind, item_id=item_id, content_index=0, transcript="hello there", usage=usage)

    def _respond(self, event: Event) -> list[Said]:
        wished = event.get("response") or {}
        modalities = wished.get("output_modalities") or self._session["output_modalities"]
        is_audio = "audio" in modalities
        number = f"resp_{self._id}_{self._count}"
        response: Event = {"object": "realtime.response", "id": number, "status": "in_progress", "output": [], "usage": None}
        prompt = self._ear.prompt()
        said = [msgspec.structs.replace(self._say("response.created", response=response), so_far=prompt)]
        words = words_for(self._prompt, self._model, self._words)
        place = {"response_id": number, "item_id": f"item_{number}", "output_index": 0, "content_index": 0}
        usage = prompt
        for count, word in enumerate(words, 1):
            usage = msgspec.structs.replace(prompt, output=count, output_audio=count if is_audio else 0)
            kind = "response.output_audio_transcript.delta" if is_audio else "response.output_text.delta"
            said.append(msgspec.structs.replace(self._say(kind, delta=word, **place), so_far=usage))
            if is_audio:
                said.append(msgspec.structs.replace(self._say("response.output_audio.delta", delta=SPEECH_OUT, **place), so_far=usage))
        self._ear.said(usage)
        done = {**response, "status": "completed", "usage": usage_object(usage)}
        said.append(msgspec.structs.replace(self._say("response.done", response=done), so_far=usage, is_last=True))
        return said


def usage_object(usage: Usage) -> Event:
    cached = {"text_tokens": usage.cache_read, "audio_tokens": usage.cache_read_audio, "image_tokens": 0}
    return {
        "total_tokens": usage.total_tokens,
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "input_token_details": {
            "text_tokens": usage.input + usage.cache_read,
            "audio_tokens": usage.input_audio + usage.cache_read_audio,
            "image_tokens": 0,
            "cached_tokens": usage.cache_read + usage.cache_read_audio,
            "cached_tokens_details": cached,
        },
        "output_token_details": {"text_tokens": usage.output, "audio_tokens": usage.output_audio},
    }
