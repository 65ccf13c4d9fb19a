"""The lines of a file, as its pieces come."""


class LineReader:
    """Cuts pieces into lines, without their line feeds. What is not whole yet is kept as it came: a long line is copied once."""

    __slots__ = ("_begun", "waiting_bytes")

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self.waiting_bytes = 0
        """Of the line that is not whole."""

    def feed(self, piece: bytes) -> list[bytes]:
        first, *others = piece.split(b"\n")
        self._begun.append(first)
        if not others:
            self.waiting_bytes += len(first)
            return []
        lines = [b"".join(self._begun), *others[:-1]]
        self._begun = others[-1:]
        self.waiting_bytes = len(others[-1])
        return lines

    def finish(self) -> bytes:
        """The last line, where no line feed ends it; b"" where one does."""
        rest = b"".join(self._begun)
        self.drop()
        return rest

    def drop(self) -> None:
        """Forget the line that is not whole."""
        self._begun = []
        self.waiting_bytes = 0
