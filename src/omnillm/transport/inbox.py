"""Frames are put together to messages here, and wait until somebody reads them. No socket, no event loop."""

from collections import deque
from typing import Final

from websockets.frames import Frame, Opcode

from omnillm.transport.message import Message

MESSAGE_BYTES: Final = 64
"""What a message counts beside its data, so that empty ones count, too."""


class Inbox:
    """`unread_bytes`: of the messages that are whole; `held_bytes`: with the one that is still coming."""

    __slots__ = ("_is_text", "_messages", "_partial", "unread_bytes")

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._partial = bytearray()
        """The fragments of a message, joined: a list of them could be of any length."""
        self._is_text = True
        self.unread_bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def held_bytes(self) -> int:
        return self.unread_bytes + len(self._partial)

    @property
    def unread(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    def add(self, frame: Frame) -> bool:
        """Add a frame; returns whether it completes a message. UnicodeDecodeError: a text that is not UTF-8, which is dropped."""
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        if not frame.fin or self._partial:
            self._partial += frame.data
        if not frame.fin:
            return False
        data = bytes(self._partial or frame.data)
        self.drop_partial()
        if self._is_text and not data.isascii():
            data.decode()
        self._messages.append(Message(data, self._is_text))
        self.unread_bytes += len(data) + MESSAGE_BYTES
        return True

    def pop(self) -> Message:
        """The oldest; there must be one."""
        message = self._messages.popleft()
        self.unread_bytes -= len(message.data) + MESSAGE_BYTES
        return message

    def drop_partial(self) -> None:
        self._partial = bytearray()

    def clear(self) -> None:
        """Forget the whole messages."""
        self._messages.clear()
        self.unread_bytes = 0
