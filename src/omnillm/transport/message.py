"""The messages of a WebSocket, how it ends, and its limits."""

from typing import Final

import msgspec
from websockets.frames import EXTERNAL_CLOSE_CODES, CloseCode

REASON_BYTES: Final = 123
"""What a close frame holds beside its code (RFC 6455, 5.5)."""
NO_STATUS: Final = 1005
LOST: Final = 1006
LOWEST_PRIVATE, HIGHEST_PRIVATE = 3000, 4999


class WebSocketLimits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Sizes in bytes, times in seconds."""

    message_bytes: int = 16 * 1024 * 1024
    unread_bytes: int = 262_144
    """Beyond this much unread the socket is paused."""
    ping_s: float = 20.0
    """A peer from which nothing has come since the ping before is lost."""
    close_s: float = 2.0
    """How long the other side of a closing handshake is waited for."""
    write_stall_s: float = 60.0


DEFAULT_LIMITS: Final = WebSocketLimits()


class Message(msgspec.Struct, frozen=True, gc=False):
    """A whole message."""

    data: bytes
    is_text: bool = True

    def __repr__(self) -> str:
        """Without what was said."""
        return f"Message({len(self.data)} bytes of {'text' if self.is_text else 'data'})"


class Ended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why nothing more comes. `code` 1005: the peer gave none, 1006: it is gone without a farewell."""

    code: int
    reason: str = ""
    is_ours: bool = False
    """We closed, or the peer broke the protocol and was told."""

    @property
    def is_orderly(self) -> bool:
        """The peer said that it has nothing more to say, or goes away."""
        return not self.is_ours and self.code in {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, NO_STATUS}


def is_sendable(code: int) -> bool:
    """Whether a code may stand in a close frame."""
    return code in EXTERNAL_CLOSE_CODES or LOWEST_PRIVATE <= code <= HIGHEST_PRIVATE


def shortened(reason: str) -> str:
    """What fits into a close frame."""
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")
