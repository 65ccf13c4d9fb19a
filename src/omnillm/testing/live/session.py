"""One live session on its connection: what is said, when a fault breaks it off, and what of it is billed."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from omnillm.testing.exchange import Line
from omnillm.testing.faults import Fault
from omnillm.testing.live.gemini_live import LiveApiSpeaker
from omnillm.testing.live.openai_realtime import RealtimeSpeaker
from omnillm.testing.live.speaker import Hangup, LiveSpeaker, MakeSpeaker, Said
from omnillm.usage import NO_USAGE, Usage

SPEAKERS: Final[Mapping[str, MakeSpeaker]] = {"openai_chat": RealtimeSpeaker, "gemini_generate_content": LiveApiSpeaker}
SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-accept: %b\r\nx-request-id: req_live\r\n\r\n"
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a session goes: its fault, the gate of its stall, the pause before each message."""

    fault: Fault
    gate: asyncio.Event
    pause: Callable[[], Awaitable[None]] | None
    lag_tokens: int
    """Still generated, and billed, after the client has gone."""


class LiveSession:
    """`on_bill(usage, is_partial)` is called for each turn, `on_end(session)` once."""

    def __init__(
        self,
        number: int,
        speaker: LiveSpeaker,
        plan: Plan,
        *,
        on_bill: Callable[[Usage, bool], None],
        on_end: Callable[["LiveSession"], None],
    ) -> None:
        self.number = number
        self.speaker = speaker
        self.heard: list[bytes] = []
        """Every message of the client, as it came."""
        self.has_sent = False
        self.is_ended = False
        self.is_aborted = False
        self.close_code = 0
        """Of the client's farewell."""
        self._plan = plan
        self._on_bill = on_bill
        self._on_end = on_end
        self._protocol = ServerProtocol(state=State.OPEN, max_size=64 * 1024 * 1024)
        self._pieces: list[bytes] = []
        self._waiting: deque[Said] = deque()
        self._open = NO_USAGE
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self, line: Line, key: bytes) -> None:
        self._line = line
        fault = self._plan.fault
        if fault.action in {"reset", "close"} and fault.point == "head":
            self._break(fault)
            return
        line.write(SWITCHING % accept_key(key.decode()).encode())
        self.has_sent = True
        self._say(self.speaker.greet())

    def feed(self, data: bytes) -> None:
        if self.is_ended:
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            assert isinstance(event, Frame)
            self._take(event)
        self._flush()
        if self._protocol.parser_exc is not None:
            self._finish(is_aborted=True)

    def abandon(self) -> None:
        """The client is gone without a farewell."""
        self._finish(is_aborted=True)

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            told = self._protocol.close_rcvd
            assert told is not None
            self.close_code = told.code
            self._flush()
            self._finish(is_aborted=False)
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._pieces.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._pieces)
                self._pieces.clear()
                self.heard.append(message)
                self._answer(message)

    def _answer(self, message: bytes) -> None:
        if self._protocol.close_rcvd is not None:
            return  # the farewell came with it
        try:
            self._say(self.speaker.answer(message))
        except Hangup as end:
            self._hang_up(end.code, end.reason)

    def _say(self, said: list[Said]) -> None:
        self._waiting.extend(said)
        if self._task is None and not self.is_ended:
            plan = self._plan
            if plan.pause is None and plan.fault.action != "stall":
                while self._waiting and not self.is_ended:
                    self._send(self._waiting.popleft())
            else:
                self._task = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        plan = self._plan
        while self._waiting and not self.is_ended:
            if plan.fault.action == "stall" and self._count >= plan.fault.after:
                await plan.gate.wait()
            if plan.pause is not None:
                await plan.pause()
            await self._line.drain()
            if not self.is_ended:
                self._send(self._waiting.popleft())
        self._task = None

    def _send(self, said: Said) -> None:
        fault = self._plan.fault
        if self._count == fault.after and self._break(fault):
            return
        self._count += 1
        if said.so_far is not None:
            self._open = said.so_far
        if said.is_last:
            self._open = NO_USAGE
            assert said.so_far is not None
            self._on_bill(said.so_far, False)
        self._protocol.send_text(said.raw)
        self._flush()

    def _break(self, fault: Fault) -> bool:
        """What happens instead of the next message."""
        if fault.inserted:
            self._line.write(fault.inserted)
        elif fault.comment_bytes:
            self._protocol.send_text(b'"%b"' % (b"x" * fault.comment_bytes))
            self._flush()
        if fault.close_code:
            self._hang_up(fault.close_code, fault.message)
        elif fault.action == "reset":
            self._finish(is_aborted=False)
            self._line.reset()
        elif fault.action == "close":
            self._finish(is_aborted=False)
            self._line.close()
        return self.is_ended

    def _hang_up(self, code: int, reason: str) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
        self._finish(is_aborted=False)

    def _flush(self) -> None:
        for piece in self._protocol.data_to_send():
            if piece:
                self._line.write(piece)

    def _finish(self, *, is_aborted: bool) -> None:
        if self.is_ended:
            return
        self.is_ended, self.is_aborted = True, is_aborted
        if self._open != NO_USAGE:
            usage = self._open
            self._on_bill(msgspec.structs.replace(usage, output=usage.output + self._plan.lag_tokens), True)
            self._open = NO_USAGE
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._on_end(self)
        if not is_aborted:
            self._line.close()
