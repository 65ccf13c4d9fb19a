"""How the fake provider writes replies, in whichever protocol: events of a stream, and what an error is called."""

from collections.abc import Mapping

import msgspec

from omnillm.testing.replies.speaker import Json, Trouble

Said = tuple[str, str]
"""What an error is called, and its message."""


def sse(event: Json, name: str = "") -> bytes:
    """A server-sent event, under its name where it has one."""
    data = b"data: " + msgspec.json.encode(event) + b"\n\n"
    return b"event: " + name.encode() + b"\n" + data if name else data


def said(trouble: Trouble, variants: Mapping[str, Said], errors: Mapping[int, Said]) -> Said:
    """`variants` by code, `errors` by status; any other is called what a 500 is."""
    name, message = variants.get(trouble.code) or errors.get(trouble.status) or errors[500]
    return name, trouble.message or message
