"""A part of a streamed answer that is being written, and what of it waits for its end or for more of its own."""

from typing import Any

from omnillm.model.message import Opaque
from omnillm.protocols import base64_text


class OpenPart:
    __slots__ = ("_pieces", "_sound", "call", "citations", "length", "member", "offset", "opaque", "part", "summary_index")

    def __init__(self, part: Any, offset: int) -> None:
        self.part = part
        self.offset = offset
        """Where a text begins in the whole content, in characters."""
        self.length = 0
        self.citations = 0
        """Of the text so far."""
        self.call = 0
        """A call's index."""
        self.member = "function"
        self.summary_index: int | None = None
        self.opaque: Opaque | None = None
        self._pieces: list[str] = []
        """Of reasoning."""
        self._sound = b""
        """Bytes that make no whole base64 yet: clients join the pieces before they decode them."""

    def think(self, said: str) -> None:
        self._pieces.append(said)

    @property
    def thought(self) -> str:
        """All of its reasoning up to now."""
        return "".join(self._pieces)

    def sound(self, data: bytes) -> str:
        """What of it can be said in whole base64 now; the rest waits."""
        data = self._sound + data
        whole = len(data) // 3 * 3
        self._sound = data[whole:]
        return base64_text.encode(data[:whole]) if whole else ""

    def last_sound(self) -> str:
        """The rest, padded."""
        return base64_text.encode(self._sound) if self._sound else ""
