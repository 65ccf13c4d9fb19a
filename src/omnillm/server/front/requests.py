"""A request as the front reads it and its application gets it."""

from typing import Protocol, Self

import msgspec

from omnillm.trace_context import TraceFields
from omnillm.transport.spool import Spool


class Request(msgspec.Struct, eq=False, kw_only=True, gc=False):
    """One request. `headers` has lower-cased names, repeated ones joined with a comma; `path` is percent-decoded once and not normalised.

    `length` is the announced size of the body in bytes (-1: chunked), and stands in no field; `is_last`: the client wants the connection
    closed. Where the head was known (`known_heads.py`), `target`, `query`, `headers` and `peer` are empty: they could bear a credential.
    """

    method: str
    target: bytes = b""
    path: str
    query: str = ""
    headers: dict[bytes, bytes] = {}
    http_minor: int
    peer: str = ""
    body: bytes = b""
    spool: Spool | None = None
    """The body, where it is too large to hold."""
    is_spooled: bool = False
    """Said by the application at the end of the headers: the body may be large."""
    context: object = None
    """What the application found out at the end of the headers."""
    trace: TraceFields | None = None
    """What the client says of the trace that it is part of: with every request something else."""
    is_keepable: bool = False
    """Said by the application's `open`: its context holds for every request with this head, whatever its length, and has no credential."""
    sink: "Sink | None" = None
    """Takes the body as it arrives, in the place of `body`; the application gives it at `open`."""
    length: int = 0
    is_last: bool = False
    expects_continue: bool = False
    """The client sends its body when it is told to."""
    takes_websocket: bool = False
    """Said by the application's `open`: this path is for WebSocket."""
    accept: bytes = b""
    """What a WebSocket handshake is answered with; b"": none was begun."""
    subprotocol: bytes = b""
    """Of the offered ones, the one that is answered."""

    def __repr__(self) -> str:
        """Without query, headers and body: they hold credentials and prompts."""
        return f"Request({self.method} {self.path!r})"


class Sink(Protocol):
    """What a body is added to, a piece at a time. An OmniError from it refuses the request."""

    def __iadd__(self, piece: bytes, /) -> Self: ...
    def __len__(self) -> int: ...
    def finish(self) -> None:
        """It is whole."""
        ...

    @property
    def held(self) -> int:
        """Bytes in memory; the others lie on disk."""
        ...
