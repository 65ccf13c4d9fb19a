"""A client that hides nothing: bytes asked and bytes answered, in the protocols that clients speak."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self

import msgspec
from tests.journeys.running import ADMIN_KEY, VIRTUAL_KEY, Running

MARKS = {
    "openai_chat": (b"data: [DONE]",),
    "openai_responses": (b"event: response.completed", b"event: response.incomplete"),
    "anthropic_messages": (b"event: message_stop",),
    "gemini": (b'"finishReason"',),
    "gemini_interactions": (b"data: [DONE]", b"event: interaction.completed"),
}
"""What stands in a stream that finished, and in no other."""
PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models/{}:{}",
    "gemini_interactions": "/v1beta/interactions",
}
MODELS = {
    "openai_chat": "fast",
    "openai_responses": "fast",
    "anthropic_messages": "claude",
    "gemini": "gemini",
    "gemini_interactions": "gemini",
}
PROVIDERS = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic_messages": "anthropic",
    "gemini": "gemini",
    "gemini_interactions": "gemini",
}
DIALECTS = tuple(MARKS)
JSON = dict[str, Any]


class Question(msgspec.Struct, frozen=True):
    """One request as bytes; `dialect` is the protocol that it speaks."""

    dialect: str
    raw: bytes


def ask(
    dialect: str,
    prompt: str,
    *,
    is_stream: bool = False,
    model: str = "",
    cap: int | None = None,
    more: JSON | None = None,
    headers: Mapping[str, str] | None = None,
    key: str = VIRTUAL_KEY,
) -> Question:
    """A request of that protocol; `more` are further members of the body."""
    model = model or MODELS[dialect]
    body = _body(dialect, prompt, model, cap) | (more or {})
    if is_stream and dialect != "gemini":
        body["stream"] = True
    path = PATHS[dialect].format(model, "streamGenerateContent?alt=sse" if is_stream else "generateContent")
    return question("POST", path, body, key=key, dialect=dialect, headers=headers)


def ask_count(dialect: str, prompt: str, *, headers: Mapping[str, str] | None = None) -> Question:
    """A question for the tokens of a prompt, in a protocol that has one at a path of its own."""
    model = MODELS[dialect]
    path = "/v1/messages/count_tokens" if dialect == "anthropic_messages" else PATHS[dialect].format(model, "countTokens")
    body = {name: value for name, value in _body(dialect, prompt, model, None).items() if name != "max_tokens"}
    return question("POST", path, body, dialect=dialect, headers=headers)


def question(
    method: str,
    path: str,
    body: object = None,
    *,
    key: str = VIRTUAL_KEY,
    dialect: str = "openai_chat",
    headers: Mapping[str, str] | None = None,
) -> Question:
    """Any request. A value is sent as JSON; without a key it bears no credential; `dialect` is how its error is read."""
    sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    bearer = {"authorization": f"Bearer {key}"} if key else {}
    fields = {"host": "gateway", **bearer, "content-length": str(len(sent)), **(headers or {})}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    return Question(dialect, head.encode() + sent)


def _body(dialect: str, prompt: str, model: str, cap: int | None) -> JSON:
    messages = [{"role": "user", "content": prompt}]
    capped = {} if cap is None else {"max_tokens": cap}
    match dialect:
        case "openai_chat":
            return {"model": model, "messages": messages} | capped
        case "openai_responses":
            return {"model": model, "input": prompt} | ({} if cap is None else {"max_output_tokens": cap})
        case "anthropic_messages":
            return {"model": model, "max_tokens": 64 if cap is None else cap, "messages": messages}
        case "gemini_interactions":
            return {"model": model, "input": prompt} | ({} if cap is None else {"generation_config": {"max_output_tokens": cap}})
        case _:
            config = {} if cap is None else {"generationConfig": {"maxOutputTokens": cap}}
            return {"contents": [{"role": "user", "parts": [{"text": prompt}]}]} | config


class Reply(msgspec.Struct, frozen=True):
    """`is_whole`: the framing ended as it should; False: the connection was cut before."""

    dialect: str
    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[JSON]:
        """The JSON of a stream's events, its names left out."""
        found = []
        for block in self.body.replace(b"\r\n", b"\n").split(b"\n\n"):
            data = b"\n".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:"))
            if data and data != b"[DONE]":
                found.append(json.loads(data))
        return found

    @property
    def is_answer(self) -> bool:
        """Whether a client would take it for a finished answer."""
        if self.status != 200 or not self.is_whole:
            return False
        if self.headers["content-type"].startswith("text/event-stream"):
            return any(mark in self.body for mark in MARKS[self.dialect]) and b'"error":{' not in self.body[self.body.rfind(b"data: ") :]
        return bool({"choices", "output", "content", "candidates", "steps"} & self.json.keys())

    @property
    def error(self) -> JSON:
        """The error object of a reply, or of a stream's last event, after checking that it has its protocol's shape."""
        told = self.events[-1] if self.headers["content-type"].startswith("text/event-stream") else self.json
        if told.get("type") == "response.failed":
            return told["response"]["error"]
        error = told["error"] if told.get("type") != "error" or "error" in told else told
        wanted = {
            "openai_chat": {"message": str, "type": str},
            "openai_responses": {"message": str},
            "anthropic_messages": {"message": str, "type": str},
            "gemini": {"message": str, "code": int, "status": str},
            "gemini_interactions": {"message": str, "code": str},
        }[self.dialect]
        assert all(isinstance(error.get(name), kind) for name, kind in wanted.items()), error
        if self.dialect == "anthropic_messages":
            assert told["type"] == "error"
        return error


