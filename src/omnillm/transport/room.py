"""One limit on the memory of all replies that are read whole."""

from omnillm.errors import Unavailable


class Room:
    """Bytes of replies that are not whole yet; those of the one that would be too much are refused, and given back like all others."""

    __slots__ = ("_most_bytes", "held_bytes")

    def __init__(self, most_bytes: int) -> None:
        self.held_bytes = 0
        self._most_bytes = most_bytes

    def take(self, size: int) -> None:
        """So many bytes more are held. Unavailable: that is too much."""
        self.held_bytes += size
        if self.held_bytes > self._most_bytes:
            raise Unavailable("Too much of providers' replies is being held.", code="overloaded", retry_after_s=1.0)

    def give_back(self, size: int) -> None:
        self.held_bytes -= size
