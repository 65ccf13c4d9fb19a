"""Bytes that have no events: each piece is forwarded as it comes (audio)."""

from typing import Final

from omnillm.framing.sse import Frame

PIECE: Final = b"\x00piece"
"""The `event` of such a frame, by identity: no name of a real one."""


class PieceReader:
    """In the place of `SseReader`. Whether the bytes were whole, only the transport knows."""

    __slots__ = ()

    def feed(self, piece: bytes) -> list[Frame]:
        return [Frame(raw=piece, data=piece, event=PIECE)] if piece else []

    def finish(self) -> bool:
        return True
