"""What the fake provider saw."""

import msgspec


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One request. The record stands in the log from its arrival; it is replaced once, when the reply ended."""

    number: int
    """From 1; its place in the log is one less."""
    arrived_at: float
    """`clock.now()`."""
    connection: int
    """The number of its connection, from 1."""
    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    """Lower-cased names; repeated ones joined with ", "."""
    body: bytes
    key: str
    protocol: str
    model: str = ""
    is_stream: bool = False
    fault: str = ""
    """The name of the fault that it got, "" for a good reply."""
    status: int = 0
    """Answered; 0 when no head was sent."""
    is_ended: bool = False
    completed: bool = False
    """The whole reply, as far as its fault lets it, was handed to the network while the client was there; False for a reset or cut."""
    aborted_by_client: bool = False
