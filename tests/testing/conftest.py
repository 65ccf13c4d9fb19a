"""A raw client: it sees every byte and how the connection ended."""

import asyncio
import json
import socket
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini_generate_content": "/v1beta/models/m:generateContent",
}


@dataclass
class Seen:
    """All bytes of a reply, the status line and fields if a head came, and whether the connection is then open, fin or reset."""

    raw: bytes
    ending: str

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw else 0

    @property
    def fields(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def wire_body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def body(self) -> bytes:
        """The body without its framing, as far as it came."""
        if self.fields.get("transfer-encoding") != "chunked":
            return self.wire_body
        rest, body = self.wire_body, b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            body += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
            if not int(size, 16):
                break
        return body

    @property
    def is_whole(self) -> bool:
        """Whether the framing says that the body is complete."""
        if self.fields.get("transfer-encoding") == "chunked":
            return self.wire_body.endswith(b"0\r\n\r\n")
        return len(self.wire_body) == int(self.fields.get("content-length", 0))

    @property
    def events(self) -> list[bytes]:
        lines = self.body.replace(b"\r\n", b"\n").split(b"\n")
        return [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]

    @property
    def json(self):
        return json.loads(self.body)


def request_bytes(protocol="openai_chat", text="hello there", key="sk-good", *, stream=False, path=None, **members) -> bytes:
    """A request of that protocol, as a raw client would write it."""
    target = path or PATHS[protocol]
    message = {"role": "user", "content": text}
    body = {"model": "m", "stream": stream}
    match protocol:
        case "openai_chat":
            body |= {"messages": [message]}
        case "openai_responses":
            body |= {"input": text}
        case "anthropic_messages":
            body |= {"messages": [message], "max_tokens": 100}
        case _:
            body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
            if stream and path is None:
                target = target.replace(":generate", ":streamGenerate") + "?alt=sse"
    raw = json.dumps(body | members).encode()
    head = f"POST {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nanthropic-version: 2023-06-01\r\ncontent-length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


def connect(provider) -> socket.socket:
    host, _, port = provider.base_url.removeprefix("http://").rpartition(":")
    client = socket.create_connection((host, int(port)))
    client.setblocking(False)
    return client


async def receive(client: socket.socket, until) -> Seen:
    """Reads until the peer ends the connection, or nothing more comes after `until()` holds."""
    raw, quiet = bytearray(), 0
    while quiet < 8:
        try:
            piece = client.recv(1 << 20)
        except BlockingIOError:
            quiet += until()
            await asyncio.sleep(0)
        except ConnectionResetError:
            return Seen(bytes(raw), "reset")
        else:
            if not piece:
                return Seen(bytes(raw), "fin")
            raw += piece
    return Seen(bytes(raw), "open")


@pytest.fixture
def wire():
    """The raw client's three verbs."""
    return SimpleNamespace(connect=connect, receive=receive, request_bytes=request_bytes)


@pytest.fixture
def ask():
    async def _ask(provider, *args, **members) -> Seen:
        """One request on a connection of its own, and all that came back."""
        number = len(provider.log) + 1
        with connect(provider) as client:
            client.sendall(request_bytes(*args, **members))
            return await receive(client, lambda: len(provider.log) >= number and provider.log[number - 1].is_ended)

    return _ask
