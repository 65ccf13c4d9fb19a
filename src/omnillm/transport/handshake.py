"""The WebSocket's opening handshake (RFC 6455, 4): what a client adds to its request, and what both sides derive from its key."""

import base64
import binascii
from collections.abc import Mapping
from hashlib import sha1
from typing import Final

from omnillm.errors import UpstreamLost

SWITCHING: Final = 101
VERSION: Final = b"13"
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ASK: Final = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: %b\r\n"
"""A client's fields, with its key. No extension is offered: compressed frames would have to be inflated and deflated again on their way."""


def accept_of(key: bytes) -> bytes:
    """The value of `sec-websocket-accept` for a key: proof that it was read by somebody who speaks WebSocket."""
    return base64.b64encode(sha1(key + GUID, usedforsecurity=False).digest())


def is_key(key: bytes) -> bool:
    """Whether it is 16 bytes in base64."""
    try:
        return len(key) == 24 and len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def tokens(headers: Mapping[bytes, bytes], name: bytes) -> list[bytes]:
    """The elements of a list field as they came; [] without one."""
    value = headers.get(name, b"")
    return [element for each in value.split(b",") if (element := each.strip())]


def is_websocket(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the fields `upgrade` and `connection` ask for a WebSocket, or agree to one."""
    return b"websocket" in map(bytes.lower, tokens(headers, b"upgrade")) and b"upgrade" in map(bytes.lower, tokens(headers, b"connection"))


def check_switch(headers: Mapping[bytes, bytes], key: bytes) -> None:
    """UpstreamLost: the 101 is not the answer to this handshake, or chose what was not offered."""
    is_meant = is_websocket(headers) and headers.get(b"sec-websocket-accept", b"").strip() == accept_of(key)
    if not is_meant or b"sec-websocket-extensions" in headers or b"sec-websocket-protocol" in headers:
        raise UpstreamLost("The provider's WebSocket handshake is garbled.")
