"""What a client writes: one request, made of the features of a call."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from tests.compositions.features import Choice
from tests.journeys import live
from tests.journeys.families.families import PNG, wav
from tests.journeys.wire import DIALECTS, ask, ask_count
from tests.leaving.calls import form

from omnillm.framing.multipart import Field

JSON = dict[str, Any]
GENERATED: Final = DIALECTS
LIVE: Final = ("live", "live gemini")
NATIVE: Final = ("models", "upload", "batch", "list")
SCHEMA: Final = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
TOOLS: Final[Mapping[str, JSON]] = {
    "openai_chat": {"tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]},
    "openai_responses": {"tools": [{"type": "function", "name": "look", "parameters": SCHEMA}]},
    "anthropic_messages": {"tools": [{"name": "look", "input_schema": SCHEMA}]},
    "gemini_interactions": {"tools": [{"type": "function", "name": "look", "parameters": SCHEMA}]},
    "gemini": {"tools": [{"functionDeclarations": [{"name": "look", "parametersJsonSchema": SCHEMA}]}]},
}
CHOICES: Final[Mapping[str, JSON]] = {"openai_chat": {"n": 2}, "gemini": {"generationConfig": {"candidateCount": 2, "maxOutputTokens": 9}}}
CAPS: Final[Mapping[str, int | None]] = {"none": None, "small": 9, "large": 64}
CHAT: Final = {"model": "fake-small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}
MULTIPART: Final = "multipart/form-data; boundary=x"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `number` stands in its words, and in what only it sends."""

    number: int
    words_number: int
    """Of the request whose words these are: another's, when it is repeated."""
    choice: Choice
    dialect: str
    """In which errors are told."""
    raw: bytes
    secret: str
    caller: str
    idempotency_key: str = ""
    fault: str = ""

    @property
    def is_said_twice(self) -> bool:
        """On one connection, without waiting: with the same idempotency key."""
        return self.idempotency_key != "" and self.choice["connection"] == "piped"

    @property
    def kind(self) -> str:
        return self.choice["kind"]


