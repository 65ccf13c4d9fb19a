"""The memory and the disk that one connection uses for request bodies. All connections together have one limit."""

from omnillm.errors import Unavailable
from omnillm.server.front.crowd import Crowd


class Share:
    """Bytes that are counted once, and given back as a whole."""

    __slots__ = ("_crowd", "_held", "_spooled")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._held = self._spooled = 0

    def hold(self, size: int) -> None:
        """So many bytes are held now, of the request that arrives. Unavailable: too many are, in the whole process."""
        crowd = self._crowd
        held = crowd.held_bytes + size - self._held
        self._held, crowd.held_bytes = size, held
        if held > crowd.limits.buffered_bytes:
            raise Unavailable("Too many request bodies are being held.", code="overloaded", retry_after_s=1.0)

    def spool(self, size: int) -> None:
        """As `hold`, of the bytes on disk: a disk that is full of bodies has no room for the ledger."""
        crowd = self._crowd
        spooled = crowd.spooled_bytes + size - self._spooled
        self._spooled, crowd.spooled_bytes = size, spooled
        if spooled > crowd.limits.spooled_bytes:
            raise Unavailable("Too much of request bodies lies on the disk.", code="overloaded", retry_after_s=1.0)

    def count(self, size: int) -> bool:
        """As `hold`, of a WebSocket's messages that wait. False, instead of an error: too many are held."""
        crowd = self._crowd
        crowd.held_bytes += size - self._held
        self._held = size
        return not size or crowd.held_bytes <= crowd.limits.buffered_bytes

    def release(self) -> None:
        """Nothing is held any more."""
        crowd = self._crowd
        crowd.held_bytes -= self._held
        crowd.spooled_bytes -= self._spooled
        self._held = self._spooled = 0
