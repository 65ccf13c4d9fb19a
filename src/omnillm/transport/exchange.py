"""One reply, from its head to its last byte."""

from collections.abc import Callable, Coroutine
from sys import maxsize
from typing import Any

import msgspec

from omnillm.errors import ReplyTooLarge, UpstreamLost
from omnillm.transport.body import Inflater
from omnillm.transport.connection import Connection
from omnillm.transport.limits import TransportLimits
from omnillm.transport.room import Room


class Exchange(msgspec.Struct, eq=False):
    """Whoever receives it closes it. Once it is read to its end its connection is already back in the pool."""

    _connection: Connection | None
    status: int
    headers: dict[bytes, bytes]
    sent_at: float
    first_byte_at: float
    is_close_delimited: bool
    """The body has no length and ended where the connection did: nobody can say whether it was whole."""
    _inflater: Inflater | None = None
    _is_read: bool = False

    @classmethod
    def of(cls, connection: Connection, sent_at: float, limits: TransportLimits) -> "Exchange":
        """The exchange of a connection whose reply's head has come. Raises UpstreamLost for an answer in an unknown coding."""
        reader = connection.reader
        headers = reader.headers
        exchange = cls(connection, reader.status, headers, sent_at, connection.seen_at, reader.is_close_delimited)
        if b"content-encoding" in headers and not reader.is_without_body:
            exchange._inflater = Inflater.for_reply(headers, limits=limits, is_error=reader.status >= 400)
        return exchange

    def __repr__(self) -> str:
        """Without the provider's head."""
        return f"Exchange({self.status})"

    @property
    def is_readable(self) -> bool:
        """Whether `read` would return at once. False: perhaps."""
        connection = self._connection
        return connection is not None and self._inflater is None and connection.has_news

    # A plain function that returns a coroutine: one frame less for every piece of every stream.
    def read(self) -> Coroutine[Any, Any, bytes]:
        """Await what has come of the body; b"" is its complete end. Raises UpstreamLost when it is cut, or UpstreamTimeout."""
        return self._read_plain(is_patient=False) if self._inflater is None else self._read_inflated(is_patient=False)

    async def pour(self, sink: Callable[[bytes], bool]) -> None:
        """Hand what comes of the body to `sink` as it comes, until that returns False, or there is something to `read`, if only the end.

        Returns at once when there is already, or when the body has to be inflated.
        """
        connection = self._connection
        if connection is None or self._inflater is not None:
            return
        if not connection.has_news:
            await connection.pour(sink)

    async def read_all(self, limit: int, shared: Room | None = None) -> bytes:
        """Await the whole body; ReplyTooLarge: it has more than `limit` bytes. Does not suspend when all has come.

        While it is not whole it takes of the `shared` room; Unavailable: there is none left.
        """
        connection = self._connection
        if connection is not None and connection.reader.is_complete and self._inflater is None:
            body = connection.take()
            self._connection, self._is_read = None, True
            connection.release()
            if len(body) > limit:
                raise ReplyTooLarge(f"The provider's reply is larger than {limit} bytes: ask for less.")
            return body
        return await self._gather(limit, shared or Room(maxsize))

    def close(self) -> None:
        """Give the connection back when the reply was complete, else cut it. Idempotent; an unread rest is dropped."""
        connection = self._connection
        if connection is not None:
            self._connection = None
            connection.release()

    def linger(self) -> None:
        """Close it, but let the rest of the reply come, for a second, and keep the connection. For streams whose last event is read."""
        connection = self._connection
        if connection is not None:
            self._connection = None
            connection.linger()

    def _finish(self) -> None:
        self._is_read = True
        self.close()

    async def _gather(self, limit: int, shared: Room) -> bytes:
        declared = self.headers.get(b"content-length", b"0")
        room = limit - int(declared) if self._connection is not None else limit
        next_piece = self._read_plain if self._inflater is None else self._read_inflated
        pieces: list[bytes] = []
        size = 0
        try:
            while room >= 0 and (piece := await next_piece(is_patient=True)):
                size += len(piece)
                room = limit - size
                shared.take(len(piece))
                pieces.append(piece)
        finally:
            shared.give_back(size)
        if room < 0:
            self.close()
            raise ReplyTooLarge(f"The provider's reply is larger than {limit} bytes: ask for less.")
        return b"".join(pieces)

    async def _read_plain(self, *, is_patient: bool) -> bytes:
        # The exchange may be closed, and its connection used for another, while this waits.
        while (connection := self._connection) is not None:
            piece = connection.take()
            if piece:
                return piece
            if connection.fault is not None:  # first: the sink of a pouring may have failed at the last piece
                self.close()
                connection.raise_fault()
            elif connection.reader.is_complete:
                self._finish()
            else:
                await connection.arrival(is_patient=is_patient)
        if not self._is_read:
            raise UpstreamLost("The exchange was closed before its end.")
        return b""

    async def _read_inflated(self, *, is_patient: bool) -> bytes:
        inflater = self._inflater
        assert inflater is not None
        try:
            while not (output := inflater.inflate(b"")):
                piece = await self._read_plain(is_patient=is_patient)
                if not piece:
                    inflater.finish()
                    return b""
                output = inflater.inflate(piece)
                if output:
                    break
        except UpstreamLost:
            self.close()
            raise
        return output