class Asker:
    """Makes requests. It remembers what earlier replies have made, so that later requests go on with it."""

    def __init__(self) -> None:
        self.responses: list[tuple[str, str]] = []
        """(id, caller) of those that are kept."""
        self.interactions: list[tuple[str, str]] = []
        self.files: list[tuple[str, str]] = []

    def ask(self, number: int, words: int, choice: Choice, *, caller: tuple[str, str], fault: str, key: str) -> Asked:
        """`caller`: (name, secret). `words`: the number in its prompt. `fault`: a marker."""
        kind = choice["kind"]
        fields = {"user-agent": f"composition/{number}", "x-omnillm-tags": f"call={number}"}
        if choice["framed"] == "known" and kind in GENERATED and not key:
            fields = {}
        if key:
            fields["idempotency-key"] = key
        if choice["framed"] == "expecting":
            fields["expect"] = "100-continue"
        if choice["framed"] == "session":
            fields["x-omnillm-session"] = f"s{number % 3}"
        if choice["deadline"] == "short" and fields:
            fields["x-omnillm-timeout-ms"] = "150"
        prompt = f"#{words}# {fault} canary-prompt-{words}"
        dialect = kind if kind in GENERATED else "gemini" if kind == "live gemini" else "openai_chat"
        raw = self._raw(kind, prompt, choice, caller, fields)
        if choice["framed"] == "old" and kind not in LIVE:
            raw = raw.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
        if kind == "background":
            dialect = "openai_responses"
        if kind == "list" and choice["shape"] == "image":
            dialect = "gemini"
        if kind == "count" and choice["shape"] in {"words", "tool"}:
            dialect = "anthropic_messages" if choice["shape"] == "words" else "gemini"
        return Asked(
            number=number,
            words_number=words,
            choice=choice,
            dialect=dialect,
            raw=raw,
            secret=caller[1],
            caller=caller[0],
            idempotency_key=key,
            fault=fault,
        )

    def _raw(self, kind: str, prompt: str, choice: Choice, caller: tuple[str, str], fields: dict[str, str]) -> bytes:
        model, secret = choice["model"], caller[1]
        if choice["path"] == "provider" and kind in GENERATED:
            model = "fake-small"
        if kind in GENERATED:
            more = self._shaped(kind, prompt, choice, caller[0])
            if choice["tier"] != "none" and kind in {"openai_chat", "openai_responses"}:
                more = more | {"service_tier": choice["tier"]}
            prompt = prompt + {"tool": " [[tool]]", "think": " [[think]]"}.get(choice["shape"], "")
            prompt += " the lake" * {"long": 2000, "huge": 20_000}.get(choice["shape"], 0)
            cap = CAPS[choice["cap"]]
            raw = ask(
                kind, prompt, is_stream=choice["is_stream"] == "stream", model=model, cap=cap, more=more, headers=fields, key=secret
            ).raw
            raw = _moved(raw, kind, choice)
            return in_chunks(raw) if choice["framed"] == "chunked" else raw
        if kind == "count":
            if choice["shape"] in {"words", "tool"}:
                dialect = "anthropic_messages" if choice["shape"] == "words" else "gemini"
                return ask_count(dialect, prompt, headers=fields | {"authorization": f"Bearer {secret}"}).raw
            return post("/v1/responses/input_tokens", {"model": model, "input": prompt}, secret, fields)
        if kind in LIVE:
            target = live.LIVE if kind == "live gemini" else f"/v1/realtime?model={'fast' if model == 'unknown' else model}"
            return live.handshake(target, {**fields, "authorization": f"Bearer {secret}"})
        if kind == "background":
            asked = {"model": model, "input": prompt, "background": True, "max_output_tokens": 20}
            return post("/v1/responses", asked, secret, fields)
        if kind in NATIVE:
            return self._native(kind, prompt, secret, fields, choice)
        return _family(kind, prompt, choice, secret, fields)

    def _shaped(self, dialect: str, prompt: str, choice: Choice, caller: str) -> JSON:
        match choice["shape"]:
            case "tool":
                return TOOLS[dialect]
            case "choices":
                return CHOICES.get(dialect, {})
            case "image":
                return _seen(dialect, prompt)
            case "follow" if dialect == "openai_responses" and self.responses:
                return {"previous_response_id": self.responses[-1][0]}
            case "follow" if dialect == "gemini_interactions" and self.interactions:
                return {"previous_interaction_id": self.interactions[-1][0]}
        return {}

    def _native(self, kind: str, prompt: str, secret: str, fields: Mapping[str, str], choice: Choice) -> bytes:
        if kind == "upload":
            line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
            content = json.dumps(line).encode() + b"\n"
            content *= 3 if choice["shape"] != "long" else 9000
            body = form(Field(name="purpose", content=b"batch"), Field(name="file", content=content, filename="in.jsonl"))
            return written("POST", "/v1/files", secret, fields, body, MULTIPART)
        if kind == "batch":
            file = self.files[-1][0] if self.files else "file-unknown"
            asked = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            return post("/v1/batches", asked, secret, fields)
        paths = {"words": "/v1/files", "tool": "/v1/batches", "think": "/openai/v1/models", "image": "/providers/gemini/v1beta/models"}
        path = paths.get(choice["shape"], "/v1/files") if kind == "list" else "/v1/models"
        if kind == "list" and choice["shape"] == "follow" and self.responses:
            path = f"/v1/responses/{self.responses[-1][0]}"
        return written("GET", path, secret, fields)

    def note(self, asked: Asked, reply: JSON) -> None:
        """What a whole good reply has made."""
        name = reply.get("id")
        if asked.kind in {"openai_responses", "background"} and isinstance(name, str):
            self.responses.append((name, asked.caller))
        if asked.kind == "gemini_interactions" and isinstance(name, str):
            self.interactions.append((name, asked.caller))
        if asked.kind == "upload" and isinstance(name, str):
            self.files.append((name, asked.caller))


