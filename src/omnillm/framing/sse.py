"""Server-sent events."""

import msgspec


class Frame(msgspec.Struct, gc=False):
    """One complete event of a stream: its bytes as they came (with the blank line), its data lines joined by a newline, its name."""

    raw: bytes
    data: bytes
    event: bytes = b""