class Line:
    """One connection to the gateway, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dialect: str) -> None:
        self.reader = reader
        self.writer = writer
        self._dialect = dialect
        self.status = 0
        self.headers: dict[str, str] = {}
        self._left = -1

    @classmethod
    async def open(cls, port: int, question: Question, *, limit: int = 1 << 16) -> Self:
        """Connect and send; `limit` is how much is read ahead."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
        writer.write(question.raw)
        return cls(reader, writer, question.dialect)

    async def head(self) -> int:
        """The status, once it came."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw[:-4].decode("latin-1").split("\r\n")
        self.status = int(first.split(" ", 2)[1])
        self.headers = dict(line.split(": ", 1) for line in lines)
        self._left = int(self.headers.get("content-length", -1))
        return self.status

    async def piece(self) -> bytes:
        """The next chunk of a stream, or the whole of another body; b"" is its end in good order. Raises IncompleteReadError when cut."""
        if self._left >= 0:
            left, self._left = self._left, 0
            return await self.reader.readexactly(left)
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def rest(self) -> Reply:
        """Everything else."""
        pieces = []
        is_whole = True
        try:
            if not self.status:
                await self.head()
            while piece := await self.piece():
                pieces.append(piece)
        except asyncio.IncompleteReadError:
            is_whole = False
        return Reply(self._dialect, self.status, self.headers, b"".join(pieces), is_whole)

    async def close(self) -> None:
        """Hang up in good order."""
        self.writer.close()
        await self.writer.wait_closed()

    def reset(self) -> None:
        """Hang up at once."""
        self.writer.transport.abort()


async def exchange(port: int, question: Question) -> Reply:
    """A connection, a request, its whole reply."""
    line = await Line.open(port, question, limit=1 << 26)
    try:
        return await line.rest()
    finally:
        line.reset()


async def send(gateway: Running, method: str, path: str, body: object = None, *, port: int = 0, **how: Any) -> Reply:
    """A connection, any request, its whole reply; at the gateway's main listener, or at another port."""
    async with asyncio.timeout(10):
        return await exchange(port or gateway.port, question(method, path, body, **how))


async def admin(gateway: Running, method: str, path: str, body: object = None, *, key: str = ADMIN_KEY, **how: Any) -> Reply:
    """What the administrator asks for."""
    return await send(gateway, method, path, body, key=key, **how)
