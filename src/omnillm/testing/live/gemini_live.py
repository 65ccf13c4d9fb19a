"""Gemini's Live API, as far as its SDK and a session's money see it."""

import base64
import re
from typing import Any

import msgspec

from omnillm.testing.generation import count_tokens, words_for
from omnillm.testing.live.speaker import PCM_IN_BYTES, PCM_OUT, Ear, Hangup, Said
from omnillm.testing.replies.reading import texts_in
from omnillm.testing.script import Behaviour
from omnillm.usage import Usage

SPEECH_OUT = base64.b64encode(PCM_OUT).decode()
INVALID = 1007
Json = dict[str, Any]


class LiveApiSpeaker:
    """Turns are ended by `turnComplete`, `activityEnd`, `audioStreamEnd`, a text in real time, or a tool's answer."""

    _named = re.compile(r"models/(.+)")

    def __init__(self, model: str, session_id: str, behaviour: Behaviour) -> None:
        self.model = model
        self._id = session_id
        self._words = behaviour.words
        self._ear = Ear(behaviour.cached_tokens)
        self._is_audio = True
        self._heard = 0
        self._prompt = ""
        self._is_set_up = False

    def greet(self) -> list[Said]:
        return []

    def answer(self, message: bytes) -> list[Said]:
        try:
            told = msgspec.json.decode(message)
        except msgspec.DecodeError as error:
            raise Hangup(INVALID, "Request contains an invalid argument.") from error
        if not isinstance(told, dict) or not told:
            raise Hangup(INVALID, "Request contains an invalid argument.")
        [(name, value), *_] = told.items()
        kind = _camel(name)
        if not self._is_set_up:
            return self._set_up(value if kind == "setup" else None)
        if kind == "clientContent":
            self._take_text(value.get("turns"))
            return self._speak() if value.get("turnComplete", value.get("turn_complete")) else []
        if kind == "realtimeInput":
            return self._listen({_camel(each): content for each, content in value.items()})
        if kind == "toolResponse":
            self._take_text(value)
            return self._speak()
        raise Hangup(INVALID, f"Unknown name {name!r}.")

    def _set_up(self, setup: Any) -> list[Said]:
        named = self._named.fullmatch(str(setup.get("model", ""))) if isinstance(setup, dict) else None
        if named is None:
            raise Hangup(INVALID, "setup must be the first message and only the first")
        self._is_set_up = True
        self.model = named[1]
        config = setup.get("generationConfig", setup.get("generation_config")) or {}
        self._is_audio = "AUDIO" in config.get("responseModalities", config.get("response_modalities", ["AUDIO"]))
        self._take_text(setup.get("systemInstruction", setup.get("system_instruction")))
        return [_say(setupComplete={"sessionId": self._id})]

    def _take_text(self, node: Any) -> None:
        texts = list(texts_in(node))
        if texts:
            self._ear.text += count_tokens(texts)
            self._prompt = " ".join(texts)

    def _listen(self, heard: Json) -> list[Said]:
        if "text" in heard:
            self._take_text(heard["text"])
            return self._speak()
        for blob in (heard.get("audio"), *(heard.get("mediaChunks") or ())):
            self._heard += len(base64.b64decode(blob["data"])) if blob else 0
        if "activityEnd" not in heard and "audioStreamEnd" not in heard:
            return []
        self._ear.audio += -(-self._heard // PCM_IN_BYTES)
        self._heard = 0
        return self._speak()

    def _told(self, usage: Usage) -> Json:
        return usage_metadata(usage)

    def _speak(self) -> list[Said]:
        prompt = usage = self._ear.prompt()
        said = []
        for count, word in enumerate(words_for(self._prompt, self.model, self._words), 1):
            usage = msgspec.structs.replace(prompt, **{"output_audio" if self._is_audio else "output": count})
            part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": SPEECH_OUT}} if self._is_audio else {"text": word}
            said.append(msgspec.structs.replace(_say(serverContent={"modelTurn": {"parts": [part]}}), so_far=usage))
        self._ear.said(usage)
        said.append(msgspec.structs.replace(_say(serverContent={"generationComplete": True}), so_far=usage))
        last = _say(serverContent={"turnComplete": True}, usageMetadata=self._told(usage))
        return [*said, msgspec.structs.replace(last, so_far=usage, is_last=True)]


class VertexSpeaker(LiveApiSpeaker):
    """The same at Vertex AI: the model stands in a place, and what was said is counted as candidates."""

    _named = re.compile(r"projects/[^/]+/locations/[^/]+/publishers/google/models/([^/]+)")

    def _told(self, usage: Usage) -> Json:
        return {name.replace("response", "candidates", 1): value for name, value in usage_metadata(usage).items()}


def _say(**fields: Any) -> Said:
    return Said(raw=msgspec.json.encode(fields))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def usage_metadata(usage: Usage) -> Json:
    return {
        "promptTokenCount": usage.prompt_tokens,
        "cachedContentTokenCount": usage.cache_read + usage.cache_read_audio,
        "responseTokenCount": usage.completion_tokens,
        "totalTokenCount": usage.total_tokens,
        "promptTokensDetails": _details(usage.input + usage.cache_read, usage.input_audio + usage.cache_read_audio),
        "cacheTokensDetails": _details(usage.cache_read, usage.cache_read_audio),
        "responseTokensDetails": _details(usage.output, usage.output_audio),
    }


def _details(text: int, audio: int) -> list[Json]:
    return [{"modality": name, "tokenCount": count} for name, count in (("TEXT", text), ("AUDIO", audio)) if count]