def written(method: str, path: str, secret: str, fields: Mapping[str, str], body: bytes = b"", content_type: str = "") -> bytes:
    told = {"host": "gateway", "authorization": f"Bearer {secret}", "content-length": str(len(body)), **fields}
    if content_type:
        told["content-type"] = content_type
    return (f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in told.items()) + "\r\n").encode() + body


def _moved(raw: bytes, dialect: str, choice: Choice) -> bytes:
    """To one of the paths that mean the same."""
    name = {"anthropic_messages": b"anthropic", "gemini": b"gemini", "gemini_interactions": b"gemini"}.get(dialect, b"openai")
    before = {"prefix": b"POST /" + name, "provider": b"POST /providers/" + name}.get(choice["path"], b"POST ")
    return raw.replace(b"POST ", before, 1)


def in_chunks(sized: bytes) -> bytes:
    head, _, body = sized.partition(b"\r\n\r\n")
    fields = [field for field in head.split(b"\r\n") if not field.startswith(b"content-length")]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(body[at : at + 200]), body[at : at + 200]) for at in range(0, len(body), 200))
    return b"\r\n".join([*fields, b"transfer-encoding: chunked", b"", b""]) + chunks + b"0\r\n\r\n"


def post(path: str, body: JSON, secret: str, fields: Mapping[str, str]) -> bytes:
    return written("POST", path, secret, fields, json.dumps(body).encode(), "application/json")


def _seen(dialect: str, prompt: str) -> JSON:
    """A picture beside the words."""
    data = base64.b64encode(PNG).decode()
    url = f"data:image/png;base64,{data}"
    match dialect:
        case "openai_chat":
            content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
            return {"messages": [{"role": "user", "content": content}]}
        case "openai_responses":
            content = [{"type": "input_text", "text": prompt}, {"type": "input_image", "image_url": url}]
            return {"input": [{"role": "user", "content": content}]}
        case "anthropic_messages":
            source = {"type": "base64", "media_type": "image/png", "data": data}
            return {"messages": [{"role": "user", "content": [{"type": "text", "text": prompt}, {"type": "image", "source": source}]}]}
        case "gemini_interactions":
            return {"input": [{"type": "text", "text": prompt}, {"type": "image", "mime_type": "image/png", "data": data}]}
        case _:
            return {"contents": [{"role": "user", "parts": [{"text": prompt}, {"inlineData": {"mimeType": "image/png", "data": data}}]}]}


def _family(kind: str, prompt: str, choice: Choice, secret: str, fields: Mapping[str, str]) -> bytes:
    model, is_stream = choice["model"], choice["is_stream"] == "stream"
    match kind:
        case "embeddings":
            return post("/v1/embeddings", {"model": model, "input": [prompt, "two"]}, secret, fields)
        case "image":
            asked: JSON = {"model": "openai/gpt-image-1", "prompt": prompt, "quality": "low"}
            return post("/v1/images/generations", asked | ({"stream": True, "partial_images": 1} if is_stream else {}), secret, fields)
        case "speech":
            return post("/v1/audio/speech", {"model": "openai/tts-1", "input": prompt * 3, "voice": "alloy"}, secret, fields)
        case "rerank":
            asked = {"model": "host/fake-small", "query": "calm lake", "documents": [prompt, "a boat"]}
            return post("/v1/rerank", asked, secret, fields)
        case "moderation":
            return post("/v1/moderations", {"model": "openai/omni-moderation-latest", "input": [prompt]}, secret, fields)
    sound = Field(name="file", content=wav(0.02), filename="a.wav")
    body = form(Field(name="model", content=b"openai/whisper-1"), Field(name="prompt", content=prompt.encode()), sound)
    return written("POST", "/v1/audio/transcriptions", secret, fields, body, MULTIPART)
