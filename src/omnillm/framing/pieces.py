"""Bytes that have no events: each piece is forwarded as it comes (audio)."""

from typing import Final

from omnillm.framing.sse import Frame

PIECE: Final = b"\x00piece"
"""The `event` of such a frame, compared by identity: no real event has it."""


class PieceReader:
    """Used like `SseReader`. Only the transport knows whether the bytes were whole."""

    __slots__ = ()

    def feed(self, piece: bytes) -> list[Frame]:
        return [Frame(raw=piece, data=piece, event=PIECE)] if piece else []

    def finish(self) -> bool:
        return True
