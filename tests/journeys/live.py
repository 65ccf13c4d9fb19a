"""Live sessions, seen from a client that owes nothing to the gateway: `websockets`' sans-io protocol over a plain socket."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from tests.journeys.running import VIRTUAL_KEY
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State

KEY = base64.b64encode(bytes(range(16))).decode()
REALTIME = "/v1/realtime?model=fast"
LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
FIELDS = {
    "host": "gateway",
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
    "authorization": f"Bearer {VIRTUAL_KEY}",
}
SETUP = {"setup": {"model": "models/gemini", "generationConfig": {"responseModalities": ["TEXT"]}}}


def handshake(target: str = REALTIME, fields: Mapping[str, str | None] | None = None, *, method: str = "GET") -> bytes:
    """The bytes of an opening handshake; a field that is None is left out."""
    lines = [f"{name}: {value}" for name, value in (FIELDS | dict(fields or {})).items() if value is not None]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode()


class Talk:
    """One client. `status` and `headers` are those of the handshake's answer, `body` an error's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.protocol = ClientProtocol(None, state=State.OPEN, max_size=None)  # type: ignore[arg-type]  # the URI is for its handshake
        self._messages: deque[tuple[bytes, bool]] = deque()
        self._pieces: list[bytes] = []
        self._kind = Opcode.TEXT

    @classmethod
    async def open(cls, port: int, raw: bytes | None = None, *, limit: int = 1 << 20) -> "Talk":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
        talk = cls(reader, writer)
        writer.write(handshake() if raw is None else raw)
        return talk

    async def answer(self) -> int:
        """The status that the handshake is answered with."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.split("\r\n")
        self.status = int(line.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields if field)}
        if self.status != 101:
            self.body = await self.reader.readexactly(int(self.headers["content-length"]))
            self.reset()
        return self.status

    def say(self, message: Any, *, fragments: int = 1) -> None:
        """A value as JSON text, bytes as they are; in so many frames."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        size = -(-len(data) // fragments)
        pieces = [data[place : place + size] for place in range(0, len(data), size)] or [b""]
        send = self.protocol.send_binary if isinstance(message, bytes) else self.protocol.send_text
        for place, piece in enumerate(pieces):
            is_last = place == len(pieces) - 1
            (send if place == 0 else self.protocol.send_continuation)(piece, is_last)
        self.flush()

    def flush(self) -> None:
        for piece in self.protocol.data_to_send():
            if piece:
                self.writer.write(piece)

    async def hear(self) -> tuple[bytes, bool] | None:
        """(message, whether it is text); None at the end."""
        while not self._messages:
            data = b"" if self.protocol.close_rcvd is not None else await self.reader.read(65536)
            if not data:
                return None
            self.protocol.receive_data(data)
            for frame in self.protocol.events_received():
                if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                    self._kind = self._kind if frame.opcode is Opcode.CONT else frame.opcode
                    self._pieces.append(bytes(frame.data))
                    if frame.fin:
                        self._messages.append((b"".join(self._pieces), self._kind is Opcode.TEXT))
                        self._pieces.clear()
            self.flush()
        return self._messages.popleft()

    async def event(self) -> dict[str, Any]:
        heard = await self.hear()
        assert heard is not None, self.code
        return json.loads(heard[0])

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of that type."""
        while (event := await self.event()).get("type") != kind:
            pass
        return event

    async def end(self) -> tuple[int, str, list[bytes]]:
        """(code, reason) of the close frame, and the messages before it; code 0: there was none."""
        messages = []
        try:
            while (heard := await self.hear()) is not None:
                messages.append(heard[0])
        except ConnectionError:
            pass
        self.reset()
        told = self.protocol.close_rcvd
        return (0, "", messages) if told is None else (told.code, told.reason, messages)

    @property
    def code(self) -> int:
        return 0 if self.protocol.close_rcvd is None else self.protocol.close_rcvd.code

    async def close(self, code: int = 1000) -> None:
        """Say farewell, and see the gateway's."""
        self.protocol.send_close(code)
        self.flush()
        while data := await self.reader.read(65536):
            self.protocol.receive_data(data)
            self.flush()
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


async def began(port: int, raw: bytes | None = None, *, limit: int = 1 << 20) -> Talk:
    """A session of OpenAI's whose first message has come."""
    talk = await Talk.open(port, raw, limit=limit)
    assert await talk.answer() == 101, talk.body
    assert (await talk.event())["type"] == "session.created"
    return talk


async def began_live(port: int, setup: Any = None) -> Talk:
    """A session of Gemini's that is set up."""
    talk = await Talk.open(port, handshake(LIVE))
    assert await talk.answer() == 101
    talk.say(SETUP if setup is None else setup)
    assert "setupComplete" in await talk.event()
    return talk
